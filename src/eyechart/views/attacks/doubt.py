"""When a verdict that was searched for in low precision is too close to be left to it."""

from __future__ import annotations

import torch

from eyechart.views.attacks.losses import margin
from eyechart.views.attacks.victim import Victim

TIMES = 4.0  # the precision's error, below


def doubtful(victim: Victim, before: torch.Tensor, after: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(n,) bool: images on which the model is right after the search, in float32, but by a narrow margin.

    Narrow is TIMES what the low precision errs by, measured on each image: the larger of its errors of the margin on the image
    as it is and as the search left it. What only low precision calls wrong is narrow by that definition.

    Args:
        victim: whose ``glimpse`` is in the low precision.
        before, after: (n, c, h, w), the images and what the search found.
        labels: (n,).
    """
    exact = margin(victim.logits(after), labels)
    errors = [
        (margin(victim.glimpse(shown), labels) - margin(victim.logits(shown), labels)).abs()
        for shown in (before, after)
    ]
    return (exact <= 0) & (exact > -TIMES * torch.maximum(*errors)) | ~exact.isfinite()
