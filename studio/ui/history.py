"""The runs: a table of all, and one of them in full, with its curves and what can be done."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.measure.report import Report
from studio.studio import Studio
from studio.tuning.run import Run
from studio.ui import plots
from studio.ui.before_start import ran_out, tell_used
from studio.ui.border import told, wire
from studio.ui.links import Links, go_to
from studio.ui.markup import bar, card, cards, empty
from studio.ui.numbers import number, signed
from studio.ui.standing import Standing, look

HEADERS = ["Status", "Name", "Method", "Dataset", "Steps", "Loss", "Gain", "Forgetting"]
NO_RUNS = "No run yet. Choose a dataset above and press Start."
NONE_CHOSEN = "Choose a run in the table: how it stands, its curves and its log appear here."
LISTED = 40  # newest runs in the table
PACE = 1.5  # seconds between two looks at the folders

Seen = list[Any]
"""What the table showed last, to leave it alone while nothing has changed."""


@dataclass(frozen=True)
class Runs:
    """The parts that the tab above needs."""

    chosen: gr.Dropdown
    seen: gr.State
    listed: list[Any]


def build(studio: Studio, links: Links, tab: gr.Tab) -> Runs:
    """Lay the lower half of the Tune tab out and wire it."""
    gr.Markdown("### Runs")
    table = gr.Dataframe(
        headers=HEADERS, interactive=False, label="Tuned runs, newest first", max_height=320,
        elem_id="runs", wrap=False, buttons=[],
    )  # fmt: skip
    chosen = gr.Dropdown([], label="Run to look at", elem_id="chosen-run")
    about = gr.HTML(empty(NO_RUNS), elem_id="about-run", min_height=90)
    with gr.Row():
        measure = gr.Button("Measure", size="sm", elem_id="measure-run", min_width=110)
        talk = gr.Button("Chat", size="sm", elem_id="chat-run", min_width=110)
        cancel = gr.Button("Cancel", size="sm", elem_id="cancel-run", min_width=110)
        delete = gr.Button("Delete", size="sm", elem_id="delete-run", min_width=110)
    lighter = gr.Button("Start again with a recipe that fits", variant="primary", size="sm",
                        visible=False, elem_id="start-lighter")  # fmt: skip
    with gr.Row(visible=False) as asked:
        sure = gr.Button("Delete this run and its adapter", variant="stop", size="sm",
                         elem_id="delete-sure")  # fmt: skip
        keep = gr.Button("Keep it", size="sm")
    curves = gr.Plot(label="Loss over the steps", show_label=False, elem_id="curves", visible=False)
    with gr.Accordion("Recipe", open=False):
        recipe = gr.Code(language="yaml", label="Recipe of this run", interactive=False)
    with gr.Accordion("Log", open=False):
        log = gr.Textbox(label="The end of the worker's log", lines=10, max_lines=10,
                         interactive=False, autoscroll=True)  # fmt: skip
    seen, drawn = gr.State(None), gr.State(None)
    timer = gr.Timer(PACE, active=False)

    listed = [table, chosen, seen, timer]
    detail = [about, curves, recipe, log, drawn, lighter]
    wire(tab.select, show_runs, studio, inputs=[seen, chosen], outputs=listed)
    ticked = wire(timer.tick, show_runs, studio, inputs=[seen, chosen], outputs=listed,
                  trigger_mode="always_last")  # fmt: skip
    for event in (ticked.then, chosen.change):
        wire(event, show_run, studio, inputs=[chosen, drawn], outputs=detail)
    wire(table.select, pick, inputs=seen, outputs=chosen)
    wire(measure.click, measure_run, studio, inputs=chosen, outputs=[links.measurement, links.tabs])
    wire(talk.click, open_chat, studio, inputs=chosen, outputs=[links.run, links.tabs])
    stopped = wire(cancel.click, cancel_run, studio, inputs=chosen, outputs=timer)
    wire(stopped.then, show_run, studio, inputs=[chosen, drawn], outputs=detail)
    again = wire(lighter.click, start_lighter, studio, inputs=chosen, outputs=chosen)
    wire(again.success, show_runs, studio, inputs=[seen, chosen], outputs=listed)
    wire(delete.click, lambda: gr.Row(visible=True), outputs=asked)
    wire(keep.click, lambda: gr.Row(visible=False), outputs=asked)
    gone = wire(sure.click, delete_run, studio, inputs=chosen, outputs=[chosen, asked])
    wire(gone.then, show_runs, studio, inputs=[seen, chosen], outputs=listed)
    return Runs(chosen=chosen, seen=seen, listed=listed)


@told
def show_runs(studio: Studio, seen: Seen | None, chosen: str | None) -> list[Any]:
    """The table as it stands; left alone while nothing has changed."""
    runs = [run for run in studio.runs() if run.makes_adapter][:LISTED]
    standings = [look(run) for run in runs]
    busy = any(standing.under_way for standing in standings)
    headlines = _headlines(studio)
    rows = [_row(run, standing, headlines) for run, standing in zip(runs, standings, strict=True)]
    ids = [run.id for run in runs]
    now: Seen = [ids, rows]
    clock = gr.Timer(active=busy)
    if now == seen:
        return [gr.skip(), gr.skip(), gr.skip(), clock]
    same_runs = seen is not None and seen[0] == ids
    menu = gr.skip() if same_runs else _menu(runs, chosen)
    return [gr.Dataframe(value=rows), menu, now, clock]


@told
def choose(studio: Studio, id: str) -> gr.Dropdown:
    """Look at that run."""
    return _menu([run for run in studio.runs() if run.makes_adapter][:LISTED], id)


def _menu(runs: list[Run], chosen: str | None) -> gr.Dropdown:
    choices = [(f"{run.title} · {run.id[:15]}", run.id) for run in runs]
    known = [run.id for run in runs]
    return gr.Dropdown(
        choices=choices, value=chosen if chosen in known else (known[0] if known else None)
    )


def _row(run: Run, standing: Standing, headlines: dict[str, tuple[str, str]]) -> list[str]:
    recipe, steps = run.recipe, run.steps()
    last = steps[-1] if steps else {}
    gain, forgetting = headlines.get(run.id, ("", ""))
    return [
        standing.word,
        run.title,
        _method(run),
        recipe.dataset,
        f"{last['step']} / {last['total']}" if last else "",
        f"{last['loss']:.3f}" if last else "",
        gain,
        forgetting,
    ]


def _method(run: Run) -> str:
    if run.kind == "repair":
        return f"repair: {run.summary()}"
    recipe = run.recipe
    parts = [recipe.shape]
    parts += [f"KL {recipe.kl_anchor:g}"] if recipe.kl_anchor else []
    parts += [f"replay {recipe.replay:.0%}"] if recipe.replay else []
    parts += [f"replays {len(recipe.replay_probes)} probes"] if recipe.replay_probes else []
    parts += ["continued"] if recipe.start_from else []
    return ", ".join(parts)


def _headlines(studio: Studio) -> dict[str, tuple[str, str]]:
    """Gain and forgetting of every measured run at full strength, from its newest report."""
    found: dict[str, tuple[str, str]] = {}
    measured = [run for run in studio.runs() if run.kind == "compare"][:LISTED]
    for run in measured:
        if run.status() == "finished":
            report = studio.report(run.id)
            for lane in report.lanes:
                found.setdefault(lane.id, _short(report, lane.id))
    return found


def _short(report: Report, lane: str) -> tuple[str, str]:
    deltas = report.of(lane)
    gain = next((one for one in deltas if one.kind == "gain"), None)
    kept = next((one for one in deltas if one.kind == "retention"), None)
    return tuple(  # type: ignore[return-value]
        f"{signed(100 * one.difference)} ({number(100 * one.low)} … {number(100 * one.high)})"
        if one and one.difference is not None and one.low is not None and one.high is not None
        else ""
        for one in (gain, kept)
    )


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
    facts += _tell_keeping(run)
    facts += tell_used(run)
    warnings = [str(event["message"]) for event in run.events() if event.kind == "warning"]
    facts += [card("Mind", "! warning", warning) for warning in warnings]
    return bar(standing.share, run.title) + "<br>" + cards(facts)


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
def pick(seen: Seen | None, event: gr.SelectData) -> Any:
    """The run of the row that was clicked."""
    row = event.index[0]
    return seen[0][row] if seen and row < len(seen[0]) else gr.skip()


@told
def measure_run(studio: Studio, id: str | None) -> list[Any]:
    """Start measuring the run against its base, and go to where the report will be."""
    measurement = studio.compare([_chosen(id)])
    gr.Info("Measuring against the base; the report appears when it is done.")
    return [measurement.id, go_to("report")]


@told
def open_chat(studio: Studio, id: str | None) -> list[Any]:
    """Go to the chat with this run in a lane."""
    run = studio.run(_chosen(id))
    if run.status() != "finished":
        raise StudioError(f"This run is {run.status()}; chat with it once it is finished.")
    return [[run.id], go_to("chat")]


@told
def cancel_run(studio: Studio, id: str | None) -> gr.Timer:
    """Stop the run; its folder and log stay."""
    studio.run(_chosen(id)).cancel()
    return gr.Timer(active=True)


@told
def start_lighter(studio: Studio, id: str | None) -> gr.Dropdown:
    """Answer a run that ran out of memory with the same recipe in smaller bites."""
    found = studio.lighter(studio.run(_chosen(id)))
    run = studio.train(found.recipe)
    gr.Info(f"Started again with {' and '.join(found.changes)}.")
    return choose(studio, run.id)


@told
def delete_run(studio: Studio, id: str | None) -> list[Any]:
    """Remove an ended run with its adapter."""
    studio.delete_run(_chosen(id))
    return [None, gr.Row(visible=False)]


def _chosen(id: str | None) -> str:
    if not id:
        raise StudioError("Choose a run in the table first.")
    return id
