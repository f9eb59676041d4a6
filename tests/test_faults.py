"""Whatever befalls a worker, a run that goes on comes to what it would have come to, to the bit."""

import ctypes
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made_faults import (
    FIELDS,
    Worker,
    digest,
    do,
    go_on,
    is_saved,
    is_step,
    kill_at,
    limit_files,
    new_run,
    same,
    told,
    until,
)

import studio.engine.train  # noqa: F401  # once for all children
from studio import Studio
from studio.engine.load import Engine
from studio.errors import ModelError
from studio.models.catalogue import find_base
from studio.tuning.lock import locked
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run
from studio.tuning.states import states_of

pytestmark = [pytest.mark.faults, pytest.mark.slow]

PAIRS = "votes-0a1b2c3d"
METHODS: dict[str, dict[str, Any]] = {
    "qlora with anchor and noise": {"kl_anchor": 0.5, "neftune": 5.0, "accumulation": 2},
    "lora within a budget": {"method": "lora", "forgetting_budget": 9.0, "checkpoints": 0},
    "soft prompt": {"method": "prompt_tuning", "learning_rate": 1e-2},
    "full": {"method": "full", "learning_rate": 1e-4},
    "dpo": {"loss": "dpo", "pairs": PAIRS, "learning_rate": 1e-4},
    "two stages": {"method": "two_stage", "first_share": 0.4},
    "some layers": {"method": "partial", "learning_rate": 1e-4},
    "ia3": {"method": "ia3", "learning_rate": 1e-2},
    "dora": {"dora": True},
    "eva": {"init": "eva"},
    "random weights": {"method": "scratch"},
}


class Home:
    """A home with a dataset, and runs that nothing happens to, each made once."""

    def __init__(self, folder: Path, dataset: str) -> None:
        self.folder, self.dataset = folder, dataset
        self._whole: dict[str, Run] = {}

    def new(self, **fields: Any) -> Run:
        """A run that nobody works on yet."""
        return new_run(self.folder, self.dataset, **fields)

    def whole(self, **fields: Any) -> Run:
        """What the run of this recipe comes to."""
        key = repr(sorted(fields.items()))
        if key not in self._whole:
            run = self._whole[key] = self.new(**fields)
            assert do(run) == 0, run.log_tail()
        return self._whole[key]


def write_pairs(path: Path) -> None:
    """Pairs of a chosen and a rejected answer."""

    def says(role: str, content: str) -> list[dict[str, str]]:
        return [{"role": role, "content": content}]

    pairs = [
        {"prompt": says("user", f"Is {n} even?"), "chosen": says("assistant", "yes" * (1 + n % 2)),
         "rejected": says("assistant", "no")}
        for n in range(24)
    ]  # fmt: skip
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("faults")
    with Studio(folder) as studio:
        write_pairs(studio.settings.pairs / f"{PAIRS}.jsonl")
        yield Home(folder, studio.build("sentiment", limit=40).id)


@pytest.mark.parametrize("name", METHODS)
def test_a_killed_run_goes_on_to_the_same_bits_whatever_the_method(home: Home, name: str) -> None:
    whole, run = home.whole(**METHODS[name]), home.new(**METHODS[name])
    worker = Worker(run)
    until(worker, is_saved(4))
    worker.kill()
    assert run.status() == "interrupted"
    assert run.goes_on_from() >= 4
    same(go_on(run), whole)
    assert not states_of(run.folder).exists()
    assert not list(run.folder.rglob("training_args.bin"))


@pytest.mark.parametrize(
    ("operation", "number"), [("open", 1), ("open", 12), ("open", 20), ("os.rename", 1)]
)
def test_a_run_killed_inside_a_save_goes_on(home: Home, operation: str, number: int) -> None:
    run = home.new()
    assert do(run, kill_at(operation, number)) == -signal.SIGKILL
    assert run.status() == "interrupted"
    same(go_on(run), home.whole())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_killed_at_any_moment_again_and_again_goes_on(home: Home, seed: int) -> None:
    run, chance = home.new(), random.Random(seed)
    for _ in range(3):
        worker = Worker(run)
        time.sleep(chance.uniform(0.3, 2.5))
        worker.kill()
        if run.status() == "finished":
            break
        run.reopen()
    if run.status() != "finished":
        assert do(run) == 0, run.log_tail()
    same(run, home.whole())


def test_a_paused_run_saves_its_state_and_goes_on(home: Home) -> None:
    run = home.new(save_every=1000)
    worker = Worker(run)
    until(worker, is_step(3))
    run.pause()
    worker.wait()
    assert run.status() == "paused"
    assert run.goes_on_from() == run.steps()[-1]["step"] >= 3
    same(go_on(run), home.whole(save_every=1000))


def test_a_run_for_which_the_disk_has_no_room_pauses_and_goes_on(home: Home) -> None:
    run = home.new()
    assert do(run, limit_files(60_000)) == 1
    assert run.status() == "paused"
    assert "The disk is full" in str(run.error())
    assert not list(states_of(run.folder).glob(".*"))
    same(go_on(run), home.whole())


def test_the_last_word_reaches_a_disk_that_is_full_to_the_brim(home: Home, tmp_path: Path) -> None:
    whole, found = home.whole(), tmp_path / "found"
    child = os.fork()
    if not child:
        code = 70
        try:
            code = _on_a_small_disk(home, digest(whole.adapter), found)
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == NO_MOUNT:
        pytest.skip("this machine lets nobody mount a disk")
    assert code == 0
    first, last = found.read_text().splitlines()
    assert first == "paused: The disk is full, so the run was paused. Free some room on it and " \
        "resume: it goes on from the last state that was saved."  # fmt: skip
    assert last == "finished, the same bits: True"


NO_MOUNT = 77


def _on_a_small_disk(home: Home, wanted: str, found: Path) -> int:
    """Do a run on a disk too small for its states, make that larger, and let the run go on."""
    runs = home.folder / "runs"
    libc, kept = ctypes.CDLL(None, use_errno=True), os.sep.encode()
    private, new_names = 1 << 18 | 1 << 14, 1 << 17
    if libc.unshare(new_names) or libc.mount(None, kept, None, private, None):
        return NO_MOUNT
    if libc.mount(b"none", bytes(runs), b"tmpfs", 0, b"size=300k"):
        return NO_MOUNT
    run = home.new()
    assert do(run) == 1
    told_first = f"{run.status()}: {run.error()}"
    libc.mount(b"none", bytes(runs), b"tmpfs", 1 << 5, b"size=50m")
    go_on(run)
    is_same = digest(run.adapter) == wanted
    found.write_text(f"{told_first}\n{run.status()}, the same bits: {is_same}\n")
    return 0


def test_a_damaged_state_is_quarantined_and_the_run_goes_on_from_the_one_before(
    home: Home,
) -> None:
    run = home.new()
    worker = Worker(run)
    until(worker, is_saved(6))
    worker.kill()
    newest = states_of(run.folder) / str(run.goes_on_from())
    data = bytearray((newest / "optimizer.pt").read_bytes())
    data[len(data) // 2] ^= 1
    (newest / "optimizer.pt").write_bytes(data)
    same(go_on(run), home.whole())
    assert [path.name for path in (run.folder / "quarantine").iterdir()] == [f"{newest.name}-1"]
    assert any("optimizer.pt" in str(one["message"]) for one in run.events()
               if one.kind == "warning")  # fmt: skip


def test_a_run_that_is_worked_on_again_without_a_state_begins_anew(home: Home) -> None:
    run = home.new(save_every=1000)
    worker = Worker(run)
    until(worker, is_step(2))
    worker.kill()
    go_on(run)
    assert told(run) == told(home.whole(save_every=1000))


def test_however_often_start_is_pressed_one_recipe_is_one_run(home: Home) -> None:
    recipe = Recipe.make({**FIELDS, "dataset": home.dataset, "seed": 7})
    found: list[tuple[Run, bool]] = []
    with Studio(home.folder) as one, Studio(home.folder) as other:
        with locked(home.folder / "device.lock"):
            tabs = [
                threading.Thread(target=lambda studio: found.append(studio.train_once(recipe)),
                                 args=[tab])
                for tab in [one, other] * 20
            ]  # fmt: skip
            for tab in tabs:
                tab.start()
            for tab in tabs:
                tab.join()
            assert len({run.id for run, _ in found}) == 1
            assert sum(is_new for _, is_new in found) == 1
            another, is_new = one.train_once(recipe.model_copy(update={"seed": 8}))
            assert is_new
            for run in (found[0][0], another):
                run.cancel()
        run, is_new = one.train_once(recipe)
        assert is_new, "the first has ended"
        run.cancel()


def test_of_many_workers_one_does_the_run(home: Home) -> None:
    run = home.new(max_steps=2)
    workers = [Worker(run) for _ in range(6)]
    assert sorted(worker.wait() for worker in workers) == [0, 1, 1, 1, 1, 1]
    assert run.starts() == 1
    assert run.status() == "finished"


DAMAGES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "half": ("bytes instead of", lambda path: path.write_bytes(path.read_bytes()[:2000])),
    "flipped": ("other bytes", lambda path: _flip(path)),
    "only .bin": ("has no adapter_model", lambda path: path.rename(path.with_suffix(".bin"))),
}


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 64
    path.write_bytes(data)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_result_that_was_damaged_is_refused(home: Home, tmp_path: Path, name: str) -> None:
    import shutil

    why, break_it = DAMAGES[name]
    folder = tmp_path / "adapter"
    shutil.copytree(home.whole().adapter, folder)
    before = digest(folder)
    break_it(folder / "adapter_model.safetensors")
    engine = Engine(find_base("starter"), "qlora")
    with pytest.raises(ModelError, match=why):
        engine.add_lane("damaged", folder)
    assert digest(home.whole().adapter) == before
