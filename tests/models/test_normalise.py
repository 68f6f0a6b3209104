"""Normalisation: exact to float32, whatever the memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.models.image_model import ImageModel
from eyechart.models.load import wrap
from eyechart.models.preprocessing import Preprocessing

SEEN = Preprocessing(size=(7, 9), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@pytest.fixture(scope="module")
def model() -> ImageModel:
    return wrap(nn.Sequential(nn.Flatten(), nn.Linear(189, 4)), preprocessing=SEEN)


def exact(pixels: Tensor) -> Tensor:
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in (SEEN.mean, SEEN.std))
    unit = pixels.double() / (255 if pixels.dtype == torch.uint8 else 1)
    return (unit - mean) / std


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_normalise_is_exact(model: ImageModel, dtype: torch.dtype, layout: torch.memory_format) -> None:
    pixels = torch.rand(5, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    pixels = (pixels * 255).round().to(dtype) if dtype == torch.uint8 else pixels.to(dtype)
    pixels = pixels.contiguous(memory_format=layout)
    before = pixels.clone()
    buffer = model.buffer(9)
    buffer.fill_(-1.0)
    model.normalise(pixels, buffer[2:7])
    # two roundings of numbers up to 2.7: a few units in the last place
    assert float((buffer[2:7].double() - exact(pixels)).abs().max()) < 4e-7
    assert bool((buffer[:2] == -1).all())
    assert bool((buffer[7:] == -1).all())
    assert torch.equal(pixels, before)


def test_normalise_into_other_memory(model: ImageModel) -> None:
    pixels = torch.rand(2, 3, 7, 9)
    out = torch.empty(2, 3, 7, 9)
    assert model.normalise(pixels, out) is out
    np.testing.assert_allclose(out.double(), exact(pixels), atol=4e-7)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_normalise_for_gradients(model: ImageModel, layout: torch.memory_format) -> None:
    pixels = torch.rand(2, 3, 7, 9, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=layout)
    traced = model.normaliser.traced(pixels.requires_grad_())
    assert float((traced.double() - exact(pixels)).detach().abs().max()) < 4e-7
    upstream = torch.randn(traced.shape, generator=torch.Generator().manual_seed(1)).contiguous(memory_format=layout)
    (wanted,) = torch.autograd.grad((traced * upstream).sum(), pixels)
    before = upstream.clone()
    torch.testing.assert_close(model.normaliser.back(upstream), wanted, rtol=1e-6, atol=0)
    assert torch.equal(upstream, before)


def test_buffer(model: ImageModel) -> None:
    buffer = model.buffer(3)
    assert (buffer.shape, buffer.dtype) == ((3, 3, 7, 9), torch.float32)
    assert buffer.is_contiguous(memory_format=torch.channels_last)


def test_other_numbers_are_refused(model: ImageModel) -> None:
    with pytest.raises(ValueError, match="int64"):
        model.normalise(torch.zeros(1, 3, 7, 9, dtype=torch.int64), model.buffer(1))
    with pytest.raises(ValueError, match="shape"):
        model.normalise(torch.zeros(1, 3, 9, 7), model.buffer(1))
