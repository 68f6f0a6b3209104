"""Windows over located tensors: convolutions, pools and padding, with their strides or without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import inf, prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from eyechart.models.grid import Grid, Sides
from eyechart.models.located import Located, Rule

Two = int | Sequence[int]


def grid_of(x: Located) -> Grid:
    """Raises ValueError where there is none."""
    if x.grid is None:
        raise ValueError("a tensor without places")
    return x.grid


def _two(value: Two) -> Sides:
    if isinstance(value, int):
        return value, value
    return (int(value[0]), int(value[-1]))


def _on_last_axes(x: Any) -> bool:
    return isinstance(x, Located) and x.grid is not None and x.grid.axes == (2, 3) and x.as_subclass(Tensor).ndim == 4


def _conv2d(
    func: Callable[..., Any],
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Two = 1,
    padding: Two | str = 0,
    dilation: Two = 1,
    groups: int = 1,
) -> Rule | str:
    if not _on_last_axes(input) or isinstance(weight, Located):
        return "conv2d() with computed kernels, or not over rows and columns"
    kernel, step, spread = _two(weight.shape[-2:]), _two(stride), _two(dilation)
    before, after = _padding(padding, kernel, spread)
    grid, values = grid_of(input), input.as_subclass(Tensor)
    wide = _times(spread, grid.stride)
    (top, left), (bottom, right) = _times(before, grid.stride), _times(after, grid.stride)

    def dense() -> Tensor:
        if before == after:
            return torch.conv2d(values, weight, bias, 1, (top, left), wide, groups)
        return torch.conv2d(F.pad(values, (left, right, top, bottom)), weight, bias, 1, 0, wide, groups)

    return Rule(grid.windowed(kernel, step, before, spread), dense, _count(values, weight.shape[0]))


def _padding(padding: Two | str, kernel: Sides, dilation: Sides) -> tuple[Sides, Sides]:
    """(top, left) and (bottom, right), in units."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":  # torch puts the odd one behind
        whole = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return (whole[0] // 2, whole[1] // 2), (whole[0] - whole[0] // 2, whole[1] - whole[1] // 2)
    if isinstance(padding, str):
        raise ValueError(f"padding {padding}")
    return _two(padding), _two(padding)


def _times(one: Sides, other: Sides) -> Sides:
    return one[0] * other[0], one[1] * other[1]


def _count(values: Tensor, channels: int) -> int:
    return values.shape[0] * channels * prod(values.shape[2:])


def _max_pool2d(
    func: Callable[..., Any],
    input: Any,
    kernel_size: Two,
    stride: Two | None = None,
    padding: Two = 0,
    dilation: Two = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Rule | str:
    if not _on_last_axes(input) or return_indices:
        return "max_pool2d() with indices, or not over rows and columns"
    kernel, before, spread = _two(kernel_size), _two(padding), _two(dilation)
    step = _two(stride) if stride else kernel
    grid, values = grid_of(input), input.as_subclass(Tensor)
    wide, around = _times(spread, grid.stride), _times(before, grid.stride)

    def dense() -> Tensor:
        more = _beyond(values, grid, kernel, step, before, spread) if ceil_mode else (0, 0)
        return _slid(_padded(values, around, more, -inf), kernel, wide, torch.maximum)

    return Rule(grid.windowed(kernel, step, before, spread), dense, values.numel())


def _avg_pool2d(
    func: Callable[..., Any],
    input: Any,
    kernel_size: Two,
    stride: Two | None = None,
    padding: Two = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Rule | str:
    if not _on_last_axes(input):
        return "avg_pool2d() not over rows and columns"
    kernel, before = _two(kernel_size), _two(padding)
    step = _two(stride) if stride else kernel
    grid, values = grid_of(input), input.as_subclass(Tensor)
    around = _times(before, grid.stride)

    def dense() -> Tensor:
        more = _beyond(values, grid, kernel, step, before, (1, 1)) if ceil_mode else (0, 0)
        total = _slid(_padded(values, around, more, 0.0), kernel, grid.stride, torch.add)
        if divisor_override is not None:
            return total / divisor_override
        counted = values.new_ones((1, 1, *values.shape[2:]))
        counted = _padded(counted, around, (0, 0), 1.0 if count_include_pad else 0.0)
        return total / _slid(F.pad(counted, (0, more[1], 0, more[0])), kernel, grid.stride, torch.add)

    return Rule(grid.windowed(kernel, step, before), dense, values.numel())


def _padded(values: Tensor, around: Sides, more: Sides, fill: float) -> Tensor:
    if not any((*around, *more)):
        return values
    return F.pad(values, (around[1], around[1] + more[1], around[0], around[0] + more[0]), value=fill)


def _beyond(values: Tensor, grid: Grid, kernel: Sides, step: Sides, before: Sides, dilation: Sides) -> Sides:
    """Places to add at the bottom and on the right, where the net's last window begins inside and ends outside (ceil_mode)."""
    found = []
    for axis in (0, 1):
        size, s = values.shape[axis + 2], grid.stride[axis]
        units, reach = -(-size // s), dilation[axis] * (kernel[axis] - 1)
        count = -(-(units + 2 * before[axis] - reach - 1) // step[axis]) + 1
        if (count - 1) * step[axis] >= units + before[axis]:  # it would begin outside
            count -= 1
        there = size + 2 * before[axis] * s - reach * s
        found.append(max(0, (count - 1) * step[axis] * s + 1 - there))
    return found[0], found[1]


def _slid(values: Tensor, kernel: Sides, spread: Sides, together: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """``together`` over a window at every place, rows and columns one after the other."""
    for axis, size, wide in zip((2, 3), kernel, spread, strict=True):
        length = values.shape[axis] - (size - 1) * wide
        values = reduce(together, (values.narrow(axis, i * wide, length) for i in range(size)))
    return values


def _pad(
    func: Callable[..., Any], input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Rule | str:
    if not isinstance(input, Located) or input.grid is None:
        return "pad() by what is computed"
    grid, values = input.grid, input.as_subclass(Tensor)
    if grid.axes != (values.ndim - 2, values.ndim - 1):
        return "pad() not of rows and columns"
    left, right, top, bottom = (*pad, 0, 0, 0, 0)[:4] if len(pad) < 4 else pad[:4]
    (up, down), (over, beyond) = (
        (a * s, b * s) for a, b, s in zip((top, left), (bottom, right), grid.stride, strict=True)
    )
    places = grid.sampled((-top, -left), (1, 1))
    if mode == "constant":
        return Rule(places, lambda: F.pad(values, (over, beyond, up, down, *pad[4:]), value=value), values.numel())
    if min(left, right, top, bottom) < 0 or len(pad) > 4 or mode not in ("circular", "replicate", "reflect"):
        return f"pad() of the mode {mode}"

    def dense() -> Tensor:
        rows = _border(values.shape[-2], grid.stride[0], top, bottom, mode).to(values.device)
        columns = _border(values.shape[-1], grid.stride[1], left, right, mode).to(values.device)
        return values.index_select(-2, rows).index_select(-1, columns)

    return Rule(places, dense, values.numel())


def _border(size: int, stride: int, before: int, after: int, mode: str) -> Tensor:
    """Which place is shown at each place of a padded axis: those of one phase, ``stride`` apart, are padded by one another."""
    places = torch.arange(-before * stride, size + after * stride)
    phase = places % stride
    unit, units = (places - phase) // stride, -(-(size - phase) // stride)
    if mode == "circular":
        unit = unit % units
    elif mode == "replicate":
        unit = unit.clamp(min=0).minimum(units - 1)
    else:
        unit = units - 1 - (units - 1 - unit.abs()).abs()
    return unit * stride + phase


WINDOWS: dict[str, Callable[..., Rule | str]] = {
    "conv2d": _conv2d,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "pad": _pad,
}
