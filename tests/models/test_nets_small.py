"""Small nets of our own against the parameter counts that are published for them, or follow from their plans."""

from __future__ import annotations

import pytest
import torch

from eyechart.models.nets import OWN_NETS
from eyechart.models.nets_small import wide_resnet

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


def test_depths_that_there_are_not() -> None:
    with pytest.raises(ValueError, match="6n"):
        wide_resnet(30, 2)
