"""Tallies merge: rows join, sums add, the best cases stay; however the images were cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyechart.core.tally import BLOCKS, Gathering, Kept, Tally, best, block_of, sums_by_block

CASES = st.lists(
    st.builds(
        Kept, st.sampled_from(["a", "b/8", "b/12"]), st.sampled_from([0.0, 0.5, 1.0]), st.text("xyz", max_size=3)
    ),
    unique_by=lambda case: (case.key, case.id),
    max_size=25,
)


def tally(cases: list[Kept], limit: int) -> Tally:
    """Whole numbers, so that sums are exact in any order."""
    ids = [case.id for case in cases]
    scores = np.array([2 * case.score for case in cases])
    rows = {"score": scores, "pair": np.stack([scores, -scores], 1) if cases else np.zeros((0, 2))}
    return Tally(rows, {"score": sums_by_block(scores, ids)}, best(limit, cases), limit)


def same(one: Tally, other: Tally) -> bool:
    alike = [one.rows.keys() == other.rows.keys(), one.sums.keys() == other.sums.keys(), one.limit == other.limit]
    alike += [np.array_equal(one.rows[name], other.rows[name]) for name in one.rows]
    alike += [np.array_equal(one.sums[name], other.sums[name]) for name in one.sums]
    return all(alike) and one.kept == other.kept


@given(CASES, st.integers(0, 4), st.integers(0, 25), st.integers(0, 25))
def test_merging_is_associative_and_equals_counting_at_once(
    cases: list[Kept], limit: int, cut: int, other: int
) -> None:
    first, second = sorted((cut, other))
    a, b, c = (tally(part, limit) for part in (cases[:first], cases[first:second], cases[second:]))
    whole = tally(cases, limit)
    assert same(Tally.merge([a, b, c]), whole)
    assert same(Tally.merge([Tally.merge([a, b]), c]), whole)
    assert same(Tally.merge([a, Tally.merge([b, c])]), whole)
    gathering = Gathering(len(cases) + 3)
    for part in (a, b, c):
        gathering.add(part)
    assert same(gathering.tally(), whole)


def test_rows_keep_the_order_of_the_shards() -> None:
    a, b = Tally({"x": np.array([1, 2])}), Tally({"x": np.array([3])})
    assert Tally.merge([a, b]).rows["x"].tolist() == [1, 2, 3]
    assert Tally.merge([b, a]).rows["x"].tolist() == [3, 1, 2]


def test_merging_nothing_gives_nothing() -> None:
    assert same(Tally.merge([]), Tally())
    assert same(Gathering(5).tally(), Tally())


def test_gathering_leaves_what_it_was_given_alone() -> None:
    first = Tally({"x": np.array([1, 2])}, {"s": np.ones((BLOCKS, 1))})
    gathering = Gathering(3)
    gathering.add(first)
    gathering.add(Tally({"x": np.array([3])}, {"s": np.ones((BLOCKS, 1))}))
    assert first.rows["x"].tolist() == [1, 2]
    assert first.sums["s"].sum() == BLOCKS
    assert gathering.tally().rows["x"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("other", [{"x": np.array([0.5])}, {"y": np.array([1])}, {"x": np.array([[1, 2]])}, {}])
def test_rows_of_another_kind_are_refused(other: dict[str, np.ndarray]) -> None:
    gathering = Gathering(3)
    gathering.add(Tally({"x": np.array([1])}))
    with pytest.raises(ValueError, match="cannot follow"):
        gathering.add(Tally(other))


@given(CASES, st.integers(0, 4), st.randoms(use_true_random=False))
def test_the_best_do_not_depend_on_the_order(cases: list[Kept], limit: int, chance: object) -> None:
    shuffled = list(cases)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert best(limit, shuffled) == best(limit, cases)
    for key in {case.key for case in cases}:
        rivals = [case for case in cases if case.key == key]
        kept = [case for case in best(limit, cases) if case.key == key]
        assert len(kept) == min(limit, len(rivals))
        left = [case for case in rivals if case not in kept]
        assert all((-k.score, k.id) < (-x.score, x.id) for k in kept for x in left)


def test_ties_go_to_the_smaller_id() -> None:
    cases = [Kept("k", 1.0, name) for name in ("c", "a", "b")]
    assert [case.id for case in best(2, cases)] == ["a", "b"]


def test_sums_are_kept_by_hash_block() -> None:
    ids = [f"image {i}" for i in range(500)]
    values = np.random.default_rng(0).normal(size=(500, 3))
    total = sums_by_block(values, ids)
    assert total.shape == (BLOCKS, 3)
    np.testing.assert_allclose(total.sum(0), values.sum(0))
    alone = sums_by_block(values[7:8], ids[7:8])
    assert np.flatnonzero(alone.any(1)).tolist() == [block_of(ids[7])]
    assert len({block_of(i) for i in ids}) > BLOCKS // 2
