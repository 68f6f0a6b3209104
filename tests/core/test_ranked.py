"""The best few of many lists: as sorting them one by one would have it, however the images are cut, and on disk."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from eyechart.core.ranked import Ranked, from_arrays
from eyechart.core.tally import Gathering, Tally
from eyechart.store.folder import Folder
from eyechart.store.rows import HEAD, to_table
from eyechart.store.shards import Shelf

N, LISTS, MOST = 23, 5, 4
CHANCE = np.random.default_rng(0)
SCORES = CHANCE.integers(0, 6, (N, LISTS)).astype(float)  # with ties
IDS = [f"image-{i}" for i in CHANCE.permutation(N)]  # of different lengths, in no order
FACTS = CHANCE.random((N, LISTS, 2)).astype(np.float32)


def ranked(start: int = 0, stop: int = N) -> Ranked:
    return Ranked.of(SCORES[start:stop], IDS[start:stop], FACTS[start:stop], MOST)


def same(a: Ranked, b: Ranked) -> bool:
    return all(
        np.array_equal(x, y, equal_nan=n != "r/ids") for n, x in a.arrays("r").items() for y in [b.arrays("r")[n]]
    )


def test_each_list_is_what_sorting_gives() -> None:
    found = ranked()
    for k in range(LISTS):
        best = sorted(range(N), key=lambda i: (-SCORES[i, k], IDS[i]))[:MOST]
        assert found.ids[k].tolist() == [IDS[i] for i in best]
        assert found.scores[k].tolist() == [SCORES[i, k] for i in best]
        np.testing.assert_array_equal(found.facts[k], FACTS[best, k])


@pytest.mark.parametrize("cuts", [(0, 1, N), (0, 10, 20, N), (0, 2, 3, 5, 5, N), tuple(range(N + 1))])
def test_parts_joined_are_the_whole(cuts: tuple[int, ...]) -> None:
    parts = [Tally(ranked={"r": ranked(a, b)}) for a, b in pairwise(cuts)]
    assert same(Tally.merge(parts).ranked["r"], ranked())
    assert same(Tally.merge(parts[::-1]).ranked["r"], ranked())
    gathering = Gathering(N)
    for part in parts:
        gathering.add(part)
    assert same(gathering.tally().ranked["r"], ranked())


def test_short_lists_end() -> None:
    few = ranked(0, 2)
    assert np.isneginf(few.scores[:, 2:]).all()
    assert set(few.ids[:, 2:].ravel()) == {""}
    assert np.isnan(few.facts[:, 2:]).all()


def test_a_shard_gives_back_what_it_was_given(tmp_path: Path) -> None:
    lists = {"top/layer1.0.relu():2": ranked(), "few": ranked(0, 2)}
    assert all(same(one, lists[name]) for name, one in from_arrays(lists["few"].arrays("few")).items())
    table = to_table({name: [] for name in HEAD}, {}, {}, np.empty(0, bool))
    shelf = Shelf(Folder(tmp_path), "shards/x")
    shelf.commit((0, 4), table, Tally(sums={"s": np.ones(3)}, ranked=lists), images=4, bad=0, seconds=1.0)
    (piece,) = shelf.pieces(4)
    again = shelf.tally(piece, shelf.table(piece))
    assert again.ranked.keys() == lists.keys()
    assert all(same(again.ranked[name], one) for name, one in lists.items())
    assert again.sums["s"].tolist() == [1, 1, 1]
