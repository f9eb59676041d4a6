"""The chat form of a base's folder, read without torch; its template runs in the sandbox."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from tokenizers import Tokenizer

from studio.data.chat_form import ChatForm, Render
from studio.data.readers import Row
from studio.data.sandbox import Sandbox
from studio.errors import ModelError, RenderingError, TemplateError

TOKENIZER, CONFIG, TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
SPECIAL = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
OPEN_FORMS = 4  # kept in memory; a large vocabulary takes a second to read


def open_form(folder: Path) -> ChatForm:
    """The form of a base's folder, kept until the folder changes."""
    files = [folder / name for name in (TOKENIZER, CONFIG, TEMPLATE)]
    changed = tuple(path.stat().st_mtime_ns for path in files if path.exists())
    return _kept_form(folder, changed)


@lru_cache(maxsize=OPEN_FORMS)
def _kept_form(folder: Path, _changed: tuple[int, ...]) -> ChatForm:
    return read_form(folder)


def read_form(folder: Path) -> ChatForm:
    """The form of a base's folder; its template runs in the sandbox. Raises ModelError."""
    config = _read(folder / CONFIG)
    template = _template(folder, config)
    path = folder / TOKENIZER
    if not template or not path.exists():
        missing = "no tokenizer.json" if template else "no chat template"
        raise ModelError(
            f"{folder.name} has {missing}, so it cannot be shown what it reads; choose the "
            "instruct or chat version of a base."
        )
    special = _special(_read(folder / "special_tokens_map.json")) | _special(config)
    return ChatForm(Tokenizer.from_file(str(path)), template, special, sandboxed(template))


def sandboxed(template: str) -> Render:
    """Renders in a child process that is kept: a chat template is somebody else's code."""
    room, lock = Sandbox(chat=True), Lock()

    def render(rows: Sequence[Row]) -> list[str]:
        try:
            with lock:
                done = room.render_many({"text": template}, rows, what="the base's chat template")
        except RenderingError as error:
            raise ModelError(f"The base cannot write this conversation now: {error}") from error
        except TemplateError as error:
            raise ModelError(
                f"The base cannot write this conversation: {error} Leave out what its template "
                "does not know, such as a system message."
            ) from error
        return [one["text"] for one in done]

    return render


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); fetch the base again.") from error
    return found if isinstance(found, dict) else {}


def _template(folder: Path, config: Mapping[str, Any]) -> str:
    """The chat template: in a file of its own, or in the configuration, there perhaps by name."""
    path = folder / TEMPLATE
    if path.exists():
        return path.read_text(encoding="utf-8")
    found = config.get("chat_template") or ""
    if isinstance(found, list):
        named = {one["name"]: one["template"] for one in found}
        found = named.get("default", "")
    return str(found)


def _special(config: Mapping[str, Any]) -> dict[str, str]:
    named = {f"{name}_token": config.get(f"{name}_token") for name in SPECIAL}
    texts = {
        name: one.get("content") if isinstance(one, dict) else one for name, one in named.items()
    }
    return {name: text for name, text in texts.items() if isinstance(text, str)}
