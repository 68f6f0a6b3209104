"""Stimuli from end to end: what lies in the folder, and what reads it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import eyechart
import small_style_weights
from eyechart.errors import BadImagesError, EyechartError, IdentityError, RunFolderError, SettingError
from eyechart.images.arrays import ArraySet, array_set
from eyechart.images.cues import read_cues
from eyechart.images.decode import decode
from eyechart.images.labels import index_classes, read_labels, relabel
from eyechart.views.conflicts import BandHybrid

CLASSES = ("ant", "bee", "cat", "dog")
# Geirhos et al.: word and number of the content, of the texture, and perhaps an angle.
GRAMMAR = re.compile(r"([a-z]+)/\1([0-9]+)-([a-z]+)([0-9]+)\.png")


def image_set(count: int = 12, classes: tuple[str, ...] = CLASSES, side: int = 16, seed: int = 0) -> ArraySet:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)
    labels, names = index_classes([classes[i % len(classes)] for i in range(count)])
    return array_set(f"set {seed}", pixels, [f"test/{i:03d}" for i in range(count)], {"label": labels}, names)


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "targets.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def picture(file: Path) -> np.ndarray[Any, Any]:
    return np.asarray(decode(file).picture)


@pytest.mark.parametrize("format", ["png", "webp"])
def test_pictures_are_kept_without_loss(tmp_path: Path, format: Any) -> None:
    images = image_set()
    made = eyechart.make_stimuli("plain", images, out=tmp_path, format=format)
    assert (made.pictures, made.bad, made.complete) == (12, 0, True)
    rows = table(tmp_path)
    for row in rows:
        index = list(images.ids).index(row["content"])
        np.testing.assert_array_equal(picture(tmp_path / row["file"]), images.images[index])
        assert row["label"] == CLASSES[index % 4] == row["file"].split("/")[0] == row["shape"] == row["texture"]
    assert len(rows) == 12
    about = json.loads((tmp_path / "stimuli.json").read_text())
    assert (about["complete"], about["pictures"], about["identity"]["size"]) == (True, 12, 16)
    assert about["provenance"]["packages"]["torch"]


def test_conflicts_are_named_so_that_names_tell_both_cues(tmp_path: Path) -> None:
    images = image_set(24)
    made = eyechart.make_stimuli("hybrid", images, out=tmp_path, settings={"radius": 4}, per_image=2)
    assert made.pictures == 48
    numbers = {identity: i // 4 + 1 for i, identity in enumerate(images.ids)}
    for row in table(tmp_path):
        shape, content, texture, style = GRAMMAR.fullmatch(row["file"]).groups()  # type: ignore[union-attr]
        assert (shape, texture) == (row["shape"], row["texture"])
        assert shape == row["label"] != texture
        assert (int(content), int(style)) == (numbers[row["content"]], numbers[row["style"]])
        places = [list(images.ids).index(row[name]) for name in ("content", "style")]
        a, b = (eyechart_pixels(images.images[place]) for place in places)
        mixed = BandHybrid(radius=4.0).mixed(a, b).clamp(0, 1).mul(255).round()[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(picture(tmp_path / row["file"]), mixed, atol=1)
    read = eyechart.load_images(str(tmp_path))
    assert read.class_names == CLASSES
    assert len(read) == 48
    told, named = read_cues(read.ids, relabel(read, read_labels(made.table, read.ids)).targets), read_cues(read.ids, {})
    assert told.shapes.tolist() == named.shapes.tolist() == [identity.split("/")[0] for identity in read.ids]
    assert told.textures.tolist() == named.textures.tolist()
    for ours, theirs in (
        (told.contents, named.contents),
        (told.styles, named.styles),
    ):  # other names for the same images
        assert len(set(zip(ours, theirs, strict=True))) == len(set(ours)) == len(set(theirs))


def eyechart_pixels(image: np.ndarray[Any, Any]) -> Any:
    from eyechart.core.view import Pixels

    return Pixels(torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255, ("one",), 0)


def test_the_table_is_read_as_labels(tmp_path: Path) -> None:
    classes = ("n01", "n02", "n03")  # no words, so the table alone tells the texture
    made = eyechart.make_stimuli("phase-swap", image_set(9, classes), out=tmp_path)
    images = eyechart.load_images(str(tmp_path))
    read = relabel(images, read_labels(made.table, images.ids))
    assert not any("no row" in remark or "no image" in remark for remark in read.remarks)
    for i, identity in enumerate(read.ids):
        assert read.targets["shape"][i] == identity.split("/")[0] == read.class_names[read.targets["label"][i]]
        assert read.targets["texture"][i] in set(classes) - {read.targets["shape"][i]}


def test_what_is_finished_is_not_made_again(tmp_path: Path) -> None:
    def made(**changes: Any) -> Any:
        given: dict[str, Any] = {"settings": {"radius": 4}, "out": tmp_path, **changes}
        return eyechart.make_stimuli("hybrid", image_set(16), **given)

    assert made(limit=6).pictures == 6
    first = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    lost, *kept = sorted(first)
    before = lost.read_bytes()
    lost.unlink()
    assert made(limit=10).pictures == 10
    assert lost.read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in kept} == {path: first[path] for path in kept}
    assert len(table(tmp_path)) == len(list(tmp_path.rglob("*.png"))) == 10
    whole = eyechart.make_stimuli("hybrid", image_set(16), settings={"radius": 4}, out=tmp_path / "other")
    made()
    assert sorted(map(str, table(tmp_path))) == sorted(map(str, table(Path(whole.path))))
    for change in ({"settings": {"radius": 5}}, {"seed": 1}, {"size": 8}, {"format": "webp"}, {"per_image": 2}):
        with pytest.raises(IdentityError, match="Choose another folder"):
            made(**change)
    next((tmp_path / ".rows").iterdir()).write_text("{}")
    with pytest.raises(RunFolderError, match="is damaged"):
        made()


def test_processes_share_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    found = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        found.append(eyechart.make_stimuli("plain", image_set(9), out=tmp_path))
    assert [(one.pictures, one.complete) for one in found] == [(5, False), (9, True)]
    assert len(table(tmp_path)) == 9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures of two classes, one of them broken, beside three textures, one of them broken."""
    for i in range(6):
        place = tmp_path / "photos" / ("ant", "bee")[i % 2] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image_set(6, side=20).images[i]).save(place)
    (tmp_path / "photos/bee/5.png").write_bytes(b"no picture")
    textures = tmp_path / "textures"
    textures.mkdir()
    for i in range(2):
        Image.fromarray(image_set(2, side=24, seed=1).images[i]).save(textures / f"{i}.png")
    (textures / "2.png").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_files_are_rows_and_bad_styles_give_way(folder: Path, workers: int) -> None:
    given: dict[str, Any] = {"styles": str(folder / "textures"), "settings": {"radius": 3}, "workers": workers}
    photos, out = str(folder / "photos"), folder / "out"
    with pytest.raises(BadImagesError, match=r"1 of 6 pictures could not be made, the first of bee/5.png: unreadable"):
        eyechart.make_stimuli("hybrid", photos, out=out, **given)
    made = eyechart.make_stimuli("hybrid", photos, out=out, **given, max_bad=1)
    assert (made.pictures, made.bad) == (5, 1)
    rows = table(out)
    (bad,) = [row for row in rows if not row["file"]]
    assert (bad["content"], bad["status"]) == ("bee/5.png", "unreadable")
    assert {row["style"] for row in rows if row["file"]} == {"0.png", "1.png"}
    assert {row["file"] for row in rows} == {"", "ant/0.png", "ant/2.png", "ant/4.png", "bee/1.png", "bee/3.png"}
    assert {row["texture"] for row in rows} == {""}  # nobody knows what the textures are of
    assert {picture(out / row["file"]).shape for row in rows if row["file"]} == {(20, 20, 3)}


def test_no_file_of_the_user_is_replaced(folder: Path) -> None:
    photos = folder / "photos"
    before = {path: path.read_bytes() for path in photos.rglob("*.png")}
    for out in (photos, photos / "grey", photos / "ant"):
        with pytest.raises(RunFolderError, match="lies among the images"):
            eyechart.make_stimuli("grey", str(photos), out=out, max_bad=1)
    with pytest.raises(RunFolderError, match="lies among the images"):
        eyechart.make_stimuli("hybrid", image_set(), styles=str(photos), out=photos / "h", settings={"radius": 3})
    with pytest.raises(RunFolderError, match=r"other files, which pictures might replace: ant, bee\."):
        eyechart.make_stimuli("grey", image_set(), out=photos)
    assert {path: path.read_bytes() for path in folder.rglob("*.png") if photos in path.parents} == before
    assert sorted(path.name for path in photos.iterdir()) == ["ant", "bee"]


def test_silhouettes_go_by_masks(folder: Path) -> None:
    (folder / "photos/bee/5.png").unlink()
    shape = np.zeros((20, 20), np.uint8)
    shape[3:9, 5:12] = 255
    for i in range(5):
        place = folder / "masks" / ("ant", "bee")[i % 2] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shape).save(place)
    photos = eyechart.load_images(str(folder / "photos"), masks=str(folder / "masks"))
    made = eyechart.make_stimuli("silhouette", photos, out=folder / "out")
    assert made.pictures == 5
    for row in table(folder / "out"):
        np.testing.assert_array_equal(picture(folder / "out" / row["file"])[..., 0], 255 - shape)
    with pytest.raises(RunFolderError, match="lies among the images"):
        eyechart.make_stimuli("silhouette", photos, out=folder / "photos/silhouettes")


def test_a_style_transfer_from_weights_to_pictures(tmp_path: Path) -> None:
    weights = small_style_weights.vgg19(tmp_path)
    given = {"weights": str(weights), "steps": 20, "work_size": 32}
    eyechart.make_stimuli("style", image_set(3), out=tmp_path / "gatys", settings=given, size=16)
    for row in table(tmp_path / "gatys"):
        notes = json.loads(row["notes"])
        assert notes["loss_after"] < notes["loss_before"]
        assert json.loads(row["settings"])["weights"] == "vgg19.safetensors"
        assert GRAMMAR.fullmatch(row["file"])
    about = json.loads((tmp_path / "gatys/stimuli.json").read_text())
    assert len(about["identity"]["weights"]["weights"]) == 64
    encoder, decoder = map(str, small_style_weights.adain(tmp_path))
    files = {"weights": encoder, "decoder": decoder}
    made = eyechart.make_stimuli("adain", image_set(5), out=tmp_path / "adain", settings=files, size=32)
    assert made.pictures == 5
    assert {picture(tmp_path / "adain" / row["file"]).shape for row in table(tmp_path / "adain")} == {(32, 32, 3)}
    torch.save(small_style_weights.chain(small_style_weights.DECODER, (8, 8, 8, 8, 6, 6, 4, 5, 3), 10), decoder)
    with pytest.raises(IdentityError, match="other stimuli: weights"):
        eyechart.make_stimuli("adain", image_set(5), out=tmp_path / "adain", settings=files, size=32)


def test_a_view_of_ones_own(tmp_path: Path) -> None:
    images = image_set(4)
    eyechart.make_stimuli("small_views:Negative", images, out=tmp_path)
    row = table(tmp_path)[0]
    index = list(images.ids).index(row["content"])
    np.testing.assert_array_equal(picture(tmp_path / row["file"]), 255 - images.images[index])


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("plain", {"per_image": 2}, "one picture of each image alone"),
        ("plain", {"styles": image_set(2)}, "--styles"),
        ("phase-swap", {"per_image": 10}, "have 9 styles to choose from, and 10 are needed"),
        ("plain", {"limit": 0}, "--limit"),
        ("hybrid", {"settings": {"radius": 500}}, "hybrid.radius = 500"),
        ("plain", {"format": "jpeg"}, "Give png or webp"),
        ("style", {"settings": {"weights": "absent.pth"}}, "weights file is not there"),
    ],
)
def test_what_cannot_be_made_is_told_before_anything_is_written(
    tmp_path: Path, kind: str, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(EyechartError) as caught:
        eyechart.make_stimuli(kind, image_set(), out=tmp_path / "out", **given)
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_pictures_as_small_as_the_smallest_image_are_made_on_request_alone(tmp_path: Path) -> None:
    small = image_set(8, side=8)
    with pytest.raises(SettingError, match=r"would have 8 pixels a side.*--size=N"):
        eyechart.make_stimuli("plain", small, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert eyechart.make_stimuli("plain", small, out=tmp_path / "out", size=8).pictures == 8


def test_more_tiles_than_pixels_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="17 tiles along a side of 16 pixels"):
        eyechart.make_stimuli("object", image_set(4), out=tmp_path, settings={"grid": 17})


def test_settings_that_do_not_suit_the_frame_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="does not fit frames of 16 pixels: a band from 9"):
        eyechart.make_stimuli("small_views:Backwards", image_set(2), out=tmp_path)
