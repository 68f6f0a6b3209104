"""When a verdict that was searched for in low precision is too close to be left to it."""

from __future__ import annotations

import torch

from eyechart.views.attacks.losses import margin
from eyechart.views.attacks.victim import Victim

# The precision's error. PGD-20 at 2, 4 and 8 of 255 on 400 images and two robust nets missed nothing that float32 finds, even
# without a second search; by twice the error it searches again for about one image in fifty.
TIMES = 2.0


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
