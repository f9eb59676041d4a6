"""Chat drives the studio: answers are kept, a banner counts them, one click leads to a recipe."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_conversation import answer

from studio import Studio
from studio.chat.conversation import Conversation
from studio.data.draft import ENOUGH

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect

LANES = ("base", "endpoint:other")


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """One example short of enough, and a saved conversation of two lanes."""
    (tmp_path / "endpoints.yaml").write_text(
        "other: {url: 'http://127.0.0.1:9/v1', model: m}\n", encoding="utf-8"
    )
    with Studio(tmp_path) as opened:
        for number in range(ENOUGH - 1):
            asked = answer(Conversation.begin().say(f"Say {number}."))
            opened.keep_example(asked, "base", answer=f"It is {number}.")
        begun = Conversation.begin(lanes=LANES).say("Which number is it?")
        texts = {"endpoint:other": "Seven, of course."}
        opened.chats.save(answer(begun, base="It is seven.", **texts))
        yield opened


def test_answers_become_a_recipe(
    browser: "playwright.Browser",
    serve: Callable[[Path], "Server"],  # noqa: F821
    studio: Studio,
    tmp_path: Path,
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(serve(tmp_path).address)
    page.get_by_role("tab", name="Chat", exact=True).first.click()
    told = page.locator("#gathered-told")
    expect(told).to_contain_text(f"{ENOUGH - 1} new examples. 1 more")
    page.locator("#chats").get_by_text("Which number is it?").click()
    expect(page.locator("#lane-1")).to_contain_text("Seven, of course.")

    page.locator("#prefer-1").click()
    expect(told).to_contain_text("1 preference")
    page.locator("#flag").click()
    expect(told).to_contain_text("1 case to keep")

    page.locator("#example-0").click()
    box = page.locator("#example-answer textarea")
    expect(box).to_have_value("It is seven.")
    expect(box).to_be_focused()
    expect(page.locator("#example-question").first).to_contain_text("Which number is it?")
    box.fill("It is seven, as far as I know.")
    page.locator("#keep-example").click()
    expect(told).to_contain_text(f"{ENOUGH} new examples")
    expect(told).to_contain_text("Enough to tune again")
    expect(box).not_to_be_visible()

    page.get_by_text("What was gathered").click()
    with page.expect_download() as download:
        page.locator("#write-pairs").click()
    pair = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert pair["chosen"][0]["content"] == "Seven, of course."
    assert pair["rejected"][0]["content"] == "It is seven."

    page.locator("#tune-on-draft").click()
    expect(page.locator("#as-command")).to_contain_text("--dataset from-chat-")
    expect(page.locator("#as-command")).to_contain_text("--epochs 20")
    (dataset,) = studio.datasets()
    assert dataset.card.train + dataset.card.heldout == ENOUGH
    expect(page.locator("#as-command")).to_contain_text(f"--dataset {dataset.id}")
    page.get_by_role("tab", name="Chat", exact=True).first.click()
    expect(told).to_contain_text(f"0 new examples beside {ENOUGH} built before")
    (draft,) = studio.drafts.list()
    edited = draft.examples[-1]
    assert (edited.answer, edited.came_from.edited) == ("It is seven, as far as I know.", True)
    page.close()


def test_an_item_is_taken_back_on_the_page(
    browser: "playwright.Browser",
    serve: Callable[[Path], "Server"],  # noqa: F821
    studio: Studio,
    tmp_path: Path,
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(serve(tmp_path).address)
    page.get_by_role("tab", name="Chat", exact=True).first.click()
    told = page.locator("#gathered-told")
    expect(told).to_contain_text(f"{ENOUGH - 1} new examples")
    page.get_by_text("What was gathered").click()
    page.locator("#take-back").click()
    expect(told).to_contain_text(f"{ENOUGH - 2} new examples")
    assert len(studio.drafts.list()[0].examples) == ENOUGH - 2
    page.close()
