"""One base in memory, and any number of tuned lanes on it.

An adapter is loaded once, under a name of its own beside the same frozen weights; a lane is an
adapter at a strength. The base lane is proved: its logits stay those taken before the first
adapter arrived, and do not change in the very batch of all lanes.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

import psutil
import torch
from peft import PeftModel
from safetensors.torch import load_file

from studio.engine import few
from studio.engine.lanes import Deltas, Lane, lora_layers, saved_names, why_apart
from studio.engine.prefix import Kept
from studio.engine.proof import PROOF_TEXT, proof_logits, prove_base
from studio.engine.quick import prove_quick
from studio.engine.rest import give_back
from studio.engine.soft import read_prompt
from studio.engine.stand_ins import KINDS, Parts, StandIn
from studio.engine.weights import (
    chat_form,
    load_model,
    load_tokenizer,
    pick_dtype,
    tell_place,
)
from studio.errors import ModelError
from studio.measure.outcome import BASE
from studio.models.catalogue import Base
from studio.models.gate import check_adapter


class Engine:
    """One base and its tuned lanes; not thread-safe, one caller at a time."""

    def __init__(
        self, base: Base, method: Literal["qlora", "lora"], *, unpacked: bool = False
    ) -> None:
        """Load the base; `unpacked` writes out what it holds in 4 bits: faster, and larger."""
        self.base = base
        self.method = method
        self.tokenizer = load_tokenizer(base)
        self.form = chat_form(self.tokenizer, base.name)
        self.model: Any = load_model(base, method).eval()
        self.unpacked = unpacked and method == "qlora"
        if self.unpacked:
            few.unpack(self.model)
        self.kept = Kept()
        self._adapters: dict[Path, str] = {}
        self._lanes: dict[str, Lane] = {}
        self._soft: dict[str, torch.Tensor] = {}
        self.parts = Parts(self.model)
        self._stand_ins: dict[str, StandIn] = {}
        self._counter = 0
        self.deltas = Deltas()
        self._quick: bool | None = None
        if self.device.type == "cpu":
            few.install(self.model)
        self._reference = proof_logits(self)
        give_back()  # loading leaves as much behind as it keeps

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def inner(self) -> Any:
        """The base's own model, without PEFT's wrapping."""
        return self.model.get_base_model() if isinstance(self.model, PeftModel) else self.model

    @property
    def quick(self) -> bool:
        """Whether decoding may take the quick step: it has given the library's own numbers."""
        if self._quick is None:
            ids = self.tokenizer(PROOF_TEXT, return_tensors="pt").input_ids.to(self.device)
            with self.rows_of((BASE, BASE)):
                self._quick = prove_quick(self.inner, self.deltas, ids)
        return self._quick

    @property
    def context(self) -> int:
        """How many tokens the base can read at once."""
        return int(getattr(self.model.config, "max_position_embeddings", None) or 1 << 30)

    @property
    def about(self) -> str:
        """What the base runs on, such as "4-bit NF4, float32, CPU (2 threads)"."""
        weights = "4-bit NF4" if self.method == "qlora" else "full precision"
        weights += " unpacked" * self.unpacked
        dtype = str(pick_dtype(self.device)).removeprefix("torch.")
        return f"{weights}, {dtype}, {tell_place(self.device)}"

    @property
    def memory(self) -> int:
        """Bytes held: those of the GPU if the weights are there, else the whole process's."""
        if self.device.type == "cuda":
            return int(torch.cuda.memory_allocated(self.device))
        return int(psutil.Process().memory_info().rss)

    @property
    def lanes(self) -> list[str]:
        """The base and every tuned lane that is loaded."""
        return [BASE, *self._lanes]

    @property
    def adapters(self) -> list[str]:
        """PEFT's names of the adapters that are loaded, whatever their lanes' strengths."""
        return list(self._adapters.values())

    def add_lane(self, lane: str, adapter: Path, *, strength: float = 1.0) -> None:
        """Have a lane of this name: a run's adapter at a strength; loaded only if it is new."""
        before = self._lanes.get(lane)
        if before is None or self._adapters.get(adapter) != before.adapter:
            config = check_adapter(adapter, self.base.fingerprint)
            self.remove_lane(lane)
            kind = config.get("peft_type")
            if kind == "PROMPT_TUNING":
                self._add_soft(lane, adapter, strength)
                return
            if adapter not in self._adapters and kind in KINDS:
                self._adapters[adapter] = name = self._next_name("own")
                self._stand_ins[name] = KINDS[kind](self.parts, adapter, config, self.device)
            elif adapter not in self._adapters:
                self._adapters[adapter] = self._put_on(adapter)
        elif lane in self._soft:
            return
        name = self._adapters[adapter]
        if name in self._stand_ins:
            self._lanes[lane] = Lane(name, strength, self._stand_ins[name].why_apart)
            return
        apart = why_apart(self.model.peft_config[name], lora_layers(self.model), name)
        self._lanes[lane] = Lane(name, strength, apart)

    def _next_name(self, kind: str) -> str:
        self._counter += 1
        return f"{kind}_{self._counter}"

    def _put_on(self, adapter: Path) -> str:
        """Load an adapter beside those that are there; its name."""
        name = self._next_name("lane")
        try:
            if isinstance(self.model, PeftModel):
                self.model.load_adapter(str(adapter), name, torch_device=str(self.device))
            else:
                self.model = PeftModel.from_pretrained(
                    self.model, str(adapter), adapter_name=name, torch_device=str(self.device)
                )
        finally:
            self.model.eval()
            self.deltas.watch(self.model)  # also what came half way must not reach the base
        self._check_loaded(name, adapter)
        return name

    def _add_soft(self, lane: str, adapter: Path, strength: float) -> None:
        """A lane whose whole tuning is embeddings before the prompt; the base's weights stay."""
        if strength != 1:
            raise ModelError(f"Lane {lane!r} is a soft prompt; it has no strength but 1.")
        prompt = read_prompt(adapter, self.inner.get_input_embeddings().weight.shape[1])
        self._soft[lane] = prompt.to(self.device, pick_dtype(self.device))
        self._adapters[adapter] = self._next_name("soft")
        self._lanes[lane] = Lane(self._adapters[adapter])

    def _check_loaded(self, name: str, adapter: Path) -> None:
        """PEFT loads an adapter with none of the right keys without a word; we do not."""
        state = load_file(adapter / "adapter_model.safetensors")
        if set(state) != saved_names(self.model, name) or not all(
            bool(t.isfinite().all()) for t in state.values()
        ):
            self._take_off(name)
            raise ModelError(
                f"The adapter in {adapter} does not fit the base: its weights are not finite "
                "or not the expected ones. Tune again."
            )

    def remove_lane(self, lane: str) -> None:
        """Let a tuned lane go, and its adapter with the last lane that uses it."""
        gone = self._lanes.pop(lane, None)
        if gone is None or any(other.adapter == gone.adapter for other in self._lanes.values()):
            return
        self._adapters = {
            path: name for path, name in self._adapters.items() if name != gone.adapter
        }
        if not self._stand_ins.pop(gone.adapter, None) and self._soft.pop(lane, None) is None:
            self._take_off(gone.adapter)

    def _take_off(self, name: str) -> None:
        """PEFT cannot be left without any adapter: with the last one its wrapping goes too."""
        self.deltas.set_rows(None)
        others = [other for other in self.model.peft_config if other != name]
        if others:
            self.model.set_adapter(others[0])
            self.model.delete_adapter(name)
        else:
            self.model = self.model.unload()
        self.deltas.watch(self.model)

    def lane(self, name: str) -> Lane | None:
        """What a lane is made of; None is the base. Raises ModelError if it is not loaded."""
        if name == BASE:
            return None
        if name not in self._lanes:
            raise ModelError(f"Lane {name!r} is not loaded.")
        return self._lanes[name]

    def apart(self, lane: str) -> str:
        """Why a lane's rows cannot share a batch with other lanes; empty if they can."""
        found = self.lane(lane)
        return found.apart if found else ""

    def soft_prompt(self, lane: str) -> torch.Tensor | None:
        """Embeddings before every prompt of this lane, (tokens, width), if it has any."""
        return self._soft.get(lane)

    @contextmanager
    def detached(self, lane: str) -> Iterator[None]:
        """The lane without its soft prompt for a while; all else stays as it is."""
        soft = self._soft[lane]
        self._soft[lane] = soft[:0]
        try:
            yield
        finally:
            self._soft[lane] = soft

    def adapter_names(self, lanes: Sequence[str]) -> list[str] | None:
        """PEFT's name for the lane of every row of a batch; None if no row needs an adapter."""
        rows = [self.lane(lane) for lane in lanes]
        if not any(rows):
            return None
        return [row.adapter if row else "__base__" for row in rows]

    @contextmanager
    def rows_of(self, lanes: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Keyword arguments for forward passes whose rows belong to these lanes.

        Lanes that share no batch come alone. An error inside leaves no trace.
        """
        rows = tuple(self.lane(lane) for lane in lanes)
        if any(row and row.apart for row in rows):
            with self._alone(set(rows)), torch.inference_mode():
                yield {}
            return
        before = self.deltas.rows
        others = any(lane.apart for lane in self._lanes.values())  # PEFT would let them through
        try:
            with self._silent() if others else nullcontext(), torch.inference_mode():
                self.deltas.set_rows(rows)
                yield {}
        finally:
            self.deltas.set_rows(before)

    def _silent(self) -> AbstractContextManager[Any]:
        """PEFT's own adapters switched off, if there are any."""
        return self.model.disable_adapter() if isinstance(self.model, PeftModel) else nullcontext()

    def batches(self, lanes: Sequence[str]) -> list[list[int]]:
        """Which rows go through the model together: all, or apart those that share no batch."""
        found: dict[str, list[int]] = {}
        for place, lane in enumerate(lanes):
            found.setdefault(lane if self.apart(lane) else "", []).append(place)
        return list(found.values())

    @contextmanager
    def _alone(self, rows: set[Lane | None]) -> Iterator[None]:
        """One lane for all rows, computed by PEFT itself."""
        (row, *others) = rows
        if row is None or others:
            raise ModelError("Lanes that cannot share a batch are to be asked one at a time.")
        before = self.deltas.rows
        self.deltas.set_rows(None)
        if row.adapter in self._stand_ins:
            try:
                with self._silent(), self._stand_ins[row.adapter].in_place(row.strength):
                    yield
            finally:
                self.deltas.set_rows(before)
            return
        self.model.set_adapter(row.adapter)
        layers = [layer for layer in lora_layers(self.model) if row.adapter in layer.scaling]
        try:
            for layer in layers:
                layer.set_scale(row.adapter, row.strength)
            yield
        finally:
            for layer in layers:
                layer.set_scale(row.adapter, 1.0)
            self.deltas.set_rows(before)

    def prove_base(self) -> float:
        """Largest difference of the base's logits now from those at load, and beside all lanes.

        Raises ModelError if an adapter leaks into the base lane.
        """
        return prove_base(self, self._reference)
