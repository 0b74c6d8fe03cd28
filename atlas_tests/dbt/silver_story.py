"""What vendors said first, what they corrected, and a model that fails: the loads of a lake in six chapters."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from atlas_tests.dbt.vendor_rows import (
    NASTY_SYMBOLS,
    article,
    bar,
    candle,
    landed,
    mood,
    observation,
    told_of_gdp,
    trade,
)

BUILD = ("build", "--exclude-resource-type", "unit_test", "--exclude", "path:tests/of_tests")


@dataclass
class Story:
    """What happened, chapter by chapter; tests read the lake as it was after each."""

    bench: Any
    after: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, dict[str, str]] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)

    def chapter(self, name: str, *arguments: str, succeeds: bool = True) -> None:
        """Run dbt and remember the outcome."""
        self.statuses[name] = self.bench.dbt(*(arguments or BUILD), succeeds=succeeds)
        self.after[name] = self.bench.lake.current_snapshot()
        self.versions[name] = self.bench.versions()

    def rows(self, name: str, query: str) -> list[dict[str, Any]]:
        """The rows of a query as they were after a chapter."""
        return self.bench.lake.sql(query.replace(" silver.", " lake.silver."), as_of=self.after[name]).to_pylist()


def first_load(bench: Any) -> None:
    bars = [
        bar("GSPC.INDX", "2018-12-03", 2790.0),
        bar("GSPC.INDX", "2018-12-04", 2700.0, high=2600.0),
        bar("GSPC.INDX", "2018-12-05", None),
        bar("BRK-B.US", "2018-12-03", 210.0, adjusted_close=105.0, open=0.0, volume=float("inf")),
    ]
    bench.load("raw.eodhd_eod", "2018-12-05", bars, received="2018-12-06")
    bench.load(
        "raw.landing_daily_bars",
        "2018-12-06",
        [
            *(landed(symbol, "2018-12-03", 1.0 + number, number + 1) for number, symbol in enumerate(NASTY_SYMBOLS)),
            landed("GSPC", "2018-12-03", 1.0, 10),
            landed("GSPC", "2018-12-06", 2650.0, 11),
            landed("NEWCO", "2018-12-03", 50.0, 12),
        ],
        received="2018-12-06",
    )
    bench.load(
        "raw.binance_klines",
        "2018-12-03",
        [
            candle("BTCUSDT", "2018-12-03T23:58", "4000.0", high="4100.0"),
            candle("BTCUSDT", "2018-12-03T23:59", "4010.0", low="3900.0"),
        ],
        received="2018-12-04",
    )
    bench.load(
        "raw.binance_agg_trades",
        "2018-12-03",
        [
            trade("BTCUSDT", 1, "2018-12-03T10:00:00.123", "4000.00"),
            trade("BTCUSDT", 2, "2018-12-03T11:00:00", "4004.00", microseconds=True, is_buyer_maker=False),
            trade("BTCUSDT", 3, "2018-12-03T12:00:00", "4008.00"),
            trade("ETHBTC", 1, "2018-12-03T12:00:00", "0.03"),
        ],
        received="2018-12-04",
    )
    bench.load(
        "raw.binance_trade_stream",
        "2018-12-03",
        [
            trade("BTCUSDT", 3, "2018-12-03T12:00:00", "3999.00", received_at=datetime(2018, 12, 3, tzinfo=UTC)),
            trade("BTCUSDT", 5, "2018-12-03T13:00:00", "4012.00", received_at=datetime(2018, 12, 3, tzinfo=UTC)),
        ],
        received="2018-12-03",
        object_id="d",
    )
    bench.load(
        "raw.fred_observations",
        "2018-12-03",
        [
            observation("GDPC1", "2018-01-01", "18500.0", "2018-04-27"),
            observation("GDPC1", "2018-04-01", ".", "2018-07-27"),
        ],
        received="2018-12-04",
    )
    bench.load(
        "raw.fred_series",
        "2018-12-03",
        [told_of_gdp("2018-12-03")],
        received="2018-12-04",
    )
    bench.load(
        "raw.rss_articles",
        "2018-12-03",
        [
            article(
                "1",
                "Stocks &amp; bonds",
                "<p>Up&nbsp;<b>1 &lt; 2</b> %</p>",
                published_at=datetime(2018, 12, 3, tzinfo=UTC),
            ),
            article("2", "Undated", "<p>Text about $GSPC</p>", language=None),
        ],
        received="2018-12-04",
    )
    bench.load(
        "raw.alternative_me_fear_greed",
        "2018-12-03",
        [mood("2018-12-03T00:00", "20"), mood("2018-12-03T06:00", "21"), mood("2018-12-04T00:00", "many")],
        received="2018-12-04",
    )


def second_load(bench: Any) -> None:
    """An old partition again, an earlier one for the first time, and new ones, all with the clock standing still."""
    bench.load(
        "raw.eodhd_eod",
        "2018-12-05",
        [bar("GSPC.INDX", "2018-12-03", 2791.5), bar("BRK-B.US", "2018-12-03", 210.0, adjusted_close=105.0)],
        received="2018-12-06",
        object_id="b",
    )
    bench.load("raw.eodhd_eod", "2018-11-30", [bar("GSPC.INDX", "2018-11-30", 2760.0)], received="2018-12-06")
    bench.load("raw.eodhd_eod", "2018-12-07", [bar("NEWCO.US", "2018-12-07", 55.0)], received="2018-12-06")
    bench.load(
        "raw.landing_daily_bars",
        "2018-12-07",
        [landed("BRK/B", "2018-12-03", 7.0)],
        received="2018-12-07",
        object_id="c",
    )
    bench.load(
        "raw.binance_klines",
        "2018-12-03",
        [candle("BTCUSDT", "2018-12-03T23:58", "4000.0")],
        received="2018-12-04",
        object_id="b",
    )
    bench.load(
        "raw.binance_agg_trades",
        "2018-12-04",
        [trade("BTCUSDT", 3, "2018-12-03T12:00:00", "4009.00"), trade("BTCUSDT", 4, "2018-12-04T00:00:00", "4020.00")],
        received="2018-12-05",
    )
    bench.load(
        "raw.binance_agg_trades",
        "2018-12-03",
        [
            trade("BTCUSDT", 1, "2018-12-03T10:00:00.123", "4000.00"),
            trade("BTCUSDT", 3, "2018-12-03T12:00:00", "4008.00"),
        ],
        received="2018-12-04",
        object_id="b",
    )
    bench.load(
        "raw.fred_observations",
        "2018-12-04",
        [observation("GDPC1", "2018-01-01", "18600.5", "2018-05-30")],
        received="2018-12-04",
    )
    bench.load(
        "raw.rss_articles",
        "2018-12-04",
        [
            article("1", "Stocks &amp; bonds, corrected", "Down"),
            article("2", "Undated", "<p>Text about $GSPC</p>", language=None),
        ],
        received="2018-12-05",
    )
    bench.load("raw.alternative_me_fear_greed", "2018-12-03", [mood("2018-12-03T00:00", "22")], received="2018-12-04")
    bench.load(
        "raw.fred_series", "2018-12-04", [told_of_gdp("2018-12-04", units="Billions of Dollars")], received="2018-12-05"
    )
    bench.load(
        "raw.fred_release_dates",
        "2018-12-04",
        [{"release_id": 53, "release_name": "Gross Domestic Product", "date": date(2018, 12, 4)}],
        received="2018-12-05",
    )


def spoil(bench: Any) -> None:
    """Make the insert into documents fail after the delete: a text is missing where the table now wants one."""
    with bench.lake.commit_lock(), bench.lake.connect() as connection:
        connection.execute("ALTER TABLE lake.silver.documents ALTER COLUMN body SET NOT NULL")
    bench.load(
        "raw.rss_articles", "2018-12-05", [article("1", "No text"), article("3", "New", "Text")], received="2018-12-06"
    )
