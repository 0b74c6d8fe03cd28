"""Reddit: token, paging back in time, deleted anchors, the end of the listing, limits."""

import json
from datetime import UTC, date, datetime

import httpx
import pytest

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.client.limits import RateReport
from atlas_assets.data_sources.fields import NEW_FIELD
from atlas_assets.data_sources.sentiment.reddit import REDDIT, PostsQuery, RedditPosts, RedditSettings

NEW_YEARS_EVE = int(datetime(2018, 12, 31, tzinfo=UTC).timestamp())
QUERY = PostsQuery(
    start=date(2018, 12, 31), end=date(2018, 12, 31), subreddit="stocks", as_of=datetime(2019, 1, 1, tzinfo=UTC)
)


def post(number=1, created=NEW_YEARS_EVE + 3600.0, **other):
    return {
        "name": f"t3_{number}",
        "created_utc": created,
        "created": created + 28_800,
        "title": "Stocks & bonds",
        "selftext": "",
        "author": "somebody",
        "permalink": f"/r/stocks/comments/{number}/",
        "url": "https://news.example/1",
        "is_self": False,
        "over_18": False,
        "score": 3,
        "num_comments": 0,
        "edited": False,
        **other,
    }


def listing(*posts, after=None, kind="t3"):
    children = [{"kind": kind, "data": one} for one in posts]
    return {"kind": "Listing", "data": {"after": after, "before": None, "children": children}}


class Reddit:
    """A token server, and the given posts a page at a time; posts may be deleted while they are listed."""

    def __init__(self, *posts, page=2, deleted=(), refused=0):
        self.posts, self.page, self.deleted, self.refused = list(posts), page, set(deleted), refused
        self.issued = 0
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        if request.url.path == "/api/v1/access_token":
            self.issued += 1
            token = {"access_token": f"token-{self.issued}", "token_type": "bearer", "expires_in": 86400}
            return httpx.Response(200, json=token)
        if self.refused or request.headers["authorization"] != f"Bearer token-{self.issued}":
            self.refused -= 1
            return httpx.Response(401, json={"message": "Unauthorized", "error": 401})
        names = [one["name"] for one in self.posts]
        after = request.url.params.get("after")
        if after in self.deleted:
            return httpx.Response(200, json=listing())
        first = names.index(after) + 1 if after else 0
        page = self.posts[first : first + self.page]
        more = first + self.page < len(self.posts)
        return httpx.Response(200, json=listing(*page, after=page[-1]["name"] if more else None))

    @property
    def anchors(self):
        return [request.url.params.get("after") for request in self.requests if "/new" in request.url.path]


def rows_of(source, query=QUERY):
    rows = [row for reply in source.extract(query) for row in source.transform(reply.content, query).rows.to_pylist()]
    return list({row["name"]: row for row in rows}.values())


def test_a_request_as_the_vendor_wants_it(source_of):
    server = Reddit(post())
    rows_of(source_of(RedditPosts, server))
    token, new = server.requests
    assert (token.method, str(token.url)) == ("POST", "https://www.reddit.com/api/v1/access_token")
    assert token.content == b"grant_type=client_credentials"
    assert token.headers["authorization"].startswith("Basic ")
    assert str(new.url) == "https://oauth.reddit.com/r/stocks/new?limit=100&raw_json=1"
    assert new.headers["user-agent"] == token.headers["user-agent"] == "python:atlas-quanta:1.0 (by /u/sandbox)"


def test_pages_are_asked_for_until_a_post_is_older_than_the_window(source_of):
    posts = [post(number, NEW_YEARS_EVE + 5000.0 - 1000 * number) for number in range(10)]
    server = Reddit(*posts)
    rows = rows_of(source_of(RedditPosts, server))
    assert [row["name"] for row in rows] == [f"t3_{number}" for number in range(6)]
    assert server.anchors == [None, "t3_1", "t3_3", "t3_5"]


def test_a_listing_ends_without_a_next_page(source_of):
    server = Reddit(*[post(number) for number in range(5)])
    source = source_of(RedditPosts, server)
    assert len(rows_of(source)) == 5
    assert source.shortfalls == {}


def test_after_a_deleted_anchor_the_one_before_it_is_used(source_of):
    posts = [post(number, NEW_YEARS_EVE + 9000.0 - number) for number in range(9)]
    server = Reddit(*posts, page=3, deleted={"t3_2", "t3_5", "t3_4"})
    assert len(rows_of(source_of(RedditPosts, server))) == 9
    assert server.anchors[:3] == [None, "t3_2", "t3_1"]


def test_the_end_of_all_that_is_listed_is_told(source_of):
    posts = [post(number, NEW_YEARS_EVE + 86_000.0 - number) for number in range(1000)]
    source = source_of(RedditPosts, Reddit(*posts, page=100))
    assert len(rows_of(source)) == 1000
    ((until, reason),) = source.shortfalls.values()
    assert until == date(2018, 12, 31)
    assert "1000 posts" in reason


def test_pages_that_go_round_are_an_error(source_of, vendor, json_reply):
    pages = [json_reply(listing(post(1), after="t3_1")), json_reply(listing(post(2), after="t3_1"))]

    def answer(request):
        if request.method == "POST":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 60})
        return pages[1] if "after" in request.url.params else pages[0]

    with pytest.raises(TransientError, match="circles"):
        list(source_of(RedditPosts, vendor(answer)).extract(QUERY))


def test_pages_without_end_are_an_error(source_of):
    def answer(request):
        if request.method == "POST":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 60})
        number = int(request.url.params.get("after", "t3_0")[3:]) + 1
        return httpx.Response(200, json=listing(post(number), after=f"t3_{number}"))

    with pytest.raises(MalformedReply, match="do not end"):
        list(source_of(RedditPosts, answer).extract(QUERY))


def test_a_refused_token_is_fetched_once_more(source_of):
    server = Reddit(post(), refused=1)
    assert len(rows_of(source_of(RedditPosts, server))) == 1
    assert server.issued == 2
    with pytest.raises(PermanentError) as caught:
        rows_of(source_of(RedditPosts, Reddit(post(), refused=9)))
    assert caught.value.status == 401


@pytest.mark.parametrize(
    ("answer", "error", "match"),
    [
        (httpx.Response(403, json={"reason": "private", "message": "Forbidden", "error": 403}), PermanentError, "403"),
        (httpx.Response(404, json={"message": "Not Found", "error": 404}), PermanentError, "404"),
        (httpx.Response(302, headers={"location": "/subreddits/search?q=x"}), PermanentError, "no such subreddit"),
        (httpx.Response(200, json=listing({"name": "t5_1"}, kind="t5")), PermanentError, "no such subreddit"),
        (httpx.Response(502), TransientError, "502"),
        (httpx.Response(200, html="<html><body>blocked</body></html>"), TransientError, "web page"),
        (httpx.Response(200, content=b'{"kind": "Listing", "data": {"aft'), TransientError, "cut"),
        (httpx.Response(200, json={"kind": "Listing", "data": {"children": []}}), MalformedReply, "no listing"),
        (httpx.Response(200, json=listing({"title": "a"})), MalformedReply, "names or times"),
        (httpx.Response(200, json={"message": "Internal Server Error", "error": 500}), TransientError, "500"),
    ],
)
def test_what_is_no_listing_is_an_error(source_of, answer, error, match):
    def server(request):
        return httpx.Response(200, json={"access_token": "t", "expires_in": 60}) if request.method == "POST" else answer

    with pytest.raises(error, match=match) as caught:
        list(source_of(RedditPosts, server).extract(QUERY))
    assert type(caught.value) is error


def test_the_two_kinds_of_429_are_waited_out(source_of, fake_time):
    good = Reddit(post())
    throttled = {
        "/api/v1/access_token": httpx.Response(429, json={"message": "Too Many Requests", "error": 429}),
        "/r/stocks/new": httpx.Response(429, html="<html>whoa there, pardner!</html>", headers={"retry-after": "4"}),
    }

    def server(request):
        return throttled.pop(request.url.path, None) or good(request)

    assert len(rows_of(source_of(RedditPosts, server))) == 1
    assert throttled == {}
    assert any(nap >= 4 for nap in fake_time.naps)


def test_limits_are_read_from_the_headers():
    headers = {"x-ratelimit-used": "1", "x-ratelimit-remaining": "599.0", "x-ratelimit-reset": "82"}
    report = REDDIT.rate_headers.read(headers, datetime(2018, 12, 31, tzinfo=UTC))
    assert report == RateReport(remaining=599, reset_seconds=82.0)


def test_posts_are_kept_as_sent_with_utc_times():
    edited = NEW_YEARS_EVE + 4000.0
    content = json.dumps(
        listing(
            post(1, upvote_ratio=0.9, link_flair_text="News"),
            post(2, edited=edited, author="[deleted]", selftext="[removed]"),
            post(3, NEW_YEARS_EVE - 1.0),
            post(4, NEW_YEARS_EVE + 86_400.0),
        )
    ).encode()
    parsed = RedditPosts.transform(content, QUERY)
    first, second = parsed.rows.to_pylist()
    assert (first["created_utc"], first["title"]) == (NEW_YEARS_EVE + 3600.0, "Stocks & bonds")
    assert (first["is_edited"], first["edited_utc"], first["upvote_ratio"]) == (False, None, 0.9)
    assert (second["is_edited"], second["edited_utc"], second["author"]) == (True, edited, "[deleted]")
    assert parsed.days.to_pylist() == [date(2018, 12, 31)] * 2


def test_a_field_that_posts_gain_is_kept_and_those_that_nobody_reads_are_not():
    content = json.dumps(listing(post(1, view_count=3, media={"type": "x"}), post(2, trust_level="high"))).encode()
    assert RedditPosts.transform(content, QUERY).added.to_pydict() == {f"{NEW_FIELD}trust_level": [None, '"high"']}


def test_only_the_bad_post_is_set_aside():
    content = json.dumps(listing(post(1), post(2, score="many"), post(3) | {"created_utc": "noon"}, post(4))).encode()
    parsed = RedditPosts.transform(content, QUERY)
    assert parsed.rows["name"].to_pylist() == ["t3_1", "t3_4"]
    assert [row.position for row in parsed.rejected] == [2, 3]


def test_keys_and_the_user_agent_come_from_the_settings(source_of):
    section = RedditSettings(subreddits=["stocks"])
    with pytest.raises(PermanentError, match="ATLAS_DATA_SOURCES__REDDIT__CLIENT_ID"):
        list(source_of(RedditPosts, Reddit(post()), section=section).extract(QUERY))
    with pytest.raises(ValueError, match="user_agent"):
        RedditSettings(subreddits=["stocks"], user_agent="Mozilla/5.0")
    with pytest.raises(ValueError, match="subreddits"):
        RedditSettings(subreddits=["../admin"])


def test_secrets_show_nowhere(source_of, caplog):
    replies = list(source_of(RedditPosts, Reddit(post())).extract(QUERY))
    shown = repr(replies) + caplog.text + "".join(json.dumps(dict(reply.request)) for reply in replies)
    assert not any(secret in shown for secret in ("sandbox-reddit-secret", "sandbox-reddit-id", "token-1"))


@pytest.mark.recorded
@pytest.mark.parametrize(("name", "rows"), [("r_new_listing", 8), ("r_top_listing", 4)])
def test_recorded_listings(recorded, name, rows):
    query = PostsQuery(start=date(2005, 1, 1), end=date(2016, 3, 1), subreddit="askreddit")
    parsed = RedditPosts.transform(recorded(f"reddit/{name}.json"), query)
    assert parsed.rejected == ()
    assert parsed.rows.num_rows == rows
    assert parsed.rows["selftext"].null_count == 0
    assert parsed.added is None


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("error_400_oauth.json", 400, PermanentError),
        ("error_403.json", 403, PermanentError),
        ("error_404.json", 404, PermanentError),
        ("error_502.html", 502, TransientError),
        ("error_503.html", 503, TransientError),
    ],
)
def test_recorded_refusals(source_of, recorded, name, status, error):
    answer = httpx.Response(status, content=recorded(f"reddit/{name}"))

    def server(request):
        return httpx.Response(200, json={"access_token": "t", "expires_in": 60}) if request.method == "POST" else answer

    with pytest.raises(error) as caught:
        list(source_of(RedditPosts, server).extract(QUERY))
    assert type(caught.value) is error


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "status", "error"), [("error_401_token", 401, PermanentError), ("error_429_token", 429, TransientError)]
)
def test_recorded_refusals_of_the_token_server(source_of, recorded, name, status, error):
    server = httpx.Response(status, content=recorded(f"reddit/{name}.json"))
    with pytest.raises(error) as caught:
        list(source_of(RedditPosts, lambda request: server).extract(QUERY))
    assert (type(caught.value), caught.value.status) == (error, status)
