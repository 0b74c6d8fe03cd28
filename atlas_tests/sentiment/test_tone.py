"""Weights of documents, and shares of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from atlas_assets.sentiment.tone import document_weights, weighted_tone


def test_weights() -> None:
    ranks = (np.array([1.0, 2, 1, 3]), np.array([1.0, 1, 4, 2]), np.array([1.0, 1, 1, 2]))
    np.testing.assert_array_equal(document_weights(*ranks), [1, 1 / 2, 1 / 4, 1 / 6])


def test_shares_never_exceed_the_whole() -> None:
    """Two quotients of the same sum may each be rounded up."""
    random = np.random.default_rng(5)
    documents = pd.DataFrame({"group": np.repeat(np.arange(2_000), 7), "score": random.choice([-0.9, 0.9], 14_000)})
    scored = documents.assign(weight=1 / random.integers(1, 90, 14_000), duplicate_rank=1)
    table = weighted_tone(scored, keys=["group"], threshold=0.35)
    assert (table["positive_share"] + table["negative_share"] <= 1).all()
    sums = scored.assign(part=scored["weight"] * (scored["score"] < 0)).groupby("group")[["part", "weight"]].sum()
    np.testing.assert_allclose(table["negative_share"], sums["part"] / sums["weight"], atol=1e-12)
    assert (table["positive_share"] + sums["part"].to_numpy() / sums["weight"].to_numpy() > 1).any()
