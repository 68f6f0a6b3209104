"""Rings, mirrors and caches of the half plane against loops over the full plane."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eyechart.spectrum.grid import Rounding, Units, centred, radius_map, ring_sums, rings, unique_half_plane
from eyechart.spectrum.grid import frequencies as half_plane_frequencies

SIZES = [(8, 8), (9, 9), (7, 10), (10, 7), (16, 6), (5, 12), (1, 8), (8, 1), (2, 2), (1, 1)]


def squared(height: int, width: int, units: Units) -> list[list[Fraction]]:
    """D squared of the full plane, without rounding."""
    side = max(height, width)
    by = (Fraction(side, height), Fraction(side, width)) if units == "isotropic" else (Fraction(1), Fraction(1))
    fy, fx = ([min(k, n - k) for k in range(n)] for n in (height, width))
    return [[(y * by[0]) ** 2 + (x * by[1]) ** 2 for x in fx] for y in fy]


def ring_of(d2: Fraction, rounding: Rounding) -> int:
    """int(D), or int(D + 1/2), in whole numbers."""
    k = isqrt(d2.numerator // d2.denominator)
    return k + (rounding == "round" and d2 >= (k + Fraction(1, 2)) ** 2)


@pytest.mark.parametrize("units", ["index", "isotropic"])
@pytest.mark.parametrize("rounding", ["floor", "round"])
@given(st.integers(1, 24), st.integers(1, 24))
def test_whole_rings_are_exact(rounding: Rounding, units: Units, height: int, width: int) -> None:
    exact = squared(height, width, units)
    on = rings(height, width, rounding, units)
    expected = [[ring_of(d2, rounding) for d2 in row[: width // 2 + 1]] for row in exact]
    assert on.radii.tolist() == list(range(len(on.radii)))  # none is empty
    assert on.number.reshape(height, -1).tolist() == expected
    everywhere = [ring_of(d2, rounding) for row in exact for d2 in row]
    assert on.counts.tolist() == [everywhere.count(k) for k in range(len(on.radii))]


@pytest.mark.parametrize("units", ["index", "isotropic"])
@given(st.integers(1, 24), st.integers(1, 24))
def test_continuous_rings_are_the_distinct_radii(units: Units, height: int, width: int) -> None:
    exact = squared(height, width, units)
    distinct = sorted({d2 for row in exact for d2 in row})
    on = rings(height, width, "continuous", units)
    torch.testing.assert_close(on.radii, torch.tensor([float(d2) for d2 in distinct], dtype=torch.float64).sqrt())
    assert on.number.tolist() == [distinct.index(d2) for row in exact for d2 in row[: width // 2 + 1]]
    assert int(on.counts.sum()) == height * width


@pytest.mark.parametrize("size", [(32, 32), (31, 50), (224, 224)])
def test_a_radius_of_the_rings_is_that_of_the_map_to_the_last_bit(size: tuple[int, int]) -> None:
    for units in ("index", "isotropic"):
        on = rings(*size, "continuous", units)  # type: ignore[arg-type]
        assert torch.equal(on.radii[on.number].reshape(radius_map(*size).shape), radius_map(*size, units))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES)
def test_one_of_each_mirror_pair(size: tuple[int, int]) -> None:
    height, width = size
    chosen = unique_half_plane(height, width).nonzero().tolist()
    seen = [(i, j) for i, j in chosen] + [(-i % height, -j % width) for i, j in chosen]
    assert set(seen) == {(i, j) for i in range(height) for j in range(width)}
    alone = (1 + (height % 2 == 0)) * (1 + (width % 2 == 0))
    assert 2 * len(chosen) == height * width + alone


@pytest.mark.parametrize("size", SIZES)
def test_centred_puts_zero_in_the_middle(size: tuple[int, int]) -> None:
    plane = torch.zeros(size)
    plane[0, 0] = 1
    assert centred(plane).nonzero().tolist() == [[size[0] // 2, size[1] // 2]]


@pytest.mark.parametrize("size", SIZES)
def test_frequencies_are_those_of_the_transform(size: tuple[int, int]) -> None:
    fy, fx = half_plane_frequencies(*size)
    assert fy.tolist() == (torch.fft.fftfreq(size[0]) * size[0]).round().int().tolist()
    assert fx.tolist() == (torch.fft.rfftfreq(size[1]) * size[1]).round().int().tolist()


def test_ring_sums_by_a_loop() -> None:
    plane = torch.rand((2, 3, 7, 6), generator=torch.Generator().manual_seed(0), dtype=torch.float64)  # width 10
    on = rings(7, 10, "floor")
    expected = torch.zeros((2, 3, len(on.radii)), dtype=torch.float64)
    for place, ring in enumerate(on.number.tolist()):
        expected[..., ring] += plane[..., place // 6, place % 6]
    torch.testing.assert_close(ring_sums(plane, on), expected)


def test_misspelt_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="units is 'pixels'; choose one of 'index', 'isotropic'"):
        radius_map(4, 4, "pixels")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rounding is 'ceil'"):
        rings(4, 4, "ceil")  # type: ignore[arg-type]
