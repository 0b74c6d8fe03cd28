"""Imported once by the server from which the writers are forked."""

import duckdb
import filelock
import pandas as pd
import psycopg2
import pyarrow.compute
import zstandard
from upath import UPath

import atlas_assets.lake.lake

__all__ = ["UPath", "atlas_assets", "duckdb", "filelock", "pd", "psycopg2", "pyarrow", "zstandard"]
