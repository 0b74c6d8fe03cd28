"""Daily tone of news and posts."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.sentiment.document_scores import THRESHOLD
from atlas_assets.sentiment.tone import document_weights, weighted_tone, with_totals

if TYPE_CHECKING:
    import pandas as pd

GROUPS = ("market", "kind", "language")
KEYS = ("session_date", *GROUPS)
RANKS = ("duplicate_rank", "flood_rank")
REQUIRED_COLUMNS = ("document_id", *KEYS, "score", "vader", *RANKS)


def daily_sentiment(documents: pd.DataFrame, *, threshold: float = THRESHOLD) -> pd.DataFrame:
    """Tone of the documents of each day by market, kind and language, and of all of them together.

    Documents without a score do not count. The n-th copy of a text and the n-th document of a flood count 1/n
    (`document_weights`).

    Parameters
    ----------
    documents : frame of one row per document: document_id, session_date, market, kind, language (ISO 639-1), score and
        vader as `score_documents` gives them, duplicate_rank and flood_rank (from 1), in any row order
    threshold : as in `weighted_tone`; the one of the engine of `score_documents` by default

    Returns
    -------
    frame sorted by session_date, market, kind and language, where "all" is all of them together, with the columns of
    `weighted_tone` and vader_mean: the weighted mean of vader where there is one, to be compared with; NaN where there
    is none.

    Raises
    ------
    ValueError
        If a column is missing, a key is missing in a row, or a rank is below 1.
    """
    _validate(documents)
    scored = documents[list(REQUIRED_COLUMNS)].dropna(subset="score").sort_values("document_id", kind="stable")
    duplicate, flood = (scored[name].to_numpy(np.float64) for name in RANKS)
    scored = with_totals(scored.assign(weight=document_weights(duplicate, flood, 1.0)), *GROUPS)
    table = weighted_tone(scored, keys=KEYS, threshold=threshold)
    english = scored.dropna(subset="vader")
    sums = english.assign(weighted=english["weight"] * english["vader"]).groupby(list(KEYS))[["weighted", "weight"]]
    totals = sums.sum().astype(np.float64)
    vader = (totals["weighted"] / totals["weight"]).rename("vader_mean").reset_index()
    return table.merge(vader, on=list(KEYS), how="left", validate="one_to_one")


def _validate(documents: pd.DataFrame) -> None:
    if absent := [name for name in REQUIRED_COLUMNS if name not in documents.columns]:
        raise ValueError(f"The documents lack the columns {absent}.")
    if documents[["document_id", *KEYS]].isna().to_numpy().any():
        raise ValueError(f"Some documents have no document_id or none of {[*KEYS]}; leave them out first.")
    if not (documents[list(RANKS)].to_numpy(np.float64) >= 1).all():
        raise ValueError(f"Some of {[*RANKS]} are missing or below 1; ranks of documents begin at 1.")
