"""Muon in full precision: momentum whose matrix updates are made orthogonal.

Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; torch's own
version multiplies in bfloat16, which ordinary CPUs do very slowly.
"""

from collections.abc import Iterable
from typing import Any


def orthogonalise(update: Any) -> Any:
    """Return the nearest half-orthogonal matrix, by five Newton-Schulz steps (rows x columns)."""
    tall = update.shape[0] > update.shape[1]
    matrix = update.T if tall else update
    matrix = matrix / (matrix.norm() + 1e-7)
    for _ in range(5):
        square = matrix @ matrix.T
        matrix = 3.4445 * matrix + (-4.7750 * square + 2.0315 * square @ square) @ matrix
    return matrix.T if tall else matrix


def average(tensors: list[Any]) -> None:
    """Replace each tensor by its mean over all processes."""
    _share(tensors, divisor=_processes()[1])


def _processes() -> tuple[int, int]:
    import torch

    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def _share(tensors: list[Any], divisor: int) -> None:
    import torch

    # One long message is much quicker than many short ones.
    joined = torch.cat([tensor.flatten() for tensor in tensors])
    torch.distributed.all_reduce(joined)
    parts = (joined / divisor).split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


class Muon:
    """Nesterov momentum with orthogonal updates, for two-dimensional parameters only.

    It has the parts of a torch optimizer that the training uses, and no more.
    """

    def __init__(
        self, parameters: Iterable[Any], *, rate: float, momentum: float = 0.95, decay: float = 0.1
    ) -> None:
        self.parameters = list(parameters)
        self.velocities = [parameter.detach().clone().zero_() for parameter in self.parameters]
        self.param_groups: list[dict[str, float]] = [{"lr": rate}]
        self.momentum = momentum
        self.decay = decay

    def step(self) -> None:
        """Update every parameter from its gradient."""
        rate = self.param_groups[0]["lr"]
        rank, count = _processes()
        updates = []
        for place, parameter in enumerate(self.parameters):
            velocity = self.velocities[place]
            velocity.mul_(self.momentum).add_(parameter.grad)
            ahead = parameter.grad.add(velocity, alpha=self.momentum)
            # Each process makes its part of the matrices orthogonal; the sum brings all together.
            updates.append(orthogonalise(ahead) if place % count == rank else ahead.zero_())
        _share(updates, divisor=1)
        for parameter, update in zip(self.parameters, updates, strict=True):
            rows, columns = parameter.shape
            scale = max(1.0, rows / columns) ** 0.5
            parameter.data.mul_(1 - self.decay * rate).add_(update, alpha=-rate * scale)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return what an unfinished run must keep."""
        return {"velocities": self.velocities}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what an unfinished run has kept."""
        for velocity, kept in zip(self.velocities, state["velocities"], strict=True):
            velocity.copy_(kept)
