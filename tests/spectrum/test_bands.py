"""The band split against plain numpy on the full plane, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eyechart.spectrum.bands import band_from_spectrum, band_pass, high_pass, low_from_spectrum, low_pass, spectrum
from eyechart.spectrum.grid import Units, half_plane_weights, low_mask, radius_map

SIZES = [(8, 8), (9, 9), (7, 10), (10, 7), (16, 6), (5, 12), (1, 8), (2, 2)]
UNITS: tuple[Units, Units] = ("index", "isotropic")
Case = tuple[torch.Tensor, float]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A picture in float64 and a radius, often on a ring."""
    height, width = draw(st.integers(1, 13)), draw(st.integers(1, 13))
    radius = draw(st.one_of(st.integers(0, 10).map(float), st.floats(0, 10, allow_nan=False)))
    seed = draw(st.integers(0, 99))
    return torch.rand((2, 3, height, width), generator=torch.Generator().manual_seed(seed), dtype=torch.float64), radius


def by_numpy(x: torch.Tensor, radius: float, inclusive: bool, units: Units) -> np.ndarray:
    """Every coefficient of the full plane in a loop."""
    height, width = x.shape[-2:]
    z = np.fft.fft2(x.numpy())
    for i in range(height):
        for j in range(width):
            fy = i if 2 * i <= height else i - height
            fx = j if 2 * j <= width else j - width
            if units == "isotropic":
                fy, fx = fy * max(height, width) / height, fx * max(height, width) / width
            d = np.hypot(fy, fx)
            if d > radius or (d == radius and not inclusive):
                z[..., i, j] = 0
    back = np.fft.ifft2(z)
    assert np.abs(back.imag).max() < 1e-12  # the mask is Hermitian, odd sizes included
    return back.real


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_agrees_with_numpy_on_the_full_plane(size: tuple[int, int], inclusive: bool, units: Units) -> None:
    x = torch.rand((2, 3, *size), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for radius in (0, 1, 2, 2.5, 3, 5):
        expected = by_numpy(x, radius, inclusive, units)
        np.testing.assert_allclose(low_pass(x, radius, inclusive, units).numpy(), expected, atol=1e-12)
        np.testing.assert_allclose(high_pass(x, radius, inclusive, units).numpy(), x.numpy() - expected, atol=1e-12)


def kept(n: int, radius: float, inclusive: bool) -> int:
    """Coefficients of the full plane that the mask keeps."""
    return round(float((low_mask(n, n, radius, inclusive) * half_plane_weights(n)).sum()))


@pytest.mark.parametrize(
    ("radius", "paper", "code"),
    [(4, 49, 45), (8, 197, 193), (12, 441, 437), (16, 795, 793), (20, 999, 995), (23, 1024, 1024)],
)
def test_number_of_coefficients_at_32_pixels(radius: int, paper: int, code: int) -> None:
    assert (kept(32, radius, True), kept(32, radius, False)) == (paper, code)


def test_number_of_coefficients_does_not_depend_on_the_size_below_nyquist() -> None:
    assert (kept(224, 28, True), kept(224, 28, False)) == (2453, 2449)
    assert {kept(n, 8, True) for n in (17, 32, 33, 224)} == {197}


@pytest.mark.parametrize("size", SIZES)
def test_half_plane_weights_count_the_full_plane(size: tuple[int, int]) -> None:
    height, width = size
    x = torch.rand(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert half_plane_weights(width).sum() == width
    power = (spectrum(x).abs() ** 2 * half_plane_weights(width)).sum()
    assert float(power) == pytest.approx(height * width * float((x**2).sum()))


@given(cases())
def test_low_and_high_add_up_to_the_image(case: Case) -> None:
    x, r = case
    torch.testing.assert_close(low_pass(x, r) + high_pass(x, r), x)


@given(cases())
def test_splitting_twice_changes_nothing(case: Case) -> None:
    x, r = case
    torch.testing.assert_close(low_pass(low_pass(x, r), r), low_pass(x, r))
    torch.testing.assert_close(high_pass(high_pass(x, r), r), high_pass(x, r))
    assert low_pass(high_pass(x, r), r).abs().max() < 1e-12


@given(cases(), st.floats(0, 10))
def test_of_two_radii_the_smaller_counts(case: Case, s: float) -> None:
    x, r = case
    torch.testing.assert_close(low_pass(low_pass(x, s), r), low_pass(x, min(r, s)))


@given(cases())
def test_the_energies_of_the_bands_add_up(case: Case) -> None:
    x, r = case
    parts = (low_pass(x, r) ** 2).sum((2, 3)) + (high_pass(x, r) ** 2).sum((2, 3))
    torch.testing.assert_close(parts, (x**2).sum((2, 3)))


@given(cases(), st.integers(-5, 5), st.integers(-5, 5))
def test_splitting_commutes_with_circular_shifts(case: Case, dy: int, dx: int) -> None:
    x, r = case
    torch.testing.assert_close(low_pass(x.roll((dy, dx), (2, 3)), r), low_pass(x, r).roll((dy, dx), (2, 3)))


@given(cases())
def test_splitting_is_linear_and_keeps_the_mean(case: Case) -> None:
    x, r = case
    torch.testing.assert_close(low_pass(2 * x[:1] - 3 * x[1:], r), 2 * low_pass(x[:1], r) - 3 * low_pass(x[1:], r))
    torch.testing.assert_close(low_pass(x, r).mean((2, 3)), x.mean((2, 3)))


@given(cases(), st.sampled_from(UNITS))
def test_radius_zero_is_the_mean_and_the_corner_is_everything(case: Case, units: Units) -> None:
    x, _ = case
    mean = x.mean((2, 3), keepdim=True).expand_as(x)
    torch.testing.assert_close(low_pass(x, 0, units=units), mean)
    corner = float(radius_map(*x.shape[-2:], units).max())
    torch.testing.assert_close(low_pass(x, corner, units=units), x)
    assert low_pass(x, 0, inclusive=False).abs().max() == 0


@given(cases())
def test_a_square_may_be_turned_first(case: Case) -> None:
    x, r = case
    side = min(x.shape[-2:])
    x = x[..., :side, :side]
    torch.testing.assert_close(low_pass(x.rot90(1, (2, 3)), r), low_pass(x, r).rot90(1, (2, 3)))


def test_a_flat_image_has_no_high_band() -> None:
    x = torch.full((1, 3, 9, 12), 0.7, dtype=torch.float64)
    assert high_pass(x, 0).abs().max() < 1e-15
    torch.testing.assert_close(low_pass(x, 0), x)


def test_one_wave_belongs_to_one_band() -> None:
    at = torch.arange(16, dtype=torch.float64) / 16
    x = torch.cos(2 * torch.pi * (3 * at[:, None] + 4 * at[None, :]))[None, None]  # radius 5
    torch.testing.assert_close(low_pass(x, 5), x)
    torch.testing.assert_close(low_pass(x, 5, inclusive=False), torch.zeros_like(x), atol=1e-12, rtol=0)
    torch.testing.assert_close(high_pass(x, 4.99), x)


def test_float32_is_close_to_float64() -> None:
    x = torch.rand((4, 3, 33, 32), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert low_pass(x.float(), 7).dtype == torch.float32
    torch.testing.assert_close(low_pass(x.float(), 7).double(), low_pass(x, 7), atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_units_agree_on_squares_and_mean_cycles_per_pixel_elsewhere(size: tuple[int, int]) -> None:
    index, isotropic = (radius_map(*size, units) for units in UNITS)
    if size[0] == size[1]:
        torch.testing.assert_close(index, isotropic)
    fy, fx = np.abs(np.fft.fftfreq(size[0])), np.abs(np.fft.fftfreq(size[1]))[: size[1] // 2 + 1]
    np.testing.assert_allclose(isotropic.numpy(), max(size) * np.hypot(fy[:, None], fx[None, :]), atol=1e-12)


def test_radii_are_exact_integers_on_the_axes() -> None:
    """fftfreq(n) * n is off by an ulp for some n; a coefficient on the ring must not fall out of its band for that."""
    for n in range(1, 400):
        axis = radius_map(n, n)[0].tolist()
        assert axis == list(range(n // 2 + 1))


def test_a_spectrum_may_be_shared_between_radii() -> None:
    x = torch.rand((2, 3, 9, 10), generator=torch.Generator().manual_seed(0))
    z = spectrum(x)
    before = z.clone()
    for r in (2.0, 4.0):
        torch.testing.assert_close(low_from_spectrum(z, (9, 10), r), low_pass(x, r))
    assert torch.equal(z, before)


@given(cases(), st.floats(0, 4), st.booleans(), st.sampled_from(UNITS))
def test_bands_that_touch_tile_the_plane(case: Case, further: float, inclusive: bool, units: Units) -> None:
    x, r = case
    s = r + further
    low, band = low_pass(x, r, inclusive, units), band_pass(x, r, s, inclusive, units)
    torch.testing.assert_close(low + band + high_pass(x, s, inclusive, units), x)
    torch.testing.assert_close(band_pass(band, r, s, inclusive, units), band)
    torch.testing.assert_close(band, low_pass(x, s, inclusive, units) - low)
    assert low_pass(band, r, inclusive, units).abs().max() < 1e-12
    energies = [(part**2).sum() for part in (low, band, x - low - band)]
    torch.testing.assert_close(sum(energies), (x**2).sum())


@pytest.mark.parametrize("size", SIZES)
def test_a_band_agrees_with_numpy_on_the_full_plane(size: tuple[int, int]) -> None:
    x = torch.rand((2, 3, *size), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for inclusive in (True, False):
        for units in UNITS:
            expected = by_numpy(x, 3, inclusive, units) - by_numpy(x, 1, inclusive, units)
            np.testing.assert_allclose(band_pass(x, 1, 3, inclusive, units).numpy(), expected, atol=1e-12)
            shared = band_from_spectrum(spectrum(x), size, 1, 3, inclusive, units)
            np.testing.assert_allclose(shared.numpy(), expected, atol=1e-12)


def test_edges_of_bands() -> None:
    x = torch.rand((1, 9, 8), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert band_pass(x, 3, 3).abs().max() == 0
    torch.testing.assert_close(band_pass(x, -1, 3), low_pass(x, 3))
    for inner, outer in ((3, 2), (float("nan"), 2)):
        with pytest.raises(ValueError, match="inner must not lie beyond outer"):
            band_pass(x, inner, outer)


def test_batches_come_in_the_layout_of_nets() -> None:
    x = torch.rand((5, 3, 9, 8), generator=torch.Generator().manual_seed(1))
    for shown in (low_pass(x, 3), band_pass(x, 1, 3), high_pass(x.contiguous(memory_format=torch.channels_last), 3)):
        assert shown.is_contiguous(memory_format=torch.channels_last)
    assert low_pass(x[0], 3).is_contiguous()
