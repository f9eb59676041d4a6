"""How the Rows panel tells what was read: HTML, every text escaped."""

from collections.abc import Sequence
from html import escape

from studio.data.gather import Gathered
from studio.data.intake import Intake
from studio.data.readers import Row
from studio.data.workbook import Workbook
from studio.errors import DatasetError
from studio.ui import markup
from studio.ui.seen import tell_fault

REFUSED_SHOWN = 20
ROWS_SHOWN = 4
CELL = 160  # letters of a value that are shown
NOTHING = markup.empty("The first rows appear here, as they came and as the template reads them.")


def tell_read(gathered: Gathered) -> str:
    """How many records came, what should be known of them, and which were refused."""
    if not gathered.rows and not gathered.refused:
        return markup.quiet("No rows yet.")
    told = f"<p><strong>{escape(gathered.told)}.</strong></p>"
    told += "".join(markup.quiet(note) for note in gathered.notes)
    return told + _list_refused([(str(place), why) for place, why in gathered.refused])


def tell_chosen(intake: Intake | None) -> str:
    """By which values rows are chosen."""
    if intake is None or not intake.wished:
        return markup.quiet("All rows are taken.")
    parts = [
        f"<strong>{escape(column)}</strong> is "
        + " or ".join(escape(value[:40]) for value in values[:12])
        + (f" or one of {len(values) - 12} more" if len(values) > 12 else "")
        for column, values in intake.wished.items()
    ]
    taken = f"{len(intake.chosen.rows):,} of {len(intake.everything.rows):,} rows are taken: "
    return f"<p>{taken}{', and '.join(parts)}.</p>"


def tell_ready(intake: Intake) -> str:
    """What the mapping makes of the rows, or what it still needs."""
    try:
        made = intake.made
    except DatasetError as error:
        return tell_fault(error)
    lost = len(made.refused) - len(intake.chosen.refused)
    told = f"<p><strong>{len(made.rows):,} rows are ready</strong>, {escape(_read_as(intake))}.</p>"
    if lost:
        own = [(str(place), why) for place, why in made.refused[len(intake.chosen.refused) :]]
        told += _list_refused(own)
    return told


def draw_rows(intake: Intake | None) -> str:
    """The first rows as they came, and as the template reads them."""
    if intake is None or not intake.chosen.rows:
        return NOTHING
    came = _tabulate("As they came", intake.columns, intake.chosen.rows)
    try:
        made = intake.made.rows
    except DatasetError:
        return came
    names = [name for name in _read_by(intake) if any(row.get(name) for row in made[:ROWS_SHOWN])]
    if not made or made[0] == intake.chosen.rows[0]:
        return came
    return came + _tabulate("As the template reads them", names, made)


def tell_book(book: Workbook) -> str:
    """Where the rows of the open workbook came from."""
    sources = "".join(f"<li>{escape(one)}</li>" for one in book.sources())
    taken = markup.quiet(f"Read as {book.card.mapping}.") if book.card.mapping else ""
    return f"<p>In <strong>{escape(book.card.title)}</strong>:</p><ul>{sources}</ul>{taken}"


def _read_by(intake: Intake) -> list[str]:
    """What the template reads and is not the same for every row; what is asked comes first."""
    template = intake.template
    read = {*template.variables(), template.split_column or ""} - intake.mapping.constants.keys()
    asked = template.prompt_variables()
    return sorted(read, key=lambda name: (name not in asked, name == template.split_column, name))


def _read_as(intake: Intake) -> str:
    mapping = intake.mapping
    plain = mapping.format == "columns" and not mapping.columns and not mapping.constants
    read = "the columns as they are" if plain else f"read as {mapping.told[:300]}"
    return f"for the template {intake.template.title}, {read}"


def _tabulate(title: str, columns: Sequence[str], rows: Sequence[Row]) -> str:
    lines = [[_cell(row.get(name)) for name in columns[:8]] for row in rows[:ROWS_SHOWN]]
    return f"<h4>{title}</h4>" + markup.table(columns[:8], lines)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return escape(text[:CELL] + ("…" if len(text) > CELL else ""))


def _list_refused(refused: Sequence[tuple[str, str]]) -> str:
    if not refused:
        return ""
    listed = [[escape(place), escape(reason)] for place, reason in refused[:REFUSED_SHOWN]]
    more = len(refused) - len(listed)
    return (
        f"<p><strong>{len(refused):,} refused</strong>"
        f"{f', the first {len(listed)} listed' if more else ''}.</p>"
        + markup.table(["Where", "Why"], listed)
    )
