"""Mixtures, and whose a dataset is: nothing held out is learned by any way round."""

import json
from pathlib import Path
from typing import Any

import pytest
from test_release import freeze, rows, template

from studio import Studio
from studio.data.dataset import build_dataset
from studio.data.mixture import Part
from studio.data.reuse import rows_of_dataset
from studio.errors import DatasetError, ProbeError
from studio.measure.halves import is_replayed
from studio.measure.probe import find


def test_a_mixture_has_the_shares_that_were_asked_for(studio: Studio) -> None:
    earlier = freeze(studio, template=template(prompt="Was it? {{ text }}"), seed=1)
    mixture = (
        Part(kind="probes", name="starter-opposites", share=0.25),
        Part(kind="dataset", name=earlier.id, share=0.25),
    )
    mixed = freeze(studio, mixture=mixture)
    counts = {part.name: part.examples for part in mixed.card.mixture}
    task = [one for one in mixed.train() if not one.part]
    assert counts == {"starter-opposites": round(len(task) / 2), earlier.id: round(len(task) / 2)}
    assert mixed.card.train == len(mixed.train()) == len(task) + sum(counts.values())
    assert {one.part for one in mixed.train()} == {"", *(str(part) for part in mixture)}
    assert not any(one.part for one in mixed.heldout())
    assert task == freeze(studio).train()


def test_only_the_half_of_a_probe_that_may_be_learned_is_mixed_in(studio: Studio) -> None:
    part = Part(kind="probes", name="starter-opposites", share=0.5)
    mixed = freeze(studio, mixture=(part,))
    (probe,) = find(["starter-opposites"], studio.settings.probes)
    kept = {case.messages for case in probe.cases if not is_replayed(case)}
    learned = {one.messages for one in mixed.train() if one.part}
    assert learned
    assert not learned & kept
    assert mixed.card.replayed() == ("starter-opposites",)


def test_what_is_held_out_is_not_learned_through_an_earlier_dataset(studio: Studio) -> None:
    earlier = freeze(studio, seed=7)
    mixed = freeze(studio, mixture=(Part(kind="dataset", name=earlier.id, share=0.5),))
    held_out = {one.messages for one in mixed.heldout()}
    assert held_out & {one.messages for one in earlier.train()}
    assert not held_out & {one.messages for one in mixed.train()}
    assert mixed.card.mixture[0].left_out > 0


LONG = [
    {"text": f"On day {n} the ferry to island {7 * n} left at {n % 12} sharp, said captain {n}.",
     "label": ("good", "bad")[n % 2], "who": f"guest {n}"}
    for n in range(60)
]  # fmt: skip


def test_what_is_held_out_is_learned_in_no_other_words_either(studio: Studio) -> None:
    turned = template(answer="{{ text }}", prompt="What would {{ who }} call {{ label }}?")
    turned = turned.model_copy(update={"answer_choices": None})
    other = freeze(studio, template=turned, rows=LONG, seed=3)
    mixed = freeze(studio, rows=LONG, mixture=(Part(kind="dataset", name=other.id, share=0.5),))
    held_out = {LONG[one.row - 1]["text"] for one in mixed.heldout()}
    assert held_out & {one.completion for one in other.train()}
    learned = {one.completion for one in mixed.train() if one.part}
    assert learned
    assert not learned & held_out


@pytest.mark.slow
def test_a_recipe_replays_nothing_that_is_held_out_either(studio: Studio) -> None:
    from studio.engine.given import past_examples

    one, two = (freeze(studio, rows=LONG, seed=seed) for seed in (3, 4))
    past = past_examples([one.id], studio.settings.home, two.heldout())
    learned = {tuple(talk[:-1]) for talk in past}
    assert learned < {example.messages for example in one.train()}
    assert not learned & {example.messages for example in two.heldout()}


def test_what_one_part_holds_out_is_not_learned_through_another(studio: Studio) -> None:
    one, two = (freeze(studio, rows=LONG, seed=seed) for seed in (3, 4))
    parts = [Part(kind="dataset", name=each.id, share=0.3) for each in (one, two)]
    other = [{"text": f"Quite other words, {n} of them.", "label": "good"} for n in range(40)]
    mixed = freeze(studio, rows=other, mixture=parts)
    for part, kept in zip(parts, (two.heldout(), one.heldout()), strict=True):
        learned = {example.messages for example in mixed.train() if example.part == str(part)}
        assert learned
        assert not learned & {example.messages for example in kept}


def test_a_row_that_a_mixed_in_dataset_holds_out_is_named(studio: Studio) -> None:
    earlier = freeze(studio, rows=LONG, seed=3)
    mixed = freeze(studio, rows=LONG, mixture=(Part(kind="dataset", name=earlier.id, share=0.1),))
    (finding,) = [one for one in mixed.card.findings if one.kind == "probe overlap"]
    assert "held out of Reviews" in finding.message
    kept = {one.row for one in earlier.heldout()}
    assert set(finding.rows) == kept & {one.row for one in mixed.train() if not one.part}


def test_another_base_or_length_is_another_dataset_with_its_own_findings(studio: Studio) -> None:
    short, long = (freeze(studio, max_length=length) for length in (30, 512))
    kinds = [{one.kind for one in each.card.findings} for each in (short, long)]
    assert {"over-long", "nothing learned"} & kinds[0]
    assert not {"over-long", "nothing learned"} & kinds[1]
    assert short.id != long.id == freeze(studio, max_length=512).id
    assert ("counted for", "starter, 30 tokens", "starter, 512 tokens") in studio.diff_datasets(
        short.id, long.id
    ).options


def test_a_visitors_dataset_is_seen_by_nobody_else(studio: Studio) -> None:
    hers, everybodys = freeze(studio, owner="ann's key"), freeze(studio)
    assert hers.id != everybodys.id
    assert "ann" not in (hers.folder / "dataset.json").read_text()
    assert {one.id for one in studio.datasets("ann's key")} == {hers.id, everybodys.id}
    assert [one.id for one in studio.datasets("bob's key")] == [everybodys.id]
    assert len(studio.datasets()) == 2
    part = Part(kind="dataset", name=hers.id, share=0.2)
    for deed in (
        lambda: studio.dataset(hers.id, "bob's key"),
        lambda: studio.gather([f"dataset:{hers.id}"], owner="bob's key"),
        lambda: studio.diff_datasets(everybodys.id, hers.id, owner="bob's key"),
        lambda: studio.export_dataset(hers.id, "messages", "/nowhere", owner="bob's key"),
        lambda: freeze(studio, mixture=(part,), owner="bob's key"),
    ):
        with pytest.raises(DatasetError, match="There is no dataset"):
            deed()
    assert len(studio.dataset_versions("Reviews", owner="bob's key")) == 1


def test_the_same_mixture_gives_the_same_dataset_and_another_one_another(studio: Studio) -> None:
    quarter = Part(kind="probes", name="starter-opposites", share=0.25)
    third = quarter.model_copy(update={"share": 0.3})
    ids = [freeze(studio, mixture=(part,)).id for part in (quarter, quarter, third)]
    assert ids[0] == ids[1] != ids[2]
    assert freeze(studio).id not in ids


@pytest.mark.parametrize(
    ("mixture", "error", "said"),
    [
        ((("probes", "starter-opposites", 0.6), ("probes", "starter-colours", 0.6)),
         DatasetError, "at most 90%"),
        ((("dataset", "nothing-12345678", 0.5),), DatasetError, "no dataset 'nothing"),
        ((("probes", "general-text", 0.5),), ProbeError, "can be replayed"),
    ],
)  # fmt: skip
def test_a_mixture_that_cannot_be_is_refused(
    studio: Studio, mixture: tuple[Any, ...], error: type[Exception], said: str
) -> None:
    parts = [Part(kind=kind, name=name, share=share) for kind, name, share in mixture]
    with pytest.raises(error, match=said):
        freeze(studio, mixture=parts)
    assert studio.datasets() == []


def test_growing_a_mixed_dataset_takes_up_its_own_task_alone(studio: Studio) -> None:
    mixed = freeze(studio, mixture=(Part(kind="probes", name="starter-opposites", share=0.5),))
    assert len(rows_of_dataset(mixed).rows) == len(rows())


def test_ids_from_before_there_were_mixtures_are_still_found(tmp_path: Path) -> None:
    made = build_dataset(template(), rows(), datasets_folder=tmp_path, name="Reviews")
    assert made.card.parts == ()
    assert made.id == "reviews-b1f8ea1a"
    before = json.loads((made.folder / "dataset.json").read_text())
    for later in ("parts", "mixture"):
        before.pop(later)
    (made.folder / "dataset.json").write_text(json.dumps(before))
    again = build_dataset(template(), rows(), datasets_folder=tmp_path, name="Reviews")
    assert again.id == made.id
    assert again.card.mixture == ()
