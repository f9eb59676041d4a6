"""Where rows come from: files, pasted text, a sample, the Hub, earlier chats, a dataset."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from studio.data.gather import Gathered, Place
from studio.data.hub import HubName
from studio.data.template import Template
from studio.errors import DatasetError
from studio.studio import Studio

SOURCES = [
    ("Upload files", "files"), ("Paste", "text"), ("A sample", "sample"),
    ("Hugging Face Hub", "hub"), ("My chats", "chats"), ("A dataset", "dataset"),
]  # fmt: skip
FIRST = "sentiment"
ENCODINGS = [
    ("UTF-8, or as its mark says", ""), ("Windows, Western Europe", "cp1252"),
    ("Latin-1", "latin-1"), ("Windows, Cyrillic", "cp1251"), ("Japanese, Shift JIS", "shift_jis"),
    ("Chinese, GB 18030", "gb18030"), ("Korean, EUC-KR", "euc_kr"), ("UTF-16", "utf-16"),
]  # fmt: skip
PREFERRED = ("the one I preferred, else the first", "")
ONLINE = "Read once and kept on this machine. Write owner/name, with @config and :split if need be."
OFFLINE = (
    "This studio works offline (HF_HUB_OFFLINE): only datasets that are already in its cache can "
    "be read."
)


@dataclass(frozen=True)
class Sources:
    """The components, a group of which is shown at a time."""

    source: gr.Radio
    groups: dict[str, gr.Column]
    files: gr.File
    encoding: gr.Dropdown
    text: gr.Textbox
    sample: gr.Dropdown
    hub: gr.Textbox
    fetch: gr.Button
    chats: gr.Dropdown
    lane: gr.Dropdown
    dataset: gr.Dropdown

    @property
    def held(self) -> list[Any]:
        """What `read` reads, in its order."""
        return [
            self.source, self.files, self.encoding, self.text, self.sample, self.hub, self.chats,
            self.lane, self.dataset,
        ]  # fmt: skip

    @property
    def menus(self) -> list[Any]:
        """What `list_sources` fills."""
        return [self.sample, self.chats, self.lane, self.dataset]


def lay_out() -> Sources:
    """Every source's fields; only those of the chosen one are seen."""
    source = gr.Radio(SOURCES, value="sample", label="Where rows come from", elem_id="source")
    groups = {}
    for _, name in SOURCES:
        groups[name] = gr.Column(visible=name == "sample", elem_id=f"from-{name}")
    with groups["files"]:
        files = gr.File(
            label="JSONL, JSON, CSV, TSV, TXT, Parquet",
            file_count="multiple", elem_id="files", height=150,
        )  # fmt: skip
        encoding = gr.Dropdown(
            ENCODINGS, value="", label="Encoding", allow_custom_value=True, elem_id="encoding",
            info="Only for text files that are not UTF-8.",
        )  # fmt: skip
    with groups["text"]:
        text = gr.Textbox(
            value="", label="Rows", lines=8, max_lines=16, elem_id="pasted",
            info="JSON lines, a JSON list, a table with a header, or one text per line.",
        )  # fmt: skip
    with groups["sample"]:
        sample = gr.Dropdown([], label="The rows of a template", elem_id="sample")
    with groups["hub"]:
        offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
        hub = gr.Textbox(
            value="", label="Dataset", placeholder="owner/name", elem_id="hub-dataset",
            info=OFFLINE if offline else ONLINE, max_length=200,
        )  # fmt: skip
        fetch = gr.Button("Read it", size="sm", elem_id="hub-fetch")
    with groups["chats"]:
        chats = gr.Dropdown(
            [], multiselect=True, label="Conversations", info="None chosen takes all of them.",
            elem_id="from-conversations",
        )  # fmt: skip
        lane = gr.Dropdown([PREFERRED], value="", label="Whose answers", elem_id="from-lane")
    with groups["dataset"]:
        dataset = gr.Dropdown([], label="Dataset", elem_id="from-dataset-id")
    return Sources(
        source, groups, files, encoding, text, sample, hub, fetch, chats, lane, dataset
    )  # fmt: skip


def show_source(source: str) -> list[Any]:
    """Show the fields that belong to a source."""
    return [gr.Column(visible=name == source) for _, name in SOURCES]


def list_sources(studio: Studio, sample: str | None, scope: str | None) -> list[Any]:
    """The templates with rows, the visitor's conversations, their lanes, and the datasets."""
    samples = [(t.title, t.name) for t in studio.templates(scope) if t.rows or t.rows_file]
    chats = studio.chats.list(scope)
    lanes = list(dict.fromkeys(lane for chat in chats for lane in chat.lanes))
    datasets = [(f"{one.card.name} ({one.id})", one.id) for one in studio.datasets(scope)]
    names = [name for _, name in samples]
    return [
        gr.Dropdown(choices=samples, value=sample if sample in names else FIRST),
        gr.Dropdown(choices=[(f"{chat.title} ({chat.exchanges})", chat.id) for chat in chats]),
        gr.Dropdown(choices=[PREFERRED, *((lane, lane) for lane in lanes)]),
        gr.Dropdown(choices=datasets),
    ]


def read(
    studio: Studio, scope: str | None, source: str, files: Sequence[str] | None,
    encoding: str | None, text: str, sample: str | None, hub: str, chats: Sequence[str] | None,
    lane: str | None, dataset: str | None,
) -> Gathered:  # fmt: skip
    """The rows of the chosen source; none where nothing was chosen yet."""
    if source == "files":
        return studio.gather([Path(file) for file in files or ()], encoding=encoding or "")
    if source == "text":
        return studio.gather([], pasted=text, owner=scope)
    if source == "sample":
        return _sample(studio.template(sample, scope)) if sample else Gathered([], [], [])
    if source == "hub":
        return studio.gather([f"hub:{_hub_name(hub)}"]) if hub.strip() else Gathered([], [], [])
    if source == "chats":
        at = f"@{lane}" if lane else ""
        every = [chat.id for chat in studio.chats.list(scope)]
        return studio.gather([f"chat:{one}{at}" for one in chats or every], owner=scope)
    return studio.gather([f"dataset:{dataset}"] if dataset else [], owner=scope)


def template_of(studio: Studio, scope: str | None, source: str, *held: Any) -> Template | None:
    """The template whose sample was chosen."""
    name = held[3]
    return studio.template(name, scope) if source == "sample" and name else None


def _sample(template: Template) -> Gathered:
    rows = template.all_rows()
    place = f"sample of {template.name}"
    return Gathered(rows, [Place(place, number) for number in range(1, len(rows) + 1)], [])


def _hub_name(text: str) -> str:
    """The name, if it is one of the Hub: a visitor must not read folders of the server."""
    name = text.strip()
    path = HubName.parse(name).path
    if Path(path).is_absolute() or Path(path).exists():
        raise DatasetError(f"'{name[:80]}' is a folder here; write owner/name as the Hub shows it.")
    return name
