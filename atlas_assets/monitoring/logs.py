"""How the project's own log lines look."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Literal

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message and, where there is one, the exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(*, level: str, format: Literal["text", "json"]) -> None:  # noqa: A002 - the setting's name
    """Give the project's logger one handler; loggers of libraries are left alone.

    Parameters
    ----------
    level
        Least severe level that is shown.
    format
        ``"text"`` for people, ``"json"`` for machines.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if format == "json" else logging.Formatter(TEXT))
    logger = logging.getLogger("atlas_assets")
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(level)
