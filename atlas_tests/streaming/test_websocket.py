"""The feed on a real loopback socket: it comes back from everything, and never hammers."""

from __future__ import annotations

import http
import random
import threading
import time
from contextlib import contextmanager

import pytest
from websockets.sync.server import serve

from atlas_assets.streaming.errors import StreamError
from atlas_assets.streaming.websocket import Patience, WebSocketFeed

SOON = Patience(first_wait=0.01, longest_wait=0.05, silence=0.2, opening=2.0, largest_frame=1_000)


@contextmanager
def server(handler, **options):
    """A server on 127.0.0.1; its address without the scheme."""
    with serve(handler, "127.0.0.1", 0, **options) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.socket.getsockname()[1]}"
        finally:
            listening.shutdown()
            thread.join()


@contextmanager
def feed_of(address, patience=SOON, **options):
    feed = WebSocketFeed(f"ws://{address}/stream", patience=patience, **options)
    try:
        yield feed
    finally:
        feed.close()


def frames_of(feed, count, *, most=400) -> list:
    """The next frames, passing over the moments in which there is none."""
    found = []
    for _ in range(most):
        frame = feed.receive(0.05)
        if frame is not None:
            found.append(frame)
        if len(found) == count:
            return found
    raise AssertionError(f"only {found} came")


def test_it_comes_back_after_each_way_to_end():
    ends = iter(["close", "cut", "shut", "stay"])

    def handler(connection):
        end = next(ends)
        connection.send(end)
        if end == "cut":
            connection.socket.close()
        elif end == "shut":
            connection.close(1001, "going away")
        elif end == "stay":
            for _ in connection:
                pass

    with server(handler) as address, feed_of(address) as feed:
        assert frames_of(feed, 4) == ["close", "cut", "shut", "stay"]
        assert feed.connections == 4


def test_a_silent_connection_is_dead():
    seen = []

    def handler(connection):
        seen.append(True)
        connection.send(f"hello {len(seen)}")
        for _ in connection:
            pass

    with server(handler) as address, feed_of(address) as feed:
        assert frames_of(feed, 3) == ["hello 1", "hello 2", "hello 3"]


def test_a_feed_is_idle_after_a_while_of_waiting_only():
    def handler(connection):
        connection.send("one")
        for _ in connection:
            connection.send("two")

    with server(handler) as address, feed_of(address, Patience(idleness=0.1, silence=60.0)) as feed:
        assert frames_of(feed, 1) == ["one"]
        for _ in range(100):
            feed.receive(0.0)
        assert not feed.is_idle
        assert feed.receive(0.2) is None
        assert feed.is_idle
        feed._socket.send("go on")
        assert frames_of(feed, 1) == ["two"]
        assert not feed.is_idle


def test_pings_are_answered_while_nobody_receives():
    answered = threading.Event()

    def handler(connection):
        connection.send("hello")
        assert connection.ping().wait(5)
        answered.set()

    with server(handler, ping_interval=None) as address, feed_of(address) as feed:
        assert frames_of(feed, 1) == ["hello"]
        assert answered.wait(5)


def test_a_frame_that_is_too_large_is_refused_unread():
    texts = iter(["x" * 2_000, "small"])

    def handler(connection):
        connection.send(next(texts))
        for _ in connection:
            pass

    with server(handler) as address, feed_of(address) as feed:
        assert frames_of(feed, 2) == ["", "small"]


def test_a_full_queue_stops_the_reading():
    sent, enough = [], threading.Event()

    def handler(connection):
        for number in range(100_000):
            connection.send(f"{number:900}")
            sent.append(number)
        enough.set()

    with server(handler) as address, feed_of(address, Patience(frames=50, largest_frame=1_000)) as feed:
        assert frames_of(feed, 1)[0].strip() == "0"
        before = -1
        while before != len(sent):
            before = len(sent)
            time.sleep(0.2)
        # What is held: the queue, and what the kernel's buffers take.
        assert not enough.is_set()


def test_a_connection_is_renewed_before_its_end_and_on_request():
    opened = []

    def handler(connection):
        opened.append(True)
        connection.send(f"{len(opened)}")
        for _ in connection:
            pass

    seconds = [0.0]
    with (
        server(handler) as address,
        feed_of(address, Patience(life=100.0, first_wait=1.0, silence=1e9), clock=lambda: seconds[0]) as feed,
    ):
        assert frames_of(feed, 1) == ["1"]
        seconds[0] = 101.0
        assert frames_of(feed, 1) == ["2"]
        feed.renew()
        seconds[0] += 1.0
        assert frames_of(feed, 1) == ["3"]


def test_a_redirect_is_not_followed():
    asked = []

    def handler(connection):
        connection.send("elsewhere")

    def redirect(connection, request):
        asked.append(request.path)
        response = connection.respond(http.HTTPStatus.FOUND, "")
        response.headers["Location"] = f"ws://{other}/"
        return response

    with (
        server(handler) as other,
        server(handler, process_request=redirect) as address,
        feed_of(address, Patience(first_wait=0.01, longest_wait=0.01)) as feed,
    ):
        while len(asked) < 3:
            assert feed.receive(0.05) is None


def test_the_wait_doubles_with_jitter_up_to_its_bound():
    seconds, naps = [0.0], []

    def sleep(duration):
        naps.append(duration)
        seconds[0] += duration

    feed = WebSocketFeed(
        "ws://127.0.0.1:1",
        patience=Patience(first_wait=1.0, longest_wait=60.0, opening=1.0),
        clock=lambda: seconds[0],
        sleep=sleep,
        rng=random.Random(3),
    )
    waits, last = [], 0.0
    for _ in range(12):
        feed.receive(1e9)  # an attempt, which fails
        feed.receive(1e9)  # the wait
        waits.append(seconds[0] - last)
        last = seconds[0]
    bounds = [min(60.0, 2.0**attempt) for attempt in range(1, 13)]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))
    assert len(set(waits[6:])) == 6
    assert naps


@pytest.mark.parametrize("url", ["http://x", "ws://example.com/stream", "wss://", "", "wss:///x"])
def test_an_address_without_encryption_is_refused(url):
    with pytest.raises(StreamError, match="wss://"):
        WebSocketFeed(url)
