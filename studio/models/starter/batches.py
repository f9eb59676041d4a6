"""Batches for training the starter model: whole conversations packed into rows, each weighted."""

from typing import Any

from studio.models.starter.corpus.mixture import conversations
from studio.models.starter.vocabulary import END, PAD, START, render

ROWS, LENGTH = 4, 256
# In every other step the first row's conversations are joined into one long text.
JOINED_EVERY = 2
# The user's words are learned a little, so that the model can also make up both sides of a talk;
# the digits of random problems cannot be guessed and would only add noise.
USER_WEIGHT, USER_DIGIT_WEIGHT = 0.3, 0.05


class Batches:
    """Makes the batch of any step from the seed alone, so that training resumes anywhere."""

    def __init__(self, tokenizer: Any, seed: int) -> None:
        self.tokenizer = tokenizer
        self.seed = seed
        self.pad = tokenizer.token_to_id(PAD)
        self.end = tokenizer.token_to_id(END)
        self.header = tokenizer.encode(f"{START}assistant\n").ids
        self.digits = {tokenizer.token_to_id(digit) for digit in "0123456789"}

    def weigh(self, tokens: list[int]) -> list[float]:
        """Return what each token of a conversation counts in the loss.

        The assistant's words count 1 up to and including the end mark, all others less.
        """
        weights, answering, width = [], False, len(self.header)
        for place, token in enumerate(tokens):
            if place >= width and tokens[place - width : place] == self.header:
                answering = True
            if answering:
                weights.append(1.0)
                answering = token != self.end
            else:
                weights.append(USER_DIGIT_WEIGHT if token in self.digits else USER_WEIGHT)
        return weights

    def batch(self, step: int) -> tuple[Any, Any, Any, Any]:
        """Return inputs, targets, the targets' weights and the mask of a step.

        The first three are rows x length; the mask (rows x 1 x length x length, true where a token
        may look) keeps conversations apart, but in some rows each may look back at the others, so
        that the model also meets long texts.
        """
        import torch

        rows: list[list[int]] = [[] for _ in range(ROWS)]
        weights: list[list[float]] = [[] for _ in range(ROWS)]
        owners: list[list[int]] = [[] for _ in range(ROWS)]
        stream = conversations(self.seed * 10_000_000 + step)
        number = refused = 0
        while refused < 16:
            number += 1
            tokens = self.tokenizer.encode(render(next(stream))).ids
            for place, row in enumerate(rows):
                if len(row) + len(tokens) <= LENGTH + 1:
                    row.extend(tokens)
                    weights[place].extend(self.weigh(tokens))
                    apart = place or step % JOINED_EVERY
                    owners[place].extend([number if apart else 0] * len(tokens))
                    break
            else:
                refused += 1
        for row, row_weights, row_owners in zip(rows, weights, owners, strict=True):
            missing = LENGTH + 1 - len(row)
            row.extend([self.pad] * missing)
            row_weights.extend([0.0] * missing)
            row_owners.extend([-1] * missing)
        packed, weighed = torch.tensor(rows), torch.tensor(weights)
        owner = torch.tensor(owners)[:, :-1]
        mask = (owner[:, :, None] == owner[:, None, :]).tril()[:, None]
        return packed[:, :-1], packed[:, 1:], weighed[:, 1:], mask
