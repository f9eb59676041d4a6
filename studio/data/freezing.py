"""Freezing in a process of its own, so that it can be watched and stopped and nothing waits for it.

    for told in freeze_apart(template, rows, datasets_folder=folder):
        print(told)        # progress with the time left, and at last the dataset

Who closes the iterator stops the work; nothing is left behind.
"""

import contextlib
import fcntl
import json
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from studio.data.apart import error_of, run_apart
from studio.data.checks import Finding
from studio.data.dataset import Dataset, build_dataset, open_dataset
from studio.data.length_check import Reads
from studio.data.mixture import Source
from studio.data.progress import Progress
from studio.data.readers import Row
from studio.data.template import Template
from studio.errors import DatasetError

SMALL = 2_000
"""So many rows are frozen sooner than a process is started."""
JOB = "job.json"

_HELD = "held"


def freeze_apart(
    template: Template,
    rows: Sequence[Row],
    *,
    datasets_folder: Path,
    asked: Callable[[], Mapping[str, Sequence[str]]] = dict,
    **told: Any,
) -> Generator[Progress | Dataset, None, None]:
    """Progress now and then, and at last the dataset; what is told is as for `build_dataset`.

    Few rows are frozen at once, here. DatasetError or TemplateError as there.
    """
    if len(rows) <= SMALL:
        yield Progress(stage="Making a dataset")
        yield build_dataset(template, rows, datasets_folder=datasets_folder, asked=asked, **told)
        return
    with _workshop(datasets_folder) as workshop:
        yield Progress(stage="Writing the rows down")
        job = _write_job(template, rows, asked=asked(), **told)
        (workshop / JOB).write_text(json.dumps(job))
        del job
        identity = yield from _watch(workshop, datasets_folder)
        yield open_dataset(identity, datasets_folder)


def _write_job(
    template: Template,
    rows: Sequence[Row],
    *,
    asked: Mapping[str, Sequence[str]],
    beforehand: Sequence[Finding] = (),
    sources: Sequence[Source] = (),
    reads: Reads | None = None,
    **others: Any,
) -> dict[str, Any]:
    """All that the process has to know, as plain values."""
    return {
        "template": template.yaml(),
        "rows": list(rows),
        "asked": {name: list(texts) for name, texts in asked.items()},
        "beforehand": [one.model_dump(mode="json") for one in beforehand],
        "sources": [source.as_json() for source in sources],
        "reads": reads and reads.as_json(),
        "others": others,
    }


def _watch(workshop: Path, datasets_folder: Path) -> Generator[Progress, None, str]:
    """What the process tells, until it is done; gives the id of the dataset."""
    folders = (str(workshop.resolve()), str(datasets_folder.resolve()))
    child = run_apart("studio.data.freezing_child", *folders, what="Freezing")
    with contextlib.closing(child) as lines:
        for told in lines:
            if "progress" in told:
                yield Progress.model_validate(told["progress"])
            elif "error" in told:
                raise error_of(*told["error"])
            else:
                return str(told["dataset"])
    raise DatasetError("Freezing ended without a word; try again, or take fewer rows.")


@contextlib.contextmanager
def _workshop(datasets_folder: Path) -> Iterator[Path]:
    """A folder to work in, gone afterwards; those of processes that died go as well."""
    datasets_folder.mkdir(parents=True, exist_ok=True)
    for left in datasets_folder.glob(f".building-*/{_HELD}"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.parent, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=".building-", dir=datasets_folder, ignore_cleanup_errors=True
    ) as place:
        folder = Path(place)
        with (folder / ".taken").open("wb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            (folder / ".taken").rename(folder / _HELD)  # never seen without its lock
            yield folder
