"""EODHD splits and dividends."""

import json
from datetime import date

import pytest

from atlas_assets.data_sources.stock.eodhd import EodQuery
from atlas_assets.data_sources.stock.eodhd_actions import EodhdDividends, EodhdSplits

WINDOW = EodQuery(start=date(2018, 1, 1), end=date(2018, 12, 31), symbol="SPY.US")
SPLIT = {"date": "2018-12-10", "split": "2.000000/1.000000"}
DIVIDEND = {
    "date": "2018-12-21",
    "declarationDate": "2018-12-07",
    "recordDate": "2018-12-24",
    "paymentDate": "2019-02-01",
    "period": "Quarterly",
    "value": 0.55515,
    "unadjustedValue": 1.1103,
    "currency": "USD",
}


def read(kind, *rows):
    return kind.transform(json.dumps(rows).encode(), WINDOW)


@pytest.mark.parametrize(("kind", "path"), [(EodhdSplits, "/api/splits/SPY.US"), (EodhdDividends, "/api/div/SPY.US")])
def test_each_symbol_is_asked_once_for_the_whole_window(source_of, vendor, json_reply, kind, path):
    server = vendor(json_reply([]))
    source = source_of(kind, server)
    queries = list(source.queries(date(2000, 1, 1), date(2018, 12, 31)))
    assert [query.symbol for query in queries] == ["SPY.US", "QQQ.US"]
    list(source.extract(queries[0]))
    assert server.requests[0].url.path == path
    assert server.asked == [{"from": "2000-01-01", "to": "2018-12-31", "fmt": "json", "api_token": "sandbox-eodhd-key"}]


def test_a_split_stays_the_pair_that_was_sent():
    parsed = read(EodhdSplits, SPLIT, {"date": "2018-03-01", "split": "1.000000/10.000000"})
    assert parsed.rows["split"].to_pylist() == ["2.000000/1.000000", "1.000000/10.000000"]
    assert parsed.days.to_pylist() == [date(2018, 12, 10), date(2018, 3, 1)]
    assert read(EodhdSplits).rows.num_rows == 0


def test_dividends_are_read_as_sent():
    assert read(EodhdDividends, DIVIDEND).rows.to_pylist() == [
        {
            "symbol": "SPY.US",
            "date": date(2018, 12, 21),
            "declaration_date": date(2018, 12, 7),
            "record_date": date(2018, 12, 24),
            "payment_date": date(2019, 2, 1),
            "period": "Quarterly",
            "value": 0.55515,
            "unadjusted_value": 1.1103,
            "currency": "USD",
        }
    ]


def test_small_companies_have_only_date_and_amount():
    (row,) = read(EodhdDividends, {"date": "2018-12-21", "value": 0.1}).rows.to_pylist()
    assert {name for name, value in row.items() if value is not None} == {"symbol", "date", "value"}


@pytest.mark.parametrize("unknown", [None, "", "0000-00-00"])
def test_an_unknown_day_is_missing(unknown):
    parsed = read(EodhdDividends, {**DIVIDEND, "declarationDate": unknown, "paymentDate": unknown})
    assert parsed.rejected == ()
    assert parsed.rows["declaration_date"].to_pylist() == parsed.rows["payment_date"].to_pylist() == [None]


def test_amounts_can_be_digits_but_nothing_else():
    digits = {**DIVIDEND, "value": "0.24", "unadjustedValue": "0.4800"}
    parsed = read(EodhdDividends, digits, {**DIVIDEND, "value": "n/a"}, {**DIVIDEND, "value": None})
    assert parsed.rows["value"].to_pylist() == [0.24]
    assert parsed.rows["unadjusted_value"].to_pylist() == [0.48]
    assert [row.position for row in parsed.rejected] == [2, 3]


def test_two_dividends_can_share_a_day():
    from atlas_assets.contracts.schema import primary_key
    from atlas_assets.data_sources.parsing import unique_rows

    rows = read(EodhdDividends, DIVIDEND, {**DIVIDEND, "value": 3.0, "period": "Special"}, DIVIDEND).rows
    assert unique_rows(rows, primary_key(EodhdDividends.table.contract)).num_rows == 2
