"""Masks beside images: which belongs to which, what they show in the frame, and what is told of odd ones."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from eyechart.errors import ImagesError
from eyechart.examination import examine
from eyechart.exams.variants import Variants
from eyechart.images.image_set import UndecodableError
from eyechart.images.load import load_images
from eyechart.images.original import Original
from eyechart.models.preprocessing import Preprocessing
from eyechart.views.outlines import Silhouette
from eyechart.views.textures import ObjectTexture
from eyes import noise_images, seen_by

SIDE = 32
AT = (slice(4, 20), slice(8, 28))  # the object


class MeanEye(nn.Module):
    """Class 1 where the picture is brighter than mid grey."""

    def forward(self, x):  # type: ignore[no-untyped-def]
        bright = 10 * (x.mean((1, 2, 3)) - 0.5)
        return (bright[:, None] * x.new_tensor([-1.0, 1.0])).contiguous()


def mask(value: int = 255) -> np.ndarray:  # type: ignore[type-arg]
    found = np.zeros((SIDE, SIDE), np.uint8)
    found[AT] = value
    return found


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Eight pictures of noise in two classes; a mask for each but the last, of values 255, 1 and 7 in turn."""
    for i, pixels in enumerate(noise_images(8, SIDE)):
        name = f"{('ant', 'bee')[i % 2]}/{i}"
        for folder, ending, picture in (("images", "jpg", pixels), ("masks", "png", mask((255, 1, 7)[i % 3]))):
            if folder == "masks" and i == 7:
                continue
            file = tmp_path / folder / f"{name}.{ending}"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(file)
    return tmp_path / "images", tmp_path / "masks"


def test_masks_are_found_by_name_and_tell_where_the_object_is(folders: tuple[Path, Path]) -> None:
    images, masks = folders
    found = load_images(images, masks=masks)
    assert found.class_names == ("ant", "bee")
    assert "1 of 8 images have no mask: no object is seen in them." in found.remarks
    for place, identity in enumerate(found.ids):
        original = pickle.loads(pickle.dumps(found.source(place))).open()
        assert original.mask is not None
        wanted = np.zeros((SIDE, SIDE)) if identity == "bee/7.jpg" else mask()
        np.testing.assert_array_equal(np.asarray(original.mask), wanted)
    plain = load_images(images)
    assert plain.source(0).open().mask is None
    assert plain.fingerprint != found.fingerprint
    assert load_images(images, masks=masks).fingerprint == found.fingerprint


def test_masks_go_into_the_frame_as_the_picture_does() -> None:
    pixels = noise_images(1, 2 * SIDE)[0]
    large = Image.fromarray(np.kron(mask(), np.ones((2, 2), np.uint8)))
    half = Preprocessing(size=(SIDE, SIDE), resize=SIDE)
    shown = Silhouette().frame(Original(Image.fromarray(pixels), mask=large), half, np.random.default_rng(0))
    assert shown.valid
    np.testing.assert_array_equal(np.asarray(shown.picture)[..., 0], 255 - mask())
    cut = Preprocessing(size=(SIDE, SIDE))  # the middle of the large picture
    shown = Silhouette().frame(Original(Image.fromarray(pixels), mask=large), cut, np.random.default_rng(0))
    middle = np.asarray(large)[SIDE // 2 : -SIDE // 2, SIDE // 2 : -SIDE // 2]
    np.testing.assert_array_equal(np.asarray(shown.picture)[..., 0], 255 - middle)
    texture = ObjectTexture().frame(Original(Image.fromarray(pixels), mask=large), cut, np.random.default_rng(0))
    assert texture.notes["side"] == min(middle.any(1).sum(), middle.any(0).sum())
    for nothing in (np.zeros_like(pixels[..., 0]), np.full_like(pixels[..., 0], 255)):
        original = Original(Image.fromarray(pixels), mask=Image.fromarray(nothing))
        assert not Silhouette().frame(original, half, np.random.default_rng(0)).valid
        assert not ObjectTexture().frame(original, half, np.random.default_rng(0)).valid


def test_silhouettes_of_photographs_need_masks(folders: tuple[Path, Path], tmp_path: Path) -> None:
    images, masks = folders
    exam = Variants(variants=("silhouette", "object_texture"), ready="no")
    for given, drawn in ((None, 0.0), (masks, 7 / 8)):
        model = seen_by(MeanEye(), SIDE, name="eye")
        run = examine(model, load_images(images, masks=given), [exam], out=tmp_path / f"run {drawn}")
        for variant in exam.variants:
            (e,) = (e for e in run.estimates if e.measure == "drawn" and e.at["variant"] == variant)
            assert e.value == drawn


def test_odd_masks_cost_their_image_and_say_why(folders: tuple[Path, Path]) -> None:
    images, masks = folders
    (masks / "ant/0.png").write_bytes(b"no picture")
    Image.fromarray(mask()[:16]).save(masks / "ant/2.png")
    found = load_images(images, masks=masks)
    for place, words in ((0, "Its mask: "), (1, "Its mask has 32 x 16 pixels, the image 32 x 32.")):
        with pytest.raises(UndecodableError) as caught:
            found.source(place).open()
        assert words in caught.value.reason


def test_folders_of_masks_that_do_not_fit_are_told(folders: tuple[Path, Path], tmp_path: Path) -> None:
    images, masks = folders
    with pytest.raises(ImagesError, match=r"cannot be listed.*--masks"):
        load_images(images, masks=tmp_path / "nowhere")
    with pytest.raises(ImagesError, match=r"first image is ant/0.jpg, the first mask 0"):
        load_images(images, masks=masks / "ant")
    Image.fromarray(mask()).save(masks / "ant/0.bmp")
    with pytest.raises(ImagesError, match=r"Two masks have one name: ant/0.bmp and ant/0.png"):
        load_images(images, masks=masks)
    (masks / "ant/0.bmp").rename(masks / "ant/other.bmp")
    assert "Masks that are called as no image: 1." in load_images(images, masks=masks).remarks
