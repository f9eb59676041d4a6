"""The page's border: whatever goes wrong behind it reaches a person as one clear sentence."""

import functools
import inspect
import logging
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import gradio as gr

from studio.errors import StudioError

UNEXPECTED = (
    "Something went wrong that we did not expect. Nothing of yours was changed or lost; try "
    "again, and if it happens twice look at the terminal in which the studio runs."
)

_log = logging.getLogger("studio.page")


def told(deed: Callable[..., Any]) -> Callable[..., Any]:
    """Make a handler tell its errors: a StudioError in its own words, any other in general ones.

    The traceback of an unexpected error goes to the server's log and never to the browser.
    Generators stay generators, so that they can stream and be stopped.
    """
    if inspect.isgeneratorfunction(deed):

        @functools.wraps(deed)
        def stream(*arguments: Any, **options: Any) -> Any:
            try:
                yield from deed(*arguments, **options)
            except Exception as error:  # the page's border
                raise _tell(error, deed.__name__) from None

        return stream

    @functools.wraps(deed)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return deed(*arguments, **options)
        except Exception as error:  # the page's border
            raise _tell(error, deed.__name__) from None

    return call


def _tell(error: Exception, deed: str) -> gr.Error:
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, StudioError):
        # Gradio shows a message as HTML, and ours may quote what a person typed.
        text = escape(str(error), quote=False)
        return gr.Error(text, title="That did not work", print_exception=False, duration=12)
    _log.error("%s failed", deed, exc_info=error)
    return gr.Error(UNEXPECTED, title="Unexpected", print_exception=False, duration=12)


def tell(error: StudioError, title: str) -> None:
    """A warning beside what goes on being shown."""
    gr.Warning(escape(str(error), quote=False), title=title)


def wire(
    event: Callable[..., Any] | Sequence[Callable[..., Any]],
    deed: Callable[..., Any],
    *fixed: Any,
    inputs: Any = None,
    outputs: Any = None,
    **options: Any,
) -> Any:
    """Let an event call a deed with fixed arguments first; hidden from the API.

    Several events that come together, such as those of a form, call the deed once. Gradio's
    progress is shown nowhere unless asked for: on every step of every event it would look through
    the whole page for everything that any event ever wrote to.
    """
    settled = {"api_visibility": "private", "show_progress": "hidden"} | options
    if settled["show_progress"] == "hidden":
        settled["show_progress_on"] = []
    if isinstance(event, Sequence):
        return gr.on([*event], bind(deed, *fixed), inputs, outputs, **settled)
    return event(bind(deed, *fixed), inputs, outputs, **settled)


def bind(deed: Callable[..., Any], *fixed: Any) -> Callable[..., Any]:
    """The deed without its first arguments; Gradio sees the others' names and types."""
    if not fixed:
        return deed
    if inspect.isgeneratorfunction(deed):

        @functools.wraps(deed)
        def bound(*arguments: Any) -> Any:
            yield from deed(*fixed, *arguments)

    else:

        @functools.wraps(deed)
        def bound(*arguments: Any) -> Any:
            return deed(*fixed, *arguments)

    signature = inspect.signature(deed)
    left = list(signature.parameters.values())[len(fixed) :]
    bound.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
    return bound
