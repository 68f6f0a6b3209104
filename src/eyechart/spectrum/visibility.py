"""How far a change of a picture can be seen: contrast weighted by the eye's sensitivity.

Two pictures -> the contrast of their difference -> the same in units of its threshold -> one number: the standard model of
Watson & Ahumada (Journal of Vision 5(9):6, 2005, doi 10.1167/5.9.6) without its oblique effect. It leaves out colour (only
luminance counts), what lies beneath the difference (strong texture hides it, weak texture may bring it out), diagonals (about
which the eye is duller than stated), movement, the corner of the eye and dim light. Pixels are taken as samples of a smooth
picture, so the edges of magnified pixels do not count.
"""

from __future__ import annotations

from functools import lru_cache
from math import atan, degrees, erf, sqrt
from typing import Literal

import torch

from eyechart.spectrum.grid import check, radius_map

Curve = Literal["watson_ahumada", "mannos_sakrison"]
LUMINANCE = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709, of linear light
GAIN, HIGH, LOW, LOSS, STEEPNESS = 373.08, 4.1726, 1.3625, 0.8493, 0.7786  # the standard model's fit to ModelFest
SUMMATION, APERTURE = 2.4081, 0.6273  # exponent; standard deviation in degrees
FLARE = 0.01  # of the screen's white, which the room's light adds in sRGB's reference viewing (IEC 61966-2-1)


def pixels_per_degree(pixels: int, width_cm: float, distance_cm: float) -> float:
    """Pixels in a degree of the visual field, on average over a picture looked at straight: pixels / (2 atan(w / 2d)).

    Args:
        pixels: across the picture.
        width_cm: w, of the picture.
        distance_cm: d, from the eye to the middle of the picture.

    Raises ValueError unless all are above 0.

    >>> round(pixels_per_degree(224, 10, 60), 2)
    23.51
    """
    if min(pixels, width_cm, distance_cm) <= 0:
        raise ValueError(f"{pixels} pixels, width {width_cm} cm, distance {distance_cm} cm: all must be above 0")
    return pixels / (2 * degrees(atan(width_cm / (2 * distance_cm))))


def contrast_sensitivity(frequency: torch.Tensor, curve: Curve = "watson_ahumada") -> torch.Tensor:
    """Sensitivity of the eye to waves: the same shape.

    Args:
        frequency: cycles per degree, from 0 on.
        curve: ``watson_ahumada``: 373.08 (sech((f / 4.1726)^0.7786) - 0.8493 sech(f / 1.3625)), the curve HPmH with the
            constants of the paper's standard model, fitted to the thresholds (84 % correct) of 16 observers for 43 patterns
            at 30 cd/m^2. Absolute: what ``pooled_contrast`` makes of a pattern at threshold is 1. At most 217, near 3.4
            cycles per degree; 56 at 0.
            ``mannos_sakrison``: 2.6 (0.0192 + 0.114 f) exp(-(0.114 f)^1.1) (IEEE Trans. Inf. Theory 20(4), 1974), relative
            to about 1, its peak near 8 cycles per degree: shapes may be compared, thresholds not.

    >>> contrast_sensitivity(torch.tensor([0.0, 4.0, 16.0, 60.0], dtype=torch.float64)).round(decimals=1).tolist()
    [56.2, 214.2, 43.1, 0.3]
    """
    check("curve", curve, ("watson_ahumada", "mannos_sakrison"))
    if curve == "mannos_sakrison":
        scaled = 0.114 * frequency
        return 2.6 * (0.0192 + scaled) * (-(scaled**1.1)).exp()
    return GAIN * (_sech((frequency / HIGH) ** STEEPNESS) - LOSS * _sech(frequency / LOW))


def relative_luminance(images: torch.Tensor) -> torch.Tensor:
    """Luminance of sRGB images (..., 3 or 1, h, w) relative to the screen's white: (..., h, w) in [0, 1].

    Values beyond [0, 1] are clipped, as a screen would. IEC 61966-2-1: c / 12.92 up to 0.04045, else
    ((c + 0.055) / 1.055)^2.4; then .2126 R + .7152 G + .0722 B. A single channel is grey.
    """
    shown = images.clamp(0, 1)
    linear = torch.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    if linear.shape[-3] == 1:
        return linear.squeeze(-3)
    red, green, blue = linear.unbind(-3)
    return LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue


def luminance_change(first: torch.Tensor, second: torch.Tensor, local: float | None = None) -> torch.Tensor:
    """Contrast of the difference of two luminances (..., h, w): (second - first) / mean of the first, same shape.

    Args:
        first, second: see ``relative_luminance``.
        local: pixels per degree, if contrast is to be relative to ``local_luminance`` instead.

    NaN where the first is black: there is no light to compare with.
    """
    mean = first.mean((-2, -1), keepdim=True)
    lit = mean > 0
    field = mean if local is None else local_luminance(first, local)
    return torch.where(lit, (second - first) / torch.where(lit, field, 1.0), torch.nan)


def local_luminance(luminance: torch.Tensor, pixels_per_degree: float) -> torch.Tensor:
    """Mean luminance around each pixel of (..., h, w), at least 0.01 of white: the same shape.

    Weighted by the Gaussian aperture of ``pooled_contrast`` (standard deviation 0.6273 degrees), within the picture. Not part
    of the standard model, whose patterns lay on even fields, where it changes nothing.
    """
    rows, columns = (
        _gaussian(n, APERTURE * float(pixels_per_degree), luminance.dtype, str(luminance.device))
        for n in luminance.shape[-2:]
    )
    weights = rows.sum(1)[:, None] * columns.sum(1)
    around: torch.Tensor = (rows @ luminance @ columns.T / weights).clamp_min(FLARE)
    return around


def weigh_contrast(
    contrast: torch.Tensor, pixels_per_degree: float, curve: Curve = "watson_ahumada", dc: bool = False
) -> torch.Tensor:
    """Contrast (..., h, w) with each of its waves multiplied by the eye's sensitivity: the same shape, in thresholds.

    Args:
        contrast: such as of ``luminance_change``.
        pixels_per_degree: of the screen as it is seen; pixels are square.
        curve: see ``contrast_sensitivity``.
        dc: whether a change of the mean counts, with the sensitivity at 0. Not by default: the eye adapts to brightness,
            and the curve was measured with patterns.

    The same in all directions. Waves go round at the border, as if the picture were one of many tiles: what changes at one
    edge is felt a little at the other. Linear in the contrast; commutes with circular shifts.
    """
    height, width = contrast.shape[-2:]
    weights = _plane(height, width, float(pixels_per_degree), curve, dc, contrast.dtype, str(contrast.device))
    weighted: torch.Tensor = torch.fft.irfft2(torch.fft.rfft2(contrast) * weights, s=(height, width))
    return weighted


def weighted_change(
    images: torch.Tensor,
    others: torch.Tensor,
    pixels_per_degree: float,
    curve: Curve = "watson_ahumada",
    dc: bool = False,
) -> torch.Tensor:
    """How visible the change from images to others is, place by place: (..., h, w), 1 = threshold.

    Args:
        images, others: (..., 3 or 1, h, w) sRGB in [0, 1]; see ``relative_luminance``.
        pixels_per_degree, curve, dc: see ``weigh_contrast``.

    NaN for black images. Of opposite sign, but not of equal size, if the two change places: contrast is relative to the first.
    """
    change = luminance_change(relative_luminance(images), relative_luminance(others))
    return weigh_contrast(change, pixels_per_degree, curve, dc)


def root_mean_square(weighted: torch.Tensor) -> torch.Tensor:
    """Root mean square over the pixels of weighted contrast (..., h, w): (...,), times threshold.

    A cosine of contrast C and frequency f gives C S(f) / sqrt(2). The mean over the picture: a change in one corner counts
    little.
    """
    return _root(weighted.square().mean((-2, -1)), 2.0)


def pooled_contrast(weighted: torch.Tensor, pixels_per_degree: float) -> torch.Tensor:
    """Weighted contrast (..., h, w) as the standard model sums it up where it is most visible: (...,), 1 = threshold.

    The largest, over all places to look at, of (integral of |e a|^b over the picture)^(1/b), in degrees, with b = 2.4081 and
    a the Gaussian aperture of standard deviation 0.6273 degrees around the place: what lies aside is seen less. Pixels are
    squares of constant e; beyond the picture there is no change. The paper looks at one place, where the pattern is.

    A large grating of contrast C gives 0.735 C S(f), much as ``root_mean_square``; a change in one corner counts in full.
    """
    height, width = weighted.shape[-2:]
    rows, columns = (
        _aperture(n, float(pixels_per_degree), weighted.dtype, str(weighted.device)) for n in (height, width)
    )
    everywhere = rows @ weighted.abs() ** SUMMATION @ columns.T
    return _root(everywhere.amax((-2, -1)), SUMMATION)


def _sech(x: torch.Tensor) -> torch.Tensor:
    """1 / cosh(x) for x >= 0, without the infinities of cosh."""
    small = (-x).exp()
    return 2 * small / (1 + small**2)


def _root(values: torch.Tensor, power: float) -> torch.Tensor:
    """values ** (1 / power), whose slope at 0 is taken as 0."""
    nothing = values == 0
    root: torch.Tensor = torch.where(nothing, 1.0, values) ** (1 / power)
    return torch.where(nothing, 0.0, root)


@lru_cache(maxsize=64)
def _plane(
    height: int, width: int, per_degree: float, curve: Curve, dc: bool, dtype: torch.dtype, device: str
) -> torch.Tensor:
    """Sensitivity at every coefficient of ``rfft2``: (height, width // 2 + 1)."""
    with torch.inference_mode(False):
        weights = contrast_sensitivity(
            radius_map(height, width, "isotropic") * (per_degree / max(height, width)), curve
        )
        if not dc:
            weights[0, 0] = 0.0
        return weights.to(dtype).to(device)


@lru_cache(maxsize=64)
def _aperture(pixels: int, per_degree: float, dtype: torch.dtype, device: str) -> torch.Tensor:
    """Integrals over pixel j of a^b, where pixel i is looked at, along one axis in degrees: (pixels, pixels)."""
    sigma = APERTURE / sqrt(SUMMATION) * per_degree  # of a^b, in pixels
    with torch.inference_mode(False):
        return _gaussian(pixels, sigma, dtype, device) * (sigma * sqrt(torch.pi / 2) / per_degree)


@lru_cache(maxsize=64)
def _gaussian(pixels: int, sigma: float, dtype: torch.dtype, device: str) -> torch.Tensor:
    """Twice the share of a Gaussian around pixel i that falls on pixel j: (pixels, pixels); sigma in pixels."""
    ends = [
        erf((k + 0.5) / (sigma * sqrt(2))) for k in range(-pixels, pixels)
    ]  # of the pixels -pixels + 1 to pixels - 1
    with torch.inference_mode(False):
        strip = torch.tensor(ends, dtype=torch.float64, device="cpu").diff()
        apart = torch.arange(pixels)[None, :] - torch.arange(pixels)[:, None]
        return strip[apart + pixels - 1].to(dtype).to(device)
