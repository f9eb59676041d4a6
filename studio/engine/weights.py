"""A base's weights and tokenizer, from its folder into memory."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from bitsandbytes.nn import Linear4bit
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, PreTrainedModel
from transformers.utils import logging

from studio.chat.precision import unpacked_bytes
from studio.data.chat_form import ChatForm
from studio.data.readers import Row
from studio.engine.place import local_rank
from studio.errors import ModelError
from studio.models.catalogue import Base

logging.disable_progress_bar()

SMALL = 256 << 20  # bytes of a base that is held unpacked while it is tuned


def pick_device() -> torch.device:
    """This process's GPU if there is one, else the CPU."""
    return torch.device("cuda", local_rank()) if torch.cuda.is_available() else torch.device("cpu")


def tell_place(device: torch.device) -> str:
    """What a device is, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU ({threads} thread{'s' * (threads > 1)})"


def pick_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the GPU has it, else float32: bf16 on most CPUs is 30 times slower."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    return torch.float32


def trains_unpacked(base: Base) -> bool:
    """Whether training holds the base's 4-bit weights written out: a small one, on a CPU.

    The numbers are the same to the last bit, and unpacking them at every step costs a tenth of the
    starter's time. How large it may be is fixed, so that no run depends on free memory.
    """
    return pick_device().type == "cpu" and unpacked_bytes(base.folder) <= SMALL


def load_model(base: Base, method: Literal["qlora", "lora"]) -> PreTrainedModel:
    """The base's weights: in NF4 with double quantisation for QLoRA, else in full precision."""
    device = pick_device()
    dtype = pick_dtype(device)
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    model = AutoModelForCausalLM.from_pretrained(
        base.folder,
        dtype=dtype,
        device_map={"": device},
        quantization_config=quantization if method == "qlora" else None,
        trust_remote_code=False,
        use_safetensors=True,
        local_files_only=True,
    )
    model.config.use_cache = True
    for module in model.modules():
        if isinstance(module, Linear4bit):
            # On CPUs with AVX512-BF16 bitsandbytes 0.50 repacks the weights at the first look
            # outside training and multiplies in bfloat16: another base than the one trained on.
            module.support_avx512bf16_for_cpu = False
    return model


def load_tokenizer(base: Base) -> Any:
    """The base's tokenizer, padding on the left for generation; it must have a chat template."""
    tokenizer = AutoTokenizer.from_pretrained(
        base.folder, trust_remote_code=False, local_files_only=True, padding_side="left"
    )
    if not tokenizer.chat_template:
        raise ModelError(
            f"{base.name} has no chat template, so it cannot hold a conversation; choose its "
            "instruct or chat version."
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def chat_form(tokenizer: Any, name: str) -> ChatForm:
    """How the base called `name` writes conversations, its template rendered by the library.

    Raises ModelError for a tokenizer whose pipeline is not that of `tokenizers`.
    """
    if not tokenizer.is_fast:
        raise ModelError(
            f"{name} has no tokenizer.json; choose a newer version of it, or another base."
        )

    def render(rows: Sequence[Row]) -> list[str]:
        write = tokenizer.apply_chat_template
        return [
            write(
                row["messages"],
                tokenize=False,
                add_generation_prompt=row["add_generation_prompt"],
            )
            for row in rows
        ]

    special = dict(tokenizer.special_tokens_map)
    return ChatForm(tokenizer.backend_tokenizer, tokenizer.chat_template, special, render)
