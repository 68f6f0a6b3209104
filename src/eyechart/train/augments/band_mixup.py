"""mixup of one band: only the low or the high frequencies of two images are mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from eyechart.spectrum.bands import low_pass
from eyechart.train.augment import Mix
from eyechart.train.augments.shares import beta_shares, check_alpha


@dataclass(frozen=True)
class BandMixup(Mix):
    """x + (1 - lam) (band(x') - band(x)), clipped; lam ~ Beta(alpha, alpha), drawn for each pair.

    Ours, to tell by which band mixup works: the other band stays as it is. With the low band and a radius beyond the corner of
    the spectrum it is mixup.

    Attributes:
        band: ``high`` (D > radius) or ``low`` (D <= radius, with the mean).
        radius: cycles per image; 12, at 32 pixels, as in Wang et al. (CVPR 2020).
        alpha: of the distribution.
        labels: ``mixed`` in the same share, or each image keeps its ``own``.
    """

    title: ClassVar[str] = "Only the fine or only the coarse detail of two images is mixed."
    numbers: ClassVar[int] = 1
    band: Literal["low", "high"] = "high"
    radius: float = 12.0
    alpha: float = 1.0
    labels: Literal["mixed", "own"] = "mixed"

    def __post_init__(self) -> None:
        check_alpha(self.alpha)

    @property
    def mixes_labels(self) -> bool:
        """As ``labels`` says."""
        return self.labels == "mixed"

    def __call__(self, pixels: Tensor, others: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Both filters are linear, so the difference alone is filtered."""
        share = beta_shares(drawn[:, 0], self.alpha)
        apart = others - pixels
        low = low_pass(apart, self.radius)
        moved = low if self.band == "low" else apart - low
        mixed = (moved * (1 - share).view(-1, 1, 1, 1)).add_(pixels).clamp_(0, 1)
        return mixed, share if self.mixes_labels else share.new_ones(len(share))
