"""Waves laid over images, against slow transcriptions of the paper's definition."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from eyechart.core.chance import generator
from eyechart.core.exam import Array
from eyechart.core.view import Pixels
from eyechart.views.waves import Phase, Wave

PHASES: tuple[Phase, ...] = ("official", "cosine", "random")


def batch(
    height: int = 9, width: int = 12, n: int = 3, channels: int = 3, low: float = 0.0, high: float = 1.0
) -> Pixels:
    frames = low + (high - low) * torch.rand((n, channels, height, width), generator=torch.Generator().manual_seed(0))
    return Pixels(frames.contiguous(memory_format=torch.channels_last), tuple("abcdefgh"[:n]), seed=5)


def half_plane(height: int, width: int) -> list[tuple[int, int]]:
    """Every frequency with a column of zero or more, mirrors on the edges included."""
    return list(product(range(-(height // 2), (height + 1) // 2), range(width // 2 + 1)))


def alone(fy: int, fx: int, height: int, width: int) -> bool:
    return (2 * fy) % height == 0 and (2 * fx) % width == 0


def wave(fy: int, fx: int, height: int, width: int, phase: float) -> Array:
    """From its two coefficients, as the authors' code makes it, then scaled to norm 1."""
    coefficients = np.zeros((height, width), complex)
    if alone(fy, fx, height, width):
        coefficients[fy, fx] = 1 if np.cos(phase) >= 0 else -1
    else:
        coefficients[fy, fx], coefficients[-fy, -fx] = np.exp(1j * phase), np.exp(-1j * phase)
    made = np.fft.ifft2(coefficients)
    assert abs(made.imag).max() < 1e-12
    return np.asarray(made.real / np.sqrt((made.real**2).sum()))


def shown(frames: Pixels, view: Wave) -> Array:
    """The definition, one channel of one image at a time."""
    x = frames.tensor.numpy().astype(np.float64)
    result = np.empty_like(x)
    for i, image_id in enumerate(frames.ids):
        chance = generator(frames.seed, "waves", image_id)
        signs = [2 * int(bit) - 1 for bit in chance.integers(0, 2, x.shape[1])]
        drawn = float(np.float32(chance.uniform(0, 2 * np.pi)))
        phase = {"official": np.pi / 4, "cosine": 0.0, "random": drawn}[view.phase]
        for c, sign in enumerate(signs):
            noise = sign * view.norm * wave(view.fy, view.fx, *x.shape[2:], phase)
            result[i, c] = np.minimum(np.maximum(x[i, c] + noise, 0), 1)
    return result


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("size", [(9, 12, 3), (8, 8, 1), (7, 5, 3), (48, 50, 2)])
def test_agrees_with_the_definition(phase: Phase, size: tuple[int, int, int]) -> None:
    height, width, channels = size
    frames = batch(height, width, channels=channels)
    some = half_plane(height, width)
    if height > 40:  # too large to be kept: made anew for each batch
        some = [*some[::97], (-24, 25), (0, 25), (0, 0)]
    for fy, fx in some:
        view = Wave(fy, fx, 3.0, phase)
        np.testing.assert_allclose(view.render(frames).pixels, shown(frames, view), atol=2e-6, err_msg=str(view))


@pytest.mark.parametrize("phase", PHASES)
def test_clipped_share_agrees_with_fourier_transforms_of_what_was_added(phase: Phase) -> None:
    for height, width, channels in ((9, 12, 3), (8, 8, 1)):
        frames = batch(height, width, channels=channels)
        x = frames.tensor.numpy().astype(np.float64)
        seen = []
        for fy, fx in half_plane(height, width):
            view = Wave(fy, fx, 4.0, phase)
            power = abs(np.fft.fft2(shown(frames, view) - x)) ** 2 / (height * width)
            here = power[..., fy, fx].sum(1)
            if not alone(fy, fx, height, width):
                here = here + power[..., -fy, -fx].sum(1)
            meant = channels * 4.0**2
            notes = view.render(frames).notes
            np.testing.assert_allclose(notes["clipped_share"], 1 - here / meant, atol=1e-5, err_msg=str(view))
            elsewhere = (power.sum((1, 2, 3)) - here) / meant
            np.testing.assert_allclose(notes["scattered_share"], elsewhere, atol=1e-5, err_msg=str(view))
            seen.append(notes["clipped_share"].max())
        assert max(seen) > 0.2  # there was something to clip


def test_nothing_is_clipped_within_the_range_and_everything_beyond_it() -> None:
    middle = batch(low=0.4, high=0.6)
    for fy, fx in half_plane(9, 12):
        notes = Wave(fy, fx, 0.7).render(middle).notes
        assert max(abs(notes[name]).max() for name in notes) < 1e-5
    white = Pixels(torch.ones_like(middle.tensor), middle.ids, middle.seed)
    notes = Wave(0, 0, 3.0).render(white).notes
    lost = (signs_of(white) > 0).mean(1)  # what is lighter than white is lost; the rest stays what it is, a colour
    assert 0 < lost.mean() < 1
    np.testing.assert_allclose(notes["clipped_share"], lost, atol=1e-5)
    np.testing.assert_allclose(notes["scattered_share"], 0, atol=1e-5)


def signs_of(frames: Pixels, view: Wave | None = None) -> Array:
    """Signs (n, c) read off what is shown of mid grey."""
    grey = Pixels(torch.full_like(frames.tensor, 0.5), frames.ids, frames.seed)
    view = view or Wave(0, 0, 0.1)
    height, width = grey.tensor.shape[2:]
    phase = np.pi / 4 if view.phase == "official" else 0.0
    along = (view.render(grey).pixels.numpy() - 0.5) * wave(view.fy, view.fx, height, width, phase)
    np.testing.assert_allclose(abs(along.sum((2, 3))), view.norm, rtol=1e-4)
    return np.sign(along.sum((2, 3)))


def test_signs_are_an_images_own_whatever_the_wave_the_strength_and_the_batch() -> None:
    frames = batch(n=8)
    signs = signs_of(frames)
    assert set(signs.flatten()) == {-1.0, 1.0}
    assert len(np.unique(signs, axis=0)) > 2
    assert (signs[:, 0] != signs[:, 1]).any()
    for view in (Wave(0, 0, 0.2), Wave(3, 2, 0.3), Wave(-4, 6, 0.1), Wave(1, 0, 0.3, "cosine")):
        np.testing.assert_array_equal(signs_of(frames, view), signs)
    order = [3, 0, 7]
    others = Pixels(frames.tensor[order], tuple(frames.ids[i] for i in order), frames.seed)
    np.testing.assert_array_equal(signs_of(others), signs[order])
    assert (signs_of(Pixels(frames.tensor, frames.ids, seed=6)) != signs).any()


def test_an_image_is_shown_alike_in_any_batch() -> None:
    frames = batch(n=5)
    for phase in PHASES:
        whole = Wave(2, 3, 4.0, phase).render(frames)
        for i, image_id in enumerate(frames.ids):
            one = Wave(2, 3, 4.0, phase).render(Pixels(frames.tensor[i : i + 1], (image_id,), frames.seed))
            assert torch.equal(one.pixels[0], whole.pixels[i])
            for name, column in whole.notes.items():
                assert one.notes[name][0] == pytest.approx(column[i], abs=1e-6)


def test_chance_is_asked_once_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(seed: int, stream: str, image_id: str) -> np.random.Generator:
        asked.append(image_id)
        return generator(seed, stream, image_id)

    monkeypatch.setattr("eyechart.views.waves.generator", counted)
    frames = batch()
    for fy, fx in half_plane(9, 12):
        Wave(fy, fx, 2.0).render(frames)
    assert asked == ["a", "b", "c"]


def test_no_strength_shows_the_image_itself() -> None:
    frames = batch()
    for fy, fx in ((0, 0), (2, 3), (-4, 6)):
        shown_ = Wave(fy, fx, 0.0).render(frames)
        assert torch.equal(shown_.pixels, frames.tensor)
        assert all((column == 0).all() for column in shown_.notes.values())


@pytest.mark.parametrize("phase", PHASES)
def test_renders_channels_last_and_leaves_its_input_alone(phase: Phase) -> None:
    for channels in (1, 3):
        frames = batch(channels=channels)
        before = frames.tensor.clone()
        pixels = Wave(2, 3, 4.0, phase).render(frames).pixels
        assert pixels.is_contiguous(memory_format=torch.channels_last)
        assert pixels.dtype == torch.float32
        assert torch.equal(frames.tensor, before)


def test_gradients_pass_where_nothing_is_clipped() -> None:
    frames = batch(11, 13)
    with torch.inference_mode():  # what is kept from here must serve below
        seen = Wave(2, 3, 4.0).render(frames).pixels.clone()
    x = frames.tensor.clone().requires_grad_()
    Wave(2, 3, 4.0).render(Pixels(x, frames.ids, frames.seed)).pixels.sum().backward()
    assert x.grad is not None
    inside = (seen > 0) & (seen < 1)
    assert 0 < inside.float().mean() < 1
    assert torch.equal(x.grad, inside.float())
