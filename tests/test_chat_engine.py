"""The real engine on the starter under load: whose answer it is, crashes, and its memory."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from made_adapters import make_adapter

from studio.chat.client import ENGINE, ChatClient
from studio.chat.protocol import Ask, Explain, Lane, Row, Sampling, Update
from studio.data.example import Message
from studio.engine.chat import Chat
from studio.errors import Busy, ModelError
from studio.models.catalogue import STARTER

pytestmark = pytest.mark.slow

TOKENS = 64
QUESTIONS = [
    f"{ask} {thing}."
    for thing in ("a fox", "the sea", "a red ball", "my friend", "a small house")
    for ask in ("Tell me a story about", "What is", "Write about", "Say something about", "Why")
]


def rows(question: str) -> list[Row]:
    return [Row(lane="base", messages=(Message(role="user", content=question),))]


def answers(client: ChatClient, question: str, *, owner: str = "") -> Generator[Update]:
    return client.ask(
        rows(question),
        base="starter",
        method="lora",
        sampling=Sampling(max_new_tokens=TOKENS),
        owner=owner,
    )


def answer(client: ChatClient, question: str) -> str:
    *_, last = answers(client, question)
    return last.rows[0].text


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[ChatClient]:
    opened = ChatClient(home / "chat.log", [*ENGINE, str(home)])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def alone(client: ChatClient) -> dict[str, str]:
    """What the starter says to each question when nobody else asks."""
    said = {question: answer(client, question) for question in QUESTIONS}
    assert len(set(said.values())) > len(QUESTIONS) / 2
    return said


def test_25_people_at_once_get_their_own_answers(client: ChatClient, alone: dict[str, str]) -> None:

    def person(number: int) -> bool:
        question = QUESTIONS[number]
        updates = answers(client, question, owner=f"person-{number}")
        seen = 0
        for update in updates:
            seen += bool(update.rows)
            if number % 10 == 3 and seen == 3:
                updates.close()  # closes the tab
                return False
            if number % 10 == 7:
                time.sleep(0.5)  # reads slowly
        assert update.rows[0].text == alone[question]
        return True

    with ThreadPoolExecutor(25) as people:
        answered = list(people.map(person, range(25)))
    assert client.live == 0
    assert sum(answered) >= 22
    assert_idle(client)


def assert_idle(client: ChatClient) -> None:
    """No answer goes on in the engine: it uses no processor time any more."""
    assert client.engine_pid
    process = psutil.Process(client.engine_pid)
    time.sleep(0.5)
    before = sum(process.cpu_times()[:2])
    time.sleep(1)
    assert sum(process.cpu_times()[:2]) - before < 0.2


def test_of_90_people_some_are_told_to_come_again_and_the_others_are_answered(
    client: ChatClient, alone: dict[str, str]
) -> None:
    assert client.engine_pid
    began = threading.Barrier(90)
    memory = psutil.Process(client.engine_pid).memory_info().rss

    def person(number: int) -> str:
        question = QUESTIONS[number % len(QUESTIONS)]
        updates = answers(client, question, owner=f"person-{number}")
        began.wait()
        try:
            *_, last = updates
        except Busy as busy:
            return str(busy)
        assert last.rows[0].text == alone[question]
        return "answered"

    with ThreadPoolExecutor(90) as people:
        ends = list(people.map(person, range(90)))
    limits = client.limits
    assert ends.count("answered") >= limits.seats + limits.places
    busy = [end for end in ends if "and the line is full; try again in about" in end]
    assert len(busy) == 90 - ends.count("answered") > 0
    assert client.live == 0
    assert psutil.Process(client.engine_pid).memory_info().rss - memory < 50 * 2**20


def test_an_engine_killed_under_load_costs_nobody_an_answer(
    client: ChatClient, alone: dict[str, str]
) -> None:
    killed = client.engine_pid
    assert killed
    once = threading.Lock()

    def person(question: str) -> str:
        for update in answers(client, question):
            if update.rows and once.acquire(blocking=False):
                os.kill(killed, signal.SIGKILL)
        return update.rows[0].text

    with ThreadPoolExecutor(12) as people:
        said = list(people.map(person, QUESTIONS[:12]))
    assert said == [alone[question] for question in QUESTIONS[:12]]
    assert client.engine_pid != killed


def test_others_come_and_fail_or_read_while_answers_go_on(
    client: ChatClient, alone: dict[str, str], tmp_path: Path
) -> None:
    messages = rows("Hi")[0].messages
    gone = Lane(id="gone", adapter=tmp_path / "gone")
    reading = Explain(
        id=0, base="starter", method="lora", lanes=(), messages=messages,
        answer="Once upon a time", before="base", after="base",
    )  # fmt: skip

    def fail() -> None:
        lost = [Row(lane="gone", messages=messages)]
        with pytest.raises(ModelError, match="gone"):
            list(client.ask(lost, base="starter", method="lora", lanes=[gone]))

    def read() -> None:
        tokens = client.explain(reading).tokens
        assert tokens
        assert all(token.kl == pytest.approx(0, abs=1e-4) for token in tokens)

    with ThreadPoolExecutor(6) as people:
        others = [people.submit(deed) for _ in range(5) for deed in (fail, read)]
        said = list(people.map(lambda question: answer(client, question), QUESTIONS))
        for other in others:
            other.result()
    assert said == [alone[question] for question in QUESTIONS]


def test_who_reads_meanwhile_takes_no_lane_from_an_answer(
    client: ChatClient, tmp_path: Path
) -> None:
    adapter = make_adapter(tmp_path / "red", seed=1)
    lanes = [Lane(id=f"red@{n / 10}", adapter=adapter, strength=n / 10) for n in range(1, 13)]
    messages = rows("Tell me a story about a fox.")[0].messages
    *asked, other = lanes  # more than the engine keeps for those who are not there
    answering = client.ask(
        [Row(lane=lane.id, messages=messages) for lane in asked],
        base="starter",
        method="lora",
        lanes=asked,
        sampling=Sampling(max_new_tokens=200),
    )
    while not next(answering).rows:
        pass
    reading = Explain(
        id=0, base="starter", method="lora", lanes=(other,), messages=messages,
        answer="Once upon a time", before="base", after=other.id,
    )  # fmt: skip
    assert client.explain(reading).tokens
    *_, last = answering
    assert [row.lane for row in last.rows] == [lane.id for lane in asked]
    assert all(row.tokens for row in last.rows)


def test_lanes_whose_proof_failed_are_not_used_and_the_base_is_loaded_anew(tmp_path: Path) -> None:
    chat = Chat(io.StringIO(), tmp_path)
    alone = Ask(
        id=1, base="starter", method="lora", lanes=(), rows=tuple(rows("Hi")), sampling=Sampling()
    )  # fmt: skip
    engine = chat._ready(alone)
    engine._reference = engine._reference + 0.01  # as if the adapter changed the base
    red = Lane(id="red", adapter=make_adapter(tmp_path / "red", seed=1))
    tuned = alone.model_copy(update={"lanes": (red,)})
    for _ in range(2):  # whoever is answered at the time keeps the engine, but not for new lanes
        with pytest.raises(ModelError, match="leaks"):
            chat._ready(tuned, beside=[alone])
    with pytest.raises(ModelError, match="leaks"):
        chat._ready(tuned)
    assert chat._ready(tuned) is not engine


def test_what_goes_wrong_in_a_chat_is_told_in_terms_of_a_chat(tmp_path: Path) -> None:
    told = io.StringIO()
    asked = Ask(
        id=1, base="starter", method="lora", lanes=(), rows=tuple(rows("Hi")), sampling=Sampling()
    )  # fmt: skip
    for error in (MemoryError(), RuntimeError("shapes differ\nat length"), ModelError("No base.")):
        Chat(told, tmp_path)._refuse(asked, error)
    full, fault, known = [json.loads(line)["message"] for line in told.getvalue().splitlines()]
    assert full.startswith("The memory is full. Ask fewer lanes")
    assert fault.startswith("RuntimeError: shapes differ. See chat.log")
    assert known == "No base."


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of 36 million random numbers, so that it shows in a process's memory."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("heavy")
    shape = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 8}
    LlamaForCausalLM(LlamaConfig(**shape, vocab_size=2560)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(STARTER / name, folder)
    return folder


def test_an_idle_engine_gives_its_memory_back_and_comes_again(tmp_path: Path, heavy: Path) -> None:
    client = ChatClient(tmp_path / "chat.log", [*ENGINE, str(tmp_path), "1"])

    def ask() -> list[Update]:
        sampling = Sampling(max_new_tokens=4)
        return list(client.ask(rows("Hi"), base=str(heavy), method="lora", sampling=sampling))

    def held() -> int:
        assert client.engine_pid
        return psutil.Process(client.engine_pid).memory_info().rss

    try:
        before = ask()[-1].rows[0].text
        loaded = held()
        assert client.rested == ""
        deadline = time.monotonic() + 60
        while not client.rested:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "Nobody asked for a long while" in client.rested
        weights = (heavy / "model.safetensors").stat().st_size
        assert loaded - held() > 0.8 * weights
        updates = ask()
        assert "the next question loads it" in updates[0].news
        assert updates[-1].rows[0].text == before
        assert client.rested == ""
    finally:
        client.close()


HOLDER = """
import sys, time
from pathlib import Path
from studio.tuning.queue import device
with device(Path(sys.argv[1]), "run", on_wait=print, on_next=print):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_run_that_holds_the_device_gets_the_memory_of_an_idle_engine(tmp_path: Path) -> None:
    from studio.engine.rest import IDLE, why_rest

    assert why_rest(tmp_path, on_gpu=True, idle=1) == ""
    run = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert run.stdout
        assert run.stdout.readline() == "held\n"
        assert "A run needs the device" in why_rest(tmp_path, on_gpu=True, idle=0)
        assert why_rest(tmp_path, on_gpu=False, idle=0) == ""  # there is room for both
    finally:
        run.kill()
        run.wait()
    assert why_rest(tmp_path, on_gpu=True, idle=0) == ""
    assert "Nobody asked" in why_rest(tmp_path, on_gpu=False, idle=IDLE)
