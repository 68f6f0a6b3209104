"""The affine exam on eyes that do, or do not, notice a turn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import ndimage
from torch import nn

from eyechart.core.chance import generator
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Subject
from eyechart.core.tally import Tally
from eyechart.errors import SettingError
from eyechart.exams.affine import Affine
from eyechart.models.load import wrap
from eyechart.models.preprocessing import Preprocessing
from eyes import ConstantEye, LowPassEye, OnePixelEye, Sitting, image_set, noise_images, sitting
from figures import value

N, WHOLE, SIZE = 24, 23, 15  # an odd frame has a pixel in its centre


def sat(eye: nn.Module, labels: Array | None = None, size: int = SIZE, **settings: Any) -> tuple[Sitting, Estimates]:
    model = wrap(eye, preprocessing=Preprocessing(size=(size, size)), device="cpu")
    found = sitting(Affine(**settings), model, image_set(noise_images(N, WHOLE), labels))
    return found, found.exam.estimates(found.whole, found.batch.labels, found.subject)


CHANGES = ("p_top1_change", "control_change", "mean_absolute_change", "control_absolute_change", "excess_change")


@pytest.mark.parametrize("border", ["margin", "enlarged", "zero", "reflect"])
@pytest.mark.parametrize("control", ["there_and_back", "in_place"])
def test_an_eye_for_the_centre_sees_no_change_about_it(border: str, control: str) -> None:
    middle, found = sat(OnePixelEye(7, 7), np.arange(N) % 2, border=border, control=control)
    assert len(set(middle.whole.rows["image_top1"])) == 2
    changes = [e.value for m in CHANGES for e in found.of(m) if e.at["given"] == "all"]
    assert len(changes) == len(CHANGES) * 24
    assert max(map(abs, changes)) < 1e-5  # resampled twice, the centre's own pixel has all the weight but for rounding
    assert {e.value for m in ("p_top1_change", "excess_change") for e in found.of(m)} == {0.0}
    assert len({e.value for e in found.of("accuracy", given="all")}) == 1


def test_a_constant_eye_changes_nothing_and_is_called_out() -> None:
    _, found = sat(ConstantEye(0.0, 3.0))
    assert {e.value for m in CHANGES for e in found.of(m)} == {0.0}
    exam = Affine()
    assert any("one and the same answer" in f.sentence for f in exam.findings(found))


def pulled(family: str, amount: float, side: int, upright: bool, size: int) -> Array:
    """The exam's maps, written once more: from what is shown to where it is taken from."""
    c, s, t = np.cos(np.deg2rad(amount)), side * np.sin(np.deg2rad(amount)), side * np.tan(np.deg2rad(amount))
    f = (1 + amount / 100) ** -side
    if family == "perspective":
        k = side * amount / 100 / ((size - 1) / 2)
        return np.array([[1, 0, 0], [0, 1, 0], [0, k, 1] if upright else [k, 0, 1]])
    return {
        "rotate": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
        "scale": np.diag([f, f, 1]),
        "shear": np.array([[1, t, 0], [0, 1, 0], [0, 0, 1]]),
        "stretch": np.diag([1, f, 1]) if upright else np.diag([f, 1, 1]),
        "flip": np.diag([-1.0, 1, 1]),
    }[family]


def test_what_one_pixel_sees_computed_once_more() -> None:
    row, column, labels = 3, 10, np.arange(N) % 2
    one, found = sat(OnePixelEye(row, column), labels)
    images, margin, mid = noise_images(N, WHOLE), (WHOLE - SIZE) // 2, (SIZE - 1) / 2
    plain = (images[:, row + margin, column + margin, 0] / 255 > 0.5).astype(int)
    p = {"plain": 1 / (1 + np.exp(-8 * (images[:, row + margin, column + margin, 0] / 255 - 0.5)))}
    moved_at_all = 0
    for e in found.of("p_top1_change", given="all"):
        family, amount = e.at["family"], e.at["amount"]
        red = np.empty(N)
        for i in range(N):
            chance = generator(0, f"affine.{family}", f"{i:04d}")
            side, upright = (
                (1, False) if family == "flip" else (1 - 2 * int(chance.integers(2)), bool(chance.integers(2)))
            )
            u, v, w = pulled(family, amount, side, upright, SIZE) @ (column - mid, row - mid, 1)
            at = [[v / w + mid + margin], [u / w + mid + margin]]
            seen = ndimage.map_coordinates(images[i, :, :, 0].astype(float), at, order=1, mode="mirror")
            red[i] = np.floor(seen[0] + 0.5) / 255
        top1 = (red > 0.5).astype(int)
        p_moved = 1 / (1 + np.exp(-8 * (red - 0.5)))
        by = np.abs(p_moved - p["plain"])  # the same for either class
        assert e.value == pytest.approx((top1 != plain).mean()), e.at
        assert value(found, "mean_absolute_change", **e.at) == pytest.approx(by.mean(), abs=1e-5)
        assert value(found, "accuracy", **e.at) == pytest.approx((top1 == labels).mean())
        right = plain == labels
        given = {**e.at, "given": "correct"}
        assert value(found, "p_top1_change", **given) == pytest.approx((top1 != plain)[right].mean())
        moved_at_all += int(e.value > 0)
    assert moved_at_all > 8
    sides = np.stack([one.whole.rows[f"{f}_side"] for f in ("rotate", "scale", "shear")])
    assert set(sides.ravel()) == {-1, 1}


def test_one_pixel_is_one_pixel_of_the_shorter_side() -> None:
    _, found = sat(ConstantEye(0.0, 1.0), families=("scale",), scale=("pixel", 50))
    assert [e.at["amount"] for e in found.of("p_top1_change", given="all")] == [pytest.approx(100 / SIZE), 50.0]


def test_enlarged_invents_nothing_and_margin_counts_what_it_does() -> None:
    _, margin = sat(LowPassEye(4, 16), size=16)
    _, enlarged = sat(LowPassEye(4, 16), size=16, border="enlarged")
    assert max(e.value or 0 for e in enlarged.of("invented_share")) == 0
    assert max(e.value or 0 for e in enlarged.of("invented_images")) == 0
    assert value(margin, "invented_images", family="rotate", amount=15.0) == 0  # 23 pixels are enough for 16
    _, none = sat(LowPassEye(4, 23), size=WHOLE)
    assert value(none, "invented_images", family="rotate", amount=15.0) == N
    assert 0.1 < value(none, "invented_share", family="rotate", amount=15.0) < 0.2
    assert value(none, "invented_images", family="flip") == 0


def tally(plain: Array, moved: Array, control: Array) -> Tally:
    one = {"flip_top1": moved, "flip_control_top1": control}
    columns = ("absolute_change", "control_absolute_change", "invented", "control_invented")
    zeros = {f"flip_{column}": np.zeros(moved.shape) for column in columns}
    return Tally({"image_top1": plain, **one, **zeros})


def test_excess_is_what_moving_adds_image_by_image() -> None:
    exam, subject = Affine(families=("flip",)), Subject((16, 16), 3)
    plain, moved = np.zeros(100, int), (np.arange(100) < 40).astype(int)[:, None]
    control = (np.arange(100) >= 85).astype(int)[:, None]
    found = exam.estimates(tally(plain, moved, control), np.zeros(100, int), subject)
    (excess,) = found.of("excess_change", given="all")
    assert excess.value == pytest.approx(0.4 - 0.15)
    assert excess.method == "bonett-price"
    assert value(found, "control_change", given="all") == 0.15
    assert value(found, "control_accuracy", given="all") == 0.85


def test_a_small_turn_is_judged_by_what_it_adds() -> None:
    def verdict(moved: int, blurred: int, usual: int = 0) -> tuple[str, str]:
        exam = Affine(families=("rotate",), rotate=(1.0,))
        rows = tally(np.zeros(400, int), (np.arange(400) < moved).astype(int)[:, None], np.zeros((400, 1), int)).rows
        turned = {k.replace("flip", "rotate"): v for k, v in rows.items()}
        turned["rotate_control_top1"] = (np.arange(400) < blurred).astype(int)[:, None]
        spread = np.arange(400) % 4 * (np.arange(400) >= usual)  # answers, so that no class is the usual one
        turned = {k: (v.T + spread).T if "top1" in k else v for k, v in turned.items()}
        first = exam.findings(exam.estimates(Tally(turned), np.full(400, -1), Subject((16, 16), 3)))[0]
        return first.verdict, first.sentence

    assert verdict(80, 0)[0] == "weak"
    assert verdict(0, 0)[0] == "strong"
    assert verdict(0, 0, usual=300)[0] == "note"  # an answer that cannot change earns no praise
    assert verdict(80, 80)[0] != "weak"
    assert "no less often" in verdict(40, 80)[1]
    assert verdict(160, 170)[0] == "note"  # 40 % of answers changed are no praise, whatever blur does


def test_the_smallest_changes_are_judged_together_whichever_is_largest() -> None:
    """One family of 5 changes 10 % of 200 answers: 2 % over all, by an interval of images."""
    exam, subject = Affine(families=("rotate", "scale", "shear", "stretch", "perspective")), Subject((16, 16), 3)
    rows = {"image_top1": np.arange(200) % 3}
    for family, amounts in (("rotate", 6), ("scale", 5), ("shear", 4), ("stretch", 4), ("perspective", 4)):
        still = np.repeat(rows["image_top1"][:, None], amounts, 1)
        moved = still + (np.arange(200) < (20 if family == "shear" else 0))[:, None]
        rows |= {f"{family}_top1": moved, f"{family}_control_top1": still}
        for column in ("absolute_change", "control_absolute_change", "invented", "control_invented"):
            rows[f"{family}_{column}"] = np.zeros(still.shape)
    found = exam.estimates(Tally(rows), np.full(200, -1), subject)
    assert value(found, "least_change", given="all") == pytest.approx(0.02)
    (e,) = found.of("least_excess", given="all")
    assert (e.value, e.n) == (pytest.approx(0.02), 200)
    first = exam.findings(found)[0]
    assert first.verdict == "note"  # by the shear alone it would be called weak
    assert "sheared by 1 degree" in first.sentence


def test_a_blur_in_place_is_the_control_unless_set() -> None:
    assert Affine().control == "in_place"
    with pytest.raises(ValidationError, match="there_and_back"):
        Affine(smoothing="bicubic")
    assert Affine(smoothing="bicubic", control="there_and_back")
    with pytest.raises(ValidationError, match="once"):
        Affine(families=("rotate", "scale", "rotate"))


def test_what_a_change_taken_back_shows_from_beyond_the_frame_is_counted() -> None:
    _, found = sat(LowPassEye(4, SIZE), border="zero", control="there_and_back")
    at = {"family": "rotate", "amount": 15.0}
    moved = value(found, "invented_share", **at)
    assert value(found, "control_invented_share", **at) == pytest.approx(moved, abs=1e-6)
    assert moved > 0.05
    assert value(found, "control_invented_share", family="flip") == 0
    _, in_place = sat(LowPassEye(4, SIZE), border="zero")
    assert value(in_place, "control_invented_share", **at) == 0


@pytest.mark.parametrize("settings", [{"rotate": (0.0,)}, {"perspective": (60.0,)}, {"shear": ()}])
def test_amounts_that_cannot_be_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=f"affine.{next(iter(settings))}"):
        Affine(**settings).ask(Subject((16, 16), 3), ())
