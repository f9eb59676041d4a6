"""From rows and a template to examples on both sides, and what is to be found about them.

A dataset is frozen of what this makes, and a workbook is looked over by it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from studio.data.checks import Finding, check_examples, found, is_empty
from studio.data.closer_checks import STAGES as CLOSER_STAGES
from studio.data.closer_checks import check_closely
from studio.data.descent import Descent, stay_with_source, without_repeated
from studio.data.example import Example
from studio.data.length_check import Reads, check_lengths
from studio.data.licences import check_licences
from studio.data.progress import Tell, counting_from, say_nothing
from studio.data.readers import Row
from studio.data.rendering import render_examples
from studio.data.sandbox import Sandbox
from studio.data.split import SourceRow, Split, choose, identify, split_rows, without_duplicates
from studio.data.template import Template
from studio.data.ways import Ways
from studio.errors import DatasetError

PARTING, RENDERING, LOOKING = "Parting the rows", "Making examples", "Looking at the examples"
LENGTHS = "Counting tokens"
STAGES = {PARTING: 1.5, RENDERING: 4.0, LOOKING: 1.5, LENGTHS: 0.5, **CLOSER_STAGES}
"""The stages in their order, and about how long each takes beside the others."""


@dataclass(frozen=True)
class Made:
    """The examples of both sides."""

    train: list[Example]
    """To learn from."""
    heldout: list[Example]
    """Kept back for measuring, one per row."""
    unseen: list[Example]
    """The same held-out rows in a wording that is never learned."""
    findings: list[Finding]
    """What was left out on the way, and what the rows' licences say."""
    contradicted: frozenset[int] = frozenset()
    """Numbers of rows that ask the same as another and want another answer."""

    def not_empty(self) -> "Made":
        """Without examples of which the prompt or the answer is empty.

        DatasetError if nothing is left on a side.
        """
        return replace(
            self,
            train=_not_empty(self.train, "to learn from"),
            heldout=_not_empty(self.heldout, "to hold out"),
            unseen=[example for example in self.unseen if not is_empty(example)],
        )


def make_examples(
    template: Template,
    rows: Sequence[Row],
    ways: Ways,
    *,
    origins: Sequence[str] = (),
    descent: Descent | None = None,
    tell: Tell = say_nothing,
) -> Made:
    """Part the rows, and render each side.

    Rows of the same content count once. The split is made before the template is applied.
    `origins` say of each row where it came from, and `descent` of rows that were made the numbers
    of the rows they are made of: they are learned from, and only if none of those is held out.
    DatasetError or TemplateError if it cannot be done.
    """
    tell(PARTING)
    split, findings = part_rows(template, rows, ways, origins=origins, descent=descent)
    taken = {row.number: row.columns for row in (*split.train, *split.heldout)}
    findings += check_licences(taken, template.license)
    train, heldout, unseen = _render(template, split, ways, tell)
    return Made(train, heldout, unseen, findings, _contradicted([*split.train, *split.heldout]))


def check_made(
    made: Made,
    *,
    asked: Mapping[str, Sequence[str]],
    reads: Reads | None = None,
    tell: Tell = say_nothing,
) -> list[Finding]:
    """All that the checks find; `asked` are the questions of probes by name.

    With `reads` also what is longer than a base reads.
    """
    both = [*made.train, *made.heldout]
    tell(LOOKING)
    findings = check_examples(both, contradicted=made.contradicted)
    if reads is not None:
        tell(LENGTHS)
        findings += check_lengths(both, reads)
    return findings + check_closely(made.train, made.heldout, asked=asked, tell=tell)


def part_rows(
    template: Template,
    rows: Sequence[Row],
    ways: Ways,
    *,
    origins: Sequence[str] = (),
    descent: Descent | None = None,
) -> tuple[Split, list[Finding]]:
    """Which rows are learned from and which are held out, and what was left out on the way.

    Arguments and errors are those of `make_examples`.
    """
    if not rows:
        raise DatasetError("There are no rows; choose a file or a template that has some.")
    ways.refuse(template)
    found_rows = identify(rows, template, group_column=ways.group_column, origins=origins)
    unique, repeated = without_duplicates(found_rows)
    split = split_rows(
        choose(unique, ways.limit, seed=ways.seed),
        column=template.split_column,
        heldout_share=ways.heldout_share,
        seed=ways.seed,
    )
    split, made_of_heldout = stay_with_source(split, without_repeated(descent or {}, found_rows))
    findings = found(
        "repeated rows", "note", _numbers(repeated), "Rows of the same content were left out."
    ) + found(
        "leaked rows",
        "warning",
        _numbers(split.leaked),
        "Held-out rows that ask the same as a row to learn from, or are of its group, were left "
        "out.",
    )
    findings += found(
        "made of held-out rows",
        "note",
        _numbers(made_of_heldout),
        "Rows that were made of a held-out row were left out: who learns them knows it.",
    )
    return split, findings


def _render(
    template: Template, split: Split, ways: Ways, tell: Tell
) -> tuple[list[Example], list[Example], list[Example]]:
    """What is learned, what is held out, and that again in wordings that are never learned."""
    learned = ways.learned_phrasings(template)
    counts = [len(split.train), len(split.heldout), len(split.heldout)]
    counts[0] *= len(learned) if ways.phrasings == "all" else 1
    counts[2] *= bool(ways.heldout_phrasings)
    total, before = sum(counts), 0
    sides: list[list[Example]] = []
    tell(RENDERING, 0, total)
    with Sandbox() as sandbox:
        for rows, phrasings, numbers, every_turn in (
            (split.train, ways.phrasings, learned, ways.every_turn),
            (split.heldout, "one", learned, False),
            (split.heldout if ways.heldout_phrasings else [], "one", ways.heldout_phrasings, False),
        ):
            sides.append(
                render_examples(
                    template, rows, sandbox=sandbox, phrasings=phrasings, seed=ways.seed,
                    pool=split.train, numbers=numbers, every_turn=every_turn,
                    told=counting_from(before, lambda done: tell(RENDERING, done, total)),
                )
            )  # fmt: skip
            before += counts[len(sides) - 1]
    train, heldout, unseen = sides
    return train, heldout, unseen


def _contradicted(rows: Sequence[SourceRow]) -> frozenset[int]:
    """Found before rendering: two phrasings of one question do not look alike afterwards."""
    labels: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        labels[row.question].add(row.label)
    return frozenset(row.number for row in rows if len(labels[row.question]) > 1)


def _numbers(rows: Sequence[SourceRow]) -> list[int]:
    return [row.number for row in rows]


def _not_empty(examples: Sequence[Example], purpose: str) -> list[Example]:
    if not examples:
        raise DatasetError(
            f"No rows are left {purpose} once those of the same content count once; add rows or "
            "change the held-out share."
        )
    kept = [example for example in examples if not is_empty(example)]
    if not kept:
        raise DatasetError(
            f"Every example {purpose} has an empty prompt or answer; check which columns the "
            "template reads."
        )
    return kept
