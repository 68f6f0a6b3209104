"""What attacks make as large as they can: functions of logits (n, k) and labels (n,), one value an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import torch
from torch.nn.functional import cross_entropy

TINY = 1e-12  # beside a difference of logits, as published


def ce(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, -log p of the label, in nats. Needs 2 classes."""
    return cross_entropy(logits, labels, reduction="none")


def margin(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The largest other logit less the label's: above 0 where the answer is wrong. Needs 2 classes."""
    others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
    return others - logits.gather(1, labels[:, None])[:, 0]


def dlr(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Difference of logits ratio (Croce & Hein, ICML 2020): the margin over the largest less the third largest logit.

    Does not change where logits become a z + b with a > 0. Needs 3 classes.
    """
    first, _, third = logits.topk(3, 1).values.unbind(1)
    return margin(logits, labels) / (first - third + TINY)


def dlr_targeted(logits: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The same towards one class each, ``targets`` (n,), over the largest less the mean of the third and fourth logit.

    Needs 4 classes.
    """
    first, _, third, fourth = logits.topk(4, 1).values.unbind(1)
    return lead(logits, labels, targets) / (first - (third + fourth) / 2 + TINY)


def lead(logits: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The logit of ``targets`` (n,) less the label's. Needs 2 classes."""
    return (logits.gather(1, targets[:, None]) - logits.gather(1, labels[:, None]))[:, 0]


def wrong(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(n,) bool: another class than the label. An answer with a NaN is none, and so not a wrong one."""
    return (logits.argmax(1) != labels) & ~logits.isnan().any(1)


LossName = Literal["ce", "margin"]
LOSSES: Mapping[LossName, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = MappingProxyType(
    {"ce": ce, "margin": margin}
)
