"""BaSS against a slow transcription of frequency.md, section 13, bit for bit, its laws, and its table of hard inputs."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from eyechart.spectrum.balance import bass, bass_weights

SIZES = [(32, 32), (31, 31), (20, 33), (33, 20), (9, 8), (3, 3), (2, 5)]
FORMS: tuple[Literal["safe", "parity"], ...] = ("safe", "parity")
Array = np.ndarray[Any, Any]


def distances(height: int, width: int) -> Array:
    """D on the shifted full plane."""
    fy, fx = np.fft.fftfreq(height) * height, np.fft.fftfreq(width) * width
    return np.fft.fftshift(np.hypot(fy.round()[:, None], fx.round()[None, :]))


def ring_means(amplitude: Array) -> Array:
    """Means over int(D) = 0..R by sorting and cumulative sums, as the authors do."""
    d = distances(*amplitude.shape).ravel()
    order = np.argsort(d, kind="stable")
    k, sorted_amplitude = d[order].astype(int), amplitude.ravel()[order]
    last = np.append(np.flatnonzero(np.diff(k)), len(k) - 1)
    total = np.cumsum(sorted_amplitude)[last]
    return np.diff(total, prepend=0) / np.diff(last, prepend=-1)


def slow_plane(plane: Array, form: str) -> Array:
    """One plane of grey levels 0..255, before clipping."""
    z = np.fft.fftshift(np.fft.fft2(plane.astype(np.float64)))
    a = np.abs(z + 1e-8)
    largest = a == a.max()
    e = ring_means(np.where(largest, 0.0, a))[1:-1]
    if form == "parity":
        w = (np.log(e) / np.log(e).sum()) / (e / e.sum())
    else:
        w = np.array([np.log1p(v) / v if v > 0 else 1.0 for v in e])
        w = w * e.sum() / np.log1p(e).sum() if np.log1p(e).sum() > 0 else np.ones_like(e)
    d = distances(*plane.shape).astype(int)
    for i, j in np.ndindex(*plane.shape):
        if 1 <= d[i, j] <= len(w) and not largest[i, j]:
            z[i, j] *= w[d[i, j] - 1]
    return np.fft.ifft2(np.fft.ifftshift(z)).real


def slow(images: Array, form: str) -> Array:
    return np.stack([slow_plane(p, form) for p in images.reshape(-1, *images.shape[-2:])]).reshape(images.shape)


def clouds(*shape: int, seed: int = 0) -> Tensor:
    """Random images with a natural slope, uint8."""
    rng = np.random.default_rng(seed)
    d = np.fft.ifftshift(distances(*shape[-2:]))
    z = np.fft.fft2(rng.standard_normal(shape)) / np.maximum(d, 1)
    x = np.fft.ifft2(z).real
    x = 128 + 45 * x / x.std((-2, -1), keepdims=True)
    return torch.from_numpy(x.clip(0, 255).astype(np.uint8))


def grain(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def unclipped(images: Tensor, form: Literal["safe", "parity"]) -> Tensor:
    return bass(images, form, quantize="none", clip="none")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", SIZES)
def test_agrees_bit_for_bit(size: tuple[int, int], form: Literal["safe", "parity"]) -> None:
    images = torch.cat([clouds(6, 3, *size), grain(6, 3, *size)])
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = slow(images.numpy(), form)
    np.testing.assert_allclose(unclipped(images, form).numpy(), expected, atol=1e-9)
    clipped = expected.clip(0, 255)
    np.testing.assert_allclose(bass(images, form, "none").numpy(), clipped, atol=1e-9)
    if min(size) < 4:
        return  # one ring at most: all weights are 1, and on whole grey levels truncation is rounding's choice
    assert np.array_equal(bass(images, form).numpy(), clipped.astype(np.uint8))
    assert np.array_equal(bass(images, form, "round").numpy(), clipped.round().astype(np.uint8))


@pytest.mark.shared
@pytest.mark.parametrize("form", FORMS)
def test_agrees_bit_for_bit_on_natural_images(cifar: Tensor, form: Literal["safe", "parity"]) -> None:
    images = cifar[::33]
    assert np.array_equal(bass(images, form).numpy(), slow(images.numpy(), form).clip(0, 255).astype(np.uint8))


@pytest.mark.shared
def test_effect_on_natural_images(cifar: Tensor) -> None:
    """frequency.md, section 13: both forms are close in weight; pixels move by some 34 of 255; 5 % clip."""
    images = cifar[::10]
    safe, parity = (bass_weights(images, form)[0] for form in FORMS)
    assert (parity > 0).all()
    assert float(((safe - parity).abs() / parity).amax(-1).mean()) < 0.01
    before = unclipped(images, "parity")
    assert float((before.clamp(0, 255) - images).abs().mean()) == pytest.approx(34, abs=3)
    assert float(((before < 0) | (before > 255)).double().mean()) == pytest.approx(0.05, abs=0.015)


def ramp() -> Tensor:
    return torch.linspace(100, 110, 32).to(torch.uint8).expand(32, 32)


def speck() -> Tensor:
    image = torch.full((32, 32), 100, dtype=torch.uint8)
    image[5, 9] = 101
    return image


def wave() -> Tensor:
    at = torch.arange(32, dtype=torch.float64)
    return (128 + 50 * torch.cos(2 * torch.pi * 4 * at / 32)).expand(32, 32) / 255


def test_black_stays_black() -> None:
    black = torch.zeros((3, 32, 32), dtype=torch.uint8)
    assert (bass_weights(black, "safe")[0] == 1).all()
    assert bass_weights(black, "parity")[0].isnan().all()
    for form in FORMS:
        assert torch.equal(bass(black, form), black)


def test_a_faint_ramp_explodes_in_parity_alone() -> None:
    wild, tame = (bass_weights(ramp(), form)[0] for form in ("parity", "safe"))
    assert not (wild > 0).all()
    assert wild.abs().max() > 1e3 or wild.isnan().any()
    assert float(tame.min()) == pytest.approx(0.24, abs=0.005)
    assert float(tame.max()) == pytest.approx(17.2, abs=0.05)
    assert float((unclipped(ramp(), "safe") - ramp()).abs().max()) == pytest.approx(17, abs=0.5)


def test_one_grey_level_too_many_is_noise_in_parity_alone() -> None:
    wild, tame = (bass_weights(speck(), form)[0] for form in ("parity", "safe"))
    assert not (wild - 1).abs().max() < 0.5  # log(1) = 0 divided by itself; also where that is no number
    torch.testing.assert_close(tame, torch.ones_like(tame))
    torch.testing.assert_close(unclipped(speck(), "safe"), speck().double())
    assert torch.equal(bass(speck(), "safe", "round"), speck())


def test_one_wave_explodes_in_parity_alone() -> None:
    wild = bass_weights(wave(), "parity")[0]
    assert not (wild > 0).all()
    assert wild.abs().max() > 1e3 or wild.isnan().any()
    torch.testing.assert_close(unclipped(wave(), "safe"), wave(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [(32, 32), (15, 20)])
def test_an_even_spectrum_comes_back(size: tuple[int, int], form: Literal["safe", "parity"]) -> None:
    image = torch.full(size, 50, dtype=torch.uint8)
    image[3, 7] = 200
    weights, _ = bass_weights(image, form)
    torch.testing.assert_close(weights, torch.ones_like(weights))
    torch.testing.assert_close(unclipped(image, form), image.double(), atol=1e-6, rtol=0)
    assert torch.equal(bass(image, form, "round"), image)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 2), (1, 9), (32, 32)])
def test_flat_images_stay(size: tuple[int, int], dtype: torch.dtype) -> None:
    flat = torch.full((2, *size), 100, dtype=torch.uint8)
    image = flat if dtype == torch.uint8 else (flat / 255).to(dtype)
    torch.testing.assert_close(bass(image, "safe", "round"), image)


@pytest.mark.parametrize("form", FORMS)
@given(st.integers(6, 24), st.integers(6, 24), st.integers(0, 99))
def test_laws(form: Literal["safe", "parity"], height: int, width: int, seed: int) -> None:
    images = clouds(2, height, width, seed=seed)
    weights, p = bass_weights(images, form)
    torch.testing.assert_close((weights * p).sum(-1), torch.ones(2, dtype=torch.float64))
    balanced = unclipped(images, form)
    torch.testing.assert_close(balanced.mean((-2, -1)), images.double().mean((-2, -1)))
    for before, after, w in zip(images.numpy(), balanced.numpy(), weights.numpy(), strict=True):
        a, b = np.abs(np.fft.fftshift(np.fft.fft2(before))), np.abs(np.fft.fftshift(np.fft.fft2(after)))
        old, new = ring_means(a)[1:-1], ring_means(b)[1:-1]
        np.testing.assert_allclose(new, old * np.abs(w), rtol=1e-6, atol=1e-6)
        logs = np.log(old) if form == "parity" else np.log1p(old)
        if (logs > 0.01).all():
            np.testing.assert_allclose(new, old.sum() * logs / logs.sum(), rtol=1e-5, atol=1e-5)
    if form == "safe":
        assert (weights > 0).all()
        z, changed = torch.fft.fft2(images.double()), torch.fft.fft2(balanced)
        aligned = (z.conj() * changed).real - z.abs() * changed.abs()
        assert aligned.abs().max() <= 1e-7 * (z.abs() * changed.abs()).max()


@given(st.integers(4, 20), st.integers(4, 20), st.integers(-5, 5), st.integers(-5, 5), st.integers(0, 99))
def test_commutes_with_circular_shifts(height: int, width: int, dy: int, dx: int, seed: int) -> None:
    x = clouds(2, height, width, seed=seed)
    shifted = unclipped(x.roll((dy, dx), (-2, -1)), "safe")
    torch.testing.assert_close(shifted, unclipped(x, "safe").roll((dy, dx), (-2, -1)), atol=1e-6, rtol=0)


def test_floats_are_the_same_images_on_another_scale() -> None:
    x = clouds(4, 3, 16, 16)
    as_float = x.double() / 255
    for quantize in ("trunc", "round", "none"):
        expected = bass(x, "safe", quantize).double() / 255  # type: ignore[arg-type]
        found = bass(as_float, "safe", quantize)  # type: ignore[arg-type]
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
    assert bass(as_float.float()).dtype == torch.float32
    torch.testing.assert_close(
        bass(as_float.float(), "safe", "none"), bass(as_float, "safe", "none").float(), atol=1e-5, rtol=0
    )


def test_a_straight_clip_keeps_the_gradient() -> None:
    x = (clouds(2, 16, 16).double() / 255).requires_grad_()
    chosen = torch.rand(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    straight = bass(x, "safe", "none", "straight")
    hard, free = bass(x, "safe", "none"), bass(x, "safe", "none", "none")
    assert not torch.equal(hard, free)
    torch.testing.assert_close(straight, hard)
    torch.testing.assert_close(*(torch.autograd.grad((y * chosen).sum(), x)[0] for y in (straight, free)))


def test_the_wrong_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="beyond \\[0, 1\\]"):
        bass(clouds(8, 8).float())
    with pytest.raises(ValueError, match="beyond \\[0, 1\\]"):
        bass(torch.full((8, 8), -0.5))
    with pytest.raises(ValueError, match=r"torch\.int64"):
        bass(torch.ones((8, 8), dtype=torch.int64))
    with pytest.raises(ValueError, match="clip='none'"):
        bass(clouds(8, 8), clip="none")
    for setting in ("form", "quantize", "clip"):
        with pytest.raises(ValueError, match=f"{setting} is 'best'"):
            bass(clouds(8, 8), **{setting: "best"})  # type: ignore[arg-type]


def test_the_input_is_left_alone() -> None:
    x = clouds(2, 8, 8)
    before = x.clone()
    bass(x)
    assert torch.equal(x, before)
