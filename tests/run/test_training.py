"""Training images beside the examined ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eyechart.core.estimate import Estimate
from eyechart.errors import SettingError
from eyechart.examination import examine
from eyechart.run.training import gap
from eyechart.stats.intervals import wilson
from eyechart.store.run_folder import Run
from eyes import LowPassEye, NaNEye, answered, image_set, noise_images, seen_by
from small_run import Counting

SIZE, N = 16, 40
EYE = LowPassEye(4, SIZE, classes=4)
TEST, TRAIN = noise_images(N, SIZE), noise_images(N, SIZE, seed=9)
RIGHT_OF_TRAIN = answered(EYE, TRAIN)
LABELS = np.random.default_rng(0).integers(0, 4, N)
EXAMINED, FITTED = image_set(TEST, LABELS, "test"), image_set(TRAIN, RIGHT_OF_TRAIN, "train")


def run(out: Path, **more: object) -> Run:
    settings = {"bands": {"radii": [3, 6]}}
    return examine(
        seen_by(EYE, SIZE), EXAMINED, ["clean", "bands"], settings=settings, out=out, workers=0, batch_size=16, **more
    )


def test_either_set_has_its_figures_and_they_are_compared(tmp_path: Path) -> None:
    both, alone = run(tmp_path / "both", training=FITTED), run(tmp_path / "alone")
    right = int((answered(EYE, TEST) == LABELS).sum())
    fitted = both.estimates.one("accuracy", images="training")
    assert fitted is not None
    assert fitted.exam == "clean"
    assert fitted.value == 1.0
    apart = both.estimates.one("accuracy_gap")
    assert apart is not None
    assert apart.value == pytest.approx(1 - right / N)
    ours = [e for e in both.estimates if "images" not in e.at and not e.measure.endswith("_gap")]
    assert ours == list(alone.estimates)  # what is said of the examined images does not change
    for radius in (3, 6):
        assert both.estimates.one("nll", band="high", radius=radius, images="training")
        assert both.estimates.one("nll_gap", band="high", radius=radius)
    assert both.rows("bands.training").num_rows == N
    assert any("training" in c["title"] for s in both.page["sections"] for c in s["charts"] if s["exam"] == "bands")


def test_one_band_alone_has_its_figure_beside(tmp_path: Path) -> None:
    settings = {"bands": {"radii": [3, 6], "bands": ["low"]}}
    one = examine(seen_by(EYE, SIZE), EXAMINED, ["bands"], settings=settings, out=tmp_path, workers=0, training=FITTED)
    titles = [chart["title"] for section in one.page["sections"] for chart in section["charts"]]
    assert "Loss on training and examined images" in titles


def test_training_images_that_cannot_be_examined_are_told(tmp_path: Path) -> None:
    eye = NaNEye(EYE, above=0.6)
    bright = TRAIN.copy()
    bright[:3] = 250
    for fitted, told in ((bright, "3 training images"), (np.full_like(TRAIN, 250), "40 training images")):
        said = Counting()
        run_ = examine(
            seen_by(eye, SIZE), EXAMINED, ["clean"], out=tmp_path / told, workers=0, reporter=said,
            training=image_set(fitted, RIGHT_OF_TRAIN, "train"),
        )  # fmt: skip
        assert any(told in text for text in said.said)
        assert bool(run_.results["skipped"]) is (told[:2] == "40")
        assert run_.results["complete"]


def test_a_run_grows_by_training_images_and_forgets_what_is_not_given(tmp_path: Path) -> None:
    run(tmp_path)
    counting = Counting()
    run(tmp_path, training=FITTED, reporter=counting)
    assert counting.forwards == N * 5  # the plain image and two bands at two radii, for the training images alone
    again = Counting()
    run(tmp_path, training=FITTED, reporter=again)
    assert again.forwards == 0
    without = Counting()
    left = run(tmp_path, reporter=without)
    assert any("training images" in text for text in without.said)
    assert not [e for e in left.estimates if e.at.get("images") == "training"]
    assert not (tmp_path / "rows" / "bands.training.parquet").exists()


def test_training_images_must_be_others(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--train-images"):
        run(tmp_path, training=EXAMINED)


def estimate(successes: int, n: int) -> Estimate:
    told = wilson(successes, n)
    return Estimate("e", "accuracy", told.value, n, told.low, told.high, method="wilson")


def test_the_interval_of_a_gap_is_newcombes() -> None:
    """Newcombe, Stat. Med. 17 (1998), table II, method 10."""
    for (a, m), (b, n), wanted in (
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((10, 10), (0, 10), (0.6075, 1.0)),
    ):
        found = gap(estimate(a, m), estimate(b, n))
        assert (found.low, found.high) == pytest.approx(wanted, abs=5e-5)
        assert found.value == pytest.approx(a / m - b / n)


def test_a_gap_to_nothing_is_undefined() -> None:
    nothing = Estimate("e", "accuracy", None, 0, reason="no image counts here")
    assert gap(estimate(1, 2), nothing).reason == "no image counts here"
