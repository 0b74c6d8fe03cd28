"""An index of fear and greed: components ranked among their own past, averaged by weight."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.contracts.trailing import trailing_percentile
from atlas_assets.sentiment.engines import FloatArray

if TYPE_CHECKING:
    import pandas as pd

CLASSES = ("Extreme Fear", "Fear", "Neutral", "Greed", "Extreme Greed")
BOUNDS = (25.0, 45.0, 55.0, 75.0)
"""Values from which on the next class holds, as CNN draws them; 55 itself is neutral."""


@dataclass(frozen=True)
class Component:
    """A part of the index.

    Attributes
    ----------
    name
        Name of the column of its values.
    weight
        What it counts beside the others.
    high_is_fear
        Whether a high value says fear: its score is then 100 less the percentile.
    """

    name: str
    weight: float = 1.0
    high_is_fear: bool = False


STOCK_COMPONENTS = (
    Component("momentum"),
    Component("price_strength"),
    Component("breadth"),
    Component("volatility", high_is_fear=True),
    Component("safe_haven"),
    Component("junk_spread", high_is_fear=True),
    Component("news_sentiment", 0.5),
    Component("social_sentiment", 0.5),
)
"""CNN's components of equal weight; the tone of news and posts in place of puts and calls."""

CRYPTO_COMPONENTS = (
    Component("momentum", 0.25),
    Component("volatility", 0.25, high_is_fear=True),
    Component("dominance", 0.10, high_is_fear=True),
    Component("news_sentiment", 0.15),
    Component("social_sentiment", 0.15),
)
"""alternative.me's components and weights; news in place of its surveys, and no searches."""


def classifications(values: FloatArray) -> list[str]:
    """Name of each value of the index: Extreme Fear, Fear, Neutral, Greed or Extreme Greed."""
    places = np.searchsorted(BOUNDS, values, side="right") - (values == BOUNDS[2])
    return [CLASSES[place] for place in places]


def fear_greed_index(
    values: pd.DataFrame,
    *,
    components: Sequence[Component],
    look_back: int,
    minimum_history: int,
    minimum_components: int,
) -> pd.DataFrame:
    """The index of each session, from its components up to it.

    A component without a value, or with too short a past, is left out and its weight shared among the others in
    proportion.

    Parameters
    ----------
    values : frame in order of time, one column of values for each component that is there
    components : what the index is made of
    look_back : rows among which a value is ranked
    minimum_history : values that must be among them
    minimum_components : sessions with fewer of them have no row

    Returns
    -------
    frame with the index of `values`: index_value (0 to 100), classification, component_count, weight_present (part of
    all weights), and for each component its value and, as ``<name>_score``, its score

    Raises
    ------
    ValueError
        If the rows are not in order, or a number is out of its bounds.
    """
    if not values.index.is_monotonic_increasing:
        raise ValueError("The values of the components must be in order of time; sort them first.")
    if not 1 <= minimum_components <= len(components):
        raise ValueError(f"minimum_components must be from 1 to {len(components)}, not {minimum_components}.")
    table = values.reindex(columns=[one.name for one in components]).astype(np.float64)
    for one in components:
        rank = 100 * trailing_percentile(table[one.name], window=look_back, minimum=minimum_history)
        table[f"{one.name}_score"] = 100 - rank if one.high_is_fear else rank
    # Row by row in memory, so that a row is summed in the same order however many there are.
    scores = np.ascontiguousarray(table[[f"{one.name}_score" for one in components]].to_numpy())
    weights = np.where(np.isnan(scores), 0.0, [one.weight for one in components])
    count = (weights > 0).sum(axis=1)
    table = table[count >= minimum_components]
    scores, weights, count = (rows[count >= minimum_components] for rows in (scores, weights, count))
    # The mean of numbers up to 100 may be rounded above it.
    index = np.clip((np.nan_to_num(scores) * weights).sum(axis=1) / weights.sum(axis=1), 0.0, 100.0)
    return table.assign(
        index_value=index,
        classification=classifications(index),
        component_count=count,
        weight_present=np.minimum(weights.sum(axis=1) / sum(one.weight for one in components), 1.0),
    )
