"""APGD: a plain transcription, closed forms on linear eyes, and what losses, targets and restarts may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from eyechart.errors import SettingError
from eyechart.models.image_model import ImageModel
from eyechart.views.attacks.apgd import APGD, APGDT, ranked
from eyechart.views.attacks.ball import norm_of
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.losses import ce, dlr, dlr_targeted
from eyechart.views.attacks.victim import Victim
from smooth_eye import RoundingEye, SmoothEye, alike, asked, distances, fallen, seen, smooth

BOTH: Any = pytest.mark.parametrize("norm", ["linf", "l2"])
EPS = {"linf": 0.03, "l2": 0.2}


def by_hand(
    model: ImageModel,
    x: torch.Tensor,
    start: torch.Tensor,
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    label: int,
    norm: str,
    eps: float,
    parity: bool,
    steps: int = 100,
) -> tuple[torch.Tensor, bool, int]:
    """One image (1, c, h, w), step by step as the paper and its code have it: best point, whether broken, halvings."""

    def look(at: torch.Tensor) -> tuple[float, torch.Tensor, bool]:
        leaf = at.clone().requires_grad_()
        logits = model.net(leaf)
        loss = loss_of(logits)
        return float(loss.detach()), torch.autograd.grad(loss.sum(), leaf)[0], int(logits.argmax()) != label

    def near(at: torch.Tensor) -> torch.Tensor:
        if norm == "linf":
            return torch.min(torch.max(at, x - eps), x + eps).clamp(0, 1)
        length = (at - x).norm()
        return (x + (at - x) / (length + 1e-12) * min(float(length), eps)).clamp(0, 1)

    checks, period, at = {}, int(0.22 * steps), int(0.22 * steps)
    while at <= steps:
        checks[at] = period
        period = max(period - int(0.03 * steps), int(0.06 * steps))
        at += period
    now = before = best = start
    loss, slope, broken = look(now)
    best_loss, best_slope, losses = loss, slope, [0.0 if parity else loss]
    checked, halved, step, halvings = best_loss, True, 2 * eps, 0
    for number in range(1, steps + 1):
        ahead = near(now + step * (slope.sign() if norm == "linf" else slope / (slope.norm() + 1e-12)))
        share = 1.0 if number == 1 else 0.75
        now, before = near(now + share * (ahead - now) + (1 - share) * (now - before)), now
        loss, slope, wrong = look(now)
        losses.append(loss)
        broken |= wrong
        if loss > best_loss:
            best, best_loss, best_slope = now, loss, slope
        if number in checks:
            k = checks[number]
            rises = sum(b > a for a, b in zip(losses[-k - 1 : -1], losses[-k:], strict=True))
            tired = rises <= 0.75 * k or (not halved and best_loss <= checked)
            halved, checked = tired, best_loss
            if tired:
                step, now, slope, halvings = step / 2, best, best_slope, halvings + 1
    return best, broken, halvings


@BOTH
@pytest.mark.parametrize(("loss", "parity"), [("ce", True), ("ce", False), ("dlr", True), ("dlr", False)])
def test_a_plain_transcription(norm: Any, loss: Any, parity: bool) -> None:
    model, eps = smooth(), EPS[norm]
    batch = asked(model, 12)
    shown = APGD(norm, eps, loss, parity=parity).render(batch)
    draws = Draws(0, f"attack/apgd/{norm}", batch.ids, torch.device("cpu"))
    noise = (draws.uniform if norm == "linf" else draws.normal)(f"apgd-{loss}/0", (3, 6, 6))
    withstood = halvings = 0
    for i in range(12):
        x, label = batch.tensor[i : i + 1], int(model(batch.tensor[i : i + 1]).argmax())
        size = noise[i].abs().max() if norm == "linf" else noise[i].norm()
        start = (x + eps * noise[i : i + 1] / size).clamp(0, 1)
        aim = {"ce": ce, "dlr": dlr}[loss]
        best, broken, tired = by_hand(
            model, x, start, lambda z, a=aim, y=label: a(z, torch.tensor([y])), label, norm, eps, parity
        )
        halvings += tired
        assert fallen(shown)[i] == broken
        if not broken:
            withstood += 1
            off = (shown.pixels[i : i + 1] - best).abs() > 2e-3 * eps
            assert off.double().mean() < 0.02  # the sign of a slope near 0 is rounding's
    assert 1 < withstood < 12
    assert halvings > 12


def test_where_the_first_loss_is_compared_decides() -> None:
    """The quirk of the published code is there: DLR begins below 0, so that a first rise is not counted."""
    model = smooth(10, curve=60)
    batch = asked(model, 40)
    one, other = (APGD("linf", 0.01, "dlr", parity=parity).render(batch) for parity in (True, False))
    assert not torch.equal(one.pixels, other.pixels)


@BOTH
@pytest.mark.parametrize("classes", [2, 3, 4, 12])
@pytest.mark.parametrize("attack", [APGD, APGDT])
def test_worst_case_of_a_linear_eye(attack: Any, norm: Any, classes: int) -> None:
    model, images, distance = distances(norm, classes, 30)
    for eps in np.quantile(distance, (0.3, 0.7)):
        broken = fallen(attack(norm, float(eps)).render(asked(model, 30, images=images)))
        assert not broken[distance > eps * (1 + 1e-5)].any()
        assert broken[distance < eps * (0.99 if attack is APGDT or classes == 2 else 0.93)].all()


@BOTH
def test_it_stays_in_the_ball(norm: Any) -> None:
    model = smooth()
    batch = asked(model, 30)
    for view in (APGD(norm, 0.1), APGDT(norm, 0.1, steps=20)):
        shown = view.render(batch)
        assert (norm_of(shown.pixels - batch.tensor, norm) <= 0.1 + 1e-6).all()
        assert shown.pixels.min() >= 0
        assert shown.pixels.max() <= 1
        assert fallen(shown).any()
    assert torch.equal(APGD(norm, 0.0).render(batch).pixels, batch.tensor)


def test_dlr_does_not_mind_the_scale_of_logits() -> None:
    """A thousandfold, cross-entropies have no gradients left."""
    answers = {}
    for scale in (1.0, 1000.0):
        model = smooth(scale=scale)
        batch = asked(model, 40)
        for loss in ("ce", "dlr"):
            answers[loss, scale] = APGD("linf", 0.02, loss).render(batch)  # type: ignore[arg-type]
        answers["t", scale] = APGDT("linf", 0.02).render(batch)
    for attack in ("dlr", "t"):
        assert (fallen(answers[attack, 1.0]) == fallen(answers[attack, 1000.0])).all()
        assert fallen(answers[attack, 1.0]).any()
    assert answers["ce", 1000.0].notes["zero_gradient"].mean() > 0.5
    assert answers["ce", 1.0].notes["zero_gradient"].max() == 0
    assert fallen(answers["ce", 1000.0]).sum() < fallen(answers["ce", 1.0]).sum()


def test_losses_do_not_mind_scale_and_shift() -> None:
    chance = torch.Generator().manual_seed(0)
    z, labels, targets = torch.randn(50, 7, generator=chance).double(), torch.arange(50) % 7, (torch.arange(50) + 3) % 7
    for found in (lambda z: dlr(z, labels), lambda z: dlr_targeted(z, labels, targets)):
        torch.testing.assert_close(found(z), found(1000 * z + 5), rtol=1e-9, atol=1e-9)
    top = z.sort(1, descending=True).values
    own, other = z.gather(1, labels[:, None])[:, 0], z.gather(1, targets[:, None])[:, 0]
    best = torch.stack([z[i, [k for k in range(7) if k != y]].max() for i, y in enumerate(labels)])
    torch.testing.assert_close(dlr(z, labels), -(own - best) / (top[:, 0] - top[:, 2] + 1e-12))
    torch.testing.assert_close(
        dlr_targeted(z, labels, targets), -(own - other) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + 1e-12)
    )


def test_targets_are_the_likeliest_others() -> None:
    logits = torch.tensor([[3.0, 5.0, 1.0, 4.0], [9.0, 2.0, 7.0, 8.0]])
    assert ranked(logits, torch.tensor([1, 0]), 9).tolist() == [[3, 0, 2], [3, 2, 1]]
    assert ranked(logits, torch.tensor([1, 0]), 2).tolist() == [[3, 0], [3, 2]]


@pytest.mark.parametrize("view", [APGD("linf", 0.02, restarts=3, steps=12), APGDT("l2", 0.2, 4, steps=12, restarts=2)])
def test_attempts_side_by_side_end_as_one_after_another(view: Any) -> None:
    model = smooth()
    batch = asked(model, 30)
    victim, labels = Victim(model), model(batch.tensor).argmax(1)
    draws = Draws(0, view.stream, batch.ids, torch.device("cpu"))
    narrow, wide = (view.search(victim, batch.tensor, labels, draws, room=room) for room in (1, 1000))
    torch.testing.assert_close(narrow.pixels, wide.pixels, rtol=0, atol=1e-6)
    assert not torch.equal(narrow.pixels, batch.tensor)


@BOTH
def test_restarts_and_targets_only_add(norm: Any) -> None:
    model = smooth(10, curve=60)
    batch = asked(model, 40)
    eps = EPS[norm] / 2
    once, often = (fallen(APGD(norm, eps, steps=8, restarts=r).render(batch)) for r in (1, 6))
    assert not (once & ~often).any()
    few, many = (fallen(APGDT(norm, eps, targets=t, steps=8).render(batch)) for t in (1, 4))
    assert not (few & ~many).any()
    assert often.sum() + many.sum() > once.sum() + few.sum()


@pytest.mark.parametrize("view", [APGD("linf", 0.02, steps=20), APGDT("l2", 0.2, steps=20)])
def test_an_image_alone_fares_as_among_others(view: Any) -> None:
    alike(view, smooth(), 24)


def test_the_model_and_the_global_chance_stay_as_they_were() -> None:
    model = smooth()
    batch = asked(model, 12, precision="bfloat16")
    frozen = {name: value.clone() for name, value in model.net.state_dict().items()}
    before, state = batch.tensor.clone(), torch.get_rng_state()
    for view in (APGD("linf", 0.03, steps=5), APGDT("linf", 0.03, steps=5)):
        view.render(batch)
    assert torch.equal(batch.tensor, before)
    assert all(torch.equal(value, frozen[name]) for name, value in model.net.state_dict().items())
    assert all(p.grad is None for p in model.net.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_frames_that_are_not_square_or_coloured() -> None:
    model = seen(SmoothEye(1 * 5 * 9, 4), (5, 9), 1)
    batch = asked(model, 20)
    for view in (APGD("linf", 0.05, steps=20), APGDT("l2", 0.3, steps=20)):
        shown = view.render(batch)
        assert shown.pixels.shape == (20, 1, 5, 9)
        assert fallen(shown).any()
        assert (norm_of(shown.pixels - batch.tensor, view.norm) <= view.eps + 1e-6).all()


def test_without_gradients_nothing_moves() -> None:
    model = seen(RoundingEye(SmoothEye(108, 4), 4))
    shown = APGD("linf", 0.05, steps=10).render(asked(model, 20))
    assert (shown.notes["zero_gradient"] == 1).all()


def test_gradients_of_a_model_that_draws_are_means() -> None:
    """Noise in the answer that has a slope of its own: one look goes anywhere, the mean of many goes up."""

    class Noisy(SmoothEye):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not torch.is_grad_enabled():
                return super().forward(x)
            noise = torch.randn(len(x), 108, 5, generator=self.chance) * 4
            return super().forward(x) + torch.einsum("nd,ndk->nk", x.flatten(1), noise)

        chance = torch.Generator().manual_seed(0)

    model = seen(Noisy(108, 5))
    batch = asked(model, 60)
    once, often = (fallen(APGD("linf", 0.01, steps=5, forwards=k).render(batch)).sum() for k in (1, 30))
    assert often > once


@pytest.mark.parametrize("setting", ["steps", "restarts", "targets"])
def test_counts_below_one_are_refused(setting: str) -> None:
    with pytest.raises(SettingError, match=setting):
        APGDT("linf", 0.1, **{setting: 0})
