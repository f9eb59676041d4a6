"""The chat in a real browser: several people, reloads, hostile text, and the keyboard alone."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made_server import Server, serving

from browser.typed import put
from studio import Recipe, Studio
from studio.chat.conversation import Conversation
from studio.chat.exchange import Answer

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = playwright.expect
FRANCE, ITALY = "What is the capital of France?", "What is the capital of Italy?"

HOSTILE = {
    "script": "<script>window.hit = 1</script>",
    "picture": "<img src=x onerror=window.hit=1>",
    "svg": "<svg><script>window.hit=1</script><animate onbegin=window.hit=1 attributeName=x></svg>",
    "frame": "<iframe src='javascript:parent.hit=1' srcdoc='<script>hit=1</script>'></iframe>",
    "link": "[click me](javascript:window.hit=1) <a href='javascript:window.hit=1'>here</a>",
    "elsewhere": "![x](http://evil.example/a.png) ![y][r]\n\n[r]: http://evil.example/b.png",
    "style": "<style>body{background:url(http://evil.example/c.png)}</style>",
    "sheet": "<link rel=stylesheet href=http://evil.example/d.css>",
    "form": "<form action=http://evil.example/><input autofocus onfocus=window.hit=1></form>",
    "media": "<video src=http://evil.example/e.mp4 autoplay onerror=window.hit=1></video>",
    "object": "<object data=http://evil.example/f></object><embed src=http://evil.example/g>",
    "math": "$$\\href{javascript:window.hit=1}{x}$$ \\(\\unicode{x}\\) <math><mi//xlink:href=x>",
    "drawing": "```mermaid\ngraph TD; A[<img src=x onerror=window.hit=1>]-->B\n```",
    "fence": '```html" onmouseover=window.hit=1 x="\n<b>shown as code</b>\n```',
    "torn": "```\n<img src=x onerror=window.hit=1>",
    "span": "`<img src=x onerror=window.hit=1>` and ``<b>`</b>``",
    "template": "{{ window.hit = 1 }} ${window.hit = 1} <%= 1 %>",
    "nested": "<div><p title='</p><img src=x onerror=window.hit=1>'>",
    "comment": "<!--><img src=x onerror=window.hit=1>-->",
    "list": "- one\n  ```\n  <img src=x onerror=window.hit=1>\n  ```\n> <b onclick=hit=1>q</b>",
    "control": "<|im_start|>assistant\n<think>hm</think><|im_end|>",
}
FOREIGN = (
    "img", "iframe", "script", "style", "link", "form", "object", "embed", "video", "math", "b",
    ".katex", ".mermaid", "think",
)  # fmt: skip
TOUCH = """() => document.querySelectorAll('#lane-0 .message *').forEach((one) =>
    ['mouseover', 'mouseenter', 'focus'].forEach((name) => one.tagName !== 'BUTTON'
        && !one.closest('button, a') && one.dispatchEvent(new Event(name, {bubbles: true}))))"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one run that was really tuned, for a few steps."""
    folder = tmp_path_factory.mktemp("home")
    with Studio(folder) as studio:
        dataset = studio.build("sentiment", limit=24)
        recipe = Recipe(dataset=dataset.id, name="Tuned", max_steps=4, kl_anchor=0)
        studio.wait(studio.train(recipe))
    return folder


@pytest.fixture(scope="module")
def address(serve: Callable[[Path], Any], home: Path) -> str:
    return str(serve(home).address)


@pytest.fixture
def visitor(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens the chat for somebody with a browser profile of their own."""
    opened = []

    def visit(address: str, width: int = 1280) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900})
        opened.append(context)
        return open_chat(context.new_page(), address)

    yield visit
    for context in opened:
        context.close()


def open_chat(page: Any, address: str) -> Any:
    page.goto(address)
    expect(page.locator("#run-demo")).to_be_visible()
    page.get_by_role("tab", name="Chat", exact=True).first.click()
    expect(page.locator("#lane-1")).to_be_visible()
    return page


def message(page: Any) -> Any:
    return page.locator("#prompt textarea")


def say(page: Any, text: str) -> None:
    """Ask, and wait until both lanes have answered to the end."""
    message(page).fill(text)
    message(page).press("Enter")
    settled(page, text)


def settled(page: Any, text: str) -> None:
    """Wait until the last turn asks this, and the list of conversations has heard of its end."""
    expect(page.locator("#turn input")).to_have_value(re.compile(re.escape(text)))
    for number in (0, 1):
        expect(page.locator(f"#note-{number}")).to_contain_text("first after")
    expect(page.locator("#chats label.selected")).to_be_visible()
    expect(page.locator("#chats label.selected")).not_to_contain_text("broken off")


def answers(page: Any, lane: int) -> list[str]:
    return list(page.locator(f"#lane-{lane} .bot.message").all_inner_texts())


def read(page: Any, lane: int, *expected: str) -> None:
    """Wait until the lane shows these answers and no others."""
    shown = page.locator(f"#lane-{lane} .bot.message")
    expect(shown).to_have_text(list(expected))


def test_two_people_at_once_read_only_their_own_answers(
    visitor: Callable[..., Any], address: str
) -> None:
    one, other = visitor(address), visitor(address)
    for page, text in ((one, FRANCE), (other, ITALY)):
        message(page).fill(text)
    for page in (one, other):
        message(page).press("Enter")
    for page, text in ((one, FRANCE), (other, ITALY)):
        settled(page, text)
    for lane in (0, 1):
        for page, text, capital in ((one, FRANCE, "Paris"), (other, ITALY, "Rome")):
            said = page.locator(f"#lane-{lane}").inner_text()
            assert text in said
            assert (ITALY if text == FRANCE else FRANCE) not in said
            if lane == 0:
                assert capital in said
    expect(one.locator("#note-0")).to_contain_text("base, verified")
    expect(one.locator("#chat-status")).to_contain_text("temperature 0")


def test_a_reload_and_a_restart_bring_the_conversation_back(
    visitor: Callable[..., Any], serve: Callable[[Path], Any], home: Path
) -> None:
    server = serve(home)
    page = visitor(server.address)
    page.locator("#add-lane").click()
    expect(page.locator("#lane-2")).to_be_visible()
    page.get_by_text("How answers are drawn").click()
    put(page.locator("#seed input"), "7")
    say(page, FRANCE)
    read(page, 0, "Paris")
    before = [answers(page, lane) for lane in range(3)]

    page.reload()
    page.get_by_role("tab", name="Chat", exact=True).first.click()
    expect(page.locator("#turn input")).to_have_value(re.compile("1 of 1"))
    for lane, said in enumerate(before):
        read(page, lane, *said)
    page.get_by_text("How answers are drawn").click()
    expect(page.locator("#seed input")).to_have_value("7")

    server.process.kill()
    server.process.wait()
    port = server.address.rstrip("/").rpartition(":")[2]
    again = serve(home, port=int(port))
    open_chat(page, again.address)
    expect(page.locator("#turn input")).to_have_value(re.compile("1 of 1"))
    for lane, said in enumerate(before):
        read(page, lane, *said)
    say(page, ITALY)
    read(page, 0, "Paris", "Rome")


@pytest.mark.parametrize("form", ["Markdown", "Plain text"])
def test_hostile_answers_are_shown_and_never_run(
    visitor: Callable[..., Any], address: str, home: Path, form: str
) -> None:
    title = keep_hostile(home, form)
    page = visitor(address)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_text("What lanes remember, how answers are shown").click()
    page.locator("#form").get_by_text(form).click()
    page.locator("#find-chat textarea, #find-chat input").fill(title)
    page.locator("#chats label").filter(has_text=title).first.click()
    last = page.locator("#lane-0 .bot.message").nth(len(HOSTILE) - 1)
    expect(last).to_contain_text("<think>hm</think>")
    page.evaluate(TOUCH)
    for link in page.locator("#lane-0 .message a").all():
        assert not (link.get_attribute("href") or "").startswith("javascript:")
    page.wait_for_timeout(1000)
    for tag in FOREIGN:
        assert page.locator(f"#lane-0 .message-content {tag}").count() == 0, tag
    assert page.evaluate("window.hit") is None
    own = re.compile(rf"^({re.escape(address)}|data:|blob:)")
    assert [url for url in asked if not own.match(url)] == []
    said = page.locator("#lane-0").inner_text()
    for visible in ("<script>window.hit = 1</script>", "<|im_start|>assistant", "<!-->", "<b>"):
        assert visible in said


def keep_hostile(home: Path, form: str) -> str:
    """A conversation whose questions and answers are the corpus; returns its title."""
    title = f"Corpus for {form}"
    with Studio(home) as studio:
        run = next(run.id for run in studio.runs() if run.makes_adapter)
        talk = Conversation.begin(lanes=("base", run))
        for text in HOSTILE.values():
            talk = talk.say(text)
            last = talk.exchanges[-1]
            said = {lane: Answer(text=text, done=True, stopped=True) for lane in talk.lanes}
            everything = (*talk.everything[:-1], last.model_copy(update={"answers": said}))
            talk = talk.model_copy(update={"everything": everything})
        studio.chats.save(talk.rename(title))
    return title


def test_markdown_is_set_and_can_be_seen_plain(
    visitor: Callable[..., Any], address: str, home: Path
) -> None:
    text = "Some **bold** words and `a < b`:\n\n```python\nif a < b and c:\n    print('x & y')\n```"
    with Studio(home) as studio:
        talk = Conversation.begin().say(text)
        last = talk.exchanges[-1]
        said = {"base": Answer(text=text, done=True, stopped=True)}
        talk = talk.model_copy(update={"everything": (last.model_copy(update={"answers": said}),)})
        studio.chats.save(talk.rename("Set as Markdown"))
    page = visitor(address)
    page.locator("#chats label").filter(has_text="Set as Markdown").first.click()
    bubble = page.locator("#lane-0 .bot.message").first
    expect(bubble.locator("strong")).to_have_text("bold")
    expect(bubble.locator("pre code")).to_contain_text("if a < b and c:\n    print('x & y')")
    page.get_by_text("What lanes remember, how answers are shown").click()
    page.locator("#form").get_by_text("Plain text").click()
    expect(bubble).to_contain_text("Some **bold** words and `a < b`")
    assert bubble.locator("strong").count() == 0


def test_the_keyboard_is_enough(visitor: Callable[..., Any], address: str) -> None:
    page = visitor(address)
    message(page).focus()
    page.keyboard.type(FRANCE)
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("Answer in one word.")
    expect(message(page)).to_have_value(f"{FRANCE}\nAnswer in one word.")
    page.keyboard.press("Enter")
    settled(page, FRANCE)
    expect(message(page)).to_have_value("")

    page.keyboard.press("ArrowUp")
    expect(message(page)).to_have_value(f"{FRANCE}\nAnswer in one word.")
    page.keyboard.press("Escape")
    expect(message(page)).to_have_value("")
    page.keyboard.press("ArrowUp")
    expect(message(page)).to_have_value(f"{FRANCE}\nAnswer in one word.")
    message(page).fill(ITALY)
    page.keyboard.press("Enter")
    settled(page, ITALY)
    read(page, 0, "Rome")
    expect(page.locator("#version input")).to_have_value(re.compile("2 of 2"))


@pytest.fixture
def endless(home: Path) -> Iterator[Server]:
    """A lane elsewhere that never ends its answer; it notices when somebody leaves."""
    file = home / "endpoints.yaml"
    with serving() as server:
        file.write_text(f"endless:\n  url: {server.url}\n  model: endless\n", encoding="utf-8")
        yield server
    file.unlink()


def ask_without_end(page: Any, text: str) -> None:
    """Have the base and the endless lane beside each other, and ask both."""
    page.locator("#lane-run-1 input").click()
    page.get_by_role("option", name="endless (elsewhere)").click()
    expect(page.locator("#lanes-note")).to_contain_text("is elsewhere")
    message(page).fill(text)
    message(page).press("Enter")
    expect(page.locator("#lane-1 .bot.message")).to_contain_text("more more")


def test_escape_stops_an_answer_and_keeps_it(
    visitor: Callable[..., Any], address: str, endless: Server
) -> None:
    page = visitor(address)
    ask_without_end(page, FRANCE)
    message(page).press("Escape")
    expect(page.locator("#note-1")).to_contain_text("stopped before its end")
    assert endless.left.wait(30)
    said = answers(page, 1)[0]
    assert said.startswith("more more")
    page.wait_for_timeout(1000)
    assert answers(page, 1)[0] == said


def test_what_is_said_survives_a_tab_that_is_closed(
    visitor: Callable[..., Any], address: str, endless: Server
) -> None:
    page = visitor(address)
    ask_without_end(page, "Tell me of a closed tab.")
    page.close()
    assert endless.left.wait(60), "nobody reads any more, and yet it is being written"
    again = visitor(address)
    again.locator("#chats label").filter(has_text="Tell me of a closed tab.").first.click()
    expect(again.locator("#note-1")).to_contain_text("stopped before its end")
    assert answers(again, 1)[0].startswith("more more")


def test_an_answer_that_was_cut_off_goes_on_as_if_it_had_not_been(
    visitor: Callable[..., Any], address: str
) -> None:
    page = visitor(address)
    page.get_by_text("How answers are drawn").click()
    limit_to(page, 8)
    say(page, "Tell me a story about a fox.")
    expect(page.locator("#note-0")).to_contain_text("8 tokens")
    expect(page.locator("#note-0")).to_contain_text("cut off at its limit")
    limit_to(page, 200)
    page.locator("#continue-0").click()
    expect(page.locator("#note-0")).not_to_contain_text("cut off")
    page.locator("#retry-all").click()
    expect(page.locator("#version input")).to_have_value(re.compile("2 of 2"))
    settled(page, "fox")
    whole = answers(page, 0)[0]
    assert len(whole) > 60
    page.locator("#version input").click()
    page.get_by_role("option", name=re.compile("1 of 2")).click()
    expect(page.locator("#version input")).to_have_value(re.compile("1 of 2"))
    read(page, 0, whole)


def limit_to(page: Any, tokens: int) -> None:
    put(page.locator("#max-new-tokens input"), str(tokens))


def test_nothing_that_was_said_is_lost(visitor: Callable[..., Any], address: str) -> None:
    page = visitor(address)
    say(page, FRANCE)
    say(page, ITALY)
    page.locator("#retry-1").click()
    expect(page.locator("#version input")).to_have_value(re.compile("2 of 2"))
    settled(page, ITALY)
    page.locator("#undo").click()
    expect(page.locator("#turn input")).to_have_value(re.compile("1 of 1"))
    expect(message(page)).to_have_value(ITALY)
    page.locator("#redo").click()
    expect(page.locator("#turn input")).to_have_value(re.compile("2 of 2"))
    read(page, 0, "Paris", "Rome")
    page.locator("#branch").click()
    expect(page.locator("#chats label.selected")).to_contain_text("(branch)")
    page.locator("#delete-chat").click()
    expect(page.locator("#lane-0")).to_contain_text("Ask something below")
    page.locator("#restore-chat").click()
    expect(page.locator("#chats label.selected")).to_contain_text("(branch)")
    page.locator("#chat-title input, #chat-title textarea").fill("Two capitals")
    page.locator("#chat-title input, #chat-title textarea").press("Enter")
    expect(page.locator("#chats label.selected")).to_contain_text("Two capitals")
    with page.expect_download() as download:
        page.locator("#chat-md").click()
    told = Path(download.value.path()).read_text(encoding="utf-8")
    assert "# Two capitals" in told
    assert "> Rome" in told


def test_a_strength_that_moves_asks_its_lane_alone(
    visitor: Callable[..., Any], address: str
) -> None:
    page = visitor(address)
    say(page, FRANCE)
    page.locator("#strength-1 input[type=range]").focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#lane-1")).to_contain_text("strength 0")
    expect(page.locator("#note-1")).to_contain_text("first after")
    read(page, 1, "Paris")
    expect(page.locator("#version input")).to_have_value(re.compile("1 of 1"))


def test_an_answer_is_made_better_and_kept(visitor: Callable[..., Any], address: str) -> None:
    page = visitor(address)
    say(page, "What is the capital of Spain?")
    page.locator("#example-0").click()
    box = page.locator("#example-answer textarea")
    expect(box).to_have_value("Madrid")
    box.fill("Madrid, in the middle of Spain.")
    page.locator("#keep-example").click()
    expect(page.get_by_test_id("toast-body").last).to_contain_text("holds 1 example")
