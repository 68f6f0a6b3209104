"""Chance: keyed by seed, stream and image, and by nothing else."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy import stats

from eyechart.core.chance import generator


def test_the_numbers_are_the_same_on_every_machine() -> None:
    """Pinned once: if this fails, runs can no longer be continued or compared."""
    assert generator(0, "shift.crop.0", "cat.png").integers(0, 1 << 32, 4).tolist() == [
        1771624862,
        2018971020,
        1106099607,
        884719103,
    ]


def test_seed_stream_and_id_each_change_the_numbers() -> None:
    keys = [
        (0, "s", "a"),
        (1, "s", "a"),
        (0, "t", "a"),
        (0, "s", "b"),
        (0, "s", "\udcff"),
        (0, "", "sa"),
        (0, "sa", ""),
    ]
    drawn = [generator(*key).integers(0, 1 << 60, 3).tolist() for key in keys]
    assert all(a != b for a, b in combinations(drawn, 2))


def test_a_later_draw_changes_no_earlier_one() -> None:
    one, other = generator(3, "s", "a"), generator(3, "s", "a")
    generator(3, "s", "b").integers(10)
    assert one.uniform() == other.uniform()
    assert one.uniform() == other.uniform()


def test_first_draws_of_neighbouring_images_are_uniform_and_unrelated() -> None:
    first = np.array([generator(0, "s", f"{i:05d}").uniform() for i in range(4000)])
    assert stats.kstest(first, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.06
    other = np.array([generator(0, "t", f"{i:05d}").uniform() for i in range(4000)])
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.06
