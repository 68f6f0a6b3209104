"""Pictures as rows of numbers: searches do their sums on plain (n, h * w * c) memory, in the order in which nets read it."""

from __future__ import annotations

import torch

from eyechart.views.attacks.ball import Norm
from eyechart.views.attacks.losses import wrong
from eyechart.views.attacks.victim import Victim

Shape = tuple[int, int, int]  # c, h, w


def rows_of(pixels: torch.Tensor) -> torch.Tensor:
    """(n, h * w * c) of pictures (n, c, h, w); the same memory where that is channels_last."""
    return pixels.permute(0, 2, 3, 1).flatten(1)


def pictures(rows: torch.Tensor, shape: Shape) -> torch.Tensor:
    """The way back: (n, c, h, w) channels_last, the same memory."""
    channels, height, width = shape
    return rows.view(-1, height, width, channels).permute(0, 3, 1, 2)


def each(values: torch.Tensor) -> torch.Tensor:
    """(n,) values beside rows: (n, 1)."""
    return values[:, None]


def sizes(rows: torch.Tensor, norm: Norm) -> torch.Tensor:
    """(n,) of rows (n, d)."""
    found: torch.Tensor = torch.linalg.vector_norm(rows, torch.inf if norm == "linf" else 2, dim=1)
    return found


def confirmed(
    victim: Victim, rows: torch.Tensor, shape: Shape, claimed: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """(n,) bool: which of the rows that are claimed to be wrong are so in float32, as they will be judged."""
    at = claimed.nonzero().flatten()
    sure = torch.zeros_like(claimed)
    if len(at):
        logits = victim.logits(pictures(rows[at], shape))
        sure[at] = wrong(logits, labels[at])
    return sure
