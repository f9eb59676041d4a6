"""A peer's own training with a clock in it: `python clocked.py SECONDS_FILE PEER ARGUMENTS`.

Runs in the peer's environment and needs nothing of ours. PEER is `llamafactory`, with the arguments
of its command line, or `trl`, with those of `plain_trl.py`. The clock is one more callback of
transformers' Trainer, which both are built on; what it saw is written after the peer has saved.
"""

import atexit
import json
import sys
import time
from typing import Any

from transformers import TrainerCallback, trainer


class Clock(TrainerCallback):
    """When every optimizer step ended, by the machine's clock, and how much text there was."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.rows: Any = ()
        atexit.register(self.write)

    def on_train_begin(self, *_: Any, **now: Any) -> None:
        """Remember the data, to be counted at the end."""
        self.rows = now["train_dataloader"].dataset

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """A step has ended."""
        self.ends.append(time.time())

    def write(self) -> None:
        """Write it all down."""
        tokens = sum(len(row["input_ids"]) for row in self.rows)
        with open(sys.argv[0], "w", encoding="utf-8") as file:
            json.dump({"ends": self.ends, "tokens": tokens}, file)


if __name__ == "__main__":
    _, *sys.argv = sys.argv  # the file of seconds takes the program's place
    peer = sys.argv.pop(1)
    callbacks: list[Any] = trainer.DEFAULT_CALLBACKS
    callbacks.append(Clock())
    if peer == "llamafactory":
        from llamafactory.cli import main
    else:
        from plain_trl import main
    main()
