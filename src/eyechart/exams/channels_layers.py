"""Which layers the channels exam looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from eyechart.core.exam import Subject
from eyechart.models.geometry import LayerGeometry
from eyechart.models.layers import Layer
from eyechart.models.stages import Pick, last_of_each_stride, pick, spread
from eyechart.views.channel_readings import Held, channels_in, held_by
from eyechart.views.feature_maps import Map

MOST = 4  # where none are named
BLOCKS = ("sum", "block")  # after which a transformer's tokens are whole


@dataclass(frozen=True)
class Read:
    """A layer whose channels are read.

    Attributes:
        pick: the layer and its place in the net.
        held: how it holds channels, or why it holds none.
        channels: how many; 0 where it holds none.
    """

    pick: Pick
    held: Held | str
    channels: int

    @property
    def name(self) -> str:
        """Of the layer."""
        return self.pick.name

    @property
    def width(self) -> int:
        """Of its maps; of a vector 1."""
        return self.held.width if isinstance(self.held, Map) else 1


def looked_at(patterns: Sequence[str] | None, subject: Subject, setting: str = "channels.layers") -> tuple[Read, ...]:
    """Layers of these names or patterns, or by default those of ``by_stride``, in the order of use.

    Raises:
        UnknownNameError: there is none for one of the patterns.
    """
    default = partial(by_stride, frame=subject.size)
    picks = pick(patterns, subject.layers, subject.geometry, setting, default)
    return tuple(_read(one, subject.size) for one in picks)


def by_stride(
    layers: Sequence[Layer], geometry: Mapping[str, LayerGeometry], frame: tuple[int, int]
) -> tuple[str, ...]:
    """The last step of each stride; beyond what can be followed (transformers) sums that hold maps, or blocks; at most 4."""
    ends = last_of_each_stride(layers, geometry)
    held = [x for x in layers if not (x.name in geometry and geometry[x.name].stride) and _has_map(x, frame)]
    beyond = next((found for kind in BLOCKS if (found := [x.name for x in held if x.kind == kind])), [])
    return spread([*ends, *beyond], MOST)


def _has_map(layer: Layer, frame: tuple[int, int]) -> bool:
    held = held_by(layer, frame, None)
    return isinstance(held, Map) and min(held.height, held.width) > 1


def _read(one: Pick, frame: tuple[int, int]) -> Read:
    held = held_by(one.layer, frame, one.place.axes)
    return Read(one, held, 0 if isinstance(held, str) else channels_in(one.layer, held))
