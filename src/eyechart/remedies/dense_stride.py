"""Less subsampling: the last strides left out, what follows dilated (Azulay & Weiss, JMLR 20(184), 2019, section 5)."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, fx, nn

from eyechart.core.remedy import Patient, Remedy, Treated
from eyechart.errors import SettingError
from eyechart.models.blur import pair
from eyechart.remedies.sites import Role, Site, pool_called, sites
from eyechart.remedies.surgery import added, example, left_out, operable, padded_apart, pool_arguments, swap

Sides = tuple[int, int]
FUNCTIONS = (F.conv2d, torch.conv2d, F.max_pool2d, F.avg_pool2d)


class DenseStride(Remedy):
    """The last steps that leave pixels out keep them, and all later windows are spread by as much: the same weights.

    Each stride of 2 that is taken out lets the later layers see the map at twice as many places along each axis, at four times
    their cost. In a circular net with a global mean, that equals averaging the answers over the phases it frees; with zeros
    beyond the border only about so.
    """

    name: ClassVar[str] = "dense_stride"
    title: ClassVar[str] = "Leave out fewer pixels"
    explanation: ClassVar[str] = (
        "The last steps at which the network shrinks its maps are left out, and later windows reach as far as before. "
        "Its grid becomes finer, so that a shift matters less; later layers cost four times as much for each step."
    )
    structural: ClassVar[bool] = True
    improves: ClassVar[tuple[str, ...]] = ("shift.p_top1_change", "consistency.consistency")
    evidence: ClassVar[str] = "Equal to averaging over the phases that are freed, by definition, but for borders."

    steps: int = Field(1, ge=1, description="How many sizes of map are left out, from the last on.")

    def treat(self, patient: Patient) -> Treated:
        """Trace, and spread what follows. Raises SettingError where nothing subsamples, or a later step cannot be spread."""
        module = operable(patient)
        every = sites(module.graph, module)
        found = [site for site in every if site.role != "refused"]
        sizes = list(
            dict.fromkeys(site.node.meta["shape"][2:] for site in found)
        )  # a block and its shortcut make one size
        if not sizes:
            way_out = "Try another remedy: eyechart list remedies."
            raise SettingError(
                "; ".join(f"{site.name}: {site.why}" for site in every) or "It has no step that leaves pixels out.",
                setting="--with",
                value=self.name,
                way_out=way_out,
            )
        chosen = {site.node: site for site in found if site.node.meta["shape"][2:] in sizes[-self.steps :]}
        work = _Spreading(module, chosen)
        work.walk()
        try:
            with torch.no_grad():
                module(example(patient))
        except RuntimeError as error:
            why = "what follows wants maps of the sizes there were"
            raise _unspreadable(work.done[0].partition(":")[0], why) from error
        return Treated(module, done=tuple(work.done), refused=tuple(left_out(module)))


@dataclass
class _Spreading:
    """The work on one graph: by node, how far apart its map's places lie now that would be neighbours in the net's own."""

    module: fx.GraphModule
    chosen: dict[fx.Node, Site]
    done: list[str] = field(default_factory=list)
    met: set[str] = field(default_factory=set)  # layers that were spread

    def walk(self) -> None:
        """From the input to the output; the end of maps (vectors, a global mean) ends the spreading."""
        spread: dict[fx.Node, Sides] = {}
        for node in list(self.module.graph.nodes):
            given = {spread[n] for n in node.all_input_nodes if _is_map(n)}
            at = given.pop() if given else (1, 1)
            if given:
                raise _unspreadable(str(node), "it joins maps of which one was spread and one was not")
            if at != (1, 1):
                self._cut_alike(node)
            stands, after = self._step(node, at)
            spread[stands] = after
        self.module.graph.lint()
        self.module.recompile()

    def _cut_alike(self, node: fx.Node) -> None:
        """Maps that are joined: windows of unlike widths leave a few more places at the far end of some."""
        maps = [n for n in node.all_input_nodes if _is_map(n)]
        if len(maps) < 2:
            return
        alike = added(self.module, "alike", Alike(), tuple(maps), node)
        for number, joined in enumerate(maps):
            with self.module.graph.inserting_before(node):
                cut = self.module.graph.call_function(operator.getitem, (alike, number))
            node.replace_input_with(joined, cut)

    def _step(self, node: fx.Node, at: Sides) -> tuple[fx.Node, Sides]:
        """Spread a step by ``at``; the step that stands in its place, and by how much what comes after is spread."""
        site = self.chosen.get(node)
        if site:
            self.done.append(f"{site.name}: stride {site.stride[0]} left out")
        stands = self._instead(node, site, at)
        return stands, (at[0] * site.stride[0], at[1] * site.stride[1]) if site else at

    def _instead(self, node: fx.Node, site: Site | None, at: Sides) -> fx.Node:
        if site and site.role == "slice":
            return self._swapped(node, nn.Identity())
        if site and site.role != "convolution":
            return self._pool(node, site, at)
        if node.op == "call_module":
            return self._module(node, at, bool(site))
        called = pool_called(node, least=0) if node.op == "call_function" and at != (1, 1) else None
        if called and called.role != "refused" and called.stride == (1, 1):
            return self._pool(node, called, at)
        if node.op == "call_function" and node.target in FUNCTIONS and at != (1, 1):
            raise _unspreadable(str(node), "it is called as a function")
        return node

    def _module(self, node: fx.Node, at: Sides, dense: bool) -> fx.Node:
        layer = self.module.get_submodule(str(node.target))
        if isinstance(layer, nn.Conv2d):
            self._convolution(node, layer, at, dense)
        elif isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d)) and at != (1, 1):
            if pair(layer.stride) != (1, 1):
                raise _unspreadable(str(node.target), "it still leaves pixels out")
            role: Role = "max pool" if isinstance(layer, nn.MaxPool2d) else "average pool"
            return self._pool(node, Site(node, role, (1, 1), str(node.target)), at)
        return node

    def _convolution(self, node: fx.Node, layer: nn.Conv2d, at: Sides, dense: bool) -> None:
        """Its taps ``at`` times as far apart, and without a stride if ``dense``."""
        name = str(node.target)
        if at == (1, 1) and not dense:
            return
        if max(pair(layer.stride)) > 1 and not dense:
            raise _unspreadable(name, "it still leaves pixels out")
        if name in self.met:
            raise _unspreadable(name, "the layer is used more than once")
        if isinstance(layer.padding, str):
            raise _unspreadable(name, f"it pads by the rule {layer.padding!r}")
        self.met.add(name)
        padded_apart(self.module, node, at)
        if dense:
            layer.stride = (1, 1)
        layer.dilation = (layer.dilation[0] * at[0], layer.dilation[1] * at[1])
        padding = layer.padding[0] * at[0], layer.padding[1] * at[1]
        layer.padding = padding
        layer._reversed_padding_repeated_twice = [side for side in reversed(padding) for _ in range(2)]

    def _pool(self, node: fx.Node, site: Site, at: Sides) -> fx.Node:
        given = pool_arguments(site, self.module)
        kernel, padding = pair(given["kernel_size"]), pair(given.get("padding", 0))
        own = pair(given.get("dilation", 1))
        dilation = own[0] * at[0], own[1] * at[1]
        counted = bool(given.get("count_include_pad", True))
        pool = SpreadPool(kernel, (padding[0] * at[0], padding[1] * at[1]), dilation, site.role == "max pool", counted)
        return self._swapped(node, pool)

    def _swapped(self, node: fx.Node, step: nn.Module) -> fx.Node:
        """Another step in a step's place."""
        dense = added(self.module, "dense", step, (node.args[0],), node)
        dense.meta["shape"] = node.meta["shape"]
        swap(self.module, node, dense)
        return dense


def _is_map(node: fx.Node) -> bool:
    """Whether a step gives a map with places; a mean over all of them suits any."""
    shape = node.meta.get("shape", ())
    return len(shape) == 4 and shape[2:] != (1, 1)


class Alike(nn.Module):
    """Maps cut to the smallest of them, at the far ends."""

    def forward(self, *maps: Tensor) -> tuple[Tensor, ...]:
        """Views."""
        rows, columns = (min(m.shape[axis] for m in maps) for axis in (2, 3))
        return tuple(m[:, :, :rows, :columns] for m in maps)


class SpreadPool(nn.Module):
    """A pool at every place, its window's places ``dilation`` apart.

    Attributes:
        kernel, padding, dilation: rows and columns.
        largest: the largest value, or the mean.
        counted: whether zeros beyond the border count in the mean.
    """

    def __init__(self, kernel: Sides, padding: Sides, dilation: Sides, largest: bool, counted: bool = True) -> None:
        super().__init__()
        self.kernel, self.padding, self.dilation = kernel, padding, dilation
        self.largest, self.counted = largest, counted

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to a map of nearly the same size."""
        (top, left), fill = self.padding, float("-inf") if self.largest else 0.0
        wide = F.pad(x, (left, left, top, top), value=fill)
        if self.largest:
            return F.max_pool2d(wide, self.kernel, 1, 0, self.dilation)
        mean = self._sum(wide)
        if self.counted:
            return mean / (self.kernel[0] * self.kernel[1])
        inside = F.pad(torch.ones_like(x[:1, :1]), (left, left, top, top))
        return mean / self._sum(inside)

    def _sum(self, x: Tensor) -> Tensor:
        ones = torch.ones(x.shape[1], 1, *self.kernel, dtype=x.dtype, device=x.device)
        return F.conv2d(x, ones, dilation=self.dilation, groups=x.shape[1])


def _unspreadable(name: str, why: str) -> SettingError:
    return SettingError(
        f"The step {name} cannot be spread: {why}.",
        setting="--with",
        value="dense_stride",
        way_out="Take fewer steps (--set dense_stride.steps=N), or phase_average, which needs no change of the network.",
    )
