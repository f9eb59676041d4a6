"""Marking a written answer: is it the reference, does it hold it, does it do as told?

exact         the reference or one of `accept`, whitespace aside
contains      one of these as a whole phrase, in any letter case
number        the last number in the answer equals the reference, within the case's tolerance
regex         the case's pattern is found in the answer
json          JSON of the reference's kind, equal in the fields that the case names
instructions  every check of the case passes

`choice` and `text` are not written but scored by likelihood; see `studio.measure.probe`.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING

from studio.measure import patterns
from studio.measure.case import Case, Scorer
from studio.measure.instructions import read_json

if TYPE_CHECKING:
    from studio.measure.probe import Probe

# A letter or digit of a script that puts spaces between words; Chinese and Japanese do not.
_WORD = r"[^\W\u3040-\u30ff\u3400-\u9fff]"

# 1,234.5 and 1 234.5 with a no-break or thin space; the sign belongs to it unless a word, a digit
# or a closing bracket stands right before (in "10-3" it is an operator).
_NUMBER = re.compile(
    r"(?:(?<![\w)\]])[-\u2212+])?"
    r"(?:\d{1,3}(?:[,\u00a0\u202f\u2009']\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?"
    r"|(?<![\w.])[-\u2212]?\.\d+"
)
_SEPARATORS = str.maketrans({sign: None for sign in ",\u00a0\u202f\u2009'"} | {"\u2212": "-"})
_ROUNDING = 1e-9


def correct(probe: "Probe", answer: str, case: Case) -> bool:
    """Whether a model's written answer to the case is right by the probe's scorer."""
    return right(probe.scorer, answer, case)


def right(scorer: Scorer, answer: str, case: Case) -> bool:
    """Whether a written answer to the case is right by that scorer, one that marks writing."""
    return _MARKS[scorer](answer, case)


def fault(scorer: Scorer, case: Case) -> str | None:
    """Why the case cannot be marked by that scorer, or None: a wrong reference is found early."""
    if scorer == "text":
        return "open text has no prompt and no choices" if case.messages or case.choices else None
    if scorer == "choice":
        return _choice_fault(case)
    if not case.messages:
        return "messages: there is no question; give a prompt"
    if scorer == "regex" and not case.pattern:
        return "pattern: the regex scorer needs one"
    if scorer == "instructions" and not case.instructions:
        return "instructions: list at least one check"
    if scorer == "json":
        return _json_fault(case)
    if not _MARKS[scorer](case.answer, case):
        return f"the reference answer is not right itself by the scorer {scorer}"
    return None


def _choice_fault(case: Case) -> str | None:
    if len(case.choices) < 2 or len(set(case.choices)) < len(case.choices):
        return "choices: give at least two, all different"
    if not all(choice.strip() for choice in case.choices):
        return "choices: one is empty"
    return None if case.answer in case.choices else "the answer is not one of the choices"


def _json_fault(case: Case) -> str | None:
    reference = read_json(case.answer)
    if reference is None:
        return "answer: not JSON"
    missing = [
        name for name in case.fields if not isinstance(reference, dict) or name not in reference
    ]
    return f"fields: the reference answer has no field {missing[0]}" if missing else None


def last_number(text: str) -> float | None:
    """The last number in a text, or None where there is none."""
    numbers = _NUMBER.findall(text)
    return float(numbers[-1].translate(_SEPARATORS)) if numbers else None


def is_number(text: str) -> bool:
    """Whether a text is one number and nothing else."""
    return bool(_NUMBER.fullmatch(text.strip()))


def _exact(answer: str, case: Case) -> bool:
    return _settle(answer) in map(_settle, (case.answer, *case.accept))


def _contains(answer: str, case: Case) -> bool:
    given = _settle(answer)
    phrases = map(_settle, (case.answer, *case.accept))
    return any(
        re.search(f"(?<!{_WORD}){re.escape(phrase)}(?!{_WORD})", given, re.IGNORECASE)
        for phrase in phrases
    )


def _number(answer: str, case: Case) -> bool:
    given = last_number(answer)
    if given is None:
        return False
    references = [last_number(reference) for reference in (case.answer, *case.accept)]
    allowed = max(case.tolerance, _ROUNDING)
    return any(
        abs(given - one) <= allowed * max(abs(one), _ROUNDING)
        for one in references
        if one is not None
    )


def _regex(answer: str, case: Case) -> bool:
    return patterns.found(case.pattern, answer)


def _json(answer: str, case: Case) -> bool:
    given, reference = read_json(answer), read_json(case.answer)
    if given is None or _kind(given) is not _kind(reference):
        return False
    return all(name in given and _equal(given[name], reference[name]) for name in case.fields)


def _instructions(answer: str, case: Case) -> bool:
    return all(instruction.holds(answer) for instruction in case.instructions)


_MARKS: dict[Scorer, Callable[[str, Case], bool]] = {
    "exact": _exact,
    "contains": _contains,
    "number": _number,
    "regex": _regex,
    "json": _json,
    "instructions": _instructions,
}


def _settle(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _kind(value: object) -> type:
    return float if type(value) is int else type(value)


def _equal(given: object, reference: object) -> bool:
    """Equal as JSON values: 1 and 1.0 are, 1 and true are not."""
    if isinstance(given, bool) or isinstance(reference, bool):
        return given is reference
    if isinstance(given, list) and isinstance(reference, list):
        return len(given) == len(reference) and all(map(_equal, given, reference))
    if isinstance(given, dict) and isinstance(reference, dict):
        return given.keys() == reference.keys() and all(
            _equal(given[key], value) for key, value in reference.items()
        )
    return given == reference
