"""The fields of every repair: what a person may decide; what is left empty the report decides."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gradio as gr

from studio.errors import ProbeError
from studio.measure.comparison import LaneSpec
from studio.measure.halves import can_be_replayed
from studio.measure.probe import OVERALL
from studio.measure.probe import find as find_probes
from studio.measure.report import Report
from studio.studio import Studio
from studio.tuning.remedy import RemedyName
from studio.tuning.run import Run


class Field(NamedTuple):
    """One option of a repair, under the name it has in Python and on the command line."""

    name: str
    label: str
    info: str
    low: float = 0
    high: float = 1
    step: float = 0
    """0 makes it a menu, whose choices depend on the report; 1 a whole number."""
    start: float = 0
    """What stands in the field at first; 0 leaves it to the report."""
    several: bool = False


OPTIONS: dict[RemedyName, tuple[Field, ...]] = {
    "kl_anchor": (
        Field("kl_anchor", "Weight of the anchor", "0: 2, or twice what it was.", 0, 100, 0.5),
    ),
    "replay": (
        Field("probes", "What is replayed", "Empty: every skill that fell.", several=True),
        Field("probe_share", "Share of the examples", "Of each round.", 0.01, 0.9, 0.05, 0.1),
    ),
    "strength": (
        Field("strength", "Strength", "0: the best one inside the budget.", 0, 1.5, 0.05),
    ),
    "checkpoint": (
        Field("checkpoint", "Step", "Empty: the best one measured, else the last one kept."),
    ),
    "average": (
        Field("lanes", "Averaged with", "Empty: its own checkpoints.", several=True),
        Field("rank", "Rank", "0: exact, the ranks add up.", 0, 512, 1),
    ),
    "intruder": (
        Field("top", "Directions looked at", "The largest of each matrix.", 1, 512, 1, 10),
        Field(
            "likeness", "Foreign below a cosine of", "With the base's own.", 0.01, 0.99, 0.05, 0.5
        ),
        Field("kept", "Share that is kept", "Of every foreign direction.", 0, 1, 0.05, 0.75),
    ),
}
MENUS = [(how, field) for how, fields in OPTIONS.items() for field in fields if not field.step]
"""The fields whose choices change with the lane, in the order of the page."""


def lay_out(how: RemedyName) -> list[Any]:
    """The fields of one repair behind a fold."""
    with gr.Accordion("Options", open=False, elem_id=f"options-{how}", elem_classes="st-options"):
        return [_make(how, field) for field in OPTIONS[how]]


def _make(how: RemedyName, field: Field) -> Any:
    common: dict[str, Any] = {
        "label": field.label,
        "info": field.info,
        "elem_id": f"repair-{how}-{field.name}",
        "min_width": 120,
    }
    if not field.step:
        return gr.Dropdown([], value=[] if field.several else None, multiselect=field.several,
                           **common)  # fmt: skip
    return gr.Number(field.start, minimum=field.low, maximum=field.high, step=field.step,
                     precision=0 if field.step == 1 else None, **common)  # fmt: skip


def offer(studio: Studio, report: Report, lane: LaneSpec, run: Run) -> list[Any]:
    """The menus filled for a lane; what was chosen for another lane is forgotten."""
    choices: dict[str, Callable[[], list[Any]]] = {
        "probes": lambda: _replayable(studio, report),
        "checkpoint": lambda: [(f"step {step}", step) for step in run.checkpoints()],
        "lanes": lambda: [
            *((one.title, one.id) for one in report.lanes if one.id != lane.id),
            *((f"its step {step}", f"{run.id}:{step}") for step in run.checkpoints()),
        ],
    }
    return [
        gr.Dropdown(
            choices=choices[field.name](),
            value=[] if field.several else None,
            multiselect=field.several,
        )
        for _, field in MENUS
    ]


def _replayable(studio: Studio, report: Report) -> list[tuple[str, str]]:
    names = [one.name for one in report.probes if one.kind == "retention" and one.name != OVERALL]
    try:
        known = find_probes(names, studio.settings.probes)
    except ProbeError:  # one of them is gone since; the repair itself says which
        return []
    return [(one.title, one.name) for one in known if can_be_replayed(one)]


def read(how: RemedyName, values: Sequence[Any]) -> dict[str, Any]:
    """The options that were given; what is empty, or 0 from the start, is left to the repair."""
    given = {}
    for field, value in zip(OPTIONS[how], values, strict=True):
        left = field.step and not field.start and not value
        if value not in (None, "", []) and not left:
            given[field.name] = value
    return given
