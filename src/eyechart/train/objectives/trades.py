"""TRADES: the answer to the image, and the same answer around it (Zhang et al., ICML 2019, arXiv 1901.08573)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eyechart.train.objective import Look, Objective
from eyechart.train.objectives.pgd import check_search, climbed, nearby


@dataclass(frozen=True)
class Trades(Objective):
    """CE(f(x), y) + beta * mean KL(p(x) || p(x')), x' where that KL is largest.

    Both sides of the KL receive gradients. p(x) does not change during the search, so it is computed once for all its steps.

    Attributes:
        beta: weight of the second term.
        eps, step, steps: of the search; 0.031 and 0.007 as published, not 8/255 and 2/255.
        one_forward: x and x' go through the net together, so that BatchNorm's statistics are those of both and are taken once
            a step. The published code asks for x, x' and x again, each alone.
    """

    beta: float = 6.0
    eps: float = 0.031
    step: float = 0.007
    steps: int = 10
    one_forward: bool = False

    def __post_init__(self) -> None:
        check_search(self.eps, self.step, self.steps)
        if self.beta < 0:
            raise ValueError(f"beta is 0 or more, not {self.beta}")

    def loss(self, look: Look) -> tuple[Tensor, Tensor]:
        """The search, then forwards in training mode; logits are those of the images as they are."""
        with torch.no_grad(), look.attacking():
            fixed = look.ask(look.pixels).log_softmax(1)
        start = nearby(look)
        found = climbed(look, start, self.eps, self.step, self.steps, lambda z: kl(fixed, z.log_softmax(1)))
        if self.one_forward:
            logits, around = look.ask(torch.cat([look.pixels, found])).chunk(2)
            again = logits
        else:
            logits = look.ask(look.pixels)
            around, again = look.ask(found), look.ask(look.pixels)
        spread = kl(again.log_softmax(1), around.log_softmax(1)).mean()
        return look.misfit(logits).mean() + self.beta * spread, logits.detach()


def kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """(n,) KL(p || q) in nats of log probabilities (n, k)."""
    return (log_p.exp() * (log_p - log_q)).sum(1)
