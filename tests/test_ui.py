"""The page is built without torch, says errors in a sentence, and keeps other sites away."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import gradio as gr
import pytest
from click.testing import CliRunner

from studio import Recipe, Studio
from studio.chat.conversation import Conversation
from studio.chat.protocol import Said, Update
from studio.cli import commands
from studio.data.example import Example, Message
from studio.errors import DatasetError, RecipeError
from studio.tuning.events import append_event
from studio.tuning.methods import Method
from studio.tuning.run import create_run
from studio.ui import forms, keeping
from studio.ui.border import UNEXPECTED, told
from studio.ui.choices import menu
from studio.ui.desk import Writing
from studio.ui.guard import Guard
from studio.ui.markup import card, table
from studio.ui.server import find_address
from studio.ui.standing import look
from studio.ui.template_draft import name_template
from studio.ui.tokens import tokenize

ROOT = Path(__file__).parents[1]
EVERYTHING: dict[str, Any] = {
    "base": "org/model@main",
    "dataset": "d-1",
    "name": "it's a name",
    "start_from": "20260101-000000-before",
    "method": "lora",
    "rank": 8,
    "alpha": 17,
    "dropout": 0.1,
    "targets": "mlp",
    "rslora": True,
    "dora": True,
    "learning_rate": 3e-5,
    "rate_factor": 0.5,
    "epochs": 1.5,
    "max_steps": 7,
    "batch_size": 2,
    "accumulation": 3,
    "max_length": 64,
    "scheduler": "linear",
    "warmup": 0.2,
    "weight_decay": 0.01,
    "max_grad_norm": 1.5,
    "checkpoints": 5,
    "keep": "best",
    "watching": 0.2,
    "loss": "dft",
    "neftune": 5,
    "kl_anchor": 2.5,
    "anchor_on": ("general-text",),
    "replay": 0.25,
    "self_texts": 17,
    "replay_probes": ("starter-capitals", "starter-topics"),
    "probe_share": 0.2,
    "replay_datasets": ("d-0", "d-00"),
    "dataset_share": 0.2,
    "frozen_layers": 1,
    "forgetting_budget": 0.05,
    "seed": 3,
}
ALSO: tuple[dict[str, Any], ...] = (
    {"method": "prompt_tuning", "virtual_tokens": 7, "prompt_init": "text", "prompt_text": "Say"},
    {"method": "partial", "last_layers": 2, "save_every": 5, "devices": "2"},
    {
        "method": "two_stage", "trained": "pattern", "pattern": "mlp", "first_share": 0.2,
        "second_rate": 0.3, "layer_decay": 2.0, "gradual": False,
    },
    {"init": "eva", "loss": "dpo", "pairs": "votes", "dpo_beta": 0.2},
)  # fmt: skip
"""What does not go together with the rest."""


def test_the_page_is_built_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from studio import Studio; from studio.ui.server import *;"
        f"make_app(Studio({str(tmp_path)!r}), find_address(None, 7999));"
        "heavy = {'torch', 'transformers', 'peft', 'trl', 'datasets', 'plotly'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def test_every_recipe_field_goes_through_the_form_and_back() -> None:
    recipes = [Recipe(**EVERYTHING), *(Recipe(dataset="d-1", **fields) for fields in ALSO)]
    changed = {
        name
        for recipe in recipes
        for name, value in recipe
        if value != Recipe.model_fields[name].default
    }
    assert changed == set(forms.FIELDS)
    for recipe in recipes:
        assert through_the_form(recipe) == recipe


def through_the_form(recipe: Recipe) -> Recipe:
    components = [forms.make_component(name) for name in forms.FIELDS]
    shown = [
        component.postprocess(value)
        for component, value in zip(components, forms.to_values(recipe), strict=True)
    ]
    sent = [component.preprocess(value) for component, value in zip(components, shown, strict=True)]
    return forms.to_recipe(sent)


def test_every_field_has_its_bounds_and_its_help_in_the_form() -> None:
    rank = forms.make_component("rank")
    assert isinstance(rank, gr.Number)
    assert (rank.minimum, rank.maximum, rank.precision) == (1, 512, 0)
    method = forms.make_component("method")
    assert isinstance(method, gr.Dropdown)
    assert [value for _, value in method.choices] == list(get_args(Method))
    for name, field in Recipe.model_fields.items():
        if get_origin(field.annotation) is Literal:
            assert all(value in words != value for words, value in menu(name)), name
    for name in forms.FIELDS:
        help_text = str(forms.make_component(name).info)
        assert "\n" not in help_text
        assert help_text.split() == str(Recipe.model_fields[name].description).split()
        assert forms.group_of(name) in forms.GROUPS


def test_a_form_with_a_wrong_value_is_refused_in_a_sentence() -> None:
    values = forms.to_values(Recipe(dataset="d").model_copy(update={"rank": 0}))
    with pytest.raises(RecipeError, match="rank: input should be greater than"):
        forms.to_recipe(values)


@pytest.mark.parametrize("fields", [EVERYTHING, *({"dataset": "d-1"} | one for one in ({}, *ALSO))])
def test_the_recipe_as_command_yaml_and_python_is_the_same_recipe(
    fields: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    recipe = Recipe(**fields)
    words = shlex.split(forms.to_command(recipe))
    assert words[:4] == ["python", "-m", "studio", "train"]
    train = commands.get_command(None, "train")  # type: ignore[arg-type]
    given = train.make_context("train", words[4:]).params
    flags = {name: given[name] for name in forms.FIELDS if given[name] is not None}
    assert Recipe.make(flags) == recipe
    file = tmp_path / "recipe.yaml"
    file.write_text(forms.to_yaml(recipe), encoding="utf-8")
    assert Recipe.read(file) == recipe
    built = forms.to_python(recipe).partition("with Studio()")[0]
    space: dict[str, Any] = {}
    exec(built, space)
    assert space["recipe"] == recipe


def test_the_command_shown_is_one_that_exists() -> None:
    assert CliRunner().invoke(commands, ["train", "--help"]).exit_code == 0


def test_a_studio_error_is_told_in_its_own_words() -> None:
    @told
    def refuse() -> None:
        raise DatasetError("There are no rows; choose a file.")

    with pytest.raises(gr.Error, match=r"There are no rows; choose a file\."):
        refuse()


def test_what_a_person_typed_is_no_markup_in_an_error() -> None:
    @told
    def refuse() -> None:
        raise DatasetError("There is no <img src=x>.")

    with pytest.raises(gr.Error, match="&lt;img src=x&gt;"):
        refuse()


def test_any_other_error_is_told_in_general_words_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @told
    def break_down() -> None:
        raise ZeroDivisionError("a secret")

    with pytest.raises(gr.Error) as caught:
        break_down()
    assert caught.value.message == UNEXPECTED
    assert "a secret" in caplog.text


def test_a_stream_that_breaks_is_told_and_one_that_is_closed_stops() -> None:
    closed = []

    @told
    def stream(good: bool) -> Any:
        try:
            yield 1
            if not good:
                raise DatasetError("No more.")
            yield 2
        finally:
            closed.append(good)

    with pytest.raises(gr.Error, match=r"No more\."):
        list(stream(False))
    begun = stream(True)
    assert next(begun) == 1
    begun.close()
    assert closed == [False, True]


def request(guard: Guard, *, path: str = "/config", **headers: str) -> tuple[int, dict[str, str]]:
    """Status and headers that the guard gives a GET with these headers."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "headers": raw}
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}


async def welcome(_scope: Any, _receive: Any, send: Any) -> None:
    """An app that says yes to everybody, and lets every site read it."""
    headers = [(b"access-control-allow-origin", b"http://evil.example")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"welcome"})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:7860"}, 200),
        ({"host": "localhost:7860", "origin": "http://localhost:7860"}, 200),
        ({"host": "[::1]:7860"}, 200),
        ({"host": "my-space.hf.space", "origin": "https://my-space.hf.space"}, 200),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example"}, 421),
        ({"host": ""}, 421),
        ({"host": "127.0.0.1:7860", "origin": "http://evil.example"}, 403),
        ({"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:9999"}, 403),
        ({"host": "127.0.0.1:7860", "origin": "null"}, 403),
        ({"host": "127.0.0.1:7860", "sec_fetch_site": "cross-site"}, 403),
        ({"host": "127.0.0.1:7860", "content_length": "99000000"}, 413),
    ],
)
def test_the_guard_refuses_foreign_hosts_and_origins(headers: dict[str, str], status: int) -> None:
    assert request(Guard(welcome, hosts=["my-space.hf.space"]), **headers)[0] == status


def test_the_guard_lets_no_other_site_read_or_frame_the_page() -> None:
    _, headers = request(Guard(welcome), path="/", host="localhost", sec_fetch_site="cross-site")
    assert "access-control-allow-origin" not in headers
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_gradios_side_doors_are_closed() -> None:
    for door in ("token", "deep_link", "openapi.json", "proxy=http://x"):
        assert request(Guard(welcome), path=f"/gradio_api/{door}", host="localhost")[0] == 404


def test_text_from_outside_never_becomes_markup() -> None:
    assert "<script>" not in card("a", "<script>", "<script>")
    assert "<script>" not in table(["<script>"], [])


def test_a_saved_template_is_found_again_with_its_rows(studio: Studio) -> None:
    template = name_template(studio.template("sentiment"), "My own, edited")
    saved = studio.save_template(template, [{"text": "Lovely.", "label": "positive"}])
    assert saved.name == "my-own-edited"
    found = studio.template("my-own-edited")
    assert found.phrasings == template.phrasings
    assert found.all_rows() == [{"text": "Lovely.", "label": "positive"}]


def test_only_the_answers_tokens_are_shown_as_learned() -> None:
    prompt = (Message(role="user", content="Say yes."),)
    tokens = tokenize(Example(id="e", row=1, phrasing=1, messages=prompt, completion="yes indeed"))
    learned = "".join(tokens.pieces[tokens.prompt :])
    assert learned.startswith("yes indeed")
    assert "Say yes." in "".join(tokens.pieces[: tokens.prompt])
    assert 0 < tokens.learned < len(tokens.pieces)


@pytest.mark.parametrize(
    ("variables", "host", "port"),
    [
        ({}, "127.0.0.1", 7860),
        ({"PORT": "9000"}, "127.0.0.1", 9000),
        ({"GRADIO_SERVER_NAME": "10.0.0.1", "GRADIO_SERVER_PORT": "9001"}, "10.0.0.1", 9001),
        ({"SPACE_ID": "me/studio", "SPACE_HOST": "me-studio.hf.space"}, "0.0.0.0", 7860),
    ],
)
def test_the_page_listens_to_this_machine_only_unless_told_or_on_a_space(
    variables: dict[str, str], host: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PORT", "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "SPACE_ID", "SPACE_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = find_address(None, None)
    assert (found.host, found.port) == (host, port)
    assert ("SPACE_HOST" in variables) == bool(found.names)
    assert find_address("::1", 1234).host == "::1"


def test_a_taken_port_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "app.py", "--port", port, "--home", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert f"Port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_is_described_from_its_events(studio: Studio) -> None:
    run = create_run(studio.settings.runs, Recipe(dataset="d"), about="x")
    assert look(run).sentence.startswith("The worker is starting.")
    events = run.folder / "events.jsonl"
    append_event(events, "started", pid=1)
    append_event(events, "phase", name="training")
    for step in (1, 2):
        append_event(events, "step", step=step, total=4, loss=1.0)
    append_event(events, "failed", message="The memory is full.")
    standing = look(run)
    assert (standing.status, standing.share) == ("failed", 0.5)
    assert standing.sentence == "The memory is full."
    assert not standing.under_way


def test_a_flagged_answer_becomes_a_case_that_every_measurement_asks(studio: Studio) -> None:
    asked = Conversation.begin(system="Be brief.").say("What is the capital of France?")
    held = [None, None, "", ["base"], "starter", "", "own", "Markdown", 0, 1, 0, 8, 0]
    held[0] = studio.chats.save(asked).id
    with pytest.raises(gr.Error, match="has not answered yet"):
        keeping.keep_case(studio, Writing(), "", None, *held)
    said = Said(lane="base", text="Paris", tokens=1, stopped=True, first_token=0,
                tokens_per_second=0)  # fmt: skip
    studio.chats.save(asked.answered(Update(id=1, rows=(said,), done=True)))
    keeping.keep_case(studio, Writing(), "", None, *held)
    (probe,) = [one for one in studio.probes() if one.title == "Flagged in chat"]
    assert [(case.messages[0].content, case.answer) for case in probe.cases] == [
        ("Be brief.", "Paris")
    ]
    assert probe.name in studio.retention_probes("starter")
