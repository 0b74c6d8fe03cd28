"""5ch: two boards in CP932 whose threads grow with the newswire; now and then a post is removed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import cached_property
from types import MappingProxyType

import httpx

from atlas_assets.sandbox.hashed import base36, number_of, one_in, pick
from atlas_assets.sandbox.newswire import FIRST_DAY, Article, Newswire
from atlas_assets.sandbox.replies import body_reply, http_date
from atlas_assets.sandbox.world import World

HOST, OLD_HOST = "egg.5ch.net", "old.5ch.net"
BOARDS: Mapping[str, str] = MappingProxyType({"livemarket1": "market_wire", "cryptocoin": "crypto_wire"})
"""Feed of the newswire by board."""

LISTED_DAYS = 5
"""A thread a day is opened; those of the last days are listed, older ones are gone."""

SYSTEM_LINE = "9240118151.dat<>★ お知らせ (3)"
DELETED = "あぼーん<>あぼーん<>あぼーん<>あぼーん<>"
DELETED_AFTER = timedelta(hours=6)

JAPAN = timezone(timedelta(hours=9))
_WEEKDAYS = "月火水木金土日"
_ENGLISH = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_REMARKS = (" キタ━(ﾟ∀ﾟ)━! ", " ①買い ②売り ", " &gt;&gt;1 乙 ", " 円高注意 <br> ", " 髙値更新 ")


class FivechHandler:
    """Answers ``https://egg.5ch.net/<board>/subject.txt`` and ``…/dat/<key>.dat``; boards of the old host have moved.

    Parameters
    ----------
    world
        The present and the seed.
    """

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._seed = world.seed
        self._headers = {"Date": http_date(world.clock), "Server": "Apache"}

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The board's answer to a GET request."""
        path = request.url.path
        if request.url.host == OLD_HOST:
            return httpx.Response(302, headers=self._headers | {"Location": f"https://{HOST}{path}"})
        if not request.headers.get("User-Agent", "").startswith("Monazilla/"):
            return body_reply("<html>Forbidden</html>", "text/html", status=403, headers=self._headers)
        match = re.fullmatch(r"/([a-z0-9]+)/(subject\.txt|dat/([0-9]+)\.dat)", path)
        if match is None or match[1] not in BOARDS:
            return body_reply(_NOT_FOUND, "text/html; charset=iso-8859-1", status=404, headers=self._headers)
        if match[3] is None:
            return self._file(request, self.subject(match[1]), self._clock)
        opened = {key: day for day in self._days() if (key := self.key(match[1], day))}
        if match[3] not in opened:
            return httpx.Response(302, headers=self._headers | {"Location": "https://agree.5ch.net/error.html"})
        content, modified = self.thread(match[1], opened[match[3]])
        return self._file(request, content, modified)

    def subject(self, board: str) -> bytes:
        """The list of threads, the latest written to first."""
        lines = []
        for day in self._days()[::-1]:
            key = self.key(board, day)
            if key is not None:
                posts = self.thread(board, day)[0].count(b"\n")
                lines.append(f"{key}.dat<>{_title(board, day)} ({posts})")
        lines.insert(1, SYSTEM_LINE)
        return "".join(f"{line}\n" for line in lines).encode("cp932", "xmlcharrefreplace")

    def key(self, board: str, day: date) -> str | None:
        """Key of the thread of a day: the second of its first post; None before there is one."""
        articles = self._articles(board, day)
        return str(int(articles[0].published_at.timestamp())) if articles else None

    def thread(self, board: str, day: date) -> tuple[bytes, datetime]:
        """The file of a day's thread, and when it was changed last."""
        articles = self._articles(board, day)
        lines: list[str] = []
        modified = articles[0].published_at
        for article in articles:
            modified = max(modified, article.published_at)
            removed_at = article.published_at + DELETED_AFTER
            if lines and is_removed(article) and removed_at <= self._clock:
                modified = max(modified, removed_at)
                lines.append(DELETED)
            else:
                lines.append(_line(article, _title(board, day) if not lines else ""))
        return "".join(f"{line}\n" for line in lines).encode("cp932", "xmlcharrefreplace"), modified

    @cached_property
    def _newswire(self) -> Newswire:
        return Newswire(clock=self._clock, seed=self._seed)

    def _days(self) -> list[date]:
        """The days whose threads are listed."""
        today = self._clock.date()
        days = [today - timedelta(days=back) for back in range(LISTED_DAYS, -1, -1)]
        return [day for day in days if day >= FIRST_DAY]

    def _articles(self, board: str, day: date) -> list[Article]:
        """A day's articles, oldest first."""
        end = datetime.combine(day, time.max, UTC)
        found = self._newswire.articles(BOARDS[board], since=day)
        return [article for article in found[::-1] if article.published_at <= end]

    def _file(self, request: httpx.Request, content: bytes, modified: datetime) -> httpx.Response:
        """A file, or what is new of it for those who know its beginning."""
        stamp = modified.replace(microsecond=0)
        headers = self._headers | {"Last-Modified": http_date(stamp), "Accept-Ranges": "bytes"}
        since = request.headers.get("If-Modified-Since")
        if since and parsedate_to_datetime(since) >= stamp:
            return httpx.Response(304, headers=headers)
        asked = re.fullmatch(r"bytes=([0-9]+)-", request.headers.get("Range", ""))
        if asked is None:
            return body_reply(content, "text/plain; charset=Shift_JIS", headers=headers)
        first = int(asked[1])
        if first >= len(content):
            return body_reply(b"", "text/plain", status=416, headers=headers)
        headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        return body_reply(content[first:], "text/plain; charset=Shift_JIS", status=206, headers=headers)


_NOT_FOUND = (
    '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>404 Not Found</title>\n</head>'
    "<body>\n<h1>Not Found</h1>\n</body></html>\n"
)


def is_removed(article: Article) -> bool:
    """Whether an article's post is removed some hours later."""
    return one_in(12, "removed", article.guid)


def _title(board: str, day: date) -> str:
    about = "米国株" if BOARDS[board] == "market_wire" else "仮想通貨"
    return f"【{about}】市況 {day:%Y/%m/%d} ★{day.day}"


def _line(article: Article, title: str) -> str:
    """An article as a post; now and then one with an odd date, or broken in two by a line feed."""
    moment = article.published_at.astimezone(JAPAN)
    odd = number_of("date", article.guid) % 12
    weekday = _ENGLISH[moment.weekday()] if odd == 0 else _WEEKDAYS[moment.weekday()]
    stamp = f"{moment:%y/%m/%d}" if odd == 1 else f"{moment:%Y/%m/%d}"
    stamp += f"({weekday}) {moment:%H:%M:%S}.{number_of('cs', article.guid) % 100:02d}"
    identity = "???" if odd == 2 else base36(10**13 + number_of("id", article.author, moment.date()) % 10**13)[:9]
    name = "名無しさん" if odd else "名無しさん</b>◆Trip0123456 <b>"
    mail = pick(("", "sage"), "mail", article.guid)
    text = article.title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    remark = pick(_REMARKS, "remark", article.guid)
    broken = "\n続き" if one_in(30, "broken", article.guid) else ""
    return f"{name}<>{mail}<>{stamp} ID:{identity}<> {text}{remark}{broken}<>{title}"
