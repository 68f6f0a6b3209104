"""A net in bfloat16: for searches whose finds are confirmed by the net itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Ask = Callable[[Tensor], object]  # normalised frames -> what the net returns
Read = Callable[[object, int], Tensor]

_TWINS: WeakKeyDictionary[nn.Module, _Twin | None] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class _Twin:
    """A copy whose weights are bfloat16, and the tensors of both, in one order."""

    net: nn.Module
    tensors: tuple[Tensor, ...]

    def __call__(self, frames: Tensor) -> object:
        return self.net(frames.to(torch.bfloat16))


def lowered(net: nn.Module, frames: Tensor, read: Read) -> Ask:
    """``net`` in bfloat16: by a copy whose weights are bfloat16 where that runs, else by autocast.

    The copy is made once for a net, and takes on its weights whenever this is called: they may have been written over. Real
    weights are faster than autocast, which converts them at every step, and normalisations of activations again and again.

    Args:
        net: in eval mode; left unchanged.
        frames: a few normalised frames (n, c, h, w) to try it on.
        read: what the net returns for n frames, as answers (n, k).
    """
    if net not in _TWINS:
        _TWINS[net] = _made(net, frames, read)
    twin = _TWINS[net]
    if twin is None:
        return lambda shown: _autocast(net, shown)
    with torch.no_grad():
        for own, given in zip(twin.tensors, _tensors(net), strict=True):
            own.copy_(given)
    return twin


def _made(net: nn.Module, frames: Tensor, read: Read) -> _Twin | None:
    """A twin that runs, forwards and backwards; None where the net's own code needs float32 somewhere."""
    with torch.inference_mode(False), torch.enable_grad():
        try:
            low = copy.deepcopy(net).to(torch.bfloat16)
            for module in low.modules():
                if isinstance(module, _BatchNorm):  # statistics of three digits would be another net's
                    module.float()
            twin = _Twin(low, _tensors(low))
            shown = frames.clone(memory_format=torch.preserve_format).requires_grad_()
            torch.autograd.grad(read(twin(shown), len(shown)).sum(), shown)
        except Exception:  # the net's own code, on numbers that it was not written for: what that raises is anything
            return None
    return twin


def _tensors(net: nn.Module) -> tuple[Tensor, ...]:
    return (*net.parameters(), *net.buffers())


def _autocast(net: nn.Module, frames: Tensor) -> object:
    with torch.autocast(frames.device.type, dtype=torch.bfloat16):
        return net(frames)
