"""CSV: RFC 4180, in UTF-8, with any line ends; a row that breaks the rules is set aside by itself."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from atlas_assets.data_sources.files.errors import FileRefused
from atlas_assets.data_sources.files.mapping import FileDataset
from atlas_assets.data_sources.files.rows import LARGEST_ROW, Header, Line, Row, Rows, lines_of


def csv_rows(content: bytes, dataset: FileDataset, *, delimiter: str) -> Rows:
    """The rows of a CSV below its header; empty lines are passed over.

    Raises
    ------
    FileRefused
        When there is no header, or it lacks a column.
    """
    records = _Records(content, delimiter).rows()
    first = next(records, None)
    if first is None:
        raise FileRefused("The file is empty: the first line must name the columns.")
    if first.problem is not None:
        raise FileRefused(f"The first line does not name the columns: {first.problem}.")
    header = Header(first.cells, dataset)
    for row in records:
        if row.problem is None and len(row.cells) != len(first.cells):
            problem = f"it has {len(row.cells)} values, the header {len(first.cells)}"
            yield Row(row.place, problem=problem, shown=row.cells)
        else:
            others = header.others(row.cells) if row.problem is None else None
            yield row if row.problem is not None else Row(row.place, header.cells(row.cells), others=others)


_MOST_LINES = 200


class _Records:
    """The records of a CSV; after one that cannot be read, reading goes on with the next line."""

    def __init__(self, content: bytes, delimiter: str) -> None:
        body = content.removeprefix(b"\xef\xbb\xbf")
        offset = len(content) - len(body)
        if b"\n" not in body:
            body = body.replace(b"\r", b"\n")
        self._file = lines_of(body, offset)
        self._delimiter = delimiter
        self._waiting: list[Line] = []
        self._taken: list[Line] = []
        self._bytes = 0

    def rows(self) -> Rows:
        """Each record as a row."""
        reader = self._reader()
        while True:
            self._taken, self._bytes = [], 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                first, *others = self._taken
                # A quote that is never closed must not swallow the good lines below it.
                self._waiting = others + self._waiting
                reader = self._reader()
                yield Row(first.place, problem=_sentence(error), shown=_shown(first))
            else:
                if cells:
                    yield Row(self._taken[0].place, cells)

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), strict=True, delimiter=self._delimiter)

    def _lines(self) -> Iterator[str]:
        while (line := self._waiting.pop(0) if self._waiting else next(self._file, None)) is not None:
            self._taken.append(line)
            self._bytes += len(line.content)
            if self._bytes > LARGEST_ROW or len(self._taken) > _MOST_LINES:
                raise csv.Error(f"it is longer than {LARGEST_ROW} bytes or {_MOST_LINES} lines")
            try:
                yield line.content.decode()
            except UnicodeDecodeError as error:
                raise csv.Error(f"byte {line.offset + error.start} is not UTF-8") from None


def _shown(line: Line) -> str:
    return line.content[:2000].decode(errors="backslashreplace").rstrip("\r\n")


def _sentence(error: csv.Error) -> str:
    text = str(error)
    return "a quote is opened and never closed" if text == "unexpected end of data" else text
