"""Checking a workbook: few rows at once, many in a process of their own that can be stopped."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from studio.data.apart import error_of, run_apart
from studio.data.freezing import SMALL
from studio.data.freezing_child import Teller, write
from studio.data.length_check import Reads
from studio.data.progress import Pace, Progress
from studio.data.workbook import Workbook
from studio.data.workbook_checks import STAGES, Checked, check, remember
from studio.errors import StudioError

BEGUN = "Reading the workbook in a process of its own"


def check_apart(
    book: Workbook,
    asked: Callable[[], Mapping[str, Sequence[str]]] = dict,
    *,
    reads: Reads | None = None,
) -> Iterator[Progress | Checked]:
    """Progress now and then, and at last what was found; close it to stop.

    `asked` gives the questions of probes by name. DatasetError or TemplateError as in freezing.
    """
    if len(book.entries()) <= SMALL:
        yield Progress(stage=f"Looking at {len(book.entries()):,} rows")
        checked = check(book, asked(), reads=reads)
        remember(book, checked)
        yield checked
        return
    job = {"asked": {name: list(texts) for name, texts in asked().items()},
           "reads": reads and reads.as_json()}  # fmt: skip
    yield Progress(stage=BEGUN)
    for told in run_apart("studio.data.checking", str(book.folder), job=job, what="Checking"):
        if "progress" in told:
            yield Progress.model_validate(told["progress"])
        elif "error" in told:
            raise error_of(*told["error"])
        else:
            checked = Checked.model_validate(told["checked"])
            remember(book, checked)
            yield checked


def main(folder: Path) -> None:
    """Check the workbook of that folder, as a process of its own."""
    job = json.load(sys.stdin)
    reads = Reads.from_json(job["reads"])
    try:
        checked = check(Workbook(folder), job["asked"], reads=reads, tell=Pace(STAGES, Teller()))
    except StudioError as error:
        write({"error": [type(error).__name__, str(error)]})
    else:
        write({"checked": checked.model_dump(mode="json")})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
