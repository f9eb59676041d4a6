"""The lane bar of the Chat tab: who answers beside the base, how strongly, and how it is drawn."""

from collections import Counter
from collections.abc import Iterable, Sequence
from threading import Thread
from typing import Any

import gradio as gr

from studio.chat.endpoints import Endpoint, is_endpoint
from studio.chat.exchange import adapter_of
from studio.errors import EndpointError, StudioError
from studio.measure.comparison import LaneSpec
from studio.measure.outcome import BASE
from studio.studio import Studio
from studio.tuning.run import Run
from studio.ui.border import tell, told, wire
from studio.ui.links import Links
from studio.ui.markup import quiet
from studio.ui.setting import Setting

BESIDE = 4
"""So many lanes stand beside the base at most."""
EVERY = "Every lane is this model."
NO_RUNS = "The base answers alone until a tuned run is finished; the Tune tab starts one."
AWAY = "A lane is elsewhere: what you write in a conversation is sent to that server as well."
SWITCHED = "The next message loads this base; the one before leaves the memory first."
ALIKE = "Two lanes are the same and answer as one; give one of them another strength."


def build(studio: Studio, links: Links, tab: gr.Tab) -> Setting:
    """Lay the bar out and wire it; what it sets is shared by all parts of the tab."""
    lanes, chosen_base = gr.State([BASE]), gr.State("starter")
    with gr.Row(elem_id="lane-bar", equal_height=True):
        with gr.Column(min_width=190, elem_classes="st-slot base"):
            base = gr.Dropdown(
                ["starter"], value="starter", label="Base", elem_id="lane-base",
                info=EVERY,
            )  # fmt: skip
        slots = [_lay_out_slot(number) for number in range(1, BESIDE + 1)]
        add = gr.Button("Add a lane", size="sm", elem_id="add-lane", min_width=110, scale=0)
    note = gr.HTML(elem_id="lanes-note")
    system, sampling = _lay_out_sampling()

    columns, menus, strengths, drops = (list(part) for part in zip(*slots, strict=True))
    bar = [base, *columns, *menus, *strengths, add]
    said = [lanes, chosen_base, note]
    wire(tab.select, open_bar, studio, inputs=[links.run, lanes, chosen_base],
         outputs=[links.run, *said])  # fmt: skip
    # Whoever sets the lanes, this bar or a conversation that is opened: they are drawn here.
    wire([tab.select, lanes.change, chosen_base.change], draw_bar, studio,
         inputs=[lanes, chosen_base], outputs=bar)  # fmt: skip
    held = [*menus, *strengths, chosen_base, lanes]
    moved = [*(menu.input for menu in menus), *(one.release for one in strengths)]
    wire(moved, read_bar, inputs=held, outputs=said)
    wire(base.input, change_base, studio, inputs=base, outputs=said)
    wire(add.click, add_lane, studio, inputs=[lanes, chosen_base], outputs=said)
    for number, drop in enumerate(drops, 1):
        wire(drop.click, drop_lane, number, inputs=[lanes, chosen_base], outputs=said)
    return Setting(
        lanes=lanes, base=chosen_base, system=system, sampling=sampling,
        conversation=gr.State(None), owner=links.owner, scope=links.scope, gathered=gr.State(0.0),
    )  # fmt: skip


def _lay_out_slot(number: int) -> tuple[gr.Column, gr.Dropdown, gr.Slider, gr.Button]:
    with gr.Column(min_width=200, visible=False, elem_classes="st-slot tuned") as column:
        menu = gr.Dropdown([], label=f"Lane {number}", elem_id=f"lane-run-{number}")
        with gr.Row(equal_height=True):
            strength = gr.Slider(
                0, 1.5, value=1, step=0.05, label="Strength", elem_id=f"strength-{number}",
                scale=4, min_width=130,
            )  # fmt: skip
            drop = gr.Button(
                "Remove", size="sm", elem_id=f"drop-lane-{number}", min_width=66, scale=0
            )
    return column, menu, strength, drop


def _lay_out_sampling() -> tuple[gr.Textbox, list[Any]]:
    fold = gr.Accordion("How answers are drawn", open=False, elem_id="how-drawn")
    with fold, gr.Row():
        temperature = gr.Slider(
            0, 2, value=0, step=0.05, label="Temperature", min_width=160,
            info="0 takes the likeliest token.", elem_id="temperature",
        )  # fmt: skip
        top_p = gr.Slider(
            0.05, 1, value=1, step=0.05, label="Top p", min_width=160, elem_id="top-p",
            info="Draw only from the likeliest tokens of this share.",
        )  # fmt: skip
        top_k = gr.Number(
            0, label="Top k", minimum=0, precision=0, min_width=110, elem_id="top-k",
            info="0 draws from all tokens.",
        )  # fmt: skip
        tokens = gr.Number(
            96, label="Most new tokens", minimum=1, maximum=8192, precision=0, min_width=110,
            elem_id="max-new-tokens", info="Where an answer is cut off.",
        )  # fmt: skip
        seed = gr.Number(
            0, label="Seed", minimum=0, precision=0, min_width=110, elem_id="seed",
            info="The same for all lanes.",
        )  # fmt: skip
        system = gr.Textbox(
            value="", label="System message", lines=1, max_lines=6, min_width=240,
            elem_id="system", info="None if empty.",
        )  # fmt: skip
    return system, [temperature, top_p, top_k, tokens, seed]


@told
def open_bar(studio: Studio, sent: Sequence[str] | None, lanes: list[str], base: str) -> list[Any]:
    """The lanes as they were, with the runs that another tab sent; at first the newest run."""
    Thread(target=studio.warm_up_chat, daemon=True).start()  # may wait for another's answer
    usable = {run.id: run for run in _usable(studio)}
    sent = [lane for lane in sent or [] if LaneSpec.parse(lane).run in usable]
    if sent:
        base = usable[LaneSpec.parse(sent[-1]).run].recipe.base
    there = [lane for lane in lanes[1:] if _fits(lane, base, usable)]
    if sent:
        there = [*there, *(id for id in sent if id not in there)][-BESIDE:]
    elif not there and (finished := _finished(studio)):
        there, base = [finished[0].id], finished[0].recipe.base
    return [None, *_say([BASE, *there], base)]


@told
def draw_bar(studio: Studio, lanes: list[str], base: str) -> list[Any]:
    """The bar as it looks with these lanes: its components in their order."""
    choices = _choices(studio, base)
    beside = lanes[1:]
    spare = BESIDE - len(beside)
    columns = [gr.Column(visible=number < len(beside)) for number in range(BESIDE)]
    menus = [gr.Dropdown(choices=choices, value=_choice_of(lane)) for lane in beside]
    strengths = [
        gr.Slider(visible=spec is not None, value=spec.strength if spec else 1)
        for spec in map(_spec, beside)
    ]
    return [
        gr.Dropdown(choices=_bases(studio), value=base, info=EVERY if choices else NO_RUNS),
        *columns,
        *menus, *[gr.Dropdown(choices=choices, value=None)] * spare,
        *strengths, *[gr.skip()] * spare,
        gr.Button(visible=bool(choices) and spare > 0),
    ]  # fmt: skip


@told
def read_bar(*held: Any) -> list[Any]:
    """The lanes that the menus and strengths stand for."""
    menus, strengths, base, lanes = held[:BESIDE], held[BESIDE:-2], held[-2], held[-1]
    used = len(lanes) - 1
    named = [
        name_lane(menu, strength)
        for menu, strength in zip(menus[:used], strengths[:used], strict=True)
        if menu
    ]
    different = list(dict.fromkeys(named))
    return _say([BASE, *different], base, ALIKE if len(different) < len(named) else "")


@told
def change_base(studio: Studio, base: str) -> list[Any]:
    """Another base, with its newest run beside it."""
    fitting = [run.id for run in _finished(studio) if run.recipe.base == base]
    return _say([BASE, *fitting[:1]], base, SWITCHED)


@told
def add_lane(studio: Studio, lanes: list[str], base: str) -> list[Any]:
    """One more lane: the newest run that is in none yet, or else one of them at half strength."""
    if len(lanes) > BESIDE:
        raise StudioError(f"There are {BESIDE} lanes beside the base already; remove one first.")
    choices = [value for _, value in _choices(studio, base)]
    runs = [value for value in choices if ":" not in value]
    halves = [f"{value}@0.5" for value in runs]
    fresh = [value for value in (*runs, *halves, *choices) if value not in lanes]
    if not fresh:
        raise StudioError(NO_RUNS)
    return _say([*lanes, fresh[0]], base)


@told
def drop_lane(number: int, lanes: list[str], base: str) -> list[Any]:
    """Without that lane."""
    return _say([lane for place, lane in enumerate(lanes) if place != number], base)


def name_lane(choice: str, strength: float) -> str:
    """The lane's name: the choice as it is, and the strength where it is not 1."""
    if is_endpoint(choice):
        return choice
    return LaneSpec.parse(choice).model_copy(update={"strength": round(strength, 2)}).id


def _say(lanes: list[str], base: str, note: str = "") -> list[Any]:
    if not note and any(is_endpoint(lane) for lane in lanes):
        note = AWAY
    return [lanes, base, quiet(note) if note else ""]


def _choices(studio: Studio, base: str) -> list[tuple[str, str]]:
    """What a lane can be: what the base's runs made, and under each its earlier steps."""
    found = []
    runs = [run for run in _usable(studio) if run.recipe.base == base]
    titles = Counter(run.title for run in runs)
    for run in runs:
        name = run.title if titles[run.title] == 1 else f"{run.title} · {run.id[:15]}"
        for lane in run.lanes():
            step = LaneSpec.parse(lane).checkpoint
            found.append((name if step is None else f"{name} · step {step}", lane))
    return found + [
        (f"{one.title or one.name} (elsewhere)", one.lane) for one in _elsewhere(studio)
    ]


def _elsewhere(studio: Studio) -> list[Endpoint]:
    """The endpoints; a fault in their file is told and takes nothing else away."""
    try:
        return studio.endpoints()
    except EndpointError as error:
        tell(error, "Endpoints")
        return []


def _bases(studio: Studio) -> list[str]:
    return list(dict.fromkeys(["starter", *(run.recipe.base for run in _finished(studio))]))


def _finished(studio: Studio) -> list[Run]:
    return [run for run in studio.runs() if run.makes_adapter and run.status() == "finished"]


def _usable(studio: Studio) -> list[Run]:
    """Runs that left something to talk to, also those that were broken off on the way."""
    return [run for run in studio.runs() if run.makes_adapter and run.lanes()]


def _spec(lane: str) -> LaneSpec | None:
    return None if is_endpoint(lane) else LaneSpec.parse(lane)


def _fits(lane: str, base: str, usable: dict[str, Run]) -> bool:
    """Whether the lane can stand beside that base: its run is there and was tuned on it."""
    spec = _spec(lane)
    return spec is None or (spec.run in usable and usable[spec.run].recipe.base == base)


def kin(lane: str, others: Iterable[str]) -> bool:
    """Whether one of the others is the same adapter at another strength."""
    return any(adapter_of(one) == adapter_of(lane) for one in others if one != lane)


def is_there(studio: Studio, lane: str) -> bool:
    """Whether a tuned lane can still be asked; its run may have been deleted."""
    spec = _spec(lane)
    return spec is None or any(run.id == spec.run for run in _usable(studio))


def _choice_of(lane: str) -> str:
    spec = _spec(lane)
    return lane if spec is None else spec.model_copy(update={"strength": 1.0}).id
