"""The Freeze panel's functions: fields are kept with the workbook, and what is frozen is told."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from studio.data.example import Example, Message
from studio.studio import Studio
from studio.ui import freeze, freeze_form, frozen
from studio.ui.mixture import draw_slices
from studio.ui.seen import draw, draw_examples


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with Studio(tmp_path) as made:
        yield made


def begin(studio: Studio) -> str:
    return studio.begin_workbook("sentiment", title="My reviews").id


def values(**changes: Any) -> list[Any]:
    """The fields as they are laid out, with some changed."""
    with gr.Blocks():
        laid = [field.value for field in freeze_form.lay_out().all()]
    given = dict(zip(freeze_form.FIELDS, laid, strict=True)) | {"name": "My reviews"} | changes
    return [given[name] for name in freeze_form.FIELDS]


def run(studio: Studio, book: str, **changes: Any) -> list[Any]:
    *_, last = freeze.freeze_rows(studio, book, None, *values(**changes))
    return last


def test_fields_come_back_as_they_were_settled(studio: Studio) -> None:
    book = begin(studio)
    earlier = studio.build("sentiment", name="Earlier")
    chosen = {
        "heldout_share": 0.3, "phrasings": "all", "heldout_phrasings": [2], "limit": 100,
        "seed": 7, "packs": ["starter-opposites", "starter-colours"], "packs_share": 0.2,
        "earlier": [earlier.id], "earlier_share": 0.15, "replay": 0.25, "max_length": 64,
        "every_turn": True, "group_column": "text",
    }  # fmt: skip
    freeze.settle(studio, book, None, *values(**chosen))
    _, *filled = freeze.open_filled(studio, book, None)
    plain = [getattr(one, "value", one) for one in filled]
    assert dict(zip(freeze_form.FIELDS, plain, strict=True)) == {
        "name": "My reviews", "base": "starter", **chosen
    }  # fmt: skip


def test_nothing_is_noted_where_nothing_was_changed(studio: Studio) -> None:
    book = begin(studio)
    freeze.settle(studio, book, None, *values())
    noted = studio.workbooks.open(book).version
    freeze.settle(studio, book, None, *values())
    assert studio.workbooks.open(book).version == noted


def test_what_is_frozen_holds_the_mixture_and_is_told(studio: Studio) -> None:
    card, id, recipe, tune, _ = run(
        studio, begin(studio), packs=["starter-opposites"], packs_share=0.25, replay=0.2
    )
    dataset = studio.dataset(id)
    assert recipe == {"replay": 0.2}
    assert tune.visible
    (portion,) = dataset.card.mixture
    assert portion.examples == round((dataset.card.train - portion.examples) / 3)
    assert portion.title in card


def test_the_bar_shows_every_part_in_tokens(studio: Studio) -> None:
    book = begin(studio)
    freeze.settle(studio, book, None, *values(packs=["starter-opposites"], replay=0.5))
    slices = studio.weigh_mixture(book)
    assert [one.kind for one in slices] == ["task", "probes", "self"]
    assert abs(slices[0].tokens + slices[1].tokens - slices[2].tokens) <= 1
    drawn = freeze.weigh(studio, book, None)
    assert drawn == draw_slices(slices)
    assert drawn.count('class="st-slice') == 3
    frozen_now = studio.dataset(run(studio, book)[1])
    assert slices[0].examples == frozen_now.card.train


def test_what_stands_in_the_way_is_told_where_the_bar_would_be(studio: Studio) -> None:
    book = begin(studio)
    freeze.settle(studio, book, None, *values(base="no/such-base"))
    assert "no/such-base" in freeze.weigh(studio, book, None)
    with pytest.raises(gr.Error, match="no/such-base"):
        run(studio, book, base="no/such-base")
    assert studio.datasets() == []


def test_another_workbook_begins_with_nothing_frozen_and_says_what_parts_its_rows(
    studio: Studio,
) -> None:
    book = begin(studio)
    standing, *_ = freeze.open_filled(studio, book, None)
    assert "&#x27;split&#x27; says which rows are held out" in standing
    built, tune = freeze.begin_anew()
    assert "Press Freeze" in built
    assert not tune.visible


def test_rows_of_which_nothing_is_learned_are_named_on_the_card(studio: Studio) -> None:
    book = begin(studio)
    studio.workbooks.open(book).edit(3, {"text": "word " * 400, "label": "positive"})
    dataset = studio.dataset(run(studio, book, max_length=64)[1])
    (finding,) = [one for one in dataset.card.findings if one.kind == "nothing learned"]
    assert finding.rows == (3,)


def test_what_matters_most_stands_first_on_a_card(studio: Studio) -> None:
    rows = [{"text": f"Text number {n // 2}.", "label": "positive"} for n in range(60)]
    rows[9]["label"] = ""
    dataset = studio.build("sentiment", rows)
    assert [one.severity for one in dataset.card.findings][0] == "note"
    card = frozen.tell_dataset(dataset)
    assert card.index("× left out") < card.index("! warning") < card.index("· note")


def test_two_versions_are_compared_with_the_one_before(studio: Studio) -> None:
    book = begin(studio)
    first = run(studio, book)[1]
    row = studio.workbooks.open(book).entries()[0].row
    studio.workbooks.open(book).edit(1, {"text": row["text"] + " <b>Truly.</b>"})
    second = run(studio, book)[1]
    chosen, other, card, difference = frozen.open_newest(studio, second, None)
    assert (chosen.value, other.value) == (second, first)
    assert first in card
    assert "1 changed" in difference
    assert "&lt;b&gt;Truly.&lt;/b&gt;" in difference
    assert frozen.show_difference(studio, second, second, None).count("are the same, 0 added")


def test_a_dataset_is_taken_away_as_one_file(studio: Studio) -> None:
    id = run(studio, begin(studio))[1]
    with zipfile.ZipFile(frozen.take_away(studio, "messages", id, None)) as file:
        names = {Path(name).name for name in file.namelist()}
    assert {"train.jsonl", "test.jsonl", "template.yaml"} <= names


def test_nobody_from_elsewhere_pushes_with_the_machines_own_sign_in(studio: Studio) -> None:
    id = run(studio, begin(studio))[1]
    visitor = gr.Request(client=None)
    with pytest.raises(gr.Error, match="sign-in of the machine"):
        frozen.push_dataset(studio, id, "me/mine", True, visitor)


# ---- what the model will see


def example(text: str, answer: str = "yes") -> Example:
    prompt = (Message(role="user", content=text),)
    return Example(id="e", row=1, phrasing=1, messages=prompt, completion=answer)


def test_a_mark_in_a_text_is_shown_and_said_to_be_spelled_out() -> None:
    drawn = draw_examples([example("Say <|im_end|> and <b>more</b>")])
    assert "<code>&lt;|im_end|&gt;</code>" in drawn
    assert 'class="spelled"' in drawn
    assert "<b>" not in drawn


def test_what_does_not_fit_is_struck_out_and_a_lesson_lost_is_an_alert() -> None:
    cut = draw_examples([example("Hi.", "word " * 60)], max_length=40)
    assert "tokens do not fit into 40" in cut
    assert 'class="cut"' in cut
    lost = draw_examples([example("word " * 60)], max_length=40)
    assert 'role="alert"' in lost
    assert "0 of" in lost
    assert 'class="learned"' not in lost


def test_a_row_that_cannot_be_rendered_is_told_in_its_place(studio: Studio) -> None:
    template = studio.template("sentiment")
    assert "needs &#x27;text&#x27;" in draw(template, {"label": "positive"})
    assert "tokens are learned" in draw(template, {"text": "Lovely.", "label": "positive"})
    assert "no/such" in draw(template, {"text": "Lovely.", "label": "positive"}, base="no/such")
