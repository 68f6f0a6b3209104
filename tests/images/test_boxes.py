"""Annotations of objects: what is read, what is left out, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eyechart.errors import ImagesError
from eyechart.images.boxes import read_boxes


def coco(path: Path, images: Any, annotations: Any, **more: Any) -> str:
    path.write_text(json.dumps({"images": images, "annotations": annotations, **more}))
    return str(path)


def image(number: Any, width: Any = 100, height: Any = 50) -> dict[str, Any]:
    return {"id": number, "width": width, "height": height, "file_name": "x.jpg"}


def box(number: Any, *sides: Any, **more: Any) -> dict[str, Any]:
    return {"image_id": number, "bbox": list(sides), "segmentation": [[0.0] * 100], **more}


def voc(folder: Path, name: str, *boxes: tuple[Any, ...], size: str = "<width>100</width><height>50</height>") -> Path:
    objects = "".join(
        "<object><name>cat</name><bndbox>"
        + "".join(f"<{side}>{at}</{side}>" for side, at in zip(("xmin", "ymin", "xmax", "ymax"), one, strict=True))
        + "</bndbox><part><name>head</name>"
        + "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part></object>"
        for one in boxes
    )
    file = folder / name
    file.write_text(f"<annotation><size>{size}</size>{objects}</annotation>")
    return file


def test_coco(tmp_path: Path) -> None:
    file = coco(
        tmp_path / "instances.json",
        [image(7), image("a", 10, 10), image(9)],
        [box(7, 10, 10, 20, 5), box("a", 0, 0, 5.5, 10), box(7, 0, 0, 100, 50), box(7, 1, 1, 9, 9, iscrowd=1)],
    )
    found = read_boxes(file)
    np.testing.assert_allclose(found.corners, [[0.1, 0.2, 0.3, 0.3], [0, 0, 1, 1], [0, 0, 0.55, 1]])
    assert found.image.tolist() == [0, 0, 1]
    assert found.images == 3
    np.testing.assert_allclose(found.pixel[0], [0.01, 0.02])
    assert dict(found.left_out) == {"boxes of crowds": 1}


def test_voc_counts_pixels_from_one_and_leaves_parts_out(tmp_path: Path) -> None:
    voc(tmp_path, "b.xml", (1, 1, 10, 50))
    voc(tmp_path, "a.xml", (11, 11, 30, 15), ("51.5", 1, 100, 50))
    (tmp_path / "more").mkdir()
    voc(tmp_path / "more", "c.XML")
    (tmp_path / "readme.txt").write_text("nothing")
    found = read_boxes(str(tmp_path))
    np.testing.assert_allclose(found.corners, [[0.1, 0.2, 0.3, 0.3], [0.505, 0, 1, 1], [0, 0, 0.1, 1]])
    assert found.image.tolist() == [0, 0, 1]
    assert found.images == 3
    one = read_boxes(str(tmp_path / "b.xml"))
    np.testing.assert_allclose(one.corners, [[0, 0, 0.1, 1]])


def test_what_reaches_over_the_edge_is_cut_and_what_has_no_area_left_out(tmp_path: Path) -> None:
    file = coco(
        tmp_path / "x.json",
        [image(1)],
        [box(1, -10, 0, 20, 50), box(1, 200, 0, 5, 5), box(1, 5, 5, 0, 5), box(1, 5, 5, -3, 5)],
    )
    found = read_boxes(file)
    np.testing.assert_allclose(found.corners, [[0, 0, 0.1, 1]])
    assert found.clipped == 1
    assert dict(found.left_out) == {"boxes without area in their image": 3}


@pytest.mark.parametrize(
    "bad",
    [
        box(1, 1, 2, 3),
        box(1, 1, 2, 3, "4"),
        box(1, 1, 2, 3, True),
        box(1, 1, 2, 3, None),
        box(1, 1, 2, 3, float("nan")),
        box(1, 1, 2, 3, float("inf")),
        box(1, 1, 2, 3, 10**400),
        {"image_id": 1, "bbox": {"x": 1}},
        {"image_id": 1},
        {"image_id": 2, "bbox": [1, 2, 3, 4]},
        {"image_id": [1], "bbox": [1, 2, 3, 4]},
        {"image_id": {"a": 1}, "bbox": [1, 2, 3, 4]},
        "box",
        None,
        17,
    ],
    ids=repr,
)
def test_odd_entries_are_counted(tmp_path: Path, bad: Any) -> None:
    found = read_boxes(coco(tmp_path / "x.json", [image(1)], [box(1, 0, 0, 10, 10), bad]))
    assert len(found.corners) == 1
    assert found.left_out.total() == 1


@pytest.mark.parametrize(
    "size", [(0, 50), (-1, 50), ("100", 50), (None, 50), (float("nan"), 50), (10**400, 50)], ids=repr
)
def test_images_without_a_size_are_counted(tmp_path: Path, size: tuple[Any, Any]) -> None:
    found = read_boxes(coco(tmp_path / "x.json", [image(1), image(2, *size), image(1), "image"], [box(1, 0, 0, 9, 9)]))
    assert (found.images, found.left_out.total()) == (1, 3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"images": 1, "annotations": []}',
        '{"images": []}',
        "[" * 100_000,
        '{"images": [], "annotations": []}',
        "\x00\xff",
        "1" * 5000,
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_coco_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text, encoding="latin-1")
    with pytest.raises(ImagesError, match="COCO"):
        read_boxes(str(tmp_path / "x.json"))


SECRET = "the secret"
HOSTILE = {
    "external": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:{secret}">]><annotation><size><width>&x;</width></size></annotation>',
    "parameter": '<!DOCTYPE a [<!ENTITY % x SYSTEM "file:{secret}"> %x;]><annotation></annotation>',
    "laughs": "<!DOCTYPE a ["
    + '<!ENTITY l0 "ha">'
    + "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 12))
    + "]><annotation><object><bndbox><xmin>&l11;</xmin></bndbox></object></annotation>",
    "bare document type": "<!DOCTYPE annotation><annotation></annotation>",
    "undeclared entity": "<annotation>&x;</annotation>",
    "deep": "<annotation>" + "<a>" * 100_000,
    "cut short": "<annotation><object>",
    "another root": "<html></html>",
    "an encoding that is not known": '<?xml version="1.0" encoding="klingon"?><annotation></annotation>',
    "empty": "",
    "binary": "\x00\x01\x02",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_counted_and_open_nothing(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    folder = tmp_path / "annotations"
    folder.mkdir()
    (folder / "bad.xml").write_text(HOSTILE[name].replace("{secret}", str(secret)))
    voc(folder, "good.xml", (1, 1, 10, 10))
    found = read_boxes(str(folder))
    assert (found.images, len(found.corners)) == (1, 1)
    (reason,) = found.left_out
    assert reason.startswith("files: ")
    assert SECRET not in reason
    assert "document type" in reason or name not in ("external", "parameter", "laughs", "bare document type")


def test_odd_voc_entries_are_counted(tmp_path: Path) -> None:
    voc(
        tmp_path,
        "a.xml",
        ("x", 1, 2, 3),
        ("nan", 1, 2, 3),
        ("", 1, 2, 3),
        ("1e999", 1, 2, 3),
        (20, 1, 2, 3),
        (1, 1, 2, 3),
    )
    voc(tmp_path, "b.xml", (1, 1, 2, 3), size="<width>0</width>")
    found = read_boxes(str(tmp_path))
    assert len(found.corners) == 1
    assert found.left_out == {
        "boxes that are not four numbers": 4,
        "boxes without area in their image": 1,
        "images without a usable width and height": 1,
    }


def test_nothing_to_read(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path / "absent.xml", tmp_path):
        with pytest.raises(ImagesError, match="Give a COCO JSON file"):
            read_boxes(str(path))
    voc(tmp_path, "a.xml")
    with pytest.raises(ImagesError, match="no box that can be used"):
        read_boxes(str(tmp_path))
