"""Which dropped file goes to which table: as the settings say, then by its folder, else as daily bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import takewhile

from atlas_assets.contracts.raw import RawTable
from atlas_assets.data_sources.files.known import DAILY_BARS, KNOWN_DATASETS
from atlas_assets.data_sources.files.mapping import FileDataset
from atlas_assets.data_sources.registry import Source, enabled_sources
from atlas_assets.orchestration.locations import DroppedFile, Folder, Location, Prefix
from atlas_assets.settings import Settings, SettingsError


@dataclass(frozen=True)
class Route:
    """Files of some names go to a table: as rows of a declared dataset, or as replies of a source.

    Attributes
    ----------
    dataset
        Says which names and, unless it names a source, what the columns mean.
    table
        Where the rows go.
    source
        Reads the files, where the dataset names one.
    """

    dataset: FileDataset
    table: RawTable
    source: Source | None = None


def routes(settings: Settings) -> list[Route]:
    """The routes in the order in which they are tried.

    Raises
    ------
    SettingsError
        When a dataset names a source that is not there, not enabled, or not read from files.
    """
    by_file = {source.table.name: source for source, _ in enabled_sources(settings.data_sources) if source.files_only}
    declared = [_declared(dataset, by_file) for dataset in settings.landing.datasets]
    named = {dataset.name for dataset in settings.landing.datasets}
    folders = [
        Route(FileDataset(name=name.split(".")[1], match=(f"{one.vendor.name}/*",), source=name), one.table, one)
        for name, one in by_file.items()
    ]
    known = [Route(one, one.table) for name, one in KNOWN_DATASETS.items() if name not in named]
    return [*declared, *folders, *known]


def _declared(dataset: FileDataset, by_file: dict[str, Source]) -> Route:
    if dataset.source is None:
        return Route(dataset, dataset.table)
    if dataset.source not in by_file:
        known = ", ".join(by_file) or "none is enabled"
        raise SettingsError(
            f"landing.datasets: {dataset.name} names the source {dataset.source}, which is not an enabled source "
            f"of files: name one of these ({known}) or declare columns."
        )
    return Route(dataset, by_file[dataset.source].table, by_file[dataset.source])


def inboxes(settings: Settings) -> list[RawTable]:
    """The tables that dropped files go to, each once; that of daily bars last."""
    return list(dict.fromkeys(route.table for route in routes(settings)))


def declared_tables(settings: Settings) -> list[RawTable]:
    """The tables of datasets that the settings declare, and of those that are known."""
    declared = [dataset.table for dataset in settings.landing.datasets if dataset.source is None]
    return list(dict.fromkeys([*declared, *_known_tables()]))


@cache
def _known_tables() -> tuple[RawTable, ...]:
    return tuple(known.table for known in KNOWN_DATASETS.values())


def route_of(name: str, among: Sequence[Route], *, as_of: datetime) -> Route | None:
    """The first route that takes a file of this name; of a source's datasets, the one that the name speaks of."""
    taking = [route for route in among if route.dataset.takes(name)]
    readers = list(takewhile(lambda route: route.source is not None, taking))
    claiming = (one for one in readers if one.source and one.source.query_for_file(name, as_of) is not None)
    return next(claiming, next(iter(readers or taking), None))


def locations(settings: Settings, *, remote: bool | None = None) -> list[Location]:
    """Where files are dropped: all places, or only those that are, or are not, on this machine."""
    folders = [Folder(settings.path(folder)) for folder in settings.landing.folders] if remote is not True else []
    return [*folders, *([Prefix(url) for url in settings.landing.urls] if remote is not False else [])]


def waiting_for(
    settings: Settings, *, now_seconds: float, remote: bool | None = None
) -> dict[RawTable, list[tuple[DroppedFile, Route | None]]]:
    """The files that wait for each table, oldest first; files that no route takes wait for the daily bars' table."""
    known = routes(settings)
    found: dict[RawTable, list[tuple[DroppedFile, Route | None]]] = {}
    for place in locations(settings, remote=remote):
        for file in place.waiting(now_seconds=now_seconds):
            route = route_of(file.text, known, as_of=settings.now())
            found.setdefault(route.table if route else DAILY_BARS.table, []).append((file, route))
    return found
