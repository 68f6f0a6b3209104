"""Decode workers that die or fail: one image is lost at most, and nothing hangs or is left behind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest

from alike import assert_same_rows
from eyechart.core.view import Plain
from eyechart.errors import BadImagesError, ImagesError
from eyechart.images.image_set import ImageSet, Source
from eyechart.images.original import Original
from eyechart.images.sources import RefusedSource
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.batches import Artist
from eyechart.run.draw import Job
from eyechart.store.run_folder import Run
from numbered import Crashes, Exits, Fails, numbered
from small_run import EXAMS, small_run

BAD = {3: Exits(), 20: Crashes(), 21: Exits(), 39: RefusedSource("empty", "the file is empty")}


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_image_that_kills_its_worker_is_a_bad_row(tmp_path: Path, workers: int) -> None:
    before = children()
    run = small_run(tmp_path / "bad", numbered(40, BAD), EXAMS[:2], workers=workers, max_bad=4)
    assert children() == before
    table = run.rows("bands")
    odd = {row["id"]: (row["status"], row["reason"]) for row in table.to_pylist() if row["status"] != "ok"}
    crashed = ("unreadable", "the decoder crashed on it")
    assert odd == {
        "picture-00003": crashed,
        "picture-00020": crashed,
        "picture-00021": crashed,
        "picture-00039": ("empty", "the file is empty"),
    }
    assert run.page["fates"]["counts"] == {"ok": 36, "unreadable": 3, "empty": 1}
    good = small_run(tmp_path / "good", numbered(40), EXAMS[:2]).rows("bands")
    fine = np.array([status == "ok" for status in table["status"].to_pylist()])
    assert_same_rows(table.filter(fine), good.filter(fine))
    assert Counter(table["image_top1"].is_null().to_pylist()) == {False: 36, True: 4}


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_an_unexpected_failure_names_the_image(tmp_path: Path, workers: int) -> None:
    before = children()
    with pytest.raises(ImagesError, match=r"ZeroDivisionError: an odd source\. \(image = picture-00017\)") as caught:
        small_run(tmp_path, numbered(40, {17: Fails()}), EXAMS[:1], workers=workers)
    assert caught.value.exit_code == 2
    assert children() == before


def test_what_was_finished_before_a_failure_is_kept(tmp_path: Path) -> None:
    last = small_run(tmp_path / "whole", numbered(40), EXAMS[:1]).rows("clean")["id"][-1].as_py()
    with pytest.raises(ImagesError):
        small_run(tmp_path / "run", numbered(40, {int(last[-5:]): Fails()}), EXAMS[:1])
    assert len(list((tmp_path / "run").rglob("*.manifest.json"))) == 2


class LocalSource(Source):
    """Cannot be imported elsewhere, as a class defined in a notebook cannot."""

    def open(self) -> Original:
        raise AssertionError


LocalSource.__module__ = "__main__"


class Unpicklable(ImageSet):
    """Images whose source is known to the sender alone."""

    @classmethod
    def of(cls, n: int) -> Unpicklable:
        plain = numbered(n)
        return cls(plain.name, plain.ids, plain.targets, (), plain.fingerprint)

    def source(self, index: int) -> Source:
        return LocalSource()


def test_a_source_that_workers_cannot_import(tmp_path: Path) -> None:
    with pytest.raises(ImagesError, match=r"does not reach the decode workers.*LocalSource.*workers=0"):
        small_run(tmp_path, Unpicklable.of(20), EXAMS[:1], workers=1)


def test_all_images_bad_is_told_and_written(tmp_path: Path) -> None:
    odd = dict.fromkeys(range(20), RefusedSource("missing", "the link leads nowhere"))
    with pytest.raises(BadImagesError, match=r"20 of 20 images") as caught:
        small_run(tmp_path, numbered(20, odd), EXAMS[:2])
    assert caught.value.exit_code == 3
    run = Run(tmp_path)
    assert not run.complete
    assert len(run.estimates) == 0
    assert {(s["exam"], s["reason"]) for s in run.results["skipped"]} == {
        ("clean", "no image could be examined"),
        ("bands", "no image could be examined"),
    }


def test_an_artist_that_is_left_early_ends_its_workers() -> None:
    before = children()
    images = numbered(64)
    jobs = [
        Job((images.ids[i],), (images.source(i),), (Plain(),), Preprocessing(size=(16, 16), resize=(16, 16)), 0)
        for i in range(64)
    ]
    with Artist(2) as artist:
        job, drawn = next(artist.drawn(jobs))
        assert (job.ids, drawn.status) == (("picture-00000",), ("ok",))
        assert children() > before
    assert children() == before
