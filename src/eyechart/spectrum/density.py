"""Radial spectral density, and the radius that parts its head from its tail (Lin et al., NeurIPS 2023).

Images -> a plane of energies -> a profile over rings -> a number. Planes and profiles of several images may be summed in
between: that pools them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch

from eyechart.spectrum.grid import Rounding, Units, check, plane_weights, ring_sums, rings

Quantity = Literal["power", "amplitude"]
RingValue = Literal["sum", "mean"]
GREY = (0.2989, 0.587, 0.114)


class RadialProfile(NamedTuple):
    """Energy over rings.

    Attributes:
        radii: (k,) float64, ascending, in cycles per image.
        values: (..., k) energy of each ring.
        counts: (k,) float64, coefficients of the full plane on each ring.
    """

    radii: torch.Tensor
    values: torch.Tensor
    counts: torch.Tensor


def grey(images: torch.Tensor) -> torch.Tensor:
    """.2989 R + .587 G + .114 B of colour images (..., 3, h, w): (..., h, w)."""
    red, green, blue = images.unbind(-3)
    return GREY[0] * red + GREY[1] * green + GREY[2] * blue


def energy_plane(images: torch.Tensor, quantity: Quantity = "power") -> torch.Tensor:
    """|F|^2 or |F| of images (..., h, w) on the half plane, columns that stand for two counted twice: (..., h, w // 2 + 1).

    Zero frequency first. Sums over it are sums over the full plane: those of power are h * w * sum(x ** 2).
    """
    check("quantity", quantity, ("power", "amplitude"))
    images = images if images.is_floating_point() else images.float()
    height, width = images.shape[-2:]
    anchor = images[..., :1, :1]  # without it rounding would leave a flat image a spectrum
    coefficients = torch.fft.rfft2(images - anchor)
    coefficients = coefficients + torch.nn.functional.pad(anchor * (height * width), (0, width // 2, 0, height - 1))
    amplitude = quantity == "amplitude"
    energy: torch.Tensor = coefficients.abs() if amplitude else coefficients.real**2 + coefficients.imag**2
    return energy * plane_weights(width, energy.dtype, str(energy.device))


def profile_of_plane(
    plane: torch.Tensor,
    width: int,
    ring: RingValue = "sum",
    dc: bool = False,
    rounding: Rounding = "floor",
    units: Units = "index",
) -> RadialProfile:
    """Profile of a plane (..., h, width // 2 + 1) of ``energy_plane``, or of a sum of such planes; summed in float64.

    Args:
        plane: of ``energy_plane``.
        width: of the images, which the plane does not tell.
        ring: sum over the ring, or mean over its coefficients.
        dc: keep ring 0, which is zero frequency alone.
        rounding: rings of whole radii, or one a radius (``continuous``).
        units: see ``radius_map``.
    """
    check("ring", ring, ("sum", "mean"))
    on = rings(plane.shape[-2], width, rounding, units, str(plane.device))
    values = ring_sums(plane.double(), on)
    first = 0 if dc else 1
    counts = on.counts[first:]
    values = values[..., first:]
    return RadialProfile(on.radii[first:], values / counts if ring == "mean" else values, counts)


def radial_profile(
    images: torch.Tensor,
    quantity: Quantity = "power",
    ring: RingValue = "sum",
    dc: bool = False,
    rounding: Rounding = "floor",
    units: Units = "index",
) -> RadialProfile:
    """Profile of each plane of images (..., h, w); see ``energy_plane`` and ``profile_of_plane``.

    >>> wave = torch.tensor([[1.0, -1.0], [1.0, -1.0]])
    >>> radial_profile(wave).values.tolist()
    [16.0]
    """
    return profile_of_plane(energy_plane(images, quantity), images.shape[-1], ring, dc, rounding, units)


def head_of_profile(profile: RadialProfile, share: float = 0.8) -> torch.Tensor:
    """Smallest radius within which the share of all energy lies: (...,) float64, NaN where there is no energy.

    Equal up to rounding (1e-6) counts as reached. Raises ValueError unless 0 < share <= 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; it must lie above 0 and be at most 1")
    radii, values, _ = profile
    if not len(radii):  # one pixel
        return values.new_full(values.shape[:-1], torch.nan)
    within = values.cumsum(-1)
    total = within[..., -1:]
    short = within < share * total * (1 - 1e-6)  # float32 transforms are no finer
    at = short.sum(-1).clamp(max=len(radii) - 1)
    return torch.where(total[..., 0] > 0, radii[at], torch.nan)


def head_radius(
    images: torch.Tensor,
    share: float = 0.8,
    quantity: Quantity = "power",
    ring: RingValue = "sum",
    dc: bool = False,
    rounding: Rounding = "continuous",
    units: Units = "index",
) -> torch.Tensor:
    """Radius that parts the head of each plane's spectrum from its tail: (...,) float64, in cycles per image.

    The head is everything at D <= radius, the smallest such disc that holds ``share`` of the energy; coefficients at one D
    enter together. NaN for flat images. Not differentiable: a step function. Invariant to scale and, without DC, to offset.

    Args:
        images: (..., h, w); see ``grey`` for colour images.
        share: of the energy, 0.8 after the 80/20 rule.
        quantity, ring, dc, rounding: the four conventions that change the answer; as in ``radial_profile``.
        units: see ``radius_map``.
    """
    return head_of_profile(radial_profile(images.detach(), quantity, ring, dc, rounding, units), share)


def slope_of_profile(profile: RadialProfile, last: float, first: float = 1.0) -> torch.Tensor:
    """Least-squares slope of log value over log radius, first <= radius <= last: (...,) float64.

    NaN with fewer than two rings or where one of them is empty. A density p(k) = C k ** -alpha has slope -alpha.
    """
    chosen = (profile.radii >= first) & (profile.radii <= last)
    x, values = profile.radii[chosen].log(), profile.values[..., chosen]
    if len(x) < 2:
        return values.new_full(values.shape[:-1], torch.nan)
    x = x - x.mean()
    fine = (values > 0).all(-1)
    y = torch.where(values > 0, values, 1.0).log()  # a log of zero would spoil the gradients of the others
    return torch.where(fine, (y * x).sum(-1) / (x * x).sum(), torch.nan)


def slope(
    images: torch.Tensor,
    quantity: Quantity = "power",
    ring: RingValue = "mean",
    rounding: Rounding = "floor",
    units: Units = "index",
) -> torch.Tensor:
    """Slope of each plane's profile on log-log axes over its whole rings (1 to half the side): (...,) float64.

    About -2 for the power of natural images. Whole rings end at half the shorter side (``isotropic``: the longer).
    """
    side = max(images.shape[-2:]) if units == "isotropic" else min(images.shape[-2:])
    return slope_of_profile(radial_profile(images, quantity, ring, False, rounding, units), side // 2)


def share_beyond(
    images: torch.Tensor, radius: float, quantity: Quantity = "power", dc: bool = True, units: Units = "index"
) -> torch.Tensor:
    """Share of each plane's energy at D > radius: (...,) float64; NaN where there is none."""
    profile = radial_profile(images, quantity, "sum", dc, "continuous", units)
    total = profile.values.sum(-1)
    beyond = profile.values[..., profile.radii > radius].sum(-1)
    return torch.where(total > 0, beyond / torch.where(total > 0, total, 1.0), torch.nan)
