"""A workbook that takes in what was kept in chat."""

from studio.data.draft import Draft
from studio.data.draft_items import Provenance
from studio.data.workbook import Workbook
from studio.data.workbook_deeds import Added, Left, Rewritten

KEPT, NEWER, GONE = "Kept in chat", "Answered anew in chat", "Taken back in chat"


def take_in(draft: Draft, book: Workbook) -> None:
    """Add what was kept since, follow newer answers, and exclude what was taken back.

    A row that a person changed here stays as it is, and one they included again stays included.
    What they took back by an undo is not done again as long as it could be by a redo.
    """
    rows = {str(row["item"]): row for row in draft.rows()}
    there = {str(entry.row["item"]): entry for entry in book.entries() if "item" in entry.row}
    origins = {item.id: _origin(item.came_from) for item in draft.items}
    undone = book.future()
    refused = {row.get("item") for deed in undone if isinstance(deed, Added) for row in deed.rows}
    new = [item for item in rows if item not in there and item not in refused]
    book.add([rows[item] for item in new], [origins[item] for item in new], KEPT)
    done = book.history()
    own = {n for deed in done if isinstance(deed, Rewritten) and deed.why != NEWER
           for n in deed.rows}  # fmt: skip
    own |= {n for deed in undone if deed.why == NEWER for n in deed.numbers()}
    newer = {entry.number: rows[item] for item, entry in there.items()
             if item in rows and entry.number not in own}  # fmt: skip
    book.rewrite(newer, NEWER)
    before = {n for deed in (*done, *undone) if isinstance(deed, Left) and deed.why == GONE
              for n in deed.rows}  # fmt: skip
    gone = [entry.number for item, entry in there.items() if item not in rows]
    book.exclude([number for number in gone if number not in before], GONE)


def _origin(came: Provenance) -> str:
    """Such as "chat, conversation 3f2a: base; edited"."""
    where = f"conversation {came.session}" if came.session else "nothing saved"
    return f"{came.source}, {where}: {came.lane or 'no lane'}{'; edited' if came.edited else ''}"
