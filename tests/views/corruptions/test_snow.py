"""Snow against a transcription with the same chance: SciPy's zoom, ImageMagick's blur."""

from __future__ import annotations

from math import ceil, cos, radians, sin

import numpy as np
import pytest
from scipy import ndimage

from eyechart.core.chance import generator
from eyechart.views.corruptions.snow import KINDS
from views.corruptions.frames import SIDES, Array, frames, levels


def clipped_zoom(layer: Array, factor: float) -> Array:
    """Published, but for frames that are not square."""
    kept = [ceil(side / factor) for side in layer.shape]
    first = [(side - k) // 2 for side, k in zip(layer.shape, kept, strict=True)]
    middle = layer[first[0] : first[0] + kept[0], first[1] : first[1] + kept[1]]
    large = ndimage.zoom(middle, (factor, factor), order=1)
    first = [(now - side) // 2 for now, side in zip(large.shape, layer.shape, strict=True)]
    return large[first[0] : first[0] + layer.shape[0], first[1] : first[1] + layer.shape[1]]


def drawn_out(layer: Array, radius: int, sigma: float, angle: float) -> Array:
    """Motion blur of whole levels, as ImageMagick writes it."""
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    y, x = np.indices(layer.shape)
    found = np.zeros(layer.shape)
    for i, weight in zip(steps.tolist(), weights / weights.sum(), strict=True):
        down, right = ceil(i * sin(radians(angle)) - 0.5), ceil(i * cos(radians(angle)) - 0.5)
        found += weight * layer[(y + down).clip(0, len(layer) - 1), (x + right).clip(0, layer.shape[1] - 1)]
    return np.floor(257 * found + 0.5) // 257


def snowy(image: Array, number: int, parameters: tuple[float, ...]) -> Array:
    """(h, w, c) levels, not cut."""
    mean, spread, zoom, threshold, radius, sigma, clear = parameters
    height, width, channels = image.shape
    noise = generator(5, f"corruption/snow/{height}.{width}", f"image {number}").standard_normal(
        (height, width), np.float32
    )
    layer = clipped_zoom((noise * np.float32(spread) + np.float32(mean)).astype(float), zoom)
    layer = np.floor(255 * np.clip(np.where(layer < threshold, 0, layer), 0, 1))
    angle = generator(5, "corruption/snow/angle", f"image {number}").uniform(-135, -45, 1).astype(np.float32)[0]
    layer = drawn_out(layer, int(radius), sigma, angle)[..., None] / 255
    x = image / 255.0
    grey = x @ np.array([[0.299], [0.587], [0.114]]) if channels == 3 else x
    x = clear * x + (1 - clear) * np.maximum(x, 1.5 * grey + 0.5)
    return 255 * np.clip(x + layer + np.rot90(layer, 2), 0, 1)


@pytest.mark.parametrize("column", SIDES)
@pytest.mark.parametrize(("size", "channels"), [((32, 32), 3), ((70, 64), 3), ((20, 45), 1)])
def test_snow_is_the_published_sum(column: str, size: tuple[int, int], channels: int) -> None:
    x = frames(*size, channels)
    for severity, parameters in enumerate(KINDS["snow"].levels[column], 1):  # type: ignore[index]
        shown = levels(x, "snow", severity, column=column, rounding="none")
        expected = np.stack([snowy(image, number, parameters) for number, image in enumerate(x)])
        np.testing.assert_allclose(shown, expected, atol=1e-3)


def test_flakes_fall_alike_at_all_severities() -> None:
    x = np.zeros((2, 64, 64, 3), np.uint8)
    (one, other), (more, _) = (levels(x, "snow", severity, column="tiny")[..., 0] for severity in (1, 2))
    assert np.corrcoef(one.ravel(), more.ravel())[0, 1] > 0.4  # other thresholds, the same flakes
    assert abs(np.corrcoef(other.ravel(), more.ravel())[0, 1]) < 0.1
    assert np.corrcoef(one.ravel(), np.rot90(one, 2).ravel())[0, 1] == pytest.approx(1)


def test_flakes_are_drawn_out_downwards() -> None:
    x = np.zeros((12, 96, 96, 3), np.uint8)
    shown = levels(x, "snow", 3, column="tiny", rounding="none")[..., 0]
    shown = shown - shown.mean((1, 2), keepdims=True)
    along, across = ((shown * np.roll(shown, 3, axis)).mean() for axis in (1, 2))
    assert along > 2 * abs(across)
