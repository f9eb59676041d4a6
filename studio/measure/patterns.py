"""Regular expressions from files, searched for with a limit on time.

A short pattern such as `(a+)+$` can keep Python's own `re` busy for ever; the `regex` library
stops at a time limit.
"""

from functools import lru_cache

import regex

PATTERN_CHARACTERS = 500
TEXT_CHARACTERS = 20_000
SECONDS = 0.5


def check(pattern: str) -> None:
    """ValueError with the reason if the pattern cannot be used."""
    if len(pattern) > PATTERN_CHARACTERS:
        raise ValueError(f"a pattern has at most {PATTERN_CHARACTERS} characters")
    try:
        _compiled(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression ({error})") from error


def found(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the first 20,000 characters; False once time is over."""
    try:
        return bool(_compiled(pattern).search(text[:TEXT_CHARACTERS], timeout=SECONDS))
    except TimeoutError:
        return False


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> "regex.Pattern[str]":
    return regex.compile(pattern)
