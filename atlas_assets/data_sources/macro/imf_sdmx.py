"""Observations in the IMF's JSON: SDMX 3.0 of today's service, and CompactData of the one shut in 2025."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atlas_assets.data_sources.client.errors import MalformedReply

# Of CompactData's series, what does not belong to the key.
_SERIES_ATTRIBUTES = frozenset({"@UNIT_MULT", "@TIME_FORMAT", "@COMMON_REFERENCE_PERIOD", "@BASE_YEAR"})
_URN = re.compile(r"Dataflow=(?P<flow>[^()]+)\((?P<version>[^()]+)\)$")


@dataclass(frozen=True, slots=True)
class Observation:
    """An observation as sent.

    Attributes
    ----------
    flow, version
        What it belongs to, such as ``IMF.STA:CPI`` and ``5.0.0``; no version in CompactData.
    series_key
        The dimensions' values, joined by points in the order that the reply itself gives.
    time_period
        As sent: ``2026-M04``.
    value
        As sent, a string; None where there is none.
    attributes
        Further statements about the series and the observation, by name.
    """

    flow: str
    version: str | None
    series_key: str
    time_period: str
    value: Any
    attributes: Mapping[str, Any]


def read_observations(content: bytes) -> list[Observation]:
    """The observations of a body; none in an empty one, by which the IMF says that it knows nothing.

    Raises
    ------
    MalformedReply
        For JSON of another kind.
    ValueError, LookupError, TypeError, AttributeError
        For what is not as documented.
    """
    if not content.strip():
        return []
    payload = json.loads(content)
    if isinstance(payload, dict) and "CompactData" in payload:
        return list(_compact(payload["CompactData"]))
    if isinstance(payload, dict) and isinstance(payload.get("data"), dict):
        return list(_sdmx(payload["data"]))
    raise MalformedReply("sent JSON that is neither SDMX 3.0 nor CompactData")


def _sdmx(data: Mapping[str, Any]) -> Iterator[Observation]:
    for data_set in data["dataSets"]:
        structure = _Structure(data["structures"][data_set["structure"]])
        for indices, series in data_set.get("series", {}).items():
            about_series = structure.attributes("series", series.get("attributes", []))
            key = structure.key(indices)
            for index, (value, *attributes) in series["observations"].items():
                yield Observation(
                    structure.flow,
                    structure.version,
                    key,
                    structure.periods[int(index)],
                    value,
                    {**about_series, **structure.attributes("observation", attributes)},
                )


class _Structure:
    """What a reply says about itself: dimensions in their order, the periods, attributes."""

    def __init__(self, structure: Mapping[str, Any]) -> None:
        urns = [_URN.search(link["urn"]) for link in structure["links"]]
        found = next((urn for urn in urns if urn is not None), None)
        if found is None:
            raise MalformedReply("does not say which flow and version it is")
        self.flow, self.version = found["flow"], found["version"]
        dimensions = structure["dimensions"]
        # Indices come in the order of the list; the position in a key is said by each dimension.
        self._order = [one.get("keyPosition", place) for place, one in enumerate(dimensions["series"])]
        self._codes = [[_name(value) for value in one["values"]] for one in dimensions["series"]]
        (time,) = dimensions["observation"]
        self.periods = [_name(value) for value in time["values"]]
        self._attributes = structure.get("attributes", {})

    def key(self, indices: str) -> str:
        """The series' key."""
        parts = [int(index) for index in indices.split(":")]
        codes = [codes[_place(part, codes)] for codes, part in zip(self._codes, parts, strict=True)]
        return ".".join(code for _, code in sorted(zip(self._order, codes, strict=True)))

    def attributes(self, level: str, values: Sequence[Any]) -> dict[str, Any]:
        """Values by name: each is given as an index of those that the structure lists, or as it is."""
        declared = self._attributes.get(level, [])
        if len(values) > len(declared):
            raise ValueError(f"has {len(values)} {level} attributes, of which {len(declared)} are declared")
        named = zip(declared, values, strict=False)
        return {one["id"]: _resolved(value, one.get("values") or []) for one, value in named if value is not None}


def _place(index: int, values: Sequence[Any]) -> int:
    if not 0 <= index < len(values):
        raise ValueError(f"speaks of value {index} of {len(values)}")
    return index


def _resolved(value: Any, listed: Sequence[Any]) -> Any:
    return _name(listed[_place(value, listed)]) if type(value) is int and listed else value


def _name(value: Mapping[str, Any]) -> str:
    """A listed value's code or, where it has none, the value itself."""
    name = value["id"] if "id" in value else value["value"]
    if not isinstance(name, str):
        raise TypeError(f"lists {name!r} where a code is due")
    return name


def _compact(compact: Mapping[str, Any]) -> Iterator[Observation]:
    data_set = compact["DataSet"]
    flow = str(data_set.get("@xmlns", "")).rpartition("/")[2] or "unknown"
    for series in _many(data_set.get("Series")):
        about = {name: value for name, value in series.items() if name.startswith("@")}
        key = ".".join(str(value) for name, value in about.items() if name not in _SERIES_ATTRIBUTES)
        about_series = {name.removeprefix("@"): about[name] for name in about if name in _SERIES_ATTRIBUTES}
        for one in _many(series.get("Obs")):
            further = {
                name.removeprefix("@"): value
                for name, value in one.items()
                if name not in ("@TIME_PERIOD", "@OBS_VALUE")
            }
            yield Observation(flow, None, key, one["@TIME_PERIOD"], one.get("@OBS_VALUE"), {**about_series, **further})


def _many(value: Any) -> Sequence[Any]:
    """CompactData's lists: a list when there are several, the thing itself when there is one, nothing for none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
