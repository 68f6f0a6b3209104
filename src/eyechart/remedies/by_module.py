"""Blurs before subsampling in nets that cannot be traced: what is a module is wrapped where it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from eyechart.models.blur import BlurPool, DensePool, pair
from eyechart.remedies.sites import TREATED

FUNCTIONS: dict[Any, str] = {
    F.conv2d: "a convolution",
    torch.conv2d: "a convolution",
    F.max_pool2d: "a max pool",
    torch.max_pool2d: "a max pool",
    F.avg_pool2d: "an average pool",
}
STRIDED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


class BlurredConv2d(nn.Conv2d):
    """A convolution behind a blur (attribute ``blur``); its weights keep their names."""

    blur: BlurPool

    def forward(self, input: Tensor) -> Tensor:
        """Blur, then convolve."""
        return super().forward(self.blur(input))


class BlurredAverage(nn.Module):
    """A blur in the place of an average pool, cut to the pool's own size."""

    def __init__(self, pool: nn.AvgPool2d, blur: BlurPool) -> None:
        super().__init__()
        self.pool, self.blur = pool, blur
        pool.__dict__[TREATED] = True  # kept for its size alone

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to the size that the pool would give."""
        rows, columns = self.pool(x[:1, :1]).shape[2:]
        blurred: Tensor = self.blur(x)
        return blurred[..., :rows, :columns]


@dataclass
class ByModule:
    """The work on one net that cannot be traced. What stands behind a convolution is not known: the blur comes before it.

    Attributes:
        module: the net, changed in place.
        blur: a blur for a stride; the flag is whether it also subsamples.
        stem, average_pools: as the remedy's settings.
        done, refused: plain lines.
    """

    module: nn.Module
    blur: Callable[[tuple[int, int], bool], BlurPool]
    stem: bool
    average_pools: bool
    done: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def operate(self, frames: Tensor) -> None:
        """Watch the net answer ``frames`` (normalised) once, then wrap what leaves pixels out."""
        calls, functional = called(self.module, frames)
        first = next((name for name in calls if isinstance(self.module.get_submodule(name), nn.Conv2d)), None)
        if first is not None and self.module.get_submodule(first).in_channels != frames.shape[1]:
            first = None  # it does not read the picture
        for name, count in calls.items():
            layer: Any = self.module.get_submodule(name)
            why = _refusal(layer, count)
            if name == first and not self.stem:
                why = "the first strided convolution is left (stem)"
            if isinstance(layer, nn.AvgPool2d) and not self.average_pools:
                why = "average pools are left (average_pools)"
            if why:
                self.refused.append(f"{name}: {why}")
            else:
                self._one(name, layer)
        self.refused += [f"{what} called as a function cannot be changed without tracing" for what in functional]

    def _one(self, name: str, layer: Any) -> None:
        stride = pair(layer.stride)
        if isinstance(layer, nn.MaxPool2d):
            self.module.set_submodule(name, nn.Sequential(DensePool(layer), self.blur(stride, True)).eval())
            self.done.append(f"{name}: max pool at every place, then a blur of stride {stride[0]}")
        elif isinstance(layer, nn.AvgPool2d):
            self.module.set_submodule(name, BlurredAverage(layer, self.blur(stride, True)).eval())
            self.done.append(f"{name}: a blur of stride {stride[0]} in place of the average pool")
        else:
            alone = layer.kernel_size == (1, 1)
            object.__setattr__(layer, "__class__", BlurredConv2d)
            layer.blur = self.blur(stride, alone).to(layer.weight.device).eval()
            layer.__dict__[TREATED] = True
            if alone:
                layer.stride = (1, 1)
            self.done.append(f"{name}: a blur before it, as the net cannot be traced to its activation")


def _refusal(layer: Any, count: int) -> str:
    if count > 1 and isinstance(layer, nn.Conv2d):  # a pool has no weights to share
        return "the layer is used more than once"
    if getattr(layer, "return_indices", False):
        return "it also gives the places of the largest values"
    if isinstance(layer, nn.AvgPool2d) and _larger(layer):
        return "its border makes the map larger than a blur would"
    if type(layer) not in STRIDED:
        return f"a {type(layer).__name__} may pad or weigh by a rule of its own"
    return ""


def _larger(pool: nn.AvgPool2d) -> bool:
    """Whether some map comes out larger than the side over the stride, rounded up."""
    axes = zip(pair(pool.kernel_size), pair(pool.stride), pair(pool.padding), strict=True)
    return any(2 * p >= k or (pool.ceil_mode and 2 * p + s > k) for k, s, p in axes)


def called(net: nn.Module, frames: Tensor) -> tuple[dict[str, int], list[str]]:
    """Modules that leave pixels out, in the order of use, with how often each was used; and functions that do, as words."""
    found: Counter[str] = Counter()
    inside = [False]

    def before(name: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            inside[0] = True
            found[name] += 1

        return hook

    def after(*_: Any) -> None:
        inside[0] = False

    handles: list[Any] = []
    for name, module in _strided(net):
        handles += [module.register_forward_pre_hook(before(name)), module.register_forward_hook(after)]
    watch = _Watch(inside)
    try:
        with torch.no_grad(), watch:
            net(frames)
    finally:
        for handle in handles:
            handle.remove()
    over_all = {name for name, module in _strided(net) if name in found and _global(name, module, net, frames)}
    return {name: count for name, count in found.items() if name not in over_all}, watch.met


def _strided(net: nn.Module) -> Iterable[tuple[str, nn.Module]]:
    for name, module in net.named_modules():
        if isinstance(module, STRIDED) and max(pair(module.stride)) > 1 and not getattr(module, TREATED, False):
            yield name, module


def _global(name: str, module: nn.Module, net: nn.Module, frames: Tensor) -> bool:
    """Whether a pool is over all places."""
    if isinstance(module, nn.Conv2d):
        return False
    seen: list[tuple[int, ...]] = []
    handle = module.register_forward_hook(lambda _m, _i, out: seen.append(tuple(getattr(out, "shape", ()))[2:]))
    try:
        with torch.no_grad():
            net(frames)
    finally:
        handle.remove()
    return bool(seen) and seen[0] == (1, 1)


class _Watch(TorchFunctionMode):
    """Notes what is called as a function, outside of the modules that are known."""

    def __init__(self, inside: list[bool]) -> None:
        super().__init__()
        self.inside = inside
        self.met: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if func in FUNCTIONS and not self.inside[0] and _steps(func, args, given) > 1:
            self.met.append(FUNCTIONS[func])
        return func(*args, **given)


def _steps(func: Any, args: tuple[Any, ...], given: dict[str, Any]) -> int:
    """The stride that a function was called with."""
    convolution = FUNCTIONS[func] == "a convolution"
    stride = given.get("stride", args[3] if convolution and len(args) > 3 else None)
    if not convolution:
        stride = stride or (args[2] if len(args) > 2 else None) or given.get("kernel_size") or args[1]
    return max(pair(stride or 1))
