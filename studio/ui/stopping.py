"""A Stop button that is there only while something long is being worked on."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from studio.ui.border import wire


def place(name: str) -> gr.Button:
    """The button, not yet to be seen."""
    return gr.Button("Stop", size="sm", visible=False, elem_id=name, min_width=80)


def let_stop(stop: gr.Button, works: Sequence[tuple[gr.Button, Any]]) -> Any:
    """Show the button from the click on each work's own until the work ends; the click on Stop.

    `works` are the buttons and the events that they begin.
    """
    for begin, work in works:
        wire(begin.click, show, outputs=stop, queue=False)
        wire(work.then, hide, outputs=stop, queue=False)
    return wire(stop.click, hide, outputs=stop, cancels=[work for _, work in works], queue=False)


def show() -> gr.Button:
    """There is something to stop."""
    return gr.Button(visible=True)


def hide() -> gr.Button:
    """There is nothing to stop."""
    return gr.Button(visible=False)
