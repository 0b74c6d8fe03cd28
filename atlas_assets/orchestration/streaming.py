"""Streams and the lake: batches become commits, and what a stream lacks is asked of the vendor's REST interface."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from atlas_assets.data_sources.client.errors import SourceError
from atlas_assets.data_sources.client.reply import validate_json
from atlas_assets.lake import CommitInfo, CoverageEntry, LakeError, ObjectRecord, QuarantinedRow
from atlas_assets.streaming.batch import Batch, RestReply, Row
from atlas_assets.streaming.channels import KLINES, Channel, Series
from atlas_assets.streaming.errors import BackfillFailed, SinkUnavailable
from atlas_assets.streaming.frames import channel_of, step_of
from atlas_assets.streaming.sink import RUN_PREFIX

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.data_sources.client.reply import Reply
    from atlas_assets.data_sources.crypto.binance import BinanceAggTrades, BinanceKlines
    from atlas_assets.lake import Lake, Record

logger = logging.getLogger(__name__)

PAGE = 1000
LEDGER = "raw.objects"
# How far back holes are looked for.
HEALED_DAYS = 7


class LakeSink:
    """Commits batches: the rows, what they were read from and what is missing, in one transaction.

    How far a stream has come is read from the rows themselves, under the commit lock whenever anybody else may have
    written: no row is lost or doubled by a kill, a repetition or a second consumer.

    Parameters
    ----------
    lake
        Where the tables are.
    channels
        The tables to be filled; those that lack are created.
    now
        The present (UTC).
    origin
        What the stream was asked for, without secrets: kept with each stored object.
    lock_seconds
        How long a commit waits for the lock before it is tried again.
    commits_per_merge
        Commits of a table after which its small files are merged.
    """

    def __init__(
        self,
        lake: Lake,
        channels: tuple[Channel, ...],
        *,
        now: Callable[[], datetime],
        origin: Mapping[str, Any],
        lock_seconds: float = 5.0,
        commits_per_merge: int = 500,
    ) -> None:
        from atlas_assets.contracts.schema import arrow_schema, description

        self.run_id = f"{RUN_PREFIX}{secrets.token_hex(6)}"
        self._lake = lake
        self._now = now
        self._origin = json.dumps(dict(origin), sort_keys=True)
        self._lock_seconds = lock_seconds
        self._commits_per_merge = commits_per_merge
        self._commits = dict.fromkeys(channels, 0)
        self._stored: dict[Channel, dict[Series, int]] = {}
        self._versions: dict[Channel, str] = {}
        self._snapshot: int | None = None
        for channel in channels:
            contract = channel.table.contract
            lake.create_table(channel.table.name, arrow_schema(contract), description=description(contract))

    def positions(self, channel: Channel) -> Mapping[Series, int]:
        """The largest stored number of each series."""
        columns = ", ".join(f'"{name}"' for name in channel.series)
        found = self._lake.sql(
            f"SELECT {columns}, max({channel.number}) FROM lake.{channel.table.name} GROUP BY {columns}"
        )
        return {tuple(row[:-1]): row[-1] for row in zip(*(column.to_pylist() for column in found.columns), strict=True)}

    def holes(self, channel: Channel) -> list[tuple[Series, int, int]]:
        """The numbers that lack between rows of the last days: series, first and last of each run."""
        if channel.step is None:
            return []
        columns, name = ", ".join(f'"{column}"' for column in channel.series), f"lake.{channel.table.name}"
        found = self._lake.sql(
            f"WITH numbered AS (SELECT {columns}, {channel.number} AS number, {channel.step} AS step FROM {name}"
            f" WHERE partition_date >= (SELECT max(partition_date) - {HEALED_DAYS} FROM {name})),"
            f" followed AS (SELECT *, lead(number) OVER (PARTITION BY {columns} ORDER BY number) AS next FROM numbered)"
            f" SELECT {columns}, number + step, next - step FROM followed WHERE next > number + step ORDER BY number"
        )
        rows = zip(*(column.to_pylist() for column in found.columns), strict=True)
        return [(tuple(row[:-2]), row[-2], row[-1]) for row in rows]

    def append(self, batch: Batch) -> int:
        """Commit a batch; how many of its rows were new.

        Raises
        ------
        SinkUnavailable
            When the lake is locked or cannot be written.
        """
        try:
            added = self._append(batch)
        except (LakeError, OSError) as error:
            # It may have been committed all the same: the next attempt asks the table.
            self._snapshot = None
            raise SinkUnavailable(str(error)) from error
        self._merge_in_time(batch.channel)
        return added

    def _append(self, batch: Batch) -> int:
        from atlas_assets.contracts.schema import arrow_schema, primary_key

        channel, now = batch.channel, self._now()
        name, contract = channel.table.name, channel.table.contract
        object_ids, records = self._store_objects(batch, now)
        with self._lake.commit_lock(timeout=self._lock_seconds):
            self._see_other_writers()
            stored = self._stored.setdefault(channel, {})
            values = [
                {
                    **row.values,
                    "partition_date": _day(row.happened_ms),
                    "object_id": object_ids[id(row.reply)],
                    "ingested_at": now,
                }
                for row in self._new_rows(batch, stored)
            ]
            result = self._lake.replace(
                name,
                _table(values, arrow_schema(contract)),
                schema=arrow_schema(contract),
                keys=primary_key(contract),
                window=(),
                commit=CommitInfo(run_id=self.run_id, asset="/".join(channel.table.asset_key)),
                records=[*records, *self._ledger_lines(batch, object_ids[id(None)], now)],
            )
            self._snapshot, self._versions[channel] = result.snapshot_id, result.table_version
        for row in batch.rows:
            stored[row.series] = max(row.number, stored.get(row.series, row.number))
        return len(values)

    def _new_rows(self, batch: Batch, stored: Mapping[Series, int]) -> list[Row]:
        """The rows that the table lacks: beyond the position of their series, or in a hole; the lock is held."""
        beyond = [row for row in batch.rows if row.number > stored.get(row.series, -1)]
        if len(beyond) == len(batch.rows):
            return beyond
        lacking: dict[Series, list[tuple[int, int]]] = {}
        for series, first, last in self.holes(batch.channel):
            lacking.setdefault(series, []).append((first, last))

        def is_new(row: Row) -> bool:
            return row.number > stored.get(row.series, -1) or any(
                first <= row.number <= last for first, last in lacking.get(row.series, ())
            )

        return [row for row in batch.rows if is_new(row)]

    def _see_other_writers(self) -> None:
        """Ask the tables again where they stand, if somebody else has written to them; the lock is held."""
        if self._snapshot is not None and self._lake.current_snapshot() == self._snapshot:
            return
        for channel in self._commits:
            version = self._lake.version(channel.table.name)
            if version != self._versions.get(channel):
                self._stored[channel] = dict(self.positions(channel))
                self._versions[channel] = version

    def _store_objects(self, batch: Batch, now: datetime) -> tuple[dict[int, str], list[Record]]:
        """Store messages and replies; the object of each reply (of the messages: that of None) and the manifest."""
        object_ids: dict[int, str] = {id(None): ""}
        records: list[Record] = []
        if batch.lines:
            record = self._put(batch, batch.content, None, request=self._origin, status=0, headers="{}", now=now)
            object_ids[id(None)] = record.object_id
            records.append(record)
        for reply in batch.replies:
            request, headers = (json.dumps(dict(part), sort_keys=True) for part in (reply.request, reply.headers))
            record = self._put(
                batch, reply.content, reply, request=request, status=reply.status, headers=headers, now=reply.fetched_at
            )
            object_ids[id(reply)] = record.object_id
            records.append(record)
        return object_ids, records

    def _put(
        self,
        batch: Batch,
        content: bytes,
        reply: RestReply | None,
        *,
        request: str,
        status: int,
        headers: str,
        now: datetime,
    ) -> ObjectRecord:
        source, dataset = batch.channel.source, batch.channel.dataset
        stored = self._lake.objects.put(content, source=source, dataset=dataset, received=now.date(), suffix="json")
        return ObjectRecord(
            object_id=stored.object_id,
            path=stored.path,
            source=source,
            dataset=dataset,
            request=request,
            status=status,
            headers=headers,
            fetched_at=now,
            bytes=stored.bytes,
            rows=sum(row.reply is reply for row in batch.rows),
            run_id=self.run_id,
        )

    def _ledger_lines(self, batch: Batch, object_id: str, now: datetime) -> Iterator[Record]:
        channel = batch.channel
        for gap in batch.gaps:
            day = now.date() if gap.at_ms is None else _day(gap.at_ms)
            yield CoverageEntry(
                source=channel.source,
                dataset=channel.dataset,
                instrument="@".join(map(str, gap.series)),
                first_day=_first_day(channel, gap.series, gap.first, day),
                last_day=day,
                state="present" if gap.is_filled else "missing",
                rows=0,
                asked_at=now,
                run_id=self.run_id,
                reason=f"{gap.first} to {gap.last}: {gap.reason}"[:500],
            )
        for refusal in batch.refusals:
            yield QuarantinedRow(
                source=channel.source,
                dataset=channel.dataset,
                object_id=object_id,
                position=refusal.line,
                reason=refusal.reason,
                content=refusal.excerpt,
                quarantined_at=now,
                run_id=self.run_id,
            )

    def _merge_in_time(self, channel: Channel) -> None:
        self._commits[channel] += 1
        if self._commits[channel] % self._commits_per_merge:
            return
        for table in (channel.table.name, LEDGER):
            try:
                before, after = self._lake.compact(table)
                logger.info("%s: %d small files are %d now.", table, before, after)
            except LakeError as error:
                logger.warning("%s", error)


class BinanceRest:
    """Fetches what a Binance stream lacks.

    Parameters
    ----------
    trades, klines
        The connectors, whose client and address are used.
    """

    def __init__(self, trades: BinanceAggTrades, klines: BinanceKlines) -> None:
        self._trades = trades
        self._klines = klines

    def __call__(self, series: Series, first: int, last: int) -> Reply:
        """The reply that holds the rows from ``first`` on, at most a page.

        Raises
        ------
        BackfillFailed
            When the vendor does not answer as it should.
        """
        symbol, step = str(series[0]), step_of(series)
        limit = min(PAGE, (last - first) // step + 1)
        try:
            if channel_of(series) is KLINES:
                times = {"startTime": first, "endTime": last + step - 1}
                return self._klines.client.get(
                    f"{self._klines.base_url}/api/v3/klines",
                    params={"symbol": symbol, "interval": str(series[1]), "limit": limit, **times},
                    weight=self._klines.weight,
                    check=validate_json,
                )
            return self._trades.client.get(
                f"{self._trades.base_url}/api/v3/aggTrades",
                params={"symbol": symbol, "fromId": first, "limit": limit},
                weight=self._trades.weight,
                check=validate_json,
            )
        except SourceError as error:
            raise BackfillFailed(str(error)) from None


def _table(values: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(values, schema)


def _first_day(channel: Channel, series: Series, first: int, last_day: date) -> date:
    """The day that a gap begins in, where its numbers are times."""
    return _day(first) if channel is KLINES else last_day


def _day(moment_ms: int) -> date:
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=moment_ms)).date()
