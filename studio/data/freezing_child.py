"""The process that freezes one dataset: `python -m studio.data.freezing_child WORKSHOP DATASETS`.

It reads its job from the workshop and writes a line of JSON now and then: {"progress": {...}},
and at last {"dataset": id} or {"error": [kind, message]}.
"""

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from studio.data.checks import Finding
from studio.data.dataset import STAGES, build_dataset
from studio.data.freezing import JOB
from studio.data.length_check import Reads
from studio.data.mixture import Source
from studio.data.progress import Pace, Progress
from studio.data.template import Template
from studio.errors import StudioError

BETWEEN = 0.2
"""Seconds between two lines about the same stage."""


def main(workshop: Path, datasets_folder: Path) -> None:
    """Freeze what the job says."""
    # A process that only makes things and ends has nothing to collect, and looking for it takes
    # as long as the work.
    gc.disable()
    job = json.loads((workshop / JOB).read_text())
    (workshop / JOB).unlink()
    try:
        dataset = build_dataset(
            Template.parse(job["template"]),
            job["rows"],
            datasets_folder=datasets_folder,
            beforehand=[Finding.model_validate(one) for one in job["beforehand"]],
            asked=lambda: job["asked"],
            sources=[Source.from_json(one) for one in job["sources"]],
            reads=Reads.from_json(job["reads"]),
            tell=Pace(STAGES, Teller()),
            workshop=workshop,
            **job["others"],
        )
    except StudioError as error:
        write({"error": [type(error).__name__, str(error)]})
    else:
        write({"dataset": dataset.id})


class Teller:
    """Writes progress down, not too often."""

    def __init__(self) -> None:
        self._stage = ""
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        """Write it if the stage is another one or some time has passed."""
        now = time.monotonic()
        if progress.stage != self._stage or now >= self._next:
            self._stage, self._next = progress.stage, now + BETWEEN
            write({"progress": progress.model_dump()})


def write(told: dict[str, Any]) -> None:
    """One line; it ends the process if nobody reads any more."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
