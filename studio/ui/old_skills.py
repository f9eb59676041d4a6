"""The menus of the recipe's form that offer what there is: runs, probes, datasets and drafts."""

from typing import Any

import gradio as gr

from studio.measure.halves import can_be_replayed
from studio.measure.probe import find
from studio.studio import Studio
from studio.ui import forms
from studio.ui.border import told

NOTHING = ("Nothing: begin anew", "")


@told
def list_choices(studio: Studio, base: str | None, *values: Any) -> list[gr.Dropdown]:
    """A menu for each of `forms.CHOSEN`, with its value kept."""
    now = dict(zip(forms.CHOSEN, values, strict=True))
    runs = [run for run in studio.runs() if run.makes_adapter and run.status() == "finished"]
    goes_on = [run for run in runs if not run.recipe.is_whole]
    names = studio.retention_probes((base or "").strip() or "starter")
    probes = find(names, studio.settings.probes)
    kept = [(probe.title, probe.name) for probe in probes if can_be_replayed(probe)]
    texts = [(probe.title, probe.name) for probe in probes if probe.kind == "retention"]
    datasets = [(f"{one.card.name} · {one.card.train}", one.id) for one in studio.datasets()]
    drafts = [
        (f"{draft.card.title} · {len(draft.pairs)} pairs", draft.name)
        for draft in studio.drafts.list()
        if draft.pairs and not draft.card.owner  # a visitor's are nobody else's business
    ]
    menus: dict[str, list[tuple[str, str]]] = {
        "start_from": [NOTHING, *((f"{run.title} · {run.id[:15]}", run.id) for run in goes_on)],
        "pairs": [("None", ""), *drafts],
        "anchor_on": [*texts, *datasets],
        "replay_probes": kept,
        "replay_datasets": datasets,
    }
    return [
        gr.Dropdown(choices=menus[name], value=now[name] or ([] if several(name) else ""))
        for name in forms.CHOSEN
    ]


def several(name: str) -> bool:
    """Whether more than one can be chosen."""
    return isinstance(forms.Recipe.model_fields[name].default, tuple)
