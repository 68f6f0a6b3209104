"""A run grows by exams, settings and images; only what is new is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from alike import assert_alike, assert_same_rows, marks
from eyechart.exams.bands import Bands
from eyechart.exams.clean import Clean
from eyechart.exams.loss_landscape import LossLandscape
from eyechart.store.run_folder import Run
from eyes import BehindKernels, LowPassEye, seen_by
from numbered import SIDE, numbered
from small_run import EXAMS, IMAGES, QUERIES, SHARD, Counting, manifests, small_run

CLEAN, BANDS, SHIFT = EXAMS


def test_a_later_exam_asks_only_its_own(tmp_path: Path, undisturbed: Run) -> None:
    small_run(tmp_path, exams=[CLEAN, BANDS])
    before, counting = marks(manifests(tmp_path)), Counting()
    run = small_run(tmp_path, exams=[SHIFT], reporter=counting)
    assert counting.forwards == IMAGES * 5  # the clean pass is asked again, as answers are not stored
    assert before.items() <= marks(manifests(tmp_path)).items()
    assert {e.exam for e in run.estimates} == {"clean", "bands", "shift"}
    assert_alike(run, undisturbed)


def test_other_settings_take_the_place_of_the_old_but_keep_their_shards(tmp_path: Path) -> None:
    small_run(tmp_path, exams=[CLEAN, BANDS])
    before, counting = marks(manifests(tmp_path)), Counting()
    changed = small_run(tmp_path, exams=[Bands(radii=(3,))], reporter=counting)
    assert counting.forwards == IMAGES * 3
    assert before.items() <= marks(manifests(tmp_path)).items()
    assert {e.at["radius"] for e in changed.estimates.of("high_not_low")} == {3}
    assert changed.record["exams"]["bands"]["settings"]["radii"] == [3]
    assert changed.exams == ("clean", "bands")
    counting = Counting()
    back = small_run(tmp_path, exams=[BANDS], reporter=counting)
    assert counting.forwards == 0
    assert {e.at["radius"] for e in back.estimates.of("high_not_low")} == {2, 5}


def test_settings_of_estimates_alone_ask_nothing_again(tmp_path: Path) -> None:
    for before, after, measure in (
        (Clean(), Clean(ece_bins=2, ece_debiased=True), "ece"),
        (LossLandscape(points=3, distance=1.0), LossLandscape(points=3, distance=0.5), "rise"),
    ):
        images, model = numbered(2 * SHARD), seen_by(BehindKernels(LowPassEye(5, SIDE)))
        first = small_run(tmp_path / measure, images, [before], model=model).estimates.of(measure)
        second = small_run(tmp_path / measure, images, [after], model=model, reporter=(counting := Counting()))
        assert counting.forwards == 0
        assert first != second.estimates.of(measure)
        assert second.record["exams"][after.name]["settings"] == after.model_dump(mode="json")


def test_a_larger_limit_extends_the_same_order(tmp_path: Path, undisturbed: Run) -> None:
    first = small_run(tmp_path, limit=40)
    assert first.results["preview"]
    assert first.rows("clean").num_rows == 40
    assert_same_rows(first.rows("bands"), undisturbed.rows("bands").slice(0, 40))
    before = marks(manifests(tmp_path))
    second = small_run(tmp_path, limit=100, reporter=(counting := Counting()))
    assert counting.forwards == 60 * QUERIES
    assert before.items() <= marks(manifests(tmp_path)).items()
    assert_same_rows(second.rows("shift"), undisturbed.rows("shift").slice(0, 100))
    whole = small_run(tmp_path, reporter=(counting := Counting()))
    assert counting.forwards == (IMAGES - 100) * QUERIES
    assert not whole.results["preview"]
    assert_alike(whole, undisturbed)


def test_a_smaller_limit_keeps_everything(tmp_path: Path) -> None:
    small_run(tmp_path, exams=[CLEAN], limit=2 * SHARD)
    counting = Counting()
    run = small_run(tmp_path, exams=[CLEAN], limit=SHARD, reporter=counting)
    assert counting.forwards == 0
    assert run.rows("clean").num_rows == run.record["limit"] == 2 * SHARD
    assert any("covers 32 images already" in said for said in counting.said)


@pytest.mark.parametrize(("limit", "preview"), [(None, False), (20, False), (500, False), (19, True)])
def test_preview_means_fewer_than_all(tmp_path: Path, limit: int | None, preview: bool) -> None:
    run = small_run(tmp_path, numbered(20), [CLEAN], limit=limit)
    assert run.results["preview"] is preview
    assert run.rows("clean").num_rows == (19 if preview else 20)


def test_a_later_stage_is_asked_anew_where_more_images_change_its_questions(tmp_path: Path) -> None:
    exam, images = Bands(radii=(3,), head="pooled", head_share=0.5), numbered(60)
    first = small_run(tmp_path / "grown", images, [exam], limit=3).estimates.one("head_radius")
    grown = small_run(tmp_path / "grown", images, [exam])
    fresh = small_run(tmp_path / "fresh", images, [exam])
    last = grown.estimates.one("head_radius")
    assert first is not None
    assert last is not None
    assert first.value != last.value
    assert_alike(grown, fresh)
