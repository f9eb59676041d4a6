"""25 visitors of the real page at once, over HTTP: slow ones, and some who close the tab."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from made_visitor import Visitor

from studio import Studio
from studio.chat.protocol import Sampling
from studio.data.example import Message

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PEOPLE = 25
TOKENS = 64
QUESTIONS = [
    f"{ask} {thing}."
    for thing in ("a fox", "the sea", "a red ball", "my friend", "a small house")
    for ask in ("Tell me a story about", "What is", "Write about", "Say something about", "Why")
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The served page's address and its home folder."""
    home = tmp_path_factory.mktemp("home")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    port = address.rpartition(":")[2]
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", port, "--home", str(home)], cwd=ROOT
    )
    try:
        for _ in range(600):
            try:
                httpx.get(address, timeout=5)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield address, home
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_25_visitors_at_once_each_see_their_own_answer(
    page: tuple[str, Path], tmp_path: Path
) -> None:
    address, home = page
    with Studio(tmp_path / "other") as studio:
        sampling = Sampling(max_new_tokens=TOKENS)
        alone = {}
        for question in QUESTIONS:
            row = ("base", [Message(role="user", content=question)])
            *_, last = studio.ask([row], sampling=sampling)
            alone[question] = last.rows[0].text

    def person(number: int) -> str:
        visitor = Visitor(address)
        seen = 0
        for _ in visitor.do(visitor.named("welcome")):
            pass
        say = visitor.find("submit", "prompt")
        for message in visitor.do(say, prompt=QUESTIONS[number], **{"max-new-tokens": TOKENS}):
            assert message.get("success", True), message
            seen += message["msg"] == "process_generating"
            if number % 10 == 3 and seen == 3:
                visitor.close()
                return "left"
            if number % 10 == 7:
                time.sleep(0.3)
        visitor.close()
        return "stayed"

    with ThreadPoolExecutor(PEOPLE) as people:
        ends = list(people.map(person, range(PEOPLE)))
    stayed = [QUESTIONS[number] for number, end in enumerate(ends) if end == "stayed"]
    assert len(stayed) >= PEOPLE * 0.85
    with Studio(home) as studio:
        talks = studio.chats.list()
        said = {}
        for summary in talks:
            last = studio.chats.open(summary.id).exchanges[-1]
            said[last.prompt] = last.answers["base"].text if "base" in last.answers else ""
    assert len(talks) == PEOPLE  # nobody wrote into another's conversation
    assert {question: said[question] for question in stayed} == {
        question: alone[question] for question in stayed
    }
    assert all(alone[question].startswith(text) for question, text in said.items())
