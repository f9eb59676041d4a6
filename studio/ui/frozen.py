"""Frozen datasets: their card and versions, what differs between two, and their way out."""

import shutil
from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from studio.data.dataset import Dataset
from studio.data.example import Example
from studio.data.exports import FORMS
from studio.data.versions import Change, Difference
from studio.errors import DatasetError
from studio.studio import Studio
from studio.ui import examples, fetching, mixture
from studio.ui.border import told, wire
from studio.ui.markup import empty, quiet, table
from studio.ui.visitor import is_here
from studio.ui.workbench import Workbench

NONE = "No dataset is frozen yet; the first one can be looked at, compared and exported here."
SHOWN = 20
LETTERS = 240
NOT_HERE = (
    "A push uses the sign-in of the machine that the studio runs on, so it is done there; take the "
    "Parquet form away and upload it as yourself."
)


def build(studio: Studio, bench: Workbench) -> list[Any]:
    """Lay the section out and wire it; what `open_newest` fills."""
    with gr.Accordion("Frozen datasets: versions, differences, export", open=False,
                      elem_id="frozen"):  # fmt: skip
        with gr.Row():
            chosen = gr.Dropdown([], label="Dataset", min_width=240, elem_id="frozen-dataset")
            other = gr.Dropdown([], label="Compared with", min_width=240,
                                elem_id="frozen-other")  # fmt: skip
        card = gr.HTML(empty(NONE), elem_id="frozen-card")
        difference = gr.HTML(elem_id="frozen-difference")
        with gr.Row(elem_id="frozen-exports"):
            fetching.offer("dataset", FORMS, take_away, studio, inputs=[chosen, bench.scope])
        with gr.Row():
            repository = gr.Textbox("", label="Repository on the Hub", placeholder="OWNER/NAME",
                                    min_width=200, elem_id="push-repository")  # fmt: skip
            private = gr.Checkbox(True, label="Private", min_width=100, elem_id="push-private")
            push = gr.Button("Push to the Hub", size="sm", min_width=140, elem_id="push")
        pushed = gr.HTML(elem_id="pushed")
    shown = [chosen, other, card, difference]
    wire([bench.tab.select, bench.made.change, chosen.input], open_newest, studio,
         inputs=[chosen, bench.scope], outputs=shown)  # fmt: skip
    wire(other.input, show_difference, studio, inputs=[other, chosen, bench.scope],
         outputs=difference)  # fmt: skip
    wire(push.click, push_dataset, studio, inputs=[chosen, repository, private], outputs=pushed,
         show_progress="full")  # fmt: skip
    return shown


@told
def open_newest(studio: Studio, id: str | None, scope: str | None) -> list[Any]:
    """A dataset, the newest if it is gone, beside the version before it."""
    datasets = studio.datasets(scope)
    if not datasets:
        return [gr.Dropdown([], value=None), gr.Dropdown([], value=None), empty(NONE), ""]
    dataset = next((one for one in datasets if one.id == id), datasets[0])
    versions = studio.dataset_versions(dataset.card.name, owner=scope)
    place = [one.id for one in versions].index(dataset.id)
    before = versions[place - 1] if place else None
    choices = [(f"{one.card.name} ({one.id})", one.id) for one in datasets]
    others = [choice for choice in choices if choice[1] != dataset.id]
    told_here = tell_dataset(dataset) + _tell_versions(versions, dataset)
    return [
        gr.Dropdown(choices, value=dataset.id),
        gr.Dropdown(others, value=before.id if before else None),
        told_here,
        draw_difference(studio.diff_datasets(before.id, dataset.id)) if before else "",
    ]


@told
def show_difference(
    studio: Studio, before: str | None, after: str | None, scope: str | None
) -> str:
    """What is different in a dataset from another one."""
    if not before or not after:
        return ""
    return draw_difference(studio.diff_datasets(before, after, owner=scope))


@told
def take_away(studio: Studio, form: str, id: str | None, scope: str | None) -> str:
    """The dataset in that form, as one file."""
    if not id:
        raise DatasetError("Choose a dataset first.")
    made = studio.export_dataset(id, form, fetching.folder(), owner=scope)
    return shutil.make_archive(str(made), "zip", made.parent, made.name)


@told
def push_dataset(
    studio: Studio, id: str | None, repository: str, private: bool, request: gr.Request
) -> str:
    """Put the dataset into a repository of the Hub; where it is then."""
    if not is_here(request):
        raise DatasetError(NOT_HERE)
    if not id:
        raise DatasetError("Choose a dataset first.")
    address = studio.push_dataset(id, repository.strip(), private=private)
    return quiet(f"Pushed: {address}")


def tell_dataset(dataset: Dataset) -> str:
    """A dataset's card, with what was mixed in."""
    portions = mixture.tell_portions(dataset.card.mixture, dataset.card.train)
    return examples.tell_dataset(dataset) + portions


def draw_difference(found: Difference) -> str:
    """Counts first, then the rows, the options and the template's lines."""
    counts = (
        f"{found.same:,} examples are the same, {len(found.added):,} added, "
        f"{len(found.removed):,} removed, {len(found.changed):,} changed."
    )
    rows = [
        *(_row("~ changed", one.before, _became(one)) for one in found.changed[:SHOWN]),
        *(_row("+ added", one, one.completion) for one in found.added[:SHOWN]),
        *(_row("− removed", one, one.completion) for one in found.removed[:SHOWN]),
    ]
    drawn = table(["What", "Row", "Asked", "Answer"], rows, numbers=[1]) if rows else ""
    if found.options:
        told_options = [[escape(cell) for cell in option] for option in found.options]
        drawn += table(["How it was made", "Before", "Now"], told_options)
    if found.template:
        drawn += f'<pre class="st-diff" tabindex="0">{escape(found.template)}</pre>'
    return f'<p class="st-count">{counts}</p>{drawn}'


def _row(what: str, example: Example, answer: str) -> list[str]:
    asked = example.messages[-1].content[:LETTERS]
    return [what, escape(example.place), escape(asked), escape(answer[:LETTERS])]


def _became(change: Change) -> str:
    before, after = change.before, change.after
    if before.completion != after.completion:
        return f"{before.completion[:LETTERS]} → {after.completion}"
    if before.messages != after.messages:
        return f"asked now: {after.messages[-1].content}"
    return f"moved from {change.moved}"


def _tell_versions(versions: Sequence[Dataset], chosen: Dataset) -> str:
    if len(versions) < 2:
        return quiet("The only version of this name.")
    rows = [
        [
            str(number),
            f"<code>{escape(one.id)}</code>" + " (shown)" * (one.id == chosen.id),
            f"{one.card.created:%Y-%m-%d %H:%M} UTC",
            f"{one.card.train:,}",
            f"{one.card.heldout:,}",
        ]
        for number, one in enumerate(versions, start=1)
    ]
    return table(["Version", "Dataset", "Frozen", "To learn", "Held out"], rows, numbers=[0, 3, 4])
