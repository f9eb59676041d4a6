"""Templates from and to other programs: which form a file has, and who reads and writes it."""

from collections.abc import Callable
from pathlib import Path

from studio.data import flan, lm_eval, natural, promptsource
from studio.data.foreign import Brought, Given
from studio.data.json_text import Refused, parse
from studio.data.readers import FILE_BYTES
from studio.data.template import Template
from studio.errors import TemplateError

FORMS: dict[str, Callable[[Template], Given]] = {
    "yaml": lambda template: Given({f"{template.name}.yaml": template.yaml()}),
    "promptsource": promptsource.write,
    "flan": flan.write,
    "natural": natural.write,
    "lm-eval": lm_eval.write,
}
"""By name, who writes a template in that form."""


def read_templates(path: Path) -> Brought:
    """Templates of a file, whichever form it has; TemplateError if it has none that is known."""
    try:
        if path.stat().st_size > FILE_BYTES:
            raise TemplateError(f"{path.name} is larger than {FILE_BYTES // 1_000_000} MB.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"{path.name} cannot be read as templates: {error}.") from error
    suffix = path.suffix.lower()
    if suffix == ".py":
        return flan.read(text, path.name)
    if suffix == ".json" or text.lstrip().startswith("{"):
        fields = parse(text)
        if isinstance(fields, Refused):
            raise TemplateError(f"{path.name}: {fields.reason}.")
        maker = natural.read if natural.is_natural(fields) else flan.read
        return maker(text, path.name)
    if promptsource.is_promptsource(text):
        return promptsource.read(text, path.name)
    if lm_eval.is_task(text):
        return lm_eval.read(path)
    template = Template.load(path)
    return Brought((template,), rows={template.name: template.all_rows()})


def write_template(template: Template, form: str) -> Given:
    """The template in a form of `FORMS`; TemplateError if nothing of it can be written so."""
    return FORMS[form](template)


def write_files(given: Given, folder: Path) -> list[Path]:
    """Write the files into a folder; TemplateError if one of them exists already."""
    paths = [folder / name for name in given.files]
    if there := next((path for path in paths if path.exists()), None):
        raise TemplateError(f"{there} exists already; choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, given.files.values(), strict=True):
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TemplateError(f"{folder} cannot be written ({error.strerror}).") from error
    return paths
