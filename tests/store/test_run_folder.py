"""A run as its reader sees it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from eyechart import open_run
from eyechart.core.estimate import Estimate
from eyechart.errors import EyechartError, RunFolderError, UnknownNameError
from eyechart.examination import write_report
from eyechart.images.sources import RefusedSource
from eyechart.store.run_folder import Run
from numbered import numbered
from small_run import EXAMS, small_run


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("read") / "run"
    odd = {7: RefusedSource("truncated", "the file ends early")}
    small_run(out, numbered(24, odd), EXAMS[:2], max_bad=1)
    return out


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "copy"))


def test_estimates_are_typed(written: Path) -> None:
    run = open_run(str(written))
    accuracy = run.estimates.one("accuracy")
    assert isinstance(accuracy, Estimate)
    assert accuracy.model == "eye"
    assert accuracy.method == "wilson"
    assert accuracy.low is not None
    assert accuracy.high is not None
    assert accuracy.value is not None
    assert 0 <= accuracy.low <= accuracy.value <= accuracy.high <= 1
    assert {e.at["radius"] for e in run.estimates.of("nll", band="low")} == {2, 5}
    assert run.complete
    assert run.exams == ("clean", "bands")
    assert repr(run) == f"Run({str(written)!r}, {len(run.estimates)} estimates, complete)"


def test_rows_hold_every_image_once(written: Path) -> None:
    rows = open_run(written).rows("bands")
    assert isinstance(rows, pa.Table)
    assert sorted(rows["id"].to_pylist()) == [f"picture-{i:05d}" for i in range(24)]
    assert rows["position"].to_pylist() == list(range(24))
    assert set(rows["model"].to_pylist()) == {"eye"}
    bad = rows.filter(pa.compute.equal(rows["status"], "truncated")).to_pylist()
    assert [(row["id"], row["reason"], row["label"]) for row in bad] == [("picture-00007", "the file ends early", 3)]
    own = [name for name in rows.column_names if name.startswith(("image_", "low_", "high_"))]
    assert len(own) == 8
    assert all(bad[0][name] is None for name in own)
    assert all(rows[name].null_count == 1 for name in own)


def test_a_notebook_shows_estimates_escaped(copied: Path) -> None:
    (copied / "results.json").write_text((copied / "results.json").read_text().replace('"eye"', '"<script>x&"'))
    shown = open_run(copied)._repr_html_()
    assert "&lt;script&gt;x&amp;" in shown
    assert "<script" not in shown
    assert shown.count("<tr>") == 1 + len(open_run(copied).estimates)


def test_a_table_of_estimates(written: Path) -> None:
    run = open_run(written)
    table = run.table()
    assert table.num_rows == len(run.estimates)
    assert "band=low" in ", ".join(table["at"].to_pylist())


@pytest.mark.parametrize("where", ["nowhere", "empty"])
def test_no_run_there(tmp_path: Path, where: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunFolderError, match="no run here"):
        open_run(tmp_path / where)


def test_an_unknown_exam_suggests(written: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean bands"):
        open_run(written).rows("bandz")


READS: dict[str, tuple[str, Callable[[Run], object]]] = {
    "results": ("results.json", lambda run: run.estimates),
    "complete": ("results.json", lambda run: run.complete),
    "page": ("page.json", write_report),
    "rows": ("rows/bands.parquet", lambda run: run.rows("bands")),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_lost_files_are_told(copied: Path, read: str, damage: str) -> None:
    name, use = READS[read]
    path = copied / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(RunFolderError, match=name) as caught:
        use(open_run(copied))
    assert caught.value.exit_code == 2
    assert "again" in caught.value.way_out


def test_a_run_under_way_can_be_looked_at(copied: Path) -> None:
    (copied / "results.json").unlink()
    assert repr(open_run(copied)) == f"Run({str(copied)!r}, not finished)"


def test_a_damaged_record_is_told(copied: Path) -> None:
    (copied / "run.json").write_text("{")
    with pytest.raises(EyechartError, match=r"run\.json is damaged"):
        open_run(copied)
