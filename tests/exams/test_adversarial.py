"""The adversarial exam on eyes whose worst changes are known in closed form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from eyechart.core.catalogue import make_exams
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Subject
from eyechart.core.tally import Tally
from eyechart.core.view import Precision
from eyechart.errors import SettingError
from eyechart.exams.adversarial import Adversarial
from eyechart.exams.adversarial_layout import BISECTIONS, FARTHEST
from eyes import (
    ConstantEye,
    LinearEye,
    LowPassEye,
    OracleEye,
    Sitting,
    answered,
    examined,
    image_set,
    noise_images,
    one,
    plain_images,
    seen_by,
    sitting,
)

SIZE, N = 8, 60
STEPS = np.array([1, 2, 4, 8])


def middling(n: int = N, size: int = SIZE) -> Array:
    """Images that no small change takes beyond [0, 1]."""
    return (96 + noise_images(n, size) // 4).astype(np.uint8)


def linear(classes: int = 2, scale: float = 1.0) -> LinearEye:
    weight = torch.randn(classes, 3 * SIZE * SIZE, generator=torch.Generator().manual_seed(1))
    return LinearEye(scale * (weight - weight.mean(1, keepdim=True)))


def sat(eye: nn.Module, images: Array | None = None, labels: Array | None = None, **settings: Any) -> Sitting:
    """Labels are the eye's own answers, unless given."""
    shown = middling() if images is None else images
    known = answered(eye, shown) if labels is None else labels
    return sitting(Adversarial(**settings), seen_by(eye, shown.shape[1]), image_set(shown, known))


def left(found: Sitting, attack: str, **at: Any) -> list[float | None]:
    return [e.value for e in found.estimates.of("robust_accuracy", attack=attack, **at)]


@pytest.mark.parametrize(("norm", "order"), [("linf", 1), ("l2", 2)])
def test_two_classes_fall_as_the_closed_form_says(norm: str, order: int) -> None:
    eye, images = linear(), middling()
    z = images.transpose(0, 3, 1, 2).reshape(N, -1) / 255 @ eye.weight.numpy().T
    reach = np.linalg.norm(eye.weight[0] - eye.weight[1], order)
    distance = np.sort(np.abs(z[:, 0] - z[:, 1]) / reach)
    eps = [float(distance[k : k + 2].mean()) for k in (N // 6, N // 2, N - N // 6)]
    found = sat(eye, images, norm=norm, eps=eps, attacks=("fgsm", "pgd", "bands"))
    wanted = [float((distance > e).mean()) for e in eps]
    for attack in ("fgsm", "pgd", "direct", "all"):
        assert left(found, attack) == pytest.approx(wanted)
    assert left(found, "margin") == wanted[-1:]
    assert left(found, "huge") == [0.0]
    assert one(found.estimates, "flags_failed").value == 0
    assert [e.at["flag"] for e in found.estimates.of("flag", status="warn")] == ["class_count"]


def test_noise_of_the_same_size_does_less() -> None:
    found = sat(linear(), attacks=("fgsm",), eps="8/255")
    (noise,), (step,) = left(found, "noise"), left(found, "fgsm")
    assert noise is not None
    assert step is not None
    assert noise > step + 0.3


def test_a_low_pass_eye_falls_to_the_coarse_part_alone() -> None:
    eye = LowPassEye(2, 16, classes=4)
    found = sat(eye, middling(40, 16), attacks=("bands",), radius=2.0, eps=("4/255", "8/255")).estimates
    assert [e.value for e in found.of("part_success", part="low")] == [1.0, 1.0]
    assert [e.value for e in found.of("part_success", part="high")] == [0.0, 0.0]
    assert [e.value for e in found.of("repaired")] == [0.0, 0.0]
    assert one(found, "low_pass_cost").value == 0.0
    direct, low, high = ([e.value for e in found.of("robust_accuracy", attack=a)] for a in ("direct", "low", "high"))
    assert (high, low) == ([1.0], direct[-1:])
    even = one(found, "frequencies_beyond", radius=2.0 * 2)
    (changed,) = [e.value for e in found.of("change_beyond", radius=4.0, eps=0.0313725)]
    assert changed < even.value / 2  # type: ignore[operator]
    inner = np.mean([e.value for e in found.of("ring_energy", eps=0.0313725) if 0 < e.at["radius"] < 2.5])
    assert inner > 3


def test_a_filter_repairs_what_lies_above_it() -> None:
    class HighPassing(LowPassEye):
        def kept(self, mask: Tensor) -> Tensor:
            return ~mask

    found = sat(HighPassing(6, 16, classes=4), middling(40, 16), attacks=("bands",), radius=6.0).estimates
    assert {e.value for e in found.of("part_success", part="high")} == {1.0}
    assert {e.value for e in found.of("part_success", part="low")} == {0.0}
    assert one(found, "low_pass_cost").value > 0.3  # type: ignore[operator]


def test_energies_by_ring_add_up_to_all() -> None:
    found = sat(linear(4), attacks=("bands",), eps="2/255").estimates
    rings = found.of("ring_energy")
    f = SIZE * np.fft.fftfreq(SIZE)
    on = np.floor(np.hypot(f[:, None], f[None]))
    counts = np.array([(on == e.at["ring"]).sum() for e in rings])
    assert counts.sum() == SIZE * SIZE
    assert np.dot(counts, [e.value for e in rings]) / counts.sum() == pytest.approx(1.0, rel=1e-5)


def test_what_fell_within_a_smaller_size_has_fallen() -> None:
    found = sat(linear(4), attacks=("fgsm",))
    rows, layout = found.whole.rows, found.exam
    rows = {**rows, "fgsm_broken": np.zeros((N, 4), bool), "noise_broken": np.zeros((N, 4), bool)}
    rows["fgsm_broken"][0, 1] = True
    estimates = layout.estimates(type(found.whole)(rows), found.batch.labels, found.subject)
    told = [e.value for e in estimates.of("robust_accuracy", attack="all")]
    assert told == pytest.approx([1.0, *[1 - 1 / N] * 3])


def test_claims_count_where_a_second_look_confirms_them() -> None:
    found = sat(linear(4), attacks=("fgsm",))
    rows = found.whole.rows
    assert not rows["unconfirmed"].any()
    assert rows["excess"].max() <= 1e-6
    assert (rows["fgsm_broken"].sum(1) > 0).any()


@pytest.mark.parametrize(
    ("eps", "told"),
    [
        ("8/255", (8 / 255,)),
        ("4/255, 1/255", (1 / 255, 4 / 255)),
        (["0.01", 0.02], (0.01, 0.02)),
        (0.5, (0.5,)),
        (None, None),
    ],
)
def test_sizes_are_understood(eps: Any, told: Any) -> None:
    assert Adversarial(eps=eps).eps == told
    assert Adversarial(attacks="pgd, square").attacks == ("pgd", "square")


@pytest.mark.parametrize(
    "settings",
    [{"eps": "8"}, {"eps": ()}, {"eps": "0"}, {"eps": "1/255", "at": "2/255"}, {"norm": "l2", "at": 1}, {"eps": "x"}],
)
def test_what_cannot_be_a_size_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Adversarial(**settings)
    with pytest.raises(SettingError, match="adversarial"):
        make_exams(["adversarial"], {"adversarial": settings})


def test_lengths_grow_with_the_frame() -> None:
    small, large = (sat(linear_of(size), middling(4, size), norm="l2", attacks=("fgsm",)) for size in (16, 32))
    each = [[e.at["eps"] for e in s.estimates.of("robust_accuracy", attack="fgsm")] for s in (small, large)]
    assert each[1] == [0.125, 0.25, 0.5, 1.0]
    assert each[0] == [e / 2 for e in each[1]]


def linear_of(size: int) -> LinearEye:
    return LinearEye(torch.randn(4, 3 * size * size, generator=torch.Generator().manual_seed(1)))


def test_one_that_nothing_moves_is_praised_only_if_gradients_lead_somewhere() -> None:
    labels = np.arange(N) % 3
    found = sat(OracleEye(), plain_images(labels, SIZE), labels, attacks=("fgsm", "pgd"))  # rounds: no gradient
    verdicts = [f.verdict for f in found.exam.findings(found.estimates)]
    assert verdicts[0] == "weak"
    assert "strong" not in verdicts
    constant = sat(ConstantEye(0.0, 1.0, 0.5), labels=np.ones(N, int), attacks=("fgsm", "pgd"))
    assert "strong" not in [f.verdict for f in constant.exam.findings(constant.estimates)]


class Colours(nn.Module):
    """Names the brightest channel."""

    def forward(self, x: Tensor) -> Tensor:
        return 4 * x.mean((2, 3))


def test_an_honest_eye_of_few_pixels_is_praised() -> None:
    labels = np.arange(N) % 3

    def said(*attacks: str, **settings: Any) -> tuple[list[str], str]:
        found = sat(Colours(), plain_images(labels, SIZE), labels, attacks=attacks, **settings)
        findings = found.exam.findings(found.estimates)
        return [f.verdict for f in findings], " ".join(f.sentence for f in findings)

    assert "strong" in said("fgsm", "pgd", "square", "bands")[0]
    no_search, no_square = "no search of 10 steps", "not checked: accuracy that a search without gradients takes away"
    no_rise = "not checked: right images whose loss did not rise"
    for attacks, missing in (
        (("fgsm", "bands"), no_square),
        (("square",), no_search),
        (("fgsm", "pgd"), no_square),
        (("fgsm", "pgd", "square"), no_rise),
    ):
        verdicts, sentences = said(*attacks)
        assert "strong" not in verdicts
        assert missing in sentences
    verdicts, sentences = said("pgd", "square", steps=2)
    assert "strong" not in verdicts
    assert no_search in sentences


def test_a_deciding_check_that_asks_for_a_look_stands_in_the_way_of_praise() -> None:
    labels = np.arange(N) % 3
    asked = ("pgd", "square", "bands")
    found = sat(Colours(), plain_images(labels, SIZE), labels, attacks=asked)
    said = [f.verdict for f in found.exam.findings(found.estimates)]
    looked = [
        replace(e, at={**e.at, "status": "warn"}) if e.at.get("flag") == "square_helped" else e for e in found.estimates
    ]
    doubted = found.exam.findings(Estimates(looked))
    assert "strong" in said
    assert "strong" not in [f.verdict for f in doubted]
    assert any("not clear: accuracy that a search without gradients" in f.sentence for f in doubted)


def test_the_model_is_as_it_was_and_batches_do_not_matter() -> None:
    eye = linear(4)
    before = eye.weight.clone()
    state = torch.random.get_rng_state()
    rows = sat(eye, attacks=("pgd", "bands")).whole.rows
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(eye.weight, before)
    fewer = sat(eye, middling()[:7], attacks=("pgd", "bands")).whole.rows
    for name in ("pgd_broken", "direct_broken", "margin_broken", "low_part_broken"):
        np.testing.assert_array_equal(rows[name][:7], fewer[name])


@pytest.mark.parametrize(("norm", "order"), [("linf", 1), ("l2", 2)])
def test_the_smallest_change_is_that_of_the_closed_form(norm: str, order: int) -> None:
    eye, images = linear(), middling()
    z = images.transpose(0, 3, 1, 2).reshape(N, -1) / 255 @ eye.weight.numpy().T
    wanted = np.abs(z[:, 0] - z[:, 1]) / np.linalg.norm(eye.weight[0] - eye.weight[1], order)
    sizes = [float(np.quantile(wanted, q)) for q in (0.2, 0.6, 0.9)]
    found = sat(eye, images, norm=norm, eps=sizes, attacks=("minimal",), gallery=4)
    distance = found.whole.rows["distance"]
    assert (distance >= wanted * (1 - 1e-3)).all()
    edges = np.array([0, *sizes, FARTHEST * sizes[-1]])
    gap = np.diff(edges)[np.searchsorted(edges, wanted) - 1] / 2**BISECTIONS  # what the brackets are narrowed to
    assert (distance <= wanted * 1.05 + gap).all()
    assert one(found.estimates, "median_distance").value == pytest.approx(np.median(distance))
    curve = found.estimates.of("minimal_curve")
    assert [e.value for e in curve] == [float((distance > e.at["eps"]).mean()) for e in curve]
    nearest = [case.id for case in found.whole.kept]
    assert nearest == [f"{i:04d}" for i in np.argsort(distance, kind="stable")[:4]]
    assert left(found, "all") == [float((distance > s * (1 + 1e-6)).mean()) for s in sizes]


def test_what_withstands_has_no_median() -> None:
    found = sat(linear(scale=1e-3), attacks=("minimal",), eps="1/255").estimates
    flat = sat(ConstantEye(0.0, 1.0, 0.5), labels=np.ones(N, int), attacks=("minimal",)).estimates
    assert one(found, "median_distance").value is not None  # scale alone changes no distance
    assert "withstood" in one(flat, "median_distance").reason
    assert {e.value for e in flat.of("minimal_curve")} == {1.0}


class Detached(nn.Module):
    """The eye within, out of autograd's sight."""

    def __init__(self, eye: nn.Module) -> None:
        super().__init__()
        self.eye = eye

    def forward(self, x: Tensor) -> Tensor:
        return self.eye(x.detach())


def test_without_gradients_square_alone_finds_anything() -> None:
    found = sat(Detached(linear(5)), eps="8/255", queries=100)
    assert left(found, "pgd") == left(found, "short") == left(found, "direct") == [1.0]
    (square,) = left(found, "square")
    assert square is not None
    assert square < 0.5
    assert left(found, "all") == [square]
    status = {e.at["flag"]: e.at["status"] for e in found.estimates.of("flag")}
    assert {status[f] for f in ("zero_gradient_ce", "zero_gradient_margin", "square_helped", "huge_change")} == {"fail"}
    first = found.exam.findings(found.estimates)[0]
    assert (first.verdict, "cannot be trusted" in first.sentence) == ("weak", True)


@pytest.mark.parametrize(
    ("classes", "precision", "name"), [(10, "float32", "standard"), (9, "float32", "full"), (10, "bfloat16", "full")]
)
def test_the_published_name_is_for_the_published_attack(classes: int, precision: Precision, name: str) -> None:
    layout = Adversarial(attacks=("standard",))._layout_for(Subject((32, 32), classes, precision=precision))
    assert set(layout.columns) == {"noise", name}
    (trial,) = layout.columns[name]
    assert trial.eps == 8 / 255


def test_a_size_at_which_any_picture_becomes_any_other_counts_its_channels() -> None:
    layout = Adversarial(norm="l2")._layout_for(Subject((28, 28), 10, channels=1))
    assert layout.huge == pytest.approx(0.5 * 28)


def test_the_curve_of_smallest_changes_ends_where_the_search_does() -> None:
    layout = Adversarial(eps="0.5")._layout_for(Subject((6, 6), 5))
    assert layout.smallest is not None
    assert max(layout.places) == pytest.approx(layout.smallest.attack.eps) == 1.0


def test_a_median_may_be_open_upwards() -> None:
    found = sat(linear(5), attacks=("minimal",), eps="1/255")
    distance = found.whole.rows["distance"].copy()
    n = len(distance)
    distance[: n // 2 + 1] = np.linspace(0.01, 0.02, n // 2 + 1)
    distance[n // 2 + 1 :] = np.nan
    labels = found.whole.rows["image_top1"]
    changed = found.exam.estimates(Tally({**found.whole.rows, "distance": distance}), labels, found.subject)
    median = one(changed, "median_distance")
    assert median.high is None
    assert median.low is not None
    assert 0.01 <= median.low < median.value  # type: ignore[operator]
    said = [f.sentence for f in found.exam.findings(changed)]
    assert any("to more than was searched" in sentence for sentence in said)


def test_large_frames_are_few() -> None:
    small, large = (Adversarial().most(sat(linear_of(s), middling(4, s), attacks=("fgsm",)).subject) for s in (64, 96))
    assert (small, large) == (500, 64)


def test_a_run_pictures_the_smallest_changes(tmp_path: Path) -> None:
    images, eye = middling(24, 16), linear_of(16)
    exam = Adversarial(attacks=("fgsm", "minimal"), gallery=3)
    run = examined(seen_by(eye, 16), image_set(images, answered(eye, images)), [exam], tmp_path / "run")
    assert not run.results["skipped"]
    (case, *others) = sorted(run.kept(run.record["models"][0]["slot"], "adversarial"), key=lambda case: -case.score)
    assert len(others) == 2
    assert set(case.pictures) == {"image", "attacked", "change", "spectrum"}


def test_a_filter_is_attacked_through() -> None:
    eye = LowPassEye(2, 16, classes=4)
    found = sat(eye, middling(40, 16), attacks=("bands",), radius=2.0, eps="8/255").estimates
    through, direct = one(found, "through_accuracy"), one(found, "robust_accuracy", attack="direct")
    assert through.value == direct.value  # the filter takes nothing from it that this eye sees
    blind = sat(linear_of(16), middling(40, 16), attacks=("bands",), radius=5.0, eps="2/255").estimates
    around = one(blind, "filtered_accuracy")
    assert one(blind, "through_accuracy").value < around.value  # type: ignore[operator]
