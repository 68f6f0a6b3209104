"""Boxes that units see: VGG-16's published fields, and the support of a gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers

from eyechart.models.geometry import LayerGeometry, geometry_of
from eyechart.models.receptive_crop import receptive_crop

VGG16 = {"2": 5, "4": 6, "7": 14, "14": 40, "21": 92, "28": 196, "30": 212}  # conv1_2, pool1, conv2_2 .. conv5_3, pool5


def test_fields_of_vgg16() -> None:
    found = {layer.name: layer for layer in geometry_of(make_layers(cfgs["D"]), (224, 224))}
    for name, field in VGG16.items():
        layer = found[name]
        box = receptive_crop(layer, (1, 2), (224, 224))
        assert box is not None
        assert (box[2] - box[0], box[3] - box[1]) == (field, field)
        assert layer.stride is not None
        first = receptive_crop(layer, (0, 0), (224, 224))
        assert first is not None
        assert (box[0] - first[0], box[1] - first[1]) == (layer.stride[0], 2 * layer.stride[1])


@pytest.mark.parametrize("place", [(0, 0), (1, 2), (4, 4)])
def test_the_box_is_what_the_gradient_reaches(place: tuple[int, int]) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, padding=2, dilation=2), nn.AvgPool2d(2))
    for p in net.parameters():
        p.data.abs_()
    layer = geometry_of(net, (20, 20))[-1]
    box = receptive_crop(layer, place, (20, 20))
    x = torch.ones(1, 3, 20, 20, requires_grad=True)
    net(x)[0, 0, place[0], place[1]].backward()
    assert x.grad is not None
    rows, columns = (x.grad[0, 0].abs().sum(axis).nonzero().flatten().tolist() for axis in (1, 0))
    assert box is not None
    y0, x0, y1, x1 = box
    inside = max(y0, 0), max(x0, 0), min(y1, 20), min(x1, 20)
    assert inside == (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
    assert place != (0, 0) or (y0 < 0 and x0 < 0)


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.last(y * y.mean((2, 3), keepdim=True).sigmoid()).mean((2, 3))


def test_no_box_where_all_is_seen_or_nothing_is_known() -> None:
    last = next(layer for layer in geometry_of(Gated(), (16, 16)) if layer.name == "last")
    assert last.context
    assert receptive_crop(last, (3, 3), (16, 16)) is None
    assert receptive_crop(LayerGeometry("x", "linear", (8,)), (0, 0), (16, 16)) is None
    wide = LayerGeometry("x", "pool", (8, 4, 4), (8, 8), (64, 64), (-20, -20))
    assert receptive_crop(wide, (0, 0), (32, 32)) is None
    assert receptive_crop(wide, (3, 0), (32, 32)) == (4, -20, 68, 44)
