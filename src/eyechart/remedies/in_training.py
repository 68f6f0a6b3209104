"""What a net does in training alone: a graph traced in use would have lost it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from timm.layers.drop import DropPath
from torch import fx, nn
from torchvision.ops import StochasticDepth

from eyechart.models.fold import StepTracer

LEAVES = (StochasticDepth, DropPath)  # they ask whether the net is trained: single steps of the graph
DROPS: Mapping[Any, type[nn.Module]] = {F.dropout: nn.Dropout, F.dropout1d: nn.Dropout1d, F.dropout2d: nn.Dropout2d}
_GIVEN = ("input", "p", "training", "inplace")
LEFT = "the net: what it does in training alone (other than dropping) is left out, as its graph is of the net in use"


def keep_dropout(module: fx.GraphModule, net: nn.Module, tracer: StepTracer) -> bool:
    """Let dropout that is called as a function follow the graph's own mode again.

    Args:
        module: of a graph that was traced with the net in use; changed in place.
        net: that it was traced from; traced once more as in training.
        tracer: of the kind that made the graph.

    Returns:
        Whether nothing else differs in training, such as auxiliary outputs.
    """
    graph = _as_in_training(net, tracer)
    if graph is None:
        return False
    used, trained = list(module.graph.nodes), list(graph.nodes)
    if [(n.op, n.target) for n in used] != [(n.op, n.target) for n in trained]:
        return False
    unlike = [
        n for n, other in zip(used, trained, strict=True) if str((n.args, n.kwargs)) != str((other.args, other.kwargs))
    ]
    for node in unlike:
        if node.target in DROPS:
            _as_module(module, node)
    module.recompile()
    return all(node.target in DROPS for node in unlike)


def _as_in_training(net: nn.Module, tracer: StepTracer) -> fx.Graph | None:
    modes = {part: part.training for part in net.modules()}
    try:
        return tracer.trace(net.train())
    except Exception:  # tracing runs the net's code on stand-ins; what that raises is anything
        return None
    finally:
        for part, mode in modes.items():
            part.training = mode


def _as_module(module: fx.GraphModule, node: fx.Node) -> None:
    given: dict[str, Any] = dict(zip(_GIVEN, node.args, strict=False)) | dict(node.kwargs)
    number = sum(name.startswith("dropout_") for name, _ in module.named_children())
    name = f"dropout_{number}"
    module.add_submodule(name, DROPS[node.target](float(given.get("p", 0.5))).eval())
    with module.graph.inserting_before(node):
        new = module.graph.call_module(name, (given["input"],))
    node.replace_all_uses_with(new)
    module.graph.erase_node(node)
