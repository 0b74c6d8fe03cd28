"""Tone of news and posts about each instrument, by day."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.sentiment.document_scores import THRESHOLD
from atlas_assets.sentiment.tone import document_weights, weighted_tone, with_totals

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("instrument_id", "session_date", "kind")
RANKS = ("duplicate_rank", "flood_rank", "candidates")
REQUIRED_COLUMNS = ("document_id", *KEYS, "score", *RANKS)


def instrument_sentiment(mentions: pd.DataFrame, *, threshold: float = THRESHOLD) -> pd.DataFrame:
    """Tone of each instrument, session and kind of document, and of all kinds together.

    A document that mentions an instrument several times counts once, by its least ambiguous mention. Documents
    without a score do not count.

    Parameters
    ----------
    mentions : frame of one row per document and mention: document_id, instrument_id, session_date, kind ("article" or
        "post"), score as `score_documents` gives it, duplicate_rank, flood_rank and candidates (ranks and counts from
        1), in any row order
    threshold : as in `weighted_tone`; the one of the engine of `score_documents` by default

    Returns
    -------
    frame sorted by instrument_id, session_date and kind, where "all" is all kinds together, with the columns of
    `weighted_tone`.

    Raises
    ------
    ValueError
        If a column is missing, a key is missing in a row, or a rank is below 1.
    """
    _validate(mentions)
    scored = (
        mentions[list(REQUIRED_COLUMNS)]
        .dropna(subset="score")
        .sort_values(["document_id", "candidates"], kind="stable")
        .drop_duplicates(["instrument_id", "document_id"])
    )
    weight = document_weights(*(scored[name].to_numpy(np.float64) for name in RANKS))
    return weighted_tone(with_totals(scored.assign(weight=weight), "kind"), keys=KEYS, threshold=threshold)


def _validate(mentions: pd.DataFrame) -> None:
    if absent := [name for name in REQUIRED_COLUMNS if name not in mentions.columns]:
        raise ValueError(f"The mentions lack the columns {absent}.")
    if mentions[["document_id", *KEYS]].isna().to_numpy().any():
        raise ValueError(
            "Some mentions have no document_id, instrument_id, session_date or kind; leave them out first."
        )
    if not (mentions[list(RANKS)].to_numpy(np.float64) >= 1).all():
        raise ValueError(f"Some of {[*RANKS]} are missing or below 1; ranks and counts of documents begin at 1.")
