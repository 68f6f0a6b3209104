"""Pixelation and JPEG against Pillow itself, and Pillow's box filter as matrices."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from eyechart.views.corruptions.digital import KINDS, nearest, pixelate, reduced
from eyechart.views.corruptions.kind import Given
from views.corruptions.frames import SIDES, Array, frames, levels, pixels, whole

BOX = Image.Resampling.BOX


def pixelated(image: Array, scale: float) -> Array:
    """Published."""
    height, width = image.shape[:2]
    picture = Image.fromarray(image).resize((max(1, int(width * scale)), max(1, int(height * scale))), BOX)
    return np.asarray(picture.resize((width, height), BOX))


def saved(image: Array, quality: int) -> Array:
    """Published."""
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("column", SIDES)
@pytest.mark.parametrize("size", [(32, 32), (64, 70), (225, 224), (90, 31), (7, 3)])
def test_pixelation_is_pillows(column: str, size: tuple[int, int]) -> None:
    x = frames(*size)
    for severity, (scale,) in enumerate(KINDS["pixelate"].levels[column], 1):  # type: ignore[index]
        expected = np.stack([pixelated(image, scale) for image in x])
        assert (whole(levels(x, "pixelate", severity, column=column)) == expected).all()


SCALES = sorted({scale for column in SIDES for (scale,) in KINDS["pixelate"].levels[column]})  # type: ignore[index]


@pytest.mark.parametrize("scale", SCALES)
def test_matrices_are_pillows_box_filter(scale: float) -> None:
    rng = np.random.default_rng(round(scale * 100))
    sizes = [(32, 32), (64, 64), (224, 224), *np.sort(rng.integers(1, 120, (20, 2)), 1).tolist()]
    for height, width in sizes:
        image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        small = max(1, int(height * scale)), max(1, int(width * scale))
        made = reduced(torch.from_numpy(image).permute(2, 0, 1)[None].float(), small)
        shown = made[:, :, nearest(small[0], height)][:, :, :, nearest(small[1], width)]
        expected = np.asarray(Image.fromarray(image).resize(small[::-1], BOX))
        assert (made[0].permute(1, 2, 0).numpy() == expected).all()
        assert (shown[0].permute(1, 2, 0).numpy() == pixelated(image, scale)).all()


def test_other_devices_get_what_pillow_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = pixels(frames(30, 41))
    given = Given(batch.tensor, batch, "corruption/pixelate", "cifar")
    on_cpu = pixelate(given, 0.65)
    monkeypatch.setattr("eyechart.views.corruptions.digital.redrawn", None)
    monkeypatch.setattr("eyechart.views.corruptions.digital.pillow_is_near", lambda *_: False)
    assert torch.equal(pixelate(given, 0.65), on_cpu)


@pytest.mark.parametrize("column", SIDES)
@pytest.mark.parametrize("size", [(32, 32), (67, 80), (3, 11)])
def test_jpeg_is_pillows(column: str, size: tuple[int, int]) -> None:
    x = frames(*size)
    for severity, (quality,) in enumerate(KINDS["jpeg_compression"].levels[column], 1):  # type: ignore[index]
        expected = np.stack([saved(image, quality) for image in x])
        assert (whole(levels(x, "jpeg_compression", severity, column=column)) == expected).all()


@pytest.mark.parametrize(("corruption", "one"), [("pixelate", pixelated), ("jpeg_compression", saved)])
@pytest.mark.parametrize("channels", [1, 2])
def test_channels_that_are_no_colours_are_grey_pictures(corruption: str, one: type, channels: int) -> None:
    x = frames(70, 75, channels)
    (parameter,) = KINDS[corruption].levels["imagenet"][2]
    expected = np.stack(
        [np.stack([one(np.ascontiguousarray(image[..., c]), parameter) for c in range(channels)], -1) for image in x]
    )
    assert (whole(levels(x, corruption, 3, column="imagenet")) == expected).all()


def test_pixels_between_levels_are_rounded_first() -> None:
    x = frames(40, 44)
    between = pixels(x)
    between.tensor.add_(
        torch.rand(between.tensor.shape, generator=torch.Generator().manual_seed(0)).sub_(0.5).mul_(0.9 / 255)
    )
    between.tensor.clamp_(0, 1)
    for corruption, kind in KINDS.items():
        exact, near = (
            kind.apply(Given(batch.tensor, batch, corruption, "tiny"), *kind.levels["tiny"][4])
            for batch in (pixels(x), between)
        )
        assert torch.equal(exact, near)


def test_plain_images_survive_pixelation() -> None:
    x = np.full((1, 33, 47, 3), 77, np.uint8)
    for column in SIDES:
        for severity in range(1, 6):
            assert (whole(levels(x, "pixelate", severity, column=column)) == x).all()
