"""Mixtures of two images: right pixels, right labels, by each pair's own numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import beta, kstest
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from eyechart.stimuli.adain import AdaIN
from eyechart.train.augment import MIXES, Mix, Mixed, augment_of
from eyechart.train.augments.shares import beta_shares
from eyechart.train.objective import Look
from small_style_weights import adain

N, SIDE = 12, 24


def pictures(seed: int) -> Tensor:
    made = torch.rand(N, 3, SIDE, SIDE + 6, generator=torch.Generator().manual_seed(seed))
    made[0] = 0.3 * seed  # flat
    return made.contiguous(memory_format=torch.channels_last)


def numbers(mix: Mix, seed: int = 0) -> Tensor:
    return torch.rand(N, mix.numbers, generator=torch.Generator().manual_seed(seed))


def mix_of(name: str, **settings: Any) -> Mix:
    found = augment_of({"name": name, **settings})
    assert isinstance(found, Mix)
    return found


@pytest.mark.parametrize("name", MIXES)
def test_a_pair_depends_on_its_own_numbers_alone(name: str) -> None:
    mix, x, y = mix_of(name), pictures(0), pictures(1)
    drawn = numbers(mix)
    whole, share = mix(x, y, drawn)
    assert torch.equal(x, pictures(0))
    assert torch.equal(y, pictures(1))
    assert whole.shape == x.shape
    assert whole.is_contiguous(memory_format=torch.channels_last)
    assert whole.min() >= 0
    assert whole.max() <= 1
    assert share.shape == (N,)
    assert share.min() >= 0
    assert share.max() <= 1
    if not mix.mixes_labels:
        assert (share == 1).all()
    alone = [mix(x[k : k + 1], y[k : k + 1], drawn[k : k + 1]) for k in range(N)]
    torch.testing.assert_close(torch.cat([a for a, _ in alone]), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.cat([s for _, s in alone]), share)
    same, _ = mix(x, x, drawn)
    torch.testing.assert_close(same, x, atol=1e-5, rtol=0)  # an image with itself is itself


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 4.0])
def test_shares_have_the_distribution_beta(alpha: float) -> None:
    uniform = torch.rand(4000, generator=torch.Generator().manual_seed(0))
    assert kstest(beta_shares(uniform, alpha).double().numpy(), beta(alpha, alpha).cdf).pvalue > 0.01
    assert float(beta_shares(torch.tensor([0.5]), alpha)) == pytest.approx(0.5, abs=1e-6)


def test_mixup_is_the_papers() -> None:
    mix, x, y = mix_of("mixup", alpha=0.5), pictures(0), pictures(1)
    drawn = numbers(mix)
    got, share = mix(x, y, drawn)
    lam = beta(0.5, 0.5).ppf(drawn[:, 0].double().numpy())
    np.testing.assert_allclose(share.numpy(), lam, atol=1e-6)
    wanted = lam[:, None, None, None] * x.double().numpy() + (1 - lam)[:, None, None, None] * y.double().numpy()
    np.testing.assert_allclose(got.numpy(), wanted, atol=1e-6)


def test_cutmix_cuts_the_published_box() -> None:
    mix, x, y = mix_of("cutmix", p=0.75), pictures(0), pictures(1)
    drawn = numbers(mix, 3)
    drawn[0], drawn[1] = torch.tensor([0.0, 0.3, 0.999, 0.0]), torch.tensor([0.0, 1.0, 0.5, 0.5])
    got, share = mix(x, y, drawn)
    height, width = SIDE, SIDE + 6
    for k, (chosen, lam, cy, cx) in enumerate(drawn.double().tolist()):
        wanted = x[k].clone()
        if chosen < 0.75:
            tall, wide = (int(s * np.float32(np.sqrt(np.float32(1 - np.float32(lam))))) for s in (height, width))
            row, column = int(cy * height), int(cx * width)
            top, bottom = max(row - tall // 2, 0), min(row + tall // 2, height)
            left, right = max(column - wide // 2, 0), min(column + wide // 2, width)
            wanted[:, top:bottom, left:right] = y[k, :, top:bottom, left:right]
        assert torch.equal(got[k], wanted)
        if k:  # in a flat image against a flat one all pixels differ; elsewhere, too
            kept = float((got[k] == x[k]).all(0).float().mean())
            assert float(share[k]) == pytest.approx(kept, abs=1e-6)
    assert share[1] == 1  # lam 1: no box


def test_one_band_is_mixed_and_the_other_stays() -> None:
    x, y = 0.4 + 0.2 * pictures(0), 0.4 + 0.2 * pictures(1)  # far from both ends: nothing is clipped
    drawn = numbers(mix_of("band_mixup"))
    lam = beta_shares(drawn[:, 0], 1.0).double().numpy()[:, None, None, None]
    down, across = np.fft.fftfreq(SIDE) * SIDE, np.fft.fftfreq(SIDE + 6) * (SIDE + 6)
    low = np.hypot(down[:, None], across[None, :]) <= 5
    a, b = np.fft.fft2(x.double().numpy()), np.fft.fft2(y.double().numpy())
    for band in ("low", "high"):
        got, share = mix_of("band_mixup", band=band, radius=5)(x, y, drawn)
        where = low if band == "low" else ~low
        wanted = np.fft.ifft2(np.where(where, lam * a + (1 - lam) * b, a)).real
        np.testing.assert_allclose(got.numpy(), wanted, atol=1e-5)
        np.testing.assert_allclose(share.numpy(), lam.ravel(), atol=1e-6)
    own = mix_of("band_mixup", labels="own")
    assert not own.mixes_labels
    whole, _ = mix_of("band_mixup", band="low", radius=99)(x, y, drawn)
    torch.testing.assert_close(whole, mix_of("mixup")(x, y, drawn)[0], atol=1e-5, rtol=0)


def test_pairs_are_recombined_as_the_equation_says() -> None:
    x, y = pictures(0)[1:], pictures(1)[1:]
    got, _ = mix_of("apr_pairs", p=1.0)(x, y, torch.zeros(N - 1, 1))
    a, b = np.fft.fft2(x.double().numpy()), np.fft.fft2(y.double().numpy())
    wanted = np.fft.ifft2(np.abs(b) * np.exp(1j * np.angle(a))).real.clip(0, 1)
    np.testing.assert_allclose(got.numpy(), wanted, atol=2e-5)
    some, _ = mix_of("apr_pairs", p=0.5)(x, y, torch.linspace(0, 0.99, N - 1)[:, None])
    torch.testing.assert_close(some[:6], got[:6], atol=1e-6, rtol=0)
    assert torch.equal(some[6:], x[6:])


def test_hybrids_are_coarse_of_one_and_fine_of_the_other() -> None:
    from torchvision.transforms.functional import gaussian_blur

    x, y = pictures(0), pictures(1)
    drawn = torch.linspace(0, 0.99, N)[:, None]
    got, share = mix_of("hybrid", p=0.5, low_label=0.7)(x, y, drawn)
    wanted = (gaussian_blur(x, [3, 3], [0.5, 0.5]) + y - gaussian_blur(y, [3, 3], [0.5, 0.5])).clamp(0, 1)
    torch.testing.assert_close(got[:6], wanted[:6], atol=1e-5, rtol=0)
    assert torch.equal(got[6:], x[6:])
    torch.testing.assert_close(share, torch.tensor([0.7] * 6 + [1.0] * 6))
    ideal, _ = mix_of("hybrid", p=1.0, radius=99)(x, y, drawn)
    torch.testing.assert_close(ideal, x, atol=1e-5, rtol=0)


def test_shapes_and_textures_bring_their_labels(tmp_path: Path) -> None:
    x, y = pictures(0)[1:], pictures(1)[1:]
    drawn = torch.linspace(0, 0.99, N - 1)[:, None]
    got, share = mix_of("shape_texture")(x, y, drawn)
    torch.testing.assert_close(share, torch.tensor([0.8] * 6 + [1.0] * 5))
    assert torch.equal(got[6:], x[6:])
    a, b = np.fft.fft2(x[:6].double().numpy()), np.fft.fft2(y[:6].double().numpy())
    raw = np.abs(b) * np.exp(1j * np.angle(a))
    raw[..., 0, 0] = a[..., 0, 0]  # its own mean colour
    np.testing.assert_allclose(got[:6].numpy(), np.fft.ifft2(raw).real.clip(0, 1), atol=2e-5)
    weights, decoder = adain(tmp_path)
    painted = mix_of("shape_texture", texture="adain", weights=str(weights), decoder=str(decoder), p=1.0)
    x, y = x[..., :24].contiguous(), y[..., :24].contiguous()
    paint = AdaIN(weights, decoder, alpha=0.5).opened(torch.device("cpu"), "none")
    torch.testing.assert_close(painted(x, y, drawn)[0], paint(x, y).pixels.clamp(0, 1), atol=1e-5, rtol=0)


def test_both_labels_count_by_their_share() -> None:
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels, others = torch.tensor([0, 1, 2, 3, 1]), torch.tensor([1, 1, 0, 2, 3])
    share = torch.tensor([1.0, 0.0, 0.25, 0.6, 0.5])
    nothing: Any = None
    look = Look(logits, labels, nn.Identity(), nothing, nothing, nothing, Mixed(labels, others, share))
    soft = share[:, None] * one_hot(labels, 4) + (1 - share)[:, None] * one_hot(others, 4)
    for smoothing in (0.0, 0.1):
        wanted = cross_entropy(logits, soft.double(), reduction="none", label_smoothing=smoothing)
        torch.testing.assert_close(look.misfit(logits, smoothing), wanted)
    assert look.mixed is not None
    assert look.mixed.larger.tolist() == [0, 1, 0, 3, 1]
    alone = Look(logits, labels, nn.Identity(), nothing, nothing, nothing)
    torch.testing.assert_close(alone.misfit(logits)[0], look.misfit(logits)[0])
