"""The index: classes at their bounds, weights shared among the components that are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from atlas_assets.sentiment.fear_greed import (
    CRYPTO_COMPONENTS,
    STOCK_COMPONENTS,
    Component,
    classifications,
    fear_greed_index,
)


def test_classes_at_their_bounds():
    values = np.array([0, 24.9, 25, 44.9, 45, 50, 55, 55.1, 74.9, 75, 100.0])
    names = ["Extreme Fear"] * 2 + ["Fear"] * 2 + ["Neutral"] * 3 + ["Greed"] * 2 + ["Extreme Greed"] * 2
    assert classifications(values) == names


COMPONENTS = (Component("a", 2.0), Component("b", 1.0, high_is_fear=True), Component("c", 1.0))
OPTIONS = {"components": COMPONENTS, "look_back": 3, "minimum_history": 1, "minimum_components": 1}


def test_a_missing_components_weight_is_shared():
    values = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, np.nan, 3.0]})
    table = fear_greed_index(values, **OPTIONS)
    # The scores of a are 50, 75 and 83.3; those of b 50, none and, of two, 100 - 75. Of c there is nothing.
    np.testing.assert_allclose(table["index_value"], [50, 75, (2 * 250 / 3 + 25) / 3])
    np.testing.assert_allclose(table["weight_present"], [3 / 4, 2 / 4, 3 / 4])
    assert table["component_count"].tolist() == [2, 1, 2]
    assert table["classification"].tolist() == ["Neutral", "Extreme Greed", "Greed"]
    np.testing.assert_allclose(table["b_score"], [50, np.nan, 25])
    assert table["c_score"].isna().all()


def test_a_session_with_too_few_components_has_no_row():
    values = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": [1.0, np.nan, np.nan]}, index=[7, 8, 9])
    assert fear_greed_index(values, **OPTIONS | {"minimum_components": 2}).index.tolist() == [7]
    assert fear_greed_index(values, **OPTIONS).index.tolist() == [7, 8]
    assert fear_greed_index(values[:0], **OPTIONS).empty


@pytest.mark.parametrize("components", [STOCK_COMPONENTS, CRYPTO_COMPONENTS])
def test_all_greedy_is_greed_and_all_fearful_is_fear(components):
    rising = np.arange(100.0)
    greedy = pd.DataFrame({one.name: -rising if one.high_is_fear else rising for one in components})
    options = {"components": components, "look_back": 50, "minimum_history": 10, "minimum_components": 3}
    last = fear_greed_index(greedy, **options).iloc[-1]
    assert last[["index_value", "weight_present"]].tolist() == pytest.approx([99.0, 1.0])
    assert fear_greed_index(-greedy, **options)["index_value"].iloc[-1] == pytest.approx(1.0)


def test_rows_out_of_order_are_refused():
    values = pd.DataFrame({"momentum": [1.0, 2.0]}, index=pd.to_datetime(["2024-01-03", "2024-01-02"]))
    with pytest.raises(ValueError, match="in order of time"):
        fear_greed_index(values, components=STOCK_COMPONENTS, look_back=2, minimum_history=1, minimum_components=1)


def test_usage_errors_are_sentences():
    with pytest.raises(ValueError, match="minimum_components must be from 1 to 3, not 4"):
        fear_greed_index(pd.DataFrame({"a": [1.0]}), **OPTIONS | {"minimum_components": 4})
