"""The table of the tuned runs: what it shows of each, and which of them are looked for."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import gradio as gr

from studio.measure.report import Report
from studio.studio import Studio
from studio.tuning.run import Run
from studio.ui.border import told
from studio.ui.choices import menu
from studio.ui.numbers import number, signed
from studio.ui.standing import WORDS, Standing, look

HEADERS = ["Status", "Name", "Method", "Steps", "Loss", "Gain", "Forgetting", "Note", "Dataset"]
LISTED = 40  # newest runs in the table
NOTED = 40  # letters of a note in it
REPAIR = "repair"

Seen = list[Any]
"""What the table showed last, to leave it alone while nothing has changed."""


class Wanted(NamedTuple):
    """Which runs are looked for; what is empty lets every run through."""

    text: str | None = ""
    """In the name, the note, the id or the dataset, in any case of letters."""
    status: str | None = None
    method: str | None = None
    dataset: str | None = None


def lay_out() -> list[Any]:
    """The fields to look for runs with, in the order of `Wanted`."""
    with gr.Row():
        text = gr.Textbox("", label="Find a run", placeholder="name, note, id or dataset",
                          elem_id="runs-text", min_width=180, scale=2)  # fmt: skip
        status = gr.Dropdown(
            [("any status", ""), *((word, status) for status, word in WORDS.items())], value="",
            label="Status", elem_id="runs-status", min_width=130,
        )  # fmt: skip
        method = gr.Dropdown(
            [("any method", ""), *menu("method"), REPAIR], value="", label="Method",
            elem_id="runs-method", min_width=130,
        )  # fmt: skip
        dataset = gr.Dropdown([("any dataset", "")], value="", label="Dataset", min_width=160,
                              allow_custom_value=True, elem_id="runs-dataset")  # fmt: skip
    return [text, status, method, dataset]


@told
def show_runs(studio: Studio, seen: Seen | None, chosen: str | None, *wanted: str | None) -> Any:
    """The table as it stands, the menus beside it, and the clock; the former left alone
    while nothing has changed."""
    everything = [run for run in studio.runs() if run.makes_adapter]
    found = list(islice(find(everything, Wanted(*wanted)), LISTED))
    runs, standings = [run for run, _ in found], [standing for _, standing in found]
    line = [run.id for run in studio.runs_in_line()]
    headlines = find_headlines(studio)
    rows = [_row(run, standing, headlines, line) for run, standing in found]
    choices = _choices(runs, everything, chosen)
    every = _choices(everything, everything, None)
    now: Seen = [[run.id for run in runs], rows, choices, every]
    clock = gr.Timer(active=any(standing.under_way for standing in standings))
    if now == seen:
        return [*[gr.skip()] * 4, now, clock]
    same_menus = seen is not None and seen[2:] == now[2:]
    menus = [gr.skip()] * 3 if same_menus else _menus(everything, choices, chosen)
    return [gr.Dataframe(value=rows), *menus, now, clock]


def find(runs: Sequence[Run], wanted: Wanted) -> Iterator[tuple[Run, Standing]]:
    """The runs that are wanted, and how each stands; asked for one after the other."""
    words = (wanted.text or "").casefold().split()
    for run in runs:
        recipe = run.recipe
        if wanted.dataset and recipe.dataset != wanted.dataset:
            continue
        if wanted.method and wanted.method != (REPAIR if run.kind == REPAIR else recipe.method):
            continue
        about = f"{run.title} {run.note} {run.id} {recipe.dataset}".casefold()
        if not all(word in about for word in words):
            continue
        standing = look(run)
        if not wanted.status or standing.status == wanted.status:
            yield run, standing


@told
def choose(studio: Studio, id: str) -> gr.Dropdown:
    """Look at that run."""
    runs = [run for run in studio.runs() if run.makes_adapter]
    return gr.Dropdown(choices=_choices(runs[:LISTED], runs, id), value=id)


@told
def pick(seen: Seen | None, event: gr.SelectData) -> Any:
    """The run of the row that was clicked.

    The browser may still show the table as it was before the last look: the row is found by what
    stands in it, the nearest of those alike.
    """
    if not seen:
        return gr.skip()
    place, clicked = event.index[0], _named(event.row_value)
    alike = [at for at, row in enumerate(seen[1]) if _named(row) == clicked]
    return seen[0][min(alike, key=lambda at: abs(at - place))] if alike else gr.skip()


def _named(row: Sequence[str]) -> tuple[str, str]:
    """What does not change while a run goes on: its name and its dataset."""
    return row[HEADERS.index("Name")], row[HEADERS.index("Dataset")]


def _choices(runs: list[Run], everything: list[Run], chosen: str | None) -> list[tuple[str, str]]:
    """The runs that are listed, and the chosen one also when it is not."""
    looked_at = [run for run in everything if run.id == chosen and run not in runs]
    return [(f"{run.title} · {run.id[:15]}", run.id) for run in [*looked_at, *runs]]


def _menus(everything: list[Run], choices: list[tuple[str, str]], chosen: str | None) -> list[Any]:
    """Which run to look at, which to compare, and which datasets there are runs of."""
    known = [id for _, id in choices]
    datasets = dict.fromkeys(run.recipe.dataset for run in everything)
    return [
        gr.Dropdown(
            choices=choices, value=chosen if chosen in known else (known[0] if known else None)
        ),
        gr.Dropdown(choices=_choices(everything, everything, None)),
        gr.Dropdown(choices=[("any dataset", ""), *((one, one) for one in datasets)]),
    ]


def _row(
    run: Run, standing: Standing, headlines: dict[str, tuple[str, str]], line: list[str]
) -> list[str]:
    recipe, steps = run.recipe, run.steps()
    last = steps[-1] if steps else {}
    gain, forgetting = headlines.get(run.id, ("", ""))
    place = f", {line.index(run.id) + 1} of {len(line)}" if run.id in line else ""
    waits = place if standing.status == "waiting" else ""
    note = " ".join(run.note.split())
    return [
        standing.word + waits,
        run.title,
        method_of(run),
        f"{last['step']} / {last['total']}" if last else "",
        f"{last['loss']:.3f}" if last else "",
        gain,
        forgetting,
        note if len(note) <= NOTED else f"{note[:NOTED]}…",
        recipe.dataset,
    ]


def method_of(run: Run) -> str:
    """How it was made, in a few words."""
    if run.kind == REPAIR:
        return f"repair: {run.summary()}"
    recipe = run.recipe
    parts = [recipe.shape]
    parts += [f"KL {recipe.kl_anchor:g}"] if recipe.kl_anchor else []
    parts += [f"replay {recipe.replay:.0%}"] if recipe.replay else []
    parts += [f"replays {len(recipe.replay_probes)} probes"] if recipe.replay_probes else []
    parts += ["continued"] if recipe.start_from else []
    return ", ".join(parts)


def find_headlines(studio: Studio) -> dict[str, tuple[str, str]]:
    """Gain and forgetting of every measured run at full strength, from its newest report."""
    found: dict[str, tuple[str, str]] = {}
    measured = [run for run in studio.runs() if run.kind == "compare"][:LISTED]
    for run in measured:
        if run.status() == "finished":
            report = studio.report(run.id)
            for lane in report.lanes:
                found.setdefault(lane.id, _short(report, lane.id))
    return found


def _short(report: Report, lane: str) -> tuple[str, str]:
    deltas = report.of(lane)
    gain = next((one for one in deltas if one.kind == "gain"), None)
    kept = next((one for one in deltas if one.kind == "retention"), None)
    return tuple(  # type: ignore[return-value]
        f"{signed(100 * one.difference)} ({number(100 * one.low)} … {number(100 * one.high)})"
        if one and one.difference is not None and one.low is not None and one.high is not None
        else ""
        for one in (gain, kept)
    )
