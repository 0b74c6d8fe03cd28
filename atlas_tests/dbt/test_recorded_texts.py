"""Silver of recorded indices and texts: what is caught in them, printed, and held against what is known of them."""

from __future__ import annotations

import csv
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from atlas_assets.lake import Lake, LakeConfig
from atlas_assets.sentiment.duplicates import comparable
from atlas_tests.dbt.conftest import Workbench, dbt_environment
from atlas_tests.dbt.vendor_rows import bar

pytestmark = [pytest.mark.recorded, pytest.mark.xdist_group("dbt_recorded_texts")]

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FOLDERS = ("fear_greed", "sentiment_en", "sentiment_ja")
SECOND_CNN = DATA / "fear_greed" / "cnn_hackingthemarkets_2011_2020.csv"
COMMON_DAYS, DIFFERING_DAYS = 2_423, 458
NAMES = {"AAPL": "Apple Inc", "MSFT": "Microsoft Corporation", "TSLA": "Tesla Inc", "F": "Ford Motor Company"}


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _index(name: str, file: str, rows: list[tuple[str, float, str | None]]) -> list[dict[str, Any]]:
    return [
        {"file_name": file, "row_number": number, "index_name": name, "date": date.fromisoformat(day), "value": value,
         "classification": label}
        for number, (day, value, label) in enumerate(rows, 1)
    ]  # fmt: skip


def _second_history(first: list[tuple[str, float, str | None]]) -> list[tuple[str, float, str | None]]:
    """The other CNN history; where it is absent one of its size, seeded, that differs on as many days."""
    if SECOND_CNN.is_file():
        return [(row["Date"], float(row["Fear Greed"]), None) for row in _csv(SECOND_CNN)]
    dice = random.Random(458)
    common = first[:COMMON_DAYS]
    changed = set(dice.sample(range(COMMON_DAYS), DIFFERING_DAYS))
    return [
        (day, (value + dice.randint(1, 9)) % 100 if place in changed else value, label)
        for place, (day, value, label) in enumerate(common)
    ]


def _texts() -> list[tuple[str, str, datetime]]:
    """Origin, text and time of every recorded text; those without a time are a minute apart."""
    minutes = (datetime(2019, 1, 1, tzinfo=UTC) + timedelta(minutes=n) for n in range(10**6))
    english = DATA / "sentiment_en"
    found = [
        (name, row["text"], next(minutes))
        for name in ("twitter_fin_news_sent_valid", "vader_tweets_groundtruth")
        for row in _csv(english / f"{name}.csv")
    ]
    japanese = DATA / "sentiment_ja"
    sentences = pq.read_table(japanese / "chabsa.parquet", columns=["text"])["text"].to_pylist()
    found += [("chabsa", text, next(minutes)) for text in sentences]
    (survey,) = japanese.glob("economy_watchers_*.parquet")
    for row in pq.read_table(survey, columns=["year_month", "text"]).slice(0, 12_000).to_pylist():
        # The survey of a month comes out on about the 8th of the next one.
        year, month = divmod(int(row["year_month"][:4]) * 12 + int(row["year_month"][4:]), 12)
        found.append(("economy_watchers", row["text"], datetime(year, month + 1, 8, tzinfo=UTC)))
    return [one for one in found if one[1]]


@pytest.fixture(scope="module")
def texts() -> list[tuple[str, str, datetime]]:
    return _texts()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake into which the recorded files were dropped."""
    if absent := [name for name in FOLDERS if not (DATA / name).is_dir()]:
        pytest.skip(f"recorded data {', '.join(absent)} is not in ../shared/data")
    folder = tmp_path_factory.mktemp("recorded")
    lake = Lake(LakeConfig(root=folder / "lake"))
    bench = Workbench(lake, folder / "target")
    cnn = [
        (row["Date"], float(row["Fear Greed"]), row["Rating"])
        for row in _csv(DATA / "fear_greed" / "cnn_fear_greed_2011_2026.csv")
    ]
    crypto = [
        (row["Date"], float(row["fng_value"]), row["fng_class"])
        for row in _csv(DATA / "fear_greed" / "crypto_fng_2018_2026.csv")
    ]
    indices = [*_index("cnn", "cnn.csv", cnn), *_index("alternative_me", "crypto.csv", crypto)]
    bench.load("raw.landing_index_values", "2026-05-02", indices, received="2026-05-02")
    second = _index("cnn", "second.csv", _second_history(cnn))
    known = {day: label for day, _, label in cnn}
    for row in second:  # a label that one file lacks is no other value
        row["classification"] = row["classification"] or known.get(str(row["date"]))
    bench.load("raw.landing_index_values", "2026-05-03", second, received="2026-05-03", object_id="b")
    bench.load(
        "raw.landing_documents",
        "2026-05-02",
        [
            {"file_name": f"{origin}.csv", "row_number": number, "document_id": str(number), "published_at": time,
             "body": text, "kind": "post"}
            for number, (origin, text, time) in enumerate(_texts(), 1)
        ],
        received="2026-05-02",
    )  # fmt: skip
    bars = [bar(f"{symbol}.US", "2019-01-02", 10.0) for symbol in NAMES]
    bench.load("raw.eodhd_eod", "2019-01-02", bars, received="2019-01-03")
    symbols = [
        {"exchange": "US", "snapshot_date": date(2019, 1, 2), "code": code, "is_delisted": False, "name": name}
        for code, name in NAMES.items()
    ]
    bench.load("raw.eodhd_symbols", "2019-01-02", symbols, received="2019-01-03")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in dbt_environment(lake, run_id="test-run").items():
            patch.setenv(name, value)
        selected = ("--select", "path:models/silver/sentiment", "ticker_history", "instruments")
        bench.dbt("build", "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious", *selected)
    return lake


def _rows(lake: Lake, query: str) -> list[dict[str, Any]]:
    return lake.sql(query).to_pylist()


def test_cnn_revisions_hole_and_change_of_method(lake: Lake) -> None:
    rows = _rows(
        lake, "SELECT * FROM lake.silver.fear_greed WHERE index_name = 'cnn' ORDER BY session_date, known_from"
    )
    first = {row["session_date"]: row for row in reversed(rows)}
    revised = Counter(row["session_date"] for row in rows)
    days = sorted(first)
    gaps = np.diff(np.array(days, dtype="datetime64[D]")).astype(int)
    hole = int(gaps.max())
    fraction = next(day for day in days if first[day]["value"] % 1)
    revisions = sum(count - 1 for count in revised.values())
    origin = "recorded" if SECOND_CNN.is_file() else "seeded"
    print(
        f"\nCNN: {len(days)} days, {revisions} revised by the second history ({origin}); hole of {hole} days after "
        f"{days[int(gaps.argmax())]}; first value with decimals on {fraction}"
    )
    assert (len(days), revisions) == (3_834, DIFFERING_DAYS)
    assert hole == 34
    assert (fraction.year, fraction.month) == (2021, 2)
    current = _rows(lake, "SELECT count(*) AS n FROM lake.silver.fear_greed WHERE index_name = 'cnn' AND is_current")
    assert current == [{"n": len(first)}]
    # As of the day before the second history came, the first one stands.
    query = (
        "SELECT count(*) AS n FROM lake.silver.fear_greed WHERE index_name = 'cnn' "
        "AND known_from <= TIMESTAMPTZ '2026-05-02 23:00:00+00' AND known_to > TIMESTAMPTZ '2026-05-02 23:00:00+00' "
        "AND ingested_at > TIMESTAMPTZ '2026-05-02 23:00:00+00'"
    )
    assert _rows(lake, query) == [{"n": 0}]


def test_crypto_days_that_are_missing(lake: Lake) -> None:
    query = "SELECT session_date FROM lake.silver.fear_greed WHERE index_name = 'alternative_me' ORDER BY 1"
    days = np.array([row["session_date"] for row in _rows(lake, query)], dtype="datetime64[D]")
    gaps = np.diff(days).astype(int)
    missing = int((gaps - 1).sum())
    print(f"\nalternative.me: {len(days)} days, {missing} missing in {(gaps > 1).sum()} gaps, the longest {gaps.max()}")
    assert (len(days), int(gaps.max())) == (2_942, 4)
    assert missing == int((days[-1] - days[0]).astype(int)) + 1 - len(days)


def test_languages(lake: Lake) -> None:
    query = "SELECT feed, language, count(*) AS n FROM lake.silver.documents GROUP BY ALL"
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in _rows(lake, query):
        counts[row["feed"].removesuffix(".csv")][row["language"]] = row["n"]
    expected = {"twitter_fin_news_sent_valid": "en", "vader_tweets_groundtruth": "en", "chabsa": "ja"}
    expected["economy_watchers"] = "ja"
    for name, language in expected.items():
        total = counts[name].total()
        right = counts[name][language] / total
        print(f"\n{name}: {right:.2%} of {total} are {language}; {dict(counts[name].most_common(4))}")
        # What is not told is und: headings of Han characters alone, tweets without a common word.
        assert right >= {"en": 0.93, "ja": 0.96}[language]
        assert counts[name][language] + counts[name]["und"] >= 0.99 * total


def test_copies(lake: Lake, texts: list[tuple[str, str, datetime]]) -> None:
    query = (
        "SELECT d.body_raw AS text, d.feed, g.* FROM lake.silver.document_groups AS g "
        "JOIN lake.silver.documents AS d USING (document_id)"
    )
    rows = _rows(lake, query)
    assert len(rows) == len(texts)
    copies = [row for row in rows if row["duplicate_rank"] > 1]
    leaders = {row["document_id"]: row for row in rows}
    near = [row for row in copies if comparable(row["text"]) != comparable(leaders[row["duplicate_group"]]["text"])]
    floods = [row for row in rows if row["flood_size"] >= 5]
    by_feed = Counter(row["feed"] for row in copies)
    print(f"\n{len(copies)} copies, {len(near)} of them near ones, {len(floods)} posts in floods of 5; {dict(by_feed)}")
    for row in near[:5]:
        print(f"  {row['text'][:90]!r} ~ {leaders[row['duplicate_group']]['text'][:90]!r}")
    groups: defaultdict[tuple[date, str], set[str]] = defaultdict(set)
    for row in rows:
        if text := comparable(row["text"]):
            groups[row["session_date"], text].add(row["duplicate_group"])
    # Texts that are equal on one day are one group.
    assert sum(len(found) > 1 for found in groups.values()) == 0
    assert len(near) >= 20


def test_mentions(lake: Lake) -> None:
    query = (
        "SELECT m.symbol, m.method, d.title, d.body, m.position, m.evidence FROM lake.silver.document_mentions AS m "
        "JOIN lake.silver.documents AS d USING (document_id)"
    )
    rows = _rows(lake, query)
    for row in rows:
        assert row["body"][row["position"] - 1 :].startswith(row["evidence"])
    methods = Counter((row["symbol"], row["method"]) for row in rows)
    print(f"\nmentions: {dict(sorted(methods.items()))}")
    bodies = [row["body"] for row in _rows(lake, "SELECT body FROM lake.silver.documents WHERE feed LIKE 'twitter%'")]
    for symbol in NAMES:
        tagged = sum(len(re.findall(rf"(?<![\w$])\${symbol}(?![\w$./-])", body)) for body in bodies)
        assert methods[symbol, "cashtag"] >= tagged > 0
    # A letter alone and an everyday word are no mention.
    assert methods["F", "ticker"] == 0
    assert not [row for row in rows if row["method"] == "name" and row["evidence"].lower() == "ford"]
