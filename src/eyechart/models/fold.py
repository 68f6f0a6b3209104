"""Fold BatchNorm into the layer before it: the same answers, fewer passes over memory."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from timm.layers import get_notrace_functions, is_notrace_module  # type: ignore[attr-defined]
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from eyechart.models.blur import BlurPool

# Exact types: a subclass may standardise its weights or do more than normalise.
FOLDABLE_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, Conv2dSame)
FOLDABLE_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, BatchNormAct2d)
TOLERANCE = 1e-4  # of the largest absolute answer


@dataclass(frozen=True)
class Pair:
    """A layer and the BatchNorm that alone reads it, as dotted paths."""

    layer: str
    norm: str


class Folded(NamedTuple):
    """A net to ask: with ``pairs`` folded, or (then there are none) as it was; remarks say which and why."""

    net: nn.Module
    pairs: tuple[Pair, ...]
    remarks: tuple[str, ...]


def folded(net: nn.Module, run: Callable[[nn.Module], Tensor]) -> Folded:
    """An equal net with BatchNorm folded, proved equal by running both; ``net`` itself where that fails.

    Args:
        net: in eval mode; left unchanged.
        run: answers of a net on fixed frames, (n, k).
    """
    norms = sum(isinstance(module, _BatchNorm) for module in net.modules())
    if not norms:
        return Folded(net, (), ())
    trial = copy.deepcopy(net)
    try:
        pairs = find_pairs(trial)
        for pair in pairs:
            _fold(trial, pair)
        if not pairs:
            return Folded(net, (), (f"{_layers(norms)} not folded into the layers before them: slower, same answers",))
        wanted, got = run(net), run(trial)
    except Exception as error:  # the net's own code may rely on its BatchNorm layers; then it keeps them
        return Folded(net, (), (f"{_layers(norms)} not folded: {type(error).__name__}: {str(error)[:120]}",))
    if not torch.allclose(got, wanted, rtol=0.0, atol=TOLERANCE * float(wanted.abs().max())):
        worst = float((got - wanted).abs().max())
        return Folded(net, (), (f"{_layers(norms)} not folded: the answers would move by {worst:.2g}",))
    left = norms - len(pairs)
    told = f"{_layers(len(pairs))} folded{f', {left} left as they are' if left else ''}"
    return Folded(trial, tuple(pairs), (told,))


def _layers(count: int) -> str:
    return f"{count} BatchNorm layer{'' if count == 1 else 's'}"


def refolded(net: nn.Module, pairs: Sequence[Pair]) -> nn.Module:
    """``net`` itself, with pairs folded that ``folded`` proved right for other weights of it."""
    for pair in pairs:
        _fold(net, pair)
    return net


def refold(net: nn.Module, pairs: Sequence[Pair], into: nn.Module) -> None:
    """Write what folding ``pairs`` of ``net`` gives into an earlier net that they are folded in."""
    for pair in pairs:
        layer: Any = into.get_submodule(pair.layer)
        weight, bias = _joined(net.get_submodule(pair.layer), net.get_submodule(pair.norm))
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)


def find_pairs(net: nn.Module, prefix: str = "") -> list[Pair]:
    """Pairs found by tracing ``net``; where its code cannot be traced, by tracing its children one by one."""
    if not any(isinstance(module, _BatchNorm) for module in net.modules()):
        return []
    try:
        graph = StepTracer().trace(net)
    except Exception:  # tracing runs the net's code on stand-ins; what that raises is anything
        children = net.named_children()
        return [pair for name, child in children for pair in find_pairs(child, f"{prefix}{name}.")]
    pairs = [Pair(prefix + pair.layer, prefix + pair.norm) for pair in _pairs_in(graph, net)]
    whole = {str(node.target) for node in graph.nodes if node.op == "call_module"}
    inside = [(path, net.get_submodule(path)) for path in sorted(whole)]
    return pairs + [
        pair for path, part in inside if any(part.children()) for pair in find_pairs(part, f"{prefix}{path}.")
    ]


class StepTracer(fx.Tracer):
    """Sees layers, normalisations and what timm marks as untraceable as single steps."""

    def __init__(self) -> None:
        super().__init__(
            autowrap_functions=tuple(get_notrace_functions())  # type: ignore[no-untyped-call]
        )

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether ``m`` is one step."""
        whole = isinstance(m, (_BatchNorm, BlurPool)) or is_notrace_module(type(m))
        return whole or super().is_leaf_module(m, module_qualified_name)


def _pairs_in(graph: fx.Graph, net: nn.Module) -> Iterator[Pair]:
    calls = Counter(str(node.target) for node in graph.nodes if node.op == "call_module")
    read_elsewhere = {str(node.target).rpartition(".")[0] for node in graph.nodes if node.op == "get_attr"}
    owners = Counter(id(p) for m in net.modules() for p in m._parameters.values() if p is not None)
    for node in graph.nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
            continue
        paths = Pair(str(before.target), str(node.target))
        layer, norm = net.get_submodule(paths.layer), net.get_submodule(paths.norm)
        once = calls[paths.layer] == calls[paths.norm] == 1
        alone = not {paths.layer, paths.norm} & read_elsewhere and all(owners[id(p)] == 1 for p in layer.parameters())
        if once and alone and _foldable(layer, norm):
            yield paths


def _foldable(layer: nn.Module, norm: nn.Module) -> bool:
    if type(layer) not in FOLDABLE_LAYERS or type(norm) not in FOLDABLE_NORMS:
        return False
    width = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    hooked = any(m._forward_hooks or m._forward_pre_hooks for m in (layer, norm))
    return norm.running_var is not None and not norm.training and width == norm.num_features and not hooked


@torch.no_grad()
def _fold(net: nn.Module, pair: Pair) -> None:
    """Put the normalisation into the layer's weights, and what follows it in its place."""
    layer: Any = net.get_submodule(pair.layer)
    norm: Any = net.get_submodule(pair.norm)
    weight, bias = _joined(layer, norm)
    layer.weight, layer.bias = _frozen(weight, layer.weight), _frozen(bias, layer.weight)
    net.set_submodule(pair.norm, _rest_of(norm).eval())


def _joined(layer: Any, norm: Any) -> tuple[Tensor, Tensor]:
    """Weight and bias, in float64, of a layer that does what the two do one after the other."""
    gain = 1.0 if norm.weight is None else _exact(norm.weight)
    offset = 0.0 if norm.bias is None else _exact(norm.bias)
    old_bias = 0.0 if layer.bias is None else _exact(layer.bias)
    scale = gain * (_exact(norm.running_var) + norm.eps).rsqrt()  # (out,)
    bias = (old_bias - _exact(norm.running_mean)) * scale + offset
    weight = _exact(layer.weight) * scale.view(-1, *[1] * (layer.weight.ndim - 1))
    return weight, bias


def _exact(value: Tensor) -> Tensor:
    return value.double() if value.device.type in ("cpu", "cuda") else value.cpu().double()  # not every device has it


def _frozen(value: Tensor, like: Tensor) -> nn.Parameter:
    value = value.to(like.device, like.dtype)
    if like.ndim == 4 == value.ndim and like.is_contiguous(memory_format=torch.channels_last):
        value = value.contiguous(memory_format=torch.channels_last)
    return nn.Parameter(value, requires_grad=False)


def _rest_of(norm: nn.Module) -> nn.Module:
    """What a fused layer does after normalising: its dropout and activation."""
    if not isinstance(norm, BatchNormAct2d):
        return nn.Identity()
    rest = [part for part in (norm.drop, norm.act) if not isinstance(part, nn.Identity)]
    return nn.Identity() if not rest else rest[0] if len(rest) == 1 else nn.Sequential(*rest)
