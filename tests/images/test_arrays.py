"""Sets in memory: npz archives, CIFAR-10 in both formats, the demo."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eyechart.errors import ImagesError, TrustError
from eyechart.images.arrays import ArraySet
from eyechart.images.cifar10 import CLASSES, open_cifar10, write_sheet
from eyechart.images.demo import open_demo
from eyechart.images.image_set import ImageSet
from eyechart.images.load import load_images

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 8, 10, 3), dtype=np.uint8)


def _npz(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "set.npz", **arrays)
    return str(folder / "set.npz")


def _pixels(images: ImageSet, index: int) -> np.ndarray:
    return np.asarray(images.source(index).open().picture)


def test_npz_round_trip(tmp_path: Path) -> None:
    given = {
        "y": np.array([[2], [0], [1], [-5], [2], [0]], dtype=np.int16),
        "class_names": np.array(["ant", "bee", "cat"]),
        "group": np.array(list("xyxyxy")),
        "soft": np.eye(6, 3),
        "odd": np.zeros(3),
    }
    file = _npz(tmp_path, images=IMAGES, **given)
    images = load_images(f"npz:{file}")
    assert isinstance(images, ArraySet)
    assert images.in_memory
    assert images.labels is not None
    assert images.labels.tolist() == [2, 0, 1, -1, 2, 0]
    assert images.class_names == ("ant", "bee", "cat")
    assert images.targets["group"].tolist() == list("xyxyxy")
    assert (images.targets["soft"] == given["soft"]).all()
    assert images.remarks == ("The array 'odd' has not one entry an image and was passed over.",)
    assert list(images.ids) == [f"{number:05d}" for number in range(6)]
    assert all((_pixels(images, i) == IMAGES[i]).all() for i in range(6))
    assert not images.images.flags.writeable


@pytest.mark.parametrize("key", ["images", "x", "x_test", "test_images", "data"])
@pytest.mark.parametrize(
    "laid", [IMAGES, IMAGES.transpose(0, 3, 1, 2), IMAGES.astype(np.float32) / 255, IMAGES.astype(">f8") / 255]
)
def test_npz_layouts(key: str, laid: np.ndarray, tmp_path: Path) -> None:
    images = load_images(f"npz:{_npz(tmp_path, **{key: laid})}")
    assert (_pixels(images, 5) == IMAGES[5]).all()
    assert images.labels is None
    assert bool(images.remarks) == (laid.dtype != np.uint8)


@pytest.mark.parametrize("shape", [(6, 8, 10), (6, 8, 10, 1), (6, 1, 8, 10)])
def test_npz_grey(shape: tuple[int, ...], tmp_path: Path) -> None:
    images = load_images(f"npz:{_npz(tmp_path, images=IMAGES[..., 0].reshape(shape))}")
    assert (_pixels(images, 3) == IMAGES[3, :, :, :1]).all()
    assert images.source(0).open().remark == "grey converted to RGB"


def test_npz_labels_without_names_stay_in_order_when_sorted(tmp_path: Path) -> None:
    names = load_images(f"npz:{_npz(tmp_path, x=IMAGES, y=[0, 1, 2, 3, 4, 11])}").class_names
    assert names == tuple(sorted(names))
    assert names[11] == "11"
    texts = load_images(f"npz:{_npz(tmp_path, x=IMAGES, y=list('bababa'), ids=list('uvwxyz'))}")
    assert texts.class_names == ("a", "b")
    assert tuple(texts.ids) == tuple("uvwxyz")


@pytest.mark.parametrize(
    "arrays",
    [
        {"pictures": IMAGES},
        {"images": IMAGES.astype(np.int32)},
        {"images": IMAGES.astype(np.float32)},
        {"images": np.full((2, 4, 4, 3), np.nan)},
        {"images": IMAGES[:, :3, :3]},  # (6, 3, 3, 3): either axis may hold the colours
        {"images": IMAGES[:0]},
        {"images": IMAGES[0, 0]},
        {"images": np.zeros((6, 8, 10, 4), np.uint8)},
        {"images": IMAGES[:, :3]},
        {"images": IMAGES, "labels": np.zeros(5, int)},
        {"images": IMAGES, "labels": np.zeros(6)},
        {"images": IMAGES, "labels": np.arange(6), "class_names": np.array(["a"])},
        {"images": IMAGES, "labels": np.full(6, 2**40)},
        {"images": IMAGES, "ids": np.zeros(6, int)},
        {"images": np.array([{"a": 1}, None], dtype=object)},
    ],
    ids=range(15),
)
def test_npz_refused(arrays: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ImagesError) as caught:
        load_images(f"npz:{_npz(tmp_path, **arrays)}")
    assert caught.value.way_out


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04broken", pickle.dumps([1])])
def test_npz_broken(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ImagesError):
        load_images(f"npz:{tmp_path / 'x.npz'}")
    with pytest.raises(ImagesError, match="no such file"):
        load_images("npz:nowhere.npz")


def test_fingerprint_sees_one_pixel_but_not_the_place(tmp_path: Path) -> None:
    changed = IMAGES.copy()
    changed[5, 7, 9, 2] ^= 1
    marks = []
    for name, pixels in (("a", IMAGES), ("b", IMAGES), ("c", changed)):
        (tmp_path / name).mkdir()
        marks.append(load_images(f"npz:{_npz(tmp_path / name, images=pixels)}").fingerprint)
    assert marks[0] == marks[1] != marks[2]


def test_a_source_carries_one_image_only() -> None:
    images = open_demo()
    source = images.source(7)
    assert np.shares_memory(source.pixels, images.images)
    packed = pickle.dumps(source)
    assert len(packed) < 2 * 32 * 32 * 3
    assert (np.asarray(pickle.loads(packed).open().picture) == images.images[7]).all()


def test_demo() -> None:
    images = load_images("demo")
    assert len(images) == 1000
    assert images.class_names == CLASSES
    assert images.ids[0] == "test/00000"
    assert len(set(images.ids)) == 1000
    assert images.labels is not None
    assert np.bincount(images.labels).tolist() == [103, 89, 100, 103, 90, 87, 112, 102, 105, 109]
    assert images.images.shape == (1000, 32, 32, 3)


def _write_batch(file: Path, pixels: np.ndarray, labels: list[int], protocol: int = 2) -> None:
    flat = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).reshape(len(pixels), -1)
    batch = {b"batch_label": b"a batch", b"labels": labels, b"data": flat, b"filenames": [b"a.png"] * len(labels)}
    file.write_bytes(pickle.dumps(batch, protocol=protocol))


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_official_batches(protocol: int, tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    for number in range(1, 6):
        _write_batch(tmp_path / f"data_batch_{number}", pixels[2 * number : 2 * number + 2], [number, 0], protocol)
    _write_batch(tmp_path / "test_batch", pixels[:2], [3, 9], protocol)
    test, train = load_images(f"cifar10:{tmp_path}"), load_images(f"cifar10:{tmp_path}#train")
    assert tuple(test.ids) == ("test/00000", "test/00001")
    assert test.labels is not None
    assert train.labels is not None
    assert test.labels.tolist() == [3, 9]
    assert train.labels.tolist() == [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
    assert (_pixels(test, 1) == pixels[1]).all()
    assert all((_pixels(train, i) == pixels[i + 2]).all() for i in range(10))


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch evil",)


@pytest.mark.parametrize("entry", ["data", "other"])
def test_a_malicious_pickle_is_refused(entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_batch").write_bytes(pickle.dumps({b"labels": [1], entry.encode(): _Evil()}, protocol=2))
    with pytest.raises(TrustError, match=r"would run code .*system"):
        load_images(f"cifar10:{tmp_path}")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "batch",
    [
        [1, 2],
        {b"labels": [1]},
        {b"labels": [1, 2], b"data": np.zeros((1, 3072), np.uint8)},
        {b"labels": [1], b"data": np.zeros((1, 3072), np.int16)},
        {b"labels": [1], b"data": np.zeros((1, 99), np.uint8)},
        {b"labels": [300], b"data": np.zeros((1, 3072), np.uint8)},
        {b"labels": [10], b"data": np.zeros((1, 3072), np.uint8)},
        {b"labels": [], b"data": np.zeros((0, 3072), np.uint8)},
        {b"labels": [1], b"data": np.array([[None]], dtype=object)},
    ],
)
def test_broken_batches(batch: Any, tmp_path: Path) -> None:
    (tmp_path / "test_batch").write_bytes(pickle.dumps(batch, protocol=2))
    with pytest.raises((ImagesError, TrustError)):  # an empty array asks for builtins.bytes
        load_images(f"cifar10:{tmp_path}")
    (tmp_path / "test_batch").write_bytes(pickle.dumps(batch, protocol=2)[:-9])
    with pytest.raises((ImagesError, TrustError)):
        load_images(f"cifar10:{tmp_path}")


def test_sheets(tmp_path: Path) -> None:
    pixels = np.broadcast_to(np.arange(1003).reshape(-1, 1, 1, 1) % 251, (1003, 32, 32, 3)).astype(np.uint8)
    pixels[:, 3, 4:9] = RNG.integers(0, 256, (1003, 5, 3))
    present = np.ones(1003, bool)
    present[[0, 999, 1001]] = False
    write_sheet(pixels[:1000], tmp_path / "train_00.webp")
    write_sheet(pixels[1000:], tmp_path / "train_01.webp")
    np.savez(tmp_path / "train_labels.npz", labels=(np.arange(1003) % 10).astype(np.uint8), present=present)
    images = open_cifar10(f"{tmp_path}#train")
    numbers = np.flatnonzero(present)
    assert tuple(images.ids) == tuple(f"train/{number:05d}" for number in numbers)
    assert (images.images == pixels[present]).all()
    assert (images.targets["label"] == numbers % 10).all()
    with pytest.raises(ImagesError, match="no test images"):
        open_cifar10(str(tmp_path))
    shutil.copy(tmp_path / "train_01.webp", tmp_path / "train_00.webp")
    with pytest.raises(ImagesError, match="has the size"):
        open_cifar10(f"{tmp_path}#train")


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
def test_shared_sheets() -> None:
    test, train = load_images(f"cifar10:{SHARED / 'cifar10'}"), load_images(f"cifar10:{SHARED / 'cifar10'}#train")
    assert (len(test), len(train)) == (9_979, 24_984)
    demo = open_demo()
    assert tuple(demo.ids) == test.ids[:1000]
    assert all((_pixels(demo, i) == _pixels(test, i)).all() for i in range(0, 1000, 37))


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is absent")
def test_shared_cue_conflict() -> None:
    images = load_images(SHARED / "cue_conflict", labels="{shape}{_}-{texture}{_}.webp")
    assert len(images) == 400
    assert len(images.class_names) == 16
    assert np.bincount(images.targets["label"]).tolist() == [25] * 16
    assert [identity.partition("/")[0] for identity in images.ids] == images.targets["shape"].tolist()
    assert set(images.targets["texture"]) == set(images.class_names)
