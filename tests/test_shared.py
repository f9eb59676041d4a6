"""Several questions in one batch: each is answered as if nobody else were there."""

from collections.abc import Callable, Sequence
from threading import Event

import pytest
from made_adapters import STARTER, make_adapter

from studio.chat.protocol import Ask, Row, Sampling
from studio.data.example import Message
from studio.engine.generate import answer, prompt_ids
from studio.engine.load import Engine
from studio.engine.prefix import Kept
from studio.engine.shared import STEPS, Part, go_on
from studio.measure.outcome import BASE

pytestmark = pytest.mark.slow

STORY, CAPITAL = "Tell me a story about a fox.", "What is the capital of France?"
GREEDY = Sampling(max_new_tokens=40)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    loaded = Engine(STARTER, "lora")
    folder = tmp_path_factory.mktemp("adapters")
    loaded.add_lane("red", make_adapter(folder / "red", seed=1))
    loaded.add_lane("blue", make_adapter(folder / "blue", seed=2))
    return loaded


def ask(question: str, *lanes: str, sampling: Sampling = GREEDY) -> Ask:
    messages = (Message(role="user", content=question),)
    rows = tuple(Row(lane=lane, messages=messages) for lane in lanes)
    return Ask(id=0, base="starter", method="lora", lanes=(), rows=rows, sampling=sampling)


def alone(engine: Engine, one: Ask) -> list[list[int]]:
    return [said.ids for said in answer(engine, one.rows, one.sampling)]


def said(part: Part) -> list[list[int]]:
    return [answer.ids for answer in part.answers]


def run(
    engine: Engine,
    parts: Sequence[Part],
    *,
    called: Callable[[], bool] = lambda: False,
    show: Callable[[Part], None] = lambda _: None,
) -> None:
    go_on(engine, parts, show=show, called=called, kept=Kept())


def test_who_joins_and_who_leaves_changes_nobody_elses_answer(engine: Engine) -> None:
    asks = [
        ask(STORY, BASE, "red", "blue"),
        ask(CAPITAL, "blue", BASE, sampling=Sampling(max_new_tokens=9)),
        ask(STORY, "red", sampling=Sampling(max_new_tokens=25)),
        ask("34 + 58", BASE),
    ]
    parts: list[Part] = []
    kept = Kept()
    batches = 0
    while not parts or not all(part.over for part in parts):
        if len(parts) < len(asks):  # one more at a time
            parts.append(Part(engine, asks[len(parts)], Event()))
        going = [part for part in parts if not part.over]
        go_on(engine, going, show=lambda _: None, called=lambda: len(parts) < len(asks), kept=kept)
        batches += 1
    assert batches >= len(asks)
    assert [said(part) for part in parts] == [alone(engine, one) for one in asks]


def test_drawn_answers_depend_on_their_own_seed_only(engine: Engine) -> None:
    warm = [
        Sampling(temperature=0.9, seed=3, max_new_tokens=30),
        Sampling(temperature=0.7, top_p=0.9, seed=4, max_new_tokens=20),
    ]
    asks = [ask(STORY, BASE, "red", sampling=sampling) for sampling in warm]
    asks.append(ask(STORY, "blue", BASE))
    first = Part(engine, asks[0], Event())
    run(engine, [first], called=lambda: True)  # the others come after some tokens
    assert 0 < len(first.answers[0].ids) <= STEPS
    parts = [first, *(Part(engine, one, Event()) for one in asks[1:])]
    while going := [part for part in parts if not part.over]:
        run(engine, going)
    assert [said(part) for part in parts] == [alone(engine, one) for one in asks]


def test_a_stop_ends_one_answer_and_no_other(engine: Engine) -> None:
    stopped, other = (Part(engine, ask(STORY, BASE, "red"), Event()) for _ in range(2))

    def show(part: Part) -> None:
        if part is stopped and len(part.answers[0].ids) == 5:
            part.stop.set()

    while going := [part for part in (stopped, other) if not part.over]:
        run(engine, going, show=show)
    whole = alone(engine, other.ask)
    assert said(other) == whole
    assert said(stopped) == [ids[:5] for ids in whole]
    assert not stopped.answers[0].stopped


def test_a_batch_of_which_few_rows_are_left_is_made_anew(engine: Engine) -> None:
    long = Part(engine, ask(STORY, BASE, "red"), Event())
    short = [
        Part(engine, ask(STORY, BASE, sampling=Sampling(max_new_tokens=3)), Event())
        for _ in range(6)
    ]
    run(engine, [long, *short])
    assert all(part.over for part in short)
    assert len(long.answers[0].ids) == STEPS  # it goes on without the others
    run(engine, [long])
    assert said(long) == alone(engine, long.ask)


def test_an_answer_ends_where_the_base_holds_no_more(engine: Engine) -> None:
    def length(question: str) -> int:
        return len(prompt_ids(engine, (Message(role="user", content=question),)))

    words = next(n for n in range(2000) if length("fox " * n) > engine.context - 8)
    near = Part(engine, ask("fox " * (words - 1), BASE, "red"), Event())
    full = Part(engine, ask("fox " * 2000, BASE), Event())
    other = Part(engine, ask(STORY, BASE), Event())
    assert full.over
    while going := [part for part in (near, other) if not part.over]:
        run(engine, going)
    assert said(full) == [[]]
    assert "1024 tokens that starter holds" in full.answers[0].note
    for one in near.answers:
        room = engine.context - length("fox " * (words - 1))
        assert len(one.ids) == room or one.stopped
        assert ("holds" in one.note) == (len(one.ids) == room)
    assert said(other) == alone(engine, other.ask)
    assert other.answers[0].note == ""


def test_a_question_stopped_before_its_turn_says_nothing(engine: Engine) -> None:
    part = Part(engine, ask(STORY, BASE), Event())
    part.stop.set()
    run(engine, [part])
    assert said(part) == [[]]


def test_the_starter_says_different_things_in_these_lanes(engine: Engine) -> None:
    assert len({str(ids) for ids in alone(engine, ask(STORY, BASE, "red", "blue"))}) == 3
