"""The chat's page: lanes, what stands under an answer, text made safe, and who is visiting."""

import re
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from made_home import make_home

from studio import Recipe, Studio
from studio.chat.conversation import Conversation
from studio.chat.exchange import Answer
from studio.chat.protocol import Sampling
from studio.errors import ChatError
from studio.measure.outcome import BASE
from studio.tuning.events import append_event
from studio.tuning.run import Run, create_run
from studio.ui import board, chats, conversation, desk, keeping, lanes, raw, starters, visitor
from studio.ui.defused import defuse, show_plain
from studio.ui.links import NOBODY, Links

ENTITY = re.compile(r"&#00(33|38|60|91);")  # as the browser's own rule for copying has it


def restored(text: str) -> str:
    return ENTITY.sub(lambda found: chr(int(found[1])), text)


# ---- text


@pytest.mark.parametrize(
    "text",
    [
        "<script>x</script>",
        "a & b < c",
        "![x](http://evil.example/a.png)",
        "plain words",
        "`<b>` and <b>",
        "&lt; is written &amp;lt;",
        "```python\nif a < b & c: pass\n```\n<i>",
    ],
)
def test_what_is_copied_is_what_was_written(text: str) -> None:
    assert restored(defuse(text)) == text
    assert restored(show_plain(text)) == text


def test_a_tag_stays_text_outside_of_code_and_code_stays_code() -> None:
    assert "<" not in defuse("<img src=x> <b onclick=y>z</b>")
    assert "![" not in defuse("![x](y)")
    assert defuse("`<b>` ``a`<i>``") == "`<b>` ``a`<i>``"
    fenced = "```html\n<b>x</b>\n```"
    assert defuse(fenced) == fenced
    assert defuse(f"{fenced}\n<i>").endswith("&#0060;i>")


def test_a_longer_fence_is_closed_by_its_own_kind_alone() -> None:
    text = "````\n```\n<b>\n````\n<i>"
    assert defuse(text) == "````\n```\n<b>\n````\n&#0060;i>"
    assert "<i>" in defuse("~~~\n```\n<i>")
    assert "<i>" not in defuse("`unclosed <i>")


def test_code_is_never_drawn_as_a_picture() -> None:
    assert defuse("```mermaid\ngraph TD\n```").startswith("```\n")
    assert defuse('```html" onmouseover=x\na\n```').startswith("```html\n")


def test_control_tokens_are_set_apart_in_the_raw_view() -> None:
    drawn = raw.mark("<|im_start|>user\n<b>hi</b></s>")
    assert "<mark>&lt;|im_start|&gt;</mark>user" in drawn
    assert "<mark>&lt;/s&gt;</mark>" in drawn
    assert "<b>" not in drawn


# ---- lanes


@pytest.fixture
def tuned(studio: Studio) -> Run:
    return make_home(studio).tuned


def another(studio: Studio, like: Run, **fields: Any) -> Run:
    recipe = Recipe(**(like.recipe.model_dump() | {"name": "Another"} | fields))
    run = create_run(studio.settings.runs, recipe, about="another")
    append_event(run.folder / "events.jsonl", "finished")
    return run


def test_the_bar_opens_with_the_newest_run_and_takes_what_another_tab_sent(
    studio: Studio, tuned: Run
) -> None:
    _, opened, base, _ = lanes.open_bar(studio, None, [BASE], "starter")
    assert (opened, base) == ([BASE, tuned.id], "starter")
    newer = another(studio, tuned)
    _, opened, *_ = lanes.open_bar(studio, [newer.id], opened, "starter")
    assert opened == [BASE, tuned.id, newer.id]
    _, kept, *_ = lanes.open_bar(studio, None, [BASE, f"{tuned.id}@0.5", "gone"], "starter")
    assert kept == [BASE, f"{tuned.id}@0.5"]


def test_lanes_are_added_until_there_are_four(studio: Studio, tuned: Run) -> None:
    another(studio, tuned)
    newest, older = [run.id for run in studio.runs() if run.makes_adapter]
    chosen = [BASE]
    for expected in (newest, older, f"{newest}@0.5", f"{older}@0.5"):
        chosen, *_ = lanes.add_lane(studio, chosen, "starter")
        assert chosen[-1] == expected
    with pytest.raises(gr.Error, match="remove one first"):
        lanes.add_lane(studio, chosen, "starter")
    fewer, *_ = lanes.drop_lane(2, chosen, "starter")
    assert fewer == [BASE, newest, f"{newest}@0.5", f"{older}@0.5"]


def test_a_strength_is_part_of_a_lane_and_two_alike_are_told() -> None:
    held = [["run", "run", None, None], [0.5, 0.55, 1, 1], "starter", [BASE, "run", "run@0.5"]]
    chosen, _, note = lanes.read_bar(*held[0], *held[1], *held[2:])
    assert (chosen, note) == ([BASE, "run@0.5", "run@0.55"], "")
    held[1] = [0.5, 0.5, 1, 1]
    chosen, _, note = lanes.read_bar(*held[0], *held[1], *held[2:])
    assert chosen == [BASE, "run@0.5"]
    assert lanes.ALIKE in note


def test_runs_of_another_base_are_not_offered(studio: Studio, tuned: Run) -> None:
    other = another(studio, tuned, base="org/other")
    chosen, base, _ = lanes.change_base(studio, "org/other")
    assert (chosen, base) == ([BASE, other.id], "org/other")
    offered = lanes.draw_bar(studio, [BASE], "starter")[1 + lanes.BESIDE].choices
    assert [value for _, value in offered] == [tuned.id]


def test_an_endpoint_is_a_lane_that_says_where_words_go(studio: Studio, tuned: Run) -> None:
    (studio.settings.home / "endpoints.yaml").write_text(
        "big:\n  url: http://127.0.0.1:9/v1\n  model: m\n  title: Big one\n", encoding="utf-8"
    )
    offered = lanes.draw_bar(studio, [BASE], "starter")[1 + lanes.BESIDE].choices
    assert offered[-1] == ("Big one (elsewhere)", "endpoint:big")
    held = ["endpoint:big", None, None, None, 1, 1, 1, 1, "starter", [BASE, tuned.id]]
    chosen, _, note = lanes.read_bar(*held)
    assert chosen == [BASE, "endpoint:big"]
    assert "sent to that server" in note


def test_suggestions_fit_the_lanes(studio: Studio, tuned: Run) -> None:
    task, old, cards, templates = starters.deal(studio, [BASE, tuned.id], "starter")
    heldout = studio.dataset(tuned.recipe.dataset).heldout()
    assert cards[0][0][-1]["content"] == heldout[0].messages[-1].content
    assert len(cards[1]) > 1
    alone, *_ = starters.deal(studio, [BASE], "starter")
    assert (task.visible, old.visible, alone.visible) == (True, True, False)
    name = templates.choices[0][1]
    prompt, _ = starters.take_template(studio, name)
    assert prompt.strip()


# ---- what stands under an answer


def told(talk: Conversation, lane: str, **answer: Any) -> str:
    last = talk.exchanges[-1]
    said = {lane: Answer(**({"text": "x", "done": True, "stopped": True} | answer))}
    changed = last.model_copy(update={"answers": said, "proof": 0.0})
    return board._tell_answer(changed, lane, writing=False)


def test_an_answer_says_how_it_came_about() -> None:
    talk = Conversation.begin(lanes=("base", "run")).say("Hello?")
    fast = told(talk, "base", tokens=12, tokens_per_second=40.4, first_token=0.31)
    assert "✓ base, verified" in fast
    assert "12 tokens, 40 tokens/s, first after 0.31 s" in fast
    assert "verified" not in told(talk, "run")
    assert "cut off at its limit" in told(talk, "run", stopped=False)
    assert "stopped before its end" in told(talk, "run", stopped=False, done=False)
    assert "seed 3" in told(talk, "run", sampling=Sampling(temperature=1, seed=3))
    assert "after the others &lt;b&gt;" in told(talk, "run", note="after the others <b>")
    here = talk.exchanges[-1]
    assert board.NO_ANSWER in board._tell_answer(here, "run", writing=False)
    assert board.NOT_ASKED in board._tell_answer(here, "other", writing=True)


def test_sampling_is_told_in_words() -> None:
    assert "the likeliest token" in board.tell_sampling(Sampling(seed=4))
    drawn = Sampling(temperature=0.7, top_p=0.9, top_k=20, seed=4, max_new_tokens=9)
    told = board.tell_sampling(drawn)
    assert told == "Drawn with temperature 0.7, top p 0.9, top k 20, seed 4, at most 9 tokens"


def test_a_bubble_belongs_to_its_turn() -> None:
    talk = Conversation.begin(lanes=("base",)).say("one").say("two")
    first = talk.exchanges[0]
    said = first.model_copy(update={"answers": {"base": Answer(text="x", done=True)}})
    talk = talk.model_copy(update={"everything": (said, *talk.everything[1:])})
    assert [board.turn_of(talk, "base", bubble) for bubble in range(3)] == [0, 0, 1]
    assert [board.turn_of(talk, "run", bubble) for bubble in range(2)] == [0, 1]


# ---- who is visiting


def asking(host: str, **headers: str) -> Any:
    return SimpleNamespace(client=SimpleNamespace(host=host), headers=headers)


def test_a_visitor_gets_a_key_and_keeps_it(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    *_, scope, owner, kept = visitor.welcome(studio, ["", None, None], asking("10.0.0.7"))
    assert owner == scope == kept[0]
    assert len(str(owner)) == 32
    older = visitor.welcome(studio, [owner, "talk"], asking("10.0.0.7"))
    assert older[:4] == ["talk", None, owner, owner]


def test_only_who_sits_at_the_machine_sees_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert visitor.is_here(asking("127.0.0.1"))
    assert not visitor.is_here(asking("10.0.0.7"))
    assert not visitor.is_here(asking("127.0.0.1", **{"x-forwarded-for": "10.0.0.7"}))
    monkeypatch.setenv("SPACE_ID", "someone/studio")
    assert not visitor.is_here(asking("127.0.0.1"))


def test_the_seal_of_what_browsers_keep_outlives_the_process(tmp_path: Path) -> None:
    first = visitor.read_secret(tmp_path)
    assert len(first) == 32
    assert visitor.read_secret(tmp_path) == first
    assert (tmp_path / "page-secret").stat().st_mode & 0o077 == 0


def test_a_visitor_lists_and_opens_only_their_own(studio: Studio) -> None:
    mine = studio.chats.save(Conversation.begin(owner="me").say("What is mine?"))
    studio.chats.save(Conversation.begin(owner="other").say("What is theirs?"))
    names, *_ = chats.show_list(studio, "", *values(scope="me"))
    assert [id for _, id in names.choices] == [mine.id]
    everybody, *_ = chats.show_list(studio, "", *values(scope=None))
    assert len(everybody.choices) == 2
    found, *_ = chats.show_list(studio, "theirs", *values(scope="me"))
    assert not found.choices
    assert held(scope="other", conversation=mine.id).open(studio) is None


def values(**fields: Any) -> list[Any]:
    """What the components of the desk hold, for a visitor who has set nothing."""
    given = {
        "conversation": None, "scope": None, "owner": "me", "lanes": [BASE], "base": "starter",
        "system": "", "history": "own", "form": "Markdown",
    } | fields  # fmt: skip
    return [*given.values(), 0, 1, 0, 8, 0]


def test_nothing_is_seen_before_it_is_known_who_visits(studio: Studio) -> None:
    """A visitor need not load the page to call what is behind it."""
    studio.chats.save(Conversation.begin().say("Asked on the command line."))
    scope = make_desk(studio).setting.scope.value
    names, *_ = chats.show_list(studio, "", *values(scope=scope))
    assert not names.choices


def held(**fields: Any) -> desk.Held:
    return desk.Held.read(*values(**fields))


# ---- one answer at a time in a conversation


def test_a_deed_waits_until_the_answer_before_it_has_ended() -> None:
    writing, done = desk.Writing(), []

    def answer() -> None:
        with writing.hold("talk"):
            time.sleep(0.2)
            done.append("first")

    thread = threading.Thread(target=answer)
    thread.start()
    time.sleep(0.05)
    writing.wait("another")
    assert done == []
    with writing.hold("talk"):
        done.append("second")
    thread.join()
    assert done == ["first", "second"]


def make_desk(studio: Studio) -> desk.Desk:
    """The components that the deeds of a conversation read and write."""
    with gr.Blocks() as page, gr.Tabs() as tabs, gr.Tab("Chat") as tab:
        states = [gr.State(None) for _ in range(6)]
        links = Links(page, tabs, *states, owner=gr.State(""), scope=gr.State(NOBODY))
        setting = lanes.build(studio, links, tab)
        return desk.Desk(
            setting=setting, board=board.lay_out(), prompt=gr.Textbox(), editing=gr.State(None),
            leave=gr.Button(), history=gr.Radio(), form=gr.Radio(), shown=gr.State(None),
            said=gr.State(0.0),
        )  # fmt: skip


def test_what_is_typed_and_set_stays_while_the_same_conversation_is_shown(studio: Studio) -> None:
    made = make_desk(studio)
    talk = studio.chats.save(Conversation.begin(owner="me").say("What was asked?"))
    given = values(conversation=talk.id, scope="me", system="Not sent yet.")
    settings = {made.prompt, made.setting.system, made.setting.lanes, made.history}
    opened = conversation.restore(studio, made, None, *given)
    assert settings <= set(opened)
    assert opened[made.shown] == talk.id
    assert not settings & set(conversation.restore(studio, made, talk.id, *given))


def test_half_an_answer_is_not_kept(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.ui.writing.PATIENCE", 0.05)
    made = make_desk(studio)
    talk = studio.chats.save(Conversation.begin(owner="me").say("What was asked?"))
    given = [None, *values(conversation=talk.id, scope="me")]
    with made.writing.hold(talk.id):
        for keep in (
            lambda: keeping.prefer(studio, made, 0, "", *given),
            lambda: keeping.keep_case(studio, made.writing, "", *given),
            lambda: keeping.open_box(studio, made.writing, 0, *given),
        ):
            with pytest.raises(gr.Error, match="still being written"):
                keep()
    assert studio.drafts.list() == []


def test_an_answer_that_never_ends_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.ui.writing.PATIENCE", 0.05)
    writing = desk.Writing()
    with writing.hold("talk"), pytest.raises(ChatError, match="stop it first"):
        writing.wait("talk")
