"""A running mean of weights, often better and steadier than the last (Polyak & Juditsky, 1992)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class RunningMean:
    """Of parameters; buffers are the net's own. BatchNorm's belong to other weights then: they are to be taken anew.

    Args:
        net: whose weights are followed.
        decay: of the mean, 0 to 1; 0 keeps none.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self._net, self._decay = net, decay
        self.state: dict[str, Tensor] = {}
        if decay:
            self.state = {name: p.detach().clone() for name, p in net.named_parameters()}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """After a step."""
        for name, p in net.named_parameters() if self.state else ():
            self.state[name].lerp_(p, 1 - self._decay)

    def load(self, state: Mapping[str, Tensor]) -> None:
        """As it stood."""
        for name, value in state.items():
            self.state[name].copy_(value)

    @torch.no_grad()
    def take(self) -> None:
        """Give the net the mean's weights."""
        for name, p in self._net.named_parameters() if self.state else ():
            p.copy_(self.state[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The net with the mean's weights, for a while."""
        own = {name: p.detach().clone() for name, p in self._net.named_parameters()} if self.state else {}
        self.take()
        try:
            yield
        finally:
            with torch.no_grad():
                for name, p in self._net.named_parameters() if own else ():
                    p.copy_(own[name])
