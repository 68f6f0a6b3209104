"""The Fourier basis against inverse transforms of single coefficients, and its laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from eyechart.spectrum.basis import fourier_basis, unique_frequencies
from eyechart.spectrum.grid import radius_map

SIZES = [(8, 8), (7, 7), (6, 9), (9, 6), (1, 5), (4, 1), (2, 2), (1, 1), (32, 32)]


def by_inverse(height: int, width: int, i: int, j: int, phase: float | None) -> np.ndarray:
    """The official recipe: exp(i phase) and its conjugate at the mirror (1 where they meet), inverted, unit norm."""
    plane = np.zeros((height, width), dtype=complex)
    mirror = (-i % height, -j % width)
    alone = mirror == (i % height, j % width)
    value = 0.5 + 0.5j if phase is None else np.exp(1j * phase)
    plane[i, j] = 1 if alone else value
    if not alone:
        plane[mirror] = np.conj(value)
    wave = np.fft.ifft2(plane)
    assert np.abs(wave.imag).max() < 1e-12
    sign = -1 if alone and phase is not None and np.cos(phase) < 0 else 1
    return sign * wave.real / np.linalg.norm(wave.real)


@pytest.mark.parametrize("phase", ["official", "cosine", "given"])
@pytest.mark.parametrize("size", SIZES)
def test_agrees_with_the_official_recipe(size: tuple[int, int], phase: Any) -> None:
    points = unique_frequencies(*size).points
    phases = torch.rand(len(points), generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 7
    waves = fourier_basis(size, points, phases if phase == "given" else phase, torch.float64)
    assert waves.shape == (len(points), *size)
    for wave, (i, j), given in zip(waves.numpy(), points.tolist(), phases.tolist(), strict=True):
        wanted = {"official": None, "cosine": 0.0, "given": given}[phase]
        np.testing.assert_allclose(wave, by_inverse(*size, i, j, wanted), atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("phase", ["official", "cosine"])
@pytest.mark.parametrize("size", SIZES)
def test_waves_are_orthonormal(size: tuple[int, int], phase: Any, dtype: torch.dtype) -> None:
    found = unique_frequencies(*size)
    waves = fourier_basis(size, found.points, phase, dtype).flatten(1)
    assert waves.dtype == dtype
    torch.testing.assert_close(
        waves @ waves.T, torch.eye(len(waves), dtype=dtype), atol=1e-5 if dtype == torch.float32 else 1e-12, rtol=0
    )


@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
def test_energy_lies_at_the_point_and_its_mirror_alone(size: tuple[int, int]) -> None:
    found = unique_frequencies(*size)
    spectra = torch.fft.fft2(fourier_basis(size, found.points, dtype=torch.float64)).abs()
    for k, (point, mirror) in enumerate(zip(found.points.tolist(), found.mirrors.tolist(), strict=True)):
        rest = spectra[k].clone()
        for i, j in (point, mirror):
            assert rest[i, j] > 0.5 or (i, j) == tuple(point)
            rest[i, j] = 0
        assert rest.abs().max() < 1e-12


@pytest.mark.parametrize("size", SIZES)
def test_points_and_mirrors_cover_the_plane_once(size: tuple[int, int]) -> None:
    height, width = size
    found = unique_frequencies(*size)
    points, mirrors = [tuple(p) for p in found.points.tolist()], [tuple(p) for p in found.mirrors.tolist()]
    assert len({*points, *mirrors}) == height * width
    pairs = [{p, m} for p, m in zip(points, mirrors, strict=True)]
    assert sum(len(pair) for pair in pairs) == height * width
    for number, pair in enumerate(pairs):
        for i, j in pair:
            assert abs(2 * i) <= height and abs(2 * j) <= width  # noqa: PT018
            assert int(found.number[i, j]) == number
    assert (found.radii - found.points.double().square().sum(1).sqrt()).abs().max() < 1e-12


def test_mirrors_and_other_names_of_a_point_are_one_wave() -> None:
    found = unique_frequencies(8, 9)
    cosines = fourier_basis((8, 9), found.points, "cosine", torch.float64)
    torch.testing.assert_close(fourier_basis((8, 9), found.mirrors, "cosine", torch.float64), cosines)
    elsewhere = found.points + torch.tensor([80, -90])
    torch.testing.assert_close(fourier_basis((8, 9), elsewhere, "cosine", torch.float64), cosines)


@pytest.mark.parametrize("units", ["index", "isotropic"])
def test_a_radius_keeps_the_disc(units: Any) -> None:
    everything = unique_frequencies(8, 12, units=units)
    some = unique_frequencies(8, 12, 4, units)
    inside = everything.radii <= 4
    assert 0 < len(some.points) < len(everything.points)
    assert torch.equal(some.points, everything.points[inside])
    kept = (some.number[:, :7] >= 0) == (radius_map(8, 12, units) <= 4)
    assert kept.all()


def test_a_square_window() -> None:
    found = unique_frequencies(224, 224, 31, window="square")
    assert len(found.points) == (63 * 63 + 1) // 2
    assert int(found.points.abs().max()) == 31


def test_fill_is_centred_and_symmetric() -> None:
    found = unique_frequencies(7, 9, 2)
    values = torch.arange(1.0, len(found.points) + 1)
    plane = found.fill(torch.stack([values, -values]))
    assert plane.shape == (2, 7, 9)
    assert torch.equal(plane[0].nan_to_num(-1), plane[0].flip(0, 1).nan_to_num(-1))
    assert int((~plane[0].isnan()).sum()) == 13  # whole-number points with D <= 2
    assert plane[0, 3, 4] == values[0]  # zero frequency comes first
    for value, (i, j) in zip(values.tolist(), found.points.tolist(), strict=True):
        assert plane[0, 3 + i, 4 + j] == value
    torch.testing.assert_close(plane[1], -plane[0], equal_nan=True)


def test_large_images_need_no_full_basis() -> None:
    points = unique_frequencies(4096, 4096, 1).points
    assert len(points) == 3
    assert float(fourier_basis((4096, 4096), points[-1:]).double().norm()) == pytest.approx(1, abs=1e-6)


def test_misspelt_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="phase is 'sine'"):
        fourier_basis((4, 4), torch.tensor([[0, 1]]), "sine")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="window is 'circle'"):
        unique_frequencies(4, 4, 1, window="circle")  # type: ignore[arg-type]
