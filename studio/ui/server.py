"""Serves the page: settled environment, private temporary folder, guard, and a warm standby."""

import logging
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.errors import StudioError
from studio.studio import Studio

SETTLED = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SHARE": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Gradio asks for it at every event; looking for one takes a moment the first time.
    "MPLBACKEND": "agg",
}
# Whoever waits for an answer holds a thread; the chat's own line says when there are too many.
THREADS = 160
QUEUED = 512  # quick deeds that may wait; a page that opens brings several


@dataclass(frozen=True)
class Address:
    """Where the page is served, and the public name it has there."""

    host: str
    port: int
    names: tuple[str, ...] = ()
    framed_by: str = "'self'"


def find_address(host: str | None, port: int | None) -> Address:
    """What was asked for, else what a Space or Gradio's own variables say, else 127.0.0.1:7860."""
    on_space = "SPACE_ID" in os.environ
    chosen = host or os.environ.get("GRADIO_SERVER_NAME")
    number = port or os.environ.get("GRADIO_SERVER_PORT") or os.environ.get("PORT") or 7860
    return Address(
        host=chosen or ("0.0.0.0" if on_space else "127.0.0.1"),
        port=int(number),
        names=tuple(filter(None, os.environ.get("SPACE_HOST", "").split(","))),
        framed_by="'self' https://huggingface.co https://*.hf.space" if on_space else "'self'",
    )


def settle_environment(studio: Studio) -> None:
    """Set what Gradio reads when it is imported: no tracking, files in the home folder only."""
    temporary = studio.settings.home / "page"
    temporary.mkdir(mode=0o700, exist_ok=True)
    os.environ.update(SETTLED, GRADIO_TEMP_DIR=str(temporary))


def private_folders(studio: Studio) -> list[str]:
    """Everything in the home folder but the page's own files: never served."""
    places = studio.settings
    folders: list[Path] = [
        places.datasets, places.runs, places.templates, places.probes, places.chats, places.decks,
        places.drafts, places.pairs, places.workbooks, places.arena, places.races, places.cache,
        places.logs,
    ]  # fmt: skip
    return [str(folder) for folder in folders]


def make_app(studio: Studio, address: Address) -> Any:
    """The page as a guarded web app."""
    settle_environment(studio)
    import gradio as gr
    from fastapi import FastAPI

    from studio.ui.guard import Guard
    from studio.ui.page import build
    from studio.ui.sheet import REPORT
    from studio.ui.sheet_book import BOOK
    from studio.ui.sheet_deck import DECKS
    from studio.ui.theme import CSS, HEAD, make_theme

    page = build(studio)
    page.max_threads = THREADS
    # One call of a deed at a time, so that a later answer never comes before an earlier one.
    page.queue(max_size=QUEUED, default_concurrency_limit=1)
    app = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        page,
        path="/",
        server_name=address.host,
        server_port=address.port,
        theme=make_theme(),
        css=CSS + REPORT + DECKS + BOOK,
        head=HEAD,
        max_file_size="50mb",
        show_error=False,
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        ssr_mode=False,
        footer_links=[],
        allowed_paths=[],
        blocked_paths=private_folders(studio),
    )
    return Guard(app, hosts=address.names, framed_by=address.framed_by)


def serve(studio: Studio, *, host: str | None = None, port: int | None = None) -> None:
    """Serve the page until it is interrupted; runs under way go on after that."""
    import uvicorn

    address = find_address(host, port)
    _refuse_taken(address)
    logging.basicConfig(level=logging.WARNING)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            print(f"Instruct Studio is at http://{_shown(address.host)}:{address.port}", flush=True)
            # Only now: the page comes first, the libraries of the workers load behind it.
            studio.warm_up()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Open pages listen for ever; that they are cut off now is no error to be told.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            await super().shutdown(sockets)

    config = uvicorn.Config(
        make_app(studio, address),
        host=address.host,
        port=address.port,
        log_level="warning",
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
    )
    try:
        Server(config).run()
    finally:
        studio.close()


def _shown(host: str) -> str:
    if ":" in host:
        return f"[{host}]"
    return "127.0.0.1" if host == "0.0.0.0" else host


def _refuse_taken(address: Address) -> None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            raise StudioError(
                f"Port {address.port} on {address.host} cannot be used ({error.strerror}); "
                "choose another one with --port."
            ) from error
