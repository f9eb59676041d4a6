"""Versions, exports and the way to the Hub of frozen datasets."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from studio.data.dataset import Dataset
from studio.data.exports import FORMS, export
from studio.data.mixture import Part
from studio.data.readers import read_rows
from studio.data.template import Template
from studio.errors import DatasetError
from studio.studio import Studio

ROOT = Path(__file__).parents[1]
HOSTILE = 'a "quote", a | pipe, <|im_end|>, 日本語 \u2028 and `ticks`\n```\ttab'


def template(answer: str = "{{ label }}", prompt: str = "Good or bad? {{ text }}") -> Template:
    phrasings = [{"prompt": prompt}]
    return Template.model_validate(
        {
            "name": "reviews", "title": "Reviews", "description": "d", "task": "classification",
            "license": "CC-BY-4.0", "source": "written here", "answer": answer,
            "phrasings": phrasings, "answer_choices": ["good", "bad"],
        }
    )  # fmt: skip


def rows(count: int = 40) -> list[dict[str, Any]]:
    made = [{"text": f"Number {n} was it.", "label": ("good", "bad")[n % 2]} for n in range(count)]
    return [*made, {"text": HOSTILE, "label": "good"}]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(tmp_path) as made:
        yield made


def freeze(studio: Studio, **options: Any) -> Dataset:
    given = {"rows": rows(), "template": template()} | options
    return studio.build(given.pop("template"), given.pop("rows"), name="Reviews", **given)


# ---- versions


def test_versions_of_a_name_are_listed_in_the_order_they_were_made(studio: Studio) -> None:
    first, second = freeze(studio), freeze(studio, rows=rows(50))
    studio.build("sentiment", name="Another")
    assert [one.id for one in studio.dataset_versions("reviews")] == [first.id, second.id]


def test_a_diff_tells_rows_added_removed_and_changed(studio: Studio) -> None:
    before = freeze(studio)
    changed = rows()
    gone = changed.pop(3)
    changed[5] = {**changed[5], "label": "bad" if changed[5]["label"] == "good" else "good"}
    changed.append({"text": "A new one.", "label": "good"})
    found = studio.diff_datasets(before.id, freeze(studio, rows=changed).id)
    assert [one.messages[-1].content for one in found.added] == ["Good or bad? A new one."]
    assert [gone["text"] in one.messages[-1].content for one in found.removed] == [True]
    (change,) = found.changed
    assert change.before.messages == change.after.messages
    assert change.before.completion != change.after.completion
    assert found.same == len(rows()) - 2
    assert (found.template, found.options) == ("", ())


def test_a_diff_shows_the_templates_lines_and_the_options(studio: Studio) -> None:
    before = freeze(studio)
    after = freeze(studio, template=template(prompt="How was it? {{ text }}"), seed=7)
    found = studio.diff_datasets(before.id, after.id)
    assert found.same == 0
    assert (len(found.added), len(found.removed), len(found.changed)) == (0, 0, len(rows()))
    assert "-- prompt: Good or bad? {{ text }}" in found.template
    assert "+- prompt: How was it? {{ text }}" in found.template
    assert found.options == (("seed", "42", "7"),)
    assert {change.moved for change in found.changed} > {""}


def test_a_wording_that_is_never_learned_goes_out_with_the_rest(
    studio: Studio, tmp_path: Path
) -> None:
    two = [{"prompt": "Good or bad? {{ text }}"}, {"prompt": "Was it good? {{ text }}"}]
    both = Template.model_validate(template().model_dump(exclude_none=True) | {"phrasings": two})
    dataset = freeze(studio, template=both, heldout_phrasings=(2,))
    folder = studio.export_dataset(dataset.id, "parquet", tmp_path)
    assert (folder / "data" / "unseen.parquet").exists()
    assert f"{dataset.card.heldout} of them also in a wording" in (folder / "README.md").read_text()
    found = studio.diff_datasets(freeze(studio, template=both).id, dataset.id)
    assert {one.phrasing for one in found.added} == {2}
    assert len(found.added) == dataset.card.unseen
    assert not any(one.moved for one in found.changed)


def test_a_dataset_is_like_itself(studio: Studio) -> None:
    made = freeze(studio, mixture=(Part(kind="probes", name="starter-opposites", share=0.5),))
    found = studio.diff_datasets(made.id, made.id)
    assert found.same == made.card.train + made.card.heldout
    assert (found.added, found.removed, found.changed) == ((), (), ())


# ---- exports


def told(dataset: Dataset) -> dict[str, list[Any]]:
    """What must come back of a dataset: conversations, by side."""
    sides = {"train": dataset.train(), "test": dataset.heldout()}
    return {
        side: [
            [*map(dict, one.messages), {"role": "assistant", "content": one.completion}]
            for one in examples
        ]
        for side, examples in sides.items()
    }


def test_json_lines_hold_every_letter(studio: Studio, tmp_path: Path) -> None:
    dataset = freeze(studio)
    for form in ("messages", "prompt-completion"):
        folder = studio.export_dataset(dataset.id, form, tmp_path / "out")
        for side in ("train", "test"):
            read = read_rows(folder / f"{side}.jsonl")
            assert read.refused == []
            both = [
                row.get("messages") or [*row["prompt"], *row["completion"]] for row in read.rows
            ]
            assert both == told(dataset)[side]


def test_json_lines_come_back_as_the_same_examples(studio: Studio, tmp_path: Path) -> None:
    dataset = freeze(studio)
    for form in ("messages", "prompt-completion"):
        folder = studio.export_dataset(dataset.id, form, tmp_path / "out")
        again = studio.build("conversation", folder / "train.jsonl", name=form)
        both = [*again.train(), *again.heldout()]
        said = {(one.messages, one.completion) for one in dataset.train()}
        assert {(one.messages, one.completion) for one in both} == said


def test_parquet_is_a_repository_of_the_hub(studio: Studio, tmp_path: Path) -> None:
    from pyarrow import parquet

    dataset = freeze(studio)
    folder = studio.export_dataset(dataset.id, "parquet", tmp_path)
    for side, conversations in told(dataset).items():
        table = parquet.read_table(folder / "data" / f"{side}.parquet").to_pylist()
        assert [row["messages"] for row in table] == conversations
    head = (folder / "README.md").read_text().split("---\n")[1]
    metadata = yaml.safe_load(head)
    assert metadata["license"] == "cc-by-4.0"
    assert metadata["size_categories"] == ["n<1K"]
    paths = {one["split"]: one["path"] for one in metadata["configs"][0]["data_files"]}
    assert all((folder / path).exists() for path in paths.values())
    assert Template.load(folder / "template.yaml").fingerprint() == template().fingerprint()


def test_an_export_that_takes_too_long_is_stopped_and_told(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="needed more than 0.01 seconds and was stopped"):
        export(freeze(studio), "datasets", tmp_path / "out", seconds=0.01)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_the_datasets_library_reads_both_of_its_forms(studio: Studio, tmp_path: Path) -> None:
    import datasets

    dataset = freeze(studio)
    saved = studio.export_dataset(dataset.id, "datasets", tmp_path)
    repository = studio.export_dataset(dataset.id, "parquet", tmp_path)
    options = {"cache_dir": str(tmp_path / "cache")}
    for found in (
        datasets.load_from_disk(str(saved)),
        datasets.load_dataset(str(repository), **options),
    ):
        assert {side: split["messages"][:] for side, split in found.items()} == told(dataset)


def test_an_export_never_writes_over_another(studio: Studio, tmp_path: Path) -> None:
    dataset = freeze(studio)
    studio.export_dataset(dataset.id, "messages", tmp_path)
    with pytest.raises(DatasetError, match="there already"):
        studio.export_dataset(dataset.id, "messages", tmp_path)
    with pytest.raises(DatasetError, match=f"choose one of {next(iter(FORMS))}"):
        studio.export_dataset(dataset.id, "arrows", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be written"):
        studio.export_dataset(dataset.id, "messages", tmp_path / "file")
    assert not list(tmp_path.glob(".export-*"))


# ---- the Hub


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as takes one commit."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.path, self.headers.get("Authorization"), body))  # type: ignore[attr-defined]
        if self.headers.get("Authorization") != "Bearer hf_right":
            self.answer(401, {"error": "Invalid user token."})
        elif self.path.endswith("/create"):
            self.answer(200, {"url": f"http://{self.headers['Host']}/datasets/me/mine"})
        elif "/preupload/" in self.path:
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            self.answer(200, {"files": files})
        elif "/commit/" in self.path:
            address = f"http://{self.headers['Host']}/datasets/me/mine/commit/1"
            self.answer(200, {"commitUrl": address, "commitOid": "1", "success": True})
        else:
            self.answer(200, {"errors": [], "warnings": []})

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization"), b""))  # type: ignore[attr-defined]
        self.answer(404, {"error": "Entry not found"})

    def answer(self, status: int, content: dict[str, Any]) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def push(studio: Studio, dataset: Dataset, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "studio", "--home", str(studio.settings.home), "datasets", "push",
         dataset.id, "me/mine"],
        env=os.environ | {"HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_right"} | environment,
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip


def test_a_push_is_one_commit_with_the_card(studio: Studio, hub: Any) -> None:
    dataset = freeze(studio)
    done = push(studio, dataset, HF_ENDPOINT=f"http://127.0.0.1:{hub.server_port}")
    assert done.returncode == 0, done.stderr
    created = next(json.loads(body) for path, _, body in hub.asked if path.endswith("/create"))
    assert created.get("private") or created["visibility"] == "private"
    assert (created["type"], created["name"]) == ("dataset", "mine")
    (commit,) = [body for path, _, body in hub.asked if "/commit/" in path]
    lines = [json.loads(line) for line in commit.splitlines()]
    files = {line["value"]["path"] for line in lines if line["key"] == "file"}
    assert files == {"README.md", "template.yaml", "data/train.parquet", "data/test.parquet"}


def test_a_push_that_is_refused_says_why_and_never_the_token(studio: Studio, hub: Any) -> None:
    dataset = freeze(studio)
    refused = push(
        studio, dataset, HF_ENDPOINT=f"http://127.0.0.1:{hub.server_port}", HF_TOKEN="hf_wrong"
    )
    offline = push(studio, dataset, HF_HUB_OFFLINE="1")
    for done in (refused, offline):
        assert done.returncode == 1
        assert "me/mine was not pushed" in " ".join(done.stderr.split())
        assert "hf_" not in done.stderr + done.stdout
        assert "Traceback" not in done.stderr


def test_a_name_that_is_no_repository_is_refused_before_anything_is_sent(studio: Studio) -> None:
    for name in ("mine", "me/../you", "me/mine/more", "", "-x/y"):
        with pytest.raises(DatasetError, match="write OWNER/NAME"):
            studio.push_dataset(freeze(studio).id, name)
