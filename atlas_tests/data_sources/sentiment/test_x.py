"""X: windows, pages, empty and partial results, limits and the prepaid budget."""

import json
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, QuotaExhausted, TransientError
from atlas_assets.data_sources.client.state import MemoryState
from atlas_assets.data_sources.coverage import first_whole_day
from atlas_assets.data_sources.fields import NEW_FIELD
from atlas_assets.data_sources.sentiment.x import PostsQuery, XPosts, XSettings
from atlas_assets.data_sources.sentiment.x_budget import PostBudget

NOW = datetime(2018, 12, 31, 12, tzinfo=UTC)
DAY = {"start": date(2018, 12, 30), "end": date(2018, 12, 30)}
QUERY = PostsQuery(**DAY, search="stocks", text="stocks lang:en", as_of=NOW)
AT_NOON = "2018-12-30T12:00:00.000Z"


def post(number=1, created_at=AT_NOON, **other):
    return {"id": str(10**18 + number), "text": "up", "created_at": created_at, **other}


def page(*posts, token=None, **other):
    meta = {"result_count": len(posts), **({"next_token": token} if token else {})}
    return {**({"data": list(posts)} if posts else {}), "meta": meta, **other}


def read(payload, query=QUERY):
    return XPosts.transform(json.dumps(payload).encode(), query)


@pytest.fixture
def make(source_of):
    def source(handler, *, now=NOW, monthly_posts=10_000, **options):
        searches = [{"name": "stocks", "query": "stocks lang:en"}]
        section = XSettings(searches=searches, bearer_token="canary-token", monthly_posts=monthly_posts)
        return source_of(XPosts, handler, section=section, now=lambda: now, **options)

    return source


def test_pages_follow_tokens(make, vendor, json_reply):
    server = vendor(json_reply(page(post(1), token="next1")), json_reply(page(post(2))))
    replies = list(make(server).extract(QUERY))
    assert len(replies) == 2
    first, second = server.asked
    assert first == {
        "query": "stocks lang:en",
        "max_results": "100",
        "tweet.fields": "author_id,conversation_id,created_at,lang,public_metrics",
        "start_time": "2018-12-30T00:00:00Z",
        "end_time": "2018-12-31T00:00:00Z",
    }
    assert second == {**first, "next_token": "next1"}
    assert server.requests[0].headers["authorization"] == "Bearer canary-token"
    assert "canary" not in repr(replies) + json.dumps([dict(reply.request) for reply in replies])


def test_the_present_has_no_end_and_the_past_reaches_seven_days(make, vendor, json_reply):
    server = vendor(json_reply(page()))
    week = QUERY.model_copy(update={"start": date(2018, 12, 1), "end": date(2018, 12, 31)})
    list(make(server).extract(week))
    assert server.asked[0]["start_time"] == "2018-12-24T12:01:00Z"
    assert "end_time" not in server.asked[0]


def test_what_the_lake_has_for_good_is_not_paid_for_again(make, vendor, json_reply):
    server = vendor(json_reply(page(post())))
    known = QUERY.model_copy(update={"known_until": datetime(2018, 12, 30, 9, 30, tzinfo=UTC)})
    assert len(list(make(server).extract(known))) == 1
    assert (server.asked[0]["start_time"], server.asked[0]["end_time"]) == (
        "2018-12-30T09:30:00Z",
        "2018-12-31T00:00:00Z",
    )
    whole = QUERY.model_copy(update={"known_until": datetime(2018, 12, 31, tzinfo=UTC)})
    assert list(make(server).extract(whole)) == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("day", [date(2018, 12, 23), date(2019, 1, 1)])
def test_nothing_is_asked_out_of_reach(make, vendor, json_reply, day):
    server = vendor(json_reply(page(post())))
    assert list(make(server).extract(QUERY.model_copy(update={"start": day, "end": day}))) == []
    assert server.requests == []


def test_every_whole_day_within_reach_can_be_asked_for(make, vendor, json_reply):
    server = vendor(json_reply(page()))
    for hour in range(24):
        now = NOW.replace(hour=hour, minute=59)
        oldest = first_whole_day(now, XPosts.reach)
        list(make(server, now=now).extract(QUERY.model_copy(update={"start": oldest, "end": oldest})))
        assert server.asked[-1]["start_time"] == f"{oldest}T00:00:00Z"


def test_no_result_has_no_list(make, vendor, json_reply):
    server = vendor(json_reply(page()))
    (reply,) = make(server).extract(QUERY)
    assert XPosts.transform(reply.content, QUERY).rows.num_rows == 0


def test_posts_are_kept_as_sent_with_their_moment():
    metrics = {"retweet_count": 1, "reply_count": 2, "like_count": 3, "quote_count": 4, "impression_count": 9}
    parsed = read(page(post(public_metrics=metrics, lang="en", author_id="7"), post(2, "2018-12-31T00:00:00.000Z")))
    (row,) = parsed.rows.to_pylist()
    assert row == {
        "search": "stocks",
        "id": "1000000000000000001",
        "text": "up",
        "created_at": AT_NOON,
        "posted_at": datetime(2018, 12, 30, 12, tzinfo=UTC),
        "author_id": "7",
        "conversation_id": None,
        "lang": "en",
        "retweet_count": 1,
        "reply_count": 2,
        "like_count": 3,
        "quote_count": 4,
    }


def test_a_field_that_posts_gain_is_kept_and_those_that_nobody_reads_are_not():
    parsed = read(page(post(1, edit_history_tweet_ids=["1"], entities={}), post(2, bookmarked=True)))
    assert parsed.added.to_pydict() == {f"{NEW_FIELD}bookmarked": [None, "true"]}


def test_without_a_date_the_id_tells_the_moment():
    day = date(2022, 10, 7)
    query = PostsQuery(start=day, end=day, search="tweepy", text="tweepy")
    post = {"id": "1578522108187283456", "text": "2022-10-07 23:06:12.640564 tweepy"}
    (row,) = read(page(post), query).rows.to_pylist()
    assert abs(row["posted_at"] - datetime(2022, 10, 7, 23, 6, 12, 640564, tzinfo=UTC)) < timedelta(seconds=1)


def test_what_can_be_shown_beside_errors_is_read():
    errors = [{"title": "Not Found Error", "resource_id": "1", "detail": "Could not find tweet."}]
    assert read(page(post(), errors=errors)).rows.num_rows == 1


def test_numbers_for_ids_are_set_aside():
    parsed = read(page(post(1), {**post(2), "id": 10**18}))
    assert parsed.rows["id"].to_pylist() == ["1000000000000000001"]
    assert len(parsed.rejected) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, json={"meta": {"result_count": 3}}), MalformedReply),
        (httpx.Response(200, json={"data": []}), MalformedReply),
        (httpx.Response(200, json={"errors": [{"detail": "try later"}]}), TransientError),
        (httpx.Response(200, content=b'{"data":[{"id":"1"'), TransientError),
        (httpx.Response(200, html="<html></html>"), TransientError),
        (httpx.Response(401, json={"title": "Unauthorized", "status": 401}), PermanentError),
        (httpx.Response(403, json={"reason": "client-not-enrolled", "title": "Client Forbidden"}), PermanentError),
        (httpx.Response(402, json={"title": "CreditsDepleted"}), QuotaExhausted),
        (httpx.Response(429, json={"title": "UsageCapExceeded", "type": "x/problems/usage-capped"}), QuotaExhausted),
    ],
)
def test_errors(make, answer, error):
    with pytest.raises(error) as caught:
        list(make(lambda request: answer).extract(QUERY))
    assert type(caught.value) is error


def test_a_window_limit_is_waited_out_until_the_reset_in_the_header(make, vendor, json_reply, fake_time):
    reset = str(int(NOW.timestamp()) + 200)
    limited = httpx.Response(429, json={"title": "Too Many Requests"}, headers={"x-rate-limit-reset": reset})
    server = vendor(limited, json_reply(page(post())))
    assert len(list(make(server).extract(QUERY))) == 1
    assert sum(fake_time.naps) >= 200


def test_a_usage_cap_stops_until_the_month_is_over(make, vendor):
    server = vendor(httpx.Response(429, json={"title": "UsageCapExceeded"}))
    source = make(server)
    for _ in range(2):
        with pytest.raises(QuotaExhausted, match="2019-01-01"):
            list(source.extract(QUERY))
    assert len(server.requests) == 1


def test_tokens_that_repeat_are_an_error(make, vendor, json_reply):
    with pytest.raises(MalformedReply, match="do not end"):
        list(make(vendor(json_reply(page(post(1), token="again")))).extract(QUERY))


def test_the_prepaid_budget_is_never_passed(make, vendor, json_reply):
    def answer(request):
        size = int(request.url.params["max_results"])
        first = int(request.url.params.get("next_token", "0"))
        return json_reply(page(*[post(first + one) for one in range(size)], token=str(first + size)))

    server = vendor(answer)
    source = make(server, monthly_posts=225)
    replies = []
    with pytest.raises(QuotaExhausted, match=r"monthly_posts.*2019-01-01"):
        replies.extend(source.extract(QUERY))
    assert [int(one["max_results"]) for one in server.asked] == [100, 100, 25]


def test_the_same_post_counts_once_a_day():
    state, clock = MemoryState(), [NOW]
    budget = PostBudget(100, state=state, now=lambda: clock[0])

    def read_again(ids):
        with budget.reserve(10, 40) as reserved:
            reserved.read(ids)
        return 100 - state.read("x:posts")["read"]

    assert read_again(["1", "2", "3"]) == 97
    assert read_again(["3", "2", "4", "4"]) == 96
    clock[0] += timedelta(hours=13)
    assert clock[0].month == 1
    assert read_again(["4"]) == 99
    clock[0] += timedelta(days=1)
    assert read_again(["4"]) == 98


def test_a_request_that_fails_gives_its_posts_back():
    state = MemoryState()
    with pytest.raises(RuntimeError), PostBudget(100, state=state, now=lambda: NOW).reserve(10, 40):
        raise RuntimeError
    assert state.read("x:posts")["read"] == 0


@pytest.mark.recorded
def test_recorded_search(recorded):
    query = PostsQuery(start=date(2022, 10, 7), end=date(2022, 10, 7), search="tweepy", text="Tweepy")
    parsed = XPosts.transform(recorded("x/recent_search_1_200.json"), query)
    assert parsed.rejected == ()
    assert parsed.rows.num_rows == 10
    assert parsed.rows["text"][0].as_py().endswith("…")
    assert parsed.rows["created_at"].null_count == 10
    assert parsed.added is None


@pytest.mark.recorded
def test_recorded_refusal(make, recorded):
    answer = httpx.Response(401, content=recorded("x/error_401.json"))
    with pytest.raises(PermanentError, match="Unauthorized"):
        list(make(lambda request: answer).extract(QUERY))


@pytest.mark.recorded
def test_a_recorded_reply_of_another_endpoint_is_refused(recorded):
    with pytest.raises(MalformedReply):
        XPosts.transform(recorded("x/recent_counts_1_200.json"), QUERY)
