"""The Freeze panel: how the rows are parted and mixed, and the dataset that comes of it."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from studio.data.dataset import Dataset
from studio.errors import DatasetError, StudioError
from studio.studio import Studio
from studio.ui import freeze_form, frozen, mixture
from studio.ui.border import told, wire
from studio.ui.links import Links, go_to
from studio.ui.markup import bar, empty, quiet
from studio.ui.seen import tell_fault
from studio.ui.workbench import Workbench, now

NO_BOOK = "No workbook is open: bring rows in the Rows panel, and they are frozen here."
NOT_FROZEN = (
    "Press Freeze: a dataset is made of the rows as they stand now, with its card and what the "
    "checks found. The workbook stays, and may be frozen again as another version."
)
CLOSED = "Open a workbook first; the Rows panel begins one."


def build(studio: Studio, links: Links, bench: Workbench, tab: gr.Tab) -> None:
    """Lay the panel out and wire it."""
    standing = gr.HTML(quiet(NO_BOOK), elem_id="freeze-standing")
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            fields = freeze_form.lay_out()
        with gr.Column(scale=3, min_width=320):
            gr.Markdown("#### What is learned, in tokens")
            drawn = gr.HTML(empty(NO_BOOK), elem_id="freeze-mixture", min_height=160)
            with gr.Row():
                freeze = gr.Button("Freeze the dataset", variant="primary", min_width=160,
                                   elem_id="freeze-build")  # fmt: skip
                stop = gr.Button("Stop", visible=False, min_width=80, elem_id="freeze-stop")
            built = gr.HTML(empty(NOT_FROZEN), elem_id="freeze-built", min_height=140)
            tune = gr.Button("Tune on this dataset", visible=False, elem_id="freeze-tune")
    release = frozen.build(studio, bench)

    held = [bench.book, bench.scope]
    every = fields.all()
    filled = wire([tab.select, bench.book.change], open_filled, studio, inputs=held,
                  outputs=[standing, *every])  # fmt: skip
    wire(filled.success, weigh, studio, inputs=held, outputs=drawn)
    kept = wire(fields.edited(), settle, studio, inputs=[*held, *every],
                trigger_mode="always_last")  # fmt: skip
    wire(kept.success, weigh, studio, inputs=held, outputs=drawn, trigger_mode="always_last")
    # What was frozen of another workbook is none of this one's.
    wire(bench.book.change, begin_anew, outputs=[built, tune])
    outcome = [built, links.dataset, links.recipe, tune, stop]
    run = wire(freeze.click, freeze_rows, studio, inputs=[*held, *every], trigger_mode="once",
               outputs=outcome, concurrency_limit=2)  # fmt: skip
    made = wire(run.success, now, outputs=bench.made)
    wire(made.then, frozen.open_newest, studio, inputs=[links.dataset, bench.scope],
         outputs=release)  # fmt: skip
    wire(stop.click, stopped, outputs=[built, stop], cancels=run, queue=False)
    wire(tune.click, partial(go_to, "tune"), outputs=links.tabs)


@told
def open_filled(studio: Studio, id: str | None, scope: str | None) -> list[Any]:
    """What would be frozen, and every field as it was settled."""
    if not id:
        return [quiet(NO_BOOK), *[gr.skip()] * len(freeze_form.FIELDS)]
    book = studio.workbooks.open(id, scope)
    whole, taken = len(book.entries()), len(book.rows())
    left = f", {whole - taken:,} excluded" if whole > taken else ""
    text = f"{taken:,} rows of {book.card.title}{left}, by template '{book.template.name}'."
    side = book.template.split_column
    if side in book.columns():
        text += f" Column '{side}' says which rows are held out; the held-out share does not count."
    return [quiet(text), *freeze_form.fill_in(studio, book, scope)]


@told
def settle(studio: Studio, id: str | None, scope: str | None, *values: Any) -> None:
    """Keep with the workbook how it is to be frozen."""
    if id:
        studio.workbooks.open(id, scope).settle(**freeze_form.to_options(values))


@told
def weigh(studio: Studio, id: str | None, scope: str | None) -> str:
    """The mixture as it stands, in tokens; what stands in its way is told in its place."""
    if not id:
        return empty(NO_BOOK)
    base = studio.workbooks.open(id, scope).options.get("base", "starter")
    try:
        return mixture.draw_slices(studio.weigh_mixture(id, base=base, owner=scope))
    except StudioError as error:
        return tell_fault(error)


@told
def freeze_rows(
    studio: Studio, id: str | None, scope: str | None, *values: Any
) -> Iterator[list[Any]]:
    """Freeze the workbook, and say meanwhile how far that is."""
    if not id:
        raise DatasetError(CLOSED)
    options = freeze_form.to_options(values)
    studio.workbooks.open(id, scope).settle(**options)
    waiting: list[Any] = [gr.skip(), gr.skip(), gr.Button(visible=False)]
    for step in studio.freezing(id, owner=scope):
        if isinstance(step, Dataset):
            recipe = {"replay": options["replay"]} if options["replay"] else None
            card, tune = frozen.tell_dataset(step), gr.Button(visible=True)
            yield [card, step.id, recipe, tune, gr.Button(visible=False)]
        else:
            drawn = quiet(f"… {step}") + bar(step.share, step.stage)
            yield [drawn, *waiting, gr.Button(visible=True)]


def begin_anew() -> list[Any]:
    """Nothing was frozen of this workbook yet, as far as this page knows."""
    return [empty(NOT_FROZEN), gr.Button(visible=False)]


def stopped() -> list[Any]:
    """Nothing was frozen."""
    return [quiet("Stopped; nothing was frozen."), gr.Button(visible=False)]
