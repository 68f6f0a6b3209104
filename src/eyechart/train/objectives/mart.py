"""MART: more weight for what is not yet right (Wang et al., ICLR 2020; from its formula)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from eyechart.train.objective import Look, Objective
from eyechart.train.objectives.pgd import check_search, climbed, nearby


@dataclass(frozen=True)
class Mart(Objective):
    """BCE(x', y) + beta * mean KL(p(x) || p(x')) (1 - p_y(x)), BCE = CE(x') - log(1 - the largest other p(x')).

    Attributes:
        beta: weight of the second term.
        eps, step, steps: of the search, which climbs the cross-entropy.
        parity: with the small constants of the published code inside the logarithms; without, from logits in a form that is
            exact however sure the net is.
    """

    two_labels: ClassVar[bool] = False  # its weights and margins are those of one
    beta: float = 5.0
    eps: float = 0.031
    step: float = 0.007
    steps: int = 10
    parity: bool = False

    def __post_init__(self) -> None:
        check_search(self.eps, self.step, self.steps)
        if self.beta < 0:
            raise ValueError(f"beta is 0 or more, not {self.beta}")

    def loss(self, look: Look) -> tuple[Tensor, Tensor]:
        """The search, then both forwards in training mode; logits are those of the images as they are."""
        climb = partial(cross_entropy, target=look.labels, reduction="none")
        found = climbed(look, nearby(look), self.eps, self.step, self.steps, climb)
        logits, attacked = look.ask(look.pixels), look.ask(found)
        boosted = boosted_cross_entropy(attacked, look.labels, self.parity)
        return boosted + self.beta * weighted_kl(logits, attacked, look.labels, self.parity), logits.detach()


def boosted_cross_entropy(logits: Tensor, labels: Tensor, parity: bool = False) -> Tensor:
    """Mean of -log p_y - log(1 - p of the strongest other class)."""
    hidden = one_hot(labels, logits.shape[1]).bool()
    runner_up = logits.masked_fill(hidden, -torch.inf).argmax(1, keepdim=True)
    if parity:
        doubt = torch.log(1.0001 - logits.softmax(1).gather(1, runner_up)[:, 0] + 1e-12)
    else:
        rest = logits.scatter(1, runner_up, -torch.inf)
        doubt = rest.logsumexp(1) - logits.logsumexp(1)
    return cross_entropy(logits, labels) - doubt.mean()


def weighted_kl(logits: Tensor, attacked: Tensor, labels: Tensor, parity: bool = False) -> Tensor:
    """Mean of KL(p || q) (1 - p_y); the weight has gradients too."""
    log_p, log_q = logits.log_softmax(1), attacked.log_softmax(1)
    small = 0.0
    if parity:
        log_q, small = torch.log(attacked.softmax(1) + 1e-12), 1e-7
    distance = (log_p.exp() * (log_p - log_q)).sum(1)
    return (distance * (1.0 + small - log_p.exp().gather(1, labels[:, None])[:, 0])).mean()
