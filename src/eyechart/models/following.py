"""Where following a net's maps ends before the maps do, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eyechart.models.geometry import FAILS, NOT_MET, LayerGeometry
from eyechart.models.layers import Layer
from eyechart.models.located import HIDDEN
from eyechart.models.stages import NOT_ONE_AN_IMAGE

MAPPED = (
    "convolution",
    "linear",
    "norm",
    "activation",
    "attention",
    "sum",
)  # pools and reshaping may be the end of maps
WHY = {
    HIDDEN: "what comes next is hidden from Python (a scripted or compiled part, or another library)",
    NOT_MET: "which steps come next, and how often, depends on the pictures or their number",
    NOT_ONE_AN_IMAGE: "steps that come next do not give one output an image (images go through one by one, say, or in windows)",
}
UNSEEN = (
    "no later step was seen, though the network has weights left (of a scripted or compiled part, or not used at all)"
)


@dataclass(frozen=True)
class Ended:
    """The last layer that was followed, while the net's maps go on.

    Attributes:
        name: of the layer.
        depth: its number in the order of use.
        why: a clause, as after "because".
    """

    name: str
    depth: int
    why: str


def ended(layers: Sequence[Layer], geometry: Mapping[str, LayerGeometry], tensors: Iterable[str]) -> Ended | None:
    """Where following ends too early; None where the maps end there too (only vectors follow), or nothing is followed.

    A net of which nothing follows though it has tensors that no step was seen to use may go on out of sight.

    Args:
        tensors: names of the net's parameters.
    """
    followed = [depth for depth, x in enumerate(layers) if x.each and x.name in geometry and geometry[x.name].stride]
    if not followed:
        return None
    last, later = layers[followed[-1]], layers[followed[-1] + 1 :]
    reasons = [reason for layer in later if (reason := _unfollowed(layer, geometry))]
    if not later and _unused(layers, tensors):
        reasons = [UNSEEN]
    return Ended(last.name, followed[-1], _clause(reasons[0])) if reasons else None


def _unfollowed(layer: Layer, geometry: Mapping[str, LayerGeometry]) -> str:
    """Why a layer that may well have places was not followed; empty if it has none."""
    reason = geometry[layer.name].reason if layer.name in geometry else HIDDEN
    if not layer.each:
        return NOT_ONE_AN_IMAGE
    a_map = layer.kind in MAPPED and sum(side > 1 for side in layer.shape) > 1
    return reason if a_map or reason in (HIDDEN, NOT_MET) or reason.startswith(FAILS) else ""


def _unused(layers: Sequence[Layer], tensors: Iterable[str]) -> bool:
    """Whether there are tensors of modules that were not met, nor any that they are part of."""
    met = {layer.name for layer in layers}
    owners = {name.rpartition(".")[0] for name in tensors}
    return any(owner and met.isdisjoint(_within(owner)) for owner in owners)


def _within(module: str) -> list[str]:
    """``a.b.c`` and what it is part of: ``a.b``, ``a``."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _clause(reason: str) -> str:
    if reason.startswith(FAILS):
        return f"the network fails when its layers are watched ({reason.removeprefix(FAILS).lstrip(': ')})"
    step, call, _ = reason.partition("()")
    return WHY.get(reason) or (f"what {step}() does to places is not known here" if call else reason)
