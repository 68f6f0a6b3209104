"""Splitting images by rank instead of frequency: the control of the band split (Wang et al., CVPR 2020)."""

from __future__ import annotations

import torch


def svd_split(
    images: torch.Tensor, rank: int | torch.Tensor | None = None, energy: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The part of the largest singular values of each plane, and the rest: two times (..., h, w), adding up.

    Args:
        images: (..., h, w), any range.
        rank: singular values kept, an int or (...,) for a number a plane.
        energy: (...,) sum of squares that each plane's first part must reach with the fewest singular values; such as
            that of its low band, so that both splits compare at equal energy.

    Raises ValueError unless exactly one of ``rank`` and ``energy`` is given. Gradients need distinct singular values.
    """
    if (rank is None) == (energy is None):
        raise ValueError("give svd_split either a rank or an energy")
    u, values, vh = torch.linalg.svd(images, full_matrices=False)
    kept = torch.as_tensor(rank, device=images.device) if energy is None else _fewest(values.detach(), energy)
    order = torch.arange(values.shape[-1], device=images.device)
    values = values * (order < kept[..., None])
    low: torch.Tensor = (u * values[..., None, :]) @ vh
    return low, images - low


def matched_rank(images: torch.Tensor, energy: torch.Tensor) -> torch.Tensor:
    """Fewest singular values of each plane whose squares sum to ``energy`` (...,) or more: (...,) int64, at most all.

    Equal up to rounding counts as reached.
    """
    return _fewest(torch.linalg.svdvals(images.detach()), energy)


def _fewest(values: torch.Tensor, energy: torch.Tensor) -> torch.Tensor:
    kept = (values**2).cumsum(-1)
    slack = torch.finfo(kept.dtype).eps * values.shape[-1] * kept[..., -1]
    short = kept < (energy.detach() - slack)[..., None]  # (..., min(h, w))
    reached = short.sum(-1) + 1
    return torch.where(energy <= slack, 0, reached).clamp(max=values.shape[-1])
