"""Convolutions for style transfer from weights files that the user has: built in the shapes that the file holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from eyechart.errors import CheckpointError
from eyechart.models.checkpoint import State, Trust, read_weights


def state_of(path: Path, trust: Trust, setting: str) -> State:
    """The tensors in a file of weights.

    Raises:
        CheckpointError: there are none, or the file cannot be read.
        TrustError: reading it could run code, and ``trust`` does not allow that.
    """
    try:
        content, _ = read_weights(path, trust)
    except CheckpointError as error:
        raise CheckpointError(error.problem, setting=setting, value=path, way_out=error.way_out) from error
    return content.state_dict() if isinstance(content, nn.Module) else content


def convolutions(
    state: State, names: Sequence[str], *, channels: int, path: Path, setting: str, padding: int
) -> list[nn.Conv2d]:
    """One convolution for each name, frozen, in float32, each fed by the one before.

    Args:
        state: tensors by name; others than ``names`` with ``.weight`` and ``.bias`` are left alone.
        names: in order.
        channels: of the first one's input.
        path, setting: for errors.
        padding: of zeros, in pixels on each side, for kernels of 3 x 3.

    Raises:
        CheckpointError: a tensor is missing, not finite, or does not fit to the one before.
    """
    keys = [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]
    missing = [key for key in keys if key not in state]
    if missing:
        problem = f"The weights lack {len(missing)} of {len(keys)} tensors ({', '.join(missing[:3])})."
        raise _unfit(problem, path, setting)
    found = []
    for name in names:
        layer = _convolution(name, state[f"{name}.weight"], state[f"{name}.bias"], channels, padding)
        if layer is None:
            shape = tuple(state[f"{name}.weight"].shape)
            problem = f"{name} has the shape {shape}, where square kernels for {channels} channels belong, all numbers finite."
            raise _unfit(problem, path, setting)
        found.append(layer)
        channels = layer.out_channels
    return found


def _convolution(name: str, weight: torch.Tensor, bias: torch.Tensor, channels: int, padding: int) -> nn.Conv2d | None:
    fits = weight.ndim == 4 and weight.shape[1] == channels and weight.shape[2] == weight.shape[3]
    if not fits or bias.shape != weight.shape[:1] or not (weight.isfinite().all() and bias.isfinite().all()):
        return None
    side = weight.shape[2]
    layer = nn.Conv2d(channels, weight.shape[0], side, padding=padding if side > 1 else 0, device="meta")
    layer.load_state_dict({"weight": weight.float(), "bias": bias.float()}, assign=True)
    layer.requires_grad_(False)
    return layer


def _unfit(problem: str, path: Path, setting: str) -> CheckpointError:
    way_out = "The page docs/stimuli.md names the files that fit, and the names of the tensors in them."
    return CheckpointError(problem, setting=setting, value=path, way_out=way_out)
