"""What PGD costs against a bare loop of input gradients, and against torchattacks and foolbox, on one net.

PGD-10 at Linf 8/255, steps of 2/255, one random start, all ten steps on all samples, batches of 64 frames of 32 x 32, nets of
ResNet-18's shape of the given widths with weights at random and BatchNorm that has seen noise, in eval mode. ``bare``: a loop
over ``torch.autograd.grad`` with respect to the pixels, float32, the net as its user has it. Peers attack the same net,
normalisation inside; ``foolbox_frozen``: after ``requires_grad_(False)``, so that it writes no gradients of weights. Ours
(``float32``, ``bfloat16``) is the search of the attack view on the model as loaded; ``_view``: the whole view, with a look in
float32 before and after, over the bare loop with two forwards.

    python benchmarks/attacks.py                       # widths 64 and 16, float32 and bfloat16
    python benchmarks/attacks.py --widths 16 --turns 5
    python benchmarks/attacks.py --steps 2             # quick

Peers are left out where they are not installed. All take turns; the fastest turn of each counts, over the bare loop's. Prints
one JSON object on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eyechart.core.view import Attacked, Pixels
from eyechart.models.image_model import ImageModel
from eyechart.models.load import wrap
from eyechart.models.preprocessing import Preprocessing
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.pgd import PGD
from eyechart.views.attacks.victim import Victim

EPS, STEP, BATCH, SIZE, CLASSES = 8 / 255, 2 / 255, 64, 32, 10
SEEN = Preprocessing(size=(SIZE, SIZE), resize=SIZE, mean=(0.491, 0.482, 0.447), std=(0.247, 0.243, 0.262))
FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.shortcut = nn.Sequential()
        if stride != 1 or inside != outside:
            self.shortcut.append(nn.Conv2d(inside, outside, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + self.shortcut(x))


class Net(nn.Module):
    """ResNet-18's shape for frames of 32 x 32: a 3x3 stem, eight blocks of w, 2w, 4w and 8w filters."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        widths = [width * 2 ** (i // 2) for i in range(8)]
        before = [width, *widths[:-1]]
        strides = [2 if i in (2, 4, 6) else 1 for i in range(8)]
        self.layers = nn.Sequential(*(Block(*shape) for shape in zip(before, widths, strides, strict=True)))
        self.linear = nn.Linear(8 * width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.layers(F.relu(self.bn1(self.conv1(x)))).mean((2, 3)))


class Normalised(nn.Module):
    """The net with its normalisation inside, as peers want it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(getattr(SEEN, name)).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.net((x - self.mean) / self.std)


def settled(width: int) -> nn.Module:
    """Weights at random; BatchNorm's statistics are those of noise."""
    torch.manual_seed(0)
    net = Net(width).train()
    with torch.no_grad():
        for _ in range(20):
            net(torch.randn(BATCH, 3, SIZE, SIZE))
    return net.eval()


def bare(net: nn.Module, pixels: Tensor, labels: Tensor, steps: int) -> Tensor:
    """The loop that anyone would write."""
    points = (pixels + torch.empty_like(pixels).uniform_(-EPS, EPS)).clamp(0, 1)
    for _ in range(steps):
        points = points.detach().requires_grad_()
        loss = F.cross_entropy(net(points), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, points)
        moved = (points + STEP * gradient.sign() - pixels).clamp(-EPS, EPS)
        points = (pixels + moved).clamp(0, 1).detach()
    return points


def looks(net: nn.Module, pixels: Tensor) -> None:
    """Two forwards, as one takes before and after an attack."""
    with torch.no_grad():
        net(pixels).argmax(1)
        net(pixels).argmax(1)


def ours(model: ImageModel, pixels: Tensor, labels: Tensor, steps: int) -> dict[str, Callable[[], Any]]:
    """The search of the view, and the whole view, in both precisions."""
    view = PGD("linf", EPS, steps, STEP)
    ids = tuple(map(str, range(len(pixels))))
    shown = pixels.contiguous(memory_format=torch.channels_last)
    draws = Draws(0, view.stream, ids, pixels.device)
    made: dict[str, Callable[[], Any]] = {}
    for precision in ("float32", "bfloat16"):
        handed = Attacked(model, labels.numpy(), precision)  # type: ignore[arg-type]

        def search(precision: Any = precision) -> Any:
            return view.search(Victim(model, precision), shown, labels, draws)

        def whole(handed: Attacked = handed) -> Any:
            return view.render(Pixels(shown, ids, 0, attacked=handed))

        made[precision], made[f"{precision}_view"] = search, whole
    return made


def peers(net: nn.Module, pixels: Tensor, labels: Tensor, steps: int) -> dict[str, Callable[[], Any]]:
    """Those that are installed."""
    made: dict[str, Callable[[], Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import torchattacks  # noqa: PLC0415

            made["torchattacks"] = lambda: torchattacks.PGD(net, eps=EPS, alpha=STEP, steps=steps)(pixels, labels)
        except ImportError:
            pass
        try:
            import foolbox  # noqa: PLC0415
        except ImportError:
            return made
    seen = foolbox.PyTorchModel(net, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(abs_stepsize=STEP, steps=steps)

    def frozen() -> None:
        for p in net.parameters():
            p.requires_grad_(False)
        attack(seen, pixels, labels, epsilons=EPS)
        for p in net.parameters():
            p.requires_grad_(True)

    return {**made, "foolbox": lambda: attack(seen, pixels, labels, epsilons=EPS), "foolbox_frozen": frozen}


def timed(turns: int, work: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Seconds of the fastest turn of each."""
    best = dict.fromkeys(work, float("inf"))
    for turn in range(turns + 1):
        for name, do in work.items():
            began = perf_counter()
            do()
            if turn:  # the first prepares kernels
                best[name] = min(best[name], perf_counter() - began)
    return best


def compared(width: int, turns: int, steps: int) -> dict[str, Any]:
    """Ratios of one width."""
    net = settled(width)
    whole = Normalised(net).eval()
    chance = torch.Generator().manual_seed(0)
    pixels = torch.rand(BATCH, 3, SIZE, SIZE, generator=chance)
    model = wrap(net, preprocessing=SEEN, device="cpu")
    with torch.no_grad():
        labels = whole(pixels).argmax(1)  # all are right before, so that all are attacked
    work = {
        "bare": lambda: bare(whole, pixels, labels, steps),
        "looks": lambda: looks(whole, pixels),
        **ours(model, pixels, labels, steps),
        **peers(whole, pixels, labels, steps),
    }
    seconds = timed(turns, work)
    with_looks = seconds["bare"] + seconds["looks"]
    ratios = {
        name: round(value / (with_looks if name.endswith("_view") else seconds["bare"]), 3)
        for name, value in seconds.items()
        if name not in ("bare", "looks")
    }
    return {"seconds_bare": round(seconds["bare"], 3), "ratio": ratios}


def processor() -> dict[str, Any]:
    """What decides these ratios."""
    told = Path("/proc/cpuinfo")
    flags = set(told.read_text(encoding="utf-8").split()) if told.is_file() else set()
    known = {name: name in flags for name in FEATURES}
    return {
        **known,
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 16])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    given = parser.parse_args()
    found = {f"width_{width}": compared(width, given.turns, given.steps) for width in given.widths}
    print(json.dumps({"pgd": {"steps": given.steps, "batch": BATCH, **found}, "processor": processor()}, indent=2))


if __name__ == "__main__":
    main()
