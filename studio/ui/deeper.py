"""Ask more of a measurement: more cases, or the same answers judged with other margins."""

from html import escape
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.measure import results
from studio.measure.report import Report
from studio.studio import Studio
from studio.ui.border import told, wire
from studio.ui.findings import retention_of
from studio.ui.markup import quiet
from studio.ui.reading import Reading, has_lane

MORE = (
    "Cases that were answered already are kept; only new ones are asked. More cases make intervals "
    "narrower: four times as many, half as wide."
)
JUDGE = "Judged again from the same answers, at once; nothing is asked anew."


def build(studio: Studio, reading: Reading) -> None:
    """Lay the parts out and wire them."""
    with gr.Row():
        with gr.Column(min_width=280):
            _build_more(studio, reading)
        with gr.Column(min_width=280):
            _build_judge(studio, reading)


def _build_more(studio: Studio, reading: Reading) -> None:
    gr.Markdown("#### Measure more")
    needed = gr.HTML(elem_id="needed")
    limit = gr.Number(0, label="Cases per probe now", info="0 takes all there are.", minimum=0,
                      precision=0, elem_id="more-limit", min_width=120)  # fmt: skip
    more = gr.Button("Measure more", elem_id="measure-more", size="md")
    read = [reading.report, reading.chosen, reading.lane]
    wire(reading.turned, tell_needed, studio, inputs=read, outputs=[needed, limit])
    wire(more.click, measure_more, studio, inputs=[reading.chosen, limit],
         outputs=reading.wanted, show_progress="minimal")  # fmt: skip


def _build_judge(studio: Studio, reading: Reading) -> None:
    gr.Markdown("#### Judge differently")
    gr.HTML(quiet(JUDGE))
    with gr.Row():
        margin = gr.Number(None, label="Margin, points", minimum=0.1, maximum=50, step=0.5,
                           elem_id="margin", min_width=90)  # fmt: skip
        nats = gr.Number(None, label="Margin, nats per token", minimum=0.001, step=0.01,
                         elem_id="nll-margin", min_width=90)  # fmt: skip
        level = gr.Number(None, label="Confidence, %", minimum=51, maximum=99.9, step=1,
                          elem_id="level", min_width=90)  # fmt: skip
    judge = gr.Button("Judge again", elem_id="judge", size="md")
    wire(reading.turned, fill_bounds, inputs=reading.report, outputs=[margin, nats, level])
    wire(
        [judge.click, margin.submit, nats.submit, level.submit], rejudge, studio,
        inputs=[reading.chosen, margin, nats, level], outputs=[reading.report, reading.stamp],
        show_progress="minimal",
    )  # fmt: skip


@told
def tell_needed(
    studio: Studio, report: Report | None, id: str | None, lane: str | None
) -> list[Any]:
    """How many cases were asked, and how many more the inconclusive skills would take."""
    if report is None or id is None or lane is None or not has_lane(report, lane):
        return ["", gr.skip()]
    limit = studio.run(id).comparison.limit
    unsure = [one for one in retention_of(report, lane) if one.verdict == "inconclusive"]
    asked = f"At most {limit:,} cases of each probe were asked." if limit else (
        "Every case there is was asked; more have to be written or imported first."
    )  # fmt: skip
    return [
        f"<p>{escape(asked)} {escape(_tell_unsure(unsure))}</p>{quiet(MORE)}",
        gr.Number(value=4 * limit if limit else 0),
    ]


def _tell_unsure(unsure: list[Any]) -> str:
    if not unsure:
        return "No skill of this model is inconclusive."
    sizes = sorted(one.more_cases for one in unsure if one.more_cases)
    far = len(unsure) - len(sizes)
    parts = []
    if sizes:
        most = f"{sizes[0]:,} to {sizes[-1]:,}" if len(sizes) > 1 else f"{sizes[0]:,}"
        parts.append(f"{len(sizes)} would take about {most} more cases each")
    if far:
        parts.append(f"{far} more than 10,000")
    return f"Of {len(unsure)} inconclusive skills {', '.join(parts)}."


@told
def measure_more(studio: Studio, id: str | None, limit: float | None) -> str:
    """Start the same measurement with more cases."""
    if not id:
        raise StudioError("Open a finished measurement first.")
    before, now = studio.run(id).comparison.limit, int(limit or 0)
    if not before:
        raise StudioError("Every case there is was asked already; import or write more probes.")
    if 0 < now <= before:
        raise StudioError(f"{before} cases of each probe were asked; give more than that, or 0.")
    started = studio.measure_more(id, limit=now)
    gr.Info("Measuring the new cases; the report opens when they are answered.")
    return str(started.id)


@told
def fill_bounds(report: Report | None) -> list[Any]:
    """What the open report was judged with."""
    if report is None:
        return [gr.skip()] * 3
    return [100 * report.margin, report.nll_margin, round(100 * report.level, 2)]


@told
def rejudge(
    studio: Studio, id: str | None, margin: float | None, nats: float | None, level: float | None
) -> list[Any]:
    """The same outcomes judged with other margins, for this visitor only."""
    if not id:
        raise StudioError("Open a finished measurement first.")
    if not margin or not nats or not level:
        raise StudioError("Give both margins and the confidence as numbers above 0.")
    run = studio.run(id)
    report = results.read_report(run)
    if (100 * report.margin, report.nll_margin, 100 * report.level) != (margin, nats, level):
        report = results.rejudge(run, margin=margin / 100, nll_margin=nats, level=level / 100)
    return [report, [id, margin, nats, level]]
