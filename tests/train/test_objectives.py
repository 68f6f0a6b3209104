"""Objectives against losses worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from eyechart.models.nets import CifarResNet
from eyechart.train.chance import EpochDraws
from eyechart.train.objective import OBJECTIVES, Look, objective_of
from eyechart.train.objectives.augmix_jsd import jensen_shannon
from eyechart.train.objectives.mart import boosted_cross_entropy, weighted_kl
from eyechart.train.objectives.pgd import anywhere, climbed
from eyechart.train.objectives.trades import kl
from eyechart.train.optim import learning_rate
from eyechart.train.recipe import recipe_of


def logits(n: int = 5, k: int = 4, seed: int = 0) -> Tensor:
    return 3 * torch.randn(n, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


LABELS = torch.tensor([0, 1, 2, 3, 1])


def look_of(net: nn.Module, n: int = 5, side: int = 8) -> Look:
    pixels = torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0))
    draws, index = EpochDraws(0, 0, n), torch.arange(n)
    return Look(
        pixels,
        LABELS[:n],
        net,
        net,
        lambda stream, k: draws.uniform(stream, k, index),
        lambda stream, shape, kind: draws.noise(index, stream, shape, kind),
    )


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layer = nn.Linear(3 * 64, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.flatten(1))


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test_jensen_shannon_by_hand() -> None:
    given = [logits(seed=s) for s in range(3)]
    p = [softmax(z.numpy()) for z in given]
    mean = np.clip(sum(p) / 3, 1e-7, 1)
    wanted = np.mean([(one * (np.log(one) - np.log(mean))).sum(1).mean() for one in p])
    assert float(jensen_shannon(given)) == pytest.approx(wanted, rel=1e-9)
    assert float(jensen_shannon([given[0]] * 3)) == pytest.approx(0, abs=1e-9)
    sure = [100 * torch.eye(4, dtype=torch.float64)[[k]] for k in range(3)]
    assert float(jensen_shannon(sure)) == pytest.approx(math.log(3), rel=1e-6)


def test_mart_by_hand() -> None:
    clean, attacked = logits(seed=1), logits(seed=2)
    p, q, at = softmax(clean.numpy()), softmax(attacked.numpy()), np.arange(5)
    others = q.copy()
    others[at, LABELS.numpy()] = -1
    for parity, extra in ((False, 0.0), (True, 0.0001)):
        bce = (-np.log(q[at, LABELS.numpy()]) - np.log(1 + extra - others.max(1))).mean()
        assert float(boosted_cross_entropy(attacked, LABELS, parity)) == pytest.approx(bce, rel=1e-9)
        weight = 1 + (1e-7 if parity else 0) - p[at, LABELS.numpy()]
        wanted = ((p * (np.log(p) - np.log(q))).sum(1) * weight).mean()
        assert float(weighted_kl(clean, attacked, LABELS, parity)) == pytest.approx(wanted, rel=1e-7)
    sure = torch.tensor([[0.0, 200.0, 0.0]])
    assert torch.isfinite(boosted_cross_entropy(sure, torch.tensor([0])))


def test_trades_by_hand() -> None:
    net = Linear()
    look = look_of(net)
    loss, said = objective_of({"name": "trades", "beta": 6.0, "steps": 3}).loss(look)
    start = look.pixels + 0.001 * look.noise("start", (3, 8, 8), "normal")
    fixed = net(look.pixels).log_softmax(1).detach()
    shown = start.clamp(0, 1)
    for _ in range(3):
        shown = shown.detach().requires_grad_()
        kl(fixed, net(shown).log_softmax(1)).sum().backward()
        moved = shown.detach() + 0.007 * shown.grad.sign()
        shown = torch.minimum(torch.maximum(moved, look.pixels - 0.031), look.pixels + 0.031).clamp(0, 1)
    p, q = net(look.pixels).softmax(1), net(shown).softmax(1)
    wanted = cross_entropy(net(look.pixels), LABELS) + 6 * (p * (p.log() - q.log())).sum(1).mean()
    torch.testing.assert_close(loss, wanted)
    torch.testing.assert_close(said, net(look.pixels).detach())
    plain, _ = objective_of({"name": "trades", "beta": 0.0, "steps": 1}).loss(look)
    torch.testing.assert_close(plain, cross_entropy(net(look.pixels), LABELS))


def test_the_search_reaches_the_worst_case_of_a_linear_net_and_leaves_it_as_it_was() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Linear()
            self.norm = nn.BatchNorm2d(3).eval()  # frozen by its owner

        def forward(self, x: Tensor) -> Tensor:
            return self.net(self.norm(x))[:, :2]

    net = Two().train()
    net.norm.eval()
    look = look_of(net)
    labels = LABELS.clamp_max(1)
    found = climbed(look, anywhere(look, 0.05), 0.05, 0.02, 10, lambda z: cross_entropy(z, labels, reduction="none"))
    assert net.training
    assert net.net.training
    assert not net.norm.training
    assert all(p.requires_grad and p.grad is None for p in net.parameters())
    w = net.net.layer.weight
    worst = (w[1] - w[0]).sign().view(1, 3, 8, 8) * torch.where(labels == 0, 1.0, -1.0).view(-1, 1, 1, 1)
    torch.testing.assert_close(found, (look.pixels + 0.05 * worst).clamp(0, 1).detach())


def test_a_search_that_begins_at_the_image_leaves_the_image_as_it_is() -> None:
    look = look_of(Linear())
    before = look.pixels.clone()
    loss, _ = objective_of({"name": "adversarial", "start": "image", "clean": 0.5, "steps": 1, "step": 0.05}).loss(look)
    assert torch.equal(look.pixels, before)
    found = climbed(look, look.pixels, 8 / 255, 0.05, 1, look.misfit)
    halves = [cross_entropy(look.net(x), LABELS) for x in (found, before)]
    torch.testing.assert_close(loss, sum(halves) / 2)


@pytest.mark.parametrize(
    ("name", "falls"), [("trades", (75,)), ("mart_resnet18", (75, 90, 100)), ("pgd_at", (101, 106))]
)
def test_learning_rates_fall_in_the_published_epochs(name: str, falls: tuple[int, ...]) -> None:
    """In the first epoch counted from 1: the codes of TRADES and MART count so, that of PGD-AT from 0."""
    recipe = recipe_of(name)
    rates = [learning_rate(recipe, step, 1) for step in range(recipe.epochs)]
    fell = [k + 1 for k in range(1, recipe.epochs) if rates[k] < rates[k - 1]]
    assert fell == list(falls)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_reach_all_weights(name: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = CifarResNet(1, 4)
    short: dict[str, Any] = {"steps": 2} if name in ("adversarial", "trades", "mart") else {}
    loss, said = objective_of({"name": name, **short}).loss(look_of(net, side=32))
    loss.backward()
    assert said.shape == (5, 4)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_settings_that_do_not_fit() -> None:
    from eyechart.errors import EyechartError

    for wrong in (
        {"name": "adversarial", "start": "anywhere"},
        {"name": "augmix_jsd", "views": []},
        {"name": "augmix_jsd", "views": [[{"name": "augmx"}]]},
        {"name": "trades", "betta": 1},
        {"name": "tradse"},
    ):
        with pytest.raises(EyechartError):
            objective_of(wrong)
