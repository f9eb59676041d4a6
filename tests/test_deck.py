"""Decks: where their prompts come from, that a run goes on where it was stopped, and its table."""

import csv
import io
import json
from pathlib import Path

import pytest
from made_deck import LANE, Answers, deck_of, finish, run_of

from studio import Studio
from studio.chat.deck import Deck, Prompt, own_deck, retention_deck
from studio.chat.deck_run import DeckRun, DeckRuns, Given, Round, Table, deal
from studio.chat.deck_sheet import arrange, jsonl, tallies
from studio.chat.deck_sheet import csv as as_csv
from studio.chat.deck_talk import as_conversation
from studio.chat.protocol import Sampling
from studio.data.example import Message
from studio.errors import ChatError
from studio.measure.case import Case
from studio.measure.halves import is_replayed
from studio.measure.outcome import BASE
from studio.measure.probe import Probe

# ---- where prompts come from


def test_lines_of_text_are_prompts_and_json_lines_may_know_the_answer() -> None:
    plain = own_deck("My questions", "What is 2 + 3?\n\nSay hello\n")
    assert [one.messages[-1].content for one in plain.prompts] == ["What is 2 + 3?", "Say hello"]
    assert (plain.name, plain.title, plain.kind) == ("my-questions", "My questions", "own")
    assert plain.prompts[0].right("5") is None
    known = own_deck(
        "sums",
        '{"question": "What is 2 + 3?", "answer": 5, "scorer": "number", "source": "a book"}\n'
        '{"system": "Be brief.", "prompt": "Capital of France?", "completion": "Paris"}\n'
        '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Oh"}]}',
    )
    assert [one.right("5") for one in known.prompts] == [True, False, False]
    assert known.prompts[0].right("It is 5.") is True
    assert [message.role for message in known.prompts[1].messages] == ["system", "user"]
    assert known.prompts[2].answer == "Oh"
    assert known.prompts[2].messages == (Message(role="user", content="Hi"),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"prompt": "x"}\n{broken', "Line 2"),
        ('{"colour": "red"}', "record 1 .*no question"),
        ('{"prompt": "x", "answer": "a", "scorer": "regex"}', "pattern"),
        ('{"prompt": "x", "id": "1"}\n{"prompt": "y", "id": "1"}', "more than once"),
        ("\n \n", "the deck"),
    ],
)
def test_a_record_that_cannot_be_asked_is_named(text: str, why: str) -> None:
    with pytest.raises(ChatError, match=why):
        own_deck("deck", text)


def test_an_own_deck_is_kept_and_found_by_its_name(studio: Studio, tmp_path: Path) -> None:
    file = tmp_path / "questions.csv"
    file.write_text("prompt,answer\nWhat is 1 + 1?,2\n=1+1,two\n", encoding="utf-8")
    kept = studio.keep_deck("Héllo / ../World", file)
    assert studio.deck(kept.name) == kept
    assert list(studio.settings.decks.glob("*.jsonl")) == [
        studio.settings.decks / "hello-world.jsonl"
    ]
    assert studio.decks()[kept.name] == "Own: Héllo / ../World"
    with pytest.raises(ChatError, match="no deck"):
        studio.deck("../hello-world")


def test_names_in_any_script_are_decks_of_their_own(studio: Studio) -> None:
    names = ("客户问题", "产品问题", "Q" * 60)
    kept = [studio.keep_deck(name, name, replace=False) for name in names]
    assert [studio.deck(one.name).prompts[0].messages[0].content for one in kept] == [
        one.title for one in kept
    ]
    with pytest.raises(ChatError, match="already"):
        studio.keep_deck("客户问题", "Another?", replace=False)
    assert studio.keep_deck("客户问题", "Another?").name == kept[0].name


def test_own_decks_belong_to_their_visitor(studio: Studio) -> None:
    mine = studio.keep_deck("Mine", "What is mine?", owner="my secret key")
    theirs = studio.keep_deck("Mine", "What is theirs?", owner="your secret key")
    assert mine.name != theirs.name
    assert studio.deck(mine.name, owner="my secret key").prompts == mine.prompts
    assert theirs.name not in studio.decks(owner="my secret key")
    assert {mine.name, theirs.name} <= set(studio.decks())
    with pytest.raises(ChatError, match="no deck"):
        studio.deck(theirs.name, owner="my secret key")


def test_the_task_deck_holds_the_held_out_rows_only(studio: Studio) -> None:
    dataset = studio.build("sentiment", limit=20)
    deck = studio.deck(f"task:{dataset.id}")
    assert deck.kind == "task"
    learned = {one.messages for one in dataset.train()}
    asked = {one.messages for one in deck.prompts}
    assert len(asked) == len(dataset.heldout())
    assert not asked & learned
    assert all(one.right(one.answer) for one in deck.prompts)


def test_the_retention_deck_is_varied_from_its_beginning(studio: Studio) -> None:
    deck = studio.deck("retention:starter").shortened(12)
    assert len({one.id.partition("/")[0] for one in deck.prompts}) == 12
    assert all(one.right(one.answer) for one in deck.prompts)


def test_a_half_that_a_lane_learned_from_is_not_asked(studio: Studio) -> None:
    from made_home import make_home

    run = make_home(studio).tuned
    run.adapter.mkdir()
    made_for = {"replayed": ["starter-capitals"]}
    (run.adapter / "made_for.json").write_text(json.dumps(made_for), encoding="utf-8")
    whole = _capitals(studio.deck("retention:starter"))
    asked = _capitals(studio.deck("retention:starter", [run.id]))
    assert asked < whole
    assert asked == {one for one in whole if not is_replayed(Case(id=one, messages=(), answer="x"))}


def _capitals(deck: Deck) -> set[str]:
    parts = [one.id.partition("/") for one in deck.prompts]
    return {case for probe, _, case in parts if probe == "starter-capitals"}


def test_bare_text_and_sentences_without_a_question_are_no_prompts() -> None:
    bare = Probe(
        name="bare", title="Bare", kind="retention", chat=False, cases=(_case("a"),), scorer="exact"
    )
    text = Probe(
        name="text", title="Text", kind="retention", scorer="text",
        cases=(Case(id="t", messages=(), answer="Some text."),),
    )  # fmt: skip
    with pytest.raises(ChatError, match="bring prompts of your own"):
        retention_deck("starter", [bare, text])


def test_multiple_choice_is_asked_but_writing_is_not_marked() -> None:
    case = _case("a").model_copy(update={"choices": ("yes", "no"), "answer": "yes"})
    probe = Probe(name="c", title="C", kind="retention", scorer="choice", cases=(case,))
    (prompt,) = retention_deck("starter", [probe]).prompts
    assert prompt.answer == "yes"
    assert prompt.right("yes") is None


def _case(id: str) -> Case:
    return Case(id=id, messages=(Message(role="user", content=f"Question {id}"),), answer="yes")


# ---- running one


def test_every_prompt_is_answered_by_every_lane_and_kept(tmp_path: Path) -> None:
    runs, answers = DeckRuns(tmp_path), Answers()
    table = finish(runs, run_of(deck_of(30)), answers)
    assert table.done
    assert answers.asked == [f"Q{i}" for i in range(30)]
    assert runs.open(table.run.id) == table
    five = table.rounds[5]
    assert (five.answers[BASE].text, five.answers[LANE].text) == ("A5", "wrong")
    assert five.kl(LANE) == pytest.approx(2.5)
    assert five.words(LANE) == 1
    assert five.kl(BASE) is None


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    runs, first = DeckRuns(tmp_path), Answers()
    run = run_of(deck_of(30))
    states = deal(runs.keep(run), runs, ask=first.ask, diverge=first.diverge)
    for table in states:
        if len(table.rounds) == 12 and table.live:
            break
    assert [one.answers[BASE].text for one in table.live][:2] == ["A", "A"]
    states.close()
    assert first.closed == 2  # the batch under way was told to stop
    assert len(runs.open(run.id).rounds) == 12
    second = Answers()
    assert finish(runs, run, second).done
    assert second.asked == [f"Q{i}" for i in range(12, 30)]
    third = Answers()
    assert finish(runs, run, third).done
    assert third.asked == []


def test_a_line_that_a_crash_tore_costs_its_prompt_only(tmp_path: Path) -> None:
    runs = DeckRuns(tmp_path)
    run = run_of(deck_of(6))
    finish(runs, run, Answers())
    path = tmp_path / run.id / "answers.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    again = Answers()
    assert finish(runs, run, again).done
    assert again.asked == ["Q5"]
    assert runs.open(run.id).done


def test_a_lane_that_failed_is_asked_once_more(tmp_path: Path) -> None:
    runs, run = DeckRuns(tmp_path), run_of(deck_of(4), ["endpoint:far"])
    table = finish(runs, run, Answers(fault="Q2"))
    assert table.rounds[2].answers["endpoint:far"].note == "it is down"
    assert table.rounds[2].answers["endpoint:far"].kl is None
    again = Answers()
    table = finish(runs, run, again)
    assert again.asked == ["Q2"]
    assert table.rounds[2].answers["endpoint:far"].text == "A2"


def test_the_same_question_is_the_same_run_and_any_change_is_another() -> None:
    deck = deck_of(3)
    same = run_of(deck)
    assert run_of(deck, [BASE, LANE]).id == same.id
    others = [
        run_of(deck.shortened(2)), run_of(deck, ["run-2"]),
        DeckRun.of(deck, [LANE], base="starter", sampling=Sampling(seed=1)),
        DeckRun.of(deck, [LANE], base="starter", sampling=Sampling(), system="Be brief."),
        DeckRun.of(deck, [LANE], base="starter", sampling=Sampling(), owner="somebody"),
    ]  # fmt: skip
    assert len({same.id, *(one.id for one in others)}) == 6


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    runs = DeckRuns(tmp_path / "runs")
    elsewhere = DeckRuns(tmp_path / "elsewhere").keep(run_of(deck_of(1))).run
    for id in ("..", "", "../runs", "nothing", f"../elsewhere/{elsewhere.id}", "a\0b"):
        with pytest.raises(ChatError, match="no run"):
            runs.open(id)


def test_a_run_belongs_to_its_visitor(tmp_path: Path) -> None:
    runs = DeckRuns(tmp_path)
    mine = DeckRun.of(deck_of(1), [LANE], base="starter", sampling=Sampling(), owner="me")
    runs.keep(mine)
    assert runs.open(mine.id, "me").run == mine
    assert [one.id for one in runs.all("me")] == [mine.id]
    assert runs.all("you") == []
    with pytest.raises(ChatError, match="no run"):
        runs.open(mine.id, "you")


# ---- looking at it


def made_table() -> Table:
    """Three prompts: one lost with few words, one gained, one the same but for its KL."""
    run = run_of(deck_of(3), ["one", "two"])
    texts = [("A0", "A0 no", "A0"), ("no", "A1", "no"), ("A2", "A2", "=A2()")]
    kls = [(0.5, 0.0), (1.0, 0.0), (9.0, 0.1)]
    rounds = tuple(
        Round(
            prompt=f"p{i:02}", read=2, about="made",
            answers={
                BASE: Given(text=base, tokens=2, stopped=True),
                "one": Given(text=one, tokens=2, stopped=True, kl=kls[i][0]),
                "two": Given(text=two, tokens=2, stopped=False, kl=kls[i][1]),
            },
        )
        for i, (base, one, two) in enumerate(texts)
    )  # fmt: skip
    return Table(run, rounds)


def test_rounds_are_sorted_by_what_was_chosen() -> None:
    table = made_table()

    def order(by: str, lane: str | None = None, *, only: bool = False) -> str:
        found = arrange(table, by, lane, only_different=only)  # type: ignore[arg-type]
        return "".join(one.prompt[-1] for one in found)

    assert order("deck") == "012"
    assert order("kl") == "210"
    assert order("kl", "two") == "201"
    assert order("words", "one") == "102"
    assert order("words", "two") == "201"
    assert order("lost", "one") == "012"
    assert order("lost", "two") == "201"
    assert order("deck", "one", only=True) == "01"
    assert order("deck", only=True) == "012"


def test_lanes_are_counted_over_all_prompts() -> None:
    base, one, two = tallies(made_table())
    assert (base.known, base.right, base.differ, base.kl) == (3, 2, 0, None)
    assert (one.right, one.lost, one.gained, one.differ) == (2, 1, 1, 2)
    assert one.kl == pytest.approx(10.5 / 6)
    assert (two.right, two.lost, two.gained, two.differ) == (1, 1, 0, 1)


def test_an_answer_that_did_not_come_counts_for_nothing(tmp_path: Path) -> None:
    """A server that is down has forgotten nothing."""
    far = "endpoint:far"
    table = finish(DeckRuns(tmp_path), run_of(deck_of(4), [far]), Answers(fault="Q2"))
    base, lane = tallies(table)
    assert (base.answered, base.known, base.right) == (4, 4, 4)
    # Of the three answers that came, those to Q1 and Q3 are wrong.
    assert (lane.answered, lane.known, lane.right, lane.lost, lane.differ) == (3, 3, 1, 2, 2)
    found = arrange(table, "words", far, only_different=True)
    assert [one.prompt for one in found] == ["p01", "p03"]
    assert arrange(table, "lost")[-1].prompt == "p02"
    row = list(csv.DictReader(io.StringIO(as_csv(table))))[2]
    assert (row[f"{far}: right"], row[f"{far}: words differing"]) == ("", "")


def test_the_table_is_written_with_everything_and_no_formula() -> None:
    table = made_table()
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert [row["id"] for row in rows] == ["p00", "p01", "p02"]
    assert rows[0]["one: answer"] == "A0 no"
    assert float(rows[2]["one: KL per token"]) == 4.5
    assert not rows[2]["two: answer"].startswith("=")
    first, *lines = [json.loads(line) for line in jsonl(table).splitlines()]
    assert first["lanes"] == [BASE, "one", "two"]
    assert lines[0]["lanes"]["one"]["right"] is False
    assert lines[2]["lanes"]["two"]["text"] == "=A2()"


def test_a_row_goes_on_as_a_conversation() -> None:
    table = made_table()
    talk = as_conversation(table, table.rounds[0], "owner")
    (exchange,) = talk.exchanges
    assert (exchange.prompt, talk.lanes, talk.owner) == ("Q0", (BASE, "one", "two"), "owner")
    assert {lane: said.text for lane, said in exchange.answers.items()} == {
        BASE: "A0", "one": "A0 no", "two": "A0",
    }  # fmt: skip
    assert exchange.unfinished == ()
    assert talk.say("And then?").messages("one")[1].content == "A0 no"


def test_earlier_turns_of_a_prompt_stay_before_it() -> None:
    turns = [
        ("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Q7"),
    ]  # fmt: skip
    messages = tuple(Message.model_validate({"role": r, "content": c}) for r, c in turns)
    deck = Deck(name="d", title="D", kind="own", prompts=(Prompt(id="x", messages=messages),))
    given = {lane: Given(text="A7", tokens=1, stopped=True) for lane in (BASE, LANE)}
    table = Table(run_of(deck), (Round(prompt="x", answers=given),))
    talk = as_conversation(table, table.rounds[0])
    assert talk.messages(LANE) == messages
    assert talk.exchanges[-1].answers[LANE].text == "A7"


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_turns_that_no_conversation_has_are_told(role: str) -> None:
    turns = [("user", "Hi"), (role, "Hello"), ("user", "Q7")][role == "assistant" :]
    messages = tuple(Message.model_validate({"role": r, "content": c}) for r, c in turns)
    deck = Deck(name="d", title="D", kind="own", prompts=(Prompt(id="x", messages=messages),))
    given = {lane: Given(text="A7", tokens=1, stopped=True) for lane in (BASE, LANE)}
    table = Table(run_of(deck), (Round(prompt="x", answers=given),))
    with pytest.raises(ChatError, match="cannot be opened"):
        as_conversation(table, table.rounds[0])
