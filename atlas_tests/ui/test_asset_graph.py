"""What a person sees and can do in Dagster's UI, tried in a real browser."""

from __future__ import annotations

import re
import time

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.lake import CommitInfo
from atlas_assets.orchestration.tables import enabled_tables, table
from atlas_tests.ui.conftest import Shoot
from atlas_tests.ui.server import AtlasUi, Home, port_is_open, waited_for

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.xdist_group("ui")]

KEYS = ["/".join(table.asset_key) for table in enabled_tables()]
GROUPS = {table.asset_key[1] for table in enabled_tables()}
CHECKS = ("contract_shape", "contract_truth", "row_count_surprise")
CLICKED = "gold/indicators/technical_indicators"
ASSETS = """
{ assetNodes { assetKey { path } groupName kinds description owners { ... on TeamAssetOwner { team } }
  dependencyKeys { path } hasMaterializePermission
  assetMaterializations(limit: 1) { metadataEntries { label } } } }
"""
ONE_OF_EACH_LAYER = [
    ("raw/fred/observations", "fred", "data-engineering", ["python", "macro"]),
    ("silver/market/daily_bars", "market", "data-engineering", ["dbt", "duckdb"]),
    ("gold/risk_management/value_at_risk", "risk_management", "quant-research", ["python", "numba"]),
    ("model/tvp_var/fit", "tvp_var", "quant-research", ["python", "numba"]),
]


def open_asset(page: Page, asset: str, view: str = "overview") -> None:
    page.goto(f"/assets/{asset}?view={view}")
    expect(page.get_by_role("button", name=re.compile("Materialize")).first).to_be_enabled()


def sections_after(page: Page, heading: str, *, lines: int) -> list[str]:
    """The lines of text that follow a heading."""
    words = page.locator("body").inner_text().split("\n")
    return [word.strip() for word in words[words.index(heading) + 1 :] if word.strip()][:lines]


def test_the_graph_shows_every_group_and_asset(ui: AtlasUi, page: Page, shoot: Shoot):
    # The page draws only what fits into the window: make it as tall as the graph.
    page.set_viewport_size({"width": 1600, "height": 80 * len(GROUPS)})
    page.goto("/asset-groups")
    graph = page.locator("svg foreignObject")
    for group in GROUPS:
        expect(graph.get_by_text(group, exact=True).first).to_be_visible()
    expect(page.get_by_text("fetching statuses")).to_have_count(0)
    page.get_by_role("button", name="Hide navigation").click()
    page.reload()
    page.get_by_label("panel_show_right").click()
    # Opening and closing all groups fits the graph to the wider window; not all assets fit into it.
    any_asset = graph.get_by_text(re.compile(f"^({'|'.join(key.rsplit('/', 1)[-1] for key in KEYS)})$"))
    page.locator("body").press("Alt+KeyE")
    expect(any_asset.first).to_be_attached()
    page.locator("body").press("Alt+KeyE")
    expect(any_asset).to_have_count(0)
    for group in GROUPS:
        expect(graph.get_by_text(group, exact=True).first).to_be_in_viewport()
    expect(page.get_by_text("fetching statuses")).to_have_count(0)
    shoot(page, "asset-graph")

    page.set_viewport_size({"width": 1200, "height": 100 * len(KEYS)})
    page.locator("body").press("Alt+KeyE")
    expect(any_asset.first).to_be_attached()
    page.reload()
    for key in KEYS:
        expect(graph.get_by_text(shortened(key.rsplit("/", 1)[-1])).first).to_be_in_viewport()
    # Green where it was made and its checks passed, red where one failed; grey while the page does not know.
    made = "svg [style*='color-background-green'], svg [style*='color-background-red']"
    expect(page.locator(made)).to_have_count(len(KEYS))
    shoot(page, "asset-graph-expanded")


def shortened(name: str) -> re.Pattern[str]:
    """A name as the graph writes it: whole, or with an ellipsis in its middle."""
    return re.compile(rf"^({name}|{name[:4]}\w*…\w*{name[-4:]})$")


def test_every_asset_has_group_kinds_owner_description_and_evidence(ui: AtlasUi):
    assets = {"/".join(node["assetKey"]["path"]): node for node in ui.ask(ASSETS)["assetNodes"]}
    assert sorted(assets) == sorted(KEYS)
    for key, node in assets.items():
        layer, domain, _ = key.split("/")
        assert node["groupName"] == domain
        assert node["kinds"]
        assert len(node["description"]) > 20
        assert node["owners"] == [{"team": "data-engineering" if layer in ("raw", "silver") else "quant-research"}]
        parents = {parent["path"][0] for parent in node["dependencyKeys"]}
        allowed = {"raw": set(), "silver": {"raw", "silver"}}.get(layer, {"silver", "gold", "model"})
        assert parents <= allowed
        # Sessions come from the table of holidays that is part of the code.
        assert bool(parents) == (layer != "raw" and key != "silver/market/sessions")
        labels = {entry["label"] for entry in node["assetMaterializations"][0]["metadataEntries"]}
        assert labels >= {"dagster/row_count", "dagster/column_schema", "preview"}, key
        assert "plot" in labels or layer in ("raw", "silver"), key


@pytest.mark.parametrize(("asset", "group", "owner", "kinds"), ONE_OF_EACH_LAYER)
def test_an_asset_page_says_what_the_asset_is(page: Page, shoot: Shoot, asset, group, owner, kinds):
    open_asset(page, asset)
    expect(page.get_by_text("Owners", exact=True)).to_be_visible()
    expect(page.get_by_text("Kinds", exact=True)).to_be_visible()
    expect(page.get_by_text("Column name", exact=True)).to_be_visible()
    assert sections_after(page, "Group", lines=1) == [group]
    assert sections_after(page, "Owners", lines=1) == [owner]
    shown = " ".join(sections_after(page, "Kinds", lines=len(kinds))).lower()
    assert all(kind in shown for kind in kinds)
    waited_for("a description", lambda: len(sections_after(page, "Description", lines=1)[0]) > 20, seconds=30)
    shoot(page, f"asset-{asset.replace('/', '-')}")


def test_an_asset_is_made_by_clicking_and_shows_its_evidence(ui: AtlasUi, page: Page, shoot: Shoot):
    open_asset(page, CLICKED)
    page.get_by_role("button", name=re.compile("Materialize$")).click()
    clicked = time.monotonic()
    toast = page.get_by_text(re.compile("Launched run [0-9a-f]{8}"))
    run = ui.ended(toast.inner_text().split()[-1])
    took = run["endTime"] - run["creationTime"]
    print(f"\na clicked run: {took:.1f} s from queued to end, {time.monotonic() - clicked:.1f} s as seen")
    assert run["status"] == "SUCCESS"
    assert run["assetSelection"] == [{"path": CLICKED.split("/")}]

    page.reload()
    rows = len(ui.home.lake().read("gold.technical_indicators", columns=["symbol"]))
    expect(page.get_by_text("Row count")).to_be_visible()
    assert f"{rows:,}" in sections_after(page, "Row count", lines=1)
    expect(page.get_by_text("seconds ago").or_(page.get_by_text("minute ago")).first).to_be_visible()
    for name, column in table("gold.technical_indicators").contract.to_schema().columns.items():
        row = page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))
        expect(row.filter(has_text=column.description).first).to_be_attached()
    shoot(page, "materialised")

    preview = page.get_by_role("row").filter(has=page.get_by_text("preview", exact=True)).locator("table")
    preview.scroll_into_view_if_needed()
    expect(preview.locator("tbody tr")).to_have_count(5)
    assert "session_date" in preview.locator("thead").inner_text()
    shoot(page, "preview")
    page.get_by_role("row").filter(has_text="[Show Markdown]").get_by_text("[Show Markdown]").click()
    plot = page.get_by_role("img", name="gold_technical_indicators", exact=True)
    expect(plot).to_be_visible()
    assert plot.evaluate("image => image.complete && image.naturalWidth") > 400
    shoot(page, "plot")


def test_the_checks_tab_shows_that_they_passed(page: Page, shoot: Shoot):
    open_asset(page, CLICKED, "checks")
    for check in reversed(CHECKS):
        page.get_by_text(check, exact=True).first.click()
        expect(page.get_by_text("Automation history", exact=True)).to_be_visible()
        expect(page.get_by_text("Evaluation result", exact=True)).to_be_visible()
        expect(page.get_by_text("Passed", exact=True)).to_be_visible()
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(len(CHECKS))
    expect(page.get_by_role("row", name="rows_judged")).to_be_visible()
    shoot(page, "checks-passed")


def test_a_failing_check_shows_why(ui: AtlasUi, page: Page, shoot: Shoot):
    name, asset = "gold.daily_sentiment", "gold/sentiment/daily_sentiment"
    good = ui.home.lake().read(name)
    wrong = good.copy()
    wrong.loc[wrong.index[-1], ["sentiment_mean", "positive_share", "negative_share"]] = [2.0, 0.75, 0.75]
    replace(ui.home, name, wrong)
    try:
        open_asset(page, asset, "checks")
        page.get_by_role("button", name="Execute all").click()
        toast = page.get_by_text(re.compile("Launched run [0-9a-f]{8}"))
        assert ui.ended(toast.inner_text().split()[-1])["status"] == "SUCCESS"
        page.reload()
        page.get_by_text("contract_truth", exact=True).first.click()
        expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
        expect(page.get_by_text("Succeeded", exact=True)).to_have_count(2)
        why = f"sentiment_mean: less_than_or_equal_to(1) (1 of {len(wrong)} rows)"
        expect(page.get_by_text(why).first).to_be_visible()
        expect(page.get_by_text(f"positive_share + negative_share <= 1 (1 of {len(wrong)} rows)").first).to_be_visible()
        shoot(page, "check-failed")
        row = page.get_by_role("cell").filter(has_text="sentiment_mean = 2.0").last
        if not row.is_visible():
            page.get_by_text("[Show Markdown]").click()
        expect(row).to_be_visible()
        expect(row).to_contain_text(f"session_date = {wrong['session_date'].iloc[-1]:%Y-%m-%d}")
        shoot(page, "failing-rows")
    finally:
        replace(ui.home, name, good)


def replace(home: Home, name: str, rows: pd.DataFrame) -> None:
    contract = table(name).contract
    home.lake().replace(
        name,
        rows,
        schema=arrow_schema(contract),
        keys=primary_key(contract),
        window=None,
        commit=CommitInfo(run_id="by hand", asset="/".join(table(name).asset_key), partition=None, code_version="0"),
    )


def test_ctrl_c_ends_webserver_and_daemon(ui: AtlasUi):
    """The last test of all: it ends the server that the others ask."""
    commands = "\n".join(ui.home.processes())
    assert "dagster_webserver" in commands
    assert "dagster._daemon" in commands
    seconds = ui.interrupt()
    print(f"\natlas ui is gone {seconds:.1f} s after Ctrl-C")
    assert ui.home.processes() == []
    assert not port_is_open(ui.port)
    assert ui.process.returncode == 0
