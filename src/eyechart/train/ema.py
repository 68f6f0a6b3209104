"""A running mean of weights, often better and steadier than the last (Polyak & Juditsky, 1992)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class RunningMean:
    """Of parameters and of buffers that are reals.

    BatchNorm's statistics are averaged with the weights, as timm and torch (``use_buffers``) do: those of the last step belong
    to other weights, and a net of the mean's weights with them may answer hardly better than chance.

    Args:
        net: whose weights are followed.
        decay: of the mean, 0 to 1; 0 keeps none.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self._net, self._decay = net, decay
        self.state: dict[str, Tensor] = {}
        if decay:
            self.state = {name: value.detach().clone() for name, value in _reals(net)}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """After a step."""
        for name, value in _reals(net) if self.state else ():
            self.state[name].lerp_(value, 1 - self._decay)

    def load(self, state: Mapping[str, Tensor]) -> None:
        """As it stood. What an earlier version did not average starts from the net's own."""
        for name, value in _reals(self._net) if self.state else ():
            self.state[name].copy_(state.get(name, value.detach()))

    @torch.no_grad()
    def take(self) -> None:
        """Give the net the mean's weights."""
        for name, value in _reals(self._net) if self.state else ():
            value.copy_(self.state[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The net with the mean's weights, for a while."""
        own = {name: value.detach().clone() for name, value in _reals(self._net)} if self.state else {}
        self.take()
        try:
            yield
        finally:
            with torch.no_grad():
                for name, value in _reals(self._net) if own else ():
                    value.copy_(own[name])


def _reals(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters, and buffers that are reals, by name."""
    yield from net.named_parameters()
    yield from ((name, value) for name, value in net.named_buffers() if value.is_floating_point())
