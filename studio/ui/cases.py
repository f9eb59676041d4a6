"""The cases behind a report: a matrix of what changed, and each case with both answers."""

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from studio.measure.outcome import Outcome
from studio.measure.pairs import FLIPS, Pair
from studio.measure.probe import Case
from studio.measure.report import Report
from studio.measure.results import read_probes
from studio.studio import Studio
from studio.ui.border import told, wire
from studio.ui.likelihood import LEGEND, draw_tokens, sort_by_change, tell_change
from studio.ui.markup import empty, quiet
from studio.ui.numbers import share
from studio.ui.pairing import EVERY, pair_up
from studio.ui.reading import Reading, has_lane

NAMES = {
    "right_right": "right → right",
    "right_wrong": "right → wrong",
    "wrong_right": "wrong → right",
    "wrong_wrong": "wrong → wrong",
}
UNMARKED = "unmarked"
"""Cases of open text: no answer is right or wrong, only more or less likely."""
PAGE = 6  # cases listed at once
NONE = "No case of this kind."
MATRIX = (
    '<p class="st-quiet">Rows: what the base had right, then what it had wrong. Columns: right, '
    "then wrong, after tuning. Choose a cell to see its cases, those first whose right answer "
    "lost the most likelihood.</p>"
)


def build(studio: Studio, reading: Reading) -> None:
    """Lay the part out and wire it."""
    with gr.Row():
        probe = gr.Dropdown([], label="Skill", elem_id="case-probe", scale=1, min_width=220)
        with gr.Column(scale=2, min_width=300):
            flip = gr.Radio([], label="Base → tuned", elem_id="case-flip")
            gr.HTML(MATRIX)
    listed = gr.HTML(elem_id="cases", min_height=80)
    with gr.Row(elem_id="case-pages"):
        back = gr.Button("Earlier cases", size="sm", elem_id="case-back", min_width=120)
        ahead = gr.Button("More cases", size="sm", elem_id="case-ahead", min_width=120)
    page = gr.State(0)
    asked = [reading.chosen, reading.lane, probe]
    wire(reading.turned, list_probes, studio, inputs=[reading.report, *asked],
         outputs=[probe, flip, listed, page])  # fmt: skip
    wire(probe.input, count, studio, inputs=asked, outputs=[flip, listed, page])
    wire(flip.input, show, studio, inputs=[*asked, flip], outputs=[listed, page])
    for button, step in ((back, -1), (ahead, 1)):
        wire(button.click, turn, studio, step, inputs=[*asked, flip, page], outputs=[listed, page])


@told
def list_probes(
    studio: Studio, report: Report | None, id: str | None, lane: str | None, probe: str | None
) -> list[Any]:
    """The probes of the measurement, what changed most first; an earlier choice is kept."""
    if report is None or not has_lane(report, lane):
        return [gr.skip(), gr.skip(), "", 0]
    lost = {one.probe: one.b or 0 for one in report.of(str(lane))}
    infos = sorted(report.probes, key=lambda one: lost.get(one.name, 0), reverse=True)
    choices = [("All old skills together", EVERY)]
    choices += [
        (f"{one.title} ({lost.get(one.name, 0)} lost of {one.n})", one.name) for one in infos
    ]
    known = [name for _, name in choices]
    value = probe if probe in known else EVERY
    return [gr.Dropdown(choices=choices, value=value), *count(studio, id, lane, value)]


@told
def count(studio: Studio, id: str | None, lane: str | None, probe: str | None) -> list[Any]:
    """How many cases changed in which way; the lost ones are shown first, if there are any."""
    if not id or not lane or not probe:
        return [gr.skip(), "", 0]
    found = _sort(pair_up(studio.run(id), lane, probe))
    total = sum(len(found[flip]) for flip in FLIPS)
    choices = [
        (f"{NAMES[flip]}\n{len(found[flip]):,} · {share(len(found[flip]), total)}", flip)
        for flip in FLIPS
    ]
    if found[UNMARKED]:
        choices = (choices if total else []) + [
            (f"open text, no right answer\n{len(found[UNMARKED]):,}", UNMARKED)
        ]
    order = ("right_wrong", "wrong_right", "wrong_wrong", "right_right", UNMARKED)
    first = next((flip for flip in order if found[flip]), "right_wrong")
    return [gr.Radio(choices=choices, value=first), *show(studio, id, lane, probe, first)]


@told
def show(
    studio: Studio, id: str | None, lane: str | None, probe: str | None, flip: str | None
) -> list[Any]:
    """The first cases of one cell."""
    return turn(studio, 0, id, lane, probe, flip, 0)


@told
def turn(
    studio: Studio, step: int, id: str | None, lane: str | None, probe: str | None,
    flip: str | None, page: int,
) -> list[Any]:  # fmt: skip
    """A page of the cell's cases, with the expected answer and both given ones."""
    if not id or not lane or not probe or not flip:
        return ["", 0]
    run = studio.run(id)
    found = _sort(pair_up(run, lane, probe))[flip]
    if not found:
        return [empty(NONE), 0]
    pages = -(-len(found) // PAGE)
    page = min(max(0, page + step), pages - 1)
    shown = found[page * PAGE : (page + 1) * PAGE]
    asked = {
        (one.name, case.id): (one.title, case) for one in read_probes(run) for case in one.cases
    }
    drawn = "".join(
        _draw(*asked[pair.base.probe, pair.base.case], pair, titled=probe == EVERY)
        for pair in shown
    )
    first = page * PAGE + 1
    where = f"Cases {first:,} to {first + len(shown) - 1:,} of {len(found):,}."
    legend = LEGEND if shown[0].base.pieces else ""
    return [f'{quiet(where)}{legend}<div class="st-cases">{drawn}</div>', page]


def _sort(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """The four cells and the unmarked cases, the most harmed first."""
    cells: dict[str, list[Pair]] = {flip: [] for flip in (*FLIPS, UNMARKED)}
    for base, tuned in sort_by_change(pairs):
        marked = base.correct is not None and tuned.correct is not None
        cells[Pair(base, tuned).flip if marked else UNMARKED].append(Pair(base, tuned))
    return cells


def _draw(title: str, case: Case, pair: Pair, *, titled: bool) -> str:
    *before, last = [message.content for message in case.messages] or [case.answer]
    asked = "".join(f'<p class="st-quiet st-before">{escape(one)}</p>' for one in before)
    name = f'<p class="st-quiet">{escape(title)}</p>' if titled else ""
    tokens = draw_tokens(pair.base, pair.tuned)
    expected = tokens or escape(case.answer)
    answers = _draw_answers(pair) if pair.base.correct is not None else ""
    return (
        f'<div class="st-case">{name}{asked}<pre>{escape(last)}</pre><dl>'
        f"<dt>Expected</dt><dd>{expected}"
        f'<small class="st-quiet"> {escape(tell_change(pair.base, pair.tuned))}</small></dd>'
        f"{answers}</dl></div>"
    )


def _draw_answers(pair: Pair) -> str:
    def given(outcome: Outcome) -> str:
        sign = "✓ " if outcome.correct else "✗ "
        cut = "" if outcome.stopped else ' <small class="st-quiet">(cut off)</small>'
        return sign + (escape(outcome.text) or "(nothing)") + cut

    return (
        f'<dt class="st-base">Base</dt><dd>{given(pair.base)}</dd>'
        f'<dt class="st-tuned">Tuned</dt><dd>{given(pair.tuned)}</dd>'
    )
