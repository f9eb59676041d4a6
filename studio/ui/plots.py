"""Pictures of numbers for light and dark pages: loss curves, and the style that all share."""

from collections.abc import Sequence
from typing import Any

from studio.tuning.events import Event
from studio.ui.theme import MUTED, TUNED

GRID = "rgba(138, 143, 152, 0.25)"


def draw_curves(events: Sequence[Event]) -> Any:
    """Loss, held-out loss, retention loss and drift over the steps; None before the first step."""
    steps = [event for event in events if event.kind == "step"]
    if not steps:
        return None
    import plotly.graph_objects as go

    heldout = [event for event in events if event.kind == "heldout"]
    anchored = [event for event in steps if event["kl"] is not None]
    figure = go.Figure()
    _line(figure, steps, "loss", name="training loss", color=TUNED, width=1.5)
    if heldout:
        style = {"mode": "lines+markers", "dash": "dash", "width": 2.5}
        _line(figure, heldout, "loss", name="held-out loss", color=TUNED, **style)
    if anchored:
        style = {"dash": "dot", "width": 1}
        _line(figure, anchored, "kl", name="KL on the anchor's text", color=MUTED, **style)
    if looks := [event for event in events if event.kind == "look"]:
        style = {"mode": "lines+markers", "width": 2}
        _line(figure, looks, "retention", name="loss on general text", color=MUTED, **style)
        _line(figure, looks, "kl", name="KL from the base", color=MUTED, dash="dot", **style)
    settle(figure, height=320)
    figure.update_xaxes(title="step")
    figure.update_yaxes(title="nats per token", rangemode="tozero")
    return figure


def _line(
    figure: Any, events: Sequence[Event], field: str, *, name: str, color: str, **style: Any
) -> None:
    mode = style.pop("mode", "lines")
    figure.add_scatter(
        x=[event["step"] for event in events],
        y=[event[field] for event in events],
        name=name,
        mode=mode,
        line={"color": color, **style},
    )


def label(figure: Any, x: str, y: str) -> None:
    """Name both axes and show where they are 0."""
    zero = {"zeroline": True, "zerolinecolor": MUTED, "zerolinewidth": 1}
    figure.update_xaxes(title={"text": x, "standoff": 8}, **zero)
    figure.update_yaxes(title={"text": y, "standoff": 6}, **zero)


def settle(figure: Any, *, height: int, legend_below: bool = False) -> None:
    """Transparent, with greys that read on light and on dark."""
    above = {"y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"}
    below = {"y": -0.16, "yanchor": "top", "x": 0, "xanchor": "left"}
    figure.update_layout(
        template="none",
        height=height,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": MUTED, "size": 12, "family": "system-ui, sans-serif"},
        margin={"l": 55, "r": 15, "t": 30 if legend_below else 50, "b": 45},
        legend={"orientation": "h", **(below if legend_below else above)},
        modebar={
            "bgcolor": "rgba(0,0,0,0)", "color": MUTED, "activecolor": MUTED,
            "remove": ["lasso2d", "select2d", "autoScale2d"],
        },
        hoverlabel={"font": {"family": "system-ui, sans-serif"}},
    )  # fmt: skip
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
