"""Square: a plain walk with the same numbers, the published patterns and schedule, and models without gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from eyechart.errors import SettingError
from eyechart.views.attacks.ball import norm_of
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.square import Square
from eyechart.views.attacks.square_moves import bump
from eyechart.views.attacks.victim import Victim
from smooth_eye import RoundingEye, SmoothEye, alike, asked, distances, fallen, seen, smooth

BOTH: Any = pytest.mark.parametrize("norm", ["linf", "l2"])
EPS = {"linf": 0.02, "l2": 0.3}


def piled(height: int, width: int) -> np.ndarray:
    """Nested rectangles, added one by one."""
    pile = np.zeros((height, width))
    for i in range(max(height, width) // 2 + 1):
        top, left = height // 2 - i, width // 2 - i
        pile[max(top, 0) : height // 2 + i + 1, max(left, 0) : width // 2 + i + 1] += 1 / (i + 1) ** 2
    return pile / np.linalg.norm(pile)


@pytest.mark.parametrize("side", [2, 3, 5, 6, 29])
def test_bumps_are_two_piles_of_rectangles(side: int) -> None:
    both = np.concatenate([piled(side // 2, side), -piled(side - side // 2, side)])
    np.testing.assert_allclose(bump(side), both / np.linalg.norm(both), atol=1e-12)


def test_the_published_sizes() -> None:
    """At 32 x 32: p = 0.8, halved at 10, 50, 200 and so on, never below one pixel."""
    sides = {
        0: 29,
        10: 29,
        11: 20,
        50: 20,
        51: 14,
        201: 10,
        501: 7,
        1001: 5,
        2001: 4,
        4001: 3,
        4999: 3,
        6001: 2,
        8001: 1,
    }
    assert {q: Square("linf", 0.1).side(32, 32, q) for q in sides} == sides
    assert Square("linf", 0.1).side(5, 90, 0) == 5


def walked(model: Any, x: np.ndarray, label: int, numbers: Any, how: Square) -> tuple[np.ndarray, int]:
    """One image (c, h, w) by the book, slice by slice: last point, queries until it broke."""
    c, h, w = x.shape

    def ask(at: np.ndarray) -> tuple[float, bool]:
        z = model(torch.from_numpy(at[None]).float())[0].numpy()
        return z[label] - np.delete(z, label).max(), z.argmax() != label

    def sign(u: np.ndarray) -> np.ndarray:
        return np.where(u < 0.5, -1.0, 1.0)

    def pattern(side: int, u: float) -> np.ndarray:
        upright = np.array(bump(side))
        return upright.T if u > 0.5 else upright

    def shown(moved: np.ndarray) -> np.ndarray:
        return np.clip(x + moved / (np.linalg.norm(moved) + 1e-12) * how.eps, 0, 1)

    def unit(part: np.ndarray) -> np.ndarray:
        return part / (np.sqrt((part**2).sum((1, 2), keepdims=True)) + 1e-12)

    if how.norm == "linf":
        now = np.clip(x + how.eps * sign(numbers("start", (w, c))).T[:, None], 0, 1)
    else:
        t = max(1, min(h, w) // 5)
        u, moved = numbers("start", (h // t, w // t, 1 + c)), np.zeros_like(x)
        top, left = (h - h // t * t) // 2, (w - w // t * t) // 2
        for i in range(h // t):
            for j in range(w // t):
                tile = pattern(t, u[i, j, 0]) * sign(u[i, j, 1:])[:, None, None]
                moved[:, top + i * t : top + (i + 1) * t, left + j * t : left + (j + 1) * t] = tile
        now = shown(moved)
    best, wrong = ask(now)
    if wrong:
        return now, 1
    start = -1
    for query in range(how.queries):
        if query in (0, 11, 51, 201, 501):
            start = query
            stop = min({0: 11, 11: 51, 51: 201, 201: 501}[query], how.queries)
            drawn = numbers(f"from {query}", (stop - start, (2 if how.norm == "linf" else 5) + c))
        u, s = drawn[query - start], how.side(h, w, query)
        if how.norm == "linf":
            i, j = int(u[0] * (h - s)), int(u[1] * (w - s))
            tried = now.copy()
            tried[:, i : i + s, j : j + s] += 2 * how.eps * sign(u[2:])[:, None, None]
            tried = np.clip(np.clip(tried, x - how.eps, x + how.eps), 0, 1)
        else:
            s = min(max(s, 3) + (max(s, 3) % 2 == 0), h, w)
            i, j, i2, j2 = (int(v * (e - s)) for v, e in zip(u[:4], (h, w, h, w), strict=True))
            moved, mask = now - x, np.zeros_like(x)
            mask[:, i : i + s, j : j + s] = mask[:, i2 : i2 + s, j2 : j2 + s] = 1
            spare = max(how.eps**2 - (moved**2).sum(), 0) / c
            energy = ((moved * mask) ** 2).sum((1, 2), keepdims=True)
            new = unit(moved[:, i : i + s, j : j + s]) + pattern(s, u[4]) * sign(u[5:])[:, None, None]
            moved[:, i2 : i2 + s, j2 : j2 + s] = 0
            moved[:, i : i + s, j : j + s] = unit(new) * np.sqrt(spare + energy)
            tried = shown(moved)
        margin, wrong = ask(tried)
        if margin < best or wrong:
            now, best = tried, margin
        if wrong:
            return now, query + 2
    return now, how.queries + 1


@BOTH
@pytest.mark.parametrize("size", [(8, 8), (7, 12)])
def test_a_plain_walk(norm: Any, size: tuple[int, int]) -> None:
    model = seen(SmoothEye(3 * size[0] * size[1], 5), size)
    view = Square(norm, EPS[norm], queries=120)
    batch = asked(model, 10)
    shown = view.render(batch)
    labels = model(batch.tensor).argmax(1)
    for i, name in enumerate(batch.ids):
        draws = Draws(0, view.stream, (name,), torch.device("cpu"))

        def numbers(part: str, shape: tuple[int, ...], draws: Draws = draws) -> np.ndarray:
            return (draws.uniform(f"0/{part}", shape)[0].numpy() + 1) / 2

        found, queries = walked(model, batch.tensor[i].numpy().astype(float), int(labels[i]), numbers, view)
        assert shown.notes["queries"][i] == queries
        np.testing.assert_allclose(shown.pixels[i], found, atol=1e-5)
    assert 1 < fallen(shown).sum() < 10


@BOTH
def test_more_queries_only_add(norm: Any) -> None:
    model = smooth(10)
    batch = asked(model, 40)
    few, more, most = (fallen(Square(norm, EPS[norm], queries=q).render(batch)) for q in (5, 60, 400))
    assert not (few & ~more).any()
    assert not (more & ~most).any()
    assert few.sum() < more.sum() < most.sum() or norm == "l2"
    assert few.sum() < most.sum()


@BOTH
def test_it_stays_in_the_ball(norm: Any) -> None:
    for size, channels in (((6, 6), 3), ((4, 9), 1)):
        model = seen(SmoothEye(size[0] * size[1] * channels, 4), size, channels)
        batch = asked(model, 20)
        shown = Square(norm, 0.2, queries=60, restarts=2).render(batch)
        assert (norm_of(shown.pixels - batch.tensor, norm) <= 0.2 + 1e-6).all()
        assert shown.pixels.min() >= 0
        assert shown.pixels.max() <= 1
        assert fallen(shown).any()


@BOTH
def test_a_linear_eye_of_two_classes(norm: Any) -> None:
    """Never beyond what is possible, and nearly all of it within linf."""
    model, images, distance = distances(norm, 2, 30)
    eps = float(np.quantile(distance, 0.5)) * (1.6 if norm == "linf" else 4)
    broken = fallen(Square(norm, eps, queries=600).render(asked(model, 30, images=images)))
    assert not broken[distance > eps].any()
    assert broken[distance < eps / 2].mean() > (0.9 if norm == "linf" else 0.5)


@BOTH
def test_side_by_side_is_one_by_one(norm: Any) -> None:
    model = smooth(10)
    batch = asked(model, 20)
    for view in (Square(norm, EPS[norm], queries=150), Square(norm, EPS[norm] / 2, queries=40, restarts=3)):
        draws = Draws(0, view.stream, batch.ids, torch.device("cpu"))
        one, many = (
            view.search(Victim(model), batch.tensor, model(batch.tensor).argmax(1), draws, room=room)
            for room in (1, 500)
        )
        assert torch.equal(one.notes["queries"], many.notes["queries"])
        torch.testing.assert_close(one.pixels, many.pixels, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "view", [Square("linf", 0.02, 60), Square("l2", 0.3, 60), Square("linf", 0.02, 60, parity=True)]
)
def test_an_image_alone_fares_as_among_others(view: Any) -> None:
    alike(view, smooth(10), 12)


def test_parity_shows_all_the_same_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, set[str]] = {}
    plain = Draws.uniform

    def uniform(self: Draws, part: str, shape: tuple[int, ...]) -> torch.Tensor:
        drawn.setdefault(part, set()).update(self.ids)
        return plain(self, part, shape)

    monkeypatch.setattr(Draws, "uniform", uniform)
    batch = asked(smooth(10), 9)
    seen = {parity: Square("linf", 0.004, 40, parity=parity).render(batch).pixels for parity in (False, True)}
    assert not torch.equal(*seen.values())
    assert drawn["0/start"] == set(batch.ids)
    assert drawn["0/from 11"] >= {""}
    drawn.clear()
    Square("linf", 0.004, 40, parity=True).render(batch)
    assert drawn["0/from 11"] == {""}


def test_a_model_without_gradients() -> None:
    model = seen(RoundingEye(SmoothEye(108, 5), 6))
    batch = asked(model, 30)
    assert fallen(Square("linf", 0.05, 300).render(batch)).mean() > 0.5


@pytest.mark.parametrize("settings", [{"queries": 0}, {"share": 0.0}, {"restarts": 0}])
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        Square("linf", 0.1, **settings)
