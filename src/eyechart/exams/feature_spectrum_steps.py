"""Which steps of a net the feature_spectrum exam looks at, and which step each is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eyechart.core.exam import Subject
from eyechart.errors import UnknownNameError
from eyechart.models.layers import Layer
from eyechart.models.stages import NOT_ONE_AN_IMAGE
from eyechart.views.feature_maps import Map, map_of

CHANGING = ("attention", "block", "convolution", "norm", "activation", "pool")  # compared with the step before
CHANNEL_BY_CHANNEL = ("norm", "activation", "pool")
ATTENTION = ("attn", "attention", "self_attention", "self_attn")
MOST = 80


@dataclass(frozen=True)
class Step:
    """A step that is looked at.

    Attributes:
        name, source: of the step, and of the one whose output it takes; no source where that is unknown or holds no map.
        kind: as in ``Layer``; a block that is self-attention as a whole is ``attention``.
        depth: its number in the order of use.
        size: (height, width) of its maps; None if it holds none.
        resized: whether its maps have another size than those of its source.
        reason: why it holds none.
    """

    name: str
    kind: str
    depth: int
    size: tuple[int, int] | None
    source: str = ""
    resized: bool = False
    reason: str = ""

    @property
    def at(self) -> dict[str, Any]:
        """Coordinates."""
        return {"layer": self.name, "kind": self.kind, "depth": self.depth}

    @property
    def compared(self) -> bool:
        """Whether the step before says what this one changes."""
        return bool(self.source) and self.kind in CHANGING

    @property
    def change(self) -> dict[str, Any]:
        """Coordinates of what it changes."""
        return {**self.at, "source": self.source, "size": "changed" if self.resized else "kept"}

    @property
    def keeps_channels(self) -> bool:
        """Whether each channel is made of the source's channel of the same number alone."""
        return self.kind in CHANNEL_BY_CHANNEL


class Steps:
    """All steps of a net, and those that are looked at.

    Args:
        subject: of the net.
        wanted: names of steps; None = chosen by kind and depth.
        grid: of tokens, see ``map_of``.

    Raises:
        UnknownNameError: the net has no such step.
    """

    def __init__(self, subject: Subject, wanted: Sequence[str] | None, grid: tuple[int, int] | None) -> None:
        self.all = _steps(subject, grid)
        names = _automatic(list(self.all.values())) if wanted is None else list(dict.fromkeys(wanted))
        for name in names:
            if name not in self.all:
                hint = "They are named in the order of use, functions with ()."
                raise UnknownNameError.of(name, self.all, setting="feature_spectrum.layers", hint=hint)
        self.shown = tuple(sorted((self.all[name] for name in names), key=lambda step: step.depth))
        self.compared = tuple(step for step in self.shown if step.compared)
        before = [step.source for step in self.compared]
        held = {name for name in (*names, *before) if self.all[name].size}
        self.read = tuple(name for name in self.all if name in held)  # in the order of use

    @property
    def without_map(self) -> dict[str, int]:
        """Why steps hold no map, and how many there are."""
        counts: dict[str, int] = {}
        for step in self.all.values():
            if step.reason:
                counts[step.reason] = counts.get(step.reason, 0) + 1
        return counts


def _steps(subject: Subject, grid: tuple[int, int] | None) -> dict[str, Step]:
    layers = {layer.name: layer for layer in subject.layers}
    maps = {n: map_of(layer, subject.size, grid) if layer.each else NOT_ONE_AN_IMAGE for n, layer in layers.items()}
    attentive = {layer.name.rpartition(".")[0] for layer in subject.layers if layer.kind == "attention"}
    found = {}
    for depth, (name, layer) in enumerate(layers.items()):
        held, before = maps[name], maps.get(layer.source)
        if isinstance(held, Map):
            size, source = (held.height, held.width), layer.source if isinstance(before, Map) else ""
            resized = isinstance(before, Map) and (before.height, before.width) != size
            found[name] = Step(name, _kind(layer, attentive), depth, size, source, resized)
        else:
            found[name] = Step(name, _kind(layer, attentive), depth, None, reason=held)
    return found


def _kind(layer: Layer, attentive: set[str]) -> str:
    """The layer's kind; blocks called attention, or that call torch's function for it, are that as a whole."""
    itself = layer.name.partition(":")[0]
    if layer.kind == "block" and (itself in attentive or itself.rpartition(".")[2] in ATTENTION):
        return "attention"
    return layer.kind


def _automatic(steps: Sequence[Step]) -> list[str]:
    """Names of steps with maps, of the kinds that are looked at; at most MOST with the steps before them."""
    several = [step for step in steps if step.kind in ("block", "attention")]
    blocks = {step.name for step in several if "()" not in step.name}
    around = {name for name in blocks if any(other.startswith(f"{name}.") for other in blocks)}  # told by those within
    within = {
        s.name for s in several if s.name not in blocks and s.name.rpartition(".")[0] in blocks
    }  # by those around
    fit = [s for s in steps if s.size and s.kind in (*CHANGING, "sum") and s.name not in around | within]
    for most in range(MOST, 0, -1):
        chosen = _spread(fit, most)
        with_sources = {step.name for step in chosen} | {step.source for step in chosen if step.compared}
        if len(with_sources) <= MOST:
            return [step.name for step in chosen]
    return []


def _spread(steps: Sequence[Step], most: int) -> list[Step]:
    """About ``most`` steps: of each kind its share, evenly over depth, so that no kind is missed by a regular net."""
    if len(steps) <= most:
        return list(steps)
    by_kind: Mapping[str, list[Step]] = {
        kind: [s for s in steps if s.kind == kind] for kind in dict.fromkeys(s.kind for s in steps)
    }
    chosen: list[Step] = []
    for own in by_kind.values():
        count = max(1, round(most * len(own) / len(steps)))
        places = {round(i * (len(own) - 1) / max(count - 1, 1)) for i in range(count)}
        chosen += [own[place] for place in sorted(places)]
    return chosen
