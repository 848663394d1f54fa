"""The report in Chromium: console messages, requests, keyboard, narrow windows, dark mode and print."""

import re
from itertools import pairwise

import pytest

from tests.browser.conftest import HOSTILE_NAME, SCREENSHOTS
from tests.support.contrast import contrast

pytestmark = pytest.mark.browser

FOCUSABLE = "a[href], button, input, summary, [tabindex='0']"
WIDTHS = {"desktop": 1280, "phone": 390}


def column(page, table, at):
    """Return the texts of a table's column without their intervals."""
    cells = page.locator(f"#table-{table} tbody tr:visible > *:nth-child({at})").all_inner_texts()
    return [re.sub(r" ?\[.*", "", cell) for cell in cells]


def column_number(page, table, title):
    """Return the number of the column with a title. The first column has number 1."""
    heads = page.locator(f"#table-{table} thead th").all_inner_texts()
    return [head.strip() for head in heads].index(title) + 1


def test_the_page_logs_no_message_and_requests_only_itself(open_page, report):
    page = open_page()
    page.wait_for_load_state("networkidle")
    assert page.messages == []
    assert [url for url in page.requests if not url.startswith("data:")] == [report.as_uri()]


def test_the_content_security_policy_forbids_an_image_of_another_address(open_page):
    page = open_page()
    page.evaluate("const image = new Image(); image.src = 'https://example.org/x.png'; document.body.append(image)")
    page.wait_for_function("document.images[document.images.length - 1].complete")
    assert any("Content Security Policy" in line for line in page.messages)


def test_html_in_a_name_is_shown_as_text(open_page):
    page = open_page()
    assert page.locator("h1").inner_text() == HOSTILE_NAME
    assert page.evaluate("window.hacked") is None
    assert page.messages == []


@pytest.mark.parametrize("name", WIDTHS)
def test_the_page_is_not_wider_than_the_window(open_page, name):
    page = open_page(WIDTHS[name])
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[name]
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=SCREENSHOTS / f"{name}-dark.png", full_page=True)


def test_every_figure_is_drawn_and_has_alternative_text_with_numbers(open_page):
    images = open_page().locator("main img")
    assert images.count() == 11
    for image in images.all():
        assert image.evaluate("image => image.complete && image.naturalWidth > 100")
        alt = image.get_attribute("alt")
        assert alt.startswith("SAMPLE DATA")
        assert re.search(r"\d", alt.removeprefix("SAMPLE DATA"))


def test_every_link_leads_to_an_existing_figure_table_or_file(open_page, report):
    page = open_page()
    links = page.locator("a[href]").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    inside = [link for link in links if link.startswith("#")]
    outside = [link for link in links if not link.startswith("#")]
    assert len(inside) > 10
    assert len(outside) > 40
    assert all(page.locator(f"[id='{link[1:]}']").count() == 1 for link in inside)
    assert [link for link in outside if not (report.parent / link).exists()] == []


def test_a_table_sorts_by_a_column_both_ways_with_empty_cells_last(open_page):
    page = open_page()
    number = column_number(page, "runs", "score")
    button = page.locator(f"#table-runs thead th:nth-child({number}) button")
    head = page.locator(f"#table-runs thead th:nth-child({number})")
    assert head.get_attribute("aria-sort") == "none"
    for direction, sign in (("ascending", 1), ("descending", -1)):
        button.click()
        assert head.get_attribute("aria-sort") == direction
        texts = column(page, "runs", number)
        numbers = [sign * float(text) for text in texts if text]
        assert numbers == sorted(numbers)
        assert len(set(numbers)) > 2
        assert texts[-2:] == ["", ""]  # two runs diverged
        assert page.locator("#said").inner_text() == f"Sorted by score, {direction}."
    assert page.locator("#table-runs thead th[aria-sort='none']").count() > 5


def test_numbers_are_sorted_by_size_and_not_as_text(open_page):
    page = open_page()
    number = column_number(page, "scores", "learning rate")
    page.locator(f"#table-scores thead th:nth-child({number}) button").click()
    assert column(page, "scores", number) == ["0.003", "0.003", "0.03", "0.03", "3", "3"]
    number = column_number(page, "scores", "score")
    page.locator(f"#table-scores thead th:nth-child({number}) button").click()
    scores = [float(text) for text in column(page, "scores", number)]
    assert scores == sorted(scores)


def test_a_table_sorts_by_keyboard(open_page):
    page = open_page()
    page.locator("#table-runs thead th:nth-child(1) button").focus()
    page.keyboard.press("Enter")
    ascending = column(page, "runs", 1)
    page.keyboard.press("Enter")
    assert column(page, "runs", 1) == ascending[::-1]
    assert "residual" in ascending[-1]


def test_the_filter_shows_the_runs_that_have_all_its_words(open_page):
    page = open_page()
    page.locator("#filter").fill("PLAIN diverged")
    assert page.locator("#table-runs tbody tr:visible").count() == 2
    assert page.locator("#filter-count").inner_text() == "2 of 14 runs"
    page.locator("#filter").fill("")
    assert page.locator("#table-runs tbody tr:visible").count() == 14


def test_the_tab_key_reaches_every_control_in_the_order_of_the_page(open_page):
    page = open_page()
    page.evaluate(f"[...document.querySelectorAll({FOCUSABLE!r})].forEach((one, at) => one.dataset.at = at)")
    expected = page.locator(FOCUSABLE).evaluate_all(
        "all => all.filter(one => one.checkVisibility()).map(one => Number(one.dataset.at))"
    )
    assert len(expected) > 80
    reached = []
    for _ in expected:
        page.keyboard.press("Tab")
        reached.append(int(page.evaluate("document.activeElement.dataset.at ?? -1")))
    assert reached == expected


def test_the_focused_element_has_an_outline(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    for _ in range(3):
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Tab")


def test_headings_skip_no_level(open_page):
    levels = open_page().locator("h1, h2, h3, h4").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


def test_all_rows_are_shown_without_javascript(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator("#table-runs tbody tr").count() == 14
    assert page.locator("th button").count() == 0
    assert not page.locator("#filter").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_the_contrast_of_wcag_aa(open_page, scheme):
    page = open_page(color_scheme=scheme)
    for selector in ("body", "nav a", ".caption", ".interval", ".banner", "thead th"):
        assert contrast(page, selector) >= 4.5, selector  # WCAG AA
    paper = {"light": "rgb(255, 255, 255)", "dark": "rgb(0, 0, 0)"}[scheme]
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor") == paper


def test_figures_are_inverted_in_dark_mode_and_unchanged_in_print(open_page):
    image_filter = "getComputedStyle(document.querySelector('.card img')).filter"
    page = open_page(color_scheme="dark")
    assert page.evaluate(image_filter) == "invert(1) hue-rotate(180deg)"
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(image_filter) == "none"
    assert open_page(color_scheme="light").evaluate(image_filter) == "none"


@pytest.mark.parametrize("name", WIDTHS)
def test_the_first_screen_shows_the_answer_its_number_and_a_figure(open_page, name):
    page = open_page(WIDTHS[name])
    ends = {
        selector: page.locator(selector).first.evaluate("one => one.getBoundingClientRect().bottom")
        for selector in (".lead", ".number-line", "#answer .card img")
    }
    assert ends[".lead"] < ends[".number-line"]
    assert max(ends.values()) <= 900


def test_what_would_change_the_answer_stands_beside_the_figure_or_below_it(open_page):
    """On a desktop the text is on the first screen, to the left of the figure; on a phone it follows the figure."""
    box = "one => one.getBoundingClientRect()"
    wide, narrow = (open_page(WIDTHS[name]) for name in ("desktop", "phone"))
    text, figure = (wide.locator(name).first.evaluate(box) for name in ("#changes", "#answer figure"))
    assert text["bottom"] <= 900
    assert text["right"] <= figure["left"]
    text, figure = (narrow.locator(name).first.evaluate(box) for name in ("#changes", "#answer figure"))
    assert text["top"] >= figure["bottom"]


@pytest.mark.parametrize("name", WIDTHS)
def test_a_table_has_a_hint_to_scroll_only_where_it_is_wider_than_its_box(open_page, name):
    page = open_page(WIDTHS[name])
    hints = page.locator(".cue").evaluate_all(
        """cues => cues.map(cue => {
            const box = cue.nextElementSibling;
            return [!cue.hidden, box.scrollWidth > box.clientWidth + 1];
        })"""
    )
    assert len(hints) > 4
    assert all(is_shown == is_wide for is_shown, is_wide in hints)
    assert any(is_wide for _, is_wide in hints)


def test_each_group_of_figures_fills_the_width_of_its_box(open_page):
    page = open_page()
    assert page.locator("main .figures").count() > 3
    for group in page.locator("main .figures").all():
        right = group.evaluate("one => one.getBoundingClientRect().right")
        rights = group.locator("figure").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
        assert max(rights) >= right - 2


def test_print_shows_the_content_of_closed_details_and_no_controls(open_page):
    page = open_page()
    folded = page.locator("details").count()
    assert folded > 2
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details[open]").count() == folded
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator(".filter").is_visible()
    page.set_viewport_size({"width": 1030, "height": 700})  # A4 landscape without margins, at 96 dots per inch
    assert page.evaluate("document.documentElement.scrollWidth") <= 1030
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
