"""Settings: the outline's keys work, and every mistake is one sentence before any work."""

from __future__ import annotations

import pytest

from atlas_assets.data_sources.registry import enabled_sources
from atlas_assets.settings import PROJECT_ROOT, SettingsError, load_settings

CANARY = "canary-7f3a9c"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith("ATLAS_")]:
        monkeypatch.delenv(name)


def refusal(monkeypatch, tmp_path, text: str) -> str:
    (tmp_path / "sandbox.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("ATLAS_CONFIG_DIR", str(tmp_path))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def sandbox_with(old: str, new: str) -> str:
    text = (PROJECT_ROOT / "config" / "sandbox.yaml").read_text(encoding="utf-8")
    assert old in text
    return text.replace(old, new, 1)


def test_the_outlines_keys():
    settings = load_settings()
    assert settings.data_sources.eod_historical.api_key.get_secret_value()
    assert settings.data_sources.eod_historical.rate_limit == 1000
    assert settings.models.tvp_var.forgetting_factor == 0.99
    assert settings.models.tvp_var.window_size == 250
    assert (settings.logging.level, settings.logging.format) == ("INFO", "text")


def test_the_environment_wins(monkeypatch):
    monkeypatch.setenv("ATLAS_MODELS__TVP_VAR__FORGETTING_FACTOR", "0.95")
    monkeypatch.setenv("ATLAS_DATA_SOURCES__FRED__API_KEY", CANARY)
    settings = load_settings()
    assert settings.models.tvp_var.forgetting_factor == 0.95
    assert settings.models.tvp_var.window_size == 250
    assert settings.data_sources.fred.api_key.get_secret_value() == CANARY
    assert CANARY not in repr(settings)


def test_a_secret_from_a_mounted_file(monkeypatch, tmp_path):
    (tmp_path / "key").write_text(f"{CANARY}\n", encoding="utf-8")
    monkeypatch.setenv("ATLAS_DATA_SOURCES__FRED__API_KEY_FILE", str(tmp_path / "key"))
    assert load_settings().data_sources.fred.api_key.get_secret_value() == CANARY


def test_a_secret_file_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("ATLAS_DATA_SOURCES__FRED__API_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rate_limit: 1000", "rate_limt: 1000", "unknown key data_sources.eod_historical.rate_limt"),
        ("forgetting_factor: 0.99", "forgetting_factor: high", "models.tvp_var.forgetting_factor is not valid"),
        ("forgetting_factor: 0.99", "forgetting_factor: 1.5", "less than or equal to 1"),
        ("    symbols: [GSPC.INDX, IXIC.INDX]\n", "", "ATLAS_DATA_SOURCES__EOD_HISTORICAL__SYMBOLS"),
        ("  fred:\n", "  fredd:\n", "unknown key data_sources.fredd"),
        ("level: INFO", "level: LOUD", "logging.level is not valid"),
        ("environment: sandbox", "environment: [", "not valid YAML"),
        ("clock: 2018-12-31T23:59:59Z", "clock:", "clock must be set in the sandbox"),
        ("models:\n", "models:\n  document_scores: {engine: transformer}\n", "needs a model_folder"),
        ("models:\n", "models:\n  order_flow_features: {bucket_seconds: 1000}\n", "bucket_seconds must divide a day"),
        ("history_from: 1999-01-01", "history_from: 2020-01-01", "history_from must not be later"),
    ],
)
def test_every_mistake_is_one_sentence(monkeypatch, tmp_path, old, new, said):
    assert said in refusal(monkeypatch, tmp_path, sandbox_with(old, new))


def test_a_secret_of_the_wrong_type_is_not_repeated(monkeypatch, tmp_path):
    text = sandbox_with("api_key: sandbox-eodhd-key", f"api_key: [{CANARY}]")
    assert CANARY not in refusal(monkeypatch, tmp_path, text)


def test_an_environment_that_does_not_exist(monkeypatch):
    monkeypatch.setenv("ATLAS_ENV", "moon")
    with pytest.raises(SettingsError, match="choose one of"):
        load_settings()


def test_a_source_without_a_section_is_disabled(monkeypatch, tmp_path):
    text = sandbox_with("", "")
    start, end = text.index("  rss:"), text.index("models:")
    (tmp_path / "sandbox.yaml").write_text(text[:start] + text[end:], encoding="utf-8")
    monkeypatch.setenv("ATLAS_CONFIG_DIR", str(tmp_path))
    data_sources = load_settings().data_sources
    assert data_sources.rss is None
    assert "rss" not in {source.vendor.name for source, _ in enabled_sources(data_sources)}
    assert "fred" in {source.vendor.name for source, _ in enabled_sources(data_sources)}


def test_production_loads_without_any_secret(monkeypatch):
    monkeypatch.setenv("ATLAS_ENV", "production")
    settings = load_settings()
    assert settings.environment == "production"
    assert settings.data_sources.fred.secrets() == {}
