"""Which layers tell the story of a net's strides, and layers by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from eyechart.errors import UnknownNameError
from eyechart.models.geometry import LayerGeometry
from eyechart.models.layers import Layer

STEPS = ("convolution", "pool", "norm", "activation", "sum")
SUMMARIES = ("pool", "linear")
MOST = 24
MOST_SUMMARIES = 8
NOT_ONE_AN_IMAGE = "its outputs are not one an image"
UNKNOWN = "where its units lie is not known"

Default = Callable[[Sequence[Layer], Mapping[str, LayerGeometry]], Sequence[str]]


@dataclass(frozen=True)
class Pick:
    """A layer that is looked at.

    Attributes:
        layer: the step.
        depth: its number in the order of use.
        place: where its units lie; without a stride it has the reason.
    """

    layer: Layer
    depth: int
    place: LayerGeometry

    @property
    def name(self) -> str:
        """Of the layer."""
        return self.layer.name


def pick(
    patterns: Sequence[str] | None,
    layers: Sequence[Layer],
    geometry: Mapping[str, LayerGeometry],
    setting: str,
    *defaults: Default,
) -> tuple[Pick, ...]:
    """The layers of these names or patterns (see ``named``), or those of any of the defaults, in the order of use.

    Every one has a place, but one that is not followed, or whose outputs are not one an image, a place with a reason.

    Raises:
        UnknownNameError: there is none for one of the patterns.
    """
    if patterns is None:
        names = {name for default in defaults for name in default(layers, geometry)}
    else:
        names = set(named(patterns, layers, geometry, setting))
    return tuple(Pick(x, depth, _place(x, geometry)) for depth, x in enumerate(layers) if x.name in names)


def stages(layers: Sequence[Layer], geometry: Mapping[str, LayerGeometry]) -> tuple[str, ...]:
    """Steps that change the stride, and the last step at each stride, in the order of use; at most 24."""
    steps, ends = _placed(layers, geometry), last_of_each_stride(layers, geometry)
    return spread([n for n in steps if geometry[n].sampled_from or n in ends], MOST)


def last_of_each_stride(layers: Sequence[Layer], geometry: Mapping[str, LayerGeometry]) -> tuple[str, ...]:
    """The last step at each stride, in the order of use."""
    steps = _placed(layers, geometry)
    ends = {geometry[name].stride: name for name in steps}
    return tuple(name for name in steps if name in ends.values())


def over_depth(layers: Sequence[Layer], geometry: Mapping[str, LayerGeometry], most: int) -> tuple[str, ...]:
    """At most so many activations, evenly over depth (without any: steps of all kinds), and the last step with maps."""
    steps = _placed(layers, geometry)
    kinds = {layer.name: layer.kind for layer in layers}
    activations = [name for name in steps if kinds[name] == "activation"] or list(steps)
    last = [name for name in steps[-1:] if name not in activations]
    return (*spread(activations, most - len(last)), *last)


def summaries(layers: Sequence[Layer], geometry: Mapping[str, LayerGeometry]) -> tuple[str, ...]:
    """Pools and fully connected steps whose outputs have no places in the picture, in the order of use; at most 8, evenly."""
    found = [x.name for x in layers if x.each and x.kind in SUMMARIES and not _stride(geometry, x.name)]
    return spread(found, MOST_SUMMARIES)


def spread(names: Sequence[str], most: int) -> tuple[str, ...]:
    """At most so many of the names, evenly, the last one among them."""
    count = min(most, len(names))
    if count < 2:
        return tuple(names[-count:]) if count else ()
    return tuple(names[round(i * (len(names) - 1) / (count - 1))] for i in range(count))


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


def _place(layer: Layer, geometry: Mapping[str, LayerGeometry]) -> LayerGeometry:
    found = geometry.get(layer.name)
    if found is None or (found.stride and not layer.each):
        reason = NOT_ONE_AN_IMAGE if found else UNKNOWN
        return LayerGeometry(layer.name, layer.kind, layer.shape, reason=reason)
    return found


def _stride(geometry: Mapping[str, LayerGeometry], name: str) -> object:
    return geometry[name].stride if name in geometry else None
