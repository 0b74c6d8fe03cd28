"""Log lines: for people or for machines, by settings."""

from __future__ import annotations

import json
import logging

import pytest

from atlas_assets.monitoring.logs import configure_logging


@pytest.fixture(autouse=True)
def the_logger_as_it_was():
    logger = logging.getLogger("atlas_assets")
    before = logger.handlers[:], logger.propagate, logger.level
    yield
    logger.handlers[:], logger.propagate, logger.level = before


def test_text_and_level(capsys):
    configure_logging(level="WARNING", format="text")
    logging.getLogger("atlas_assets.lake").info("quiet")
    logging.getLogger("atlas_assets.lake").warning("loud")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("WARNING atlas_assets.lake: loud")


def test_json_holds_the_exception(capsys):
    configure_logging(level="INFO", format="json")
    try:
        raise ValueError("broken\nin two lines")
    except ValueError:
        logging.getLogger("atlas_assets.x").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert (record["level"], record["logger"], record["message"]) == ("ERROR", "atlas_assets.x", "failed")
    assert "broken" in record["exception"]


def test_configured_twice_speaks_once(capsys):
    configure_logging(level="INFO", format="text")
    configure_logging(level="INFO", format="text")
    logging.getLogger("atlas_assets").info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1
