"""Tone of news and posts about each instrument, by day."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.sentiment.analyzer import SentimentAnalyzer
from atlas_assets.sentiment.engines import FloatArray

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("instrument_id", "session_date", "kind")
RANKS = ("duplicate_rank", "flood_rank", "candidates")
REQUIRED_COLUMNS = ("document_id", *KEYS, "title", "body", *RANKS)

ALL_KINDS = "all"


def document_weights(duplicate_rank: FloatArray, flood_rank: FloatArray, candidates: FloatArray) -> FloatArray:
    r"""What a document counts for an instrument, in (0, 1].

    The n-th copy of a text counts :math:`1/n`, so does the n-th document of a flood, and a copy within a flood only
    once so: :math:`w = 1 / (\max(d, f)\, c)`, with the ranks :math:`d` and :math:`f` and the number of instruments
    :math:`c` that the mention may mean. A thousand copies count 7.5 documents. Ranks follow from earlier documents
    alone, so weights do.
    """
    return 1 / (np.maximum(duplicate_rank, flood_rank) * candidates)


def instrument_sentiment(mentions: pd.DataFrame, *, analyzer: SentimentAnalyzer | None = None) -> pd.DataFrame:
    r"""Tone of each instrument, session and kind of document, and of all kinds together.

    A document that mentions an instrument several times counts once, by its least ambiguous mention. Documents
    without text do not count.

    Parameters
    ----------
    mentions : frame of one row per document and mention: document_id, instrument_id, session_date, kind ("article" or
        "post"), title, body, duplicate_rank, flood_rank and candidates (ranks and counts from 1), in any row order
    analyzer : scores the texts; the ensemble of English and Japanese by default

    Returns
    -------
    frame sorted by instrument_id, session_date and kind, where "all" is all kinds together, with

    - document_count; effective_count, the sum of the weights :math:`w` of `document_weights`;
    - sentiment_mean, the weighted mean of the scores, and sentiment_std, their standard deviation likewise;
    - disagreement :math:`\sqrt{1 - B^2}` with the balance :math:`B = (P - N) / (P + N)` of the weights of positive and
      negative documents (Antweiler and Frank 2004): 0 where all agree, 1 where as many are for as against, NaN where
      none has a tone;
    - novelty, the share of documents that are no copies of earlier ones.

    Raises
    ------
    ValueError
        If a column is missing, a key is missing in a row, or a rank is below 1.

    References
    ----------
    Antweiler, Frank (2004), Is all that talk just noise?, Journal of Finance 59(3).
    """
    import pandas as pd

    _validate(mentions)
    scored = (
        mentions[list(REQUIRED_COLUMNS)]
        .sort_values(["document_id", "candidates"], kind="stable")
        .drop_duplicates(["instrument_id", "document_id"])
    )
    analyzer = analyzer or SentimentAnalyzer("ensemble")
    text = scored["title"].fillna("").str.cat(scored["body"].fillna(""), sep="\n").str.strip()
    scored = scored.assign(score=analyzer.score(text)).dropna(subset="score")
    score = scored["score"].to_numpy(np.float64)
    weight = document_weights(*(scored[name].to_numpy(np.float64) for name in RANKS))
    scored = scored.assign(
        documents=1.0,
        weight=weight,
        weighted=weight * score,
        positive=weight * (score >= analyzer.threshold),
        negative=weight * (score <= -analyzer.threshold),
        new=scored["duplicate_rank"].to_numpy() == 1,
    )
    both = pd.concat([scored, scored.assign(kind=ALL_KINDS)], ignore_index=True)
    own = both.groupby(list(KEYS))[["weighted", "weight"]].transform("sum")
    both["squared"] = both["weight"] * (both["score"] - own["weighted"] / own["weight"]) ** 2
    summed = ["documents", "weight", "weighted", "squared", "positive", "negative", "new"]
    sums = both.groupby(list(KEYS), sort=True)[summed].sum().astype(np.float64)
    toned = (sums["positive"] + sums["negative"]).where(lambda total: total > 0)
    balance = (sums["positive"] - sums["negative"]) / toned
    return pd.DataFrame(
        {
            "document_count": sums["documents"].astype(np.int64),
            "effective_count": sums["weight"],
            "sentiment_mean": sums["weighted"] / sums["weight"],
            "sentiment_std": np.sqrt(sums["squared"] / sums["weight"]),
            "disagreement": np.sqrt((1 - balance**2).clip(lower=0)),
            "novelty": sums["new"] / sums["documents"],
        }
    ).reset_index()


def _validate(mentions: pd.DataFrame) -> None:
    if absent := [name for name in REQUIRED_COLUMNS if name not in mentions.columns]:
        raise ValueError(f"The mentions lack the columns {absent}.")
    if mentions[["document_id", *KEYS]].isna().to_numpy().any():
        raise ValueError(
            "Some mentions have no document_id, instrument_id, session_date or kind; leave them out first."
        )
    if not (mentions[list(RANKS)].to_numpy(np.float64) >= 1).all():
        raise ValueError(f"Some of {[*RANKS]} are missing or below 1; ranks and counts of documents begin at 1.")
