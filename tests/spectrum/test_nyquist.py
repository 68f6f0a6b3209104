"""Energy above the Nyquist frequency of a sampling: single waves, white noise, plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eyechart.spectrum.nyquist import energy_above, share_above, tells, white_share


def wave(n: int, fy: int, fx: int) -> torch.Tensor:
    at = torch.arange(n, dtype=torch.float64)
    return torch.cos(2 * torch.pi * (fy * at[:, None] + fx * at) / n + 0.4)


@pytest.mark.parametrize(
    ("fy", "fx", "stride", "share"),
    [(0, 7, 2, 0), (0, 8, 2, 1), (8, 0, 2, 1), (7, 7, 2, 0), (3, 0, 4, 0), (4, 1, 4, 1), (0, 15, 1, 0), (16, 0, 1, 0)],
)
def test_a_single_wave_is_above_or_not(fy: int, fx: int, stride: int, share: int) -> None:
    above, whole = energy_above(wave(32, fy, fx) + 3, (stride, stride), "none")
    assert float(above / whole) == pytest.approx(share, abs=1e-12)


def test_strides_of_rows_and_columns_are_their_own() -> None:
    above, whole = energy_above(torch.stack([wave(32, 10, 0), wave(32, 0, 10)]), (2, 1), "none")
    np.testing.assert_allclose((above / whole).numpy(), [1, 0], atol=1e-12)


@pytest.mark.parametrize("size", [(32, 32), (33, 33), (32, 33)])
def test_where_all_places_are_kept_nothing_is_above(size: tuple[int, int]) -> None:
    """At any size: the Nyquist frequency itself, which odd sizes lack, is not counted."""
    noise = torch.randn(4, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    above, whole = energy_above(noise, (1, 1))
    assert float(above.abs().max()) == 0
    assert float(whole.min()) > 0
    assert white_share(*size, (1, 1)) == 0


def test_too_few_places_tell_nothing() -> None:
    """The slowest wave of all counts as too fine there, or the window makes it so."""
    slow = wave(32, 0, 1)
    for stride, window, share in ((16, "none", 1.0), (8, "none", 0.0), (8, "hann", 0.16), (4, "hann", 0.0)):
        above, whole = energy_above(slow, (stride, stride), window)  # type: ignore[arg-type]
        assert float(above / whole) == pytest.approx(share, abs=0.02)
        assert tells(32, 32, (stride, stride), window) is (share == 0)  # type: ignore[arg-type]
    assert tells(32, 33, (2, 1))
    assert not tells(32, 32, (1, 1))
    assert not tells(33, 32, (8, 8))


def by_hand(maps: np.ndarray, stride: int, window: bool) -> tuple[np.ndarray, np.ndarray]:
    h, w = maps.shape[-2:]
    y = maps - maps.mean((-2, -1), keepdims=True)
    if window:
        hann = [0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n) for n in (h, w)]
        y = y * hann[0][:, None] * hann[1]
    energy = np.abs(np.fft.fft2(y)) ** 2
    energy[..., 0, 0] = 0
    fy, fx = np.abs(np.fft.fftfreq(h)), np.abs(np.fft.fftfreq(w))
    high = np.maximum(fy[:, None], fx) >= 1 / (2 * stride) - 1e-12
    return (energy * high).sum((-2, -1)), energy.sum((-2, -1))


@pytest.mark.parametrize("window", ["hann", "none"])
@pytest.mark.parametrize("size", [(32, 32), (31, 33), (12, 40)])
def test_energies_are_those_of_the_full_plane(window: str, size: tuple[int, int]) -> None:
    maps = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for stride in (2, 3, 4):
        found = energy_above(maps, (stride, stride), window)  # type: ignore[arg-type]
        for mine, wanted in zip(found, by_hand(maps.numpy(), stride, window == "hann"), strict=True):
            np.testing.assert_allclose(mine.numpy(), wanted, rtol=1e-10)


def test_white_noise_has_the_share_of_its_law() -> None:
    for stride, wanted in ((2, 0.7656), (4, 0.9453), (8, 0.9883)):
        law = 1 - ((64 / stride - 1) ** 2 - 1) / (64**2 - 1)
        assert white_share(64, 64, (stride, stride), "none") == pytest.approx(law)
        assert law == pytest.approx(wanted, abs=5e-5)


@pytest.mark.parametrize("window", ["hann", "none"])
def test_white_noise_drawn_has_the_share_said(window: str) -> None:
    maps = torch.randn(8, 64, 32, 24, generator=torch.Generator().manual_seed(1))
    for stride in ((2, 2), (4, 2)):
        weighted, median = share_above(maps, stride, window)  # type: ignore[arg-type]
        expected = white_share(32, 24, stride, window)  # type: ignore[arg-type]
        assert float(weighted.mean()) == pytest.approx(expected, abs=0.004)
        assert float(median.mean()) == pytest.approx(expected, abs=0.01)


def test_channels_that_are_the_same_everywhere_are_left_out() -> None:
    maps = torch.stack([wave(16, 0, 2), torch.full((16, 16), 3.0, dtype=torch.float64), 2 * wave(16, 0, 6)])
    weighted, median = share_above(maps[None], (2, 2), "none")
    assert float(weighted) == pytest.approx(0.8)  # amplitudes 1 and 2: energies 1 and 4
    assert float(median) == pytest.approx(0, abs=1e-12)  # of two, torch takes the lower
    nothing, _ = share_above(torch.ones(1, 2, 8, 8), (2, 2))
    assert nothing.isnan().all()


def test_names_are_checked() -> None:
    with pytest.raises(ValueError, match="hamming"):
        energy_above(torch.rand(8, 8), (2, 2), "hamming")  # type: ignore[arg-type]
