"""What all operations on traced graphs share: opening, adding a step, putting one in the place of another."""

from __future__ import annotations

from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import fx, nn

from eyechart.core.remedy import Patient
from eyechart.errors import SettingError
from eyechart.models.blur import pair
from eyechart.models.same_padding import SamePad, Sides
from eyechart.remedies.in_training import LEFT, keep_dropout
from eyechart.remedies.sites import Shapes, Site, SiteTracer

POOL = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
AVERAGE = ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")


class Untraceable(SettingError):
    """The net's code depends on what it is given, so it makes no graph."""


def operable(patient: Patient) -> fx.GraphModule:
    """The net as a graph whose steps know their shapes. Raises Untraceable where its code depends on what it is given."""
    net = patient.net
    module = graph_module(net, traced(net))
    module.meta[LEFT] = not keep_dropout(module, net, SiteTracer())
    note_shapes(module, patient)
    return module


def left_out(module: fx.GraphModule) -> list[str]:
    """What users are told if the graph does less in training than the net did."""
    return [LEFT] if module.meta.get(LEFT) else []


def note_shapes(module: fx.GraphModule, patient: Patient) -> None:
    """Run the graph once, so that its steps know their shapes."""
    with torch.no_grad():
        Shapes(module).run(example(patient))


def example(patient: Patient) -> torch.Tensor:
    """Two frames of the net's own number format, to try things on."""
    weight = next(patient.net.parameters(), torch.zeros(0))
    shape = 2, patient.preprocessing.channels, *patient.preprocessing.size
    return torch.zeros(shape, dtype=weight.dtype, device=weight.device)


def traced(net: nn.Module) -> fx.Graph:
    """The graph of a net. Raises Untraceable where its code depends on what it is given."""
    try:
        return SiteTracer().trace(net)
    except Exception as error:  # tracing runs the net's code on stand-ins; what that raises is anything
        raise Untraceable(
            f"The network cannot be traced, as its code depends on values: {type(error).__name__}: {str(error)[:160]}.",
            setting="model",
            value=type(net).__name__,
            way_out="Choose a remedy that needs no graph (antialias, kernel_smoothing, low_pass, phase_average).",
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


def device_of(net: nn.Module) -> torch.device:
    """Of the net's weights."""
    return next((p.device for p in net.parameters()), torch.device("cpu"))


def added(module: fx.GraphModule, kind: str, step: nn.Module, given: tuple[Any, ...], before: fx.Node) -> fx.Node:
    """A new step, called ``kind`` and a number, in front of a node."""
    number = sum(name.startswith(f"{kind}_") for name, _ in module.named_children())
    name = f"{kind}_{number}"
    module.add_submodule(name, step.to(device_of(module)).eval())
    with module.graph.inserting_before(before):
        return module.graph.call_module(name, given)


def swap(module: fx.GraphModule, node: fx.Node, new: fx.Node) -> None:
    """Put a node in the place of another, which goes."""
    node.replace_all_uses_with(new)
    module.graph.erase_node(node)


def padded_apart(module: fx.GraphModule, node: fx.Node, apart: Sides = (1, 1)) -> Any:
    """The layer of a convolution's step; one that pads by TensorFlow's rule becomes a plain one behind a step that pads."""
    layer: Any = module.get_submodule(str(node.target))
    if isinstance(layer, Conv2dSame):
        step = SamePad(pair(layer.kernel_size), pair(layer.stride), pair(layer.dilation), apart)
        padded = added(module, "padded", step, (node.args[0],), node)
        node.replace_input_with(node.args[0], padded)  # type: ignore[arg-type]
        object.__setattr__(
            layer, "__class__", nn.Conv2d
        )  # the same weights under the same names; it has no padding of its own
    return layer


def pool_arguments(site: Site, net: nn.Module) -> dict[str, Any]:
    """How a pool was set, by the names of its module's arguments."""
    names = AVERAGE if site.role == "average pool" else POOL
    if site.node.op == "call_module":
        pool = net.get_submodule(str(site.node.target))
        return {name: getattr(pool, name) for name in names[1:] if hasattr(pool, name)}
    given: dict[str, Any] = dict(zip(names, site.node.args, strict=False)) | dict(site.node.kwargs)
    return {name: value for name, value in given.items() if name != "input"}
