"""Everything that can go wrong in a way a person can mend, as one small tree.

StudioError            str(error) is one sentence: what happened, where, what to do next
├── TemplateError      a template that cannot be read or rendered
├── DatasetError       rows or examples that cannot become a dataset
├── RecipeError        a recipe with an unknown field or a value out of bounds
├── ModelError         a base or an adapter that cannot be used
├── ProbeError         probes or outcomes that do not fit together
├── RunError           a run that does not exist, failed, or cannot do what was asked
│   └── Diverged       a run whose loss left all bounds; what it was before may have been kept
├── ChatError          a conversation or a draft that is not there, or a deed it has no room for
├── EndpointError      a server elsewhere that cannot be asked, or what it did instead of answering
└── Busy               somebody else holds what is needed
"""

from pydantic import ValidationError


class StudioError(Exception):
    """Something a person can mend; its text says what happened, where, and what to do next."""


class TemplateError(StudioError):
    """A template cannot be read or rendered."""


class RenderingError(TemplateError):
    """The process that renders templates does not start; no template or row is to blame."""


class DatasetError(StudioError):
    """Rows or examples cannot become a dataset."""


class RecipeError(StudioError):
    """A recipe has an unknown field or a value out of bounds."""


class ModelError(StudioError):
    """A base or an adapter cannot be used."""


class ProbeError(StudioError):
    """Probes or outcomes do not fit together."""


class RunError(StudioError):
    """A run does not exist, failed, or cannot do what was asked."""


class Diverged(RunError):
    """A run's loss is no number any more, or left all bounds."""

    def __init__(self, message: str, kept: int | None = None) -> None:
        """`kept` is the step whose adapter was kept as the last good one."""
        super().__init__(message)
        self.kept = kept


class ChatError(StudioError):
    """A conversation or a draft is not there, or has no room for what was asked."""


class EndpointError(StudioError):
    """A server elsewhere cannot be asked, or did not answer as it should."""


class Busy(StudioError):
    """Somebody else holds what is needed; trying again later helps."""


def sentence(error: ValidationError, what: str) -> str:
    """Say in one sentence what a pydantic model refused.

    `what` names the thing being read, such as "recipe my.yaml".
    """
    problems = []
    for problem in error.errors(include_url=False):
        place = ".".join(str(part) for part in problem["loc"]) or "value"
        if problem["type"] == "extra_forbidden":
            problems.append(f"{place} is not a known field")
        else:
            problems.append(f"{place}: {_lower_first(problem['msg'])}")
    return f"{what}: " + "; ".join(problems) + "."


def _lower_first(text: str) -> str:
    text = text.removeprefix("Value error, ").rstrip(".")
    return text[:1].lower() + text[1:]
