"""The steps of a net, met while it answers: its modules, and the functions that do a layer's work without one."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

Kind = Literal["convolution", "linear", "norm", "activation", "pool", "attention", "sum", "block", "other"]

# Names of functions, and what names of leaf modules' classes begin with: libraries have classes of their own for one step.
FUNCTIONS: dict[str, Kind] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "conv_transpose2d"), "convolution"),
    **dict.fromkeys(("linear",), "linear"),
    **dict.fromkeys(("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"), "norm"),
    **dict.fromkeys(("relu", "relu_", "relu6", "leaky_relu", "prelu", "gelu", "silu", "elu", "mish"), "activation"),
    **dict.fromkeys(("sigmoid", "tanh", "hardswish", "hardsigmoid", "hardtanh", "softplus"), "activation"),
    **dict.fromkeys(("max_pool2d", "boolean_dispatch", "avg_pool2d", "adaptive_avg_pool2d"), "pool"),
    **dict.fromkeys(("scaled_dot_product_attention", "multi_head_attention_forward"), "attention"),
    **dict.fromkeys(("add", "add_", "__add__", "__iadd__", "__radd__"), "sum"),
}
NUMBERS = (4, 3)  # of images, to see which axes follow it
RESHAPES = {"permute", "transpose", "movedim", "reshape", "view", "flatten", "unflatten", "contiguous"}  # no steps
CLASSES: dict[str, Kind] = {
    **dict.fromkeys(("Conv", "StdConv", "ScaledStdConv"), "convolution"),
    **dict.fromkeys(("Linear", "NonDynamicallyQuantizableLinear"), "linear"),
    **dict.fromkeys(("BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm", "RMSNorm", "SyncBatchNorm"), "norm"),
    **dict.fromkeys(("LocalResponseNorm", "FrozenBatchNorm"), "norm"),
    **dict.fromkeys(
        ("ReLU", "LeakyReLU", "PReLU", "GELU", "SiLU", "Swish", "ELU", "CELU", "SELU", "Mish"), "activation"
    ),
    **dict.fromkeys(("Sigmoid", "Tanh", "Hard", "Softplus", "QuickGELU"), "activation"),
    **dict.fromkeys(("MaxPool", "AvgPool", "Adaptive", "BlurPool", "FastAdaptive"), "pool"),
    **dict.fromkeys(("MultiheadAttention",), "attention"),
}


@dataclass(frozen=True)
class Layer:
    """A step of a net.

    Attributes:
        name: a module's dotted name; a function's is that of the module it is called in and its own, as
            ``layer1.0.relu()``. From the second call on with the number of the call, as ``layer1.0.relu():2``.
        kind: what sort of step; ``block``: a module that holds others.
        shape: of its output, without the batch.
        source: the step whose output it takes first, perhaps reshaped; empty if that is unknown, such as the picture.
        each: whether the first axis of its output is that of the images; not so of windows, or of what is the same for all.
    """

    name: str
    kind: Kind
    shape: tuple[int, ...]
    source: str = ""
    each: bool = True


class Watch(TorchFunctionMode):
    """While it is entered, every step of ``net`` that gives a tensor is shown to ``see``.

    Args:
        net: its hooks are taken off on leaving.
        see: called with the step and its output, before whatever follows may change that in place; where it gives a tensor,
            the net goes on with that.
        sources: find out where each step's input comes from; keeps all outputs in memory until the end.
    """

    def __init__(self, net: nn.Module, see: Callable[[Layer, Tensor], Tensor | None], *, sources: bool = False) -> None:
        super().__init__()
        self._net, self._see, self._sources = net, see, sources
        self._handles: list[RemovableHandle] = []
        self._inside: list[_Open] = []
        self._calls: Counter[str] = Counter()
        self._made: dict[int, tuple[Tensor, str]] = {}  # the tensor is kept so that its id stays its own

    def __enter__(self) -> Self:
        for name, module in self._net.named_modules():
            with suppress(RuntimeError):  # scripted modules take no hooks: they are hidden
                self._handles.append(module.register_forward_pre_hook(self._begin(name)))
                if name:
                    self._handles.append(module.register_forward_hook(self._end))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]
        for handle in self._handles:
            handle.remove()

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        source = self._source(args)  # before the function, which may work in place
        output = func(*args, **(kwargs or {}))
        kind, here = FUNCTIONS.get(name), self._inside[-1] if self._inside else None
        # a leaf module that calls the function is the step itself
        if kind and here and not here.leaf and _has_plane(output) and (kind != "sum" or _of_two(args)):
            title = {"sum": "add", "pool": "pool"}.get(kind, name.strip("_"))
            return self._meet(f"{here.name}.{title}()".lstrip("."), kind, source, output)
        elif self._sources and source and name in RESHAPES:
            self._made[id(output)] = (output, source)
        return output

    def _begin(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any) -> None:
            if not name:  # a new pass
                self._inside.clear()
                self._calls.clear()
            self._inside.append(_Open(name, not any(module.children()), self._source(args)))

        return hook

    def _end(self, module: nn.Module, args: Any, output: Any) -> Any:
        ended = self._inside.pop()
        return with_first(output, lambda first: self._meet(ended.name, kind_of(module), ended.source, first))

    def _source(self, args: Any) -> str:
        first = args[0] if isinstance(args, (tuple, list)) and args else None
        return self._made[id(first)][1] if id(first) in self._made else ""

    def _meet(self, name: str, kind: Kind, source: str, output: Tensor) -> Tensor:
        """What the net goes on with."""
        self._calls[name] += 1
        if self._calls[name] > 1:
            name = f"{name}:{self._calls[name]}"
        if self._sources:
            self._made[id(output)] = (output, name)
        layer = Layer(name, kind, tuple(output.shape[1:]), source)
        with torch._C.DisableTorchFunction():  # what is computed of the output is no step of the net
            found = self._see(layer, output)
        return output if found is None else found


class _Open(NamedTuple):
    """A module that is being called."""

    name: str
    leaf: bool
    source: str


def first_tensor(output: object) -> Tensor | None:
    """What is read of a step that gives a tensor, or a tuple, list or mapping of several things: the first tensor."""
    if isinstance(output, Tensor):
        return output
    parts: Any = output.values() if isinstance(output, Mapping) else output if _several(output) else ()
    return next((part for part in parts if isinstance(part, Tensor)), None)


def with_first(output: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """What a step gave, with its first tensor changed; as it is where there is none."""
    if isinstance(output, Tensor):
        return change(output)
    pairs = list(output.items() if isinstance(output, Mapping) else enumerate(output if _several(output) else ()))
    key, first = next(((key, part) for key, part in pairs if isinstance(part, Tensor)), (None, None))
    if first is None or (changed := change(first)) is first:
        return output
    if isinstance(output, Mapping):
        other: Any = copy.copy(output)
        other[key] = changed
        return other
    parts = [changed if place == key else part for place, part in pairs]
    return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)


def _several(output: object) -> bool:
    return isinstance(output, (tuple, list))


def kind_of(module: nn.Module) -> Kind:
    """What sort of step a module is, by its class's name if it holds no others."""
    if any(module.children()) and not isinstance(module, nn.MultiheadAttention):
        return "block"
    name = type(module).__name__
    return next((kind for start, kind in CLASSES.items() if name.startswith(start)), "other")


def layers_of(net: nn.Module, run: Callable[[nn.Module, int], object]) -> tuple[Layer, ...]:
    """The steps that ``net`` takes, in their order; none where it cannot be watched.

    Args:
        run: lets it answer so many images. It does so twice, since one number of images may be that of something else.
    """
    try:
        more, fewer = (_met(net, run, n) for n in NUMBERS)
    except Exception:  # code that bears neither hooks nor stand-ins for torch's functions: it has no layers for us
        return ()
    return tuple(replace(layer, each=each and fewer.get(layer) is True) for layer, each in more.items())


def _met(net: nn.Module, run: Callable[[nn.Module, int], object], n: int) -> dict[Layer, bool]:
    """Steps in their order, and whether the first axis of the output is as long as there are images."""
    met: dict[Layer, bool] = {}
    with Watch(net, lambda layer, output: met.update({layer: output.shape[:1] == (n,)}), sources=True):
        run(net, n)
    return met


def _has_plane(output: Any) -> bool:
    return isinstance(output, Tensor) and output.ndim >= 3


def _of_two(args: Sequence[Any]) -> bool:
    """Whether two feature maps are added, and not an offset to one."""
    return len(args) > 1 and all(_has_plane(a) for a in args[:2]) and args[0].shape == args[1].shape
