"""How far every layer's weights moved, as a small heat map with its numbers."""

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from studio.tuning.run import Run
from studio.ui.markup import empty, quiet

NONE = "This measurement kept no drift per layer; measure again and it appears here."


def read_drift(run: Run, lane: str) -> list[dict[str, Any]]:
    """What the measurement noted for a lane: layer, module, and ‖ΔW‖ / ‖W‖; empty if nothing."""
    try:
        rows = json.loads((run.folder / "drift.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [row for row in rows if row["lane"] == lane]


def draw_drift(rows: Sequence[dict[str, Any]]) -> str:
    """Layers down, modules across; each cell the relative change in percent, shaded by it."""
    if not rows:
        return empty(NONE)
    modules = list(dict.fromkeys(str(row["module"]) for row in rows))
    layers = sorted({row["layer"] for row in rows}, key=lambda one: (str(one).isdigit(), one))
    cells = {(row["layer"], str(row["module"])): float(row["relative"]) for row in rows}
    most = max(cells.values()) or 1.0
    head = "".join(f'<th scope="col">{escape(_short(module))}</th>' for module in modules)
    body = "".join(
        f'<tr><th scope="row">{"other" if layer is None else escape(str(layer))}</th>'
        + "".join(_draw_cell(cells.get((layer, module)), most) for module in modules)
        + "</tr>"
        for layer in layers
    )
    note = (
        "Size of each matrix's change against the matrix itself, ‖ΔW‖ / ‖W‖ in percent. Where the "
        "weights moved most is not always where something was lost."
    )
    return (
        f'{quiet(note)}<div class="st-scroll" tabindex="0"><table class="st-heat"><thead><tr>'
        f'<th scope="col">Layer</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _draw_cell(value: float | None, most: float) -> str:
    if value is None:
        return "<td>–</td>"
    return f'<td style="--heat:{value / most:.2f}">{100 * value:.1f}</td>'


def _short(module: str) -> str:
    return module.rpartition(".")[2].removesuffix("_proj")
