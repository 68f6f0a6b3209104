"""Outputs of all sorts as maps, and which are none."""

from __future__ import annotations

import pytest
import torch

from eyechart.models.layers import Layer
from eyechart.spectrum.relative import relative_log_amplitude
from eyechart.views.feature_maps import Map, RelativeSpectrum, as_maps, map_of

SQUARE, OBLONG = (224, 224), (192, 128)


@pytest.mark.parametrize(
    ("shape", "kind", "frame", "wanted"),
    [
        ((16, 32, 32), "convolution", SQUARE, Map("channels first", 32, 32)),
        ((32, 32, 32), "convolution", SQUARE, Map("channels first", 32, 32)),
        ((56, 56, 96), "norm", SQUARE, Map("channels last", 56, 56)),
        ((16, 24, 16), "convolution", OBLONG, Map("channels first", 24, 16)),
        ((24, 16, 96), "norm", OBLONG, Map("channels last", 24, 16)),
        ((64, 45, 29), "convolution", OBLONG, Map("channels first", 45, 29)),  # a border of a pixel was lost
        ((196, 192), "norm", SQUARE, Map("tokens", 14, 14)),
        ((197, 192), "attention", SQUARE, Map("tokens", 14, 14, 1)),
        ((198, 192), "sum", SQUARE, Map("tokens", 14, 14, 2)),
        ((201, 192), "sum", SQUARE, Map("tokens", 14, 14, 5)),
        ((3, 197, 64), "attention", SQUARE, Map("tokens of heads", 14, 14, 1)),
    ],
)
def test_arrangements(shape: tuple[int, ...], kind: str, frame: tuple[int, int], wanted: Map) -> None:
    assert map_of(Layer("x", kind, shape), frame) == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((512,), "one number a channel"),
        ((512, 1, 1), "below 3 x 3"),
        ((64, 2, 2), "below 3 x 3"),
        ((5, 192), "below 3 x 3"),
        ((203, 192), "203 tokens are no square"),
        ((3, 197, 64), "proportions of the frame"),
        ((4, 7, 7, 32), "4 axes"),
    ],
)
def test_what_is_no_map(shape: tuple[int, ...], says: str) -> None:
    found = map_of(Layer("x", "other", shape), SQUARE)
    assert isinstance(found, str)
    assert says in found


def test_a_grid_of_tokens_may_be_given() -> None:
    layer = Layer("x", "norm", (97, 8))
    assert isinstance(map_of(layer, OBLONG), str)
    assert map_of(layer, OBLONG, (12, 8)) == Map("tokens", 12, 8, 1)
    assert "fewer than 12 x 9" in map_of(layer, OBLONG, (12, 9))


def test_maps_come_out_as_they_were_laid() -> None:
    maps = torch.randn(2, 6, 4, 5)
    tokens = torch.cat([torch.randn(2, 1, 6), maps.flatten(2).transpose(1, 2)], 1)
    heads = tokens.unflatten(2, (3, 2)).transpose(1, 2)  # (n, heads, t, c / heads)
    for output, held in (
        (maps, Map("channels first", 4, 5)),
        (maps.permute(0, 2, 3, 1), Map("channels last", 4, 5)),
        (tokens, Map("tokens", 4, 5, 1)),
        (heads, Map("tokens of heads", 4, 5, 1)),
    ):
        assert torch.equal(as_maps(output, held), maps), held


def test_a_tap_reads_places_and_the_lowest_frequency() -> None:
    maps = torch.randn(3, 4, 16, 16)
    tap = RelativeSpectrum(("x",), frame=(16, 16), places=5)
    curve = relative_log_amplitude(maps)
    read = tap.read(Layer("x", "norm", (4, 16, 16)), maps, None)
    assert read.shape == (3, 6 + 3 * 4)
    assert read[:, -4:].all()
    torch.testing.assert_close(read[:, 6:14].unflatten(1, (2, 4)).mean(2), curve[:, -1:] - curve[:, :2])
    torch.testing.assert_close(read[:, 4], curve[:, -1])
    torch.testing.assert_close(read[:, 5], curve[:, 1])
    assert tap.read(Layer("x", "norm", (4,)), maps[..., 0, 0], None) is None
