"""Which token comes next, drawn from what a model predicts."""

import torch

from studio.chat.protocol import Sampling


class Draw:
    """Draws one token per row and step.

    All rows draw with the same random numbers: an answer depends on the seed and its own lane,
    not on what stands beside it, and where two lanes predict the same they say the same. With
    `own_luck`, here or in the sampling, every row draws for itself.
    """

    def __init__(self, sampling: Sampling, *, own_luck: bool = False) -> None:
        self._sampling = sampling
        self._own_luck = own_luck
        seed = sampling.seed % (1 << 63)  # a person may type any number; the library takes 64 bits
        self._luck = torch.Generator().manual_seed(seed)
        if own_luck:
            torch.manual_seed(seed)

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """Tokens, (rows,), for logits of (rows, vocabulary)."""
        if self._sampling.temperature == 0:
            return logits.argmax(-1)
        probabilities = self._kept(logits.float() / self._sampling.temperature).softmax(-1)
        if self._own_luck:
            return torch.multinomial(probabilities, num_samples=1)[:, 0]
        # The first token at which the summed probability passes a random number.
        count = len(logits) if self._sampling.own_luck else 1
        numbers = torch.rand(count, 1, generator=self._luck, dtype=torch.float64)
        sums = probabilities.double().cumsum(-1)
        aim = numbers.to(sums.device) * sums[:, -1:]
        return torch.searchsorted(sums, aim, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)

    def _kept(self, scores: torch.Tensor) -> torch.Tensor:
        """The scores of the tokens that may be drawn; the others are minus infinity."""
        top_k, top_p = self._sampling.top_k, self._sampling.top_p
        if 0 < top_k < scores.shape[-1]:
            least = scores.topk(top_k).values[:, -1:]
            scores = scores.masked_fill(scores < least, -torch.inf)
        if top_p < 1:
            ascending, order = scores.sort(dim=-1)
            sums = ascending.softmax(-1).cumsum(-1)
            left_out = sums <= 1 - top_p
            left_out[:, -1] = False
            scores = scores.masked_fill(left_out.scatter(1, order, left_out), -torch.inf)
        return scores
