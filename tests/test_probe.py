"""What a probe file may say, which answers count as right, and where probes are found."""

from pathlib import Path

import pytest

from studio.data.dataset import build_dataset
from studio.data.template import Phrasing, Template
from studio.errors import ProbeError
from studio.measure.probe import Case, Probe, find, from_dataset, load, shipped

GOOD = """
name: own-colours
title: Colours
kind: retention
pack: own
description: Names the colour of a thing.
license: Apache-2.0
version: 1
scorer: exact
cases:
  - {id: colours-1, prompt: "What colour is the sky?", answer: blue, accept: [Blue]}
  - id: colours-2
    messages:
      - {role: system, content: Answer in one word.}
      - {role: user, content: Hello.}
      - {role: assistant, content: Hello!}
      - {role: user, content: "What colour is grass?"}
    answer: green
  - {id: colours-3, system: Be short., prompt: "What colour is snow?", answer: white}
"""


def write(folder: Path, text: str, name: str = "own.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_prompt_is_short_for_messages(tmp_path: Path) -> None:
    first, second, third = load(write(tmp_path, GOOD)).cases
    assert [(one.role, one.content) for one in first.messages] == [
        ("user", "What colour is the sky?")
    ]
    assert [one.role for one in second.messages] == ["system", "user", "assistant", "user"]
    assert [one.role for one in third.messages] == ["system", "user"]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("id: colours-2", "id: colours-1", "colours-1 occurs more than once"),
        ("answer: green", "answer: green\n    hint: leaf", "case colours-2: hint is not a known"),
        ("answer: green", "answer: '  '", "case colours-2: answer"),
        ("answer: white", "answer: 12", "case colours-3: answer"),
        ("answer: white", "answer: white, answer: red", "the key 'answer' comes twice"),
        ("id: colours-3, ", "", "case number 3: id"),
        ('prompt: "What colour is snow?", ', "", "case colours-3: messages"),
        ("role: assistant", "role: robot", "case colours-2: messages.2.role"),
        ('      - {role: user, content: "What colour is grass?"}\n', "", "user's question"),
        ("scorer: exact", "scorer: fuzzy", "scorer"),
        ("kind: retention", "kind: other", "kind"),
        ("pack: own", "package: own", "package is not a known field"),
        ("name: own-colours", "name: retention", "kept for the row of all probes"),
        ("name: own-colours", "name: [", "own.yaml"),
    ],
)
def test_a_faulty_file_is_refused_by_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ProbeError) as refusal:
        load(path)
    assert "own.yaml" in str(refusal.value)
    assert named in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("# nothing yet\n", "mapping"),
        ("- a\n- b\n", "mapping"),
        ("name: x\ntitle: X\nkind: gain\n", "has no cases"),
        ("name: x\ntitle: X\nkind: gain\ncases: []\n", "has no cases"),
    ],
)
def test_a_file_without_cases_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ProbeError, match=reason):
        load(write(tmp_path, text))


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match=r"cannot read probe file .*nowhere\.yaml"):
        load(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(GOOD.replace("sky", "cañón").encode("latin-1"))
    with pytest.raises(ProbeError, match="not UTF-8"):
        load(tmp_path / "latin.yaml")


def test_the_fingerprint_changes_with_what_is_asked_and_not_with_the_title(tmp_path: Path) -> None:
    def fingerprint(old: str = "", new: str = "") -> str:
        return load(write(tmp_path, GOOD.replace(old, new, 1))).fingerprint

    assert fingerprint() == fingerprint() == fingerprint("title: Colours", "title: Hues")
    others = {
        fingerprint("answer: blue", "answer: grey"),
        fingerprint("scorer: exact", "scorer: contains"),
        fingerprint("version: 1", "version: 2"),
        fingerprint("the sky", "the sea"),
    }
    assert len(others | {fingerprint()}) == 5


def test_own_probes_are_found_by_name_and_by_pack_in_the_order_asked(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "one.yaml")
    write(
        tmp_path,
        GOOD.replace("own-colours", "own-hues").replace("pack: own", "pack: two"),
        "b.yaml",
    )
    assert [one.name for one in find(["two", "own-colours", "own-hues"], tmp_path)] == [
        "own-hues",
        "own-colours",
    ]
    everything = {one.name for one in find(None, tmp_path)}
    assert everything == {"own-hues", "own-colours"} | {one.name for one in shipped(pack=None)}
    with pytest.raises(ProbeError, match=r'called "hues"; known probes: .*own-colours'):
        find(["own-colours", "hues"], tmp_path)


def test_a_name_claimed_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "one.yaml")
    write(tmp_path, GOOD, "two.yaml")
    with pytest.raises(ProbeError, match='two probes are called "own-colours"'):
        find(["own-colours"], tmp_path)


def test_the_starter_pack_ships_with_at_least_forty_cases_a_probe() -> None:
    probes = shipped("starter")
    assert len(probes) >= 14
    assert all(probe.kind == "retention" and len(probe.cases) >= 40 for probe in probes)
    assert shipped("no such pack") == []


def test_a_shortened_probe_keeps_the_same_cases_every_time() -> None:
    cases = [Case.model_validate({"id": f"c{i}", "prompt": "?", "answer": "a"}) for i in range(60)]
    probe = Probe(name="long", title="Long", kind="gain", cases=tuple(cases))
    short = probe.shortened(20)
    assert short == probe.shortened(20)
    assert len(short.cases) == 20
    assert [case for case in probe.cases if case in short.cases] == list(short.cases)
    assert any(case in short.cases for case in probe.cases[40:])
    assert set(probe.shortened(10).cases) < set(short.cases)
    assert short.fingerprint != probe.fingerprint
    assert probe.shortened(0) == probe.shortened(60) == probe


def test_held_out_examples_become_the_gain_probe(tmp_path: Path) -> None:
    template = Template(
        name="animals",
        title="Animals",
        description="Names the sound of an animal.",
        task="knowledge",
        license="Apache-2.0",
        source="Written for the test.",
        answer="{{ sound }}",
        answer_choices=("moo", "baa"),
        phrasings=(Phrasing(prompt="What does the {{ animal }} say?"),),
        rows=({"animal": "cow", "sound": "moo"},),
    )
    rows = [{"animal": f"cow {i}", "sound": "moo" if i % 2 else "baa"} for i in range(40)]
    dataset = build_dataset(template, rows, datasets_folder=tmp_path, heldout_share=0.5)
    probe = from_dataset(dataset)
    assert (probe.name, probe.kind, probe.title) == ("task", "gain", "Animals")
    assert len(probe.cases) == dataset.card.heldout
    for case, example in zip(probe.cases, dataset.heldout(), strict=True):
        assert case.messages == example.messages
        assert (case.id, case.answer) == (example.id, example.completion)
        assert case.choices == ("moo", "baa")
    assert from_dataset(dataset, name="task-animals").name == "task-animals"
