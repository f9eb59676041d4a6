"""Freezing apart: the same dataset as at once, told as it goes, and stopped without a trace."""

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from studio import Studio
from studio.cli import commands
from studio.data import freezing
from studio.data.dataset import Dataset, build_dataset
from studio.data.freezing import freeze_apart
from studio.data.gather import put_together
from studio.data.length_check import Reads
from studio.data.mixture import Part, Source
from studio.data.progress import Pace, Progress
from studio.data.readers import Row, Rows
from studio.data.template import Template
from studio.errors import DatasetError, ModelError, TemplateError

TEMPLATE = Template.parse(
    "name: sums\ntitle: Sums\ndescription: D.\ntask: t\nlicense: l\nsource: s\n"
    'answer: "{{ answer }}"\nphrasings: ["What is {{ prompt }}?", "Say {{ prompt }}."]\n'
)
ROWS: list[Row] = [{"prompt": f"{n} and {n * n}", "answer": f"{n + n * n}"} for n in range(400)]


@pytest.fixture(autouse=True)
def _few_rows_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freezing, "SMALL", 100)


def last(told: Iterator[Progress | Dataset]) -> Dataset:
    *_, dataset = told
    assert isinstance(dataset, Dataset)
    return dataset


def test_frozen_apart_it_is_the_dataset_that_is_frozen_at_once(tmp_path: Path) -> None:
    replayed = Source(Part(kind="probes", name="p", share=0.1), "P", [])
    donor = build_dataset(TEMPLATE, ROWS[:30], datasets_folder=tmp_path / "donor")
    replayed = Source(replayed.part, "P", donor.train(), ("p",))
    options = {
        "name": "Sums",
        "phrasings": "all",
        "sources": [replayed],
        "origins": ["o"] * len(ROWS),
    }
    once = build_dataset(TEMPLATE, ROWS, datasets_folder=tmp_path / "once", **options)
    apart = last(freeze_apart(TEMPLATE, ROWS, datasets_folder=tmp_path / "apart", **options))
    assert apart.card.model_dump(exclude={"created"}) == once.card.model_dump(exclude={"created"})
    assert apart.train() == once.train()
    assert [path.name for path in (tmp_path / "apart").iterdir()] == [apart.id]


def test_progress_goes_on_and_never_back(tmp_path: Path) -> None:
    told = [
        one for one in freeze_apart(TEMPLATE, ROWS, datasets_folder=tmp_path)
        if isinstance(one, Progress)
    ]  # fmt: skip
    assert len({one.stage for one in told}) >= 6
    assert all(one.share <= next.share for one, next in zip(told, told[1:], strict=False))
    assert any(one.seconds_left for one in told)


@pytest.mark.parametrize(
    "stage", ["Writing the rows down", "Making examples", "Looking for personal data"]
)
def test_stopped_anywhere_it_leaves_nothing_behind(tmp_path: Path, stage: str) -> None:
    before = set(psutil.Process().children(recursive=True))
    frozen = freeze_apart(TEMPLATE, ROWS, datasets_folder=tmp_path)
    for told in frozen:
        assert isinstance(told, Progress)
        if told.stage == stage:
            break
    frozen.close()
    assert list(tmp_path.iterdir()) == []
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_killed_process_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    frozen = freeze_apart(TEMPLATE, ROWS, datasets_folder=tmp_path)
    before = set(psutil.Process().children())
    told = [next(frozen), next(frozen)]
    (child,) = set(psutil.Process().children()) - before
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(DatasetError, match="ended by signal 9"):
        told.extend(frozen)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_done_is_the_same_error_as_at_once(tmp_path: Path) -> None:
    broken = TEMPLATE.model_copy(update={"answer": "{{ answer + 1 }}"})
    with pytest.raises(TemplateError, match="row 1"):
        last(freeze_apart(broken, ROWS, datasets_folder=tmp_path))
    with pytest.raises(DatasetError, match="group|together"):
        last(freeze_apart(TEMPLATE, ROWS, datasets_folder=tmp_path, group_column="none"))
    with pytest.raises(ModelError):
        last(freeze_apart(TEMPLATE, ROWS, datasets_folder=tmp_path, reads=Reads(tmp_path, 5)))
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_is_swept_and_what_another_one_does_stays(tmp_path: Path) -> None:
    for name in ("dead", "alive"):
        (tmp_path / f".building-{name}").mkdir()
        (tmp_path / f".building-{name}" / "held").touch()
    with (tmp_path / ".building-alive" / "held").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        frozen = freeze_apart(TEMPLATE, ROWS, datasets_folder=tmp_path)
        next(frozen)
        frozen.close()
    assert [path.name for path in tmp_path.iterdir()] == [".building-alive"]


def test_the_time_left_is_worked_out_of_what_is_done() -> None:
    told: list[Progress] = []
    pace = Pace({"one": 1.0, "two": 3.0}, told.append)
    pace("one")
    pace("two", 1, 2)
    assert told[0].seconds_left is None
    assert told[1].share == pytest.approx(0.625)
    assert (
        str(Progress(stage="A", done=1, total=2000, seconds_left=100))
        == "A: 1 of 2,000, 2 min left"
    )


def test_a_workbook_of_many_rows_is_frozen_apart_as_it_was_settled(studio: Studio) -> None:
    book = studio.begin_workbook(TEMPLATE, put_together([("rows", Rows(ROWS, []))]))
    book.settle(phrasings="all", heldout_phrasings=[2], group_column="answer", max_length=40)
    book.exclude([1, 2, 3])
    *_, dataset = studio.freezing(book.id, heldout_share=0.3)
    assert isinstance(dataset, Dataset)
    card = dataset.card
    assert (card.phrasings, card.heldout_phrasings, card.heldout_share) == ("all", (2,), 0.3)
    assert card.train + card.heldout == len(ROWS) - 3
    assert 0.27 < card.heldout / (card.train + card.heldout) < 0.33
    assert {one.origin for one in dataset.train()} <= {entry.origin for entry in book.kept()}
    assert card == studio.freeze(book.id, heldout_share=0.3).card  # the same folder


def test_the_command_line_builds_the_same_with_every_option(studio: Studio, tmp_path: Path) -> None:
    path, template = tmp_path / "rows.jsonl", tmp_path / "sums.yaml"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    template.write_text(TEMPLATE.yaml())
    given = [
        "--home", str(studio.settings.home), "build", str(template), "--rows", str(path), "--json",
        "--phrasings", "all", "--heldout-phrasing", "2", "--group-column", "answer",
        "--every-turn", "--max-length", "40", "--heldout-share", "0.3",
    ]  # fmt: skip
    done = CliRunner().invoke(commands, given, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    card = json.loads(done.stdout)
    told = {"phrasings": "all", "heldout_phrasings": (2,), "group_column": "answer",
            "every_turn": True, "heldout_share": 0.3, "max_length": 40}  # fmt: skip
    assert studio.build(TEMPLATE, ROWS, **told).id == card["id"]
    train = studio.dataset(card["id"]).train()
    assert train[0].origin == f"rows.jsonl, line {train[0].row}"
