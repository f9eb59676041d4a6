"""Checks that read more closely: what is nearly the same, what leaks, what should not be there."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from studio.data.checks import Finding, found, rows_where
from studio.data.example import Example
from studio.data.likeness import Reader, Runs, near_pairs, near_runs
from studio.data.odd_text import MIXED, oddities, strangers
from studio.data.personal import find_personal
from studio.data.progress import Tell, say_nothing

SHORT = 2
USUAL = 20
READ_FOR_LANGUAGE = 5_000  # rows; every second, third, ... of more
TOLD = 3

STAGES = {
    "Looking for near duplicates": 3.0,
    "Comparing with held-out rows and probes": 4.0,
    "Looking for personal data": 1.5,
    "Looking at characters and languages": 1.5,
}
"""What is done in which order, and about how long each takes beside the others."""


def check_closely(
    train: Sequence[Example],
    heldout: Sequence[Example],
    *,
    asked: Mapping[str, Sequence[str]] | None = None,
    tell: Tell = say_nothing,
) -> list[Finding]:
    """Near duplicates, overlap of the sides and with probes, personal data, odd text, languages.

    `asked` are the questions of probes by name. Nothing is changed.
    """
    both = [*train, *heldout]
    works: tuple[Callable[[], list[Finding]], ...] = (
        lambda: _near_duplicates(train),
        lambda: _overlaps(train, heldout, asked or {}),
        lambda: _personal(both),
        lambda: [*_odd(both), *_languages(both), *_short(both)],
    )
    findings = []
    for stage, work in zip(STAGES, works, strict=True):
        tell(stage)
        findings += work()
    return findings


def question(example: Example) -> str:
    """What is asked last."""
    return example.question


def _one_per_row(examples: Sequence[Example]) -> list[Example]:
    """The first example of each row: its other phrasings are alike on purpose."""
    return list({example.row: example for example in reversed(examples)}.values())[::-1]


def _whole(example: Example) -> str:
    return f"{question(example)}\n{example.completion}"


def _near_duplicates(train: Sequence[Example]) -> list[Finding]:
    rows = _one_per_row(train)
    texts = [_whole(one) for one in rows]
    repeated = [
        rows[place].row for place, first in near_pairs(texts) if texts[place] != texts[first]
    ]
    return found(
        "near duplicates",
        "note",
        repeated,
        "These rows are nearly the same as an earlier one (four fifths of their word triples); "
        "many of them teach one wording by heart.",
    )


def _overlaps(
    train: Sequence[Example], heldout: Sequence[Example], asked: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """What is learned and asked again: by held-out rows, and by probes."""
    reader = Reader()
    learned = reader.read([question(one) for one in train])
    near = near_runs(reader.read([question(one) for one in heldout]), learned)
    return [
        *found(
            "held-out overlap",
            "warning",
            (heldout[place].row for place, _ in near),
            "These held-out rows ask nearly what a row to learn from asks, so the gain measured "
            "on them is too high; take them out, or the rows they resemble.",
        ),
        *_probes(train, learned, asked, reader),
    ]


def _probes(
    train: Sequence[Example], learned: Runs, asked: Mapping[str, Sequence[str]], reader: Reader
) -> list[Finding]:
    """Questions of probes that are learned: what measures forgetting would be trained."""
    names = [name for name, questions in asked.items() for _ in questions]
    questions = [text for texts in asked.values() for text in texts]
    exact = {text.casefold().strip(): name for name, text in zip(names, questions, strict=True)}
    rows: dict[int, str] = {}
    for one in train:
        if name := exact.get(question(one).casefold().strip()):
            rows[one.row] = name
    for place, other in near_runs(learned, reader.read(questions)):
        rows.setdefault(train[place].row, names[other])
    known = ", ".join(name for name, _ in Counter(rows.values()).most_common(TOLD))
    return found(
        "probe overlap",
        "warning",
        rows,
        f"These rows ask what is asked to measure ({known}): once learned, that measures nothing; "
        "take them out.",
    )


def _personal(examples: Sequence[Example]) -> list[Finding]:
    kinds: Counter[str] = Counter()

    def has_some(example: Example) -> bool:
        pieces = {one.kind for text in _texts(example) for one in find_personal(text)}
        kinds.update(pieces)
        return bool(pieces)

    rows = rows_where(examples, has_some)
    listed = ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common())
    return found(
        "personal data",
        "warning",
        rows,
        f"Personal data or secrets stand in the text ({listed}); a tuned model may say them to "
        "anybody, so mask them.",
    )


def _odd(examples: Sequence[Example]) -> list[Finding]:
    kinds: Counter[str] = Counter()

    def is_odd(example: Example) -> bool:
        odd = set().union(*(oddities(text) for text in _texts(example)))
        kinds.update(odd)
        return bool(odd)

    rows = rows_where(examples, is_odd)
    return found(
        "odd characters",
        "warning",
        rows,
        f"The text holds {', '.join(kind for kind, _ in kinds.most_common())}; clean it.",
    )


def _languages(examples: Sequence[Example]) -> list[Finding]:
    rows = _one_per_row(examples)
    rows = rows[:: 1 + len(rows) // READ_FOR_LANGUAGE]
    usual, others = strangers([_whole(one) for one in rows])
    if len(others) < max(1, MIXED * len(rows)):
        return []
    listed = ", ".join(
        f"{code} {count:,}" for code, count in Counter(others.values()).most_common(TOLD)
    )
    return found(
        "language mix",
        "note",
        (rows[place].row for place in others),
        f"Of {len(rows):,} rows looked at most are in '{usual}', these in another language "
        f"({listed}); fine if it is meant.",
    )


def _short(examples: Sequence[Example]) -> list[Finding]:
    """Answers of a character or two where answers are texts; labels may be as short as that."""
    answers = {one.completion for one in examples}
    if len(answers) <= len(examples) // 2 or len(examples) < USUAL:
        return []
    return found(
        "very short answers",
        "note",
        rows_where(examples, lambda one: 0 < len(one.completion) <= SHORT),
        "The answer has a character or two, while the others are texts; look whether something "
        "is missing.",
    )


def _texts(example: Example) -> list[str]:
    return [*(message.content for message in example.messages), example.completion]
