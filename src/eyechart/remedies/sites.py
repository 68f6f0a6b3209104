"""Where a net subsamples, found on its traced graph, and what stands behind each place."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from eyechart.models.blur import BlurPool, DensePool, pair
from eyechart.models.fold import StepTracer
from eyechart.models.polyphase import Choose, Take, WrappedPool
from eyechart.models.same_padding import SamePad
from eyechart.remedies.in_training import LEAVES

ACTIVATIONS = (
    nn.ReLU,
    nn.ReLU6,
    nn.SiLU,
    nn.GELU,
    nn.Hardswish,
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.Mish,
    nn.Hardtanh,
    nn.Softplus,
    nn.Tanh,
    nn.Sigmoid,
)
ACTIVATION_CALLS = (
    F.relu,
    F.relu6,
    F.silu,
    F.gelu,
    F.hardswish,
    F.leaky_relu,
    F.elu,
    F.mish,
    torch.relu,
    torch.relu_,
    torch.tanh,
    torch.sigmoid,
)
ACTIVATION_METHODS = ("relu", "relu_", "tanh", "sigmoid")
OURS = (BlurPool, DensePool, Choose, Take, WrappedPool, SamePad)
POOLS = (F.max_pool2d, torch.max_pool2d, F.avg_pool2d)
TREATED = "antialiased"  # attribute of layers that keep their stride behind a blur
Role = Literal["convolution", "max pool", "average pool", "slice", "refused"]


class SiteTracer(StepTracer):
    """Sees what was put in before as single steps."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether ``m`` is one step."""
        return isinstance(m, (*OURS, *LEAVES)) or super().is_leaf_module(m, module_qualified_name)


@dataclass(frozen=True, eq=False)
class Site:
    """One place where a net subsamples.

    Attributes:
        node: of the graph.
        role: what does it.
        stride: rows and columns.
        name: for users.
        why: for what is refused, a clause.
    """

    node: fx.Node
    role: Role
    stride: tuple[int, int]
    name: str
    why: str = ""


class Shapes(fx.Interpreter):
    """Runs a graph, and notes the shape of every tensor in ``node.meta["shape"]``."""

    def run_node(self, n: fx.Node) -> Any:
        """One step."""
        found = super().run_node(n)
        if isinstance(found, torch.Tensor):
            n.meta["shape"] = tuple(found.shape)
        return found


def sites(graph: fx.Graph, net: nn.Module) -> list[Site]:
    """All places, in the order of use; shapes must have been noted."""
    calls: dict[str, int] = {}
    for node in graph.nodes:
        if node.op == "call_module":
            calls[str(node.target)] = calls.get(str(node.target), 0) + 1
    return [site for node in graph.nodes for site in _found(node, net, calls)]


def pools(graph: fx.Graph, net: nn.Module) -> list[Site]:
    """All pools but those over all places, strided or not; shapes must have been noted."""
    return [site for node in graph.nodes if (site := _pool_at(node, net)) and site.role != "refused"]


def _pool_at(node: fx.Node, net: nn.Module) -> Site | None:
    if node.op == "call_module":
        module: Any = net.get_submodule(str(node.target))
        kinds = (nn.MaxPool2d, "max pool"), (nn.AvgPool2d, "average pool")
        role: Any = next((role for kind, role in kinds if isinstance(module, kind)), None)
        return role and _pool(
            node, role, pair(module.stride), str(node.target), getattr(module, "return_indices", False), 0
        )
    return pool_called(node, least=0) if node.op == "call_function" else None


def _found(node: fx.Node, net: nn.Module, calls: dict[str, int]) -> Iterator[Site]:
    if node.op == "call_module":
        module = net.get_submodule(str(node.target))
        site = _of_module(node, module)
        if site and calls[str(node.target)] > 1 and isinstance(module, nn.Conv2d):  # a pool has no weights to share
            site = Site(node, "refused", site.stride, site.name, "the layer is used more than once")
        if site and not getattr(module, TREATED, False):
            yield site
    elif node.op == "call_function":
        site = _of_call(node)
        if site:
            yield site


def _of_module(node: fx.Node, module: nn.Module) -> Site | None:
    name = str(node.target)
    if isinstance(module, nn.Conv2d):
        return _convolution(node, module, name)
    if isinstance(module, nn.MaxPool2d):
        return _pool(node, "max pool", pair(module.stride), name, module.return_indices)
    if isinstance(module, nn.AvgPool2d):
        return _pool(node, "average pool", pair(module.stride), name)
    if isinstance(module, (nn.LPPool2d, nn.FractionalMaxPool2d, nn.PixelUnshuffle, nn.Unfold)):
        return Site(node, "refused", (0, 0), name, f"there is no rule for {type(module).__name__}")
    return None


def _convolution(node: fx.Node, layer: nn.Conv2d, name: str) -> Site | None:
    stride = pair(layer.stride)
    if max(stride) == 1:
        return None
    if type(layer) not in (nn.Conv2d, Conv2dSame):
        why = f"a {type(layer).__name__} may pad or weigh by a rule of its own"
        return Site(node, "refused", stride, name, why)
    return Site(node, "convolution", stride, name)


def _pool(
    node: fx.Node, role: Role, stride: tuple[int, int], name: str, indices: bool = False, least: int = 2
) -> Site | None:
    if max(stride) < least or node.meta.get("shape", (0, 0, 1, 1))[2:] == (1, 1):  # over all places
        return None
    if indices:
        return Site(node, "refused", stride, name, "it also gives the places of the largest values")
    return Site(node, role, stride, name)


def _of_call(node: fx.Node) -> Site | None:
    if node.target is operator.getitem:
        return _slice(node)
    name = str(node)
    if node.target in POOLS:
        return pool_called(node)
    if node.target in (F.conv2d, torch.conv2d):
        stride = pair(node.kwargs.get("stride", node.args[3] if len(node.args) > 3 else 1))
        why = "a convolution called as a function cannot be changed"
        return Site(node, "refused", stride, name, why) if max(stride) > 1 else None
    if node.target is F.interpolate:
        before, after = node.args[0].meta.get("shape"), node.meta.get("shape")  # type: ignore[union-attr]
        if before and after and after[-1] < before[-1]:
            return Site(node, "refused", (0, 0), name, "a resize has a filter of its own, or none")
    return _of_foreign_call(node)


def _of_foreign_call(node: fx.Node) -> Site | None:
    """A function of a library's own that is one step of the graph, and gives a much smaller map (channels may come last)."""
    package = str(getattr(node.target, "__module__", "")).partition(".")[0]
    source = node.args[0] if node.args else None
    before, after = (n.meta.get("shape", ()) if isinstance(n, fx.Node) else () for n in (source, node))
    if package in ("torch", "_operator", "builtins", "None", "") or len(before) != 4 or len(after) != 4:
        return None
    smaller = [3 * b <= 2 * a for a, b in zip(before, after, strict=True)]
    if not (all(smaller[1:3]) or all(smaller[2:])):
        return None
    name = str(getattr(node.target, "__name__", node)).strip("_")
    return Site(node, "refused", (0, 0), f"{node} ({name})", "it takes the map apart by a rule of its own")


def pool_called(node: fx.Node, least: int = 2) -> Site | None:
    """A pool that is called as a function, with a stride of at least ``least``."""
    if node.target not in POOLS:
        return None
    given = dict(zip(("input", "kernel_size", "stride", "padding"), node.args, strict=False)) | dict(node.kwargs)
    stride = pair(given.get("stride") or given["kernel_size"])
    role: Role = "average pool" if node.target is F.avg_pool2d else "max pool"
    return _pool(node, role, stride, str(node), bool(given.get("return_indices", False)), least)


def _slice(node: fx.Node) -> Site | None:
    """x[..., ::2, ::2] of maps (n, c, h, w); other slices with steps, as in patch merging, are told and left."""
    source, index = node.args
    shape = source.meta.get("shape", ()) if isinstance(source, fx.Node) else ()
    parts = index if isinstance(index, tuple) else (index,)
    if len(shape) != 4 or not any(isinstance(p, slice) and p.step not in (None, 1) for p in parts):
        return None
    whole = list(parts)
    if Ellipsis in whole:
        at = whole.index(Ellipsis)
        whole[at : at + 1] = [slice(None)] * (4 - len(whole) + 1)
    plain = all(isinstance(p, slice) and p.start in (None, 0) and p.stop is None for p in whole)
    steps = [p.step or 1 for p in whole if isinstance(p, slice)] + [1] * (4 - len(whole))
    if not plain or len(steps) != 4 or steps[:2] != [1, 1]:
        return Site(node, "refused", (0, 0), str(node), "it takes pieces of the map apart, as patch merging does")
    return Site(node, "slice", (steps[2], steps[3]), str(node))


def reads_picture(node: fx.Node, net: nn.Module) -> bool:
    """Whether no convolution stands before a step: a stem."""
    at: Any = node.args[0] if node.args else None
    while isinstance(at, fx.Node) and at.op != "placeholder":
        if at.op == "call_module" and isinstance(net.get_submodule(str(at.target)), nn.Conv2d):
            return False
        at = next(iter(at.all_input_nodes), None)
    return True


def behind(node: fx.Node, net: nn.Module) -> fx.Node | None:
    """The activation that alone reads a layer, through norms and dropout; None where something else comes first."""
    at = node
    while len(at.users) == 1:
        at = next(iter(at.users))
        if _is_activation(at, net):
            return at
        if not _passes(at, net):
            return None
    return None


def _is_activation(node: fx.Node, net: nn.Module) -> bool:
    if node.op == "call_module":
        module = net.get_submodule(str(node.target))
        active = isinstance(module, _BatchNorm) and not isinstance(getattr(module, "act", nn.Identity()), nn.Identity)
        return isinstance(module, ACTIVATIONS) or active
    if node.op == "call_method":
        return node.target in ACTIVATION_METHODS
    return node.op == "call_function" and node.target in ACTIVATION_CALLS


def _passes(node: fx.Node, net: nn.Module) -> bool:
    """Whether a step works on each place and channel for itself, so that subsampling may come after it."""
    if node.op == "call_module":
        module = net.get_submodule(str(node.target))
        return isinstance(module, (_BatchNorm, nn.Dropout, nn.Dropout2d, nn.Identity, *LEAVES))
    return node.op == "call_function" and node.target in (F.dropout, F.batch_norm)
