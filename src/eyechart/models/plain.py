"""The net as its author made it, to be asked with other weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from eyechart.models.fold import Pair, refolded


@dataclass(frozen=True, eq=False)
class PlainNet:
    """A net before folding, and how it was folded.

    Attributes:
        net: private, eval mode, without gradients.
        pairs: folded in the net that is asked; empty if it is this one.
        convolutions: names of the convolutions' kernels, in the order in which the net first uses them.
    """

    net: nn.Module
    pairs: tuple[Pair, ...]
    convolutions: tuple[str, ...]

    @classmethod
    def of(cls, net: nn.Module, pairs: tuple[Pair, ...], run: Callable[[nn.Module], object]) -> PlainNet:
        """Watch ``net`` answer once, by ``run``."""
        return cls(net, pairs, _in_order(net, run))

    def altered(
        self, change: Callable[[dict[str, torch.Tensor], tuple[str, ...]], dict[str, torch.Tensor]]
    ) -> nn.Module:
        """A folded copy with the parameters that ``change`` gives back. Raises ValueError on names or shapes not its own."""
        with torch.inference_mode(False), torch.no_grad():
            net = copy.deepcopy(self.net)
            own = dict(net.named_parameters())
            changed = change({name: p.detach() for name, p in self.net.named_parameters()}, self.convolutions)
            for name, value in changed.items():
                if name not in own or own[name].shape != value.shape:
                    raise ValueError(f"the net has no parameter {name} of shape {tuple(value.shape)}")
                own[name].copy_(value)
            return refolded(net, self.pairs)


def _in_order(net: nn.Module, run: Callable[[nn.Module], object]) -> tuple[str, ...]:
    met: dict[str, None] = {}
    layers = {name: m for name, m in net.named_modules() if isinstance(m, nn.Conv2d)}

    def meet(name: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            met[f"{name}.weight"] = None

        return hook

    handles = [module.register_forward_pre_hook(meet(name)) for name, module in layers.items()]
    try:
        run(net)
    finally:
        for handle in handles:
            handle.remove()
    own = dict(net.named_parameters())  # not those that are computed, as by weight normalisation
    return tuple(name for name in met if name in own)
