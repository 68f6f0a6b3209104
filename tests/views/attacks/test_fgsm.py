"""FGSM, through the engine: closed form on a linear eye, and the laws that every attack keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacking import SIZE, attacked, linear, middling
from eyechart.core.query import Query
from eyechart.views.attacks.ball import Ball, norm_of
from eyechart.views.attacks.fgsm import FGSM
from eyes import noise_images

N = 64
EPSES = (0.0, 0.001, 0.004, 0.02)


def test_worst_case_of_a_linear_eye() -> None:
    model, weight = linear()
    images = middling(N)
    pixels = images.transpose(0, 3, 1, 2).reshape(N, -1) / 255
    z = pixels @ weight.T
    labels = z.argmax(1)
    gap = np.abs(z[:, 0] - z[:, 1])
    for norm, order in (("linf", 1), ("l2", 2)):
        reach = np.linalg.norm(weight[0] - weight[1], order)
        views = [Query(FGSM(norm, eps)) for eps in EPSES]
        answers = attacked(model, images, labels, views)
        for query, eps in zip(views, EPSES, strict=True):
            fallen = answers[query].top1 != labels
            sure = np.abs(gap / reach - eps) > 1e-5
            assert (fallen == (gap / reach < eps))[sure].all()
            assert answers[query].notes["broken"].tolist() == fallen.astype(float).tolist()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_stays_in_the_ball_and_spares_what_is_wrong(norm: str) -> None:
    model, _ = linear()
    images, labels = noise_images(N, SIZE), np.arange(N) % 3 - 1  # a third without a label
    query, plain = Query(FGSM(norm, 0.1), "pixels"), Query(reading="pixels")
    answers = attacked(model, images, labels, [query, plain])
    shown, before = answers.signal(query), answers.signal(plain).values
    assert (shown.valid == (labels >= 0)).all()
    assert shown.values.min() >= 0
    assert shown.values.max() <= 1
    size = norm_of(shown.values - before, norm)
    assert (size <= 0.1 + 1e-6).all()
    right = shown.notes["right"] == 1
    assert (size[~right] == 0).all()
    assert (size[right] > 0.05).all()
    np.testing.assert_allclose(shown.notes[norm], size.double(), rtol=1e-6)


def test_projection_is_the_nearest_point_of_the_ball() -> None:
    chance = torch.Generator().manual_seed(0)
    around, pixels = torch.rand(5, 3, 4, 4, generator=chance), torch.rand(5, 3, 4, 4, generator=chance)
    for norm, eps in (("linf", 0.1), ("l2", torch.linspace(0.1, 9.0, 5))):
        near = Ball(norm, eps).project(pixels, around)
        assert (norm_of(near - around, norm) <= torch.as_tensor(eps) + 1e-6).all()
    torch.testing.assert_close(near[-1], pixels[-1])  # within 9 already
    torch.testing.assert_close(Ball("l2", 0.0).project(pixels, around), around)
