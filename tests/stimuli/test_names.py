"""What stimuli are called."""

from __future__ import annotations

import numpy as np
import pytest

from eyechart.images.arrays import ArraySet, array_set
from eyechart.images.labels import index_classes
from eyechart.stimuli.names import MOST_BYTES, Names, safe, word
from eyechart.stimuli.pairing import Pairing


def image_set(ids: list[str], classes: list[str] | None) -> ArraySet:
    pixels = np.zeros((len(ids), 4, 4, 3), np.uint8)
    if classes is None:
        return array_set("set", pixels, ids, {}, ())
    labels, names = index_classes(classes)
    return array_set("set", pixels, ids, {"label": labels}, names)


def test_conflicts_are_named_by_class_and_number() -> None:
    images = image_set(["a", "b", "c", "d"], ["cat", "dog", "cat", "Polar bear"])
    styles = image_set(["x", "y"], ["elephant", "elephant"])
    names = Names(images, styles)
    assert names.path(2, 1, 0, several=False) == "cat/cat2-elephant2"
    assert names.path(3, 0, 1, several=True) == "Polar bear/polarbear1-elephant1"


@pytest.mark.parametrize("classes", [["n01440764", "cat"], ["a b", "ab"], ["cat", ""], None])
def test_classes_that_are_no_words_keep_the_names_of_files(classes: list[str] | None) -> None:
    images = image_set(["one.jpg", "two.jpg"], classes)
    names = Names(images, image_set(["x", "y"], None))
    folder = f"{classes[0]}/" if classes else ""
    assert names.path(0, 1, 0, several=False) == f"{folder}one"
    assert names.path(0, 1, 1, several=True) == f"{folder}one-2"
    both = Names(images, images)
    assert both.by_cue == (classes == ["cat", ""])
    assert both.path(0, 1, 0, several=False) == f"{folder}one"  # a conflict needs two classes


def test_no_two_images_share_a_name() -> None:
    ids = [
        "cat/one.jpg",
        "cat/one.png",
        "cat/sub/one.jpg",
        "cat/ONE.gif",
        "cat/" + "n" * 300 + ".jpg",
        "cat/.hidden.png",
    ]
    names = Names(image_set(ids, ["cat"] * len(ids)))
    found = [names.path(place, None, 0, several=False) for place in range(len(ids))]
    assert len({name.lower() for name in found}) == len(ids)
    for name in found:
        folder, slash, stem = name.partition("/")
        assert (folder, slash) == ("cat", "/")
        assert "/" not in stem
        assert not stem.startswith(".")
        assert len(stem.encode()) <= MOST_BYTES + 9


def test_folders_are_safe() -> None:
    assert safe("tabby cat") == "tabby cat"
    for hostile in ("..", ".", "", "a/b", "<script>", "a\0b", "é" * 200, "end ", "con:"):
        found = safe(hostile)
        assert found not in ("", ".", "..")
        assert not set(found) & set('/\0<>:"\\')
        assert len(found.encode()) <= MOST_BYTES
        assert found != hostile
    assert word("great_white shark's") == "greatwhitesharks"
    assert word("n01440764") == ""


def test_styles_are_chosen_by_seed_and_id_alone_and_alike_often() -> None:
    images = image_set([f"image {i}" for i in range(900)], ["cat", "dog", "ant"] * 300)
    styles = image_set([f"style {i}" for i in range(9)], ["cat", "dog", "elephant"] * 3)
    pairing = Pairing(images, styles, seed=3)
    chosen = [next(pairing.candidates(place)) for place in range(900)]
    for place, style in enumerate(chosen):
        assert Pairing.class_of(images, place) != Pairing.class_of(styles, style)
    ants = np.bincount(chosen[2::3], minlength=9)  # all nine are theirs to have
    assert ((ants - 300 / 9) ** 2 / (300 / 9)).sum() < 26.1  # chi-squared, 8 degrees of freedom, p = 0.001
    alone = Pairing(image_set(["image 7"], ["dog"]), styles, seed=3)
    assert next(alone.candidates(0)) == chosen[7]
    assert [next(Pairing(images, styles, 4).candidates(place)) for place in range(900)] != chosen


def test_pictures_of_one_image_have_no_style_in_common() -> None:
    images = image_set([f"image {i}" for i in range(8)], ["cat", "dog"] * 4)
    pairing = Pairing(images, images, seed=0, same_class=True)
    parts = [list(pairing.of(0, number, 3)) for number in range(3)]
    assert sorted(one for part in parts for one in part) == [1, 2, 3, 4, 5, 6, 7]  # all but itself
    assert set(Pairing(images, images, seed=0).candidates(0)) == {1, 3, 5, 7}
