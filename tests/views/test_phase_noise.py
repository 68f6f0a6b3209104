"""Disturbed phases and exchanged amplitudes, against transcriptions in full complex planes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eyechart.core.chance import generator
from eyechart.core.exam import Array
from eyechart.core.view import Pixels
from eyechart.views.colours import Greyed
from eyechart.views.phase_noise import PhaseNoise, PowerEqualised
from eyechart.views.turns import QuarterTurn
from eyes import SHARED

SIZES = [(8, 8), (9, 12), (8, 11), (7, 7)]


def batch(height: int, width: int, low: float = 0.45, high: float = 0.55) -> Pixels:
    frames = low + (high - low) * torch.rand((2, 3, height, width), generator=torch.Generator().manual_seed(0))
    return Pixels(frames.contiguous(memory_format=torch.channels_last), ("a", "b"), seed=5)


def grey(x: Pixels) -> Array:
    return Greyed().render(x).pixels[:, 0].numpy().astype(float)


def phases_moved(picture: Array, image_id: str, width: float) -> Array:
    """One frequency after another, its mirror the other way; Nyquist lines and zero as they are."""
    rows, columns = picture.shape
    drawn = 2 * generator(5, "phase_noise", image_id).random((rows, columns // 2 + 1), dtype=np.float32) - 1
    spectrum = np.fft.fft2(picture)
    for fy in range(rows):
        for fx in range(columns // 2 + 1):
            mirrored = (-fy % rows, -fx % columns)
            if 2 * fy == rows or 2 * fx == columns or (fx == 0 and (fy == 0 or 2 * fy > rows)):
                continue
            angle = np.exp(1j * np.deg2rad(width) * drawn[fy, fx])
            spectrum[fy, fx] *= angle
            spectrum[mirrored] *= angle.conjugate()
    moved = np.fft.ifft2(spectrum)
    assert abs(moved.imag).max() < 1e-12
    return moved.real


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("width", [0.0, 30.0, 180.0])
def test_phase_noise_computed_once_more(size: tuple[int, int], width: float) -> None:
    x = batch(*size)
    shown = PhaseNoise(width).render(x)
    for i, picture in enumerate(grey(x)):
        np.testing.assert_allclose(shown.pixels[i, 2].numpy(), phases_moved(picture, x.ids[i], width), atol=1e-5)
    assert shown.notes["clipped_share"].max() == 0


def test_phase_noise_keeps_amplitudes_and_clips() -> None:
    x = batch(16, 16)
    moved = PhaseNoise(90.0).render(x).pixels[:, 0].numpy()
    np.testing.assert_allclose(np.abs(np.fft.fft2(moved)), np.abs(np.fft.fft2(grey(x))), atol=1e-3)
    assert np.abs(moved - grey(x)).max() > 0.01
    assert PhaseNoise(180.0).render(batch(16, 16, 0, 1)).pixels.amin() >= 0


@pytest.mark.parametrize("size", SIZES)
def test_equalised_images_have_the_given_amplitudes_and_their_own_phases(size: tuple[int, int]) -> None:
    x, others = batch(*size), batch(*size, 0.3, 0.7)
    amplitude = np.abs(np.fft.fft2(grey(others))).mean(0)
    shown = PowerEqualised.from_plane(amplitude).render(x).pixels[:, 0].numpy()
    spectra = np.fft.fft2(grey(x))
    wanted = np.fft.ifft2(amplitude * spectra / np.abs(spectra)).real
    np.testing.assert_allclose(shown, np.clip(wanted, 0, 1), atol=1e-4)


def test_an_image_with_its_own_amplitudes_is_itself() -> None:
    x = batch(10, 10)
    own = np.abs(np.fft.fft2(grey(x)[0]))
    shown = PowerEqualised.from_plane(own).render(x).pixels[0, 0].numpy()
    np.testing.assert_allclose(shown, grey(x)[0], atol=1e-5)


def test_amplitudes_of_photographs_fall_alike_in_every_direction() -> None:
    shown = PowerEqualised.of_photographs((16, 16)).render(batch(16, 16)).pixels[:, 0].numpy()
    amplitudes = np.abs(np.fft.fft2(shown)) / 256
    for fy, fx in ((0, 3), (3, 0), (2, 2), (4, 3)):
        np.testing.assert_allclose(amplitudes[:, fy, fx], 0.0496 * np.hypot(fy, fx) ** -1.258, rtol=0.02)
    np.testing.assert_allclose(amplitudes[:, 0, 0], 0.4545, rtol=0.01)


@pytest.mark.shared
def test_amplitudes_of_photographs_are_those_of_the_published_mean() -> None:
    path = SHARED / "spectra" / "mean_amplitude_grey_224.npy"
    if not path.exists():
        pytest.skip("the shared data is not here")
    mean = np.fft.ifftshift(np.load(path))[:, :113]
    law = np.frombuffer(PowerEqualised.of_photographs((224, 224)).amplitude, np.float32).reshape(224, 113)
    at = np.fft.fftfreq(224, 1 / 224)
    distance = np.round(np.hypot(at[:, None], np.arange(113)))
    for radius in (0, 1, 2, 5, 10, 30, 60, 100):
        ring = distance == radius
        assert law[ring].mean() == pytest.approx(mean[ring].mean(), rel=0.35)
    assert law[0, 0] == pytest.approx(mean[0, 0], rel=1e-3)


def test_amplitudes_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="amplitudes for images of 8 x 8"):
        PowerEqualised.from_plane(np.ones((10, 10))).render(batch(8, 8))


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_quarter_turns_are_counter_clockwise(turns: int) -> None:
    x = batch(6, 6)
    wanted = np.rot90(x.tensor.numpy(), turns, (2, 3))
    np.testing.assert_array_equal(QuarterTurn(turns).render(x).pixels.numpy(), wanted)


def test_odd_turns_of_other_frames_are_not_valid() -> None:
    valid = QuarterTurn(1).render(batch(6, 8)).valid
    assert valid is not None
    assert not valid.any()
    assert QuarterTurn(2).render(batch(6, 8)).valid is None
