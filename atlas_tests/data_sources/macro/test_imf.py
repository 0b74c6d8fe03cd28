"""IMF: SDMX 3.0 read by what each reply says about itself, archives of the former service, answers that are none."""

import json
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.coverage import State, answered
from atlas_assets.data_sources.macro.imf import ImfObservations, ImfQuery, ImfSelection
from atlas_assets.data_sources.macro.imf_sdmx import read_observations
from atlas_assets.data_sources.snapshots import can_be_seen
from atlas_assets.lake import CommitInfo, Lake, LakeConfig
from atlas_assets.orchestration.ingestion import Ingestion
from atlas_assets.orchestration.partitions import Partition
from atlas_assets.sandbox import FaultPlan
from atlas_assets.sandbox.market_data import macro_values

DAY = date(2018, 12, 31)
QUERY = ImfQuery(
    start=DAY, end=DAY, as_of=datetime(2019, 1, 1, 5, tzinfo=UTC), selection="IMF.STA:CPI/*", version="5.0.0"
)
DIMENSIONS = {"COUNTRY": ["USA", "DEU"], "INDEX_TYPE": ["CPI"], "FREQUENCY": ["M"]}


def message(
    series, /, *, dimensions=DIMENSIONS, periods=("2018-M10", "2018-M11"), version="5.0.0", positions=None, **attributes
):
    urn = f"urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=IMF.STA:CPI({version})"
    places = positions or range(len(dimensions))
    listed = [
        {"id": name, "keyPosition": place, "values": [{"id": code} for code in codes]}
        for (name, codes), place in zip(dimensions.items(), places, strict=True)
    ]
    declared = {
        level: [{"id": name, "values": [{"id": value} for value in values]} for name, values in named.items()]
        for level, named in attributes.items()
    }
    structure = {
        "links": [{"urn": "urn:other"}, {"urn": urn}],
        "dimensions": {
            "series": listed,
            "observation": [{"id": "TIME_PERIOD", "values": [{"value": one} for one in periods]}],
        },
        "attributes": declared,
    }
    data_set = {"structure": 0, **({} if series is None else {"series": series})}
    return json.dumps({"meta": {}, "data": {"dataSets": [data_set], "structures": [structure]}}).encode()


def read(series, query=QUERY, /, **other):
    return ImfObservations.transform(message(series, **other), query)


def test_values_stay_strings_and_periods_as_sent():
    rows = read({"1:0:0": {"observations": {"0": ["102.50"], "1": [None]}}}).rows.to_pylist()
    assert rows[0] == {
        "snapshot_date": DAY,
        "selection": "IMF.STA:CPI/*",
        "flow": "IMF.STA:CPI",
        "version": "5.0.0",
        "series_key": "DEU.CPI.M",
        "time_period": "2018-M10",
        "value": "102.50",
        "attributes": "{}",
    }
    assert rows[1]["value"] is None


def test_the_order_of_dimensions_is_the_replys_own():
    swapped = {"FREQUENCY": ["M"], "COUNTRY": ["USA", "DEU"], "INDEX_TYPE": ["CPI"]}
    series = {"0:1:0": {"observations": {"0": ["1"]}}}
    assert read(series, dimensions=swapped).rows["series_key"].to_pylist() == ["M.DEU.CPI"]
    in_position = read(series, dimensions=swapped, positions=[2, 0, 1])
    assert in_position.rows["series_key"].to_pylist() == ["DEU.CPI.M"]


def test_attributes_are_given_by_index_or_as_they_are():
    series = {"0:0:0": {"attributes": [1, None, "2010A"], "observations": {"0": ["1", 0, "x", 5]}}}
    (row,) = read(
        series,
        series={"SCALE": ["0", "6"], "DECIMALS": ["1"], "REFERENCE": []},
        observation={"STATUS": ["A"], "NOTE": ["y"], "NUMBER": []},
    ).rows.to_pylist()
    assert json.loads(row["attributes"]) == {
        "SCALE": "6",
        "REFERENCE": "2010A",
        "STATUS": "A",
        "NOTE": "x",
        "NUMBER": 5,
    }


@pytest.mark.parametrize("content", [b"", b"\n", message(None), message({})])
def test_nothing_selected_is_no_data_and_no_error(content):
    assert ImfObservations.transform(content, QUERY).rows.num_rows == 0


def test_a_bad_value_is_set_aside_by_itself():
    parsed = read({"0:0:0": {"observations": {"0": [1.5], "1": ["2"]}}})
    assert parsed.rows["value"].to_pylist() == ["2"]
    assert [row.position for row in parsed.rejected] == [1]


@pytest.mark.parametrize(
    "series",
    [
        {"5:0:0": {"observations": {"0": ["1"]}}},
        {"-1:0:0": {"observations": {"0": ["1"]}}},
        {"0:0": {"observations": {"0": ["1"]}}},
        {"0:0:0": {"observations": {"9": ["1"]}}},
        {"0:0:0": {"observations": {"0": []}}},
        {"0:0:0": {}},
        {"0:0:0": {"attributes": [1, 2, 3], "observations": {"0": ["1"]}}},
        [],
        "x",
    ],
)
def test_other_series_are_errors(series):
    if series == []:
        with pytest.raises(MalformedReply):
            read([1])
        return
    with pytest.raises(MalformedReply, match="imf observations"):
        read(series)


@pytest.mark.parametrize("content", [b"{}", b"[]", b"5", b'{"data":5}', b'{"data":{}}', b"<a/>", b"{", b"\xff"])
def test_other_bodies_are_errors(content):
    with pytest.raises(MalformedReply, match="imf observations"):
        ImfObservations.transform(content, QUERY)


def test_a_version_that_is_not_the_pinned_one_is_refused():
    series = {"0:0:0": {"observations": {"0": ["1"]}}}
    with pytest.raises(MalformedReply, match=r"answers with version 6\.0\.0, not 5\.0\.0"):
        read(series, version="6.0.0")
    latest = QUERY.model_copy(update={"version": None})
    assert read(series, latest, version="6.0.0").rows["version"].to_pylist() == ["6.0.0"]


def test_requests_name_version_and_key(source_of, vendor):
    server = vendor(httpx.Response(204))
    selections = [
        ImfSelection(agency="IMF.STA", flow="CPI", version="5.0.0", key="USA.CPI._T.IX.M"),
        ImfSelection(agency="IMF.RES", flow="WEO", version="+", key="*"),
    ]
    source = source_of(ImfObservations, server, changed={"selections": selections, "last_observations": 12})
    queries = list(source.queries(DAY, DAY))
    assert [query.instrument for query in queries] == ["IMF.STA:CPI/USA.CPI._T.IX.M", "IMF.RES:WEO/*"]
    assert [query.version for query in queries] == ["5.0.0", None]
    replies = [reply for query in queries for reply in source.extract(query)]
    assert [request.url.raw_path.decode().partition("?")[0] for request in server.requests] == [
        "/external/sdmx/3.0/data/dataflow/IMF.STA/CPI/5.0.0/USA.CPI._T.IX.M",
        "/external/sdmx/3.0/data/dataflow/IMF.RES/WEO/%2B/%2A",
    ]
    assert server.asked[0] == {"attributes": "dsd", "measures": "all", "lastNObservations": "12"}
    assert server.requests[0].headers["accept"] == "application/json"
    assert [ImfObservations.transform(reply.content, QUERY).rows.num_rows for reply in replies] == [0, 0]


def test_the_first_load_asks_for_all_periods_and_the_past_is_not_made_up(source_of, vendor, settings):
    server = vendor(httpx.Response(204))
    source = source_of(ImfObservations, server)
    first = settings.data_sources.imf.history_from
    list(source.extract(next(source.queries(first, DAY))))
    assert "lastNObservations" not in server.asked[0]
    assert list(source.extract(next(source.queries(first, DAY - timedelta(days=2))))) == []
    assert len(server.requests) == 1


def test_a_nightly_load_settles_the_day_before_and_gives_up_what_is_older():
    """What the ledger says and what is asked for agree at every time of day."""
    for hour in (1, 12, 23):
        now = datetime(2018, 12, 31, hour, 30, tzinfo=UTC)
        spans = answered(
            date(2018, 12, 28), DAY, rows={}, asked_at=now, settles_after=timedelta(0), reach=ImfObservations.reach
        )
        assert [(span.state, span.last.day) for span in spans] == [
            (State.MISSING, 29),
            (State.FINAL, 30),
            (State.PARTIAL, 31),
        ]
        asked = [
            day
            for day in range(28, 32)
            if can_be_seen(QUERY.model_copy(update={"end": date(2018, 12, day), "as_of": now}))
        ]
        assert asked == [30, 31]


@pytest.mark.parametrize("key", ["USA/../x", "USA?x=1", "", "USA CPI", "x" * 201])
def test_keys_that_are_none_are_refused_in_the_settings(key):
    with pytest.raises(ValueError, match="key"):
        ImfSelection(agency="IMF.STA", flow="CPI", version="5.0.0", key=key)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"\xef\xbb\xbf<!DOCTYPE html><html></html>"),
        httpx.Response(200, content=b'<?xml version="1.0"?><error/>', headers={"content-type": "text/xml"}),
        httpx.Response(200, content=b'{"data":{"dataSets":['),
        httpx.Response(200, content=b'{"errors":[{"code":500}]}'),
        httpx.Response(500, content=b"<string>Server error</string>"),
    ],
)
def test_what_passes_is_tried_again(source_of, vendor, answer):
    server = vendor(answer)
    with pytest.raises(TransientError):
        list(source_of(ImfObservations, server).extract(QUERY))
    assert len(server.requests) > 1


def test_a_bad_request_is_not_tried_again(source_of, vendor):
    server = vendor(httpx.Response(400, content=b"\xef\xbb\xbf<!DOCTYPE html><html>Bad Request</html>"))
    with pytest.raises(PermanentError, match="HTTP 400"):
        list(source_of(ImfObservations, server).extract(QUERY))
    assert len(server.requests) == 1


def compact(series):
    data_set = {"@xmlns": "http://dataservices.imf.org/compact/IFS", **({} if series is None else {"Series": series})}
    return json.dumps({"CompactData": {"@version": "1.0", "Header": {}, "DataSet": data_set}}).encode()


SERIES = {"@FREQ": "M", "@REF_AREA": "US", "@INDICATOR": "PCPI_IX", "@UNIT_MULT": "0", "@TIME_FORMAT": "P1M"}
OBSERVED = [{"@TIME_PERIOD": "2018-10", "@OBS_VALUE": "1.50"}, {"@TIME_PERIOD": "2018-11", "@OBS_STATUS": "M"}]


@pytest.mark.parametrize("several", [False, True])
def test_archives_hold_one_thing_or_a_list_of_them(several):
    series = {**SERIES, "Obs": OBSERVED if several else OBSERVED[0]}
    found = read_observations(compact([series, {**SERIES, "@REF_AREA": "DE"}] if several else series))
    assert [(one.flow, one.version, one.series_key) for one in found] == [("IFS", None, "M.US.PCPI_IX")] * (1 + several)
    assert [(one.time_period, one.value) for one in found] == [("2018-10", "1.50"), ("2018-11", None)][: 1 + several]
    assert found[0].attributes == {"UNIT_MULT": "0", "TIME_FORMAT": "P1M"}


def test_archives_without_series_are_empty():
    assert read_observations(compact(None)) == []


def test_dropped_archives_are_read_as_known_from_their_receipt():
    received = datetime(2018, 12, 31, 22, tzinfo=UTC)
    query = ImfObservations.query_for_file("imf/2019/ifs.json", received)
    assert query is not None
    parsed = ImfObservations.transform(compact({**SERIES, "Obs": OBSERVED}), query)
    assert parsed.days.to_pylist() == [DAY, DAY]
    assert parsed.rows["selection"].unique().to_pylist() == ["archive/ifs.json"]
    for name in ("ifs.json", "other/ifs.json", "imf/ifs.csv", "xyimf/ifs.json"):
        assert ImfObservations.query_for_file(name, received) is None


def test_the_sandbox_tells_core_prices_as_published_by_its_present_through_every_fault(sandbox_rows):
    true = sandbox_rows(ImfObservations, date(2018, 12, 24), DAY)
    values = macro_values("CPILFESL")
    known = {
        f"{period.year}-M{period.month:02}": value for period, value in values.items() if period < date(2018, 12, 1)
    }
    assert {row["time_period"]: row["value"] for row in true} == known
    assert {row["series_key"] for row in true} == {"USA.CPI._T.IX.M"}
    for seed in range(6):
        assert sandbox_rows(ImfObservations, date(2018, 12, 24), DAY, faults=FaultPlan(seed=seed, rate=0.7)) == true
    assert len(sandbox_rows(ImfObservations, DAY, DAY)) == 24


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("sdmx30_get_data_cpi.json", {"2026-M04": "152.7225866809138", "2026-M05": "153.6870200476484"}),
        ("sdmx30_sdmx_data_cpi_valid.json", {"2026-M03": "151.4352997287388", "2026-M04": "152.7225866809138"}),
        ("sdmx30_sdmx_no_content.txt", {}),
        ("sdmx30_codelist_missing.txt", {}),
    ],
)
def test_recorded_replies(recorded, name, sent):
    rows = ImfObservations.transform(recorded(f"imf/{name}"), QUERY).rows.to_pylist()
    assert {row["time_period"]: row["value"] for row in rows} == sent
    for row in rows:
        assert (row["flow"], row["version"], row["series_key"]) == ("IMF.STA:CPI", "5.0.0", "USA.CPI._T.IX.M")
        attributes = json.loads(row["attributes"])
        assert (attributes["SCALE"], attributes["DERIVATION_TYPE"], attributes["REFERENCE_PERIOD"]) == (
            "0",
            "O",
            "2010A",
        )


@pytest.mark.recorded
@pytest.mark.parametrize(
    "name",
    [
        "sdmx30_sdmx_structure_cpi_json.json",
        "sdmx30_sdmx_availability_cpi.json",
        "sdmx_IMF_RES_WEO-data.xml",
        "sdmx_IMF_01R.xml",
    ],
)
def test_recorded_replies_of_other_kinds_are_refused(recorded, name):
    with pytest.raises(MalformedReply):
        ImfObservations.transform(recorded(f"imf/{name}"), QUERY)


def test_what_the_imf_no_longer_tells_outlives_a_load_of_everything(source_of, tmp_path):
    """A snapshot of the past cannot be asked for again, so no refetch may replace it with nothing."""
    values = iter(["1.0", "2.0", "3.0", "4.0", "5.0"])
    lake = Lake(LakeConfig(root=tmp_path / "lake", extensions=tmp_path / "extensions"))
    table, days = ImfObservations.table, [date(2018, 12, day) for day in (24, 25, 26)]

    def answer(request):
        return httpx.Response(200, content=message({"0:0:0": {"observations": {"0": [next(values)]}}}))

    def load(now, *of, **options):
        partitions = [Partition(day.isoformat(), day, day) for day in of]
        source = source_of(ImfObservations, answer, now=lambda: now)
        for batch in Ingestion(source, partitions=partitions, lake=lake, now=now, run_id="r", **options).batches():
            lake.replace(
                table.name,
                batch.rows,
                schema=arrow_schema(table.contract),
                keys=primary_key(table.contract),
                window=batch.windows,
                records=batch.records,
                commit=CommitInfo(run_id="r", asset="raw/imf/observations"),
            )
        rows = lake.read(table.name).sort_values("snapshot_date")
        return dict(zip(rows["snapshot_date"].dt.day, rows["value"], strict=True))

    for day in days:
        load(datetime(2018, 12, day.day + 1, 5, 30, tzinfo=UTC), day)
    assert load(datetime(2018, 12, 27, 6, tzinfo=UTC), *days, refetch=True) == {24: "1.0", 25: "2.0", 26: "4.0"}
