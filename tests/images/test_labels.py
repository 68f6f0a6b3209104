"""``--labels``: CSV files and rules for file names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hostile
from eyechart.errors import ImagesError
from eyechart.images.labels import index_classes, read_labels, typed
from eyechart.images.load import load_images

IDS = ("a/cat4-bear2.webp", "a/dog1-dog10.webp", "b/dog2-cat1.webp")


def _csv(folder: Path, text: str, name: str = "labels.csv") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_template_with_two_fields() -> None:
    table = read_labels("{shape}{_}-{texture}{_}.webp", IDS)
    assert table.class_names == ("cat", "dog")
    assert table.targets["label"].tolist() == [0, 1, 1]
    assert table.targets["shape"].tolist() == ["cat", "dog", "dog"]
    assert table.targets["texture"].tolist() == ["bear", "dog", "cat"]
    assert table.targets["texture"].dtype == object
    assert table.remarks == ()


def test_label_goes_before_the_first_field_and_a_slash_means_the_path() -> None:
    table = read_labels("{domain}/{label}{_}-{_rest}.webp", IDS)
    assert table.class_names == ("cat", "dog")
    assert table.targets["domain"].tolist() == ["a", "a", "b"]
    assert set(table.targets) == {"label", "domain", "_rest"}


def test_regular_expression_and_images_that_do_not_fit() -> None:
    table = read_labels(r"regex:(?P<label>cat|cow)\d-.*", IDS)
    assert table.targets["label"].tolist() == [0, -1, -1]
    assert table.remarks == ("2 images do not fit the rule for labels and have no label.",)


def test_the_same_field_twice_reads_the_same() -> None:
    assert read_labels("{label}{_}-{label}{_}.webp", IDS).targets["label"].tolist() == [-1, 0, -1]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("{label}.png", "matches no image"),
        ("regex:(?P<label>[", "no regular expression"),
        ("regex:.*", "names no field"),
        ("{_}.png", "names no field"),
        ("{1a}", "no regular expression"),
        ("nowhere.csv", "no such labels file"),
    ],
)
def test_unusable_rules(rule: str, problem: str) -> None:
    with pytest.raises(ImagesError, match=problem) as caught:
        read_labels(rule, IDS)
    assert caught.value.setting == "--labels"
    assert problem != "matches no image" or "cat4-bear2.webp" in caught.value.way_out


def test_csv_by_path_name_and_stem(tmp_path: Path) -> None:
    head = "\ufeffFile, Label ,size,group\n"
    rows = "a/cat4-bear2.webp,cat,3,x\ndog1-dog10.webp,dog,4,\ndog2-cat1,,5,y\nno.png,cow,6,z\n"
    table = read_labels(_csv(tmp_path, head + rows), IDS)
    assert table.class_names == ("cat", "dog")
    assert table.targets["label"].tolist() == [0, 1, -1]
    assert table.targets["size"].tolist() == [3, 4, 5]
    assert table.targets["size"].dtype == np.int64
    assert table.targets["group"].tolist() == ["x", "", "y"]
    assert table.remarks == ("1 rows of the labels file belong to no image.",)


def test_csv_with_images_without_a_row(tmp_path: Path) -> None:
    table = read_labels(_csv(tmp_path, "id\tlabel\tn\nb/dog2-cat1.webp\t7\t1.5\n", "x.tsv"), IDS)
    assert table.targets["label"].tolist() == [-1, -1, 0]
    assert table.targets["n"].tolist() == ["", "", "1.5"]
    assert table.remarks == ("2 images have no row in the labels file and no label.",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has the columns"),
        ("a,b\n1,2\n", "has the columns a, b"),
        ("file\nx.png\n", "has the columns file"),
        ("file,label,label\nx,1,2\n", "Two columns"),
        ("file,label\nx.png,1\n", "No row"),
        ("file,label\na/cat4-bear2.webp,1\ncat4-bear2.webp,2\n", "Two rows"),
        ('file,label\n"a', "cannot be read"),
    ],
)
def test_unusable_csv(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ImagesError, match=problem):
        read_labels(_csv(tmp_path, text), IDS)


def test_csv_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"file,label\n\xff\xfe,1\n")
    with pytest.raises(ImagesError, match="cannot be read"):
        read_labels(str(tmp_path / "x.csv"), IDS)


def test_a_name_that_two_images_share_is_not_guessed(tmp_path: Path) -> None:
    table = read_labels(_csv(tmp_path, "file,label\n1.png,x\nb/2.png,y\n"), ["a/1.png", "b/1.png", "b/2.png"])
    assert table.targets["label"].tolist() == [-1, -1, 0]


def test_classes_that_are_numbers_are_sorted_by_value() -> None:
    assert index_classes(["10", "9", "100"])[1] == ("9", "10", "100")
    assert index_classes(["10", "9", "x"])[1] == ("10", "9", "x")
    assert index_classes(["1" * 9999, "2"])[1] == ("1" * 9999, "2")


def test_columns_find_their_type() -> None:
    assert typed(["1", "-2"]).dtype == np.int64
    assert typed(["1", "2.5"]).dtype == np.float64
    assert typed(["1", "nan"]).tolist() == ["1", "nan"]
    assert typed(["9" * 30, "1"]).dtype == np.float64


def test_over_a_folder(tmp_path: Path) -> None:
    for name in IDS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(hostile.encoded(hostile.picture(), "WEBP"))
    plain = load_images(tmp_path)
    images = load_images(tmp_path, labels="{shape}{_}-{texture}{_}.webp")
    assert plain.class_names == ("a", "b")
    assert images.class_names == ("cat", "dog")
    assert images.fingerprint not in (plain.fingerprint, load_images(tmp_path, labels="{texture}{_}-{shape}{_}.webp"))
    assert images.source(2).open().picture.size == (24, 16)


def test_over_the_demo(tmp_path: Path) -> None:
    images = load_images("demo", labels=_csv(tmp_path, "id,label\ntest/00000,feline\ntest/00001,vessel\n"))
    assert images.class_names == ("feline", "vessel")
    assert images.labels is not None
    assert images.labels[:3].tolist() == [0, 1, -1]
    assert images.in_memory


def test_a_table_without_labels_adds_groups_to_the_labels_that_there_are(tmp_path: Path) -> None:
    for name in IDS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(hostile.encoded(hostile.picture(), "WEBP"))
    rows = "a/cat4-bear2.webp,indoors,3\ndog2-cat1.webp,outdoors,4\n"
    plain = load_images(tmp_path)
    grouped = load_images(tmp_path, labels=_csv(tmp_path, "file,group,camera\n" + rows))
    assert grouped.class_names == plain.class_names == ("a", "b")
    assert grouped.labels is not None
    assert grouped.labels.tolist() == [0, 0, 1]
    assert grouped.targets["group"].tolist() == ["indoors", "", "outdoors"]
    assert grouped.fingerprint != plain.fingerprint
    assert "1 images have no row in the labels file and none of its entries." in grouped.remarks
    labelled = load_images(tmp_path, labels=_csv(tmp_path, "file,label\n" + rows.replace(",3", "").replace(",4", "")))
    assert labelled.class_names == ("indoors", "outdoors")


def test_groups_of_the_demo(tmp_path: Path) -> None:
    plain = load_images("demo")
    images = load_images("demo", labels=_csv(tmp_path, "id,domain\ntest/00000,x\ntest/00001,y\n"))
    assert images.class_names == plain.class_names
    assert (images.labels == plain.labels).all()
    assert images.targets["domain"][:3].tolist() == ["x", "y", ""]
