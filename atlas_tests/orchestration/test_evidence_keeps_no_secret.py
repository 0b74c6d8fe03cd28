"""Dagster's own storage and the logs of its runs: whatever a load does, its vendor's key is in none of them."""

from __future__ import annotations

import logging
import sys

import dagster as dg
import httpx
import pytest

from atlas_assets.data_sources.client.http import HttpClient
from atlas_assets.data_sources.registry import section_of, source_of
from atlas_assets.orchestration.resources import LakeResource, VendorResource, configured_settings
from atlas_assets.sandbox import SandboxTransport

CANARY = "cAnArY.eodhd-7f3a9"


class Answering(VendorResource):
    """Vendors that answer well, or quote what they were sent and refuse it."""

    refuse: bool

    def _sandbox(self):
        if self.refuse:
            return httpx.MockTransport(refusal)
        return SandboxTransport(clock=configured_settings().now(), keys={"eod_historical": CANARY})


def refusal(request: httpx.Request) -> httpx.Response:
    return httpx.Response(403, text=f"You sent {request.url} with {dict(request.headers)}.", request=request)


@pytest.fixture
def loud(monkeypatch):
    """Everything is logged at the finest level to where Dagster captures it; waits take no time."""
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)

    class Captured(logging.Handler):
        def emit(self, record):
            print(self.format(record), file=sys.stderr, flush=True)

    root, handler = logging.getLogger(), Captured()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("refuse", [False, True], ids=["succeeds", "fails"])
def test_no_key_is_in_what_dagster_keeps(atlas_home, loud, monkeypatch, refuse):
    monkeypatch.setenv("ATLAS_DATA_SOURCES__EOD_HISTORICAL__API_KEY", CANARY)
    home = atlas_home / "data" / "dagster"
    home.mkdir(parents=True)
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        result = dg.materialize(
            [asset_of(source_of("raw.eodhd_eod"))],
            partition_key="2018-12-31",
            instance=instance,
            resources={"lake": LakeResource(), "vendors": Answering(refuse=refuse)},
            raise_on_error=False,
        )
        assert result.success != refuse
        run_id = result.run_id
    kept = {file: file.read_bytes() for file in atlas_home.rglob("*") if file.is_file()}
    # The search can find: the run and what the vendor was asked are there, in the storage and in the captured log.
    for suffix in (".db", ".err"):
        assert any(run_id.encode() in content for file, content in kept.items() if file.suffix == suffix), suffix
    assert any(b"REDACTED" in content for content in kept.values())
    for file, content in kept.items():
        assert CANARY.encode() not in content, file


def asset_of(source) -> dg.AssetsDefinition:
    from atlas_assets.defs.sources.assets import raw_asset

    section = section_of(source.vendor, configured_settings().data_sources)
    assert section is not None
    return raw_asset(source, section)
