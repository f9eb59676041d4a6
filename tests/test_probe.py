"""What a probe file may say, which answers count as right, and where probes are found."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from studio.data.dataset import build_dataset
from studio.data.template import Phrasing, Template
from studio.errors import ProbeError
from studio.measure.probe import (
    SHIPPED,
    Case,
    Probe,
    find,
    from_dataset,
    load,
    save,
    shipped,
)

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


def made(count: int = 12, **fields: object) -> Probe:
    cases = [
        {
            "id": f"c{i}",
            "prompt": f"Is {i} even?",
            "answer": "no" if i % 2 else "yes",
            "choices": ["yes", "no"],
        }
        for i in range(count)
    ]
    whole = {"name": "even", "title": "Even", "kind": "retention", "scorer": "choice"}
    return Probe.model_validate({**whole, "cases": cases, **fields})


@pytest.mark.parametrize(
    ("scorer", "case", "reason"),
    [
        ("choice", {"prompt": "?", "answer": "a"}, "at least two, all different"),
        ("choice", {"prompt": "?", "answer": "a", "choices": ["a", "a"]}, "all different"),
        ("choice", {"prompt": "?", "answer": "a", "choices": ["a", " "]}, "one is empty"),
        ("choice", {"prompt": "?", "answer": "c", "choices": ["a", "b"]}, "not one of the choices"),
        ("choice", {"messages": [], "answer": "a", "choices": ["a", "b"]}, "`chat: false`"),
        ("text", {"prompt": "?", "answer": "a"}, "no prompt and no choices"),
        (
            "text",
            {"messages": [], "answer": "a", "choices": ["a", "b"]},
            "no prompt and no choices",
        ),
        ("exact", {"messages": [], "answer": "a"}, "there is no question"),
        ("number", {"prompt": "?", "answer": "many"}, "not right itself by the scorer number"),
        ("regex", {"prompt": "?", "answer": "a"}, "the regex scorer needs one"),
        ("regex", {"prompt": "?", "answer": "a", "pattern": "b"}, "not right itself"),
        ("json", {"prompt": "?", "answer": "{a}"}, "answer: not JSON"),
        ("json", {"prompt": "?", "answer": "[1]", "fields": ["a"]}, "has no field a"),
        ("instructions", {"prompt": "?", "answer": "a"}, "list at least one check"),
    ],
)
def test_a_case_that_its_scorer_cannot_mark_is_refused(
    scorer: str, case: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValidationError, match=f"case c1: .*{reason}"):
        made(scorer=scorer, cases=[{"id": "c1", **case}])


@pytest.mark.parametrize("pattern", ["(", "[a", "x" * 501, "*"])
def test_a_broken_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="regular expression|at most 500"):
        Case.model_validate({"id": "a", "prompt": "?", "answer": "x", "pattern": pattern})


def test_bare_probes_take_one_prompt_and_no_system_text() -> None:
    case = {"id": "c1", "system": "Be brief.", "prompt": "?", "answer": "a", "choices": ["a", "b"]}
    with pytest.raises(ValidationError, match="one bare prompt"):
        made(chat=False, cases=[case])


def test_chance_is_the_mean_over_the_closed_lists() -> None:
    pair = {"id": "p", "messages": [], "answer": "a", "choices": ["a", "b"]}
    four = {"id": "f", "messages": [], "answer": "a", "choices": list("abcd")}
    assert made(cases=[pair, four], chat=False).chance == pytest.approx(0.375)
    assert made(scorer="exact", cases=[{"id": "w", "prompt": "?", "answer": "a"}]).chance == 0


def test_everything_that_changes_a_score_changes_the_fingerprint() -> None:
    def one(**fields: object) -> str:
        case = {"id": "c", "prompt": "?", "answer": "1", "choices": ["1", "2"], **fields}
        return made(scorer="number", cases=[case]).fingerprint

    prints = {
        made().fingerprint,
        made(normalise=True).fingerprint,
        made(chat=False).fingerprint,
        one(),
        one(tolerance=0.1),
        one(choices=["2", "1"]),
        one(cluster="x"),
        one(pattern="1"),
        one(instructions=[{"check": "words", "exactly": 1}]),
        one(instructions=[{"check": "words", "exactly": 2}]),
    }
    assert len(prints) == 10


def test_solved_cases_stand_before_a_question_always_the_same_ones() -> None:
    probe = made()
    behind = probe.with_shots(3)
    assert (behind.name, behind.kind) == ("even.shots3", "recovery")
    assert behind == probe.with_shots(3)
    for case, old in zip(behind.cases, probe.cases, strict=True):
        roles = [message.role for message in case.messages]
        assert roles == ["user", "assistant"] * 3 + ["user"]
        assert case.messages[-1] == old.messages[-1]
        assert (case.id, case.answer, case.choices) == (old.id, old.answer, old.choices)
        shown = [message.content for message in case.messages[:-1:2]]
        assert old.messages[-1].content not in shown
        assert len(set(shown)) == 3
    asked_first = {case.messages[0].content for case in behind.cases}
    assert len(asked_first) == len(probe.cases)


def test_solved_cases_keep_system_texts_and_passages_apart() -> None:
    cases = [
        {
            "id": f"{system}{passage}{i}",
            "system": system,
            "prompt": f"{passage}{i}",
            "answer": "yes",
            "cluster": passage,
        }
        for system in ("Be brief.", "Be kind.")
        for passage in "pq"
        for i in range(2)
    ]
    behind = made(scorer="exact", cases=cases).with_shots(8)
    for case in behind.cases:
        assert [message.role for message in case.messages].count("system") == 1
        passages = [m.content[0] for m in case.messages if m.role == "user"]
        assert passages[:-1] == [{"p": "q", "q": "p"}[passages[-1]]] * 2


def test_bare_prompts_take_solved_ones_as_text_above() -> None:
    case = made(3, chat=False).with_shots(2).cases[0]
    (message,) = case.messages
    assert message.content.endswith("\n\nIs 0 even?")
    assert "Is 1 even? no" in message.content
    assert "Is 2 even? yes" in message.content


def test_only_old_skills_that_are_asked_take_solved_cases() -> None:
    assert made().can_take_shots
    assert not made(kind="gain").can_take_shots
    assert not made(1).can_take_shots
    assert not made().with_shots(2).can_take_shots
    pair = {"id": "p", "messages": [], "answer": "a", "choices": ["a", "b"]}
    assert not made(cases=[pair, {**pair, "id": "q"}], chat=False).can_take_shots


def test_a_case_keeps_its_solved_ones_when_more_are_measured() -> None:
    behind = made(60).with_shots(2)
    assert set(behind.shortened(10).cases) < set(behind.shortened(30).cases)


@pytest.mark.parametrize(("count", "suffix"), [(12, ".yaml"), (501, ".jsonl")])
def test_a_saved_probe_is_read_back_equal(tmp_path: Path, count: int, suffix: str) -> None:
    hard = {
        "id": "hard",
        "messages": [
            {"role": "system", "content": "a: b # c\n\n  d\t"},
            {"role": "user", "content": "- 'x' \"y\" \\ \u2028 é 台 \n"},
        ],
        "answer": "yes",
        "choices": ["yes", "NO", "~", "1", "null"],
        "instructions": [{"check": "words", "at_most": 3}],
        "tolerance": 0.25,
    }
    probe = made(count, description="One: two.", normalise=True, version=3)
    probe = Probe.model_validate(
        {**probe.model_dump(), "cases": [*probe.cases, Case.model_validate(hard)]}
    )
    path = save(probe, tmp_path / "new")
    assert path == tmp_path / "new" / f"even{suffix}"
    assert load(path) == probe
    assert load(path).fingerprint == probe.fingerprint
    assert find(["even"], tmp_path / "new") == [probe]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"name": "x", "title": "X", "kind": "gain"}\n', "has no cases; write one per line"),
        ('{"id": "a", "prompt": "?", "answer": "b"}\n', "first line has to hold the probe's"),
        ('{"name": "x", "title": "X", "kind": "gain"}\n{"id": "a"}\n', "case a: answer"),
        ('{"name": "x", "title": "X", "kind": "gain"}\n{"id": \n', "line 2: not JSON"),
        ('{"title": "X", "kind": "gain"}\n{"id":"a","prompt":"?","answer":"b"}', "name"),
    ],
)
def test_faulty_json_lines_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ProbeError, match=f"own.jsonl.*{reason}"):
        load(write(tmp_path, text, "own.jsonl"))


def test_a_shipped_file_is_called_as_its_probe_is() -> None:
    files = {path.stem for path in SHIPPED.iterdir() if path.suffix in (".yaml", ".jsonl")}
    assert files == {one.name for one in shipped(pack=None)}
