"""Templates of PromptSource: brought over so that they render the same, and written back."""

import json
from pathlib import Path

import pytest
from made_templates import DAYS, WEATHER, said

from studio.data import promptsource
from studio.data.rendering import preview
from studio.data.template import Template, shipped
from studio.data.template_forms import read_templates
from studio.errors import TemplateError

SHARED = Path(__file__).parents[2] / "shared" / "data" / "promptsource"


def test_promptsource_renders_as_it_does_there() -> None:
    found = promptsource.read(WEATHER, "weather.yaml")
    by_name = {phrasing.name: template for template in found.templates
               for phrasing in template.phrasings}  # fmt: skip
    assert by_name["after"] is not by_name["with a setting"]
    assert said(by_name["after"], DAYS)[0] == (
        "Sun all day. Warm.\nWas the day dry or wet?", "dry", ("dry", "wet"),
    )  # fmt: skip
    assert said(by_name["guarded"], DAYS) == [
        ("Say dry or wet.\nSun all day. Warm.", "dry", ("dry", "wet")),
        ("Say dry or wet.\nRain all day. Cold.", "wet", ("dry", "wet")),
    ]
    assert said(by_name["with a setting"], DAYS)[1] == (
        "Rain all day. Did it rain?", "yes (Rain all day)", ("no", "yes"),
    )  # fmt: skip
    assert said(by_name["both branches"], DAYS) == [
        ("Was it dry?", "yes, Sun all day. Warm.", ()),
        ("Was it wet?", "yes Rain all day. Cold.", ()),
    ]
    assert said(by_name["choices of the row"], DAYS)[1] == (
        "Rain all day. Cold. wet or cold?", "wet", ("wet", "cold"),
    )  # fmt: skip


def test_what_promptsource_cannot_bring_is_listed_with_its_reason() -> None:
    left = {one.what: one.why for one in promptsource.read(WEATHER, "weather.yaml").left}
    assert left.keys() == {"nothing to learn", "by chance", "strange filter", "broken"}
    assert "no |||" in left["nothing to learn"]
    assert "choice()" in left["by chance"]
    assert "'highlight'" in left["strange filter"]
    assert "line 1" in left["broken"]


def test_rows_for_which_a_guarded_template_is_not_meant_render_to_nothing() -> None:
    found = promptsource.read(WEATHER, "weather.yaml")
    guarded = next(one for one in found.templates if one.phrasings[0].name == "guarded")
    assert said(guarded, [DAYS[0] | {"label": -1}]) == [("", "", ("dry", "wet"))]


def test_promptsource_is_written_back_and_read_the_same() -> None:
    for template in promptsource.read(WEATHER, "weather.yaml").templates:
        given = promptsource.write(template)
        again = promptsource.read(given.files[f"{template.name}.yaml"], "again.yaml")
        back = [text for one in again.templates for text in said(one, DAYS)]
        assert sorted(back) == sorted(said(template, DAYS))
        names = [phrasing.name for one in again.templates for phrasing in one.phrasings]
        assert sorted(names) == sorted(phrasing.name for phrasing in template.phrasings)


def test_what_promptsource_says_about_an_entry_is_kept_and_written_back() -> None:
    metadata = {"choices_in_prompt": True, "languages": ["en"], "metrics": ["AUC"],
                "original_task": False}  # fmt: skip
    text = "dataset: d\ntemplates:\n  k: !Template\n" + "".join(
        f"    {name}: {value}\n"
        for name, value in {
            "id": "0f", "jinja": "'{{ a }} ||| {{ b }}'", "name": "n", "reference": "A paper.",
            "metadata": f"!TemplateMetadata {json.dumps(metadata)}",
        }.items()
    )  # fmt: skip
    (template,) = promptsource.read(text, "d.yaml").templates
    again = promptsource.read(promptsource.write(template).files["d.yaml"], "d.yaml")
    about = again.templates[0].phrasings[0].about
    assert about == {"id": "0f", "reference": "A paper.", "metadata": metadata}
    assert Template.parse(template.yaml()).phrasings[0].about == about


def test_every_shipped_template_goes_to_promptsource_and_back() -> None:
    for template in shipped().values():
        again = promptsource.read(
            promptsource.write(template).files[f"{template.name}.yaml"], "again.yaml"
        )
        rows = [dict(row) for row in template.rows]
        plain = template.model_copy(update={"system": "", "history_column": None})
        back = [text for one in again.templates for text in said(one, rows)]
        assert sorted(back) == sorted(said(plain, rows)), template.name
        assert not again.left


@pytest.mark.parametrize(
    "text",
    [
        "templates: {}",
        "a: b",
        "templates: {x: !Template {jinja: a}",
        "templates: !!python/object:x.Y {}",
    ],
)
def test_what_is_no_promptsource_file_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="bad.yaml"):
        promptsource.read(text, "bad.yaml")


def test_an_odd_entry_of_promptsource_is_left_out_and_the_others_are_not() -> None:
    text = (
        "dataset: odd\ntemplates:\n"
        "  a: !Template {name: fine, jinja: 'A {{ x }} ||| {{ y }}', metadata: none}\n"
        "  b: !Template {name: lists, jinja: 'B {{ x }} ||| {{ y }}', answer_choices: [a, b]}\n"
    )
    found = promptsource.read(text, "odd.yaml")
    assert [one.phrasings[0].name for one in found.templates] == ["fine"]
    assert [(one.what, "answer_choices" in one.why) for one in found.left] == [("lists", True)]


@pytest.mark.skipif(not SHARED.exists(), reason="the real template files are not here")
def test_real_promptsource_files_import_and_render_whole() -> None:
    row = {
        "text": "A text.", "label": 1, "sentence": "A sentence.", "context": "A passage.",
        "question": "is it so", "answers": {"text": ["so"]}, "passage": "A passage.",
        "document": "A document.", "summary": "A summary.",
    }  # fmt: skip
    fine_labels = {0: 0, 1: 2, 2: 24, 3: 28, 4: 32, 5: 37}
    rows = [row | {"coarse_label": c, "fine_label": f} for c, f in fine_labels.items()]
    paths = sorted(SHARED.glob("*.yaml"))
    assert len(paths) == 7
    for path in paths:
        found = read_templates(path)
        assert not found.left
        entries = path.read_text().count("!Template\n")
        assert sum(len(one.phrasings) for one in found.templates) == entries
        for template in found.templates:
            whole = [one for one in preview(template, rows) if one.completion]
            assert all(one.messages[-1].content for one in whole)
            numbers = {one.phrasing for one in whole}
            assert numbers == set(range(1, len(template.phrasings) + 1)), template.name
