"""The banner over the chat: what was gathered to be learned, and one click from there to tuning."""

import time
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from studio.chat.wording import shorten
from studio.data.draft import ENOUGH, Draft
from studio.data.draft_items import Item
from studio.errors import ChatError, StudioError
from studio.measure.numerals import counted
from studio.studio import Studio
from studio.ui import fetching
from studio.ui.border import told, wire
from studio.ui.links import Links, go_to
from studio.ui.markup import bar, quiet, table
from studio.ui.setting import Setting

WHY = (
    f"Why {ENOUGH}? About {round(ENOUGH / 5)} of them are held out, and five answers that all turn "
    "right are the fewest that the report can tell from chance. With fewer examples a gain may be "
    "there, but can hardly be shown."
)
LISTED = 100  # items that are written out
KINDS = {"example": "Example", "pair": "Preference", "retention": "Must stay"}


@dataclass(frozen=True)
class Banner:
    """The components of the banner."""

    frame: gr.Column
    menu: gr.Dropdown
    told: gr.HTML
    tune: gr.Button
    look_over: gr.Button
    preferred: gr.Checkbox
    pairs: gr.Button
    listed: gr.HTML
    item: gr.Dropdown

    @property
    def parts(self) -> list[Any]:
        """What is drawn."""
        return [
            self.frame, self.menu, self.told, self.tune, self.look_over, self.preferred,
            self.pairs, self.listed, self.item,
        ]  # fmt: skip


def build(studio: Studio, links: Links, setting: Setting, tab: gr.Tab) -> None:
    """Lay the banner out and wire it."""
    banner, fetch, take_back = _lay_out()
    chosen = [banner.menu, setting.scope]
    wire([tab.select, setting.scope.change, setting.gathered.change, banner.menu.input],
         show, studio, inputs=chosen, outputs=banner.parts, trigger_mode="always_last")  # fmt: skip
    wire(banner.tune.click, freeze, studio, inputs=[banner.preferred, *chosen],
         outputs=[links.dataset, links.recipe, links.tabs], show_progress="minimal")  # fmt: skip
    wire(banner.look_over.click, look_over, studio, inputs=chosen,
         outputs=[links.workbook, links.tabs])  # fmt: skip
    fetching.bring(banner.pairs, fetch, write_pairs, studio, inputs=chosen)
    wire(take_back.click, take_item_back, studio, inputs=[banner.item, *chosen],
         outputs=setting.gathered)  # fmt: skip


def _lay_out() -> tuple[Banner, gr.DownloadButton, gr.Button]:
    with gr.Column(visible=False, elem_id="gathered") as frame:
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=260):
                told_here = gr.HTML(elem_id="gathered-told", min_height=44)
            with gr.Column(scale=1, min_width=240):
                tune = gr.Button("Tune on them", elem_id="tune-on-draft")
                over = gr.Button("Look them over in Data", size="sm", elem_id="look-draft-over")
        with gr.Accordion("What was gathered", open=False, elem_id="gathered-items"):
            with gr.Row(equal_height=True):
                menu = gr.Dropdown([], label="Draft", elem_id="draft", visible=False, min_width=200)
                preferred = gr.Checkbox(
                    False, label="Learn preferred answers too", visible=False, min_width=220,
                    elem_id="learn-preferred", info="Where no example has the same question.",
                )  # fmt: skip
            listed = gr.HTML()
            with gr.Row(equal_height=True):
                item = gr.Dropdown([], label="Item", min_width=240, scale=4, elem_id="draft-item")
                with gr.Column(scale=1, min_width=190):
                    back = gr.Button("Take it back", size="sm", elem_id="take-back")
                    pairs = gr.Button("Preferences as JSONL", size="sm", elem_id="write-pairs",
                                      visible=False)  # fmt: skip
            fetch = fetching.place("pairs")
    return Banner(frame, menu, told_here, tune, over, preferred, pairs, listed, item), fetch, back


@told
def show(studio: Studio, name: str | None, scope: str | None) -> list[Any]:
    """How much there is in the chosen draft; nothing while there is none."""
    drafts = [draft for draft in studio.drafts.list(scope) if draft.items]
    if not drafts:
        return [gr.Column(visible=False), *[gr.skip()] * 8]
    chosen = next((draft for draft in drafts if draft.name == name), drafts[0])
    choices = [(draft.card.title, draft.name) for draft in drafts]
    enough = bool(chosen.examples) and not chosen.missing
    items = [(f"{KINDS[one.kind]}: {shorten(_asked(one), 60)}", one.id) for one in chosen.items]
    return [
        gr.Column(visible=True),
        gr.Dropdown(choices=choices, value=chosen.name, visible=len(drafts) > 1),
        _tell(chosen),
        gr.Button(
            "Freeze and tune again" if enough else "Tune on them anyway",
            variant="primary" if enough else "secondary",
            visible=bool(chosen.examples or chosen.pairs),
        ),
        gr.Button(visible=bool(chosen.examples)),
        gr.Checkbox(visible=bool(chosen.pairs)),
        gr.Button(visible=bool(chosen.pairs)),
        _list(chosen),
        gr.Dropdown(choices=items[::-1], value=items[-1][1]),
    ]


@told
def freeze(studio: Studio, preferred: bool, name: str | None, scope: str | None) -> list[Any]:
    """Make a dataset of the draft, and open the Tune tab with the recipe that suits it."""
    draft = studio.drafts.open(name or "", scope)
    dataset = studio.build_from_draft(name or "", owner=scope, chosen_too=preferred)
    gr.Info(
        f"Frozen: {dataset.card.train} examples to learn from, {dataset.card.heldout} held out.",
        title=escape(dataset.card.name, quote=False),
    )
    return [dataset.id, _suggest(studio, draft, dataset.id), go_to("tune")]


@told
def look_over(studio: Studio, name: str | None, scope: str | None) -> list[Any]:
    """Open the draft's workbook in the Data tab; it goes on taking in what is kept here."""
    return [studio.workbook_of_draft(name or "", owner=scope).id, go_to("data")]


def _suggest(studio: Studio, draft: Draft, dataset: str) -> dict[str, Any]:
    """What the recipe takes from the draft: its base, and epochs enough for so few examples."""
    try:
        recipe = studio.preset("balanced", dataset=dataset, base=draft.base or "starter")
    except StudioError:  # the base is gone: the person chooses another
        return {}
    return {"base": recipe.base, "epochs": recipe.epochs}


@told
def write_pairs(studio: Studio, name: str | None, scope: str | None) -> str:
    """The pairs as a file for preference tuning, in a folder of its own."""
    draft = studio.drafts.open(name or "", scope)
    return fetching.write(f"{draft.name}-pairs.jsonl", draft.preferences())


@told
def take_item_back(studio: Studio, item: str | None, name: str | None, scope: str | None) -> float:
    """Remove one item from the draft."""
    if not item:
        raise ChatError("Choose an item first.")
    studio.take_back(name or "", item, owner=scope)
    return time.time()


def _tell(draft: Draft) -> str:
    """One sentence on how much there is, and how far it is to enough."""
    fresh, title = len(draft.fresh), escape(draft.card.title)
    examples = counted(fresh, "new example")
    if learned := len(draft.examples) - fresh:
        examples += f" beside {learned} built before"
    others = [
        counted(len(items), *words)
        for items, words in (
            (draft.pairs, ("preference",)), (draft.cases, ("case to keep", "cases to keep"))
        )
        if items
    ]  # fmt: skip
    if draft.missing:
        verdict = f"{draft.missing} more and tuning again is worth while."
    else:
        verdict = "Enough to tune again."
    said = f"<strong>{title}</strong>: {', '.join([examples, *others])}. {verdict}"
    progress = bar(fresh / ENOUGH, f"{fresh} of {ENOUGH} new examples")
    return f'<p class="st-gathered" title="{escape(WHY)}">{said}</p>{progress}'


def _list(draft: Draft) -> str:
    rows = [
        [
            KINDS[one.kind],
            escape(shorten(_asked(one), 160)),
            escape(shorten(one.chosen if one.kind == "pair" else one.answer, 160)),
            escape(_origin(one)),
        ]
        for one in draft.items[::-1][:LISTED]
    ]
    note = quiet(WHY)
    if len(draft.items) > LISTED:
        note += quiet(f"The last {LISTED} of {len(draft.items)} items are shown.")
    return table(["Kind", "Question", "Answer", "From"], rows) + note


def _origin(item: Item) -> str:
    came = item.came_from
    parts = [came.lane, "edited" if came.edited else "", f"{item.when.astimezone():%d %b %H:%M}"]
    return " · ".join(part for part in parts if part)


def _asked(item: Item) -> str:
    return item.messages[-1].content
