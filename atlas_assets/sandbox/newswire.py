"""SYNTHETIC: template news with known polarity.

An article's polarity leans with the return of the last session completed before it came out: the
real S&P 500 (published 22:00 UTC) for `market_wire`, the simulated Bitcoin price (days end at
midnight UTC) for `crypto_wire`. So no article tells what was not known yet. Half of a market
session's articles come out in the two hours after its close.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Literal
from xml.sax.saxutils import escape

from atlas_assets.sandbox.market_data import sp500_return_before
from atlas_assets.sandbox.news_templates import AUTHORS, BODIES, ENTITIES, HEADLINES, REASONS
from atlas_assets.sandbox.seeds import stream

Polarity = Literal["positive", "negative", "neutral"]

FIRST_DAY = date(2018, 12, 1)
"""First day with articles."""

FEEDS = ("market_wire", "crypto_wire")

_CLOSE_HOUR = 22
_EXACT_DUPLICATES = 0.04
_NEAR_DUPLICATES = 0.06
_TYPICAL_RETURN: Mapping[str, float] = {"market_wire": 0.01, "crypto_wire": 0.03}


@dataclass(frozen=True, slots=True)
class Article:
    """A piece of news.

    Attributes
    ----------
    guid
        Identity in its feed: the RSS guid or the Atom id.
    feed
        One of `FEEDS`.
    title, summary
        Plain text, and HTML.
    author, link
        Who wrote it and where it is.
    published_at
        When it came out (UTC).
    polarity
        The truth about its sentiment.
    duplicate_of
        Guid of the article that it repeats, in the same words or nearly.
    """

    guid: str
    feed: str
    title: str
    summary: str
    author: str
    link: str
    published_at: datetime
    polarity: Polarity
    duplicate_of: str | None = None


class Newswire:
    """The articles of `FEEDS` from `FIRST_DAY` to the clock.

    Parameters
    ----------
    clock
        The present (UTC).
    seed
        Same seed, same articles.
    """

    def __init__(self, *, clock: datetime, seed: int = 0) -> None:
        self._clock = clock
        self._seed = seed
        self._bitcoin: list[float] = []

    def articles(self, feed: str, *, since: date = FIRST_DAY) -> list[Article]:
        """The articles of a feed that came out by the clock, newest first.

        Parameters
        ----------
        feed
            One of `FEEDS`.
        since
            First day.
        """
        first, last = max(since, FIRST_DAY), self._clock.date()
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        found = [article for day in days for article in self._day(feed, day) if article.published_at <= self._clock]
        return sorted(found, key=lambda article: (article.published_at, article.guid), reverse=True)

    def truth(self) -> dict[str, Polarity]:
        """Polarity by guid, of all feeds."""
        return {article.guid: article.polarity for feed in FEEDS for article in self.articles(feed)}

    def _day(self, feed: str, day: date) -> list[Article]:
        """All articles of a day, each from its own seeded stream."""
        draw = stream(self._seed, feed, day)
        count = 8 + int(draw.random() * 18)
        articles: list[Article] = []
        for number in range(count):
            moment = self._moment(draw, feed, day)
            guid = f"{feed.replace('_', '-')}-{day:%Y%m%d}-{number:03d}"
            if feed == "crypto_wire":
                guid = f"tag:news.example,{day:%Y}:{guid}"
            repeated = draw.random()
            if articles and repeated < _EXACT_DUPLICATES + _NEAR_DUPLICATES:
                original = articles[int(draw.random() * len(articles))]
                articles.append(_repeat(original, guid, moment, exact=repeated < _EXACT_DUPLICATES))
            else:
                articles.append(self._write(draw, feed, guid, moment))
        return articles

    def _moment(self, draw: Random, feed: str, day: date) -> datetime:
        late = feed == "market_wire" and day.weekday() < 5 and draw.random() < 0.5
        hour = _CLOSE_HOUR + 2 * draw.random() if late else 24 * draw.random()
        return datetime.combine(day, time(), UTC) + timedelta(seconds=int(hour * 3_600))

    def _write(self, draw: Random, feed: str, guid: str, moment: datetime) -> Article:
        change = self._last_return(feed, moment)
        polarity = _polarity(draw, change / _TYPICAL_RETURN[feed])
        about = {
            "entity": _pick(draw, ENTITIES[feed]),
            "percent": f"{100 * abs(change) + 1.5 * draw.random() + 0.1:.1f}",
            "level": str(50 * (10 + int(draw.random() * 90))),
            "reason": _pick(draw, REASONS[feed, polarity]),
            "quarter": f"Q{1 + int(draw.random() * 4)}",
        }
        title = _pick(draw, HEADLINES[polarity]).format_map(about)
        body = _pick(draw, BODIES[polarity]).format_map({name: escape(text) for name, text in about.items()})
        link = _link(feed, guid)
        summary = f'<p>{body}</p><p>Read the <a href="{link}?utm_source=feed&amp;utm_medium=rss">full story</a>.</p>'
        return Article(guid, feed, title, summary, _pick(draw, AUTHORS), link, moment, polarity)

    def _last_return(self, feed: str, moment: datetime) -> float:
        """Return of the last session completed before a moment; 0 when there is none."""
        if feed == "market_wire":
            session_over = moment.hour >= _CLOSE_HOUR
            known = sp500_return_before(moment.date() + timedelta(days=session_over))
            return known[1] if known else 0.0
        opens, number = self._bitcoin_opens(), (moment.date() - FIRST_DAY).days
        return opens[number] / opens[number - 1] - 1.0 if number else 0.0

    def _bitcoin_opens(self) -> list[float]:
        if not self._bitcoin:
            from atlas_assets.sandbox.simulator import TradeSimulator

            self._bitcoin = TradeSimulator(clock=self._clock, seed=self._seed).daily_opens("BTCUSDT")
        return self._bitcoin


def feed_about(query: str) -> str:
    """The feed that a search for some words finds."""
    return "crypto_wire" if re.search("bitcoin|btc|crypto|ether", query, re.IGNORECASE) else "market_wire"


def _polarity(draw: Random, strength: float) -> Polarity:
    """A quarter of the articles is neutral; the rest leans with the return, in typical returns."""
    level = draw.random()
    if level < 0.25:
        return "neutral"
    return "positive" if (level - 0.25) / 0.75 < 1 / (1 + math.exp(-1.5 * strength)) else "negative"


def _repeat(original: Article, guid: str, moment: datetime, *, exact: bool) -> Article:
    """The same story again, some time later in the day or at the same moment; reworded unless exact."""
    copy = replace(
        original,
        guid=guid,
        link=_link(original.feed, guid),
        published_at=max(moment, original.published_at),
        duplicate_of=original.duplicate_of or original.guid,
    )
    if exact:
        return copy
    return replace(
        copy, title=f"UPDATE: {original.title}", summary=original.summary.replace("<p>", "<p>(Adds detail) ", 1)
    )


def _link(feed: str, guid: str) -> str:
    return f"https://news.example/{feed.replace('_', '-')}/{guid.rpartition(':')[2]}"


def _pick(draw: Random, items: tuple[str, ...]) -> str:
    return items[int(draw.random() * len(items))]
