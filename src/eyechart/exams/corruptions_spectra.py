"""Where in the spectrum a corruption changes a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import torch

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Array
from eyechart.core.words import figure
from eyechart.exams.corruptions_cells import Cells, Say
from eyechart.images.corrupted import Name
from eyechart.spectrum import energy_plane, profile_of_plane
from eyechart.stats.intervals import of_means, ratios
from eyechart.stats.soft_labels import rank_correlation

OCTAVES = (0.0, 0.125, 0.25, 0.5, 1.0)  # shares of n/2: above the last one lie the plane's corners alone
TOGETHER = 16 << 20  # bytes of change that are transformed at once
UNCHANGED = "no picture was changed"
TOO_FEW = "fewer than six corruptions, or all alike"


def edges(high: float) -> tuple[float, ...]:
    """Upper ends of the bands as shares of n/2: zero frequency alone, octaves, and where fine detail begins."""
    return (*sorted({*OCTAVES, high}), inf)


def change_energy(plain: torch.Tensor, shown: torch.Tensor, high: float) -> Array:
    """Mean squared change of pixel values (n, c, h, w) in [0, 1] by bands of its spectrum: (n, bands) float32.

    Radii are true circles in cycles per pixel. The bands of an image add up to its mean squared change (Parseval).
    """
    height, width = plain.shape[-2:]
    step = max(1, TOGETHER // (4 * plain[0].numel())) if len(plain) else 1
    parts = []
    for at in range(0, len(plain), step):
        plane = energy_plane(shown[at : at + step].float() - plain[at : at + step].float()).sum(1)
        profile = profile_of_plane(plane, width, dc=True, rounding="continuous", units="isotropic")
        limits = torch.tensor(edges(high)[:-1], dtype=torch.float64) * (max(height, width) / 2)
        band = torch.bucketize(profile.radii.cpu(), limits)  # radius <= limit
        sums = profile.values.new_zeros((len(plane), len(limits) + 1))
        parts.append(sums.index_add_(1, band.to(sums.device), profile.values).cpu().numpy())
    found = np.concatenate(parts) if parts else np.zeros((0, len(edges(high))))
    return np.asarray(found / (plain.shape[1] * (height * width) ** 2), np.float32)


@dataclass(frozen=True)
class Spectra:
    """The changes that corruptions make at one severity.

    Attributes:
        say: makes an estimate of the exam.
        names: of the corruptions.
        severity: at which.
        energy: (n, corruptions, bands), see ``change_energy``.
        high: where fine detail begins, as a share of n/2.
        half: n/2 of the frame, in cycles per image.
        about: coordinates of every figure.
    """

    say: Say
    names: Sequence[Name]
    severity: int
    energy: Array
    high: float
    half: float
    about: Mapping[str, Any]

    def told(self, cells: Cells | None) -> Iterator[Estimate]:
        """By corruption, then how errors go along with it; ``cells`` None: nothing has a label."""
        shares, sizes = [], []
        for k, name in enumerate(self.names):
            bands, at = self.energy[:, k].astype(np.float64), {"corruption": name, **self._shared}
            size = of_means(lambda m: np.sqrt(np.maximum(m[..., 0], 0)), bands.sum(1, keepdims=True))
            yield self.say("change_rms", unit="pixel values from 0 to 1", at=at, **figure(size))
            yield from self._bands(bands, at)
            (share,) = ratios(bands[:, self._above].sum(1, keepdims=True), bands.sum(1, keepdims=True))
            why = "" if share.value is not None else UNCHANGED
            yield self.say("high_share", unit="ratio", at={**at, **self._at(self.high)}, **figure(share, why))
            shares.append(share.value)
            sizes.append(size.value)
        if cells is not None:
            columns = [cells.columns((name,), self.severity) for name in self.names]
            errors = [float(cells.errors[0, c[0]]) if c else None for c in columns]
            yield self._correlation("high_share_correlation", shares, errors, self._at(self.high))
            yield self._correlation("change_rms_correlation", sizes, errors, {})

    @property
    def _shared(self) -> dict[str, Any]:
        return {"severity": self.severity, **self.about}

    @property
    def _above(self) -> list[int]:
        return [k for k, edge in enumerate(edges(self.high)) if edge > self.high]

    def _bands(self, bands: Array, at: dict[str, Any]) -> Iterator[Estimate]:
        limits = edges(self.high)
        shares = ratios(bands, np.tile(bands.sum(1, keepdims=True), (1, len(limits))))
        for inner, outer, share in zip((None, *limits), limits, shares, strict=False):
            where = {**at, "inner_nyquist": inner, **self._at(outer)}
            why = "" if share.value is not None else UNCHANGED
            yield self.say("change_share", unit="ratio", at=where, **figure(share, why))

    def _at(self, edge: float) -> dict[str, float | None]:
        """A radius in cycles per image and as a share of n/2; None: to the corners."""
        beyond = edge == inf
        return {"radius": None if beyond else edge * self.half, "radius_nyquist": None if beyond else edge}

    def _correlation(
        self, measure: str, first: Sequence[float | None], second: Sequence[float | None], at: dict[str, Any]
    ) -> Estimate:
        pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
        columns = np.array(pairs, np.float64).reshape(-1, 2)
        found = rank_correlation(columns[:, 0], columns[:, 1])
        why = "" if found.value is not None else TOO_FEW
        where = {**self._shared, **at}
        return self.say(measure, unit="rank correlation", over="corruptions", at=where, **figure(found, why))
