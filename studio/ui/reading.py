"""What all parts of the Report tab share: the measurement that is open, and the chosen lane."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.measure.report import Report


@dataclass(frozen=True)
class Reading:
    """One visitor's open report; the parts read from it, and write little: see their `build`."""

    chosen: gr.Dropdown
    """Id of the measuring run."""
    lane: gr.Dropdown
    """Id of the tuned lane that the details are about."""
    report: gr.State
    """The report of `chosen` as it was last judged; None while there is none."""
    unit: gr.Radio
    """Whether pictures count points or nats per token."""
    budget: gr.Number
    """How much forgetting is accepted, in that unit."""
    wanted: gr.State
    """Id of a measurement that a part has just started, for the tab to open."""
    stamp: gr.State
    """What `report` was made from: the measurement, and the margins if a person chose them."""
    turn: gr.State
    """A count that rises with every other report and every lane that was not chosen by hand.

    It changes together with the lane: while only one of them has changed, the lane may be one
    that the report does not have.
    """

    @property
    def turned(self) -> list[Any]:
        """Events after which every part is drawn again: another report, or another lane."""
        return [self.turn.change, self.lane.select]  # its input also comes with every blur


def has_lane(report: Report | None, lane: str | None) -> bool:
    """Whether the lane is one of the report's; while two choices change together it may not be."""
    return report is not None and lane in {one.id for one in report.lanes}
