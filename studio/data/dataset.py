"""A frozen dataset: a folder of examples in two splits, with the card that says how it was made.

    datasets/<id>/
      train.jsonl     examples to learn from
      heldout.jsonl   examples kept back for measuring
      unseen.jsonl    the same in a wording that is never learned, where one is held out
      template.yaml   the template as it was
      dataset.json    the card, written last

The folder appears whole, by one rename, or not at all. The same inputs give the same id, and so
the same folder.
"""

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studio.data.building import STAGES as BUILDING_STAGES
from studio.data.building import Made, check_made, make_examples
from studio.data.card import DatasetCard, Inputs
from studio.data.checks import Finding
from studio.data.example import Example
from studio.data.length_check import Reads
from studio.data.mixture import Source, mix
from studio.data.progress import Tell, say_nothing
from studio.data.readers import Row
from studio.data.template import Template
from studio.data.ways import Ways
from studio.errors import DatasetError, sentence
from studio.names import slug

CARD = "dataset.json"
# Part of every id: a change in how examples are made must not find a folder of the old kind.
FORMAT = 1
FIRST_INPUTS = frozenset(
    [
        "name",
        "template",
        "template_fingerprint",
        "rows_fingerprint",
        "seed",
        "heldout_share",
        "phrasings",
        "limit",
    ]
)
"""Part of every id whatever they are; what came later only where it is used."""

WRITING = "Writing the dataset"
STAGES = {**BUILDING_STAGES, WRITING: 1.5}
"""What is done in which order, and about how long each takes beside the others."""

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,199}")


@dataclass(frozen=True)
class Dataset:
    """A dataset on disk; the folder is never changed after it was built."""

    folder: Path
    card: DatasetCard

    @property
    def id(self) -> str:
        """Name of the folder."""
        return self.card.id

    def train(self) -> list[Example]:
        """The examples to learn from."""
        return self._read("train.jsonl", self.card.train_sha256)

    def heldout(self) -> list[Example]:
        """The examples kept back for measuring."""
        return self._read("heldout.jsonl", self.card.heldout_sha256)

    def unseen(self) -> list[Example]:
        """The held-out rows in wordings that were never learned; none where none is held out."""
        return self._read("unseen.jsonl", self.card.unseen_sha256) if self.card.unseen else []

    def _read(self, name: str, sha256: str) -> list[Example]:
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise DatasetError(
                f"Dataset '{self.id}': {name} cannot be read ({error.strerror}); build it again."
            ) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DatasetError(
                f"Dataset '{self.id}': {name} is not the file that was built; remove the folder "
                "and build it again."
            )
        return [Example.model_validate_json(line) for line in content.splitlines()]


def build_dataset(
    template: Template,
    rows: Sequence[Row],
    *,
    datasets_folder: Path,
    name: str | None = None,
    origins: Sequence[str] = (),
    descent: Sequence[tuple[int, Sequence[int]]] = (),
    beforehand: Sequence[Finding] = (),
    asked: Callable[[], Mapping[str, Sequence[str]]] = dict,
    sources: Sequence[Source] = (),
    reads: Reads | None = None,
    owner: str = "",
    tell: Tell = say_nothing,
    workshop: Path | None = None,
    **ways: Any,
) -> Dataset:
    """Make a dataset of rows, or return the one that the same inputs gave before.

    `ways` are those of `Ways`: seed, heldout_share, phrasings, limit, group_column,
    heldout_phrasings, every_turn. With `phrasings="all"` every row to learn from gives one example
    per phrasing; held-out rows give one each, because the statistics count independent cases.
    `origins` and `descent` are those of `make_examples`, `beforehand` is what was found while rows
    were read, for the card, and `asked` gives the questions of probes by name, which should not be
    among them. What is learned beside the task is drawn from `sources`. With `reads` examples that
    are too long for a base are found. `owner` is the mark of the visitor whose dataset it is, empty
    if it is everybody's. Files are made in `workshop`, if given, on the same disk.
    DatasetError or TemplateError, and no folder, if it cannot be done.
    """
    inputs = Inputs(
        **Ways.of(**ways).model_dump(),
        name=name or template.title,
        template=template.name,
        template_fingerprint=template.fingerprint(),
        rows_fingerprint=_fingerprint(list(rows)),
        descent=_fingerprint(list(descent)) if descent else "",
        counted_for=str(reads or ""),
        owner=owner,
        parts=tuple(f"{one.part} {one.part.share} {one.fingerprint()}" for one in sources),
    )
    identity = f"{slug(name or template.name) or 'dataset'}-{_digits(inputs)}"
    if not (datasets_folder / identity / CARD).exists():
        made = make_examples(
            template, rows, inputs, origins=origins, descent=dict(descent), tell=tell
        )
        measured = dict(asked()) | _measured(sources)
        findings = made.findings + check_made(made, asked=measured, reads=reads, tell=tell)
        made = replace(made.not_empty(), findings=[*beforehand, *findings])
        tell(WRITING)
        files = _make_files(template, made, sources, inputs=inputs, identity=identity)
        _publish(files, datasets_folder / identity, workshop)
    return open_dataset(identity, datasets_folder)


def open_dataset(id: str, datasets_folder: Path, owner: str = "") -> Dataset:
    """The dataset of that id; DatasetError if there is none or its card cannot be read.

    With the mark of an `owner` only if it is theirs or everybody's.
    """
    path = datasets_folder / id / CARD
    absent = f"There is no dataset '{id}'; build one, or choose one from the list."
    if not _ID.fullmatch(id) or not path.exists():
        raise DatasetError(absent)
    try:
        card = DatasetCard.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DatasetError(sentence(error, f"dataset '{id}'")) from error
    if owner and card.owner not in ("", owner):
        raise DatasetError(absent)
    return Dataset(folder=path.parent, card=card)


def list_datasets(datasets_folder: Path, owner: str = "") -> list[Dataset]:
    """Every dataset that can be opened, the newest first; `open_dataset` says why one cannot."""
    datasets = []
    for path in datasets_folder.glob(f"*/{CARD}"):
        with contextlib.suppress(DatasetError):
            datasets.append(open_dataset(path.parent.name, datasets_folder, owner))
    return sorted(datasets, key=lambda dataset: (dataset.card.created, dataset.id), reverse=True)


def _measured(sources: Sequence[Source]) -> dict[str, list[str]]:
    """What measures the earlier datasets that are mixed in: the questions they hold out."""
    return {
        f"held out of {source.title}": [one.question for one in source.heldout]
        for source in sources
        if source.is_dataset
    }


def _digits(inputs: Inputs) -> str:
    """Eight digits that equal inputs have; options that came later count where they are used."""
    told = {name: value for name, value in inputs if value or name in FIRST_INPUTS}
    return _fingerprint([FORMAT, told])[:8]


def _make_files(
    template: Template, made: Made, sources: Sequence[Source], *, inputs: Inputs, identity: str
) -> dict[str, bytes]:
    """The content of every file of the dataset by name, the card last."""
    train, portions = mix(made.train, made.heldout, sources, seed=inputs.seed)
    sides = {"train": train, "heldout": made.heldout, "unseen": made.unseen}
    files = {f"{side}.jsonl": _lines(examples) for side, examples in sides.items() if examples}
    sums = {
        f"{name.removesuffix('.jsonl')}_sha256": hashlib.sha256(content).hexdigest()
        for name, content in files.items()
    }
    card = DatasetCard(
        **inputs.model_dump(),
        **sums,
        id=identity,
        created=datetime.now(UTC),
        train=len(train),
        heldout=len(made.heldout),
        unseen=len(made.unseen),
        mixture=tuple(portions),
        choices=_common_choices([*made.train, *made.heldout]),
        findings=tuple(one.shortened() for one in made.findings),
        license=template.license,
        source=template.source,
    )
    return files | {
        "template.yaml": template.yaml().encode(),
        CARD: card.model_dump_json(indent=2).encode(),
    }


def _common_choices(examples: Sequence[Example]) -> tuple[str, ...]:
    different = {example.choices for example in examples}
    return different.pop() if len(different) == 1 else ()


def _lines(examples: Sequence[Example]) -> bytes:
    return b"".join(example.model_dump_json().encode() + b"\n" for example in examples)


def _publish(files: dict[str, bytes], folder: Path, workshop: Path | None) -> None:
    """Write the files, the card last, and let the folder appear by one rename."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = workshop or folder.parent
        with tempfile.TemporaryDirectory(prefix=".building-", dir=place) as bench:
            half_made = Path(bench) / folder.name
            half_made.mkdir()
            for name, content in files.items():
                with (half_made / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            half_made.rename(folder)
    except OSError as error:
        # Somebody else may have built the same dataset a moment ago: theirs is as good.
        if not (folder / CARD).exists():
            raise DatasetError(
                f"Dataset '{folder.name}' cannot be written ({error.strerror}); make room or "
                "remove what is in the way."
            ) from error


def _fingerprint(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
