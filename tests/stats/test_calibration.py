"""The calibration error against a slow transcription, and on data that are calibrated by construction."""

from __future__ import annotations

from math import erf, exp, pi, sqrt

import numpy as np
import pytest

from eyechart.stats import calibration
from eyechart.stats.calibration import ece, ece_if_calibrated
from eyechart.stats.draws import values_alone

Data = tuple[np.ndarray, np.ndarray]


def data(n: int, seed: int, excess: float = 0.0) -> Data:
    """Confidence that is right as often as it says, less ``excess``."""
    chance = np.random.default_rng(seed)
    confidence = chance.uniform(0.4, 0.95, n)
    return confidence, chance.uniform(size=n) < confidence - excess


def slowly(confidence: np.ndarray, correct: np.ndarray, bins: int) -> tuple[float, float]:
    """Sort, cut into bins of equal size (the middle of a sample decides), compare: plain and debiased."""
    n = len(confidence)
    held: list[list[int]] = [[] for _ in range(bins)]
    for place, i in enumerate(sorted(range(n), key=lambda i: confidence[i])):
        held[int((place + 0.5) / n * bins)].append(i)
    plain = debiased = 0.0
    for one in held:
        if not one:
            continue
        accuracy = sum(bool(correct[i]) for i in one) / len(one)
        gap = abs(accuracy - sum(confidence[i] for i in one) / len(one))
        spread = sqrt(accuracy * (1 - accuracy) / len(one))
        noisy = gap
        if spread > 0:
            noisy = spread * sqrt(2 / pi) * exp(-((gap / spread) ** 2) / 2) + gap * erf(gap / spread / sqrt(2))
        plain += len(one) / n * gap
        debiased += len(one) / n * (gap - (noisy - gap))
    return plain, max(0.0, debiased)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few resamples: for tests of the value alone."""
    monkeypatch.setattr(calibration, "DRAWS", 2)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("n", [1, 7, 15, 16, 100, 1001])
@pytest.mark.parametrize("excess", [0.0, 0.2])
def test_agrees_with_a_slow_transcription(n: int, excess: float) -> None:
    confidence, correct = data(n, seed=n, excess=excess)
    for bins in (1, 15):
        plain, debiased = slowly(confidence, correct, min(bins, n))
        assert ece(confidence, correct, bins).value == pytest.approx(plain, abs=1e-9)
        assert ece(confidence, correct, bins, debiased=True).value == pytest.approx(debiased, abs=1e-5)


def test_every_bin_holds_the_same_number_to_within_one() -> None:
    """With two confidences and one bin a half, a bin that took one sample too many would be seen in the value."""
    confidence, correct = np.array([0.6] * 50 + [0.9] * 50), np.array([True] * 50 + [False] * 50)
    assert ece(confidence, correct, 2).value == pytest.approx((0.4 + 0.9) / 2)


def test_the_order_of_the_images_does_not_matter() -> None:
    confidence, correct = data(300, seed=0)
    mixed = np.random.default_rng(1).permutation(300)
    assert ece(confidence[mixed], correct[mixed]) == ece(confidence, correct)


@pytest.mark.parametrize(("confidence", "correct", "expected"), [(1.0, True, 0.0), (1.0, False, 1.0), (0.7, True, 0.3)])
def test_all_images_alike(confidence: float, correct: bool, expected: float) -> None:
    found = ece(np.full(40, confidence), np.full(40, correct))
    assert found.value == pytest.approx(expected)
    assert found.low <= found.value <= found.high


def test_no_images_no_figure() -> None:
    assert ece(np.zeros(0), np.zeros(0, bool)).value is None


@pytest.mark.usefixtures("hasty")
def test_of_calibrated_answers_only_noise_is_left_and_debiasing_takes_most_of_it_off() -> None:
    found = [
        [ece(*data(n, seed), debiased=d).value for seed in range(25)]
        for n, d in ((300, False), (300, True), (3000, False))
    ]
    small, debiased, large = (float(np.mean(values)) for values in found)
    assert debiased < 0.8 * small
    assert large == pytest.approx(small / sqrt(10), rel=0.3)  # noise falls as one over the root of n


@pytest.mark.usefixtures("hasty")
def test_a_real_error_is_measured_by_both() -> None:
    found = [[ece(*data(2000, seed, excess=0.15), debiased=d).value for seed in range(10)] for d in (False, True)]
    assert [float(np.mean(values)) for values in found] == pytest.approx([0.15, 0.15], abs=0.01)


@pytest.mark.parametrize("excess", [0.05, 0.1, 0.2])
def test_the_interval_of_a_real_error_covers_it(excess: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "DRAWS", 400)
    hits = []
    for seed in range(200):
        chance = np.random.default_rng(1000 * seed + 7)
        confidence = chance.uniform(0.6, 1, 400)
        found = ece(confidence, chance.random(400) < confidence - excess)
        hits.append(found.low <= excess <= found.high)
    assert (
        sum(hits) >= 182
    )  # at 95 % fewer are covered in 1 of 100 such tests; of an inflated error's resamples 176 to 184


def test_the_interval_leans_towards_less_error_since_noise_only_adds() -> None:
    found = [ece(*data(300, seed, excess=0.05), seed=seed) for seed in range(12)]
    assert np.mean([i.high - i.value for i in found]) < np.mean([i.value - i.low for i in found])


def test_a_calibrated_model_rarely_exceeds_what_noise_allows_and_a_false_one_does() -> None:
    honest = [data(300, seed) for seed in range(60)]
    above = sum(_plain(*one) > ece_if_calibrated(one[0], seed=7) for one in honest)
    assert above <= 6  # 2.5 % of 60 is 1.5; more than 6 has a chance below 1 in 1,000
    confidence, correct = data(300, seed=1, excess=0.25)
    assert _plain(confidence, correct) > ece_if_calibrated(confidence)


def test_the_interval_holds_zero_where_noise_explains_the_error() -> None:
    confidence, correct = data(200, seed=3)
    found = ece(confidence, correct)
    assert found.value is not None
    assert found.value <= ece_if_calibrated(confidence)
    assert found.low == 0.0


def _plain(confidence: np.ndarray, correct: np.ndarray) -> float:
    return slowly(confidence, correct, 15)[0]


def test_one_confidence_is_one_bin() -> None:
    """Sorted by whether they are right, equal confidences would fall apart into bins of errors and bins of successes."""
    correct = np.arange(100) % 2 == 0
    assert ece(np.full(100, 0.7), correct).value == pytest.approx(0.2)
    half = np.where(np.arange(100) < 50, 0.5, 0.9)
    assert ece(half, correct, 15).value == pytest.approx(0.2)  # 0 and 0.4


def clustered(n: int, answers: int, seed: int, excess: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One random number an image decides about all its answers, whose confidences are nearly alike."""
    chance = np.random.default_rng(seed)
    confidence = chance.uniform(0.45, 0.9, (n, 1)) + chance.uniform(-0.05, 0.05, (n, answers))
    correct = chance.uniform(size=(n, 1)) < confidence - excess
    return confidence.ravel(), correct.ravel(), np.repeat(np.arange(n), answers)


@pytest.mark.parametrize("debiased", [False, True])
def test_clusters_of_one_change_nothing_but_rounding(debiased: bool) -> None:
    confidence, correct = data(400, seed=5, excess=0.1)
    order = np.lexsort((correct, confidence))  # the order in which samples are resampled where nobody owns several
    confidence, correct = confidence[order], correct[order]
    alone = ece(confidence, correct, debiased=debiased)
    own = ece(confidence, correct, debiased=debiased, clusters=np.arange(400) * 3)
    assert (own.n, own.method) == (alone.n, alone.method)
    assert (own.value, own.low, own.high) == pytest.approx((alone.value, alone.low, alone.high))
    plain = ece_if_calibrated(confidence, debiased=debiased)
    assert ece_if_calibrated(confidence, debiased=debiased, clusters=np.arange(400)) == pytest.approx(plain)


def test_twenty_copies_of_an_answer_say_no_more_than_one() -> None:
    confidence, correct = data(300, seed=2, excess=0.1)
    copies = np.repeat(confidence, 20), np.repeat(correct, 20)
    one, many = ece(confidence, correct), ece(*copies, clusters=np.repeat(np.arange(300), 20))
    blind = ece(*copies)
    assert many.n == 300
    assert many.value == pytest.approx(one.value)
    assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.15)
    assert blind.high - blind.low < 0.5 * (many.high - many.low)


def test_the_interval_of_clustered_answers_covers_the_true_error() -> None:
    hits = []
    for seed in range(40):
        confidence, correct, own = clustered(200, 8, seed, excess=0.2)
        found = ece(confidence, correct, clusters=own, seed=seed)
        hits.append(found.low <= 0.2 <= found.high)
    assert np.mean(hits) > 0.8


def test_clusters_of_a_calibrated_model_rarely_exceed_the_limit() -> None:
    samples = [clustered(200, 8, seed) for seed in range(40)]
    limits = [ece_if_calibrated(confidence, clusters=own) for confidence, _, own in samples]
    above = [_plain(c, hit) > limit for (c, hit, _), limit in zip(samples, limits, strict=True)]
    assert sum(above) <= 4
    ignorant = [_plain(c, hit) > ece_if_calibrated(c) for c, hit, _ in samples[:20]]
    assert sum(ignorant) > 10  # a limit for independent answers is no limit for these


@pytest.mark.usefixtures("hasty")
def test_debiasing_knows_that_answers_of_an_image_are_alike() -> None:
    found = []
    for seed in range(25):
        confidence, correct, own = clustered(200, 8, seed)
        plain = ece(confidence, correct).value
        found.append((ece(confidence, correct, debiased=True, clusters=own).value, plain))
    debiased, plain = np.mean(found, axis=0)
    assert debiased < 0.75 * plain


def test_where_values_alone_are_wanted_the_limit_costs_nothing() -> None:
    confidence, correct = data(300, seed=4, excess=0.1)
    whole = ece(confidence, correct)
    with values_alone():
        assert ece(confidence, correct).value == whole.value
        few = ece_if_calibrated(confidence)
    assert few < ece_if_calibrated(confidence)  # the larger of two samples, not the 97.5 % point of a thousand
