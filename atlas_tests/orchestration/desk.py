"""A home whose landing folder people drop files into, as the tests of landing use it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import yaml

from atlas_assets.data_sources.files.known import DAILY_BARS
from atlas_assets.orchestration import inboxes
from atlas_assets.orchestration.inboxes import waiting_for
from atlas_assets.orchestration.landing import Landing
from atlas_tests.conftest import REPOSITORY

BARS = "raw.landing_daily_bars"
LONG_AGO = 1_000_000_000


class Desk:
    """A home, its lake, and the taking of what lies in its landing folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.landing = home / "landing"
        self.landing.mkdir()
        self.now = datetime(2018, 12, 31, 23, tzinfo=UTC)
        self.messages: list[str] = []

    def drop(self, name: str, content: str) -> None:
        file = self.landing / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8", newline="")
        os.utime(file, (LONG_AGO, LONG_AGO))

    def take(self) -> dict[str, dict]:
        """What every landing asset does, without Dagster's machinery: its numbers by table."""
        from atlas_assets.contracts.schema import arrow_schema, primary_key
        from atlas_assets.lake import CommitInfo
        from atlas_assets.orchestration.resources import configured_settings

        told = {}
        self.messages = []
        settings = configured_settings()
        waiting = waiting_for(settings, now_seconds=LONG_AGO + 10)
        for table in inboxes.inboxes(settings):
            landing = Landing(table, lake=self.lake, now=settings.now(), run_id="test")
            schema, keys = arrow_schema(table.contract), primary_key(table.contract)
            self.lake.create_table(table.name, schema)
            for batch in landing.batches(waiting.get(table, [])):
                self.lake.replace(
                    table.name, batch.rows, schema=schema, keys=keys, window=batch.windows, records=batch.records,
                    commit=CommitInfo(run_id="test", asset=table.name),
                )  # fmt: skip
            self.messages += landing.tally.messages
            told[table.name] = landing.tally.metadata() | {"version": self.lake.version(table.name)}
        return told

    def run(self) -> tuple[dict, dg.AssetCheckEvaluation]:
        """Run the asset of daily bars; its metadata and its check."""
        from atlas_assets.defs.landing.assets import landing_asset
        from atlas_assets.orchestration.resources import LakeResource

        with dg.DagsterInstance.ephemeral() as instance:
            asset = landing_asset(DAILY_BARS.table)
            result = dg.materialize([asset], resources={"lake": LakeResource()}, instance=instance)
            (made,) = result.get_asset_materialization_events()
            (check,) = result.get_asset_check_evaluations()
        return {key: value.value for key, value in made.materialization.metadata.items()}, check

    @property
    def lake(self):
        from atlas_assets.orchestration.resources import configured_lake

        return configured_lake()

    def rows(self, table: str = BARS) -> list[dict]:
        return self.lake.read_arrow(table).to_pylist()

    def reason(self, name: str) -> str:
        return (self.landing / "rejected" / f"{name}.reason.txt").read_text(encoding="utf-8")


def configure(monkeypatch, home: Path, **landing) -> None:
    """The sandbox's settings with another section on landing."""
    from atlas_assets.orchestration import resources

    values = yaml.safe_load((REPOSITORY / "config" / "sandbox.yaml").read_text(encoding="utf-8"))
    (home / "config").mkdir()
    (home / "config" / "sandbox.yaml").write_text(yaml.safe_dump(values | {"landing": landing}), encoding="utf-8")
    monkeypatch.setenv("ATLAS_CONFIG_DIR", str(home / "config"))
    resources.configured_settings.cache_clear()
