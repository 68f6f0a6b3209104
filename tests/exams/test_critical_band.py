"""The critical_band exam on an eye whose threshold in every band is known in closed form, and counts by hand."""

from __future__ import annotations

from math import log2, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.stats import norm
from torch import Tensor, nn

from eyechart.core.chart import Lines, Table
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array
from eyechart.exams.critical_band import CriticalBand
from eyechart.exams.critical_band_channel import Seen, channel_figures, threshold_figures
from eyechart.stats.psychometric import full_width, polished_channel
from eyechart.views.band_noise import CONTRAST, FINEST, centre, octaves
from eyes import ConstantEye, Sitting, image_set, noise_images, one, seen_by, sitting
from figures import value

SIZE, N = 64, 300
NOISES = (0.005, 0.01, 0.02, 0.04)
SIGN = np.where(np.arange(N) % 2 == 1, 1.0, -1.0)
GAINS = {
    0: 0.028,
    1: 0.5,
    2: 1.0,
    3: 0.5,
}  # of octaves that the eye looks at: for what is there, and about 7 cycles per image
AMPLITUDE = 0.3 * 255


def waves_within(octave: int) -> int:
    """Coefficients of the full plane in the octave, counted one by one."""
    at = np.minimum(np.arange(SIZE), SIZE - np.arange(SIZE))
    distance = np.hypot(at[:, None], at)
    return int(((distance >= centre(octave) / sqrt(2)) & (distance < centre(octave) * sqrt(2))).sum())


def wave(octave: int) -> Array:
    """(SIZE,) of mean square 1, at a frequency within the octave."""
    return np.asarray(sqrt(2) * np.cos(2 * np.pi * round(centre(octave)) * np.arange(SIZE) / SIZE))


class ChannelEye(nn.Module):
    """Class 1 where waves in four octaves add up to more than nothing; noise of each moves the sum by gain * .943 sd."""

    def __init__(self) -> None:
        super().__init__()
        weights = sum(gain * sqrt(waves_within(octave)) * wave(octave) for octave, gain in GAINS.items())
        self.register_buffer("weights", torch.from_numpy(weights).float())

    def forward(self, x: Tensor) -> Tensor:
        found = 100 * (x[:, 0] * self.weights).mean((1, 2))
        return torch.stack([-found, found], 1)


def signals() -> Array:
    """Of the lowest octave alone; the sign of the wave is the class."""
    rows = 127 + np.rint(AMPLITUDE * SIGN[:, None] * wave(0) / sqrt(2))
    return np.ascontiguousarray(np.broadcast_to(rows[:, None, :, None], (N, SIZE, SIZE, 3))).astype(np.uint8)


SIGNAL = (
    CONTRAST * AMPLITUDE / 255 / sqrt(2) * sqrt(waves_within(0)) * GAINS[0]
)  # the sum without noise, but for rounding


def threshold(octave: int) -> float:
    """Noise at which accuracy is .75, half of what lies above chance."""
    return float(SIGNAL / (norm.ppf(0.75) * FINEST * GAINS[octave]))


@pytest.fixture(scope="module")
def sat() -> Sitting:
    exam = CriticalBand(noises=NOISES, draws=100)
    return sitting(exam, seen_by(ChannelEye(), SIZE), image_set(signals(), (SIGN > 0).astype(int)))


@pytest.fixture(scope="module")
def found(sat: Sitting) -> Estimates:
    return sat.estimates


def test_the_eye_is_within_reach_of_these_noises() -> None:
    assert octaves((SIZE, SIZE)) == 5
    assert 1.4 * NOISES[0] < threshold(2) < threshold(1) == threshold(3) < NOISES[-1] / 2 < threshold(0) / 10


def test_accuracy_in_each_octave_is_that_of_a_signal_in_noise(found: Estimates) -> None:
    assert value(found, "noiseless_accuracy") == 1
    for octave in range(5):
        for sd in NOISES:
            e = one(found, "accuracy", centre=centre(octave), sd=sd, classes="own")
            wanted = norm.cdf(SIGNAL / (GAINS[octave] * FINEST * sd)) if octave in GAINS else 1.0
            assert e.value == pytest.approx(wanted, abs=4 * sqrt(wanted * (1 - wanted) / N))


def test_thresholds_are_where_half_is_left(found: Estimates) -> None:
    for octave in (1, 2, 3):
        e = one(found, "threshold_sd", centre=centre(octave), classes="own")
        assert e.value is not None
        assert abs(log2(e.value / threshold(octave))) < 0.45  # the eye is no Weibull observer, and 300 images are few
        assert e.low is not None
        assert e.high is not None
        assert e.low < e.value < e.high < 2 * e.low
    for octave in (0, 4):
        assert "too weak" in one(found, "threshold_sd", centre=centre(octave)).reason


def test_the_channel_is_the_gaussian_through_these_thresholds(found: Estimates) -> None:
    heights = np.array([log2(NOISES[-1] / threshold(k)) if k in (1, 2, 3) else 0.0 for k in range(5)])
    peak, middle, width = polished_channel(heights, 4.0)
    assert middle == pytest.approx(2)
    at = {"classes": "own", "fit": "fitted"}
    place, band, peaks = (one(found, f"channel_{m}", **at) for m in ("centre", "bandwidth", "sensitivity"))
    assert place.value == pytest.approx(7.0, rel=0.15)
    assert band.value == pytest.approx(full_width(width), rel=0.2)
    assert peaks.value == pytest.approx(2 ** (peak - 4), rel=0.25)
    assert value(found, "at_bound", **at) == 0
    for e in (place, band, peaks):
        assert e.low is not None
        assert e.high is not None
        assert e.low < e.value < e.high  # type: ignore[operator]
    (said,) = CriticalBand().findings(found)
    assert "cycles per image" in said.sentence
    assert said.verdict == "note"


def by_hand() -> Seen:
    """Four images, two noises, three octaves: right without noise 4; then (weak, strong) 4 3, 2 4, 2 1."""
    counts = [4, 4, 3, 2, 4, 2, 1]
    right = np.array([[int(i < count) for count in counts] for i in range(4)])
    return Seen(right, np.array([0.1, 0.2]), 3, 0.0, 50)


def test_failed_noises_count_from_the_strongest_down_until_one_is_passed() -> None:
    assert [failed["value"] for _, failed in threshold_figures(by_hand())] == [0, 0, 2]


def counted(right_by_band: list[list[int]], noises: tuple[float, ...]) -> Seen:
    """Ten images, all right without noise; so many right in each band at each noise."""
    right = np.array([[int(i < count) for count in (10, *np.ravel(right_by_band))] for i in range(10)])
    return Seen(right, np.array(noises), len(right_by_band), 0.0, 50)


def test_the_published_channel_goes_through_the_counts() -> None:
    wanted = polished_channel(np.array([0.0, 1, 2]), 2.0)
    seen = counted([[9, 8], [9, 3], [4, 3]], (0.1, 0.2))
    figures = {measure: fields["value"] for measure, _, fields in channel_figures(seen, "counted")}
    assert figures["channel_centre"] == pytest.approx(1.75 * 2 ** wanted[1])
    assert figures["channel_sensitivity"] == pytest.approx(2 ** (wanted[0] - 2))


@pytest.mark.parametrize("fit", ["counted", "fitted"])
def test_no_width_is_told_where_no_threshold_lies_within_the_noises(fit: str) -> None:
    all_or_nothing = [[10, 10], [0, 0], [10, 10], [0, 0]]
    for measure, _, fields in channel_figures(counted(all_or_nothing, (0.5, 1.0)), fit):
        assert fields["value"] is None, measure
        assert fields["reason"] == "no octave's threshold lies between the weakest noise, 0.5, and the strongest, 1"
    one_between = [[10, 10], [8, 2], [10, 10], [0, 0]]
    assert all(fields["value"] is not None for *_, fields in channel_figures(counted(one_between, (0.5, 1.0)), fit))


def test_an_eye_blinded_by_the_weakest_noise_is_told_to_take_weaker_ones() -> None:
    exam = CriticalBand(noises=(0.5, 1.0), draws=50)
    images = image_set(signals()[:40], (SIGN[:40] > 0).astype(int))
    (said,) = exam.findings(sitting(exam, seen_by(BlindedEye(), SIZE), images).estimates)
    assert "Even the weakest noise, 0.5, costs it more than half of its accuracy in 5 of 5 octaves" in said.sentence
    assert "Give weaker ones" in said.advice


class BlindedEye(ChannelEye):
    """As ChannelEye, but class 1 wherever there is any noise."""

    def forward(self, x: Tensor) -> Tensor:
        noisy = (x[:, 0].diff(dim=1).abs().mean((1, 2)) > 0.005)[:, None]
        return torch.where(noisy, torch.tensor([0.0, 1.0]), super().forward(x))


def test_a_channel_has_no_interval_where_too_many_resamples_have_none() -> None:
    rng = np.random.default_rng(0)
    right = np.concatenate([np.arange(100)[:, None] < 7, rng.random((100, 6)) < [0.06, 0.0] * 3], axis=1).astype(int)
    seen = Seen(right, np.array([0.1, 0.2]), 3, 0.0, 200)  # by .02 of accuracy above the least that can be lost
    undefined = np.isnan(seen.heights["fitted"][1:]).any(1).mean()
    assert 0.1 < undefined < 0.5
    centre_of = next(fields for measure, _, fields in channel_figures(seen, "fitted") if measure == "channel_centre")
    assert centre_of["value"] is not None
    assert "low" not in centre_of


def test_people_are_named_at_their_noises_and_contrast_alone(found: Estimates) -> None:
    for settings, beside in (({}, True), ({"noises": NOISES}, False), ({"contrast": 0.5}, False)):
        (said,) = CriticalBand(**settings).findings(found)  # type: ignore[arg-type]
        assert ("people's is about 1 octave wide" in said.sentence) == beside
        assert ("cannot be set beside" in said.sentence) != beside


def test_an_eye_that_says_one_thing_has_no_channel() -> None:
    exam = CriticalBand(draws=50)
    images = image_set(noise_images(10, 32), np.arange(10) % 2)
    found = sitting(exam, seen_by(ConstantEye(1.0, 0.0), 32), images).estimates
    place = one(found, "channel_centre", fit="fitted")
    assert place.value is None
    assert "without noise it is right no more" in place.reason
    assert "every noise fails" in one(found, "channel_centre", fit="counted").reason
    (said,) = exam.findings(found)
    assert "No channel of recognition was found" in said.sentence


def test_a_frame_of_two_octaves_has_none() -> None:
    images = image_set(signals()[:8, :8, :8], np.arange(8) % 2)
    found = sitting(CriticalBand(draws=50), seen_by(ConstantEye(1.0, 0.0), 8), images).estimates
    assert "fewer than three octaves" in one(found, "channel_centre", fit="counted").reason


def test_strong_noise_leaves_the_range_and_is_counted(found: Estimates) -> None:
    assert value(found, "clipped_share", centre=7.0, sd=0.005) == 0
    images = image_set(noise_images(6, 32), np.zeros(6, int))
    strong = sitting(CriticalBand(noises=(0.05, 0.5), draws=50), seen_by(ConstantEye(1.0, 0.0), 32), images).estimates
    outside = 2 * norm.cdf(-0.5 / (0.5 * FINEST))
    assert value(strong, "clipped_share", centre=7.0, sd=0.5) == pytest.approx(outside, abs=0.06)


def test_figures_show_a_line_a_noise(found: Estimates) -> None:
    curves, clipped = (chart for chart in CriticalBand().charts(found) if isinstance(chart, Lines))
    assert len(curves.series) == 4
    assert len(clipped.series) == 1
    (table,) = (chart for chart in CriticalBand().charts(found) if isinstance(chart, Table))
    assert [row[table.columns.index("n")] for row in table.rows] == [N, N]


@pytest.mark.parametrize(
    "wrong", [{"noises": (0.1,)}, {"noises": (0.0, 0.1)}, {"noises": (0.1, 0.1)}, {"noises": (5, 10)}, {"draws": 3}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CriticalBand(**wrong)
