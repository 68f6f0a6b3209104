"""Are two runs the same? Ids, decisions and counts exactly, reals within a tolerance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from eyechart.store.run_folder import Run

CLOSE = 1e-5


def assert_alike(mine: Run, theirs: Run) -> None:
    """Rows, estimates and kept cases."""
    assert mine.exams == theirs.exams
    assert mine.complete == theirs.complete
    for exam in mine.exams:
        assert_same_rows(mine.rows(exam), theirs.rows(exam), exam)
        for model in mine.record["models"]:
            kept = [[(c.key, c.id, c.pictures) for c in run.kept(model["slot"], exam)] for run in (mine, theirs)]
            assert kept[0] == kept[1]
    assert len(mine.estimates) == len(theirs.estimates)
    for a, b in zip(mine.estimates, theirs.estimates, strict=True):
        assert (a.exam, a.measure, a.at, a.n, a.reason) == (b.exam, b.measure, b.at, b.n, b.reason)
        for x, y in ((a.value, b.value), (a.low, b.low), (a.high, b.high)):
            assert (x is None) == (y is None)
            assert x is None or y is None or abs(x - y) <= CLOSE * max(1, abs(y)), (a, b)


def assert_same_rows(mine: pa.Table, theirs: pa.Table, what: str = "") -> None:
    """Column by column."""
    assert mine.schema.equals(theirs.schema), what
    assert mine.num_rows == theirs.num_rows, what
    for name in mine.column_names:
        a, b = flat(mine[name]), flat(theirs[name])
        if pa.types.is_floating(a.type):
            values = [column.to_numpy(zero_copy_only=False) for column in (a, b)]
            np.testing.assert_allclose(*values, rtol=CLOSE, atol=CLOSE, err_msg=f"{what} {name}")
        else:
            assert a.equals(b), f"{what} {name}"


def flat(column: pa.ChunkedArray) -> pa.Array:
    """All values of a column, those of array columns one after another."""
    whole = column.combine_chunks()
    whole = pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
    return whole.flatten() if pa.types.is_fixed_size_list(whole.type) else whole


def marks(files: list[Path]) -> dict[str, tuple[int, int, int]]:
    """What tells whether a file was written again."""
    found = {str(path): path.stat() for path in files}
    return {name: (s.st_ino, s.st_mtime_ns, s.st_size) for name, s in found.items()}


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder, with its time."""
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(folder.rglob("*")) if p.is_file()}
