"""GDELT's files of a quarter of an hour: the Global Knowledge Graph 2.1, of it the documents about some topics."""

from __future__ import annotations

import hashlib
import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from atlas_assets.contracts.raw import instant, integer, number, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import PermanentError, TransientError
from atlas_assets.data_sources.client.reply import Reply
from atlas_assets.data_sources.coverage import ONE_DAY
from atlas_assets.data_sources.sentiment.gdelt import GDELT, GRID
from atlas_assets.data_sources.settings import Name, Section, SourceSettings
from atlas_assets.data_sources.vendor import Vendor
from atlas_assets.data_sources.windows import days_of, midnight

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.data_sources.client.http import HttpClient

NOT_FOUND = 404
FIELDS = 27
RECORD_ID, DATE, SOURCE, URL, THEMES, ORGANISATIONS, TONE, EXTRAS = 0, 1, 3, 4, 7, 13, 15, 26
TONES = ("tone", "positive_score", "negative_score", "polarity", "activity_density", "self_group_density")
LARGEST_FILE = 2**29
LIST_BYTES_A_DAY = 35_000
"""What the list of all files has of a day, and a little: three lines of about 105 bytes for each quarter of an hour."""

_STAMP = "%Y%m%d%H%M%S"
_LISTED = re.compile(rb"^[0-9]+ ([0-9a-f]{32}) [^ \n]*/([0-9]{14})\.gkg\.csv\.zip\r?$", re.MULTILINE)
_TITLE = re.compile(r"<PAGE_TITLE>([^<]*)</PAGE_TITLE>")


class FileTopic(Section):
    """A topic: its name in the tables, and what a document must show one of."""

    name: Name
    themes: tuple[Annotated[str, Field(pattern="^[A-Z0-9_]+$")], ...] = ()
    organisations: tuple[Annotated[str, Field(min_length=2)], ...] = ()
    words: tuple[Annotated[str, Field(min_length=2)], ...] = ()

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not (self.themes or self.organisations or self.words):
            raise ValueError(f"topic {self.name} needs themes, organisations or words")
        return self

    def mentions(self, line: Sequence[str]) -> bool:
        """Whether a document has one of the themes or organisations, or one of the words in its title.

        Of a line that is broken, nobody knows which value is which: it counts when any of them has one anywhere.
        """
        if len(line) != FIELDS:
            return _any_of((*self.themes, *self.organisations, *self.words)).search(" ".join(line)) is not None
        if not set(self.themes).isdisjoint(line[THEMES].split(";")):
            return True
        named = {name.lower() for name in line[ORGANISATIONS].split(";")}
        if any(name.lower() in named for name in self.organisations):
            return True
        return bool(self.words) and _any_of(self.words).search(html.unescape(_title(line) or "")) is not None


class GdeltFilesSettings(SourceSettings):
    """GDELT's files (no key)."""

    topics: list[FileTopic] = Field(
        min_length=1,
        description=(
            "each a `name` with `themes` (GDELT's codes, such as ECON_STOCKMARKET), `organisations` (whole names) and "
            "`words` (whole words of the title); a document that has any of them is kept, every other is left out"
        ),
    )


GDELT_FILES = Vendor(
    name="gdelt_files",
    title="GDELT files of a quarter of an hour",
    domain="sentiment",
    settings=GdeltFilesSettings,
    base_url="https://data.gdeltproject.org/gdeltv2",
    access="No key. The same files are at https://storage.googleapis.com/data.gdeltproject.org/gdeltv2 (base_url).",
    limits="None published. A file has 3 to 20 MB, and there are 96 a day: all are fetched, whatever the topics.",
    terms=GDELT.terms,
    conventions=(
        "A file is named by the quarter of an hour (UTC) in which GDELT saw its documents, and comes up to a quarter "
        "later; some never come. Only documents in English are in these files. Where the list of all files names a "
        "file with its MD5, the file is verified. From 2015-02-18T23:00Z on."
    ),
)


class DocumentsQuery(Query):
    """The documents about any of the topics."""

    topics: tuple[FileTopic, ...]


class GdeltDocuments(BaseDataSource[GdeltFilesSettings, DocumentsQuery]):
    """Documents of the Global Knowledge Graph, a file each quarter of an hour."""

    vendor = GDELT_FILES
    table = raw_table(
        "gdelt_files",
        "documents",
        "Documents seen by GDELT about the topics of the settings, with themes and tone as sent. "
        "One row per (gkg_record_id).",
        columns={
            "gkg_record_id": text("GKGRECORDID, such as 20181203121500-42"),
            "topics": text("Names of the topics that it is about, joined by ;"),
            "date": text("DATE of the file, as sent, such as 20181203121500"),
            "seen_at": instant("The same (UTC)"),
            "source_name": text("Domain of the publisher; empty where there is none"),
            "url": text("Address of the document"),
            "themes": text("Themes as sent, joined by ;"),
            "organisations": text("Names of organisations as sent, joined by ;"),
            "page_title": text("Title of the page as sent, with HTML entities", nullable=True),
            "tone": number("Positive score less negative score", unit="%", nullable=True),
            "positive_score": number("Words with a positive tone", unit="%", nullable=True),
            "negative_score": number("Words with a negative tone", unit="%", nullable=True),
            "polarity": number("Words with any tone", unit="%", nullable=True),
            "activity_density": number("Active words", unit="%", nullable=True),
            "self_group_density": number("Pronouns of oneself and one's group", unit="%", nullable=True),
            "word_count": integer("Words of the document", nullable=True, ge=0),
        },
        key=("gkg_record_id",),
        may_be_empty=True,
    )
    media_suffix = "zip"
    settles_after = timedelta(hours=1)
    days_per_query = 1

    def __init__(self, settings: GdeltFilesSettings, client: HttpClient) -> None:
        super().__init__(settings, client)
        self._listed: Mapping[str, str] = {}
        self._listed_from = date.max

    def queries(self, start: date, end: date) -> Iterator[DocumentsQuery]:
        """One query: the files hold all topics."""
        yield DocumentsQuery(start=start, end=end, as_of=self.client.now(), topics=tuple(self.settings.topics))

    def extract(self, query: DocumentsQuery) -> Iterator[Reply]:
        """The files in order; those that never came are told once the days are final.

        Raises
        ------
        PermanentError
            When the days are final and have no file at all.
        """
        self.shortfalls.pop(query, None)
        sums = self._published_sums(query)
        moments = list(_quarters(query))
        missing: list[datetime] = []
        for moment in moments:
            reply = self._file(moment, sums.get(f"{moment:{_STAMP}}"))
            if reply is None:
                missing.append(moment)
            else:
                yield reply
        if not missing or query.as_of < midnight(query.end) + ONE_DAY + self.settles_after:
            return
        first = f"{missing[0]:%Y-%m-%d %H:%M}"
        if len(missing) == len(moments):
            advice = "check base_url, and let history_from be no earlier than 2015-02-19"
            raise PermanentError(f"gdelt_files: there is no file from {first} on; {advice}.", advice=advice)
        what = f"{len(missing)} of {len(moments)} quarters of an hour have no file, the first at {first} UTC"
        self.shortfalls[query] = (missing[-1].date(), what)

    @classmethod
    def records(cls, content: bytes, query: DocumentsQuery) -> Sequence[list[str]]:
        """The values of each line about a topic, broken lines too."""
        from atlas_assets.data_sources.archives import only_member

        found: list[list[str]] = []
        count = broken = 0
        for raw in io.BytesIO(only_member(content, suffix=".csv", max_bytes=LARGEST_FILE)):
            line = raw.decode("utf-8", "replace").rstrip("\r\n").split("\t")
            if line == [""]:
                continue
            count, broken = count + 1, broken + (len(line) != FIELDS)
            if any(topic.mentions(line) for topic in query.topics):
                found.append(line)
        if count and broken == count:
            raise ValueError(f"no line has {FIELDS} values")
        return found

    @classmethod
    def columns(cls, records: Sequence[list[str]], query: DocumentsQuery) -> Mapping[str, Any]:
        """Documents as columns."""
        import pyarrow as pa

        if any(len(line) != FIELDS for line in records):
            raise ValueError(f"a line has not {FIELDS} values")
        seen = [datetime.strptime(line[DATE], _STAMP).replace(tzinfo=UTC) for line in records]
        tones = [_tones(line[TONE]) for line in records]
        return {
            "gkg_record_id": [line[RECORD_ID] for line in records],
            "topics": [";".join(one.name for one in query.topics if one.mentions(line)) for line in records],
            "date": [line[DATE] for line in records],
            "seen_at": pa.array(seen, pa.timestamp("us", "UTC")),
            "source_name": [line[SOURCE] for line in records],
            "url": [line[URL] for line in records],
            "themes": [line[THEMES] for line in records],
            "organisations": [line[ORGANISATIONS] for line in records],
            "page_title": [_title(line) for line in records],
            **{name: [values[place] for values, _ in tones] for place, name in enumerate(TONES)},
            "word_count": [words for _, words in tones],
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: DocumentsQuery) -> pa.Array:
        """The UTC day on which it was seen."""
        return days_of(rows["seen_at"])

    def _published_sums(self, query: DocumentsQuery) -> Mapping[str, str]:
        """The MD5 of each file that the list of all files names from the query's days on, by the file's time.

        The list has more than 100 MB and grows at its end: of it only what is needed is asked for, once for all days.
        """
        if query.start < self._listed_from:
            days = (query.as_of.date() - query.start).days + 2
            headers = {"range": f"bytes=-{max(days, 1) * LIST_BYTES_A_DAY}"}
            url = f"{self.base_url}/masterfilelist.txt"
            reply = self.client.get(url, headers=headers, check=_sums, accept=(NOT_FOUND,))
            self._listed, self._listed_from = _sums(reply), query.start
        return self._listed

    def _file(self, moment: datetime, expected: str | None) -> Reply | None:
        """The file of a quarter of an hour, None where there is none."""
        url = f"{self.base_url}/{moment:{_STAMP}}.gkg.csv.zip"
        reply = self.client.get(url, check=lambda reply: _verify(reply, expected), accept=(NOT_FOUND,))
        if reply.status == NOT_FOUND:
            return None
        return reply if expected is None else replace(reply, request={**reply.request, "published_md5": expected})


def _quarters(query: Query) -> Iterator[datetime]:
    """The quarters of an hour of the query's days that have begun."""
    moment = midnight(query.start)
    while moment < midnight(query.end) + ONE_DAY and moment <= query.as_of:
        yield moment
        moment += GRID


def _sums(reply: Reply) -> Mapping[str, str]:
    """The MD5 of each file of a list whose beginning may be cut."""
    found = {stamp.decode(): digest.decode() for digest, stamp in _LISTED.findall(reply.content)}
    if not found and reply.status != NOT_FOUND:
        raise TransientError("sent a list of files that names none")
    return found


def _verify(reply: Reply, expected: str | None) -> None:
    """Refuse a file that is cut, damaged or not the one that the list names."""
    if reply.status == NOT_FOUND:
        return
    if expected is None and not reply.content.startswith(b"PK"):
        raise TransientError("sent something else than an archive")
    if expected is not None and hashlib.md5(reply.content, usedforsecurity=False).hexdigest() != expected:
        raise TransientError("sent an archive that does not have its published checksum")


def _title(line: Sequence[str]) -> str | None:
    found = _TITLE.search(line[EXTRAS])
    return None if found is None else found[1]


def _tones(said: str) -> tuple[Sequence[float | None], int | None]:
    """The six measures of tone and the number of words; none where nothing was measured."""
    if not said:
        return [None] * len(TONES), None
    *measures, words = said.split(",")
    if len(measures) != len(TONES):
        raise ValueError(f"the tone has not {len(TONES) + 1} values")
    return [float(measure) for measure in measures], int(words)


@lru_cache(maxsize=256)
def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """Finds any of the words or phrases, whole and in any case."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
