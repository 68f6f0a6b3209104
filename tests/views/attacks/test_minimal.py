"""The smallest change: closed forms on linear eyes, and what it owes to PGD at fixed sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from attacking import attacked, batch_of, curved, linear, middling
from eyechart.core.query import Query
from eyechart.errors import SettingError
from eyechart.views.attacks.minimal import MinimalNorm
from eyechart.views.attacks.pgd import PGD
from eyes import ConstantEye, noise_images, seen_by

N = 40
BOTH: Any = pytest.mark.parametrize("norm", ["linf", "l2"])


@BOTH
def test_the_distance_of_a_linear_eye(norm: Any) -> None:
    model, weight = linear(3)
    images = middling(N)
    z = images.transpose(0, 3, 1, 2).reshape(N, -1) / 255 @ weight.T
    labels = z.argmax(1)
    distance = np.abs(z[:, 0] - z[:, 1]) / np.linalg.norm(weight[0] - weight[1], 1 if norm == "linf" else 2)
    eps = float(np.quantile(distance, 0.8))
    query = Query(MinimalNorm(norm, eps, grid=(eps / 8, eps / 2)))
    answers = attacked(model, images, labels, [query])
    notes = answers[query].notes
    found = notes["unbroken"] == 0
    assert (found == (distance <= eps))[np.abs(distance / eps - 1) > 0.02].all()
    assert (notes["distance"][found] >= distance[found] * (1 - 1e-5)).all()
    assert (notes["distance"][found] <= distance[found] * 1.05).all()
    finer = MinimalNorm(norm, eps, grid=(eps / 8, eps / 2), bisections=8).render(batch_of(model, images, labels))
    assert (finer.notes["distance"][found] <= distance[found] * 1.02).all()
    assert (notes["in_vain"][found] <= notes["distance"][found]).all()
    assert (notes["in_vain"][found] > 0.9 * distance[found]).all()
    assert np.isnan(notes["distance"][~found]).all()
    assert (notes["in_vain"][~found] == np.float32(eps)).all()
    assert ((answers[query].top1 != labels) == found).all()
    np.testing.assert_allclose(notes[norm][found], notes["distance"][found], rtol=1e-5)


@BOTH
def test_one_search_tells_the_curve_of_pgd(norm: Any) -> None:
    model, images, labels = curved(N)
    batch = batch_of(model, images, labels)
    sizes = (0.005, 0.01, 0.02, 0.04) if norm == "linf" else (0.05, 0.1, 0.2, 0.4)
    smallest = MinimalNorm(norm, sizes[-1], grid=sizes[:-1], steps=5).render(batch)
    distance = np.nan_to_num(smallest.notes["distance"], nan=np.inf)
    more = 0
    for eps in sizes:
        by_pgd = PGD(norm, eps, 5, select="best").render(batch).notes["broken"] == 1
        assert (distance[by_pgd] <= eps + 1e-6).all()
        more += int((distance <= eps).sum() - by_pgd.sum())
        known = np.isfinite(distance) & (distance <= eps)
        again = model(smallest.pixels[torch.from_numpy(known)]).argmax(1).numpy()
        assert (again != labels[known]).all()
    assert more >= 0
    assert ((smallest.notes["broken"] == 1) == np.isfinite(distance)).all()
    coarse = MinimalNorm(norm, sizes[-1], steps=5, bisections=0).render(batch)
    both = np.isfinite(distance) & (coarse.notes["unbroken"] == 0)
    assert np.median((smallest.notes["distance"] / coarse.notes["distance"])[both]) < 1


def test_an_image_alone_fares_as_among_others() -> None:
    model, images, labels = curved(N)
    view = MinimalNorm("linf", 0.05, grid=(0.01,), steps=4, bisections=3)
    together = view.render(batch_of(model, images, labels))
    for i in (3, 17, 31):
        alone = view.render(batch_of(model, images[i : i + 1], labels[i : i + 1], first=i))
        for name in ("distance", "unbroken", "gradients"):
            np.testing.assert_allclose(alone.notes[name][0], together.notes[name][i], rtol=1e-4)


def test_nothing_breaks_a_constant_eye() -> None:
    model, images = seen_by(ConstantEye(0.0, 1.0), 6), noise_images(5, 6)
    shown = MinimalNorm("l2", 2.0, steps=2).render(batch_of(model, images, np.array([1, 1, 0, -1, 1])))
    assert shown.notes["unbroken"][[0, 1, 4]].tolist() == [1, 1, 1]
    assert shown.notes["zero_gradient"][[0, 1, 4]].tolist() == [1, 1, 1]
    assert np.isnan(shown.notes["unbroken"][[2, 3]]).all()  # wrong, or without a label, as it is
    assert shown.notes["broken"][2] == 1


@pytest.mark.parametrize("settings", [{"grid": (0.2,)}, {"grid": (0.0,)}, {"steps": 0}, {"bisections": -1}])
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=rf"\({next(iter(settings))} = "):
        MinimalNorm("linf", 0.1, **settings)
