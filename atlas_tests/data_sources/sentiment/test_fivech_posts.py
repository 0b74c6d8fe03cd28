"""5ch threads: what people write into them, and how what is new of them is asked for."""

import re
from datetime import UTC, date, datetime

import httpx
import pytest

from atlas_assets.data_sources.client.errors import MalformedReply, TransientError
from atlas_assets.data_sources.client.state import MemoryState
from atlas_assets.data_sources.sentiment.fivech import FivechSettings
from atlas_assets.data_sources.sentiment.fivech_posts import FivechPosts, PostsQuery

NOW = datetime(2018, 12, 31, 12, tzinfo=UTC)
TODAY = {"start": date(2018, 12, 31), "end": date(2018, 12, 31)}
KEY = "1546225200"  # 2018-12-31 03:00 UTC
QUERY = PostsQuery(**TODAY, board="stock", as_of=NOW)
THREAD = QUERY.model_copy(update={"thread": KEY})
DELETED = "あぼーん<>あぼーん<>あぼーん<>あぼーん<>"


def line(number=1, stamp="2018/12/31(月) 12:00:00.12 ID:abc123XY0", title="", name="名無しさん", mail="sage"):
    return f"{name}<>{mail}<>{stamp}<> 本文 {number} <br> <>{title}"


def dat(*lines):
    return "".join(f"{one}\n" for one in lines).encode("cp932")


def read(*lines, query=THREAD):
    return FivechPosts.transform(dat(*lines), query)


def only(*lines, **other):
    return read(*lines, **other).rows.to_pylist()[-1]


def test_a_post_as_sent_without_name_and_id():
    row = only(line(title="スレ"))
    assert re.fullmatch("[0-9a-f]{32}", row.pop("name_hash"))
    assert re.fullmatch("[0-9a-f]{32}", row.pop("id_hash"))
    assert row == {
        "board": "stock",
        "thread": KEY,
        "number": 1,
        "is_sage": True,
        "posted": "2018/12/31(月) 12:00:00.12",
        "posted_at": datetime(2018, 12, 31, 3, 0, 0, 120000, tzinfo=UTC),
        "dated_on": date(2018, 12, 31),
        "body": " 本文 1 <br> ",
        "title": "スレ",
        "fields": 5,
        "is_deleted": False,
    }


@pytest.mark.parametrize(
    ("stamp", "posted_at"),
    [
        ("2018/12/31(Mon) 12:00:00 ID:a", (3, 0, 0)),
        ("18/12/31(月) 12:00:00", (3, 0, 0)),
        ("18/12/31 12:00", (3, 0, 0)),
        ("2018/12/31(月)12:00:00.5 0", (3, 0, 0, 500000)),
        ("2018/12/31\uff08月\uff09 12:00:00", (3, 0, 0)),
        ("2018/12/31(月) 23:59:59 ID:??? BE:123-2BP(1000)", (14, 59, 59)),
        ("2018/12/31(月) 25:00:00", None),
        ("2018/13/31(月) 12:00:00", None),
        ("2008/12/31(月) 12:00:00", None),
        ("2118/12/31(月) 12:00:00", None),
        ("平成30年", None),
        ("Over 1000 Thread", None),
        ("", None),
    ],
)
def test_dates_are_in_japan_and_of_many_kinds(stamp, posted_at):
    row = only(line(stamp="2018/12/31(月) 12:00:00"), line(2, stamp=stamp))
    assert row["posted_at"] == (datetime(2018, 12, 31, *posted_at, tzinfo=UTC) if posted_at else None)
    assert row["dated_on"] == date(2018, 12, 31)
    assert "ID" not in (row["posted"] or "")


def test_the_day_is_that_of_utc():
    query = THREAD.model_copy(update={"start": date(2018, 12, 30)})
    parsed = read(line(), line(2, stamp="2018/12/31(月) 08:59:59"), query=query)
    assert parsed.days.to_pylist() == [date(2018, 12, 31), date(2018, 12, 30)]
    assert read(line(), line(2, stamp="2018/12/31(月) 08:59:59")).rows.num_rows == 1


def test_hashes_tell_posters_apart_within_a_board_only():
    rows = read(line(), line(2), line(3, stamp="2018/12/31 12:00:00 ID:other")).rows.to_pylist()
    assert rows[0]["id_hash"] == rows[1]["id_hash"] != rows[2]["id_hash"]
    elsewhere = only(line(), query=THREAD.model_copy(update={"board": "other"}))
    assert elsewhere["id_hash"] != rows[0]["id_hash"]
    assert only(line(stamp="2018/12/31 12:00:00 ID:???"))["id_hash"] is None
    assert only(line(name=""))["name_hash"] is None


def test_a_number_is_a_line_number_whatever_the_line_is():
    parsed = read(line(), DELETED, "half a line", "another<>half<>", line(5), "")
    rows = parsed.rows.to_pylist()
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["is_deleted"] for row in rows] == [False, True, False, False, False, False]
    assert [row["fields"] for row in rows] == [5, 5, 1, 3, 5, 1]
    assert rows[2]["body"] == "half a line"
    assert [row["posted_at"] is None for row in rows] == [False, True, True, True, False, True]
    assert {row["dated_on"] for row in rows} == {date(2018, 12, 31)}


def test_markup_trips_and_broken_bytes():
    body = '<a href="../test/read.cgi/stock/1/1" target="_blank">&gt;&gt;1</a> <br> sssp://img.example/a.gif'
    content = dat(line().replace("本文 1", body)).replace("名無しさん".encode("cp932"), b"a</b>\x81<b>\xfd")
    (row,) = FivechPosts.transform(content, THREAD).rows.to_pylist()
    assert row["body"] == f" {body} <br> "
    assert row["name_hash"] is not None


def test_a_broken_last_byte_does_not_swallow_the_next_line():
    content = dat(line()).rstrip(b"\n") + b"\x81\n" + dat(line(2))
    assert FivechPosts.transform(content, THREAD).rows["number"].to_pylist() == [1, 2]


@pytest.mark.parametrize("content", [b"", b"\n", b"<html></html>\n", b"{}", b"a<>b<>c\n"])
def test_what_is_no_thread_is_refused(content):
    with pytest.raises(MalformedReply, match="fivech posts"):
        FivechPosts.transform(content, THREAD)


def test_a_part_goes_on_where_a_line_ends():
    part = THREAD.model_copy(update={"first": 7})
    assert FivechPosts.transform(b"\n" + dat(line(), DELETED), part).rows["number"].to_pylist() == [7, 8]
    assert FivechPosts.transform(b"\n", part).rows.num_rows == 0
    with pytest.raises(MalformedReply, match="where a line ends"):
        FivechPosts.transform(dat(line()), part)


class Board:
    """A board with one thread that grows, changes and vanishes; it knows ``Range`` and ``If-Modified-Since``."""

    def __init__(self, *lines):
        self.lines, self.modified, self.requests, self.says = list(lines), 1, [], None

    def change(self, *lines):
        self.lines, self.modified = list(lines), self.modified + 1

    def __call__(self, request):
        self.requests.append(request)
        if request.url.path.endswith("subject.txt"):
            return httpx.Response(200, content=dat(f"{KEY}.dat<>t ({len(self.lines)})", "9240000001.dat<>n (1)"))
        assert request.url.path == f"/stock/dat/{KEY}.dat"
        if self.says is not None:
            return self.says
        content, stamp = dat(*self.lines), f"Mon, 31 Dec 2018 03:00:{self.modified:02d} GMT"
        if request.headers.get("if-modified-since") == stamp:
            return httpx.Response(304)
        if "range" not in request.headers:
            return httpx.Response(200, content=content, headers={"last-modified": stamp})
        assert request.headers["accept-encoding"] == "identity"
        first = int(re.fullmatch(r"bytes=(\d+)-", request.headers["range"])[1])
        if first >= len(content):
            return httpx.Response(416)
        headers = {"last-modified": stamp, "content-range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
        return httpx.Response(206, content=content[first:], headers=headers)

    @property
    def threads_asked(self):
        return [dict(request.headers) for request in self.requests if request.url.path.endswith(".dat")]


@pytest.fixture
def new_state(fake_time):
    """Shared states on the simulated clock."""
    return lambda: MemoryState(clock=fake_time.clock)


@pytest.fixture
def make(source_of):
    def source(handler, *, now=NOW, state=None, **settings):
        section = FivechSettings(boards=[{"name": "stock", "host": "egg.5ch.net"}], **settings)
        return source_of(FivechPosts, handler, section=section, state=state, now=lambda: now)

    return source


def load(source, query=QUERY):
    """Rows of one load, which is committed."""
    rows = {}
    for reply in source.extract(query):
        for row in source.transform(reply.content, reply.query or query).rows.to_pylist():
            rows[row["number"]] = row
    source.committed()
    return rows


def test_the_first_load_takes_whole_threads(make):
    board = Board(line(1), line(2))
    assert list(load(make(board))) == [1, 2]
    assert len(board.requests) == 2
    assert "range" not in board.threads_asked[0]


def test_what_is_new_is_asked_for_alone(make, new_state):
    board, state = Board(line(1), line(2)), new_state()
    load(make(board, state=state))
    length = len(dat(*board.lines))
    board.change(*board.lines, line(3), DELETED)
    rows = load(make(board, state=state))
    assert list(rows) == [3, 4]
    asked = board.threads_asked[-1]
    assert asked["range"] == f"bytes={length - 1}-"
    assert asked["if-modified-since"] == "Mon, 31 Dec 2018 03:00:01 GMT"
    board.change(*board.lines, line(5))
    assert list(load(make(board, state=state))) == [5]


def test_whole_threads_of_a_board_of_which_the_lake_has_nothing(make, new_state):
    board, state = Board(line(1), line(2)), new_state()
    load(make(board, state=state))
    source = make(board, state=state)
    source.forget(QUERY)
    assert list(load(source)) == [1, 2]
    assert "range" not in board.threads_asked[-1]


def test_nothing_new_is_nothing(make, new_state):
    board, state = Board(line(1)), new_state()
    load(make(board, state=state))
    for _ in range(2):
        assert load(make(board, state=state)) == {}
    board.change(*board.lines, line(2))
    assert list(load(make(board, state=state))) == [2]


def test_a_thread_from_which_something_was_removed_is_read_again(make, new_state):
    """416 when it became shorter; a part that begins elsewhere than at a line's end when it did not."""
    for removed in ((DELETED, line(2)), (line(1), DELETED, line(3), line(4)), (line(2), line(1) * 3)):
        board, state = Board(line(1) * 2, line(2)), new_state()
        load(make(board, state=state))
        board.change(*removed)
        rows = load(make(board, state=state))
        assert list(rows) == list(range(1, len(removed) + 1))
        assert [row["is_deleted"] for row in rows.values()] == [one == DELETED for one in removed]
        board.change(*removed, line(9))
        assert list(load(make(board, state=state))) == [len(removed) + 1]


def test_a_server_without_ranges_sends_all(make, new_state):
    board, state = Board(line(1)), new_state()
    load(make(board, state=state))
    board.says = httpx.Response(200, content=dat(line(1), line(2)))
    assert list(load(make(board, state=state))) == [1, 2]


@pytest.mark.parametrize(
    "gone",
    [
        httpx.Response(302, headers={"location": "https://agree.5ch.net/error.html"}),
        httpx.Response(404),
        httpx.Response(203, content=b"<html>archived</html>"),
    ],
)
def test_a_thread_that_is_gone_is_forgotten(make, new_state, gone):
    board, state = Board(line(1)), new_state()
    load(make(board, state=state))
    board.says = gone
    assert load(make(board, state=state)) == {}
    board.says = None
    assert list(load(make(board, state=state))) == [1]


def test_a_load_that_was_not_committed_is_done_again(make, new_state):
    board, state = Board(line(1)), new_state()
    assert len(list(make(board, state=state).extract(QUERY))) == 2
    assert list(load(make(board, state=state))) == [1]


@pytest.mark.parametrize(
    ("start", "end"), [(date(2018, 12, 30), date(2018, 12, 31)), (date(2018, 12, 30), date(2018, 12, 30))]
)
def test_days_that_were_not_asked_for_before_need_whole_threads(make, new_state, start, end):
    board, state = Board(line(1, "2018/12/31(月) 08:00:00")), new_state()
    load(make(board, state=state))
    rows = load(make(board, state=state), QUERY.model_copy(update={"start": start, "end": end}))
    assert "range" not in board.threads_asked[-1] or rows == {}
    opened_later = end < date(2018, 12, 31)
    assert list(rows) == ([] if opened_later else [1])


def test_after_midnight_the_new_day_is_read_whole(make, new_state):
    """What came between the last load and midnight belongs to a day that is asked for by itself."""
    board, state = Board(line(1)), new_state()
    load(make(board, state=state))
    board.change(*board.lines, line(2, "2019/01/01(火) 08:00:00"), line(3, "2019/01/01(火) 10:00:00"))
    later = datetime(2019, 1, 1, 2, tzinfo=UTC)
    new_day = PostsQuery(start=date(2019, 1, 1), end=date(2019, 1, 1), board="stock", as_of=later)
    assert list(load(make(board, state=state, now=later), new_day)) == [3]
    old_day = new_day.model_copy(update={"start": date(2018, 12, 31), "end": date(2018, 12, 31)})
    assert list(load(make(board, state=state, now=later), old_day)) == [1, 2]
    assert all("range" not in asked for asked in board.threads_asked)


def test_a_thread_shorter_than_its_board_says_is_doubted_once(make):
    board = Board(line(1), line(2), line(3))
    short, answers = httpx.Response(200, content=dat(line(1))), []

    def once(request):
        if request.url.path.endswith(".dat") and not answers:
            answers.append(short)
            return short
        return board(request)

    assert list(load(make(once))) == [1, 2, 3]
    board.says = short
    assert list(load(make(board))) == [1]


def test_a_cut_thread_is_an_error(make):
    board = Board(line(1))
    board.says = httpx.Response(200, content=dat(line(1))[:-1])
    with pytest.raises(TransientError, match="cut"):
        load(make(board))


def test_only_so_many_threads_are_read(make):
    keys = [str(int(KEY) + number) for number in range(9)]

    def board(request):
        if request.url.path.endswith("subject.txt"):
            return httpx.Response(200, content=dat(*[f"{key}.dat<>t (1)" for key in keys]))
        asked.append(request.url.path)
        return httpx.Response(200, content=dat(line(1)))

    asked = []
    load(make(board, most_threads=3))
    assert asked == [f"/stock/dat/{key}.dat" for key in keys[:3]]


@pytest.mark.recorded
def test_recorded_thread(recorded):
    query = PostsQuery(start=date(2009, 1, 1), end=date(2013, 12, 31), board="cchara", thread="1231808850")
    content = recorded("fivech/1231808850.dat")
    parsed = FivechPosts.transform(content, query)
    assert parsed.rejected == ()
    rows = parsed.rows.to_pylist()
    assert [row["number"] for row in rows] == list(range(1, content.count(b"\n") + 1))
    assert rows[0]["title"] == "ドキドキはにゃん村"
    assert rows[0]["posted_at"] == datetime(2009, 1, 13, 1, 7, 30, tzinfo=UTC)
    assert all(row["posted_at"] and row["fields"] == 5 for row in rows)
    assert [row["title"] for row in rows[1:]] == [None] * (len(rows) - 1)
    shown = str(parsed.rows.to_pylist())
    assert "fQ0FFwOR0" not in shown
    assert "名無したん" not in shown


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["error_404.html", "subject.txt", "bbsmenu_head.html"])
def test_recorded_files_of_other_kinds_are_refused(recorded, name):
    with pytest.raises(MalformedReply):
        FivechPosts.transform(recorded(f"fivech/{name}"), THREAD)
