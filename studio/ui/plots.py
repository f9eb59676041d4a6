"""Pictures of numbers for light and dark pages: loss curves, differences, the plane."""

from collections.abc import Sequence
from typing import Any

from studio.measure.delta import Delta
from studio.measure.probe import OVERALL
from studio.measure.report import Report
from studio.tuning.events import Event
from studio.ui.findings import in_order
from studio.ui.theme import BASE, LANES, MUTED, TUNED

GRID = "rgba(138, 143, 152, 0.25)"
FAINT = "rgba(217, 115, 13, 0.35)"
"""The tuned colour for differences that no verdict stands on."""
SYMBOLS = ("circle", "square", "triangle-up")
SIGNS = {"gained": "▲", "forgotten": "▼"}


def draw_curves(events: Sequence[Event]) -> Any:
    """Loss, held-out loss and drift over the steps; None before the first step."""
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
        _line(figure, anchored, "kl", name="KL from the base", color=MUTED, dash="dot", width=2)
    _settle(figure, height=320)
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


def draw_differences(report: Report, lane: str) -> Any:
    """Every probe's difference to the base in points, with its interval; gains first."""
    import plotly.graph_objects as go

    deltas = list(reversed(in_order(report.of(lane))))
    figure = go.Figure(
        go.Bar(
            orientation="h",
            y=[f"{SIGNS.get(one.verdict, '')} {_name(one)}" for one in deltas],
            x=[100 * delta.difference for delta in deltas],
            error_x=_spread(deltas, color=MUTED),
            marker={"color": [TUNED if one.verdict in SIGNS else FAINT for one in deltas]},
            customdata=[[delta.n, delta.verdict] for delta in deltas],
            hovertemplate="%{y}: %{x:+.1f} points, n = %{customdata[0]}, %{customdata[1]}"
            "<extra></extra>",
        )
    )
    _settle(figure, height=110 + 21 * len(deltas))
    figure.update_xaxes(title="tuned minus base, points", zeroline=True, zerolinecolor=MUTED)
    figure.update_yaxes(automargin=True)
    return figure


def draw_plane(report: Report) -> Any:
    """Each lane as a point: what it forgot (to the right) against what it gained (upwards)."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=[0], y=[0], mode="markers", name="base",
        marker={"color": BASE, "size": 12, "symbol": "diamond"},
        hovertemplate="base<extra></extra>",
    )  # fmt: skip
    for number, lane in enumerate(report.lanes):
        deltas = report.of(lane.id)
        gain = next((one for one in deltas if one.kind == "gain"), None)
        kept = next((one for one in deltas if one.probe == OVERALL), None)
        if not gain or not kept:
            continue
        color, symbol = LANES[number % len(LANES)], SYMBOLS[number % len(SYMBOLS)]
        figure.add_scatter(
            x=[-100 * kept.difference], y=[100 * gain.difference], name=lane.title,
            mode="markers", marker={"color": color, "size": 12, "symbol": symbol},
            error_x=_spread([kept], sign=-1, color=color), error_y=_spread([gain], color=color),
            hovertemplate="forgot %{x:.1f} points, gained %{y:.1f}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    _settle(figure, height=380)
    figure.update_xaxes(title="forgotten, points (all retention probes)", zerolinecolor=MUTED)
    figure.update_yaxes(title="gained on the task, points", zerolinecolor=MUTED)
    return figure


def _name(delta: Delta) -> str:
    return f"<b>{delta.title}</b>" if delta.probe == OVERALL else delta.title


def _spread(deltas: Sequence[Delta], *, color: str, sign: int = 1) -> dict[str, Any]:
    """Arms of the interval crosses; a mirrored axis swaps them."""
    above = [100 * (delta.high - delta.difference) for delta in deltas]
    below = [100 * (delta.difference - delta.low) for delta in deltas]
    if sign < 0:
        above, below = below, above
    return {
        "type": "data", "symmetric": False, "array": above, "arrayminus": below,
        "color": color, "thickness": 1.5, "width": 4,
    }  # fmt: skip


def _settle(figure: Any, *, height: int) -> None:
    """Transparent, with greys that read on light and on dark."""
    figure.update_layout(
        template="none",
        height=height,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": MUTED, "size": 12, "family": "system-ui, sans-serif"},
        margin={"l": 55, "r": 20, "t": 50, "b": 45},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        hoverlabel={"font": {"family": "system-ui, sans-serif"}},
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
