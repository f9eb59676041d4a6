"""What is wrong with a workbook's rows, found by making examples of them as freezing would."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, ValidationError

from studio.data.building import STAGES as MAKING
from studio.data.building import check_made, make_examples
from studio.data.checks import Finding
from studio.data.example import Example
from studio.data.length_check import Reads
from studio.data.odd_text import languages
from studio.data.progress import Tell, say_nothing
from studio.data.whole_file import write_whole
from studio.data.workbook import Workbook
from studio.data.workbook_card import CHECKED
from studio.data.workbook_sides import descent_of, ways_of
from studio.errors import DatasetError

LANGUAGES = "Telling the languages"
STAGES = {**MAKING, LANGUAGES: 0.5}
LABELS_SHOWN = 60
READ_FOR_LANGUAGE = 1_000  # examples; the mix of so many is told within three percent
READ_FOR_LENGTH = 2_000


class Checked(BaseModel):
    """What the checks found in a workbook as it was then."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: int
    """Of the workbook; another one means that something was done since."""
    findings: tuple[Finding, ...]
    """Their rows are numbers of entries, all of them, the worst finding first."""
    train: int
    """How many examples would be learned."""
    heldout: int
    """How many would be kept back."""
    answers: tuple[tuple[str, int, int], ...]
    """Each answer with how often it is learned and held out; none where answers are texts."""
    languages: dict[str, int]
    """How many examples of those looked at are in which language; "" where it is not certain."""
    lengths: dict[int, tuple[int, int]]
    """Characters of prompt and answer by the number of the entry, of its first example."""
    sample: tuple[Example, ...]
    """Examples spread evenly over all, for what takes longer per example."""

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


_LAST: WeakKeyDictionary[Workbook, Checked] = WeakKeyDictionary()


def last_check(book: Workbook) -> Checked | None:
    """What was found when it was checked last, by whomever; None if it never was."""
    path = book.folder / CHECKED
    if book not in _LAST and path.exists():
        with suppress(OSError, ValidationError):
            _LAST[book] = Checked.model_validate_json(path.read_bytes())
    return _LAST.get(book)


def remember(book: Workbook, checked: Checked) -> None:
    """Keep what was found, for whoever looks at the workbook next, also after a restart."""
    _LAST[book] = checked
    # It can be found again: a full disk, or a workbook just deleted, is no reason to say nothing.
    with suppress(OSError):
        write_whole(book.folder / CHECKED, checked.model_dump_json().encode())


def check(
    book: Workbook,
    asked: Mapping[str, Sequence[str]],
    *,
    reads: Reads | None = None,
    tell: Tell = say_nothing,
) -> Checked:
    """Look the workbook over; `asked` and `reads` are those of `check_made`.

    DatasetError or TemplateError as in freezing, but one side may be empty.
    """
    version, kept = book.version, book.kept()
    if not kept:
        raise DatasetError("Every row is excluded; include some.")
    numbers = [one.number for one in kept]
    made = make_examples(
        book.template, [one.row for one in kept], ways_of(book),
        origins=[one.origin for one in kept], descent=descent_of(book), tell=tell,
    )  # fmt: skip
    findings = made.findings + check_made(made, asked=asked, reads=reads, tell=tell)
    tell(LANGUAGES)
    both = [*made.train, *made.heldout]
    read = both[:: 1 + len(both) // READ_FOR_LANGUAGE]
    order = ("error", "warning", "note")
    return Checked(
        version=version,
        findings=tuple(
            one.model_copy(update={"rows": tuple(numbers[at - 1] for at in one.rows)})
            for one in sorted(findings, key=lambda one: order.index(one.severity))
        ),
        train=len(made.train),
        heldout=len(made.heldout),
        answers=_balance(made.train, made.heldout),
        languages=Counter(languages([one.messages[-1].content for one in read])),
        lengths={numbers[at - 1]: length for at, length in _lengths(both).items()},
        sample=tuple(both[:: 1 + len(both) // READ_FOR_LENGTH]),
    )


def _balance(
    train: Sequence[Example], heldout: Sequence[Example]
) -> tuple[tuple[str, int, int], ...]:
    learned = Counter(one.completion for one in train)
    kept = Counter(one.completion for one in heldout)
    both = learned + kept
    if len(both) > min(LABELS_SHOWN, max(2, both.total() // 2)):
        return ()
    return tuple((one, learned[one], kept[one]) for one, _ in both.most_common())


def _lengths(examples: Sequence[Example]) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for one in examples:
        if one.row not in found:
            asked = sum(len(message.content) for message in one.messages)
            found[one.row] = (asked, len(one.completion))
    return found
