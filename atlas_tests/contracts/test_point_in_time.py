"""The join by time: what a slow search finds, never anything from the future, every rule of the docstring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.point_in_time import as_known

START = pd.Timestamp("2018-12-03", tz="UTC")
KEYS = ["ticker", "venue"]


def hours(values: list[int | None], unit: str = "us") -> pd.Series:
    """Instants, so many hours after the start."""
    moments = [pd.NaT if pd.isna(hour) else START + pd.Timedelta(hours=hour) for hour in values]
    return pd.Series(pd.to_datetime(moments, utc=True)).dt.as_unit(unit)


def decisions(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Rows of (ticker, venue, hour)."""
    frame = pd.DataFrame(rows, columns=[*KEYS, "hour"])
    return frame.assign(decided_at=hours(frame.pop("hour").tolist()))


def knowledge(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Rows of (ticker, venue, published, event, ingested, period), each with a value of its own."""
    frame = pd.DataFrame(rows, columns=[*KEYS, "published", "event", "ingested", "period"])
    return frame.assign(
        published_at=hours(frame.pop("published").tolist()),
        event_time=hours(frame.pop("event").tolist()),
        ingested_at=hours(frame.pop("ingested").tolist()),
        value=np.arange(len(frame), dtype=float),
    )


def by_hand(left: pd.DataFrame, right: pd.DataFrame, *, latest: str | None = None) -> list[float]:
    """The value of each decision's row, by looking at every row of the right."""

    def rank(time: Any) -> tuple[bool, Any]:
        return (not pd.isna(time), START if pd.isna(time) else time)

    found = []
    for one in left.itertuples():
        seen = [
            (place, row)
            for place, row in enumerate(right.itertuples())
            if all(isinstance(getattr(one, key), str) and getattr(one, key) == getattr(row, key) for key in KEYS)
            and not pd.isna(one.decided_at)
            and not pd.isna(row.published_at)
            and row.published_at <= one.decided_at
        ]
        if latest is not None:
            seen = [
                (place, row)
                for place, row in seen
                if all(row.period >= other.period for _, other in seen if other.published_at <= row.published_at)
            ]
        best = max(
            seen, key=lambda p: (p[1].published_at, rank(p[1].event_time), rank(p[1].ingested_at), p[0]), default=None
        )
        found.append(float("nan") if best is None else best[1].value)
    return found


def maybe(rng: np.random.Generator, most: int, size: int) -> list[int | None]:
    """Whole numbers from 0, every tenth missing."""
    return [None if rng.random() < 0.1 else int(number) for number in rng.integers(0, most, size)]


def names(rng: np.random.Generator, size: int) -> list[tuple[Any, Any]]:
    """Tickers, some of them missing, and venues."""
    return [(rng.choice(["BRK", "BRK/B", "", None]), rng.choice(["XNYS", "XTKS"])) for _ in range(size)]


def random_decisions(rng: np.random.Generator, size: int = 150) -> pd.DataFrame:
    """Decisions of the first forty hours."""
    return decisions([(*name, hour) for name, hour in zip(names(rng, size), maybe(rng, 40, size), strict=True)])


def random_knowledge(rng: np.random.Generator, size: int = 150, *, first: int = 0) -> pd.DataFrame:
    """What became known in forty hours, many of it at the same time."""
    published = [None if hour is None else first + hour for hour in maybe(rng, 40, size)]
    clocks = zip(published, maybe(rng, 3, size), maybe(rng, 3, size), rng.integers(0, 8, size), strict=True)
    return knowledge([(*name, *clock) for name, clock in zip(names(rng, size), clocks, strict=True)])


@pytest.mark.parametrize("latest", [None, "period"])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_a_plain_search_finds(seed, latest):
    rng = np.random.default_rng(seed)
    left, right = random_decisions(rng), random_knowledge(rng)
    joined = as_known(left, right, on="decided_at", by=KEYS, columns=["value"], latest=latest)
    np.testing.assert_array_equal(joined["value"], by_hand(left, right, latest=latest))


@pytest.mark.parametrize("latest", [None, "period"])
@pytest.mark.parametrize("seed", range(4))
def test_the_future_cannot_change_the_past(seed, latest):
    rng = np.random.default_rng(seed)
    cut = int(rng.integers(5, 35))
    now = START + pd.Timedelta(hours=cut)
    left, right = random_decisions(rng), random_knowledge(rng)
    left, past = left[left["decided_at"] <= now], right[right["published_at"] <= now]

    def joined(known: pd.DataFrame) -> pd.DataFrame:
        taken = ["published_at", "value"]
        return as_known(left, known, on="decided_at", by=KEYS, columns=taken, latest=latest)

    complete = joined(right)
    pd.testing.assert_frame_equal(joined(past), complete, check_exact=True)
    other = random_knowledge(rng, first=cut + 1).assign(value=-1.0)
    pd.testing.assert_frame_equal(joined(pd.concat([other, past, other])), complete, check_exact=True)
    found = complete.dropna(subset="value")
    assert len(found) > len(left) / 3
    assert (found["published_at"] <= found["decided_at"]).all()


def test_rows_index_and_types_of_the_left_stay():
    left = decisions([("A", "XNYS", 5), ("B", "XNYS", 1), ("A", "XNYS", 2)]).set_index(pd.Index([7, 7, 3]))
    left["note"] = pd.Categorical(["x", "y", "x"])
    right = knowledge([("A", "XNYS", 2, 0, 0, 1), ("A", "XNYS", 3, 0, 0, 2)])
    right = right.assign(count=pd.array([1, 2], dtype="Int64"), label=["one", "two"])
    joined = as_known(left, right, on="decided_at", by=KEYS, columns=["count", "label", "published_at"])
    pd.testing.assert_frame_equal(joined[left.columns], left)
    assert joined["count"].dtype == "Int64"
    assert joined["count"].tolist() == [2, pd.NA, 1]
    assert joined["label"].tolist()[::2] == ["two", "one"]
    assert pd.isna(joined["label"].iloc[1])
    assert joined["published_at"].dtype == right["published_at"].dtype


def test_a_row_counts_though_its_value_is_missing():
    right = knowledge([("A", "XNYS", 1, 0, 0, 1), ("A", "XNYS", 2, 0, 0, 2)]).assign(value=[1.0, np.nan])
    left = decisions([("A", "XNYS", 3)])
    assert as_known(left, right, on="decided_at", by=KEYS, columns=["value"])["value"].isna().all()
    present = right.dropna(subset="value")
    assert as_known(left, present, on="decided_at", by=KEYS, columns=["value"])["value"].tolist() == [1.0]


def test_without_keys_and_without_tie_columns():
    left = pd.DataFrame({"t": hours([0, 1, 2])})
    right = pd.DataFrame({"published_at": hours([1, 1]), "value": [1, 2]})
    assert as_known(left, right, on="t")["value"].fillna(-1).tolist() == [-1, 2, 2]
    assert as_known(left, right.iloc[:0], on="t")["value"].isna().all()
    assert len(as_known(left.iloc[:0], right, on="t")) == 0


def test_zones_may_differ_and_instants_decide():
    left = pd.DataFrame({"t": pd.to_datetime(["2018-11-04 01:30"]).tz_localize("America/New_York", ambiguous=[True])})
    right = pd.DataFrame(
        {
            "published_at": pd.to_datetime(["2018-11-04 14:30", "2018-11-04 14:31"]).tz_localize("Asia/Tokyo"),
            "n": [1, 2],
        }
    )
    assert as_known(left, right, on="t", columns=["n"])["n"].tolist() == [1]


def test_a_nanosecond_later_is_later():
    left = pd.DataFrame({"t": hours([1], "us")})
    right = pd.DataFrame({"published_at": hours([1], "ns") + pd.Timedelta(1, "ns"), "n": [1]})
    assert as_known(left, right, on="t", columns=["n"])["n"].isna().all()
    earlier = right.assign(published_at=right["published_at"] - pd.Timedelta(1, "ns"))
    assert as_known(left, earlier, on="t", columns=["n"])["n"].tolist() == [1]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"on": "when"}, "left frame has no column when"),
        ({"by": ["isin"]}, "left frame has no column isin"),
        ({"latest": "size"}, "right frame has no column size"),
        ({"columns": ["decided_at"]}, "right frame has no column decided_at"),
        ({"published_at": "period"}, "period has no time zone"),
        ({"on": "ticker"}, "ticker has no time zone"),
    ],
)
def test_refusals_say_what_is_wrong(change, complaint):
    left, right = decisions([("A", "XNYS", 1)]), knowledge([("A", "XNYS", 1, 0, 0, 1)])
    with pytest.raises(ValueError, match=complaint):
        as_known(left, right, **{"on": "decided_at", "by": KEYS, "columns": ["value"], **change})


def test_a_column_of_both_is_refused():
    left, right = decisions([("A", "XNYS", 1)]).assign(value=1.0), knowledge([("A", "XNYS", 1, 0, 0, 1)])
    with pytest.raises(ValueError, match="Both frames have a column value"):
        as_known(left, right, on="decided_at", by=KEYS)
