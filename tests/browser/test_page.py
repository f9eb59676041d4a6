"""The whole loop in a real browser: build, tune, chat, measure, read the report."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from browser.typed import put

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.browser

TABS = ("Start", "Data", "Tune", "Chat", "Report")
expect = playwright.expect


@pytest.fixture(scope="module")
def address(
    serve: Callable[[Path], "Server"],  # noqa: F821
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """A real server process over a home of its own."""
    return serve(tmp_path_factory.mktemp("home")).address


def open_page(
    browser: "playwright.Browser", address: str, width: int = 1280
) -> tuple["playwright.Page", list[str]]:
    """The page in a fresh profile, and the list of what its console complains about."""
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(address)
    expect(page.locator("#run-demo")).to_be_visible()
    return page, complaints


@pytest.fixture(scope="module")
def looked_through(
    browser: "playwright.Browser", address: str
) -> tuple["playwright.Page", list[str]]:
    """A page that is only looked at, in every tab and width, and all addresses it asked for."""
    page = browser.new_context().new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    expect(page.locator("#run-demo")).to_be_visible()
    return page, asked


def open_tab(page: "playwright.Page", title: str) -> None:
    page.get_by_role("tab", name=title, exact=True).first.click()


def test_a_person_goes_from_rows_to_a_report(browser: "playwright.Browser", address: str) -> None:
    page, complaints = open_page(browser, address)

    open_tab(page, "Data")
    expect(page.locator("#ready")).to_contain_text("640 rows are ready")
    begin_workbook(page)
    expect(page.locator("#preview")).to_contain_text("tokens are learned")
    open_tab(page, "Freeze")
    expect(page.locator("#freeze-standing")).to_contain_text("640 rows")
    put(page.locator("#freeze-name textarea, #freeze-name input").first, "Browser test")
    page.locator("#freeze-build").click()
    expect(page.locator("#freeze-built")).to_contain_text("to learn")
    page.locator("#freeze-tune").click()

    expect(page.locator("#as-command")).to_contain_text("--dataset browser-test-")
    page.get_by_text("Advanced: every field of the recipe").click()
    page.get_by_label("Learn the most").check()
    expect(page.locator("#as-command")).to_contain_text("--epochs 3")
    expect(page.locator("#as-command")).not_to_contain_text("--kl-anchor")
    page.locator("#recipe-max_steps input").fill("3")
    page.locator("#recipe-batch_size input").fill("4")
    expect(page.locator("#as-command")).to_contain_text("--max-steps 3")
    expect(page.locator("#as-command")).to_contain_text("--batch-size 4")
    page.locator("#start-run").click()
    expect(page.locator("#about-run")).to_contain_text("Finished: 3 steps")
    page.locator("#chat-run").click()

    expect(page.locator("#lane-1")).to_be_visible()
    page.get_by_label("Your message, to every lane").fill("What colour is the sky?")
    page.get_by_label("Your message, to every lane").press("Enter")
    expect(page.locator("#note-0")).to_contain_text("base, verified")
    expect(page.locator("#note-1")).to_contain_text("token")
    expect(page.locator("#lane-1")).to_contain_text("What colour is the sky?")
    page.locator("#flag").click()
    expect(page.get_by_test_id("toast-body").last).to_contain_text("asks the 1 flagged case")

    open_tab(page, "Report")
    expect(page.locator("#report-state")).to_contain_text("The report appears here")
    page.locator("#limit input").fill("2")
    page.locator("#limit input").press("Tab")
    page.locator("#measure").click()
    expect(page.locator("#headlines")).to_contain_text("Browser test")
    expect(page.locator("#findings")).to_contain_text("All retention probes")
    page.locator("#part-cases button.label-wrap").first.click()
    expect(page.locator("#cases .st-case").first).to_contain_text("Expected")
    with page.expect_download() as download:
        page.locator("#as-markdown").click()
    assert download.value.suggested_filename.endswith(".md")
    assert "What was gained" in Path(download.value.path()).read_text(encoding="utf-8")
    assert complaints == []


def paste_rows(page: "playwright.Page", text: str) -> None:
    """Put rows into the Data tab by hand."""
    open_tab(page, "Data")
    expect(page.locator("#ready")).to_contain_text("rows are ready")
    page.get_by_label("Paste", exact=True).check()
    put(page.locator("#pasted textarea"), text)


def begin_workbook(page: "playwright.Page") -> None:
    """Put the rows that are ready into a workbook, and wait for its template."""
    page.locator("#begin").click()
    expect(page.locator("#about-workbook")).to_contain_text("Whatever you do is kept")


def test_wrong_input_is_answered_with_a_sentence(
    browser: "playwright.Browser", address: str
) -> None:
    page, complaints = open_page(browser, address)
    paste_rows(page, '{"text": "Fine.", "label": "positive"}\n{broken')
    expect(page.locator("#found")).to_contain_text("1 refused")
    put(page.locator("#pasted textarea"), "Only a text\nAnd another\n")
    expect(page.locator("#ready")).to_contain_text("say which column is which")
    expect(page.locator("#begin")).to_be_disabled()

    open_tab(page, "Chat")
    page.locator("#send").click()
    expect(page.get_by_test_id("toast-body").last).to_contain_text("Write a message first")

    assert "Traceback" not in page.content()
    assert complaints == []


def test_text_from_a_row_is_shown_and_never_run(
    browser: "playwright.Browser", address: str
) -> None:
    page, _ = open_page(browser, address)
    nasty = "<img src=x onerror=window.hit=1> ${window.hit=1} {{ window.hit }}"
    row = {"text": nasty, "label": "positive", "split": nasty}
    paste_rows(page, json.dumps(row) + "\n" + json.dumps(row | {"text": "Fine."}))
    expect(page.locator("#first-rows")).to_contain_text(nasty)
    begin_workbook(page)
    expect(page.locator("#preview")).to_contain_text(nasty)
    open_tab(page, "Freeze")
    expect(page.locator("#freeze-standing")).to_contain_text("2 rows")
    page.locator("#freeze-build").click()
    expect(page.get_by_test_id("toast-body").last).to_contain_text("<img src=x")
    page.wait_for_timeout(300)
    assert page.evaluate("window.hit") is None


@pytest.mark.parametrize("width", [390, 900, 1440])
def test_nothing_is_cut_at_any_width(
    looked_through: tuple["playwright.Page", list[str]], width: int
) -> None:
    page, _ = looked_through
    page.set_viewport_size({"width": width, "height": 900})
    for title in TABS:
        open_tab(page, title)
        page.wait_for_timeout(400)
        over = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 0, f"{title} is {over} px too wide at {width} px"


def test_every_input_has_a_name(looked_through: tuple["playwright.Page", list[str]]) -> None:
    page, _ = looked_through
    for title in TABS:
        open_tab(page, title)
        page.wait_for_timeout(400)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('input, textarea, select')]
                .filter(e => e.offsetParent && !e.labels?.length
                    && !e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby'))
                .map(e => e.outerHTML.slice(0, 200))"""
        )
        assert nameless == [], title


def test_the_page_asks_no_other_host(
    looked_through: tuple["playwright.Page", list[str]], address: str
) -> None:
    page, asked = looked_through
    for title in TABS:
        open_tab(page, title)
    page.wait_for_timeout(1000)
    own = re.compile(rf"^({re.escape(address)}|data:|blob:)")
    assert asked[0] == address
    assert [url for url in asked if not own.match(url)] == []
