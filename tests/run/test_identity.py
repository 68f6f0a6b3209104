"""A run folder belongs to one model, image set, seed and preprocessing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alike import contents
from eyechart.errors import IdentityError, RunFolderError
from eyechart.models.load import wrap
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.record import RECORD
from eyes import LowPassEye, seen_by
from numbered import SIDE, numbered
from small_run import EXAMS, small_run

FEW = {"images": numbered(20), "exams": EXAMS[:1]}


def otherwise_prepared() -> Any:
    seen = Preprocessing(size=(SIDE, SIDE), resize=(SIDE, SIDE), std=(0.5, 0.5, 0.5))
    return wrap(LowPassEye(5, SIDE), preprocessing=seen, device="cpu", name="eye")


CONFLICTS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "weights": (lambda: {"model": seen_by(LowPassEye(5, SIDE, seed=1), name="eye")}, "other models: fingerprint"),
    "preprocessing": (lambda: {"model": otherwise_prepared()}, "other models: preprocessing: std"),
    "number of models": (lambda: {"model": [seen_by(LowPassEye(5, SIDE))] * 2}, "other models: 1 of them there, 2"),
    "images": (lambda: {"images": numbered(20, fingerprint="others")}, "other images: fingerprint"),
    "seed": (lambda: {"seed": 1}, "other seed: 0 there, 1 now"),
}


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_another_run_is_refused_and_left_as_it_is(tmp_path: Path, conflict: str) -> None:
    small_run(tmp_path, model=seen_by(LowPassEye(5, SIDE), name="eye"), **FEW)
    before = contents(tmp_path)
    other, told = CONFLICTS[conflict]
    settings = {"model": seen_by(LowPassEye(5, SIDE), name="eye"), **FEW, **other()}
    with pytest.raises(IdentityError, match=told) as caught:
        small_run(tmp_path, **settings)
    assert caught.value.exit_code == 2
    assert "--out" in str(caught.value)
    assert contents(tmp_path) == before


def test_the_same_model_under_another_name_goes_on(tmp_path: Path) -> None:
    small_run(tmp_path, model=seen_by(LowPassEye(5, SIDE), name="eye"), limit=16, **FEW)
    run = small_run(tmp_path, model=seen_by(LowPassEye(5, SIDE), name="the other eye"), **FEW)
    assert run.rows("clean").num_rows == 20
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["eye"]


@pytest.mark.parametrize("below", ["in the way", "in the way/run", "in the way/a/b/run"])
def test_a_file_in_the_way(tmp_path: Path, below: str) -> None:
    (tmp_path / "in the way").write_text("mine")
    with pytest.raises(RunFolderError, match="cannot be written") as caught:
        small_run(tmp_path / below, **FEW)
    assert caught.value.exit_code == 2
    assert (tmp_path / "in the way").read_text() == "mine"


@pytest.mark.parametrize("url", ["nowhere://bucket/run", "memory-of-mine://run"])
def test_a_url_that_nothing_can_open(url: str) -> None:
    with pytest.raises(RunFolderError, match="cannot be opened"):
        small_run(url, **FEW)


@pytest.mark.parametrize("content", [b"{half", b"\xff\xfe", b"[1]", b'"text"'])
def test_a_damaged_record(tmp_path: Path, content: bytes) -> None:
    (tmp_path / RECORD).write_bytes(content)
    with pytest.raises(RunFolderError, match=r"run\.json is damaged"):
        small_run(tmp_path, **FEW)
