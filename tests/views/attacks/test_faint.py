"""Gradients so small that their squares vanish in float32 still lead somewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacking import SIZE, attacked, middling, told
from eyechart.core.query import Query
from eyechart.views.attacks.apgd import APGD
from eyechart.views.attacks.attack import Attack
from eyechart.views.attacks.ball import Ball
from eyechart.views.attacks.fgsm import FGSM
from eyechart.views.attacks.pgd import PGD
from eyechart.views.attacks.reach import reach
from eyes import LinearEye, seen_by

N = 40


@pytest.mark.parametrize("attack", [FGSM("l2", 1.0), PGD("l2", 1.0, 5, select="best"), APGD("l2", 1.0, steps=10)])
@pytest.mark.parametrize("scale", [1.0, 8.0, 16.0])
def test_a_linear_eye_of_large_logits_falls_all_the_same(attack: Attack, scale: float) -> None:
    weight = torch.randn(5, 3 * SIZE * SIZE, generator=torch.Generator().manual_seed(1))
    weight = weight - weight.mean(1, keepdim=True)
    images = middling(N)
    model = seen_by(LinearEye(scale * weight), SIZE)
    labels = told(model, images)
    answers = attacked(model, images, labels, [Query(attack)])
    assert answers[Query(attack)].notes["broken"].mean() == 1.0


@pytest.mark.parametrize("size", [1e-3, 1e-9, 1e-25, 1e-37])
def test_the_direction_has_length_1_whatever_the_gradients(size: float) -> None:
    gradient = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    gradient[1] = 0
    found = Ball("l2", 1.0).ascent(gradient * size)
    length = found.flatten(1).norm(dim=1).numpy()
    np.testing.assert_allclose(length, [1, 0, 1], atol=1e-5)
    rows = (gradient * size).flatten(1)
    found = reach("l2", 1.0, torch.zeros_like(rows)).ascent_(rows)
    np.testing.assert_allclose(found.norm(dim=1).numpy(), [1, 0, 1], atol=1e-5)


def test_a_faint_gradient_changes_nothing_for_others() -> None:
    plain = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    mixed = torch.stack([plain[0], plain[1] * 1e-20])
    assert torch.equal(Ball("l2", 1.0).ascent(mixed)[0], Ball("l2", 1.0).ascent(plain)[0])
