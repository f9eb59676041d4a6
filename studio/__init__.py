"""Instruct Studio: build instruction data, tune, chat side by side, measure, repair."""

from studio.errors import StudioError
from studio.studio import Studio
from studio.tuning.recipe import Recipe

__all__ = ["Recipe", "Studio", "StudioError"]
