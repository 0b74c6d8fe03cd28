"""IMF: US core consumer prices in the shape of the flow IMF.STA:CPI, as SDMX 3.0 JSON.

Not confirmed by a recorded reply: what a wrong key answers (here as no series), and the limit.
"""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import unquote

import httpx

from atlas_assets.sandbox import vintages as vintage
from atlas_assets.sandbox.replies import Meter, body_reply, http_date, json_reply
from atlas_assets.sandbox.world import World

AGENCY, FLOW, VERSION = "IMF.STA", "CPI", "5.0.0"
DIMENSIONS = ("COUNTRY", "INDEX_TYPE", "COICOP_1999", "TYPE_OF_TRANSFORMATION", "FREQUENCY")
SERIES_KEY = ("USA", "CPI", "_T", "IX", "M")
SOURCE = "CPILFESL"

_DATA = re.compile(r"/external/sdmx/3\.0/data/dataflow/([^/]+)/([^/]+)/([^/]+)/([^/]+)")
# Id, listed values: an attribute without any is sent as it is.
_SERIES_ATTRIBUTES = {"SCALE": ["0"], "DECIMALS_DISPLAYED": [], "OVERLAP": ["OL"], "COMMON_REFERENCE_PERIOD": []}
_OBSERVATION_ATTRIBUTES = {"PRECISION": [], "DERIVATION_TYPE": ["O"], "REFERENCE_PERIOD": [], "STATUS": []}
_REFERENCE = "1982M01-1984M12"


class ImfHandler:
    """Answers ``https://api.imf.org/external/sdmx/3.0``.

    Parameters
    ----------
    world
        The present, the seed and the limits.
    """

    def __init__(self, world: World) -> None:
        self._today = world.clock.date()
        self._seed = world.seed
        self._meter = Meter(world.limit("imf_requests_per_minute", 600))
        self._headers = {
            "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
            "Date": http_date(world.clock),
            "Server": "istio-envoy",
        }

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        wait = self._meter.take()
        if wait is not None:
            headers = self._headers | {"Retry-After": str(wait)}
            return body_reply("Too Many Requests", "text/plain", status=429, headers=headers)
        found = _DATA.fullmatch(unquote(request.url.raw_path.decode().partition("?")[0]))
        if found is None:
            return body_reply("", "text/html", status=404, headers=self._headers)
        agency, flow, version, key = found.groups()
        if (agency, flow) != (AGENCY, FLOW) or version not in (VERSION, "+"):
            return httpx.Response(204, headers=self._headers)
        rows = self._published() if _selects(key, request.url.params) else []
        count = request.url.params.get("lastNObservations", "")
        if count.isdecimal():
            rows = rows[-int(count) :] if int(count) else []
        return json_reply(_message(rows), headers=self._headers)

    def _published(self) -> list[tuple[str, str]]:
        """Periods and values published by today; the IMF overwrites, so the last print counts."""
        values: dict[date, str] = {
            item.period: item.value
            for item in vintage.vintages(SOURCE, seed=self._seed)
            if item.known_from <= self._today
        }
        return [(f"{period.year}-M{period.month:02}", value) for period, value in values.items()]


def _selects(key: str, query: httpx.QueryParams) -> bool:
    """Whether a key and the filters ``c[DIMENSION]`` hold the one series that there is."""
    parts = ["*"] * len(DIMENSIONS) if key == "*" else key.split(".")
    if len(parts) != len(DIMENSIONS):
        return False
    filters = [query.get(f"c[{name}]", "*").replace(",", "+") for name in DIMENSIONS]
    return all(
        part in ("", "*") or code in part.split("+")
        for parts_of_one, code in zip(zip(parts, filters, strict=True), SERIES_KEY, strict=True)
        for part in parts_of_one
    )


def _message(rows: list[tuple[str, str]]) -> dict[str, object]:
    observations = {str(place): [value, None, 0, "1982-84", None] for place, (_, value) in enumerate(rows)}
    series = {"0:0:0:0:0": {"attributes": [0, None, 0, _REFERENCE], "observations": observations}}
    urn = "urn:sdmx:org.sdmx.infomodel.datastructure"
    data_set: dict[str, object] = {"structure": 0, "action": "Replace"}
    dimensions = [
        {"id": name, "keyPosition": place, "roles": [], "values": [{"id": code}] if rows else []}
        for place, (name, code) in enumerate(zip(DIMENSIONS, SERIES_KEY, strict=True))
    ]
    periods = [{"value": period} for period, _ in rows]
    structure = {
        "dataSets": [0],
        "links": [
            {"urn": f"{urn}.Dataflow={AGENCY}:{FLOW}({VERSION})", "title": "Dataflow"},
            {"urn": f"{urn}.DataStructure={AGENCY}:DSD_{FLOW}({VERSION})", "title": "DataStructureDefinition"},
        ],
        "dimensions": {
            "series": dimensions,
            "observation": [{"id": "TIME_PERIOD", "keyPosition": len(DIMENSIONS), "values": periods}],
        },
        "measures": {"observation": [{"id": "OBS_VALUE", "roles": []}]},
        "attributes": {
            "dimensionGroup": [],
            "series": _declared(_SERIES_ATTRIBUTES),
            "observation": _declared(_OBSERVATION_ATTRIBUTES),
        },
        "annotations": [],
    }
    data_sets = [data_set | ({"series": series} if rows else {})]
    return {"meta": {}, "data": {"dataSets": data_sets, "structures": [structure]}}


def _declared(attributes: dict[str, list[str]]) -> list[dict[str, object]]:
    return [
        {"id": name, "roles": [], "isMandatory": False, "values": [{"id": value} for value in values]}
        for name, values in attributes.items()
    ]
