"""One click mends what a check found in a workbook; one undo takes it back."""

from studio.data.fixes import DROPPED, REWRITTEN, rewritten
from studio.data.workbook import Workbook
from studio.data.workbook_checks import Checked
from studio.errors import DatasetError


def mend(book: Workbook, kind: str, checked: Checked) -> str:
    """Exclude or rewrite the rows of that finding; says what was done, in a line.

    DatasetError if there is no such finding, it cannot be mended by itself, or is mended already.
    """
    numbers = [number for number in checked.rows(kind) if number <= len(book.entries())]
    if not numbers:
        raise DatasetError(f"The checks found nothing called '{kind}'; check the rows again.")
    if kind in DROPPED:
        why = f"{len(numbers):,} row{'s'[: len(numbers) != 1]} excluded: {kind}"
        done = book.exclude(numbers, why=why)
    elif kind in REWRITTEN:
        why = f"{len(numbers):,} row{'s'[: len(numbers) != 1]} rewritten: {kind}"
        rows = {number: rewritten(kind, book.entry(number).row) for number in numbers}
        done = book.rewrite(rows, why=why)
    else:
        raise DatasetError(f"'{kind}' cannot be mended by itself; look at the rows it names.")
    if not done:
        raise DatasetError(f"'{kind}' is mended already; check the rows again to see what is left.")
    return why
