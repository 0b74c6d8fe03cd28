"""The doctor names what is wrong and what to do, and never shows a secret."""

from __future__ import annotations

import os
import socket

import pytest

from atlas_assets.orchestration import doctor
from atlas_assets.settings import load_settings


def findings(name: str | None = None) -> list[doctor.Finding]:
    found = doctor.examine(load_settings())
    return [finding for finding in found if name is None or finding.subject == name]


def test_a_new_home_is_well(atlas_home):
    assert [finding for finding in findings() if not finding.ok] == []
    assert {finding.subject for finding in findings()} >= {
        "python",
        "packages",
        "lake folder",
        "lake",
        "dbt",
        "port 3000",
    }


def test_a_source_that_lacks_its_key_says_what_to_set_and_the_others_are_ready(atlas_home, monkeypatch):
    monkeypatch.setenv("ATLAS_DATA_SOURCES__FRED__API_KEY", "")
    (lacking,) = findings("source fred")
    variable = "ATLAS_DATA_SOURCES__FRED__API_KEY"
    assert lacking == doctor.Finding("source fred", False, f"lacks api_key: set {variable} (or {variable}_FILE)")
    assert findings("source eodhd") == [doctor.Finding("source eodhd", True, "ready, api_key set")]
    assert findings("source binance") == [doctor.Finding("source binance", True, "ready, needs no key")]


@pytest.mark.parametrize("kind", ["demo", "pro"])
def test_a_kind_of_key_without_the_key_is_told(atlas_home, monkeypatch, kind):
    monkeypatch.setenv("ATLAS_DATA_SOURCES__COINGECKO__KEY_KIND", kind)
    monkeypatch.setenv("ATLAS_DATA_SOURCES__COINGECKO__API_KEY", "")
    (lacking,) = findings("source coingecko")
    assert (lacking.ok, lacking.detail.split(":")[0]) == (False, "lacks api_key")
    monkeypatch.setenv("ATLAS_DATA_SOURCES__COINGECKO__API_KEY", "key")
    assert findings("source coingecko") == [doctor.Finding("source coingecko", True, "ready, api_key set")]


def test_no_secret_is_shown(atlas_home, monkeypatch):
    monkeypatch.setenv("ATLAS_DATA_SOURCES__FRED__API_KEY", "0123secret4567")
    assert not [finding for finding in findings() if "0123secret4567" in str(finding)]


def test_a_disabled_source_is_said_to_be(atlas_home, monkeypatch):
    monkeypatch.setenv("ATLAS_DATA_SOURCES__FRED__ENABLED", "false")
    assert findings("source fred") == [doctor.Finding("source fred", True, "disabled")]


def test_a_full_disk_is_a_problem(atlas_home, monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", 2**62)
    (finding,) = findings("lake folder")
    assert not finding.ok
    assert finding.detail.endswith("free some space")


def test_a_folder_that_cannot_be_made_is_a_problem(atlas_home, monkeypatch):
    (atlas_home / "file").write_text("in the way")
    monkeypatch.setenv("ATLAS_LANDING__FOLDER", "file/landing")
    (finding,) = findings("landing folder")
    assert not finding.ok
    assert "cannot be written" in finding.detail


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_someone_else_is_a_problem(atlas_home):
    (atlas_home / "landing").mkdir(mode=0o500)
    (finding,) = findings("landing folder")
    assert not finding.ok


def test_a_broken_catalog_is_a_problem(atlas_home):
    assert findings("lake")[0].ok
    (catalog,) = (file for file in (atlas_home / "data" / "lake").glob("*.sqlite*") if file.suffix == ".sqlite")
    catalog.write_bytes(b"not a database" * 100)
    (finding,) = findings("lake")
    assert not finding.ok
    assert "\n" not in finding.detail


def test_another_version_than_pinned_is_a_problem(atlas_home, monkeypatch):
    monkeypatch.setattr(doctor.importlib.metadata, "version", lambda name: "0.0.1")
    (finding,) = findings("packages")
    assert not finding.ok
    assert "duckdb 0.0.1 instead of " in finding.detail
    assert finding.detail.endswith("run make setup")


def test_a_taken_port_is_told(atlas_home):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 3000))
        except OSError:
            pytest.skip("port 3000 is taken by something else")
        taken.listen()
        assert "in use" in findings("port 3000")[0].detail
