"""The fields that say how a workbook is frozen, to and from what is settled in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.data.workbook import Workbook
from studio.measure.halves import can_be_replayed
from studio.studio import Studio
from studio.verbs.curating import MAX_LENGTH

SHARE, SEED = 0.2, 42
MIXED = 0.1
"""Share of a part that is chosen and not yet weighed."""


@dataclass(frozen=True)
class Fields:
    """Every field, in the order of `FIELDS`."""

    name: gr.Textbox
    heldout_share: gr.Number
    group_column: gr.Dropdown
    phrasings: gr.Radio
    heldout_phrasings: gr.CheckboxGroup
    every_turn: gr.Checkbox
    limit: gr.Number
    seed: gr.Number
    packs: gr.Dropdown
    packs_share: gr.Slider
    earlier: gr.Dropdown
    earlier_share: gr.Slider
    replay: gr.Slider
    base: gr.Textbox
    max_length: gr.Number

    def all(self) -> list[Any]:
        """In their order."""
        return [getattr(self, name) for name in FIELDS]

    def edited(self) -> list[Any]:
        """The events of a person's change."""
        typed = (self.name, self.heldout_share, self.limit, self.seed, self.base, self.max_length)
        rest = [one.input for one in self.all() if one not in typed]
        return [event for one in typed for event in (one.submit, one.blur)] + rest


FIELDS = tuple(Fields.__dataclass_fields__)


def lay_out() -> Fields:
    """The fields in two groups: how rows are parted, and what is learned beside them."""
    with gr.Group():
        split = _lay_out_split()
    gr.Markdown("#### Learned beside the task, so that it is not forgotten")
    with gr.Group():
        mixed = _lay_out_mixture()
    return Fields(**split, **mixed)


def _lay_out_split() -> dict[str, Any]:
    with gr.Row():
        name = gr.Textbox("", label="Name", info="The same name makes a version of it.",
                          max_length=80, max_lines=1, min_width=180,
                          elem_id="freeze-name")  # fmt: skip
        share = gr.Number(SHARE, label="Held-out share", minimum=0.01, maximum=0.99, step=0.05,
                          info="Kept back to measure the gain.", min_width=140,
                          elem_id="freeze-share")  # fmt: skip
    with gr.Row():
        ways = gr.Radio([("one per row", "one"), ("every one", "all")], value="one",
                        label="Phrasings", info="For rows to learn from.", min_width=180,
                        elem_id="freeze-phrasings")  # fmt: skip
        held = gr.CheckboxGroup([], label="Phrasings never learned", min_width=180,
                                info="Held-out rows are asked in them a second time.",
                                elem_id="freeze-heldout-phrasings")  # fmt: skip
    with gr.Accordion("Groups, turns, limit and seed", open=False):
        with gr.Row():
            group = gr.Dropdown([("none", "")], value="", label="Group column", min_width=160,
                                info="Rows with the same value there stay on one side.",
                                elem_id="freeze-group")  # fmt: skip
            turn = gr.Checkbox(False, label="Learn every answer of a conversation", min_width=160,
                               info="Not the last one alone.", elem_id="freeze-turns")  # fmt: skip
        with gr.Row():
            limit = gr.Number(0, label="Most rows", minimum=0, precision=0, min_width=120,
                              info="0 takes all.", elem_id="freeze-limit")  # fmt: skip
            seed = gr.Number(SEED, label="Seed", minimum=0, precision=0, min_width=120,
                             info="Decides the split.", elem_id="freeze-seed")  # fmt: skip
    return {
        "name": name, "heldout_share": share, "group_column": group, "phrasings": ways,
        "heldout_phrasings": held, "every_turn": turn, "limit": limit, "seed": seed,
    }  # fmt: skip


def _lay_out_mixture() -> dict[str, Any]:
    def slider(name: str, label: str, least: float, value: float) -> gr.Slider:
        return gr.Slider(least, 0.45, value=value, step=0.05, label=label, min_width=180,
                         info="Of all that is learned.", elem_id=f"freeze-{name}")  # fmt: skip

    with gr.Row():
        packs = gr.Dropdown([], multiselect=True, label="Replayed probes", min_width=180,
                            info="One half of their cases is learned, the other measured.",
                            elem_id="freeze-packs")  # fmt: skip
        packs_share = slider("packs-share", "Their share", 0.05, MIXED)
    with gr.Row():
        earlier = gr.Dropdown([], multiselect=True, label="Earlier datasets", min_width=180,
                              info="What was learned before, learned again.",
                              elem_id="freeze-earlier")  # fmt: skip
        earlier_share = slider("earlier-share", "Their share ", 0.05, MIXED)
    with gr.Row():
        replay = slider("replay", "Written by the base itself, while it is tuned", 0.0, 0.0)
    with gr.Row():
        base = gr.Textbox("starter", label="Base", info="Whose tokens are counted.",
                          min_width=120, elem_id="freeze-base")  # fmt: skip
        longest = gr.Number(MAX_LENGTH, label="max_length", minimum=16, precision=0,
                            min_width=120, info="What is longer is named on the card.",
                            elem_id="freeze-max-length")  # fmt: skip
    return {
        "packs": packs, "packs_share": packs_share, "earlier": earlier,
        "earlier_share": earlier_share, "replay": replay, "base": base, "max_length": longest,
    }  # fmt: skip


def fill_in(studio: Studio, book: Workbook, scope: str | None) -> list[Any]:
    """Every field as the workbook has it, with what can be chosen there."""
    kept = book.options
    parts = kept.get("mixture", ())
    packs = [one for one in parts if one["kind"] == "probes"]
    earlier = [one for one in parts if one["kind"] == "dataset"]
    columns = list(dict.fromkeys(name for entry in book.entries()[:100] for name in entry.row))
    ways = range(1, len(book.template.phrasings) + 1)
    datasets = [(f"{one.card.name} ({one.id})", one.id) for one in studio.datasets(scope)]
    held = [number for number in kept.get("heldout_phrasings", ()) if number in ways]
    return [
        kept.get("name", book.card.title),
        kept.get("heldout_share", SHARE),
        gr.Dropdown([("none", ""), *columns], value=kept.get("group_column", "")),
        kept.get("phrasings", "one"),
        gr.CheckboxGroup([(str(number), number) for number in ways], value=held,
                         visible=len(ways) > 1),
        kept.get("every_turn", False),
        kept.get("limit") or 0,
        kept.get("seed", SEED),
        gr.Dropdown(replayable(studio), value=[one["name"] for one in packs]),
        round(sum(one["share"] for one in packs), 2) or MIXED,
        gr.Dropdown(datasets, value=_known([one["name"] for one in earlier], datasets)),
        round(sum(one["share"] for one in earlier), 2) or MIXED,
        kept.get("replay", 0.0),
        kept.get("base", "starter"),
        kept.get("max_length", MAX_LENGTH),
    ]  # fmt: skip


def replayable(studio: Studio) -> list[tuple[str, str]]:
    """Packs and probes that can be replayed, to be chosen."""
    probes = [probe for probe in studio.probes() if can_be_replayed(probe)]
    packs = dict.fromkeys(probe.pack for probe in probes if probe.pack)
    whole = [(f"the whole {pack} pack", pack) for pack in packs]
    return [*whole, *((probe.title, probe.name) for probe in probes)]


def to_options(values: Sequence[Any]) -> dict[str, Any]:
    """What is settled in the workbook, from the fields' values in their order."""
    given = dict(zip(FIELDS, values, strict=True))
    mixture = _parts("probes", given["packs"], given["packs_share"]) + _parts(
        "dataset", given["earlier"], given["earlier_share"]
    )
    return {
        "name": (given["name"] or "").strip() or None,
        "heldout_share": float(SHARE if given["heldout_share"] is None else given["heldout_share"]),
        "group_column": given["group_column"] or "",
        "phrasings": given["phrasings"] or "one",
        "heldout_phrasings": sorted(map(int, given["heldout_phrasings"] or ())),
        "every_turn": bool(given["every_turn"]),
        "limit": int(given["limit"]) if given["limit"] else None,
        "seed": int(SEED if given["seed"] is None else given["seed"]),
        "mixture": mixture,
        "replay": float(given["replay"] or 0.0),
        "base": (given["base"] or "").strip() or "starter",
        "max_length": int(given["max_length"] or MAX_LENGTH),
    }


def _parts(kind: str, names: Sequence[str] | None, share: float | None) -> list[dict[str, Any]]:
    """The chosen ones have the share together, each as much as any other."""
    chosen = list(names or ())
    each = (share or MIXED) / max(1, len(chosen))
    return [{"kind": kind, "name": name, "share": round(each, 6)} for name in chosen]


def _known(names: Sequence[str], choices: Sequence[tuple[str, str]]) -> list[str]:
    there = {value for _, value in choices}
    return [name for name in names if name in there]
