"""A recipe as a form and back: every field of the class becomes one component.

Choices, bounds, help and grouping come from the class itself, so the form cannot fall behind it.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_origin

import gradio as gr
from pydantic.fields import FieldInfo

from studio.errors import StudioError
from studio.tuning.methods import ADAPTERS
from studio.tuning.recipe import Recipe
from studio.ui.choices import menu

NO_DATASET = "Nothing to tune on yet. Build a dataset in the Data tab first."
FIELDS = tuple(Recipe.model_fields)
CHOSEN = ("start_from", "pairs", "anchor_on", "replay_probes", "replay_datasets")
"""Fields whose menus offer what there is."""
GROUPS = {
    "what": "What to tune",
    "method": "The method",
    "steps": "The steps",
    "loss": "The loss",
    "keep": "Keeping old skills",
}


def group_of(name: str) -> str:
    """The part of the form that a field belongs to."""
    extra = Recipe.model_fields[name].json_schema_extra
    return str(extra.get("group", "steps")) if isinstance(extra, dict) else "steps"


def belongs(name: str, method: str, loss: str) -> bool:
    """Whether a field says anything for a method and a loss."""
    found: Any = Recipe.model_fields[name].json_schema_extra
    methods, only = found.get("methods"), found.get("loss")
    return (not methods or method in methods) and (not only or loss == only)


def fields_of(group: str) -> list[str]:
    """The fields of one part of the form, in the class's order."""
    return [name for name in FIELDS if group_of(name) == group]


def make_component(name: str) -> gr.components.Component:
    """The component for a field: a menu for a list, a number with its bounds, or a text."""
    field = Recipe.model_fields[name]
    common: dict[str, Any] = {
        "label": name.replace("_", " ").capitalize().replace("Kl ", "KL "),
        "info": help_of(name),
        "value": None if field.is_required() else _shown(field.default),
        "elem_id": f"recipe-{name}",
        "interactive": True,
    }
    if field.annotation is bool:
        return gr.Checkbox(**common)
    if get_origin(field.annotation) is Literal:
        return gr.Dropdown(choices=menu(name), min_width=250, **common)
    if field.annotation in (int, float):
        low, high = bounds(field)
        whole = field.annotation is int
        step = 1 if whole else 0.0001 if high is not None and high <= 1 else 0.1
        return gr.Number(
            minimum=low, maximum=high, precision=0 if whole else None, step=step, **common
        )
    if name in CHOSEN:  # from what there is; the tab fills the menu when it is opened
        several = get_origin(field.annotation) is tuple
        return gr.Dropdown(choices=[], multiselect=several, allow_custom_value=True, **common)
    return gr.Textbox(**common)


def help_of(name: str) -> str:
    """What a field means; on the page lines break where there is no more room."""
    return " ".join((Recipe.model_fields[name].description or "").split())


def bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Lowest and highest value that a number may take; an open bound counts as well."""
    found: dict[str, float] = {}
    for rule in field.metadata:
        for key in ("ge", "gt", "le", "lt"):
            if getattr(rule, key, None) is not None:
                found[key] = getattr(rule, key)
    return found.get("ge", found.get("gt")), found.get("le", found.get("lt"))


def hide_others(method: str, loss: str) -> str:
    """A style that hides the fields which say nothing for the method and the loss.

    Told to each component, the browser would lay the whole form out once for every one of them.
    """
    idle = (f"#recipe-{name}" for name in FIELDS if not belongs(name, method, loss))
    return f"<style>{', '.join(idle)} {{ display: none !important; }}</style>"


def to_values(recipe: Recipe, names: Sequence[str] = FIELDS) -> list[Any]:
    """The recipe's values in the order of the form's components."""
    return [_shown(getattr(recipe, name)) for name in names]


def to_recipe(values: Sequence[Any], names: Sequence[str] = FIELDS) -> Recipe:
    """The recipe that a filled form stands for; raises RecipeError in one sentence."""
    given = {
        name: value.strip() if isinstance(value, str) else _fill(name, value)
        for name, value in zip(names, values, strict=True)
    }
    return Recipe.make(given, what="The recipe")


def read_form(values: Sequence[Any]) -> Recipe:
    """The recipe that the whole form stands for; StudioError while it has no dataset."""
    if not dict(zip(FIELDS, values, strict=True))["dataset"]:
        raise StudioError(NO_DATASET)
    return to_recipe(values)


def changes(recipe: Recipe) -> dict[str, Any]:
    """The fields that differ from their defaults, or have another default for the method."""
    fields: Mapping[str, Any] = recipe.model_dump()
    usual = recipe.method in ADAPTERS and recipe.loss != "dpo"
    told = set() if usual else {"learning_rate"}
    told |= {name for name, field in Recipe.model_fields.items() if field.is_required()}
    return {
        name: value
        for name, value in fields.items()
        if name in told or value != Recipe.model_fields[name].default
    }


def to_command(recipe: Recipe) -> str:
    """The command that starts the same run from a terminal."""
    words = ["python", "-m", "studio", "train"]
    for name, value in changes(recipe).items():
        words += [f"--{name.replace('_', '-')}", shlex.quote(_plain(value))]
    return " ".join(words)


def to_yaml(recipe: Recipe) -> str:
    """The recipe as a file, with the command that reads it as a remark on top."""
    return f"# recipe.yaml, for: python -m studio train recipe.yaml\n{recipe.yaml()}"


def to_python(recipe: Recipe) -> str:
    """The same run as a script."""
    fields = "".join(f"    {name}={value!r},\n" for name, value in changes(recipe).items())
    return (
        "from studio import Recipe, Studio\n\n"
        f"recipe = Recipe(\n{fields})\n"
        "with Studio() as studio:\n"
        "    run = studio.wait(studio.train(recipe))\n"
        "    print(run.id, run.status())\n"
    )


def _fill(name: str, value: Any) -> Any:
    """A text box that nobody touched holds None."""
    kind = Recipe.model_fields[name].annotation
    return "" if value is None and kind in (str, tuple[str, ...]) else value


def _shown(value: Any) -> Any:
    """A menu takes several names as a list."""
    return list(value) if isinstance(value, tuple) else value


def _plain(value: Any) -> str:
    value = ", ".join(value) if isinstance(value, tuple) else value
    return value if isinstance(value, str) else json.dumps(value)
