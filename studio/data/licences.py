"""What the licences of rows say about whether they may be learned from together."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from studio.data.checks import Finding, found
from studio.data.readers import Row

COLUMNS = ("license", "licence", "licenses", "licences")
UNKNOWN = ("", "unknown", "other", "none", "n/a", "null", "unspecified", "proprietary")
TOLD = 3

_NOT_FOR_SALE = re.compile(r"\bnc\b|non-?commercial|research[- ]only|academic|for-research")
_NO_CHANGES = re.compile(r"\bnd\b|no-?deriv")
# Licences that ask for the same one again; two of them cannot both be obeyed.
_SAME_AGAIN = re.compile(r"\bcc-by(?:-nc)?-sa|\b[al]?gpl|\bodbl|\bcdla-sharing|\beupl|\bmpl")


def check_licences(rows: Mapping[int, Row], own: str = "") -> list[Finding]:
    """Licences that are unknown, forbid selling or changing, or cannot be obeyed together.

    `rows` are rows by number; their licence is what a column of that name says. `own` is the
    licence of the template, of which only one that forbids something is told.
    """
    said: dict[str, list[int]] = defaultdict(list)
    for number, row in rows.items():
        for column in COLUMNS:
            if column in row:
                said[_plain(row[column])].append(number)
    again = {_family(name) for name in said if _SAME_AGAIN.search(name)}
    return [
        *_finding(said, [name for name in said if name in UNKNOWN],
                  "Nobody says under which licence these rows are; without one they may not be "
                  "passed on"),
        *_finding(said, [name for name in said if _NOT_FOR_SALE.search(name)],
                  "These rows may not be used commercially, nor may what is tuned on them without "
                  "a look at their licence"),
        *_finding(said, [name for name in said if _NO_CHANGES.search(name)],
                  "These rows may be passed on unchanged only, and a template changes them"),
        *_finding(said, [name for name in said if _SAME_AGAIN.search(name)] if len(again) > 1
                  else [],
                  "These licences each ask that everything is passed on under them alone, so "
                  "these rows cannot be passed on together"),
        *_own(own),
    ]  # fmt: skip


def _finding(said: Mapping[str, Sequence[int]], names: Sequence[str], what: str) -> list[Finding]:
    listed = sorted(names, key=lambda name: -len(said[name]))[:TOLD]
    counted = ", ".join(f"{name or 'none'} {len(said[name]):,}" for name in listed)
    numbers = [number for name in names for number in said[name]]
    return found("licence", "warning", numbers, f"{what} ({counted}).")


def _own(licence: str) -> list[Finding]:
    plain = _plain(licence)
    if not (_NOT_FOR_SALE.search(plain) or _NO_CHANGES.search(plain)):
        return []
    return [
        Finding(
            kind="licence",
            severity="warning",
            count=0,
            message=f"The template and its own rows are under {licence}, which forbids some uses; "
            "read it before you pass anything on.",
        )
    ]


def _plain(value: object) -> str:
    if isinstance(value, list):
        value = " ".join(map(str, value))
    text = "" if value is None else str(value).strip().casefold()
    return re.sub(r"[\s_]+", "-", text).removeprefix("https://creativecommons.org/licenses/")


def _family(name: str) -> str:
    """The licence without its version: a later one of the same is compatible."""
    return re.sub(r"-?v?\d[\d.]*(?:-(?:only|or-later))?.*$", "", name)
