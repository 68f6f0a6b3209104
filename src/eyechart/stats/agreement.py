"""Do two observers err on the same images? Consistency of right and wrong answers, beyond what their accuracies give.

Geirhos, Meding & Wichmann (NeurIPS 2020, arXiv 2006.16736); bounds and copies: Klein et al. (2025, arXiv 2507.06645).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

NO_KAPPA = "both observers were right on every image, or both wrong on every image: there is no error to agree on"
ONE_SIDED = "one observer was always right or always wrong, so that 0 says nothing"
_SLACK = 1e-12  # rounding of accuracies that are shares of integers


@dataclass(frozen=True)
class Fourfold:
    """How two observers fared on the same images, in four counts; all figures are exact ratios of integers.

    Attributes:
        both, first_only, second_only, neither: images that were answered rightly by whom.

    Raises:
        ValueError: a negative count, or no image at all.
    """

    both: int
    first_only: int
    second_only: int
    neither: int

    def __post_init__(self) -> None:
        if min(self.counts) < 0 or not self.n:
            raise ValueError(f"counts {self.counts} of no images, or below 0")

    @classmethod
    def of(cls, first: Array, second: Array) -> Fourfold:
        """From (n,) of whether each observer was right, image by image. Raises ValueError if lengths differ."""
        a, b = np.asarray(first, bool), np.asarray(second, bool)
        if a.shape != b.shape or a.ndim != 1:
            raise ValueError(f"answers of shapes {a.shape} and {b.shape}")
        return cls(*(int(x.sum()) for x in (a & b, a & ~b, ~a & b, ~a & ~b)))

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """The four counts."""
        return self.both, self.first_only, self.second_only, self.neither

    @property
    def n(self) -> int:
        """Images."""
        return sum(self.counts)

    @property
    def right(self) -> tuple[int, int]:
        """Images that each observer got right."""
        return self.both + self.first_only, self.both + self.second_only

    @property
    def accuracies(self) -> tuple[float, float]:
        """Shares of them."""
        return self.right[0] / self.n, self.right[1] / self.n

    @property
    def accuracy_difference(self) -> float:
        """The *squared* difference of the accuracies, as published, although the name does not say so."""
        return ((self.right[0] - self.right[1]) / self.n) ** 2

    @property
    def observed(self) -> float:
        """Share of images that both got right or both got wrong."""
        return (self.both + self.neither) / self.n

    @property
    def expected(self) -> float:
        """What independent observers of these accuracies would have: p1 p2 + (1 - p1)(1 - p2)."""
        return self._expected / self.n**2

    @property
    def kappa(self) -> float | None:
        """Error consistency, Cohen's kappa of right and wrong: (observed - expected) / (1 - expected).

        0 is chance, 1 the same errors. None where both were right, or both wrong, on all images: see ``NO_KAPPA``.

        >>> Fourfold(1, 1, 1, 1).kappa, Fourfold(2, 1, 0, 3).kappa, Fourfold(9, 0, 0, 0).kappa
        (0.0, 0.6666666666666666, None)
        """
        room = self.n**2 - self._expected
        return (self.n * (self.both + self.neither) - self._expected) / room if room else None

    @property
    def informative(self) -> bool:
        """False where an observer was always right or always wrong: kappa is then 0 or undefined by arithmetic alone."""
        return all(0 < right < self.n for right in self.right)

    @property
    def no_kappa(self) -> str:
        """Why kappa says nothing; empty where it says something."""
        return NO_KAPPA if self.kappa is None else "" if self.informative else ONE_SIDED

    @property
    def kappa_bounds(self) -> tuple[float, float] | None:
        """The least and the greatest kappa that these accuracies allow; None where it is undefined."""
        return None if self.kappa is None else kappa_bounds(*self.accuracies)

    @property
    def _expected(self) -> int:
        """Expected consistency times n squared."""
        (a, b), n = self.right, self.n
        return a * b + (n - a) * (n - b)


def expected_consistency(p1: float, p2: float) -> float:
    """Share of images on which independent observers of accuracies p1 and p2 are both right or both wrong."""
    return p1 * p2 + (1 - p1) * (1 - p2)


def consistency_bounds(p1: float, p2: float) -> tuple[float, float]:
    """The least and the greatest observed consistency that two accuracies allow."""
    return abs(_share(p1) + _share(p2) - 1), 1 - abs(p1 - p2)


def kappa_bounds(p1: float, p2: float) -> tuple[float, float] | None:
    """The least and the greatest kappa that two accuracies allow; None where both are 0 or both 1.

    >>> [round(end, 5) for end in kappa_bounds(0.8, 0.6)]
    [-0.36364, 0.54545]
    """
    low, high = consistency_bounds(p1, p2)
    if p1 == p2 and p1 in (0, 1):
        return None
    expected = expected_consistency(p1, p2)
    return (low - expected) / (1 - expected), (high - expected) / (1 - expected)


def accuracies_allowed(accuracy: float, kappa: float) -> tuple[float, float]:
    """Between which accuracies an observer must lie who has this kappa (0 to 1) with one of this accuracy (above 0, below 1).

    >>> [round(end, 4) for end in accuracies_allowed(0.6, 6 / 11)]
    [0.36, 0.8]

    Raises:
        ValueError: outside these ranges.
    """
    a, k = accuracy, kappa
    if not (0 < a < 1 and 0 <= k <= 1):
        raise ValueError(f"an accuracy of {a} and a kappa of {k}: wanted above 0 and below 1, and from 0 to 1")
    return a * k / (2 * a * k - 2 * a - k + 2), a * (2 - k) / (k + 2 * a * (1 - k))


def small_sample(kappa: float, n: int) -> float:
    """Kappa of n images, corrected for its bias towards 0: n k / (n - 1 + k). Raises ValueError for fewer than two images."""
    if n < 2:
        raise ValueError(f"{n} images have no correction")
    return n * kappa / (n - 1 + kappa)


@dataclass(frozen=True)
class Copying:
    """The second observer as one that copies the first on some images, and answers independently on the others.

    Attributes:
        share: of images on which it copies.
        inverse: it then does the opposite: right where the first is wrong.
        own_accuracy: on the other images.
    """

    share: float
    inverse: bool
    own_accuracy: float


def copying(p1: float, p2: float, kappa: float) -> Copying:
    """How much copying gives this kappa at these accuracies (Klein et al.); with equal accuracies the share is kappa itself.

    Raises:
        ValueError: a first observer who is always right or wrong; a kappa that these accuracies do not allow; one of 1 or -1
            in size, after which nothing is left for the second observer's own answers.
    """
    spread = 2 * _share(p1) * (1 - p1)
    if not spread:
        raise ValueError(f"who copies an observer of accuracy {p1} cannot be told from one of that accuracy")
    share = abs(kappa) * (1 - expected_consistency(p1, _share(p2))) / spread
    if share >= 1 - _SLACK:
        raise ValueError(f"a kappa of {kappa} would be nothing but copies: their own accuracy is not defined")
    own = (p2 - share * (p1 if kappa >= 0 else 1 - p1)) / (1 - share)
    if not -_SLACK <= own <= 1 + _SLACK:
        raise ValueError(
            f"accuracies of {p1} and {p2} do not allow a kappa of {kappa} by copying: own accuracy {own:.3g}"
        )
    return Copying(share, kappa < 0, min(1.0, max(0.0, own)))


def above_chance(found: Fourfold, draws: int = 10_000, seed: int = 0) -> float:
    """How often one observer's right and wrong answers, strewn at random over the images, agree as well with the other's.

    A one-sided permutation test of kappa > 0, which with many draws is Fisher's exact test: p = (1 + extreme) / (draws + 1).
    Of permutations only the number of images that both get right matters, and it is hypergeometric.
    """
    a, b = found.right
    chance = np.random.default_rng(seed)
    both = chance.hypergeometric(a, found.n - a, b, draws) if b else np.zeros(draws, np.int64)
    return (1 + int((both >= found.both).sum())) / (draws + 1)


def _share(p: float) -> float:
    if not (isfinite(p) and 0 <= p <= 1):
        raise ValueError(f"an accuracy of {p}: wanted from 0 to 1")
    return p
