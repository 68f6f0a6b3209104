"""Laws of the seeded order."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

from eyechart.images.order import seeded_order


def _set(sizes: list[int]) -> tuple[list[str], np.ndarray]:
    labels = np.repeat(np.arange(len(sizes)) - 1, sizes)  # the first class is "no label"
    return [f"{label}/{place}.png" for place, label in enumerate(labels)], labels


@pytest.mark.parametrize("sizes", [[10] * 7, [1, 2, 50, 300], [5], [1] * 20, [997, 3]])
@pytest.mark.parametrize("seed", [0, 1, 12345678901234567890])
def test_every_prefix_is_stratified(sizes: list[int], seed: int) -> None:
    ids, labels = _set(sizes)
    order = seeded_order(ids, labels, seed)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(len(ids)))
    taken = np.cumsum(labels[order][:, None] == np.arange(len(sizes)) - 1, axis=0)
    share = np.arange(1, len(ids) + 1)[:, None] / len(ids)
    within = 1 if len(set(sizes)) == 1 else 2  # see below for the sharp law
    assert np.abs(taken - share * sizes).max() < within


@pytest.mark.parametrize("sizes", [[10] * 7, [1, 2, 50, 300], [997, 3]])
def test_some_rank_explains_every_prefix_within_one_image_a_class(sizes: list[int]) -> None:
    """For each prefix there is a share r such that every class has floor or ceil of r * n_c images in it."""
    ids, labels = _set(sizes)
    taken = np.cumsum(labels[seeded_order(ids, labels, 3)][:, None] == np.arange(len(sizes)) - 1, axis=0)
    low = ((taken - 1) / np.array(sizes)).max(axis=1)  # r must lie above the last image taken of each class less one
    high = ((taken + 1) / np.array(sizes)).min(axis=1)
    assert (low < high).all()


def test_the_order_of_the_ids_does_not_matter() -> None:
    ids, labels = _set([40, 17, 3])
    shuffle = np.random.default_rng(0).permutation(len(ids))
    first = [ids[i] for i in seeded_order(ids, labels, 5)]
    again = seeded_order([ids[i] for i in shuffle], labels[shuffle], 5)
    assert [ids[shuffle[i]] for i in again] == first


def test_the_seed_matters_and_is_kept() -> None:
    ids, labels = _set([40, 40])
    orders = [tuple(seeded_order(ids, labels, seed)) for seed in (0, 0, 1, -1)]
    assert orders[0] == orders[1]
    assert len(set(orders)) == 3
    assert seeded_order(["a", "b", "c", "d", "e"], None, 0).tolist() == [4, 0, 3, 1, 2]  # run folders depend on it


def test_without_labels_and_without_images() -> None:
    assert sorted(seeded_order([str(i) for i in range(50)], None, 0).tolist()) == list(range(50))
    assert seeded_order([], None, 0).shape == (0,)
    assert seeded_order([], np.zeros(0, np.int64), 0).shape == (0,)
    assert seeded_order(["caf\udce9", "é"], None, 0).shape == (2,)


def test_a_hundred_thousand_images() -> None:
    ids, labels = _set([100] * 1000)
    start = time.perf_counter()
    seeded_order(ids, labels, 0)
    assert time.perf_counter() - start < 2
    tracemalloc.start()
    seeded_order(ids, labels, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
