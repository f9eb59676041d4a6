"""Instruct Studio: build instruction data, tune, chat side by side, measure, repair."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studio.errors import StudioError
    from studio.studio import Studio
    from studio.tuning.recipe import Recipe

__all__ = ["Recipe", "Studio", "StudioError"]

_PLACES = {
    "Recipe": "studio.tuning.recipe",
    "Studio": "studio.studio",
    "StudioError": "studio.errors",
}


def __getattr__(name: str) -> Any:
    """Imported when asked for: a worker needs none of the facade, and starts sooner without."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
