"""An example as the model sees it: its tokens through the base's own chat template.

Only the tokens of the answer are learned from; the prompt's are read and not learned.
"""

import json
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

from studio.data.example import Example
from studio.data.readers import Row
from studio.data.sandbox import Sandbox
from studio.models.catalogue import STARTER

# Marks for the trainer that plain Jinja does not know; they print nothing.
_TRAINER_MARKS = re.compile(r"{%-?\s*(end)?generation\s*-?%}")


@dataclass(frozen=True)
class Tokens:
    """An example's tokens as text, in order, and how many of the first are the prompt's."""

    texts: tuple[str, ...]
    prompt: int

    @property
    def learned(self) -> int:
        """How many tokens the model learns from."""
        return len(self.texts) - self.prompt


def tokenize(example: Example, *, folder: Path = STARTER) -> Tokens:
    """The tokens of prompt and answer; a chat template is foreign code and runs in the sandbox."""
    from tokenizers import Tokenizer

    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    source = _TRAINER_MARKS.sub("", str(config["chat_template"]))
    messages = [message.model_dump() for message in example.messages]
    answered = [*messages, {"role": "assistant", "content": example.completion}]
    with Sandbox() as sandbox:
        rows: list[Row] = [
            {"messages": [*messages], "add_generation_prompt": True},
            {"messages": [*answered], "add_generation_prompt": False},
        ]
        rendered = sandbox.render_many({"text": source}, rows, what="the base's chat template")
        asked, whole = (one["text"] for one in rendered)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    spans = tokenizer.encode(whole, add_special_tokens=False).offsets
    prompt = len(tokenizer.encode(asked, add_special_tokens=False).ids)
    return Tokens(texts=tuple(whole[begin:end] for begin, end in spans), prompt=prompt)


def draw_tokens(tokens: Tokens) -> str:
    """Every token as a box, those that are learned in colour, with a count above them."""
    boxes = "".join(
        f"<span{' class=learned' if number >= tokens.prompt else ''}>{_visible(text)}</span>"
        for number, text in enumerate(tokens.texts)
    )
    count = f"{tokens.learned} of {len(tokens.texts)} tokens are learned; the others are only read."
    return f'<p class="st-count">{count}</p><div class="st-tokens">{boxes}</div>'


def _visible(text: str) -> str:
    return escape(text).replace(" ", "␣").replace("\n", "↵<br>")
