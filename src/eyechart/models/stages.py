"""Which layers tell the story of a net's strides, and layers by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from eyechart.errors import UnknownNameError
from eyechart.models.geometry import LayerGeometry
from eyechart.models.layers import Layer

STEPS = ("convolution", "pool", "norm", "activation", "sum")
MOST = 24


def stages(layers: Sequence[Layer], geometry: Mapping[str, LayerGeometry]) -> tuple[str, ...]:
    """Steps that change the stride, and the last step at each stride, in the order of use; at most 24."""
    steps = _placed(layers, geometry)
    ends = {geometry[name].stride: name for name in steps}  # the last of each
    return spread([n for n in steps if geometry[n].sampled_from or n in ends.values()], MOST)


def over_depth(layers: Sequence[Layer], geometry: Mapping[str, LayerGeometry], most: int) -> tuple[str, ...]:
    """At most so many activations, evenly over depth (without any: steps of all kinds), and the last step with maps."""
    steps = _placed(layers, geometry)
    kinds = {layer.name: layer.kind for layer in layers}
    activations = [name for name in steps if kinds[name] == "activation"] or list(steps)
    last = [name for name in steps[-1:] if name not in activations]
    return (*spread(activations, most - len(last)), *last)


def spread(names: Sequence[str], most: int) -> tuple[str, ...]:
    """At most so many of the names, evenly, the last one among them."""
    count = min(most, len(names))
    places = [round(i * (len(names) - 1) / max(count - 1, 1)) for i in range(count)]
    return tuple(names[place] for place in places)


def named(
    patterns: Sequence[str], layers: Sequence[Layer], geometry: Mapping[str, LayerGeometry], setting: str
) -> tuple[str, ...]:
    """Layers of these names, or that fit patterns such as ``layer2.*``, in the order of use.

    A pattern takes those that have places in the picture; a name that stands for itself is taken as it is.

    Raises:
        UnknownNameError: there is none for one of them.
    """
    known = [layer.name for layer in layers]
    found: dict[str, None] = {}
    for pattern in patterns:
        fit = [n for n in known if fnmatchcase(n, pattern) and (pattern == n or _stride(geometry, n))]
        if not fit:
            raise UnknownNameError.of(pattern, known, setting=setting, hint="See: eyechart layers MODEL.")
        found.update(dict.fromkeys(fit))
    return tuple(name for name in known if name in found)


def _placed(layers: Sequence[Layer], geometry: Mapping[str, LayerGeometry]) -> list[str]:
    """Names of single steps that have maps with places."""
    return [x.name for x in layers if x.each and x.kind in STEPS and _stride(geometry, x.name)]


def _stride(geometry: Mapping[str, LayerGeometry], name: str) -> object:
    return geometry[name].stride if name in geometry else None
