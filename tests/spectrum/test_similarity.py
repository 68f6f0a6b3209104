"""SSIM against torchmetrics and a slow transcription."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from eyechart.spectrum import ssim


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(32, 32), (11, 11), (17, 40), (23, 12)])
def test_agrees_with_torchmetrics(size: tuple[int, int], dtype: torch.dtype) -> None:
    x = noise(5, 1, *size).to(dtype)
    for share in (0.05, 0.5, 1.0):
        y = ((1 - share) * x + share * noise(5, 1, *size, seed=1).to(dtype)).contiguous()
        _, everywhere = structural_similarity_index_measure(
            x, y, data_range=1.0, reduction="none", return_full_image=True
        )
        theirs = everywhere[..., 5:-5, 5:-5].mean((-2, -1))  # where the window fits; it mirrors pictures beyond
        np.testing.assert_allclose(ssim(x, y).numpy(), theirs.numpy(), atol=1e-5)


def slow_ssim(x: np.ndarray, y: np.ndarray, window: int) -> float:
    at = np.arange(window) - window // 2
    weights = np.exp(-(at[:, None] ** 2 + at[None] ** 2) / 4.5)
    weights /= weights.sum()
    found = []
    for i, j in np.ndindex(x.shape[0] - window + 1, x.shape[1] - window + 1):
        a, b = x[i : i + window, j : j + window], y[i : i + window, j : j + window]
        mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
        var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
        both = (weights * (a - mean_a) * (b - mean_b)).sum()
        found.append(
            (2 * mean_a * mean_b + 1e-4) * (2 * both + 9e-4) / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4))
        )
    return float(np.mean(found))


@pytest.mark.parametrize(("size", "window"), [((12, 14), 11), ((10, 30), 9), ((9, 9), 9), ((4, 5), 3), ((1, 7), 1)])
def test_small_pictures_get_the_largest_odd_window_that_fits(size: tuple[int, int], window: int) -> None:
    x, y = noise(*size), 0.5 * noise(*size) + 0.5 * noise(*size, seed=1)
    assert float(ssim(x, y)) == pytest.approx(slow_ssim(x.numpy(), y.numpy(), window), abs=1e-12)


def test_laws() -> None:
    x, y = noise(3, 2, 20, 21), noise(3, 2, 20, 21, seed=1)
    torch.testing.assert_close(ssim(x, x), torch.ones(3, 2, dtype=torch.float64))
    torch.testing.assert_close(ssim(x, y), ssim(y, x))
    torch.testing.assert_close(ssim(x, y), ssim(x.flip(-1), y.flip(-1)))
    assert (ssim(x, y) < 0.5).all()
    black = torch.zeros(16, 16)
    assert float(ssim(black, black)) == 1.0
