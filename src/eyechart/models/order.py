"""The order in which a net uses its convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from eyechart.models.preprocessing import Preprocessing


def convolutions_in_order(net: nn.Module, preprocessing: Preprocessing) -> tuple[str, ...]:
    """Names of the convolutions, in the order in which the net first uses them on a frame of mid grey."""
    met: dict[str, None] = {}

    def meet(name: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            met[name] = None

        return hook

    layers = [(name, m) for name, m in net.named_modules() if isinstance(m, nn.Conv2d)]
    handles = [module.register_forward_pre_hook(meet(name)) for name, module in layers]
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad():
            net(torch.zeros(2, preprocessing.channels, *preprocessing.size, device=device))
    finally:
        for handle in handles:
            handle.remove()
    return tuple(met)
