"""Rigged eyes: each check of the adversarial exam is raised by the eye that it was made for, and by no honest one."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.core.chart import Table
from eyechart.core.tally import Tally
from eyechart.exams.adversarial import Adversarial
from eyechart.exams.adversarial_checks import CHECKS
from eyechart.views.attacks.ball import Ball
from eyes import LinearEye, ProbabilityEye, Sitting, answered, image_set, noise_images, seen_by, sitting

SIZE, N, CLASSES = 6, 60, 5
IMAGES = (96 + noise_images(N, SIZE) // 4).astype(np.uint8)
CHEAP = ("fgsm", "pgd", "bands")


def honest(classes: int = CLASSES, scale: float = 1.0) -> LinearEye:
    weight = torch.randn(classes, 3 * SIZE * SIZE, generator=torch.Generator().manual_seed(1))
    return LinearEye(scale * (weight - weight.mean(1, keepdim=True)))


class Behind(nn.Module):
    """The honest eye, with something before it."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.eye = honest(scale=scale)

    def forward(self, x: Tensor) -> Tensor:
        return self.eye(self.before(x))

    def before(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class Rounding(Behind):
    """Quantised input: no gradient."""

    def before(self, x: Tensor) -> Tensor:
        return (x * 8).round() / 8


class Noisy(Behind):
    """Draws noise while it answers."""

    def before(self, x: Tensor) -> Tensor:
        return x + 0.05 * torch.randn_like(x)


class Crowded(Behind):
    """BatchNorm with the batch's own statistics, as in training mode."""

    def before(self, x: Tensor) -> Tensor:
        return nn.functional.batch_norm(x, None, None, training=True)


class Optimising(Behind):
    """Takes a gradient step on its input before it answers."""

    def before(self, x: Tensor) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            start = x.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(self.eye(start).logsumexp(1).sum(), start)
        return x - 1e-4 * slope


class Backwards(torch.autograd.Function):
    """Shows its input; gradients come out with the wrong sign."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -gradient


class Misleading(Behind):
    """Its gradients lead away from its errors."""

    def before(self, x: Tensor) -> Tensor:
        return Backwards.apply(x)


class Masked(Behind):
    """Answers to coarse levels; its gradients are faint, and lead nowhere."""

    def before(self, x: Tensor) -> Tensor:
        coarse = (x * 32).round() / 32
        astray = x.flip(-1)
        return coarse.detach() + 1e-9 * (astray - astray.detach())


class Silent(Behind):
    """Answers NaN where values are no 8-bit levels, once it is ``on``."""

    on = False

    def forward(self, x: Tensor) -> Tensor:
        logits = self.eye(x)
        off = (255 * x - (255 * x).round()).abs().flatten(1).amax(1) > 1e-2
        return torch.where(off[:, None] & self.on, torch.full_like(logits, torch.nan), logits)


class Rippled(Behind):
    """A fine ripple on each value: its slope is right on 8-bit values, where images lie, and wild between them."""

    def before(self, x: Tensor) -> Tensor:
        return x + 8 * (2 * pi * 255 * x).sin() / (2 * pi * 255)


def examined(eye: nn.Module, **settings: Any) -> Sitting:
    """Labels are the eye's own answers."""
    labels = answered(eye, IMAGES)
    assert len(set(labels.tolist())) > 1
    settings = {"attacks": CHEAP, "eps": ("2/255", "4/255"), **settings}
    return sitting(Adversarial(**settings), seen_by(eye, SIZE), image_set(IMAGES, labels))


def raised(found: Sitting) -> Mapping[str, str]:
    """Checks that were raised, with their status."""
    flags = found.estimates.of("flag")
    return {e.at["flag"]: e.at["status"] for e in flags if e.at["status"] in ("warn", "fail")}


def test_an_honest_eye_raises_none() -> None:
    found = examined(honest())
    assert raised(found) == {}
    counts = [found.estimates.one(m).value for m in ("flags_failed", "flags_warned")]  # type: ignore[union-attr]
    assert counts == [0.0, 0.0]
    assert not any("trusted" in f.sentence for f in found.exam.findings(found.estimates))


RIGGED: dict[str, tuple[nn.Module, dict[str, Any], set[str]]] = {
    "rounding": (Rounding(), {}, {"zero_gradient_ce", "zero_gradient_margin", "huge_change", "loss_sinks"}),
    "noise": (Noisy(), {}, {"randomised"}),
    "batch statistics": (Crowded(), {}, {"batch_dependence"}),
    "inner optimisation": (Optimising(), {}, {"optimises"}),
    "large logits": (honest(scale=1000.0), {}, {"zero_gradient_ce"}),
    "large probabilities": (ProbabilityEye(honest(scale=1000.0)), {}, {"softmax_output", "zero_gradient_ce"}),
    "misleading": (Misleading(), {"eps": ("32/255",), "attacks": ("bands",)}, {"noise_beats_attack", "loss_sinks"}),
    "rippled": (Rippled(), {"eps": ("5/255",), "attacks": ("fgsm", "pgd")}, {"fgsm_beats_pgd"}),
    "rippled, by size": (Rippled(), {"eps": ("4/255", "6/255"), "attacks": ("bands",)}, {"not_monotone"}),
}


@pytest.mark.parametrize("name", RIGGED)
def test_a_rigged_eye_raises_what_it_was_made_for(name: str) -> None:
    eye, settings, wanted = RIGGED[name]
    found = examined(eye, **settings)
    failed = {flag for flag, status in raised(found).items() if status == "fail"}
    assert wanted <= failed, raised(found)
    first = found.exam.findings(found.estimates)[0]
    assert first.verdict == "weak"
    for flag in wanted:
        assert CHECKS[flag].means in first.sentence
    table = next(c for c in found.exam.charts(found.estimates) if isinstance(c, Table))
    assert sum(row[1] == "FAILS" for row in table.rows) == len(failed)


def test_a_softmax_at_the_end_is_told_though_it_is_seen_through() -> None:
    assert raised(examined(ProbabilityEye(honest()))) == {"softmax_output": "warn"}


def test_large_logits_hide_from_cross_entropy_not_from_the_margin() -> None:
    found = examined(honest(scale=1000.0))
    assert raised(found)["loss_gap"] == "warn"
    assert "zero_gradient_margin" not in raised(found)


def test_few_classes_are_told() -> None:
    eye = honest(2)
    found = sitting(Adversarial(attacks=CHEAP), seen_by(eye, SIZE), image_set(IMAGES, answered(eye, IMAGES)))
    assert raised(found) == {"class_count": "warn"}


def changed(found: Sitting, **columns: Any) -> Mapping[str, str]:
    """What is raised when some columns of the rows are others."""
    rows = {**found.whole.rows, **columns}
    estimates = found.exam.estimates(Tally(rows), found.batch.labels, found.subject)
    return {e.at["flag"]: e.at["status"] for e in estimates.of("flag") if e.at["status"] in ("warn", "fail")}


@pytest.mark.parametrize(
    "attacks", [("fgsm", "pgd", "square"), ("fgsm", "pgd", "square", "standard"), ("pgd", "standard")]
)
def test_a_masked_eye_is_found_out_by_square_whoever_runs_it(attacks: tuple[str, ...]) -> None:
    found = examined(Masked(), eps="8/255", attacks=attacks)
    assert raised(found).get("square_helped") == "fail"


def test_what_the_margin_finds_was_found_by_a_gradient() -> None:
    found = examined(honest(scale=1000.0), eps="4/255", attacks=("fgsm", "pgd", "square"), queries=300)
    left = {e.at["attack"]: e.value for e in found.estimates.of("robust_accuracy")}
    assert left["margin"] == 0 < left["square"] < left["pgd"]
    assert "square_helped" not in raised(found)


def test_no_answer_is_no_wrong_answer() -> None:
    labels = answered(honest(), IMAGES)
    exam = Adversarial(attacks=("fgsm", "pgd", "short", "minimal"), eps="1/1000")
    eye = Silent()
    model = seen_by(eye, SIZE)
    for each in (eye, model.net):
        each.on = True
    found = sitting(exam, model, image_set(IMAGES, labels))
    assert raised(found)["nan_answers"] == "fail"
    assert {e.value for e in found.estimates.of("robust_accuracy")} == {1.0}
    assert np.isnan(found.whole.rows["distance"]).all()
    assert "withstanding" in found.exam.findings(found.estimates)[0].sentence


def test_claims_count_only_where_a_pass_in_other_company_confirms_them() -> None:
    found = examined(Crowded(), eps="1/255", attacks=("pgd", "minimal"))
    rows = found.whole.rows
    assert rows["unconfirmed"].sum() > 0
    assert rows["distance_unconfirmed"].sum() > 0
    assert np.isnan(rows["distance"][rows["distance_unconfirmed"]]).all()
    assert raised(found)["unconfirmed"] == "fail"


def test_a_change_that_leaves_its_ball_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ball, "project", lambda _, pixels, around: pixels.clamp(0, 1))
    assert raised(examined(honest(), attacks=("pgd",)))["range"] == "fail"


def test_long_changes_of_many_values_do_not_leave_theirs() -> None:
    frames, size = (64 + noise_images(2, 224) // 2).astype(np.uint8), 224
    weight = torch.randn(2, 3 * size * size, generator=torch.Generator().manual_seed(0))
    eye = LinearEye(weight - weight.mean(1, keepdim=True))
    settings = {"norm": "l2", "eps": (2.0, 3.0, 5.0), "attacks": ("fgsm", "pgd"), "steps": 3}
    found = sitting(Adversarial(**settings), seen_by(eye, size), image_set(frames, answered(eye, frames)))
    assert "range" not in raised(found)


def test_a_rising_loss_is_that_of_the_size_that_checks_are_about() -> None:
    rises = [
        examined(honest(), attacks=("bands",), eps=eps, at="4/255").whole.rows["rise"]
        for eps in (("2/255", "4/255"), ("4/255",), ("1/255", "4/255"))
    ]
    np.testing.assert_allclose(rises[0], rises[1], rtol=1e-6)
    small = examined(honest(), attacks=("bands",), eps="2/255").whole.rows["rise"]
    assert (small < rises[0]).all()


def test_claims_that_do_not_hold_and_changes_out_of_range() -> None:
    found = examined(honest())
    some = np.zeros(N, np.int32)
    some[:3] = 1
    assert changed(found, unconfirmed=some) == {"unconfirmed": "fail"}
    assert changed(found, excess=np.full(N, 1e-3, np.float32)) == {"range": "fail"}
    assert changed(found, outside=np.full(N, 1e-3, np.float32)) == {"range": "fail"}


def test_what_stays_right_at_every_size_is_masked() -> None:
    found = examined(honest())
    assert changed(found, huge_broken=np.zeros(N, bool)) == {"huge_change": "fail"}


def test_what_was_not_asked_for_is_not_checked() -> None:
    found = examined(honest(), attacks=("fgsm",))
    status = {e.at["flag"]: (e.at["status"], e.value) for e in found.estimates.of("flag")}
    for flag in ("fgsm_beats_pgd", "loss_gap", "huge_change", "square_helped"):
        assert status[flag] == ("not checked", None)


def test_an_eye_that_gets_nothing_right_has_nothing_to_lose() -> None:
    eye = honest()
    wrong = (answered(eye, IMAGES) + 1) % CLASSES
    found = sitting(Adversarial(attacks=CHEAP), seen_by(eye, SIZE), image_set(IMAGES, wrong))
    assert raised(found) == {}
    assert {f.verdict for f in found.exam.findings(found.estimates)} == {"note"}
