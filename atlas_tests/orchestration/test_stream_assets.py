"""Micro-batches become runs: the sensor notices each commit once, the asset says what came."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from atlas_assets.defs.streaming.assets import stream_asset, stream_sensor
from atlas_assets.orchestration.resources import LakeResource, configured_lake
from atlas_assets.orchestration.streaming import LakeSink
from atlas_assets.streaming.binance import BinanceCollector
from atlas_assets.streaming.channels import KLINES, MESSAGES, TRADES
from atlas_tests.streaming.tape import CANDLES_OF, TRADES_OF, Rest, candle_frame, trade, trade_frame

ASSETS = {channel: stream_asset(channel) for channel in (TRADES, KLINES, MESSAGES)}
SENSOR = stream_sensor(ASSETS)
# Two seconds after the vendor sent the frame of trade 6.
COMMITTED = datetime.fromtimestamp((trade(6)["T"] + 5 + 2_000) / 1000, UTC)


def stream(*frames: str, rest: Rest | None = None) -> None:
    sink = LakeSink(configured_lake(), (TRADES, KLINES), now=lambda: COMMITTED, origin={})
    collector = BinanceCollector([TRADES_OF, CANDLES_OF], sink, fetch=rest or Rest(), now=lambda: COMMITTED)
    for frame in frames:
        collector.take(frame)
    collector.flush()


@pytest.fixture
def instance(atlas_home):
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def materialize(instance, channel=TRADES) -> dict:
    result = dg.materialize([ASSETS[channel]], resources={"lake": LakeResource()}, instance=instance)
    (event,) = result.get_asset_materialization_events()
    made = event.materialization
    return {name: value.value for name, value in made.metadata.items()} | {"version": made.tags["dagster/data_version"]}


def asked(instance, cursor: str | None) -> tuple[set[str], str | None]:
    """The assets of which the sensor asks a run, and its new cursor."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor, sensor_name=SENSOR.name)
    found = SENSOR(context)
    if isinstance(found, dg.SkipReason):
        return set(), cursor
    assert isinstance(found, dg.SensorResult)
    return {key.path[-1] for one in found.run_requests or [] for key in one.asset_selection or []}, found.cursor


@pytest.fixture
def made(instance):
    """An instance in which every asset was made once."""
    for channel in ASSETS:
        materialize(instance, channel)
    return instance


def test_what_silver_waits_for_is_made_once(instance):
    assert asked(instance, None)[0] == {"trade_stream", "kline_stream", "messages"}
    for channel in ASSETS:
        assert materialize(instance, channel)["rows_added"] == 0
    assert asked(instance, None) == (set(), None)


def test_the_sensor_asks_once_for_each_commit(made):
    stream(trade_frame(1), candle_frame(1))
    keys, cursor = asked(made, None)
    assert keys == {"trade_stream", "kline_stream"}
    assert asked(made, cursor) == (set(), cursor)
    stream(trade_frame(3))
    keys, later = asked(made, cursor)
    assert keys == {"trade_stream"}
    assert int(later) > int(cursor)


def test_the_run_itself_is_no_news(made):
    stream(trade_frame(1))
    _, cursor = asked(made, None)
    materialize(made)
    assert asked(made, cursor) == (set(), cursor)


def test_a_run_says_what_was_added_since_the_last_one(instance):
    stream(trade_frame(1), trade_frame(2), trade_frame(6), rest=Rest(lacking=frozenset({4})))
    first = materialize(instance)
    assert (first["rows_added"], first["series"], first["gaps_missing"]) == (5, 1, 1)
    assert (first["first_number"], first["last_number"]) == (1, 6)
    assert first["lag_p50_seconds"] == pytest.approx(2 + (trade(6)["T"] - trade(2)["T"]) / 1000)
    again = materialize(instance)
    assert (again["rows_added"], again["gaps_missing"], again["version"]) == (0, 0, first["version"])
    stream(trade_frame(7), rest=Rest(lacking=frozenset({4})))
    more = materialize(instance)
    assert (more["rows_added"], more["first_number"], more["last_number"]) == (1, 7, 7)
    assert more["version"] != again["version"]


def test_merged_files_are_no_news(made):
    stream(trade_frame(1))
    stream(trade_frame(2))
    _, cursor = asked(made, None)
    before = materialize(made)
    configured_lake().compact(TRADES.table.name)
    assert asked(made, cursor) == (set(), cursor)
    after = materialize(made)
    assert (after["rows_added"], after["version"]) == (0, before["version"])
