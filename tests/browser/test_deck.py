"""Decks in a real browser: run, sort, stop and go on, why an answer changed, and on as a chat."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browser.typed import put
from studio import Recipe, Studio
from studio.tuning.events import append_event
from studio.tuning.run import create_run

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect


@pytest.fixture(scope="module")
def address(serve: Callable[[Path], Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page over a home with one run whose adapter is made up, so that it answers otherwise."""
    from made_adapters import make_adapter

    home = tmp_path_factory.mktemp("home")
    with Studio(home) as studio:
        recipe = Recipe(dataset=studio.build("sentiment", limit=40).id, name="Made up")
        run = create_run(studio.settings.runs, recipe, about="made")
        make_adapter(run.adapter, seed=1)
        append_event(run.folder / "events.jsonl", "finished")
    return str(serve(home).address)


@pytest.fixture
def page(browser: Any, address: str) -> Any:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    opened = context.new_page()
    opened.complaints = []
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.goto(address)
    open_deck(opened)
    yield opened
    assert opened.complaints == []
    context.close()


def open_deck(opened: Any) -> None:
    expect(opened.locator("#run-demo")).to_be_visible()
    opened.get_by_role("tab", name="Chat", exact=True).first.click()
    expect(opened.locator("#lane-run-1")).to_be_visible()
    opened.get_by_role("tab", name="Deck", exact=True).first.click()
    task = "Task: held-out rows of Sentiment of a review"
    expect(opened.locator("#deck input")).to_have_value(task)


def rows(page: Any) -> Any:
    return page.locator("#deck-table tr[data-name]")


def run_deck(page: Any, prompts: int) -> None:
    put(page.locator("#deck-limit input"), str(prompts))
    page.locator("#run-deck").click()
    told = f"{prompts} prompts answered in every lane"
    expect(page.locator("#deck-state")).to_contain_text(told)


def divergences(page: Any, sign: str) -> list[float]:
    """The numbers under the lane's answers, from the top."""
    notes = page.locator("#deck-table td:nth-child(3) small").all_inner_texts()
    return [float(one.split(f"{sign} ")[1].split()[0]) for one in notes if f"{sign} " in one]


def choose(page: Any, menu: str, option: str) -> None:
    page.locator(f"{menu} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_person_runs_a_deck_sorts_it_and_sees_why(page: Any) -> None:
    run_deck(page, 8)
    expect(rows(page)).to_have_count(8)
    kls = divergences(page, "KL")
    assert kls == sorted(kls, reverse=True)
    assert kls[0] > kls[-1]
    choose(page, "#deck-order", "As in the deck")
    expect(rows(page).first).not_to_contain_text(f"KL {kls[0]:.3f}")
    assert sorted(divergences(page, "KL"), reverse=True) == kls
    choose(page, "#deck-order", "KL from the base")
    expect(rows(page).first).to_contain_text(f"KL {kls[0]:.3f}")

    rows(page).first.get_by_role("button", name="Why").press("Enter")
    why = page.locator("#deck-why-shown")
    expect(why).to_contain_text(f"KL {kls[0]:.3f} nats per token")
    tokens = why.locator(".st-why .st-wt")
    assert tokens.count() >= 2
    tokens.first.focus()
    tokens.first.press("ArrowRight")
    expect(tokens.nth(1)).to_be_focused()
    expect(why.locator(".st-why-card:visible")).to_contain_text(f"Token 2 of {tokens.count()}")
    tokens.first.hover()
    expect(why.locator(".st-why-card:visible")).to_contain_text("Token 1 of")
    expect(why.locator(".st-why-card:visible li")).to_have_count(10)
    page.locator("#deck-row-ahead").click()
    expect(why).to_contain_text(f"KL {kls[1]:.3f} nats per token")

    with page.expect_download() as download:
        page.locator("#deck-csv").click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 8


def test_a_row_goes_on_as_a_conversation(page: Any) -> None:
    run_deck(page, 2)
    asked = rows(page).first.locator(".st-said").first.inner_text()
    rows(page).first.locator("td").first.click()
    expect(page.locator("#deck-prompt")).to_contain_text(asked)
    page.locator("#deck-talk").click()
    for lane in (0, 1):
        expect(page.locator(f"#lane-{lane}")).to_contain_text(asked)
    page.locator("#part-why button.label-wrap").click()
    expect(page.locator("#why-shown")).to_contain_text("nats per token")


def test_prompts_of_ones_own_are_kept_and_run(page: Any) -> None:
    page.locator("#own-deck button.label-wrap").click()
    page.get_by_label("Prompts, one per line").fill("What is 2 + 3?\nSay hello\n")
    page.get_by_label("Name of the deck").fill("Mine")
    page.locator("#keep-deck").click()
    expect(page.locator("#deck input")).to_have_value("Own: Mine")
    run_deck(page, 2)
    expect(page.locator("#deck-table")).to_contain_text("Say hello")
    page.get_by_label("Only where answers differ").check()
    expect(page.locator("#deck-table")).not_to_contain_text("same words")


def test_a_run_that_was_stopped_is_found_again_and_goes_on(page: Any) -> None:
    put(page.locator("#deck-limit input"), "0")
    page.locator("#deck input").click()
    page.get_by_role("option").nth(1).click()
    page.locator("#run-deck").click()
    expect(rows(page).first).to_be_visible()
    page.locator("#stop-deck").click()
    state = page.locator("#deck-state")
    expect(state).to_contain_text("Stopped: ")
    (done,) = re.findall(r"\d+(?= of \d+ prompts)", state.inner_text())
    assert int(done) >= 1

    page.reload()
    open_deck(page)
    page.locator("#own-deck button.label-wrap").click()
    page.locator("#deck-runs input").click()
    page.get_by_role("option").filter(has_text="Old skills").first.click()
    expect(page.locator("#deck-state")).to_contain_text(f"Stopped: {done} of ")
    expect(rows(page).first).to_be_visible()
