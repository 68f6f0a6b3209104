"""Nets moved along random directions in the space of their weights (Li et al., NeurIPS 2018, arXiv 1712.09913)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from eyechart.core.chance import generator
from eyechart.core.weights import Weights

Normalise = Literal["filter", "none"]
TINY = 1e-10  # the paper's code
MOST_REMEMBERED = 1 << 27  # numbers of one net's directions: half a gigabyte


@dataclass(frozen=True)
class Moved(Weights):
    """The weights w + a d1 + b d2.

    Each d is drawn from N(0, 1) for every weight and, with ``filter``, scaled filter by filter to the filter's own norm:
    d_f <- d_f |w_f| / (|d_f| + 1e-10). A filter is an entry of a parameter's first axis: what makes one output of a
    convolution or a linear layer; in a transposed convolution, what is made of one input. Buffers stay as they are, and so do
    parameters with no more than one axis longer than 1, whatever their shape: biases, weights of norms, scales of layers such
    as (C, 1, 1). Their filters would be single weights, doubled or set to zero at a distance of 1. By shape alone a kernel
    with a single output and no extent, (1, C) or (1, C, 1, 1), is one of them, and stays, too.
    The numbers of a parameter depend on seed, number of the direction, and name alone: not on device, order or other layers.

    Attributes:
        a, b: how far along the first and the second direction; 1 = each filter by its own norm.
        seed: of the directions.
        normalise: ``filter``, or ``none`` (the default of the reference tool).
        settle: images to take BatchNorm's statistics anew on; 0 = they stay those of w.
        directions: numbers of the two directions.
    """

    a: float
    b: float
    seed: int = 0
    normalise: Normalise = "filter"
    settle: int = 0
    directions: tuple[int, int] = (1, 2)

    @property
    def settled_on(self) -> int:
        """``settle``."""
        return self.settle

    @classmethod
    def let_go(cls) -> None:
        """Forget the directions."""
        _remembered.cache_clear()

    def suits(self, parameters: Mapping[str, Tensor], convolutions: Sequence[str]) -> bool:
        """Whether the net has a parameter that moves."""
        return any(map(_moves, parameters.values()))

    def changed(self, parameters: Mapping[str, Tensor], convolutions: Sequence[str]) -> Mapping[str, Tensor]:
        """All parameters with two axes longer than 1, or more, moved."""
        own = {name: tensor for name, tensor in parameters.items() if _moves(tensor)}
        scales = {name: filter_norms(tensor) if self.normalise == "filter" else 1.0 for name, tensor in own.items()}
        shapes = tuple((name, tuple(tensor.shape)) for name, tensor in own.items())
        device = str(next(iter(own.values())).device) if own else "cpu"
        moved = dict(own)
        for step, number in zip((self.a, self.b), self.directions, strict=True):
            if step:
                noise = _noise(self.seed, number, self.normalise, shapes, device)
                moved = {name: moved[name] + step * scales[name] * noise[name] for name in own}
        return moved


def filter_norms(weights: Tensor) -> Tensor:
    """L2 norm of each entry of the first axis, with as many axes as ``weights``."""
    norms: Tensor = weights.flatten(1).norm(dim=1)
    return norms.view(-1, *[1] * (weights.ndim - 1))


def _moves(tensor: Tensor) -> bool:
    """Whether it is a parameter with two axes longer than 1, or more."""
    return isinstance(tensor, nn.Parameter) and tensor.is_floating_point() and sum(n > 1 for n in tensor.shape) > 1


Shapes = tuple[tuple[str, tuple[int, ...]], ...]


def _noise(seed: int, number: int, normalise: Normalise, shapes: Shapes, device: str) -> Mapping[str, Tensor]:
    """Noise for each parameter, its filters of norm 1 if normalised; that of the latest net is remembered, if not huge."""
    small = 2 * sum(prod(shape) for _, shape in shapes) <= MOST_REMEMBERED
    return (_remembered if small else _drawn)(seed, number, normalise, shapes, device)


def _drawn(seed: int, number: int, normalise: Normalise, shapes: Shapes, device: str) -> Mapping[str, Tensor]:
    found = {}
    for name, shape in shapes:
        noise = torch.from_numpy(generator(seed, f"direction {number}", name).standard_normal(shape, "float32"))
        found[name] = (noise / (filter_norms(noise) + TINY) if normalise == "filter" else noise).to(device)
    return found


_remembered = lru_cache(maxsize=2)(_drawn)
