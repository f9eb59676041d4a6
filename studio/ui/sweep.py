"""The recipe of the form at several learning rates, started one behind the other."""

from typing import Any

import gradio as gr

from studio.studio import Studio
from studio.tuning.differences import MOST
from studio.tuning.sweep import read_rates
from studio.ui import forms, run_table
from studio.ui.border import told

USUAL = "1e-4, 3e-4, 1e-3"


def lay_out() -> tuple[gr.Textbox, gr.Button]:
    """Where the rates are written, and the button that starts a run for each."""
    with gr.Accordion("Sweep: this recipe at several learning rates", open=False,
                      elem_id="sweep"):  # fmt: skip
        rates = gr.Textbox(
            USUAL, label="Learning rates", elem_id="sweep-rates",
            info="Two to eight, commas between them. The runs wait in line for each other.",
        )  # fmt: skip
        start = gr.Button("Start them all, and compare them", size="sm", elem_id="start-sweep")
    return rates, start


@told
def start(studio: Studio, rates: str, *values: Any) -> list[Any]:
    """Start a run for every rate; the first is looked at, and as many as can be are compared."""
    runs = studio.sweep(forms.read_form(values), read_rates(rates))
    gr.Info(f"Started {len(runs)} runs; they go on if you close this page.")
    first = run_table.choose(studio, runs[0].id)
    ids = [run.id for run in runs[:MOST]]
    return [first, gr.Dropdown(choices=first.choices, value=ids)]
