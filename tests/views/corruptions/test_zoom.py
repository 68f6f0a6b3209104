"""Zoom blur against the published loop with SciPy's zoom."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
import torch
from scipy import ndimage

from eyechart.views.corruptions import zoom as module
from eyechart.views.corruptions.corrupted import Corrupted, kind_of
from eyechart.views.corruptions.zoom import KINDS, zoomed
from views.corruptions.frames import SIDES, Array, frames, levels, pixels, published, whole


def clipped(image: Array, factor: float) -> Array:
    """(h, w, ...), each axis as published for squares."""
    height, width = image.shape[:2]
    kept = [ceil(side / factor) for side in (height, width)]
    top, left = ((side - k) // 2 for side, k in zip((height, width), kept, strict=True))
    inner = image[top : top + kept[0], left : left + kept[1]]
    large = ndimage.zoom(inner, (factor, factor, 1), order=1)
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return np.asarray(large[top : top + height, left : left + width])


def published_zoom(image: Array, factors: tuple[float, ...]) -> Array:
    x = (image / 255.0).astype(np.float32)
    out = np.zeros_like(x)
    for factor in factors:
        out += clipped(x, factor)
    return (x + out) / (len(factors) + 1)


@pytest.mark.parametrize("column", SIDES)
@pytest.mark.parametrize("severity", [1, 3, 5])
def test_zoom_blur_is_the_published(column: str, severity: int) -> None:
    x = frames(SIDES[column], SIDES[column])
    (factors,) = KINDS["zoom_blur"].levels[column][severity - 1]  # type: ignore[index]
    theirs = published(np.stack([published_zoom(image, factors) for image in x]))
    assert (whole(levels(x, "zoom_blur", severity)) == theirs).all()


def test_how_many_enlargements() -> None:
    counts = {column: [len(factors) for (factors,) in rows] for column, rows in KINDS["zoom_blur"].levels.items()}
    assert counts == {"cifar": [7, 12, 16, 21, 26], "tiny": [7, 12, 16, 21, 26], "imagenet": [12, 16, 11, 13, 11]}
    assert all(factors[0] == 1 for rows in KINDS["zoom_blur"].levels.values() for (factors,) in rows)


@pytest.mark.parametrize("factor", [1.0, 1.01, 1.26, 1.75, 2.25, 4.5])
@pytest.mark.parametrize("size", [(32, 32), (31, 50), (8, 3), (2, 2), (1, 5), (1, 1)])
def test_zoomed_is_scipys_zoom(factor: float, size: tuple[int, int]) -> None:
    planes = np.random.default_rng(1).normal(size=(*size, 2))
    found = zoomed(torch.from_numpy(planes).permute(2, 0, 1)[None], factor)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, clipped(planes, factor), atol=1e-14)


def test_enlarging_by_one_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = pixels(frames(20, 13))
    assert torch.equal(zoomed(batch.tensor, 1.0).float(), batch.tensor)
    only = module.Kind(module.zoom_blur, "blur", dict.fromkeys(SIDES, (((1.0,),),)))  # type: ignore[arg-type]
    monkeypatch.setitem(module.KINDS, "zoom_blur", only)  # type: ignore[arg-type]
    kind_of.cache_clear()
    try:
        assert (whole(levels(frames(20, 13), "zoom_blur", 1)) == frames(20, 13)).all()
        assert Corrupted("zoom_blur", 1).render(batch).pixels.is_contiguous(memory_format=torch.channels_last)
    finally:
        kind_of.cache_clear()
