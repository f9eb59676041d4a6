"""The template editor: its boxes, one phrasing at a time, and what they make."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.data.template import Template
from studio.data.template_parts import MOST_SHOTS
from studio.errors import TemplateError
from studio.ui import template_draft
from studio.ui.border import told, wire
from studio.ui.markup import quiet
from studio.ui.template_draft import Boxes, Draft

SHOTS = (
    "Other rows with their answers, shown first: drawn from rows to learn from alone, never the "
    "row itself. \\n is a line break."
)


@dataclass(frozen=True)
class Editor:
    """Belongs to one visitor."""

    draft: gr.State
    """Fields of the open template, or None; with the boxes it is the template as written."""
    picker: gr.Radio
    """Which phrasing is open."""
    boxes: list[Any]
    """In the order of `Boxes`."""
    add: gr.Button
    remove: gr.Button

    @property
    def held(self) -> list[Any]:
        """What `read` makes a template of."""
        return [self.draft, *self.boxes]

    @property
    def shown(self) -> list[Any]:
        """What `show` fills."""
        return [self.draft, self.picker, *self.boxes]


def lay_out() -> Editor:
    """The boxes, empty."""
    title = gr.Textbox(value="", label="Title", elem_id="edit-title")
    picker = gr.Radio([], label="Phrasings, and how many of the rows are asked so",
                      elem_id="edit-phrasings", elem_classes="st-column")  # fmt: skip
    prompt = _code("Prompt: Jinja over the columns", "edit-prompt", lines=4)
    with gr.Row(elem_classes="st-deeds"):
        weight = gr.Number(1, label="Weight, beside the others'", minimum=0.01, min_width=160,
                           scale=0, elem_id="edit-weight")  # fmt: skip
        add = gr.Button("Add a phrasing", size="sm", elem_id="add-phrasing", min_width=120)
        remove = gr.Button("Take this one out", size="sm", elem_id="remove-phrasing", min_width=120)
    answer = _code("Answer: Jinja over the columns", "edit-answer", lines=2)
    choices = gr.Textbox(
        value="", label="Possible answers", lines=2, elem_id="edit-choices",
        info="One per line, or Jinja giving them separated by |||; empty if open.",
    )  # fmt: skip
    with gr.Accordion("An answer of this phrasing's own", open=False):
        own_answer = _code("Instead of the template's answer; empty for none", "edit-own", lines=2)
    with gr.Accordion("System message and earlier turns", open=False, elem_id="edit-before"):
        system = _code("System message; none if empty", "edit-system", lines=2)
        turns = _code(
            "Earlier turns: what is said, then what is answered, a line of --- between any two",
            "edit-turns", lines=3,
        )  # fmt: skip
    with gr.Accordion("Solved rows before the question", open=False, elem_id="edit-few"):
        shots, between, separator, as_turns = _lay_out_shots()
    boxes = [title, prompt, weight, own_answer, answer, choices, system, turns, shots, between,
             separator, as_turns]  # fmt: skip
    return Editor(gr.State(None), picker, boxes, add, remove)


def _lay_out_shots() -> list[Any]:
    gr.HTML(quiet(SHOTS))
    with gr.Row():
        count = gr.Number(
            0, label="How many", minimum=0, maximum=MOST_SHOTS, precision=0, min_width=90,
            elem_id="edit-shots",
        )  # fmt: skip
        between = gr.Textbox("\\n", label="Before an answer", min_width=90)
        separator = gr.Textbox("\\n\\n", label="After an answer", min_width=90)
    as_turns = gr.Checkbox(False, label="As earlier turns of the conversation")
    return [count, between, separator, as_turns]


def _code(label: str, name: str, *, lines: int) -> gr.Code:
    return gr.Code(
        "", language="jinja2", label=label, lines=lines, max_lines=16, elem_id=name,
        wrap_lines=True, show_line_numbers=False, interactive=True,
    )  # fmt: skip


def wire_up(editor: Editor) -> list[Any]:
    """Let the phrasings be opened, added and taken out; gives the events after which they are."""
    held = [editor.picker, *editor.held]
    return [
        wire(
            editor.picker.input, pick, inputs=held, outputs=editor.shown, trigger_mode="always_last"
        ),
        wire(editor.add.click, add, inputs=held, outputs=editor.shown),
        wire(editor.remove.click, remove, inputs=held, outputs=editor.shown),
    ]


def read(draft: Draft | None, values: tuple[Any, ...]) -> Template:
    """The template as it is written; TemplateError if it cannot be one, or none is open."""
    if draft is None:
        raise TemplateError("Choose a template first.")
    return template_draft.close(draft, _boxes(values))


def show(template: Template) -> list[Any]:
    """A template in the editor."""
    return _shown(*template_draft.open_template(template))


def name_phrasings(draft: Draft | None, values: tuple[Any, ...]) -> Any:
    """The picker with what the phrasings say now."""
    if draft is None:
        return gr.skip()
    return gr.Radio(template_draft.list_phrasings(draft, _boxes(values)))


@told
def pick(number: int | None, draft: Draft | None, *values: Any) -> list[Any]:
    """Open another phrasing."""
    if draft is None or number is None:
        return [gr.skip()] * (2 + len(Boxes._fields))
    return _shown(*template_draft.pick(draft, _boxes(values), number))


@told
def add(_: int | None, draft: Draft | None, *values: Any) -> list[Any]:
    """Open a new phrasing."""
    if draft is None:
        raise TemplateError("Choose a template first.")
    return _shown(*template_draft.add(draft, _boxes(values)))


@told
def remove(_: int | None, draft: Draft | None, *values: Any) -> list[Any]:
    """Take the open phrasing out."""
    if draft is None:
        raise TemplateError("Choose a template first.")
    return _shown(*template_draft.remove(draft, _boxes(values)))


def _boxes(values: tuple[Any, ...]) -> Boxes:
    """What the boxes hold; an emptied code box gives None."""
    filled: list[Any] = [
        default if value is None else value
        for value, default in zip(values, _EMPTY, strict=True)
    ]  # fmt: skip
    return Boxes._make(filled)


_EMPTY = Boxes("", "", 1, "", "", "", "", "", 0, "", "", False)


def _shown(draft: Draft, boxes: Boxes) -> list[Any]:
    picker = gr.Radio(template_draft.list_phrasings(draft, boxes), value=draft["open"])
    return [draft, picker, *boxes]
