"""The runs: a table of all, and one of them in full, with its curves and what can be done."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.studio import Studio
from studio.tuning.run import Run
from studio.ui import plots, run_compare, run_deeds, run_table
from studio.ui.before_start import ran_out, tell_used
from studio.ui.border import told, wire
from studio.ui.links import Links
from studio.ui.markup import bar, card, cards, empty
from studio.ui.standing import Standing, look
from studio.ui.watching import tell_answers, tell_watched

NO_RUNS = "No run yet. Choose a dataset above and press Start."
NONE_CHOSEN = "Choose a run in the table: how it stands, its curves and its log appear here."
PACE = 1.5  # seconds between two looks at the folders


@dataclass(frozen=True)
class Runs:
    """The parts that the tab above needs."""

    chosen: gr.Dropdown
    compared: gr.Dropdown
    copy: gr.Button
    """Takes the chosen run's recipe into the form."""
    asked: list[Any]
    """What `run_table.show_runs` takes, and below what it fills."""
    listed: list[Any]


def build(studio: Studio, links: Links, tab: gr.Tab) -> Runs:
    """Lay the lower half of the Tune tab out and wire it."""
    gr.Markdown("### Runs")
    wanted = run_table.lay_out()
    table = gr.Dataframe(
        headers=run_table.HEADERS, interactive=False, label="Tuned runs, newest first",
        max_height=320, elem_id="runs", wrap=False, buttons=[],
    )  # fmt: skip
    compared = run_compare.lay_out()
    chosen = gr.Dropdown([], label="Run to look at", elem_id="chosen-run")
    about = gr.HTML(empty(NO_RUNS), elem_id="about-run", min_height=90)
    deeds = run_deeds.lay_out()
    lighter = gr.Button("Start again with a recipe that fits", variant="primary", size="sm",
                        visible=False, elem_id="start-lighter")  # fmt: skip
    curves = gr.Plot(label="Loss over the steps", show_label=False, elem_id="curves", visible=False)
    with gr.Accordion("Recipe", open=False):
        recipe = gr.Code(language="yaml", label="Recipe of this run", interactive=False)
    with gr.Accordion("Log", open=False):
        log = gr.Textbox(label="The end of the worker's log", lines=10, max_lines=10,
                         interactive=False, autoscroll=True)  # fmt: skip
    seen, drawn = gr.State(None), gr.State(None)
    timer = gr.Timer(PACE, active=False)

    runs = Runs(
        chosen=chosen, compared=compared.chosen, copy=deeds.copy, asked=[seen, chosen, *wanted],
        listed=[table, chosen, compared.chosen, wanted[-1], seen, timer],
    )  # fmt: skip
    detail = [about, curves, recipe, log, drawn, lighter]
    looks = {"inputs": [chosen, drawn], "outputs": detail}
    shows = {"inputs": runs.asked, "outputs": runs.listed}
    beside = {"inputs": [compared.chosen, compared.shown[-1]], "outputs": compared.shown}
    wire([tab.select, *(one.change for one in wanted)], run_table.show_runs, studio, **shows,
         trigger_mode="always_last")  # fmt: skip
    ticked = wire(timer.tick, run_table.show_runs, studio, **shows, trigger_mode="always_last")
    for event in (ticked.then, chosen.change):
        wire(event, show_run, studio, **looks)
    for event in (ticked.then, compared.chosen.change):
        wire(event, run_compare.show_compared, studio, **beside)
    wire(table.select, run_table.pick, inputs=seen, outputs=chosen)
    again = wire(lighter.click, start_lighter, studio, inputs=chosen, outputs=chosen)
    wire(again.success, run_table.show_runs, studio, **shows)
    _wire_deeds(studio, links, deeds, runs, looks)
    return runs


def _wire_deeds(
    studio: Studio, links: Links, deeds: run_deeds.Deeds, runs: Runs, looks: dict[str, Any]
) -> None:
    """What the buttons do to the chosen run, and what is shown anew after it."""
    chosen, (*_, timer), (*_, drawn, _) = runs.chosen, runs.listed, looks["outputs"]
    shows = {"inputs": runs.asked, "outputs": runs.listed}
    wire(deeds.measure.click, run_deeds.measure_run, studio, inputs=chosen,
         outputs=[links.measurement, links.tabs])  # fmt: skip
    wire(deeds.talk.click, run_deeds.open_chat, studio, inputs=chosen,
         outputs=[links.run, links.tabs])  # fmt: skip
    for button, deed in (
        (deeds.cancel, run_deeds.cancel_run), (deeds.pause, run_deeds.pause_run),
        (deeds.resume, run_deeds.resume_run),
    ):  # fmt: skip
        done = wire(button.click, deed, studio, inputs=chosen, outputs=timer)
        wire(done.then, show_run, studio, **looks)
    again = wire(deeds.retry.click, run_deeds.retry_run, studio, inputs=chosen, outputs=chosen)
    wire(again.success, run_table.show_runs, studio, **shows)
    label = [deeds.title, deeds.note]
    wire(chosen.change, run_deeds.show_label, studio, inputs=chosen, outputs=label)
    kept = wire(deeds.save.click, run_deeds.save_label, studio, inputs=[chosen, *label],
                outputs=drawn)  # fmt: skip
    wire(kept.success, run_table.show_runs, studio, **shows)
    wire(kept.success, show_run, studio, **looks)
    for button, places in ((deeds.earlier, -1), (deeds.later, 1)):
        moved = wire(button.click, run_deeds.move_run, studio, places, inputs=chosen)
        wire(moved.success, run_table.show_runs, studio, **shows)
    run_deeds.bring_plain(studio, deeds, chosen)
    run_deeds.ask_first(deeds)
    gone = wire(deeds.sure.click, run_deeds.delete_run, studio, inputs=chosen,
                outputs=[chosen, deeds.asked])  # fmt: skip
    wire(gone.then, run_table.show_runs, studio, **shows)


@told
def show_run(studio: Studio, id: str | None, drawn: Any) -> list[Any]:
    """One run in full; left alone while nothing has happened to it."""
    if not id:
        return [empty(NONE_CHOSEN), gr.Plot(visible=False), "", "", None, gr.Button(visible=False)]
    try:
        run = studio.run(id)
    except StudioError:
        return [empty(NONE_CHOSEN), gr.Plot(visible=False), "", "", None, gr.Button(visible=False)]
    standing, events = look(run), run.events()
    now = [id, standing.status, len(events)]
    if now == drawn:
        return [gr.skip() for _ in range(6)]
    figure = plots.draw_curves(events)
    return [
        tell_run(run, standing),
        gr.Plot(value=figure, visible=figure is not None),
        run.repair.yaml() if run.kind == "repair" else run.recipe.yaml(),
        run.log_tail(),
        now,
        gr.Button(visible=ran_out(run)),
    ]


def tell_run(run: Run, standing: Standing) -> str:
    """How the run stands: a sentence, the progress, and a few numbers."""
    steps, heldout = run.steps(), run.last("heldout")
    last = steps[-1] if steps else {}
    facts = [card("How it stands", standing.word, standing.sentence)]
    if last:
        facts.append(
            card("Loss", f"{last['loss']:.3f}", f"Step {last['step']} of {last['total']}.")
        )
    if heldout:
        facts.append(card("Held-out loss", f"{heldout['loss']:.3f}", f"At step {heldout['step']}."))
    if "kl" in last:
        facts.append(card("Drift from the base", f"{last['kl']:.4f}", "KL, nats per token."))
    facts += tell_watched(run)
    facts += _tell_keeping(run)
    facts += tell_used(run)
    warnings = [str(event["message"]) for event in run.events() if event.kind == "warning"]
    facts += [card("Mind", "! warning", warning) for warning in warnings]
    return bar(standing.share, run.title) + "<br>" + cards(facts) + tell_answers(run.events())


def _tell_keeping(run: Run) -> list[str]:
    """What was replayed of old skills, and which earlier adapters there are."""
    facts = []
    if replayed := run.last("replayed"):
        right = sum(counts[0] for counts in replayed["right"].values())
        asked = sum(counts[1] for counts in replayed["right"].values())
        names = ", ".join(replayed["right"])
        facts.append(card("Replayed", f"{right} of {asked}", f"Cases of {names} the base knows."))
    if steps := run.checkpoints():
        listed = ", ".join(map(str, steps))
        facts.append(card("Kept on the way", listed, f"Steps; {run.id}:{steps[0]} is such a lane."))
    return facts


@told
def start_lighter(studio: Studio, id: str | None) -> gr.Dropdown:
    """Answer a run that ran out of memory with the same recipe in smaller bites."""
    found = studio.lighter(run_deeds.read_run(studio, id))
    run = studio.train(found.recipe)
    gr.Info(f"Started again with {' and '.join(found.changes)}.")
    return run_table.choose(studio, run.id)
