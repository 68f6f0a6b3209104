"""FAB: distances in closed form on linear eyes, verdicts with and without going on to the nearest point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from eyechart.views.attacks.apgd import APGDT
from eyechart.views.attacks.ball import norm_of
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.fab import FABT
from eyechart.views.attacks.victim import Victim
from smooth_eye import SmoothEye, alike, asked, distances, fallen, seen, smooth

BOTH: Any = pytest.mark.parametrize("norm", ["linf", "l2"])
EPS = {"linf": 0.02, "l2": 0.15}


@BOTH
@pytest.mark.parametrize("classes", [2, 3, 4, 12])
def test_distance_of_a_linear_eye(norm: Any, classes: int) -> None:
    model, images, distance = distances(norm, classes, 30)
    eps = float(np.quantile(distance, 0.5))
    shown = FABT(norm, eps, targets=11).render(asked(model, 30, images=images))
    np.testing.assert_allclose(shown.notes["distance"], distance, rtol=0.01, atol=1e-6)
    assert (shown.notes["distance"] >= distance * (1 - 1e-4) - 1e-7).all()
    sure = np.abs(distance / eps - 1) > 0.01
    assert (fallen(shown) == (distance < eps))[sure].all()
    np.testing.assert_allclose(shown.notes[norm], np.where(fallen(shown), shown.notes["distance"], 0), atol=1e-6)


@BOTH
def test_the_box_counts(norm: Any) -> None:
    """Images at 0 and 1: the nearest wrong picture is farther than the boundary, and is found to be a picture."""
    model = distances(norm, 2, 1)[0]
    images = (255 * (np.random.default_rng(0).random((20, 6, 6, 3)) < 0.5)).astype(np.uint8)
    batch = asked(model, 20, images=images)
    shown = FABT(norm, 1.0 if norm == "linf" else 6.0).render(batch)
    w = (model.net.weight[0] - model.net.weight[1]).view(3, 6, 6)  # type: ignore[index, union-attr]
    gap = (w * batch.tensor).sum((1, 2, 3)).abs()
    free = gap / (w.abs().sum() if norm == "linf" else w.norm())
    assert fallen(shown).all()
    assert (torch.from_numpy(shown.notes["distance"]) > 1.2 * free).all()
    assert shown.pixels.min() >= 0
    assert shown.pixels.max() <= 1


@BOTH
def test_stopping_at_the_first_changes_no_verdict(norm: Any) -> None:
    model = smooth(10, curve=30)
    batch = asked(model, 40)
    on, stop = (FABT(norm, EPS[norm], steps=30, nearest=nearest).render(batch) for nearest in (True, False))
    assert (fallen(on) == fallen(stop)).all()
    assert 5 < fallen(on).sum() < 35
    assert (on.notes[norm] <= stop.notes[norm] + 1e-7).all()
    assert (norm_of(stop.pixels - batch.tensor, norm) <= EPS[norm] + 1e-6).all()


@BOTH
def test_it_ends_nearer_than_others_reach(norm: Any) -> None:
    """What another attack breaks lies no nearer than a few percent below FAB's distance."""
    model = smooth(curve=4)
    batch = asked(model, 30)
    distance = FABT(norm, 1.0).render(batch).notes["distance"]
    assert np.isfinite(distance).all()
    eps = float(np.median(distance))
    broken = fallen(APGDT(norm, eps, targets=4).render(batch))
    assert (broken == (distance <= eps))[np.abs(distance / eps - 1) > 0.03].all()


def test_it_is_without_chance_but_for_restarts() -> None:
    model = smooth(10, curve=60)
    batch = asked(model, 20)
    views = FABT("linf", 0.01, steps=10), FABT("linf", 0.01, steps=10, restarts=2)
    victim, labels = Victim(model), model(batch.tensor).argmax(1)
    found = {
        (view, seed): view.search(
            victim, batch.tensor, labels, Draws(seed, view.stream, batch.ids, torch.device("cpu"))
        ).notes["distance"]
        for view in views
        for seed in (0, 1)
    }
    assert torch.equal(found[views[0], 0], found[views[0], 1])
    assert not torch.equal(found[views[1], 0], found[views[1], 1])
    assert (found[views[1], 0] <= found[views[0], 0]).all()


@pytest.mark.parametrize("view", [FABT("linf", 0.02, 3, steps=10), FABT("l2", 0.2, 3, steps=10, nearest=False)])
def test_alone_side_by_side_or_in_turn(view: Any) -> None:
    model = smooth()
    alike(view, model, 20)
    batch = asked(model, 20)
    draws = Draws(0, view.stream, batch.ids, torch.device("cpu"))
    narrow, wide = (
        view.search(Victim(model), batch.tensor, model(batch.tensor).argmax(1), draws, room=room) for room in (1, 1000)
    )
    torch.testing.assert_close(narrow.pixels, wide.pixels, rtol=0, atol=1e-6)


def test_frames_that_are_not_square_or_coloured() -> None:
    model = seen(SmoothEye(5 * 9, 4), (5, 9), 1)
    shown = FABT("l2", 0.5, steps=20).render(asked(model, 10))
    assert shown.pixels.shape == (10, 1, 5, 9)
    assert fallen(shown).any()
