"""IMF: observations of configured flows, as published on each day."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import Field

from atlas_assets.contracts.raw import day, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import MalformedReply, TransientError
from atlas_assets.data_sources.client.reply import Reply
from atlas_assets.data_sources.macro.imf_sdmx import Observation, read_observations
from atlas_assets.data_sources.settings import Section, SourceSettings
from atlas_assets.data_sources.snapshots import SNAPSHOT_REACH, can_be_seen, snapshot_day
from atlas_assets.data_sources.vendor import Vendor

if TYPE_CHECKING:
    import pyarrow as pa

NO_CONTENT = 204
LATEST = "+"
ARCHIVE = "archive"


class ImfSelection(Section):
    """Some series of a flow."""

    agency: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,50}$", description="such as IMF.STA")
    flow: str = Field(pattern=r"^[A-Za-z0-9_-]{1,50}$", description="such as CPI")
    version: str = Field(pattern=r"^([0-9.]{1,20}|\+)$", description="pinned, such as 5.0.0: versions change the keys")
    key: str = Field(pattern=r"^[A-Za-z0-9_+*.-]{1,200}$", description="in the flow's own order: USA.CPI._T.IX.M")

    @property
    def name(self) -> str:
        """How tables and messages call it."""
        return f"{self.agency}:{self.flow}/{self.key}"


class ImfSettings(SourceSettings):
    """IMF: public data, no key."""

    selections: list[ImfSelection] = Field(min_length=1)
    last_observations: int = Field(default=24, gt=0, description="how many periods a day asks for; the first load, all")


IMF = Vendor(
    name="imf",
    title="International Monetary Fund",
    domain="macro",
    settings=ImfSettings,
    base_url="https://api.imf.org/external/sdmx/3.0",
    access="No key for public data.",
    limits="None published; one request a second is kept (rate_limit 60).",
    terms="Use with attribution to the IMF; some data sets belong to others, see the terms at data.imf.org.",
    conventions=(
        "Values are strings. Periods are as sent (2026-M04). Countries are ISO 3166 alpha-3. There are no vintages: a "
        "published value is overwritten, so each day's state is kept with its day."
    ),
)


class ImfQuery(Query):
    """One selection as published on the window's last day.

    Attributes
    ----------
    selection
        Flow and key: ``IMF.STA:CPI/USA.CPI._T.IX.M``.
    path
        Flow, version and key, as in the address.
    version
        The version that must answer; None for any.
    whole_history
        Whether all periods are asked for.
    """

    selection: str
    path: str = ""
    version: str | None = None
    whole_history: bool = False

    @property
    def instrument(self) -> str:
        """The selection."""
        return self.selection


class ImfObservations(BaseDataSource[ImfSettings, ImfQuery]):
    """Observations day by day as published; what a load brings is known from its day on.

    A dimension or an attribute that the IMF adds needs no column: it stands in ``series_key`` or ``attributes``.
    """

    vendor = IMF
    table = raw_table(
        "imf",
        "observations",
        "IMF observations as published on a day. One row per "
        "(snapshot_date, selection, flow, series_key, time_period).",
        columns={
            "snapshot_date": day("Day that the snapshot stands for (UTC); seen up to a day later, at ingested_at"),
            "selection": text("Flow and key asked for"),
            "flow": text("Flow that answered, such as IMF.STA:CPI"),
            "version": text("Its version; none in archives of the former service", nullable=True),
            "series_key": text("The series' dimensions, joined by points"),
            "time_period": text("Period as sent, such as 2026-M04"),
            "value": text("Value as sent, decimal string", nullable=True),
            "attributes": text("What else is said about series and observation, as JSON"),
        },
        key=("snapshot_date", "selection", "flow", "series_key", "time_period"),
        may_be_empty=True,
    )
    instrument_column = "selection"
    reach = SNAPSHOT_REACH
    # Each day keeps its own snapshot, also where several days are loaded again.
    days_per_query = 1

    def queries(self, start: date, end: date) -> Iterator[ImfQuery]:
        """One query for each selection."""
        for one in self.settings.selections:
            yield ImfQuery(
                start=start,
                end=end,
                as_of=self.client.now(),
                selection=one.name,
                path="/".join(quote(part, safe="") for part in (one.agency, one.flow, one.version, one.key)),
                version=None if one.version == LATEST else one.version,
                whole_history=start <= self.settings.history_from,
            )

    def extract(self, query: ImfQuery) -> Iterator[Reply]:
        """One reply; none where the window lies in the past, which the IMF does not tell."""
        if not can_be_seen(query):
            return
        params: dict[str, str | int] = {"attributes": "dsd", "measures": "all"}
        if not query.whole_history:
            params["lastNObservations"] = self.settings.last_observations
        yield self.client.get(
            f"{self.base_url}/data/dataflow/{query.path}",
            params=params,
            headers={"accept": "application/json"},
            check=_check,
        )

    @classmethod
    def records(cls, content: bytes, query: ImfQuery) -> Sequence[Observation]:
        """Observations of SDMX 3.0, or of an archived CompactData reply."""
        observations = read_observations(content)
        versions = sorted({one.version for one in observations if one.version is not None} - {query.version})
        if query.version is not None and versions:
            raise MalformedReply(f"answers with version {versions[0]}, not {query.version} of the settings")
        return observations

    @classmethod
    def columns(cls, records: Sequence[Observation], query: ImfQuery) -> Mapping[str, Any]:
        """Observations as columns."""
        return {
            "snapshot_date": [snapshot_day(query)] * len(records),
            "selection": [query.selection] * len(records),
            "flow": [record.flow for record in records],
            "version": [record.version for record in records],
            "series_key": [record.series_key for record in records],
            "time_period": [record.time_period for record in records],
            "value": [record.value for record in records],
            "attributes": [json.dumps(record.attributes, sort_keys=True) for record in records],
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: ImfQuery) -> pa.ChunkedArray:
        """The day of the snapshot."""
        return rows["snapshot_date"]

    @classmethod
    def query_for_file(cls, name: str, as_of: datetime) -> ImfQuery | None:
        """Archived replies in a folder ``imf``, known from the day of their receipt on."""
        folder, _, file = name.rpartition("/")
        if "imf" not in folder.split("/") or not file.endswith(".json"):
            return None
        today = as_of.astimezone(UTC).date()
        return ImfQuery(start=today, end=today, as_of=as_of, selection=f"{ARCHIVE}/{file}"[:200])


def _check(reply: Reply) -> None:
    """Refuse a web page, XML and cut JSON sent with a status of success; an empty body is an answer."""
    if reply.status == NO_CONTENT or not reply.content.strip():
        return
    if reply.is_html or reply.content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        raise TransientError("answered with a web page or XML instead of JSON")
    try:
        payload = json.loads(reply.content)
    except (ValueError, RecursionError):
        raise TransientError("sent JSON that is cut or damaged") from None
    if not isinstance(payload, dict) or not isinstance(payload.get("data"), dict):
        raise TransientError("answered with JSON that holds no data")
