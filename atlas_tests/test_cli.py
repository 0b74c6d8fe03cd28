"""The command line on a home in which the demo ran: formats, exit codes and sentences."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pandas as pd
import pytest

from atlas_assets import cli
from atlas_assets.orchestration.tables import enabled_tables
from atlas_tests.conftest import REPOSITORY
from atlas_tests.demo_home import Answer, Home, atlas, environment_of, inside, made_home

WEEK = ["read", "silver.daily_bars", "--symbol", "GSPC", "--from", "2018-12-24", "--to", "2018-12-31"]
CLOSES = {
    "2018-12-24": 2351.1001,
    "2018-12-26": 2467.7,
    "2018-12-27": 2488.8301,
    "2018-12-28": 2485.74,
    "2018-12-31": 2506.8501,
}
TRADES = 316_015


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    return made_home(tmp_path_factory)


@pytest.fixture
def ask(home, monkeypatch, capfd):
    """The command line in this process: what a process of its own says, without its start."""
    with inside(home.folder):

        def run(*arguments: str, **environment: str) -> Answer:
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            monkeypatch.setattr(sys, "argv", ["atlas", *arguments])
            capfd.readouterr()
            with pytest.raises(SystemExit) as left:
                cli.main()
            out, err = capfd.readouterr()
            return Answer(left.value.code or 0, out, err, 0.0)

        yield run


def closes(frame: pd.DataFrame) -> dict[str, float]:
    days = pd.to_datetime(frame["session_date"]).dt.strftime("%Y-%m-%d")
    return dict(sorted(zip(days, frame["close_raw"], strict=True)))


def refused(answer, code: int) -> str:
    """The one sentence of a refusal."""
    assert answer.code == code, answer.err
    assert "Traceback" not in answer.err
    (sentence,) = answer.err.splitlines()
    assert sentence.startswith("atlas: ")
    assert sentence.endswith(".")
    return sentence


def test_read_as_a_table(home):
    answer = home.atlas("read", "silver.daily_bars", "--symbol", "GSPC", "--from", "2018-01-01")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[-1] == "251 rows"
    assert "close_raw" in answer.out.splitlines()[0]


def test_read_as_csv(ask):
    assert closes(pd.read_csv(io.StringIO(ask(*WEEK, "--format", "csv").out))) == CLOSES


def test_read_what_was_known_on_a_day(ask):
    quarter = ["read", "silver.macro_observations", "--symbol", "GDPC1", "--from", "2008-04-01", "--to", "2008-04-01"]
    prints = pd.read_csv(io.StringIO(ask(*quarter, "--format", "csv").out))
    assert len(prints) > 1
    for one in prints.itertuples():
        known = ask(*quarter, "--known-on", one.known_from, "--format", "csv").out
        assert pd.read_csv(io.StringIO(known))["value"].tolist() == [one.value]
    assert "keeps no vintages" in refused(ask(*WEEK, "--known-on", "2018-12-24"), 1)


def test_read_as_json(ask):
    lines = [json.loads(line) for line in ask(*WEEK, "--format", "json").out.splitlines()]
    assert closes(pd.DataFrame(lines)) == CLOSES


def test_read_as_parquet(ask, tmp_path):
    answer = ask(*WEEK, "--format", "parquet", "--output", str(tmp_path / "bars.parquet"))
    assert (answer.code, answer.out) == (0, "")
    assert closes(pd.read_parquet(tmp_path / "bars.parquet")) == CLOSES


def test_read_into_a_file(ask, tmp_path):
    assert ask(*WEEK, "--format", "csv", "--output", str(tmp_path / "bars.csv")).code == 0
    assert closes(pd.read_csv(tmp_path / "bars.csv")) == CLOSES


def test_several_symbols(ask):
    answer = ask(
        "read", "silver.daily_bars", "--symbol", "GSPC", "--symbol", "IXIC", "--from", "2018-12-31", "--format", "json"
    )
    assert {json.loads(line)["symbol"] for line in answer.out.splitlines()} == {"GSPC", "IXIC"}


def test_sql(ask):
    answer = ask("sql", "select count(*) as trades from silver.trades", "--format", "json")
    assert (answer.code, json.loads(answer.out)) == (0, {"trades": TRADES})


def test_as_of_a_snapshot_or_a_time(home, ask):
    query = "select count(distinct symbol) as symbols from silver.daily_bars"
    before = str(home.observed.snapshots["same bytes"])
    was, now = (json.loads(ask("sql", query, "--format", "json", *as_of).out) for as_of in (["--as-of", before], []))
    assert (was, now) == ({"symbols": 9}, {"symbols": 10})
    assert ask("read", "silver.instruments", "--as-of", before, "--format", "csv").out.count("\n") == 1 + 9
    later = ask("sql", query, "--format", "json", "--as-of", "2200-01-01T00:00:00Z")
    assert json.loads(later.out) == {"symbols": 10}


def test_status_shows_every_asset(home):
    answer = home.atlas("status")
    assert (answer.code, answer.err) == (0, "")
    rows = [
        line.split()
        for line in answer.out.splitlines()
        if line.strip().startswith(("raw/", "silver/", "gold/", "model/"))
    ]
    assert len(rows) == len(enabled_tables())
    for row in rows:
        assert "up to date" in " ".join(row), row
    assert f"{TRADES:,}" in answer.out


def test_coverage_says_what_is_there(ask):
    lines = [
        json.loads(line)
        for line in ask("coverage", "binance", "--dataset", "klines", "--format", "json").out.splitlines()
    ]
    assert [line["instrument"] for line in lines] == ["BTCUSDT", "ETHUSDT"]
    for line in lines:
        assert (line["first_day"], line["final_until"], line["partial_until"]) == (
            "2018-12-01",
            "2018-12-30",
            "2018-12-31",
        )
        assert line["gaps"] == 0


def test_a_table_leaves_empty_cells_blank(capsys):
    cli._print(pd.DataFrame({"day": ["2018-12-01", None], "gaps": [1.5, None]}), cli.Format.table, None)
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:3]] == [["2018-12-01", "1.5"], []]


def test_coverage_lists_the_gaps(ask):
    answer = ask("coverage", "--gaps", "--format", "csv")
    header, *lines = answer.out.strip().splitlines()
    assert (answer.code, header) == (0, "source,dataset,instrument,first_day,last_day,asked_again,reason")
    # All that is missing in the sandbox lies further back than its vendors reach.
    assert lines
    assert all(",False,the vendor answers for the last " in line for line in lines)
    assert "Nothing was asked for yet" in refused(ask("coverage", "nobody"), 2)


def test_status_of_a_new_home_says_what_is_missing(tmp_path):
    answer = atlas(tmp_path, "status")
    assert answer.code == 0, answer.err
    assert "days missing from 2018-12-01" in answer.out
    assert "never made" in answer.out


def test_coverage_of_a_new_home_says_what_to_do(tmp_path):
    assert "Nothing was asked for yet: run atlas demo" in refused(atlas(tmp_path, "coverage"), 1)
    assert "see atlas coverage without arguments" in refused(atlas(tmp_path, "coverage", "binance"), 2)


def test_doctor_finds_nothing_wrong(home):
    answer = home.atlas("doctor")
    assert (answer.code, answer.err) == (0, "")
    assert all(line.startswith("ok ") for line in answer.out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["read", "silver.nowhere"], "no table silver.nowhere"),
        (["read", "nowhere"], "'nowhere' is not a table name"),
        (["read", "silver.daily_bars; drop table silver.trades"], "is not a table name"),
        (["read", "silver.daily_bars", "--from", "yesterday"], "'yesterday' is not a time"),
        (["read", "silver.daily_bars", "--to", "2018-13-01"], "'2018-13-01' is not a time"),
        (["read", "silver.daily_bars", "--as-of", "999999"], "no snapshot 999999"),
        (["read", "silver.daily_bars", "--as-of", "soon"], "soon"),
        (["read", "silver.fear_greed", "--symbol", "X"], "symbol"),
        (["sql", "delete from silver.trades"], "write a SELECT"),
        (["sql", "update silver.trades set price = 1"], "write a SELECT"),
        (["sql", "create table silver.mine as select 1"], "write a SELECT"),
        (["sql", "drop table silver.trades"], "write a SELECT"),
        (["sql", "copy (select 1) to 'here.csv'"], "write a SELECT"),
        (["sql", "select 1; delete from silver.trades"], "write a SELECT"),
        (["sql", "selec 1"], "syntax error"),
        (["sql", "select * from silver.nowhere"], "nowhere"),
        (["sql", "select * from read_text('/etc/passwd')"], "/etc/passwd"),
    ],
)
def test_work_that_fails_says_so_in_one_sentence(ask, arguments, said):
    assert said in refused(ask(*arguments), 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["read"], "Missing argument"),
        (["read", "silver.daily_bars", "--nope"], "No such option"),
        (["read", "silver.daily_bars", "--format", "xml"], "'xml' is not one of"),
        (["read", "silver.daily_bars", "--format", "parquet"], "--output"),
        (["fly"], "No such command"),
        (["ui", "--port", "high"], "--port"),
    ],
)
def test_wrong_usage_says_so_in_one_sentence(ask, arguments, said):
    assert said in refused(ask(*arguments), 2)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ATLAS_ENV": "mars"}, "ATLAS_ENV is 'mars'"),
        ({"ATLAS_LAKE__ROOTS": "x"}, "unknown key lake.roots"),
        ({"ATLAS_MODELS__TVP_VAR__LAGS": "0"}, "models.tvp_var.lags"),
    ],
)
def test_a_wrong_configuration_says_so_in_one_sentence(ask, environment, said):
    assert said in refused(ask("sql", "select 1", **environment), 2)


def test_a_refusal_of_a_process_of_its_own(home):
    assert "no table silver.nowhere" in refused(home.atlas("read", "silver.nowhere"), 1)
    assert "No such option" in refused(home.atlas("read", "silver.daily_bars", "--nope"), 2)
    assert "ATLAS_ENV is 'mars'" in refused(home.atlas("status", ATLAS_ENV="mars"), 2)


@pytest.mark.parametrize("symbol", ["a'); DROP TABLE silver.trades; --", "' OR 1=1 --", "", "*", "%", "日経\n\x1b[2J"])
def test_a_symbol_is_only_ever_data(ask, symbol):
    answer = ask("read", "silver.daily_bars", "--symbol", symbol, "--format", "csv")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.count("\n") == 1
    assert json.loads(ask("sql", "select count(*) n from silver.trades", "--format", "json").out) == {"n": TRADES}


def test_help_names_every_command():
    help_text = atlas(REPOSITORY, "--help").out
    for command in ("demo", "status", "doctor", "read", "sql", "ui"):
        assert command in help_text


def test_no_arguments_show_the_help(tmp_path):
    answer = atlas(tmp_path)
    assert answer.code == 0
    assert "Usage: atlas" in answer.out


def test_python_reads_in_one_line(home):
    code = (
        "import atlas_assets as atlas; "
        "print(len(atlas.open_lake().read('silver.daily_bars', symbols=['GSPC'], start='2018-01-01')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment_of(home.folder), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "251\n", "")


def test_a_reader_of_half_the_output_is_no_error(home):
    done = subprocess.run(
        f"'{sys.executable}' -c 'from atlas_assets.cli import main; main()' "
        "read silver.trades --symbol BTCUSDT --from 2018-12-31 --format csv | head -1",
        shell=True,
        env=environment_of(home.folder),
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
    )
    assert done.stdout.startswith("instrument_id,")
    assert "Traceback" not in done.stderr
