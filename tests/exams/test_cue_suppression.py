"""Cue suppression on eyes that go by colour, by grain or by one place, and on made-up answers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.core.chance import generator
from eyechart.core.chart import Dots, Table
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Subject
from eyechart.core.tally import Tally
from eyechart.errors import SettingError
from eyechart.exams.cue_suppression import CueSuppression
from eyechart.exams.cue_suppression_figures import NEAR_CHANCE, NEVER_RIGHT
from eyechart.exams.cue_suppression_protocol import CUES, METHODS, Protocol, in_turn
from eyes import (
    ConstantEye,
    OnePixelEye,
    OracleEye,
    Sitting,
    answered,
    image_set,
    noise_images,
    one,
    plain_images,
    seen_by,
    sitting,
)

SIZE = 16


def sat(eye: nn.Module, images: Array, labels: Any = None, **settings: Any) -> tuple[Sitting, Estimates]:
    whole = sitting(CueSuppression(**settings), seen_by(eye, SIZE), image_set(images, labels))
    return whole, whole.estimates


def protocol(size: tuple[int, int] = (SIZE, SIZE), **settings: Any) -> Protocol:
    return CueSuppression(**settings)._protocol(size)


class GrainEye(nn.Module):
    """Class 1 where neighbouring pixels of a row differ by more than 0.1 on average, else class 0."""

    def forward(self, x: Tensor) -> Tensor:
        rough = (x[..., 1:] - x[..., :-1]).abs().mean((1, 2, 3))
        return torch.stack([torch.zeros_like(rough), 40 * (rough - 0.1)], 1)


def test_a_colour_eye_leans_on_colour_alone() -> None:
    labels = np.arange(30) % 3
    whole, found = sat(OracleEye(), plain_images(labels), labels)
    assert one(found, "reliance", cue="shape").value == 0.0
    assert one(found, "reliance", cue="texture").value == pytest.approx(0.0, abs=1e-12)
    for method in ("patch_shuffle", "patch_rotation", "bilateral", "gaussian", "bilateral_shuffle"):
        assert one(found, "mean_relative_accuracy", method=method).value == pytest.approx(1.0)
    grey = [e.value for e in found.of("relative_accuracy", method="grey")]
    assert grey == pytest.approx([1, 1, 1, 1, 1 / 3])  # all three channels alike: the first class
    assert one(found, "accuracy", method="grey", strength=1.0).value == pytest.approx(1 / 3)
    assert one(found, "mean_chance_corrected", method="grey").value == pytest.approx(0.8)
    assert one(found, "commonest_answer_share", method="grey", strength=1.0).value == 1.0
    swapped = whole.whole.rows["channel_shuffle_top1"]
    for i, label in enumerate(labels):  # the colour goes where its channel goes
        for k in range(3):
            rng = generator(0, f"channel_shuffle.{k}", f"{i:04d}")
            order = rng.permutation(3)
            while list(order) == [0, 1, 2]:
                order = rng.permutation(3)
            assert swapped[i, k] == list(order).index(label)
    right = (swapped == labels[:, None]).mean()
    corrected = (right - 1 / 3) / (1 - 1 / 3)
    assert one(found, "chance_corrected", method="channel_shuffle").value == pytest.approx(corrected)
    assert one(found, "reliance", cue="colour").value == pytest.approx(1 - (0.8 + corrected) / 2)
    gap = one(found, "reliance_difference", cue="shape", against="colour")
    assert gap.value == pytest.approx((0.8 + corrected) / 2 - 1)
    assert gap.high is not None
    assert gap.high < 0
    said = [f.sentence for f in CueSuppression().findings(found)]
    assert any("it pays most for colour" in s for s in said)
    (table,) = (chart for chart in CueSuppression().charts(found) if isinstance(chart, Table))
    assert [row[table.columns.index("n")] for row in table.rows] == [30] * 9
    leans = CueSuppression().charts(found)[0]
    assert isinstance(leans, Dots)
    assert leans.categories == ["shape", "texture", "colour"]
    (marks,) = leans.series  # under the name by which those of several models are joined
    assert marks.name == "this model"
    assert marks.y == pytest.approx([0, 0, 1 - (0.8 + corrected) / 2])
    assert [f.verdict for f in CueSuppression().findings(found) if "On grey pictures" in f.sentence] == ["weak"]


def test_a_grain_eye_leans_on_texture_alone() -> None:
    labels = np.arange(20) % 2
    fine = np.indices((SIZE, SIZE)).sum(0)[None, :, :, None] % 2 * 255
    images = np.where(labels[:, None, None, None] == 1, fine, 128) * np.ones((1, 1, 1, 3))
    _, found = sat(GrainEye(), images.astype(np.uint8), labels, grids=(2, 4))
    assert one(found, "clean_accuracy").value == 1.0
    for cue in ("shape", "colour"):
        assert one(found, "reliance", cue=cue).value == pytest.approx(0.0)
    assert one(found, "relative_accuracy", method="gaussian", strength=15.0).value == 0.5  # all is smooth: class 0
    assert one(found, "chance_corrected", method="gaussian", strength=15.0).value == 0.0
    assert one(found, "relative_accuracy", method="gaussian", strength=3.0).value == 1.0  # hardly blurred
    texture = one(found, "reliance", cue="texture")
    assert texture.low is not None
    assert texture.low > 0.2
    assert any("against the claim; shape minus texture is -" in f.sentence for f in CueSuppression().findings(found))


def test_what_one_pixel_sees_computed_once_more() -> None:
    images, at = noise_images(25, SIZE), 5
    own = answered(OnePixelEye(at, at), images)
    labels = np.where(np.arange(25) % 5 == 0, 1 - own, own)
    whole, found = sat(OnePixelEye(at, at), images, labels, methods=("patch_shuffle", "patch_rotation"), repeats=2)
    shuffled, turned = (whole.whole.rows[f"patch_{m}_top1"] for m in ("shuffle", "rotation"))
    for i, image in enumerate(images):
        for g, grid in enumerate((2, 4, 8, 16)):
            side = SIZE // grid
            place, (v, u) = (at // side) * grid + at // side, (at % side, at % side)
            for k in range(2):
                rng = generator(0, f"patch_shuffle.{k}", f"{i:04d}")
                order = rng.permutation(grid * grid)
                while (order == np.arange(grid * grid)).all():
                    order = rng.permutation(grid * grid)
                y, x = divmod(int(order[place]), grid)
                assert shuffled[i, 2 * g + k] == (image[y * side + v, x * side + u, 0] > 127.5)
                turns = generator(0, f"patch_rotation.{k}", f"{i:04d}").integers(4, size=grid * grid)[place]
                start = at // side * side
                tile = np.rot90(image[start : start + side, start : start + side, 0], turns)
                assert turned[i, 2 * g + k] == (tile[v, u] > 127.5)
    clean = (whole.whole.rows["image_top1"] == labels).mean()
    assert clean == 0.8
    for g, grid in enumerate((2, 4, 8, 16)):
        now = (shuffled[:, 2 * g : 2 * g + 2] == labels[:, None]).mean()
        at_grid = {"method": "patch_shuffle", "strength": float(grid)}
        assert one(found, "accuracy", **at_grid).value == pytest.approx(now)
        assert one(found, "relative_accuracy", **at_grid).value == pytest.approx(now / clean)
        assert one(found, "chance_corrected", **at_grid).value == pytest.approx((now - 0.5) / (clean - 0.5))
        same = (shuffled[:, 2 * g : 2 * g + 2] == whole.whole.rows["image_top1"][:, None]).mean()
        assert one(found, "same_answer", **at_grid).value == pytest.approx(same)
    assert not found.of("accuracy", method="grey")
    assert not found.of("reliance", cue="colour")


def told(clean: Array, suppressed: Array, labels: Array, classes: int = 4) -> Estimates:
    """Of made-up answers (n,) and (n, strengths) to grey pictures."""
    strengths = tuple(0.1 * (k + 1) for k in range(suppressed.shape[1]))
    exam = CueSuppression(methods=("grey",), greys=strengths)
    rows = {"image_top1": clean, "grey_top1": suppressed}
    return exam.estimates(Tally(rows), labels, Subject((SIZE, SIZE), classes))


def test_ratios_are_paired_by_image() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros(300, int)
    clean = (rng.random(300) < 0.3).astype(int)  # class 1 is wrong
    now = np.where(rng.random(300) < 0.05, 1, clean)
    e = one(told(clean, now[:, None], labels), "relative_accuracy")
    first, second = clean == 0, now == 0
    assert e.value == pytest.approx(second.mean() / first.mean())
    draws = [(second[d].mean() / first[d].mean()) for d in (rng.integers(300, size=300) for _ in range(3000))]
    low, high = np.percentile(draws, [2.5, 97.5])
    assert e.low == pytest.approx(low, abs=0.01)
    assert e.high == pytest.approx(high, abs=0.01)
    assert e.high - e.low < 0.1  # unpaired it would be above 0.2
    assert e.n == 300


def test_images_wrong_as_they_are_count_where_they_turn_right() -> None:
    labels = np.zeros(10, int)
    clean, now = np.array([0] * 5 + [1] * 5), np.array([0] * 5 + [0, 0, 0, 1, 1])
    found = told(clean, now[:, None], labels)
    assert one(found, "relative_accuracy").value == pytest.approx(1.6)
    assert one(found, "chance_corrected").value is None  # 5 of 10 is less than 3 sd above 1/4


def test_near_chance_there_is_nothing_to_correct() -> None:
    _, found = sat(ConstantEye(1, 0, 0, 0), noise_images(20), np.arange(20) % 4)
    assert one(found, "relative_accuracy", method="grey", strength=1.0).value == 1.0
    assert one(found, "commonest_answer_share", method="gaussian", strength=3.0).value == 1.0
    for measure in ("chance_corrected", "mean_chance_corrected", "reliance", "reliance_difference"):
        for e in found.of(measure):
            assert (e.value, e.reason) == (None, NEAR_CHANCE)
    said = [f.sentence for f in CueSuppression().findings(found)]
    assert any("cannot be told" in s for s in said)
    assert any("one and the same answer" in s for s in said)
    never = told(np.ones(10, int), np.ones((10, 1), int), np.zeros(10, int))
    assert one(never, "relative_accuracy").reason == NEVER_RIGHT


def test_answers_that_never_change_are_no_certainty() -> None:
    labels = np.zeros(40, int)
    clean = (np.arange(40) >= 30).astype(int)  # 30 of 40 right, whatever is taken away
    found = told(clean, np.stack([clean, clean], 1), labels)
    share = 1 / 42  # one image more of either kind, of two images more
    room = 1.959964 * np.sqrt(2 * share / 42)
    for measure, whole in (("relative_accuracy", 0.75), ("mean_chance_corrected", 0.5)):
        e = found.of(measure)[0]
        assert (e.value, e.method) == (1.0, "bonett-price")
        assert (e.low, e.high) == (pytest.approx(1 - room / whole), pytest.approx(1 + room / whole))
    lost = one(found, "reliance", cue="colour")
    assert (lost.value, lost.high) == (0.0, pytest.approx(room / 0.5))


def test_few_images_have_no_interval_and_none_no_figure() -> None:
    few = one(told(np.zeros(5, int), np.zeros((5, 1), int), np.zeros(5, int)), "relative_accuracy")
    assert (few.value, few.low) == (1.0, None)
    blank = told(np.zeros(5, int), np.zeros((5, 1), int), np.full(5, -1))
    assert {e.measure for e in blank} == {"same_answer", "commonest_answer_share"}
    assert "its answer stays" in CueSuppression().findings(blank)[0].sentence
    assert CueSuppression().charts(blank)


def test_the_protocol_at_usual_sizes() -> None:
    grids = {side: [c.strength for c in protocol((side, side)).of("patch_shuffle")] for side in (32, 224, 31)}
    assert grids == {32: [2, 4, 8, 16], 224: [2, 4, 7, 8, 14, 16], 31: []}
    exam = CueSuppression()
    assert exam.smoothings == ((4, 50), (6, 80), (8, 110), (10, 140), (12, 170), (14, 200))
    assert [kernel for kernel, _ in exam.blurs] == [3, 5, 7, 9, 11, 13, 15]
    np.testing.assert_allclose([s for _, s in exam.blurs], np.arange(1, 8) / 3, atol=1e-4)
    large = protocol((224, 224))
    assert [large.beside(grid) for grid in grids[224]] == [4, 6, 8, 10, 12, 14]
    assert [protocol((32, 32)).beside(grid) for grid in grids[32]] == [4, 8, 10, 14]
    assert [len(c.views) for c in large.of("shuffle_grey")] == [3] * 6
    assert len(large.of("patch_rotation")) == 6
    assert not protocol((32, 64)).of("patch_rotation")
    assert len(protocol((32, 64)).of("patch_shuffle")) == 4
    assert [c.strength for c in protocol((6, 6)).of("bilateral")] == [4, 6, 8, 10]
    assert {c.method for c in protocol(methods=METHODS).conditions} == set(METHODS) == set(CUES)


def test_forwards_are_as_many_as_stated() -> None:
    for side, repeats, forwards in ((32, 3, 76), (224, 3, 100), (32, 1, 42), (224, 1, 50)):
        queries = CueSuppression(repeats=repeats).ask(Subject((side, side), 10), ())
        assert queries is not None
        assert len(set(queries)) == forwards


def test_views_that_share_a_step_are_neighbours() -> None:
    conditions = protocol(methods=METHODS).conditions
    views = [*in_turn(conditions)]
    assert sorted(map(repr, views)) == sorted(repr(v) for c in conditions for v in c.views)
    firsts = [getattr(view, "steps", (view,))[0] for view in views]
    changes = sum(a != b for a, b in pairwise(firsts))
    assert changes + 1 == len(set(firsts))


def test_pairs_are_the_single_ways_one_after_the_other() -> None:
    p = protocol()
    shuffle, grey = p.of("patch_shuffle")[0].views[1], p.of("grey")[-1].views[0]
    smoothed = p.of("bilateral")[0].views[0]
    assert p.of("shuffle_grey")[0].views[1] == shuffle.then(grey)  # type: ignore[arg-type]
    assert p.of("bilateral_shuffle")[0].views[1] == smoothed.then(shuffle)  # type: ignore[arg-type]
    assert p.of("bilateral_grey")[0].views[0] == smoothed.then(grey)  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "more"), [((32, 32), {}), ((32, 64), {"methods": ("patch_rotation",)})])
def test_grids_that_do_not_fit_are_refused(size: tuple[int, int], more: dict[str, Any]) -> None:
    grids = (4,) if more else (3, 4)
    with pytest.raises(SettingError, match=r"tiles do not fill a frame of 32") as error:
        CueSuppression(grids=grids, **more).ask(Subject(size, 4), ())
    assert "cue_suppression.grids" in str(error.value)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"grids": (1, 2)}, "2 or more"),
        ({"grids": (4, 2)}, "weak before"),
        ({"methods": ("grey", "grey")}, "each one once"),
        ({"blurs": ((4, 1.0),)}, "odd"),
        ({"smoothings": ((4, 0.0),)}, "positive"),
        ({"greys": (0.5, 1.5)}, "up to 1"),
        ({"widths": (200.0,)}, "up to 180"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        CueSuppression(**settings)


def test_examples_are_the_surest_right_ones_with_what_was_said() -> None:
    labels = np.arange(12) % 3
    whole, _ = sat(OracleEye(), plain_images(labels), np.where(np.arange(12) < 6, labels, (labels + 1) % 3))
    kept = whole.whole.kept
    assert [case.id for case in kept] == ["0000", "0001", "0002", "0003"]
    assert kept[1].facts["plain"] == "class 1"
    assert kept[1].facts["grey"] == "class 1"  # .6 of grey
    assert set(CueSuppression().pictures(kept[0])) == {
        "plain",
        *(m for m in METHODS[:6]),
    }
