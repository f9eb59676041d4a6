"""Freezing in a process of its own, so that it can be watched and stopped and nothing waits for it.

    for told in freeze_apart(template, rows, datasets_folder=folder):
        print(told)        # progress with the time left, and at last the dataset

Who closes the iterator stops the work; nothing is left behind.
"""

import contextlib
import fcntl
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from studio.data.checks import Finding
from studio.data.dataset import Dataset, build_dataset, open_dataset
from studio.data.length_check import Reads
from studio.data.mixture import Source
from studio.data.progress import Progress
from studio.data.readers import Row
from studio.data.template import Template
from studio.errors import DatasetError, ModelError, StudioError, TemplateError

SMALL = 2_000
"""So many rows are frozen sooner than a process is started."""
JOB = "job.json"

_HELD = "held"
_ROOT = Path(__file__).parents[2]


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
        "reads": [str(reads.folder), reads.max_length] if reads else None,
        "others": others,
    }


def _watch(workshop: Path, datasets_folder: Path) -> Generator[Progress, None, str]:
    """What the process tells, until it is done; gives the id of the dataset."""
    with (workshop / "errors.txt").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "studio.data.freezing_child",
             str(workshop.resolve()), str(datasets_folder.resolve())],
            cwd=_ROOT, env={"OMP_NUM_THREADS": "1"}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        assert child.stdout is not None
        for line in child.stdout:
            told = json.loads(line)
            if "progress" in told:
                yield Progress.model_validate(told["progress"])
            elif "error" in told:
                raise _error(*told["error"])
            else:
                return str(told["dataset"])
        raise DatasetError(
            f"Freezing broke off{_why(child.wait(), workshop)}; close what else needs memory, or "
            "take fewer rows."
        )
    finally:
        child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()


def _error(kind: str, message: str) -> StudioError:
    known = {one.__name__: one for one in (DatasetError, TemplateError, ModelError)}
    return known.get(kind, DatasetError)(message)


def _why(code: int, workshop: Path) -> str:
    if code < 0:
        return f" (its process was ended by signal {-code})"
    last = (workshop / "errors.txt").read_text(errors="replace").strip().rpartition("\n")[2]
    return f" ({last[:200].rstrip('.')})" if last else ""


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
