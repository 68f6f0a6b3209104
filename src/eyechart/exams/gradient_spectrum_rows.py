"""What the gradient_spectrum exam reads off a batch: its plan for a size of frames, rows and summands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from eyechart.core.exam import Array
from eyechart.exams.gradient_spectrum_strength import (
    PARITY_FLOOR,
    Cells,
    Channel,
    Columns,
    Grid,
    cells,
    centres,
    gini,
    grid,
    image_power,
    ordered,
    ring_means,
    share_beyond,
    strength,
)
from eyechart.spectrum.density import head_of_profile, profile_of_plane
from eyechart.spectrum.grid import Rings, Units, ring_sums, rings

PUBLISHED_COLUMNS = 544  # of 32-pixel frames, where the published ranks are 0, 100, 200, 300, 400 and the last
MOST_RANKS = 600
NYQUIST_SHARES = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Plan:
    """Settings of the exam, and what follows from them for frames of ``size``; all pure data.

    Attributes:
        size: (height, width).
        columns, channel, normalise, percentiles, given_radii, head_share, zero_frequency, units: see the exam's settings.
    """

    size: tuple[int, int]
    columns: Columns = "unique"
    channel: Channel = "rms"
    normalise: bool = False
    percentiles: tuple[float, ...] = (0, 20, 40, 60, 80, 100)
    given_radii: tuple[float, ...] | None = None
    head_share: float = 0.8
    zero_frequency: bool = True
    units: Units = "index"

    @property
    def nyquist(self) -> float:
        """n/2, by which radii are divided."""
        return max(self.size) / 2

    @property
    def radii(self) -> tuple[float, ...]:
        """Radii of shares beyond."""
        return self.given_radii or tuple(share * self.nyquist for share in NYQUIST_SHARES)

    @property
    def n_ranks(self) -> int:
        """How many frequencies are ranked."""
        return len(self.grid().ranked)

    @property
    def ranks(self) -> tuple[int, ...]:
        """The ranks at the percentiles, without repeats."""
        last = self.n_ranks - 1
        return tuple(dict.fromkeys(self._rank(p, last) for p in self.percentiles))

    @property
    def curve(self) -> tuple[int, ...]:
        """Ranks at which strengths are summed: all, or of many the first ones densely and the others evenly."""
        return spread_ranks(self.n_ranks, MOST_RANKS)

    def percentile(self, rank: int) -> float:
        """Share of the ranking above a rank, in percent."""
        return 100 * rank / max(1, self.n_ranks - 1)

    def grid(self, device: str = "cpu") -> Grid:
        """Coefficients of the half plane."""
        return grid(*self.size, self.columns, self.units, device)

    def rings(self, device: str = "cpu") -> Rings:
        """Rings of whole radii."""
        return rings(*self.size, "floor", self.units, device)

    def ring_radii(self) -> Array:
        """(rings,) mean D of the frequencies on each ring."""
        plane, on = (self.grid().radii * self.grid().weights).view(self.size[0], -1), self.rings()
        return (ring_sums(plane, on) / on.counts).numpy()

    def cells(self, device: str = "cpu") -> Cells:
        """Cells of the plane."""
        return cells(*self.size, device)

    def weights(self, device: str = "cpu") -> torch.Tensor:
        """(p,) what each coefficient counts in the gradient's shares."""
        weights = self.grid(device).weights
        return weights if self.zero_frequency else weights * (torch.arange(len(weights), device=device) > 0)

    def frequencies_beyond(self, beyond: torch.Tensor) -> torch.Tensor:
        """Share of all frequencies at D > ``beyond`` (n, k)."""
        device = str(beyond.device)
        return share_beyond(self.weights(device).expand(len(beyond), -1), self.grid(device).radii, beyond)

    def frequencies_beyond_radius(self, radius: float) -> float:
        """Share of all frequencies at D > ``radius``."""
        return float(self.frequencies_beyond(torch.tensor([[radius]], dtype=torch.float64)))

    def centres(self) -> tuple[list[int], list[int]]:
        """Where the rows and columns of ``cells`` lie: signed fy ascending, fx from 0."""
        return centres(*self.size)

    def _rank(self, percentile: float, last: int) -> int:
        if self.columns == "unique" or percentile == 100:
            return round(percentile / 100 * last)
        return min(last, int(5 * percentile * self.n_ranks / PUBLISHED_COLUMNS))


def spread_ranks(n: int, most: int) -> tuple[int, ...]:
    """At most ``most`` of the ranks 0..n-1, first and last among them: all, or the first densely and the others evenly."""
    if n <= most:
        return tuple(range(n))
    dense = most // 4
    few = np.r_[np.geomspace(1, n, dense) - 1, np.linspace(0, n - 1, most - dense)]
    return tuple(np.unique(few.round().astype(int)).tolist())


def measured(gradients: torch.Tensor, pixels: torch.Tensor, plan: Plan) -> tuple[dict[str, Array], dict[str, Array]]:
    """Rows, and what is to be summed over images, of gradients and pixels (n, c, h, w).

    Rows of images without a gradient (all 0) are NaN but for what speaks of the image alone; their summands are 0.
    """
    g, power = strength(gradients, plan.channel), image_power(pixels)
    device = str(g.device)
    profile = profile_of_plane(power, plan.size[1], "sum", False, "continuous", plan.units)
    head = head_of_profile(profile, plan.head_share)[:, None]
    fixed = torch.tensor(plan.radii, dtype=head.dtype, device=device).expand(len(head), -1)
    beyond = torch.cat([head, fixed], 1)
    image = share_beyond(power.flatten(1), plan.grid(device).radii, beyond)
    rows, summands = _felt(g, beyond, plan)
    rows |= {
        "gradient_norm": gradients.double().square().sum((1, 2, 3)).sqrt(),
        "head_radius": head[:, 0],
        "frequencies_beyond_head": plan.frequencies_beyond(head)[:, 0],
        "image_share_beyond_head": image[:, 0],
        "image_share_beyond": image[:, 1:],
    }
    has = (g > 0).flatten(1).any(1)
    blank = {"strength", "gradient_norm"}
    rows = {name: torch.where(has, column, torch.nan) if name in blank else column for name, column in rows.items()}
    on, amplitude = plan.rings(device), power.sqrt() * plan.grid(device).weights.view(power.shape[1:]).sqrt()
    summands |= {
        "images": has,
        "image_rings": ring_sums(amplitude, on) / on.counts * has[:, None],
        "image_amplitude": amplitude.sum((1, 2)) / (on.counts.sum() - 1).clamp(min=1) * has,
    }
    return {k: _numpy(v, np.float32) for k, v in rows.items()}, {k: _numpy(v, np.float64) for k, v in summands.items()}


def _felt(g: torch.Tensor, beyond: torch.Tensor, plan: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows and summands that speak of the gradient's strengths g (n, h, w // 2 + 1)."""
    device = str(g.device)
    on, flat = plan.grid(device), g.flatten(1)
    falling, order = ordered(flat, on.ranked)
    ranks = list(plan.ranks)
    radius = torch.where(falling[:, ranks] > 0, on.radii[order[:, ranks]], torch.nan)
    uneven, has = gini(falling), falling[:, :1] > 0
    if plan.columns == "parity":
        falling = torch.where(has, falling + PARITY_FLOOR, 0.0)
    scale = falling.sum(1, keepdim=True) if plan.normalise else torch.ones_like(has, dtype=g.dtype)
    scale = torch.where(has, scale, 1.0)
    falling, flat, g = falling / scale, flat / scale, g / scale[:, :, None]
    shares = share_beyond(flat**2 * plan.weights(device), on.radii, beyond)
    mean = (flat * on.weights).sum(1) / on.weights.sum()
    by_ring = ring_means(g, plan.size[1], plan.units)
    rows = {
        "strength": mean,
        "ring_strength": torch.where(has, by_ring, torch.nan),
        "rank_strength": torch.where(has, falling[:, ranks], torch.nan),
        "rank_radius": radius,
        "gini": uneven,
        "share_beyond_head": shares[:, 0],
        "share_beyond": shares[:, 1:],
    }
    return rows, {"ranks": falling[:, list(plan.curve)], "cells": plan.cells(device).means(flat), "strength": mean}


def _numpy(column: torch.Tensor, kind: type[np.floating[Any]]) -> Array:
    return column.detach().cpu().numpy().astype(kind)
