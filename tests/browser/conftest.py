"""Fixtures of the tests in a browser: Chromium, a report, and an opened page."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from rpt.report.__main__ import main
from tests.support.report_fixture import write_run

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOSTILE_NAME = "x<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
"""A group name with HTML and a script. The page shows it in its title, headings and texts."""

SCREENSHOTS = Path(__file__).parent / "screenshots"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start an installed Chromium. Without one, skip the tests and name the command that installs it."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium: apt-get install --no-install-recommends chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of a study of sample rows. Two runs diverged, one is unfinished, and the name has a script."""
    runs = tmp_path_factory.mktemp("runs")
    group = f"group='{HOSTILE_NAME}'"
    for seed in ("seed=0", "seed=1"):
        write_run(runs, "encoder=none", seed, group)
        for encoder in ("encoder=plain", "encoder=residual"):
            for rate in ("lr=0.003", "lr=0.03", "lr=3.0"):
                is_lost = encoder == "encoder=plain" and rate == "lr=3.0"
                write_run(runs, encoder, rate, seed, group, status="failed" if is_lost else "finished")
    write_run(runs, "seed=7", group, status="running")
    assert main([str(runs)]) == 0
    return runs / "report" / "index.html"


@pytest.fixture
def open_page(browser: Browser, report: Path) -> Iterator[Callable[..., Page]]:
    """Open the report with options of a browser context.

    The page gets two lists: `messages` of the console's messages and errors, and `requests` of the requested addresses.
    """
    contexts: list[BrowserContext] = []

    def open_page(width: int = 1280, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.messages, page.requests = [], []
        page.on("console", lambda message: page.messages.append(message.text))
        page.on("pageerror", lambda error: page.messages.append(str(error)))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(report.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
