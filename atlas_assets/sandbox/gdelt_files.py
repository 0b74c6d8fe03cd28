"""GDELT's files of a quarter of an hour: the articles that the search finds as well, and one about something else."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from html import escape

import httpx

from atlas_assets.sandbox.gdelt import GRID, MOST_OUTLETS, seen_at
from atlas_assets.sandbox.hashed import number_of
from atlas_assets.sandbox.newswire import FEEDS, FIRST_DAY, Article, Newswire
from atlas_assets.sandbox.replies import body_reply, http_date
from atlas_assets.sandbox.world import World

FIELDS = 27
THEMES: Mapping[str, str] = {
    "market_wire": "ECON_STOCKMARKET;EPU_ECONOMY",
    "crypto_wire": "ECON_BITCOIN;EPU_ECONOMY",
}
TONES: Mapping[str, tuple[float, float]] = {"positive": (4.5, 1.5), "neutral": (2.0, 2.0), "negative": (1.5, 4.5)}
"""Shares of positive and negative words in percent."""

_PATH = re.compile(r"/gdeltv2/(?P<stamp>[0-9]{14})\.gkg\.csv\.zip")
_STAMP = "%Y%m%d%H%M%S"
_MISSING = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code></Error>"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class GdeltFilesHandler:
    """Answers ``https://data.gdeltproject.org/gdeltv2``.

    Parameters
    ----------
    world
        The present and the seed.
    """

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._headers = {"Date": http_date(world.clock), "Server": "UploadServer"}
        self._newswire = Newswire(clock=world.clock, seed=world.seed)
        self._day = lru_cache(maxsize=64)(self._made)

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        if request.url.path == "/gdeltv2/masterfilelist.txt":
            return self._listed(request.headers.get("range", ""))
        found = _PATH.fullmatch(request.url.path)
        content = None if found is None else self._file(found["stamp"])
        if content is None:
            return body_reply(_MISSING, "application/xml", status=404, headers=self._headers)
        return body_reply(content, "application/zip", headers=self._headers)

    def rows(self, moment: datetime) -> list[list[str]]:
        """The lines of a file, taken apart."""
        return [*self._day(moment.date()).get(moment, []), _other(moment)]

    def _listed(self, wanted: str) -> httpx.Response:
        """The list of all files, or its end."""
        suffix = re.fullmatch(r"bytes=-([0-9]+)", wanted)
        if suffix is None:
            return body_reply(self._list, "text/plain", headers=self._headers)
        tail = self._list[-int(suffix[1]) :]
        size = len(self._list)
        headers = self._headers | {"Content-Range": f"bytes {size - len(tail)}-{size - 1}/{size}"}
        return body_reply(tail, "text/plain", status=206, headers=headers)

    @cached_property
    def _list(self) -> bytes:
        lines: list[str] = []
        moment = datetime.combine(FIRST_DAY, datetime.min.time(), UTC)
        while moment <= self._clock:
            content, address = (
                _packed(moment, self.rows(moment)),
                f"http://data.gdeltproject.org/gdeltv2/{moment:{_STAMP}}",
            )
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            lines.append(f"{len(content)} {digest} {address}.gkg.csv.zip\n")
            moment += GRID
        return "".join(lines).encode()

    def _file(self, stamp: str) -> bytes | None:
        try:
            moment = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
        except ValueError:
            return None
        on_grid = not (moment.minute % 15 or moment.second)
        if not on_grid or moment.date() < FIRST_DAY or moment > self._clock:
            return None
        return _packed(moment, self.rows(moment))

    def _made(self, day: date) -> Mapping[datetime, list[list[str]]]:
        """The lines of each file of a day."""
        files: dict[datetime, list[list[str]]] = defaultdict(list)
        for feed in FEEDS:
            for article in self._newswire.articles(feed, since=day - timedelta(days=1)):
                if article.published_at.date() > day:
                    continue
                for outlet in range(1 + number_of("outlets", article.guid) % MOST_OUTLETS):
                    moment = seen_at(article, outlet)
                    if moment.date() == day:
                        files[moment].append(_line(article, outlet, moment, len(files[moment])))
        return files


def _line(article: Article, outlet: int, moment: datetime, number: int) -> list[str]:
    domain = f"outlet{outlet:02d}.example"
    positive, negative = TONES[article.polarity]
    words = 200 + number_of("words", article.guid) % 400
    tone = f"{positive - negative},{positive},{negative},{positive + negative},20.5,1.25,{words}"
    title = f"<PAGE_TITLE>{escape(article.title)}</PAGE_TITLE>"
    address = f"https://www.{domain}/{article.link.rpartition('/')[2]}"
    return _fields(moment, number, domain, address, THEMES[article.feed], tone, title)


def _other(moment: datetime) -> list[str]:
    """A document about none of our topics."""
    title = "<PAGE_TITLE>Village choir sings in the rain</PAGE_TITLE>"
    address = f"https://www.village.example/{moment:{_STAMP}}"
    return _fields(
        moment, 9999, "village.example", address, "SOC_GENERALCULTURE", "1.0,2.0,1.0,3.0,20.0,0.5,150", title
    )


def _fields(moment: datetime, number: int, domain: str, address: str, themes: str, tone: str, extras: str) -> list[str]:
    """The fields of a line; those that are not named here are empty."""
    values = {0: f"{moment:{_STAMP}}-{number}", 1: f"{moment:{_STAMP}}", 2: "1", 3: domain, 4: address}
    values |= {7: themes, 15: tone, 26: extras}
    return [values.get(place, "") for place in range(FIELDS)]


def _packed(moment: datetime, rows: list[list[str]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(f"{moment:{_STAMP}}.gkg.csv", _ZIP_TIME)
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, "".join("\t".join(row) + "\n" for row in rows))
    return packed.getvalue()
