"""BatchNorm's running statistics in a step that is taken in several parts, or by several processes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

MEANS = ("running_mean", "running_var")
COUNT = "num_batches_tracked"


class Statistics:
    """Of a net.

    A step moves them once, whatever it is taken in: each part starts from where the step began, and where the parts lead to is
    averaged. As an update is linear in what a part has seen, this is the update by the mean of the parts' statistics.

    Attributes:
        means: live buffers with running means and variances.
    """

    def __init__(self, net: nn.Module) -> None:
        named = [(name.rpartition(".")[2], buffer) for name, buffer in net.named_buffers()]
        self.means = [buffer for name, buffer in named if name in MEANS]
        self._counts = [buffer for name, buffer in named if name == COUNT]

    def now(self) -> list[Tensor]:
        """Copies, for ``put``."""
        return [buffer.detach().clone() for buffer in (*self.means, *self._counts)]

    @torch.no_grad()
    def put(self, values: Sequence[Tensor]) -> None:
        """Give the net the statistics that ``now`` returned."""
        for buffer, value in zip((*self.means, *self._counts), values, strict=True):
            buffer.copy_(value)

    @torch.no_grad()
    def put_mean(self, ends: Sequence[Sequence[Tensor]], shares: Sequence[float]) -> None:
        """Give the net the weighted mean of where parts have led; ``shares`` sum to 1."""
        for k, buffer in enumerate(self.means):
            buffer.zero_()
            for share, end in zip(shares, ends, strict=True):
                buffer.add_(end[k], alpha=share)
