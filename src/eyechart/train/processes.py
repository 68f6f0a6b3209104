"""Several processes, each with its share of every batch (``torchrun``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """Where this process stands among those that train together.

    Attributes:
        rank, world: number of this process, and of all.
    """

    rank: int = 0
    world: int = 1

    @classmethod
    def from_environment(cls, device: torch.device) -> Processes:
        """As ``torchrun`` says; joins the group if there is one to join."""
        world = int(os.environ.get("WORLD_SIZE", "1"))
        if world > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(int(os.environ.get("RANK", "0")), world)

    @property
    def first(self) -> bool:
        """Whether this one writes."""
        return self.rank == 0

    def share(self, index: Tensor) -> Tensor:
        """This process's part of a batch: equal parts, so that means of means are means."""
        each = len(index) // self.world
        return index[self.rank * each : (self.rank + 1) * each] if self.world > 1 else index

    def average_gradients(self, net: nn.Module) -> None:
        """Each gradient becomes its mean over the processes, in one message.

        A parameter that no process used keeps no gradient, as with one process; one that only some used counts as 0 in others.
        """
        if self.world == 1:
            return
        trained = [p for p in net.parameters() if p.requires_grad]
        used = torch.tensor([float(p.grad is not None) for p in trained], device=trained[0].device)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
        used, *means = self._means([used, *gradients])
        for parameter, some, mean in zip(trained, used.tolist(), means, strict=True):
            if some and parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)
            if some and parameter.grad is not None:
                parameter.grad.copy_(mean)

    def average(self, values: Sequence[Tensor]) -> None:
        """Each value becomes, in place, its mean over the processes: BatchNorm's statistics after a step."""
        if self.world > 1 and values:
            for value, mean in zip(values, self._means(values), strict=True):
                value.copy_(mean)

    def _means(self, values: Sequence[Tensor]) -> list[Tensor]:
        flat = torch.cat([value.flatten() for value in values])
        dist.all_reduce(flat)
        flat /= self.world
        parts = torch.split(flat, [value.numel() for value in values])
        return [part.view(value.shape) for part, value in zip(parts, values, strict=True)]

    def totals(self, *values: float) -> tuple[float, ...]:
        """Sums over the processes."""
        if self.world == 1:
            return values
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        sums = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(sums)
        return tuple(sums.tolist())

    def wait(self) -> None:
        """Until every process has come here: what the first has written, the others can read."""
        if self.world > 1:
            dist.barrier()
