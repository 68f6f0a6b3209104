"""Intervals against scipy, and whether they cover as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import binom

from eyechart.stats import intervals
from eyechart.stats.intervals import (
    Interval,
    differences,
    means,
    median,
    of_blocks,
    pooled,
    ratios,
    resampled_sums,
    wilson,
)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipy_s(case: tuple[int, int]) -> None:
    k, n = case
    ours, theirs = wilson(k, n), stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert ours.value == k / n
    assert ours.low == pytest.approx(theirs.low, abs=1e-12)
    assert ours.high == pytest.approx(theirs.high, abs=1e-12)
    assert 0 <= ours.low <= ours.value <= ours.high <= 1


def test_nothing_to_average_is_undefined() -> None:
    assert wilson(0, 0).value is None
    assert [i.value for i in means(np.zeros((0, 2)))] == [None, None]
    assert means(np.full((5, 1), np.nan))[0] == Interval(None, None, None, 0, "bootstrap")


def test_wilson_covers() -> None:
    chance = np.random.default_rng(0)
    for n, p in ((20, 0.1), (200, 0.02), (1000, 0.5)):
        found = [wilson(int(k), n) for k in chance.binomial(n, p, 2000)]
        assert 0.92 < np.mean([i.low <= p <= i.high for i in found]) < 0.985


def test_means_agree_with_scipy_s_bootstrap() -> None:
    x = np.random.default_rng(0).exponential(size=80)
    (ours,) = means(x[:, None])
    theirs = stats.bootstrap((x,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1))
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert ours.value == pytest.approx(x.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.06 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.06 * width)


def test_ratios_agree_with_scipy_s_paired_bootstrap() -> None:
    chance = np.random.default_rng(2)
    m = chance.integers(1, 6, 60).astype(float)
    y = np.minimum(m, chance.poisson(0.3 * m))
    (ours,) = ratios(y[:, None], m[:, None], share=True)

    def ratio(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        return a.sum(axis) / b.sum(axis)

    theirs = stats.bootstrap(
        (y, m),
        ratio,
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert ours.value == pytest.approx(y.sum() / m.sum())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.06 * (theirs.high - theirs.low))


def clusters(chance: np.random.Generator, n: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of one image are alike: beta-binomial, 1 to 8 pairs."""
    m = chance.integers(1, 9, n)
    return chance.binomial(m, chance.beta(p, 1 - p, n))[:, None], m[:, None]


@pytest.mark.parametrize("above", [20_000, 0], ids=["bootstrap", "linearised"])
@pytest.mark.parametrize(("n", "p"), [(60, 0.3), (300, 0.05)])
def test_cluster_intervals_cover(monkeypatch: pytest.MonkeyPatch, n: int, p: float, above: int) -> None:
    monkeypatch.setattr(intervals, "BOOTSTRAP_UP_TO", above)
    chance = np.random.default_rng(3)
    hit, naive = [], []
    for seed in range(250):
        y, m = clusters(chance, n, p)
        (i,) = ratios(y, m, share=True, seed=seed)
        hit.append(i.low <= p <= i.high)
        flat = wilson(y.sum(), m.sum())
        naive.append(flat.low <= p <= flat.high)
    assert 0.89 < np.mean(hit) <= 0.985
    assert np.mean(naive) < 0.8  # counting pairs as independent would promise too much


def test_bootstrap_and_linearised_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    y, m = clusters(np.random.default_rng(4), 2000, 0.3)
    (drawn,) = ratios(y, m)
    monkeypatch.setattr(intervals, "BOOTSTRAP_UP_TO", 0)
    (exact,) = ratios(y, m)
    assert (drawn.method, exact.method) == ("bootstrap", "linearised")
    assert drawn.value == exact.value
    assert (drawn.low, drawn.high) == pytest.approx((exact.low, exact.high), abs=0.06 * (exact.high - exact.low))


def test_the_linearised_mean_is_the_textbook_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "BOOTSTRAP_UP_TO", 0)
    x = np.random.default_rng(5).normal(size=40)
    (i,) = means(x[:, None])
    half = 1.959964 * x.std(ddof=1) / np.sqrt(40)
    assert (i.low, i.high) == pytest.approx((x.mean() - half, x.mean() + half), abs=1e-6)


@pytest.mark.parametrize("hits", [0, 1])
def test_no_events_or_only_events_take_wilson_over_the_clusters(hits: int) -> None:
    m = np.array([[4.0], [4.0], [0.0], [2.0]])
    (i,) = ratios(hits * m, m, share=True)
    assert i == wilson(3 * hits, 3)
    assert i.high - i.low > 0.5


def test_one_event_a_cluster_at_most_takes_wilson() -> None:
    y, m = np.array([[1.0], [0.0], [0.0], [0.0]]), np.array([[1.0], [1.0], [1.0], [0.0]])
    assert ratios(y, m, share=True)[0] == wilson(1, 3)
    assert ratios(np.tile(y, (9, 1)), np.tile(m, (9, 1)))[0].method == "bootstrap"


def test_clusters_that_hold_nothing_change_nothing() -> None:
    y, m = clusters(np.random.default_rng(6), 50, 0.3)
    padded = [np.insert(values, [0, 7, 7, 50], 0, axis=0) for values in (y, m)]
    assert ratios(*padded, share=True) == ratios(y, m, share=True)


def test_nan_counts_in_its_own_column_only() -> None:
    x = np.random.default_rng(7).normal(size=(60, 3))
    x[::2, 1] = np.nan
    x[:, 2] = np.nan
    first, half, none = means(x)
    (single,) = means(x[:, :1])
    assert (first.low, first.value, first.high) == pytest.approx((single.low, single.value, single.high), rel=1e-9)
    assert half.value == pytest.approx(x[1::2, 1].mean())
    assert (half.n, none.n, none.value) == (30, 0, None)
    alone = means(x[1::2, 1:2])[0]
    assert half.high - half.low == pytest.approx(alone.high - alone.low, rel=0.15)


@pytest.mark.parametrize("n", [1, 5])
def test_a_handful_has_no_interval_but_as_a_share(n: int) -> None:
    y = np.linspace(0, 1, n)[:, None]
    (i,) = means(y)
    assert (i.low, i.high, i.n) == (None, None, n)
    assert i.value == pytest.approx(y.mean())
    (share,) = ratios(y * 4, np.full((n, 1), 4.0), share=True)
    assert share == wilson(float(y.mean()) * n, n)


def test_clusters_that_are_all_alike_do_not_make_a_share_certain() -> None:
    (i,) = ratios(np.full((9, 1), 1.0), np.full((9, 1), 4.0), share=True)
    assert i == wilson(9 / 4, 9)


@given(st.integers(6, 60), st.floats(0.001, 9))
def test_a_figure_lies_in_its_interval_even_when_all_are_alike(n: int, c: float) -> None:
    (i,) = means(np.full((n, 1), c))
    assert i.low <= i.value <= i.high
    assert i.high - i.low < 1e-9


def test_paired_differences_cover() -> None:
    chance = np.random.default_rng(9)
    hit = []
    for seed in range(250):
        first = chance.uniform(size=(120, 1)) < 0.8
        second = np.where(chance.uniform(size=(120, 1)) < 0.7, first, chance.uniform(size=(120, 1)) < 0.5)
        (i,) = differences(first, second, seed=seed)
        hit.append(i.low <= 0.3 * 0.3 <= i.high)
        assert i.value == pytest.approx(first.mean() - second.mean())
    assert 0.89 < np.mean(hit) <= 0.99


@pytest.mark.parametrize(("first", "second"), [(1, 1), (0, 0), (1, 0), (0, 1)])
def test_pairs_all_alike_do_not_make_the_difference_certain(first: int, second: int) -> None:
    (i,) = differences(np.full((20, 1), first), np.full((20, 1), second))
    assert i.value == first - second
    assert -1 <= i.low <= i.value <= i.high <= 1
    assert i.high - i.low > 0.05


def test_few_pairs_that_differ_widen_the_interval() -> None:
    """Bonett & Price (2012), their formula written once more: (f12 + 1) / (n + 2), (f21 + 1) / (n + 2)."""
    widths = []
    for more, fewer in ((0, 0), (1, 0), (2, 1), (9, 3)):
        gap = np.concatenate([np.ones(more), -np.ones(fewer), np.zeros(42 - more - fewer)])
        (i,) = differences((gap > 0)[:, None], (gap < 0)[:, None])
        a, b = (more + 1) / 44, (fewer + 1) / 44
        half = 1.959964 * np.sqrt((a + b - (a - b) ** 2) / 44)
        assert (i.low, i.high) == pytest.approx((a - b - half, a - b + half), abs=1e-6)
        assert i.value == pytest.approx((more - fewer) / 42)
        widths.append(i.high - i.low)
    assert widths == sorted(widths)


def test_shares_stay_within_zero_and_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "BOOTSTRAP_UP_TO", 0)
    y, m = np.array([[1.0], *[[0.0]] * 6]), np.full((7, 1), 2.0)
    (i,) = ratios(y, m, share=True)
    assert i.low == 0.0
    (loose,) = ratios(y, m)
    assert loose.low < 0.0


def test_the_bootstrap_is_repeatable_and_made_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(8).normal(size=(30, 2))
    drawn = resampled_sums(x, draws=100, seed=5)
    assert drawn.shape == (100, 2)
    monkeypatch.setattr(intervals, "_CHUNK", 70)
    np.testing.assert_allclose(resampled_sums(x, draws=100, seed=5), drawn, rtol=1e-12)
    assert not np.allclose(resampled_sums(x, draws=100, seed=6), drawn)


def test_every_resample_has_as_many_units_as_there_are() -> None:
    assert (resampled_sums(np.ones((37, 1)), draws=50) == 37).all()


@pytest.mark.parametrize("n", [1, 2, 5, 6, 30, 101])
def test_the_median_and_the_order_statistics_around_it(n: int) -> None:
    values = np.random.default_rng(n).permutation(n).astype(float)
    found = median(values)
    assert (found.value, found.n) == (float(np.median(values)), n)
    if n < 6:  # even the ends hold it too rarely
        assert 2 * 0.5**n > 0.05
        assert (found.low, found.high) == (None, None)
        return
    assert found.low is not None
    assert found.high is not None
    below = int(found.low)  # so many values lie below the lower end
    assert found.high == n - 1 - below
    miss = binom.cdf(below, n, 0.5)  # at most so many draws fall below the median
    assert miss <= 0.025
    assert binom.cdf(below + 1, n, 0.5) > 0.025
    assert median(np.zeros(0)).value is None


def test_the_medians_interval_covers() -> None:
    chance = np.random.default_rng(0)
    hits = [low <= np.log(2) <= high for low, high in (ends(chance.exponential(size=25)) for _ in range(2000))]
    assert 0.94 <= np.mean(hits) <= 0.995


def ends(values: np.ndarray) -> tuple[float, float]:
    found = median(values)
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def test_figures_of_blocks_resample_whole_blocks() -> None:
    chance = np.random.default_rng(1)
    sums = chance.uniform(1, 2, (64, 3))
    sums[10:20] = 0  # no image fell there
    found = of_blocks(lambda pooled: pooled[..., 0] / pooled.sum(-1), sums, 500)
    assert found.value == pytest.approx(sums[:, 0].sum() / sums.sum())
    assert found.n == 500
    held = np.delete(sums, np.arange(10, 20), axis=0)
    picked = held[chance.integers(0, 54, (4000, 54))].sum(1)
    low, high = np.percentile(picked[:, 0] / picked.sum(1), [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=3e-3)
    assert found.high == pytest.approx(high, abs=3e-3)
    assert of_blocks(lambda pooled: pooled[..., 0], np.zeros((64, 2)), 0).value is None
    undefined = of_blocks(lambda pooled: np.full(pooled.shape[:-1], np.nan), sums, 5)
    assert (undefined.value, undefined.low) == (None, None)


def test_few_clusters_never_tell_more_than_as_many_events() -> None:
    """Eight images of 63 events: one that happened is no more certain than none."""
    events = np.zeros((8, 63))
    none, events[0, 0] = pooled(events, share=True), 1.0
    one, whole = pooled(events, share=True), wilson(8 * events.mean(), 8)
    assert (one.low, one.high) == (0.0, whole.high)
    assert (one.high or 0.0) > (none.high or 1.0)
    assert one.method == "bootstrap, at least wilson"


def test_rare_images_that_change_much_are_allowed_for() -> None:
    """One image in ten changes half of its answers, the others one in a hundred: the interval is to cover the mean."""
    chance, truth = np.random.default_rng(0), 0.1 * 0.5 + 0.9 * 0.01
    for n in (8, 16, 32, 64):
        covered = 0
        for _ in range(100):
            p = np.where(chance.random(n) < 0.1, 0.5, 0.01)
            found = pooled(chance.random((n, 63)) < p[:, None], share=True)
            covered += (found.low or 0.0) <= truth <= (found.high or 1.0)
        assert covered >= 85, n
