"""Workbooks on the command line: what is odd is listed, mended, undone, and frozen."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from studio import Studio
from studio.cli import commands
from studio.errors import DatasetError


def call(home: Path, *arguments: str) -> str:
    done = CliRunner().invoke(commands, ["--home", str(home), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    kept = [
        {"text": f"The {thing} was {word} {time}.", "label": label}
        for thing in ("meal", "room", "film", "walk")
        for word, label in (("good", "positive"), ("bad", "negative"))
        for time in ("today", "again", "as ever")
    ]
    kept.append({"text": "Write to ann@example.org, it was good.", "label": "positive"})
    kept.append({"text": "It was good.", "label": ""})
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    return path


def test_build_mends_what_it_is_told_to_and_keeps_the_workbook(home: Path, rows: Path) -> None:
    told = call(
        home, "build", "sentiment", str(rows), "--fix", "empty", "--fix", "personal data",
        "--fix", "very short answers", "--heldout-share", "0.3", "--name", "Mended",
    )  # fmt: skip
    assert "1 row excluded: empty" in told
    assert "1 row rewritten: personal data" in told
    assert "nothing to mend: very short answers" in told
    with Studio(home) as studio:
        (dataset,) = studio.datasets()
        (card,) = studio.workbooks.list()
        assert card.id in told
        assert (dataset.card.name, dataset.card.heldout_share) == ("Mended", 0.3)
        examples = [*dataset.train(), *dataset.heldout()]
        assert len(examples) == 25
        assert "[e-mail]" in str(examples)
        assert "ann@" not in str(examples)
        assert {"empty", "personal data"}.isdisjoint(one.kind for one in dataset.card.findings)


def test_a_workbook_is_checked_mended_undone_frozen_and_deleted(home: Path, rows: Path) -> None:
    with Studio(home) as studio:
        book = studio.begin_workbook("sentiment", studio.gather([rows])).id
    assert book in call(home, "workbooks")
    assert json.loads(call(home, "workbooks", "--json"))[0]["rows"] == 26
    assert "empty (1)" in call(home, "workbooks", "check", book)
    assert "1 row excluded: empty" in call(home, "workbooks", "fix", book, "empty")
    assert "[fix: empty]" not in call(home, "workbooks", "check", book)
    assert "taken back: 1 row excluded" in call(home, "workbooks", "undo", book)
    assert "[fix: empty]" in call(home, "workbooks", "check", book)
    assert "done again" in call(home, "workbooks", "redo", book)
    assert "to learn from" in call(home, "workbooks", "freeze", book)
    call(home, "workbooks", "delete", book, "--yes")
    with Studio(home) as studio:
        assert studio.workbooks.list() == []
        assert len(studio.datasets()) == 1
    with pytest.raises(DatasetError, match="There is no workbook"):
        call(home, "workbooks", "check", book)
