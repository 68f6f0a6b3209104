"""Outlines and silhouettes of pictures. Torch-free: drawn in decode workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from eyechart.core.view import Frame, SourceView
from eyechart.images.original import Original
from eyechart.models.preprocessing import Preprocessing
from eyechart.views.luminance import LUMINANCE

Array = np.ndarray[Any, Any]

SMOOTHING = 2 / 224  # of the side: sigma 2 at 224 pixels
NEAR_WHITE = 0.95
LEAST_OBJECT, MOST_OBJECT = 0.01, 0.95  # of the frame: beyond, there is no ground or no object
HALF = 128  # of 255
SQUARE = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Edges(SourceView):
    """Edges of the input frame by Canny's method (IEEE PAMI 8, 1986), black on white, two levels, one pixel thin.

    Grey values are smoothed by a Gaussian of side * 2 / 224 pixels; the strength of Sobel's gradient is kept where it is the
    largest along its direction; of what is kept and reaches the ``low`` percentile, the parts that reach the ``high`` one
    somewhere stay. Percentiles of the gradient's strength over all pixels of the frame: free of scale, our choice, since the
    thresholds of Geirhos et al. (ICLR 2019) are not published.

    Attributes:
        low, high: percentiles, 0 to 100.

    Notes: ``ink``, the share of black pixels. Constant images have no edges and stay white.
    """

    low: float = 80.0
    high: float = 90.0

    def __post_init__(self) -> None:
        """Raises ValueError for what are no percentiles in order."""
        if not 0 <= self.low <= self.high <= 100:
            raise ValueError("give two percentiles from 0 to 100, the lower one first")

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Of the frame as the model would see it; no chance involved."""
        drawn = edges(grey_values(preprocessing.frame(original.picture)), self.low, self.high)
        return _black_on_white(drawn)


@dataclass(frozen=True)
class Silhouette(SourceView):
    """The object black on white: by the image's mask if it has one, else where it stands before a near-white ground.

    By a mask: resized and cropped as the picture, then what it covers by half or more. Without: what is darker than .95 in
    luminance, its holes filled, of its parts the largest. Not valid where the object is less than 1 % or more than 95 % of the
    frame; nor, without a mask, where it covers most of its border: such an image has no near-white ground.

    Attributes:
        ground: luminance from which on it is ground.

    Notes: ``ink``, the share of black pixels.
    """

    ground: float = NEAR_WHITE

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """Of the frame as the model would see it; no chance involved."""
        found, fine = object_in(original, preprocessing, self.ground)
        shown = _black_on_white(found)
        return Frame(shown.picture, shown.notes, valid=fine)


def grey_values(picture: Image.Image) -> Array:
    """(h, w) float64 in [0, 1]: .2125 R + .7154 G + .0721 B."""
    pixels = np.asarray(picture.convert("RGB"), np.float64) / 255
    return np.asarray(pixels @ np.array(LUMINANCE))


def edges(grey: Array, low: float, high: float) -> Array:
    """(h, w) bool: Canny's edges of grey values; see ``Edges``."""
    smooth = ndimage.gaussian_filter(grey, SMOOTHING * min(grey.shape), mode="nearest")
    down, right = (ndimage.sobel(smooth, axis, mode="nearest") for axis in (0, 1))
    strength = np.hypot(down, right)
    if strength.max() < 1e-9:  # rounding of a flat image
        return np.zeros(grey.shape, bool)
    weak, strong = np.percentile(strength, [low, high])
    thin = _ridges(strength, down, right)
    parts, _ = ndimage.label(thin & (strength >= max(weak, 1e-9)), SQUARE)
    kept = np.unique(parts[thin & (strength >= max(strong, 1e-9))])
    return np.isin(parts, kept[kept > 0])


def _ridges(strength: Array, down: Array, right: Array) -> Array:
    """Where strength is no less than its neighbours' along the gradient, in the nearest of four directions."""
    wide = np.pad(strength, 1)
    height, width = strength.shape
    direction = np.rint(np.arctan2(down, right) / (np.pi / 4)).astype(int) % 4
    ridge = np.zeros(strength.shape, bool)
    for k, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = wide[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        behind = wide[1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
        # of two alike side by side, one is kept
        ridge |= (direction == k) & (strength > ahead) & (strength >= behind)
    return ridge


def object_in(original: Original, preprocessing: Preprocessing, ground: float) -> tuple[Array, bool]:
    """(h, w) bool in the input frame, and whether that is an object: see ``Silhouette``."""
    if original.mask is None:
        found = object_mask(grey_values(preprocessing.frame(original.picture)), ground)
        return found, has_ground(found)
    covered = np.asarray(preprocessing.frame(original.mask)) >= HALF
    return covered, bool(LEAST_OBJECT <= covered.mean() <= MOST_OBJECT)


def object_mask(grey: Array, ground: float = NEAR_WHITE) -> Array:
    """(h, w) bool: the largest part darker than the ground, holes filled; nothing where nothing is darker."""
    parts, count = ndimage.label(ndimage.binary_fill_holes(grey < ground), SQUARE)
    if not count:
        return np.zeros(grey.shape, bool)
    sizes = np.bincount(parts.ravel())[1:]
    return np.asarray(parts == 1 + sizes.argmax())


def has_ground(mask: Array) -> bool:
    """Whether a mask is an object before a ground, and not the whole frame or next to nothing."""
    border = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    return bool(LEAST_OBJECT <= mask.mean() <= MOST_OBJECT and border.mean() < 0.5)


def _black_on_white(drawn: Array) -> Frame:
    values = np.where(drawn, 0, 255).astype(np.uint8)
    return Frame(Image.fromarray(np.stack([values] * 3, axis=-1)), {"ink": float(drawn.mean())})
