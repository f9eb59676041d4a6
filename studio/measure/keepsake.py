"""What a person takes away: a report in one of its forms, or a whole folder with the adapter."""

import shutil
from collections.abc import Callable
from pathlib import Path

from studio.errors import RunError
from studio.measure import card, document, reproduction
from studio.measure.report import Report
from studio.measure.results import read_probes, read_run_outcomes
from studio.tuning.run import Run


def _html(report: Report, run: Run) -> str:
    return document.html(report, run, read_probes(run), read_run_outcomes(run))


FORMS: dict[str, Callable[[Report, Run], str]] = {
    "markdown": lambda report, _: report.markdown(),
    "html": _html,
    "json": lambda report, _: report.model_dump_json(indent=1) + "\n",
    "csv": lambda report, _: document.deltas_csv(report),
    "answers": lambda _, run: document.csv(read_run_outcomes(run)),
}
"""Every form of a report of a measuring run: all of it is text."""


def tell(report: Report, run: Run, form: str) -> str:
    """The report of a measuring run in one of the FORMS."""
    return FORMS[form](report, run)


def write(report: Report, run: Run, path: Path, form: str) -> Path:
    """Write the report to a new file; Markdown gets its pictures in a folder beside it."""
    drawn = document.draw_all(report) if form == "markdown" else {}
    folder = path.with_name(f"{path.stem}-pictures")
    taken = [one for one in (path, *([folder] if drawn else [])) if one.exists()]
    if taken:
        raise RunError(f"{taken[0]} exists already; name a file that does not.")
    if not path.parent.is_dir():
        raise RunError(f"There is no folder {path.parent}; make it, or name another place.")
    text = tell(report, run, form)
    if drawn:
        text = document.markdown(report, _draw(drawn, folder))
    _put(path, text)
    return path


def pack(run: Run, measurement: Run | None, report: Report | None, folder: Path) -> Path:
    """A new folder with the run's adapter, its card, its recipe, and the report about it.

    The folder appears by one rename, whole or not at all.
    """
    if folder.exists():
        raise RunError(f"{folder} exists already; name a folder that does not.")
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        shutil.copytree(run.adapter, draft)
        for made in reproduction.find_runs([run]):
            if made.recipe:
                _put(draft / made.file, made.recipe.yaml())
        comparison = measurement.comparison if measurement else None
        _put(draft / "README.md", card.model_card(run, report, comparison=comparison))
        if measurement and report:
            pictures = _draw(document.draw_all(report), draft / "pictures")
            _put(draft / "report.md", document.markdown(report, pictures))
            for name, form in (("report.html", "html"), ("report.json", "json")):
                _put(draft / name, tell(report, measurement, form))
        draft.rename(folder)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _draw(drawn: dict[str, tuple[str, str]], folder: Path) -> dict[str, str]:
    """Write the pictures; returns what each shows by its path beside the document."""
    folder.mkdir()
    for name, (_, svg) in drawn.items():
        _put(folder / name, svg)
    return {f"{folder.name}/{name}": caption for name, (caption, _) in drawn.items()}


def _put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")
