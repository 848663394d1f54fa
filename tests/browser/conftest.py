"""A real browser, and a report to open in it."""

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
TROUBLE = "x<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
"""A group's name with HTML and a script; the page shows it in its title, headings and texts."""

SCREENSHOTS = Path(__file__).parent / "screenshots"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """An installed Chromium; without one the tests are skipped with the command that installs it."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium: apt-get install --no-install-recommends chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a study of sample rows: some runs diverged, one is unfinished, and the name holds a script."""
    runs = tmp_path_factory.mktemp("runs")
    group = f"group='{TROUBLE}'"
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
    """Opens the report with a context's options; whatever the console says or the page asks for is kept.

    The page has `noise`, a list of console messages and errors, and `requests`, a list of addresses.
    """
    contexts: list[BrowserContext] = []

    def open_page(width: int = 1280, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.noise, page.requests = [], []
        page.on("console", lambda message: page.noise.append(message.text))
        page.on("pageerror", lambda error: page.noise.append(str(error)))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(report.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
