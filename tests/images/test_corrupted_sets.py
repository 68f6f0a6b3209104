"""Sets of corrupted pictures as they are published: small ones made by hand, whole and broken."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hostile
from eyechart.errors import ImagesError, UnknownNameError
from eyechart.images.corrupted import CORRUPTIONS, SEVERITIES
from eyechart.images.image_set import ImageSet
from eyechart.images.load import load_images
from eyechart.images.order import examined_order, pictures_of, seeded_order
from eyechart.images.part import split
from eyechart.views.corruptions.corrupted import CORRUPTIONS as DRAWN
from eyechart.views.corruptions.corrupted import SEVERITIES as DRAWN_AT

COUNT = 4
LABELS = np.array([3, 0, 9, 3], np.uint8)
PNG = hostile.encoded(hostile.picture(), "PNG")


def pixels(seed: int, blocks: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (blocks * COUNT, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def cifar(tmp_path: Path) -> Path:
    """Two corruptions and the images as they are."""
    np.save(tmp_path / "labels.npy", np.tile(LABELS, 5))
    np.save(tmp_path / "fog.npy", pixels(1))
    np.save(tmp_path / "frost.npy", pixels(2))
    np.save(tmp_path / "clean.npy", pixels(3, 1))
    return tmp_path


def shown(images: ImageSet, index: int) -> np.ndarray:
    return np.asarray(pickle.loads(pickle.dumps(images.source(index))).open().picture)


def test_names_are_those_of_the_views() -> None:
    assert tuple(DRAWN) == CORRUPTIONS
    assert DRAWN_AT == SEVERITIES


def test_blocks_are_severities_of_the_same_test_images(cifar: Path) -> None:
    images = load_images(f"cifar10c:{cifar}")
    assert len(images) == len(images.ids) == 11 * COUNT
    assert images.ids[5 * COUNT + 2 * COUNT + 1] == "fog/3/00001"
    assert images.ids[-1] == "clean/0/00003"
    assert len(set(images.ids)) == len(images)
    at = {name: column[7 * COUNT + 1] for name, column in images.targets.items()}
    assert at == {"label": 0, "corruption": "fog", "severity": 3, "source": 1}
    assert images.labels is not None
    for k, name, blocks in ((2, "frost", 5), (1, "fog", 5), (3, "clean", 1)):
        first = [*images.ids].index(f"{name}/{min(1, blocks - 1)}/00000")
        for j in range(blocks * COUNT):
            assert (shown(images, first + j) == pixels(k, blocks)[j]).all()
            assert images.labels[first + j] == LABELS[j % COUNT]
            assert images.targets["source"][first + j] == j % COUNT
    assert images.class_names[3] == "cat"


def test_what_is_not_there_is_told(cifar: Path) -> None:
    np.save(cifar / "clouds.npy", np.zeros(3))
    remarks = " ".join(load_images(f"cifar10c:{cifar}").remarks)
    assert "There are 4 test images; CIFAR-10-C has 10,000" in remarks
    assert "gaussian_noise, shot_noise" in remarks
    assert "fog" not in remarks
    assert "1 arrays are no corruption and passed over (clouds.npy)" in remarks


def test_the_folder_may_be_the_one_that_holds_it(cifar: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    above = tmp_path_factory.mktemp("above")
    (above / "CIFAR-10-C").symlink_to(cifar)
    assert load_images(f"cifar10c:{above}#fog").fingerprint == load_images(f"cifar10c:{cifar}#fog").fingerprint


def test_some_corruptions_alone(cifar: Path) -> None:
    images = load_images(f"cifar10c:{cifar}#frost")
    assert set(images.targets["corruption"]) == {"frost"}
    assert not any("not there" in remark for remark in images.remarks)
    assert "not there: snow" in " ".join(load_images(f"cifar10c:{cifar}#frost,snow").remarks)
    with pytest.raises(UnknownNameError, match="Did you mean frost"):
        load_images(f"cifar10c:{cifar}#frosst")


def test_one_pixel_and_one_label_make_another_set(cifar: Path) -> None:
    marks = {load_images(f"cifar10c:{cifar}").fingerprint}
    changed = pixels(2)
    changed[-1, -1, -1, -1] ^= 1
    np.save(cifar / "frost.npy", changed)
    marks.add(load_images(f"cifar10c:{cifar}").fingerprint)
    np.save(cifar / "labels.npy", np.tile(LABELS[::-1], 5))
    marks.add(load_images(f"cifar10c:{cifar}").fingerprint)
    assert len(marks) == 3


def _save(name: str, values: Any) -> Any:
    return lambda folder: np.save(folder / name, values, allow_pickle=True)


def _truncate(folder: Path) -> None:
    (folder / "fog.npy").write_bytes((folder / "fog.npy").read_bytes()[:-1])


def _archive(folder: Path) -> None:
    np.savez(folder / "fog.npz", images=pixels(1))
    (folder / "fog.npz").replace(folder / "fog.npy")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "labels.npy").unlink(), "There is no labels.npy"),
        (_save("labels.npy", np.tile(LABELS, 4)), "five times as many"),
        (_save("labels.npy", np.tile(LABELS, 10)), "not uint8"),
        (_save("labels.npy", LABELS[:3]), "five times as many"),
        (_save("labels.npy", np.tile(LABELS, 5).astype(float)), "whole numbers"),
        (_save("labels.npy", np.arange(20) % 10), "does not repeat"),
        (_save("labels.npy", np.full(20, 10)), "0 to 9"),
        (_save("labels.npy", np.full(20, -1)), "0 to 9"),
        (_save("labels.npy", np.zeros(0, int)), "five times as many"),
        (_save("labels.npy", np.array([{}] * 20, dtype=object)), "cannot be read"),
        (_save("fog.npy", pixels(1).transpose(0, 3, 1, 2)), "not uint8"),
        (_save("fog.npy", pixels(1).astype(np.float32)), "not uint8"),
        (_save("fog.npy", pixels(1)[:-1]), "not uint8"),
        (_save("fog.npy", np.array(3)), "not uint8"),
        (_save("clean.npy", pixels(1)), "not uint8"),
        (_truncate, "cannot be read"),
        (_archive, "an archive"),
        (lambda folder: (folder / "fog.npy").write_bytes(b"\x80\x04N."), "cannot be read"),
        (lambda folder: (folder / "fog.npy").write_bytes(b""), "cannot be read"),
        (lambda folder: [(folder / f"{name}.npy").unlink() for name in ("fog", "frost")], "no array of a corruption"),
    ],
    ids=range(20),
)
def test_broken_arrays_are_told(cifar: Path, spoil: Any, told: str) -> None:
    spoil(cifar)
    with pytest.raises(ImagesError, match=told) as caught:
        load_images(f"cifar10c:{cifar}")
    assert caught.value.setting == "--images"
    assert caught.value.way_out


def test_no_folder_is_no_set(tmp_path: Path) -> None:
    for scheme in ("cifar10c", "imagenetc"):
        for place in (tmp_path / "nowhere", tmp_path, tmp_path / "a\0b"):
            with pytest.raises(ImagesError):
                load_images(f"{scheme}:{place}")


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(PNG)
    return root


def test_folders_of_classes_below_severities(tmp_path: Path) -> None:
    tree(tmp_path, "fog/3/n02/b.JPEG", "fog/1/n02/b.JPEG", "fog/1/n01/a.JPEG", "snow/1/n01/b.JPEG", "clean/0/n02/b.png")
    images = load_images(f"imagenetc:{tmp_path}")
    order = ["snow/1/n01/b.JPEG", "fog/1/n01/a.JPEG", "fog/1/n02/b.JPEG", "fog/3/n02/b.JPEG", "clean/0/n02/b.png"]
    assert [*images.ids] == order
    assert images.class_names == ("n01", "n02")
    assert images.labels is not None
    assert images.labels.tolist() == [0, 0, 1, 1, 1]
    assert images.targets["corruption"].tolist() == ["snow", "fog", "fog", "fog", "clean"]
    assert images.targets["severity"].tolist() == [1, 1, 1, 3, 0]
    source = images.targets["source"].tolist()
    assert source[2] == source[3] == source[4]
    assert len(set(source)) == 3
    assert shown(images, 4).shape[2] == 3
    assert "fog 2, fog 4, fog 5" in " ".join(images.remarks)


def test_odd_entries_are_told_or_refused(tmp_path: Path) -> None:
    root = tree(tmp_path / "set", "fog/1/n01/a.JPEG", "fog/6/n01/a.JPEG", "clouds/1/n01/a.JPEG", "fog/1/loose.png")
    tree(tmp_path, "secret.png")
    (root / "fog/1/n01/b.JPEG").symlink_to(tmp_path / "secret.png")
    (root / "fog/1/notes.txt").write_text("x")
    images = load_images(f"imagenetc:{root}")
    assert [*images.ids] == ["fog/1/loose.png", "fog/1/n01/a.JPEG", "fog/1/n01/b.JPEG"]
    assert images.labels is not None
    assert images.labels.tolist() == [-1, 0, 0]
    remarks = " ".join(images.remarks)
    assert "2 folders are no corruption and passed over (clouds, fog/6)" in remarks
    assert "1 files that are not images" in remarks
    with pytest.raises(Exception, match="outside"):
        images.source(2).open()


@pytest.mark.parametrize(("text", "made"), [(json.dumps({"identity": {}}), True), ("[[[", False), ("7", False)])
def test_sets_of_our_own_making_are_not_the_published_ones(tmp_path: Path, text: str, made: bool) -> None:
    tree(tmp_path, "fog/1/n01/a.png")
    (tmp_path / "fog/1/stimuli.json").write_text(text)
    (tmp_path / "fog/1/targets.csv").write_text("file\n")
    remarks = " ".join(load_images(f"imagenetc:{tmp_path}").remarks)
    assert ("-C-like set" in remarks) is made
    assert ("files that are not images" in remarks) is not made


def test_a_limit_takes_whole_test_images(cifar: Path) -> None:
    images = load_images(f"cifar10c:{cifar}")
    sources = images.targets["source"]
    for seed in range(5):
        order = examined_order(images, seed)
        assert sorted(order.tolist()) == list(range(len(images)))
        for limit in range(1, COUNT + 1):
            taken = order[: pictures_of(images, limit, seed)]
            assert len(taken) == 11 * limit
            assert len(set(sources[taken].tolist())) == limit
    assert pictures_of(images, 99, 0) == len(images)


def test_other_sets_are_taken_picture_by_picture(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for k in range(3):
            (tmp_path / label / f"{k}.png").write_bytes(PNG)
    images = load_images(str(tmp_path))
    assert examined_order(images, 3).tolist() == seeded_order(images.ids, images.labels, 3).tolist()
    assert [pictures_of(images, limit, 3) for limit in (1, 4, 9)] == [1, 4, 6]


def test_a_corruption_that_is_not_there_is_named(cifar: Path) -> None:
    with pytest.raises(ImagesError, match=r"no snow\.npy; it has: frost, fog"):
        load_images(f"cifar10c:{cifar}#snow")


def test_no_test_image_is_in_both_parts(cifar: Path) -> None:
    images = load_images(f"cifar10c:{cifar}")
    for first in (1, 11, 12, len(images) // 2, len(images)):
        some, others = split(images, first, 1)
        assert len(some) >= first
        assert len(some) + len(others) == len(images)
        assert not set(some.targets["source"].tolist()) & set(others.targets["source"].tolist())
    assert len(split(images, 11, 1)[0]) == 11
