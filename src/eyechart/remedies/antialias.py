"""A blur wherever a net subsamples, behind the activation (Zhang, ICML 2019, arXiv 1904.11486), put in by tracing."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import fx, nn

from eyechart.core.remedy import Patient, Remedy, Treated
from eyechart.errors import SettingError
from eyechart.models.blur import BlurPool, Border, DensePool, Filter
from eyechart.models.statistics import norms_of, reinsert, settle
from eyechart.remedies.antialias_sites import TREATED, Shapes, Site, SiteTracer, behind, sites

Stem = Literal["skip", "partial", "full"]


class Antialias(Remedy):
    """Low-pass filters before every subsampling, so that what a map holds does not depend on where its grid falls.

    A strided convolution becomes a dense one; its subsampling moves behind the activation that follows, with a blur in front.
    Without an activation of its own (a 1x1 shortcut) the blur stands before it. Max pools become dense; average pools and
    strided slices are replaced by the blur. Map sizes and the state dict's keys stay. The first strided convolution is left as
    it is (``stem``), as in the published nets. Where images are given, BatchNorm statistics are taken anew on them. The
    published nets were trained with it: without fine-tuning accuracy usually falls.
    """

    name: ClassVar[str] = "antialias"
    title: ClassVar[str] = "Blur before subsampling"
    explanation: ClassVar[str] = (
        "Networks shrink their maps by leaving pixels out, which makes the answer depend on where the picture happens to lie. "
        "A slight blur before each such step takes out what the smaller map cannot hold."
    )
    improves: ClassVar[tuple[str, ...]] = ("shift.p_top1_change", "consistency.consistency")
    evidence: ClassVar[str] = (
        "Trained with it, a ResNet-50 gives one answer to two crops in 91.3 instead of 89.2 of 100 cases, at 77.4 instead of "
        "76.2 % accuracy (README of the paper's code); without training no gain in accuracy is known."
    )

    filter: Filter = Field("binomial", description="Which low-pass; ideal is for maps that wrap around.")
    taps: int = Field(3, ge=1, le=15, description="Width of the filter; 1 is no blur.")
    border: Border = Field("reflect", description="How maps go on beyond their borders.")
    stem: Stem = Field(
        "skip", description="The first strided convolution: left, halfway (stride 4 to 2 and 2), or treated."
    )
    average_pools: bool = Field(True, description="Replace average pools too.")
    statistics: bool = Field(True, description="Take BatchNorm statistics anew, where images are given.")

    def treat(self, patient: Patient) -> Treated:
        """Trace, find, cut and sew. Raises SettingError where nothing subsamples, or the net cannot be traced."""
        net = patient.net
        frames = patient.frames if self.statistics and norms_of(net) else None
        if frames is not None:
            reinsert(net, frames)
        graph = traced(net)
        surgery = _Surgery(self, graph_module(net, graph), [], [])
        height, width = patient.preprocessing.size
        frame = torch.zeros(2, patient.preprocessing.channels, height, width, device=_device(net))
        with torch.no_grad():
            Shapes(surgery.module).run(frame if patient.frames is None else patient.frames[:2])
        surgery.operate()
        if not surgery.done:
            told = "; ".join(surgery.refused) or "it has no step that leaves pixels out"
            way_out = "Try another remedy: eyechart list remedies."
            raise SettingError(f"Nothing could be treated: {told}.", setting="--with", value=self.name, way_out=way_out)
        if frames is not None:
            settle(surgery.module, frames)
            surgery.done.append(f"BatchNorm statistics taken anew on {len(frames)} images")
        return Treated(surgery.module, done=tuple(surgery.done), refused=tuple(surgery.refused))


def traced(net: nn.Module) -> fx.Graph:
    """The graph of a net. Raises SettingError where its code depends on what it is given."""
    try:
        return SiteTracer().trace(net)
    except Exception as error:  # tracing runs the net's code on stand-ins; what that raises is anything
        raise SettingError(
            f"The network cannot be traced, as its code depends on values: {type(error).__name__}: {str(error)[:160]}.",
            setting="model",
            value=type(net).__name__,
            way_out="Choose a remedy that leaves the structure alone (kernel_smoothing, low_pass, phase_average).",
        ) from error


def graph_module(net: nn.Module, graph: fx.Graph) -> fx.GraphModule:
    """The graph with the net's parts, those included that it does not use: the state dict keeps its keys."""
    module = fx.GraphModule(net, graph)
    for name, part in net.named_modules():
        parent, _, child = name.rpartition(".")
        if name and child not in module.get_submodule(parent)._modules:
            module.get_submodule(parent).add_module(child, part)
    for name, value in (*net.named_parameters(), *net.named_buffers()):
        parent, _, leaf = name.rpartition(".")
        owner = module.get_submodule(parent)
        if hasattr(owner, leaf):
            continue
        if isinstance(value, nn.Parameter):
            owner.register_parameter(leaf, value)
        else:
            kept = leaf not in net.get_submodule(parent)._non_persistent_buffers_set
            owner.register_buffer(leaf, value, persistent=kept)
    own = {name for name, _ in net.named_buffers()}
    constants = {name for name, _ in module.named_buffers(recurse=False)} - own  # what tracing worked out beforehand
    module._non_persistent_buffers_set |= constants
    return module


def _device(net: nn.Module) -> torch.device:
    return next((p.device for p in net.parameters()), torch.device("cpu"))


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
        stem = next((site for site in found if site.role == "convolution"), None)
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
        layer = self.module.get_submodule(str(site.node.target))
        assert isinstance(layer, nn.Conv2d)  # noqa: S101  # what its role says
        rows, columns = site.stride
        if halfway and rows % 2 == 0 and columns % 2 == 0:
            rows, columns = 2, 2
        activation = behind(site.node, self.module)
        if activation is not None:
            layer.stride = (site.stride[0] // rows, site.stride[1] // columns)
            self._after(activation, (rows, columns))
            self.done.append(f"{site.name}: stride {_said(rows, columns)} moved behind its activation, after a blur")
        elif layer.kernel_size == (1, 1):
            layer.stride = (1, 1)
            self._before(site.node, site.stride, keep=False)
            self.done.append(f"{site.name}: stride {_said(*site.stride)} moved before it, with a blur")
        else:
            layer.__dict__[TREATED] = True  # its stride stays: not to be blurred again
            self._before(site.node, site.stride, keep=True)
            self.done.append(f"{site.name}: a blur before it (no activation follows)")

    def _max_pool(self, site: Site) -> None:
        pool = self._pool_of(site)
        dense = self._added("dense", DensePool(pool), site.node.args[0], site.node)
        self._swap(site.node, self._blurred(dense, site.stride, site.node))
        self.done.append(f"{site.name}: max pool at every place, then a blur of stride {_said(*site.stride)}")

    def _pool_of(self, site: Site) -> nn.MaxPool2d:
        if site.node.op == "call_module":
            pool = self.module.get_submodule(str(site.node.target))
            assert isinstance(pool, nn.MaxPool2d)  # noqa: S101  # what its role says
            return pool
        names = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
        given: dict[str, Any] = dict(zip(names, site.node.args, strict=False)) | dict(site.node.kwargs)
        return nn.MaxPool2d(**{name: value for name, value in given.items() if name != "input"})

    def _replace(self, site: Site, what: str) -> None:
        """The blur in the place of a step, cut to the step's own size."""
        blurred = self._blurred(site.node.args[0], site.stride, site.node)
        own = site.node.meta["shape"][2:]
        source = site.node.args[0]
        before = source.meta["shape"][2:] if isinstance(source, fx.Node) else own
        if tuple(-(-side // step) for side, step in zip(before, site.stride, strict=True)) != own:
            with self.module.graph.inserting_before(site.node):
                index = (slice(None), slice(None), slice(0, own[0]), slice(0, own[1]))
                blurred = self.module.graph.call_function(operator.getitem, (blurred, index))
        self._swap(site.node, blurred)
        self.done.append(f"{site.name}: a blur of stride {_said(*site.stride)} in place of {what}")

    def _after(self, node: fx.Node, stride: tuple[int, int]) -> None:
        readers = list(node.users)
        blurred = self._blurred(node, stride, node.next)
        for reader in readers:
            reader.replace_input_with(node, blurred)

    def _before(self, node: fx.Node, stride: tuple[int, int], keep: bool) -> None:
        """A blur in front of a layer, with or without leaving pixels out there."""
        source = node.args[0]
        if keep:
            blurred = self._added("blur", self._filter(stride, subsample=False), source, node)
        else:
            blurred = self._blurred(source, stride, node)
        node.replace_input_with(source, blurred)  # type: ignore[arg-type]

    def _filter(self, stride: tuple[int, int], subsample: bool = True) -> BlurPool:
        return BlurPool(stride, self.settings.taps, self.settings.filter, self.settings.border, subsample)

    def _blurred(self, source: Any, stride: tuple[int, int], before: fx.Node) -> fx.Node:
        """A blur and subsampling; strides of 4, 8, ... by halves, since a narrow filter cannot serve them."""
        steps = [(2, 2)] * (stride[0].bit_length() - 1) if _power(stride) else [stride]
        for step in steps:
            source = self._added("blur", self._filter(step), source, before)
        found: fx.Node = source
        return found

    def _added(self, kind: str, step: nn.Module, source: Any, before: fx.Node) -> fx.Node:
        number = sum(name.startswith(f"{kind}_") for name, _ in self.module.named_children())
        name = f"{kind}_{number}"
        self.module.add_submodule(name, step.to(_device(self.module)).eval())
        with self.module.graph.inserting_before(before):
            return self.module.graph.call_module(name, (source,))

    def _swap(self, node: fx.Node, new: fx.Node) -> None:
        node.replace_all_uses_with(new)
        self.module.graph.erase_node(node)


def _power(stride: tuple[int, int]) -> bool:
    """Whether both strides are one power of two, of 2 or more."""
    return stride[0] == stride[1] and stride[0] >= 2 and stride[0] & (stride[0] - 1) == 0


def _said(rows: int, columns: int) -> str:
    return str(rows) if rows == columns else f"{rows}x{columns}"
