"""How a workbook's rows are looked at: searched, filtered, ordered, and turned page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.data.workbook import Workbook
from studio.data.workbook_checks import Checked, last_check
from studio.data.workbook_view import Wish, arrange, filters, orders
from studio.errors import DatasetError
from studio.studio import Studio
from studio.ui.book_table import NO_BOOK, PAGE, draw_page, tell_bulk, tell_page
from studio.ui.border import told, wire
from studio.ui.deck_drawing import PICK
from studio.ui.markup import empty
from studio.ui.workbench import Workbench


@dataclass(frozen=True)
class View:
    """The menus, the table below them, and which row of it is open."""

    bench: Workbench
    search: gr.Textbox
    only: gr.Dropdown
    order: gr.Dropdown
    down: gr.Checkbox
    back: gr.Button
    ahead: gr.Button
    page: gr.State
    """Counted from 0."""
    served: gr.State
    """When another panel last asked for rows that were shown since; see `Workbench.only`."""
    opened: gr.State
    """Number of the row that is open, or None."""
    table: gr.HTML
    told: gr.HTML
    about: gr.HTML
    """What the buttons for all rows found are about."""

    @property
    def held(self) -> list[Any]:
        """What `look` reads."""
        return [
            self.bench.book, self.bench.scope, self.search, self.only, self.order, self.down,
            self.page, self.opened,
        ]  # fmt: skip

    @property
    def drawn(self) -> list[Any]:
        """What `draw` gives."""
        return [self.table, self.told, self.about, self.page]


@dataclass(frozen=True)
class Looked:
    """What stands in the menus, read."""

    book: Workbook
    checked: Checked | None
    wish: Wish
    page: int
    opened: int | None

    @property
    def numbers(self) -> Sequence[int]:
        """Every row that fits, in order."""
        return arrange(self.book, self.wish, self.checked)


def lay_out(bench: Workbench) -> View:
    """The menus, and the table below them."""
    with gr.Row(equal_height=True):
        search = gr.Textbox(value="", label="Search", placeholder="words, in any column",
                            elem_id="examples-search", min_width=160, scale=2)  # fmt: skip
        only = gr.Dropdown([("every row", "")], value="", label="Show", elem_id="examples-only",
                           min_width=160, scale=2)  # fmt: skip
        order = gr.Dropdown([("as they came in", "number")], value="number", label="Order",
                            elem_id="examples-order", min_width=160, scale=2)  # fmt: skip
        down = gr.Checkbox(False, label="The last first", min_width=120, elem_id="examples-down")
    with gr.Row(equal_height=True):
        standing = gr.HTML(elem_id="examples-told")
        back = gr.Button("Earlier rows", size="sm", elem_id="examples-back", min_width=120, scale=0)
        ahead = gr.Button("More rows", size="sm", elem_id="examples-ahead", min_width=120, scale=0)
    table = gr.HTML(empty(NO_BOOK), elem_id="examples-table", js_on_load=PICK)
    about = gr.HTML(elem_id="examples-about", render=False)
    page, served, opened = gr.State(0), gr.State(None), gr.State(None)
    return View(bench, search, only, order, down, back, ahead, page, served, opened, table,
                standing, about)  # fmt: skip


def wire_up(studio: Studio, view: View, tab: gr.Tab) -> None:
    """Show what is asked for, and everything anew when the workbook changes."""
    bench = view.bench
    changed = [tab.select, bench.tab.select, bench.book.change, bench.changed.change,
               bench.only.change]  # fmt: skip
    wire(changed, refresh, studio, inputs=[bench.only, view.served, *view.held],
         outputs=[view.search, view.only, view.order, view.served, *view.drawn],
         trigger_mode="always_last")  # fmt: skip
    asked = [view.search.change, view.only.input, view.order.input, view.down.input]
    wire(asked, turn, studio, None, inputs=view.held, outputs=view.drawn,
         trigger_mode="always_last")  # fmt: skip
    for button, step in ((view.back, -1), (view.ahead, 1)):
        wire(button.click, turn, studio, step, inputs=view.held, outputs=view.drawn)


@told
def refresh(
    studio: Studio, asked: tuple[str, float] | None, served: float | None, *held: Any
) -> list[Any]:
    """The menus and the page, as the workbook stands now.

    What another panel asks for, such as the rows of a finding, goes before what stands in the
    menus: its panel is opened at the same moment, and either event may come first.
    """
    if not held[0]:
        return [gr.skip(), gr.skip(), gr.skip(), served, *nothing()]
    studio.follow_draft(held[0], owner=held[1])
    looked = look(studio, *held)
    wish, page, search = looked.wish, looked.page, gr.skip()
    if asked and asked[1] != served:
        wish, page, search, served = Wish(only=asked[0]), 0, "", asked[1]
    choices = filters(looked.book, looked.checked)
    ways = orders(looked.book, looked.checked)
    only = wish.only if wish.only in [one for _, one in choices] else ""
    order = wish.order if wish.order in [one for _, one in ways] else "number"
    wish = wish._replace(only=only, order=order)
    return [
        search,
        gr.Dropdown(choices=choices, value=only),
        gr.Dropdown(choices=ways, value=order),
        served,
        *draw(Looked(looked.book, looked.checked, wish, page, looked.opened)),
    ]


@told
def turn(studio: Studio, step: int | None, *held: Any) -> list[Any]:
    """Another page, or the first one of what is asked for now."""
    if not held[0]:
        return nothing()
    looked = look(studio, *held)
    page = 0 if step is None else looked.page + step
    return draw(Looked(looked.book, looked.checked, looked.wish, page, looked.opened))


def look(
    studio: Studio, id: str | None, scope: str | None, search: str | None, only: str | None,
    order: str | None, down: bool, page: int, opened: int | None,
) -> Looked:  # fmt: skip
    """What stands in the menus; DatasetError if no workbook is open."""
    if not id:
        raise DatasetError("No workbook is open; bring rows in the Rows panel first.")
    book = studio.workbooks.open(id, scope)
    wish = Wish(search or "", only or "", order or "number", bool(down))
    return Looked(book, last_check(book), wish, int(page or 0), opened)


def draw(looked: Looked) -> list[Any]:
    """The page, how it stands, what the buttons below are about, and which page it is."""
    numbers = looked.numbers
    last = max(0, -(-len(numbers) // PAGE) - 1)
    page = min(max(0, looked.page), last)
    shown = numbers[page * PAGE : (page + 1) * PAGE]
    return [
        draw_page(looked.book, shown, looked.checked, looked.opened),
        tell_page(looked.book, len(numbers), page),
        tell_bulk(len(numbers)),
        page,
    ]


def nothing() -> list[Any]:
    """What is shown while no workbook is open."""
    return [empty(NO_BOOK), "", "", 0]
