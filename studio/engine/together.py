"""What several processes that train together agree on.

All have the same model and read their share of every batch; the library adds up what they learn.
What is decided by the clock, or by somebody outside, is decided by the first, and told to the rest.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed

from studio.engine.between import Between, Moment
from studio.engine.place import is_first, world
from studio.errors import RunError
from studio.tuning.recipe import Recipe

FLAGS = ("should_training_stop", "should_epoch_stop", "should_save", "should_evaluate")


def join() -> None:
    """Meet the other processes, if there are any."""
    if world() > 1:
        from accelerate import PartialState

        PartialState(cpu=not torch.cuda.is_available())


def share_of(recipe: Recipe) -> int:
    """Examples of a forward pass that this process reads; RunError if they cannot be divided."""
    if recipe.batch_size % world():
        raise RunError(
            f"A batch of {recipe.batch_size} cannot be divided among {world()} devices; choose a "
            f"batch_size that {world()} divides, or fewer devices."
        )
    return recipe.batch_size // world()


@contextmanager
def first_alone() -> Iterator[None]:
    """The first process does this before the others, who then find what it left on the disk."""
    if world() > 1 and not is_first():
        distributed.barrier()
    yield
    if world() > 1 and is_first():
        distributed.barrier()


def agree(values: Sequence[bool]) -> list[bool]:
    """What the first process says."""
    if world() == 1:
        return list(values)
    told = torch.tensor([int(value) for value in values], device=_device())
    distributed.broadcast(told, src=0)
    return [bool(value) for value in told.tolist()]


def add_up(value: float) -> float:
    """The sum over all processes."""
    if world() == 1:
        return value
    told = torch.tensor(value, dtype=torch.float64, device=_device())
    distributed.all_reduce(told)
    return float(told)


def gather(mine: Any) -> list[Any]:
    """What every process gives, in their order, for the first; nothing for the others."""
    found: list[Any] = [None] * world()
    distributed.gather_object(mine, found if is_first() else None)
    return found if is_first() else []


class Agreeing(Between):
    """Comes after all others between two steps, and has every process do what the first decided."""

    def after(self, now: Moment) -> None:
        """Look, save, go on or stop together."""
        self._agree(now)

    def evaluated(self, now: Moment, loss: float) -> None:
        """A look may have ended the run."""
        self._agree(now)

    def _agree(self, now: Moment) -> None:
        decided = agree([getattr(now.control, flag) for flag in FLAGS])
        for flag, value in zip(FLAGS, decided, strict=True):
            setattr(now.control, flag, value)


def _device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")
