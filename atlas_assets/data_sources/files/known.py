"""The datasets of dropped files that silver reads: their columns are known, the settings only say which files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atlas_assets.data_sources.files.mapping import FileColumn, FileDataset


def _column(kind: str, description: str, *names: str, **more: Any) -> FileColumn:
    """A column and the names that it may have in files."""
    return FileColumn.model_validate({"kind": kind, "description": description, "from": names, **more})


def _price(which: str, *, nullable: bool = True) -> FileColumn:
    return _column("number", f"{which} price", unit="quote currency", nullable=nullable)


def _known(name: str, description: str, columns: Mapping[str, FileColumn], **more: Any) -> FileDataset:
    # Validation would look the name up among the datasets that are being made here.
    return FileDataset.model_construct(name=name, description=description, columns=dict(columns), **more)


_SYMBOL = _column("text", "Symbol as written in the file", "symbol", "ticker")
_CALENDAR = _column(
    "text",
    "XNYS for sessions of New York, 24/7 for days of UTC; XNYS unless given",
    nullable=True,
    bounds={"isin": ["XNYS", "24/7"]},
)
_BAR_RULES = ("high >= open", "high >= low", "high >= close", "low <= open", "low <= close")

# Prices may be zero or negative: a barrel of oil settled at -37.63 USD on 2020-04-20.
DAILY_BARS = _known(
    "daily_bars",
    "Daily bars from files dropped into the landing folder",
    {
        "symbol": _SYMBOL,
        "date": _column("day", "Session date", "date", "session_date"),
        "open": _price("Opening"),
        "high": _price("Highest"),
        "low": _price("Lowest"),
        "close": _price("Closing", nullable=False),
        "volume": _column("number", "Traded volume", nullable=True, bounds={"ge": 0}),
        "currency": _column("text", "Currency of the prices, ISO 4217", "currency", "ccy", nullable=True),
    },
    match=("*",),
    key=("symbol", "date"),
    rules=_BAR_RULES,
)

CORPORATE_ACTIONS = _known(
    "corporate_actions",
    "Corporate actions from dropped files",
    {
        "symbol": _SYMBOL,
        "ex_date": _column("day", "First session that trades without the right", "ex_date", "date"),
        "action": _column(
            "text",
            "split, dividend, spin_off or class_split",
            "action",
            "type",
            bounds={"isin": ["split", "dividend", "spin_off", "class_split"]},
        ),
        "ratio": _column("number", "New shares for an old one, of a split", nullable=True, bounds={"gt": 0}),
        "amount": _column(
            "number", "Value a share that leaves: cash, or the shares given", "amount", "value", nullable=True
        ),
        "currency": _column("text", "Currency of the amount, ISO 4217", "currency", "ccy", nullable=True),
        "announced_on": _column("day", "Day of the announcement", "announced_on", "declaration_date", nullable=True),
    },
    key=("symbol", "ex_date", "action"),
)

ADJUSTMENT_FACTORS = _known(
    "adjustment_factors",
    "Cumulative adjustment factors from dropped files; each row holds for dates up to its own",
    {
        "symbol": _column("text", "Permanent id or symbol", "symbol", "permtick", "permanent_id"),
        "date": _column("day", "Last session for which the factors hold"),
        "price_factor": _column("number", "Cumulative dividend factor", bounds={"gt": 0}),
        "split_factor": _column("number", "Cumulative split factor", bounds={"gt": 0}),
        "reference_price": _column(
            "number", "Close of that session as traded", "ref_price", "reference_price", nullable=True
        ),
    },
    key=("symbol", "date"),
)

TICKER_HISTORY = _known(
    "ticker_history",
    "Who held which ticker, from dropped files; a row ends the interval that the row before began",
    {
        "permanent_id": _column("text", "Id that outlives tickers", "permanent_id", "file", "permtick"),
        "ticker": _column("text", "Ticker", "ticker", "symbol"),
        "valid_to": _column("day", "Last day of the ticker", "valid_to", "date"),
        "exchange": _column("text", "Exchange", nullable=True),
    },
    key=("permanent_id", "valid_to"),
)

INTRADAY_BARS = _known(
    "intraday_bars",
    "Intraday bars from dropped files",
    {
        "symbol": _SYMBOL,
        "time": _column("instant", "Instant that names the bar (UTC)", "time", "timestamp", "datetime"),
        "interval_seconds": _column(
            "integer",
            "Length of the bar; a minute unless given",
            "interval_seconds",
            unit="s",
            nullable=True,
            bounds={"gt": 0},
        ),
        "named_by": _column(
            "text",
            "Whether time is the bar's open or close; open unless given",
            nullable=True,
            bounds={"isin": ["open", "close"]},
        ),
        "open": _price("First"),
        "high": _price("Highest"),
        "low": _price("Lowest"),
        "close": _price("Last", nullable=False),
        "volume": _column("number", "Traded volume", nullable=True, bounds={"ge": 0}),
        "calendar": _CALENDAR,
    },
    key=("symbol", "time"),
    rules=_BAR_RULES,
)

TRADES = _known(
    "trades",
    "Trades from dropped files; rows without a trade id are fills of their own, equal or not",
    {
        "symbol": _SYMBOL,
        "time": _column("instant", "Time of the trade (UTC)", "time", "timestamp", "ts"),
        "price": _column("number", "Price", unit="quote currency", bounds={"gt": 0}),
        "quantity": _column("number", "Quantity", "quantity", "size", "amount", bounds={"gt": 0}),
        "trade_id": _column("text", "Trade id of the venue", "trade_id", "id", nullable=True),
        "exchange": _column("text", "Venue of the trade", "exchange", "ex", nullable=True),
        "conditions": _column("text", "Sale conditions as sent", "conditions", "cond", nullable=True),
        "is_suspicious": _column("flag", "Marked by the vendor", "is_suspicious", "suspicious", nullable=True),
        "aggressor_side": _column(
            "text",
            "Side of the taker as the venue says it",
            "aggressor_side",
            "side",
            nullable=True,
            bounds={"isin": ["buy", "sell"]},
        ),
        "bid": _column("number", "Best bid just before the trade", "bid", nullable=True),
        "ask": _column("number", "Best ask just before the trade", "ask", nullable=True),
        "calendar": _CALENDAR,
    },
)

MACRO_OBSERVATIONS = _known(
    "macro_observations",
    "Macro observations with the day from which each was known, from dropped files",
    {
        "series_id": _column("text", "Series", "series_id", "series"),
        "period": _column("day", "First day of the period", "period", "date"),
        "value": _column("number", "Value; missing where the vintage has none", nullable=True),
        "known_from": _column("day", "First day on which it was the published value", "known_from", "vintage"),
        "frequency": _column("text", "Frequency: d, w, m, q or a", nullable=True),
        "title": _column("text", "Title of the series", nullable=True),
        "units": _column("text", "Units of the series in words", nullable=True),
        "seasonal_adjustment": _column("text", "SA, NSA, SAAR …", nullable=True),
    },
    key=("series_id", "period", "known_from"),
)

INDEX_VALUES = _known(
    "index_values",
    "Values of sentiment indices from dropped files",
    {
        "index_name": _column("text", "Index, such as cnn or alternative_me", "index_name", "index", "source"),
        "date": _column("day", "Day the value speaks of"),
        "value": _column("number", "Value", "value", "score", unit="index points"),
        "classification": _column("text", "Label", "classification", "rating", "label", nullable=True),
        "known_from": _column(
            "day", "First day on which it was the published value", "known_from", "vintage", nullable=True
        ),
    },
    key=("index_name", "date"),
)

DOCUMENTS = _known(
    "documents",
    "Posts and articles from dropped files",
    {
        "document_id": _column("text", "Id of the origin", "document_id", "id"),
        "published_at": _column("instant", "Time of publication (UTC)", "published_at", "time", "created_at"),
        "title": _column("text", "Title", nullable=True),
        "body": _column("text", "Text, markup allowed", "body", "text", nullable=True),
        "author": _column("text", "Author", nullable=True),
        "language": _column("text", "Language, ISO 639-1", "language", "lang", nullable=True),
        "url": _column("text", "Address", nullable=True),
        "kind": _column("text", "article or post", nullable=True, bounds={"isin": ["article", "post"]}),
        "feed": _column("text", "Where it was found; the file's name unless given", nullable=True),
        "score": _column("integer", "Votes for it less votes against it", unit="votes", nullable=True),
        "like_count": _column("integer", "Likes", "like_count", "likes", nullable=True, bounds={"ge": 0}),
        "comment_count": _column("integer", "Comments", "comment_count", "comments", nullable=True, bounds={"ge": 0}),
        "repost_count": _column("integer", "Reposts", "repost_count", "reposts", nullable=True, bounds={"ge": 0}),
    },
    key=("document_id",),
)

KNOWN_DATASETS: Mapping[str, FileDataset] = {
    known.name: known
    for known in (
        CORPORATE_ACTIONS,
        ADJUSTMENT_FACTORS,
        TICKER_HISTORY,
        INTRADAY_BARS,
        TRADES,
        MACRO_OBSERVATIONS,
        INDEX_VALUES,
        DOCUMENTS,
        DAILY_BARS,  # last: it takes the files that no other dataset takes
    )
}
