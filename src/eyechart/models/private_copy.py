"""The net that is examined: a copy of the user's module, made ready for evaluation."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from eyechart.errors import SettingError

LONG = 200  # characters of what torch says of a device


def private_copy(module: nn.Module, device: torch.device) -> tuple[nn.Module, tuple[str, ...]]:
    """A deep copy in eval mode, float32, without gradients, channels_last, on ``device``; and remarks about it.

    ``module`` itself stays as it is. Wrappers by ``torch.compile`` and ``DataParallel`` are taken off.

    Raises:
        SettingError: the module cannot be copied.
    """
    module = unwrapped(module)
    net = _copied(module, {})
    remarks = []
    try:
        net.eval()
    except NotImplementedError:  # exported programs have one mode
        remarks.append("exported program: its mode is the one it was exported in")
    kinds = {p.dtype for p in net.parameters() if p.is_floating_point()} - {torch.float32}
    if kinds:
        remarks.append(f"weights converted to float32 from {', '.join(sorted(str(k)[6:] for k in kinds))}")
    for parameter in net.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None
    net = net.to(device=device, dtype=torch.float32)
    if not any(t.ndim == 5 for t in net.state_dict().values() if isinstance(t, torch.Tensor)):  # torch refuses those
        net = net.to(memory_format=torch.channels_last)
    if hooks := sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()):
        remarks.append(f"{hooks} forward hooks of the model are kept: they may be part of its answer")
    return net, tuple(remarks)


def sharing_copy(module: nn.Module) -> nn.Module:
    """A copy with the parameters of ``module`` and all else its own: what it keeps of what it is shown stays in the copy.

    Raises:
        SettingError: the module cannot be copied.
    """
    return _copied(module, {id(parameter): parameter for parameter in module.parameters()})


def plain_copy(module: nn.Module) -> nn.Module:
    """A copy as it is, to try something on.

    Raises:
        SettingError: the module cannot be copied.
    """
    return _copied(module, {})


def _copied(module: nn.Module, shared: dict[int, Any]) -> nn.Module:
    try:
        with torch.no_grad():  # copies of scripted modules would remember a graph
            return copy.deepcopy(module, shared)
    except Exception as error:  # whatever a user's __deepcopy__ may raise
        raise SettingError(
            f"The model cannot be copied: {type(error).__name__}: {error}.",
            setting="model",
            value=type(module).__name__,
            way_out="Give a module without tensors that remember a graph (detach what it keeps), freshly built.",
        ) from error


def unwrapped(module: nn.Module) -> nn.Module:
    """The module inside ``torch.compile`` or ``DataParallel``."""
    while True:
        inner = getattr(module, "_orig_mod", None)
        if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = module.module
        if not isinstance(inner, nn.Module):
            return module
        module = inner


def device_of(device: str | torch.device) -> torch.device:
    """``auto`` = CUDA where there is one, else the CPU.

    Raises:
        SettingError: no such device here.
    """
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    try:
        found = torch.device(name)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        if reason.startswith("Expected one of"):  # and then all kinds that torch has ever known
            reason = "there is no such kind"
        elif len(reason) > LONG:  # of torch's insides
            reason = "it is not here, or torch was built without it"
        way_out = f"Use {'cuda (cuda:0, ...), ' if str(name) == 'gpu' else ''}auto or cpu."
        raise SettingError(
            f"The device cannot be used: {reason}.", setting="--device", value=device, way_out=way_out
        ) from error
    return found
