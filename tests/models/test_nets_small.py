"""Small nets of our own against the parameter counts that are published for them, or follow from their plans."""

from __future__ import annotations

import pytest
import torch

from eyechart.models.nets import OWN_NETS
from eyechart.models.nets_small import HfcResNet, wide_resnet

# Millions as the papers print them; PreActResNet-18 and WRN as in their authors' code.
PUBLISHED = {
    "cifar_resnet8": 0.08,
    "cifar_resnet14": 0.17,
    "cifar_resnet20": 0.27,
    "cifar_resnet32": 0.46,
    "cifar_resnet56": 0.85,
    "cifar_resnet110": 1.7,
    "preact_resnet18": 11.17,
    "wrn_16_4": 2.75,
    "wrn_28_10": 36.5,
    "wrn_34_10": 46.2,
    "wrn_40_2": 2.2,
    "all_conv": 1.4,
}


@pytest.mark.parametrize("name", OWN_NETS)
def test_they_answer(name: str) -> None:
    if name in ("wrn_28_10", "wrn_34_10"):
        pytest.skip("counted below")
    net = OWN_NETS[name].build(7).eval()
    with torch.no_grad():
        assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters(name: str) -> None:
    with torch.device("meta"):
        net = OWN_NETS[name].build()
    count = sum(p.numel() for p in net.parameters()) / 1e6
    digits = len(str(PUBLISHED[name]).split(".")[1])
    assert round(count, digits) == PUBLISHED[name]


def test_lenet_has_its_62_thousand() -> None:
    assert sum(p.numel() for p in OWN_NETS["lenet"].build().parameters()) == 62006


def test_the_first_block_of_wangs_net_is_given_what_was_rectified() -> None:
    net = HfcResNet(1).eval()
    x = torch.randn(2, 3, 8, 8)
    begun = torch.relu(net.conv1(x))
    block = net.blocks[0]
    with torch.no_grad():
        torch.testing.assert_close(block(begun), block.conv2(torch.relu(block.conv1(begun))) + begun)
        wanted = net.linear(torch.relu(net.blocks(begun)).mean((2, 3)))
        torch.testing.assert_close(net(x), wanted)
    assert all(part.bias is None for part in net.modules() if isinstance(part, torch.nn.Conv2d))


def test_depths_that_there_are_not() -> None:
    with pytest.raises(ValueError, match="6n"):
        wide_resnet(30, 2)
