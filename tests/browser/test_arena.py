"""A person votes blindly through an arena with the keyboard, in a real browser."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from made_adapters import make_adapter

from browser.typed import put
from studio import Recipe, Studio
from studio.tuning.events import append_event
from studio.tuning.run import create_run

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.browser

NAME = "Votes are about this"
expect = playwright.expect


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one finished run, whose adapter makes the starter speak differently."""
    folder = tmp_path_factory.mktemp("home")
    with Studio(folder) as studio:
        dataset = studio.build("sentiment", limit=20)
        run = create_run(studio.settings.runs, Recipe(dataset=dataset.id, name=NAME), about="tuned")
        make_adapter(run.adapter, seed=1, scale=3.0)
        append_event(run.folder / "events.jsonl", "finished")
    return folder


@pytest.fixture(scope="module")
def address(serve: Callable[[Path], "Server"], home: Path) -> str:  # noqa: F821
    return serve(home).address


def open_arena(browser: "playwright.Browser", address: str) -> "playwright.Page":
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(address)
    page.get_by_role("tab", name="Chat", exact=True).first.click(timeout=30_000)
    expect(page.locator("#lane-run-1 input")).to_have_value(re.compile(NAME))
    page.get_by_role("tab", name="Blind arena").click()
    expect(page.get_by_label("Old skills: questions from the probes of starter")).to_be_checked()
    return page


def start(page: "playwright.Page", *, prompts: int) -> None:
    """An arena of old skills alone, with short answers."""
    page.locator("#how-drawn button.label-wrap").first.click()
    put(page.locator("#max-new-tokens input"), "6")
    page.get_by_label("Task: held-out rows of").uncheck()
    put(page.locator("#arena-count input"), str(prompts))
    page.locator("#arena-start").click()


def test_a_person_votes_by_keyboard_and_sees_names_only_after_the_vote(
    browser: "playwright.Browser", address: str, home: Path
) -> None:
    page = open_arena(browser, address)
    start(page, prompts=12)
    for key, choice in zip("123411", ("a", "b", "tie", "bad", "a", "a"), strict=True):
        expect(page.locator("#arena-voting")).to_be_visible()
        answers = page.locator("#arena-answers")
        assert NAME not in answers.inner_html()
        assert "Base" not in answers.inner_html()
        assert "st-base" not in answers.inner_html()
        page.keyboard.press(key)
        expect(page.locator("#arena-reveal")).to_contain_text("You voted")
        told = page.locator("#arena-reveal").inner_text()
        assert re.search(rf"A was (Base|{NAME})|both answers are by", told)
        assert ("Base" in answers.inner_text()) or (NAME in answers.inner_text())
        expect(page.locator("#arena-voting")).to_be_hidden()
        expect(page.locator("#arena-next")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#arena-reveal")).to_have_text("")
        assert votes(home)[-1]["choice"] == choice or votes(home)[-1]["same"]
    cast = [one["choice"] for one in votes(home) if not one["same"]]
    assert cast == ["a", "b", "tie", "bad", "a", "a"]

    page.locator("#arena-score button.label-wrap").first.click()
    expect(page.locator("#arena-found")).to_contain_text("hidden while you vote")
    page.locator("#arena-look").click()
    expect(page.locator("#arena-found")).to_contain_text("was something lost?")
    expect(page.locator("#arena-found")).to_contain_text("Nothing is claimed about")
    with page.expect_download() as download:
        page.locator("#arena-json").click()
    written = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert [one["choice"] for one in written["votes"] if not one["same"]] == cast
    assert "owner" not in written["arena"]


def test_a_key_in_a_field_is_no_vote(
    browser: "playwright.Browser", address: str, home: Path
) -> None:
    page = open_arena(browser, address)
    start(page, prompts=4)
    expect(page.locator("#arena-voting")).to_be_visible()
    before = votes(home)
    page.locator("#arena-settings button.label-wrap").first.click()
    page.locator("#arena-own textarea").press_sequentially("1234")
    page.wait_for_timeout(1500)
    expect(page.locator("#arena-reveal")).to_have_text("")
    assert votes(home) == before


def votes(home: Path) -> list[dict[str, object]]:
    """The votes of the newest arena, as they are on the disk."""
    newest = max((home / "arena").glob("*/arena.json")).parent
    path = newest / "votes.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
