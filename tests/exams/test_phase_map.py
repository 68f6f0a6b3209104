"""The phase map on eyes whose sampling is known, and the rule that names a period."""

from __future__ import annotations

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
from eyechart.exams.phase_map import PhaseMap
from eyechart.exams.phase_map_period import found_period
from eyechart.exams.phase_map_shifts import Shifts, period_of, shifts_of, total_stride
from eyechart.run.subject import subject_of
from eyes import (
    ConstantEye,
    LowPassEye,
    OnePixelEye,
    PolyphaseEye,
    ShiftBlindEye,
    Sitting,
    StrideEye,
    answered,
    image_set,
    noise_images,
    seen_by,
    sitting,
    tinted_images,
)
from figures import value

N, SIZE = 52, 16


def mapped(
    eye: nn.Module, images: Array, labels: Array | None = None, size: int = SIZE, outputs: str = "auto", **settings: Any
) -> tuple[Sitting, Estimates]:
    exam = PhaseMap(**settings)
    sat = sitting(exam, seen_by(eye, size, outputs=outputs), image_set(images, labels))
    return sat, exam.estimates(sat.whole, sat.batch.labels, sat.subject)


@pytest.mark.parametrize(("stride", "size", "period"), [(2, 16, 8), (4, 16, 8), (3, 24, 6), (8, 16, 8), (4, 16, None)])
def test_the_exam_names_the_stride_of_an_eye(stride: int, size: int, period: int | None) -> None:
    sat, found = mapped(StrideEye(stride), noise_images(N, size), size=size, period=period, modes=("roll",))
    for e in found.of("p_top1_change", given="all"):
        on = e.at["down"] % stride == 0 and e.at["right"] % stride == 0
        assert (e.value == 0.0) == on, e.at
        moved = value(found, "mean_absolute_change", down=e.at["down"], right=e.at["right"])
        assert moved < 1e-6 if on else moved > 0.01
    (e,) = found.of("period_found")
    assert (e.value, e.low, e.high) == (stride, stride, stride)
    assert value(found, "dip") == pytest.approx(1.0, abs=1e-4)
    assert any(f"{stride} pixels (95% interval {stride} to {stride})" in f.sentence for f in sat.exam.findings(found))


@pytest.mark.parametrize("eye", [ShiftBlindEye(), PolyphaseEye(4)])
def test_eyes_blind_to_shifts_have_an_empty_map(eye: nn.Module) -> None:
    sat, found = mapped(eye, tinted_images(N), modes=("roll",))
    assert len(set(sat.whole.rows["image_top1"])) > 1
    assert {e.value for m in ("p_top1_change", "mean_p_top1_change", "any_change") for e in found.of(m)} == {0.0}
    assert max(e.value or 0.0 for e in found.of("mean_absolute_change")) < 1e-5
    (e,) = found.of("period_found")
    assert e.value is None
    assert "no shift changes anything" in e.reason


@pytest.mark.parametrize("mode", ["roll", "crop"])
def test_what_one_pixel_sees_computed_once_more(mode: str) -> None:
    images, at = noise_images(N), 7
    labels = np.arange(N) % 2
    sat, found = mapped(OnePixelEye(at, at), images, labels, modes=(mode,), period=4)
    red = np.empty((N, 10, 10))
    for i, image in enumerate(images):
        large = np.asarray(Image.fromarray(image).resize((25, 25), Image.Resampling.BILINEAR))
        for down in range(10):
            for right in range(10):
                if mode == "roll":
                    red[i, down, right] = np.roll(image, (down, right), (0, 1))[at, at, 0] / 255
                else:
                    red[i, down, right] = large[at + 9 - down, at + 9 - right, 0] / 255
    top = (red > 0.5).astype(int)
    np.testing.assert_array_equal(sat.whole.rows[f"{mode}_top1"], top.reshape(N, -1))
    assert [round(e.value or 0.0, 6) for e in found.of("enlarged")] == ([] if mode == "roll" else [1.5625])
    changed = top != top[:, :1, :1]
    p = 1 / (1 + np.exp(-8 * (red - 0.5)))
    of_first = np.where(top[:, :1, :1] == 1, p, 1 - p)
    moved = np.abs(of_first - of_first[:, :1, :1])
    right_ones = answered(OnePixelEye(at, at), images) == labels
    for down, right in ((0, 0), (0, 3), (5, 0), (8, 8)):
        where = {"down": down, "right": right}
        assert value(found, "p_top1_change", given="all", **where) == pytest.approx(changed[:, down, right].mean())
        assert value(found, "p_top1_change", given="correct", **where) == pytest.approx(
            changed[right_ones][:, down, right].mean()
        )
        assert value(found, "mean_absolute_change", **where) == pytest.approx(moved[:, down, right].mean(), abs=1e-6)
    assert value(found, "mean_p_top1_change", given="all") == pytest.approx(changed[:, :4, :4].sum() / (15 * N))
    for edge in (1, 2, 3, 4):
        square, fine = changed[:, :edge, :edge], top[:, :edge, :edge] == labels[:, None, None]
        assert value(found, "any_change", below=edge) == pytest.approx(square.any((1, 2)).mean())
        assert value(found, "worst_accuracy", below=edge) == pytest.approx(fine.all((1, 2)).mean())
        assert value(found, "mean_accuracy", below=edge) == pytest.approx(fine.mean())


def test_accuracy_under_all_shifts_can_only_fall_and_stays_below_the_mean() -> None:
    images = noise_images(N)
    _, found = mapped(LowPassEye(4, SIZE), images, answered(LowPassEye(4, SIZE), images), period=4)
    for mode in ("roll", "crop"):
        worst, mean = ([e.value or 0.0 for e in found.of(m, mode=mode)] for m in ("worst_accuracy", "mean_accuracy"))
        assert worst == sorted(worst, reverse=True)
        assert all(a <= b for a, b in zip(worst, mean, strict=True))
        assert worst[0] == mean[0] > worst[-1]


@pytest.mark.parametrize("mode", ["roll", "crop"])
def test_embeddings_by_their_distance_to_one_another(mode: str) -> None:
    images = noise_images(N)
    sat, found = mapped(StrideEye(2), images, outputs="embedding", modes=(mode,), period=4)
    assert sat.subject.kind == "embedding"
    assert not found.of("p_top1_change")
    x = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).double() / 255
    clean = StrideEye(2)(x)
    kept = [int(case.id) for case in sat.whole.kept]
    assert 20 < len(kept) <= N
    scale = torch.stack([(clean[a] - clean[b]).norm() for a in kept for b in kept if b < a]).mean()
    assert value(found, "reference_distance") == pytest.approx(float(scale), rel=1e-5)
    if mode == "roll":
        moved = StrideEye(2)(x.roll((1, 2), (2, 3)))
        expected = ((moved - clean).norm(dim=1) / scale).mean()
        assert value(found, "embed_change", down=1, right=2) == pytest.approx(float(expected), rel=1e-4)
        cosine = nn.functional.cosine_similarity(moved, clean)
        assert value(found, "cosine_change", down=1, right=2) == pytest.approx(float((1 - cosine).mean()), abs=1e-6)
        assert value(found, "embed_change", down=2, right=4) < 1e-5
        _, near = yardsticks(clean.numpy(), sat.whole.kept, "reference/", 0.05)
        assert value(found, "significant_distance", quantile=0.05) == pytest.approx(near, rel=1e-3)
        ways = [(d, r) for d in range(4) for r in range(4)]
        turns = np.stack([turned(StrideEye(2)(x.roll(way, (2, 3))).numpy(), clean.numpy()) for way in ways], 1)
        assert value(found, "significant_change", down=1, right=2) == pytest.approx((turns[:, 6] > near).mean())
        assert value(found, "mean_significant_change") == pytest.approx((turns[:, 1:] > near).mean())
        square = [k for k, way in enumerate(ways) if max(way) < 3]
        assert value(found, "any_significant_change", below=3) == pytest.approx((turns[:, square] > near).any(1).mean())
        assert sat.exam.findings(found)[0].verdict == "weak"
        assert value(found, "period_found") == 2
    assert value(found, "embed_change", down=0, right=0) == 0.0
    assert value(found, "significant_change", down=0, right=0) == 0.0
    assert sat.exam.charts(found)
    assert sat.exam.findings(found)


def test_zero_embeddings_are_alike_and_nothing_to_compare_with() -> None:
    sat, found = mapped(ConstantEye(0, 0, 0), noise_images(N), outputs="embedding", modes=("roll",), period=1)
    assert {e.value for e in found.of("cosine_change")} == {0.0}
    assert {(e.value, e.reason[:5]) for m in ("embed_change", "period_found") for e in found.of(m)} == {(None, "fewer")}
    assert sat.exam.charts(found)
    assert sat.exam.findings(found)


def test_an_eye_that_says_one_thing_is_not_praised() -> None:
    sat, found = mapped(ConstantEye(1, 0, 0), noise_images(N), modes=("roll",), period=2)
    assert value(found, "mean_p_top1_change", every=1, given="all") == 0.0
    said = sat.exam.findings(found)
    assert {f.verdict for f in said} == {"note"}
    assert any("one and the same answer" in f.sentence for f in said)


def test_the_unshifted_window_is_the_middle_where_the_margin_allows() -> None:
    images = noise_images(N, 18)
    sat, _ = mapped(OnePixelEye(7, 7), images, modes=("crop",), period=1, size=14)  # margin 9, reach 9
    large = np.stack([np.asarray(Image.fromarray(i).resize((23, 23), Image.Resampling.BILINEAR)) for i in images])
    np.testing.assert_array_equal(sat.whole.rows["crop_top1"][:, 0], large[:, 16, 16, 0] > 127)
    images = noise_images(6, 144)
    sat, _ = mapped(OnePixelEye(60, 60), images, modes=("crop",), period=4, size=126)  # margin 18, reach 9
    np.testing.assert_array_equal(sat.whole.rows["crop_top1"][:, 0], images[:, 69, 69, 0] > 127)


def strided(*strides: int) -> nn.Module:
    steps = [nn.Sequential(nn.Conv2d(3, 3, 3, stride=s, padding=1), nn.ReLU()) for s in strides]
    return nn.Sequential(*steps, nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize(("strides", "total"), [((1,), 1), ((2, 1, 2), 4), ((3, 2), 6), ((2, 2, 2), 8)])
@pytest.mark.parametrize("size", [32, 45, 33])
def test_the_total_stride_is_read_from_the_sizes_of_maps(strides: tuple[int, ...], total: int, size: int) -> None:
    subject = subject_of(seen_by(strided(*strides), size), False)
    assert total_stride(subject.layers, subject.size) == total
    assert period_of(subject, None) == (total, "layers")
    assert period_of(subject, 5) == (5, "setting")


@pytest.mark.parametrize(
    ("name", "size", "stride"),
    [("squeezenet1_1", 224, 16), ("resnet18", 64, 32), ("alexnet", 224, 32), ("vit_b_32", 224, 32)],
)
def test_total_strides_of_known_nets(name: str, size: int, stride: int) -> None:
    models = pytest.importorskip("torchvision.models")
    subject = subject_of(seen_by(getattr(models, name)(weights=None).eval(), size), False)
    assert total_stride(subject.layers, subject.size) == stride


def test_an_eye_without_layers_is_given_8_pixels_at_32_and_32_at_224() -> None:
    for size, period in ((32, 8), (224, 32), (16, 4), (299, 32)):
        assert period_of(Subject((size, size), 2), None) == (period, "size")


def test_grids_hold_the_period_and_one_step_beyond() -> None:
    grids = {p: shifts_of(Subject((224, 224), 2), p, None) for p in (1, 2, 3, 4, 7, 8, 14, 16, 32)}
    expected = {
        1: (1, 9),
        2: (1, 9),
        3: (1, 10),
        4: (1, 9),
        7: (1, 8),
        8: (1, 9),
        14: (2, 16),
        16: (2, 18),
        32: (4, 36),
    }
    assert {p: (grid.every, grid.reach) for p, grid in grids.items()} == expected
    odd = {p: shifts_of(Subject((224, 224), 2), p, None) for p in (10, 13, 15, 22, 26, 31, 37)}
    assert {p: len(grid.edges) for p, grid in odd.items()} == {10: 10, 13: 7, 15: 5, 22: 11, 26: 7, 31: 8, 37: 8}
    assert all((grid.edges[-1], grid.reach) == (p, p + grid.every) for p, grid in odd.items())
    assert odd[31].steps == (0, 4, 8, 12, 16, 20, 24, 28, 31, 35)
    assert grids[32].steps == (0, 4, 8, 12, 16, 20, 24, 28, 32, 36)
    assert shifts_of(Subject((8, 8), 2), 8, None).steps == (*range(9),)  # the frame ends
    assert grids[32].all[0] == (0, 0)
    assert grids[4].edges == (1, 2, 3, 4)


def test_settings_that_do_not_fit_say_so() -> None:
    with pytest.raises(SettingError, match=r"Give one of 1, 2, 3, 6"):
        shifts_of(Subject((32, 32), 2), 6, 4)
    with pytest.raises(SettingError, match="longer than"):
        shifts_of(Subject((32, 32), 2), 33, None)


GRID = Shifts(8, 1, 9)


def made(period: int, depth: float, trend: float, noise: float = 0.05, seed: int = 0, n: int = 200) -> Array:
    """Changes of n images: a level that grows with distance, lower by a share at multiples of the period."""
    places = GRID.array
    level = 0.1 + trend * np.hypot(*places.T)
    on = (places % period == 0).all(1)
    means = np.where(on, 1 - depth, 1.0) * level * places.any(1)
    return np.random.default_rng(seed).gamma(1.0, 1.0, (n, 1)) * (
        means + noise * np.random.default_rng(seed + 1).random((n, len(places)))
    )


@pytest.mark.parametrize("trend", [0.0, 0.02, 0.05])
@pytest.mark.parametrize("period", [2, 3, 4, 8])
def test_a_dip_is_found_on_any_trend(period: int, trend: float) -> None:
    found = found_period(made(period, 0.5, trend), GRID.array, GRID.steps)
    assert (found.period.value, found.period.low, found.period.high) == (period,) * 3
    assert found.dip.low is not None
    assert found.dip.low > 0.1


@pytest.mark.parametrize("axis", [1.0, 0.6])
@pytest.mark.parametrize("trend", [0.0, 0.02])
def test_noise_has_no_period(trend: float, axis: float) -> None:
    """Chance alone gets through in no more than 1 of 20 maps, though the best of seven candidates is taken.

    Shifts along one axis may change less, which is no period.
    """
    through = 0
    for seed in range(60):
        chance = np.random.default_rng(seed)
        level = (0.1 + trend * np.hypot(*GRID.array.T)) * np.where((GRID.array == 0).any(1), axis, 1.0)
        changes = level * chance.exponential(1.0, (60, len(level)))
        through += found_period(changes, GRID.array, GRID.steps).period.value is not None
    assert through <= 5


@pytest.mark.parametrize("shape", ["straight", "saturating", "by axis"])
def test_a_direction_that_changes_more_is_no_period(shape: str) -> None:
    """The largest shift was once taken for the period where moves to the right change more than those down."""
    down, right = GRID.array.T
    far = np.hypot(0.05 * down, right)
    level = {
        "straight": 0.05 * far,
        "saturating": 0.4 * -np.expm1(-far / 5),
        "by axis": -np.expm1(-down / 9) + right / 9,
    }
    for seed in range(6):
        chance = np.random.default_rng(seed)
        changes = level[shape] * chance.gamma(1.0, 1.0, (400, 1)) * (1 + 0.3 * chance.standard_normal((400, len(far))))
        assert found_period(changes, GRID.array, GRID.steps).period.value is None


def test_a_dip_nested_in_another_names_the_deeper_one() -> None:
    """Strides after one another: multiples of 2 are a little lower, those of 4 much."""
    changes = made(4, 0.7, 0.01) - 0.02 * (GRID.array % 2 == 0).all(1)
    assert found_period(changes, GRID.array, GRID.steps).period.value == 4


def test_few_images_name_no_period() -> None:
    found = found_period(made(4, 1.0, 0.0, n=8), GRID.array, GRID.steps)
    assert found.period.value is None
    assert "fewer than 50" in found.reason
    sparse = Shifts(8, 4, 12)
    found = found_period(np.ones((60, 16)), sparse.array, sparse.steps)
    assert "fewer than 24 shifts" in found.reason
