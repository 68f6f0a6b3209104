"""Strides and receptive fields of a net's layers, found by letting it look at one frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from eyechart.models.grid import Grid, Sides
from eyechart.models.layers import Kind, Layer, Watch
from eyechart.models.located import HIDDEN, Located, Walk, as_the_net_has_it
from eyechart.models.private_copy import sharing_copy

FAILS = "the net fails on its way there"
NOT_MET = "it is not used for one plain grey picture: how often it is may depend on the pictures or their number"


@dataclass(frozen=True)
class LayerGeometry:
    """Where the units of a layer's maps lie in the input frame; all in pixels, (rows, columns).

    Attributes:
        name, kind, shape: as in ``Layer``.
        stride: how far neighbouring units lie apart; None where the output has no places, or they could not be followed.
        receptive_field: side of what a unit sees.
        start: the first pixel that the first unit sees; below 0 it lies in the padding.
        context: whether a summary of the whole frame has a part beside that (squeeze-excite gates).
        axes: which axes of ``shape`` are rows and columns; None without a stride.
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
    axes: Sides | None = None
    sampled_from: Sides | None = None
    reason: str = ""


def geometry_of(net: nn.Module, size: Sides, channels: int = 3) -> tuple[LayerGeometry, ...]:
    """Of every step that ``net`` takes with a frame of ``size`` (height, width), in their order.

    The net's own code is run, once, on a grey frame, so nothing need be traceable, and nets that take one size only are fine.
    Followed are convolutions (grouped, of any padding), max and average pools, padding, slices, sums, concatenations, and what
    treats all places alike; not transposed convolutions, upsampling, attention, or steps hidden from Python (scripted modules):
    layers after those have a reason in place of a stride. Steps met before the net fails are given.

    A copy that shares the parameters is run, in evaluation mode: the net stays as it is, with all that it keeps of its inputs.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 4, 3, padding=1))
    >>> [(layer.name, layer.stride[0], layer.receptive_field[0]) for layer in geometry_of(net, (32, 32))]
    [('0', 2, 3), ('1', 2, 3), ('2', 4, 7), ('3', 4, 15)]
    """
    own = sharing_copy(net)
    with suppress(NotImplementedError):  # exported programs have one mode
        own.eval()
    like = next((t for t in net.parameters() if t.is_floating_point()), torch.empty(0))
    return geometry_with(own, torch.full((1, channels, *size), 0.5, dtype=like.dtype, device=like.device))


def geometry_with(net: nn.Module, frames: Tensor, steps: Sequence[Layer] = ()) -> tuple[LayerGeometry, ...]:
    """``geometry_of`` a net in eval mode, with frames (n, c, h, w) as it takes them.

    Args:
        steps: that the net is known to take with some images. Those that it does not take with these are given, too, with the
            reason.
    """
    found: list[LayerGeometry] = []

    def see(layer: Layer, output: Tensor, sampling: tuple[Grid, Grid] | None) -> None:
        places = output.grid if isinstance(output, Located) else None
        if places is None:
            reason = output.ended if isinstance(output, Located) else HIDDEN
            found.append(LayerGeometry(layer.name, layer.kind, layer.shape, reason=reason or "nothing of the picture"))
            return
        before = sampling[0].stride if sampling else None
        axes = places.axes[0] - 1, places.axes[1] - 1
        about = (places.stride, places.field, places.start, places.context, axes, before)
        found.append(LayerGeometry(layer.name, layer.kind, layer.shape, *about))

    walk, why = Walk(), NOT_MET
    try:
        walked(net, frames, walk, lambda layer, output: see(layer, output, _sampling(walk, output)))
    except (
        Exception
    ) as error:  # what a net's own code does with tensors of another class is anything; what was met stays
        why = f"{FAILS}: {type(error).__name__}: {str(error)[:80]}"
    met = {place.name for place in found}
    missed = (step for step in steps if step.name not in met)
    return (*found, *(LayerGeometry(step.name, step.kind, step.shape, reason=why) for step in missed))


def _sampling(walk: Walk, output: Tensor) -> tuple[Grid, Grid] | None:
    """The grids before and after, where ``output`` is what the latest step with a stride gave."""
    if walk.sampling is None or walk.sampling[0] is not output:
        return None
    before, after = walk.sampling[1].grid, walk.sampling[0]
    return (before, after.grid) if before and isinstance(after, Located) and after.grid else None


def walked(net: nn.Module, frames: Tensor, walk: Walk, see: Callable[[Layer, Tensor], None]) -> None:
    """Let ``net`` look at frames (n, c, h, w), and show its steps with their located outputs to ``see``.

    It is a copy that looks: some nets keep tensors for the next time, and no located one may stay in the net.
    """
    net = sharing_copy(net)
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
