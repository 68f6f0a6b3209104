"""AutoAttack: attacks in a row, their names, what is noted, and searches in low precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from attacking import attacked
from eyechart.core.query import Query
from eyechart.errors import EyechartError, NoGradientError
from eyechart.views.attacks.apgd import APGD, APGDT
from eyechart.views.attacks.autoattack import AutoAttack, quick, rand, standard
from eyechart.views.attacks.ball import norm_of
from eyechart.views.attacks.fab import FABT
from eyechart.views.attacks.square import Square
from smooth_eye import SHARED_NETS, SIZE, RoundingEye, SmoothEye, alike, asked, distances, fallen, robust, seen, smooth

BOTH: Any = pytest.mark.parametrize("norm", ["linf", "l2"])
EPS = {"linf": 0.02, "l2": 0.2}


def short(norm: Any, eps: float) -> tuple[Any, ...]:
    return (
        APGD(norm, eps, steps=3),
        APGDT(norm, eps, 2, steps=5),
        FABT(norm, eps, 2, steps=5, nearest=False),
        Square(norm, eps, queries=30),
    )


@BOTH
def test_each_attack_gets_what_withstood_those_before(norm: Any) -> None:
    """And does to it what it does alone."""
    model, eps = smooth(10, curve=60), EPS[norm] / 4
    batch = asked(model, 60)
    stages = short(norm, eps)
    shown = AutoAttack(norm, eps, stages).render(batch)
    by = shown.notes["broken_by"]
    alone = [stage.render(batch) for stage in stages]
    verdicts = np.array([fallen(one) for one in alone])
    assert (by == np.where(verdicts.any(0), verdicts.argmax(0), -1)).all()
    assert (fallen(shown) == (by >= 0)).all()
    assert len(set(by)) >= 3
    for i in np.flatnonzero(by >= 0):
        torch.testing.assert_close(shown.pixels[i], alone[int(by[i])].pixels[i], rtol=0, atol=1e-5)
    assert ((shown.notes["margin"] > 0) == fallen(shown)).all()
    assert (norm_of(shown.pixels - batch.tensor, norm) <= eps + 1e-6).all()
    assert (np.isnan(shown.notes["square_queries"]) == (by >= 0) & (by < 3)).all()


def test_the_name_is_for_that_composition_alone() -> None:
    eps = 8 / 255
    assert AutoAttack("linf", eps).title(10) == "AutoAttack standard"
    assert AutoAttack("linf", eps, standard("linf", eps)).title(100) == "AutoAttack standard"
    assert AutoAttack("linf", eps, "rand").title(10) == "AutoAttack rand"
    others = (
        AutoAttack("linf", eps).title(9),
        AutoAttack("linf", eps, "quick").title(10),
        AutoAttack("linf", eps, standard("linf", eps)[:3]).title(10),
        AutoAttack("linf", eps, standard("linf", eps)[::-1]).title(10),
        AutoAttack("linf", eps, (*standard("linf", eps)[:3], Square("linf", eps, parity=True))).title(10),
        AutoAttack("linf", eps, rand("linf", eps)[:1]).title(10),
    )
    assert all(name.startswith("AutoAttack-like (") for name in others)
    assert len(set(others)) == len(others)
    assert "targets=8" in others[0]


def test_the_published_constants() -> None:
    ce, t, fab, square = standard("l2", 0.5)
    assert (ce, t) == (APGD("l2", 0.5, "ce", 100, 1, 1, False), APGDT("l2", 0.5, 9, 100, 1, False))
    assert fab == FABT("l2", 0.5, 9, 100, 1, False, 0.1, 1.05, 0.9)
    assert square == Square("l2", 0.5, 5000, 0.8, 1, False)
    assert rand("l2", 0.5) == (APGD("l2", 0.5, "ce", 100, 1, 20), APGD("l2", 0.5, "dlr", 100, 1, 20))


@BOTH
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_few_classes(norm: Any, classes: int) -> None:
    model, images, distance = distances(norm, classes, 20)
    eps = float(np.quantile(distance, 0.5))
    for version in (quick(norm, eps), rand(norm, eps)):
        shorter = tuple(stage if isinstance(stage, Square) else type(stage)(norm, eps, steps=30) for stage in version)
        broken = fallen(AutoAttack(norm, eps, shorter).render(asked(model, 20, images=images)))
        assert (broken == (distance < eps))[np.abs(distance / eps - 1) > 0.08].all()


def test_a_batch_of_one_and_no_room() -> None:
    model = smooth(10)
    assert AutoAttack("linf", 0.05, "quick").render(asked(model, 1)).pixels.shape == (1, 3, 6, 6)
    still = AutoAttack("linf", 0.0, "quick").render(batch := asked(model, 3))
    assert torch.equal(still.pixels, batch.tensor)
    assert not fallen(still).any()
    everything = AutoAttack("linf", 1.0, "quick").render(batch)
    assert fallen(everything).all()


def test_an_image_alone_fares_as_among_others() -> None:
    alike(AutoAttack("linf", 0.01, short("linf", 0.01)), smooth(10, curve=30), 16)


def test_a_model_without_gradients_falls_to_square() -> None:
    model = seen(RoundingEye(SmoothEye(108, 5), 6))
    shown = AutoAttack("linf", 0.05, "quick").render(asked(model, 30))
    by = shown.notes["broken_by"]
    assert (by == 3).sum() > 5
    assert (shown.notes["apgd-ce_zero_gradient"] == 1).all()


def test_through_the_engine() -> None:
    model = smooth(4)
    images = np.random.default_rng(0).integers(0, 256, (20, 6, 6, 3), dtype=np.uint8)
    labels = np.arange(20) % 5 - 1
    query = Query(AutoAttack("linf", 0.03, "quick"))
    answers = attacked(model, images, labels, [query])
    assert (answers[query].valid == (labels >= 0)).all()
    notes = answers[query].notes
    assert (notes["broken"][labels >= 0] == (answers[query].top1 != labels)[labels >= 0]).all()
    assert (np.isnan(notes["broken_by"]) == (notes["right"] == 0)).all()


@BOTH
def test_bfloat16_finds_are_confirmed(norm: Any) -> None:
    """Every verdict is float32's; what low precision alone calls wrong goes on."""
    model, eps = smooth(10, curve=20), EPS[norm] / 2
    shown = AutoAttack(norm, eps, short(norm, eps)).render(batch := asked(model, 80, precision="bfloat16"))
    labels = model(batch.tensor).argmax(1)
    assert ((model(shown.pixels).argmax(1) != labels).numpy() == fallen(shown)).all()
    exact = AutoAttack(norm, eps, short(norm, eps)).render(asked(model, 80))
    assert abs(fallen(exact).mean() - fallen(shown).mean()) <= 0.05
    assert shown.notes["again"].max() <= 1


def test_nothing_of_the_model_changes() -> None:
    model = smooth(10)
    batch = asked(model, 10, precision="bfloat16")
    frozen = {name: value.clone() for name, value in model.net.state_dict().items()}
    before, state = batch.tensor.clone(), torch.get_rng_state()
    AutoAttack("l2", 0.2, "quick").render(batch)
    assert torch.equal(batch.tensor, before)
    assert all(torch.equal(value, frozen[name]) for name, value in model.net.state_dict().items())
    assert all(p.grad is None for p in model.net.parameters())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("version", "words"), [("standrad", "standard"), ((), "at least one"), ((APGD("linf", 0.2),), "eps 0.1")]
)
def test_versions_that_cannot_be(version: Any, words: str) -> None:
    with pytest.raises(EyechartError, match=words):
        AutoAttack("linf", 0.1, version)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED_NETS.is_dir(), reason="no shared data")
def test_an_adversarially_trained_net() -> None:
    """Below PGD-20's published accuracy, within the error of the first 60 images."""
    batch = robust("cnn_a", 60)[1]
    shown = AutoAttack("linf", 8 / 255, "quick").render(batch)
    assert 0.1 <= 1 - fallen(shown).mean() <= 0.26


class Plainly(nn.Module):
    """The net as others attack it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.net = model.net
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(getattr(model.preprocessing, name)).view(1, -1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net((x.contiguous() - self.mean) / self.std)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not SHARED_NETS.is_dir(), reason="no shared data")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("norm", "eps"), [("linf", 8 / 255), ("l2", 0.5)])
def test_as_robust_as_pyautoattack_says(norm: Any, eps: float) -> None:
    """Within 0.4 points on 500 images: two images."""
    peer = pytest.importorskip("pyautoattack")
    n = 500
    model, batch = robust("cnn_a", n)
    labels = torch.from_numpy(np.asarray(batch.attacked.labels))  # type: ignore[union-attr]
    mine = fallen(AutoAttack(norm, eps).render(batch))
    theirs = peer.AutoAttack(Plainly(model), norm={"linf": "Linf", "l2": "L2"}[norm], eps=eps, seed=0)
    _, answers = theirs.run_standard_evaluation(batch.tensor.contiguous(), labels, batch_size=250)
    assert abs(int(mine.sum()) - int((answers != labels).sum())) <= 2


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not SHARED_NETS.is_dir(), reason="no shared data")
@pytest.mark.filterwarnings("ignore")
@BOTH
def test_fab_ends_as_near_as_pyautoattack(norm: Any) -> None:
    """Without chance in either: the same distances, image by image, but for what rounding makes of kinks."""
    fab = pytest.importorskip("pyautoattack.fab_pt")
    model, batch = robust("cnn_a", 40)
    labels = torch.from_numpy(np.asarray(batch.attacked.labels))  # type: ignore[union-attr]
    right = model(batch.tensor).argmax(1) == labels
    mine = FABT(norm, 1e-6, targets=1, steps=30).render(batch).notes["distance"][right.numpy()]
    theirs = fab.FABAttack_PT(Plainly(model), norm={"linf": "Linf", "l2": "L2"}[norm], n_iter=30, eps=1e-6)
    theirs.device, theirs.target_class = "cpu", 2
    x = batch.tensor[right].contiguous()
    found = theirs.attack_single_run(x, labels[right], is_targeted=True)
    other = norm_of(found - x, norm).numpy()
    np.testing.assert_allclose(np.median(mine / other), 1, atol=2e-3)
    assert (np.abs(mine / other - 1) < 0.02).mean() > 0.9


def test_where_no_gradient_can_be_followed_square_still_tries() -> None:
    class Cut(nn.Module):
        def __init__(self, eye: nn.Module) -> None:
            super().__init__()
            self.eye = eye

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.eye(x.detach())

    model = seen(Cut(SmoothEye(3 * SIZE * SIZE, 10, curve=60)))
    batch = asked(model, 40)
    shown = AutoAttack("linf", 0.02, short("linf", 0.02)).render(batch)
    alone = Square("linf", 0.02, queries=30).render(batch)
    assert (fallen(shown) == fallen(alone)).all()
    assert (fallen(alone) & (alone.notes["right"] == 1)).any()
    assert {*shown.notes["broken_by"][fallen(shown) & (shown.notes["right"] == 1)]} == {3}
    gradients = AutoAttack("linf", 0.02, short("linf", 0.02)[:3])
    with pytest.raises(NoGradientError):
        gradients.render(batch)
