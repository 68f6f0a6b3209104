"""Density, head and slope against loops over the full plane, and their laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from eyechart.spectrum.density import (
    RadialProfile,
    energy_plane,
    grey,
    head_of_profile,
    head_radius,
    profile_of_plane,
    radial_profile,
    share_beyond,
    slope,
    slope_of_profile,
)

SIZES = [(8, 8), (9, 9), (7, 10), (10, 7), (1, 8), (2, 2)]
CONVENTIONS = [
    (quantity, ring, dc, rounding)
    for quantity in ("power", "amplitude")
    for ring in ("sum", "mean")
    for dc in (False, True)
    for rounding in ("continuous", "floor", "round")
]
sides = st.integers(2, 12)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def coefficients(x: np.ndarray, units: str) -> list[tuple[float, float]]:
    """(D, |F|) of every coefficient of the full plane."""
    height, width = x.shape
    z, found = np.fft.fft2(x), []
    for i, j in np.ndindex(height, width):
        fy, fx = min(i, height - i), min(j, width - j)
        if units == "isotropic":
            fy, fx = fy * max(height, width) / height, fx * max(height, width) / width
        found.append((round(float(np.hypot(fy, fx)), 9), abs(z[i, j])))
    return found


def by_loop(x: np.ndarray, quantity: str, ring: str, dc: bool, rounding: str, units: str) -> dict[float, float]:
    """Ring -> energy."""
    on: dict[float, list[float]] = {}
    for d, size in coefficients(x, units):
        k = {"continuous": d, "floor": np.floor(d), "round": np.floor(d + 0.5)}[rounding]
        on.setdefault(float(k), []).append(size**2 if quantity == "power" else size)
    if not dc:
        del on[0.0]
    return {k: sum(on[k]) / (len(on[k]) if ring == "mean" else 1) for k in sorted(on)}


@pytest.mark.parametrize("units", ["index", "isotropic"])
@pytest.mark.parametrize("convention", CONVENTIONS, ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_profile_and_head_by_a_loop(size: tuple[int, int], convention: Any, units: Any) -> None:
    x = noise(3, *size)
    profile, heads = radial_profile(x, *convention, units), head_radius(x, 0.8, *convention, units)
    for i in range(3):
        expected = by_loop(x[i].numpy(), *convention, units)
        np.testing.assert_allclose(profile.radii.numpy(), list(expected), atol=1e-8)
        np.testing.assert_allclose(profile.values[i].numpy(), list(expected.values()), atol=1e-9)
        within = np.cumsum(list(expected.values()))
        assert float(heads[i]) == pytest.approx(list(expected)[int((within < 0.8 * within[-1]).sum())])


@given(sides, sides, st.integers(0, 99))
def test_total_power_is_parsevals(height: int, width: int, seed: int) -> None:
    x = noise(2, 3, height, width, seed=seed)
    expected = height * width * x.square().sum((-2, -1))
    torch.testing.assert_close(energy_plane(x).sum((-2, -1)), expected)
    for rounding in ("continuous", "floor", "round"):
        torch.testing.assert_close(radial_profile(x, dc=True, rounding=rounding).values.sum(-1), expected)


@given(sides, sides, st.integers(-6, 6), st.integers(-6, 6), st.floats(0.1, 1), st.floats(0, 6))
def test_one_wave_has_its_head_at_its_frequency(h: int, w: int, u: int, v: int, share: float, phase: float) -> None:
    assume(abs(u) <= h // 2 and abs(v) <= w // 2 and (u % h, v % w) != (0, 0))
    y, x = torch.arange(h, dtype=torch.float64)[:, None] / h, torch.arange(w, dtype=torch.float64) / w
    wave = 3 + torch.cos(2 * torch.pi * (u * y + v * x) + phase)
    assume(wave.std() > 1e-3)  # at Nyquist some phases leave nothing
    assert float(head_radius(wave, share)) == pytest.approx(np.hypot(u, v))


@given(sides, sides, st.floats(0.1, 10), st.floats(-5, 5), st.integers(0, 99))
def test_head_knows_neither_scale_nor_offset_nor_shift(h: int, w: int, by: float, plus: float, seed: int) -> None:
    x = noise(2, h, w, seed=seed)
    changed = (by * x + plus).roll((1, 2), (-2, -1))
    torch.testing.assert_close(head_radius(changed), head_radius(x))
    a, b = radial_profile(changed).values, radial_profile(x).values
    torch.testing.assert_close(a / a.sum(-1, keepdim=True), b / b.sum(-1, keepdim=True))


@given(sides, sides, st.integers(0, 99))
def test_head_grows_with_the_share(height: int, width: int, seed: int) -> None:
    x = noise(height, width, seed=seed)
    heads = [float(head_radius(x, share)) for share in (0.1, 0.3, 0.5, 0.8, 0.95, 1.0)]
    assert heads == sorted(heads)
    beyond = [float(share_beyond(x, r, dc=False)) for r in heads]
    assert all(rest <= 1 - share + 1e-6 for share, rest in zip((0.1, 0.3, 0.5, 0.8, 0.95, 1.0), beyond, strict=True))


@pytest.mark.parametrize("size", [(16, 16), (15, 15), (12, 20)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_of_equal_coefficients_the_head_holds_a_share(size: tuple[int, int], dtype: torch.dtype) -> None:
    """One bright pixel: all coefficients are equal, so the head is the disc of 80 % of them, whole radii at a time."""
    x = torch.zeros(size, dtype=dtype)
    x[3, 4] = 1
    distance = sorted(d for d, _ in coefficients(x.numpy(), "index"))[1:]
    assert float(head_radius(x)) == pytest.approx(distance[int(np.ceil(0.8 * len(distance) - 1e-9)) - 1])
    profile = radial_profile(x)
    torch.testing.assert_close(profile.values, profile.counts)


def test_white_noise_spreads_like_the_counts() -> None:
    x = torch.randn((4000, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    profile = radial_profile(x)
    mean = profile.values.mean(0) / profile.counts
    torch.testing.assert_close(mean / 256, torch.ones_like(mean), atol=0.04, rtol=0)


@pytest.mark.parametrize("size", [(32, 32), (31, 31), (33, 32)])
def test_a_power_law_has_its_slope(size: tuple[int, int]) -> None:
    fy, fx = np.fft.fftfreq(size[0]) * size[0], np.fft.fftfreq(size[1]) * size[1]
    distance = np.hypot(fy[:, None], fx[None, :])
    x = torch.from_numpy(np.fft.ifft2(np.maximum(distance, 1) ** -1.5).real)
    assert float(slope(x, rounding="continuous")) == pytest.approx(-3)
    assert float(slope(x, "amplitude", rounding="continuous")) == pytest.approx(-1.5)
    rings = by_loop(x.numpy(), "power", "mean", False, "floor", "index")
    k = [k for k in rings if k <= min(size) // 2]
    assert float(slope(x)) == pytest.approx(np.polyfit(np.log(k), np.log([rings[i] for i in k]), 1)[0])


def test_slope_needs_two_rings_with_energy() -> None:
    radii, counts = torch.tensor([1.0, 2.0, 3.0]), torch.ones(3)
    values = torch.tensor([[8.0, 4.0, 0.0], [0.0, 4.0, 1.0], [0.0, 0.0, 0.0]])
    profile = RadialProfile(radii, values, counts)
    assert slope_of_profile(profile, 3).isnan().all()
    assert slope_of_profile(profile, 2)[0].item() == pytest.approx(-1)
    assert slope_of_profile(profile, 1).isnan().all()


def test_profiles_and_planes_pool_alike() -> None:
    x = noise(5, 9, 12) * torch.tensor([0.1, 1, 2, 5, 9])[:, None, None]
    plane = energy_plane(x)
    apart = profile_of_plane(plane, 12, rounding="continuous")
    pooled = profile_of_plane(plane.sum(0), 12, rounding="continuous")
    torch.testing.assert_close(apart.values.sum(0), pooled.values)
    side_by_side = torch.cat([x, x.flip(-1)])  # mirrored images have the same rings
    assert float(head_of_profile(pooled)) == float(
        head_of_profile(pooled._replace(values=radial_profile(side_by_side, rounding="continuous").values.sum(0)))
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [*SIZES, (1, 1), (33, 21)])
def test_a_flat_image_has_no_head(size: tuple[int, int], dtype: torch.dtype) -> None:
    for grey_level in (0.0, 0.7, 1 / 3):
        flat = torch.full((2, *size), grey_level, dtype=dtype)
        assert head_radius(flat).isnan().all()
        assert slope(flat).isnan().all()
        assert share_beyond(flat, 1, dc=False).isnan().all()
        if grey_level:
            assert head_radius(flat, dc=True).tolist() == [0, 0]
    mixed = torch.stack([flat[0], noise(*size).to(dtype)])
    assert head_radius(mixed).isnan().tolist() == [True, size == (1, 1)]


def test_bytes_are_taken_as_they_are() -> None:
    x = (255 * noise(3, 8, 8)).to(torch.uint8)
    torch.testing.assert_close(energy_plane(x), energy_plane(x.float()))


def test_grey_is_the_weighted_sum() -> None:
    colours = torch.eye(3, dtype=torch.float64)[:, :, None, None].expand(3, 3, 2, 4)
    assert grey(colours)[:, 0, 0].tolist() == [0.2989, 0.587, 0.114]
    assert grey(colours).shape == (3, 2, 4)


def test_wrong_settings_are_refused() -> None:
    x = noise(4, 4)
    for share in (0, -0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="share is"):
            head_radius(x, share)
    with pytest.raises(ValueError, match="quantity is 'energy'"):
        energy_plane(x, "energy")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ring is 'max'"):
        radial_profile(x, ring="max")  # type: ignore[arg-type]


@pytest.mark.shared
def test_heads_of_cifar(cifar: Tensor) -> None:
    """frequency.md, section 9, figures for the lossless test set; the other conventions are printed."""
    assert len(cifar) == 9979
    images = grey(cifar.float() / 255)
    heads = head_radius(images)
    assert float(heads.mean()) == pytest.approx(4.70, abs=0.02)
    assert float(heads.median()) == pytest.approx(4.47, abs=0.005)
    pooled = profile_of_plane(energy_plane(images).double().sum(0), 32, rounding="continuous")
    assert float(head_of_profile(pooled)) == pytest.approx(4.24, abs=0.005)
    for quantity, ring, dc, rounding in CONVENTIONS:
        found = head_radius(images, 0.8, quantity, ring, dc, rounding)  # type: ignore[arg-type]
        print(f"{quantity:9} {ring:4} dc={dc!s:5} {rounding:10} mean {found.mean():.3f} median {found.median():.3f}")
