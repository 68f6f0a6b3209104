"""The search within a training step: sign steps up a loss, in evaluation mode, with frozen weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from eyechart.train.objective import Look

Loss = Callable[[Tensor], Tensor]  # logits -> (n,)


def check_search(eps: float, step: float, steps: int) -> None:
    """Raise ValueError for a search that is none."""
    if eps < 0 or step <= 0 or steps < 1:
        raise ValueError(f"eps is 0 or more, step above 0, steps 1 or more, and not {eps:g}, {step:g}, {steps}")


def climbed(look: Look, start: Tensor, eps: float, step: float, steps: int, loss: Loss) -> Tensor:
    """Where ``steps`` sign steps lead, each back into the L-infinity ball around the batch and into [0, 1].

    Args:
        look: the batch; its net stays as it is.
        start: (n, c, h, w), within the ball.
        eps, step: in units of [0, 1].
        loss: of logits, one value an image; their sum is climbed.
    """
    low, high = (look.pixels - eps).clamp_(0, 1), (look.pixels + eps).clamp_(0, 1)
    shown = start.clone()  # it may be the batch itself
    with look.attacking():
        for _ in range(steps):
            shown = shown.detach().requires_grad_()
            (slope,) = torch.autograd.grad(loss(look.ask(shown)).sum(), shown)
            with torch.no_grad():
                shown = torch.minimum(torch.maximum(shown.detach().add_(slope.sign_(), alpha=step), low), high)
    return shown.detach()


def anywhere(look: Look, eps: float) -> Tensor:
    """A start uniform in the ball, cut to [0, 1]."""
    shape = tuple(look.pixels.shape[1:])
    moved = look.noise("start", shape, "uniform").mul_(2 * eps).sub_(eps).add_(look.pixels).clamp_(0, 1)
    return moved.contiguous(memory_format=torch.channels_last)


def nearby(look: Look, spread: float = 0.001) -> Tensor:
    """A start at a normal distance of the image: TRADES and MART begin so."""
    shape = tuple(look.pixels.shape[1:])
    moved = look.noise("start", shape, "normal").mul_(spread).add_(look.pixels).clamp_(0, 1)
    return moved.contiguous(memory_format=torch.channels_last)
