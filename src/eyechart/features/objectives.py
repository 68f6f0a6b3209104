"""What a picture is made for: objectives, which can be added, subtracted and weighed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from eyechart.features.reach import OUTPUTS

Which = int | Sequence[int]


@dataclass(frozen=True)
class Seen:
    """What a net says of a batch of pictures, each shown in the same number of ways.

    Attributes:
        maps: layer -> (pictures x ways, channels, rows, columns), all ways of a picture beside each other.
        pictures: (n, c, h, w) in [0, 1], as they are.
        ways: how often each is shown.
    """

    maps: Mapping[str, Tensor]
    pictures: Tensor
    ways: int = 1


@dataclass(frozen=True)
class Objective:
    """A score of each picture, to be made large. Sums, differences and multiples of objectives are objectives.

    Attributes:
        layers: that it looks at.
        value: of what is seen, one number a picture (n,).
        coupled: whether a picture's score depends on the other pictures of the batch, so that batches must stay whole.
        name: for people.
    """

    layers: tuple[str, ...]
    value: Callable[[Seen], Tensor]
    coupled: bool = False
    name: str = ""

    def __add__(self, other: Objective | float) -> Objective:
        if not isinstance(other, Objective):
            return replace(self, value=lambda seen: self.value(seen) + other, name=f"{self.name} + {other:g}")
        return Objective(
            tuple(dict.fromkeys((*self.layers, *other.layers))),
            lambda seen: self.value(seen) + other.value(seen),
            self.coupled or other.coupled,
            f"{self.name} + {other.name}",
        )

    __radd__ = __add__

    def __mul__(self, weight: float) -> Objective:
        return replace(self, value=lambda seen: weight * self.value(seen), name=f"{weight:g} ({self.name})")

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return self * -1.0

    def __sub__(self, other: Objective | float) -> Objective:
        return self + (-other)


def channel(layer: str, which: Which) -> Objective:
    """Mean over places of a channel; ``which``: one for all pictures, or one for each."""
    return Objective(
        (layer,), lambda seen: _mean(seen, _chosen(seen, layer, which).mean((1, 2))), name=f"{layer} {which}"
    )


def neuron(layer: str, which: Which, place: tuple[int, int] | None = None) -> Objective:
    """A channel at one place (row, column); by default at the middle, of even sides the later of the middle two."""

    def value(seen: Seen) -> Tensor:
        maps = _chosen(seen, layer, which)
        row, column = place or (maps.shape[1] // 2, maps.shape[2] // 2)
        return _mean(seen, maps[:, row, column])

    return Objective((layer,), value, name=f"{layer} {which} at {place or 'the middle'}")


def direction(layer: str, towards: Tensor, power: int = 2) -> Objective:
    """cos^power x the dot product of each place's activations with ``towards``, mean over places; power 0: the product alone.

    ``towards``: (channels,), or (n, channels), one for each picture. Only positive cosines count as near.
    """

    def value(seen: Seen) -> Tensor:
        maps = seen.maps[layer]
        wanted = towards.to(maps).view(-1, maps.shape[1]).repeat_interleave(1 if towards.ndim == 1 else seen.ways, 0)
        product = torch.einsum("nchw,nc->nhw", maps, wanted.expand(len(maps), -1))
        if power:
            size = maps.norm(dim=1) * wanted.norm(dim=1)[:, None, None]
            product = product * (product / size.clamp_min(1e-6)).clamp_min(0.1) ** power
        return _mean(seen, product.mean((1, 2)))

    return Objective((layer,), value, name=f"a direction of {layer}")


def cosine(layer: str, towards: Tensor) -> Objective:
    """Cosine of the mean over places with ``towards``, as in ``direction``."""

    def value(seen: Seen) -> Tensor:
        means = seen.maps[layer].mean((2, 3))
        wanted = towards.to(means).view(-1, means.shape[1]).repeat_interleave(1 if towards.ndim == 1 else seen.ways, 0)
        return _mean(seen, functional.cosine_similarity(means, wanted.expand_as(means), dim=1))

    return Objective((layer,), value, name=f"the direction of a vector of {layer}")


def whole_layer(layer: str) -> Objective:
    """Mean of the squares of all activations (deep dream)."""
    return Objective(
        (layer,), lambda seen: _mean(seen, seen.maps[layer].square().mean((1, 2, 3))), name=f"all of {layer}"
    )


def logit(which: Which, against: bool = False) -> Objective:
    """A class's output; ``against``: less the log of the sum of the others' exponentials."""

    def value(seen: Seen) -> Tensor:
        rows = seen.maps[OUTPUTS][:, :, 0, 0]
        wanted = _each(which, seen, len(rows), rows.device)[:, None]
        own = rows.gather(1, wanted)[:, 0]
        return _mean(seen, own - rows.scatter(1, wanted, float("-inf")).logsumexp(1) if against else own)

    return Objective((OUTPUTS,), value, name=f"class {which}")


def between(one: Objective, other: Objective) -> Objective:
    """From ``one`` for the first picture of a batch to ``other`` for the last, in equal steps."""

    def value(seen: Seen) -> Tensor:
        share = torch.linspace(0, 1, len(seen.pictures), device=seen.pictures.device)
        return (1 - share) * one.value(seen) + share * other.value(seen)

    layers = tuple(dict.fromkeys((*one.layers, *other.layers)))
    return Objective(layers, value, coupled=True, name=f"from {one.name} to {other.name}")


def alike(decay: float = 2.0, reach: int = 4) -> Objective:
    """Minus the mean squared difference to the neighbours in the batch, 1 to ``reach`` away, weighed by decay^-distance."""

    def value(seen: Seen) -> Tensor:
        x, total = seen.pictures, torch.zeros(len(seen.pictures), device=seen.pictures.device)
        for d in range(1, min(reach, len(x) - 1) + 1):
            apart = (x[d:] - x[:-d]).square().flatten(1).mean(1) * decay**-d
            total = total - functional.pad(apart, (0, d)) - functional.pad(apart, (d, 0))
        return total

    return Objective((), value, coupled=True, name="alike")


def diversity(layer: str, group: int | None = None) -> Objective:
    """Minus the mean cosine of a picture's Gram matrix with those of the others in its group of ``group`` (default: all)."""

    def value(seen: Seen) -> Tensor:
        flat = seen.maps[layer].flatten(2)
        grams = functional.normalize((flat @ flat.transpose(1, 2)).flatten(1), dim=1)
        grams = functional.normalize(grams.view(-1, seen.ways, grams.shape[1]).mean(1), dim=1)
        size = group or len(grams)
        groups = grams.view(-1, size, grams.shape[1])
        pairs = groups @ groups.transpose(1, 2)
        others = pairs.sum(2) - pairs.diagonal(dim1=1, dim2=2)
        return (others / -max(size - 1, 1)).flatten()

    return Objective((layer,), value, coupled=True, name=f"diversity in {layer}")


def total_variation() -> Objective:
    """Mean absolute difference of neighbouring pixels; a penalty with a negative weight."""

    def value(seen: Seen) -> Tensor:
        x = seen.pictures
        return x.diff(dim=2).abs().flatten(1).mean(1) + x.diff(dim=3).abs().flatten(1).mean(1)

    return Objective((), value, name="total variation")


def away_from(start: Tensor) -> Objective:
    """Mean squared distance to other pictures (n or 1, c, h, w); a penalty with a negative weight (feature accentuation)."""
    return Objective(
        (), lambda seen: (seen.pictures - start.to(seen.pictures)).square().flatten(1).mean(1), name="distance"
    )


def _chosen(seen: Seen, layer: str, which: Which) -> Tensor:
    """(pictures x ways, rows, columns) of one channel each."""
    maps = seen.maps[layer]
    index = _each(which, seen, len(maps), maps.device)
    return maps[torch.arange(len(maps), device=maps.device), index]


def _each(which: Which, seen: Seen, n: int, device: torch.device) -> Tensor:
    if isinstance(which, int):
        return torch.full((n,), which, device=device)
    if len(which) != len(seen.pictures):
        raise ValueError(f"{len(which)} channels for {len(seen.pictures)} pictures")
    return torch.tensor(list(which), device=device).repeat_interleave(seen.ways)


def _mean(seen: Seen, values: Tensor) -> Tensor:
    """Over the ways in which each picture is shown."""
    return values if seen.ways == 1 else values.view(-1, seen.ways).mean(1)
