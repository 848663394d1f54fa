"""The server's page in Chromium: comparison of runs by mouse and keyboard, errors, phone width and dark mode."""

import json
import threading
import time

import pytest
import uvicorn

import rpt
from rpt.predict.predictor import Predictor
from rpt.serve.app import create_app
from tests.browser.conftest import SCREENSHOTS
from tests.support.contrast import contrast
from tests.support.served import train_runs

pytestmark = pytest.mark.browser

WIDTHS = {"desktop": 1280, "phone": 390}
MARKUP = "<img src=x onerror=window.hacked=1>"
CHANGES = [["seed=0"], ["seed=1"], ["seed=2"], ["task=copa"], ["task=wsc"]]


@pytest.fixture(scope="module")
def runs(tiny_bert, tmp_path_factory):
    folder = train_runs(tmp_path_factory.mktemp("served"), tiny_bert, CHANGES)
    return [rpt.load(record.parent) for record in sorted(folder.glob("*/run.json"))]


@pytest.fixture(scope="module")
def address(runs):
    """Address of a running server with three runs of CB, one of COPA and one of WSC."""
    server = uvicorn.Server(uvicorn.Config(create_app(Predictor(runs)), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


@pytest.fixture
def open_page(browser, address):
    """Open the server's page. `noise` lists console messages and errors, and `requests` the requested addresses."""
    contexts = []

    def open_page(width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.noise, page.requests = [], []
        page.on("console", lambda message: page.noise.append(message.text))
        page.on("pageerror", lambda error: page.noise.append(str(error)))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(address)
        if options.get("java_script_enabled", True):
            page.locator("#form").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()


def compare(page):
    page.get_by_role("button", name="Compare the answers").click()
    page.locator("#results").wait_for()


def choose(page, task):
    page.get_by_label("Task").select_option(task)


def test_several_runs_are_compared_and_the_page_sends_requests_to_this_server_only(open_page, address, runs):
    page = open_page()
    choose(page, "cb")
    page.get_by_role("button", name="Fill in an example").click()
    row = {name: page.get_by_label(name, exact=True).input_value() for name in ("premise", "hypothesis")}
    assert all(row.values())
    compare(page)
    by_name = {run.record.name: run for run in runs if run.config.task.name == "cb"}
    assert page.locator("#answers li .run").count() == len(by_name) == 3
    for item in page.locator(".answers > li").all():
        name = item.locator(".run").inner_text().splitlines()[0]
        [expected] = by_name[name].predict([row])
        assert item.locator(".answer").inner_text() == expected["label"]
        numbers = item.locator(".numbers").all_inner_texts()
        found = [float(text.partition("(")[2].rstrip(")")) for text in numbers]
        assert found == pytest.approx(list(expected["log_probabilities"].values()), abs=0.0006)
        assert item.locator(".best").inner_text().startswith(expected["label"])
    assert page.noise == []
    assert page.requests == [address, f"{address}runs", f"{address}predict"]


def test_runs_are_compared_by_keyboard_only(open_page):
    page = open_page()
    choose(page, "cb")
    page.get_by_label("premise", exact=True).focus()
    page.keyboard.type("It rains.")
    page.keyboard.press("Tab")
    page.keyboard.type("It is wet.")
    page.keyboard.press("Control+Enter")
    page.locator("#results").wait_for()
    assert "runs" in page.get_by_role("status").inner_text()
    reached = []
    page.evaluate("document.activeElement.blur()")
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if reached[-1] not in ("main", "BODY"):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", reached[-1]
    assert {"task", "all", "none", "field-premise", "field-hypothesis", "example", "as-json", "send"} <= set(reached)


def test_an_error_is_shown_and_the_old_answers_disappear(open_page):
    page = open_page()
    choose(page, "cb")
    page.get_by_role("button", name="Fill in an example").click()
    compare(page)
    page.get_by_label("hypothesis", exact=True).fill("")
    page.get_by_role("button", name="Compare the answers").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_role("alert").inner_text() == "row 1: hypothesis = '' is not a text."
    assert not page.locator("#results").is_visible()
    page.get_by_role("button", name="Choose none").click()
    page.get_by_role("button", name="Compare the answers").click()
    assert page.get_by_role("alert").inner_text() == "No run is chosen. Choose one run or more."
    page.get_by_role("button", name="Choose all").click()
    page.get_by_label("hypothesis", exact=True).fill("It is wet.")
    compare(page)
    assert not page.get_by_role("alert").is_visible()


def test_the_page_says_that_the_server_does_not_answer(open_page):
    page = open_page()
    choose(page, "cb")
    page.get_by_role("button", name="Fill in an example").click()
    page.route("**/predict", lambda route: route.abort())
    page.get_by_role("button", name="Compare the answers").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_role("alert").inner_text().startswith("The server does not answer.")


def test_markup_in_an_answer_is_only_text(open_page):
    page = open_page()
    choose(page, "copa")
    for name, text in (("premise", "It rains."), ("choice1", MARKUP), ("choice2", "b"), ("question", "effect")):
        page.get_by_label(name, exact=True).fill(text)
    compare(page)
    assert MARKUP in page.locator("#answers").inner_text()
    assert page.evaluate("window.hacked") is None
    assert page.locator("#answers img").count() == 0
    assert page.noise == []


def test_a_nested_row_is_written_as_json(open_page, runs):
    page = open_page()
    choose(page, "wsc")
    area = page.locator("textarea")
    assert area.count() == 1
    page.get_by_role("button", name="Fill in an example").click()
    [run] = [run for run in runs if run.config.task.name == "wsc"]
    [expected] = run.predict([json.loads(area.input_value())])
    compare(page)
    assert page.locator(".answer").inner_text() == str(expected["label"]).lower()
    assert page.get_by_role("status").inner_text() == f"The run answers {str(expected['label']).lower()}."
    area.fill("{")
    page.get_by_role("button", name="Compare the answers").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_role("alert").inner_text().startswith("The row is not JSON")


def test_a_row_keeps_its_texts_as_json_and_back(open_page):
    page = open_page()
    choose(page, "cb")
    page.get_by_label("premise", exact=True).fill("It's 5 o'clock.")
    page.get_by_label("hypothesis", exact=True).fill("It is late.")
    toggle = page.get_by_role("button", name="Write the row as JSON")
    toggle.click()
    assert toggle.get_attribute("aria-pressed") == "true"
    assert json.loads(page.locator("textarea").input_value()) == {
        "premise": "It's 5 o'clock.",
        "hypothesis": "It is late.",
    }
    toggle.click()
    assert page.get_by_label("premise", exact=True).input_value() == "It's 5 o'clock."
    compare(page)
    page.get_by_text("The same request from a shell").click()
    assert "o'\\''clock" in page.locator("#shell").inner_text()


@pytest.mark.parametrize("name", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(open_page, name, scheme):
    page = open_page(WIDTHS[name], color_scheme=scheme)
    choose(page, "cb")
    page.get_by_role("button", name="Fill in an example").click()
    compare(page)
    page.get_by_text("The same request from a shell").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[name]
    for selector in ("body", ".caption", ".numbers", ".answer", "legend", "button", "#send", "footer a", "pre"):
        assert contrast(page, selector) >= 4.5, selector  # WCAG AA
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"serve-{name}-{scheme}.png", full_page=True)
    page.get_by_label("hypothesis", exact=True).fill("")
    page.get_by_role("button", name="Compare the answers").click()
    page.get_by_role("alert").wait_for()
    assert contrast(page, ".fault[role=alert]") >= 4.5


def test_without_script_the_page_says_what_to_do(open_page):
    page = open_page(java_script_enabled=False)
    assert "needs JavaScript" in page.locator("body").inner_text()
    assert not page.locator("#form").is_visible()
