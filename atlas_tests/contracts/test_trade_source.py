"""Of several sources of an instrument's trades one counts."""

import pandas as pd

from atlas_assets.contracts.trade_source import trades_of_one_source


def trade(instrument, source, trade_id, second, *, sequence=0, is_suspicious=False):
    return {
        "instrument_id": instrument,
        "source": source,
        "trade_id": trade_id,
        "sequence": sequence,
        "event_time": pd.Timestamp("2020-01-01", tz="UTC") + pd.Timedelta(second, unit="s"),
        "is_suspicious": is_suspicious,
    }


def ids(*rows):
    return trades_of_one_source(pd.DataFrame(rows))["trade_id"].tolist()


def test_the_source_of_most_trades_counts_for_each_instrument():
    one = [trade("1", "a", "a1", 1), trade("1", "b", "b1", 2), trade("1", "b", "b2", 3)]
    two = [trade("2", "a", "a2", 1), trade("2", "a", "a3", 2), trade("2", "b", "b3", 3)]
    assert ids(*one, *two) == ["b1", "b2", "a2", "a3"]


def test_doubted_trades_neither_count_nor_stay():
    rows = [trade("1", "a", "a1", 1), trade("1", "b", "b1", 2), trade("1", "b", "b2", 3, is_suspicious=True)]
    assert ids(*rows) == ["a1"]


def test_trades_are_put_into_the_order_in_which_they_were_made():
    rows = [trade("1", "a", "late", 2), trade("1", "a", "second", 1, sequence=2), trade("1", "a", "first", 1)]
    assert ids(*rows) == ["first", "second", "late"]
