"""In the More panel a person ticks, rewrites and adds what is proposed; a reload loses nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from studio import Studio

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect


def test_proposals_are_written_in_kept_and_added(
    browser: "playwright.Browser",
    serve: Callable[[Path], "Server"],  # noqa: F821
    tmp_path: Path,
) -> None:
    with Studio(tmp_path) as studio:
        template = studio.template("sentiment")
        book = studio.workbooks.begin("Reviews", template.all_rows()[:20], template)
        studio.propose_noise(book.id, count=3)
    page = browser.new_page(viewport={"width": 1280, "height": 900})

    def open_panel() -> None:
        page.get_by_role("tab", name="Data", exact=True).first.click()
        page.get_by_role("tab", name="More", exact=True).first.click()

    page.goto(serve(tmp_path).address)
    open_panel()
    menu = page.locator("#workbook input")
    expect(menu).to_be_visible()
    menu.click()
    page.get_by_role("option").filter(has_text="Reviews").first.click()
    table = page.locator("#more-rows")
    expect(page.locator("#more-rows-told")).to_contain_text("3 of 3 pass the filters")
    table.get_by_test_id("cell-0-2").dblclick()
    page.keyboard.press("Control+A")
    page.keyboard.type("Written by a person.")
    page.keyboard.press("Enter")
    table.get_by_test_id("cell-1-1").get_by_role("checkbox").click()
    with Studio(tmp_path) as studio:

        def kept() -> bool:
            first, second, _ = studio.proposals(book.id)
            return first.row["text"] == "Written by a person." and not second.ticked

        for _ in range(1200):
            if kept():
                break
            page.wait_for_timeout(200)
        assert kept()
        page.reload()
        open_panel()
        expect(table).to_contain_text("Written by a person.")
        page.locator("#more-rows-add").click()
        expect(page.locator("#more-standing")).to_contain_text("22 rows, of which 2 were made")
        added = studio.workbooks.open(book.id).entries()[20:]
        assert added[0].row["text"] == "Written by a person."
        assert ", edited, of row " in added[0].origin
    page.close()
