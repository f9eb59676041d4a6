"""The Checks panel: what is wrong with a workbook's rows, what mends it, how they are spread."""

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from studio.data.checks import Finding
from studio.data.fixes import label
from studio.data.progress import Progress
from studio.data.token_lengths import lengths
from studio.data.workbook import Workbook
from studio.data.workbook_checks import Checked, last_check
from studio.errors import DatasetError, StudioError
from studio.models.catalogue import find_base
from studio.studio import Studio
from studio.ui import book_pictures
from studio.ui.border import told, wire
from studio.ui.examples import SIGNS
from studio.ui.links import Links
from studio.ui.markup import bar, empty, quiet, table
from studio.ui.seen import tell_fault
from studio.ui.workbench import Workbench, now, open_panel
from studio.verbs.curating import MAX_LENGTH

AT_ONCE = 2_000  # rows; so many are checked without being asked
NO_BOOK = (
    "No workbook is open: bring rows in the Rows panel, and what is odd about them stands here."
)
UNCHECKED = "These rows were not checked yet. Press Check the rows."
SOUND = "The checks found nothing: no empty or repeated rows, no contradictions, nothing personal."
PICK = """
element.addEventListener('click', event => {
  const button = event.target.closest?.('button[data-deed]');
  if (button) trigger('click', {deed: button.dataset.deed, kind: button.dataset.kind});
});
"""


def build(studio: Studio, links: Links, bench: Workbench, tab: gr.Tab) -> None:
    """Lay the panel out and wire it."""
    with gr.Row(equal_height=True):
        standing = gr.HTML(quiet(NO_BOOK), elem_id="checks-told")
        check = gr.Button("Check the rows", variant="primary", size="sm", min_width=140, scale=0,
                          elem_id="checks-run")  # fmt: skip
        stop = gr.Button("Stop", size="sm", visible=False, min_width=80, elem_id="checks-stop")
    findings = gr.HTML(empty(NO_BOOK), elem_id="checks-findings", js_on_load=PICK)
    with gr.Row():
        with gr.Column(min_width=300):
            gr.Markdown("#### Answers")
            answers = gr.HTML(elem_id="checks-answers")
            gr.Markdown("#### Languages")
            languages = gr.HTML(elem_id="checks-languages")
        with gr.Column(min_width=320):
            gr.Markdown("#### Length in tokens")
            counted = gr.HTML(elem_id="checks-lengths")
            with gr.Row():
                base = gr.Textbox("starter", label="Base", info="Whose tokens are counted.",
                                  min_width=140, elem_id="checks-base")  # fmt: skip
                longest = gr.Number(MAX_LENGTH, label="max_length", minimum=8, precision=0,
                                    min_width=120, elem_id="checks-max-length",
                                    info="Training cuts what is longer.")  # fmt: skip
    asked = [bench.book, bench.scope, base, longest]
    pictures = [answers, languages, counted]
    drawn = [standing, findings, *pictures, stop]
    runs = [
        wire(tab.select, open_panel_checked, studio, inputs=asked, outputs=drawn),
        wire(check.click, run, studio, inputs=asked, outputs=drawn),
    ]  # fmt: skip
    wire([base.submit, base.blur, longest.blur, longest.submit], count, studio, inputs=asked,
         outputs=counted, trigger_mode="always_last")  # fmt: skip
    wire(bench.book.change, show_last, studio, inputs=asked, outputs=drawn)
    wire(bench.changed.change, show_stale, studio, inputs=asked[:2], outputs=standing)
    chosen = wire(findings.click, choose, studio, inputs=asked[:2],
                  outputs=[bench.only, bench.panels, bench.changed])  # fmt: skip
    runs.append(wire(chosen.success, again, studio, inputs=asked, outputs=drawn))
    wire(stop.click, show_last, studio, inputs=asked, outputs=drawn, cancels=runs)


@told
def open_panel_checked(
    studio: Studio, id: str | None, scope: str | None, base: str, longest: float
) -> Iterator[list[Any]]:
    """What was found last; rows that are few are checked at once."""
    if not id:
        yield _draw_nothing()
        return
    book = studio.workbooks.open(id, scope)
    last = last_check(book)
    if len(book.entries()) <= AT_ONCE and (last is None or last.version != book.version):
        yield from run(studio, id, scope, base, longest)
    else:
        yield _draw(book, last, base, longest)


@told
def again(
    studio: Studio, id: str | None, scope: str | None, base: str, longest: float
) -> Iterator[list[Any]]:
    """After a fix: few rows are checked again at once, of many it is said that they may be."""
    yield from open_panel_checked(studio, id, scope, base, longest)


@told
def run(
    studio: Studio, id: str | None, scope: str | None, base: str, longest: float
) -> Iterator[list[Any]]:
    """Check the rows, and say meanwhile what is being done."""
    if not id:
        raise DatasetError("No workbook is open; bring rows in the Rows panel first.")
    book = studio.workbooks.open(id, scope)
    kept = [gr.skip()] * 4
    try:
        steps = studio.check(id, owner=scope, base=base.strip(), max_length=int(longest or 0))
        for step in steps:
            if isinstance(step, Checked):
                yield _draw(book, step, base, longest)
            else:
                yield [_tell_progress(step), *kept, gr.Button(visible=True)]
    except StudioError as error:
        yield [tell_fault(error), empty(UNCHECKED), "", "", "", gr.Button(visible=False)]


@told
def show_last(
    studio: Studio, id: str | None, scope: str | None, base: str, longest: float
) -> list[Any]:
    """What was found when the rows were checked last."""
    if not id:
        return _draw_nothing()
    book = studio.workbooks.open(id, scope)
    return _draw(book, last_check(book), base, longest)


@told
def show_stale(studio: Studio, id: str | None, scope: str | None) -> str:
    """Say that something was done since the rows were checked."""
    if not id:
        return ""
    book = studio.workbooks.open(id, scope)
    return _tell(book, last_check(book))


@told
def count(studio: Studio, id: str | None, scope: str | None, base: str, longest: float) -> str:
    """The lengths with another base's tokens, or another line."""
    last = last_check(studio.workbooks.open(id, scope)) if id else None
    return _draw_lengths(last, base, longest) if last else ""


@told
def choose(studio: Studio, event: gr.EventData, id: str | None, scope: str | None) -> list[Any]:
    """Show the rows of a finding, or mend them."""
    deed, kind = str(event._data.get("deed", "")), str(event._data.get("kind", ""))
    if deed == "look":
        return [(f"finding:{kind}", now()), open_panel("examples"), gr.skip()]
    done = studio.mend(id or "", kind, owner=scope)
    gr.Info(f"{escape(done)}. Undo is in the Examples panel.", title="Mended")
    return [gr.skip(), gr.skip(), now()]


def _draw_nothing() -> list[Any]:
    return ["", empty(NO_BOOK), "", "", "", gr.Button(visible=False)]


def _tell_progress(progress: Progress) -> str:
    return quiet(f"… {progress}") + bar(progress.share, "Checking")


def _draw(book: Workbook, checked: Checked | None, base: str, longest: float) -> list[Any]:
    told_here, hidden = _tell(book, checked), gr.Button(visible=False)
    if checked is None:
        return [told_here, empty(UNCHECKED), "", "", "", hidden]
    return [
        told_here,
        _draw_findings(checked),
        book_pictures.draw_balance(checked.answers),
        book_pictures.draw_languages(checked.languages),
        _draw_lengths(checked, base, longest),
        hidden,
    ]


def _tell(book: Workbook, checked: Checked | None) -> str:
    if checked is None:
        return quiet(UNCHECKED)
    made = (
        f"{checked.train:,} examples to learn from, {checked.heldout:,} held out, as "
        f"template '{book.template.name}' makes them."
    )
    stale = checked.version != book.version
    return quiet(made) + ("<p>! Changed since: check again.</p>" if stale else "")


def _draw_findings(checked: Checked) -> str:
    if not checked.findings:
        return empty(SOUND)
    rows = [
        [
            escape(SIGNS[one.severity]),
            escape(one.kind),
            f"{one.count:,}",
            escape(one.message),
            _buttons(one),
        ]
        for one in checked.findings
    ]
    drawn = table(["Severity", "Finding", "Rows", "What it means", "Do"], rows, numbers=[2])
    return f'<div class="st-findings">{drawn}</div>'


def _buttons(finding: Finding) -> str:
    if not finding.rows:
        return ""
    kind = escape(finding.kind)
    mend = label(finding.kind)
    buttons = [("look", "Show them"), *([("mend", mend)] if mend else [])]
    return " ".join(
        f'<button type="button" class="st-open" data-deed="{deed}" data-kind="{kind}" '
        f'aria-label="{kind}: {word}">{word}</button>'
        for deed, word in buttons
    )


def _draw_lengths(checked: Checked, base: str, longest: float) -> str:
    sample = checked.sample
    try:
        found = lengths(sample, find_base(base.strip() or "starter", download=False).folder)
    except StudioError as error:
        return tell_fault(error)
    total = checked.train + checked.heldout
    return book_pictures.draw_lengths(found, max_length=int(longest or MAX_LENGTH), total=total)
