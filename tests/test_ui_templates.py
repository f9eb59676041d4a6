"""The Template panel: what its boxes make of a template, and what it tells while one is written."""

import os
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from studio import Studio
from studio.data.template import Template, find, shipped
from studio.data.template_parts import Shots, Turn
from studio.data.workbook import Workbook
from studio.errors import TemplateError
from studio.ui import template_draft, template_editor, template_files, templates
from studio.ui.template_draft import Boxes
from studio.ui.template_panel import OPENED, open_it, titles, use


def written(template: Template, **boxes: Any) -> tuple[template_draft.Draft, Boxes]:
    """The template in the editor, with these boxes filled otherwise."""
    draft, filled = template_draft.open_template(template)
    return draft, filled._replace(**boxes)


@pytest.fixture
def book(studio: Studio) -> Workbook:
    return studio.begin_workbook("topic")


@pytest.fixture
def page(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page may write files to be taken away."""
    folder = home / "page"
    folder.mkdir(parents=True)
    monkeypatch.setitem(os.environ, "GRADIO_TEMP_DIR", str(folder))
    return folder


# ---- the boxes


def test_a_template_that_nobody_changes_comes_out_of_the_editor_as_it_went_in() -> None:
    extra = find("topic").model_copy(
        update={
            "turns": (Turn(prompt="Hello.", answer="Hi\nthere."), Turn(prompt="a", answer="b")),
            "shots": Shots(count=2, between="\t", separator="\n\\n\n", as_turns=True),
        }
    )
    for template in (*shipped().values(), extra):
        bare = template.model_copy(update={"rows": (), "rows_file": None}).yaml()
        for number in range(len(template.phrasings)):
            draft, boxes = template_draft.open_template(template)
            assert template_draft.close(*template_draft.pick(draft, boxes, number)).yaml() == bare


def test_what_stands_in_the_boxes_is_the_template() -> None:
    draft, boxes = written(
        find("topic"), title="Themes", prompt="Theme?\n{{ text }}", weight=3, own_answer="{{ x }}",
        answer="The {{ label }}", choices="a\n\n b ", system="Be brief.",
        turns="Hello.\n---\nHi.", shots=2, between=" ", separator="\\n", as_turns=True,
    )  # fmt: skip
    made = template_draft.close(draft, boxes)
    first = made.phrasings[0]
    assert (first.prompt, first.weight, first.answer) == ("Theme?\n{{ text }}", 3, "{{ x }}")
    assert (made.title, made.answer, made.system) == ("Themes", "The {{ label }}", "Be brief.")
    assert made.answer_choices == ("a", "b")
    assert made.turns == (Turn(prompt="Hello.", answer="Hi."),)
    assert made.shots == Shots(count=2, between=" ", separator="\n", as_turns=True)
    assert made.phrasings[1:] == find("topic").phrasings[1:]


def test_what_was_written_goes_along_when_another_phrasing_is_opened() -> None:
    draft, boxes = template_draft.pick(*written(find("topic"), prompt="One? {{ text }}"), 1)
    assert boxes.prompt == find("topic").phrasings[1].prompt
    made = template_draft.close(draft, boxes._replace(prompt="Two? {{ text }}"))
    assert [one.prompt for one in made.phrasings[:2]] == ["One? {{ text }}", "Two? {{ text }}"]


def test_phrasings_are_added_and_taken_out() -> None:
    draft, boxes = template_draft.add(*written(find("topic")))
    draft, boxes = template_draft.pick(draft, boxes._replace(prompt="New {{ text }}", weight=3), 0)
    assert [label for label, _ in template_draft.list_phrasings(draft, boxes)][3] == (
        "4 · 50% · New {{ text }}"
    )
    draft, boxes = template_draft.remove(draft, boxes)
    made = template_draft.close(draft, boxes)
    assert [one.weight for one in made.phrasings] == [1, 1, 3]
    one = find("topic").model_copy(update={"phrasings": find("topic").phrasings[:1]})
    with pytest.raises(TemplateError, match="only phrasing"):
        template_draft.remove(*written(one))


@pytest.mark.parametrize(
    ("boxes", "told"),
    [
        ({"prompt": "{{ text"}, "phrasing 1: line 1"),
        ({"turns": "Hello."}, "has no answer"),
        ({"answer": ""}, "answer"),
        ({"weight": -1}, "greater than 0"),
        ({"shots": 40}, "shots"),
    ],
)
def test_what_cannot_be_a_template_is_told(boxes: dict[str, Any], told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        template_draft.close(*written(find("topic"), **boxes))


def test_an_emptied_phrasing_is_left_out_and_the_last_one_cannot_be() -> None:
    assert len(template_draft.close(*written(find("topic"), prompt=" ")).phrasings) == 2
    one = find("topic").model_copy(update={"phrasings": find("topic").phrasings[:1]})
    with pytest.raises(TemplateError, match="asks nothing"):
        template_draft.close(*written(one, prompt=""))


def test_emptied_boxes_of_the_page_are_empty_texts() -> None:
    draft, boxes = written(find("topic"))
    made = template_editor.read(draft, (*boxes[:6], None, None, None, *boxes[9:]))
    assert (made.system, made.turns, made.shots) == ("", (), None)


# ---- the gallery


def test_the_gallery_finds_by_words_and_by_task(studio: Studio) -> None:
    def found(words: str, task: str = templates.ANY_TASK) -> list[str]:
        return [
            name for _, name in templates.list_templates(studio, words, task, None, None).choices
        ]

    assert len(found("")) == len(shipped())
    assert found("grammar sentence") == ["grammar"]
    assert "urgency" in found("", "classification")
    assert found("", templates.OWN) == []
    studio.save_template(find("grammar").model_copy(update={"name": "mine"}))
    assert found("", templates.OWN) == ["mine"]
    assert found("nothing like that") == []


def test_templates_of_the_same_title_are_told_apart(studio: Studio) -> None:
    studio.save_template(find("grammar").model_copy(update={"name": "mine"}))
    told = dict((name, title) for title, name in titles(studio.templates()))
    assert told["mine"] == "Correct the grammar (mine)"
    assert told["topic"] == "Topic of a sentence"


def test_a_template_is_shown_with_a_row_of_its_own_and_every_text_escaped(studio: Studio) -> None:
    rows = [{"text": "<b>bold</b>", "label": "sport"}]
    studio.save_template(find("topic").model_copy(update={"name": "mine"}), rows)
    about = open_it(studio, studio.template("mine"), None)[1]
    assert "&lt;b&gt;bold&lt;/b&gt;" in about
    assert "Your own." in about


# ---- beside a workbook


def test_choosing_a_template_lets_the_workbook_use_it(studio: Studio, book: Workbook) -> None:
    changed, gallery, _, synced, *_ = templates.choose(studio, "sentiment", book.id, None)
    assert gallery == "sentiment"
    assert changed
    assert book.refresh().template.name == "sentiment"
    assert synced == book.template.yaml()
    assert len(book.rows()) == 10


def test_what_is_written_is_kept_in_the_workbook_and_faults_are_not(
    studio: Studio, book: Workbook
) -> None:
    draft, boxes = written(find("topic"), prompt="Theme? {{ text }}")
    changed, synced = templates.keep(studio, book.id, None, "", draft, *boxes)
    assert changed
    assert book.refresh().template.phrasings[0].prompt == "Theme? {{ text }}"
    templates.keep(studio, book.id, None, synced, draft, *boxes._replace(prompt="{{ text"))
    assert book.refresh().template.phrasings[0].prompt == "Theme? {{ text }}"
    opened = templates.follow(studio, book.id, None, "", None)
    assert len(opened) == OPENED
    assert opened[5 + Boxes._fields.index("prompt")] == "Theme? {{ text }}"


def test_boxes_that_nobody_wrote_in_never_take_back_what_another_window_did(
    studio: Studio, book: Workbook
) -> None:
    _, _, _, synced, draft, _, *boxes = templates.choose(studio, "sentiment", book.id, None)
    elsewhere = book.refresh().template.model_copy(update={"system": "Be brief."})
    book.use_template(elsewhere)
    assert templates.keep(studio, book.id, None, synced, draft, *boxes) == [gr.skip(), gr.skip()]
    assert book.refresh().template == elsewhere


def test_a_workbook_that_did_not_change_leaves_the_boxes_alone(
    studio: Studio, book: Workbook
) -> None:
    values = templates.follow(studio, book.id, None, book.template.yaml(), {"open": 0})
    assert all(isinstance(value, dict) and value["__type__"] == "update" for value in values)


def test_a_look_tells_what_is_odd_and_draws_the_open_phrasing(
    studio: Studio, book: Workbook
) -> None:
    draft, boxes = written(find("topic"))
    state, seen, _ = templates.look(studio, book.id, None, 2, draft, *boxes)
    assert "Nothing odd" in state
    assert "Used for the 10 rows" in state
    assert "She ran ten miles" in seen
    assert "tokens are learned" in seen
    draft, boxes = template_draft.pick(draft, boxes, 1)
    _, seen, _ = templates.look(studio, book.id, None, 1, draft, *boxes)
    assert seen.index("Name the topic") < seen.index("What is this about")
    state, _, _ = templates.look(studio, book.id, None, 1, draft, *boxes._replace(prompt="{{ a"))
    assert "Not used yet" in state
    assert "phrasing 2: line 1" in state
    state, seen, _ = templates.look(
        studio, book.id, None, 1, draft, *boxes._replace(prompt="{{ titel }}")
    )
    assert "is no column" in state
    assert "makes no examples" in state
    assert 'role="alert"' in seen


def test_a_workbook_begins_with_the_templates_own_rows_and_what_was_written(
    studio: Studio,
) -> None:
    draft, boxes = written(find("topic"), answer="It is {{ label }}.")
    id, _ = templates.start(studio, "somebody", "topic", draft, *boxes)
    begun = studio.workbooks.open(id, "somebody")
    assert len(begun.rows()) == 10
    assert begun.template.answer == "It is {{ label }}."


# ---- kept, brought, taken away


def test_a_saved_template_is_in_the_gallery_and_its_versions_open(
    studio: Studio, book: Workbook
) -> None:
    draft, boxes = written(find("topic"), title="My themes")
    template_files.save_template(studio, book.id, None, draft, *boxes)
    assert book.refresh().template.name == "my-themes"
    assert studio.template("my-themes").all_rows() == book.rows()
    draft, boxes = written(studio.template("my-themes"), answer="Other: {{ label }}")
    template_files.save_template(studio, book.id, None, draft, *boxes)
    versions = template_files.list_versions(studio, None, draft)
    assert len(versions.choices) == 2
    template_files.open_version(studio, versions.choices[1][1], book.id, None, draft)
    assert book.refresh().template.answer == "{{ label }}"
    template_files.remove_template(studio, None, draft)
    assert "my-themes" not in studio.own_templates()


def test_a_visitors_templates_are_seen_by_nobody_else(studio: Studio) -> None:
    rows = [{"text": "Mine alone.", "label": "sport"}]
    book = studio.workbooks.begin("Hers", rows, find("topic"), owner="ann")
    draft, boxes = written(find("topic"), title="Her themes")
    template_files.save_template(studio, book.id, "ann", draft, *boxes)
    assert studio.template("her-themes", "ann").all_rows() == rows
    assert book.refresh().template.name == "her-themes"
    for scope in (None, "bob"):
        names = [
            name for _, name in templates.list_templates(studio, "", None, None, scope).choices
        ]
        assert "topic" in names
        assert "her-themes" not in names
        with pytest.raises(TemplateError, match="no template 'her-themes'"):
            studio.template("her-themes", scope)
        with pytest.raises(gr.Error, match="no template of your own"):
            template_files.remove_template(studio, scope, draft | {"name": "her-themes"})
    assert template_files.list_versions(studio, "ann", draft | {"name": "her-themes"}).choices
    assert not template_files.list_versions(studio, "bob", draft | {"name": "her-themes"}).choices
    gallery = template_files.remove_template(studio, "ann", draft | {"name": "her-themes"})
    assert "her-themes" not in [name for _, name in gallery.choices]


def test_brought_files_are_listed_with_what_was_left_out(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "pairs.json").write_text('{"rains": [["{a}?", "{b}"], ["{a!r}", "{b}"]]}')
    (tmp_path / "bad.json").write_text("{}")
    told, gallery = template_files.bring_templates(
        studio, [str(tmp_path / "pairs.json"), str(tmp_path / "bad.json")], None
    )
    assert "pairs.json: rains; 1 phrasing" in told
    assert "rains, pattern 2" in told
    assert "bad.json" in told
    assert "rains" in [name for _, name in gallery.choices]


@pytest.mark.parametrize("form", [name for _, name in template_files.FORMS])
def test_a_template_is_taken_away_in_every_form(
    studio: Studio, book: Workbook, page: Path, form: str
) -> None:
    draft, boxes = written(find("topic"), weight=2)
    path, told = template_files.give_template(studio, form, book.id, None, draft, *boxes)
    assert Path(path).is_relative_to(page)
    assert Path(path).stat().st_size > 100
    assert "topic" in told
    assert ("Left out" in told) == (form != "yaml")


def test_a_template_is_turned_round_and_opened(studio: Studio, book: Workbook) -> None:
    draft, boxes = written(find("topic"))
    assert template_files.list_columns(studio, book.id, None, draft, *boxes).choices == [
        ("text", "text")
    ]
    template_files.turn_round(studio, "text", book.id, None, draft, *boxes)
    assert book.refresh().template.name == "topic-inverted"


def test_the_whole_template_is_edited_as_text(studio: Studio, book: Workbook) -> None:
    draft, boxes = written(find("topic"))
    text = template_files.show_yaml(draft, *boxes)
    template_files.take_yaml(studio, text.replace("{{ label }}", "{{ label }}!"), book.id, None)
    assert book.refresh().template.answer == "{{ label }}!"


def test_without_a_workbook_a_template_is_only_opened(studio: Studio) -> None:
    changed, *opened = use(studio, find("topic"), None, None)
    assert changed["__type__"] == "update"
    assert len(opened) == OPENED
