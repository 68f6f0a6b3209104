"""Several models in one run, and models that an exam does not fit."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

import pytest
from torch import Tensor, nn

from eyechart.core.exam import Exam
from eyechart.errors import NothingMeasuredError, UnknownNameError
from eyechart.exams.feature_spectrum import FeatureSpectrum
from eyechart.exams.fourier_heatmap import FourierHeatmap
from eyechart.exams.kernel_smoothness import KernelSmoothness
from eyechart.run.session import slots
from eyechart.store.run_folder import Run
from eyes import LowPassEye, StrideEye, seen_by
from numbered import SIDE, numbered
from small_run import EXAMS, Counting, small_run

IMAGES = numbered(24)
CLEAN = EXAMS[0]


class Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def test_models_of_one_name_are_told_apart(tmp_path: Path) -> None:
    eyes = [seen_by(LowPassEye(radius, SIDE), name="the/eye") for radius in (1, 7)]
    run = small_run(tmp_path, IMAGES, EXAMS[:2], model=eyes)
    assert [m["name"] for m in run.record["models"]] == ["the/eye", "the/eye-2"]
    assert sorted(path.name for path in (tmp_path / "shards").iterdir()) == ["eye", "eye-2"]
    rows = run.rows("clean").to_pylist()
    assert [row["model"] for row in rows] == ["the/eye"] * 24 + ["the/eye-2"] * 24
    for number, eye in enumerate(eyes):
        alone = small_run(tmp_path / f"alone {number}", IMAGES, EXAMS[:1], model=eye).rows("clean")
        assert alone["top1"].to_pylist() == [row["top1"] for row in rows[24 * number : 24 * number + 24]]
    assert len(run.estimates.of("accuracy", band="low", radius=2)) == 2


def test_models_of_different_sizes(tmp_path: Path) -> None:
    eyes = [seen_by(LowPassEye(3, 16), name="small"), seen_by(LowPassEye(3, 32), 32, name="large")]
    run = small_run(tmp_path, IMAGES, "standard", model=eyes, settings={"shift": {"pairs_per_image": 1}})
    assert {(e.exam, e.model) for e in run.estimates} == {
        (exam, model) for exam in ("clean", "bands", "shift") for model in ("small", "large")
    }
    assert run.rows("bands").num_rows == 48


def test_a_model_whose_images_are_all_bad_beside_one_whose_are_not(tmp_path: Path) -> None:
    from eyes import NaNEye
    from numbered import Numbered

    images = numbered(20, {i: Numbered(i, bright=True) for i in range(20)})
    eyes = [seen_by(NaNEye(LowPassEye(5, SIDE), 0.55), name="blind"), seen_by(LowPassEye(5, SIDE), name="seeing")]
    run = small_run(tmp_path, images, EXAMS[:2], model=eyes, max_bad=20)
    assert {e.model for e in run.estimates} == {"seeing"}
    assert {(s["exam"], s["model"]) for s in run.results["skipped"]} == {("clean", "blind"), ("bands", "blind")}
    top1 = run.rows("clean")["top1"]
    assert top1.slice(0, 20).null_count == 20
    assert top1.slice(20).null_count == 0


def test_exams_that_do_not_fit_are_skipped_with_a_reason(tmp_path: Path) -> None:
    counting = Counting()
    model = seen_by(StrideEye(2), name="embedding", outputs="embedding")
    with pytest.raises(
        NothingMeasuredError, match="Nothing was measured: clean on embedding: it needs a model"
    ) as told:
        small_run(tmp_path, IMAGES, EXAMS[:2], model=model, reporter=counting)
    assert told.value.exit_code == 3
    run = Run(tmp_path)
    assert counting.forwards == 0
    assert not run.complete
    assert (run.few_images, run.lacking[:20]) == ("", "nothing was measured")
    assert {s["exam"] for s in run.results["skipped"]} == {"clean", "bands"}
    assert all("answers" in s["reason"] for s in run.results["skipped"])
    assert run.estimates == ()


LAYERED = (
    FourierHeatmap(layer="conv", norm=1.0, radius=1, images=4),
    FeatureSpectrum(layers=("conv",), images=4),
    KernelSmoothness(layer="conv"),
)


@pytest.mark.parametrize("exam", LAYERED, ids=lambda exam: exam.name)
def test_a_model_without_the_named_layer_is_skipped_and_the_others_are_examined(tmp_path: Path, exam: Exam) -> None:
    parts = {name: nn.Sequential(OrderedDict({name: nn.Conv2d(3, 4, 3), "mean": Mean()})) for name in ("conv", "other")}
    models = [seen_by(net.eval(), name=name) for name, net in parts.items()]
    run = small_run(tmp_path / "both", IMAGES, [CLEAN, exam], model=models)
    assert {e.model for e in run.estimates.of("accuracy")} == {"conv", "other"}
    assert {e.model for e in run.estimates if e.exam == exam.name} == {"conv"}
    (skipped,) = run.results["skipped"]
    assert (skipped["exam"], skipped["model"]) == (exam.name, "other")
    assert f"{exam.name}.layer" in skipped["reason"]
    for alone in (models[1], [models[1], models[1]]):  # what fits none is an error
        with pytest.raises(UnknownNameError, match=rf"{exam.name}\.layer"):
            small_run(tmp_path / "other", IMAGES, [CLEAN, exam], model=alone)


def test_a_recorded_exam_whose_settings_are_no_longer_known_stops_no_other(tmp_path: Path) -> None:
    small_run(tmp_path, IMAGES, EXAMS[:2])
    record = json.loads((tmp_path / "run.json").read_text())
    record["exams"]["bands"]["settings"] |= {"no_such_setting": 1}
    (tmp_path / "run.json").write_text(json.dumps(record))
    counting = Counting()
    run = small_run(tmp_path, IMAGES, [CLEAN], reporter=counting)
    assert {e.exam for e in run.estimates} == {"clean"}
    assert any("bands" in said and "no_such_setting" in said for said in counting.said)
    assert run.record["exams"]["bands"]["settings"]["no_such_setting"] == 1


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["torchvision:resnet50/V1", "torchvision:resnet50/V2"], ["V1", "V2"]),
        (["a", "a-2", "a"], ["a", "a-2", "a-3"]),
        (["a", "a", "a-2"], ["a", "a-2", "a-2-2"]),
        (["..", "<b>", "x" * 99], ["model", "b", "x" * 48]),
    ],
)
def test_folder_names_of_models(names: list[str], expected: list[str]) -> None:
    assert slots(names) == expected
