"""The second tab: a workbook of rows and a template, panel by panel, until it is frozen."""

from typing import Any

import gradio as gr

from studio.studio import Studio
from studio.ui import (
    book_checks,
    book_rows,
    books,
    examples,
    freeze,
    more,
    rows_in,
    templates,
    workbench,
)
from studio.ui.border import told, wire
from studio.ui.links import Links

PANELS: dict[str, Any] = {
    "Rows": rows_in, "Template": templates, "Examples": book_rows, "Checks": book_checks,
    "More": more, "Freeze": freeze,
}  # fmt: skip
"""In the order of the work; each has `build(studio, links, bench, tab)`."""


def build(studio: Studio, links: Links, tab: gr.Tab) -> None:
    """Lay the tab out and wire it."""
    panels = gr.Tabs(selected="rows", elem_id="data-panels", render=False)
    bench = workbench.make(links, panels, tab)
    books.build(studio, bench)
    panels.render()
    with panels:
        for title, module in PANELS.items():
            name = title.lower()
            with gr.Tab(title, id=name, elem_id=f"panel-{name}") as panel:
                module.build(studio, links, bench, panel)
    gr.Markdown("### Datasets")
    listed = gr.HTML(elem_id="datasets")
    wire([tab.select, bench.made.change, bench.scope.change], show_datasets, studio,
         inputs=bench.scope, outputs=listed)  # fmt: skip


@told
def show_datasets(studio: Studio, scope: str | None) -> str:
    """The datasets that the visitor sees, newest first."""
    return examples.list_datasets(studio.datasets(scope))
