"""A deck's run to look at: sorted, counted, and written as a spreadsheet or JSON lines."""

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from studio.chat.deck import Prompt
from studio.chat.deck_run import DeckRun, Given, Round, Table
from studio.measure.document import sheet
from studio.measure.outcome import BASE

Order = Literal["deck", "kl", "words", "lost"]


class Tally(NamedTuple):
    """One lane over all prompts answered."""

    lane: str
    answered: int
    """Prompts that the base and this lane both answered; the others are left out of all counts."""
    known: int
    """Of these, prompts with a known answer."""
    right: int
    lost: int
    """The base had it right, this lane has not."""
    gained: int
    differ: int
    """Answers of other words than the base's."""
    kl: float | None
    """Mean KL(base‖lane) per token of the base's answers, in nats."""


def tallies(table: Table) -> list[Tally]:
    """One line for every lane, the base first."""
    prompts = _prompts(table)
    return [
        _tally(lane, [one for one in table.rounds if one.compares(lane)], prompts)
        for lane in table.run.lanes
    ]


def mark(prompt: Prompt, said: Given) -> bool | None:
    """Whether an answer is right; None where that is not known, or no answer came."""
    return None if said.failed else prompt.right(said.text)


def _tally(lane: str, rounds: Sequence[Round], prompts: dict[str, Prompt]) -> Tally:
    marks = [
        (mark(prompts[one.prompt], one.answers[BASE]), right)
        for one in rounds
        if (right := mark(prompts[one.prompt], one.answers[lane])) is not None
    ]
    read = [one for one in rounds if one.answers[lane].kl is not None]
    tokens = sum(one.read for one in read)
    return Tally(
        lane=lane,
        answered=len(rounds),
        known=len(marks),
        right=sum(right for _, right in marks),
        lost=marks.count((True, False)),
        gained=marks.count((False, True)),
        differ=sum(one.words(lane) > 0 for one in rounds),
        kl=sum(one.answers[lane].kl or 0.0 for one in read) / tokens if tokens else None,
    )


def arrange(
    table: Table, order: Order, lane: str | None = None, *, only_different: bool = False
) -> list[Round]:
    """The rounds in that order, the most different first; without a lane, of any lane.

    `kl` sorts by mean KL per token, `words` by the share of words that differ, `lost` puts first
    what the base had right and a lane has not. Rounds that tie stay in the deck's order, and an
    answer that did not come differs from nothing.
    """
    prompts = _prompts(table)
    lanes = [lane] if lane in table.run.tuned else list(table.run.tuned)
    rounds = [
        one
        for one in table.rounds
        if not only_different or any(_words(one, name) > 0 for name in lanes)
    ]

    def much(one: Round) -> float:
        match order:
            case "kl":
                return max((one.kl(name) or 0.0 for name in lanes), default=0.0)
            case "words":
                return max((_words(one, name) for name in lanes), default=0.0)
            case "lost":
                return max((_change(prompts[one.prompt], one, name) for name in lanes), default=0.0)
        return 0.0

    return rounds if order == "deck" else sorted(rounds, key=much, reverse=True)


def _words(one: Round, lane: str) -> float:
    return one.words(lane) if one.compares(lane) else 0.0


def _change(prompt: Prompt, one: Round, lane: str) -> float:
    """2 for lost, 1 for gained, plus what decides between equals: the share of other words."""
    before, after = mark(prompt, one.answers[BASE]), mark(prompt, one.answers[lane])
    change = 2.0 if before and after is False else 1.0 if after and before is False else 0.0
    return change + _words(one, lane) / 2


def csv(table: Table) -> str:
    """One line per prompt, four columns per lane; texts that look like formulas are disarmed."""
    rows = [_flat(table.run, prompt, one) for prompt, one in _pairs(table)]
    names = list(rows[0]) if rows else ["id", "prompt", "known_answer"]
    return sheet(names, rows)


def _flat(run: DeckRun, prompt: Prompt, one: Round) -> dict[str, Any]:
    asked = "\n\n".join(message.content for message in prompt.messages)
    row: dict[str, Any] = {"id": prompt.id, "prompt": asked, "known_answer": prompt.answer}
    for lane in run.lanes:
        said = one.answers[lane]
        row[f"{lane}: answer"] = said.text
        row[f"{lane}: right"] = mark(prompt, said)
        if lane != BASE:
            row[f"{lane}: words differing"] = _shown_words(one, lane)
            row[f"{lane}: KL per token"] = one.kl(lane)
    return row


def jsonl(table: Table) -> str:
    """One line per prompt with everything that is known, after one that says how it was asked."""
    first = table.run.model_dump(mode="json", exclude={"deck", "owner"})
    first["deck"] = table.run.deck.model_dump(mode="json", include={"name", "title", "kind"})
    rows = [first]
    for prompt, one in _pairs(table):
        lanes = {
            lane: said.model_dump(mode="json", exclude={"kl"})
            | {
                "right": mark(prompt, said),
                "words_differing": _shown_words(one, lane),
                "kl_per_token": one.kl(lane),
            }
            for lane, said in one.answers.items()
        }
        rows.append({**prompt.spelled(), "about": one.about, "lanes": lanes})
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _shown_words(one: Round, lane: str) -> float | None:
    return round(one.words(lane), 4) if one.compares(lane) else None


def _prompts(table: Table) -> dict[str, Prompt]:
    return {one.id: one for one in table.run.deck.prompts}


def _pairs(table: Table) -> list[tuple[Prompt, Round]]:
    prompts = _prompts(table)
    return [(prompts[one.prompt], one) for one in table.rounds]
