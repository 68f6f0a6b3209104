"""Several models in one run, and models that an exam does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyechart.run.session import slots
from eyes import LowPassEye, StrideEye, seen_by
from numbered import SIDE, numbered
from small_run import EXAMS, Counting, small_run

IMAGES = numbered(24)


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
    run = small_run(tmp_path, IMAGES, EXAMS, model=model, reporter=counting)
    assert counting.forwards == 0
    assert {s["exam"] for s in run.results["skipped"]} == {"clean", "bands", "shift"}
    assert all("answers" in s["reason"] for s in run.results["skipped"])
    assert run.estimates == ()


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
