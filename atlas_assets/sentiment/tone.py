"""Tone of groups of documents, copies and floods counted less."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.sentiment.engines import FloatArray

if TYPE_CHECKING:
    import pandas as pd

ALL = "all"
"""What a key column says where all of its values count together."""


def document_weights(duplicate_rank: FloatArray, flood_rank: FloatArray, candidates: FloatArray | float) -> FloatArray:
    r"""What a document counts for an instrument, in (0, 1].

    The n-th copy of a text counts :math:`1/n`, so does the n-th document of a flood, and a copy within a flood only
    once so: :math:`w = 1 / (\max(d, f)\, c)`, with the ranks :math:`d` and :math:`f` and the number of instruments
    :math:`c` that the mention may mean (1 where no instrument is asked for). A thousand copies count 7.5 documents.
    Ranks follow from earlier documents alone, so weights do.
    """
    return 1 / (np.maximum(duplicate_rank, flood_rank) * candidates)


def with_totals(documents: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Each document also under "all" in each of the columns, so that a group of documents may be a whole."""
    import pandas as pd

    for column in columns:
        documents = pd.concat([documents, documents.assign(**{column: ALL})], ignore_index=True)
    return documents


def weighted_tone(scored: pd.DataFrame, *, keys: Sequence[str], threshold: float) -> pd.DataFrame:
    r"""Tone of each group of documents.

    Parameters
    ----------
    scored : frame of one row per document with the key columns, score (no missing ones), weight and duplicate_rank; the
        order of rows decides the last bits of a sum
    keys : columns whose values make a group
    threshold : score from which on a document is positive, and below minus which it is negative

    Returns
    -------
    frame sorted by the keys with

    - document_count; effective_count, the sum of the weights :math:`w`;
    - sentiment_mean, the weighted mean of the scores, and sentiment_std, their standard deviation likewise;
    - positive_share and negative_share of the weights;
    - disagreement :math:`\sqrt{1 - B^2}` with the balance :math:`B = (P - N) / (P + N)` of the weights of positive and
      negative documents (Antweiler and Frank 2004): 0 where all agree, 1 where as many are for as against, NaN where
      none has a tone;
    - novelty, the share of documents that are no copies of earlier ones.

    References
    ----------
    Antweiler, Frank (2004), Is all that talk just noise?, Journal of Finance 59(3).
    """
    import pandas as pd

    names = list(keys)
    score, weight = scored["score"], scored["weight"]
    parts = scored[names].assign(
        documents=1.0,
        weight=weight,
        weighted=weight * score,
        positive=weight * (score >= threshold),
        negative=weight * (score <= -threshold),
        new=scored["duplicate_rank"].to_numpy() == 1,
    )
    own = parts.groupby(names)[["weighted", "weight"]].transform("sum")
    parts["squared"] = weight * (score - own["weighted"] / own["weight"]) ** 2
    summed = ["documents", "weight", "weighted", "squared", "positive", "negative", "new"]
    sums = parts.groupby(names, sort=True)[summed].sum().astype(np.float64)
    toned = (sums["positive"] + sums["negative"]).where(lambda total: total > 0)
    balance = (sums["positive"] - sums["negative"]) / toned
    positive = sums["positive"] / sums["weight"]
    return pd.DataFrame(
        {
            "document_count": sums["documents"].astype(np.int64),
            "effective_count": sums["weight"],
            "sentiment_mean": sums["weighted"] / sums["weight"],
            "sentiment_std": np.sqrt(sums["squared"] / sums["weight"]),
            "positive_share": positive,
            # Two quotients may be rounded above the whole that they are parts of.
            "negative_share": np.minimum(sums["negative"] / sums["weight"], 1 - positive),
            "disagreement": np.sqrt((1 - balance**2).clip(lower=0)),
            "novelty": sums["new"] / sums["documents"],
        }
    ).reset_index()
