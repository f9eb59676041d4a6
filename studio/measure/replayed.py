"""Parts of a mixture, found: the replayed half of retention probes, or an earlier dataset."""

from collections.abc import Sequence
from pathlib import Path

from studio.data.dataset import open_dataset
from studio.data.example import Example
from studio.data.mixture import Part, Source
from studio.errors import ProbeError
from studio.measure.halves import can_be_replayed, measuring_half, replayed_half
from studio.measure.probe import Probe, find


def find_source(part: Part, *, datasets: Path, probes: Path) -> Source:
    """Where a part is drawn from; DatasetError or ProbeError if there is nothing of that name."""
    if part.kind == "dataset":
        earlier = open_dataset(part.name, datasets)
        return Source(
            part, earlier.card.name, earlier.train(), earlier.card.replayed(), earlier.heldout()
        )
    named = find([part.name], probes)
    usable = [probe for probe in named if can_be_replayed(probe)]
    if not usable:
        raise ProbeError(
            f'"{part.name}" has no probe that can be replayed: only retention probes that are '
            "asked in a conversation can; name another one."
        )
    examples = [one for probe in usable for one in _examples(replayed_half(probe))]
    title = usable[0].title if len(named) == 1 else f"the {part.name} pack"
    measured = [one for probe in usable for one in _examples(measuring_half(probe))]
    return Source(part, title, examples, tuple(probe.name for probe in usable), measured)


def _examples(probe: Probe) -> Sequence[Example]:
    """Its cases with their reference answers, which need no model."""
    return [
        Example(
            id=f"{probe.name}-{case.id}",
            row=number,
            phrasing=1,
            messages=case.messages,
            completion=case.answer,
            choices=case.choices,
            origin=f"probe {probe.name}, case {case.id}",
        )
        for number, case in enumerate(probe.cases, start=1)
    ]
