"""Glass blur against the published loop over pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from eyechart.core.chance import generator
from eyechart.views.corruptions.glass import KINDS, shuffled, sources
from views.corruptions.frames import SIDES, Array, frames, levels, published, whole


def turns(picture: Array, rounds: list[Array], reach: int) -> Array:
    """The loop, with numpy's views: what is called a swap there copies the neighbour and leaves it as it is."""
    x = picture.copy()
    for offsets in rounds:
        each = iter(offsets.reshape(-1, 2))
        for h in range(x.shape[0] - reach, reach, -1):
            for w in range(x.shape[1] - reach, reach, -1):
                dx, dy = next(each)
                x[h, w], x[h + dy, w + dx] = x[h + dy, w + dx], x[h, w]
        assert next(each, None) is None
    return x


def drawn(name: str, size: tuple[int, int], reach: int, rounds: int) -> list[Array]:
    inner = size[0] - 2 * reach, size[1] - 2 * reach, 2
    streams = [generator(5, f"corruption/glass_blur/offsets/{reach}/{k}", name) for k in range(rounds)]
    return [stream.integers(-reach, reach, inner, dtype=np.int8) for stream in streams]


@pytest.mark.parametrize("column", SIDES)
@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_glass_blur_is_the_published(column: str, severity: int) -> None:
    x = frames(48, 37)
    sigma, reach, rounds = KINDS["glass_blur"].levels[column][severity - 1]  # type: ignore[index]
    theirs = []
    for i, image in enumerate(x):
        smooth = np.uint8(ndimage.gaussian_filter(image / 255.0, (sigma, sigma, 0), mode="nearest") * 255)
        moved = turns(smooth, drawn(f"image {i}", (48, 37), reach, rounds), reach)
        theirs.append(published(ndimage.gaussian_filter(moved / 255.0, (sigma, sigma, 0), mode="nearest")))
    assert (whole(levels(x, "glass_blur", severity, column=column)) == np.stack(theirs)).all()


@pytest.mark.parametrize("reach", [1, 2, 4])
def test_longest_chains(reach: int) -> None:
    """All pixels take from the one that had its turn just before, or two rows before: a chain through the picture."""
    size = (30, 24)
    names = np.arange(size[0] * size[1]).reshape(1, 1, *size)
    shape = size[0] - 2 * reach, size[1] - 2 * reach, 2
    for right, down in ((reach - 1, 0), (0, reach - 1), (reach - 1, reach - 1), (-reach, reach - 1)):
        offsets = np.broadcast_to(np.array([right, down], np.int8), shape).copy()
        found = shuffled(torch.from_numpy(names), [torch.from_numpy(offsets)[None]] * 2, reach)
        assert (found[0, 0].numpy() == turns(names[0, 0][..., None], [offsets] * 2, reach)[..., 0]).all()


def test_copies_and_no_swap() -> None:
    offsets = torch.from_numpy(np.random.default_rng(0).integers(-2, 2, (1, 26, 26, 2), dtype=np.int8))
    taken = sources(offsets, 30, 30, 2)[0]
    assert len(taken.unique()) < 0.9 * 900  # a true swap keeps every value
    border = torch.ones(30, 30, dtype=torch.bool)
    border[3:29, 3:29] = False
    assert (taken.reshape(30, 30)[border] == torch.arange(900).reshape(30, 30)[border]).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (4, 4), (8, 5), (9, 8)])
def test_frames_too_small_to_shuffle_are_smoothed(size: tuple[int, int]) -> None:
    x = frames(*size)
    found = whole(levels(x, "glass_blur", 5, column="imagenet"))
    assert found.shape == x.shape
    if min(size) <= 8:  # reach 4: no pixel has a turn
        once = np.stack([np.uint8(ndimage.gaussian_filter(i / 255.0, (1.5, 1.5, 0), mode="nearest") * 255) for i in x])
        twice = [published(ndimage.gaussian_filter(i / 255.0, (1.5, 1.5, 0), mode="nearest")) for i in once]
        assert (found == np.stack(twice)).all()
