"""Files to take away: each is made when its button is pressed, and then comes by itself."""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from studio.ui.border import wire


def offer(
    name: str,
    titles: Mapping[str, str],
    make: Callable[..., Any],
    *fixed: Any,
    inputs: Any,
) -> None:
    """A button for each form; `make` takes the fixed arguments, the form and the inputs.

    There is nothing to download before the file is made, so a hidden button is pressed then.
    """
    fetch = gr.DownloadButton("Fetch", visible="hidden", elem_id=f"fetch-{name}")
    press = f"() => {{ setTimeout(() => document.querySelector('#fetch-{name}').click(), 150) }}"
    for form, title in titles.items():
        button = gr.Button(title, size="sm", elem_id=f"{name}-{form}", min_width=60)
        made = wire(button.click, make, *fixed, form, inputs=inputs, outputs=fetch)
        made.success(None, js=press, api_visibility="private")


def write(name: str, text: str) -> str:
    """The text as a file of that name, in a folder of its own that the page may serve from."""
    folder = Path(tempfile.mkdtemp(prefix="fetch-", dir=os.environ["GRADIO_TEMP_DIR"]))
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)
