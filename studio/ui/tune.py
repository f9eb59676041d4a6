"""The third tab: a dial, advice and a Start button, every knob behind a fold, the runs below."""

from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.studio import Studio
from studio.tuning.methods import SHARE_OF_DPO
from studio.tuning.presets import PRESETS
from studio.tuning.recipe import Method, Recipe
from studio.ui import (
    advice,
    before_start,
    forms,
    history,
    prompt_ranking,
    run_deeds,
    run_table,
    sweep,
)
from studio.ui.border import told, wire
from studio.ui.links import Links
from studio.ui.markup import empty, quiet
from studio.ui.old_skills import list_choices

DIAL = [(PRESETS[name].title, name) for name in PRESETS]
FIRST = "balanced"
TOP = ("base", "dataset", "name")
FOLDED = [name for name in forms.FIELDS if name not in TOP]
OF_LOSS = ("learning_rate", "kl_anchor", "replay")
"""Fields that another loss asks to be different."""
ANY: Method = "qlora"  # the method that the dial comes back to from all weights


def build(studio: Studio, links: Links, tab: gr.Tab) -> None:
    """Lay the tab out and wire it."""
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            top, dial, meaning, start = _lay_out_top()
            before = before_start.lay_out()
            rates, swept = sweep.lay_out()
        with gr.Column(scale=2, min_width=320):
            codes = _lay_out_codes()
    option, fill, winner = advice.build(studio, tab, top["base"], top["dataset"])
    folded = _lay_out_folded()
    ranked = prompt_ranking.build(studio, top["base"], top["dataset"])
    form = {**top, **folded}
    fields = [form[name] for name in forms.FIELDS]
    runs = history.build(studio, links, tab)

    dataset, ready, turned_from = top["dataset"], gr.State(False), gr.State(FIRST)
    taken = {"inputs": [links.dataset, dataset, links.scope], "outputs": [links.dataset, dataset]}
    settled = [dial, top["base"], form["method"], dataset]
    idle = gr.HTML(forms.hide_others(ANY, "nll"), elem_id="idle-fields")
    turned = [meaning, turned_from, idle, *(form[name] for name in FOLDED)]
    chosen = [form[name] for name in forms.CHOSEN]
    advised = [top["base"], dataset]
    wire(tab.select, list_choices, studio, inputs=[top["base"], *chosen], outputs=chosen)
    filled = [
        wire(tab.select, list_datasets, studio, **taken),
        wire(
            tab.select,
            turn_first,
            studio,
            inputs=[links.recipe, ready, *settled, turned_from],
            outputs=[links.recipe, top["base"], ready, *turned],
        ),
        wire(dial.input, turn_dial, studio, inputs=[*settled, turned_from], outputs=turned),
        wire(form["method"].input, turn_dial, studio, inputs=settled, outputs=turned),
        wire(fill.click, fill_advice, studio, inputs=[*advised, option], outputs=turned),
        wire(winner.click, fill_winner, studio, inputs=advised, outputs=turned),
        wire(ranked.take.click, fill_prompt, studio, inputs=[*advised, ranked.best],
             outputs=turned),
        wire(before.fill.click, fill_fitting, studio, inputs=fields, outputs=turned),
        wire(runs.copy.click, fill_copy, studio, inputs=runs.chosen,
             outputs=[*top.values(), *turned]),
        wire(dataset.input, suit_epochs, studio, inputs=settled, outputs=form["epochs"]),
        wire(form["loss"].input, suit_loss, studio, inputs=[form["loss"], *settled],
             outputs=[idle, *(form[name] for name in OF_LOSS)]),
    ]  # fmt: skip
    # After a form was filled its values are all there; one by one they would be told half-way.
    for event in ([field.input for field in fields], *(one.then for one in filled)):
        wire(event, spell_out, studio, inputs=fields, outputs=codes, trigger_mode="always_last")
        wire(event, before_start.tell, studio, inputs=fields, outputs=before.shown,
             trigger_mode="always_last")  # fmt: skip
    _wire_starts(
        studio, fields, runs, [(start, False), (before.anyway, True)], swept=(swept, rates)
    )


def _wire_starts(
    studio: Studio, fields: list[Any], runs: Any, starts: list[tuple[gr.Button, bool]],
    *, swept: tuple[gr.Button, gr.Textbox],
) -> None:  # fmt: skip
    """What starts runs, and the list below that then shows them."""
    started = [
        wire(button.click, start_run, studio, anyway, inputs=fields, outputs=runs.chosen,
             show_progress="minimal")
        for button, anyway in starts
    ]  # fmt: skip
    sweep_button, rates = swept
    started.append(
        wire(sweep_button.click, sweep.start, studio, inputs=[rates, *fields],
             outputs=[runs.chosen, runs.compared])
    )  # fmt: skip
    for one in started:
        wire(one.success, run_table.show_runs, studio, inputs=runs.asked, outputs=runs.listed)


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
    meaning = gr.HTML(quiet(PRESETS[FIRST].meaning))
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
def list_datasets(
    studio: Studio, sent: str | None, chosen: str | None, scope: str | None
) -> list[Any]:
    """The datasets to choose from; one that another tab sent comes first, then the newest."""
    choices = [(f"{one.card.name} · {one.card.train}", one.id) for one in studio.datasets(scope)]
    known = [id for _, id in choices]
    value = next((id for id in (sent, chosen, *known) if id in known), None)
    info = "What to learn from." if known else forms.NO_DATASET
    return [None, gr.Dropdown(choices=choices, value=value, info=info)]


@told
def turn_first(
    studio: Studio, sent: dict[str, Any] | None, ready: bool, dial: str, base: str, method: Method,
    dataset: str | None, turned_from: str,
) -> list[Any]:  # fmt: skip
    """Fill the form when the tab is first opened, or as another tab suggests.

    Later it is left alone.
    """
    if ready and not sent:
        return [None, *[gr.skip()] * (5 + len(FOLDED))]
    fields = sent or {}
    base = fields.get("base") or base
    dataset = dataset or next((one.id for one in studio.datasets()), None)
    turned = turn_dial(studio, dial, base, method, dataset, turned_from, fields)
    return [None, base, True, *turned]


@told
def turn_dial(
    studio: Studio, dial: str, base: str, method: Method, dataset: str | None = None,
    turned_from: str = "", fields: dict[str, Any] | None = None,
) -> list[Any]:  # fmt: skip
    """Set every folded field but the method to the preset's value, or to the one given.

    The preset of all weights brings its method along, and turning away from it takes it back.
    """
    base = base.strip() or "starter"
    if turned_from == "whole" != dial and method == "full":
        method = ANY
    if dial == "whole" and not turned_from and method != "full":
        dial = FIRST  # another method was chosen: it is no longer all weights
    try:
        recipe = studio.preset(dial, dataset=dataset or "?", base=base, method=method or ANY)
    except StudioError as error:
        return [empty(str(error)), gr.skip(), gr.skip(), *(gr.skip() for _ in FOLDED)]
    recipe = recipe.model_copy(update=fields or {})
    return [quiet(PRESETS[dial].meaning), dial, *fill_in(recipe)]


@told
def suit_epochs(studio: Studio, dial: str, base: str, method: Method, dataset: str | None) -> Any:
    """How often another dataset is to be seen: few examples more often, to make steps enough."""
    try:
        recipe = studio.preset(
            dial, dataset=dataset or "?", base=base.strip() or "starter", method=method
        )
    except StudioError:
        return gr.skip()
    return recipe.epochs


@told
def suit_loss(
    studio: Studio, loss: str, dial: str, base: str, method: Method, dataset: str | None
) -> list[Any]:
    """What another loss asks for: DPO takes small steps, and has the model itself as its anchor."""
    idle = forms.hide_others(method, loss)
    try:
        recipe = studio.preset(
            dial, dataset=dataset or "?", base=base.strip() or "starter", method=method
        )
    except StudioError:
        return [idle, *[gr.skip()] * len(OF_LOSS)]
    if loss == "dpo":
        rate = float(f"{recipe.learning_rate * SHARE_OF_DPO:.2g}")
        recipe = recipe.model_copy(update={"learning_rate": rate, "kl_anchor": 0.0, "replay": 0.0})
    return [idle, *forms.to_values(recipe, OF_LOSS)]


def fill_in(recipe: Recipe) -> list[Any]:
    """Which fields are hidden, and the recipe's value of every folded one."""
    return [forms.hide_others(recipe.method, recipe.loss), *forms.to_values(recipe, FOLDED)]


@told
def fill_advice(studio: Studio, base: str | None, dataset: str | None, option: str | None) -> Any:
    """The recipe of the chosen option, for the form."""
    found = studio.advised(dataset, base=(base or "").strip() or "starter") if dataset else None
    if found is None:
        raise StudioError("Measure the dataset first; the advice fills the recipe.")
    chosen = advice.pick(found, option)
    if chosen.recipe is None:
        raise StudioError(
            f"“{chosen.title}” needs no recipe; choose another option if you want to tune anyway."
        )
    return _filled(chosen.recipe, f"As advised: {chosen.title}.")


@told
def fill_winner(studio: Studio, base: str | None, dataset: str | None) -> Any:
    """The whole recipe behind the trial that won the race."""
    placed = studio.placed(advice.newest_race(studio, base, dataset))
    won = next((one for one in placed if one.winner), None)
    if won is None:
        raise StudioError("None of the trials gained anything within the budget of forgetting.")
    return _filled(won.entrant.recipe, f"The winner of the race: {won.entrant.title}.")


@told
def fill_fitting(studio: Studio, *values: Any) -> Any:
    """The same recipe in smaller bites, so that it fits."""
    found = studio.fit(forms.read_form(values))
    if found is None:
        raise StudioError("No recipe on this base fits here; choose a smaller base.")
    return _filled(found.recipe, f"So that it fits: {' and '.join(found.changes)}.")


@told
def fill_prompt(studio: Studio, base: str | None, dataset: str | None, run: str) -> Any:
    """A soft prompt that begins as that of an earlier run, and is as long."""
    parent = studio.run(run)
    recipe = studio.preset(FIRST, dataset=dataset or "?", base=(base or "").strip() or "starter",
                           method="prompt_tuning")  # fmt: skip
    length = parent.recipe.virtual_tokens
    recipe = recipe.model_copy(update={"start_from": run, "virtual_tokens": length})
    return _filled(recipe, f"A soft prompt that begins as that of “{parent.title}”.")


@told
def fill_copy(studio: Studio, id: str | None) -> list[Any]:
    """The recipe of a run of before, with its base and dataset."""
    recipe = run_deeds.read_run(studio, id).recipe
    studio.dataset(recipe.dataset)  # one that is gone is told before anything is filled in
    gr.Info("The recipe is in the form above; change what you like and press Start.")
    filled = _filled(recipe, "The recipe of a run of before.")
    return [recipe.base, recipe.dataset, recipe.name, *filled]


def _filled(recipe: Recipe, sentence: str) -> list[Any]:
    return [quiet(sentence), gr.skip(), *fill_in(recipe)]


def spell_out(studio: Studio, *values: Any) -> list[str]:
    """The recipe as a command, as a file, and as a script; or what is wrong with it."""
    try:
        recipe = forms.read_form(values)
    except StudioError as error:
        return [f"# {error}"] * 3
    return [forms.to_command(recipe), forms.to_yaml(recipe), forms.to_python(recipe)]


@told
def start_run(studio: Studio, anyway: bool, *values: Any) -> gr.Dropdown:
    """Start the run and show it; one that cannot fit is refused unless `anyway`."""
    run, is_new = studio.train_once(forms.read_form(values), anyway=anyway)
    if is_new:
        gr.Info("Started; it goes on if you close this page.")
    else:
        gr.Info("A run of this very recipe is under way; here it is. Another seed makes another.")
    return run_table.choose(studio, run.id)
