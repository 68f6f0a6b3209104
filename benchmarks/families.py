"""Where nets of torchvision and timm subsample, and what surgery does about it: a table for docs/surgery.md.

    python benchmarks/families.py              # one small member of each family, random weights, frames of 224
    python benchmarks/families.py resnet18 timm:tf_efficientnet_b0

Columns: places found; treated by antialias as it is set; multiply-adds after and before it; polyphase: whether cyclic shifts
of noise leave the answer; dense_stride: multiply-adds after and before; what is left, and why.
"""

from __future__ import annotations

import copy
import sys
from typing import Any

import timm
import torch
from torch import nn
from torchvision.models import get_model_builder

from eyechart.core.remedy import Patient, Remedy, Treated
from eyechart.errors import SettingError
from eyechart.models.cost import multiply_adds
from eyechart.models.preprocessing import Preprocessing
from eyechart.remedies.antialias import Antialias
from eyechart.remedies.dense_stride import DenseStride
from eyechart.remedies.polyphase import Polyphase
from eyechart.remedies.sites import sites
from eyechart.remedies.surgery import operable

FAMILIES = (
    "alexnet vgg11 vgg11_bn resnet18 resnext50_32x4d wide_resnet50_2 squeezenet1_1 densenet121 googlenet inception_v3 "
    "shufflenet_v2_x0_5 mobilenet_v2 mobilenet_v3_small mnasnet0_5 efficientnet_b0 efficientnet_v2_s regnet_x_400mf "
    "regnet_y_400mf convnext_tiny swin_t swin_v2_t vit_b_16 maxvit_t timm:resnet18 timm:tf_efficientnet_b0 timm:convnext_atto "
    "timm:mobilenetv3_small_050"
)
SEEN = Preprocessing(size=(224, 224), mean=(0.5,) * 3, std=(0.25,) * 3)


def built(name: str) -> nn.Module:
    """With random weights."""
    torch.manual_seed(0)
    if name.startswith("timm:"):
        net: nn.Module = timm.create_model(name[5:])
    else:
        options: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        net = get_model_builder(name)(weights=None, **options)
    return net.eval()


def tried(remedy: Remedy, net: nn.Module) -> Treated | str:
    """What it did, or why it did not."""
    try:
        return remedy.treat(Patient(copy.deepcopy(net), SEEN))
    except SettingError as error:
        return error.problem


def row(name: str) -> str:
    """One line of the table."""
    net, frame = built(name), torch.zeros(1, 3, 224, 224)
    graph = operable(Patient(copy.deepcopy(net), SEEN))
    found = len(sites(graph.graph, graph))
    before = multiply_adds(net, frame)
    cells: dict[str, str] = {}
    left: list[str] = []
    for remedy in (Antialias(), Polyphase(), DenseStride()):
        got = tried(remedy, net)
        if isinstance(got, str):
            cells[remedy.name] = "no"
            left.append(f"{remedy.name}: {got}")
            continue
        times = multiply_adds(got.net, frame) / before
        if remedy.name == "antialias":
            cells[remedy.name] = f"{len(got.done)}, x {times:.2f}"
            left += got.refused
        elif remedy.name == "polyphase":
            cells[remedy.name] = "exact" if "no cyclic shift" in got.done[-1] else "not exact"
            left += [
                f"polyphase: {line}" for line in got.refused if "as a whole" not in line and line not in "; ".join(left)
            ]
        else:
            cells[remedy.name] = f"x {times:.2f}"
    return f"| {name} | {found} | {cells['antialias']} | {cells['polyphase']} | {cells['dense_stride']} | {'; '.join(left)} |"


if __name__ == "__main__":
    print(
        "| net | places | antialias | polyphase | dense_stride | left, and why |\n|---|---|---|---|---|---|", flush=True
    )
    for net_name in sys.argv[1:] or FAMILIES.split():
        print(row(net_name), flush=True)
