"""A person's own templates in the home folder: each as it is now, and every version it ever had.

    templates/<name>.yaml                     as it is now
    templates/rows/<name>-<digits>.jsonl      its rows
    templates/versions/<name>/<digits>.yaml   every version, called by a hash of its content

A version is never changed. `find("name@digits")` opens an older one.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from studio.data.readers import Row
from studio.data.template import VERSIONS, Template
from studio.data.whole_file import write_whole
from studio.errors import TemplateError

DIGITS = 8


class Version(NamedTuple):
    """One version of a template."""

    digits: str
    """The first digits of the hash of its content."""
    saved: datetime
    """When it was last saved."""
    title: str
    """What people saw."""
    is_current: bool
    """Whether it is the one that the name alone stands for."""


def save(template: Template, rows: Sequence[Row], folder: Path) -> Template:
    """Keep a template with these rows as the current version of its name; returns it as kept.

    The same content again makes no further version. TemplateError if it cannot be written.
    """
    current = folder / f"{template.name}.yaml"
    try:
        if current.exists():
            _keep(current.read_text(encoding="utf-8"), template.name, folder)
        kept = template.model_copy(
            update={"rows": (), "rows_file": _save_rows(template.name, rows, folder)}
        )
        _keep(kept.yaml(), template.name, folder)
        write_whole(current, kept.yaml().encode())
    except OSError as error:
        raise TemplateError(
            f"Template '{template.name}' cannot be saved ({error.strerror}); make room or choose "
            "another name."
        ) from error
    return Template.load(current)


def versions(name: str, folder: Path) -> list[Version]:
    """Every version of a template of one's own, the one saved last first."""
    current = folder / f"{name}.yaml"
    now = _digits(current.read_text(encoding="utf-8")) if current.exists() else ""
    found = []
    for path in (folder / VERSIONS / name).glob("*.yaml"):
        saved = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        found.append(Version(path.stem, saved, Template.load(path).title, path.stem == now))
    return sorted(found, key=lambda version: (version.is_current, version.saved), reverse=True)


def remove(name: str, folder: Path) -> None:
    """Take a template of one's own out of the list; its versions stay where they are.

    TemplateError if there is none of that name, which a shipped one is not.
    """
    path = folder / f"{name}.yaml"
    if not path.exists():
        raise TemplateError(
            f"There is no template of your own called '{name}'; choose one of them."
        )
    _keep(path.read_text(encoding="utf-8"), name, folder)
    path.unlink()


def _keep(text: str, name: str, folder: Path) -> None:
    """Keep a version; one that is there already is only marked as saved again."""
    path = folder / VERSIONS / name / f"{_digits(text)}.yaml"
    if path.exists():
        os.utime(path)
    else:
        write_whole(path, text.encode())


def _save_rows(name: str, rows: Sequence[Row], folder: Path) -> str | None:
    """Write rows to a file called by their content; its path inside the folder."""
    if not rows:
        return None
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    file = f"rows/{name}-{_digits(text)}.jsonl"
    if not (folder / file).exists():
        write_whole(folder / file, text.encode())
    return file


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
