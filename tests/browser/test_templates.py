"""Writing a template by hand: the editor, what it tells at every key, and what a reload leaves."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import PATIENCE, Server

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

pytestmark = pytest.mark.browser


@pytest.fixture
def page(serve: Callable[[Path], Server], browser: Any, tmp_path: Path) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(serve(tmp_path).address)
    open_panel(page)
    yield page
    context.close()


def open_panel(page: Any) -> None:
    page.get_by_role("tab", name="Data", exact=True).first.click()
    page.get_by_role("tab", name="Template", exact=True).first.click()
    expect(page.locator("#template-state")).not_to_be_empty()


def test_a_template_is_written_with_its_faults_told_and_is_there_after_a_reload(page: Any) -> None:
    page.locator("#template label", has_text="Topic of a sentence").click()
    expect(page.locator("#about-template")).to_contain_text("Topic of a sentence")
    page.locator("#begin-with-own").click()
    state, prompt = page.locator("#template-state"), page.locator("#edit-prompt .cm-content")
    expect(state).to_contain_text("Used for the 10 rows")
    page.locator("#add-phrasing").click()
    expect(page.locator("#edit-phrasings label")).to_have_count(4)
    prompt.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("Theme of {{ titel")
    expect(state).to_contain_text("phrasing 4: line 1")
    page.keyboard.insert_text(" }}")
    expect(state).to_contain_text("'titel' is no column")
    for _ in "titel }}":
        page.keyboard.press("Backspace")
    page.keyboard.insert_text("text }}?")
    expect(page.locator("#preview .st-turn.user").first).to_contain_text(
        "Theme of The team won the game with two late goals.?"
    )
    expect(state).to_contain_text("Nothing odd")
    weight = page.locator("#edit-weight input")
    weight.fill("3")
    weight.press("Tab")
    written = "4 · 50% · Theme of {{ text }}?"
    expect(page.locator("#edit-phrasings")).to_contain_text(written)
    page.locator("#edit-phrasings label").first.click()
    expect(prompt).to_contain_text("What is this about")
    page.reload()
    open_panel(page)
    expect(page.locator("#edit-phrasings")).to_contain_text(written)
