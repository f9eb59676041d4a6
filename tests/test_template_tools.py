"""Templates looked through, turned round, and kept with every version they ever had."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from studio import Studio
from studio.cli import commands
from studio.data.inversion import askable, invert
from studio.data.lint import Remark, lint
from studio.data.rendering import preview
from studio.data.template import Template, find, shipped
from studio.data.warm import close_warm, warm_sandbox
from studio.errors import TemplateError

ROWS: list[dict[str, Any]] = [
    {"title": "Rain all day.", "label": "wet"},
    {"title": "Sun all day.", "label": "dry"},
]


def asking(prompt: str, **fields: Any) -> Template:
    """A template of this prompt with these fields besides."""
    known: dict[str, Any] = {
        "name": "plain", "title": "Plain", "description": "Weather.", "task": "classification",
        "license": "Apache-2.0", "source": "Written here.", "answer": "{{ label }}",
        "phrasings": [prompt],
    }  # fmt: skip
    return Template.model_validate(known | fields)


def remarks(template: Template, rows: list[dict[str, Any]] | None = None) -> list[Remark]:
    with warm_sandbox() as sandbox:
        return lint(template, ROWS if rows is None else rows, sandbox=sandbox)


# ---- lint


@pytest.mark.parametrize(
    ("prompt", "fields", "severity", "told"),
    [
        ("Is it?\n{{ titel }}", {}, "error",
         "phrasing 1, line 2: 'titel' is no column; did you mean 'title'?"),
        ("{{ weather }}", {}, "error", "columns are 'title', 'label'"),
        ("{{ title }}{{ note | default('') }}", {}, "note", "no row has the column 'note'"),
        ("{{ title | shout }}", {}, "error", "its filter 'shout' is not known here"),
        ("{{ now() }} {{ title }}", {}, "error", "it calls now()"),
        ("Is it wet?", {}, "warning", "it asks the same of every row"),
        ("{title} {{ title }}", {}, "warning", "{title} is plain text; write {{ title }} for it."),
        ("{{ title }}", {"answer": "wet"}, "warning", "answer: it is the same for every row"),
        ("{{ title }} {{ label }}", {}, "note", "it reads 'label', as the answer does"),
        ("{{ title }}", {"answer_choices": ["wet", "dry", "windy"]}, "warning",
         "possible answers: no row gives 'windy'."),
        ("{{ title }}", {"answer_choices": ["wet"]}, "warning", "'dry': answers not among them"),
        ("{{ title }}", {"answer_choices": ["wet", "dry", "wet"]}, "warning", "stands there twice"),
        ("{{ title }}", {"phrasings": ["{{ title }}?", "{{ title }}? "]}, "warning",
         "phrasing 2: it is the same as phrasing 1."),
        ("{{ title }}", {"phrasings": [{"prompt": "{{ title }}", "weight": 3}]}, "note",
         "a weight changes nothing"),
        ("{{ title }}", {"phrasings": ["{{ title }}", {"prompt": "{{ title }}?", "weight": 0.01}]},
         "warning", "phrasing 2: its weight gives it 1.0% of 2 rows: likely none is asked so."),
        ("{{ title }}", {"shots": {"count": 2}}, "warning", "2 are to be shown, and there are 2"),
        ("{{ title }}" + "x" * 16_000, {}, "error", "longer than 16,000 bytes"),
    ],
)  # fmt: skip
def test_what_is_odd_is_told_with_its_place(
    prompt: str, fields: dict[str, Any], severity: str, told: str
) -> None:
    found = remarks(asking(prompt, **fields))
    assert any(one.severity == severity and told in str(one) for one in found), found


def test_a_sound_template_gives_no_remark_and_no_shipped_one_does() -> None:
    assert remarks(asking("{{ title }}", answer_choices=["wet", "dry"])) == []
    for template in shipped().values():
        assert remarks(template, template.all_rows()) == [], template.name


def test_unread_columns_and_rows_that_lack_one_are_told() -> None:
    rows = [ROWS[0] | {"city": "Rome"}, {"label": "dry", "city": "Oslo"}]
    told = [str(one) for one in remarks(asking("{{ title }}"), rows)]
    assert told[0].startswith("phrasing 1, line 1: 1 of 2 rows have no column 'title'")
    assert "columns: nothing reads 'city'." in told


def test_possible_answers_of_each_row_are_compared_with_its_own() -> None:
    template = asking("{{ title }}", answer_choices="{{ of | join('|||') }}")
    rows = [ROWS[0] | {"of": ["wet", "icy"]}, ROWS[1] | {"of": ["wet", "icy"]}]
    told = [str(one) for one in remarks(template, rows)]
    assert "possible answers: 'dry': answers not among them." in told
    assert "possible answers: no row gives 'icy'." in told


def test_every_label_is_looked_at_however_many_rows_come_before_it() -> None:
    rows = [ROWS[0]] * 5000 + [ROWS[1]]
    assert remarks(asking("{{ title }}", answer_choices=["wet", "dry"]), rows) == []


# ---- warm sandboxes


def test_a_warm_sandbox_is_used_again_and_survives_a_bomb() -> None:
    close_warm()
    with warm_sandbox() as first:
        first.render({"a": "{{ x }}"}, {"x": 1})
        child = first.child_id
    with warm_sandbox() as second, warm_sandbox() as other:
        assert second is first
        assert other is not first
        assert second.child_id == child
        with pytest.raises(TemplateError, match="memory"):
            second.render({"a": "{{ 'a' * 900000000 }}"}, {})
        assert second.render({"a": "{{ x }}"}, {"x": 2}) == {"a": "2"}


# ---- turned round


def test_a_task_turned_round_asks_for_the_text_by_the_answer() -> None:
    turned = invert(asking("Is it wet or dry?\n{{ title }}", answer_choices=["wet", "dry"]))
    example = preview(turned, ROWS[:1])[0]
    assert example.messages[-1].content == (
        "Is it wet or dry?\n[...]\nAnswer: wet\nWrite what belongs in place of [...]"
    )
    assert (example.completion, example.choices) == ("Rain all day.", ())
    assert turned.name == "plain-inverted"


def test_every_shipped_template_can_be_turned_round_and_never_tells_its_answer() -> None:
    for template in shipped().values():
        rows = template.all_rows()[:3]
        turned = invert(template)
        column = askable(template)[0]
        for example in preview(turned, rows):
            assert example.completion == str(rows[example.row - 1][column])
            assert example.completion not in example.question, template.name
        assert [one for one in remarks(turned, template.all_rows())
                if one.severity != "note"] == []  # fmt: skip


def test_a_phrasing_that_does_more_than_print_the_column_becomes_a_plain_one() -> None:
    template = asking("{% if title %}{{ title }}{% endif %}", answer="{{ answer_choices[label] }}",
                      answer_choices=["dry", "wet"])  # fmt: skip
    turned = invert(template)
    example = preview(turned, [{"title": "Rain.", "label": 1}])[0]
    assert example.question == "Write a title for which this is the answer.\nwet"
    assert example.completion == "Rain."


def test_a_column_is_chosen_or_refused_by_name() -> None:
    template = find("answer-from-text")
    assert askable(template) == ["text", "question"]
    assert invert(template, "question").answer == "{{ question }}"
    with pytest.raises(TemplateError, match="choose one of text, question"):
        invert(template, "answer")
    with pytest.raises(TemplateError, match="asks about no column"):
        invert(asking("Say something."))


# ---- one's own


def test_a_template_keeps_every_version_with_its_rows(studio: Studio) -> None:
    first = studio.save_template(asking("{{ title }}"), ROWS)
    second = studio.save_template(asking("Now: {{ title }}"), ROWS[:1])
    assert studio.template("plain").phrasings[0].prompt == "Now: {{ title }}"
    newer, older = studio.template_versions("plain")
    assert (newer.is_current, older.is_current) == (True, False)
    assert studio.template(f"plain@{older.digits}").all_rows() == ROWS == first.all_rows()
    assert studio.template(f"plain@{newer.digits}").all_rows() == ROWS[:1] == second.all_rows()


def test_the_same_content_is_one_version_and_an_older_one_can_come_back(studio: Studio) -> None:
    studio.save_template(asking("{{ title }}"), ROWS)
    studio.save_template(asking("Now: {{ title }}"), ROWS)
    studio.save_template(asking("{{ title }}"), ROWS)
    versions = studio.template_versions("plain")
    assert len(versions) == 2
    assert studio.template(f"plain@{versions[0].digits}") == studio.template("plain")
    assert studio.template("plain").phrasings[0].prompt == "{{ title }}"


def test_a_template_written_by_hand_becomes_a_version_when_it_is_replaced(studio: Studio) -> None:
    path = studio.settings.templates / "plain.yaml"
    path.write_text(asking("By hand: {{ title }}").yaml())
    studio.save_template(asking("{{ title }}"))
    older = studio.template_versions("plain")[1]
    assert "By hand" in studio.template(f"plain@{older.digits}").phrasings[0].prompt


def test_a_removed_template_leaves_its_versions(studio: Studio) -> None:
    studio.save_template(asking("{{ title }}"), ROWS)
    (version,) = studio.template_versions("plain")
    studio.remove_template("plain")
    assert "plain" not in [one.name for one in studio.templates()]
    assert studio.template(f"plain@{version.digits}").all_rows() == ROWS
    with pytest.raises(TemplateError, match="no template of your own"):
        studio.remove_template("plain")
    with pytest.raises(TemplateError, match="no template of your own"):
        studio.remove_template("sentiment")


def test_a_version_that_is_not_there_says_how_to_find_one(studio: Studio) -> None:
    with pytest.raises(TemplateError, match="templates versions topic"):
        studio.template("topic@00000000")


def test_a_shipped_template_comes_back_when_ones_own_of_its_name_is_removed(
    studio: Studio,
) -> None:
    studio.save_template(find("topic").model_copy(update={"title": "Mine"}))
    assert studio.template("topic").title == "Mine"
    assert studio.own_templates() == ["topic"]
    studio.remove_template("topic")
    assert studio.template("topic").title == "Topic of a sentence"


def test_the_command_line_looks_through_turns_round_and_lists_versions(
    home: Path, tmp_path: Path
) -> None:
    def call(*arguments: str) -> Any:
        return CliRunner().invoke(commands, ["--home", str(home), *arguments])

    assert call("templates", "lint", "topic").output == ""
    (tmp_path / "mine.yaml").write_text(asking("{{ titel }}", rows=ROWS).yaml())
    (tmp_path / "rows.csv").write_text("title,label\nRain.,wet\n")
    mapped = call("templates", "lint", str(tmp_path / "mine.yaml"), str(tmp_path / "rows.csv"))
    assert mapped.exit_code == 0  # the column is found, whatever it is called
    done = call("templates", "lint", str(tmp_path / "mine.yaml"))
    assert done.exit_code == 1
    assert "error: phrasing 1, line 1: 'titel' is no column; did you mean 'title'?" in done.stdout
    done = call("templates", "invert", "topic")
    assert done.stdout == "topic-inverted: asks for {{ text }}\n"
    listed = call("templates", "versions", "topic-inverted", "--json")
    assert '"is_current": true' in listed.stdout
