"""Saving a run's state while it trains, and going on from one: the library's own optimizer,
scheduler and randomness, with all that is ours, whole on the disk or not there.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import Trainer

from studio.engine.between import Between, Moment, Weights
from studio.engine.copies import learning, put_back, take
from studio.engine.full import demand_room
from studio.engine.halt import HALT
from studio.engine.place import is_first, world
from studio.engine.together import gather
from studio.errors import RunError
from studio.tuning.events import EventLog
from studio.tuning.run import Run
from studio.tuning.states import MANIFEST, State, newest_state, write_state

SHARE = 0.01  # of the training time that saving may take
FIRST = 0.1  # the first state comes after so much of the usual time between two
SPEED = 200e6  # bytes per second, until a first save has shown how fast the disk is
LEAST = 0.02  # seconds that the smallest state takes
OWN = "own.json"
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes")


class Saving(Between):
    """Says when a state is saved, and does it; also when the run is to pause."""

    def __init__(self, run: Run, every: int, log: EventLog) -> None:
        """`every` so many steps; 0 chooses by the time that saving takes."""
        self._run, self._every, self._log = run, every, log
        self._usual: float | None = None
        self._wait = self._since = self._began = self._before = 0.0
        self.paused = False
        """Whether the training ended because the run is to pause."""

    @property
    def seconds(self) -> float:
        """How long it has been training, before it was resumed included."""
        return self._before + time.perf_counter() - self._began

    def begin(self, now: Moment) -> None:
        """Estimate what saving will take, from the size of what learns and of its moments."""
        self._began = self._since = time.perf_counter()
        size = sum(one.numel() * one.element_size() for one in learning(now.optimizer))
        self._wait = FIRST / SHARE * (self._usual or LEAST + 4 * size / SPEED)

    def after(self, now: Moment) -> None:
        """Let the state be saved if it is time, or if the run is to pause."""
        if now.step == now.total or now.control.should_training_stop:
            return  # the result follows at once
        if self._every:
            due = now.step % self._every == 0
        else:
            due = time.perf_counter() - self._since > self._wait
        if HALT.asked:
            self.paused = now.control.should_training_stop = True
        now.control.should_save = due or self.paused

    def save(self, trainer: "Resumable") -> None:
        """Write the state after the step that was made, and tell of it once it is whole."""
        began = time.perf_counter()
        everyone = gather(trainer.randomness()) if world() > 1 else []
        if not is_first():
            return
        step = int(trainer.state.global_step)
        here = take(trainer.optimizer, step)
        copies: dict[int, Weights] = {step: here.weights}
        for one in trainer.between:
            copies |= one.copies()
        if not all(bool(weight.isfinite().all()) for weight in here.weights):
            return  # the next loss will end the run
        size = sum(one.numel() * one.element_size() for one in here.weights)
        demand_room(self._run.folder, (len(copies) + 2) * size)

        def fill(draft: Path) -> None:
            for number, weights in copies.items():
                save_file(_numbered(weights), draft / _file_of(number))
            trainer.save_rest(draft)
            for number, randomness in enumerate(everyone):
                (draft / f"rng_state_{number}.pth").write_bytes(randomness)

        learns = {"learns": trainer.names_of_learning(), "threads": torch.get_num_threads()}
        about = {**identity(self._run), **learns, "versions": _versions()}
        write_state(self._run.folder, step, fill, about=about)
        self._since = time.perf_counter()
        self._usual = self._since - began
        self._wait = self._usual / SHARE
        self._log.lasting("saved", step=step, seconds=round(self._usual, 3))

    def held(self) -> dict[str, Any]:
        """How long it has been training, and what saving usually takes."""
        return {"seconds": self.seconds, "usual": self._usual}

    def take_back(self, held: Mapping[str, Any], copies: Mapping[int, Weights]) -> None:
        """Go on from there."""
        self._before, self._usual = held["seconds"], held["usual"]


class Resumable(Trainer):
    """A trainer of the library that saves its state as a run's, and takes it back."""

    @property
    def between(self) -> list[Between]:
        """All of ours that acts between two steps."""
        return [one for one in self.callback_handler.callbacks if isinstance(one, Between)]

    @property
    def saving(self) -> Saving:
        """What says when a state is saved."""
        (found,) = (one for one in self.between if isinstance(one, Saving))
        return found

    def held(self) -> dict[str, Any]:
        """What this trainer knows beside what the library saves."""
        return {}

    def take_back(self, held: Mapping[str, Any]) -> None:
        """Know again what it knew."""

    def names_of_learning(self) -> list[str]:
        """The names of all that learns, in the order of the optimizer."""
        model: Any = self.model
        names = {id(weight): name for name, weight in model.named_parameters()}
        return [names[id(weight)] for weight in learning(self.optimizer)]

    def randomness(self) -> bytes:
        """Where this process's random numbers are, in the library's own form."""
        with TemporaryDirectory() as folder:
            self._save_rng_state(folder)
            (path,) = Path(folder).iterdir()
            return path.read_bytes()

    def save_rest(self, draft: Path) -> None:
        """Everything but the weights."""
        self._save_optimizer_and_scheduler(str(draft))
        self._save_scaler(str(draft))
        self._save_rng_state(str(draft))
        # What was logged is in the run's events, and would make every state larger than the last.
        replace(self.state, log_history=[]).save_to_json(str(draft / "trainer_state.json"))
        own = {type(one).__name__: one.held() for one in self.between}
        own["trainer"] = self.held()
        (draft / OWN).write_text(json.dumps(own), encoding="utf-8")

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """In the place of the library's: no whole model, no pickled arguments, no model card."""
        self.saving.save(self)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Nothing yet: the weights come with the optimizer, which knows their order."""

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Take everything back, and the weights with it."""
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        folder = Path(checkpoint)
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if told["learns"] != self.names_of_learning():
            raise RunError(
                f"The state of step {folder.name} is of other weights than the recipe trains now, "
                "as a library has changed; start the recipe again as a new run."
            )
        copies = {
            int(path.stem.partition("-")[2]): list(_in_order(load_file(path)))
            for path in folder.glob("weights-*.safetensors")
        }
        put_back(self.optimizer, copies[int(folder.name)])
        own = json.loads((folder / OWN).read_text(encoding="utf-8"))
        for one in self.between:
            one.take_back(own[type(one).__name__], copies)
        self.take_back(own["trainer"])

    def evaluate(self, *arguments: Any, **options: Any) -> dict[str, float]:
        """The held-out loss, without using up the randomness of the training.

        When it is taken depends on the clock, and what is learned must not.
        """
        before = torch.random.get_rng_state()
        try:
            return super().evaluate(*arguments, **options)
        finally:
            torch.random.set_rng_state(before)

    def train_on(self, state: State | None) -> None:
        """Train from the beginning, or go on from a state."""
        HALT.between_steps = True
        if state is None:
            self.train()
        else:
            self.args.eval_on_start = False
            self.train(resume_from_checkpoint=str(state.folder))
        HALT.between_steps = False


def find_state(run: Run, log: EventLog) -> State | None:
    """What the run goes on from, its threads set as they were; None if it begins anew."""

    def warn(message: str) -> None:
        log("warning", message=message)

    state = newest_state(run.folder, about=identity(run), on_damage=warn)
    if run.starts() > 1:
        log("resumed", step=state.step if state else 0)
    if state is None:
        return None
    # A sum over two threads is not, to the last bit, the sum over one.
    torch.set_num_threads(state.about["threads"])
    if state.about["versions"] != _versions():
        warn("Libraries have changed since the state was saved; numbers may differ a little.")
    return state


def identity(run: Run) -> dict[str, str]:
    """What a state must have been made by to be gone on from."""
    spec = (run.folder / "recipe.json").read_bytes()
    return {"run": run.id, "recipe": sha256(spec).hexdigest()}


def _versions() -> dict[str, str]:
    return {name: version(name) for name in LIBRARIES}


def _file_of(step: int) -> str:
    return f"weights-{step}.safetensors"


def _numbered(weights: Weights) -> dict[str, torch.Tensor]:
    return {f"{place:06d}": weight.contiguous() for place, weight in enumerate(weights)}


def _in_order(found: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    return [found[name] for name in sorted(found)]
