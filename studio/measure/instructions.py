"""Instructions that a program can check, such as "at most ten words" or "without a comma".

A case lists them as mappings, `{check: words, at_most: 10}`; every check is a small function of
the answer, found under its name in `CHECKS`. The idea is that of IFEval (Zhou et al. 2023,
arXiv 2311.07911).
"""

import json
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator, validate_call

CHECKS: dict[str, Callable[..., bool]] = {}
"""Every check by name; called with the answer and the mapping's other fields."""

Count = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1)]

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+")
_BULLET = re.compile(r"^[ \t]*[-*•+][ \t]+\S", re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]*(\d{1,3})[.)][ \t]+\S", re.MULTILINE)
_FENCE = re.compile(r"```\w*\n(.*)\n```", re.DOTALL)


class Instruction(BaseModel):
    """One check with its parameters."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    check: str
    """The check's name, one of `CHECKS`; all other fields are its parameters."""

    @model_validator(mode="after")
    def _refuse_what_cannot_be_checked(self) -> "Instruction":
        if self.check not in CHECKS:
            raise ValueError(f'"{self.check}" is no check; known ones: {", ".join(CHECKS)}')
        try:
            self.holds("")
        except ValidationError as error:
            raise ValueError(f"check {self.check}: {_first_fault(error)}") from error
        return self

    def holds(self, answer: str) -> bool:
        """Whether the answer does as told."""
        return CHECKS[self.check](answer, **(self.model_extra or {}))


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "parameters"
    if fault["type"] == "unexpected_keyword_argument":
        return f"{place} is not one of its parameters"
    return f"{place}: {fault['msg'].removeprefix('Value error, ')}"


def _check(function: Callable[..., bool]) -> Callable[..., bool]:
    CHECKS[function.__name__] = validate_call(config={"strict": False})(function)
    return function


def _within(count: int, at_least: int, at_most: int | None, exactly: int | None) -> bool:
    if exactly is not None:
        return count == exactly
    return count >= at_least and (at_most is None or count <= at_most)


def _phrase_count(text: str, phrase: str) -> int:
    whole = rf"(?<!\w){re.escape(phrase)}(?!\w)"
    return len(re.findall(whole, text, re.IGNORECASE))


def _letters(text: str) -> list[str]:
    return [character for character in text if character.isalpha()]


# ---- how long


@_check
def words(
    text: str, *, at_least: Count = 0, at_most: Count | None = None, exactly: Count | None = None
) -> bool:
    """The number of words."""
    count = len([word for word in text.split() if any(sign.isalnum() for sign in word)])
    return _within(count, at_least, at_most, exactly)


@_check
def sentences(
    text: str, *, at_least: Count = 0, at_most: Count | None = None, exactly: Count | None = None
) -> bool:
    """The number of sentences: ends by . ! ? and what follows the last of them."""
    parts = [part for part in _SENTENCE_END.split(text) if any(sign.isalnum() for sign in part)]
    return _within(len(parts), at_least, at_most, exactly)


@_check
def characters(
    text: str, *, at_least: Count = 0, at_most: Count | None = None, exactly: Count | None = None
) -> bool:
    """The number of characters, without whitespace around the answer."""
    return _within(len(text.strip()), at_least, at_most, exactly)


@_check
def lines(
    text: str, *, at_least: Count = 0, at_most: Count | None = None, exactly: Count | None = None
) -> bool:
    """The number of lines that are not empty."""
    count = sum(1 for line in text.splitlines() if line.strip())
    return _within(count, at_least, at_most, exactly)


@_check
def paragraphs(
    text: str, *, at_least: Count = 0, at_most: Count | None = None, exactly: Count | None = None
) -> bool:
    """The number of paragraphs, which empty lines part."""
    count = sum(1 for part in re.split(r"\n[ \t]*\n", text) if part.strip())
    return _within(count, at_least, at_most, exactly)


# ---- what must be in it, and what must not


@_check
def contains(text: str, *, phrase: Text, at_least: Count = 1) -> bool:
    """The phrase occurs, as whole words in any letter case, so many times."""
    return _phrase_count(text, phrase) >= at_least


@_check
def contains_any(text: str, *, phrases: Texts) -> bool:
    """At least one of the phrases occurs."""
    return any(_phrase_count(text, phrase) for phrase in phrases)


@_check
def avoids(text: str, *, phrases: Texts) -> bool:
    """None of the phrases occurs as whole words, and there is an answer."""
    return bool(text.strip()) and not any(_phrase_count(text, phrase) for phrase in phrases)


@_check
def avoids_letter(text: str, *, letter: Annotated[str, Field(min_length=1, max_length=1)]) -> bool:
    """The letter occurs nowhere, in either case, and there is an answer."""
    return bool(_letters(text)) and letter.lower() not in text.lower()


@_check
def no_commas(text: str) -> bool:
    """There is an answer and no comma in it."""
    return bool(text.strip()) and not re.search("[,，、]", text)


@_check
def no_digits(text: str) -> bool:
    """There is an answer and no digit in it."""
    return bool(text.strip()) and not any(sign.isdigit() for sign in text)


@_check
def has_number(text: str, *, at_least: Count = 1) -> bool:
    """So many numbers are written with digits."""
    return len(re.findall(r"\d+(?:[.,]\d+)*", text)) >= at_least


@_check
def ends_the_question(text: str) -> bool:
    """The answer is itself a question: it ends with a question mark."""
    return text.rstrip().endswith(("?", "？"))


# ---- how it begins and ends


@_check
def starts_with(text: str, *, phrase: Text) -> bool:
    """The answer begins with exactly this."""
    return text.lstrip().startswith(phrase)


@_check
def ends_with(text: str, *, phrase: Text) -> bool:
    """The answer ends with exactly this."""
    return text.rstrip().endswith(phrase)


@_check
def wrapped_in(text: str, *, opening: Text, closing: Text) -> bool:
    """The whole answer stands between two marks, such as quotation marks."""
    inner = text.strip()
    longer = len(inner) > len(opening) + len(closing)
    return longer and inner.startswith(opening) and inner.endswith(closing)


@_check
def words_start_with(text: str, *, letter: Text) -> bool:
    """Every word begins with the letter, in either case."""
    found = re.findall(r"[^\W\d_]+", text)
    return bool(found) and all(word.lower().startswith(letter.lower()) for word in found)


@_check
def repeats_then_answers(text: str, *, phrase: Text) -> bool:
    """The phrase is repeated word for word, and something follows it."""
    rest = text.lstrip()
    return rest.startswith(phrase) and any(map(str.isalnum, rest[len(phrase) :]))


# ---- the form


@_check
def all_upper(text: str) -> bool:
    """There are letters, and no small one."""
    return bool(_letters(text)) and text == text.upper()


@_check
def all_lower(text: str) -> bool:
    """There are letters, and no capital one."""
    return bool(_letters(text)) and text == text.lower()


@_check
def title_case(text: str) -> bool:
    """Every word that begins with a letter begins with a capital."""
    firsts = [word[0] for word in text.split() if word[0].isalpha()]
    return bool(firsts) and all(first.isupper() for first in firsts)


@_check
def bullets(text: str, *, exactly: Count) -> bool:
    """So many lines are bullet points, which begin with - * • or +."""
    return len(_BULLET.findall(text)) == exactly


@_check
def numbered(text: str, *, exactly: Count) -> bool:
    """So many lines are numbered, 1. 2. 3. in order."""
    return [int(number) for number in _NUMBERED.findall(text)] == list(range(1, exactly + 1))


@_check
def items(text: str, *, exactly: Count, separator: Text = ",") -> bool:
    """So many parts, none of them empty, stand between separators."""
    parts = text.strip().rstrip(".").split(separator)
    return len(parts) == exactly and all(part.strip() for part in parts)


@_check
def one_of(text: str, *, options: Texts) -> bool:
    """The answer is one of the options and nothing else, full stop and letter case aside."""
    return text.strip().rstrip(".").lower() in {option.lower() for option in options}


@_check
def valid_json(text: str, *, keys: tuple[Text, ...] = ()) -> bool:
    """The answer, or the code block that it is, is JSON; with `keys`, an object that has them."""
    given = read_json(text)
    if given is None:
        return False
    return not keys or (isinstance(given, dict) and all(key in given for key in keys))


def read_json(text: str) -> Any:
    """The JSON value that a text, or the one code block that it is, holds; None if it is none."""
    fenced = _FENCE.fullmatch(text.strip())
    try:
        return json.loads(fenced[1] if fenced else text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
