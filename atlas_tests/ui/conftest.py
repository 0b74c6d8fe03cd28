"""One home in which the demo ran, one `atlas ui` in it and one browser, for all tests here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from atlas_tests.ui.server import AtlasUi, Home, running_ui

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MILLISECONDS = 30_000

expect.set_options(timeout=PATIENCE_MILLISECONDS)

Shoot = Callable[[Page, str], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test that stops the server comes last, whatever the order of the others."""
    items.sort(key=lambda item: item.name == "test_ctrl_c_ends_webserver_and_daemon")


@pytest.fixture(scope="session")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtlasUi]:
    """`atlas ui` over a graph that the demo has made."""
    home = Home(tmp_path_factory.mktemp("ui") / "home")
    print(f"\natlas demo: {home.fill():.1f} s")
    with running_ui(home) as server:
        print(f"atlas ui answers after {server.start_seconds:.1f} s")
        yield server
    assert home.processes() == []


# Not for the session: while Playwright runs, nothing else in the process may start an event loop, and Dagster does.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window, with an empty profile."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, ui: AtlasUi) -> Iterator[Page]:
    """A page of a visitor who was never here; nothing in it may fail in JavaScript."""
    context = browser.new_context(base_url=ui.address, viewport={"width": 1600, "height": 900})
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    # Dagster invites to its community in a modal that covers the page.
    skip = opened.get_by_role("button", name="Skip", exact=True)
    opened.add_locator_handler(skip, lambda: skip.click())
    yield opened
    context.close()
    assert errors == []


@pytest.fixture
def shoot(tmp_path: Path) -> Shoot:
    """Keep a picture of a page, also in the folder that ATLAS_SCREENSHOTS names."""

    def keep(page: Page, name: str) -> Path:
        # A screenshot alone would not have the modal dismissed; looking for something does.
        expect(page.locator("body")).to_be_visible()
        file = tmp_path / f"{name}.png"
        page.screenshot(path=file, animations="disabled")
        if kept := os.environ.get("ATLAS_SCREENSHOTS"):
            Path(kept).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, kept)
        return file

    return keep
