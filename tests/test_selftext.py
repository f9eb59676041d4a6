"""What the base writes itself has every kind of turn that its template knows, whole."""

from collections import Counter
from pathlib import Path

import pytest

from studio.engine.load import Engine
from studio.engine.selftext import WITH_SECOND, WITH_SYSTEM, has_system_turns, self_texts
from studio.models.catalogue import find_base

pytestmark = pytest.mark.slow

COUNT = 48


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(find_base("starter"), "qlora")


def test_some_conversations_begin_with_a_system_message_and_some_go_on(
    engine: Engine, tmp_path: Path
) -> None:
    texts = self_texts(engine, COUNT, seed=3, cache=tmp_path)
    assert len(set(texts)) == COUNT
    for text in texts:
        roles = [message.role for message in text]
        spoken = roles[1:] if roles[0] == "system" else roles
        assert spoken in (["user", "assistant"], ["user", "assistant"] * 2)
        assert all(message.content.strip() for message in text)
    ruled = sum(text[0].role == "system" for text in texts) / COUNT
    longer = sum(len(text) > 3 for text in texts) / COUNT
    assert WITH_SYSTEM / 3 < ruled < 2 * WITH_SYSTEM
    assert WITH_SECOND / 3 < longer < 2 * WITH_SECOND


def test_a_beginning_of_the_list_holds_every_kind(engine: Engine, tmp_path: Path) -> None:
    texts = self_texts(engine, COUNT, seed=3, cache=tmp_path)[: COUNT // 2]
    assert {text[0].role for text in texts} == {"system", "user"}
    assert any(len(text) > 3 for text in texts)


def test_rare_system_messages_are_used_as_often_as_common_ones(
    engine: Engine, tmp_path: Path
) -> None:
    texts = self_texts(engine, COUNT, seed=3, cache=tmp_path)
    used = Counter(text[0].content for text in texts if text[0].role == "system")
    assert len(used) > 5
    assert max(used.values()) <= 3  # drawn as they come, one in five would be the same


@pytest.mark.parametrize(
    "template",
    [
        # As Gemma's: a system message is an error.
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}"
        "{% endif %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
        # As Llama 2's: it stands inside the person's turn, which goes on after it.
        "{% for m in messages %}{% if m['role'] == 'system' %}<|im_start|>user\n{{ m['content'] }}"
        " -- {% else %}{{ m['content'] }}<|im_end|>\n{% endif %}{% endfor %}",
        # One that passes system messages over.
        "{% for m in messages %}{% if m['role'] != 'system' %}<|im_start|>{{ m['role'] }}\n"
        "{{ m['content'] }}<|im_end|>\n{% endif %}{% endfor %}",
    ],
)
def test_a_template_without_system_turns_gets_none(engine: Engine, template: str) -> None:
    own = engine.tokenizer.chat_template
    assert has_system_turns(engine)
    try:
        engine.tokenizer.chat_template = template
        assert not has_system_turns(engine)
    finally:
        engine.tokenizer.chat_template = own
