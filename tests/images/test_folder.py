"""Folders: exact counts on a hostile one, labels by class folder, nothing followed out of the root."""

from __future__ import annotations

import os
import pickle
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import hostile
from eyechart.errors import ImagesError, UnknownNameError
from eyechart.images.folder import open_folder
from eyechart.images.image_set import ImageSet, UndecodableError
from eyechart.images.load import load_images
from hostile import hostile_folder  # noqa: F401

PNG = hostile.encoded(hostile.picture(), "PNG")


def _write(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(PNG)
    return root


def _statuses(images: ImageSet) -> dict[str, str]:
    return {identity: _status(images, index) for index, identity in enumerate(images.ids)}


def _status(images: ImageSet, index: int) -> str:
    source = pickle.loads(pickle.dumps(images.source(index)))
    try:
        return "ok" if source.open().picture.mode == "RGB" else "mode"
    except UndecodableError as error:
        return error.status


def test_hostile_folder(hostile_folder: tuple[Path, dict[str, str]]) -> None:  # noqa: F811
    root, expected = hostile_folder
    images = open_folder(str(root))
    assert _statuses(images) == expected
    assert list(images.ids) == sorted(expected)
    assert images.class_names == hostile.CLASSES
    assert images.labels is not None
    assert [images.class_names[label] for label in images.labels] == [i.partition("/")[0] for i in images.ids]
    assert any(remark.startswith(f"{hostile.NOT_IMAGES} files") for remark in images.remarks)
    assert any("1 folders without images" in remark for remark in images.remarks)
    assert all(remark.isprintable() for remark in images.remarks)
    assert max(map(len, images.ids)) > 300
    for identity in images.ids:
        identity.encode("utf-8")


def test_order_labels_and_loose_files(tmp_path: Path) -> None:
    images = open_folder(str(_write(tmp_path, "b/1.png", "a-b/1.png", "a/z/2.PNG", "a/10.png", "top.png")))
    assert tuple(images.ids) == ("a-b/1.png", "a/10.png", "a/z/2.PNG", "b/1.png", "top.png")
    assert images.class_names == ("a", "a-b", "b")
    assert images.labels is not None
    assert images.labels.tolist() == [1, 0, 0, 2, -1]
    assert images.labels.dtype == np.int64
    assert images.remarks == ("1 entries lie beside the class folders and have no label.",)
    assert images.ids[-1] == "top.png"
    assert images.ids[1:3] == ("a/10.png", "a/z/2.PNG")
    with pytest.raises(IndexError):
        images.ids[5]


def test_flat_folder_has_no_labels(tmp_path: Path) -> None:
    images = load_images(_write(tmp_path, "2.png", "1.png"))
    assert images.labels is None
    assert images.class_names == ()
    assert "no labels" in images.remarks[0]


def test_fingerprint_moves_with_the_set(tmp_path: Path) -> None:
    one = open_folder(str(_write(tmp_path / "one", "a/1.png", "b/1.png"))).fingerprint
    assert one == open_folder(str(_write(tmp_path / "two", "a/1.png", "b/1.png"))).fingerprint
    assert one != open_folder(str(_write(tmp_path / "three", "a/1.png", "b/2.png"))).fingerprint
    (tmp_path / "two" / "a" / "1.png").write_bytes(PNG + b"\0")
    assert one != open_folder(str(tmp_path / "two")).fingerprint


@pytest.mark.parametrize("spec", ["nowhere", "empty", "file.png", "nothing:/x"])
def test_what_cannot_be_opened(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("x")
    (tmp_path / "file.png").write_bytes(PNG)
    with pytest.raises((ImagesError, UnknownNameError)) as caught:
        load_images(spec)
    assert caught.value.setting == "--images"
    assert caught.value.way_out


def test_near_miss_of_a_scheme() -> None:
    with pytest.raises(UnknownNameError, match=r"= cifar:\) Did you mean cifar10: or cifar10c:\?"):
        load_images("cifar:/data")
    with pytest.raises(ImagesError, match="Nothing follows"):
        load_images("npz:")


def test_a_folder_that_cannot_be_listed_stays_as_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, "a/1.png", "b/1.png")
    listed = os.scandir

    def refuse(path: str) -> object:
        if path.rstrip("/").endswith("b"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert _statuses(open_folder(str(tmp_path))) == {"a/1.png": "ok", "b": "unreadable"}


def test_many_images_cost_little(tmp_path: Path) -> None:
    for folder in range(10):
        (tmp_path / f"class {folder}").mkdir()
        for number in range(500):
            (tmp_path / f"class {folder}" / f"ILSVRC2012_val_{number:08d}.JPEG").touch()
    open_folder(str(tmp_path))  # imports and caches
    tracemalloc.start()
    start = time.perf_counter()
    images = open_folder(str(tmp_path))
    seconds = time.perf_counter() - start
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(images) == 5000
    assert kept < 400 * 5000 / 5  # 100,000 images: 8 MB
    assert peak < 400 * 5000  # 100,000 images: 40 MB
    assert seconds < 5
