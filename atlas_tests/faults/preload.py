"""Imported once by the server from which the writers are forked."""

import duckdb
import filelock
import pandas as pd
import psycopg2
import pyarrow.compute
import websockets.sync.client
import zstandard
from upath import UPath

import atlas_assets.contracts.columns
import atlas_assets.lake.lake
import atlas_assets.orchestration.streaming
import atlas_assets.streaming.binance
import atlas_assets.streaming.kafka
import atlas_assets.streaming.websocket

__all__ = ["UPath", "atlas_assets", "duckdb", "filelock", "pd", "psycopg2", "pyarrow", "websockets", "zstandard"]
