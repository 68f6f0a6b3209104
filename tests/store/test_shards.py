"""Shards by themselves: what is committed is read back, ranges are covered once, rows survive any name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyechart.core.tally import BLOCKS, Kept, Tally
from eyechart.store.folder import Folder
from eyechart.store.rows import exam_columns, examined_labels, from_bytes, to_bytes, to_table
from eyechart.store.shards import Shelf, cut, missing

EXAMINED = np.array([True, False, True])


def table(start: int = 0, columns: dict[str, Any] | None = None, ids: tuple[str, ...] = ("a", "b", "c")) -> Any:
    status = ["ok", "truncated", "converted"]
    head = {"position": range(start, start + 3), "id": ids, "status": status, "reason": ["", "cut", "grey"]}
    targets = {"label": np.array([2, 1, -1]), "shape": np.array(["cat", None, "dog"], object)}
    return to_table(head, targets, columns or {}, EXAMINED)


def test_rows_have_nulls_where_nothing_was_examined() -> None:
    columns = {"top1": np.array([4, 5], np.int32), "by_radius": np.array([[0.5, 1.0], [2.0, 3.0]], np.float32)}
    found = from_bytes(to_bytes(table(columns=columns)))
    assert found["top1"].to_pylist() == [4, None, 5]
    assert found["by_radius"].to_pylist() == [[0.5, 1.0], None, [2.0, 3.0]]
    assert found["target_shape"].to_pylist() == ["cat", None, "dog"]
    assert examined_labels(found).tolist() == [2, -1]
    back = exam_columns(found)
    assert set(back) == {"top1", "by_radius"}
    for name, values in columns.items():
        np.testing.assert_array_equal(back[name], values)
        assert back[name].dtype == values.dtype


def test_names_that_are_no_text_are_stored() -> None:
    found = from_bytes(to_bytes(table(ids=("caf\udce9", "b", "c"))))
    assert found["id"].to_pylist()[0] == "caf\\udce9"


@pytest.mark.parametrize("root", ["local", "memory://shelf"])
def test_a_shard_is_read_back(tmp_path: Path, root: str) -> None:
    folder = Folder(tmp_path if root == "local" else root)
    sums = {"mass": np.arange(BLOCKS, dtype=np.float64)}
    tally = Tally({"top1": np.array([4, 5])}, sums, (Kept("k", 1.5, "a", {"class": "<b>"}),), 3)
    Shelf(folder, "shards/x").commit((6, 9), table(6, tally.rows), tally, images=3, bad=1, seconds=0.5)
    shelf = Shelf(folder, "shards/x")
    (piece,) = shelf.pieces(9)
    assert (piece.start, piece.stop, piece.images, piece.bad, piece.limit) == (6, 9, 3, 1, 3)
    read = shelf.tally(piece, shelf.table(piece))
    np.testing.assert_array_equal(read.rows["top1"], tally.rows["top1"])
    np.testing.assert_array_equal(read.sums["mass"], sums["mass"])
    assert read.kept == tally.kept


def test_parts_come_before_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = Folder.write
    monkeypatch.setattr(Folder, "write", lambda self, name, data: (written.append(name), write(self, name, data))[1])
    sums = {"mass": np.ones(BLOCKS)}
    tally = Tally({"top1": np.array([4, 5])}, sums, (Kept("k", 1.0, "a"),), 1)
    Shelf(Folder(tmp_path), "s").commit((0, 3), table(0, tally.rows), tally, images=3, bad=1, seconds=0)
    assert len(written) == 4
    assert [name.endswith(".manifest.json") for name in written] == [False, False, False, True]


def test_of_overlapping_shards_each_image_counts_once(tmp_path: Path) -> None:
    shelf = Shelf(Folder(tmp_path), "s")
    for start in (0, 3, 6):
        rows = {"top1": np.array([start, start])}
        shelf.commit((start, start + 3), table(start, rows), Tally(rows), images=3, bad=1, seconds=0)
    whole = {"top1": np.array([0, 0])}
    shelf.commit((0, 6), table(0, whole), Tally(whole), images=6, bad=2, seconds=0)
    assert [(p.start, p.stop) for p in Shelf(Folder(tmp_path), "s").pieces(9)] == [(0, 6), (6, 9)]
    assert [(p.start, p.stop) for p in Shelf(Folder(tmp_path), "s").pieces(8)] == [(0, 6)]


RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda r: (r[0], r[0] + r[1])), max_size=8)


@given(done=RANGES, stop=st.integers(0, 80), size=st.integers(1, 32))
def test_what_is_missing_is_what_is_not_done(done: list[tuple[int, int]], stop: int, size: int) -> None:
    gaps = missing(done, stop)
    covered = {i for a, b in done for i in range(a, b)}
    assert [i for a, b in gaps for i in range(a, b)] == [i for i in range(stop) if i not in covered]
    pieces = cut(gaps, size)
    assert [i for a, b in pieces for i in range(a, b)] == [i for a, b in gaps for i in range(a, b)]
    assert all(a < b and a // size == (b - 1) // size for a, b in pieces)


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("a/b.json", b"old")
    with pytest.raises(TypeError):
        folder.write("a/b.json", None)  # type: ignore[arg-type]
    assert folder.read("a/b.json") == b"old"
    assert folder.names("a") == ["b.json"]
    with pytest.raises(ValueError, match="JSON"):
        folder.write_json("a/b.json", {"x": float("nan")})
    assert folder.read("a/b.json") == b"old"


def test_a_check_for_write_access_leaves_nothing(tmp_path: Path) -> None:
    Folder(tmp_path / "new" / "run").check_writable()
    Folder("memory://new-run").check_writable()
    assert list(tmp_path.iterdir()) == []
    assert Folder("memory://new-run").names("") == []


def test_a_program_may_end_right_after_reading(tmp_path: Path) -> None:
    wide = {f"column {i}": np.arange(2) for i in range(12)}
    (tmp_path / "rows.parquet").write_bytes(to_bytes(table(columns=wide)))
    code = "from pathlib import Path; from eyechart.store.rows import from_bytes; from_bytes(Path('rows.parquet').read_bytes())"
    for _ in range(6):  # threads of pyarrow abort every other program that ends so soon
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_columns_without_entries_come_back_as_they_were() -> None:
    """As of a model without the layers that an exam looks for."""
    rows = {"one": np.arange(3.0), "none": np.empty((3, 0), np.float32)}
    head = {"position": [0, 1, 2, 3], "id": list("abcd"), "status": ["ok", "ok", "truncated", "ok"], "reason": [""] * 4}
    table = from_bytes(to_bytes(to_table(head, {}, rows, np.array([True, True, False, True]))))
    found = exam_columns(table)
    assert found["none"].shape == (3, 0)
    assert found["none"].dtype == np.float32
    assert found["one"].tolist() == [0, 1, 2]
