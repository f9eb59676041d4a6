"""A conversation with all lanes at once: every lane answers the same message, in lock-step."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import gradio as gr

from studio.chat.protocol import Said, Sampling, Update
from studio.data.example import Message
from studio.errors import StudioError
from studio.measure.comparison import LaneSpec
from studio.measure.outcome import BASE
from studio.measure.probe import find as find_probes
from studio.studio import Studio
from studio.ui import flagging
from studio.ui.border import told, wire
from studio.ui.lanes import BESIDE, title_of
from studio.ui.links import Links
from studio.ui.markup import quiet
from studio.ui.setting import Setting, read_sampling

DECK = 6  # suggested prompts of each kind
GREETING = "Ask something below; every lane answers the same question."
NO_RUNS = "The base answers alone until a tuned run is finished."

Talk = dict[str, list[dict[str, str]]]
"""What was said so far, by lane: role and content of every turn."""


def build(studio: Studio, links: Links, setting: Setting, tab: gr.Tab) -> None:
    """Lay the part out and wire it."""
    with gr.Row(equal_height=False):
        columns, bots, notes = _lay_out_lanes()
    keep = flagging.lay_out()
    with gr.Row():
        prompt = gr.Textbox(
            value="", label="Your message, to every lane", lines=1, max_lines=8,
            elem_id="prompt", scale=5, min_width=220,
            placeholder="Enter sends, Shift+Enter makes a new line",
        )  # fmt: skip
        with gr.Column(scale=1, min_width=130):
            send = gr.Button("Send", variant="primary", elem_id="send")
            with gr.Row():
                stop = gr.Button("Stop", size="sm", elem_id="stop", min_width=60)
                clear = gr.Button("Clear", size="sm", elem_id="clear", min_width=60)
    decks = _lay_out_decks(prompt)
    talk, cards = gr.State({}), gr.State([])
    flagging.wire_up(studio, keep, talk, setting.system)

    lanes = [*columns, *bots, *notes, *decks, cards]
    wire(setting.lanes.change, arrange, studio, inputs=[setting.lanes, talk], outputs=lanes)
    answers = wire(
        [send.click, prompt.submit],
        answer,
        studio,
        inputs=[prompt, setting.lanes, setting.system, *setting.sampling, talk],
        outputs=[prompt, talk, *bots, *notes],
        concurrency_limit=4,
        trigger_mode="once",
    )
    wire(stop.click, lambda: None, cancels=answers, queue=False)
    emptied = [clear.click, *(bot.clear for bot in bots)]
    wire(emptied, forget, outputs=[talk, *bots, *notes], cancels=answers)
    for kind, deck in enumerate(decks):
        wire(deck.select, take_card, kind, inputs=cards, outputs=[prompt, setting.system])


def _lay_out_lanes() -> tuple[list[gr.Column], list[gr.Chatbot], list[gr.HTML]]:
    columns, bots, notes = [], [], []
    for number in range(1 + BESIDE):
        with gr.Column(min_width=280, visible=number == 0) as column:
            bots.append(
                gr.Chatbot(
                    label="Base" if number == 0 else f"Tuned {number}",
                    height=440,
                    buttons=["copy"],
                    placeholder=GREETING,
                    render_markdown=False,
                    allow_tags=False,
                    group_consecutive_messages=False,
                    layout="bubble",
                    elem_id=f"lane-{number}",
                    elem_classes="st-lane-base" if number == 0 else "st-lane-tuned",
                )
            )
            notes.append(gr.HTML(min_height=28, elem_id=f"note-{number}"))
        columns.append(column)
    return columns, bots, notes


def _lay_out_decks(prompt: gr.Textbox) -> list[gr.Dataset]:
    titles = ("Try the task: rows that were held out", "Try old skills: questions from the probes")
    with gr.Row():
        return [
            gr.Dataset(
                components=[prompt],
                samples=[[""]],
                label=title,
                type="index",
                layout="gallery",
                samples_per_page=DECK,
                elem_id=f"deck-{number}",
                min_width=280,
            )  # fmt: skip
            for number, title in enumerate(titles)
        ]


@told
def arrange(studio: Studio, lanes: list[str], talk: Talk) -> list[Any]:
    """One column per lane, each with what was said in it, and the prompts that fit them."""
    spare = 1 + BESIDE - len(lanes)
    columns = [gr.Column(visible=number < len(lanes)) for number in range(1 + BESIDE)]
    bots: list[Any] = [
        gr.Chatbot(value=_bubbles(talk.get(lane, [])), label=title_of(studio, lane))
        for lane in lanes
    ]
    notes = [""] * (1 + BESIDE)
    runs = [LaneSpec.parse(lane).run for lane in lanes[1:]]
    return [*columns, *bots, *[gr.skip()] * spare, *notes, *_deal(studio, runs)]


@told
def answer(
    studio: Studio, prompt: str, lanes: list[str], system: str,
    temperature: float, top_p: float, top_k: float, tokens: float, seed: float, talk: Talk,
) -> Iterator[list[Any]]:  # fmt: skip
    """Ask every lane, and show all answers as they grow; closing this stops them."""
    if not prompt.strip():
        raise StudioError("Write a message first; every lane answers it.")
    asked = {
        lane: [*_answered(talk.get(lane, [])), _turn("user", prompt.strip())] for lane in lanes
    }
    sampling = read_sampling(temperature, top_p, top_k, tokens, seed)
    yield _show(asked, lanes, ["Thinking; the first answer also loads the model."] * len(lanes))
    try:
        yield from _stream(studio, asked, system, sampling)
    except StudioError as error:
        gr.Warning(escape(str(error), quote=False), title="No answer")
        before = {lane: talk.get(lane, []) for lane in lanes}
        yield [prompt, *_show(before, lanes, [f"! {error}"] * len(lanes))[1:]]


def _stream(studio: Studio, talk: Talk, system: str, sampling: Sampling) -> Iterator[list[Any]]:
    """The conversations with their answers as far as they have come."""
    lanes = list(talk)
    opening = [Message(role="system", content=system.strip())] if system.strip() else []
    conversations = [
        (
            lane,
            [*opening, *map(Message.model_validate, talk[lane])],
        )
        for lane in lanes
    ]
    updates = studio.ask(conversations, sampling=sampling)
    try:
        for update in updates:
            rows = list(zip(lanes, update.rows, strict=False))
            if rows:
                said = {lane: [*talk[lane], _turn("assistant", row.text)] for lane, row in rows}
                yield _show(said, lanes, [_note(lane, row, update) for lane, row in rows])
    finally:
        updates.close()  # stops the answers if nobody listens any more


def _show(talk: Talk, lanes: Sequence[str], notes: Sequence[str]) -> list[Any]:
    spare = 1 + BESIDE - len(lanes)
    bots = [list(talk[lane]) for lane in lanes] + [gr.skip()] * spare
    return ["", talk, *bots, *map(quiet, notes), *[""] * spare]


def _note(lane: str, said: Said, update: Update) -> str:
    """What stands under a lane: who answers, how fast, and that the base is the base."""
    parts = [f"{said.tokens} token{'s' if said.tokens != 1 else ''}"]
    if said.tokens_per_second:  # a pace takes two tokens
        parts[0] += f", {said.tokens_per_second:.0f} tokens/s"
    if lane == BASE and update.proof is not None:
        parts.insert(0, f"✓ base, verified (largest logit difference {update.proof:.2g})")
    if update.done and not said.stopped:
        parts.append("cut off before its end")
    if update.done and update.about and lane == BASE:
        parts.append(update.about)
    return " · ".join(parts)


def forget() -> list[Any]:
    """An empty conversation in every lane."""
    lanes = 1 + BESIDE
    return [{}, *[[] for _ in range(lanes)], *[""] * lanes]


def _deal(studio: Studio, runs: list[str] | None) -> list[Any]:
    """Suggested prompts: held-out rows of the first lane's dataset, and old skills."""
    task = _task_cards(studio, runs)
    old = _old_cards(studio, studio.run(runs[0]).recipe.base if runs else "starter")
    decks = [
        gr.Dataset(samples=[[_short(cards[-1].content)] for cards in deck] or [["–"]],
                   visible=bool(deck))
        for deck in (task, old)
    ]  # fmt: skip
    return [*decks, [[[one.model_dump() for one in card] for card in deck] for deck in (task, old)]]


def _task_cards(studio: Studio, runs: list[str] | None) -> list[tuple[Message, ...]]:
    if not runs:
        return []
    try:
        dataset = studio.dataset(studio.run(runs[0]).recipe.dataset)
        return [example.messages for example in dataset.heldout()[:DECK]]
    except StudioError:  # the dataset was removed: there is nothing to suggest
        return []


def _old_cards(studio: Studio, base: str) -> list[tuple[Message, ...]]:
    """One question of each of the first probes, so that the deck is varied."""
    probes = find_probes(studio.retention_probes(base), studio.settings.probes)
    spoken = [probe for probe in probes if probe.chat and probe.cases[0].messages]
    return [probe.cases[0].messages for probe in spoken[:DECK]]


@told
def take_card(kind: int, cards: list[Any], event: gr.SelectData) -> list[Any]:
    """Put a suggested prompt into the message, and its system message where it belongs."""
    card = cards[kind][event.index]
    system = card[0]["content"] if card[0]["role"] == "system" else ""
    return [card[-1]["content"], system]


def _answered(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    """What was said, without a last question that was stopped before its answer began."""
    return turns[:-1] if turns and turns[-1]["role"] == "user" else turns


def _bubbles(turns: Sequence[dict[str, str]]) -> list[Any]:
    return list(turns)


def _turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 110 else flat[:109] + "…"
