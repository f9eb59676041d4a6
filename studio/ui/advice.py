"""The advisor in the Tune tab: what was measured, what follows, and the race of the best three."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.measure.curve import BUDGETS
from studio.studio import Studio
from studio.tuning.advisor import Advice
from studio.tuning.options import Option
from studio.tuning.race import Placed, Race, unit_of
from studio.tuning.telling import facts, summarize
from studio.ui import stopping
from studio.ui.border import told, wire
from studio.ui.grid import draw_grid
from studio.ui.markup import bar, empty, quiet, table
from studio.ui.numbers import signed
from studio.ui.standing import look

NOT_YET = (
    "Measure this dataset on the base: how many examples, how far the answers are from what the "
    "base says, what it can do already, and what this machine holds. Takes less than a minute on "
    "the starter, and tunes nothing."
)
PACE = 2.0  # seconds between two looks at a race
BEST = "0"  # the option that is recommended


def build(
    studio: Studio, tab: gr.Tab, base: gr.Dropdown, dataset: gr.Dropdown
) -> tuple[gr.Radio, gr.Button, gr.Button]:
    """Lay the advisor out and wire it; returns the chosen option and the buttons that fill."""
    with gr.Accordion("Advice, measured on this dataset", open=True, elem_id="advice"):
        with gr.Row(elem_classes="st-deeds"):
            measure = gr.Button("Measure and advise", size="sm", elem_id="advise", min_width=140)
            again = gr.Button("Measure again", size="sm", visible=False, min_width=110,
                              elem_id="advise-again")  # fmt: skip
            stop = stopping.place("advise-stop")
        shown = gr.HTML(empty(NOT_YET), elem_id="advised")
        with gr.Row(visible=False) as deeds:
            option = gr.Radio([], label="What could be done", elem_id="advice-option", scale=3,
                              min_width=320)  # fmt: skip
            with gr.Column(scale=1, min_width=180):
                fill = gr.Button("Fill the recipe", variant="primary", elem_id="advice-fill")
                start = gr.Button("Race the best three", elem_id="race")
        why = gr.HTML("", elem_id="advice-why")
        raced = gr.HTML("", elem_id="raced")
        halt = gr.Button("Stop the race", size="sm", visible=False, elem_id="race-stop")
        with gr.Row(visible=False) as after:
            winner = gr.Button("Fill the winner's recipe", size="sm", elem_id="race-fill")
            keep = gr.Button("Delete trials that are beaten", size="sm", elem_id="race-keep")
    timer = gr.Timer(PACE, active=False)

    asked = [base, dataset]
    advised, race = [shown, again, deeds, option, why], [raced, after, halt, timer]
    for event in (tab.select, dataset.change, base.change):
        wire(event, show_advice, studio, inputs=asked, outputs=advised)
        wire(event, show_race, studio, inputs=asked, outputs=race)
    works = [
        (button, wire(button.click, ask, studio, anew, inputs=asked, outputs=advised))
        for button, anew in ((measure, False), (again, True))
    ]
    stopped = stopping.let_stop(stop, works)
    wire(stopped.then, show_advice, studio, inputs=asked, outputs=advised)
    wire(option.change, show_reasons, studio, inputs=[*asked, option], outputs=why)
    begun = wire(start.click, start_race, studio, inputs=asked, outputs=race,
                 show_progress="minimal")  # fmt: skip
    for event in (begun.then, timer.tick):
        wire(event, show_race, studio, inputs=asked, outputs=race, trigger_mode="always_last")
    wire(halt.click, stop_race, studio, inputs=asked, outputs=race)
    wire(keep.click, keep_best, studio, inputs=asked, outputs=race)
    return option, fill, winner


@told
def ask(studio: Studio, again: bool, base: str | None, dataset: str | None) -> Iterator[list[Any]]:
    """Measure, telling what is being done, and then advise."""
    skipped = [gr.skip()] * 4
    for doing in studio.advising(_chosen(dataset), base=_base(base), again=again):
        if isinstance(doing, Advice):
            yield _advised(doing)
            return
        share = doing.done / doing.total if doing.total else None
        yield [quiet(f"{doing.name.capitalize()} …") + bar(share, doing.name), *skipped]


@told
def show_advice(studio: Studio, base: str | None, dataset: str | None) -> list[Any]:
    """The advice, if it was measured before; else what measuring would tell."""
    found = None
    if dataset:
        try:
            found = studio.advised(dataset, base=_base(base))
        except StudioError:  # a base that is still being typed, or not there
            found = None
    if found:
        return _advised(found)
    return [empty(NOT_YET), gr.Button(visible=False), gr.Row(visible=False), gr.Radio([]), ""]


def _advised(advice: Advice) -> list[Any]:
    options = [advice.best, *advice.others]
    names = [(_name(number, option), str(number)) for number, option in enumerate(options)]
    return [
        tell_advice(advice),
        gr.Button(visible=True),
        gr.Row(visible=True),
        gr.Radio(choices=names, value=BEST),
        tell_reasons(advice.best),
    ]


def _name(number: int, option: Option) -> str:
    return f"{option.title} (recommended)" if number == 0 else option.title


def tell_advice(advice: Advice) -> str:
    """The recommendation in a sentence, what was measured, and the grid."""
    rows = [
        [escape(name), escape(value), escape(meaning)] for name, value, meaning in facts(advice)
    ]
    measured = table(["Measured", "Value", "What it means"], rows)
    return (
        f'<p class="st-headline">{escape(summarize(advice))}</p><div class="st-advice">'
        f"<div>{measured}</div><div>{draw_grid(advice.signals)}</div></div>"
    )


@told
def show_reasons(studio: Studio, base: str | None, dataset: str | None, option: str | None) -> str:
    """Why that option is as it is."""
    found = studio.advised(dataset, base=_base(base)) if dataset and option else None
    return tell_reasons(pick(found, option)) if found else ""


def tell_reasons(option: Option) -> str:
    """Every decision with its reason and where the rule comes from."""
    rows = [[escape(one.what), escape(one.why), escape(one.source)] for one in option.reasons]
    return table(["Decision", "Why", "Source"], rows)


def pick(advice: Advice, option: str | None) -> Option:
    """The option that was chosen."""
    options = [advice.best, *advice.others]
    number = int(option or BEST)
    return options[number] if number < len(options) else advice.best


@told
def start_race(studio: Studio, base: str | None, dataset: str | None) -> list[Any]:
    """Start the trials and their measurement; they go on if the page is closed."""
    advice = studio.advised(_chosen(dataset), base=_base(base))
    if advice is None:
        raise StudioError("Measure the dataset first; the race is between what is recommended.")
    race = studio.race(advice.trainable)
    gr.Info("Three short runs and a measurement; they go on if you close this page.")
    return _raced(studio, race)


@told
def show_race(studio: Studio, base: str | None, dataset: str | None) -> list[Any]:
    """The newest race over this dataset and base, as it stands."""
    found = [one for one in studio.races(dataset) if one.base == _base(base)] if dataset else []
    if found:
        return _raced(studio, found[0])
    return ["", gr.Row(visible=False), gr.Button(visible=False), gr.Timer(active=False)]


@told
def stop_race(studio: Studio, base: str | None, dataset: str | None) -> list[Any]:
    """Cancel the trials and the measurement that are still under way."""
    race = newest_race(studio, base, dataset)
    studio.stop_race(race)
    return _raced(studio, race)


@told
def keep_best(studio: Studio, base: str | None, dataset: str | None) -> list[Any]:
    """Delete the trials that another one beats on both counts."""
    race = newest_race(studio, base, dataset)
    gone = studio.keep_best(race)
    gr.Info(f"Deleted {len(gone)} of {len(race.entrants)} trials.")
    return _raced(studio, race)


def newest_race(studio: Studio, base: str | None, dataset: str | None) -> Race:
    """The newest race over this dataset and base; StudioError if there is none."""
    found = [one for one in studio.races(_chosen(dataset)) if one.base == _base(base)]
    if not found:
        raise StudioError("There was no race over this dataset yet.")
    return found[0]


def _raced(studio: Studio, race: Race) -> list[Any]:
    placed = studio.placed(race)
    over = all(one.point for one in placed)
    ids = [*(one.run for one in race.entrants), *race.measurements]
    known = {run.id: run for run in studio.runs()}
    standings = {id: look(known[id]) for id in ids if id in known}
    busy = any(one.under_way for one in standings.values())
    words = {id: one.sentence if one.under_way else one.word for id, one in standings.items()}
    told = tell_race(placed, words)
    if busy and not over:
        waiting = [words[id] for id in race.measurements if id in words]
        told += quiet(f"Measurement: {' '.join(waiting)}")
    return [told, gr.Row(visible=over), gr.Button(visible=busy), gr.Timer(active=busy)]


def tell_race(placed: Sequence[Placed], standings: dict[str, str]) -> str:
    """The trials, the winner first."""
    unit = unit_of(one.point for one in placed if one.point)
    named = "points" if unit == "points" else "nats per token"
    rows = []
    for one in placed:
        mark = "★ winner" if one.winner else "◆ not beaten" if one.best else ""
        gained, lost = one.point.in_unit(unit) if one.point else (None, None)
        rows.append([
            mark,
            escape(one.entrant.title),
            signed(gained.value) if gained else "",
            signed(-lost.value) if lost else "",
            escape(standings.get(one.entrant.run, "deleted")),
        ])  # fmt: skip
    heads = ["", "Trial", f"Gained, {named}", f"Kept of old skills, {named}", "Run"]
    won = next((one for one in placed if one.winner and one.point), None)
    lost = won.point.in_unit(unit)[1] if won and won.point else None
    over = lost is not None and lost.value > BUDGETS[unit]
    note = (
        f"None stayed within the budget of {BUDGETS[unit]:g} {named} of forgetting; the winner is "
        "the one with most left of its gain after what it lost."
    )
    return "<h4>The race</h4>" + table(heads, rows, numbers=(2, 3)) + quiet(note) * over


def _chosen(dataset: str | None) -> str:
    if not dataset:
        raise StudioError("Choose a dataset first; the Data tab builds one.")
    return dataset


def _base(base: str | None) -> str:
    return (base or "").strip() or "starter"
