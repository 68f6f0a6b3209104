"""Strides and receptive fields of a net's layers, found by letting it look at one frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from eyechart.models.grid import Grid, Sides
from eyechart.models.layers import Kind, Layer, Watch
from eyechart.models.located import Located, Walk, as_the_net_has_it


@dataclass(frozen=True)
class LayerGeometry:
    """Where the units of a layer's maps lie in the input frame; all in pixels, (rows, columns).

    Attributes:
        name, kind, shape: as in ``Layer``.
        stride: how far neighbouring units lie apart; None where the output has no places, or they could not be followed.
        receptive_field: side of what a unit sees.
        start: the first pixel that the first unit sees; below 0 it lies in the padding.
        context: whether a summary of the whole frame has a part beside that (squeeze-excite gates).
        sampled_from: the stride before, where this layer itself is what changes the stride.
        reason: why there is no stride.
    """

    name: str
    kind: Kind
    shape: tuple[int, ...]
    stride: Sides | None = None
    receptive_field: Sides | None = None
    start: Sides | None = None
    context: bool = False
    sampled_from: Sides | None = None
    reason: str = ""


def geometry_of(net: nn.Module, size: Sides, channels: int = 3) -> tuple[LayerGeometry, ...]:
    """Of every step that ``net`` takes with a frame of ``size`` (height, width), in their order.

    The net's own code is run, once, on a grey frame, so nothing need be traceable, and nets that take one size only are fine.
    Followed are convolutions (grouped, of any padding), max and average pools, padding, slices, sums, concatenations, and what
    treats all places alike; not transposed convolutions, upsampling, attention, or steps hidden from Python (scripted modules):
    layers after those have a reason in place of a stride. Steps met before the net fails are given.

    The net's mode is set to evaluation meanwhile, and put back; its parameters and statistics stay as they are.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 4, 3, padding=1))
    >>> [(layer.name, layer.stride[0], layer.receptive_field[0]) for layer in geometry_of(net, (32, 32))]
    [('0', 2, 3), ('1', 2, 3), ('2', 4, 7), ('3', 4, 15)]
    """
    modes = {module: module.training for module in net.modules()}
    try:
        net.eval()
    except NotImplementedError:  # exported programs have one mode
        modes = {}
    like = next((t for t in net.parameters() if t.is_floating_point()), torch.empty(0))
    frames = torch.full((1, channels, *size), 0.5, dtype=like.dtype, device=like.device)
    try:
        return geometry_with(net, frames)
    finally:
        for module, mode in modes.items():
            module.training = mode


def geometry_with(net: nn.Module, frames: Tensor) -> tuple[LayerGeometry, ...]:
    """``geometry_of`` a net in eval mode, with frames (n, c, h, w) as it takes them."""
    found: list[LayerGeometry] = []

    def see(layer: Layer, output: Tensor, sampling: tuple[Grid, Grid] | None) -> None:
        places = output.grid if isinstance(output, Located) else None
        if places is None:
            reason = output.ended if isinstance(output, Located) else "it is hidden from Python"
            found.append(LayerGeometry(layer.name, layer.kind, layer.shape, reason=reason or "nothing of the picture"))
            return
        before = sampling[0].stride if sampling else None
        about = (places.stride, places.field, places.start, places.context, before)
        found.append(LayerGeometry(layer.name, layer.kind, layer.shape, *about))

    walk = Walk()
    try:
        walked(net, frames, walk, lambda layer, output: see(layer, output, _sampling(walk, output)))
    except Exception:  # what a net's own code does with tensors of another class is anything; what was met stays
        return tuple(found)
    return tuple(found)


def _sampling(walk: Walk, output: Tensor) -> tuple[Grid, Grid] | None:
    """The grids before and after, where ``output`` is what the latest step with a stride gave."""
    if walk.sampling is None or walk.sampling[0] is not output:
        return None
    before, after = walk.sampling[1].grid, walk.sampling[0]
    return (before, after.grid) if before and isinstance(after, Located) and after.grid else None


def walked(net: nn.Module, frames: Tensor, walk: Walk, see: Callable[[Layer, Tensor], None]) -> None:
    """Let ``net`` look at frames (n, c, h, w), and show its steps with their located outputs to ``see``."""
    entering = _Entering(net, walk)
    try:
        with torch.no_grad(), Watch(net, see):
            entering(frames.clone())  # some nets begin with a step in place
    finally:
        walk.sampling = None


class _Entering(nn.Module):
    """The net within, shown located frames."""

    def __init__(self, net: nn.Module, walk: Walk) -> None:
        super().__init__()
        self._inside, self._walk = [net], walk  # not a child: the net's names stay its own

    def forward(self, frames: Tensor) -> object:
        """The net's own output."""
        return tree_map(as_the_net_has_it, self._inside[0](Located.of(frames, Grid(), self._walk)))
