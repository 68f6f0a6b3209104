"""The net as its author made it, to be asked with other weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from eyechart.models.fold import Pair, refolded
from eyechart.models.layers import Layer, layers_of


@dataclass(frozen=True, eq=False)
class PlainNet:
    """A net before folding, and how it was folded.

    Attributes:
        net: private, eval mode, without gradients.
        pairs: folded in the net that is asked; empty if it is this one.
        convolutions: names of the convolutions' kernels, in the order in which the net first uses them.
        layers: the steps it takes, in their order.
    """

    net: nn.Module
    pairs: tuple[Pair, ...]
    convolutions: tuple[str, ...]
    layers: tuple[Layer, ...] = ()

    @classmethod
    def of(cls, net: nn.Module, pairs: tuple[Pair, ...], run: Callable[[nn.Module], object]) -> PlainNet:
        """Watch ``net`` answer once, by ``run``."""
        return cls(net, pairs, _in_order(net, run), layers_of(net, run))

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """Parameters and floating buffers (such as BatchNorm's statistics), by dotted name."""
        return {name: t.detach() for name, t in _tensors(self.net)}

    def altered(
        self,
        change: Callable[[dict[str, torch.Tensor], tuple[str, ...]], dict[str, torch.Tensor]],
        settle: Callable[[nn.Module], None] = lambda _: None,
    ) -> nn.Module:
        """A folded copy with the tensors that ``change`` gives back; ``settle`` is shown the copy before it is folded.

        Raises:
            ValueError: names or shapes are not its own.
        """
        with torch.inference_mode(False), torch.no_grad():
            net = copy.deepcopy(self.net)
            own = dict(_tensors(net))
            for name, value in change(self.tensors, self.convolutions).items():
                if name not in own or own[name].shape != value.shape:
                    raise ValueError(f"the net has no parameter {name} of shape {tuple(value.shape)}")
                own[name].copy_(value)
            settle(net)
            return refolded(net, self.pairs)


def _tensors(net: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from net.named_parameters()
    yield from ((name, t) for name, t in net.named_buffers() if t.is_floating_point())


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
