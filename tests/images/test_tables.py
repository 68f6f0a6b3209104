"""Parquet files as Hugging Face writes them."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import hostile
from eyechart.errors import ImagesError
from eyechart.images.image_set import UndecodableError
from eyechart.images.load import load_images
from eyechart.images.row_groups import RowGroups
from eyechart.images.tables import ParquetSet, open_parquet

PICTURES = [hostile.encoded(hostile.picture(seed=seed), "PNG") for seed in range(12)]
FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": ["zebra", "ant", "cow"], "_type": "ClassLabel"},
    "coarse": {"names": ["wild", "tame"], "_type": "ClassLabel"},
}


def _table(pictures: list[bytes | None], **columns: Any) -> pa.Table:
    images = [None if data is None else {"bytes": data, "path": f"{i}.png"} for i, data in enumerate(pictures)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.table({"image": pa.array(images, kind), **columns})


def _write(file: Path, table: pa.Table, features: dict[str, Any] | None = None, group: int = 4) -> None:
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, file, row_group_size=group)


def _pixels(images: ParquetSet, index: int) -> np.ndarray:
    return np.asarray(pickle.loads(pickle.dumps(images.source(index))).open().picture)


def test_hugging_face_layout(tmp_path: Path) -> None:
    columns = {"label": [0, 2, None, 1, -1, 0], "coarse": [0, 1, 0, 1, 0, None], "size": [1.5] * 6}
    columns |= {"note": list("abcabc"), "boxes": [[1, 2]] * 6}
    _write(tmp_path / "train-0.parquet", _table(list(PICTURES[:6]), **columns), FEATURES)
    _write(tmp_path / "train-1.parquet", _table(list(PICTURES[6:]), **columns), FEATURES)
    images = load_images(f"parquet:{tmp_path}/train-*.parquet")
    assert isinstance(images, ParquetSet)
    assert images.class_names == ("zebra", "ant", "cow")
    assert images.labels is not None
    assert images.labels.tolist() == [0, 2, -1, 1, -1, 0] * 2
    assert images.targets["coarse"].tolist() == ["wild", "tame", "wild", "tame", "wild", ""] * 2
    assert images.targets["size"].dtype == np.float64
    assert images.targets["note"].tolist() == list("abcabc") * 2
    assert set(images.targets) == {"label", "coarse", "size", "note"}
    assert images.ids[0] == "train-0.parquet/000000"
    assert images.ids[11] == "train-1.parquet/000005"
    for index in range(12):
        assert (_pixels(images, index) == np.asarray(hostile.picture(seed=index))).all()


def test_plain_columns(tmp_path: Path) -> None:
    table = pa.table({"picture": pa.array(PICTURES, pa.large_binary()), "class": ["b", "a", None] * 4})
    _write(tmp_path / "x.parquet", table)
    images = open_parquet(str(tmp_path / "x.parquet"))
    assert images.class_names == ("a", "b")
    assert images.targets["label"].tolist() == [1, 0, -1] * 4
    assert (_pixels(images, 11) == np.asarray(hostile.picture(seed=11))).all()
    unnamed = _table(list(PICTURES), label=list(range(12)))
    _write(tmp_path / "y.parquet", unnamed)
    assert open_parquet(str(tmp_path / "y.parquet")).class_names[:2] == ("00", "01")
    _write(tmp_path / "z.parquet", unnamed.drop(["label"]))
    images = open_parquet(str(tmp_path / "z.parquet"))
    assert images.labels is None
    assert images.remarks


def test_rows_without_a_picture(tmp_path: Path) -> None:
    _write(tmp_path / "x.parquet", _table([PICTURES[0], None, b"", b"text"], label=[0, 0, 0, 0]))
    images = open_parquet(str(tmp_path / "x.parquet"))
    statuses = []
    for index in range(1, 4):
        with pytest.raises(UndecodableError) as caught:
            images.source(index).open()
        statuses.append(caught.value.status)
    assert statuses == ["missing", "empty", "unreadable"]
    (tmp_path / "x.parquet").unlink()
    with pytest.raises(UndecodableError, match="cannot be read"):
        open_again(images).source(0).open()


def open_again(images: ParquetSet) -> ParquetSet:
    return pickle.loads(pickle.dumps(images))


@pytest.mark.parametrize("budget", [0, 1000, 1 << 30])
def test_any_order_reads_each_row_group_at_most_twice(budget: int, tmp_path: Path) -> None:
    _write(tmp_path / "x.parquet", _table([p for p in PICTURES for _ in range(4)], label=[0] * 48), group=6)
    images = open_parquet(str(tmp_path / "x.parquet"), budget=budget)
    for index in range(48):
        images.source(index)
    assert images.rows.reads == 8
    for index in np.random.default_rng(0).permutation(np.repeat(np.arange(48), 5)):
        assert (_pixels(images, index) == np.asarray(hostile.picture(seed=index // 4))).all()
    assert images.rows.reads <= 16


def test_no_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pa, "OSFile", full)
    _write(tmp_path / "x.parquet", _table(list(PICTURES), label=[0] * 12))
    images = open_parquet(str(tmp_path / "x.parquet"), budget=0)
    for index in (0, 11, 0, 11, 5):
        assert (_pixels(images, index) == np.asarray(hostile.picture(seed=index))).all()


def test_fingerprint(tmp_path: Path) -> None:
    marks = []
    for name, pictures in (("a", PICTURES), ("b", PICTURES), ("c", [*PICTURES[:-1], PICTURES[0]])):
        (tmp_path / name).mkdir()
        _write(tmp_path / name / "x.parquet", _table(list(pictures), label=[0] * 12))
        marks.append(open_parquet(f"{tmp_path}/{name}/*.parquet").fingerprint)
    assert marks[0] == marks[1] != marks[2]


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    _write(tmp_path / "none.parquet", _table([], label=pa.array([], pa.int64())))
    _write(tmp_path / "text.parquet", pa.table({"a": ["x"], "b": [1]}))
    _write(tmp_path / "one.parquet", _table([PICTURES[0]], label=[0]))
    _write(tmp_path / "oneb.parquet", _table([PICTURES[0]], other=[0]))
    _write(tmp_path / "names.parquet", _table([PICTURES[0]], label=[9]), FEATURES)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 broken PAR1")
    for pattern in ("nowhere", "none", "text", "one*", "names", "broken"):
        with pytest.raises(ImagesError) as caught:
            load_images(f"parquet:{tmp_path}/{pattern}.parquet")
        assert caught.value.way_out


def test_values_from_many_threads(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    _write(tmp_path / "x.parquet", _table(list(PICTURES), label=[0] * 12), group=3)
    rows = RowGroups("image", budget=0)
    with ThreadPoolExecutor(4) as pool:
        values = list(pool.map(lambda i: rows.value(str(tmp_path / "x.parquet"), i % 12 // 3, i % 3), range(120)))
    assert values == PICTURES * 10


def test_random_access_is_fast(tmp_path: Path) -> None:
    _write(tmp_path / "x.parquet", _table([PICTURES[i % 12] for i in range(2000)], label=[0] * 2000), group=100)
    images = open_parquet(str(tmp_path / "x.parquet"), budget=0)
    start = time.perf_counter()
    for index in np.random.default_rng(0).permutation(2000):
        images.source(index)
    assert time.perf_counter() - start < 3
