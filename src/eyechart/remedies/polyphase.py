"""Adaptive polyphase sampling: keep the strongest phase of a map (Chaman & Dokmanic, CVPR 2021, arXiv 2011.14214)."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import fx, nn

from eyechart.core.remedy import Patient, Remedy, Treated
from eyechart.errors import SettingError
from eyechart.models.blur import BlurPool, pair
from eyechart.models.polyphase import Choose, Take, WrappedPool
from eyechart.models.statistics import follow, measured, norms_of, reinsert
from eyechart.remedies.sites import Site, behind, sites
from eyechart.remedies.surgery import (
    added,
    example,
    left_out,
    note_shapes,
    operable,
    padded_apart,
    pool_arguments,
    swap,
)
from eyechart.remedies.wrapping import wrap_around

ROUNDING = 1e-6  # of the distance between two answers
STILL = "tried on noise: no cyclic shift of three changes the answer"
MOVED = (
    "the net as a whole: cyclic shifts still change the answer, as steps depend on the place (a border, flattened maps, "
    "embedded positions) or sides cannot be shared out"
)


class Polyphase(Remedy):
    """Every step that leaves pixels out keeps, of each image, the phase of the map with the largest norm.

    Strided convolutions and pools become dense, and choose behind the activation; all steps between the same two sizes (a block
    and its shortcut) share one choice. With convolutions that wrap around (``circular``), map sides that the strides divide and
    a global mean at the end, no cyclic shift changes the answer, whatever the weights. Trained nets were not trained for that:
    accuracy falls until they are fine-tuned.
    """

    name: ClassVar[str] = "polyphase"
    title: ClassVar[str] = "Subsample where the content is strongest"
    explanation: ClassVar[str] = (
        "Where the network shrinks a map, it keeps those pixels that carry the most, wherever they lie. "
        "A picture moved around the frame then gives the same small map."
    )
    structural: ClassVar[bool] = True
    improves: ClassVar[tuple[str, ...]] = ("phase_map.p_top1_change", "consistency.consistency")
    evidence: ClassVar[str] = (
        "Exact by definition for cyclic shifts; photographs that move within a scene are another matter."
    )

    order: int = Field(2, ge=1, le=8, description="Of the norm by which a phase is chosen.")
    circular: bool = Field(True, description="Let convolutions and pools wrap around, as published.")
    taps: int = Field(1, ge=1, le=15, description="Blur before the choice, taps of the binomial filter (published: 3).")
    statistics: bool = Field(True, description="Let BatchNorm statistics follow the change, where images are given.")

    def treat(self, patient: Patient) -> Treated:
        """Trace, find, choose. Raises SettingError where nothing subsamples, or the net cannot be traced."""
        frames = patient.frames if self.statistics and norms_of(patient.net) else None
        if frames is not None:
            reinsert(patient.net, frames)
            before = measured(patient.net, frames)
        module, wrapped = _opened(patient, self.circular)
        surgery = _Surgery(self, module)
        surgery.operate()
        if not surgery.done:
            told = "; ".join(surgery.refused) or "it has no step that leaves pixels out"
            way_out = "Try another remedy: eyechart list remedies."
            raise SettingError(f"Nothing could be treated: {told}.", setting="--with", value=self.name, way_out=way_out)
        if self.circular:
            surgery.done.append(f"{wrapped} convolutions wrap around")
        if frames is not None:
            follow(module, frames, before)
            surgery.done.append(f"BatchNorm statistics moved by what {len(frames)} images show of the change")
        still = _still(module, patient)
        (surgery.done if still else surgery.refused).append(STILL if still else MOVED)
        return Treated(module, done=tuple(surgery.done), refused=(*surgery.refused, *left_out(module)))


def _opened(patient: Patient, circular: bool) -> tuple[fx.GraphModule, int]:
    """The net as a graph, wrapped around if ``circular``; and how many of its convolutions."""
    if not circular:
        return operable(patient), 0
    module = operable(replace(patient, net=copy.deepcopy(patient.net)))
    try:
        wrapped = wrap_around(module, grow=True)
        note_shapes(module, patient)
    except RuntimeError:  # a head that wants maps of the sizes there were
        module = operable(patient)
        wrapped = wrap_around(module, grow=False)
        note_shapes(module, patient)
    return module, wrapped


@torch.no_grad()
def _still(net: nn.Module, patient: Patient) -> bool:
    """Whether cyclic shifts of noise leave the answer as it is; in float64, by how far two pictures' answers lie apart."""
    exact = copy.deepcopy(net).cpu().double()
    like = example(patient)
    noise = torch.randn(like.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    answer = exact(noise)
    middle = noise.shape[2] // 2, noise.shape[3] // 2 + 3  # moves the coarsest map by more than a place
    gaps = [float((exact(noise.roll(shift, (2, 3))) - answer).abs().max()) for shift in ((0, 1), (13, 6), middle)]
    return max(gaps) <= ROUNDING * float((answer[0] - answer[1]).abs().max())


@dataclass
class _Surgery:
    """The work on one graph."""

    settings: Polyphase
    module: fx.GraphModule
    done: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    choices: dict[tuple[Any, ...], fx.Node] = field(default_factory=dict)  # by the sizes before and after

    def operate(self) -> None:
        """All places, one after another; the first between two sizes chooses for the others."""
        for site in sites(self.module.graph, self.module):
            if site.role == "refused":
                self.refused.append(f"{site.name}: {site.why}")
            elif any(side % step for side, step in zip(_before(site), site.stride, strict=True)):
                self.refused.append(f"{site.name}: {_before(site)} places cannot be shared out evenly")
            else:
                self._one(site)
        self.module.graph.lint()
        self.module.recompile()

    def _one(self, site: Site) -> None:
        key = _before(site), site.node.meta["shape"][2:]
        if site.role == "convolution":
            layer = padded_apart(self.module, site.node)
            layer.stride = (1, 1)
            end = behind(site.node, self.module) or site.node
        elif site.role == "slice":
            end = site.node.args[0]  # type: ignore[assignment]
        else:
            end = self._dense(site)
        dense = self._blurred(end, site)
        follows = key in self.choices
        if not follows:
            self.choices[key] = added(
                self.module, "choose", Choose(site.stride, self.settings.order), (dense,), dense.next
            )
        choice = self.choices[key]
        taken = added(self.module, "take", Take(site.stride), (dense, choice), _later(dense, choice).next)
        taken.meta["shape"] = (*dense.meta.get("shape", end.meta["shape"])[:2], *site.node.meta["shape"][2:])
        self._read_instead(end, site, dense, choice, taken)
        how = "takes the phase chosen before" if follows else "takes the strongest phase"
        self.done.append(f"{site.name}: {how}")

    def _dense(self, site: Site) -> fx.Node:
        """A pool at every place, in place of the strided one."""
        given = pool_arguments(site, self.module)
        kernel, padding = pair(given["kernel_size"]), pair(given.get("padding", 0))
        pool = WrappedPool(kernel, padding, pair(given.get("dilation", 1)), site.role == "max pool")
        dense = added(self.module, "dense", pool, (site.node.args[0],), site.node)
        dense.meta["shape"] = site.node.meta["shape"]
        swap(self.module, site.node, dense)
        return dense

    def _blurred(self, node: fx.Node, site: Site) -> fx.Node:
        if self.settings.taps == 1:
            return node
        blur = BlurPool(site.stride, self.settings.taps, border="circular", subsample=False)
        return added(self.module, "blur", blur, (node,), node.next)

    def _read_instead(self, end: fx.Node, site: Site, dense: fx.Node, choice: fx.Node, taken: fx.Node) -> None:
        """Whoever read the strided map reads the phase that was taken."""
        if site.role == "slice":
            swap(self.module, site.node, taken)
            return
        for reader in list(end.users):
            if reader not in (dense, choice, taken):
                reader.replace_input_with(end, taken)


def _before(site: Site) -> tuple[int, ...]:
    """Rows and columns that the step is given."""
    source = site.node.args[0]
    shape: tuple[int, ...] = source.meta["shape"][2:] if isinstance(source, fx.Node) else (1, 1)
    return shape


def _later(one: fx.Node, other: fx.Node) -> fx.Node:
    """Whichever of two comes later in the graph."""
    order = {node: number for number, node in enumerate(one.graph.nodes)}
    return max(one, other, key=lambda node: order[node])
