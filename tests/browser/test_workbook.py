"""A workbook on the page: a row is written in, taken back, found again; a finding is mended."""

from collections.abc import Callable
from pathlib import Path

import pytest

from browser.typed import put
from studio import Studio

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect

PATIENCE = 240_000  # milliseconds, on a busy machine


def test_rows_are_looked_over_and_all_of_it_survives_a_reload(
    browser: "playwright.Browser",
    serve: Callable[[Path], "Server"],  # noqa: F821
    tmp_path: Path,
) -> None:
    with Studio(tmp_path) as studio:
        rows = [{"text": f"Text number {n} says that all is well.", "label": "positive"}
                for n in range(60)]  # fmt: skip
        rows[4]["label"] = ""
        studio.workbooks.begin("Sixty", rows, studio.template("sentiment"))
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(serve(tmp_path).address)
    page.get_by_role("tab", name="Data", exact=True).first.click()
    page.locator("#workbook input").click()
    page.get_by_role("option", name="Sixty").click()
    page.get_by_role("tab", name="Examples", exact=True).first.click()
    told, undo = page.locator("#examples-told"), page.locator("#examples-undo")
    expect(told).to_contain_text("Rows 1 to 50 of 60")

    page.locator("#examples-ahead").click()
    expect(told).to_contain_text("Rows 51 to 60 of 60")
    page.get_by_role("button", name="Open row 52", exact=True).click()
    box = page.locator("#examples-box-1 textarea")
    expect(box).to_have_value("Text number 51 says that all is well.")
    expect(page.locator("#examples-seen")).to_contain_text("tokens are learned")
    put(box, "Nothing like the others.")
    page.locator("#examples-save").click()
    expect(undo).to_contain_text("Undo: Row 52 edited")
    put(page.locator("#examples-tags textarea, #examples-tags input").first, "odd one")
    expect(undo).to_contain_text("tagged 'odd one'")
    undo.click()
    expect(undo).to_contain_text("Undo: Row 52 edited")

    page.get_by_role("tab", name="Checks", exact=True).first.click()
    mend = page.get_by_role("button", name="empty: Exclude these rows")
    expect(page.locator("#checks-lengths")).to_contain_text("max_length 512")
    page.get_by_role("button", name="empty: Show them").click()
    expect(told).to_contain_text("Rows 1 to 1 of 1")
    page.get_by_role("tab", name="Checks", exact=True).first.click()
    mend.click()
    expect(mend).to_have_count(0)

    page.reload()
    page.get_by_role("tab", name="Data", exact=True).first.click()
    page.get_by_role("tab", name="Examples", exact=True).first.click()
    expect(undo).to_contain_text("Undo: 1 row excluded: empty")
    put(page.locator("#examples-search textarea, #examples-search input").first, "nothing like")
    expect(told).to_contain_text("Rows 1 to 1 of 1; 60 in all, 1 excluded, 1 changed")
