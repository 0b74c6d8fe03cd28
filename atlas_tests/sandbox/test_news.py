from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import fromstring

import feedparser
import pytest

from atlas_assets.sandbox.market_data import daily_bars, sp500_return_before
from atlas_assets.sandbox.newswire import FEEDS, Newswire

PATHS = {"market_wire": "market-wire.rss", "crypto_wire": "crypto-wire.atom"}
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def newswire(clock):
    return Newswire(clock=clock)


@pytest.mark.parametrize("feed", FEEDS)
def test_feeds_parse_cleanly_and_hold_every_article(ask, newswire, feed):
    reply = ask("news", PATHS[feed])
    parsed = feedparser.parse(reply.content)
    assert not parsed.bozo
    articles = newswire.articles(feed)
    assert [entry.id for entry in parsed.entries] == [article.guid for article in articles]
    assert [entry.title for entry in parsed.entries] == [article.title for article in articles]
    assert [entry.link for entry in parsed.entries] == [article.link for article in articles]
    assert {entry.author for entry in parsed.entries} == {article.author for article in articles}
    assert parsed.feed.language.startswith("en")


def test_rss_dates_and_elements(ask, newswire):
    items = fromstring(ask("news", "market-wire.rss").content).findall("channel/item")
    moments = [parsedate_to_datetime(item.findtext("pubDate") or "") for item in items]
    assert moments == [article.published_at for article in newswire.articles("market_wire")]
    assert moments == sorted(moments, reverse=True)
    assert all("<p>" in (item.findtext("description") or "") for item in items)


def test_atom_dates_and_elements(ask, newswire):
    entries = fromstring(ask("news", "crypto-wire.atom").content).findall(f"{ATOM}entry")
    moments = [datetime.fromisoformat(entry.findtext(f"{ATOM}updated") or "") for entry in entries]
    assert moments == [article.published_at for article in newswire.articles("crypto_wire")]


def test_a_feed_shows_45_days(ask_at):
    clock = datetime(2019, 3, 1, 12, tzinfo=UTC)
    items = fromstring(ask_at(clock)("news", "market-wire.rss").content).findall("channel/item")
    oldest = parsedate_to_datetime(items[-1].findtext("pubDate") or "")
    assert clock - timedelta(days=45) <= oldest < clock - timedelta(days=44)


def test_conditional_requests(ask):
    first = ask("news", "market-wire.rss")
    again = ask("news", "market-wire.rss", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (
        ask("news", "market-wire.rss", headers={"If-Modified-Since": first.headers["Last-Modified"]}).status_code == 304
    )
    assert ask("news", "market-wire.rss", headers={"If-None-Match": '"other"'}).status_code == 200
    assert ask("news", "other.rss").status_code == 404


@pytest.mark.parametrize("feed", FEEDS)
def test_a_day_has_8_to_25_articles(newswire, feed):
    by_day = Counter(article.published_at.date() for article in newswire.articles(feed))
    assert len(by_day) == 31
    assert all(8 <= count <= 25 for count in by_day.values())


def test_guids_are_unique_and_have_a_truth(newswire):
    guids = [article.guid for feed in FEEDS for article in newswire.articles(feed)]
    truth = newswire.truth()
    assert len(set(guids)) == len(guids)
    assert set(truth) == set(guids)
    assert set(truth.values()) == {"positive", "negative", "neutral"}


def test_some_articles_repeat_others(newswire):
    articles = {article.guid: article for feed in FEEDS for article in newswire.articles(feed)}
    repeats = [article for article in articles.values() if article.duplicate_of]
    exact = [article for article in repeats if article.title == articles[article.duplicate_of].title]
    assert 0.02 < len(repeats) / len(articles) < 0.2
    assert exact
    assert len(exact) < len(repeats)
    for article in repeats:
        assert article.published_at >= articles[article.duplicate_of].published_at
        assert article.polarity == articles[article.duplicate_of].polarity


def test_polarity_follows_the_last_finished_session(newswire):
    balance: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for article in newswire.articles("market_wire"):
        after_close = article.published_at.hour >= 22
        known = sp500_return_before(article.published_at.date() + timedelta(days=after_close))
        balance[known is not None and known[1] > 0][article.polarity] += 1
    assert balance[True]["positive"] > 1.5 * balance[True]["negative"]
    assert balance[False]["negative"] > 1.5 * balance[False]["positive"]


def test_return_before_a_day_is_that_of_an_earlier_session():
    bars = {bar.session_date: bar.close for bar in daily_bars("GSPC.INDX")}
    session, value = sp500_return_before(date(2018, 12, 26)) or pytest.fail("there is a session")
    assert session == date(2018, 12, 24)
    assert value == pytest.approx(bars[session] / bars[date(2018, 12, 21)] - 1)
    assert sp500_return_before(date(2030, 1, 1)) is None


def test_a_word_list_sees_the_polarity(newswire):
    """VADER, which knows nothing of the templates, agrees in sign far more often than not."""
    analyser = pytest.importorskip("vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()
    agreed: Counter[bool] = Counter()
    for feed in FEEDS:
        for article in newswire.articles(feed):
            text = f"{article.title}. {re.sub('<[^>]+>', ' ', article.summary)}"
            if article.polarity != "neutral":
                agreed[(analyser.polarity_scores(text)["compound"] > 0) == (article.polarity == "positive")] += 1
    assert agreed[True] / agreed.total() > 0.8


@pytest.mark.recorded
def test_elements_are_among_the_recorded_ones(ask, wire):
    rss = wire("news_rss/TechCrunch.xml") + wire("news_rss/HuffPostCanada.xml")
    atom = wire("news_rss/youtube_atom.xml")
    for body, real in ((ask("news", "market-wire.rss").text, rss), (ask("news", "crypto-wire.atom").text, atom)):
        ours = set(re.findall(r"<([A-Za-z:]+)[ >]", body)) - {"summary"}
        assert ours <= set(re.findall(r"<([A-Za-z:]+)[ >]", real))
