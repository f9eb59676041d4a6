"""What the page draws of decks and readings: marks in their places, and nothing that acts."""

from html.parser import HTMLParser

import pytest
from made_home import HOSTILE

from studio.chat.deck import Deck, Prompt
from studio.chat.deck_run import DeckRun, Given, Round, Table
from studio.chat.deck_sheet import tallies
from studio.chat.protocol import Likely, ReadToken, Sampling
from studio.chat.reading import Reading
from studio.data.example import Message
from studio.measure.outcome import BASE
from studio.ui.deck_drawing import draw_table, draw_tallies
from studio.ui.explained import draw, draw_words

TITLES = ("Base", "Tuned")


class Tags(HTMLParser):
    """Every tag with its attributes, and all text, of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, text: str) -> None:
        self.texts.append(text)

    def of_class(self, name: str) -> list[dict[str, str | None]]:
        return [one for _, one in self.tags if name in (one.get("class") or "").split()]

    @property
    def text(self) -> str:
        return "".join(self.texts)


def token(text: str, before: float, after: float, *, agree: bool = True) -> ReadToken:
    likely = (Likely(text=text, probability=0.75), Likely(text="else", probability=0.0004))
    return ReadToken(
        text=text, before=before, after=after, kl=0.5, agree=agree, likely_before=likely,
        likely_after=likely[::-1],
    )  # fmt: skip


READING = Reading(
    BASE, "run-1",
    (token("It", -0.1, -0.15), token(" is", -4, -1), token(" bad", -0.2, -3, agree=False),
     token("\n", -0.5, -0.5, agree=False)),
)  # fmt: skip


def test_tokens_are_coloured_by_their_change_and_the_first_parting_is_marked() -> None:
    found = Tags(draw(READING, TITLES, "Base"))
    tokens = [one for _, one in found.tags if one.get("role") == "option"]
    kinds = [one["class"] for one in tokens]
    assert kinds == ["st-wt", "st-wt better", "st-wt worse parts", "st-wt"]
    assert [one["style"] for one in tokens][1:3] == ["--part:1.00", "--part:0.93"]
    assert tokens[1]["aria-label"] == "is, +3.00 nats, more likely"
    assert tokens[2]["aria-label"] == (
        "bad, −2.80 nats, less likely, here the likeliest tokens part"
    )
    assert tokens[3]["aria-label"] == "new line, as likely as before"
    assert "part at token 3" in found.text
    assert "0.500 nats per token, 2.00 in all 4" in found.text
    assert "finds the whole answer 0.15 nats more likely" in found.text


def test_one_token_can_be_reached_by_the_keyboard_and_its_card_is_open() -> None:
    found = Tags(draw(READING, TITLES, "Base"))
    stops = [one["data-place"] for _, one in found.tags if one.get("tabindex") == "0"]
    open_cards = ["hidden" not in one for one in found.of_class("st-why-card")]
    assert stops == ["2"]
    assert open_cards == [False, False, True, False]
    assert "75.0 %" in found.text
    assert "under 0.1 %" in found.text


def test_lanes_that_agree_everywhere_have_no_mark() -> None:
    found = Tags(draw(Reading(BASE, "run-1", READING.tokens[:2]), TITLES, "Base"))
    assert found.of_class("parts") == []
    assert "same token likeliest at every place" in found.text


def test_the_place_where_two_texts_part_is_marked_once() -> None:
    found = Tags(draw_words("It was good.", "It was bad, sadly.", TITLES))
    assert len(found.of_class("st-parts")) == 1
    assert [tag for tag, _ in found.tags if tag in ("del", "ins")][:2] == ["del", "ins"]
    assert "same answer" in draw_words("as one", "as one", TITLES)


def table_of(*texts: tuple[str, str, str], answer: str = "") -> Table:
    """Rounds of (prompt, base's answer, lane's answer)."""
    prompts = tuple(
        Prompt(id=f"{HOSTILE}{n}", messages=(Message(role="user", content=text),), answer=answer)
        for n, (text, _, _) in enumerate(texts)
    )
    deck = Deck(name="deck", title=HOSTILE, kind="own", prompts=prompts)
    run = DeckRun.of(deck, ["run-1"], base="starter", sampling=Sampling())
    rounds = tuple(
        Round(
            prompt=prompt.id, read=2,
            answers={
                BASE: Given(text=base, tokens=2, stopped=True),
                "run-1": Given(text=said, tokens=2, kl=3.0, note=HOSTILE),
            },
        )
        for prompt, (_, base, said) in zip(prompts, texts, strict=True)
    )  # fmt: skip
    return Table(run, rounds)


def test_a_row_marks_what_differs_what_is_right_and_how_far_it_is() -> None:
    table = table_of(("Is it good?", "It is good.", "It is bad."), answer="It is good.")
    found = Tags(draw_table(table, table.rounds, {BASE: "Base", "run-1": "Tuned"}))
    drawn = draw_table(table, table.rounds, {BASE: "Base", "run-1": "Tuned"})
    assert "<del> good</del>" in drawn
    assert "<ins> bad</ins>" in drawn
    assert [one["aria-label"] for _, one in found.tags if one.get("role") == "img"] == [
        "right", "wrong",
    ]  # fmt: skip
    assert "KL 1.500 · words 25 % · cut off" in found.text
    assert [one["data-name"] for tag, one in found.tags if "data-name" in one] == [f"{HOSTILE}0"]


def test_answers_under_way_cannot_be_opened_yet() -> None:
    table = table_of(("one", "a", "b"), ("two", "a", "b"))
    live = table._replace(rounds=table.rounds[:1], live=table.rounds[1:])
    titles = {BASE: "Base", "run-1": "Tuned"}
    found = Tags(draw_table(live, [*live.live, *live.rounds], titles))
    assert [one["data-name"] for _, one in found.tags if "data-name" in one] == [f"{HOSTILE}0"]
    assert len([tag for tag, _ in found.tags if tag == "button"]) == 1


@pytest.mark.parametrize("part", ["table", "tallies", "reading", "words"])
def test_texts_from_outside_stay_texts(part: str) -> None:
    table = table_of((HOSTILE, HOSTILE, f"other {HOSTILE}"), answer=HOSTILE)
    titles = {BASE: HOSTILE, "run-1": HOSTILE}
    hostile = Reading(BASE, "run-1", (token(HOSTILE, -1, -2, agree=False),))
    drawn = {
        "table": lambda: draw_table(table, table.rounds, titles),
        "tallies": lambda: draw_tallies(tallies(table), titles),
        "reading": lambda: draw(hostile, (HOSTILE, HOSTILE), HOSTILE),
        "words": lambda: draw_words(HOSTILE, f"other {HOSTILE}", (HOSTILE, HOSTILE)),
    }[part]()
    found = Tags(drawn)
    assert not {tag for tag, _ in found.tags} & {"script", "img", "svg", "iframe", "a", "style"}
    assert not [name for _, one in found.tags for name in one if name.startswith("on")]
    assert "alert(1)" in found.text
