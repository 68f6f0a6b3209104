"""Gaussian and defocus blur against SciPy, to the last grey level, and the kernel against its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from eyechart.views.corruptions.blur import KINDS, disk, filtered, mirrored
from views.corruptions.frames import SIDES, Array, frames, levels, published, whole

SIZES = [(column, severity, side) for column, side in SIDES.items() for severity in (1, 3, 5)]


@pytest.mark.parametrize(("column", "severity", "side"), SIZES)
def test_gaussian_blur_loses_the_levels_that_scipy_loses(column: str, severity: int, side: int) -> None:
    x = frames(side, side)
    (sigma,) = KINDS["gaussian_blur"].levels[column][severity - 1]  # type: ignore[index]
    smooth = [published(ndimage.gaussian_filter(image / 255.0, (sigma, sigma, 0), mode="nearest")) for image in x]
    assert (whole(levels(x, "gaussian_blur", severity, column=column)) == np.stack(smooth)).all()


def definition(radius: float, softness: float) -> Array:
    """The kernel in float64."""
    across = np.arange(-8, 9) if radius <= 8 else np.arange(-radius, radius + 1)
    kernel = (across**2 + across[:, None] ** 2 <= radius**2).astype(float)
    rim = np.exp(-((np.arange(-1, 2) if radius <= 8 else np.arange(-2, 3)) ** 2) / (2 * softness**2))
    for axis in (0, 1):
        kernel = ndimage.correlate1d(kernel, rim / rim.sum(), axis, mode="mirror")
    return np.asarray(kernel / (across**2 + across[:, None] ** 2 <= radius**2).sum())


DISKS = sorted({parameters for column in SIDES for parameters in KINDS["defocus_blur"].levels[column]})  # type: ignore[index]


@pytest.mark.parametrize(("radius", "softness"), DISKS)
def test_out_of_focus_kernel(radius: float, softness: float) -> None:
    kernel = disk(radius, softness)
    assert (kernel == kernel.astype(np.float32)).all()  # published in float32
    np.testing.assert_allclose(kernel, definition(radius, softness), rtol=3e-7, atol=1e-30)
    assert (kernel == kernel[::-1]).all()
    assert (kernel == kernel[:, ::-1]).all()
    brighter = {8: 1.012975454, 10: 1.010785795}.get(radius, 1.0)  # as OpenCV 5.0 gives
    assert kernel.sum() == pytest.approx(brighter, abs=6e-8)


@pytest.mark.parametrize(("radius", "softness"), DISKS)
def test_out_of_focus_kernel_is_that_of_opencv(radius: float, softness: float) -> None:
    cv2 = pytest.importorskip("cv2")
    across = np.arange(-8, 9) if radius <= 8 else np.arange(-radius, radius + 1)
    plain = np.array(across**2 + across[:, None] ** 2 <= radius**2, np.float32)
    plain /= plain.sum()
    theirs = cv2.GaussianBlur(plain, ksize=(3, 3) if radius <= 8 else (5, 5), sigmaX=softness)
    np.testing.assert_allclose(disk(radius, softness), theirs, rtol=3e-7)
    assert (disk(radius, softness) != theirs).mean() < (
        0.05 if radius > 8 else 1e-9
    )  # columns beyond its vectors differ


@pytest.mark.parametrize(("column", "severity", "side"), SIZES)
def test_defocus_blur_cut_as_in_float64(column: str, severity: int, side: int) -> None:
    x = frames(side, side)
    kernel = disk(*KINDS["defocus_blur"].levels[column][severity - 1])  # type: ignore[index]
    blurred = [
        np.stack([ndimage.correlate(image[..., c] / 255.0, kernel, mode="mirror") for c in range(3)], -1) for image in x
    ]
    assert (whole(levels(x, "defocus_blur", severity, column=column)) == published(np.stack(blurred))).all()


@pytest.mark.parametrize(("radius", "softness"), [(2.5, 0.01), (4, 0.5), (10, 0.5)])
@pytest.mark.parametrize("size", [(30, 41), (5, 12), (1, 3), (1, 1)])
def test_filters_beyond_the_border(radius: float, softness: float, size: tuple[int, int]) -> None:
    kernel = disk(radius, softness) * np.linspace(0.5, 1.5, len(disk(radius, softness)))  # not symmetric
    plane = np.random.default_rng(0).random(size)
    found = filtered(torch.from_numpy(plane)[None, None], kernel)[0, 0].numpy()
    np.testing.assert_allclose(found, ndimage.correlate(plane, kernel, mode="mirror"), atol=1e-13)


@pytest.mark.parametrize(("length", "reach"), [(7, 3), (3, 10), (2, 5), (1, 2)])
def test_mirrored_places(length: int, reach: int) -> None:
    assert mirrored(length, reach).tolist() == np.pad(np.arange(length), reach, mode="reflect").tolist()


def test_white_and_plain_stay_but_for_the_bright_disks() -> None:
    plain = np.full((1, 40, 40, 3), 130, np.uint8)
    for severity in range(1, 6):
        for corruption in KINDS:
            found = whole(levels(plain, corruption, severity, column="imagenet"))
            brighter = corruption == "defocus_blur" and severity >= 4
            assert (found == (131 if brighter else found[0, 0, 0, 0])).all()
            assert brighter or found[0, 0, 0, 0] in (129, 130)
