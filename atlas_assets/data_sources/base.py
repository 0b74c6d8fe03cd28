"""What every source is: queries for a window of days, replies as received, and a pure reading of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, model_validator

from atlas_assets.contracts.raw import RawTable
from atlas_assets.data_sources.client.errors import PermanentError
from atlas_assets.data_sources.settings import SourceSettings
from atlas_assets.data_sources.vendor import Vendor

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.data_sources.client.http import HttpClient
    from atlas_assets.data_sources.client.reply import Reply
    from atlas_assets.data_sources.parsing import Parsed

WHOLE_DATASET = "*"
"""The instrument of a query that asks for all of a dataset at once."""

S = TypeVar("S", bound=SourceSettings)
Q = TypeVar("Q", bound="Query")


class Query(BaseModel):
    """What is asked of a source: the days from ``start`` to ``end``, both included.

    Attributes
    ----------
    as_of
        When it is asked: what is not finished by then is left out, what is dated after it is refused.
    known_until
        Until when the lake has all rows of these days for good; where each row is paid for they are not read again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: date
    end: date
    as_of: AwareDatetime = datetime(9999, 1, 1, tzinfo=UTC)
    known_until: AwareDatetime | None = None

    @model_validator(mode="after")
    def _days_in_order(self) -> Self:
        if self.start > self.end:
            raise ValueError(f"start {self.start} must not be later than end {self.end}")
        return self

    @property
    def instrument(self) -> str:
        """What the query asks for: a symbol, a series, a feed; `WHOLE_DATASET` where there is no such part."""
        return WHOLE_DATASET

    @property
    def first_day(self) -> date:
        """The first day whose rows are kept."""
        return self.start


class BaseDataSource(ABC, Generic[S, Q]):
    """A dataset of a vendor, in three steps: `queries` says what to ask, `extract` fetches, `transform` reads.

    Parameters
    ----------
    settings
        The vendor's section of the settings.
    client
        Fetches.

    Attributes
    ----------
    vendor
        Who sends it.
    table
        The raw table that it fills.
    instrument_column
        The table's column that holds a query's instrument; None where one query asks for the whole dataset.
    media_suffix
        Ending of the stored replies.
    calendar
        ``"XNYS"`` where only sessions of that exchange are partitions, None for every day (UTC).
    settles_after
        How long after the end of a day (UTC) the vendor's answer for it is the final one.
    reach
        How far back the vendor answers; None for all of history.
    accumulates
        Whether rows received before stay although a later reply lacks them, as with feeds that hold only their
        newest entries; so it is wherever there is a `reach`.
    days_per_query
        Longest window of one query, in days; None for any. A partition is never divided.
    files_only
        Whether the vendor cannot be asked: its replies are only read from files that people drop.
    unkept
        Fields of records that the table leaves out on purpose; any other that no column reads is new and gets a column
        of its own. None where nobody adds any more. Records that are no dicts name no fields and are not followed.
    shortfalls
        Of queries whose answer was incomplete: up to which day, and why.
    """

    vendor: ClassVar[Vendor]
    table: ClassVar[RawTable]
    instrument_column: ClassVar[str | None] = None
    media_suffix: ClassVar[Literal["json", "csv", "xml", "txt", "zip"]] = "json"
    calendar: ClassVar[str | None] = None
    settles_after: ClassVar[timedelta] = timedelta(0)
    reach: ClassVar[timedelta | None] = None
    accumulates: ClassVar[bool] = False
    days_per_query: ClassVar[int | None] = None
    files_only: ClassVar[bool] = False
    unkept: ClassVar[frozenset[str] | None] = frozenset()

    def __init__(self, settings: S, client: HttpClient) -> None:
        self.settings = settings
        self.client = client
        self.shortfalls: dict[Query, tuple[date, str]] = {}
        self.base_url = (settings.base_url or self.vendor.base_url).rstrip("/")

    @classmethod
    def is_wanted(cls, settings: S) -> bool:
        """Whether the settings of the vendor ask for this dataset of it."""
        return True

    @abstractmethod
    def queries(self, start: date, end: date) -> Iterator[Q]:
        """The validated queries that cover the days from ``start`` to ``end``, one for each instrument.

        Raises
        ------
        ValueError
            When ``start`` is later than ``end``.
        """

    @abstractmethod
    def extract(self, query: Q) -> Iterator[Reply]:
        """The replies to a query as received, page by page.

        Raises
        ------
        SourceError
            When the vendor does not answer as it should.
        """

    @classmethod
    def transform(cls, content: bytes, query: Q) -> Parsed:
        """The rows of a reply that belong to the query's days, and those that cannot be read with the reason.

        The same bytes and query always give the same rows.

        Raises
        ------
        MalformedReply
            When the bytes are not what the vendor documents, or no row can be read.
        """
        from atlas_assets.data_sources.parsing import parse

        return parse(cls, content, query)

    @classmethod
    @abstractmethod
    def records(cls, content: bytes, query: Q) -> Sequence[Any] | pa.Table:
        """The reply's records in the vendor's order; anything may be raised for bytes that are no such reply."""

    @classmethod
    @abstractmethod
    def columns(cls, records: Any, query: Q) -> Mapping[str, Any]:
        """Some of the records as columns (lists or arrays) by the table's names; anything may be raised.

        Called for all records at once, and for parts of them when one cannot be read.
        """

    @classmethod
    @abstractmethod
    def row_dates(cls, rows: pa.Table, query: Q) -> pa.Array | pa.ChunkedArray:
        """The day that each row belongs to, which decides its partition (date32)."""

    @classmethod
    def query_for_file(cls, name: str, as_of: datetime) -> Q | None:
        """The query that a dropped file of replies answers; None where replies are not read from files.

        Parameters
        ----------
        name
            The file's path below the landing folder, with ``/``.
        as_of
            When it was received.
        """
        return None

    def committed(self) -> None:
        """Take note that the rows of all replies so far are in the lake: what is known of them need not be sent again.

        Called after the commit. A source that asks for changes only remembers here from where on.
        """
        return

    def forget(self, query: Q) -> None:
        """Take note that the lake has no answer for the query's first day: what is remembered of it does not hold.

        Called before such a query is asked. A source that asks for changes only asks for everything then.
        """
        return

    def secret(self, name: str) -> SecretStr:
        """A secret of the settings.

        Raises
        ------
        PermanentError
            When it is not set.
        """
        value = self.settings.secrets().get(name)
        if value is None:
            variable = f"ATLAS_DATA_SOURCES__{self.vendor.settings_key}__{name}".upper()
            advice = f"set {variable} or {variable}_FILE"
            raise PermanentError(f"{self.vendor.name}: {name} is missing; {advice}.", advice=advice)
        return value
