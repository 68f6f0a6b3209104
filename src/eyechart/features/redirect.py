"""Gradients past units that are silent: without them a picture that excites nothing yet cannot be changed to do so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

SILENT_BELOW_ZERO = {"relu", "relu_", "relu6"}
FIRST_STEPS = 16


class Redirected(TorchFunctionMode):
    """While it is entered, ReLUs let gradients pass that would raise silent units, for pictures that get no gradient otherwise.

    As tensorflow/lucid does for the first 16 steps. Values are those of the net.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        kwargs = kwargs or {}
        if name in SILENT_BELOW_ZERO or (name == "hardtanh" and _is_relu6(args, kwargs)):
            x = args[0] if args else kwargs["input"]
            most = 6.0 if name in ("relu6", "hardtanh") else float("inf")
            if isinstance(x, Tensor) and x.requires_grad:
                return _Relu.apply(x, most, _in_place(name, args, kwargs))
        return func(*args, **kwargs)


class _Relu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, most: float, in_place: bool) -> Tensor:
        found = x.clamp_(0, most) if in_place else x.clamp(0, most)
        if in_place:
            ctx.mark_dirty(x)
        ctx.save_for_backward(found)  # which is above 0, and below the most, where x is
        ctx.most = most
        return found

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        (found,) = ctx.saved_tensors
        usual = torch.ops.aten.threshold_backward(slope, found, 0)
        if ctx.most < float("inf"):
            usual = usual * (found < ctx.most)
        if _any(usual[:, :, usual.shape[2] // 2] if usual.ndim > 2 else usual).all():  # quicker, and usually enough
            return usual, None, None
        # What is to be made small is minus the objective: a negative slope would raise the unit.
        raising = torch.where((found <= 0) & (slope < 0), slope, usual)
        return torch.where(_any(usual).view(-1, *[1] * (usual.ndim - 1)), usual, raising), None, None


def _any(values: Tensor) -> Tensor:
    """Of each picture (n,)."""
    return values.any(dim=tuple(range(1, values.ndim)))


def _in_place(name: str, args: Sequence[Any], kwargs: Any) -> bool:
    place = 3 if name == "hardtanh" else 1
    return name == "relu_" or bool(args[place] if len(args) > place else kwargs.get("inplace", False))


def _is_relu6(args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    low = args[1] if len(args) > 1 else kwargs.get("min_val", -1.0)
    high = args[2] if len(args) > 2 else kwargs.get("max_val", 1.0)
    return bool(low == 0 and high == 6)
