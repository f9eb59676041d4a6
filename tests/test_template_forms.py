"""Templates of other programs: brought over so that they render the same, and written back."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from made_templates import DAYS, WEATHER, said

from studio import Studio
from studio.cli import commands
from studio.data import flan, lm_eval, natural, promptsource
from studio.data.foreign import literal
from studio.data.sandbox import Sandbox
from studio.data.template import find
from studio.data.template_forms import FORMS, read_templates, write_template
from studio.data.template_parts import Shots
from studio.errors import TemplateError
from studio.measure.importing import read_probe

# ---- FLAN

PATTERNS = '''
"""Patterns for tests."""
RULES = {
    "rains": [
        ("{report}\\n\\nDid it rain on {day[name]}?\\n\\n{options_}", "{answer}"),
        ("Did it "
         "rain? {{yes or no}} {report}\\n{options_}", "{answer}"),
        ("{% report %} {report!r}", "{answer}"),
        ("{report:>10}", "{answer}"),
        ("{0} {report}", "{answer}"),
        (make(), "{answer}"),
        "only one text",
    ],
    "titles": [{"inputs": "Title for: {report}", "targets": "{places[0]}"}],
    "computed": [p for p in RULES],
}
print("never run")
'''
RAINS = {
    "report": "It {poured} {{ all }} day.", "day": {"name": "Monday"}, "answer": "yes",
    "options": ["yes", "no"], "places": ["Rain"],
}  # fmt: skip


def test_flan_patterns_render_as_format_would(capsys: pytest.CaptureFixture[str]) -> None:
    found = flan.read(PATTERNS, "patterns.py")
    assert capsys.readouterr().out == ""
    rains, titles = found.templates
    options = "OPTIONS:\n- yes\n- no\n"
    first = "{report}\n\nDid it rain on {day[name]}?\n\n{options_}".format(
        **RAINS, options_=options
    ).strip()
    assert said(rains, [RAINS]) == [
        (first, "yes", ("yes", "no")),
        ("Did it rain? {yes or no} It {poured} {{ all }} day.\n" + options.strip(), "yes",
         ("yes", "no")),
    ]  # fmt: skip
    assert said(titles, [RAINS]) == [("Title for: It {poured} {{ all }} day.", "Rain", ())]
    assert [one.what for one in found.left] == [
        "rains, pattern 3", "rains, pattern 4", "rains, pattern 5", "rains, pattern 6",
        "rains, pattern 7", "computed",
    ]  # fmt: skip


def test_flan_is_written_back_and_read_the_same() -> None:
    for template in flan.read(PATTERNS, "patterns.py").templates:
        given = flan.write(template)
        assert given.left == ()
        (again,) = flan.read(given.files[f"{template.name}.json"], "again.json").templates
        assert said(again, [RAINS]) == said(template, [RAINS])


def test_what_a_pattern_cannot_say_is_listed() -> None:
    given = flan.write(find("sentiment").model_copy(update={"system": "Be brief."}))
    assert {one.what for one in given.left} == {"system message", "possible answers"}
    with pytest.raises(TemplateError, match="phrasing 3"):
        flan.write(find("choose-label"))


@pytest.mark.parametrize("text", ["{}", "[1]", '{"a": [["x"]]}', "x = 1", "def f(:", "(" * 9000])
def test_what_is_no_flan_file_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="bad.py"):
        flan.read(text, "bad.py")


# ---- Natural Instructions

TASK: dict[str, Any] = {
    "Definition": ["Name the {% season %} of the {{ month }}."],
    "Categories": ["Classification"],
    "Positive Examples": [{"input": "May {x}", "output": "spring", "explanation": "As it is."}],
    "Negative Examples": [{"input": "May", "output": "winter"}],
    "Instances": [
        {"id": "1", "input": "July", "output": ["summer", "high summer"]},
        {"id": "2", "input": "January", "output": ["winter"]},
        {"id": "3", "input": None, "output": []},
    ],
    "Instance License": ["CC BY 4.0"],
}


def test_a_natural_instruction_brings_definition_examples_and_instances(tmp_path: Path) -> None:
    found = natural.read(json.dumps(TASK), "task1_seasons.json")
    (template,) = found.templates
    rows = found.rows[template.name]
    definition = "Name the {% season %} of the {{ month }}."
    assert said(template, rows) == [
        (f"{definition}\n\nInput: July\nOutput:", "summer", ()),
        (f"{definition}\n\nInput: January\nOutput:", "winter", ()),
        (f"{definition}\n\nInput: May {{x}}\nOutput: spring\n\nInput: July\nOutput:", "summer", ()),
        (f"{definition}\n\nInput: May {{x}}\nOutput: spring\n\nInput: January\nOutput:", "winter",
         ()),
    ]  # fmt: skip
    assert template.license == "CC BY 4.0"
    assert [one.what for one in found.left] == [
        "instance 3", "further answers of 1 instances", "Negative Examples",
    ]  # fmt: skip


def test_a_natural_instruction_is_written_back() -> None:
    plain = TASK | {"Definition": ["Name the season."], "Positive Examples": []}
    found = natural.read(json.dumps(plain), "task1_seasons.json")
    rows = found.rows["task1-seasons"]
    template = found.templates[0].model_copy(update={"rows": tuple(rows)})
    fields = json.loads(natural.write(template).files["task1-seasons.json"])
    assert fields["Definition"] == ["Name the season."]
    assert fields["Instances"] == TASK["Instances"][:2]
    assert fields["Instance License"] == ["CC BY 4.0"]


def test_any_template_goes_to_natural_instructions_as_it_renders() -> None:
    for template in (find("topic"), find("answer-from-text")):
        given = natural.write(template)
        fields = json.loads(given.files[f"{template.name}.json"])
        found = natural.read(json.dumps(fields), "again.json")
        assert len(found.rows["again"]) == len(template.all_rows())
        assert {one.what for one in given.left} == {"phrasings"}


def test_what_is_no_natural_instruction_is_refused() -> None:
    for text in ("{}", '{"Definition": 1}', "nonsense", '{"Definition": 1, "Definition": 2}'):
        with pytest.raises(TemplateError, match="bad.json"):
            natural.read(text, "bad.json")


def test_a_natural_instruction_may_say_one_thing_where_others_list_several() -> None:
    task = {"Definition": "Add.", "Instances": [{"input": "1+1", "output": "2"}],
            "Categories": "Sums", "Instance License": "MIT", "Source": "me",
            "Positive Examples": 5}  # fmt: skip
    (made,) = natural.read(json.dumps(task), "sums.json").templates
    assert (made.task, made.license, made.source) == ("Sums", "MIT", "me")


# ---- lm-evaluation-harness


def task_file(folder: Path, **fields: Any) -> Path:
    path = folder / "rain.yaml"
    known = {"task": "rain", "dataset_path": "acme/rain", "output_type": "multiple_choice",
             "doc_to_text": "{{report}}\nRain?", "doc_to_target": "label",
             "doc_to_choice": ["no", "yes"]}  # fmt: skip
    path.write_text(yaml.safe_dump(known | fields))
    return path


@pytest.mark.parametrize(
    ("fields", "prompt", "answer", "choices"),
    [
        ({}, "Rain all day. Cold.\nRain?", "yes", ("no", "yes")),
        ({"doc_to_target": "{{label}}"}, "Rain all day. Cold.\nRain?", "yes", ("no", "yes")),
        ({"doc_to_target": "{{ ['no', 'yes'][label] }}"}, "Rain all day. Cold.\nRain?", "yes",
         ("no", "yes")),
        ({"doc_to_target": 0, "doc_to_text": "report"}, "Rain all day. Cold.", "no",
         ("no", "yes")),
        ({"doc_to_choice": "options"}, "Rain all day. Cold.\nRain?", "cold", ("wet", "cold")),
        ({"doc_to_choice": "{{ [report[:4], 'Sun'] }}"}, "Rain all day. Cold.\nRain?", "Sun",
         ("Rain", "Sun")),
        ({"description": "Look out.\n\n"}, "Look out.\n\nRain all day. Cold.\nRain?", "yes",
         ("no", "yes")),
        ({"output_type": "generate_until", "doc_to_choice": None, "doc_to_target": "report"},
         "Rain all day. Cold.\nRain?", "Rain all day. Cold.", ()),
    ],
)  # fmt: skip
def test_lm_eval_tasks_ask_and_answer_as_there(
    tmp_path: Path, fields: dict[str, Any], prompt: str, answer: str, choices: tuple[str, ...]
) -> None:
    found = lm_eval.read(task_file(tmp_path, **fields))
    assert said(found.templates[0], DAYS[1:]) == [(prompt, answer, choices)]
    assert any(one.what == "rows" and "acme/rain" in one.why for one in found.left)


def test_a_few_solved_rows_go_to_lm_eval_and_back(tmp_path: Path) -> None:
    shots = Shots(count=3, between=" -> ", separator="\n#\n")
    template = find("grammar").model_copy(
        update={"shots": shots, "phrasings": find("grammar").phrasings[:1]}
    )
    given = lm_eval.write(template)
    assert not given.left
    for file, text in given.files.items():
        (tmp_path / file).write_text(text)
    assert lm_eval.read(tmp_path / "grammar.yaml").templates[0].shots == shots
    assert {one.what for one in promptsource.write(template).left} == {"solved rows", "rows"}


def test_lm_eval_includes_and_rows_beside_are_read(tmp_path: Path) -> None:
    data = {"data_files": {"test": "rows.jsonl"}}
    task_file(tmp_path, dataset_kwargs=data, num_fewshot=3, fewshot_split="dev")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in DAYS))
    (tmp_path / "child.yaml").write_text("include: rain.yaml\ntask: child\n")
    found = read_templates(tmp_path / "child.yaml")
    assert found.templates[0].name == "child"
    assert found.rows == {"child": DAYS}
    assert [one.what for one in found.left] == ["fewshot_split"]
    assert found.templates[0].shots == Shots(count=3, between=" ", separator="\n\n")


def test_rows_beside_an_lm_eval_task_that_are_refused_are_named(tmp_path: Path) -> None:
    task_file(tmp_path, dataset_kwargs={"data_files": {"test": "rows.jsonl"}})
    lines = [json.dumps(DAYS[0]), "{broken", *(json.dumps(row) for row in DAYS[1:])]
    (tmp_path / "rows.jsonl").write_text("".join(f"{line}\n" for line in lines))
    found = read_templates(tmp_path / "rain.yaml")
    assert list(found.rows.values()) == [DAYS]
    assert [one.what for one in found.left] == ["rows.jsonl, line 2"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("task: x\ndoc_to_text: !function utils.ask\ndoc_to_target: a\n", "never run"),
        ("task: x\ndoc_to_text: a\n", "doc_to_target is neither"),
        ("task: x\ndoc_to_text: a\noutput_type: loglikelihood_rolling\n", "asks for nothing"),
        ("include: ../../etc/passwd\ndoc_to_text: a\n", "outside its folder"),
        ("include: bad.yaml\n", "circle"),
        ("task: x\ndoc_to_text: a\ndoc_to_target: b\ndoc_to_choice: [1, 2]\n", "list of texts"),
        ("task: x\ndoc_to_text: '{{ a'\ndoc_to_target: b\n", "line 1"),
        ("task: x\ndoc_to_text: a\ndoc_to_target: b\ndescription: [1]\n", "no text"),
        ("task: x\ndoc_to_text: a\ndoc_to_target: b\noutput_type: [1]\n", "asks for nothing"),
    ],
)
def test_a_task_that_cannot_be_a_template_says_why(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(TemplateError) as refusal:
        read_templates(path)
    assert reason in str(refusal.value)


@pytest.mark.parametrize("name", ["sentiment", "topic", "choose-label", "label"])
def test_our_templates_as_lm_eval_tasks_are_probes_with_the_same_answers(
    tmp_path: Path, name: str
) -> None:
    template = find(name).model_copy(update={"rows_file": None})
    given = lm_eval.write(template)
    for file, text in given.files.items():
        (tmp_path / file).write_text(text)
    wanted = said(template, [dict(row) for row in template.rows])
    asked: list[tuple[str, str, tuple[str, ...]]] = []
    for number in range(1, len(template.phrasings) + 1):
        path = tmp_path / f"{name}-{number}.yaml"
        probe = read_probe(path, name="again", title="Again")
        asked += [(case.messages[-1].content.strip(), case.answer, case.choices)
                  for case in probe.cases]  # fmt: skip
        again = lm_eval.read(path)
        back = said(again.templates[0], again.rows[again.templates[0].name])
        assert back == [one for one in wanted if one in back]
    assert asked == wanted


# ---- all together


def test_literal_text_is_never_taken_for_jinja() -> None:
    with Sandbox() as sandbox:
        for text in ("plain", "{{ a }}", "{% raw %}{% endraw %}", "{# c #}", "}} {{{ %}'\"\\"):
            assert sandbox.render({"text": literal(text)}, {})["text"] == text


def test_names_of_phrasings_do_not_change_a_dataset() -> None:
    template = find("topic")
    named = template.model_copy(
        update={
            "phrasings": tuple(
                one.model_copy(update={"name": f"way {number}"})
                for number, one in enumerate(template.phrasings)
            )
        }
    )
    assert named.fingerprint() == template.fingerprint()


def test_files_are_told_apart_and_their_templates_kept(studio: Studio, tmp_path: Path) -> None:
    files = {"weather.yaml": WEATHER, "patterns.py": PATTERNS, "task1_seasons.json":
             json.dumps(TASK), "own.yaml": find("topic").yaml()}  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        found = studio.import_templates(tmp_path / name)
        assert found.templates
        for template in found.templates:
            assert studio.template(template.name).phrasings == template.phrasings
    assert studio.template("topic-2").title == find("topic").title
    assert len(studio.template("task1-seasons").all_rows()) == 2
    assert studio.build("task1-seasons", heldout_share=0.5).card.train == 1


def test_the_command_line_imports_and_exports(home: Path, tmp_path: Path) -> None:
    def call(*arguments: str) -> Any:
        return CliRunner().invoke(commands, ["--home", str(home), *arguments])

    (tmp_path / "weather.yaml").write_text(WEATHER)
    done = call("templates", "import", str(tmp_path / "weather.yaml"))
    assert done.exit_code == 0, done.output
    assert "weather-days: 1 phrasing, 0 rows" in done.stdout
    assert "left out: by chance: it calls choice()" in done.stderr
    assert "weather-days" in call("templates").stdout
    shown = call("templates", "export", "weather-days", "--format", "promptsource")
    assert promptsource.is_promptsource(shown.stdout)
    several = ["templates", "export", "sentiment", "--format", "lm-eval"]
    assert call(*several).exit_code == 2
    assert call(*several, "--output", str(tmp_path / "out")).exit_code == 0
    assert len(list((tmp_path / "out").iterdir())) == 4
    assert "exists already" in str(call(*several, "--output", str(tmp_path / "out")).exception)
    assert call("templates", "import", "/nowhere.yaml").exit_code == 1


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_back_where_it_was_written(form: str, tmp_path: Path) -> None:
    template = find("topic")
    for name, text in write_template(template, form).files.items():
        (tmp_path / name).write_text(text)
    first = next(path for path in sorted(tmp_path.iterdir()) if path.suffix != ".jsonl")
    assert read_templates(first).templates[0].phrasings
