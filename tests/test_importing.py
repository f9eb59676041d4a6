"""Probes made of files that people bring, and what is refused."""

import json
from pathlib import Path

import pytest

from studio.data.example import Message
from studio.data.template import Phrasing, Template
from studio.errors import ProbeError
from studio.measure.flagged import flag, flagged
from studio.measure.importing import import_probe, read_probe
from studio.measure.probe import Probe, find
from studio.studio import Studio


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def read(path: Path) -> Probe:
    return read_probe(path, name="mine", title="Mine")


# ---- tables


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "question,A,B,C,answer\nSky?,red,blue,,B\nGrass?,green,white,black,a\n"),
        ("b.csv", "question,choice1,choice2,choice3,label\nSky?,red,blue,,1\nGrass?,green,w,b,0\n"),
        ("c.csv", "prompt,option_a,option_b,target\nSky?,red,blue,2\nGrass?,green,white,1\n"),
        ("d.tsv", "question\tchoices\tanswer\nSky?\tred|blue\tblue\nGrass?\tgreen|red\tgreen\n"),
        ("e.csv", 'Question,Choices,Answer\nSky?,"[""red"",""blue""]",B\nGrass?,green|red,A\n'),
        (
            "f.jsonl",
            lines(
                {"question": "Sky?", "choices": ["red", "blue"], "answer": 1},
                {"question": "Grass?", "choices": ["green", "red"], "answer": 0},
            ),
        ),
    ],
)
def test_multiple_choice_is_read_however_the_answer_is_given(
    tmp_path: Path, name: str, text: str
) -> None:
    probe = read(put(tmp_path, name, text))
    assert (probe.scorer, probe.normalise, probe.kind) == ("choice", True, "retention")
    assert [case.answer for case in probe.cases] == ["blue", "green"]
    assert [case.messages[-1].content for case in probe.cases] == ["Sky?", "Grass?"]
    assert probe.cases[0].choices == ("red", "blue")


def test_numbers_among_the_choices_are_taken_for_the_text(tmp_path: Path) -> None:
    text = "question,A,B,answer\n1+1?,1,2,2\n1+0?,2,1,1\n"
    assert [case.answer for case in read(put(tmp_path, "n.csv", text)).cases] == ["2", "1"]


@pytest.mark.parametrize(("good", "bad"), [("good", "bad"), ("sentence_good", "sentence_bad")])
def test_minimal_pairs_have_no_prompt_and_alternate_their_places(
    tmp_path: Path, good: str, bad: str
) -> None:
    rows = [{good: f"They sing {n}.", bad: f"They sings {n}.", "uid": "x"} for n in range(4)]
    probe = read(put(tmp_path, "pairs.jsonl", lines(*rows)))
    assert (probe.scorer, probe.chat, probe.chance) == ("choice", False, 0.5)
    assert all(case.messages == () for case in probe.cases)
    assert [case.choices.index(case.answer) for case in probe.cases] == [0, 1, 0, 1]
    assert probe.cases[2].answer == "They sing 2."


def test_prompts_with_answers_and_texts_are_read(tmp_path: Path) -> None:
    asked = read(put(tmp_path, "qa.csv", "prompt,answer\nSay hi,hi\n"))
    assert (asked.scorer, asked.cases[0].answer) == ("exact", "hi")
    texts = read(put(tmp_path, "t.jsonl", lines({"text": "One text."}, {"text": "Another."})))
    assert (texts.scorer, [case.answer for case in texts.cases]) == (
        "text",
        ["One text.", "Another."],
    )


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.csv", "question,A,B,answer\nSky?,red,blue,C\n", "row 1: there are 2 choices only"),
        ("a.csv", "question,A,B,answer\nSky?,red,blue,grey\n", "row 1: the answer is none of"),
        ("a.csv", "question,A,B,answer\nSky?,red,,A\n", "row 1: a question needs at least two"),
        ("a.csv", "question,A,B,answer\n,red,blue,A\n", "row 1: question is empty"),
        ("a.csv", "question,A,B,C,answer\nSky?,x,y,z,1\n", "count from 0 or from 1"),
        ("a.csv", "question,A,B,answer\nSky?,red,red,A\n", "all different"),
        ("a.csv", "question,A,B,answer\nSky?,red\n", "line 2: has 2 fields instead of 4"),
        ("a.csv", "who,what\na,b\n", r"columns \(who, what\) are not those of a probe"),
        ("a.csv", "good,bad\n", "holds no row"),
        ("a.jsonl", '{"good": "a", "bad": "b"}\n{"good": "a"}\n', "row 2: has no column 'bad'"),
        ("a.jsonl", '{"good": "a", "bad": ["b"]}\n', "row 1: bad is not text"),
        ("a.jsonl", '{"good": "a"\n', "line 1: not JSON"),
        ("a.xlsx", "PK", "no probe can be made of such a file"),
        ("a.txt", " \n\n", "is empty"),
        ("a.yaml", "name: x\n", "neither a probe file"),
        ("a.yaml", "name: [\n", "a.yaml: line"),
    ],
)
def test_a_faulty_file_is_refused_with_its_place(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    with pytest.raises(ProbeError, match=reason) as refusal:
        read(put(tmp_path, name, text))
    assert str(refusal.value).startswith(name)
    assert "\n" not in str(refusal.value)


# ---- plain text


def test_a_text_is_cut_at_empty_lines_and_short_paragraphs_join(tmp_path: Path) -> None:
    long = "The rain fell on the old roof all night long. " * 6
    probe = read(put(tmp_path, "t.txt", f"{long}\r\n\r\nShort one.\n \n{long}\n\n\n{long}\n"))
    assert probe.scorer == "text"
    assert [case.answer[:9] for case in probe.cases] == ["The rain ", "Short one", "The rain "]
    assert all(case.messages == () and not case.cluster for case in probe.cases)


def test_a_very_long_paragraph_is_cut_at_sentences_and_nothing_is_lost(tmp_path: Path) -> None:
    text = "A sentence of eight words stands right here. " * 200
    probe = read(put(tmp_path, "t.txt", text))
    assert " ".join(case.answer for case in probe.cases) == text.strip()
    assert all(case.answer.endswith(".") and len(case.answer) <= 2000 for case in probe.cases)
    assert read(put(tmp_path, "u.txt", "x" * 5000)).cases[-1].answer == "x" * 1000


def test_sections_of_markdown_are_clusters(tmp_path: Path) -> None:
    body = "Words about one thing that go on for a while, until there are enough of them. " * 4
    probe = read(put(tmp_path, "t.md", f"# One\n\n{body}\n\n{body}\n\n# Two\n\n{body}\n"))
    assert [case.cluster for case in probe.cases] == ["section 2", "section 2", "section 3"]


# ---- tasks of lm-eval


TASK = """
task: skies
dataset_path: json
dataset_kwargs: {data_files: {train: other.jsonl, test: rows.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_choice: "{{choices.text}}"
doc_to_target: "{{choices.label.index(answerKey)}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
"""
ROWS = lines(
    {
        "question": "Sky?",
        "choices": {"text": ["red", "blue"], "label": ["A", "B"]},
        "answerKey": "B",
    },
    {
        "question": "Grass?",
        "choices": {"text": ["green", "it's red"], "label": ["A", "B"]},
        "answerKey": "A",
    },
)


def test_a_multiple_choice_task_is_asked_as_bare_text(tmp_path: Path) -> None:
    put(tmp_path, "rows.jsonl", ROWS)
    probe = read(put(tmp_path, "skies.yaml", TASK))
    assert (probe.scorer, probe.chat, probe.normalise) == ("choice", False, True)
    assert probe.cases[0].messages == (Message(role="user", content="Question: Sky?\nAnswer:"),)
    assert [case.answer for case in probe.cases] == ["blue", "green"]
    assert probe.cases[1].choices == ("green", "it's red")


@pytest.mark.parametrize(
    ("choice", "target"),
    [
        ("['no', 'yes']", "label"),
        ('["no", "yes"]', "{{label}}"),
        ("{a: 'no', b: 'yes'}", "word"),
        ("options", "1"),
        ('{{[no, "yes"]}}', "label"),
    ],
)
def test_choices_and_targets_are_columns_templates_or_numbers(
    tmp_path: Path, choice: str, target: str
) -> None:
    row = {"q": "Wet?", "no": "no", "yes": "yes", "label": 1, "word": "yes"}
    put(tmp_path, "wet.jsonl", lines({**row, "options": ["no", "yes"]}))
    choice = choice if choice[0] in "[{" and choice[1] != "{" else f"'{choice}'"
    text = f"task: wet\noutput_type: multiple_choice\ndoc_to_text: q\ndoc_to_choice: {choice}\n"
    target = target if target == "1" else f"'{target}'"
    probe = read(put(tmp_path, "wet.yaml", f"{text}doc_to_target: {target}\n"))
    assert (probe.cases[0].answer, probe.cases[0].choices) == ("yes", ("no", "yes"))


@pytest.mark.parametrize(("target", "answer"), [("'{{place}}'", "2"), ("place", "1"), ("2", "3")])
def test_digits_are_a_place_when_written_by_a_template(
    tmp_path: Path, target: str, answer: str
) -> None:
    put(tmp_path, "sums.jsonl", lines({"q": "1+1?", "place": "1"}))
    task = (
        "output_type: multiple_choice\ndoc_to_text: '{{q}}'\n"
        f"doc_to_choice: ['1', '2', '3']\ndoc_to_target: {target}\n"
    )
    assert read(put(tmp_path, "sums.yaml", task)).cases[0].answer == answer


def test_a_task_without_a_prompt_is_a_minimal_pair(tmp_path: Path) -> None:
    put(tmp_path, "blimp.jsonl", lines({"sentence_good": "I sing.", "sentence_bad": "I sings."}))
    task = (
        'output_type: multiple_choice\ndoc_to_text: ""\ndoc_to_target: 0\n'
        'doc_to_choice: "{{[sentence_good, sentence_bad]}}"\ninclude: shared.yaml\n'
    )
    put(tmp_path, "shared.yaml", "task: shared\ndescription: ''\n")
    case = read(put(tmp_path, "blimp.yaml", task)).cases[0]
    assert (case.messages, case.answer) == ((), "I sing.")


def test_generated_tasks_are_marked_by_number_or_exactly(tmp_path: Path) -> None:
    task = "output_type: generate_until\ndoc_to_text: '{{q}}'\ndoc_to_target: a\n"
    put(tmp_path, "sums.jsonl", lines({"q": "6*7?", "a": "6*7 is 42.\n#### 1,042"}))
    sums = read(put(tmp_path, "sums.yaml", task))
    assert (sums.scorer, sums.cases[0].answer) == ("number", "1,042")
    put(tmp_path, "says.jsonl", lines({"q": "Say so.", "a": ["so", "So"]}))
    says = read(put(tmp_path, "says.yaml", task))
    assert (says.scorer, says.cases[0].answer, says.cases[0].accept) == ("exact", "so", ("So",))


def test_a_rolling_task_is_open_text(tmp_path: Path) -> None:
    put(tmp_path, "wiki.jsonl", lines({"page": "All about rivers."}))
    task = "output_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: '{{page}}'\n"
    probe = read(put(tmp_path, "wiki.yaml", task))
    assert (probe.scorer, probe.cases[0].answer) == ("text", "All about rivers.")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"{{choices.text}}"', "!function x.y", "Python is never run"),
        ("multiple_choice", "loglikelihood", "output_type loglikelihood is not one of"),
        ("{{question}}", "{{asked}}", "'asked' is not a column of row 1"),
        ("{{question}}", "{{question", "skies.yaml"),
        ("rows.jsonl", "../rows.jsonl", "lies outside its folder"),
        ("rows.jsonl", "none.jsonl", "none.jsonl cannot be read"),
        ("(answerKey)", "('A') + 5", "row 1: doc_to_target gives 5"),
        ('"{{choices.text}}"', "question", "row 1: doc_to_choice is no list"),
        ('"{{choices.text}}"', "[no, yes]", "put every choice of doc_to_choice in quotes"),
        ("output_type", "target_delimiter: ''\noutput_type", "only a space"),
        ("{data_files: {train: other.jsonl, test: rows.jsonl}}", "{}", "save them as skies.jsonl"),
        ("task: skies", "include: skies.yaml", "not in a circle"),
        ("{{question}}", "{{ 'a' * 900000000 }}", "row 1"),
    ],
)
def test_a_task_that_cannot_be_read_says_why(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    assert old in TASK
    put(tmp_path, "rows.jsonl", ROWS)
    with pytest.raises(ProbeError, match=reason):
        read(put(tmp_path, "skies.yaml", TASK.replace(old, new, 1)))


# ---- kept among a person's own


def test_an_imported_probe_is_kept_and_found(tmp_path: Path) -> None:
    path = put(tmp_path, "My Pairs.csv", "good,bad\nI sing.,I sings.\n")
    with Studio(tmp_path / "home") as studio:
        probe = studio.import_probe(path, title="Singing")
        assert probe.name == "my-pairs"
        assert studio.probes()[-1] == probe
        assert "my-pairs" in studio.retention_probes("starter")
        with pytest.raises(ProbeError, match='name "my-pairs" is taken'):
            studio.import_probe(path)


def test_a_refused_import_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "probes"
    with pytest.raises(ProbeError):
        import_probe(put(tmp_path, "a.csv", "good,bad\nx,x\n"), home)
    with pytest.raises(ProbeError, match="name"):
        import_probe(put(tmp_path, "b.csv", "good,bad\nx,y\n"), home, name="../b")
    assert not home.exists()


def test_our_own_files_are_imported_as_they_are(tmp_path: Path) -> None:
    home = tmp_path / "probes"
    source = put(tmp_path, "a.csv", "question,A,B,answer\nSky?,red,blue,B\n")
    made = import_probe(source, home)
    again = read_probe(home / "a.yaml", name="b", title="B", kind="gain")
    assert again.cases == made.cases
    assert (again.name, again.kind) == ("b", "gain")


def test_flagged_cases_gather_in_one_probe(tmp_path: Path) -> None:
    home = tmp_path / "probes"
    assert flagged(home) is None
    hello = [Message(role="user", content="Hello!")]
    flag(home, hello, "Hi.")
    flag(home, [Message(role="system", content="Be brief."), *hello], "Hi: there\n'\"#")
    flag(home, hello, "Hello, you.")
    probe = flagged(home)
    assert probe is not None
    assert [case.answer for case in probe.cases] == ["Hi: there\n'\"#", "Hello, you."]
    assert [one.name for one in find(["flagged"], home)] == ["flagged"]
    with pytest.raises(ProbeError, match="flagged case"):
        flag(home, hello, "  ")
    assert flagged(home) == probe


def test_a_task_that_was_learned_is_kept_as_a_skill(tmp_path: Path) -> None:
    with Studio(tmp_path) as studio:
        rows = [{"animal": f"cow {i}", "sound": "moo" if i % 2 else "baa"} for i in range(20)]
        template = Template(
            name="animals",
            title="Animals",
            description="Names the sound of an animal.",
            task="knowledge",
            license="Apache-2.0",
            source="Written for the test.",
            answer="{{ sound }}",
            phrasings=(Phrasing(prompt="What does the {{ animal }} say?"),),
            rows=({"animal": "cow", "sound": "moo"},),
        )
        dataset = studio.build(template, rows, heldout_share=0.5)
        probe = studio.keep_heldout(dataset.id, title="Old animals")
        assert (probe.name, probe.kind, probe.pack) == (dataset.id, "retention", "own")
        assert studio.probes()[-1] == probe
        assert {case.answer for case in probe.cases} == {"moo", "baa"}
        with pytest.raises(ProbeError, match="is taken"):
            studio.keep_heldout(dataset.id)
        with pytest.raises(ProbeError, match='"task" is taken'):
            studio.keep_heldout(dataset.id, name="task")
