"""A model that answers NaN on some images, and one that always does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eyechart.errors import BadImagesError, ModelOutputError
from eyechart.models.image_model import ImageModel
from eyechart.store.run_folder import Run
from eyes import LowPassEye, NaNEye, seen_by
from numbered import SIDE, Numbered, numbered
from small_run import EXAMS, small_run

BRIGHT = {2: Numbered(2, bright=True), 18: Numbered(18, bright=True), 33: Numbered(33, bright=True)}


def nan_eye() -> ImageModel:
    return seen_by(NaNEye(LowPassEye(5, SIDE), 0.6), name="nan eye")


@pytest.mark.filterwarnings("ignore:.*NaN")
def test_rows_that_are_not_finite(tmp_path: Path) -> None:
    run = small_run(tmp_path, numbered(40, BRIGHT), EXAMS[:2], model=nan_eye(), max_bad=3)
    assert run.complete
    table = run.rows("clean")
    odd = {row["id"]: row["reason"] for row in table.to_pylist() if row["status"] == "not_finite"}
    assert set(odd) == {"picture-00002", "picture-00018", "picture-00033"}
    assert set(odd.values()) == {"the model answered NaN or infinity to the plain image"}
    assert run.page["fates"]["counts"] == {"ok": 37, "not_finite": 3}
    accuracy = run.estimates.one("accuracy")
    assert accuracy is not None
    labelled = np.array([label >= 0 for label in table["label"].to_pylist()])
    fine = np.array([status == "ok" for status in table["status"].to_pylist()])
    assert accuracy.n == int((labelled & fine).sum())
    assert all(e.n <= 37 for e in run.estimates)


def test_too_many_of_them_fail_the_run_after_all_is_written(tmp_path: Path) -> None:
    images = numbered(40, BRIGHT)
    with pytest.raises(BadImagesError, match=r"3 of 40 images .* NaN or infinity.*--max-bad 3") as caught:
        small_run(tmp_path, images, EXAMS[:2], model=nan_eye(), max_bad=2)
    assert caught.value.exit_code == 3
    run = Run(tmp_path)
    assert not run.complete
    assert {e.exam for e in run.estimates} == {"clean", "bands"}
    allowed = small_run(tmp_path, images, EXAMS[:2], model=nan_eye(), max_bad=3)
    assert allowed.complete


def test_a_model_that_always_answers_nan_is_refused() -> None:
    with pytest.raises(ModelOutputError, match="NaN") as caught:
        seen_by(NaNEye(LowPassEye(5, SIDE), -1.0))
    assert caught.value.exit_code == 2
