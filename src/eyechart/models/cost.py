"""What a net's answer costs."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@torch.no_grad()
def multiply_adds(net: nn.Module, frame: torch.Tensor) -> int:
    """Multiplications with their additions for ``frame`` (1, c, h, w): convolutions, linear layers and attention.

    Element by element work, pools, sorting and Fourier transforms are not counted.
    """
    counter = FlopCounterMode(display=False)
    with counter:
        net(frame)
    return int(counter.get_total_flops()) // 2
