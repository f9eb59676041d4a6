"""What is wrong with a workbook's rows, found by making examples of them as freezing would."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from weakref import WeakKeyDictionary

from studio.data.building import check_made, make_examples
from studio.data.checks import Finding
from studio.data.descent import descents
from studio.data.example import Example
from studio.data.odd_text import languages
from studio.data.ways import Ways
from studio.data.workbook import Workbook
from studio.errors import DatasetError

LABELS_SHOWN = 60
READ_FOR_LANGUAGE = 1_000  # examples; the mix of so many is told within three percent
READ_FOR_LENGTH = 5_000

Questions = Callable[[], Mapping[str, Sequence[str]]]


@dataclass(frozen=True)
class Checked:
    """What the checks found in a workbook as it was then."""

    version: int
    """Of the workbook; another one means that something was done since."""
    findings: tuple[Finding, ...]
    """Their rows are numbers of entries, all of them, the worst finding first."""
    train: tuple[Example, ...]
    """What would be learned; the rows are numbers of entries."""
    heldout: tuple[Example, ...]
    """What would be kept back."""
    languages: Mapping[str, int] = field(default_factory=dict)
    """How many examples of those looked at are in which language; "" where it is not certain."""

    def rows(self, kind: str) -> tuple[int, ...]:
        """Numbers of the entries that a finding concerns."""
        return next((one.rows for one in self.findings if one.kind == kind), ())

    @cached_property
    def by_row(self) -> dict[int, list[str]]:
        """The kinds of findings by the number of the entry."""
        kinds: dict[int, list[str]] = defaultdict(list)
        for finding in self.findings:
            for number in finding.rows:
                kinds[number].append(finding.kind)
        return kinds

    @cached_property
    def lengths(self) -> dict[int, tuple[int, int]]:
        """Characters of prompt and answer by the number of the entry, of its first example."""
        found: dict[int, tuple[int, int]] = {}
        for one in (*self.train, *self.heldout):
            asked = sum(len(message.content) for message in one.messages)
            found.setdefault(one.row, (asked, len(one.completion)))
        return found

    @cached_property
    def answers(self) -> list[tuple[str, int, int]]:
        """Each answer with how often it is learned and held out; empty where answers are texts."""
        learned = Counter(one.completion for one in self.train)
        kept = Counter(one.completion for one in self.heldout)
        both = learned + kept
        labels = len(both) <= max(2, both.total() // 2) and len(both) <= LABELS_SHOWN
        return [(one, learned[one], kept[one]) for one, _ in both.most_common()] if labels else []

    def sample(self) -> Sequence[Example]:
        """Examples spread evenly over all, for what takes longer per example."""
        both = [*self.train, *self.heldout]
        return both[:: 1 + len(both) // READ_FOR_LENGTH]


_LAST: WeakKeyDictionary[Workbook, Checked] = WeakKeyDictionary()


def last_check(book: Workbook) -> Checked | None:
    """What was found when it was checked last, if that was since it was opened."""
    return _LAST.get(book)


def check(book: Workbook, asked: Questions = dict) -> Iterator[str | Checked]:
    """Tell what is being done, and at last what was found; stop whenever you like.

    `asked` gives the questions of probes by name. DatasetError or TemplateError as in freezing.
    """
    version, kept = book.version, book.kept()
    if not kept:
        raise DatasetError("Every row is excluded; include some.")
    yield f"Making examples of {len(kept):,} rows"
    numbers = [entry.number for entry in kept]
    settled = {name: book.options[name] for name in Ways.model_fields if name in book.options}
    rows, origins = [entry.row for entry in kept], [entry.origin for entry in kept]
    descent = descents(origins, numbers)
    made = make_examples(book.template, rows, Ways.of(**settled), origins=origins, descent=descent)
    train, heldout = made.train, made.heldout
    yield f"Looking at {len(train) + len(heldout):,} examples"
    findings = made.findings + check_made(made, asked=asked())
    yield "Telling the languages"
    both = [*train, *heldout]
    read = both[:: 1 + len(both) // READ_FOR_LANGUAGE]
    order = ("error", "warning", "note")
    _LAST[book] = Checked(
        version=version,
        findings=tuple(
            one.model_copy(update={"rows": tuple(numbers[at - 1] for at in one.rows)})
            for one in sorted(findings, key=lambda one: order.index(one.severity))
        ),
        train=_numbered(train, numbers),
        heldout=_numbered(heldout, numbers),
        languages=Counter(languages([one.messages[-1].content for one in read])),
    )
    yield _LAST[book]


def _numbered(examples: Sequence[Example], numbers: Sequence[int]) -> tuple[Example, ...]:
    return tuple(one.model_copy(update={"row": numbers[one.row - 1]}) for one in examples)
