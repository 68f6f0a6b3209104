"""Visibility against a transcription in plain numpy, gratings in closed form, and thresholds that people have."""

from __future__ import annotations

from math import atan, degrees, pi, sqrt

import numpy as np
import pytest
import torch
from torch import Tensor

from eyechart.spectrum import (
    contrast_sensitivity,
    luminance_change,
    pixels_per_degree,
    pooled_contrast,
    relative_luminance,
    root_mean_square,
    weigh_contrast,
    weighted_change,
)

Array = np.ndarray
SIZES = [(16, 16), (15, 15), (12, 19), (21, 10)]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow_sensitivity(f: float) -> float:
    return 373.08 * (1 / np.cosh((f / 4.1726) ** 0.7786) - 0.8493 / np.cosh(f / 1.3625))


def slow_luminance(image: Array) -> Array:
    """(3, h, w) or (1, h, w) sRGB, one value after another."""
    found = np.zeros(image.shape[1:])
    for place in np.ndindex(*image.shape):
        value = min(max(float(image[place]), 0.0), 1.0)
        linear = value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        found[place[1:]] += linear * ((0.2126, 0.7152, 0.0722)[place[0]] if len(image) == 3 else 1.0)
    return found


def slow_weighted(image: Array, other: Array, per_degree: float, dc: bool = False) -> Array:
    """On the full plane, coefficient by coefficient."""
    first, second = slow_luminance(image), slow_luminance(other)
    z = np.fft.fft2((second - first) / first.mean())
    height, width = first.shape
    for i, j in np.ndindex(height, width):
        fy, fx = (min(k, n - k) / n * per_degree for k, n in ((i, height), (j, width)))
        z[i, j] *= slow_sensitivity(float(np.hypot(fy, fx))) if i or j or dc else 0.0
    return np.fft.ifft2(z).real


def slow_pooled(weighted: Array, per_degree: float, finer: int = 20) -> float:
    """Every place looked at in turn; each pixel cut into ``finer`` x ``finer`` parts."""
    height, width = weighted.shape
    parts = (np.arange(-finer / 2, finer / 2) + 0.5) / finer
    found = 0.0
    for i, j in np.ndindex(height, width):
        down, across = (
            np.exp(-((((np.arange(n) - at)[:, None] + parts) / per_degree) ** 2) / (2 * 0.6273**2)) ** 2.4081
            for n, at in ((height, i), (width, j))
        )
        aperture = np.outer(down.sum(1), across.sum(1)) / (finer * per_degree) ** 2
        found = max(found, float((aperture * np.abs(weighted) ** 2.4081).sum()))
    return found ** (1 / 2.4081)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("per_degree", [3.4, 25.0])
def test_agrees_with_numpy(size: tuple[int, int], channels: int, per_degree: float) -> None:
    images = 1.4 * noise(2, channels, *size) - 0.2  # beyond what a screen shows, too
    others = (images + 0.3 * noise(2, channels, *size, seed=1)).float()
    for x, y, tolerance in ((images.float(), others, 1e-5), (images, others.double(), 1e-10)):
        for dc in (False, True):
            found = weighted_change(x, y, per_degree, dc=dc)
            slow = np.stack([slow_weighted(a, b, per_degree, dc) for a, b in zip(x.numpy(), y.numpy(), strict=True)])
            scale = np.abs(slow).max()
            np.testing.assert_allclose(found.numpy(), slow, atol=tolerance * scale)
            rms = np.sqrt((slow**2).mean((1, 2)))
            np.testing.assert_allclose(root_mean_square(found).numpy(), rms, rtol=tolerance)
        pooled = [slow_pooled(one, per_degree) for one in slow]
        np.testing.assert_allclose(pooled_contrast(found, per_degree).numpy(), pooled, rtol=1e-3)


def grey_of(luminance: Tensor) -> Tensor:
    """The sRGB value of a linear luminance."""
    coded = 1.055 * luminance.clamp(min=1e-9) ** (1 / 2.4) - 0.055
    return torch.where(luminance <= 0.0031308, 12.92 * luminance, coded)


@pytest.mark.parametrize(("fy", "fx"), [(0, 5), (3, 4), (-6, 2), (1, 0)])
@pytest.mark.parametrize("size", [(32, 32), (30, 48)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_grating_gives_its_contrast_times_the_sensitivity(
    fy: int, fx: int, size: tuple[int, int], channels: int
) -> None:
    contrast, per_degree = 0.13, 23.5
    y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in size), indexing="ij")
    wave = torch.cos(2 * pi * (fy * y / size[0] + fx * x / size[1]) + 0.7)
    even, grating = (grey_of(0.2 * (1 + c * wave)).expand(1, channels, -1, -1) for c in (0.0, contrast))
    found = root_mean_square(weighted_change(even, grating, per_degree))
    frequency = per_degree * np.hypot(fy / size[0], fx / size[1])
    assert float(found) == pytest.approx(contrast / sqrt(2) * slow_sensitivity(float(frequency)), rel=1e-6)


def test_a_large_grating_pools_to_what_the_docstring_says() -> None:
    wave = 0.01 * torch.cos(2 * pi * 59 * torch.arange(480, dtype=torch.float64) / 480).expand(480, 480)
    pooled = pooled_contrast(weigh_contrast(wave, 30.0), 30.0)
    assert float(pooled) == pytest.approx(0.735 * 0.01 * slow_sensitivity(59 / 16), rel=0.002)


def test_where_a_change_lies_matters_to_its_mean_alone() -> None:
    """Four times the picture, the same change in it: half the root mean square, the same pooled contrast."""
    small = torch.zeros(64, 64, dtype=torch.float64)
    small[28:36, 28:36] = 0.2 * torch.cos(pi * torch.arange(8, dtype=torch.float64))
    large = torch.nn.functional.pad(small, (0, 64, 0, 64))
    weighted = [weigh_contrast(c, 30.0, dc=True) for c in (small, large)]
    rms, pooled = ([float(f(w)) for w in weighted] for f in (root_mean_square, lambda w: pooled_contrast(w, 30.0)))
    assert rms[1] == pytest.approx(rms[0] / 2, rel=0.01)
    assert pooled[1] == pytest.approx(pooled[0], rel=0.01)


# ModelFest (Carney et al. 2000; visionscience.com/data/modelfest): log10 of 1 / threshold contrast, mean of 16 observers
GABORS = {
    1.12: 1.777,
    2.0: 1.955,
    2.83: 2.020,
    4.0: 2.026,
    5.66: 1.962,
    8.0: 1.827,
    11.3: 1.619,
    16.0: 1.331,
    22.6: 0.951,
    30.0: 0.565,
}
SPOTS = {30.0: 1.636, 8.43: 1.526, 2.106: 1.208, 1.05: 0.830}  # standard deviation in minutes of arc


def predicted(pattern: Tensor) -> float:
    """Log10 sensitivity for a pattern of contrast 1 at 120 pixels a degree; brightness counts, as in the paper."""
    return float(pooled_contrast(weigh_contrast(pattern, 120.0, dc=True), 120.0).log10())


def test_people_have_the_thresholds_that_it_predicts() -> None:
    """Within a tenth of a log unit (2 dB) each; so constants, units and pooling belong together."""
    at = (torch.arange(256, dtype=torch.float64) - 128) / 120
    apart = at[:, None] ** 2 + at[None] ** 2
    gabors = [torch.cos(2 * pi * f * at)[:, None] * torch.exp(-apart / 2 / 0.5**2) for f in GABORS]
    spots = [torch.exp(-apart / 2 / (s / 60) ** 2) for s in SPOTS]
    errors = [predicted(p) - m for p, m in zip([*gabors, *spots], [*GABORS.values(), *SPOTS.values()], strict=True)]
    assert np.abs(errors).max() < 0.1
    assert np.sqrt(np.mean(np.square(errors))) < 0.05


def test_twice_the_distance_is_about_twice_the_frequency() -> None:
    for pixels, width in ((224, 10.0), (32, 30.0)):
        near, far = (pixels_per_degree(pixels, width, d) for d in (60.0, 120.0))
        assert far / near == pytest.approx(2, rel=0.02)
        assert far < 2 * near  # the middle of a near picture is seen larger than its rim
        assert near == pytest.approx(pixels / (2 * degrees(atan(width / 120))))
    assert pixels_per_degree(512, 25.0, 1e9) / pixels_per_degree(512, 25.0, 1e8) == pytest.approx(10)
    for wrong in ((0, 10.0, 60.0), (32, -1.0, 60.0), (32, 10.0, 0.0)):
        with pytest.raises(ValueError, match="all must be above 0"):
            pixels_per_degree(*wrong)


def test_both_curves() -> None:
    f = torch.linspace(0, 80, 8001, dtype=torch.float64)
    ours = contrast_sensitivity(f)
    np.testing.assert_allclose(ours.numpy(), [slow_sensitivity(k) for k in f.tolist()], rtol=1e-9)
    assert float(ours.max()) == pytest.approx(217.3, abs=0.1)
    assert float(f[ours.argmax()]) == pytest.approx(3.45, abs=0.02)
    relative = contrast_sensitivity(f, "mannos_sakrison")
    assert float(relative.max()) == pytest.approx(0.981, abs=1e-3)
    assert float(f[relative.argmax()]) == pytest.approx(7.89, abs=0.02)
    assert float(relative[400]) == pytest.approx(2.6 * (0.0192 + 0.456) * np.exp(-(0.456**1.1)))
    assert contrast_sensitivity(torch.tensor([1e4, 1e6])).tolist() == [0.0, 0.0]  # no infinities on the way
    with pytest.raises(ValueError, match="choose one of 'watson_ahumada', 'mannos_sakrison'"):
        contrast_sensitivity(f, "barten")  # type: ignore[arg-type]


def test_luminance_is_linear_light() -> None:
    levels = torch.tensor([0.0, 0.04045, 0.5, 1.0, 1.7, -0.3], dtype=torch.float64)[None, None, :]
    known = [0.0, 0.04045 / 12.92, 0.21404114, 1.0, 1.0, 0.0]
    np.testing.assert_allclose(relative_luminance(levels)[0].numpy(), known, atol=1e-8)
    colours = torch.eye(3, dtype=torch.float64)[:, :, None]  # red, green and blue pixels in a column
    np.testing.assert_allclose(relative_luminance(colours)[:, 0].numpy(), [0.2126, 0.7152, 0.0722])


def test_no_change_is_nothing_and_sign_does_not_matter() -> None:
    x, y = noise(2, 3, 16, 17), noise(2, 3, 16, 17, seed=1)
    same = weighted_change(x, x, 20.0)
    assert float(root_mean_square(same).max()) == float(pooled_contrast(same, 20.0).max()) == 0.0
    y = y * (relative_luminance(x).mean() / relative_luminance(y).mean())
    change = luminance_change(*(relative_luminance(k) for k in (x, y)))
    for measure in (root_mean_square, lambda e: pooled_contrast(e, 20.0)):
        up, down, double = (measure(weigh_contrast(k * change, 20.0)) for k in (1, -1, 2))
        torch.testing.assert_close(up, down)
        torch.testing.assert_close(double, 2 * up)


def test_brightness_alone_counts_only_where_asked_for() -> None:
    even, brighter = grey_of(torch.full((1, 8, 8), 0.2)).double(), grey_of(torch.full((1, 8, 8), 0.22)).double()
    assert float(root_mean_square(weighted_change(even, brighter, 20.0))) == pytest.approx(0, abs=1e-9)
    counted = root_mean_square(weighted_change(even, brighter, 20.0, dc=True))
    assert float(counted) == pytest.approx(0.1 * 373.08 * (1 - 0.8493), rel=1e-4)


def test_black_pictures_have_no_contrast_and_spoil_no_other() -> None:
    x = noise(3, 3, 8, 8)
    x[1] = 0
    y = noise(3, 3, 8, 8, seed=1)
    found = weighted_change(x, y, 20.0)
    for measured in (root_mean_square(found), pooled_contrast(found, 20.0)):
        assert measured.isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("per_degree", [3.0, 40.0])
def test_gradients(per_degree: float) -> None:
    x, y = ((0.1 + 0.8 * noise(2, 3, 6, 5, seed=k)).requires_grad_() for k in (0, 1))

    def measured(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        weighted = weighted_change(a, b, per_degree)
        return root_mean_square(weighted), pooled_contrast(weighted, per_degree)

    assert torch.autograd.gradcheck(measured, (x, y))
    (slope,) = torch.autograd.grad(sum(part.sum() for part in measured(x, x.detach())), x)
    assert slope.isfinite().all()  # where nothing changes, the root has no slope
