"""The page in a real browser: no error, no request, tables sort, sections fold, keyboard and print work."""

import shutil
from itertools import pairwise

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        # The sandbox of Chromium needs rights that containers seldom have; the page is our own.
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, page):
    """The page from a file in a window of a desktop, and what went wrong in it."""
    context = browser.new_context(viewport={"width": 1200, "height": 800}, offline=True, color_scheme="light")
    tab, problems = context.new_page(), []
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on(
        "request",
        lambda request: problems.append(request.url) if not request.url.startswith(("file:", "data:")) else None,
    )
    tab.on("dialog", lambda dialog: problems.append(dialog.message))
    tab.goto(page.as_uri())
    yield tab
    assert problems == []
    context.close()


def test_it_renders_without_errors_and_without_the_network(opened):
    assert opened.title() == "Model of breed, price"
    assert opened.locator("svg.chart").count() > 8
    sizes = opened.eval_on_selector_all("svg.chart", "all => all.map(one => one.getBoundingClientRect().height)")
    assert min(size for size in sizes if size) > 40
    assert opened.eval_on_selector_all("img", "all => all.every(one => one.complete && one.naturalWidth > 8)")


def test_tables_sort_by_mouse_and_by_keyboard(opened):
    table = opened.locator("#target-1 table").first
    model = [
        float(value)
        for value in table.locator("tbody td:nth-child(2)").evaluate_all("all => all.map(c => c.dataset.value)")
    ]
    button = table.locator("th:nth-child(2) button")
    button.click()
    cells = table.locator("tbody td:nth-child(2)")
    assert cells.evaluate_all("all => all.map(c => Number(c.dataset.value))") == sorted(model)
    assert table.locator("th:nth-child(2)").get_attribute("aria-sort") == "ascending"
    button.focus()
    opened.keyboard.press("Enter")
    assert cells.evaluate_all("all => all.map(c => Number(c.dataset.value))") == sorted(model, reverse=True)
    assert table.locator("th:nth-child(2)").get_attribute("aria-sort") == "descending"


def test_sections_fold_and_links_unfold_them(opened):
    section = opened.locator("#data > details")
    inside = section.locator("table").first
    assert inside.is_visible()
    section.locator("> summary").click()
    assert not inside.is_visible()
    opened.locator("nav a", has_text="Data").click()
    inside.wait_for(state="visible")


def test_light_and_dark(opened):
    background = "getComputedStyle(document.body).backgroundColor"
    light = opened.evaluate(background)
    opened.locator("#theme").click()
    dark = opened.evaluate(background)
    assert light == "rgb(255, 255, 255)"
    assert dark != light
    opened.emulate_media(color_scheme="dark")
    opened.reload()
    assert opened.evaluate(background) == dark


def test_a_narrow_screen_does_not_scroll_sideways(opened):
    opened.set_viewport_size({"width": 360, "height": 740})
    assert opened.evaluate("document.documentElement.scrollWidth") <= 360


def test_print_shows_what_is_folded(opened, tmp_path):
    opened.locator("#data > details > summary").click()
    opened.pdf(path=tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").stat().st_size > 50_000
    opened.emulate_media(media="print")
    assert not opened.locator("nav").is_visible()
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.locator("#data table").first.is_visible()


def test_every_control_has_a_name(opened):
    nameless = "all => all.filter(one => !(one.textContent.trim() || one.getAttribute('aria-label'))).length"
    assert opened.eval_on_selector_all("button, summary, a", nameless) == 0
    assert opened.eval_on_selector_all("img", "all => all.filter(one => !one.alt).length") == 0
    levels = opened.eval_on_selector_all("h1, h2, h3", "all => all.map(one => Number(one.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels))
