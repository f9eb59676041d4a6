"""A dataset in the forms of other programs: JSON lines, Parquet, the folder of `datasets`."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studio.data.dataset import Dataset
from studio.data.example import Example
from studio.data.hub_card import PATHS, readme, sides_of
from studio.errors import DatasetError

FORMS = {
    "messages": "JSON lines: messages",
    "prompt-completion": "JSON lines: prompt and completion",
    "parquet": "Parquet, as a repository of the Hub",
    "datasets": "Folder of the datasets library",
}
SECONDS = 600.0
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


def export(dataset: Dataset, form: str, folder: Path, *, seconds: float = SECONDS) -> Path:
    """Write the dataset in one of FORMS as a new folder in `folder`; the new folder.

    It appears whole or not at all. DatasetError if it is there already, cannot be written, or the
    datasets library takes longer than so many seconds.
    """
    if form not in FORMS:
        raise DatasetError(f"There is no form '{form}'; choose one of {', '.join(FORMS)}.")
    target = folder / f"{dataset.id}-{form}"
    if target.exists():
        raise DatasetError(f"{target} is there already; remove it or choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as workshop:
            half_made = Path(workshop) / target.name
            half_made.mkdir()
            _write(dataset, form, half_made, seconds)
            half_made.rename(target)
    except OSError as error:
        raise DatasetError(
            f"{target} cannot be written ({error.strerror}); make room, or choose another folder."
        ) from error
    return target


def rows_of(example: Example, form: str = "messages") -> dict[str, Any]:
    """One example as a line of a JSONL file; what is empty is left out."""
    prompt = [message.model_dump() for message in example.messages]
    answer = [{"role": "assistant", "content": example.completion}]
    if form == "messages":
        texts: dict[str, Any] = {"messages": [*prompt, *answer]}
    else:
        texts = {"prompt": prompt, "completion": answer}
    rest = example.model_dump(mode="json", include={"id", "choices", "origin", "part"})
    return texts | {name: value for name, value in rest.items() if value}


def _write(dataset: Dataset, form: str, folder: Path, seconds: float) -> None:
    sides = sides_of(dataset)
    if form == "parquet":
        write_repository(dataset, folder)
    elif form == "datasets":
        with tempfile.TemporaryDirectory() as parquet:
            _write_parquet(sides, Path(parquet))
            files = {side: str(Path(parquet) / PATHS[side]) for side in sides}
            _save_to_disk(files, folder, seconds)
    else:
        for side, examples in sides.items():
            lines = (json.dumps(rows_of(one, form), ensure_ascii=False) for one in examples)
            text = "".join(f"{line}\n" for line in lines)
            (folder / f"{side}.jsonl").write_bytes(text.encode("utf-8", "surrogatepass"))
        _write_template(dataset, folder)


def write_repository(dataset: Dataset, folder: Path) -> None:
    """What a repository of the Hub holds: Parquet, the README with its metadata, the template."""
    _write_parquet(sides_of(dataset), folder)
    (folder / "README.md").write_text(readme(dataset), encoding="utf-8")
    _write_template(dataset, folder)


def _write_template(dataset: Dataset, folder: Path) -> None:
    (folder / "template.yaml").write_bytes((dataset.folder / "template.yaml").read_bytes())


def _write_parquet(sides: Mapping[str, Sequence[Example]], folder: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    schema = pa.schema(
        [
            ("messages", pa.list_(message)), ("id", pa.string()), ("row", pa.int64()),
            ("phrasing", pa.int64()), ("choices", pa.list_(pa.string())),
            ("origin", pa.string()), ("part", pa.string()),
        ]
    )  # fmt: skip
    for side, examples in sides.items():
        rows = [
            one.model_dump(mode="json", include=set(schema.names)) | rows_of(one)
            for one in examples
        ]
        path = folder / PATHS[side]
        path.parent.mkdir(exist_ok=True)
        parquet.write_table(pa.Table.from_pylist(rows, schema), path)


def _save_to_disk(parquet: Mapping[str, str], folder: Path, seconds: float) -> None:
    """The library runs in a process of its own, without the network."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "studio.engine.write_dataset", json.dumps(parquet), str(folder)],
            env=kept | {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DatasetError(
            f"The datasets library needed more than {seconds:g} seconds and was stopped; export "
            "as Parquet, which it reads as well, or try again when the machine is less busy."
        ) from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise DatasetError(f"The datasets library could not write the folder: {reason[:300]}.")
