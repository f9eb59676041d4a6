"""Conversations: what each lane is asked, and that no deed takes away what was said."""

from collections.abc import Callable

import pytest

from studio.chat.conversation import Conversation
from studio.chat.protocol import Said, Sampling, Update
from studio.errors import ChatError

LANES = ("base", "run-a", "run-a@0.5")
DRAWN = Sampling(temperature=1.0, seed=3)


def said(lane: str, text: str, *, stopped: bool = True, tokens: int = 2) -> Said:
    return Said(
        lane=lane, text=text, tokens=tokens, stopped=stopped, first_token=0.1, tokens_per_second=9
    )


def answer(asked: Conversation, *, done: bool = True, **texts: str) -> Conversation:
    """All unfinished lanes answer, each with its own name unless told otherwise."""
    names = {"run_a": "run-a", "half": "run-a@0.5"}
    given = {names.get(name, name): text for name, text in texts.items()}
    rows = tuple(
        said(row.lane, given.get(row.lane, f"by {row.lane}"), stopped=done) for row in asked.rows()
    )
    return asked.answered(Update(id=1, rows=rows, done=done, about="a CPU", proof=0.0))


def begun(**fields: object) -> Conversation:
    return Conversation.begin(**({"lanes": LANES} | fields))


def spoken(**fields: object) -> Conversation:
    return answer(answer(begun(**fields).say("one")).say("two"))


def texts(conversation: Conversation, lane: str) -> list[str]:
    return [message.content for message in conversation.messages(lane)]


def test_every_lane_remembers_its_own_answers() -> None:
    asked = spoken().say("three")
    for lane in LANES:
        assert texts(asked, lane) == ["one", f"by {lane}", "two", f"by {lane}", "three"]
        assert [one.role for one in asked.messages(lane)] == ["user", "assistant"] * 2 + ["user"]


def test_with_a_shared_history_all_lanes_remember_the_kept_answer() -> None:
    kept = answer(begun(history="shared").say("one")).keep("run-a")
    asked = kept.say("two")
    assert {tuple(texts(asked, lane)) for lane in LANES} == {("one", "by run-a", "two")}


def test_in_a_shared_history_the_first_lane_is_kept_until_somebody_chooses() -> None:
    asked = spoken(history="shared").say("three")
    assert texts(asked, "run-a")[1::2] == ["by base", "by base"]


def test_a_lane_at_a_new_strength_remembers_what_the_same_adapter_said() -> None:
    moved = spoken(lanes=("base", "run-a@0.5")).arrange(lanes=("base", "run-a@0.8")).say("three")
    assert texts(moved, "run-a@0.8")[1] == "by run-a@0.5"


def test_a_lane_that_joins_late_remembers_the_first_lanes_answers() -> None:
    joined = spoken(lanes=("base",)).arrange(lanes=("base", "run-b")).say("three")
    assert texts(joined, "run-b") == ["one", "by base", "two", "by base", "three"]


def test_a_question_that_nobody_answered_is_not_remembered() -> None:
    asked = begun().say("one").say("two")
    assert texts(asked, "base") == ["two"]
    assert [one.prompt for one in asked.exchanges] == ["one", "two"]


def test_the_system_message_is_that_of_the_question_asked() -> None:
    asked = spoken(system=" Be kind. ").arrange(system="").say("three")
    assert asked.messages("base", 1)[0].content == "Be kind."
    assert asked.messages("base")[0].role == "user"


def test_an_answer_knows_how_it_was_drawn_and_how_fast() -> None:
    last = answer(begun(sampling=DRAWN).say("one")).exchanges[-1]
    assert last.answers["base"].sampling == DRAWN
    assert (last.answers["base"].tokens_per_second, last.about, last.proof) == (9, "a CPU", 0.0)


def test_answers_grow_until_they_are_done() -> None:
    asked = begun().say("one")
    half = answer(asked, done=False, base="The")
    assert half.exchanges[-1].unfinished == LANES
    whole = answer(asked, base="The end.")
    assert whole.exchanges[-1].unfinished == ()
    assert whole.exchanges[-1].answers["base"].text == "The end."


def test_a_broken_off_answer_goes_on_from_where_it_broke_off() -> None:
    broken = answer(begun().say("one"), done=False, base="The be")
    rows = {row.lane: row for row in broken.rows()}
    assert rows["base"].begun == "The be"
    whole = answer(broken, base="ginning.")
    assert whole.exchanges[-1].answers["base"].text == "The beginning."
    assert whole.exchanges[-1].answers["base"].tokens == 4


def test_continuing_goes_on_with_one_lane_only() -> None:
    cut = answer(begun().say("one"), base="The be")
    going_on = cut.continue_("base")
    assert [(row.lane, row.begun) for row in going_on.rows()] == [("base", "The be")]
    assert answer(going_on, base="st").exchanges[-1].answers["base"].text == "The best"
    assert len(going_on.everything) == 1


def test_going_on_with_an_earlier_answer_leaves_the_later_questions_where_they_are() -> None:
    before = spoken()
    going_on = before.continue_("base", 0)
    assert [one.prompt for one in going_on.exchanges] == ["one"]
    assert going_on.turn_to(before.everything[1].id).exchanges == before.exchanges


def test_an_edit_stands_beside_the_old_question() -> None:
    before = spoken()
    edited = answer(before.edit(0, "uno"))
    assert [one.prompt for one in edited.exchanges] == ["uno"]
    assert [one.prompt for one in edited.versions(0)] == ["one", "uno"]
    old = edited.turn_to(before.everything[0].id)
    assert old.exchanges == before.exchanges


def test_a_retry_in_one_lane_keeps_the_others_and_the_old_answer() -> None:
    again = spoken().retry(lane="run-a")
    assert [row.lane for row in again.rows()] == ["run-a"]
    assert again.exchanges[-1].answers["base"].text == "by base"
    first, second = answer(again, run_a="better").versions()
    assert (first.answers["run-a"].text, second.answers["run-a"].text) == ("by run-a", "better")


def test_what_a_retry_brings_was_preferred_by_nobody() -> None:
    preferred = spoken().keep("run-a")
    assert preferred.retry(lane="run-a").exchanges[-1].kept == ""
    assert preferred.retry(lane="base").exchanges[-1].kept == "run-a"


def test_a_retry_in_all_lanes_asks_them_all() -> None:
    assert [row.lane for row in spoken().retry().rows()] == list(LANES)


def test_a_drawn_retry_moves_to_a_seed_that_was_not_used() -> None:
    drawn = answer(begun(sampling=DRAWN).say("one"))
    again = answer(drawn.retry())
    third = again.retry()
    assert [one.sampling.seed for one in third.versions()] == [3, 4, 5]
    assert answer(begun().say("one")).retry().exchanges[-1].sampling.seed == 0


def test_an_undone_question_can_be_brought_back() -> None:
    before = spoken()
    undone = before.undo()
    assert [one.prompt for one in undone.exchanges] == ["one"]
    assert undone.redo().exchanges == before.exchanges
    assert before.undo().undo().exchanges == ()
    with pytest.raises(ChatError):
        before.undo().undo().undo()


def test_a_branch_is_a_conversation_of_its_own() -> None:
    before = spoken(title="Numbers", system="s", owner="me")
    branch = before.branch(0)
    assert branch.id != before.id
    assert branch.branched_from is not None
    assert branch.branched_from.conversation == before.id
    assert [one.prompt for one in branch.exchanges] == ["one"]
    assert (branch.title, branch.system, branch.owner) == ("Numbers", "s", "me")


DEEDS: dict[str, Callable[[Conversation], Conversation]] = {
    "say": lambda one: one.say("three"),
    "edit": lambda one: one.edit(0, "uno"),
    "retry": lambda one: one.retry(0),
    "retry one lane": lambda one: one.retry(0, "base"),
    "continue": lambda one: answer(one.continue_("base", 0), base=" and on"),
    "continue the last": lambda one: answer(one.continue_("base"), base=" and on"),
    "keep": lambda one: one.keep("run-a", 0),
    "undo": lambda one: one.undo(),
    "redo": lambda one: one.undo().redo(),
    "other lanes": lambda one: one.arrange(lanes=("base",), history="shared"),
    "answer again": lambda one: answer(one.retry()),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_no_deed_takes_away_what_was_said(deed: Callable[[Conversation], Conversation]) -> None:
    before = spoken()
    after = deed(before)
    assert len(after.everything) >= len(before.everything)
    for old, new in zip(before.everything, after.everything, strict=False):
        assert (old.id, old.parent, old.prompt) == (new.id, new.parent, new.prompt)
        for lane, said_before in old.answers.items():
            assert new.answers[lane].text.startswith(said_before.text)


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_every_conversation_survives_its_file(deed: Callable[[Conversation], Conversation]) -> None:
    after = deed(spoken(sampling=DRAWN))
    assert Conversation.model_validate_json(after.model_dump_json(exclude_defaults=True)) == after


def test_the_first_question_is_the_title_until_a_person_gives_another() -> None:
    asked = begun().say("  What\nis " + "very " * 30 + "long? ")
    assert asked.title.startswith("What is very")
    assert len(asked.title) == 60
    assert asked.rename(" My  title ").say("two").title == "My title"


def test_nothing_can_be_asked_with_an_empty_message() -> None:
    with pytest.raises(ChatError, match="Write a message"):
        begun().say(" \n")


def test_a_place_that_is_not_there_is_told() -> None:
    with pytest.raises(ChatError, match="it has 2"):
        spoken().edit(2, "x")
    with pytest.raises(ChatError):
        spoken().turn_to("elsewhere")
    with pytest.raises(ChatError, match="has not answered"):
        begun().say("one").continue_("base")


def test_a_file_whose_exchanges_do_not_hang_together_is_refused() -> None:
    torn = spoken().model_dump()
    torn["everything"][1]["parent"] = "nobody"
    with pytest.raises(ValueError, match="does not hang"):
        Conversation.model_validate(torn)
