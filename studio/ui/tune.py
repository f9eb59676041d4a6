"""The third tab: a dial and a Start button, every knob behind a fold, and the runs below."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.measure.halves import can_be_replayed
from studio.measure.probe import find as find_probes
from studio.studio import Studio
from studio.tuning.recipe import Method, Recipe
from studio.ui import forms, history
from studio.ui.border import told, wire
from studio.ui.links import Links
from studio.ui.markup import empty, quiet

DIAL = [("Keep old skills", "keep"), ("Balanced", "balanced"), ("Learn the most", "learn")]
MEANING = {
    "keep": "Half the learning rate, an anchor that holds the model to what the base says, and "
    "a tenth of replayed text: forgets least, learns somewhat less.",
    "balanced": "Half the learning rate and a light anchor: learns nearly as much, forgets little.",
    "learn": "Full learning rate, three rounds, nothing held back: learns most, and may forget.",
}
FIRST = "balanced"
NO_DATASET = "Nothing to tune on yet. Build a dataset in the Data tab first."
TOP = ("base", "dataset", "name")
FOLDED = [name for name in forms.FIELDS if name not in TOP]


def build(studio: Studio, links: Links, tab: gr.Tab) -> None:
    """Lay the tab out and wire it."""
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            top, dial, meaning, start = _lay_out_top()
            folded = _lay_out_folded()
        with gr.Column(scale=2, min_width=320):
            codes = _lay_out_codes()
    form = {**top, **folded}
    fields = [form[name] for name in forms.FIELDS]
    runs = history.build(studio, links, tab)

    dataset, ready = top["dataset"], gr.State(False)
    taken = {"inputs": [links.dataset, dataset], "outputs": [links.dataset, dataset]}
    settled = [dial, top["base"], form["method"]]
    turned = [meaning, *(form[name] for name in FOLDED)]
    chosen = [form[name] for name in forms.CHOSEN]
    wire(tab.select, list_old_skills, studio, inputs=[*chosen, top["base"]], outputs=chosen)
    filled = [
        wire(tab.select, list_datasets, studio, **taken),
        wire(
            tab.select,
            turn_first,
            studio,
            inputs=[links.recipe, ready, *settled],
            outputs=[links.recipe, top["base"], ready, *turned],
        ),
        wire(dial.input, turn_dial, studio, inputs=settled, outputs=turned),
        wire(form["method"].input, turn_dial, studio, inputs=settled, outputs=turned),
    ]
    # After a form was filled its values are all there; one by one they would be told half-way.
    for event in ([field.input for field in fields], *(one.then for one in filled)):
        wire(event, spell_out, studio, inputs=fields, outputs=codes, trigger_mode="always_last")
    started = wire(
        start.click, start_run, studio, inputs=fields, outputs=runs.chosen, show_progress="minimal"
    )
    wire(
        started.success,
        history.show_runs,
        studio,
        inputs=[runs.seen, runs.chosen],
        outputs=runs.listed,
    )


def _lay_out_top() -> tuple[dict[str, Any], gr.Radio, gr.HTML, gr.Button]:
    with gr.Row():
        base = gr.Dropdown(
            ["starter"], value="starter", label="Base", allow_custom_value=True,
            info="Starter, a folder of a model, or a Hub id.", elem_id="recipe-base", min_width=180,
        )  # fmt: skip
        dataset = gr.Dropdown(
            [],
            label="Dataset",
            info="What to learn from.",
            elem_id="recipe-dataset",
            min_width=260,
            scale=2,
        )
        name = gr.Textbox(
            value="", label="Name", info="Of the run; empty takes the dataset's.", max_length=80,
            elem_id="recipe-name", min_width=180,
        )  # fmt: skip
    dial = gr.Radio(DIAL, value=FIRST, label="From keeping everything to learning the most",
                    elem_id="dial")  # fmt: skip
    meaning = gr.HTML(quiet(MEANING[FIRST]))
    start = gr.Button("Start", variant="primary", elem_id="start-run")
    return {"base": base, "dataset": dataset, "name": name}, dial, meaning, start


def _lay_out_folded() -> dict[str, Any]:
    """Every other field of the recipe, in the groups of the class."""
    made: dict[str, Any] = {}
    with gr.Accordion("Advanced: every field of the recipe", open=False, elem_id="advanced"):
        for group, title in forms.GROUPS.items():
            names = [name for name in forms.fields_of(group) if name in FOLDED]
            if not names:
                continue
            gr.Markdown(f"#### {title}")
            with gr.Row(elem_classes="st-fields"):
                for name in names:
                    made[name] = forms.make_component(name)
    return made


def _lay_out_codes() -> list[gr.Code]:
    with gr.Tabs():
        with gr.Tab("As a command"):
            command = gr.Code(
                language="shell", lines=4, label="Command", wrap_lines=True, interactive=False,
                elem_id="as-command", buttons=["copy"],
            )  # fmt: skip
        with gr.Tab("As YAML"):
            file = gr.Code(
                language="yaml", lines=4, label="YAML", interactive=False, elem_id="as-yaml"
            )
        with gr.Tab("As Python"):
            script = gr.Code(language="python", lines=4, label="Python", interactive=False,
                             elem_id="as-python")  # fmt: skip
    return [command, file, script]


@told
def list_datasets(studio: Studio, sent: str | None, chosen: str | None) -> list[Any]:
    """The datasets to choose from; one that another tab sent comes first, then the newest."""
    choices = [(f"{one.card.name} · {one.card.train}", one.id) for one in studio.datasets()]
    known = [id for _, id in choices]
    value = next((id for id in (sent, chosen, *known) if id in known), None)
    info = "What to learn from." if known else NO_DATASET
    return [None, gr.Dropdown(choices=choices, value=value, info=info)]


@told
def list_old_skills(
    studio: Studio, start_from: str | None, probes: list[str] | None, base: str | None
) -> list[Any]:
    """The runs that can be gone on from, and the probes that can be replayed."""
    runs = [run for run in studio.runs() if run.makes_adapter and run.status() == "finished"]
    choices = [
        ("Nothing: begin anew", ""),
        *((f"{run.title} · {run.id[:15]}", run.id) for run in runs),
    ]
    known = find_probes(
        studio.retention_probes((base or "").strip() or "starter"), studio.settings.probes
    )
    names = [(one.title, one.name) for one in known if can_be_replayed(one)]
    return [
        gr.Dropdown(choices=choices, value=start_from or ""),
        gr.Dropdown(choices=names, value=probes or []),
    ]


@told
def turn_first(
    studio: Studio, sent: dict[str, Any] | None, ready: bool, dial: str, base: str, method: Method
) -> list[Any]:
    """Fill the form when the tab is first opened, or as another tab suggests.

    Later it is left alone.
    """
    if ready and not sent:
        return [None, *[gr.skip()] * (3 + len(FOLDED))]
    fields = sent or {}
    base = fields.get("base") or base
    return [None, base, True, *turn_dial(studio, dial, base, method, fields)]


@told
def turn_dial(
    studio: Studio, dial: str, base: str, method: Method, fields: dict[str, Any] | None = None
) -> list[Any]:
    """Set every folded field but the method to the preset's value, or to the one given."""
    base = base.strip() or "starter"
    try:
        recipe = studio.preset(dial, dataset="?", base=base, method=method or "qlora")
    except StudioError as error:
        return [empty(str(error)), *(gr.skip() for _ in FOLDED)]
    recipe = recipe.model_copy(update=fields or {})
    return [quiet(MEANING[dial]), *forms.to_values(recipe, FOLDED)]


def spell_out(studio: Studio, *values: Any) -> list[str]:
    """The recipe as a command, as a file, and as a script; or what is wrong with it."""
    try:
        recipe = _recipe(values)
    except StudioError as error:
        return [f"# {error}"] * 3
    return [forms.to_command(recipe), forms.to_yaml(recipe), forms.to_python(recipe)]


@told
def start_run(studio: Studio, *values: Any) -> gr.Dropdown:
    """Start the run and show it."""
    run = studio.train(_recipe(values))
    gr.Info("Started; it goes on if you close this page.")
    return history.choose(studio, run.id)


def _recipe(values: Sequence[Any]) -> Recipe:
    filled = dict(zip(forms.FIELDS, values, strict=True))
    if not filled["dataset"]:
        raise StudioError(NO_DATASET)
    return forms.to_recipe(values)
