"""What attacks make as large as they can: functions of logits (n, k) and labels (n,), one value an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import torch
from torch.nn.functional import cross_entropy


def ce(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, -log p of the label, in nats. Needs 2 classes."""
    return cross_entropy(logits, labels, reduction="none")


def margin(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The largest other logit less the label's: above 0 where the answer is wrong. Needs 2 classes."""
    others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
    return others - logits.gather(1, labels[:, None])[:, 0]


LossName = Literal["ce", "margin"]
LOSSES: Mapping[LossName, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = MappingProxyType(
    {"ce": ce, "margin": margin}
)
