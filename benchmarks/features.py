"""What pictures that excite channels cost: against a published tool and against bare loops.

VGG-16-BN with random weights, convolutions ``features.14`` and ``features.40``, pictures of 128 pixels that the net sees as
they are, on processors alone. Times are wall time a channel and step of whole calls of as many steps each; a first call of one
step warms up, then all take turns and the fastest turn of each counts.

``ours``: ``Fourier`` for a batch of channels in the precision that it chooses, bfloat16 where the processor multiplies in it;
``ours_float32``: in single precision. The frame that it shows to find out whether the net bears the size is included.
In its first 16 steps ours looks after pictures without gradients, so that these steps, which alone are timed, are the dearer.
``loop``: the sliced net, frozen, channels_last, the same batch, Adam on plain pixels, nothing else, in single precision;
``loop_chosen``: the same in the precision that ours chooses. ``loop_fourier``, in single precision: the same
with BatchNorm folded into the convolutions, and with spectra, colours, motions and normalisation written plainly.

``peer``: torch-lucent's ``render_vis`` with its own parameterisation and transforms, one channel after another, on the model as
its documentation hands it over. ``peer_frozen``: the same, spared the gradients of weights, which it computes and does not use.
Its channels share nothing, so that a few stand for all. Hooks that it leaves on the model are taken off between pictures,
outside of what is timed.

``faster``: peer over ours (aimed at: 3). ``faster_frozen``: peer_frozen over ours. ``faster_float32``: peer over ours_float32.
``overhead``: ours over loop_chosen (aimed at: 1.15). ``overhead_float32``: ours_float32 over loop. ``overhead_fourier``:
ours_float32 over loop_fourier.

    python benchmarks/features.py                # about three minutes on two cores
    python benchmarks/features.py --layers features.40 --batch 16

The peer is optional and asks for old releases: keep it apart from the environment. IPython, by which it shows pictures in
notebooks, is replaced by an empty module, which changes nothing that it computes.

    python -m pip install --no-deps --target PEER torch-lucent==0.1.8 kornia==0.4.1 decorator
    PYTHONPATH=PEER python benchmarks/features.py

Prints one JSON object on stdout.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import vgg16_bn

import eyechart
from eyechart.features.fourier import Fourier
from eyechart.features.method import Precision, reduces
from eyechart.features.objectives import channel
from eyechart.features.reach import Reach
from eyechart.models.image_model import ImageModel
from eyechart.models.preprocessing import Preprocessing

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COLOURS = ((0.26, 0.27, 0.27), (0.09, 0.0, -0.09), (0.02, -0.05, 0.03))
SIZE, TURNS = 128, 3
LOW = reduces(torch.device("cpu"), "auto")
Work = Callable[[int], None]  # of so many steps


def sliced(net: nn.Module, layer: str, *, fold: bool) -> nn.Sequential:
    """All up to the layer, frozen and channels_last."""
    steps: list[Any] = []
    for step in copy.deepcopy(net.features[: int(layer.partition(".")[2]) + 1]):
        if fold and isinstance(step, nn.BatchNorm2d):
            steps[-1] = fuse_conv_bn_eval(steps[-1], step)
        else:
            steps.append(step)
    return nn.Sequential(*steps).eval().requires_grad_(False).to(memory_format=torch.channels_last)


def loop(net: nn.Module, channels: Sequence[int], steps: int, low: bool = False) -> None:
    """Adam on pixels."""
    pixels = torch.rand(len(channels), 3, SIZE, SIZE).to(memory_format=torch.channels_last).requires_grad_()
    optimiser, each = torch.optim.Adam([pixels], lr=0.05), torch.arange(len(channels))
    for _ in range(steps):
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            maps = net(pixels)
        (-maps[each, list(channels)].float().mean((1, 2)).sum()).backward()
        optimiser.step()


def loop_fourier(net: nn.Module, channels: Sequence[int], steps: int) -> None:
    """Adam on spectra, each picture moved, scaled and turned."""
    n, each = len(channels), torch.arange(len(channels))
    frequency = (torch.fft.fftfreq(SIZE)[:, None] ** 2 + torch.fft.rfftfreq(SIZE)[None] ** 2).sqrt()
    scale, colours = 1 / frequency.clamp_min(1 / SIZE), torch.tensor(COLOURS) / 0.4619
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    spectrum = (0.01 * torch.randn(n, 3, SIZE, SIZE // 2 + 1, 2)).requires_grad_()
    optimiser = torch.optim.Adam([spectrum], lr=0.05)
    for _ in range(steps):
        optimiser.zero_grad()
        waves = torch.fft.irfft2(torch.view_as_complex(spectrum) * scale, s=(SIZE, SIZE), norm="ortho") / 4
        pictures = torch.einsum("ncyx,cd->ndyx", waves, colours).sigmoid()
        grid = nn.functional.affine_grid(motions(n), [n, 3, SIZE, SIZE], align_corners=False)
        shown = nn.functional.grid_sample(pictures - 0.5, grid, align_corners=False) + 0.5
        frames = ((shown - mean) / std).contiguous(memory_format=torch.channels_last)
        (-net(frames)[each, list(channels)].mean((1, 2)).sum()).backward()
        optimiser.step()


def motions(n: int) -> Tensor:
    """(n, 2, 3): up to 6 pixels, a tenth larger or smaller, 10 degrees."""
    turn, scale = torch.deg2rad(torch.randint(-10, 11, (n,)).float()), 0.9 + 0.02 * torch.randint(0, 11, (n,))
    cos, sin, shift = turn.cos() / scale, turn.sin() / scale, torch.randint(-6, 7, (n, 2)) * 2 / SIZE
    return torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], 1).view(n, 2, 3)


def ours(reach: Reach, layer: str, channels: Sequence[int], precision: Precision, steps: int) -> None:
    """A batch."""
    method = Fourier(steps=steps, size=SIZE, shown=SIZE, precision=precision)
    method.make(reach, channel(layer, tuple(channels)), [str(each) for each in channels])


def lucent() -> Any:
    """``render_vis``, or None where it is not installed."""
    for name in ("IPython", "IPython.display"):
        sys.modules.setdefault(name, ModuleType(name))
    sys.modules["IPython"].display = sys.modules["IPython.display"]  # type: ignore[attr-defined]
    try:
        from lucent.optvis.render import render_vis  # noqa: PLC0415
    except ImportError:
        return None
    return render_vis


def peer(render: Any, net: nn.Module, layer: str, channels: Any, steps: int) -> None:
    """One picture, of the next channel."""
    goal = f"{layer.replace('.', '_')}:{next(channels)}"
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # a failed step is a warning there
        render(net, goal, thresholds=(steps,), progress=False, show_image=False, fixed_image_size=SIZE)


def took(work: Work, steps: int, nets: Sequence[nn.Module]) -> float:
    """Seconds of so many steps."""
    began = perf_counter()
    work(steps)
    seconds = perf_counter() - began
    for module in (module for net in nets for module in net.modules()):
        module._forward_hooks.clear()
        for weight in module.parameters(recurse=False):
            weight.grad = None
    return seconds


def measured(model: ImageModel, net: nn.Module, render: Any, layer: str, given: argparse.Namespace) -> dict[str, float]:
    """Milliseconds a channel and step, and ratios, of one layer."""
    channels = list(range(given.batch))
    reach = Reach(model, [layer])
    work: dict[str, tuple[int, Work]] = {
        "ours": (given.batch, partial(ours, reach, layer, channels, "auto")),
        "ours_float32": (given.batch, partial(ours, reach, layer, channels, "float32")),
        "loop": (given.batch, partial(loop, sliced(net, layer, fold=False), channels)),
        "loop_chosen": (given.batch, partial(loop, sliced(net, layer, fold=False), channels, low=LOW)),
        "loop_fourier": (given.batch, partial(loop_fourier, sliced(net, layer, fold=True), channels)),
    }
    theirs = [net, copy.deepcopy(net).requires_grad_(False)]
    if render:
        work |= {
            name: (1, partial(peer, render, theirs[i], layer, cycle(channels)))
            for i, name in enumerate(("peer", "peer_frozen"))
        }
    for _, one in work.values():
        took(one, 1, theirs)
    turns = [{name: took(one, given.steps, theirs) / n for name, (n, one) in work.items()} for _ in range(TURNS)]
    least = {name: 1e3 * min(turn[name] for turn in turns) / given.steps for name in work}
    found = {f"{name}_ms": ms for name, ms in least.items()}
    for name, (upper, lower) in RATIOS.items():
        if upper in least:
            found[name] = least[upper] / least[lower]
    return {name: round(value, 3) for name, value in found.items()}


RATIOS = {
    "faster": ("peer", "ours"),
    "faster_frozen": ("peer_frozen", "ours"),
    "faster_float32": ("peer", "ours_float32"),
    "overhead": ("ours", "loop_chosen"),
    "overhead_float32": ("ours_float32", "loop"),
    "overhead_fourier": ("ours_float32", "loop_fourier"),
}


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", nargs="+", default=["features.14", "features.40"], help="convolutions of VGG-16-BN")
    parser.add_argument("--batch", type=int, default=8, help="channels at once")
    parser.add_argument("--steps", type=int, default=10, help="of every picture")
    given = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the peer would put its pictures on an accelerator, whatever holds the net
    torch.manual_seed(0)
    np.random.seed(0)
    net, render = vgg16_bn(weights=None).eval(), lucent()
    model = eyechart.wrap(net, preprocessing=Preprocessing((224, 224), mean=MEAN, std=STD), device="cpu")
    found: dict[str, Any] = {layer: measured(model, net, render, layer, given) for layer in given.layers}
    if not render:
        found["peer"] = "left out: torch-lucent is not on the path (see the head of this file)"
    machine = {"threads": torch.get_num_threads(), "torch": torch.__version__, "bfloat16": LOW}
    print(json.dumps({**found, "batch": given.batch, "steps": given.steps, "machine": machine}))


if __name__ == "__main__":
    main()
