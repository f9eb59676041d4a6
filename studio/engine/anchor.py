"""TRL's trainer with a plain loss on CPUs, DFT and, if wanted, a KL anchor to the untuned base.

The anchor adds weight · KL(base‖tuned), per token, on text the base wrote itself or on given text.
The base's distribution comes from the same model with the tuning switched off: no second model.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch.nn import functional
from trl import SFTTrainer

ANCHOR_BATCH = 8  # conversations per step


class AnchoredTrainer(SFTTrainer):
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
        takes twice as long as the model's own loss, with the same result.
        """
        if self._plain:
            loss, outputs = self._plain_loss(model, inputs, num_items_in_batch)
        else:
            loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        if model.training:
            self.tokens_seen += int(inputs["attention_mask"].sum())
            if self._anchor_batches is not None:
                divergence = self._divergence(model, next(self._anchor_batches))
                self._metrics["train"]["kl"].append(divergence.item())
                # Given num_items_in_batch, the trainer leaves averaging over the accumulated
                # passes to the loss.
                passes = self.current_gradient_accumulation_steps if num_items_in_batch else 1
                loss = loss + self._anchor_weight * divergence / passes
        return (loss, outputs) if return_outputs else loss

    def _plain_loss(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any
    ) -> tuple[torch.Tensor, Any]:
        options = dict(inputs, use_cache=False)
        if num_items_in_batch is not None:
            options["num_items_in_batch"] = num_items_in_batch
        if self._weigh_tokens and model.training:
            return self._weighted_loss(model, inputs, num_items_in_batch)
        outputs = model(**options)
        return outputs.loss, outputs

    def _weighted_loss(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any
    ) -> tuple[torch.Tensor, Any]:
        """DFT (arXiv 2508.05629): every token's loss times its probability, as a constant.

        Held-out losses stay plain, so that runs can be compared.
        """
        labels = inputs["labels"]
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"],
                        use_cache=False)  # fmt: skip
        logits = outputs.logits[:, -labels.shape[1] : -1].float()
        nll = functional.cross_entropy(
            logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100, reduction="none"
        )
        learned = (labels[:, 1:] != -100).sum()
        count = num_items_in_batch if num_items_in_batch is not None else learned
        return (nll * torch.exp(-nll.detach())).sum() / count, outputs

    def _divergence(self, model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Mean KL(base‖tuned) over the batch's tokens, in nats."""
        with self._quiet():
            with torch.no_grad(), self._untuned(self.accelerator.unwrap_model(model)):
                base = functional.log_softmax(model(**batch, use_cache=False).logits.float(), -1)
            said = model(**batch, use_cache=False).logits
        # What is predicted at the places of a soft prompt, before the text, has no counterpart.
        tuned = functional.log_softmax(said[:, -base.shape[1] :].float(), -1)
        per_token = (base.exp() * (base - tuned)).sum(-1)
        mask = batch["attention_mask"]
        return (per_token * mask).sum() / mask.sum()

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

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the speed since the last line: the task's tokens, padding and anchor not counted."""
        if "loss" in logs:
            now = time.perf_counter()
            speed = (self.tokens_seen - self._last_tokens) / (now - self._last_time)
            logs["tokens_per_second"] = speed
            self._last_tokens, self._last_time = self.tokens_seen, now
        super().log(logs, start_time)
