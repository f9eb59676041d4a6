"""Personal data and secrets in texts, found by their form and, where there is one, a check sum.

Names and addresses have no form and are only found where Presidio is installed (see
`studio.data.presidio`); nothing found is no proof that there is nothing.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from studio.data import presidio

# What checks a number is imported where one is checked: whoever only trains needs none of it.

_EMAIL = re.compile(r"[\w.+-]{1,64}@(?:[\w-]+\.)+[A-Za-z]{2,24}")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]){11,30}\b")
_CARD = re.compile(
    r"(?<![\d.,-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|3\d{3}([ -])\d{6}\2\d{5})"
    r"(?![\d-]|[.,]\d)"
)
_ADDRESS = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:]{2,39}:[0-9A-Fa-f]{1,4})"
                      r"(?![\w:]|\.\d)")  # fmt: skip
_KEY = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|"
    r"xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{35}|"
    r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,})|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
# Without its hint there is nothing of the kind, and a hint is found much sooner than the kind.
_HINTS = {
    "key": re.compile(r"hf_|sk-|gh[pousr]_|xox[abprs]-|AKIA|AIza|eyJ|-----BEGIN "),
    "e-mail": re.compile("@"),
    "IBAN": re.compile(r"[A-Z]{2}\d{2}"),
    "card": re.compile(r"\d{4}"),
    "IP address": re.compile(r"\d\.\d+\.\d|:[0-9A-Fa-f]*:"),
    "phone": re.compile(r"\+\d|\(\d{2,5}\)"),
}


@dataclass(frozen=True)
class Personal:
    """One piece of personal data."""

    kind: str
    start: int
    end: int


def find_personal(text: str) -> list[Personal]:
    """Every piece, in the order of the text, none inside another."""
    found: list[Personal] = []
    for kind, search in _SEARCHES.items():
        if not _HINTS[kind].search(text):
            continue
        _add(found, (Personal(kind, start, end) for start, end in search(text)))
    _add(found, (Personal(*one) for one in presidio.search(text)))
    return sorted(found, key=lambda one: one.start)


def _add(found: list[Personal], others: Iterable[Personal]) -> None:
    for one in others:
        if all(one.end <= other.start or one.start >= other.end for other in found):
            found.append(one)


def mask(text: str) -> str:
    """The text with every piece replaced by its kind in brackets."""
    for one in reversed(find_personal(text)):
        text = f"{text[: one.start]}[{one.kind}]{text[one.end :]}"
    return text


def _matches(
    pattern: re.Pattern[str], valid: Callable[[str], bool] | None = None
) -> Callable[[str], Iterator[tuple[int, int]]]:
    def search(text: str) -> Iterator[tuple[int, int]]:
        for match in pattern.finditer(text):
            if valid is None or valid(match[0]):
                yield match.span()

    return search


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    """An IBAN may be followed by a word in capitals: the longest beginning that is valid."""
    from stdnum import iban

    for match in _IBAN.finditer(text):
        ends = range(match.end(), match.start() + 14, -1)
        whole = (
            end for end in ends if text[end - 1] != " " and iban.is_valid(text[match.start() : end])
        )
        if end := next(whole, None):
            yield match.start(), end


def _is_card(text: str) -> bool:
    from stdnum import luhn
    from stdnum.exceptions import ValidationError

    digits = re.sub(r"\D", "", text)
    if len(set(digits)) < 2 or digits[0] not in "23456":
        return False
    try:
        luhn.validate(digits)
    except ValidationError:
        return False
    return True


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback)


def _phones(text: str) -> Iterator[tuple[int, int]]:
    """Numbers with their country's prefix; without one, a number may be anything."""
    import phonenumbers

    for match in phonenumbers.PhoneNumberMatcher(text, None):
        yield match.start, match.end


_SEARCHES: dict[str, Callable[[str], Iterator[tuple[int, int]]]] = {
    "key": _matches(_KEY),
    "e-mail": _matches(_EMAIL),
    "IBAN": _ibans,
    "card": _matches(_CARD, _is_card),
    "IP address": _matches(_ADDRESS, _is_address),
    "phone": _phones,
}
