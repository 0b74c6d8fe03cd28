"""What the daemon does by itself: a dropped file changes gold, and nobody clicks."""

from __future__ import annotations

import os
import time

import pandas as pd
import pytest

from atlas_tests.ui.server import ENDED, AtlasUi, waited_for

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.xdist_group("ui")]

SYMBOL = "HARBOUR"
SESSIONS = 80
GOLD_SECONDS = 900  # a minute and a half on a free machine


def bars() -> str:
    sessions = pd.bdate_range(end="2018-12-28", periods=SESSIONS)
    lines = [
        f"{SYMBOL},{day:%Y-%m-%d},{close - 0.5},{close + 1},{close - 1},{close},{1000 + 10 * number}"
        for number, day in enumerate(sessions)
        for close in [50 + 0.25 * number + (number % 7) * 0.5]
    ]
    # The last row cannot be read; the others are good all the same.
    return "\n".join(["symbol,date,open,high,low,close,volume", *lines, f"{SYMBOL},2018-12-31,,,,?,", ""])


def test_a_dropped_file_changes_gold(ui: AtlasUi):
    landing, lake = ui.home.landing, ui.home.lake()
    before = {run["runId"] for run in ui.runs()}
    bad, good = landing / "bad.csv", landing / "harbour.csv"
    bad.write_text("symbol,date,close\nHARBOUR,2018-12-28,n/a\n", encoding="utf-8")
    # As a careful tool does: written under another name, then renamed.
    hidden = landing / ".harbour.csv.part"
    hidden.write_text(bars(), encoding="utf-8")
    os.replace(hidden, good)
    dropped = time.monotonic()

    def landed() -> pd.DataFrame | None:
        rows = lake.read("gold.technical_indicators", symbols=[SYMBOL])
        return None if rows.empty else rows

    rows = waited_for(f"{SYMBOL} in gold", landed, seconds=GOLD_SECONDS)
    print(f"\n{time.monotonic() - dropped:.1f} s from dropping a file to gold")
    assert len(rows) == SESSIONS
    assert rows["sma_50"].notna().sum() == SESSIONS - 49
    assert rows["close_split_adj"].iloc[-1] == pytest.approx(50 + 0.25 * 79 + (79 % 7) * 0.5)

    (aside,) = lake.sql("SELECT position, reason FROM lake.raw.quarantine WHERE dataset = 'daily_bars'").to_pylist()
    assert aside["position"] == SESSIONS + 1
    assert "close is not a number: '?'" in aside["reason"]

    assert not good.exists()
    assert not bad.exists()
    reason = landing / "rejected" / "bad.csv.reason.txt"
    assert "row 1: close is not a number: 'n/a'" in reason.read_text(encoding="utf-8")
    assert (landing / "rejected" / "bad.csv").read_text(encoding="utf-8").endswith(",n/a\n")
    assert len(list((landing / "rejected").iterdir())) == 2

    def settled() -> list[dict] | None:
        new = [run for run in ui.runs() if run["runId"] not in before]
        quiet = all(run["status"] in ENDED for run in new)
        made = {"/".join(key["path"]) for run in new for key in run["assetSelection"] or []}
        return new if quiet and "gold/risk_management/var_backtests" in made else None

    new = waited_for("the end of what the file set off", settled, seconds=GOLD_SECONDS)
    print(f"{time.monotonic() - dropped:.1f} s from dropping a file to the last of {len(new)} runs")
    assert {run["status"] for run in new} == {"SUCCESS"}
    untouched = {"gold/indicators/vpin", "gold/sentiment/instrument_sentiment"}
    made = {"/".join(key["path"]) for run in new for key in run["assetSelection"] or []}
    assert made.isdisjoint(untouched)
