"""The settings of each way to get more from a workbook's rows."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.data.augment import FEW, find_texts
from studio.data.invention import SHOTS
from studio.data.inversion import askable
from studio.data.novelty import NEW
from studio.data.rewording import ENGLISH
from studio.data.typing_slips import KINDS, SHARE
from studio.data.workbook import Workbook
from studio.errors import EndpointError, StudioError
from studio.measure.outcome import BASE
from studio.studio import Studio
from studio.ui.border import tell
from studio.ui.markup import quiet

WAYS = [
    ("Slips of typing", "noise"), ("Said otherwise", "reword"), ("Written by a model", "write"),
    ("More phrasings", "phrasings"), ("Turned round", "invert"),
]  # fmt: skip
ABOUT = {
    "noise": "The same rows as people type them: wrong letters, capitals, blanks. What the answer "
    "says stays as it is.",
    "reword": "The same rows said otherwise, by patterns of sentences that keep the meaning.",
    "write": "A model writes new rows after the pattern of yours. Labels are given in equal "
    "numbers; what is cut off, broken, too short or long, or not new is sieved out.",
    "phrasings": "The same rows asked in more ways. Phrasings belong to the template of this "
    "workbook.",
    "invert": "The task the other way round, from the answer to what was asked about: a workbook "
    "of its own, to be frozen and mixed in with this one.",
}
BASE_MARK = "base "
ASKS = 3
MOST = 400
NOBODY = ("nobody", "")


@dataclass(frozen=True)
class Ways:
    """The components, way by way."""

    fitted: gr.State
    """What the settings suit; see `fit`."""
    way: gr.Radio
    about: gr.HTML
    groups: dict[str, gr.Column]
    column: gr.Dropdown
    noise: list[Any]
    patterns: gr.Textbox
    plan: gr.HTML
    write: list[Any]
    asks: list[gr.Textbox]
    asked: gr.Radio
    turned: gr.Dropdown
    count: gr.Number
    seed: gr.Number
    propose: gr.Button
    stop: gr.Button


def lay_out() -> Ways:
    """Choose a way, and set it."""
    way = gr.Radio(WAYS, value="noise", label="How", elem_id="more-way")
    about = gr.HTML(quiet(ABOUT["noise"]), elem_id="more-about")
    groups: dict[str, gr.Column] = {}
    column = gr.Dropdown([], label="Column that is changed", elem_id="more-column",
                         info="Only what the answer does not read.")  # fmt: skip
    with gr.Column(elem_id="more-noise") as groups["noise"]:
        noise = [
            gr.CheckboxGroup(list(KINDS), value=list(KINDS), label="Kinds", elem_id="more-kinds"),
            gr.Slider(0, 0.5, value=SHARE, step=0.05, label="Share of words with a wrong letter",
                      elem_id="more-share"),
        ]  # fmt: skip
    with gr.Column(visible=False, elem_id="more-reword") as groups["reword"]:
        patterns = gr.Textbox(
            value=ENGLISH, label="Patterns", lines=8, max_lines=14, elem_id="more-patterns",
            info="One per line. With gaps such as {x} a whole sentence, without them words.",
        )  # fmt: skip
    with gr.Column(visible=False, elem_id="more-write") as groups["write"]:
        plan, write, asks = _lay_out_writing()
    with gr.Column(visible=False, elem_id="more-phrasings") as groups["phrasings"]:
        asked = gr.Radio([], label="Every row to learn from is asked", elem_id="more-asked")
    with gr.Column(visible=False, elem_id="more-invert") as groups["invert"]:
        turned = gr.Dropdown([], label="What becomes the answer", elem_id="more-turned")
    with gr.Row(equal_height=True):
        count = gr.Number(FEW, label="Rows", minimum=1, maximum=MOST, precision=0, min_width=90,
                          elem_id="more-count")  # fmt: skip
        seed = gr.Number(0, label="Seed", minimum=0, precision=0, min_width=90,
                         elem_id="more-seed")  # fmt: skip
    with gr.Row():
        propose = gr.Button("Propose", variant="primary", elem_id="more-propose", min_width=120)
        stop = gr.Button("Stop", visible=False, elem_id="more-stop", min_width=80)
    return Ways(gr.State(""), way, about, groups, column, noise, patterns, plan, write, asks, asked,
                turned, count, seed, propose, stop)  # fmt: skip


def _lay_out_writing() -> tuple[gr.HTML, list[Any], list[gr.Textbox]]:
    who = gr.Dropdown([], label="Who writes", elem_id="more-who")
    plan = gr.HTML(elem_id="more-plan")
    asks = [
        gr.Textbox(value="", lines=2, visible=False, elem_id=f"more-ask-{place}")
        for place in range(1, ASKS + 1)
    ]
    with gr.Accordion("How it writes", open=False), gr.Row():
        shots = gr.Number(SHOTS, label="Rows shown to it", minimum=0, maximum=16, precision=0,
                          min_width=110, elem_id="more-shots")  # fmt: skip
        heat = gr.Slider(0.1, 1.5, value=0.8, step=0.05, label="Temperature", min_width=140,
                         elem_id="more-temperature")  # fmt: skip
        new = gr.Slider(
            0.3, 1, value=NEW, step=0.05, label="Known from ROUGE-L", min_width=140,
            info="Rows more alike than this are not new.", elem_id="more-new",
        )  # fmt: skip
        checker = gr.Dropdown(
            [NOBODY], value="", label="Who checks the answers", min_width=200,
            elem_id="more-checker", info="A model that knows the task; what it would answer "
            "otherwise is not ticked.",
        )  # fmt: skip
    return plan, [who, shots, heat, new, checker], asks


def show_way(way: str) -> list[Any]:
    """What is said about a way, and its settings."""
    changes = way in ("noise", "reword")
    rows = changes or way == "write"
    return [
        quiet(ABOUT[way]), gr.Dropdown(visible=changes),
        *(gr.Column(visible=way == name) for name in ("noise", "reword", "write", "phrasings",
                                                      "invert")),
        gr.Number(visible=rows), gr.Number(visible=rows),
        "Make the workbook" if way == "invert" else "Propose",
    ]  # fmt: skip


def fit(studio: Studio, book: Workbook, fitted: str) -> list[Any]:
    """The settings as they suit a workbook, and what they suit.

    As long as that is what they are fitted to already, they stay as a person set them.
    """
    writers = _writers(studio)
    suited = f"{book.id} {book.template.fingerprint()} {book.columns()} {writers}"
    asked = _ask_in(book)
    if suited == fitted:
        return [gr.skip(), asked, *[gr.skip()] * (5 + ASKS)]
    rows = book.rows()
    texts = [text.column for text in find_texts(book.template, rows)]
    turnable = askable(book.template, rows) if book.template.answer_variables() else []
    checkers = [NOBODY, *((title, str(lane_of(one)["lane"])) for title, one in writers)]
    return [
        suited,
        asked,
        gr.Dropdown(choices=texts, value=next(iter(texts), None)),
        gr.Dropdown(choices=writers, value=writers[0][1]),
        gr.Dropdown(choices=checkers, value=""),
        gr.Dropdown(choices=turnable, value=next(iter(turnable), None)),
        *_fit_plan(studio, book),
    ]


def _ask_in(book: Workbook) -> gr.Radio:
    """In how many phrasings a row is asked, and how many examples that makes."""
    ways, count = len(book.template.phrasings), len(book.kept())
    choices = [
        (f"in one phrasing, drawn by weight ({count:,} examples)", "one"),
        (f"in every phrasing ({ways} of each row, {ways * count:,} examples)", "all"),
    ]
    return gr.Radio(choices, value=book.options.get("phrasings", "one"))


def _fit_plan(studio: Studio, book: Workbook) -> list[Any]:
    """What is given, what is written, and in what words the model is asked."""
    try:
        plan = studio.plan_writing(book.id)
    except StudioError as error:
        return [quiet(str(error)), *[gr.Textbox(value="", visible=False)] * ASKS]
    given = ", ".join(plan.given) or "nothing"
    boxes = [
        gr.Textbox(value=plan.asks[name], label=f"How it is asked for '{name}'", visible=True)
        for name in plan.written[:ASKS]
    ]
    boxes += [gr.Textbox(value="", visible=False)] * (ASKS - len(boxes))
    return [quiet(f"Given: {given}. Written: {', '.join(plan.written)}."), *boxes]


def _writers(studio: Studio) -> list[tuple[str, str]]:
    """Bases, tuned runs and models elsewhere."""
    runs = [run for run in studio.runs() if run.makes_adapter and run.status() == "finished"]
    bases = dict.fromkeys(["starter", *(run.recipe.base for run in runs)])
    found = [(f"{base} (base)", f"{BASE_MARK}{base}") for base in bases]
    found += [(f"{run.title} · {run.id[:15]}", run.id) for run in runs]
    try:
        found += [(f"{one.title or one.name} (elsewhere)", one.lane) for one in studio.endpoints()]
    except EndpointError as error:
        tell(error, "Endpoints")
    return found


def lane_of(writer: str) -> dict[str, Any]:
    """What `write_rows` is told about who writes."""
    if writer.startswith(BASE_MARK):
        return {"lane": BASE, "base": writer.removeprefix(BASE_MARK)}
    return {"lane": writer}
