"""The report to take away, how it was measured, and how far the weights moved."""

import shutil
from collections.abc import Callable
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.measure import document
from studio.measure.comparison import LaneSpec
from studio.measure.report import Report
from studio.measure.results import read_probes, read_run_outcomes
from studio.studio import Studio
from studio.tuning.run import Run
from studio.ui import fetching
from studio.ui.border import told, wire
from studio.ui.drift import draw_drift, read_drift
from studio.ui.markup import quiet
from studio.ui.reading import Reading, has_lane

FORMS: dict[str, Callable[[Report, Run], str]] = {
    "html": lambda report, run: document.html(
        report, run, read_probes(run), read_run_outcomes(run)
    ),
    "md": lambda report, run: report.markdown(),
    "json": lambda report, run: report.model_dump_json(indent=1),
    "csv": lambda report, run: document.csv(read_run_outcomes(run)),
}
TITLES = {
    "html": "HTML, one file",
    "md": "Markdown",
    "json": "JSON",
    "csv": "Every answer as CSV",
}
IDS = {"html": "as-html", "md": "as-markdown", "json": "as-json", "csv": "as-csv"}
PACKED = (
    "The ZIP holds the chosen model's adapter with a model card, its recipe, and the newest report "
    "about it."
)


def build(studio: Studio, reading: Reading) -> None:
    """Lay the parts out and wire them."""
    with gr.Accordion("How far each layer moved", open=False, elem_id="part-drift"):
        drift = gr.HTML(elem_id="drift")
    with gr.Accordion("How it was measured", open=False, elem_id="part-method"):
        method = gr.Markdown(elem_id="method")
    gr.Markdown("### Take it away")
    gr.HTML(quiet(PACKED))
    fetch = fetching.place("report")
    with gr.Row():
        for form, title in TITLES.items():
            button = gr.Button(title, size="sm", elem_id=IDS[form], min_width=130)
            asked = [reading.chosen, reading.report]
            fetching.bring(button, fetch, write, studio, form, inputs=asked)
        packed = gr.Button("Adapter with its card, ZIP", size="sm", elem_id="as-zip", min_width=130)
        fetching.bring(packed, fetch, export, studio, inputs=[reading.lane, reading.report])
    wire(reading.turned, show_method, inputs=reading.report, outputs=method)
    wire(reading.turned, show_drift, studio, outputs=drift,
         inputs=[reading.chosen, reading.report, reading.lane])  # fmt: skip


@told
def show_method(report: Report | None) -> str:
    """How it was measured."""
    return report.method() if report else ""


@told
def show_drift(studio: Studio, id: str | None, report: Report | None, lane: str | None) -> str:
    """The lane's drift per layer."""
    if not id or lane is None or not has_lane(report, lane):
        return ""
    return draw_drift(read_drift(studio.run(id), lane))


@told
def write(studio: Studio, form: str, id: str | None, report: Report | None) -> Any:
    """The report as it was last judged, as a file."""
    if not id or report is None:
        raise StudioError("Open a finished measurement first.")
    return fetching.write(f"report-{id}.{form}", FORMS[form](report, studio.run(id)))


@told
def export(studio: Studio, lane: str | None, report: Report | None) -> Any:
    """The chosen lane's adapter with card, recipe and newest report, in one archive."""
    if lane is None or not has_lane(report, lane):
        raise StudioError("Open a finished measurement and choose a tuned model first.")
    run = LaneSpec.parse(lane).run
    if lane != run:
        raise StudioError(
            f"{lane} is not as its run ended; keep it as a run of its own with a repair (weaken, "
            "or go back to a step), then take that one away."
        )
    folder = fetching.folder()
    packed = studio.export(run, folder / run)
    return shutil.make_archive(str(packed), "zip", root_dir=folder, base_dir=run)
