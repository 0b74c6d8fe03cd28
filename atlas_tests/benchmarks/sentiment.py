"""How fast texts are scored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice, product

from atlas_tests.benchmarks.measure import Figure, timed

TEXTS = 100_000


def figures() -> Iterator[Figure]:
    """Sentiment."""
    yield _sentiment()


def _sentiment() -> Figure:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    from atlas_assets.sandbox import SandboxTransport
    from atlas_assets.sentiment.analyzer import SentimentAnalyzer

    wire = SandboxTransport(clock=datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)).newswire
    articles = [article for feed in ("market_wire", "crypto_wire") for article in wire.articles(feed)]
    titles = [article.title for article in articles]
    summaries = list(dict.fromkeys(article.summary for article in articles))
    texts = [f"{title}. {summary}" for summary, title in islice(product(summaries, dict.fromkeys(titles)), TEXTS)]
    ours, theirs = SentimentAnalyzer(), SentimentIntensityAnalyzer()
    measured = timed(lambda: ours.score(texts), repetitions=3)
    loop = timed(lambda: [theirs.polarity_scores(text)["compound"] for text in texts], repetitions=1, warm_up=False)
    return Figure(
        f"tone of {len(texts):,} news texts (VADER)",
        measured,
        loop,
        "plain vaderSentiment loop, the same scores",
        rate=f"{len(texts) / measured.best:,.0f} texts/s",
    )
