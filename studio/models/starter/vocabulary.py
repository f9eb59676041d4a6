"""The starter model's tokenizer: pieces of words learned from its corpus, every digit alone."""

from itertools import islice
from pathlib import Path
from typing import Any

from studio.models.starter.corpus.conversation import Conversation
from studio.models.starter.corpus.mixture import conversations

START, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SIZE = 2560
CONTEXT = 1024
# The newlines are written inside expressions: one that follows a block tag would be dropped.
# What stands between the generation marks, <|im_end|> included, is what a tuned model learns.
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{{ '<|im_start|>assistant\\n' }}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{{ '\\n' }}"
    "{% else %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def render(conversation: Conversation) -> str:
    """Return the conversation as the text that the chat template makes of it."""
    return "".join(
        f"{START}{message['role']}\n{message['content']}{END}\n"
        for message in conversation.messages()
    )


def learn(seed: int, samples: int) -> Any:
    """Learn a byte-level BPE tokenizer (``tokenizers.Tokenizer``) from the seeded corpus."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (
        "\n".join(f"{one.user}\n{one.assistant}" for one in conversation.exchanges)
        for conversation in islice(conversations(seed), samples)
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save(tokenizer: Any, folder: Path) -> None:
    """Write the tokenizer with its chat template, as transformers reads it."""
    from transformers import PreTrainedTokenizerFast

    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=PAD,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[START],
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    wrapped.chat_template = TEMPLATE
    wrapped.save_pretrained(folder, save_jinja_files=False)
