"""When a verdict that was searched for in low precision is too close to be left to it."""

from __future__ import annotations

import torch

from eyechart.views.attacks.losses import margin
from eyechart.views.attacks.victim import Victim

# The precision's error. PGD-20 on 400 images at 2, 4 and 8 of 255 on two adversarially trained nets missed nothing that float32
# finds, even without a second search; PGD-10 on 100 images at 1/2 and 1 of 255 on ResNet-20 missed one each, 2 and 31 times the
# error away: there the ways had parted, as they do from other starts. By 4 times the error, 3 images in 100 are searched again.
TIMES = 4.0


def doubtful(
    victim: Victim, pixels: torch.Tensor, logits: torch.Tensor, after: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """(n,) bool: images on which the model is right after the search, in float32, but by a narrow margin.

    Narrow is TIMES what the low precision errs by, measured on each image: the larger of its errors of the margin on the image
    as it is and as the search left it. What only low precision calls wrong is narrow by that definition.

    Args:
        victim: whose ``glimpse`` is in the low precision.
        pixels, logits: (n, c, h, w) and (n, k), the images and the answers to them in float32.
        after: (n, c, h, w), what the search found.
        labels: (n,).
    """
    left = margin(victim.logits(after), labels)
    errors = [
        (margin(victim.glimpse(shown), labels) - exact).abs()
        for shown, exact in ((pixels, margin(logits, labels)), (after, left))
    ]
    return (left <= 0) & (left > -TIMES * torch.maximum(*errors)) | ~left.isfinite()
