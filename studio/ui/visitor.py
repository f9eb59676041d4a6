"""Who is visiting: a browser keeps a key of its own, and what was open last."""

import os
import secrets
from pathlib import Path

import gradio as gr

from studio.studio import Studio
from studio.ui.border import told, wire
from studio.ui.links import Links
from studio.ui.setting import Setting

STORAGE = "instruct-studio-chat"


def lay_out(studio: Studio) -> gr.BrowserState:
    """What the browser keeps: the visitor's key, and the open conversation's and workbook's ids.

    The workbook is None before one was ever open, and empty once it was closed.
    """
    return gr.BrowserState(
        ["", None, None], storage_key=STORAGE, secret=read_secret(studio.settings.home)
    )  # fmt: skip


def build(studio: Studio, links: Links, setting: Setting) -> None:
    """Read what the browser kept when the page is loaded, and keep what is opened from then on."""
    kept = links.kept
    visitor = [links.owner, setting.conversation, links.workbook]
    opened = [setting.conversation, links.workbook, links.scope, links.owner, kept]
    wire(links.page.load, welcome, studio, inputs=kept, outputs=opened)
    wire([setting.conversation.change, links.workbook.change], remember, inputs=visitor,
         outputs=kept, trigger_mode="always_last")  # fmt: skip


@told
def welcome(studio: Studio, kept: list[str | None], request: gr.Request) -> list[object]:
    """What was open, what the visitor sees, and the key; a new visitor gets one.

    Whoever sits at the machine itself sees every conversation, also those of the command line.
    """
    known, conversation, workbook = [*kept, None, None][:3]
    owner = known or secrets.token_hex(16)
    scope = None if is_here(request) else owner
    cards = studio.workbooks.list(scope)
    if known and workbook is None:
        # A page that is loaded anew at once may not have kept yet what was opened last.
        workbook = next((card.id for card in cards if card.owner == (scope or "")), None)
    opened = workbook if workbook in [card.id for card in cards] else None
    kept_open = opened if opened or workbook is None else ""
    return [conversation, opened, scope, owner, [owner, conversation, kept_open]]


def is_here(request: gr.Request) -> bool:
    """Whether the browser runs on this machine, and the machine is nobody's server."""
    if "SPACE_ID" in os.environ or request.client is None:
        return False
    forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    return not forwarded and request.client.host in ("127.0.0.1", "::1")


@told
def remember(owner: str, conversation: str | None, workbook: str | None) -> object:
    """What the browser keeps; nothing before the visitor is known."""
    return [owner, conversation, workbook or ""] if owner else gr.skip()


def read_secret(home: Path) -> str:
    """What browsers seal their copy with, made the first time and the same after a restart.

    One that changed would make strangers of all visitors.
    """
    path = home / "page-secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16), encoding="ascii")
    return path.read_text(encoding="ascii").strip()
