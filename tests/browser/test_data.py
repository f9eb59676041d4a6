"""Rows of the usual shapes are brought in by a person's steps: read, chosen, mapped, kept."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.browser
expect = playwright.expect

KINDS = ("book a table", "ring me back", "cancel it")


def write_lists(path: Path) -> Path:
    """Utterances and what is wanted as lists without names, in lists called by their side."""
    lists = {
        side: [[f"please {kind}, number {n}", kind.replace(" ", "_")]
               for n in range(first, first + 8) for kind in KINDS]
        for side, first in (("train", 0), ("test", 8), ("odd", 16))
    }  # fmt: skip
    path.write_text(json.dumps(lists))
    return path


def choose(page: Any, menu: str, value: str) -> None:
    """Choose an entry of a menu by typing it."""
    box = page.locator(f"{menu} input")
    box.click()
    box.fill(value)
    page.get_by_role("option", name=value).first.click()


def test_files_are_read_chosen_from_and_are_there_after_a_reload(
    browser: Any, serve: Callable[[Path], Any], tmp_path: Path
) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(serve(tmp_path / "home").address)
    expect(page.locator("#run-demo")).to_be_visible()
    page.get_by_role("tab", name="Data", exact=True).first.click()
    expect(page.locator("#ready")).to_contain_text("rows are ready")

    page.get_by_label("Upload files").check()
    upload = page.locator("#files input[type=file]")
    upload.set_input_files(write_lists(tmp_path / "wishes.json"))
    expect(page.locator("#found")).to_contain_text("72 kept, 0 refused")
    expect(page.locator("#ready")).to_contain_text("column_1 → text, column_2 → label")
    page.get_by_text("Only some of the rows").click()
    choose(page, "#filter-column", "column_2")
    expect(page.locator("#filter-values")).to_be_visible()
    choose(page, "#filter-values", "book_a_table")
    choose(page, "#filter-values", "cancel_it")
    expect(page.locator("#ready")).to_contain_text("48 rows are ready")
    page.locator("#begin").click()
    expect(page.locator("#about-workbook")).to_contain_text("wishes: 48 rows")

    page.reload()
    expect(page.locator("#run-demo")).to_be_visible()
    page.get_by_role("tab", name="Data", exact=True).first.click()
    expect(page.locator("#about-workbook")).to_contain_text("wishes: 48 rows")
    expect(page.locator("#rows-of-book")).to_contain_text("wishes.json: 48 rows")
    assert complaints == []
