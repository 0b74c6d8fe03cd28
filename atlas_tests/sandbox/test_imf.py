"""The sandbox's IMF: one series in the shape of a recorded reply, and no data where it has none."""

from __future__ import annotations

import pytest

from atlas_assets.sandbox.market_data import macro_values

KEY = "data/dataflow/IMF.STA/CPI/5.0.0/USA.CPI._T.IX.M"


def values(reply):
    data = reply.json()["data"]
    (data_set,) = data["dataSets"]
    series = data_set.get("series", {})
    periods = data["structures"][0]["dimensions"]["observation"][0]["values"]
    return {
        periods[int(place)]["value"]: one[0] for each in series.values() for place, one in each["observations"].items()
    }


def test_values_are_those_published_by_the_present(ask):
    found = values(ask("imf", KEY))
    true = {f"{day.year}-M{day.month:02}": value for day, value in macro_values("CPILFESL").items()}
    assert found.items() <= true.items()
    assert max(found) == "2018-M11"
    assert values(ask("imf", KEY, lastNObservations=2)).keys() == {"2018-M10", "2018-M11"}


@pytest.mark.parametrize(
    "path", [KEY, KEY.replace("5.0.0", "+"), KEY.replace("USA", "*"), "data/dataflow/IMF.STA/CPI/+/*"]
)
def test_versions_and_wildcards(ask, path):
    assert len(values(ask("imf", path))) > 700
    assert len(values(ask("imf", path, **{"c[COUNTRY]": "USA,DEU"}))) > 700
    assert values(ask("imf", path, **{"c[COUNTRY]": "DEU"})) == {}


def test_nothing_selected_has_no_series_and_nothing_known_has_no_content(ask):
    reply = ask("imf", KEY.replace("USA", "ZZZ"))
    assert (reply.status_code, values(reply)) == (200, {})
    assert "series" not in reply.json()["data"]["dataSets"][0]
    for path in (KEY.replace("CPI/5", "XYZ/5"), KEY.replace("5.0.0", "6.0.0"), KEY.replace("IMF.STA", "OECD")):
        reply = ask("imf", path)
        assert (reply.status_code, reply.content) == (204, b"")


def test_too_many_requests(ask_at):
    ask = ask_at(limits={"imf_requests_per_minute": 1})
    assert [ask("imf", KEY).status_code for _ in range(2)] == [200, 429]


def skeleton(value):
    if isinstance(value, dict):
        return {name: skeleton(item) for name, item in value.items() if name not in ("observations", "attributes")}
    return type(value).__name__ if not isinstance(value, list) else [skeleton(value[0])] if value else []


@pytest.mark.recorded
def test_the_shape_is_that_of_a_recorded_reply(ask, wire):
    mine = ask("imf", KEY, lastNObservations=2, attributes="dsd", measures="all").json()
    real = wire("imf/sdmx30_get_data_cpi.json")
    assert skeleton(mine) == skeleton(real)
