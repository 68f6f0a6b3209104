"""Projections onto hyperplanes in the box, against bisection and a linear programme's conditions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eyechart.views.attacks.projection import to_hyperplane

BOTH: Any = pytest.mark.parametrize("norm", ["linf", "l2"])


def bisected(x: np.ndarray, w: np.ndarray, gap: float, norm: str) -> np.ndarray:
    """One row, in float64: L by halving an interval."""
    towards = w * np.sign(gap)
    room = np.where(towards > 0, 1 - x, x)
    pace = np.ones_like(w) if norm == "linf" else np.abs(w)

    def moved(length: float) -> np.ndarray:
        return np.sign(towards) * np.minimum(length * pace, room)

    low, high = 0.0, 1.0
    while np.abs(w) @ np.abs(moved(high)) < abs(gap) and high < 1e12:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.abs(w) @ np.abs(moved(middle)) < abs(gap) else (low, middle)
    return moved(high)


def rows(n: int, d: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, many at bounds; normals, some 0; gaps from none to beyond what the box allows."""
    chance = np.random.default_rng(seed)
    x = np.clip(chance.normal(0.5, 0.6, (n, d)), 0, 1)
    w = chance.normal(size=(n, d)) * 10.0 ** chance.uniform(-3, 2, (n, 1)) * (chance.random((n, d)) < 0.9)
    gap = np.abs(w).sum(1) * chance.choice([0.0, 1e-3, 0.03, 0.1, 0.3, 0.9], n) * chance.choice([-1, 1], n)
    return x, w, gap


@BOTH
@pytest.mark.parametrize("seed", range(3))
def test_bisection(norm: Any, seed: int) -> None:
    x, w, gap = rows(60, 300, seed)
    found = to_hyperplane(*(torch.from_numpy(a) for a in (x, w, gap)), norm).numpy()
    for i in range(60):
        np.testing.assert_allclose(found[i], bisected(x[i], w[i], gap[i], norm), atol=1e-9)
    single = to_hyperplane(*(torch.from_numpy(a).float() for a in (x, w, gap)), norm).numpy()
    np.testing.assert_allclose(single, found, atol=2e-5)


@BOTH
@given(seed=st.integers(0, 10**6), d=st.integers(1, 40))
def test_it_arrives_within_the_box_if_it_can(norm: Any, seed: int, d: int) -> None:
    x, w, gap = rows(5, d, seed)
    found = to_hyperplane(*(torch.from_numpy(a) for a in (x, w, gap)), norm).numpy()
    assert ((x + found > -1e-12) & (x + found < 1 + 1e-12)).all()
    assert (found[w == 0] == 0).all()
    most = (np.abs(w) * np.where(w * np.sign(gap)[:, None] > 0, 1 - x, x)).sum(1)
    np.testing.assert_allclose((w * found).sum(1), np.sign(gap) * np.minimum(np.abs(gap), most), rtol=1e-9, atol=1e-12)


@BOTH
def test_no_shorter_move_arrives(norm: Any) -> None:
    """Against random moves that arrive, too."""
    chance = np.random.default_rng(0)
    x, w, gap = chance.uniform(0.2, 0.8, 12), chance.normal(size=12), 0.7
    found = to_hyperplane(
        *(torch.from_numpy(np.array([a])) for a in (x, w)), torch.tensor([gap]).double(), norm
    ).numpy()
    order = np.inf if norm == "linf" else 2
    other = found + chance.normal(size=(2000, 12)) * 0.05
    other += (gap - other @ w)[:, None] * w / (w @ w)  # back onto the plane
    assert (np.linalg.norm(other, order, axis=1) >= np.linalg.norm(found[0], order) - 1e-12).all()


@BOTH
def test_without_a_normal_nothing_moves(norm: Any) -> None:
    found = to_hyperplane(torch.rand(2, 5), torch.zeros(2, 5), torch.ones(2), norm)
    assert (found == 0).all()
