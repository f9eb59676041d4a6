"""How rows become examples: groups, wordings held out, every answer, licences, lengths."""

import json
from pathlib import Path
from typing import Any

import pytest

from studio.data.building import Made, check_made, make_examples
from studio.data.checks import Finding
from studio.data.dataset import Dataset, build_dataset
from studio.data.length_check import Reads
from studio.data.licences import check_licences
from studio.data.readers import Row
from studio.data.template import Template
from studio.data.token_lengths import lengths
from studio.data.ways import Ways
from studio.errors import DatasetError
from studio.measure.comparison import Comparison, LaneSpec
from studio.models.catalogue import find_base

HEAD = "name: sums\ntitle: Sums\ndescription: D.\ntask: t\nlicense: CC0-1.0\nsource: s\n"
SUMS = Template.parse(
    HEAD + 'answer: "{{ answer }}"\nphrasings: ["What is {{ prompt }}?", "Say {{ prompt }}.",'
    ' "And {{ prompt }}?"]\n'
)
TALK = Template.parse(
    HEAD + 'system: "Be kind."\nhistory_column: before\nanswer: "{{ answer }}"\n'
    'phrasings: ["{{ prompt }}"]\n'
)


def rows(count: int, **more: Any) -> list[Row]:
    return [
        {"prompt": f"{n} + {n}", "answer": str(2 * n), **{k: v(n) for k, v in more.items()}}
        for n in range(count)
    ]


def make(template: Template, given: list[Row], **ways: Any) -> Made:
    return make_examples(template, given, Ways.of(**ways))


def build(folder: Path, given: list[Row], **ways: Any) -> Dataset:
    return build_dataset(SUMS, given, datasets_folder=folder, **ways)


def of_kind(findings: list[Finding], kind: str) -> list[Finding]:
    return [one for one in findings if one.kind == kind]


# ---- groups


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_one_group_stay_on_one_side(seed: int) -> None:
    given = rows(200, who=lambda n: f"person {n % 23}")
    made = make(SUMS, given, group_column="who", seed=seed)
    sides = [{given[one.row - 1]["who"] for one in side} for side in (made.train, made.heldout)]
    assert sides[0].isdisjoint(sides[1])
    assert len(sides[0] | sides[1]) == 23
    assert len(made.train) + len(made.heldout) == 200


def test_a_row_without_a_group_stands_for_itself_and_an_unknown_column_is_refused() -> None:
    given = rows(100, who=lambda n: None if n % 2 else "everybody")
    made = make(SUMS, given, group_column="who")
    everybody = {one.row for one in made.train if given[one.row - 1]["who"]}
    assert len(everybody) in (0, 50)
    assert any(given[one.row - 1]["who"] is None for one in made.heldout)
    with pytest.raises(DatasetError, match="No row has a column 'whom'"):
        make(SUMS, given, group_column="whom")


def test_a_group_wins_over_the_column_of_sides() -> None:
    template = SUMS.model_copy(update={"split_column": "split"})
    given = rows(20, who=lambda n: n % 5, split=lambda n: "test" if n < 5 else "train")
    given[0]["who"] = "alone"
    made = make(template, given, group_column="who")
    assert [one.row for one in made.heldout] == [1]
    assert of_kind(made.findings, "leaked rows")[0].rows == (2, 3, 4, 5)


# ---- wordings held out


def test_a_wording_held_out_is_never_learned_and_asks_every_heldout_row_again(
    tmp_path: Path,
) -> None:
    for phrasings in ("one", "all"):
        dataset = build(tmp_path, rows(60), phrasings=phrasings, heldout_phrasings=(2,))
        assert {one.phrasing for one in dataset.train()} == {1, 3}
        assert {one.phrasing for one in dataset.heldout()} <= {1, 3}
        assert {one.phrasing for one in dataset.unseen()} == {2}
        kept = [(one.row, one.completion) for one in dataset.heldout()]
        assert kept == [(one.row, one.completion) for one in dataset.unseen()]
        assert dataset.card.unseen == len(kept)
    assert build(tmp_path, rows(60)).unseen() == []


def test_a_dataset_with_unseen_wordings_is_measured_in_them_as_well(tmp_path: Path) -> None:
    dataset = build(tmp_path / "datasets", rows(60), heldout_phrasings=(1, 2))
    measured = Comparison(
        base="starter", method="lora", datasets=(dataset.id,), lanes=(LaneSpec(run="x"),), probes=()
    )
    seen, unseen = measured.gather_probes(tmp_path)
    assert (seen.name, unseen.name) == ("task", "task-unseen")
    assert {case.messages[-1].content[:3] for case in seen.cases} == {"And"}
    assert {case.messages[-1].content[:3] for case in unseen.cases} == {"Wha", "Say"}
    assert [case.answer for case in seen.cases] == [case.answer for case in unseen.cases]
    assert unseen.kind == "gain"


@pytest.mark.parametrize(
    ("numbers", "why"), [((4,), "no phrasing 4"), ((0,), "no phrasing 0"), ((1, 2, 3), "Every")]
)
def test_wordings_that_cannot_be_held_out_are_refused(numbers: tuple[int], why: str) -> None:
    with pytest.raises(DatasetError, match=why):
        make(SUMS, rows(20), heldout_phrasings=numbers)


# ---- every answer of a conversation


def test_every_answer_of_a_conversation_is_learned_and_only_the_last_is_measured() -> None:
    before = [
        {"role": role, "content": f"{role} {n}"} for n in (1, 2) for role in ("user", "assistant")
    ]
    given = rows(20, before=lambda n: before if n % 2 else [])
    made = make(TALK, given, every_turn=True)
    first = next(one.row for one in made.train if one.row % 2 == 0)
    turns = [one for one in made.train if one.row == first]
    assert [one.completion for one in turns[:2]] == ["assistant 1", "assistant 2"]
    assert turns[2].completion == given[first - 1]["answer"]
    assert [len(one.messages) for one in turns] == [2, 4, 6]
    assert all(one.messages[0].role == "system" for one in turns)
    assert len({one.id for one in made.train}) == len(made.train)
    assert len(made.heldout) == len({one.row for one in made.heldout})
    assert {one.id for one in make(TALK, given).train} <= {one.id for one in made.train}


def test_solved_rows_shown_as_turns_are_no_answers_to_learn() -> None:
    template = Template.parse(
        HEAD + 'answer: "{{ answer }}"\nphrasings: ["{{ prompt }}"]\n'
        "shots: {count: 2, as_turns: true}\n"
    )
    made = make(template, rows(30), every_turn=True)
    assert len(made.train) == len({one.row for one in made.train})


# ---- where a row came from


def test_every_example_says_where_its_row_came_from(tmp_path: Path) -> None:
    origins = [f"a.csv, line {n}" for n in range(2, 42)]
    dataset = build(tmp_path, rows(40), origins=origins)
    for one in (*dataset.train(), *dataset.heldout()):
        assert one.origin == f"a.csv, line {one.row + 1}"


# ---- licences


@pytest.mark.parametrize(
    ("said", "rows_told", "words"),
    [
        (["MIT", "", "Unknown", None], (2, 3, 4), "Nobody says"),
        (["CC BY-NC 4.0", "cc-by-4.0", "cc_by_nc_sa_3.0"], (1, 3), "commercially"),
        (["cc-by-nd-4.0", "mit"], (1,), "unchanged"),
        (["cc-by-sa-4.0", "GPL-3.0-only", "apache-2.0"], (1, 2), "under them alone"),
        (["https://creativecommons.org/licenses/by-nc/4.0"], (1,), "commercially"),
    ],
)
def test_licences_that_forbid_something_are_found(
    said: list[Any], rows_told: tuple[int, ...], words: str
) -> None:
    (finding,) = check_licences({n: {"licence": one} for n, one in enumerate(said, start=1)})
    assert (finding.kind, finding.rows) == ("licence", rows_told)
    assert words in finding.message


@pytest.mark.parametrize(
    "said", [["mit", "Apache-2.0", "CC0-1.0", "cc-by-4.0"], ["cc-by-sa-3.0", "CC BY-SA 4.0"], []]
)
def test_licences_that_go_together_are_no_finding(said: list[str]) -> None:
    assert check_licences({n: {"license": one} for n, one in enumerate(said)}, "CC0-1.0") == []


def test_the_template_s_own_licence_counts_and_so_do_the_rows_of_a_build(tmp_path: Path) -> None:
    (own,) = check_licences({}, "CC BY-NC 4.0")
    assert "CC BY-NC 4.0" in own.message
    card = build(tmp_path, rows(30, license=lambda n: "unknown" if n == 3 else "mit")).card
    assert of_kind(list(card.findings), "licence")[0].rows == (4,)


# ---- lengths


def test_what_is_longer_than_a_base_reads_is_found_and_nothing_else() -> None:
    folder = find_base("starter", download=False).folder
    given = rows(30)
    given[4]["answer"] = "word " * 300
    given[7]["prompt"] = "word " * 300
    made = make(SUMS, given)
    both = [*made.train, *made.heldout]
    counted = {one.row: length for one, length in zip(both, lengths(both, folder), strict=True)}
    longest = max(length.whole for row, length in counted.items() if row not in (5, 8))
    findings = check_made(made, asked={}, reads=Reads(folder, longest))
    assert of_kind(findings, "over-long")[0].rows == (5,)
    assert of_kind(findings, "nothing learned")[0].rows == (8,)
    shorter = check_made(made, asked={}, reads=Reads(folder, longest - 1))
    assert of_kind(shorter, "over-long")[0].count >= 2
    assert not of_kind(check_made(made, asked={}, reads=Reads(folder, 4000)), "over-long")


# ---- old datasets


def test_a_card_of_an_earlier_studio_still_opens(tmp_path: Path) -> None:
    dataset = build(tmp_path, rows(30))
    path = dataset.folder / "dataset.json"
    card = json.loads(path.read_text())
    for name in ("group_column", "heldout_phrasings", "every_turn", "unseen", "unseen_sha256",
                 "mixture", "parts"):  # fmt: skip
        del card[name]
    path.write_text(json.dumps(card))
    again = build(tmp_path, rows(30))
    assert again.train() == dataset.train()
    assert again.unseen() == []


def test_an_unknown_way_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="seeed"):
        build(tmp_path, rows(30), seeed=3)
