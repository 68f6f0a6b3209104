"""What torch's functions do to located tensors: windows, steps that keep every place, and other orders of the axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from eyechart.models.grid import Grid, Sides, joined
from eyechart.models.located import Located, Rule, as_the_net_has_it
from eyechart.models.located_windows import WINDOWS, grid_of

ELEMENTWISE = (
    *("relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "gelu", "silu", "silu_", "elu", "elu_", "selu", "selu_"),
    *("celu", "celu_", "mish", "mish_", "softplus", "softsign", "sigmoid", "sigmoid_", "tanh", "tanh_", "logsigmoid"),
    *("hardswish", "hardswish_", "hardsigmoid", "hardsigmoid_", "hardtanh", "hardtanh_", "tanhshrink", "hardshrink"),
    *("clamp", "clamp_", "clamp_min", "clamp_max", "clip", "threshold", "abs", "neg", "exp", "log", "sqrt", "rsqrt"),
    *("square", "pow", "__pow__", "__neg__", "reciprocal", "erf", "sin", "cos", "floor", "round"),
    *("add", "add_", "__add__", "__radd__", "__iadd__", "sub", "sub_", "__sub__", "__rsub__", "__isub__", "rsub"),
    *("mul", "mul_", "__mul__", "__rmul__", "__imul__", "div", "div_", "__truediv__", "__rtruediv__", "__itruediv__"),
    *("true_divide", "maximum", "minimum", "where", "lerp", "addcmul"),
    *("contiguous", "clone", "detach", "to", "float", "type", "type_as"),
)
ALONG = {"chunk": 2, "split": 2, "tensor_split": 2, "unbind": 1, "narrow": 1}  # position of ``dim``


def _elementwise(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Rule | str:
    """The same at every place; what is broadcast has one value for all places."""
    return _spread(func, args, kwargs)


def _spread(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Rule | str:
    leaves = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
    placed = [x for x in leaves if isinstance(x, Located) and x.grid is not None]
    grid = joined([x.grid for x in placed if x.grid], any(isinstance(x, Located) and x.grid is None for x in leaves))
    if grid is None:
        return "maps of different strides come together"
    sizes = [_size(x) for x in placed]
    if len({(x.as_subclass(Tensor).ndim, size) for x, size in zip(placed, sizes, strict=True)}) != 1:
        return "maps of different sizes come together"
    ndim = placed[0].as_subclass(Tensor).ndim
    if any(not _one_for_all(x, grid, ndim) for x in leaves if not isinstance(x, Located) or x.grid is None):
        return "values of their own for each place of the sampled map come in"
    least = [min(x.as_subclass(Tensor).shape[axis] for x in placed) for axis in grid.axes]

    def dense() -> Any:
        def fitting(x: Any) -> Any:
            if not isinstance(x, Located) or x.grid is None:
                return as_the_net_has_it(x)
            values = x.as_subclass(Tensor)
            for axis, size in zip(x.grid.axes, least, strict=True):  # borders of less than a stride
                values = values.narrow(axis, 0, size)
            return values

        return func(*tree_map(fitting, args), **tree_map(fitting, dict(kwargs)))

    return Rule(grid, dense, max(x.as_subclass(Tensor).numel() for x in placed))


def _size(x: Located) -> Sides:
    """(rows, columns) as the net has them."""
    values, grid = as_the_net_has_it(x), grid_of(x)
    return values.shape[grid.axes[0]], values.shape[grid.axes[1]]


def _one_for_all(x: Tensor, grid: Grid, ndim: int) -> bool:
    """Whether a tensor without places is the same for all of them."""
    shape = (x.as_subclass(Tensor) if isinstance(x, Located) else x).shape
    own = [axis - ndim for axis in grid.axes]
    return len(shape) <= ndim and all(-axis > len(shape) or shape[axis] == 1 for axis in own)


def _dropout(
    func: Callable[..., Any], x: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Rule | str:
    return "dropout in training" if training else _spread(func, (x, p, training, inplace), {})


def _batch_norm(
    func: Callable[..., Any],
    x: Any,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    *more: Any,
    **kwargs: Any,
) -> Rule | str:
    if training:
        return "batch_norm() with the batch's own statistics"
    if grid_of(x).axes[0] == 1:
        return "batch_norm() over places"
    return _each(func, x, (mean, var, weight, bias, training, *more), kwargs)


def _prelu(func: Callable[..., Any], x: Any, weight: Any) -> Rule | str:
    return "prelu() over places" if grid_of(x).axes[0] == 1 else _each(func, x, (weight,), {})


def _each(func: Callable[..., Any], x: Located, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Rule:
    """A function of one map whose other arguments know no places."""
    values = x.as_subclass(Tensor)
    plain = {name: as_the_net_has_it(value) for name, value in kwargs.items()}
    return Rule(grid_of(x), lambda: func(values, *(as_the_net_has_it(a) for a in args), **plain), values.numel())


def _layer_norm(func: Callable[..., Any], x: Any, shape: Sequence[int], *more: Any, **kwargs: Any) -> Rule | str:
    ndim = x.as_subclass(Tensor).ndim
    if max(grid_of(x).axes) >= ndim - len(shape):
        return "layer_norm() over places"
    return _each(func, x, (shape, *more), kwargs)


def _linear(func: Callable[..., Any], x: Any, weight: Any, bias: Any = None) -> Rule | str:
    if not isinstance(x, Located) or x.grid is None or isinstance(weight, Located):
        return "linear() with computed weights"
    values = x.as_subclass(Tensor)
    if max(x.grid.axes) == values.ndim - 1:
        return "linear() over places"
    each = values.numel() // values.shape[-1]
    return Rule(x.grid, lambda: func(values, weight, bias), each * weight.shape[0])


def _cat(func: Callable[..., Any], tensors: Sequence[Any], dim: int = 0, **kwargs: Any) -> Rule | str:
    placed = [x for x in tensors if isinstance(x, Located) and x.grid is not None]
    if len(placed) < len(tensors):
        return "cat() with what has no places"
    grid = joined([grid_of(x) for x in placed])
    ndim = placed[0].as_subclass(Tensor).ndim
    dim = kwargs.get("axis", dim)
    if grid is None or dim % ndim in grid.axes:
        return "maps of different strides come together" if grid is None else "cat() of places"
    if len({_size(x) for x in placed}) != 1:
        return "maps of different sizes come together"
    rule = _spread(func, (list(placed), dim), {})
    return rule._replace(values=sum(x.as_subclass(Tensor).numel() for x in placed)) if isinstance(rule, Rule) else rule


def _parts(func: Callable[..., Any], x: Any, *args: Any, **kwargs: Any) -> Rule | str:
    name = func.__name__
    given = kwargs.get("dim", args[ALONG[name] - 1] if len(args) >= ALONG[name] else 0)
    values = x.as_subclass(Tensor)
    if name == "unbind" or not isinstance(given, int) or given % values.ndim in grid_of(x).axes:
        return f"{name}() of places"
    return _each(func, x, args, kwargs)


def _permute(func: Callable[..., Any], x: Any, *dims: Any, **kwargs: Any) -> Rule | str:
    dims = tuple(kwargs.get("dims", dims[0] if dims and not isinstance(dims[0], int) else dims))
    values, grid = x.as_subclass(Tensor), grid_of(x)
    order = [d % values.ndim for d in dims]
    rows, columns = (order.index(axis) for axis in grid.axes)
    return Rule(grid.on(rows, columns), lambda: values.permute(order), values.numel())


def _transpose(func: Callable[..., Any], x: Any, first: int, second: int) -> Rule | str:
    values, grid = x.as_subclass(Tensor), grid_of(x)
    one, other = first % values.ndim, second % values.ndim
    swap = {one: other, other: one}
    rows, columns = (swap.get(axis, axis) for axis in grid.axes)
    return Rule(grid.on(rows, columns), lambda: values.transpose(one, other), values.numel())


def _unsqueeze(func: Callable[..., Any], x: Any, dim: int) -> Rule | str:
    values, grid = x.as_subclass(Tensor), grid_of(x)
    at = dim % (values.ndim + 1)
    rows, columns = (axis + (axis >= at) for axis in grid.axes)
    return Rule(grid.on(rows, columns), lambda: values.unsqueeze(at), values.numel())


def _reshape(func: Callable[..., Any], x: Any, *shape: Any, **kwargs: Any) -> Rule | str:
    """Of channels only, rows and columns last before and after, as for a shuffle of channels."""
    if shape and isinstance(shape[0], torch.dtype):
        return f"{func.__name__}() as another type"
    wanted = list(kwargs.get("shape", shape[0] if shape and not isinstance(shape[0], int) else shape))
    values, grid = x.as_subclass(Tensor), grid_of(x)
    last = (values.ndim - 2, values.ndim - 1)
    if grid.axes != last or len(wanted) < 3 or tuple(wanted[-2:]) != _size(x):
        return f"{func.__name__}()"
    wanted[-2:] = values.shape[-2:]
    return Rule(grid.on(len(wanted) - 2, len(wanted) - 1), lambda: values.reshape(wanted), prod(values.shape))


def _item(func: Callable[..., Any], x: Any, index: Any) -> Rule | str:
    """Slices of channels, and every so many-th place."""
    values = x.as_subclass(Tensor) if isinstance(x, Located) else x
    if not isinstance(x, Located) or x.grid is None:
        return "indices that are maps"
    parts = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in [p for p in parts if not isinstance(p, Tensor)]:
        at = next(i for i, p in enumerate(parts) if p is Ellipsis)
        parts[at : at + 1] = [slice(None)] * (values.ndim - len(parts) + 1)
    parts += [slice(None)] * (values.ndim - len(parts))
    if any(not isinstance(p, (int, slice)) for p in parts) or len(parts) != values.ndim:
        return "indices of places"
    first, step = [], []
    for axis, stride in zip(x.grid.axes, x.grid.stride, strict=True):
        part = parts[axis]
        if not isinstance(part, slice) or part.stop is not None or (part.start or 0) < 0:
            return "indices of places"
        first.append(part.start or 0)
        step.append(part.step or 1)
        parts[axis] = slice((part.start or 0) * stride, None)
    rows, columns = (axis - sum(isinstance(p, int) for p in parts[:axis]) for axis in x.grid.axes)
    grid = x.grid.sampled((first[0], first[1]), (step[0], step[1])).on(rows, columns)
    return Rule(grid, lambda: values[tuple(parts)], values.numel())


RULES: dict[str, Callable[..., Rule | str]] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(("dropout", "dropout2d", "feature_dropout", "alpha_dropout"), _dropout),
    **dict.fromkeys(ALONG, _parts),
    **dict.fromkeys(("cat", "concat", "concatenate"), _cat),
    **dict.fromkeys(("transpose", "swapaxes"), _transpose),
    **dict.fromkeys(("view", "reshape"), _reshape),
    "batch_norm": _batch_norm,
    "prelu": _prelu,
    "layer_norm": _layer_norm,
    "linear": _linear,
    "permute": _permute,
    "unsqueeze": _unsqueeze,
    "__getitem__": _item,
    **WINDOWS,
}
