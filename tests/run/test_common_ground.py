"""Several models on the images that all of them get right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eyes import ConstantEye, LowPassEye, NaNEye, seen_by
from numbered import SIDE, Numbered, numbered
from small_run import small_run

IMAGES = numbered(60)
SETTINGS = {"shift": {"pairs_per_image": 2, "protocols": ["crop", "embed_black"]}}


def test_figures_are_those_of_the_common_images(tmp_path: Path) -> None:
    eyes = [seen_by(LowPassEye(1, SIDE), name="coarse"), seen_by(LowPassEye(7, SIDE), name="fine")]
    run = small_run(tmp_path, IMAGES, ["shift"], model=eyes, settings=SETTINGS)
    table = run.rows("shift")
    rows = {name: np.array(table[name].to_pylist()) for name in ("model", "position", "label", "image_top1")}
    right = {
        m: set(rows["position"][(rows["model"] == m) & (rows["image_top1"] == rows["label"])])
        for m in ("coarse", "fine")
    }
    common = right["coarse"] & right["fine"]
    assert 0 < len(common) < min(map(len, right.values()))
    for model in right:
        chosen = (rows["model"] == model) & np.isin(rows["position"], sorted(common))
        for protocol in ("crop", "embed_black"):
            pairs = [np.array(table[f"{protocol}_top1_{frame}"].to_pylist())[chosen] for frame in (1, 2)]
            found = [
                e
                for e in run.estimates.of("p_top1_change", protocol=protocol, given="all_models_correct")
                if e.model == model
            ]
            (e,) = found
            assert e.n == len(common)
            assert e.value == pytest.approx((pairs[0] != pairs[1]).mean())


def test_exams_of_stability_share_their_ground(tmp_path: Path) -> None:
    settings: dict[str, dict[str, object]] = {
        "consistency": {"passes": 1, "modes": ["roll"]},
        "phase_map": {"period": 2, "every": 2, "modes": ["roll"]},
        "fractional_shift": {"units": [2], "methods": ["fourier"]},
        "affine": {"families": ["flip", "shear"], "shear": [5.0]},
        "spatial_robustness": {"draws": 1},
        "jitter": {"frames": 3},
        "position_bias": {"grid": 3},
    }
    eyes = [seen_by(LowPassEye(1, SIDE), name="coarse"), seen_by(LowPassEye(7, SIDE), name="fine")]
    run = small_run(tmp_path, IMAGES, list(settings), model=eyes, settings=settings)
    for name in settings:
        kinds = {
            given: [e for e in run.estimates if e.exam == name and e.at.get("given") == given]
            for given in ("correct", "all_models_correct")
        }
        places = [{(e.model, e.measure, *map(str, {**e.at, "given": ""}.items())) for e in kinds[k]} for k in kinds]
        assert places[0] == places[1]
        assert {e.model for e in kinds["all_models_correct"]} == {"coarse", "fine"}
        assert len({e.n for e in kinds["all_models_correct"]}) == 1 < len({e.n for e in kinds["correct"]})


def test_paths_and_sizes_are_compared_on_common_images(tmp_path: Path) -> None:
    settings = {
        "shift_path": {"steps": 3, "paths": ["scale"]},
        "embedded_size": {"sizes": [100, 180], "pairs_per_image": 2},
    }
    eyes = [seen_by(LowPassEye(1, SIDE), name="coarse"), seen_by(LowPassEye(7, SIDE), name="fine")]
    run = small_run(tmp_path, IMAGES, list(settings), model=eyes, settings=settings)
    for name, measure, at in (
        ("shift_path", "change_rate", {"path": "scale"}),
        ("embedded_size", "p_top1_change", {"short_side": 100}),
    ):
        rows = run.rows(name)
        table = {column: np.array(rows[column].to_pylist()) for column in ("model", "position", "label", "image_top1")}
        right = table["image_top1"] == table["label"]
        common = set(table["position"][right & (table["model"] == "coarse")])
        common &= set(table["position"][right & (table["model"] == "fine")])
        assert 0 < len(common) < right.sum() / 2
        for model in ("coarse", "fine"):
            chosen = (table["model"] == model) & np.isin(table["position"], sorted(common))
            if name == "shift_path":
                changed = np.diff(np.array(rows["scale_top1"].to_pylist())[chosen], axis=1) != 0
            else:  # two pairs a size, the smaller size first
                first, second = (np.array(rows[f"top1_{frame}"].to_pylist())[chosen][:, :2] for frame in (1, 2))
                changed = first != second
            (e,) = [e for e in run.estimates.of(measure, given="all_models_correct", **at) if e.model == model]
            assert (e.n, e.value) == (len(common), pytest.approx(changed.mean()))


def test_one_model_has_no_one_to_share_with(tmp_path: Path) -> None:
    run = small_run(tmp_path, IMAGES, ["shift"], model=seen_by(LowPassEye(5, SIDE)), settings=SETTINGS)
    assert not run.estimates.of("p_top1_change", given="all_models_correct")
    assert run.estimates.of("p_top1_change", given="correct")


def test_without_a_common_image_it_is_said_that_there_is_none(tmp_path: Path) -> None:
    eyes = [
        seen_by(ConstantEye(*says), SIDE, name=f"says {says}") for says in ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0))
    ]
    run = small_run(tmp_path, IMAGES, ["shift"], model=eyes, settings=SETTINGS)
    for name in ("p_top1_change", "mean_absolute_change"):
        found = run.estimates.of(name, given="all_models_correct")
        assert len(found) == 2 * 2
        for e in found:
            assert (e.value, e.low, e.n) == (None, None, 0)
            assert "right by all models" in e.reason
        assert all(e.value == 0.0 for e in run.estimates.of(name, given="correct"))


def test_a_model_that_could_examine_nothing_shares_nothing(tmp_path: Path) -> None:
    eyes = [seen_by(NaNEye(LowPassEye(5, SIDE), 0.55), name="blind"), seen_by(LowPassEye(5, SIDE), name="seeing")]
    images = numbered(20, {i: Numbered(i, bright=True) for i in range(20)})
    run = small_run(tmp_path, images, ["shift"], model=eyes, settings=SETTINGS, max_bad=20)
    assert {e.model for e in run.estimates} == {"seeing"}
    assert not run.estimates.of("p_top1_change", given="all_models_correct")
