"""What the models need from DuckDB beyond SQL: the lake's extensions and plain text from markup."""

import html
import re
import unicodedata
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from atlas_assets.lake.extensions import install_extension

_UNSEEN = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")


def plain_text(markup: str) -> str:
    """Text without markup, NFKC-normalised, with each run of white space folded into one blank.

    Markup goes before entities are resolved, so that ``1 &lt; 2`` is text and not a tag.
    """
    text = html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", markup)))
    return " ".join(unicodedata.normalize("NFKC", text).split())


class Plugin(BasePlugin):
    """Loaded by dbt-duckdb as the profile says."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Put the lake's extensions where the engine looks for them; nothing is downloaded."""
        folder = Path(config["extension_directory"]).absolute()
        lake = "".join(attached.path for attached in creds.attach or [])
        for name in ("ducklake", "sqlite_scanner" if "ducklake:sqlite:" in lake else "postgres_scanner"):
            install_extension(name, folder)

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Register ``plain_text``."""
        conn.create_function("plain_text", plain_text)
