"""What the parts of the Chat tab share: the lanes in use, the system message, and how to draw."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.chat.protocol import Sampling


@dataclass(frozen=True)
class Setting:
    """Belongs to one visitor; the lane bar writes it, the parts below read it."""

    lanes: gr.State
    """Lane names, the base first: "base", then "run[:step][@strength]" or "endpoint:name"."""
    base: gr.State
    """Name of the base that all lanes share, for `Studio.ask(base=…)` when it answers alone."""
    system: gr.Textbox
    sampling: list[Any]
    """The controls behind `read_sampling`, in its order."""
    conversation: gr.State
    """Id of the saved conversation that is open, or None."""
    owner: gr.State
    """The visitor's key, as in `Links`."""
    scope: gr.State
    """Whose conversations and drafts the visitor sees and writes, as in `Links`."""
    gathered: gr.State
    """When something was last kept in a draft; whoever shows drafts listens to it."""


def read_sampling(
    temperature: float, top_p: float, top_k: float, tokens: float, seed: float
) -> Sampling:
    """How answers are drawn, from what the controls hold; an emptied number takes its default."""
    return Sampling(
        temperature=temperature or 0.0,
        top_p=top_p or 1.0,
        top_k=int(top_k or 0),
        max_new_tokens=int(tokens or 96),
        seed=int(seed or 0),
    )
