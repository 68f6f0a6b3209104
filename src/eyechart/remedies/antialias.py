"""A blur wherever a net subsamples, behind the activation (Zhang, ICML 2019, arXiv 1904.11486), put in by tracing."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from torch import fx, nn

from eyechart.core.remedy import Patient, Remedy, Treated
from eyechart.errors import SettingError
from eyechart.models.blur import BlurPool, Border, DensePool, Filter
from eyechart.models.statistics import follow, measured, norms_of, reinsert
from eyechart.remedies.by_module import ByModule
from eyechart.remedies.sites import TREATED, Site, behind, reads_picture, sites
from eyechart.remedies.surgery import (
    Untraceable,
    added,
    example,
    left_out,
    operable,
    padded_apart,
    pool_arguments,
    swap,
)

KAISER = 7  # taps: at half a cycle, where every other pixel folds to, 7 let .4 % through, 5 a tenth, 3 four fifths
Stem = Literal["skip", "partial", "full"]


class Antialias(Remedy):
    """Low-pass filters before every subsampling, so that what a map holds does not depend on where its grid falls.

    A strided convolution becomes a dense one; its subsampling moves behind the activation that follows, with a blur in front.
    Without an activation of its own (a 1x1 shortcut) the blur stands before it. Max pools become dense; average pools and
    strided slices are replaced by the blur. Map sizes and the state dict's keys stay. A strided convolution that reads the
    picture is left as it is (``stem``), as in the published nets; nets for small pictures have none. Where images are given,
    BatchNorm statistics follow what they show of the change. The published nets were trained with it: without fine-tuning
    accuracy usually falls. A net that cannot be traced is treated module by module, with the blur in front of each strided
    convolution, as what follows it is not known; this is told.
    """

    name: ClassVar[str] = "antialias"
    title: ClassVar[str] = "Blur before subsampling"
    explanation: ClassVar[str] = (
        "Networks shrink their maps by leaving pixels out, which makes the answer depend on where the picture happens to lie. "
        "A slight blur before each such step takes out what the smaller map cannot hold."
    )
    structural: ClassVar[bool] = True
    improves: ClassVar[tuple[str, ...]] = ("shift.p_top1_change", "consistency.consistency")
    evidence: ClassVar[str] = (
        "Trained with it, a ResNet-50 gives one answer to two crops in 91.3 instead of 89.2 of 100 cases, at 77.4 instead of "
        "76.2 % accuracy (README of the paper's code); without training no gain in accuracy is known."
    )

    filter: Filter = Field("binomial", description="Which low-pass; ideal is for maps that wrap around.")
    taps: int | None = Field(
        None, ge=1, le=15, description="Width of the filter before a stride of 2; default 3, of kaiser 7; 1 is no blur."
    )
    border: Border = Field("reflect", description="How maps go on beyond their borders.")
    stem: Stem = Field(
        "skip",
        description="A strided convolution that reads the picture: left, halfway (stride 4 to 2 and 2), or treated.",
    )
    average_pools: bool = Field(True, description="Replace average pools too.")
    statistics: bool = Field(True, description="Let BatchNorm statistics follow the change, where images are given.")

    @model_validator(mode="after")
    def _wide_enough(self) -> Antialias:
        if self.filter == "kaiser" and self.taps is not None and 1 < self.taps < KAISER:
            raise ValueError(
                f"a kaiser filter of fewer than {KAISER} taps is hardly a blur: give more, or filter binomial"
            )
        return self

    def treat(self, patient: Patient) -> Treated:
        """Trace, find, cut and sew. Raises SettingError where nothing can be treated."""
        net = patient.net
        frames = patient.frames if self.statistics and norms_of(net) else None
        if frames is not None:
            reinsert(net, frames)
            before = measured(net, frames)
        surgery = self._operated(patient)
        if not surgery.done:
            told = "; ".join(surgery.refused) or "it has no step that leaves pixels out"
            way_out = "Try another remedy: eyechart list remedies."
            raise SettingError(f"Nothing could be treated: {told}.", setting="--with", value=self.name, way_out=way_out)
        if frames is not None:
            follow(surgery.module, frames, before)
            surgery.done.append(f"BatchNorm statistics moved by what {len(frames)} images show of the change")
        left = left_out(surgery.module) if isinstance(surgery, _Surgery) else []
        return Treated(surgery.module, done=tuple(surgery.done), refused=(*surgery.refused, *left))

    def _operated(self, patient: Patient) -> _Surgery | ByModule:
        """By the graph, or module by module where there is none."""
        try:
            surgery = _Surgery(self, operable(patient), [], [])
        except Untraceable as error:
            modules = ByModule(patient.net, self.low_pass, self.stem == "full", self.average_pools)
            modules.operate(example(patient))
            why = "treated module by module, with blurs before convolutions, not behind their activations"
            modules.refused.insert(0, f"the graph: {error.problem} It was {why}")
            return modules
        surgery.operate()
        return surgery

    def low_pass(self, stride: tuple[int, int], subsample: bool = True) -> BlurPool:
        """The blur that belongs before a stride."""
        taps = self.taps or (KAISER if self.filter == "kaiser" else 3)
        return BlurPool(stride, taps, self.filter, self.border, subsample)


@dataclass
class _Surgery:
    """The work on one graph."""

    settings: Antialias
    module: fx.GraphModule
    done: list[str]
    refused: list[str]

    def operate(self) -> None:
        """All places, one after another."""
        found = sites(self.module.graph, self.module)
        first = next((site for site in found if site.role == "convolution"), None)
        stem = first if first is not None and reads_picture(first.node, self.module) else None
        for site in found:
            if site.role == "refused":
                self.refused.append(f"{site.name}: {site.why}")
            elif site is stem and self.settings.stem == "skip":
                self.refused.append(f"{site.name}: the first strided convolution is left (stem)")
            else:
                self._one(site, halfway=site is stem and self.settings.stem == "partial")
        self.module.graph.lint()
        self.module.recompile()

    def _one(self, site: Site, halfway: bool) -> None:
        if site.role == "convolution":
            self._convolution(site, halfway)
        elif site.role == "max pool":
            self._max_pool(site)
        elif site.role == "slice":
            self._replace(site, "the strided slice")
        elif self.settings.average_pools:
            self._replace(site, "the average pool")
        else:
            self.refused.append(f"{site.name}: average pools are left (average_pools)")

    def _convolution(self, site: Site, halfway: bool) -> None:
        layer: Any = self.module.get_submodule(str(site.node.target))
        rows, columns = site.stride
        if halfway and rows % 2 == 0 and columns % 2 == 0:
            rows, columns = 2, 2
        activation = behind(site.node, self.module)
        if activation is not None:
            padded_apart(self.module, site.node)
            layer.stride = (site.stride[0] // rows, site.stride[1] // columns)
            self._after(activation, (rows, columns))
            self.done.append(f"{site.name}: stride {_said(rows, columns)} moved behind its activation, after a blur")
        elif layer.kernel_size == (1, 1):  # no rule of padding adds anything here
            layer.stride = (1, 1)
            self._before(site.node, site.stride, keep=False)
            self.done.append(f"{site.name}: stride {_said(*site.stride)} moved before it, with a blur")
        else:
            layer.__dict__[TREATED] = True  # its stride stays: not to be blurred again
            self._before(site.node, site.stride, keep=True)
            self.done.append(f"{site.name}: a blur before it (no activation follows)")

    def _max_pool(self, site: Site) -> None:
        pool = DensePool(nn.MaxPool2d(**pool_arguments(site, self.module)))
        dense = self._added("dense", pool, site.node.args[0], site.node)
        blurred = self._blurred(dense, site.stride, site.node)
        blurred.meta["shape"] = site.node.meta["shape"]
        swap(self.module, site.node, blurred)
        self.done.append(f"{site.name}: max pool at every place, then a blur of stride {_said(*site.stride)}")

    def _replace(self, site: Site, what: str) -> None:
        """The blur in the place of a step, cut to the step's own size."""
        own = site.node.meta["shape"][2:]
        source = site.node.args[0]
        before = source.meta["shape"][2:] if isinstance(source, fx.Node) else own
        given = tuple(-(-side // step) for side, step in zip(before, site.stride, strict=True))
        if any(blur < wanted for blur, wanted in zip(given, own, strict=True)):
            self.refused.append(f"{site.name}: its border makes the map larger than a blur would")
            return
        blurred = self._blurred(source, site.stride, site.node)
        if given != own:
            with self.module.graph.inserting_before(site.node):
                index = (slice(None), slice(None), slice(0, own[0]), slice(0, own[1]))
                blurred = self.module.graph.call_function(operator.getitem, (blurred, index))
        blurred.meta["shape"] = site.node.meta["shape"]
        swap(self.module, site.node, blurred)
        self.done.append(f"{site.name}: a blur of stride {_said(*site.stride)} in place of {what}")

    def _after(self, node: fx.Node, stride: tuple[int, int]) -> None:
        readers = list(node.users)
        blurred = self._blurred(node, stride, node.next)
        blurred.meta["shape"] = node.meta["shape"]  # that of the strided map
        for reader in readers:
            reader.replace_input_with(node, blurred)

    def _before(self, node: fx.Node, stride: tuple[int, int], keep: bool) -> None:
        """A blur in front of a layer, with or without leaving pixels out there."""
        source = node.args[0]
        if keep:
            blurred = self._added("blur", self.settings.low_pass(stride, subsample=False), source, node)
        else:
            blurred = self._blurred(source, stride, node)
        node.replace_input_with(source, blurred)  # type: ignore[arg-type]

    def _blurred(self, source: Any, stride: tuple[int, int], before: fx.Node) -> fx.Node:
        """A blur and subsampling; strides of 4, 8, ... by halves, since a narrow filter cannot serve them."""
        steps = [(2, 2)] * (stride[0].bit_length() - 1) if _power(stride) else [stride]
        for step in steps:
            source = self._added("blur", self.settings.low_pass(step), source, before)
        found: fx.Node = source
        return found

    def _added(self, kind: str, step: nn.Module, source: Any, before: fx.Node) -> fx.Node:
        return added(self.module, kind, step, (source,), before)


def _power(stride: tuple[int, int]) -> bool:
    """Whether both strides are one power of two, of 2 or more."""
    return stride[0] == stride[1] and stride[0] >= 2 and stride[0] & (stride[0] - 1) == 0


def _said(rows: int, columns: int) -> str:
    return str(rows) if rows == columns else f"{rows}x{columns}"
