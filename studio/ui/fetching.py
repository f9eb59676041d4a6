"""Files to take away: each is made when its button is pressed, and then comes by itself."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from studio.ui.border import wire


def place(name: str) -> gr.DownloadButton:
    """Where files come from: hidden, because there is nothing to fetch before one is made."""
    return gr.DownloadButton("Fetch", visible="hidden", elem_id=f"fetch-{name}")


def bring(
    button: gr.Button,
    fetch: gr.DownloadButton,
    make: Callable[..., Any],
    *fixed: Any,
    inputs: Any,
    also: Sequence[Any] = (),
) -> None:
    """Let a click make a file, of the fixed arguments and the inputs, and then fetch it.

    Where `make` tells more than the path, `also` is where that goes.
    """
    outputs = [fetch, *also] if also else fetch
    made = wire(button.click, make, *fixed, inputs=inputs, outputs=outputs, show_progress="full")
    found = f"document.querySelector('#{fetch.elem_id}')"
    made.success(
        None, js=f"() => {{ setTimeout(() => {found}.click(), 150) }}", api_visibility="private"
    )


def offer(
    name: str, titles: Mapping[str, str], make: Callable[..., Any], *fixed: Any, inputs: Any
) -> None:
    """A button for each form; `make` takes the fixed arguments, the form and the inputs."""
    fetch = place(name)
    for form, title in titles.items():
        button = gr.Button(title, size="sm", elem_id=f"{name}-{form}", min_width=60)
        bring(button, fetch, make, *fixed, form, inputs=inputs)


def folder() -> Path:
    """A new folder of its own that the page may serve from."""
    return Path(tempfile.mkdtemp(prefix="fetch-", dir=os.environ["GRADIO_TEMP_DIR"]))


def write(name: str, text: str) -> str:
    """The text as a file of that name, in such a folder."""
    path = folder() / name
    path.write_text(text, encoding="utf-8")
    return str(path)
