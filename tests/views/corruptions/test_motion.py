"""Motion blur against ImageMagick's loop, pixel by pixel."""

from __future__ import annotations

import importlib
from ctypes import c_double, c_void_p
from io import BytesIO
from math import ceil, cos, exp, hypot, pi, radians, sin, sqrt

import numpy as np
import pytest
import torch
from PIL import Image

from eyechart.core.chance import generator
from eyechart.views.corruptions.corrupted import Corrupted
from eyechart.views.corruptions.motion import KINDS, motion_blurred, stored, taps
from views.corruptions.frames import Array, frames, levels, pixels, whole


def magick(image: Array, radius: int, sigma: float, angle: float) -> Array:
    """(h, w, c) levels: ImageMagick 6 with quanta of 16 bit, as it reads 8-bit pictures and writes them (by cutting)."""
    steps = 2 * radius + 1
    kernel = np.array([exp(-(i * i) / (2 * sigma**2)) / (sqrt(2 * pi) * sigma) for i in range(steps)])
    kernel /= kernel.sum()
    point = steps * sin(radians(angle)), steps * cos(radians(angle))
    height, width = image.shape[:2]
    found = np.zeros(image.shape)
    for i in range(steps):
        right, down = (ceil(i * p / hypot(*point) - 0.5) for p in (point[1], point[0]))
        for y in range(height):
            for x in range(width):
                v, u = min(max(y + down, 0), height - 1), min(max(x + right, 0), width - 1)
                found[y, x] += kernel[i] * 257 * image[v, u].astype(float)
    return np.floor(found + 0.5) // 257


@pytest.mark.parametrize(("column", "severity"), [("cifar", 1), ("cifar", 5), ("tiny", 3), ("imagenet", 2)])
@pytest.mark.parametrize("size", [(20, 26), (5, 3)])
def test_motion_blur_is_imagemagicks(column: str, severity: int, size: tuple[int, int]) -> None:
    x = frames(*size)
    radius, sigma = KINDS["motion_blur"].levels[column][severity - 1]  # type: ignore[index]
    angles = [generator(5, "corruption/motion_blur/angle", f"image {i}").uniform(-45, 45) for i in range(len(x))]
    theirs = [magick(image, radius, sigma, angle) for image, angle in zip(x, angles, strict=True)]
    assert (whole(levels(x, "motion_blur", severity, column=column)) == np.stack(theirs)).all()


def test_blur_runs_to_one_side_and_along_the_angle() -> None:
    point = torch.zeros(4, 1, 41, 41)
    point[:, :, 20, 20] = 1
    spread = motion_blurred(point, 8, 50.0, [0.0, 45.0, 90.0, -135.0])[:, 0]
    for plane, away in zip(spread, ((0, -1), (-1, -1), (-1, 0), (1, 1)), strict=True):
        places = (plane > 0).nonzero() - 20  # a pixel is seen by those that look at it: against the angle
        assert plane.sum().item() == pytest.approx(1)
        assert len(places) == (12 if all(away) else 17)  # 16 steps of 0.707 each way, rounded
        assert (places == torch.tensor(away) * places.abs().amax(1, keepdim=True)).all()


@pytest.mark.parametrize("angle", [-135.0, -45.0, 0.0, 17.3, 45.0])
def test_weights_together_are_one(angle: float) -> None:
    found = taps(12, 8, angle)
    assert sum(found.values()) == pytest.approx(1)
    assert all(y * sin(radians(angle)) + x * cos(radians(angle)) >= 0 for y, x in found)


def test_a_plain_picture_stays() -> None:
    plain = np.full((1, 30, 22, 3), 77, np.uint8)
    assert (whole(levels(plain, "motion_blur", 5)) == plain).all()


@pytest.mark.parametrize(("radius", "sigma", "angle"), [(6, 1, -30.0), (9, 2.5, 12.3), (20, 15, 44.0), (12, 8, -120.0)])
@pytest.mark.parametrize("channels", [1, 3])
def test_levels_are_those_of_imagemagick_itself(radius: int, sigma: float, angle: float, channels: int) -> None:
    image_of = pytest.importorskip("wand.image", reason="needs Wand and ImageMagick 6", exc_type=ImportError).Image
    library = importlib.import_module("wand.api").library
    library.MagickMotionBlurImage.argtypes = (c_void_p, c_double, c_double, c_double)
    for picture in frames(40, 53, channels):
        file = BytesIO()
        Image.fromarray(picture.squeeze()).save(file, format="PNG")
        with image_of(blob=file.getvalue()) as wand:
            library.MagickMotionBlurImage(wand.wand, radius, sigma, angle)
            theirs = np.asarray(Image.open(BytesIO(wand.make_blob())).convert("RGB" if channels == 3 else "L"))
        planes = torch.from_numpy(picture).permute(2, 0, 1)[None]
        ours = stored(motion_blurred(planes, radius, sigma, [angle]))[0].permute(1, 2, 0).numpy()
        assert (ours == theirs.reshape(ours.shape)).all()


def test_more_images_have_angles_of_their_own() -> None:
    batch = pixels(np.repeat(frames(32, 32)[:1], 2, 0))
    one, other = Corrupted("motion_blur", 3).render(batch).pixels
    assert not torch.equal(one, other)
