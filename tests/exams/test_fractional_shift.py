"""Shifts by shares of a pixel on eyes that can tell what they do."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from embedded import turned, yardsticks
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Subject
from eyechart.errors import SettingError
from eyechart.exams.fractional_shift import FractionalShift
from eyes import (
    ConstantEye,
    LowPassEye,
    OnePixelEye,
    PolyphaseEye,
    Sitting,
    StrideEye,
    answered,
    image_set,
    noise_images,
    seen_by,
    sitting,
)
from figures import value

N, SIZE = 30, 16
NESTED = ("identity", "1/2", "1/4", "all")


def moved(eye: nn.Module, images: Array, labels: Array | None = None, **settings: Any) -> tuple[Sitting, Estimates]:
    exam = FractionalShift(**settings)
    sat = sitting(exam, seen_by(eye, SIZE), image_set(images, labels))
    return sat, exam.estimates(sat.whole, sat.batch.labels, sat.subject)


def test_shifts_are_all_shares_the_identity_and_the_axes_included() -> None:
    exam = FractionalShift()
    assert len(exam.places) == len(set(exam.places)) == 4 + 9 + 16 - 1 - 4  # halves are quarters, too
    assert exam.places[0] == (0, 0)
    assert (Fraction(0), Fraction(1, 3)) in exam.places
    assert {name: int(chosen.sum()) for name, chosen in exam.sets.items()} == {
        "identity": 1,
        "1/2": 4,
        "1/3": 9,
        "1/4": 16,
        "all": 24,
    }
    assert FractionalShift(units=(2,)).places == (
        (0, 0),
        (0, Fraction(1, 2)),
        (Fraction(1, 2), 0),
        (Fraction(1, 2),) * 2,
    )


def test_an_eye_for_mean_colour_alone_is_blind_to_phases() -> None:
    sat, found = moved(StrideEye(1), noise_images(N), methods=("fourier",))
    assert len(set(sat.whole.rows["image_top1"])) > 1
    assert {e.value for m in ("p_top1_change", "any_change", "set_p_top1_change") for e in found.of(m)} == {0.0}
    assert max(e.value or 0.0 for e in found.of("mean_absolute_change")) < 1e-4
    _, strided = moved(StrideEye(2), noise_images(N), methods=("fourier",))
    assert value(strided, "any_change", set="all") > 0.3


def sinc(red: Array, down: float, right: float) -> Array:
    """Each (16, 16) plane between its pixels, by periodic sinc interpolation of an even length."""

    def matrix(shift: float) -> Array:
        t = np.arange(SIZE)[:, None] - shift - np.arange(SIZE)
        t = np.where(np.isclose(t % SIZE, 0), 1e-9, t)
        return np.sin(np.pi * t) / (SIZE * np.tan(np.pi * t / SIZE))

    return np.einsum("yk,nkl,xl->nyx", matrix(down), red, matrix(right))


@pytest.mark.parametrize("method", ["fourier", "bicubic"])
def test_what_one_pixel_sees_computed_once_more(method: str) -> None:
    images, labels, at = noise_images(N), np.arange(N) % 2, 7
    sat, found = moved(OnePixelEye(at, at), images, labels, methods=(method,))
    exam = FractionalShift()
    red = np.empty((N, len(exam.places)))
    for k, (down, right) in enumerate(exam.places):
        if method == "fourier":
            red[:, k] = sinc(images[..., 0] / 255, float(down), float(right))[:, at, at]
            continue
        for i, image in enumerate(images):
            large = Image.fromarray(image).resize((20, 20), Image.Resampling.BILINEAR)
            box = (2 - float(right), 2 - float(down), 18 - float(right), 18 - float(down))
            red[i, k] = np.asarray(large.resize((16, 16), Image.Resampling.BICUBIC, box=box))[at, at, 0] / 255
    top = (red > 0.5).astype(int)
    np.testing.assert_array_equal(sat.whole.rows[f"{method}_top1"], top)
    assert [round(e.value or 0.0, 6) for e in found.of("enlarged")] == ([] if method == "fourier" else [1.25])
    changed, fine = top != top[:, :1], top == labels[:, None]
    p = 1 / (1 + np.exp(-8 * (red - 0.5)))
    of_first = np.where(top[:, :1] == 1, p, 1 - p)
    how_far = np.abs(of_first - of_first[:, :1])
    right_ones = answered(OnePixelEye(at, at), images) == labels
    for k, (down, right) in enumerate(exam.places):
        where = {"down": round(float(down), 4), "right": round(float(right), 4)}
        assert value(found, "p_top1_change", given="all", **where) == pytest.approx(changed[:, k].mean())
        assert value(found, "mean_absolute_change", **where) == pytest.approx(how_far[:, k].mean(), abs=1e-5)
    for name, chosen in exam.sets.items():
        assert value(found, "any_change", set=name) == pytest.approx(changed[:, chosen].any(1).mean())
        assert value(found, "worst_accuracy", set=name) == pytest.approx(fine[:, chosen].all(1).mean())
        assert value(found, "mean_accuracy", set=name) == pytest.approx(fine[:, chosen].mean())
        drop = fine[:, 0].mean() - fine[:, chosen].all(1).mean()
        assert value(found, "accuracy_drop", set=name) == pytest.approx(drop)
        if name != "identity":
            rest = chosen & (np.arange(24) > 0)
            assert value(found, "set_p_top1_change", set=name, given="all") == pytest.approx(changed[:, rest].mean())
            assert value(found, "set_p_top1_change", set=name, given="correct") == pytest.approx(
                changed[right_ones][:, rest].mean()
            )
    assert value(found, "clean_accuracy") == pytest.approx(right_ones.mean())
    assert changed.any()


@pytest.mark.parametrize("stride", [2, 4])
def test_a_polyphase_eye_chooses_between_whole_pixels_alone(stride: int) -> None:
    """Blind to whole pixels, it has no phase for the places between them: its answers computed once more."""
    images, eye = noise_images(N), PolyphaseEye(stride)
    sat, found = moved(eye, images, methods=("fourier",), units=(2, 3))
    places = FractionalShift(units=(2, 3)).places
    frames = np.empty((len(places), N, 3, SIZE, SIZE), np.float32)
    for k, (down, right) in enumerate(places):
        for channel in range(3):
            frames[k, :, channel] = sinc(images[..., channel] / 255, float(down), float(right))
    top = np.stack([eye(torch.from_numpy(frame)).argmax(1).numpy() for frame in frames], 1)
    np.testing.assert_array_equal(sat.whole.rows["fourier_top1"], top)
    changed = top != top[:, :1]
    halves = [k for k, place in enumerate(places) if any(place) and all((2 * x).denominator == 1 for x in place)]
    assert value(found, "set_p_top1_change", set="1/2", given="all") == pytest.approx(changed[:, halves].mean())
    assert value(found, "any_change", set="all") == pytest.approx(changed.any(1).mean())
    assert changed[:, halves].any()
    x = torch.from_numpy(frames[0])
    assert (eye(x.roll((1, 3), (2, 3))) - eye(x)).abs().max() < 1e-4  # whole pixels, cyclic: nothing


@pytest.mark.parametrize("method", ["fourier", "bicubic"])
def test_embeddings_computed_once_more(method: str) -> None:
    images, n = noise_images(60), 60
    exam = FractionalShift(methods=(method,), units=(2, 3), significant_quantile=0.2)
    sat = sitting(exam, seen_by(StrideEye(4), SIZE, outputs="embedding"), image_set(images))
    found, shown = sat.estimates, np.empty((n, len(exam.places), SIZE, SIZE, 3))
    for k, (down, right) in enumerate(exam.places):
        if method == "fourier":
            for channel in range(3):
                shown[:, k, ..., channel] = sinc(images[..., channel] / 255, float(down), float(right))
            continue
        for i, image in enumerate(images):
            large = Image.fromarray(image).resize((20, 20), Image.Resampling.BILINEAR)
            box = (2 - float(right), 2 - float(down), 18 - float(right), 18 - float(down))
            shown[i, k] = np.asarray(large.resize((16, 16), Image.Resampling.BICUBIC, box=box)) / 255
    seen = 50 * shown[:, :, ::4, ::4].mean((2, 3))
    mean, near = yardsticks(seen[:, 0], sat.whole.kept, f"reference/{method}/", 0.2)
    assert value(found, "reference_distance") == pytest.approx(mean, rel=1e-4)
    far = turned(seen, seen[:, :1]) > near
    assert 0 < far.mean() < 1
    for k, (down, right) in enumerate(exam.places):
        where = {"down": round(float(down), 4), "right": round(float(right), 4)}
        assert value(found, "significant_change", **where) == pytest.approx(far[:, k].mean())
        distance = np.linalg.norm(seen[:, k] - seen[:, 0], axis=1).mean() / mean
        assert value(found, "embed_change", **where) == pytest.approx(distance, rel=1e-3, abs=1e-6)
    for name, chosen in exam.sets.items():
        assert value(found, "any_significant_change", set=name) == pytest.approx(far[:, chosen].any(1).mean())
        if name != "identity":
            rest = chosen & ~exam.sets["identity"]
            assert value(found, "set_significant_change", set=name) == pytest.approx(far[:, rest].mean())
    assert bool(found.of("outside")) == (method == "fourier")
    assert not found.of("p_top1_change")


def test_accuracy_can_only_fall_with_more_shifts_and_stays_below_the_mean() -> None:
    images = noise_images(N, 24)
    _, found = moved(LowPassEye(6, SIZE), images, np.arange(N) % 4)
    for method in ("fourier", "bicubic"):
        worst, mean, ever = (
            [value(found, m, method=method, set=s) for s in NESTED]
            for m in ("worst_accuracy", "mean_accuracy", "any_change")
        )
        assert worst == sorted(worst, reverse=True)
        assert ever == sorted(ever)
        assert all(a <= b for a, b in zip(worst, mean, strict=True))
        assert ever[0] == 0 < ever[-1]


def test_ringing_is_counted_and_can_be_cut_off() -> None:
    images = np.zeros((N, SIZE, SIZE, 3), np.uint8)
    images[:, :, 5:] = 255
    _, free = moved(OnePixelEye(7, 7), images)
    _, cut = moved(OnePixelEye(7, 7), images, clip=True)
    assert value(free, "outside", set="1/2") > 0.2
    assert value(free, "outside_most", set="1/2") > 0.05
    assert [e.value for e in free.of("outside")] == [e.value for e in cut.of("outside")]  # what ringing did, either way
    assert not free.of("outside", method="bicubic")
    assert any("fractional_shift.clip" in f.sentence for f in FractionalShift().findings(free))
    x = 8 * 0.5  # the pixel is white: p cannot exceed that of white once clipped
    assert all((e.value or 0.0) <= 1 / (1 + np.exp(-x)) for e in cut.of("mean_absolute_change"))


def test_settings_that_do_not_fit() -> None:
    for units in ((1,), (9,), (2, 2)):
        with pytest.raises(ValueError, match="from 2 to 8"):
            FractionalShift(units=units)
    with pytest.raises(ValueError, match="once"):
        FractionalShift(methods=("fourier", "fourier"))
    with pytest.raises(SettingError, match=r"fractional_shift\.margin = 5000.*Give 224 or less"):
        FractionalShift(margin=5000).ask(Subject((224, 224), 10), ())


def test_an_eye_that_says_one_thing_is_not_praised() -> None:
    sat, found = moved(ConstantEye(1, 0, 0), noise_images(N))
    assert value(found, "set_p_top1_change", method="fourier", set="all", given="all") == 0
    assert value(found, "commonest_answer_share") == 1
    said = sat.exam.findings(found)
    assert {f.verdict for f in said} == {"note"}
    assert any("one and the same answer" in f.sentence for f in said)
