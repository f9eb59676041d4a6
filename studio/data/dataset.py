"""A frozen dataset: a folder of examples in two splits, with the card that says how it was made.

    datasets/<id>/
      train.jsonl     examples to learn from
      heldout.jsonl   examples kept back for measuring
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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from studio.data.card import DatasetCard, Inputs
from studio.data.checks import Finding, check_examples, found, is_empty
from studio.data.closer_checks import check_closely
from studio.data.example import Example
from studio.data.mixture import Source, mix
from studio.data.readers import Row
from studio.data.rendering import Phrasings, render_examples
from studio.data.sandbox import Sandbox
from studio.data.split import SourceRow, Split, choose, identify, split_rows, without_duplicates
from studio.data.template import Template
from studio.errors import DatasetError, sentence
from studio.names import slug

CARD = "dataset.json"
# Part of every id: a change in how examples are made must not find a folder of the old kind.
FORMAT = 1

_ID = re.compile(r"[a-z0-9][a-z0-9-]*")


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
    heldout_share: float = 0.2,
    seed: int = 42,
    phrasings: Phrasings = "one",
    limit: int | None = None,
    beforehand: Sequence[Finding] = (),
    asked: Callable[[], Mapping[str, Sequence[str]]] = dict,
    sources: Sequence[Source] = (),
) -> Dataset:
    """Make a dataset of rows, or return the one that the same inputs gave before.

    Rows of the same content count once. The split is made before the template is applied. With
    `phrasings="all"` every row to learn from gives one example per phrasing; held-out rows give
    one each, because the statistics count independent cases. `limit` is the most rows taken;
    `beforehand` is what was found while they were read, for the card, and `asked` gives the
    questions of probes by name, which should not be among them. What is learned beside the task is
    drawn from `sources`.
    DatasetError or TemplateError, and no folder, if it cannot be done.
    """
    _refuse(rows, heldout_share=heldout_share, limit=limit)
    inputs = Inputs(
        name=name or template.title,
        template=template.name,
        template_fingerprint=template.fingerprint(),
        rows_fingerprint=_fingerprint(list(rows)),
        seed=seed,
        heldout_share=heldout_share,
        phrasings=phrasings,
        limit=limit,
        parts=tuple(f"{one.part} {one.part.share} {one.fingerprint()}" for one in sources),
    )
    # Without what is not said: options that came later do not change the ids of earlier datasets.
    digits = _fingerprint([FORMAT, inputs.model_dump(exclude_defaults=True)])[:8]
    identity = f"{slug(name or template.name) or 'dataset'}-{digits}"
    if not (datasets_folder / identity / CARD).exists():
        files = _make_files(
            template,
            rows,
            inputs=inputs,
            identity=identity,
            beforehand=beforehand,
            asked=asked(),
            sources=sources,
        )
        _publish(files, datasets_folder / identity)
    return open_dataset(identity, datasets_folder)


def open_dataset(id: str, datasets_folder: Path) -> Dataset:
    """The dataset of that id; DatasetError if there is none or its card cannot be read."""
    path = datasets_folder / id / CARD
    if not _ID.fullmatch(id) or not path.exists():
        raise DatasetError(f"There is no dataset '{id}'; build one, or choose one from the list.")
    try:
        card = DatasetCard.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DatasetError(sentence(error, f"dataset '{id}'")) from error
    return Dataset(folder=path.parent, card=card)


def list_datasets(datasets_folder: Path) -> list[Dataset]:
    """Every dataset that can be opened, the newest first; `open_dataset` says why one cannot."""
    datasets = []
    for path in datasets_folder.glob(f"*/{CARD}"):
        with contextlib.suppress(DatasetError):
            datasets.append(open_dataset(path.parent.name, datasets_folder))
    return sorted(datasets, key=lambda dataset: (dataset.card.created, dataset.id), reverse=True)


def _refuse(rows: Sequence[Row], *, heldout_share: float, limit: int | None) -> None:
    if not rows:
        raise DatasetError("There are no rows; choose a file or a template that has some.")
    if not 0 < heldout_share < 1:
        raise DatasetError(f"The held-out share must lie between 0 and 1, not be {heldout_share}.")
    if limit is not None and limit < 2:
        raise DatasetError("The limit must be at least 2: one row to learn, one to hold out.")


def _make_files(
    template: Template,
    rows: Sequence[Row],
    *,
    inputs: Inputs,
    identity: str,
    beforehand: Sequence[Finding],
    asked: Mapping[str, Sequence[str]],
    sources: Sequence[Source],
) -> dict[str, bytes]:
    """The content of every file of the dataset by name, the card last."""
    split, findings = _part(template, rows, inputs)
    train, heldout = _render(template, split, inputs)
    findings += check_examples([*train, *heldout])
    findings += check_closely(train, heldout, asked=asked)
    train = _not_empty(train, "to learn from")
    heldout = _not_empty(heldout, "to hold out")
    train, portions = mix(train, heldout, sources, seed=inputs.seed)
    files = {"train.jsonl": _lines(train), "heldout.jsonl": _lines(heldout)}
    card = DatasetCard(
        **inputs.model_dump(),
        id=identity,
        created=datetime.now(UTC),
        train=len(train),
        heldout=len(heldout),
        train_sha256=hashlib.sha256(files["train.jsonl"]).hexdigest(),
        heldout_sha256=hashlib.sha256(files["heldout.jsonl"]).hexdigest(),
        mixture=tuple(portions),
        choices=_common_choices([*(one for one in train if not one.part), *heldout]),
        findings=tuple(one.shortened() for one in (*beforehand, *findings)),
        license=template.license,
        source=template.source,
    )
    return files | {
        "template.yaml": template.yaml().encode(),
        CARD: card.model_dump_json(indent=2).encode(),
    }


def _part(template: Template, rows: Sequence[Row], inputs: Inputs) -> tuple[Split, list[Finding]]:
    unique, repeated = without_duplicates(identify(rows, template))
    split = split_rows(
        choose(unique, inputs.limit, seed=inputs.seed),
        column=template.split_column,
        heldout_share=inputs.heldout_share,
        seed=inputs.seed,
    )
    for side, part in (("to learn from", split.train), ("to hold out", split.heldout)):
        if not part:
            raise DatasetError(
                f"No rows are left {side} of {len(unique)} different ones; add rows or change "
                "the held-out share."
            )
    findings = found(
        "repeated rows", "note", _numbers(repeated), "Rows of the same content were left out."
    ) + found(
        "leaked rows",
        "warning",
        _numbers(split.leaked),
        "Held-out rows that ask the same as a row to learn from were left out.",
    )
    return split, findings


def _render(
    template: Template, split: Split, inputs: Inputs
) -> tuple[list[Example], list[Example]]:
    with Sandbox() as sandbox:
        train = render_examples(
            template, split.train, sandbox=sandbox, phrasings=inputs.phrasings, seed=inputs.seed
        )
        heldout = render_examples(
            template,
            split.heldout,
            sandbox=sandbox,
            phrasings="one",
            seed=inputs.seed,
            pool=split.train,
        )
    return train, heldout


def _numbers(rows: Sequence[SourceRow]) -> list[int]:
    return [row.number for row in rows]


def _not_empty(examples: Sequence[Example], purpose: str) -> list[Example]:
    kept = [example for example in examples if not is_empty(example)]
    if not kept:
        raise DatasetError(
            f"Every example {purpose} has an empty prompt or answer; check which columns the "
            "template reads."
        )
    return kept


def _common_choices(examples: Sequence[Example]) -> tuple[str, ...]:
    different = {example.choices for example in examples}
    return different.pop() if len(different) == 1 else ()


def _lines(examples: Sequence[Example]) -> bytes:
    return b"".join(example.model_dump_json().encode() + b"\n" for example in examples)


def _publish(files: dict[str, bytes], folder: Path) -> None:
    """Write the files, the card last, and let the folder appear by one rename."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=folder.parent) as workshop:
            half_made = Path(workshop) / folder.name
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
