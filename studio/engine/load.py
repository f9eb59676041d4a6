"""One base in memory, and any number of tuned lanes on it.

Every lane is a LoRA adapter under a name of its own beside the same frozen weights; a strength
is the same adapter once more with its scaling multiplied. The base lane is proved: its logits
are taken before the first adapter arrives and compared with those of the wrapped model.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

import torch
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, PreTrainedModel
from transformers.utils import logging

from studio.errors import ModelError
from studio.measure.outcome import BASE
from studio.models.catalogue import Base
from studio.models.gate import check_adapter

logging.disable_progress_bar()

PROOF_TEXT = "The quick brown fox says 1 + 2 = 3."
# Rounding of one batched product against another; a leaking adapter differs by whole units.
PROOF_TOLERANCE = 1e-3


def pick_device() -> torch.device:
    """The first GPU if there is one, else the CPU."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def pick_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the GPU has it, else float32: bf16 on most CPUs is 30 times slower."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    return torch.float32


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


class Engine:
    """One base and its tuned lanes; not thread-safe, one caller at a time."""

    def __init__(self, base: Base, method: Literal["qlora", "lora"]) -> None:
        self.base = base
        self.method = method
        self.tokenizer = load_tokenizer(base)
        self.model: Any = load_model(base, method).eval()
        self._adapters: dict[str, str] = {}
        self._counter = 0
        self._reference = self._proof_logits()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def about(self) -> str:
        """What the base runs on, such as "4-bit NF4, float32, CPU (2 threads)"."""
        weights = "4-bit NF4" if self.method == "qlora" else "full precision"
        if self.device.type == "cuda":
            place = torch.cuda.get_device_name(self.device)
        else:
            place = f"CPU ({torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)})"
        return f"{weights}, {str(pick_dtype(self.device)).removeprefix('torch.')}, {place}"

    @property
    def lanes(self) -> list[str]:
        """The base and every tuned lane that is loaded."""
        return [BASE, *self._adapters]

    def add_lane(self, lane: str, adapter: Path, *, strength: float = 1.0) -> None:
        """Put a run's adapter on the base under this name; nothing happens if it is there."""
        if lane in self._adapters:
            return
        check_adapter(adapter, self.base.fingerprint)
        name = f"lane_{self._counter}"
        self._counter += 1
        if isinstance(self.model, PeftModel):
            self.model.load_adapter(str(adapter), name, torch_device=str(self.device))
        else:
            self.model = PeftModel.from_pretrained(
                self.model, str(adapter), adapter_name=name, torch_device=str(self.device)
            )
        self.model.eval()
        self._check_loaded(name, adapter)
        for layer in self.model.modules():
            if isinstance(layer, LoraLayer) and name in layer.scaling:
                layer.set_scale(name, strength)
        self._adapters[lane] = name

    def _check_loaded(self, name: str, adapter: Path) -> None:
        """PEFT loads an adapter with none of the right keys without a word; we do not."""
        state = load_file(adapter / "adapter_model.safetensors")
        wanted = {
            key.replace(f".{name}.", ".")
            for key in self.model.state_dict()
            if f".{name}." in key and "lora_" in key
        }
        if set(state) != wanted or not all(bool(t.isfinite().all()) for t in state.values()):
            self._take_off(name)
            raise ModelError(
                f"The adapter in {adapter} does not fit the base: its weights are not finite "
                "or not the expected ones. Tune again."
            )

    def remove_lane(self, lane: str) -> None:
        """Take a tuned lane off the base again."""
        if name := self._adapters.pop(lane, None):
            self._take_off(name)

    def _take_off(self, name: str) -> None:
        """PEFT cannot be left without any adapter: with the last one its wrapping goes too."""
        if self._adapters:
            self.model.set_adapter(next(iter(self._adapters.values())))
            self.model.delete_adapter(name)
        else:
            self.model = self.model.unload()

    def adapter_names(self, lanes: Sequence[str]) -> list[str] | None:
        """PEFT's name for the lane of every row of a batch; None if no row needs an adapter."""
        unknown = set(lanes) - set(self.lanes)
        if unknown:
            raise ModelError(f"Lane {sorted(unknown)[0]!r} is not loaded.")
        if all(lane == BASE for lane in lanes):
            return None
        return [self._adapters.get(lane, "__base__") for lane in lanes]

    @contextmanager
    def rows_of(self, lanes: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Keyword arguments for a forward pass or generate whose rows belong to these lanes.

        An error inside leaves no trace: PEFT's hooks, which it forgets in that case
        (peft issue 3475), are taken off.
        """
        names = self.adapter_names(lanes)
        wrapped = isinstance(self.model, PeftModel)
        off = self.model.disable_adapter() if wrapped and names is None else nullcontext()
        try:
            with off, torch.inference_mode():
                yield {"adapter_names": names} if names else {}
        except BaseException:
            self._forget_hooks()
            raise

    def _forget_hooks(self) -> None:
        for module in self.model.modules():
            for key, hook in list(module._forward_pre_hooks.items()):
                function = getattr(hook, "func", None)
                if getattr(function, "__name__", "") == "_adapter_names_pre_forward_hook":
                    module._forward_pre_hooks.pop(key, None)
                    module._forward_pre_hooks_with_kwargs.pop(key, None)

    def _proof_logits(self, lanes: Sequence[str] = (BASE,)) -> torch.Tensor:
        """Logits of the first row for a fixed text, float32, of shape (tokens, vocabulary)."""
        ids = self.tokenizer(PROOF_TEXT, return_tensors="pt").input_ids.to(self.device)
        with self.rows_of(lanes) as options:
            logits = self.model(input_ids=ids.repeat(len(lanes), 1), **options).logits
        return logits[0].float().cpu()

    def prove_base(self) -> float:
        """Largest difference between the base's logits at load and now, in the very batch of lanes.

        Raises ModelError if an adapter leaks into the base lane.
        """
        alone = (self._proof_logits() - self._reference).abs().max().item()
        together = (self._proof_logits(self.lanes) - self._reference).abs().max().item()
        difference = max(alone, together)
        if not difference <= PROOF_TOLERANCE:
            raise ModelError(
                f"The base lane differs from the base by {difference:.3g} in its logits; an "
                "adapter leaks into it. Reload the lanes, and please report this."
            )
        return difference
