"""What is wrong, or at least odd, about a set of examples, in sentences a person can act on."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from studio.data.example import Example, Message

ROWS_LISTED = 20
LABELS = 20
LOPSIDED = 0.8
FEW_EXAMPLES = 20

# Marks that chat templates use to separate turns; inside a text they would end a turn early.
CONTROL_TOKEN = re.compile(r"<\|\w+\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>")


class Finding(BaseModel):
    """Something a check found."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: str
    """Short name of the check."""
    severity: Literal["note", "warning", "error"]
    """Note: good to know. Warning: look at it. Error: nothing can be learned from it."""
    count: int
    """How many rows are concerned."""
    rows: tuple[int, ...] = ()
    """Numbers of them, counted from 1; on a card only of the first."""
    message: str
    """What was found and what to do about it, in a sentence."""

    def shortened(self) -> "Finding":
        """With the numbers of the first rows only, as a card keeps it."""
        return self.model_copy(update={"rows": self.rows[:ROWS_LISTED]})


def check_examples(
    examples: Sequence[Example], *, contradicted: Iterable[int] = ()
) -> list[Finding]:
    """Look for empty, leaked, repeated, contradictory, lopsided and unsafe examples.

    Everything that is found is returned, the worst first; nothing is changed. `contradicted` are
    rows known to ask the same as others and want another answer, maybe in another phrasing.
    """
    findings = [
        *_empty(examples),
        *_control_tokens(examples),
        *_conflicts(examples, contradicted),
        *_leaks(examples),
        *_duplicates(examples),
        *_unknown_answers(examples),
        *_balance(examples),
        *_few(examples),
    ]
    order = ("error", "warning", "note")
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def found(
    kind: str,
    severity: Literal["note", "warning", "error"],
    numbers: Iterable[int],
    message: str,
) -> list[Finding]:
    """A finding about these rows, or nothing if there are none."""
    rows = sorted(set(numbers))
    if not rows:
        return []
    return [
        Finding(kind=kind, severity=severity, count=len(rows), rows=tuple(rows), message=message)
    ]


def is_empty(example: Example) -> bool:
    """Whether there is nothing to learn, or nothing asked."""
    return not example.completion or not example.question


def rows_where(examples: Sequence[Example], test: Callable[[Example], bool]) -> list[int]:
    """Numbers of the rows of those that pass the test, once for each example."""
    return [example.row for example in examples if test(example)]


def _empty(examples: Sequence[Example]) -> list[Finding]:
    return found(
        "empty",
        "error",
        rows_where(examples, is_empty),
        "The prompt or the answer is empty; fill the column or remove these rows.",
    )


def _control_tokens(examples: Sequence[Example]) -> list[Finding]:
    def holds_one(example: Example) -> bool:
        texts = [message.content for message in example.messages] + [example.completion]
        return any(CONTROL_TOKEN.search(text) for text in texts)

    return found(
        "control tokens",
        "warning",
        rows_where(examples, holds_one),
        "The text holds marks such as <|im_end|> that separate turns of a chat; remove them.",
    )


def _conflicts(examples: Sequence[Example], contradicted: Iterable[int]) -> list[Finding]:
    answers: dict[tuple[Message, ...], set[str]] = defaultdict(set)
    for example in examples:
        answers[example.messages].add(example.completion)
    return found(
        "conflicts",
        "warning",
        [*contradicted, *rows_where(examples, lambda example: len(answers[example.messages]) > 1)],
        "The same prompt has different answers; decide which one is right.",
    )


def _leaks(examples: Sequence[Example]) -> list[Finding]:
    def leaks(example: Example) -> bool:
        prompt = example.question.casefold()
        others = set(example.choices) - {example.completion}
        # A prompt that lists its options names the answer, and gives nothing away.
        if others and all(choice.casefold() in prompt for choice in others):
            return False
        answer = re.escape(example.completion.casefold())
        return bool(answer) and re.search(rf"(?<!\w){answer}(?!\w)", prompt) is not None

    return found(
        "answer in prompt",
        "note",
        rows_where(examples, leaks),
        "The answer already stands in the prompt; fine for extraction, a leak for other work.",
    )


def _duplicates(examples: Sequence[Example]) -> list[Finding]:
    """A row whose phrasings say the same repeats nothing: it would be lost with its repetition."""
    seen: dict[tuple[tuple[Message, ...], str], int] = {}
    repeated = []
    for example in examples:
        first = seen.setdefault((example.messages, example.completion), example.row)
        if first != example.row:
            repeated.append(example.row)
    return found(
        "duplicates",
        "note",
        repeated,
        "These rows give an example that an earlier row gave already.",
    )


def _unknown_answers(examples: Sequence[Example]) -> list[Finding]:
    return found(
        "answer not a choice",
        "warning",
        rows_where(
            examples,
            lambda example: bool(example.choices) and example.completion not in example.choices,
        ),
        "The answer is not among the answer choices; correct one or the other.",
    )


def _balance(examples: Sequence[Example]) -> list[Finding]:
    answers = Counter(example.completion for example in examples)
    if len(examples) < FEW_EXAMPLES or not 1 < len(answers) <= LABELS:
        return []
    answer, count = answers.most_common(1)[0]
    share = count / len(examples)
    if share <= LOPSIDED:
        return []
    return found(
        "label balance",
        "warning",
        rows_where(examples, lambda example: example.completion == answer),
        f"{share:.0%} of the answers are '{answer[:40]}'; a model that always says so would look "
        "good, so add rows with other answers.",
    )


def _few(examples: Sequence[Example]) -> list[Finding]:
    if len(examples) >= FEW_EXAMPLES:
        return []
    return [
        Finding(
            kind="few examples",
            severity="warning",
            count=len(examples),
            message=f"There are only {len(examples)} examples; enough to try things out, too few "
            "to trust what is measured.",
        )
    ]
