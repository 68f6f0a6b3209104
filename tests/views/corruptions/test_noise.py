"""Noise: its size, its kind, its sameness, and counts against SciPy's Poisson distribution."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from eyechart.core.chance import generator
from eyechart.views.corruptions.noise import KINDS
from eyechart.views.corruptions.poisson import _of_reals, counts
from views.corruptions.frames import SIDES, Array, frames, levels, published, whole


def grey(level: int, n: int = 4, side: int = 64) -> Array:
    return np.full((n, side, side, 3), level, np.uint8)


def normal(x: Array, corruption: str) -> Array:
    streams = [generator(5, f"corruption/{corruption}/normal", f"image {i}") for i in range(len(x))]
    return np.stack([g.standard_normal(x.shape[1:], dtype=np.float32) for g in streams]).astype(float)


@pytest.mark.parametrize("corruption", ["gaussian_noise", "speckle_noise"])
@pytest.mark.parametrize(("column", "severity"), [("cifar", 1), ("tiny", 3), ("imagenet", 5)])
def test_normal_noise_computed_once_more(corruption: str, column: str, severity: int) -> None:
    x = frames(40, 31)
    (sigma,) = KINDS[corruption].levels[column][severity - 1]  # type: ignore[index]
    unit = x / 255.0
    noisy = unit + sigma * normal(x, corruption) * (unit if corruption == "speckle_noise" else 1)
    found = levels(x, corruption, severity, column=column, rounding="none")
    np.testing.assert_allclose(found, np.clip(noisy, 0, 1) * 255, atol=1e-4)
    cut = whole(levels(x, corruption, severity, column=column))
    assert (cut == published(noisy)).mean() > 0.999  # float32 errs by a few 1e-5 of a level
    assert np.abs(cut.astype(int) - published(noisy)).max() <= 1
    assert (cut[noisy >= 1] == 255).all()


def test_normal_noise_has_the_published_size() -> None:
    for severity, (sigma,) in enumerate(KINDS["gaussian_noise"].levels["cifar"], 1):
        found = levels(grey(128), "gaussian_noise", severity, column="cifar", rounding="none") / 255 - 128 / 255
        assert found.std() == pytest.approx(sigma, rel=0.02)
        assert abs(found.mean()) < 4 * sigma / found.size**0.5
        assert stats.kstest(found.ravel()[::7] / sigma, "norm").pvalue > 1e-3
        across = np.corrcoef(found.reshape(-1, 3).T)[np.triu_indices(3, 1)]
        assert np.abs(across).max() < 0.04  # each value has its own


@pytest.mark.parametrize("corruption", [name for name in KINDS if name != "impulse_noise"])
@pytest.mark.parametrize("column", SIDES)
def test_noise_grows_with_severity(corruption: str, column: str) -> None:
    x = frames(32, 32)[:2]
    changes = [np.abs(levels(x, corruption, s, column=column) - x).mean() for s in range(1, 6)]
    assert all(a < b for a, b in pairwise(changes))


@pytest.mark.parametrize("column", SIDES)
def test_impulses_hit_values_not_pixels_and_leave_the_rest(column: str) -> None:
    x = grey(101)
    before = np.zeros(x.shape, bool)
    for severity, (amount,) in enumerate(KINDS["impulse_noise"].levels[column], 1):  # type: ignore[index]
        found = whole(levels(x, "impulse_noise", severity, column=column))
        salt, pepper = found == 255, found == 0
        assert (found[~(salt | pepper)] == 101).all()
        for hit in (salt, pepper):
            assert abs(hit.mean() - amount / 2) < 4 * (amount / 2 / x.size) ** 0.5
        hit = salt | pepper
        assert abs(hit.all(-1).mean() - amount**3) < 4 * (amount**3 / hit[..., 0].size) ** 0.5
        assert (hit | ~before).all()  # what was hit stays hit
        before = hit


def test_every_level_comes_back_where_nothing_is_hit() -> None:
    x = np.repeat(np.arange(256, dtype=np.uint8), 48).reshape(4, 32, 32, 3)
    found = whole(levels(x, "impulse_noise", 1))
    assert (found == x).mean() > 0.98
    assert set(found[found != x].tolist()) <= {0, 255}


def draws(n: int, seed: int = 3) -> Array:
    return np.random.default_rng(seed).integers(-(1 << 31), 1 << 31, n, dtype=np.int32)


@pytest.mark.parametrize("photons", [3, 12, 60, 500])
@pytest.mark.parametrize("level", [0, 1, 100, 254])
def test_counts_are_poisson_to_the_letter(photons: int, level: int) -> None:
    """Each draw against SciPy's quantile function, and the counts against the distribution."""
    drawn = np.concatenate([draws(40_000), np.array([-(1 << 31), (1 << 31) - 1], np.int32)])
    share = (drawn.astype(float) + 2**31 + 0.5) / 2**32
    quantile = np.minimum(stats.poisson.ppf(share, level / 255 * photons), photons)
    shape = (1, 1, 1, len(drawn))
    found = counts(torch.full(shape, float(level)), torch.from_numpy(drawn).reshape(shape), photons).numpy().ravel()
    assert (found == quantile).all()


def test_counts_of_real_levels() -> None:
    drawn = torch.from_numpy(draws(3000)).reshape(1, 3, 10, 100)
    whole_levels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, drawn.shape)).float()
    at_whole = _of_reals(whole_levels, drawn, 25).clamp_(max=25)
    assert torch.equal(at_whole, counts(whole_levels, drawn, 25))
    between = counts(whole_levels.clamp(max=254) + 0.5, drawn, 25)
    assert bool((between.clamp(max=25) >= counts(whole_levels.clamp(max=254), drawn, 25)).all())
    share = (drawn.double().numpy() + 2**31 + 0.5) / 2**32
    quantile = stats.poisson.ppf(share, (whole_levels.clamp(max=254).double().numpy() + 0.5) / 255 * 25)
    assert (between.numpy() == quantile).all()


@pytest.mark.parametrize("column", SIDES)
@pytest.mark.parametrize("severity", [1, 3, 5])
def test_shot_noise_is_cut_as_published(column: str, severity: int) -> None:
    """The levels that occur are those of float64 counts; mean and variance are the Poisson's."""
    (photons,) = KINDS["shot_noise"].levels[column][severity - 1]  # type: ignore[index]
    possible = set(published(np.arange(photons + 1) / photons).tolist())
    found = whole(levels(grey(90), "shot_noise", severity, column=column))
    assert set(found.ravel().tolist()) <= possible
    real = levels(grey(90), "shot_noise", severity, column=column, rounding="none") / 255 * photons
    mean = 90 / 255 * photons
    expected = np.minimum(stats.poisson.ppf((np.arange(20_000) + 0.5) / 20_000, mean), photons)
    assert real.mean() == pytest.approx(expected.mean(), abs=4 * (mean / real.size) ** 0.5)
    assert real.var() == pytest.approx(expected.var(), rel=0.05)
    black: Any = whole(levels(grey(0), "shot_noise", severity, column=column))
    assert (black == 0).all()
