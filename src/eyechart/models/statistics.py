"""BatchNorm's statistics: taken anew on images, and put back where folding has taken them out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

BATCH = 64


def norms_of(net: nn.Module) -> list[Any]:
    """BatchNorm layers that keep statistics."""
    return [m for m in net.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]


def folded_away(norm: _BatchNorm) -> bool:
    """Whether the statistics are those of a fresh layer: folded into the layer before, or never taken."""
    mean, var = norm.running_mean, norm.running_var
    return bool(mean is not None and var is not None and (mean == 0).all() and torch.allclose(var, var.new_ones(())))


Statistics = Mapping[str, tuple[Tensor, Tensor]]  # by layer: mean and variance


@torch.no_grad()
def measured(net: nn.Module, frames: Tensor) -> Statistics:
    """What ``settle`` would set; the net keeps what it has."""
    kept = {norm: [b.clone() for b in norm.buffers()] for norm in norms_of(net)}
    settle(net, frames)
    found = {name: (m.running_mean.clone(), m.running_var.clone()) for name, m in _named(net)}
    for norm, values in kept.items():
        for buffer, value in zip(norm.buffers(), values, strict=True):
            buffer.copy_(value)
    return found


@torch.no_grad()
def follow(net: nn.Module, frames: Tensor, before: Statistics) -> None:
    """Move BatchNorm's statistics as far as a change of the net moves those of ``frames``.

    Frames are not the pictures of training, which were cropped, turned and many: taken anew from them alone, statistics of a
    net that was not changed at all cost accuracy. So means are moved by the difference, and variances by the factor, between
    the net as it is and as it was on the same frames: nothing changes where nothing was changed.

    Args:
        net: changed; layers keep their names.
        frames: (n, c, h, w), normalised.
        before: ``measured`` before the change.
    """
    after = measured(net, frames)
    for name, norm in _named(net):
        if name in before:
            (mean, var), (was, spread) = after[name], before[name]
            norm.running_mean += mean - was
            norm.running_var *= torch.where(spread > 0, var / spread.clamp_min(torch.finfo(spread.dtype).tiny), 1.0)


def _named(net: nn.Module) -> list[tuple[str, Any]]:
    return [(n, m) for n, m in net.named_modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]


@torch.no_grad()
def settle(net: nn.Module, frames: Tensor) -> None:
    """Take BatchNorm's statistics anew: means over what ``frames`` (n, c, h, w), normalised, give in equal batches up to BATCH.

    Only these layers are in training mode meanwhile; all modes and momenta are as before in the end.
    """
    norms = norms_of(net)
    with _measuring(norms):
        for norm in norms:
            norm.reset_running_stats()
        for part in batches(frames):
            net(part)


def batches(frames: Tensor) -> tuple[Tensor, ...]:
    """Equal parts: a batch of one has no variance."""
    return frames.tensor_split(max(1, ceil(len(frames) / BATCH)))


@torch.no_grad()
def reinsert(net: nn.Module, frames: Tensor) -> int:
    """Give BatchNorm layers without statistics those of their inputs on ``frames``; the net's answers stay as they are.

    What the statistics would do is undone by weight and bias, so that they can be taken anew after the net has been changed.

    Returns:
        Number of layers.
    """
    empty = [norm for norm in norms_of(net) if folded_away(norm) and norm.affine]
    old = {norm: (norm.weight.clone(), norm.bias.clone(), norm.running_var.clone()) for norm in empty}
    seen: dict[nn.Module, list[Tensor]] = {norm: [] for norm in empty}

    def note(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        x = given[0].double()
        dims = [d for d in range(x.ndim) if d != 1]
        seen[norm].append(torch.stack([x.mean(dims), x.square().mean(dims), x.new_tensor(len(x)).expand(x.shape[1])]))

    handles = [norm.register_forward_pre_hook(note) for norm in empty]
    try:
        for part in batches(frames):
            net(part)
    finally:
        for handle in handles:
            handle.remove()
    for norm, (weight, bias, var) in old.items():
        if not seen[norm]:
            continue
        sums = torch.stack(seen[norm])
        mean, square = (sums[:, :2] * sums[:, 2:]).sum(0) / sums[:, 2].sum(0)
        spread = (square - mean**2).clamp_min(0)
        scale = weight.double() / (var.double() + norm.eps).sqrt()  # what the layer does now: scale * x + bias
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(spread)
        norm.weight.copy_(scale * (spread + norm.eps).sqrt())
        norm.bias.copy_(bias.double() + scale * mean)
    return len(empty)


@contextmanager
def _measuring(norms: list[Any]) -> Iterator[None]:
    """In training mode, with means over all batches."""
    before = [(norm.training, norm.momentum) for norm in norms]
    try:
        for norm in norms:
            norm.training, norm.momentum = True, None
        yield
    finally:
        for norm, (mode, momentum) in zip(norms, before, strict=True):
            norm.training, norm.momentum = mode, momentum
