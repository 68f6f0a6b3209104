"""On CPUs, do what follows a convolution while its output is still in the cache: the same answers, fewer passes over memory."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from eyechart.models.fold import TOLERANCE, StepTracer

RELU = (F.relu, torch.relu, torch.relu_, F.relu_)
ADD = (operator.add, torch.add)
ADD_IN_PLACE = (operator.iadd,)


def fused(net: nn.Module, run: Callable[[nn.Module], Tensor]) -> fx.GraphModule | None:
    """A twin of ``net`` for answers alone, proved equal by running both; None where it cannot be had, or has no gain.

    Its weights are those of ``net``, not copies. Convolutions take the ReLU, and the addition of a shortcut, that follow them
    into their own kernel (oneDNN). It has no gradients, and hooks on the convolutions of ``net`` are not called: it is
    left out where there are any.

    Args:
        net: in eval mode, on the CPU.
        run: answers of a net on fixed frames, (n, k).
    """
    if not available() or next((p.device.type for p in net.parameters()), "") != "cpu":
        return None
    for with_sums in (True, False):  # a shortcut may have to be broadcast, which the kernel cannot
        try:
            graph = StepTracer().trace(copy.deepcopy(net))  # which may keep what it is shown
            if _keeps_tensors(graph, net) or not _fuse(graph, net, with_sums):
                return None
            twin = with_weights_of(net, graph)
            with torch.no_grad():
                wanted, got = run(net), run(twin)
        except Exception:  # tracing runs the net's own code on stand-ins: what that raises is anything
            continue
        if torch.allclose(got, wanted, rtol=0.0, atol=TOLERANCE * float(wanted.abs().max())):
            return twin
    return None


def available() -> bool:
    """Whether this build of torch has the fused kernels."""
    built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(built) and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def with_weights_of(net: nn.Module, graph: fx.Graph) -> fx.GraphModule:
    """The steps of ``graph`` on the weights of a net of the same make."""
    return fx.GraphModule(net, graph).eval()


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None, steps: tuple[Any, ...], relu: bool) -> Tensor:
    """ReLU, if wanted, of a convolution. ``steps``: padding, stride, dilation, groups."""
    done: Tensor = torch.ops.mkldnn._convolution_pointwise(x, weight, bias, *steps, "relu" if relu else "none", [], "")
    return done


def added(x: Tensor, other: Tensor, weight: Tensor, bias: Tensor | None, steps: tuple[Any, ...], relu: bool) -> Tensor:
    """ReLU, if wanted, of a convolution of ``x`` plus ``other``, which has its shape."""
    unary = "relu" if relu else None
    binary = torch.ops.mkldnn._convolution_pointwise.binary
    done: Tensor = binary(x, other, weight, bias, *steps, "add", 1.0, unary, [], None)
    return done


def _keeps_tensors(graph: fx.Graph, net: nn.Module) -> bool:
    """Whether tracing met a tensor that is no weight of the net: made of its weights once, it would outlive other weights."""
    known = {name for name, _ in (*net.named_parameters(), *net.named_buffers())}
    return any(node.op == "get_attr" and node.target not in known for node in graph.nodes)


def _fuse(graph: fx.Graph, net: nn.Module, with_sums: bool) -> int:
    """Rewrite the graph; returns how many steps were saved."""
    for node in list(graph.nodes):
        if node.op == "call_module" and type(net.get_submodule(str(node.target))) is nn.Identity:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    saved = sum(_fuse_one(graph, net, node, with_sums) for node in list(graph.nodes) if _suits(node, net))
    graph.lint()
    return saved


def _fuse_one(graph: fx.Graph, net: nn.Module, node: fx.Node, with_sums: bool) -> int:
    conv: Any = net.get_submodule(str(node.target))
    steps = (list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
    last, other = node, None
    follower = _only_user(last)
    if with_sums and follower is not None and (other := _summand(follower, node)) is not None:
        last, follower = follower, _only_user(follower)
    relu = follower is not None and _is_relu(follower, net)
    if relu and follower is not None:
        last = follower
    if last is node:
        return 0
    with graph.inserting_before(last):
        weight = graph.get_attr(f"{node.target}.weight")
        bias = None if conv.bias is None else graph.get_attr(f"{node.target}.bias")
        rest = (weight, bias, steps, relu)
        x = node.args[0]
        new = graph.call_function(*((convolved, (x, *rest)) if other is None else (added, (x, other, *rest))))
    last.replace_all_uses_with(new)
    gone = [last]
    while gone[-1] is not node:
        before = gone[-1]
        gone.append(next(n for n in before.all_input_nodes if n is node or node in n.all_input_nodes))
    for step in gone:
        graph.erase_node(step)
    return len(gone) - 1


def _suits(node: fx.Node, net: nn.Module) -> bool:
    if node.op != "call_module" or len(node.args) != 1 or node.kwargs:
        return False
    layer = net.get_submodule(str(node.target))
    if type(layer) is not nn.Conv2d or layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        return False
    plain = not (layer._forward_hooks or layer._forward_pre_hooks) and "weight" in layer._parameters
    return plain and layer.weight.dtype == torch.float32


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _summand(node: fx.Node, conv: fx.Node) -> fx.Node | None:
    """What else is added to the convolution, if that is all that ``node`` does."""
    if node.op != "call_function" or len(node.args) != 2 or node.kwargs:
        return None
    if node.target not in ADD and not (node.target in ADD_IN_PLACE and node.args[0] is conv):
        return None
    other = next((arg for arg in node.args if arg is not conv), None)
    return other if isinstance(other, fx.Node) else None


def _is_relu(node: fx.Node, net: nn.Module) -> bool:
    if node.op == "call_module":
        module = net.get_submodule(str(node.target))
        return type(module) is nn.ReLU and not (module._forward_hooks or module._forward_pre_hooks)
    by_method = node.op == "call_method" and node.target in ("relu", "relu_")
    return by_method or (node.op == "call_function" and node.target in RELU)
