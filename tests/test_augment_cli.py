"""More rows from the command line: shown first, added and frozen when asked."""

import json
from collections.abc import Callable
from pathlib import Path

from studio import Studio

Call = Callable[..., str]


def test_rows_are_proposed_then_added_and_frozen(
    call: Call, studio: Studio, tmp_path: Path
) -> None:
    rows = tmp_path / "reviews.jsonl"
    lines = [{"text": f"The film number {n} was fine.", "label": "positive"} for n in range(30)]
    lines += [{"text": f"The film number {n} was dull.", "label": "negative"} for n in range(30)]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    shown = call("augment", "sentiment", "--rows", str(rows), "--how", "typos", "--count", "6")
    assert shown.count("[made: typos, of row ") == 6
    assert "6 of 6 pass the filters." in shown
    id = shown.split()[-1]
    assert len(studio.workbooks.open(id).entries()) == 60
    told = json.loads(
        call(
            "augment",
            id,
            "--how",
            "spacing",
            "--count",
            "50",
            "--take",
            "good",
            "--freeze",
            "--json",
        )  # fmt: skip
    )
    assert told["workbook"] == id
    assert len(told["added"]) == 50 + 6  # those proposed before as well
    train = studio.dataset(told["dataset"]).train()
    assert any(example.origin.startswith("made: spacing") for example in train)
    assert any(example.origin.startswith("made: typos") for example in train)
    assert not any(
        one.origin.startswith("made") for one in studio.dataset(told["dataset"]).heldout()
    )


def test_own_patterns_are_read_from_a_file(call: Call, tmp_path: Path) -> None:
    patterns = tmp_path / "patterns.txt"
    patterns.write_text("# mine\nThe {x} was {y}. => That {x} was {y}.\n", encoding="utf-8")
    told = json.loads(
        call(
            "augment",
            "sentiment",
            "--how",
            "reword",
            "--patterns",
            str(patterns),
            "--count",
            "3",
            "--json",
        )  # fmt: skip
    )
    assert len(told["proposed"]) == 3
    assert all(one["row"]["text"].startswith("That ") for one in told["proposed"])
    assert told["added"] == []


def test_phrasings_and_the_task_turned_round(call: Call, studio: Studio) -> None:
    told = json.loads(call("augment", "sentiment", "--how", "phrasings", "--take", "all", "--json"))
    template = studio.workbooks.open(told["workbook"]).template
    assert set(told["phrasings"]) < {phrasing.prompt for phrasing in template.phrasings}
    turned = json.loads(call("augment", told["workbook"], "--how", "invert", "--json"))
    assert studio.workbooks.open(turned["turned_round"]).template.answer == "{{ text }}"
