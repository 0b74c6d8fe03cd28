"""5ch boards: their lists of threads, their encoding, and hosts that change."""

from datetime import UTC, date, datetime
from itertools import pairwise

import httpx
import pytest

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.coverage import first_whole_day
from atlas_assets.data_sources.registry import enabled_sources
from atlas_assets.data_sources.sentiment.fivech import FivechSettings, FivechThreads, ThreadsQuery
from atlas_assets.settings import load_settings

NOW = datetime(2018, 12, 31, 12, tzinfo=UTC)
TODAY = date(2018, 12, 31)
QUERY = ThreadsQuery(start=date(2018, 12, 30), end=TODAY, board="stock", as_of=NOW)
BOARDS = [{"name": "stock", "host": "egg.5ch.net"}]


def subject(*lines):
    return "".join(f"{line}\n" for line in lines).encode("cp932")


LIST = subject("1546214400.dat<>市況 ①&amp;② (23)", "9240118151.dat<>★ お知らせ (3)")


@pytest.fixture
def make(source_of):
    def source(handler, *, now=NOW, **settings):
        section = FivechSettings(boards=BOARDS, **settings)
        return source_of(FivechThreads, handler, section=section, now=lambda: now)

    return source


def test_a_board_is_asked_politely(make, vendor):
    server = vendor(httpx.Response(200, content=LIST))
    (reply,) = make(server).extract(QUERY)
    assert reply.content == LIST
    (request,) = server.requests
    assert str(request.url) == "https://egg.5ch.net/stock/subject.txt"
    assert request.headers["user-agent"] == "Monazilla/1.00 (atlas-quanta/1.0)"


def test_requests_are_a_second_apart(make, vendor, fake_time):
    server = vendor(httpx.Response(200, content=LIST))
    source = make(server)
    times = []
    for _ in range(4):
        list(source.extract(QUERY))
        times.append(fake_time.seconds)
    assert all(later - earlier >= 1 for earlier, later in pairwise(times))
    with pytest.raises(ValueError, match="user_agent"):
        FivechSettings(boards=BOARDS, user_agent="Mozilla/5.0")


def test_threads_as_listed():
    assert FivechThreads.transform(LIST, QUERY).rows.to_pylist() == [
        {
            "board": "stock",
            "thread": "1546214400",
            "listed_on": TODAY,
            "title": "市況 ①&amp;②",
            "posts": 23,
            "is_system": False,
            "created_at": datetime(2018, 12, 31, tzinfo=UTC),
        },
        {
            "board": "stock",
            "thread": "9240118151",
            "listed_on": TODAY,
            "title": "★ お知らせ",
            "posts": 3,
            "is_system": True,
            "created_at": None,
        },
    ]


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("1546214400.dat<>a (b) (1001)", "a (b)"),
        ("1546214400.dat<>a [123456] (2)", "a [123456]"),
        ("1546214400.dat<>a\t (2)", "a"),
        ("154621440.dat<> (2)", ""),
        ("1546214400.dat<>a <> b (2)\r", "a <> b"),
    ],
)
def test_odd_titles(line, title):
    assert FivechThreads.transform(subject(line), QUERY).rows["title"].to_pylist() == [title]


def test_bytes_that_are_no_characters_become_question_marks_of_their_own():
    content = b"1546214400.dat<>a\xfd\xff\x85\n" + b" (2)\n" + LIST
    parsed = FivechThreads.transform(content, QUERY)
    assert len(parsed.rejected) == 2
    good = LIST.replace("市況".encode("cp932"), b"\x81 ")
    assert FivechThreads.transform(good, QUERY).rows["title"][0].as_py() == "\ufffd  ①&amp;②"


def test_only_today_is_within_reach():
    for hour in range(24):
        assert first_whole_day(NOW.replace(hour=hour, minute=1), FivechThreads.reach) == TODAY


def test_the_past_is_not_asked_for(make, vendor):
    server = vendor(httpx.Response(200, content=LIST))
    past = QUERY.model_copy(update={"end": date(2018, 12, 30)})
    assert list(make(server).extract(past)) == []
    assert server.requests == []


@pytest.mark.parametrize(
    "content", [b"", LIST[:-1], b"<html><body>x</body></html>", b"no threads\n", "人大杉\n".encode("cp932")]
)
def test_what_is_no_list_is_asked_for_again(make, vendor, content):
    server = vendor(httpx.Response(200, content=content), httpx.Response(200, content=LIST))
    (reply,) = make(server).extract(QUERY)
    assert reply.content == LIST
    with pytest.raises(TransientError):
        list(make(vendor(httpx.Response(200, content=content))).extract(QUERY))


def moved(to):
    def answer(request):
        if request.url.host == "egg.5ch.net":
            return httpx.Response(302, headers={"location": to})
        return httpx.Response(200, content=LIST)

    return answer


def test_a_board_that_moves_is_followed_within_the_settings_hosts(make, vendor):
    server = vendor(moved("https://hayabusa9.5ch.io/stock/subject.txt"))
    (reply,) = make(server, hosts=["hayabusa9.5ch.io"]).extract(QUERY)
    assert reply.content == LIST
    assert [request.url.host for request in server.requests] == ["egg.5ch.net", "hayabusa9.5ch.io"]


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/stock/subject.txt",
        "https://hayabusa9.5ch.io/other/subject.txt",
        "http://hayabusa9.5ch.io/stock/subject.txt",
        "https://hayabusa9.5ch.io.evil.example/stock/subject.txt",
        "",
    ],
)
def test_it_is_followed_nowhere_else(make, vendor, to):
    server = vendor(moved(to))
    with pytest.raises(PermanentError, match="not on its host any more"):
        list(make(server, hosts=["hayabusa9.5ch.io"]).extract(QUERY))
    assert {request.url.host for request in server.requests} == {"egg.5ch.net"}


def test_hosts_that_point_at_each_other_are_given_up(make, vendor):
    server = vendor(lambda request: httpx.Response(302, headers={"location": str(request.url)}))
    with pytest.raises(PermanentError, match="not on its host"):
        list(make(server).extract(QUERY))
    assert len(server.requests) < 6


@pytest.mark.recorded
def test_recorded_list(recorded):
    content = recorded("fivech/subject.txt")
    with pytest.raises(UnicodeDecodeError):
        content.decode("shift_jis")
    query = ThreadsQuery(start=date(2013, 11, 20), end=date(2013, 11, 20), board="cchara")
    parsed = FivechThreads.transform(content, query)
    assert parsed.rejected == ()
    rows = parsed.rows
    assert rows.num_rows == 120
    assert not any("\ufffd" in title for title in rows["title"].to_pylist())
    assert rows["is_system"].to_pylist().count(True) == 2
    assert rows.to_pylist()[0]["title"] == "【ハム太郎】春名ヒロ子ちゃんのスレ【ロコちゃん】"
    assert rows.to_pylist()[0]["posts"] == 23


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["error_404.html", "bbsmenu_head.html", "1231808850.dat"])
def test_recorded_files_of_other_kinds_are_refused(recorded, name):
    with pytest.raises(MalformedReply):
        FivechThreads.transform(recorded(f"fivech/{name}"), QUERY)


def test_it_is_off_unless_it_is_asked_for(monkeypatch):
    assert not FivechSettings(boards=BOARDS).enabled
    for environment in ("sandbox", "development", "production"):
        monkeypatch.setenv("ATLAS_ENV", environment)
        assert FivechThreads not in {source for source, _ in enabled_sources(load_settings().data_sources)}
