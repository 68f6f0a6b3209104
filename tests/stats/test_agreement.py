"""Consistency of errors: hand-computed values, an independent loop, laws, and how sure the figures are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact, norm

from eyechart.stats.agreement import (
    Fourfold,
    above_chance,
    accuracies_allowed,
    consistency_bounds,
    copying,
    expected_consistency,
    kappa_bounds,
    small_sample,
)
from eyechart.stats.agreement_intervals import Panel, agreement_gap, mean_agreement, pair_agreement

COUNTS = st.tuples(*[st.integers(0, 30)] * 4).filter(any)


def of(first: list[int], second: list[int]) -> Fourfold:
    return Fourfold.of(np.array(first), np.array(second))


def kappa_by_loop(first: list[int], second: list[int]) -> float:
    """Cohen's kappa of two raters, from its definition: labels one by one, marginals by label."""
    n = len(first)
    agreed = 0
    for a, b in zip(first, second, strict=True):
        agreed += a == b
    chance = 0.0
    for label in (0, 1):
        chance += first.count(label) / n * (second.count(label) / n)
    return (agreed / n - chance) / (1 - chance)


@pytest.mark.parametrize(
    ("first", "second", "kappa"),
    [
        ([0, 0, 1, 1], [0, 1, 0, 1], 0.0),
        ([1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0], 2 / 3),
        ([1, 0, 1, 0], [1, 0, 1, 0], 1.0),
        ([1, 0, 1, 0], [0, 1, 0, 1], -1.0),
        ([1, 1, 1, 1], [1, 0, 0, 1], 0.0),
    ],
)
def test_kappa_by_hand(first: list[int], second: list[int], kappa: float) -> None:
    assert of(first, second).kappa == pytest.approx(kappa, abs=1e-15)
    assert kappa_by_loop(first, second) == pytest.approx(kappa, abs=1e-12)


def test_observed_and_expected_by_hand() -> None:
    found = Fourfold(4, 1, 1, 4)
    assert (found.observed, found.expected, found.accuracy_difference) == (0.8, 0.5, 0.0)
    assert found.kappa == pytest.approx(0.6, abs=1e-15)
    assert Fourfold(3, 1, 0, 0).accuracy_difference == 0.0625  # squared
    assert expected_consistency(0.8, 0.6) == pytest.approx(0.56)


@pytest.mark.parametrize(("both", "neither"), [(7, 0), (0, 7), (10**9 + 7, 0)])
def test_no_errors_or_nothing_but_errors_have_no_kappa(both: int, neither: int) -> None:
    found = Fourfold(both, 0, 0, neither)
    assert found.kappa is None
    assert found.kappa_bounds is None
    assert found.observed == 1
    agreement = pair_agreement(found, draws=100)
    assert agreement.kappa.value is None
    assert agreement.left_out == 1


def test_the_undefined_case_goes_by_integers() -> None:
    almost = Fourfold(10**9, 1, 1, 0)  # 1 - expected is 2e-9, and kappa barely below 0
    assert almost.kappa == pytest.approx(-1e-9, rel=1e-6)
    assert almost.informative


def test_one_observer_without_errors_tells_nothing() -> None:
    found = of([1, 1, 1, 1], [1, 0, 0, 1])
    assert found.kappa == 0
    assert not found.informative
    assert of([1, 0], [0, 1]).informative


@given(COUNTS)
def test_laws_of_kappa(counts: tuple[int, int, int, int]) -> None:
    found = Fourfold(*counts)
    both, a, b, neither = counts
    mirrored = Fourfold(both, b, a, neither)
    assert mirrored.kappa == found.kappa
    swapped = Fourfold(neither, b, a, both)  # wrong called right
    assert swapped.kappa == found.kappa
    first = [1] * (both + a) + [0] * (b + neither)
    second = [1] * both + [0] * a + [1] * b + [0] * neither
    low, high = consistency_bounds(*found.accuracies)
    assert low - 1e-12 <= found.observed <= high + 1e-12
    if found.kappa is not None:
        assert found.kappa == pytest.approx(kappa_by_loop(first, second), abs=1e-9)
        ends = found.kappa_bounds
        assert ends is not None
        assert ends[0] - 1e-9 <= found.kappa <= ends[1] + 1e-9


def test_bounds_are_reached() -> None:
    """Among all tables of ten images with eight and six right, the extremes are the bounds."""
    tables = [Fourfold(b, 8 - b, 6 - b, b - 4) for b in range(4, 7)]
    kappas = [table.kappa for table in tables]
    assert (min(kappas), max(kappas)) == pytest.approx(kappa_bounds(0.8, 0.6))
    assert kappa_bounds(0.8, 0.6) == pytest.approx((-0.36364, 0.54545), abs=1e-5)
    assert kappa_bounds(1.0, 1.0) is None
    assert kappa_bounds(1.0, 0.5) == (0.0, 0.0)
    with pytest.raises(ValueError, match="from 0 to 1"):
        kappa_bounds(1.2, 0.5)


@given(st.floats(0.05, 0.95), st.floats(0.0, 0.99))
def test_accuracies_allowed_are_where_the_bound_is_kappa(accuracy: float, kappa: float) -> None:
    for end in accuracies_allowed(accuracy, kappa):
        ends = kappa_bounds(accuracy, end)
        assert ends is not None
        assert ends[1] == pytest.approx(kappa, abs=1e-9)


def test_accuracies_allowed_by_hand() -> None:
    assert accuracies_allowed(0.6, 6 / 11)[1] == pytest.approx(0.8)
    assert accuracies_allowed(0.6, 0.0) == (0.0, 1.0)
    assert accuracies_allowed(0.6, 1.0) == pytest.approx((0.6, 0.6))
    with pytest.raises(ValueError, match="kappa"):
        accuracies_allowed(0.6, -0.1)


def test_small_samples_are_corrected() -> None:
    found = of([0, 1, 0, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0, 0])
    assert small_sample(found.kappa or 0, found.n) == pytest.approx(-0.25)
    assert small_sample(1.0, 9) == 1
    with pytest.raises(ValueError, match="1 images"):
        small_sample(0.5, 1)


@pytest.mark.parametrize("inverse", [False, True])
def test_copies_are_found_again(inverse: bool) -> None:
    """Expected shares of an observer who copies 30 % and is right on 70 % of the others."""
    p1, share, own = 0.6, 0.3, 0.7
    copied = 1 - p1 if inverse else p1
    p2 = share * copied + (1 - share) * own
    observed = (0 if inverse else share) + (1 - share) * expected_consistency(p1, own)
    expected = expected_consistency(p1, p2)
    found = copying(p1, p2, (observed - expected) / (1 - expected))
    assert found.inverse is inverse
    assert (found.share, found.own_accuracy) == pytest.approx((share, own))


def test_copies_at_equal_accuracies_are_kappa_and_all_of_them_are_refused() -> None:
    assert copying(0.7, 0.7, 0.4).share == pytest.approx(0.4)
    for kappa in (1.0, -1.0):
        with pytest.raises(ValueError, match="nothing but copies"):
            copying(0.5, 0.5, kappa)
    with pytest.raises(ValueError, match="cannot be told"):
        copying(1.0, 0.5, 0.0)
    with pytest.raises(ValueError, match="do not allow"):
        copying(0.5, 0.95, 0.4)


def test_chance_as_fisher_has_it() -> None:
    for counts in [(5, 2, 1, 6), (3, 3, 3, 3), (10, 0, 0, 2), (0, 4, 5, 0)]:
        exact = fisher_exact([[counts[0], counts[1]], [counts[2], counts[3]]], alternative="greater").pvalue
        assert above_chance(Fourfold(*counts), draws=40_000) == pytest.approx(exact, abs=0.01)
    assert above_chance(Fourfold(20, 0, 0, 20), draws=999) == 1 / 1000
    assert above_chance(Fourfold(0, 9, 0, 1), draws=99) == 1.0  # the second was never right


def test_interval_of_a_pair_is_as_wide_as_its_approximation() -> None:
    """At observed .7 and expected .5: +-0.14 with 160 images, +-0.05 with 1,280."""
    for n, half in ((160, 0.142), (1280, 0.050)):
        found = Fourfold(*(int(n * share) for share in (0.35, 0.15, 0.15, 0.35)))
        kappa = pair_agreement(found).kappa
        assert (kappa.high - kappa.low) / 2 == pytest.approx(half, rel=0.05)
        assert kappa.n == n


def test_interval_of_a_pair_is_that_of_resampled_images() -> None:
    chance = np.random.default_rng(3)
    first = chance.random(80) < 0.7
    second = np.where(chance.random(80) < 0.5, first, chance.random(80) < 0.6)
    drawn = []
    for _ in range(4000):
        picked = chance.integers(80, size=80)
        drawn.append(Fourfold.of(first[picked], second[picked]).kappa or 0.0)
    found = pair_agreement(Fourfold.of(first, second)).kappa
    assert (found.low, found.high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.03)


def test_the_same_errors_are_not_surely_the_same() -> None:
    kappa = pair_agreement(Fourfold(10, 0, 0, 10)).kappa
    assert (kappa.value, kappa.high) == (1.0, 1.0)
    assert 0.6 < kappa.low < 0.9  # Wilson's lower end of observed consistency, 20 of 20, would make it 0.68


def copies(p1: float, p2: float, share: float, n: int, chance: np.random.Generator) -> tuple[float, list[Fourfold]]:
    """The kappa, and tables of n images, of one who copies on a share of images and is right on p2 in all."""
    own = (p2 - share * p1) / (1 - share)
    both = p1 * (share + (1 - share) * own)
    cells = np.array([both, p1 - both, p2 - both, 1 - p1 - p2 + both])
    true = (cells[0] + cells[3] - expected_consistency(p1, p2)) / (1 - expected_consistency(p1, p2))
    tables = [Fourfold(*map(int, counts)) for counts in chance.multinomial(n, cells, size=400)]
    return float(true), [table for table in tables if table.informative]


@pytest.mark.parametrize(
    ("p1", "p2", "share", "n"),
    [(0.8, 0.7, 0.3, 160), (0.97, 0.9, 0.3, 160), (0.97, 0.9, 0.0, 160), (0.97, 0.95, 0.3, 60), (0.9, 0.8, 0.4, 20)],
)
def test_intervals_of_a_pair_hold_the_truth_where_few_err_too(p1: float, p2: float, share: float, n: int) -> None:
    """Percentiles of resampled counts held it in 94, 84, 64, 52 and 77 of 100."""
    true, tables = copies(p1, p2, share, n, np.random.default_rng(5))
    found = [pair_agreement(table, draws=600, seed=k).kappa for k, table in enumerate(tables)]
    held = np.mean([(one.low or 0) <= true <= (one.high or 0) for one in found])
    assert 0.92 <= held <= 0.995


def seen_alike(accuracies: list[float], n: int, load: float, seed: int) -> np.ndarray:
    """Observers who find the same images hard: right where a shared and an own normal number stay below a threshold."""
    chance = np.random.default_rng(seed)
    shared, own = chance.standard_normal((n, 1)), chance.standard_normal((n, len(accuracies)))
    return load * shared + np.sqrt(1 - load**2) * own < norm.ppf(accuracies)


def test_intervals_of_means_and_gaps_hold_the_truth_where_few_err() -> None:
    """Percentiles of resampled images held the mean in 80 to 82 of 100, the gap in 90."""
    accuracies, people = [0.97, 0.95, 0.95, 0.95, 0.95], range(1, 5)
    own, among = [(0, k) for k in people], [(i, j) for i in people for j in people if i < j]
    many = panel(seen_alike(accuracies, 400_000, 0.6, 0))
    true = [np.mean([(many.fourfold(*pair)).kappa for pair in pairs]) for pairs in (own, among)]
    held = np.zeros(3)
    for seed in range(100):
        some = panel(seen_alike(accuracies, 160, 0.6, 1 + seed))
        found = [mean_agreement(some, pairs, draws=200).kappa for pairs in (own, among)]
        found.append(agreement_gap(some, own, among, draws=200).kappa)
        told = zip(found, (*true, true[0] - true[1]), strict=True)
        held += [one.value is None or (one.low or 0) <= value <= (one.high or 0) for one, value in told]
    assert (held >= 93).all()


PEOPLE = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1], [1, 1, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 1]], bool)


def panel(right: np.ndarray = PEOPLE, conditions: list[int] | None = None, seen: np.ndarray | None = None) -> Panel:
    return Panel(right, np.ones_like(right) if seen is None else seen, np.array(conditions or [0] * len(right)))


def test_mean_over_conditions_then_pairs_by_a_loop() -> None:
    conditions = [0, 0, 0, 0, 0, 1, 1, 1]
    pairs = [(0, 1), (0, 2), (1, 2)]
    by_pair = []
    for i, j in pairs:
        each = []
        for c in (0, 1):
            rows = [k for k in range(8) if conditions[k] == c]
            each.append(kappa_by_loop([int(PEOPLE[k, i]) for k in rows], [int(PEOPLE[k, j]) for k in rows]))
        by_pair.append(sum(each) / 2)
    found = mean_agreement(panel(conditions=conditions), pairs)
    assert found.kappa.value == pytest.approx(sum(by_pair) / 3)
    assert found.left_out == 0
    assert found.kappa.n == 8


def test_undefined_pairs_are_left_out_of_the_mean_and_counted() -> None:
    right = PEOPLE.copy()
    right[5:] = True  # in the second condition nobody errs
    found = mean_agreement(panel(right, [0] * 5 + [1] * 3), [(0, 1), (1, 2)], draws=200)
    alone = mean_agreement(panel(right[:5]), [(0, 1), (1, 2)], draws=200)
    assert found.left_out == 2
    assert found.kappa.value == alone.kappa.value
    assert found.observed.value > alone.observed.value  # where consistency is defined it counts
    nothing = mean_agreement(panel(np.ones((8, 2), bool)), [(0, 1)], draws=50)
    assert (nothing.kappa.value, nothing.kappa.low, nothing.left_out) == (None, None, 1)


def test_pairs_are_compared_on_what_both_saw() -> None:
    seen = np.ones_like(PEOPLE)
    seen[:3, 1] = False
    found = panel(seen=seen)
    kappa = mean_agreement(found, [(0, 1)], draws=10).kappa
    assert kappa.value == pytest.approx(Fourfold.of(PEOPLE[3:, 0], PEOPLE[3:, 1]).kappa)
    assert kappa.n == 5
    fourfold = found.fourfold(0, 1)
    assert fourfold is not None
    assert fourfold.n == 5
    seen[:] = [True, False, True]
    assert panel(seen=seen).fourfold(0, 1) is None


def test_one_pair_jointly_is_one_pair_alone() -> None:
    chance = np.random.default_rng(0)
    right = chance.random((300, 2)) < [0.8, 0.6]
    alone = pair_agreement(Fourfold.of(right[:, 0], right[:, 1])).kappa
    joint = mean_agreement(panel(right), [(0, 1)]).kappa
    assert joint.value == pytest.approx(alone.value)
    assert (joint.low, joint.high) == pytest.approx((alone.low, alone.high), abs=0.02)


def test_an_image_seen_in_two_conditions_is_one_image() -> None:
    """Two conditions with the same answers to the same images say no more than one."""
    chance = np.random.default_rng(1)
    right = chance.random((200, 2)) < [0.8, 0.6]
    once = mean_agreement(panel(right), [(0, 1)])
    twice, conditions, images = np.concatenate([right, right]), np.repeat([0, 1], 200), np.tile(np.arange(200), 2)
    again = mean_agreement(Panel(twice, np.ones_like(twice), conditions, images), [(0, 1)])
    assert again == once
    as_others = mean_agreement(Panel(twice, np.ones_like(twice), conditions), [(0, 1)])
    assert as_others.kappa.n == 400
    width = [(one.kappa.high or 0) - (one.kappa.low or 0) for one in (as_others, once)]
    assert width[0] == pytest.approx(width[1] / np.sqrt(2), rel=0.1)


def test_resampling_people_too_widens_the_interval() -> None:
    chance = np.random.default_rng(1)
    hard = chance.random(400)
    skill = np.array([0.5, 0.9, 0.55, 0.85, 0.6])
    right = hard[:, None] < skill
    pairs = [(0, j) for j in range(1, 5)]
    images = mean_agreement(panel(right), pairs).accuracy_difference
    both = mean_agreement(panel(right), pairs, people=range(1, 5)).accuracy_difference
    assert both.value == images.value
    assert both.high - both.low > 1.5 * (images.high - images.low)
    assert both.method == "bootstrap of images and observers"


def test_a_gap_is_paired() -> None:
    """Two models that differ on two images only: their gap is far surer than either figure."""
    chance = np.random.default_rng(2)
    right = chance.random((400, 3)) < 0.7
    twin = right[:, 1].copy()
    twin[:2] = ~twin[:2]
    right = np.column_stack([right, twin])
    gap = agreement_gap(panel(right), [(0, 1)], [(0, 3)])
    each = [mean_agreement(panel(right), [(0, j)]).kappa for j in (1, 3)]
    assert gap.kappa.value == pytest.approx(each[0].value - each[1].value)
    assert gap.kappa.high - gap.kappa.low < 0.3 * (each[0].high - each[0].low)
    same = agreement_gap(panel(right), [(0, 1)], [(0, 1)])
    assert same.kappa.value == 0.0
    assert (same.observed.value, same.observed.low) == (0.0, None)


def test_bad_counts_are_refused() -> None:
    for counts in [(0, 0, 0, 0), (-1, 2, 2, 2)]:
        with pytest.raises(ValueError, match="counts"):
            Fourfold(*counts)
    with pytest.raises(ValueError, match="shapes"):
        Fourfold.of(np.ones(3), np.ones(4))
