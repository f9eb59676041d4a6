"""How an adapter gets its name: written as a draft, checked as it lies on the disk, renamed."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from studio.errors import Diverged
from studio.models.catalogue import Base
from studio.models.gate import FILES, MADE_FOR
from studio.seal import seal, settle, write
from studio.tuning.run import Run

WEIGHTS = "adapter_model.safetensors"


def origin(run: Run, base: Base) -> dict[str, Any]:
    """Where an adapter of this run comes from: its made_for.json."""
    recipe = run.recipe
    return {
        "base": recipe.base,
        "base_fingerprint": base.fingerprint,
        "method": recipe.method,
        "run": run.id,
        "replayed": list(run.replayed()),
    }


@contextmanager
def publishing(target: Path, made_for: dict[str, Any]) -> Iterator[Path]:
    """A folder to put adapter weights and configuration into; it is `target` once all is well.

    Raises Diverged, and leaves no target, if a weight is not a finite number.
    """
    draft = target.with_name(f".{target.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
        _finish(draft, made_for)
        settle(draft, target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _finish(draft: Path, made_for: dict[str, Any]) -> None:
    """Check what was written, and write down what it is for and which bytes it has."""
    (draft / "README.md").unlink(missing_ok=True)  # PEFT's card names the base by a local path
    config = json.loads((draft / "adapter_config.json").read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = made_for["base"]
    write_json(draft / "adapter_config.json", config)
    saved = load_file(draft / WEIGHTS)
    if not saved or not all(bool(tensor.isfinite().all()) for tensor in saved.values()):
        raise Diverged("The tuned weights are not finite numbers; lower the learning rate.")
    write(draft / MADE_FOR, json.dumps(made_for | {FILES: seal(draft)}, indent=2))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """One JSON object as a file."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
