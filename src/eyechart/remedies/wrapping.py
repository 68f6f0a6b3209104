"""Letting a net's maps wrap around: convolutions and pools go on from the other end, and keep every map's size."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from timm.layers.conv2d_same import Conv2dSame
from torch import fx, nn

from eyechart.models.blur import pair
from eyechart.models.polyphase import WrappedPool
from eyechart.models.same_padding import SamePad
from eyechart.remedies.sites import pools
from eyechart.remedies.surgery import added, pool_arguments, swap

ALL = slice(None)


def wrap_around(module: fx.GraphModule, *, grow: bool) -> int:
    """Let the convolutions of a traced net wrap around, and its pools; how many convolutions.

    Args:
        module: whose steps know their shapes; changed in place.
        grow: a convolution or pool with less than a whole border (as with padding 0) gets one, so that a map of n places has
            ceil(n / stride) afterwards; else only what has a border goes on from the other end.
    """
    wrapped = {str(node.target) for node in list(module.graph.nodes) if _convolution(module, node, grow)}
    for site in pools(module.graph, module):
        given = pool_arguments(site, module)
        kernel, padding, dilation = (
            pair(given.get(k, d)) for k, d in (("kernel_size", 1), ("padding", 0), ("dilation", 1))
        )
        if grow or site.stride == (1, 1):
            pool = WrappedPool(kernel, padding, dilation, site.role == "max pool")
            dense = added(module, "dense", pool, (site.node.args[0],), site.node)
            swap(module, site.node, _every(module, dense, site.stride) if max(site.stride) > 1 else dense)
    module.graph.lint()
    module.recompile()
    return len(wrapped)


def _every(module: fx.GraphModule, node: fx.Node, stride: tuple[int, int]) -> fx.Node:
    """Every stride-th place of a map."""
    with module.graph.inserting_after(node):
        index = (ALL, ALL, slice(None, None, stride[0]), slice(None, None, stride[1]))
        return module.graph.call_function(operator.getitem, (node, index))


def _convolution(module: fx.GraphModule, node: fx.Node, grow: bool) -> bool:
    layer: Any = module.get_submodule(str(node.target)) if node.op == "call_module" else None
    if not isinstance(layer, nn.Conv2d) or layer.padding_mode != "zeros" or not isinstance(node.args[0], fx.Node):
        return False
    rows, columns = node.args[0].meta["shape"][2:]
    around = _whole(layer, (rows, columns)) if grow or isinstance(layer, Conv2dSame) else _own(layer)
    if not any(around) or max(around[:2]) > columns or max(around[2:]) > rows:  # torch goes around once
        return False
    if isinstance(layer, Conv2dSame):
        object.__setattr__(layer, "__class__", nn.Conv2d)
    layer.padding_mode, layer._reversed_padding_repeated_twice = "circular", list(around)
    return True


def _whole(layer: Any, sides: Sequence[int]) -> tuple[int, ...]:
    """(left, right, top, bottom): the layer's own border in front, and behind what is missing to keep every place."""
    if isinstance(layer, Conv2dSame):
        pad = SamePad(pair(layer.kernel_size), pair(layer.stride), pair(layer.dilation))
        (top, bottom), (left, right) = (pad.around(side, axis) for axis, side in enumerate(sides))
        return left, right, top, bottom
    reach = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    top, left = (
        (r // 2 for r in reach) if layer.padding == "same" else (0, 0) if layer.padding == "valid" else layer.padding
    )
    return left, max(left, reach[1] - left), top, max(top, reach[0] - top)


def _own(layer: Any) -> tuple[int, ...]:
    if isinstance(layer.padding, str):
        return tuple(layer._reversed_padding_repeated_twice)
    return tuple(side for side in reversed(pair(layer.padding)) for _ in range(2))
