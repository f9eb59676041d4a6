"""Lanes that a server elsewhere answers: what they say, what goes wrong, and whose key it is."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner
from made_server import WORDS, Server, serving

from studio import Studio
from studio.chat.client import ChatClient
from studio.chat.endpoints import Endpoint, read_endpoints
from studio.chat.line import Limits
from studio.chat.protocol import Ask, Row, Said, Sampling, Update
from studio.chat.together import answer_together
from studio.cli import commands
from studio.data.example import Message
from studio.errors import EndpointError
from studio.models.catalogue import STARTER

KEY = "sk-very-secret-42"


def asked(text: str = "Hi") -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


def name_endpoints(studio: Studio, **endpoints: dict[str, object]) -> None:
    file = studio.settings.home / "endpoints.yaml"
    file.write_text(yaml.safe_dump(endpoints, sort_keys=False))


def ask(studio: Studio, server: Server, model: str, **fields: object) -> Said:
    """The last state of one question to the server's model of that name."""
    name_endpoints(studio, far={"url": server.url, "model": model} | fields)
    *_, last = studio.ask([("endpoint:far", asked())], sampling=Sampling(max_new_tokens=16))
    assert last.done
    return last.rows[0]


def test_an_endpoint_streams_its_answer(studio: Studio, server: Server) -> None:
    said = ask(studio, server, "good")
    assert said.text == "".join(WORDS)
    assert said.stopped
    assert said.note == ""
    assert said.tokens == len(WORDS)
    assert said.first_token > 0
    assert server.keys == [None]
    assert server.bodies[0]["messages"] == [{"role": "user", "content": "Hi"}]


def test_the_sampling_goes_along_and_a_cut_answer_has_not_stopped(
    studio: Studio, server: Server
) -> None:
    name_endpoints(studio, far={"url": server.url, "model": "good"})
    sampling = Sampling(temperature=0.7, top_p=0.9, top_k=5, max_new_tokens=2, seed=9)
    *_, last = studio.ask([("endpoint:far", asked())], sampling=sampling)
    assert last.rows[0].text == "".join(WORDS[:2])
    assert not last.rows[0].stopped
    expected = {"temperature": 0.7, "top_p": 0.9, "top_k": 5, "max_tokens": 2, "seed": 9}
    assert {name: server.bodies[0][name] for name in expected} == expected


def test_an_answer_that_begins_already_is_sent_as_one(studio: Studio, server: Server) -> None:
    name_endpoints(studio, far={"url": server.url, "model": "good"})
    list(studio.ask([Row(lane="endpoint:far", messages=asked(), begun="Well, ")]))
    assert server.bodies[0]["messages"][-1] == {"role": "assistant", "content": "Well, "}
    assert server.bodies[0]["continue_final_message"] is True


def test_a_server_that_does_not_stream_is_read_as_well(studio: Studio, server: Server) -> None:
    said = ask(studio, server, "whole")
    assert (said.text, said.tokens, said.stopped) == ("".join(WORDS), 5, True)


@pytest.mark.parametrize(
    ("model", "text", "note"),
    [
        ("locked", "", "refuses the key (401)"),
        ("strict", "", "refuses the question (422). It says: unexpected field"),
        ("overloaded", "", "is busy (503); ask again later. It says: too many"),
        ("moved", "", "has moved (307)"),
        ("page", "", "no chat completion. It says: <html>Welcome to nginx</html>"),
        ("garbled", "Well", "no chat completion"),
        ("broken", "Well", "broke off in the middle"),
        ("failing", "Well", "failed in the middle of its answer. It says: CUDA out of memory"),
        ("pensive", "", "only thought; allow more new tokens"),
        ("flood", "", "sent a line of more than"),
        ("slow", "Well", "said nothing for 0.5 seconds"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told_in_the_lane_in_one_sentence(
    studio: Studio, server: Server, model: str, text: str, note: str
) -> None:
    said = ask(studio, server, model, timeout=0.5)
    assert note in said.note
    assert said.note.startswith("The endpoint far (http://127.0.0.1:")
    assert said.text == text
    assert not said.stopped


def test_a_server_that_is_down_is_told(studio: Studio) -> None:
    with socket.socket() as taken:  # bound and never listening: nobody else can take the port
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        name_endpoints(studio, far={"url": url, "model": "good"})
        *_, last = studio.ask([("endpoint:far", asked())])
    assert "cannot be reached; is its server running?" in last.rows[0].note


def test_one_endpoint_fails_and_the_other_answers(studio: Studio, server: Server) -> None:
    name_endpoints(
        studio,
        far={"url": server.url, "model": "locked"},
        near={"url": server.url, "model": "good"},
    )
    *_, last = studio.ask([("endpoint:far", asked()), ("endpoint:near", asked())])
    assert [row.lane for row in last.rows] == ["endpoint:far", "endpoint:near"]
    assert "refuses the key" in last.rows[0].note
    assert last.rows[1].text == "".join(WORDS)


def test_leaving_an_answer_closes_the_connection(studio: Studio, server: Server) -> None:
    name_endpoints(studio, far={"url": server.url, "model": "endless"})
    updates = studio.ask([("endpoint:far", asked())])
    assert next(update for update in updates if update.rows[0].tokens > 3)
    updates.close()
    assert server.left.wait(timeout=2)


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(
    studio: Studio,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("FAR_KEY", KEY)
    said = [ask(studio, server, model, key_env="FAR_KEY") for model in ("good", "strict", "locked")]
    assert server.keys == [f"Bearer {KEY}"] * 3
    assert "from …" in said[1].note  # the server repeated it
    assert "look at what FAR_KEY holds" in said[2].note
    printed = capfd.readouterr()
    written = [path.read_bytes() for path in studio.settings.home.rglob("*") if path.is_file()]
    seen = [caplog.text, printed.out, printed.err, *(one.note + one.text for one in said)]
    assert not any(KEY in text for text in seen)
    assert not any(KEY.encode() in data for data in written)


@pytest.mark.parametrize(("value", "why"), [(None, "is not set"), ("a b\n", "no key can have")])
def test_a_missing_or_impossible_key_is_told_before_anything_is_sent(
    studio: Studio, server: Server, monkeypatch: pytest.MonkeyPatch, value: str | None, why: str
) -> None:
    monkeypatch.delenv("FAR_KEY", raising=False)
    if value:
        monkeypatch.setenv("FAR_KEY", value)
    said = ask(studio, server, "good", key_env="FAR_KEY")
    assert "takes its key from FAR_KEY, which" in said.note
    assert why in said.note
    assert server.bodies == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"url": "ftp://host/v1"}, "must begin with http"),
        ({"url": "file:///etc/passwd"}, "must begin with http"),
        ({"url": "https://me:secret@host/v1"}, "must hold no key"),
        ({"url": "https://host/v1?key=secret"}, "must hold no key"),
        ({"url": "http://host:99999/v1"}, "ort"),
        ({"key": "secret"}, "key is not a known field"),
        ({"key_env": "not a name"}, "key_env"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_an_endpoint_that_makes_no_sense_is_refused(
    studio: Studio, fields: dict[str, object], why: str
) -> None:
    name_endpoints(studio, far={"url": "https://host/v1", "model": "m"} | fields)
    with pytest.raises(EndpointError, match=why) as refused:
        studio.endpoints()
    assert "secret" not in str(refused.value)


def test_an_unknown_endpoint_is_told_with_the_known_ones(studio: Studio) -> None:
    assert studio.endpoints() == []
    name_endpoints(studio, far={"url": "https://host/v1/", "model": "m"})
    assert studio.endpoint("far").url == "https://host/v1"
    with pytest.raises(EndpointError, match="no endpoint 'near'.*there are: far"):
        studio.ask([("endpoint:near", asked())])


def test_a_check_says_how_long_it_took_and_what_there_is(studio: Studio, server: Server) -> None:
    name_endpoints(studio, far={"url": server.url, "model": "good"})
    found = studio.check_endpoint("far")
    assert found.models == ("good", "slow")
    assert not found.encrypted
    assert server.bodies[0]["max_tokens"] == 1
    name_endpoints(studio, far={"url": server.url, "model": "locked"})
    with pytest.raises(EndpointError, match="refuses the key"):
        studio.check_endpoint("far")


@pytest.mark.parametrize("host", ["ü..b", "xn--a", "a\x7fb"])
def test_an_address_that_nobody_can_have_is_told(studio: Studio, host: str) -> None:
    name_endpoints(studio, far={"url": f"http://{host}/v1", "model": "m"})
    with pytest.raises(EndpointError, match=r"nobody can have; correct it in endpoints\.yaml"):
        studio.check_endpoint("far")


def test_the_file_keeps_its_order(studio: Studio) -> None:
    name_endpoints(
        studio,
        zoo={"url": "https://host/v1", "model": "m"},
        ant={"url": "https://host/v1", "model": "m", "title": "The ant"},
    )
    assert [one.label for one in read_endpoints(studio.settings.home)] == ["zoo", "The ant"]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[ChatClient]:
    """A client of a real process that answers without a model, one question at a time."""
    made = [sys.executable, str(Path(__file__).with_name("made_engine.py"))]
    opened = ChatClient(tmp_path / "chat.log", made, limits=Limits(seats=1, places=0))
    yield opened
    opened.close()


def beside(client: ChatClient, server: Server, orders: str) -> list[Update]:
    """All updates of a question to this machine's lane and to an endpoint."""
    far = Endpoint(name="far", url=server.url, model="good")
    rows = tuple(Row(lane=lane, messages=asked(orders)) for lane in (far.lane, "base"))
    request = Ask(id=0, base="starter", method="lora", lanes=(), rows=rows, sampling=Sampling())
    return list(answer_together(client, request, {far.lane: far}))


def test_this_machine_and_an_endpoint_answer_side_by_side(
    client: ChatClient, server: Server
) -> None:
    updates = beside(client, server, "say 30")
    far, here = updates[-1].rows
    assert (far.lane, far.text) == ("endpoint:far", "".join(WORDS))
    assert (here.lane, here.tokens, here.stopped) == ("base", 30, True)
    assert [update.done for update in updates] == [False] * (len(updates) - 1) + [True]
    quick = next(update for update in updates if update.rows and update.rows[0].stopped)
    assert quick.rows[1].tokens < 30  # the endpoint's answer did not wait for this machine's
    assert client.live == 0


def test_what_goes_wrong_here_leaves_the_endpoint_its_answer(
    client: ChatClient, server: Server
) -> None:
    far, here = beside(client, server, "refuse")[-1].rows
    assert far.text == "".join(WORDS)
    assert (here.text, here.note) == ("", "There is no such base.")
    holding = client.ask(
        [Row(lane="base", messages=asked("say 1000"))], base="starter", method="lora"
    )
    next(holding)
    far, here = beside(client, server, "say 1")[-1].rows
    assert far.text == "".join(WORDS)
    assert "the line is full" in here.note


def test_the_command_line_lists_and_checks(studio: Studio, server: Server) -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(commands, ["--home", str(studio.settings.home), *words])

    assert "No endpoint yet; name one in" in run("endpoints").output
    name_endpoints(studio, far={"url": server.url, "model": "good", "key_env": "", "title": "Far"})
    assert json.loads(run("endpoints", "--json").output)[0]["title"] == "Far"
    assert "endpoint:far" in run("endpoints").output
    said = run("endpoints", "check", "far").output
    assert "far answered in" in said
    assert "It names these models: good, slow." in said
    assert "Its address begins with http:" in said
    refused = run("endpoints", "check", "near")
    assert isinstance(refused.exception, EndpointError)


# ---- against `transformers serve`, which serves the starter


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable, "-m", "transformers.cli.transformers", "serve", str(STARTER),
            "--device", "cpu", "--dtype", "float32", "--host", "127.0.0.1", "--port", str(port),
        ],
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    try:
        wait_until_up(process, f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_until_up(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert process.poll() is None, "transformers serve ended"
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise AssertionError("transformers serve did not come up")


@pytest.mark.slow
def test_the_starter_served_elsewhere_says_what_it_says_here(studio: Studio, served: str) -> None:
    name_endpoints(studio, far={"url": served, "model": str(STARTER)})
    questions = ["What is the capital of France?", "Say hello.", "Tell me a story about a fox."]
    for question in questions:
        rows = [("base", asked(question)), ("endpoint:far", asked(question))]
        updates = list(studio.ask(rows, method="lora", sampling=Sampling(max_new_tokens=24)))
        here, far = updates[-1].rows
        assert far.note == here.note == ""
        assert far.text == here.text
        assert far.stopped == here.stopped
        assert far.tokens_per_second > 0
    assert isinstance(updates[-1], Update)
    assert studio.check_endpoint("far").seconds < 60


@pytest.mark.slow
def test_what_transformers_serve_refuses_is_told_in_its_words(studio: Studio, served: str) -> None:
    name_endpoints(studio, far={"url": served, "model": "another"})
    *_, last = studio.ask([("endpoint:far", asked()), ("base", asked("Hi"))], method="lora")
    assert "refuses the question (400). It says: Server is pinned to" in last.rows[0].note
    assert last.rows[1].text
    name_endpoints(studio, far={"url": served, "model": str(STARTER)})
    *_, last = studio.ask([("endpoint:far", asked())], sampling=Sampling(top_k=3))
    assert "Unexpected fields in the request: {'top_k'}" in last.rows[0].note


def test_an_endpoint_is_known_by_its_lane() -> None:
    assert Endpoint(name="far", url="http://host/v1", model="m").lane == "endpoint:far"
