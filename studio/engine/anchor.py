"""TRL's trainer with a plain loss on CPUs, DFT and, if wanted, a KL anchor to the untuned base.

The anchor adds weight · KL(base‖tuned), per token, on text the base wrote itself or on given text.
The base's distribution comes from the same model with the tuning switched off: no second model.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch.nn import functional
from trl import SFTTrainer

from studio.data.chat_form import IGNORED
from studio.engine.packed import count_text
from studio.engine.place import rank, world
from studio.engine.saving import Resumable
from studio.engine.together import add_up

ANCHOR_BATCH = 8  # conversations per step


class AnchoredTrainer(Resumable, SFTTrainer):
    """SFTTrainer whose loss may hold the model to what the base says elsewhere."""

    def __init__(
        self,
        *args: Any,
        anchor_weight: float,
        anchor_rows: list[list[int]],
        untuned: Callable[[Any], AbstractContextManager[Any]],
        weigh_tokens: bool = False,
        **options: Any,
    ) -> None:
        """`untuned` switches the tuning off for a while; `weigh_tokens` takes the DFT loss."""
        super().__init__(*args, **options)
        # TRL's own loss is not tried with a soft prompt's places before the text.
        peft = getattr(self.model, "active_peft_config", None)
        soft = peft is not None and peft.is_prompt_learning
        self._plain = self.args.use_cpu or soft or weigh_tokens
        self._weigh_tokens = weigh_tokens
        self._untuned = untuned
        self._anchor_weight = anchor_weight
        self._anchor_batches = self._endless(anchor_rows) if anchor_rows else None
        self._anchors_drawn = 0
        self.tokens_seen = 0
        self._last_tokens = 0
        self._last_time = time.perf_counter()

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The task's loss, plus the anchor while training.

        TRL's fused output layer is made for GPUs; on a CPU it scores prompt and padding too and
        takes twice as long, with the same result.
        """
        if self._plain:
            loss, outputs = self._plain_loss(model, inputs, num_items_in_batch)
            if num_items_in_batch is not None:  # those of all processes, over which it is averaged
                loss = loss * world()
        else:
            loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        if model.training:
            self.tokens_seen += int(add_up(count_text(inputs)))
            if self._anchor_batches is not None:
                self._anchors_drawn += 1
                divergence = self._divergence(model, next(self._anchor_batches))
                self._metrics["train"]["kl"].append(add_up(divergence.item()) / world())
                # Given num_items_in_batch, the trainer leaves averaging over the accumulated
                # passes to the loss.
                passes = self.current_gradient_accumulation_steps if num_items_in_batch else 1
                loss = loss + self._anchor_weight * divergence / passes
        return (loss, outputs) if return_outputs else loss

    def _plain_loss(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any
    ) -> tuple[torch.Tensor, Any]:
        """Mean surprise of the learned tokens; while training weighed as DFT has it, if wanted.

        DFT (arXiv 2508.05629): every token's loss times its probability, as a constant. Held-out
        losses stay plain, so that runs can be compared.
        """
        labels = inputs["labels"]
        following = functional.pad(labels[:, 1:], (0, 1), value=IGNORED)
        learned = following != IGNORED
        given = {name: value for name, value in inputs.items() if name != "labels"}
        with self._predicting(learned):
            outputs = model(**given, use_cache=False)
        nll = functional.cross_entropy(
            outputs.logits[0].float(), following[learned], reduction="none"
        )
        if self._weigh_tokens and model.training:
            nll = nll * torch.exp(-nll.detach())
        count = num_items_in_batch if num_items_in_batch is not None else learned.sum()
        return nll.sum() / count, outputs

    @contextmanager
    def _predicting(self, places: torch.Tensor) -> Iterator[None]:
        """Only at these places, (rows, tokens), the odds of all words are worked out, in one row.

        They are a large part of a small model's work, and the prompt's are of no use.
        """
        model: Any = self.accelerator.unwrap_model(self.model)

        def pick(_: Any, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            text = given[0][:, -places.shape[1] :]  # a soft prompt's places come before it
            return text[places][None], *given[1:]

        picking = model.get_output_embeddings().register_forward_pre_hook(pick)
        try:
            yield
        finally:
            picking.remove()

    def _divergence(self, model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Mean KL(base‖tuned) over the batch's tokens, in nats.

        Of several processes each reads its share, times their number: the mean over them is it.
        """
        whole = batch["attention_mask"].sum()
        batch = {name: rows[rank() :: world()] for name, rows in batch.items()}
        if not len(batch["input_ids"]):
            return torch.zeros((), device=whole.device)
        model = self.accelerator.unwrap_model(model)
        with self._quiet():
            with torch.no_grad(), self._untuned(model):
                base = functional.log_softmax(model(**batch, use_cache=False).logits.float(), -1)
            said = model(**batch, use_cache=False).logits
        # What is predicted at the places of a soft prompt, before the text, has no counterpart.
        tuned = functional.log_softmax(said[:, -base.shape[1] :].float(), -1)
        per_token = (base.exp() * (base - tuned)).sum(-1)
        mask = batch["attention_mask"]
        return world() * (per_token * mask).sum() / whole

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Without NEFTune's noise, which both sides of a divergence would hear differently."""
        model: Any = self.accelerator.unwrap_model(self.model)
        words = model.get_input_embeddings()
        noise = getattr(words, "neftune_noise_alpha", None)
        if noise is not None:
            words.neftune_noise_alpha = 0.0
        try:
            yield
        finally:
            if noise is not None:
                words.neftune_noise_alpha = noise

    def _endless(self, rows: list[list[int]]) -> Iterator[dict[str, torch.Tensor]]:
        """Batches of anchor rows padded on the right, shuffled anew every time round."""
        order = random.Random(self.args.seed)
        device = self.accelerator.device
        while True:
            for begin in range(0, len(shuffled := order.sample(rows, len(rows))), ANCHOR_BATCH):
                chosen = shuffled[begin : begin + ANCHOR_BATCH]
                longest = max(map(len, chosen))
                ids = torch.tensor([row + [0] * (longest - len(row)) for row in chosen])
                lengths = torch.tensor([len(row) for row in chosen])
                mask = (torch.arange(longest) < lengths[:, None]).long()
                yield {"input_ids": ids.to(device), "attention_mask": mask.to(device)}

    def held(self) -> dict[str, Any]:
        """How many tokens went through the model, and how many batches of anchors."""
        return {"tokens": self.tokens_seen, "anchors": self._anchors_drawn}

    def take_back(self, held: Mapping[str, Any]) -> None:
        """Go on counting, and drawing anchors, from there."""
        self.tokens_seen = self._last_tokens = held["tokens"]
        self._anchors_drawn = held["anchors"]
        if self._anchor_batches is not None:
            for _ in range(self._anchors_drawn):
                next(self._anchor_batches)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the speed since the last line: the task's tokens, padding and anchor not counted."""
        if "loss" in logs:
            now = time.perf_counter()
            speed = (self.tokens_seen - self._last_tokens) / (now - self._last_time)
            logs["tokens_per_second"] = speed
            self._last_tokens, self._last_time = self.tokens_seen, now
        super().log(logs, start_time)
