"""Typing into the page as a person does, who sees what stands there before going on."""

from typing import Any

HOLDS = 4  # looks, a quarter of a second apart, at which the value must still stand there
TRIES = 40


def put(box: Any, value: str) -> None:
    """Fill a box of the page, again where it was being drawn anew at that moment."""
    for _ in range(TRIES):
        box.fill(value)
        box.press("Tab")
        if all(_stands(box, value) for _ in range(HOLDS)):
            return
    raise AssertionError(f"the box does not keep {value!r}; it holds {box.input_value()!r}")


def _stands(box: Any, value: str) -> bool:
    box.page.wait_for_timeout(250)
    return bool(box.input_value() == value)
