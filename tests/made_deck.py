"""A deck whose answers follow from its prompts, dealt to lanes without a model."""

from collections.abc import Generator, Sequence

from studio.chat.deck import Deck, Prompt
from studio.chat.deck_run import DeckRun, DeckRuns, Table, deal
from studio.chat.protocol import Diverged, Reply, Row, Said, Sampling, Update
from studio.data.example import Message
from studio.measure.outcome import BASE

LANE = "run-1"


def deck_of(count: int) -> Deck:
    prompts = [
        Prompt(id=f"p{i:02}", messages=(Message(role="user", content=f"Q{i}"),), answer=f"A{i}")
        for i in range(count)
    ]
    return Deck(name="made", title="Made", kind="own", prompts=tuple(prompts))


class Answers:
    """Answers by rule: the base is right, the lane only on even numbers; counts what it is asked.

    A fault, if set, is the number of the prompt that an endpoint does not answer.
    """

    def __init__(self, fault: str = "") -> None:
        self.asked: list[str] = []
        self.closed = 0
        self.fault = fault

    def ask(self, rows: Sequence[Row]) -> Generator[Update]:
        said = [self._say(row) for row in rows]
        self.asked += [row.messages[-1].content for row in rows if row.lane == BASE]
        half = tuple(one.model_copy(update={"text": one.text[:1]}) for one in said)
        try:
            yield Update(id=1, waiting=3)
            yield Update(id=1, rows=half)
            yield Update(id=1, rows=tuple(said), done=True, about="made")
        finally:
            self.closed += 1

    def _say(self, row: Row) -> Said:
        number = int(row.messages[-1].content[1:])
        if row.lane != BASE and self.fault == f"Q{number}":
            return Said(lane=row.lane, text="", tokens=0, stopped=False, first_token=0,
                        tokens_per_second=0, note="it is down")  # fmt: skip
        text = f"A{number}" if row.lane == BASE or number % 2 == 0 else "wrong"
        return Said(lane=row.lane, text=text, tokens=2, stopped=True, first_token=0.1,
                    tokens_per_second=9)  # fmt: skip

    def diverge(self, replies: Sequence[Reply], among: Sequence[str]) -> Diverged:
        assert all(reply.ended and reply.answer.startswith("A") for reply in replies)
        kl = [{lane: float(reply.answer[1:]) for lane in among} for reply in replies]
        return Diverged(id=1, tokens=(2,) * len(replies), kl=tuple(kl))


def run_of(deck: Deck, lanes: Sequence[str] = (LANE,)) -> DeckRun:
    return DeckRun.of(deck, lanes, base="starter", sampling=Sampling())


def finish(runs: DeckRuns, run: DeckRun, answers: Answers) -> Table:
    *_, table = deal(runs.keep(run), runs, ask=answers.ask, diverge=answers.diverge)
    return table
