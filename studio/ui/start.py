"""The first tab: what is here, the demo with its live stages, and what to do next."""

from collections.abc import Callable
from html import escape
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.studio import Studio
from studio.tuning.run import Run
from studio.ui.border import told, wire
from studio.ui.findings import tell_headlines
from studio.ui.links import Links, go_to
from studio.ui.machine import describe_base, describe_machine
from studio.ui.markup import card, cards, empty, quiet, stage, table
from studio.ui.standing import Standing, look

LEAD = (
    '<p class="st-lead">Teach a language model a job of yours, talk to it beside the model it came '
    "from, and measure what it gained on the job and what it forgot elsewhere.</p>"
)
DEMO = (
    "The demo builds a small dataset, tunes the starter model on it twice (once plainly, once "
    "holding on to old skills), and measures both against the base. Everything runs on this "
    "machine, in the background; nothing you have is changed."
)
NO_DEMO = "Press Run the demo: the four stages appear here, and its verdict in words at the end."
CONTINUED = 5  # runs listed under "Continue"
PACE = 1.5  # seconds between two looks at the folders

Demo = dict[str, str]


def build(studio: Studio, links: Links, tab: gr.Tab) -> None:
    """Lay the tab out and wire it."""
    gr.HTML(LEAD)
    facts = gr.HTML(min_height=110)
    demo = gr.BrowserState(None, storage_key="studio-demo", secret="not a secret: run ids only")
    gr.Markdown("### The demo")
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            gr.HTML(quiet(DEMO))
            run_button = gr.Button("Run the demo", variant="primary", elem_id="run-demo")
            with gr.Row():
                see_data = gr.Button("See the data", size="sm", min_width=80)
                see_runs = gr.Button("See the runs", size="sm", min_width=80)
                talk = gr.Button("Talk to them", size="sm", min_width=80)
                see_report = gr.Button("See the report", size="sm", min_width=80)
        with gr.Column(scale=1, min_width=280):
            stages = gr.HTML(empty(NO_DEMO), elem_id="stages")
    gr.Markdown("### Continue")
    recent = gr.HTML(min_height=60)
    timer = gr.Timer(PACE)

    shown = [facts, stages, recent, timer]
    seen = [demo, links.scope]
    wire([links.page.load, tab.select, links.scope.change], show, studio, inputs=seen,
         outputs=shown)  # fmt: skip
    wire(timer.tick, show, studio, inputs=seen, outputs=shown, trigger_mode="always_last")
    started = wire(run_button.click, run_demo, studio, outputs=demo, show_progress="minimal")
    wire(started.then, show, studio, inputs=seen, outputs=shown)
    wire(see_data.click, lambda: go_to("data"), outputs=links.tabs)
    wire(see_runs.click, lambda: go_to("tune"), outputs=links.tabs)
    wire(talk.click, open_chat, inputs=demo, outputs=[links.run, links.tabs])
    wire(see_report.click, open_report, inputs=demo, outputs=[links.measurement, links.tabs])


@told
def run_demo(studio: Studio) -> Demo:
    """Start the demo's runs; they wait in line for each other by themselves."""
    from studio.demo import start_demo

    begun = start_demo(studio)
    return {
        "dataset": begun.dataset.id,
        "plain": begun.plain.id,
        "keeping": begun.keeping.id,
        "measurement": begun.measurement.id,
    }


@told
def show(studio: Studio, demo: Demo | None, scope: str | None) -> list[Any]:
    """Everything on the tab, as it stands now; the clock stops when nothing will change."""
    runs = studio.runs()
    busy = any(look(run).under_way for run in runs[:CONTINUED])
    return [
        tell_facts(studio, runs, scope),
        tell_demo(studio, demo),
        tell_recent(runs[:CONTINUED]),
        gr.Timer(active=busy),
    ]


@told
def open_chat(demo: Demo | None) -> list[Any]:
    """Go to the chat, with both of the demo's runs in lanes."""
    return [[demo["plain"], demo["keeping"]] if demo else gr.skip(), go_to("chat")]


@told
def open_report(demo: Demo | None) -> list[Any]:
    """Go to the report of the demo."""
    return [demo["measurement"] if demo else gr.skip(), go_to("report")]


def tell_facts(studio: Studio, runs: list[Run], scope: str | None) -> str:
    """The row of cards."""
    datasets = studio.datasets(scope)
    tuned = [run for run in runs if run.makes_adapter]
    finished = sum(look(run).status == "finished" for run in tuned[:100])
    base, remark = describe_base()
    newest = datasets[0].card if datasets else None
    return cards(
        [
            card("Base", base, remark, f"Runs on {describe_machine()}."),
            card(
                "Datasets",
                str(len(datasets)),
                f"Newest: {newest.name}, {newest.train} to learn, {newest.heldout} held out."
                if newest
                else "None yet; the Data tab builds one.",
            ),
            card(
                "Tuned runs",
                str(len(tuned)),
                f"{finished} finished." if tuned else "None yet; the Tune tab starts one.",
            ),
            card("Last report", *_last_report(studio, runs)),
        ]
    )


def _last_report(studio: Studio, runs: list[Run]) -> tuple[str, str]:
    for run in runs:
        if run.kind == "compare" and run.status() == "finished":
            report = studio.report(run.id)
            first = report.lanes[0]
            verdicts = [delta.verdict for delta in report.of(first.id)]
            return (
                f"{verdicts.count('gained')} gained, {verdicts.count('forgotten')} forgotten",
                f"{first.title}, {report.created:%d %b %H:%M} UTC.",
            )
    return "–", "None yet; it compares a tuned run with its base."


def tell_demo(studio: Studio, demo: Demo | None) -> str:
    """The demo's stages, and at the end both lanes' headlines."""
    if not demo:
        return empty(NO_DEMO)
    try:
        card_ = studio.dataset(demo["dataset"]).card
        runs = {name: studio.run(demo[name]) for name in ("plain", "keeping", "measurement")}
    except StudioError:
        return empty("The last demo was deleted. " + NO_DEMO)
    built = f"{card_.name}: {card_.train} examples to learn, {card_.heldout} held out."
    lines = [stage("done", "Dataset built", built)]
    for name, title in (
        ("plain", "Tune plainly"),
        ("keeping", "Tune, keeping old skills"),
        ("measurement", "Measure both"),
    ):
        standing = look(runs[name])
        lines.append(stage(_mark(standing), title, standing.sentence, standing.share))
    ended = look(runs["measurement"]).status == "finished"
    return "".join(lines) + (tell_headlines(studio.report(demo["measurement"])) if ended else "")


def tell_recent(runs: list[Run]) -> str:
    """The last runs with the next sensible step for each."""
    if not runs:
        return empty("Your last runs appear here. Begin with the demo, or with the Data tab.")
    rows = []
    for run in runs:
        standing = look(run)
        rows.append(
            [
                escape(standing.word),
                escape(run.title),
                escape(standing.sentence),
                escape(NEXT[standing.status](run)),
            ]
        )
    return table(["Status", "Run", "How it stands", "Next"], rows)


def _mark(standing: Standing) -> str:
    if standing.status == "finished":
        return "done"
    if standing.status == "running":
        return "now"
    return "later" if standing.under_way else "bad"


def _after_finish(run: Run) -> str:
    if run.kind == "compare":
        return "Read it in the Report tab."
    return "Talk to it in the Chat tab, and measure it in the Tune tab."


def _watch(run: Run) -> str:
    return "Watch it in the Tune tab." if run.makes_adapter else "Its report comes by itself."


NEXT: dict[str, Callable[[Run], str]] = {
    "created": _watch,
    "waiting": _watch,
    "running": _watch,
    "finished": _after_finish,
    "paused": lambda _: "Resume it in the Tune tab.",
    "failed": lambda _: "Look at the reason in the Tune tab, and start it again.",
    "diverged": lambda _: "Look at the reason in the Tune tab, and start it with a lower rate.",
    "cancelled": lambda _: "Start it again in the Tune tab.",
    "interrupted": lambda _: "Resume it in the Tune tab.",
}
