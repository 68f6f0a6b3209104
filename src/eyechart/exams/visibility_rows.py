"""What the visibility exam measures of a batch of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from eyechart.spectrum.bands import low_from_spectrum, spectrum
from eyechart.spectrum.grid import Units, radius_map
from eyechart.spectrum.similarity import ssim
from eyechart.spectrum.visibility import (
    luminance_change,
    pooled_contrast,
    relative_luminance,
    root_mean_square,
    weigh_contrast,
)
from eyechart.views.splits import luminance as grey_values

Array = np.ndarray[Any, Any]
OF_VIEWS = ("weighted_contrast", "pooled_contrast", "ssim", "alone_contrast")
MID_GREY = 0.5  # that of the view Grey
CHUNK = 2**20  # values worked on at once: their spectra stay near the cache


def grid_radii(size: tuple[int, int], steps: int, units: Units) -> list[float]:
    """Multiples of (n/2) / steps from 0 on, and last the frame's corner, above which nothing lies.

    >>> grid_radii((8, 8), 2, "index")
    [0.0, 2.0, 4.0, 5.656854249492381]
    """
    corner = float(radius_map(*size, units).max())
    step = max(size) / 2 / steps
    within = [k * step for k in range(int(corner / step) + 1)]
    return [*(radius for radius in within if radius < corner), corner]


def chunks(frames: torch.Tensor) -> Iterator[slice]:
    """A few frames at a time."""
    step = max(1, CHUNK // frames[0].numel())
    return (slice(start, start + step) for start in range(0, len(frames), step))


def of_views(
    frames: torch.Tensor,
    shown: Sequence[torch.Tensor],
    on_grey: Sequence[bool],
    per_degree: float,
    brightness: bool,
    local: bool = False,
) -> dict[str, Array]:
    """How far views change frames (n, c, h, w): columns (n, views), NaN for black frames.

    Args:
        frames: the images.
        shown: of each view (n, c, h, w).
        on_grey: which views lie on mid grey; for these ``alone_contrast`` compares with that grey instead, else NaN.
        per_degree, brightness: see ``weigh_contrast``.
        local: whether contrast is relative to ``local_luminance``.
    """
    before, grey = relative_luminance(frames), grey_values(frames)
    even = relative_luminance(torch.full_like(frames[:1], MID_GREY))
    found: dict[str, list[torch.Tensor]] = {m: [] for m in OF_VIEWS}
    for pixels, alone in zip(shown, on_grey, strict=True):
        after = relative_luminance(pixels)
        change = luminance_change(before, after, per_degree if local else None)
        weighted = weigh_contrast(change, per_degree, dc=brightness)
        found["weighted_contrast"].append(root_mean_square(weighted))
        found["pooled_contrast"].append(pooled_contrast(weighted, per_degree))
        found["ssim"].append(ssim(grey, grey_values(pixels.clamp(0, 1))))
        if alone:
            weighted = weigh_contrast(luminance_change(even, after), per_degree, dc=brightness)
            found["alone_contrast"].append(pooled_contrast(weighted, per_degree))
        else:
            found["alone_contrast"].append(torch.full_like(found["ssim"][-1], torch.nan))
    return {name: _columns(values) for name, values in found.items()}


def above_radii(
    frames: torch.Tensor,
    radii: Sequence[float],
    per_degree: Sequence[float],
    units: Units,
    brightness: bool,
    local: bool = False,
) -> Array:
    """Pooled contrast of what lies above each radius of ``grid_radii``, at each distance: (n, distances, radii)."""
    before, size = relative_luminance(frames), (frames.shape[-2], frames.shape[-1])
    coefficients = spectrum(frames)
    black = torch.where(before.amax((-2, -1)) > 0, 0.0, torch.nan)
    found = []
    for radius in radii[:-1]:
        low = low_from_spectrum(coefficients, size, radius, True, units)
        after = relative_luminance(low)
        changes = ((luminance_change(before, after, p if local else None), p) for p in per_degree)
        at = [pooled_contrast(weigh_contrast(change, p, dc=brightness), p) for change, p in changes]
        found.append(torch.stack(at, 1))
    found.append(
        black[:, None].expand(-1, len(per_degree))
    )  # exactly nothing, which a transform would miss by rounding
    return torch.stack(found, 2).cpu().numpy().astype(np.float32)


def threshold_radii(above: Array, radii: Sequence[float]) -> Array:
    """Smallest radius at and beyond which all that lies above is below threshold: (n, distances), NaN for black frames.

    Args:
        above: (n, distances, radii), of ``above_radii``.
        radii: ascending; at the last nothing lies above.
    """
    seen = above >= 1
    first = seen.shape[-1] - np.argmax(seen[..., ::-1], axis=-1)  # one beyond the last place where it is seen
    found = np.asarray(radii)[np.where(seen.any(-1), first, 0)]
    return np.where(np.isnan(above[..., -1]), np.nan, found)


def _columns(values: Sequence[torch.Tensor]) -> Array:
    return torch.stack(list(values), 1).cpu().numpy().astype(np.float32)
