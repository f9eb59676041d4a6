"""A page of a workbook's rows drawn as a table: what they hold, what was done, what was found."""

import json
from collections.abc import Mapping, Sequence
from html import escape

from pydantic import JsonValue

from studio.chat.wording import shorten
from studio.data.row_form import lead
from studio.data.workbook import Workbook
from studio.data.workbook_checks import Checked
from studio.data.workbook_deeds import Entry
from studio.measure.numerals import counted
from studio.ui.markup import empty, quiet, table

PAGE = 50
COLUMNS = 4  # those that matter most; all others are seen when a row is opened
LETTERS = 220
LABEL = 24  # letters; what is as short stays on one line
NO_BOOK = "No workbook is open: bring rows in the Rows panel, and they appear here."
NONE_FITS = "No row fits. Clear the search, or show every row."


def draw_page(
    book: Workbook, numbers: Sequence[int], checked: Checked | None, chosen: int | None = None
) -> str:
    """These rows, each to be opened by a click or by its button."""
    if not numbers:
        return empty(NONE_FITS)
    columns = _telling(book)[:COLUMNS]
    kinds = checked.by_row if checked else {}
    entries = [book.entry(number) for number in numbers]
    rows = [
        [
            _opener(entry, chosen),
            *(_cell(entry.row.get(name)) for name in columns),
            _notes(entry, kinds),
        ]
        for entry in entries
    ]
    names = {place: str(entry.number) for place, entry in enumerate(entries)}
    drawn = table(["Row", *columns, "Notes"], rows, names=names)
    return f'<div class="st-rows">{drawn}</div>'


def _telling(book: Workbook) -> list[str]:
    """Columns that the template reads and that differ from row to row, the main ones first."""
    rows = [entry.row for entry in book.entries()]
    template = book.template
    read = template.variables() | {template.split_column}
    names = lead(template, book.columns())
    if not template.reads_whole_row():
        names = [name for name in names if name in read] or names
    telling = [name for name in names if any(row.get(name) != rows[0].get(name) for row in rows)]
    return telling or names


def tell_page(book: Workbook, found: int, page: int) -> str:
    """Which rows are shown, and how it stands with all of them."""
    first = page * PAGE + 1
    last = min(found, first + PAGE - 1)
    shown = f"Rows {first:,} to {last:,} of {found:,}" if found else "No row"
    entries = book.entries()
    out = sum(entry.excluded for entry in entries)
    changed = sum(entry.changed for entry in entries)
    facts = [f"{len(entries):,} in all"]
    facts += [f"{out:,} excluded"] if out else []
    facts += [f"{changed:,} changed"] if changed else []
    return quiet(f"{shown}; {', '.join(facts)}.")


def tell_entry(entry: Entry, checked: Checked | None) -> str:
    """The heading over an opened row: where it came from, and what the checks found in it."""
    state = "; excluded" if entry.excluded else ""
    state += "; changed" if entry.changed else ""
    found = checked.by_row.get(entry.number, []) if checked else []
    kinds = "".join(f'<span class="st-note">! {escape(kind)}</span> ' for kind in found)
    return f"<h3>Row {entry.number:,}</h3>{quiet(f'From {entry.origin}{state}.')}" + (
        f"<p>{kinds}</p>" if kinds else ""
    )


def tell_bulk(found: int) -> str:
    """What the buttons for many rows are about."""
    return f"With all {counted(found, 'row')} found"


def _opener(entry: Entry, chosen: int | None) -> str:
    pressed = ' aria-pressed="true"' if entry.number == chosen else ""
    about = f"Open row {entry.number}"
    return (
        f'<button type="button" class="st-open" aria-label="{about}"{pressed}>'
        f"{entry.number:,}</button>"
    )


def _cell(value: JsonValue) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not text.strip():
        return '<span class="st-quiet">(empty)</span>'
    short = escape(shorten(text, LETTERS))
    return f'<span class="st-label">{short}</span>' if len(text) <= LABEL else short


def _notes(entry: Entry, kinds: Mapping[int, Sequence[str]]) -> str:
    parts = ["− excluded"] if entry.excluded else []
    parts += ["✎ changed"] if entry.changed else []
    parts += [f"! {kind}" for kind in kinds.get(entry.number, ())]
    notes = "".join(f'<span class="st-note">{escape(part)}</span> ' for part in parts)
    tags = "".join(f'<span class="st-tag">{escape(tag)}</span> ' for tag in entry.tags)
    return f'{notes}{tags}<small class="st-quiet">{escape(shorten(entry.origin, 60))}</small>'
