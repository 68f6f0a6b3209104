"""The gradient_spectrum exam: against slow transcriptions, and on eyes whose gradients are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.stats import chi, gaussian_kde

from eyechart.core.chart import Heatmap, Lines
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.query import CLEAN, Answers, Signal
from eyechart.exams import gradient_spectrum
from eyechart.exams.gradient_spectrum import GRADIENT, PIXELS, GradientSpectrum
from eyechart.exams.gradient_spectrum_figures import half_of
from eyechart.exams.gradient_spectrum_rows import spread_ranks
from eyechart.exams.gradient_spectrum_strength import cells, centres, strength
from eyechart.images.load import load_images
from eyechart.models.load import load_model
from eyechart.spectrum.grid import half_plane_weights
from eyes import (
    SHARED,
    HighPassEye,
    LinearEye,
    LowPassEye,
    Sitting,
    image_set,
    noise_images,
    said,
    seen_by,
    sitting,
    toy_images,
)

GREY = (0.2989, 0.587, 0.114)


def shown(
    gradients: Array, pixels: Array | None = None, labels: Array | None = None, seed: int = 0, **settings: Any
) -> Sitting:
    """A sitting with made-up gradients (n, c, h, w)."""
    n, _, height, width = gradients.shape
    if pixels is None:
        pixels = np.random.default_rng(seed + 99).random(gradients.shape)
    labels = np.zeros(n, np.int64) if labels is None else labels
    subject = Subject((height, width), 4)
    signals = (torch.from_numpy(np.asarray(values, np.float32)) for values in (gradients, pixels))
    read = [Signal(values, {}, fine) for values, fine in zip(signals, (labels >= 0, labels >= -1), strict=True)]
    answers = Answers({CLEAN: said(np.eye(4)[np.zeros(n, int)]), GRADIENT: read[0], PIXELS: read[1]})
    ids = tuple(f"{i:04d}" for i in range(n))
    return Sitting(GradientSpectrum(**settings), subject, answers, Batch(ids, labels, subject))


def results(sat: Sitting) -> Estimates:
    return sat.exam.estimates(sat.whole, sat.batch.labels, sat.subject)


def value(found: Estimates, measure: str, **at: Any) -> float:
    (e,) = found.of(measure, **at)
    assert e.value is not None, e.reason
    return e.value


def noise(n: int, channels: int = 3, size: tuple[int, int] = (16, 16), seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(n, channels, *size)).astype(np.float32)


def wave(fy: int, fx: int, size: tuple[int, int] = (16, 16)) -> Array:
    y, x = np.mgrid[: size[0], : size[1]]
    return np.cos(2 * np.pi * (fy * y / size[0] + fx * x / size[1]) + 0.3)


def full_radii(height: int, width: int) -> Array:
    fy, fx = ([min(k, n - k) for k in range(n)] for n in (height, width))
    return np.array([[np.hypot(a, b) for b in fx] for a in fy])


def transcribed(g: Array, pixels: Array, channel: str, percentiles: tuple[float, ...]) -> dict[str, Any]:
    """One image's row, coefficient by coefficient over the full plane, in float64."""
    g, pixels = g.astype(np.float64), pixels.astype(np.float64)
    height, width = g.shape[1:]
    radii = full_radii(height, width)
    power = np.mean([abs(np.fft.fft2(plane)) ** 2 for plane in (g if channel == "rms" else [g.mean(0)])], 0)
    grey = sum(w * plane for w, plane in zip(GREY, pixels, strict=True)) if len(pixels) == 3 else pixels[0]
    image = abs(np.fft.fft2(grey)) ** 2
    image[0, 0] = 0
    head = next(r for r in np.unique(radii) if image[radii <= r].sum() >= 0.8 * image.sum() * (1 - 1e-9))
    pairs = {}
    for y in range(height):
        for x in range(width):
            pairs.setdefault(frozenset({(y, x), (-y % height, -x % width)}), (np.sqrt(power[y, x]), radii[y, x]))
    falling = sorted(pairs.values(), key=lambda pair: -pair[0])
    ranks = [round(p / 100 * (len(falling) - 1)) for p in percentiles]
    amounts = np.array([size for size, _ in falling])
    fixed = [share * max(height, width) / 2 for share in (0.25, 0.5, 0.75, 1.0)]
    inside = [(k <= radii) & (radii < k + 1) for k in range(int(radii.max()) + 1)]
    return {
        "gradient_norm": np.sqrt((g**2).sum()),
        "strength": np.sqrt(power).mean(),
        "ring_strength": [np.sqrt(power)[ring].mean() for ring in inside],
        "rank_strength": amounts[ranks],
        "rank_radius": [falling[rank][1] for rank in ranks],
        "gini": abs(amounts[:, None] - amounts).mean() / (2 * amounts.mean()),
        "head_radius": head,
        "frequencies_beyond_head": (radii > head).mean(),
        "share_beyond_head": power[radii > head].sum() / power.sum(),
        "image_share_beyond_head": image[radii > head].sum() / image.sum(),
        "share_beyond": [power[radii > r].sum() / power.sum() for r in fixed],
        "image_share_beyond": [image[radii > r].sum() / image.sum() for r in fixed],
    }


@pytest.mark.parametrize("channel", ["rms", "mean"])
@pytest.mark.parametrize(("channels", "size"), [(3, (16, 16)), (1, (12, 12)), (3, (9, 9)), (3, (8, 11)), (1, (13, 10))])
def test_rows_agree_with_a_slow_transcription(channels: int, size: tuple[int, int], channel: str) -> None:
    gradients = noise(3, channels, size) * np.array([1.0, 1e-3, 1e-9], np.float32)[:, None, None, None]
    pixels = np.random.default_rng(5).random(gradients.shape).astype(np.float32)
    sat = shown(gradients, pixels, channel=channel)
    rows, percentiles = sat.whole.rows, GradientSpectrum().percentiles
    for i in range(len(gradients)):
        wanted = transcribed(gradients[i], pixels[i], channel, percentiles)
        assert {*wanted, "top1", "nll", "zero_gradient"} == set(rows)
        for name, right in wanted.items():
            np.testing.assert_allclose(rows[name][i], right, rtol=1e-5, atol=1e-20, err_msg=name)


def test_strength_is_a_spectrum() -> None:
    """Parseval: the full plane's sum of G^2 is h * w * sum of g^2, a mean over channels."""
    for size in ((16, 16), (9, 14)):
        g = torch.from_numpy(noise(2, 3, size))
        plane = strength(g) ** 2 * half_plane_weights(size[1])
        wanted = size[0] * size[1] * g.double().square().sum((2, 3)).mean(1)
        torch.testing.assert_close(plane.sum((1, 2)), wanted, rtol=1e-9, atol=0)


def test_the_published_procedure_at_32_pixels() -> None:
    """The paper's code: mean over channels, |fft2| + 1e-8, columns 0..16, sorted; its ranks; rows and columns set right."""
    gradients = noise(5, 3, (32, 32)) * np.array([1, 1e-3, 1e-6, 1e-8, 2], np.float32)[:, None, None, None]
    sat = shown(gradients, columns="parity", channel="mean")
    tally, summed = sat.whole, np.zeros(544)
    for i, g in enumerate(gradients):
        magnitude = (abs(np.fft.fft2(g.astype(np.float64).mean(0))) + 1e-8)[:, :17].flatten()
        order = np.argsort(-magnitude, kind="stable")
        summed += magnitude[order]
        chosen = order[[0, 100, 200, 300, 400, 543]]
        row, column = chosen // 17, chosen % 17
        np.testing.assert_allclose(tally.rows["rank_radius"][i], np.hypot(np.minimum(row, 32 - row), column), rtol=1e-6)
        np.testing.assert_allclose(tally.rows["rank_strength"][i], magnitude[chosen], rtol=1e-5)
    np.testing.assert_allclose(tally.sums["ranks"].sum(0), summed, rtol=1e-6)
    found = results(sat)
    assert [e.at["rank"] for e in found.of("radius_at_rank")] == [0, 100, 200, 300, 400, 543]
    assert [round(e.at["percentile"]) for e in found.of("radius_at_rank")] == [0, 18, 37, 55, 74, 100]
    np.testing.assert_allclose(
        [5 * (e.value or 0) for e in found.of("strength_at_rank")],
        summed[[e.at["rank"] for e in found.of("strength_at_rank")]],
        rtol=1e-6,
    )
    assert len(shown(gradients).whole.sums["ranks"][0]) == 514


@pytest.mark.parametrize(("fy", "fx"), [(3, 4), (-2, 5), (8, 8), (0, 0), (-5, 0)])
def test_an_eye_for_one_wave_feels_that_wave_alone(fy: int, fx: int) -> None:
    weight = torch.from_numpy(np.broadcast_to(wave(fy, fx), (3, 16, 16)).reshape(-1).copy()).float()
    eye = seen_by(LinearEye(torch.stack([weight / 40, torch.zeros_like(weight)])))
    sat = sitting(GradientSpectrum(radii=(0, 3, 6, 9)), eye, image_set(noise_images(12), np.arange(12) % 2))
    found, radius = results(sat), np.hypot(fy, fx)
    assert value(found, "radius_at_rank", rank=0) == pytest.approx(radius)
    for e in found.of("radius_at_rank")[1:]:
        assert (e.value, e.n) == (None, 0)  # a frequency without strength holds no rank
    for e in found.of("share_beyond"):
        assert e.value == pytest.approx(float(radius > e.at["radius"]), abs=1e-6)
    lit = {(e.at["fy"], e.at["fx"]) for e in found.of("map_strength") if e.value}
    same = {(a, b) for a in (fy, -fy) for b in (fx, -fx) if (a - fy) % 16 == (b - fx) % 16 == 0}
    same |= {(a, b) for a in (fy, -fy) for b in (fx, -fx) if (a + fy) % 16 == (b + fx) % 16 == 0}
    assert lit == {(a, b) for a, b in same if b > 0 or (b == 0 and a >= 0)}
    peak = max(found.of("radius_density", rank=0), key=lambda e: e.value or 0)
    assert peak.at["radius"] == pytest.approx(radius, abs=0.1)  # a spike, to the nearest of the places
    assert value(found, "gini") == pytest.approx(1 - 1 / 130, abs=1e-5)  # one of the 130 has all


def test_beyond_is_beyond_not_at() -> None:
    gradients = np.broadcast_to(wave(0, 3), (4, 3, 16, 16))
    pixels = np.stack([np.broadcast_to(0.5 + 0.2 * wave(0, k), (3, 16, 16)) for k in (2, 2, 2, 3)])
    found = results(shown(gradients, pixels, radii=(2, 3)))
    assert value(found, "beyond_head_at_rank", rank=0) == 0.75
    assert value(found, "share_beyond_head") == pytest.approx(0.75)
    assert [e.value for e in found.of("share_beyond")] == pytest.approx([1, 0], abs=1e-6)


def test_the_plane_is_drawn_with_its_mirror() -> None:
    gradients = noise(1) * 1e-3 + wave(-2, 5).astype(np.float32)
    sat = shown(gradients)
    (plane,) = (chart for chart in sat.exam.charts(results(sat)) if isinstance(chart, Heatmap))
    z = np.array(plane.z, float)
    bright = {(plane.y[i], plane.x[j]) for i, j in np.argwhere(z > 0.5)}
    assert bright == {(-2, 5), (2, -5)}
    np.testing.assert_array_equal(z, z[::-1, ::-1])


@pytest.mark.parametrize("size", [(40, 44), (32, 32), (35, 69), (7, 100)])
def test_cells_are_means_over_the_full_plane(size: tuple[int, int]) -> None:
    height, width = size
    g = torch.from_numpy(noise(1, 1, size))
    found, (rows, columns) = cells(height, width), centres(height, width)
    mine = found.means(strength(g).flatten(1))[0].numpy()
    assert len(rows) <= 33
    assert mine.shape == (len(rows), len(columns))
    full, half = abs(np.fft.fft2(g[0, 0].double().numpy())), found.width // 2
    for i, fy in enumerate(rows):
        for j, fx in enumerate(columns):
            ys = [y for y in range(fy - half, fy + half + 1) if 2 * abs(y) <= height]
            xs = [x for x in range(fx - half, fx + half + 1) if 2 * abs(x) <= width]
            assert mine[i, j] == pytest.approx(np.mean([full[y % height, x % width] for y in ys for x in xs]), rel=1e-6)


def test_a_linear_eye_of_two_classes_shows_the_spectrum_of_its_weights() -> None:
    weight = torch.randn(2, 3 * 16 * 16, generator=torch.Generator().manual_seed(0)) / 20
    sat = sitting(GradientSpectrum(), seen_by(LinearEye(weight)), image_set(noise_images(8), [0, 1] * 4))
    found, gap = results(sat), (weight[1] - weight[0]).double().view(3, 16, 16).numpy()
    power = np.mean([abs(np.fft.fft2(plane)) ** 2 for plane in gap], 0)
    radii = full_radii(16, 16)
    for e in found.of("ring_strength"):
        ring = (e.at["ring"] <= radii) & (radii < e.at["ring"] + 1)
        assert e.value == pytest.approx(np.sqrt(power)[ring].mean() / np.sqrt(power).mean(), rel=1e-4)
        assert e.at["radius"] == pytest.approx(radii[ring].mean())
        assert (e.low, e.high) == (pytest.approx(e.value, rel=1e-4), pytest.approx(e.value, rel=1e-4))  # alike in all
    for e in found.of("relative_power_beyond"):
        beyond = radii > e.at["radius"]
        assert e.value == pytest.approx(power[beyond].mean() / power.mean(), rel=1e-4)
    strengths = sat.whole.rows["strength"]
    assert np.ptp(strengths) > 0.1 * strengths.max()  # the scale is each image's own


def test_a_low_pass_eye_feels_nothing_beyond_its_radius() -> None:
    sat = sitting(
        GradientSpectrum(radii=(4,)), seen_by(LowPassEye(4, 16)), image_set(noise_images(12), [0, 1, 2, 3] * 3)
    )
    found = results(sat)
    assert value(found, "share_beyond") == 0
    assert [e.value for e in found.of("ring_strength") if e.at["ring"] > 4] == [0] * 7
    assert all(e.value for e in found.of("ring_strength") if 1 <= e.at["ring"] < 4)
    (where, *_) = sat.exam.findings(found)
    assert "more sensitive to coarse" in where.sentence
    assert value(found, "relative_power_beyond") == 0
    assert not where.advice
    (rings, *_) = sat.exam.charts(found)
    assert isinstance(rings, Lines)
    assert rings.series[0].y[10] == 0


def test_a_high_pass_eye_is_told_so() -> None:
    labels = [0, 1] * 6
    sat = sitting(GradientSpectrum(), seen_by(HighPassEye(6, 16)), image_set(toy_images(labels), labels))
    found = results(sat)
    assert value(found, "head_radius") <= 5
    assert value(found, "share_beyond", radius=4.0) == 1
    assert value(found, "ring_strength", ring=3) == 0
    (where, strongest) = sat.exam.findings(found)
    assert "more sensitive to fine" in where.sentence
    assert where.verdict == "note"
    assert "noise" in where.advice
    assert value(found, "beyond_head_at_rank", rank=0) == 1
    assert "here they do (the very strongest in 100.0%" in strongest.sentence
    assert "less often" in strongest.sentence


@pytest.mark.parametrize(("channels", "gini"), [(1, 1 - 0.5**0.5), (3, 0.1658)])
def test_noise_is_even(channels: int, gini: float) -> None:
    found = results(shown(noise(300, channels, (32, 32), seed=channels)))
    for measure in ("relative_power_beyond", "ring_strength", "map_strength"):
        estimates = [e for e in found.of(measure) if e.low is not None and e.at.get("ring") != 0]
        held = [e.low <= expected(e, channels) <= e.high for e in estimates]  # type: ignore[operator]
        assert np.mean(held) > 0.85
    assert value(found, "gini") == pytest.approx(gini, abs=0.003)
    assert value(found, "beyond_head_at_rank", rank=205) == pytest.approx(
        value(found, "frequencies_beyond_head"), abs=0.08
    )


def expected(e: Any, channels: int) -> float:
    """1, but for waves that mirror themselves: the mean size of a real normal is not that of a complex one."""
    alone = e.at.get("fy", 1) % 16 == 0 and e.at.get("fx", 1) % 16 == 0
    real, whole = (chi.mean(k) / k**0.5 for k in (channels, 2 * channels))
    return real / whole if alone else 1.0


def test_images_without_label_or_gradient_are_counted_and_left_out() -> None:
    gradients, labels = noise(12), np.array([0, 1, -1, 2, 0, 1, 2, 3, -1, 1, 2, 3])
    gradients[[3, 7]] = 0
    sat = shown(gradients, labels=labels)
    tally, found = sat.whole, results(sat)
    left_out = np.isin(np.arange(12), [2, 3, 7, 8])
    assert np.flatnonzero(tally.rows["zero_gradient"]).tolist() == [3, 7]
    for name in ("strength", "ring_strength", "rank_strength", "rank_radius", "gini", "share_beyond", "gradient_norm"):
        np.testing.assert_array_equal(np.isnan(tally.rows[name]).reshape(12, -1).all(1), left_out, err_msg=name)
        np.testing.assert_array_equal(np.isnan(tally.rows[name]).reshape(12, -1).any(1), left_out, err_msg=name)
    zero, without = (found.of(m)[0] for m in ("zero_gradients", "without_label"))
    assert (zero.value, zero.n, without.value, without.n) == (2, 10, 2, 12)
    assert any("2 of 10 gradients" in f.sentence for f in sat.exam.findings(found))
    part = sat.part(~left_out)
    rest = sat.exam.estimates(part, labels[~left_out], sat.subject)
    for e in rest:
        if e.measure not in ("zero_gradients", "without_label"):
            other = found.one(e.measure, **e.at)
            assert other is not None
            assert other.n == e.n
            assert other.value == pytest.approx(e.value), e


def test_if_no_gradient_is_left_the_reason_is_told() -> None:
    sat = shown(np.zeros((4, 3, 16, 16), np.float32))
    found = results(sat)
    assert value(found, "zero_gradients") == 4
    assert found.of("share_beyond")
    assert {e.reason for e in found.of("share_beyond") + found.of("gini")} == {"every gradient is exactly zero"}
    assert not found.of("ring_strength")
    assert sat.exam.charts(found)
    assert [f.sentence for f in sat.exam.findings(found)] == ["4 of 4 gradients are exactly zero and left out."]


@pytest.mark.parametrize("size", [(16, 16), (9, 12)])
def test_the_images_own_rings_are_of_their_grey_amplitudes(size: tuple[int, int]) -> None:
    gradients, pixels = noise(90, 3, size), np.random.default_rng(1).random((90, 3, *size)) ** 3
    gradients[::3] = 0  # have no part in it; some share a block of sums with others
    grey = np.einsum("c,nchw->nhw", GREY, pixels)
    amplitude, radii = abs(np.fft.fft2(grey))[np.arange(90) % 3 > 0].sum(0), full_radii(*size)
    found = results(shown(gradients, pixels)).of("image_ring_strength")
    assert [e.at["ring"] for e in found] == list(range(1, int(radii.max()) + 1))
    for e in found:
        ring = (e.at["ring"] <= radii) & (radii < e.at["ring"] + 1)
        assert e.value == pytest.approx(amplitude[ring].mean() / amplitude[radii > 0].mean(), rel=1e-5)


def test_flat_images_have_no_head() -> None:
    pixels = np.random.default_rng(0).random((6, 3, 16, 16))
    pixels[:2] = 0.4
    sat = shown(noise(6), pixels)
    rows, found = sat.whole.rows, results(sat)
    for name in (
        "head_radius",
        "share_beyond_head",
        "frequencies_beyond_head",
        "image_share_beyond",
        "image_share_beyond_head",
    ):
        assert np.isnan(rows[name]).reshape(6, -1).all(1).tolist() == [True] * 2 + [False] * 4, name
    assert {found.of(m)[0].n for m in ("share_beyond_head", "image_share_beyond", "beyond_head_at_rank")} == {4}
    assert found.of("share_beyond")[0].n == 6


def test_normalised_images_weigh_alike() -> None:
    gradients = noise(6)
    louder = gradients * np.array([1e4, 1, 1, 1, 1, 1], np.float32)[:, None, None, None]
    plain, loud = (results(shown(g)) for g in (gradients, louder))
    alike, loud_alike = (results(shown(g, normalise=True)) for g in (gradients, louder))
    assert value(loud, "ring_strength", ring=3) != pytest.approx(value(plain, "ring_strength", ring=3), rel=1e-2)
    assert value(loud, "half_of_strength") == pytest.approx(1 / 6)
    for e in alike.of("ring_strength") + alike.of("strength_at_rank") + alike.of("map_strength"):
        assert value(loud_alike, e.measure, **e.at) == pytest.approx(e.value, rel=1e-5)
    assert shown(louder, normalise=True).whole.sums["ranks"].sum() == pytest.approx(6)  # one an image
    for measure in ("share_beyond", "gini", "radius_at_rank"):  # of single images: the scale never mattered
        assert [e.value for e in loud.of(measure)] == pytest.approx([e.value for e in alike.of(measure)])


def test_zero_frequency_may_be_left_out() -> None:
    bright = noise(5) + 3
    counted, left_out = (results(shown(bright, zero_frequency=choice)) for choice in (True, False))
    even = results(shown(noise(5)))
    assert value(counted, "share_beyond", radius=4.0) < 0.3
    assert value(left_out, "share_beyond", radius=4.0) == pytest.approx(
        value(even, "share_beyond", radius=4.0), abs=0.01
    )
    radii = full_radii(16, 16)
    assert value(left_out, "frequencies_beyond", radius=4.0) == pytest.approx((radii > 4).sum() / 255)
    assert value(counted, "frequencies_beyond", radius=4.0) == pytest.approx((radii > 4).sum() / 256)


def test_isotropic_radii_are_circles_in_cycles_per_pixel() -> None:
    gradients = np.broadcast_to(wave(4, 4, (8, 16)), (2, 3, 8, 16)).copy()
    index, isotropic = (results(shown(gradients, units=units)) for units in ("index", "isotropic"))
    assert value(index, "radius_at_rank", rank=0) == pytest.approx(np.hypot(4, 4))
    assert value(isotropic, "radius_at_rank", rank=0) == pytest.approx(np.hypot(8, 4))


def test_densities_are_scipys() -> None:
    sat = shown(noise(200), percentiles=(50,))
    theirs = gaussian_kde(sat.whole.rows["rank_radius"][:, 0].astype(np.float64))
    mine = results(sat).of("radius_density")
    assert len(mine) == 64
    np.testing.assert_allclose([e.value for e in mine], theirs([e.at["radius"] for e in mine]), rtol=1e-4)
    (ranks,) = (c for c in sat.exam.charts(results(sat)) if isinstance(c, Lines) and "density" in c.y_label)
    assert ranks.marks[0].x == pytest.approx(sat.whole.rows["head_radius"].mean(), rel=1e-6)


def test_the_size_of_pieces_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    gradients, labels = noise(11), np.arange(11) % 5 - 1
    whole = shown(gradients, labels=labels).whole
    monkeypatch.setattr(gradient_spectrum, "CHUNK_BYTES", 3 * 16 * 16 * 3 * 16)  # three images
    pieces = shown(gradients, labels=labels).whole
    for name, column in whole.rows.items():
        np.testing.assert_array_equal(pieces.rows[name], column, err_msg=name)
    for name, total in whole.sums.items():
        np.testing.assert_allclose(pieces.sums[name], total, rtol=1e-12)


@pytest.mark.parametrize(("n", "most"), [(25090, 600), (601, 600), (514, 600), (1, 10), (514, 100)])
def test_thinned_ranks_keep_both_ends(n: int, most: int) -> None:
    ranks = spread_ranks(n, most)
    assert len(ranks) <= most
    assert (ranks[0], ranks[-1]) == (0, n - 1)
    assert list(ranks) == sorted(set(ranks))
    assert n > most or ranks == tuple(range(n))
    assert n < 10 or ranks[:4] == (0, 1, 2, 3)  # where the curve is steepest


def test_half_of_an_amount() -> None:
    assert half_of(np.array([1.0] * 10)).value == 0.5
    assert half_of(np.array([6.0, 1, 1, 1, 1, 1])).value == pytest.approx(1 / 6)
    spread = half_of(np.random.default_rng(0).exponential(size=400))
    assert spread.low < 0.19 < spread.high  # type: ignore[operator]  # -log(t) * t + t = 1/2 of an exponential
    assert spread.high - spread.low < 0.06  # type: ignore[operator]


@pytest.mark.parametrize(
    "settings", [{"percentiles": ()}, {"percentiles": (0, 101)}, {"radii": (-1,)}, {"radii": (2, 2)}, {"head_share": 1}]
)
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GradientSpectrum(**settings)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not there")
def test_a_net_trained_on_attacks_feels_coarser_waves_than_one_that_was_not() -> None:
    images = load_images(f"cifar10:{SHARED / 'cifar10'}")
    pixels = np.stack([np.asarray(images.source(i).open().picture) for i in range(100)])
    assert images.labels is not None
    tiny = image_set(pixels, images.labels[:100])
    shares = {}
    for name, arch in (("resnet20", "cifar_resnet20"), ("resnet4b_robust", "resnet4b")):
        model = load_model(str(SHARED / f"cifar10_nets/{name}.safetensors"), arch=f"eyechart:{arch}", device="cpu")
        shares[name] = results(sitting(GradientSpectrum(), model, tiny)).of("share_beyond", radius=8.0)[0]
    assert shares["resnet20"].low > shares["resnet4b_robust"].high  # type: ignore[operator]
