"""Readings of channels against plain loops, for every arrangement, and where equal values are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eyechart.models.layers import Layer
from eyechart.views.channel_readings import ChannelReadings, Held, channels_in, held_by
from eyechart.views.feature_maps import Map

FRAME = (32, 32)


def read(layer: Layer, output: torch.Tensor, held: Held, **more: bool) -> np.ndarray:
    return ChannelReadings((layer.name,), (held,), **more).read(layer, output, None).numpy()


@pytest.mark.parametrize(
    ("shape", "axes", "kind"),
    [
        ((5, 4, 4), (1, 2), "convolution"),
        ((4, 4, 5), (0, 1), "norm"),
        ((4, 4, 5), None, "norm"),
        ((17, 5), None, "sum"),
        ((2, 17, 5), None, "attention"),
        ((5, 1, 1), None, "pool"),
        ((5, 4, 3), (1, 2), "pool"),
    ],
)
def test_readings_are_those_of_a_loop(shape: tuple[int, ...], axes: tuple[int, int] | None, kind: str) -> None:
    layer = Layer("x", kind, shape)  # type: ignore[arg-type]
    held = held_by(layer, FRAME, axes)
    assert isinstance(held, Map)
    output = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    found = read(layer, output, held)
    whole = output.numpy()
    if kind == "attention":
        whole = whole[:, :, 1:].transpose(0, 1, 3, 2).reshape(3, 10, 16)  # heads one after another
    elif len(shape) == 2:
        whole = whole[:, 1:].transpose(0, 2, 1)
    elif shape[0] != 5:
        whole = whole.transpose(0, 3, 1, 2).reshape(3, 5, -1)
    else:
        whole = whole.reshape(3, 5, -1)
    assert found.shape == (3, 4, channels_in(layer, held)) == (3, 4, whole.shape[1])
    np.testing.assert_allclose(found[:, 0], whole.mean(2), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(found[:, 1], whole.max(2))
    np.testing.assert_array_equal(found[:, 2], whole.argmax(2))
    np.testing.assert_array_equal(found[:, 3], whole.min(2))
    np.testing.assert_array_equal(read(layer, output, held, extremes=False), found[:, :1])


def test_of_equal_values_the_first_place_counts() -> None:
    output = torch.zeros(1, 2, 3, 3)
    output[0, 1, 1, 2] = output[0, 1, 2, 0] = 1
    for laid_out in (output, output.contiguous(memory_format=torch.channels_last)):
        found = read(Layer("x", "activation", (2, 3, 3)), laid_out, Map("channels first", 3, 3))
        assert found[0, 2].tolist() == [0, 5]


def test_a_vector_is_its_own_mean_and_extremes() -> None:
    layer = Layer("x", "linear", (4,))
    held = held_by(layer, FRAME, None)
    assert held is None
    output = torch.arange(8.0).reshape(2, 4) - 3
    found = read(layer, output, held)
    for row in (0, 1, 3):
        np.testing.assert_array_equal(found[:, row], output)
    assert not found[:, 2].any()


def test_a_constant_channel_is_exactly_constant_however_many_images() -> None:
    output = torch.full((7, 1, 13, 13), 0.3)
    held = Map("channels first", 13, 13)
    each = {read(Layer("x", "activation", (1, 13, 13)), output[:n], held)[0, 0, 0] for n in (1, 2, 7)}
    assert {float(np.float32(x)) for x in each} == {float(np.float32(0.3))}


def test_what_holds_no_channels_says_why() -> None:
    assert "not one an image" in str(held_by(Layer("x", "norm", (5, 4, 4), each=False), FRAME, (1, 2)))
    assert "axes" in str(held_by(Layer("x", "other", (2, 3, 4, 5)), FRAME, None))
