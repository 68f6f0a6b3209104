"""Estimates, views, queries and the catalogue: what the contract refuses and what it keeps."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from eyechart.core.catalogue import SUITES, exam_class, exam_table, make_exams
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.query import Query
from eyechart.core.view import Chain, InputView, Pixels, Plain, Shown, split_stages
from eyechart.core.words import figure, percent
from eyechart.errors import SettingError, UnknownNameError
from eyechart.stats.intervals import wilson
from eyechart.views.bands import Band, Grey
from eyechart.views.placed import Placed
from eyechart.views.shifts import CropShift
from eyechart.views.shrunk import Shrunk
from eyes import said


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", ["value", "low", "high"])
def test_an_estimate_is_never_nan_or_infinite(number: float, place: str) -> None:
    fields = {"value": 0.5, "low": 0.4, "high": 0.6, place: number}
    with pytest.raises(ValueError, match=place):
        Estimate("e", "m", n=1, **fields)


def test_an_undefined_estimate_gives_its_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        Estimate("e", "m", None, 0)
    e = Estimate("e", "m", None, 0, reason="no image counts here")
    assert json.loads(json.dumps(e.to_dict()))["value"] is None
    assert percent(e) == "undefined (no image counts here)"
    assert figure(wilson(0, 0))["reason"] == "no image counts here"
    assert figure(wilson(1, 2), "five classes")["value"] is None


def test_estimates_are_found_by_measure_and_place() -> None:
    found = Estimates(
        Estimate("e", "m", 0.1 * r, 9, at={"radius": r, "band": b}) for r in (4, 8) for b in ("low", "high")
    )
    assert len(found.of("m")) == 4
    assert [e.at["band"] for e in found.of("m", radius=8)] == ["low", "high"]
    assert found.one("m", radius=8, band="high") is found[3]
    assert found.one("m", radius=5) is None
    assert found.of("other") == []


def test_equal_views_are_one_question() -> None:
    assert Query(Band("low", 8)) == Query(Band("low", 8.0))
    assert (
        len({Query(), Query(Plain()), Query(Band("low", 8)), Query(Band("high", 8)), Query(Band("low", 8, False))}) == 4
    )
    assert pickle.loads(pickle.dumps(CropShift(2, 3))) == CropShift(2, 3)


def test_views_split_into_a_source_and_what_follows() -> None:
    low, grey, crop = Band("low", 8), Grey(), CropShift(1)
    assert split_stages(Plain()) == (Plain(), ())
    assert split_stages(crop) == (crop, ())
    assert split_stages(low) == (Plain(), (low,))
    assert split_stages(low.then(grey)) == (Plain(), (low, grey))
    assert split_stages(crop.then(low).then(grey)) == (crop, (low, grey))


def test_chains_lose_no_step() -> None:
    low, grey, crop = Band("low", 8), Grey(), CropShift(1)
    assert low.then(grey).then(low) == Chain((low, grey, low))
    assert split_stages(crop.then(low.then(grey))) == (crop, (low, grey))
    with pytest.raises(TypeError, match="first"):
        low.then(crop)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="first"):
        Chain((crop, Plain()))


def test_paired_frames_and_only_they_share_a_stream() -> None:
    assert CropShift(1, 0).stream == CropShift(2, 0).stream != CropShift(1, 1).stream
    embedded = [Shrunk(larger=m).then(Placed(0, (m, m))).stream for m in (0, 1)]
    assert embedded[0] == embedded[1] != Placed(1).stream
    assert CropShift(1).stream != embedded[0]
    assert CropShift(1, 2).then(Grey()).stream == CropShift(1, 2).stream


@dataclass(frozen=True)
class Counted(InputView):
    """Takes part in sharing under ``key``."""

    key: str

    def render(self, batch: Pixels) -> Shown:
        return Shown(batch.shared(self.key, lambda: batch.tensor + len(self.key)))


def test_intermediates_are_made_once_while_they_are_among_the_latest() -> None:
    batch, made = Pixels(torch.zeros(1, 1, 2, 2), ("a",), 0, remember=2), []
    for key in "aabacab":
        batch.shared(key, lambda key=key: made.append(key) or key)
    assert made == list("abcb")  # b is dropped for c, since a was used later
    assert Counted("abc").render(batch).pixels.max() == 3


def test_ties_go_to_the_lowest_class() -> None:
    assert said([[1, 3, 3], [2, 2, 2], [0, 0, 1]]).top1.tolist() == [1, 0, 2]


def test_probabilities_of_an_answer() -> None:
    answer = said([[2, 0], [0, 2], [1000, 0]])
    np.testing.assert_allclose(answer.confidence, [0.880797, 0.880797, 1.0], atol=1e-6)
    np.testing.assert_allclose(answer.p(np.array([0, 0, -1])), [0.880797, 0.119203, 0.0], atol=1e-6)
    np.testing.assert_allclose(answer.nll(np.array([0, -1, 1])), [0.126928, np.nan, 1000.0], atol=1e-6)
    chosen = np.array([True, False, True])
    assert answer.where(chosen).top1.tolist() == [0, 0]


def test_a_misspelt_exam_or_setting_is_told_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean bands"):
        exam_class("band")
    with pytest.raises(UnknownNameError, match=r"Did you mean bands\.radii"):
        make_exams(["bands"], {"bands": {"radi": [8]}})
    with pytest.raises(UnknownNameError, match="shift"):
        make_exams(["clean"], {"shift": {"step": 0}})


def test_a_setting_that_does_not_fit_is_named_with_its_value() -> None:
    with pytest.raises(SettingError) as caught:
        make_exams(["shift"], {"shift": {"pairs_per_image": 0}})
    assert (caught.value.setting, caught.value.value) == ("shift.pairs_per_image", 0)
    assert "eyechart show shift" in caught.value.way_out


@pytest.mark.parametrize(
    ("exam", "field", "value", "way_out"),
    [
        ("shift", "step", -1, "Give 0 or more."),
        ("shift", "step", 1.5, "Give a whole number."),
        ("jitter", "deviation", 0, "Give a number above 0."),
        ("spatial_robustness", "degrees", 200, "Give 180 or less."),
        ("spatial_robustness", "border", "wrap", "Give zero, reflect or margin."),
        ("spatial_robustness", "grid", "perhaps", "Give true or false."),
        ("affine", "rotate", "ten", "Give a number."),
        ("affine", "rotate", ["ten"], "Give a number."),
        ("affine", "scale", ["pixels"], "Give a number or pixel."),
        ("affine", "families", [], "Give a list of 1 or more."),
        ("affine", "families", ["flip", "flip"], "Name each once."),
        (
            "affine",
            "smoothing",
            "bicubic",
            "Set affine.control=there_and_back: in_place knows bilinear interpolation alone.",
        ),
        ("jitter", "neighbourhood", 40, "Give 15 or less: the shortest clip has 31 frames."),
    ],
)
def test_settings_are_refused_in_our_own_words(exam: str, field: str, value: object, way_out: str) -> None:
    with pytest.raises(SettingError) as caught:
        make_exams([exam], {exam: {field: value}})
    assert caught.value.setting.partition("[")[0] == f"{exam}.{field}"
    assert caught.value.way_out == f"{way_out} See: eyechart show {exam}."


@pytest.mark.parametrize(
    ("exam", "field", "value"),
    [
        ("bands", "radii", []),
        ("bands", "radii", [-1]),
        ("bands", "radii", [float("nan")]),
        ("bands", "radii", [4, 4]),
        ("shift", "area", [0.5, 0.1]),
        ("shift", "area", [-0.1, 0.5]),
        ("shift", "area", [0.5, 1.5]),
        ("shift", "protocols", []),
        ("shift", "protocols", ["crop", "crop"]),
    ],
)
def test_senseless_settings_are_refused_before_the_run(exam: str, field: str, value: object) -> None:
    with pytest.raises(SettingError, match=f"{exam}.{field}"):
        make_exams([exam], {exam: {field: value}})


def test_an_exam_asked_for_twice_is_made_once() -> None:
    assert [e.name for e in make_exams(["bands", "clean", "bands"], {"bands": {"radii": (8,)}})] == ["bands", "clean"]


def test_suites_and_classes_are_in_the_catalogue() -> None:
    table = exam_table()
    assert {name for names in SUITES.values() for name in names} <= table.keys()
    for name in table:
        assert exam_class(name).name == name


def test_the_public_names_are_what_they_say_in_any_order_of_import() -> None:
    """``eyechart.examine`` is the function, even after the module of that name was imported."""
    code = (
        "import eyechart; eyechart.open_run; eyechart.examine; "
        "from eyechart import examine; assert callable(examine), examine; assert callable(eyechart.examine)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
