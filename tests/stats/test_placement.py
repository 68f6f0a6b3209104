"""Where objects lie, against objects strewn at random."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest
from scipy.stats import skew

from eyechart.stats.placement import (
    MEAN_DISTANCE,
    Figure,
    divergence,
    feasible_histogram,
    features,
    figures,
    histogram,
    kl,
    moments,
    strewn,
)

Array = np.ndarray[Any, Any]
UNIFORM = np.full((16, 16), 1 / 256)


def scattered(n: int, seed: int = 0, largest: float = 0.6) -> Array:
    """Boxes of all sizes, each anywhere within its image."""
    chance = np.random.default_rng(seed)
    size = chance.uniform(0.01, largest, (n, 2))
    corner = chance.random((n, 2)) * (1 - size)
    return np.concatenate([corner, corner + size], axis=1)


def points(centres: Array) -> Array:
    return np.concatenate([centres - 1e-6, centres + 1e-6], axis=1)


def told(corners: Array, pixel: float = 0.01, image: Array | None = None) -> dict[tuple[str, str], Figure]:
    image = np.arange(len(corners)) if image is None else image
    found = figures(corners, np.full((len(corners), 2), pixel), image)
    return {(one.measure, one.of): one for one in found}


@pytest.mark.parametrize("n", [20, 100, 400, 2000])
@pytest.mark.parametrize("within", [True, False])
def test_boxes_strewn_at_random_do_not_diverge(n: int, within: bool) -> None:
    """Law: 0 on average and within the interval, with fewer boxes than cells too."""
    found = []
    for seed in range(40):
        corners = scattered(n, seed) if within else points(np.random.default_rng(seed).uniform(0.001, 0.999, (n, 2)))
        expected = feasible_histogram(corners) if within else UNIFORM
        found.append(divergence(corners, np.arange(n), expected, strewn(corners, within=within, draws=100)))
    values = [one.value or 0.0 for one in found]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(40) + 1e-3
    assert sum(one.low is not None and one.high is not None and one.low <= 0 <= one.high for one in found) >= 35


def test_with_many_boxes_chance_alone_is_the_textbook_s() -> None:
    """n KL is half a chi-square: 255 / 2n on average."""
    raw = kl(strewn(points(np.full((4000, 2), 0.5)), within=False), UNIFORM)
    assert raw.mean() == pytest.approx(255 / 8000, rel=0.03)
    assert raw.var() == pytest.approx(255 / (2 * 4000**2), rel=0.35)


def test_all_in_one_cell_is_log_256() -> None:
    corners = points(np.full((500, 2), 0.4))
    assert kl(histogram(corners), UNIFORM) == pytest.approx(log(256))
    by_chance = kl(strewn(corners, within=False), UNIFORM).mean()
    assert told(corners)["kl", "uniform"].interval.value == pytest.approx(log(256) - by_chance)


def test_feasible_chance_is_what_strewing_gives() -> None:
    corners = scattered(200_000)
    by_strewing = histogram(corners)
    np.testing.assert_allclose(feasible_histogram(corners), by_strewing, atol=4 * np.sqrt(by_strewing.max() / 200_000))
    assert feasible_histogram(corners).sum() == pytest.approx(1)
    found = told(scattered(20_000))
    own, uniform = found["kl", "feasible"], found["kl", "uniform"]
    assert abs(own.interval.value or 0.0) < 0.002
    assert (own.uniform, own.feasible) == (None, 0.0)
    assert (uniform.interval.value or 0.0) > 0.05  # large boxes are near the middle whatever happens
    assert uniform.interval.value == pytest.approx(uniform.feasible, abs=0.005)
    assert uniform.feasible == pytest.approx(kl(feasible_histogram(corners), UNIFORM), abs=0.005)
    assert uniform.uniform == 0.0
    for key in (("mean", "distance"), ("sd", "cx"), ("sd", "cy")):
        one = found[key]
        assert one.interval.value == pytest.approx(one.feasible, rel=0.02)
        assert one.feasible is not None
        assert one.uniform is not None
        assert one.feasible < one.uniform
    touching = found["share", "touching_border"]
    assert touching.interval.value == pytest.approx(touching.feasible, rel=0.1)


def test_the_mean_distance_of_uniform_points() -> None:
    centres = np.random.default_rng(0).random((200_000, 2))
    assert features(points(centres), np.ones((200_000, 2)))["distance"].mean() == pytest.approx(
        MEAN_DISTANCE, abs=0.001
    )
    assert told(points(centres[:1000]))["mean", "distance"].feasible == pytest.approx(MEAN_DISTANCE, abs=2e-4)


@pytest.mark.parametrize("w", [1 / 8, 1 / 2, 1.0])
def test_boxes_at_the_border_lie_where_boxes_of_their_size_can(w: float) -> None:
    for left in (0.0, 1 - w):
        corners = np.tile([left, 0.0, left + w, 1.0], (20, 1))
        assert (feasible_histogram(corners)[histogram(corners) > 0] > 0).all()
        assert -1e-9 < kl(histogram(corners), feasible_histogram(corners)) < log(256)


def test_a_box_as_large_as_the_image_has_one_place() -> None:
    corners = np.tile([0.0, 0.0, 1.0, 1.0], (50, 1))
    found = told(corners)
    assert found["kl", "feasible"].interval.value == pytest.approx(0)
    assert found["kl", "uniform"].interval.value == pytest.approx(found["kl", "uniform"].feasible)
    assert found["share", "touching_border"].feasible == 1.0
    assert found["mean", "distance"].interval.value == 0.0


def test_features_of_one_box() -> None:
    found = features(np.array([[0.1, 0.2, 0.5, 0.4]]), np.array([[1 / 640, 1 / 480]]))
    expected = {
        "cx": 0.3,
        "cy": 0.3,
        "area": 0.08,
        "log2_area": np.log2(0.08),
        "aspect": 0.4 * 640 / (0.2 * 480),
        "distance": np.hypot(0.2, 0.2),
    }
    assert {name: column[0] for name, column in found.items()} == pytest.approx(expected)


def test_moments_are_numpy_s_and_scipy_s() -> None:
    values = np.random.default_rng(0).gamma(2.0, 3.0, 400) + 100
    found = moments({"x": values}, np.arange(400))
    assert found["mean", "x"].value == pytest.approx(values.mean())
    assert found["sd", "x"].value == pytest.approx(values.std())
    assert found["skew", "x"].value == pytest.approx(skew(values))
    half = 1.96 * values.std() / 20
    mean = found["mean", "x"]
    assert mean.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert mean.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_intervals_resample_images() -> None:
    """Every box ten times in its image: no more is known than from one."""
    corners = scattered(200)
    once, ten = (told(np.repeat(corners, k, axis=0), image=np.repeat(np.arange(200), k)) for k in (1, 10))
    for key in (("mean", "cx"), ("sd", "area"), ("share", "touching_border")):
        widths = [(one[key].interval.high or 0.0) - (one[key].interval.low or 0.0) for one in (once, ten)]
        assert widths[0] > 0
        assert widths[1] == pytest.approx(widths[0], rel=0.2)
        assert once[key].interval.n == ten[key].interval.n == 200


def test_few_images_have_no_interval() -> None:
    found = told(scattered(5))
    assert found["mean", "cx"].interval.low is None
    assert found["kl", "uniform"].interval.low is None


def test_touching_is_within_less_than_a_pixel() -> None:
    ten = np.array([[0.0, 0.3, 0.2, 0.5], [0.1, 0.3, 0.2, 0.5], [0.3, 0.3, 0.9, 0.9], [0.3, 0.3, 0.95, 0.5]])
    assert told(ten, pixel=0.1)["share", "touching_border"].interval.value == 0.5
