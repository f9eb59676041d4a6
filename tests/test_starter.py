"""The starter model is small, says what it was taught, and was never taught what it is asked."""

import json
import random
import re
from collections import Counter
from functools import cache
from itertools import islice
from typing import Any

import pytest

from studio.data.example import Message
from studio.measure import probe as measuring
from studio.models.starter import measure, probes, sentiment_rows, vocabulary
from studio.models.starter.batches import Batches
from studio.models.starter.corpus.conversation import Conversation
from studio.models.starter.corpus.mixture import FAMILIES, conversations
from studio.models.starter.training import HERE

FAMILY_NAMES = [family.name for family in probes.probed()]
READ = 20_000
# What the excluded tasks would look like; the corpus must hold none of it.
EXCLUDED = re.compile(
    r"sentiment|classify|classification|summar|keyword|extract|json|spam|which language is"
    r"|what language is|politely|intent of|is this about|name the topic|according to the text"
    r"|this review|that positive",
    re.IGNORECASE,
)


@cache
def loaded() -> tuple[Any, Any]:
    import torch

    torch.set_num_threads(1)
    return measure.load(HERE)


@cache
def corpus() -> tuple[Conversation, ...]:
    return tuple(islice(conversations(3), READ))


def test_the_weights_fit_into_a_repository() -> None:
    assert 4e6 < (HERE / "model.safetensors").stat().st_size <= 12e6


def test_the_chat_template_marks_what_the_assistant_says_and_nothing_else() -> None:
    _, tokenizer = loaded()
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "Paris"},
        {"role": "user", "content": "12+30"},
        {"role": "assistant", "content": "42"},
    ]
    encoded = tokenizer.apply_chat_template(
        messages, return_dict=True, return_assistant_tokens_mask=True
    )
    marked = [
        token
        for token, mark in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
        if mark
    ]
    assert tokenizer.decode(marked) == "Paris<|im_end|>42<|im_end|>"


def test_the_chat_template_writes_what_the_training_read() -> None:
    _, tokenizer = loaded()
    for conversation in corpus()[:200]:
        written = tokenizer.apply_chat_template(conversation.messages(), tokenize=False)
        assert written == vocabulary.render(conversation)


def test_training_counts_the_assistants_words_fully_and_nothing_else() -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(HERE / "tokenizer.json"))
    batches = Batches(tokenizer, seed=1)
    for conversation in corpus()[:200]:
        tokens = tokenizer.encode(vocabulary.render(conversation)).ids
        weights = batches.weigh(tokens)
        counted = [token for token, weight in zip(tokens, weights, strict=True) if weight == 1]
        said = "".join(one.assistant + vocabulary.END for one in conversation.exchanges)
        assert tokenizer.decode(counted, skip_special_tokens=False) == said


def test_a_prompt_is_the_beginning_of_the_whole_conversation() -> None:
    _, tokenizer = loaded()
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
    whole = tokenizer.apply_chat_template(messages)["input_ids"]
    prompt = tokenizer.apply_chat_template(messages[:1], add_generation_prompt=True)["input_ids"]
    assert whole[: len(prompt)] == prompt


def test_every_digit_is_a_token_of_its_own() -> None:
    _, tokenizer = loaded()
    assert tokenizer.tokenize("2026") == ["2", "0", "2", "6"]
    digits = [token for token in tokenizer.get_vocab() if re.search(r"\d", token)]
    assert sorted(digits) == list("0123456789")


@pytest.mark.parametrize("label", ["positive", "negative", "yes", "no", "sport", "good", "bad"])
def test_a_label_is_one_token_with_and_without_a_space(label: str) -> None:
    _, tokenizer = loaded()
    assert len(tokenizer.tokenize(label)) == len(tokenizer.tokenize(" " + label)) == 1


def test_any_text_survives_the_tokenizer() -> None:
    _, tokenizer = loaded()
    text = "Ünïcode, 漢字 🙂\n\ttabs  and 100 spaces"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_corpus_is_the_same_every_time() -> None:
    assert list(islice(conversations(3), 500)) == list(corpus()[:500])
    assert list(islice(conversations(4), 500)) != list(corpus()[:500])


def test_every_skill_occurs_in_the_corpus() -> None:
    for family in FAMILIES:
        drawn = family.source(random.Random(1), False)
        assert drawn.exchanges, family.name
    assert len(FAMILIES) >= 14


def test_the_corpus_holds_none_of_the_tasks_left_for_tuning() -> None:
    for conversation in corpus():
        for message in conversation.messages():
            assert not EXCLUDED.search(message["content"]), message


def test_the_corpus_never_gives_a_polarity_for_an_opinion() -> None:
    reviews = {row["text"] for row in sentiment_rows.rows()}
    for conversation in corpus():
        for exchange in conversation.exchanges:
            asked = any(text in exchange.user for text in reviews)
            assert not (asked and exchange.assistant in ("positive", "negative"))


def test_no_probe_question_occurs_in_the_corpus() -> None:
    asked = {
        tuple(message["content"] for message in conversation.messages()[:-1])
        for family in probes.probed()
        for conversation in probes.cases(family)
    }
    for conversation in corpus():
        contents = [message["content"] for message in conversation.messages()]
        for place, message in enumerate(conversation.messages()):
            if message["role"] == "user":
                # Alone, and with everything said before it.
                assert (contents[place],) not in asked
                assert tuple(contents[: place + 1]) not in asked


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_probe_file_is_what_the_generator_writes(name: str) -> None:
    family = next(one for one in probes.probed() if one.name == name)
    shipped = measuring.load(probes.FOLDER / f"starter-{name}.yaml")
    assert shipped.kind == "retention"
    assert len({case.messages for case in shipped.cases}) == len(shipped.cases) >= 40
    for case, conversation in zip(shipped.cases, probes.cases(family), strict=True):
        *context, answer = conversation.messages()
        assert case.messages == tuple(Message(**message) for message in context)
        assert case.answer == answer["content"]


@pytest.mark.parametrize(
    "name", [family.name for family in probes.probed() if family.promise > 0.5]
)
def test_the_model_does_what_its_card_promises(name: str) -> None:
    # Eight cases leave room for one mistake more than promised; a broken model makes eight.
    family = next(one for one in probes.probed() if one.name == name)
    model, tokenizer = loaded()
    assert measure.score(model, tokenizer, family, limit=8) >= family.promise - 0.3


def test_the_starter_cannot_do_the_demo_task_yet() -> None:
    model, tokenizer = loaded()
    rows = [row for row in sentiment_rows.rows() if row["split"] == "heldout"][:40]
    prompts = [
        [{"role": "user", "content": f"Is this review positive or negative?\n{row['text']}"}]
        for row in rows
    ]
    given = measure.answers(model, tokenizer, prompts, most=12)
    right = sum(answer == row["label"] for answer, row in zip(given, rows, strict=True))
    assert right <= 0.6 * len(rows)


def test_the_sentiment_rows_are_the_generators_own_balanced_and_unique() -> None:
    rows = [json.loads(line) for line in sentiment_rows.ROWS.read_text().splitlines()]
    assert rows == sentiment_rows.rows()
    assert len({row["text"] for row in rows}) == len(rows)
    counts = Counter((row["split"], row["label"]) for row in rows)
    assert counts["train", "positive"] == counts["train", "negative"] >= 200
    assert counts["heldout", "positive"] == counts["heldout", "negative"] >= 60


def test_held_out_reviews_use_words_that_the_starter_knows_but_no_training_review_uses() -> None:
    words = {"train": set(), "heldout": set()}  # type: dict[str, set[str]]
    for row in sentiment_rows.rows():
        words[row["split"]] |= set(re.findall(r"\w+", row["text"].lower()))
    assert not words["train"] & sentiment_rows.UNSEEN_WORDS
    assert len(words["heldout"] & sentiment_rows.UNSEEN_WORDS) > 30
    read = {
        word
        for conversation in corpus()
        for message in conversation.messages()
        for word in re.findall(r"\w+", message["content"].lower())
    }
    assert words["heldout"] <= read, words["heldout"] - read
