"""GDELT: windows halved until they fit, errors as text, JSON that is not quite JSON."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import httpx
import pytest

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.sentiment.gdelt import ArticlesQuery, GdeltArticles, GdeltSettings

NOW = datetime(2018, 12, 31, 12, 7, tzinfo=UTC)
DAY = date(2018, 12, 30)
QUERY = ArticlesQuery(start=DAY, end=DAY, topic="stocks", text='"stock market"', as_of=NOW)
MIDNIGHT = datetime(2018, 12, 30, tzinfo=UTC)


def article(number=1, seen=MIDNIGHT + timedelta(hours=12), **other):
    return {
        "url": f"https://news.example:443/{number}%20title=",
        "url_mobile": "",
        "title": f"Shares rise , again  {number}",
        "seendate": f"{seen:%Y%m%dT%H%M%SZ}",
        "socialimage": "",
        "domain": "news.example",
        "language": "English",
        "sourcecountry": "Greece",
        **other,
    }


class Gdelt:
    """Answers with the newest 250 articles of a slice, and remembers the slices."""

    def __init__(self, *articles):
        self.articles, self.slices, self.requests = articles, [], []

    def __call__(self, request):
        self.requests.append(request)
        params = request.url.params
        first, last = (
            datetime.strptime(params[name], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            for name in ("startdatetime", "enddatetime")
        )
        self.slices.append((first, last))
        found = [
            one for one in self.articles if f"{first:%Y%m%dT%H%M%SZ}" <= one["seendate"] <= f"{last:%Y%m%dT%H%M%SZ}"
        ]
        found = sorted(found, key=lambda one: one["seendate"], reverse=True)[: int(params["maxrecords"])]
        return httpx.Response(200, json={"articles": found} if found else {})


def read(payload):
    content = payload if isinstance(payload, bytes) else json.dumps({"articles": payload}).encode()
    return GdeltArticles.transform(content, QUERY)


@pytest.fixture
def make(source_of):
    def source(handler, **settings):
        topics = [{"name": "stocks", "query": '"stock market"'}]
        section = GdeltSettings(topics=topics, **settings)
        return source_of(GdeltArticles, handler, section=section, now=lambda: NOW)

    return source


def urls(source, query=QUERY):
    replies = list(source.extract(query))
    found = [url for reply in replies for url in source.transform(reply.content, query).rows["url"].to_pylist()]
    return replies, found


def test_a_day_that_fits_is_one_request(make):
    server = Gdelt(*[article(number) for number in range(249)])
    replies, found = urls(make(server))
    assert (len(replies), len(set(found))) == (1, 249)
    params = dict(server.requests[0].url.params)
    assert params == {
        "query": '"stock market"',
        "mode": "ArtList",
        "format": "json",
        "maxrecords": "250",
        "sort": "DateDesc",
        "startdatetime": "20181230000000",
        "enddatetime": "20181230235959",
    }


def test_a_day_that_does_not_fit_is_halved_on_the_grid_until_nothing_is_missing(make):
    articles = [article(number, MIDNIGHT + number % 96 * timedelta(minutes=15)) for number in range(1500)]
    server = Gdelt(*articles)
    source = make(server)
    replies, found = urls(source)
    assert len(found) == len(set(found)) == 1500
    assert len(replies) == 8
    assert source.shortfalls == {}
    assert all(first.minute % 15 == 0 and last.second == 59 for first, last in server.slices)


def test_a_quarter_of_an_hour_that_does_not_fit_is_told(make):
    server = Gdelt(*[article(number) for number in range(400)])
    source = make(server)
    _, found = urls(source)
    assert len(set(found)) == 250
    assert source.shortfalls[QUERY][0] == DAY
    assert len(server.requests) < 20


def test_repeated_rows_do_not_look_like_more_articles(make, vendor, json_reply):
    server = vendor(json_reply({"articles": [article(number) for number in range(130)] * 2}))
    urls(make(server))
    assert len(server.requests) == 1


def test_the_future_is_not_asked_for(make):
    server = Gdelt(article())
    today = QUERY.model_copy(update={"start": date(2018, 12, 31), "end": date(2019, 1, 2)})
    urls(make(server), today)
    assert server.slices == [(datetime(2018, 12, 31, tzinfo=UTC), datetime(2018, 12, 31, 12, 14, 59, tzinfo=UTC))]
    list(make(server).extract(today.model_copy(update={"start": date(2019, 1, 1)})))
    assert len(server.slices) == 1


def test_requests_are_five_seconds_apart_retries_too(make, vendor, json_reply, fake_time):
    times = []

    def answer(request):
        times.append(fake_time.seconds)
        status = 429 if len(times) == 2 else 200
        return httpx.Response(status, text="Please limit requests to one every 5 seconds") if status == 429 else good

    good = json_reply({})
    source = make(vendor(answer))
    for _ in range(3):
        list(source.extract(QUERY))
    assert len(times) == 4
    assert all(later - earlier >= 5 for earlier, later in pairwise(times))


def test_articles_as_sent():
    parsed = read([article(), article(2, MIDNIGHT - timedelta(minutes=15))])
    (row,) = parsed.rows.to_pylist()
    assert row == {
        "topic": "stocks",
        "url": "https://news.example:443/1%20title=",
        "seendate": "20181230T120000Z",
        "seen_at": datetime(2018, 12, 30, 12, tzinfo=UTC),
        "title": "Shares rise , again  1",
        "domain": "news.example",
        "language": "English",
        "sourcecountry": "Greece",
        "url_mobile": "",
        "socialimage": "",
    }


@pytest.mark.parametrize("content", [b"{}", b"{ }\n", b'{"articles": []}'])
def test_nothing_found(content):
    assert read(content).rows.num_rows == 0


@pytest.mark.parametrize(
    ("written", "title"),
    [
        (rb"It\'s up", r"It\'s up"),
        (rb"a \x b \\ c \" d \u00e9", 'a \\x b \\ c " d é'),
        (b"tab\there", "tab\there"),
        (b"caf\xe9", "caf\ufffd"),
        (rb"half \u12", r"half \u12"),
    ],
)
def test_json_that_is_not_quite_json(written, title):
    content = json.dumps({"articles": [article(title="TITLE")]}).encode().replace(b"TITLE", written)
    assert read(content).rows["title"].to_pylist() == [title]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Please limit requests to one every 5 seconds.", TransientError),
        ("Timeout while searching, try again", TransientError),
        ("<html><body>502</body></html>", TransientError),
        ("", TransientError),
        ('{"articles": [{"url": "https://', TransientError),
        ("The specified phrase is too short.", PermanentError),
        ("Your query was too short or too long.", PermanentError),
        ("Invalid/Unsupported Country.", PermanentError),
        ('{"articles": {}}', MalformedReply),
    ],
)
def test_errors_with_a_status_of_success(make, vendor, text, kind):
    server = vendor(httpx.Response(200, text=text, headers={"content-type": "text/html; charset=utf-8"}))
    with pytest.raises(kind) as caught:
        list(make(server).extract(QUERY))
    assert type(caught.value) is kind
    assert len(server.requests) == (5 if kind is TransientError else 1)


def test_only_the_bad_article_is_set_aside():
    parsed = read([article(1), article(2, seendate="yesterday"), article(3, title=None), article(4, language=None)])
    assert parsed.rows["url"].to_pylist() == [article(1)["url"], article(4)["url"]]
    assert [row.position for row in parsed.rejected] == [2, 3]


@pytest.mark.recorded
def test_recorded_articles(recorded):
    query = ArticlesQuery(start=date(2026, 8, 28), end=date(2026, 8, 28), topic="sanctions", text="sanctions")
    parsed = GdeltArticles.transform(recorded("gdelt/doc_artlist.json"), query)
    assert (parsed.rows.num_rows, parsed.rejected) == (4, ())
    assert parsed.rows["seen_at"][0].as_py() == datetime(2026, 8, 28, 12, 15, tzinfo=UTC)
    assert parsed.rows["url"][0].as_py().endswith("%20title=")


@pytest.mark.recorded
def test_recorded_limit(make, vendor, recorded, json_reply, fake_time):
    server = vendor(httpx.Response(429, content=recorded("gdelt/error_429.txt")), json_reply({}))
    assert len(list(make(server).extract(QUERY))) == 1
    assert sum(fake_time.naps) == pytest.approx(5)
