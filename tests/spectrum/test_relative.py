"""Relative log amplitude against the authors' way of computing it, and its laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from eyechart.spectrum.relative import Profile, at_shares, log_amplitude, profile_length, relative_log_amplitude

SIZES = [(8, 8), (7, 7), (32, 32), (3, 3), (4, 4)]


def maps(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def shifted(x: np.ndarray) -> np.ndarray:
    """Mean over channels of the log amplitude on the full plane, zero frequency at [h // 2, w // 2]."""
    amplitude = np.abs(np.fft.fftshift(np.fft.fft2(x), axes=(-2, -1)))
    return np.log(amplitude + 1e-6).mean(1)


@pytest.mark.parametrize("size", SIZES)
def test_the_half_diagonal_from_the_centre_outwards(size: tuple[int, int]) -> None:
    x = maps(2, 5, *size)
    plane, n = shifted(x.numpy()), size[0]
    wanted = np.stack([np.diag(one)[n // 2 :] for one in plane])
    got = relative_log_amplitude(x).numpy()
    assert got.shape == (2, profile_length(*size)) == (2, (n + 1) // 2)
    np.testing.assert_allclose(got, wanted - wanted[:, :1], atol=1e-10)


@pytest.mark.parametrize("size", [(8, 8), (9, 9), (8, 12), (7, 10)])
def test_rings_by_a_loop(size: tuple[int, int]) -> None:
    x = maps(1, 3, *size)
    logs = np.log(np.abs(np.fft.fft2(x.numpy())) + 1e-6).mean(1)[0]
    longer, rings = max(size), {}
    for i, j in np.ndindex(*size):
        fy, fx = (min(k, n - k) / n for k, n in zip((i, j), size, strict=True))
        rings.setdefault(int(longer * np.hypot(fy, fx) + 0.5), []).append(logs[i, j])
    wanted = np.array([np.mean(rings[k]) for k in range((longer + 1) // 2)])
    np.testing.assert_allclose(relative_log_amplitude(x, "radial").numpy()[0], wanted - wanted[0], atol=1e-10)


def test_diagonals_of_oblongs_lie_on_the_nearest_coefficients() -> None:
    x = maps(1, 1, 6, 15)
    f = np.log(np.abs(np.fft.fft2(x.numpy()[0, 0])) + 1e-6)
    wanted = [f[0, 0], f[1, 3], f[2, 5]]  # (k, 2.5 k), halves upwards
    np.testing.assert_allclose(log_amplitude(x[0, 0]).numpy(), wanted, atol=1e-10)
    np.testing.assert_allclose(log_amplitude(x[0, 0].T).numpy(), wanted, atol=1e-10)


@pytest.mark.parametrize("profile", ["diagonal", "radial"])
@given(st.integers(3, 12), st.integers(3, 12), st.floats(0.01, 100), st.booleans(), st.integers(0, 99))
def test_scale_and_sign_do_not_matter(profile: str, h: int, w: int, by: float, minus: bool, seed: int) -> None:
    x = maps(1, 2, h, w, seed=seed)
    changed = relative_log_amplitude(x * (-by if minus else by), profile)  # type: ignore[arg-type]
    # what the 1e-6 changes: about 1e-6 / amplitude
    torch.testing.assert_close(changed, relative_log_amplitude(x, profile), atol=0.02, rtol=0)  # type: ignore[arg-type]


@pytest.mark.parametrize("profile", ["diagonal", "radial"])
@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
def test_a_single_bright_pixel_is_flat(profile: str, size: tuple[int, int]) -> None:
    x = torch.zeros(1, 1, *size)
    x[..., 2, 3] = 5.0
    assert relative_log_amplitude(x, profile).abs().max() < 1e-5  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [16, 15])
def test_a_blur_lowers_the_curve_by_the_log_of_its_transfer_function(n: int) -> None:
    x, sigma = maps(3, 4, n, n), 0.9
    f = np.fft.fftfreq(n)
    transfer = np.exp(-2 * (np.pi * sigma) ** 2 * (f[:, None] ** 2 + f**2))
    blurred = torch.from_numpy(np.fft.ifft2(np.fft.fft2(x.numpy()) * transfer).real)
    change = relative_log_amplitude(blurred) - relative_log_amplitude(x)
    k = np.arange((n + 1) // 2)
    np.testing.assert_allclose(change.numpy(), np.log(transfer[k, k])[None].repeat(3, 0), atol=1e-3)


def test_batch_normalisation_moves_zero_frequency_against_all_others_alike() -> None:
    x = maps(2, 6, 12, 12)
    scale, offset = maps(6, 1, 1, seed=1), 3 * maps(6, 1, 1, seed=2)
    for profile in ("diagonal", "radial"):
        change = relative_log_amplitude(x * scale + offset, profile) - relative_log_amplitude(x, profile)  # type: ignore[arg-type]
        beyond = change[:, 1:]
        torch.testing.assert_close(beyond, beyond[:, :1].expand_as(beyond), atol=1e-4, rtol=0)
        assert beyond.abs().min() > 0.01


def test_places_are_those_of_a_linear_interpolation() -> None:
    for points in (2, 4, 7, 16):
        curve = maps(3, points)
        got = at_shares(curve, 9)
        wanted = [np.interp(np.linspace(0, points - 1, 9), np.arange(points), row) for row in curve.numpy()]
        np.testing.assert_allclose(got.numpy(), wanted, atol=1e-12)
        assert torch.equal(got[:, [0, -1]], curve[:, [0, -1]])
    assert at_shares(torch.tensor([2.0]), 3).tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(ValueError, match="places is 1"):
        at_shares(maps(4), 1)


def test_half_precision_is_computed_in_single() -> None:
    x = maps(1, 3, 8, 8)
    half = relative_log_amplitude(x.bfloat16())
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, relative_log_amplitude(x.bfloat16().float()))
    with pytest.raises(ValueError, match="profile is 'circle'"):
        log_amplitude(x, "circle")  # type: ignore[arg-type]


class Single(TorchDispatchMode):
    """Fails where a device other than the CPU is to hold float64, as some devices do."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and out.device.type != "cpu" and out.dtype == torch.float64:
            raise TypeError(f"{func} gives float64")
        return out


@pytest.mark.parametrize("profile", ["diagonal", "radial"])
def test_devices_without_float64_will_do(profile: Profile) -> None:
    there = torch.empty(2, 3, 15, 22, device="meta")
    with Single():
        curve = at_shares(relative_log_amplitude(there, profile), 9)
    assert (curve.shape, curve.dtype) == ((2, 9), torch.float32)
