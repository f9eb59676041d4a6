"""More from little: proposals for a workbook, and what a person takes of them."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from studio.chat.protocol import Sampling, Update
from studio.data.augment import FEW, add_noise, find_text, originals, say_otherwise
from studio.data.gather import Gathered, Place
from studio.data.invention import SHOTS, Plan, Writing, suggest_plan
from studio.data.inversion import invert
from studio.data.more_phrasings import propose_phrasings
from studio.data.novelty import NEW
from studio.data.proposals import Proposal, load_proposals, save_proposals, undisturbed
from studio.data.rewording import ENGLISH, read_patterns
from studio.data.sieve import Sieve, doubt
from studio.data.template_parts import Phrasing
from studio.data.typing_slips import KINDS, SHARE, Noise
from studio.data.workbook import Workbook
from studio.data.workbook_sides import learned_entries
from studio.errors import DatasetError
from studio.measure.outcome import BASE
from studio.verbs.judging import Judging

BATCH = 16  # rows written at once


class _Entry(Place):
    """An entry of another workbook, as the place where a row comes from."""

    def __str__(self) -> str:
        return f"row {self.line} of {self.source}"


@dataclass(frozen=True)
class Written:
    """How far the writing has come."""

    proposals: tuple[Proposal, ...]
    """Everything that is proposed by now, what was before included."""
    done: int
    """How many rows were written by now."""
    total: int
    """How many were asked for."""
    saying: str = ""
    """What is being written at this moment."""
    waiting: int = 0
    """How many questions of others are before this one."""


class Growing(Judging):
    """Rows made of others or written by a model; nothing is added before a person says so."""

    def proposals(self, workbook: str, *, owner: str | None = None) -> list[Proposal]:
        """What is proposed for the workbook and was neither taken nor rejected."""
        return load_proposals(self.workbooks.open(workbook, owner).folder)

    def propose_noise(
        self, workbook: str, *, kinds: Sequence[Noise] = tuple(KINDS), column: str = "",
        count: int = FEW, share: float = SHARE, seed: int = 0, owner: str | None = None,
    ) -> list[Proposal]:  # fmt: skip
        """Propose rows with slips of the finger, of case or of spacing; the answers stay."""
        book = self.workbooks.open(workbook, owner)
        text = find_text(book.template, book.rows(), column)
        made = add_noise(book.entries(), text, kinds, count=count, share=share, seed=seed)
        return _propose(book, made)

    def propose_rewordings(
        self, workbook: str, *, patterns: str = ENGLISH, column: str = "", count: int = FEW,
        seed: int = 0, owner: str | None = None,
    ) -> list[Proposal]:  # fmt: skip
        """Propose rows said otherwise, by patterns such as "Can you {x}? => Could you {x}?"."""
        book = self.workbooks.open(workbook, owner)
        text = find_text(book.template, book.rows(), column)
        read = read_patterns(patterns)
        return _propose(book, say_otherwise(book.entries(), text, read, count=count, seed=seed))

    def plan_writing(self, workbook: str, *, owner: str | None = None) -> Plan:
        """Which columns a model would be given and which it would write, and how it is asked."""
        book = self.workbooks.open(workbook, owner)
        return suggest_plan(book.template, book.entries())

    def write_rows(
        self,
        workbook: str,
        plan: Plan | None = None,
        *,
        count: int = FEW,
        lane: str = BASE,
        base: str = "starter",
        method: Any = "qlora",
        shots: int = SHOTS,
        temperature: float = 0.8,
        new: float = NEW,
        checker: str = "",
        seed: int = 0,
        owner: str | None = None,
        asker: str = "",
    ) -> Generator[Written]:
        """Let a model write rows, a batch at a time; closing the generator stops it at once.

        What is whole by then stays proposed. Only rows to learn from are shown to it, and what it
        writes says which: held out later, they take it along. `new` is the ROUGE-L from which on a
        row counts as known. A `checker` is a lane that answers every new row that has possible
        answers: where it says another one, that speaks against the row. `asker` is the visitor in
        whose name models are asked.
        """
        book = self.workbooks.open(workbook, owner)
        plan = plan or suggest_plan(book.template, book.entries())
        writing = Writing(learned_entries(book), plan, shots=shots, seed=seed)
        sieve = Sieve(book.template, book.entries(), plan, new=new)
        ask = partial(self.ask, base=base, method=method, owner=asker)
        drawn = Sampling(temperature=temperature, top_p=0.95, own_luck=True)
        how = f"written by {self._named(lane, base)}"
        found = load_proposals(book.folder)
        for done in range(0, count, BATCH):
            standing = Written(tuple(found), done, count)
            begun = writing.begin(min(BATCH, count - done))
            for at, column in enumerate(plan.written):
                fresh = {"seed": seed + 100 * done + at, "max_new_tokens": writing.longest(column)}
                asked = [(lane, talk) for talk in writing.questions(begun, column)]
                answers = ask(asked, sampling=drawn.model_copy(update=fresh))
                said = yield from _hear(answers, standing)
                for one, text in zip(begun, said.rows, strict=True):
                    writing.take(one, column, text.text, stopped=text.stopped)
            made = [
                Proposal(
                    row=one.row, how=how, fault=sieve.fault(one),
                    shown=tuple(sorted(shot.number for shot in one.shots)),
                )
                for one in begun
            ]  # fmt: skip
            if checker and (examples := sieve.answerable(made)):
                asked = [(checker, example.messages) for example in examples.values()]
                said = yield from _hear(ask(asked, sampling=Sampling()), standing)
                made = doubt(made, examples, [one.text for one in said.rows])
            found = _propose(book, made)
            yield Written(tuple(found), done + len(begun), count)

    def _named(self, lane: str, base: str) -> str:
        return base if lane == BASE else self.title_of(lane)

    def decide(
        self, workbook: str, decided: Sequence[Proposal], *, owner: str | None = None
    ) -> None:
        """Keep the proposals as a person left them, in the place of what is proposed.

        DatasetError if others are proposed by now.
        """
        folder = self.workbooks.open(workbook, owner).folder
        with undisturbed(folder):
            known = load_proposals(folder)
            there = [(one.how, one.of) for one in known[: len(decided)]]
            if [(one.how, one.of) for one in decided] != there:
                raise DatasetError("Other rows are proposed by now; look at them again.")
            save_proposals(folder, [*decided, *known[len(decided) :]])

    def take_proposals(self, workbook: str, *, owner: str | None = None) -> list[int]:
        """Add what is ticked among the proposals, and reject the others.

        Gives the numbers of the new entries; `undo` takes them back.
        """
        book = self.workbooks.open(workbook, owner)
        with undisturbed(book.folder):
            taken = [one for one in load_proposals(book.folder) if one.ticked]
            if not taken:
                raise DatasetError("Nothing is ticked; tick what is to be added, or reject all.")
            ways = ", ".join(dict.fromkeys(one.how for one in taken))
            why = f"{len(taken)} rows added: {ways}"[:200]
            numbers = book.add([one.row for one in taken], [one.origin for one in taken], why)
            save_proposals(book.folder, [])
        return numbers

    def reject_proposals(self, workbook: str, *, owner: str | None = None) -> None:
        """Forget everything that is proposed."""
        folder = self.workbooks.open(workbook, owner).folder
        with undisturbed(folder):
            save_proposals(folder, [])

    def propose_phrasings(self, workbook: str, *, owner: str | None = None) -> list[Phrasing]:
        """More ways of asking, made of the template's own by rules."""
        return propose_phrasings(self.workbooks.open(workbook, owner).template)

    def add_phrasings(
        self, workbook: str, phrasings: Sequence[Phrasing], *, owner: str | None = None
    ) -> int:
        """Give the workbook's template more phrasings; gives how many it has then."""
        book = self.workbooks.open(workbook, owner)
        known = {phrasing.prompt for phrasing in book.template.phrasings}
        new = [phrasing for phrasing in phrasings if phrasing.prompt not in known]
        both = (*book.template.phrasings, *new)
        book.use_template(book.template.model_copy(update={"phrasings": both}))
        return len(both)

    def invert(self, workbook: str, *, column: str = "", owner: str | None = None) -> Workbook:
        """A workbook of the same rows whose template asks the other way round.

        Its rows say of which they are; those that were excluded or made stay behind.
        """
        book = self.workbooks.open(workbook, owner)
        entries = originals(book.entries())
        rows = [entry.row for entry in entries]
        template = invert(book.template, column, rows=rows)
        places: list[Place] = [_Entry(f"workbook {book.id}", entry.number) for entry in entries]
        return self.workbooks.begin(
            template.title, Gathered(rows, places, []), template, owner=book.card.owner
        )


def _hear(answers: Generator[Update], standing: Written) -> Generator[Written, None, Update]:
    """Pass on what is being said, and give all of it at the end."""
    last = Update(id=0)
    with closing(answers):
        for last in answers:
            saying = last.rows[0].text if last.rows else ""
            yield replace(standing, saying=saying, waiting=last.waiting)
    return last


def _propose(book: Workbook, made: Sequence[Proposal]) -> list[Proposal]:
    """Put these beside what is proposed already."""
    with undisturbed(book.folder):
        known = load_proposals(book.folder)
        rows = [one.row for one in known]
        found = [*known, *(one for one in made if one.row not in rows)]
        save_proposals(book.folder, found)
    return found
