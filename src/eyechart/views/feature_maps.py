"""Outputs of layers as maps, whatever their arrangement, and a tap that reads their spectra."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Literal, NamedTuple

import torch

from eyechart.core.tap import Tap
from eyechart.models.layers import Layer
from eyechart.spectrum.relative import Profile, at_shares, flat, log_amplitude

Arrangement = Literal["channels first", "channels last", "tokens", "tokens of heads"]
EXTRA_TOKENS = (0, 1, 2, 5)  # none, class, class and distillation, class and four registers
LEAST = 3  # pixels a side
NEARLY = 4  # pixels
TOO_SMALL = f"maps below {LEAST} x {LEAST} have no frequency between zero and Nyquist"


class Map(NamedTuple):
    """How a layer's output (n, *shape) holds maps.

    Attributes:
        arrangement: ``channels first`` (c, h, w), ``channels last`` (h, w, c), ``tokens`` (t, c), ``tokens of heads``
            (heads, t, c / heads).
        height, width: of the maps.
        extra: tokens before those of the picture.
    """

    arrangement: Arrangement
    height: int
    width: int
    extra: int = 0


def map_of(layer: Layer, frame: tuple[int, int], grid: tuple[int, int] | None = None, least: int = LEAST) -> Map | str:
    """How ``layer`` holds maps, or why it holds none.

    Three axes are (c, h, w) where the last two are in the proportions of the frame, equal or, where it is no square, within
    four pixels; else (h, w, c) where the first two are, as in Swin and ConvNeXt. Two axes are tokens and channels; the tokens
    are a square after 0, 1, 2 or 5 others, the first that fits. Three axes of a function for attention are (heads, tokens,
    channels).

    Args:
        frame: (height, width) of the model's input.
        grid: (height, width) of the tokens, where they are no square.
        least: smaller maps are none.
    """
    shape = layer.shape
    if len(shape) == 3 and layer.kind == "attention":
        found = _tokens(shape[1], grid, "tokens of heads")
    elif len(shape) == 3:
        if _fits(shape[1:], frame):
            found = Map("channels first", *shape[1:])
        elif _fits(shape[:2], frame):
            found = Map("channels last", *shape[:2])
        else:
            return "no two sides have the proportions of the frame"
    elif len(shape) == 2:
        found = _tokens(shape[0], grid, "tokens")
    else:
        return "one number a channel is no map" if len(shape) < 2 else f"outputs of {len(shape)} axes are no maps"
    if isinstance(found, Map) and min(found.height, found.width) < least:
        return TOO_SMALL
    return found


def map_on(shape: tuple[int, ...], axes: tuple[int, int], least: int = LEAST) -> Map | str:
    """How an output of ``shape``, without the batch, holds maps whose rows and columns are known to lie on ``axes``.

    Or why it holds none of ``least`` x ``least`` or more. Whatever the proportions of the frame.
    """
    arrangements: dict[tuple[int, int], Arrangement] = {(1, 2): "channels first", (0, 1): "channels last"}
    if len(shape) != 3 or axes not in arrangements:
        return f"its output of {len(shape)} axes is not of channels, rows and columns"
    height, width = shape[axes[0]], shape[axes[1]]
    return Map(arrangements[axes], height, width) if min(height, width) >= least else TOO_SMALL


def as_maps(output: torch.Tensor, held: Map) -> torch.Tensor:
    """An output (n, *shape) as maps (n, c, h, w), a view of it."""
    if held.arrangement == "channels first":
        return output
    if held.arrangement == "channels last":
        return output.permute(0, 3, 1, 2)
    tokens = output[..., held.extra :, :]  # (n, t, c) or (n, heads, t, c)
    laid_out = tokens.reshape(*tokens.shape[:-2], held.height, held.width, tokens.shape[-1])
    return laid_out.movedim(-1, -3).reshape(len(output), -1, held.height, held.width)


@dataclass(frozen=True)
class RelativeSpectrum(Tap):
    """Relative log amplitude of each image's maps: (n, places + 1 + 3 channels).

    Mean over channels at evenly spaced places from zero frequency to the last below Nyquist, then at the lowest frequency above
    zero. Then of each channel log A(end) - log A(0), of each log A(end) - log A(lowest), and of each 1 where it is not flat.

    Attributes:
        frame, grid: see ``map_of``.
        profile: see ``eyechart.spectrum.relative.log_amplitude``.
        places: number of them.
    """

    frame: tuple[int, int] = (0, 0)
    grid: tuple[int, int] | None = None
    profile: Profile = "diagonal"
    places: int = 9

    def read(self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None) -> torch.Tensor | None:
        """None of an output that holds no map."""
        held = map_of(layer, self.frame, self.grid)
        if isinstance(held, str):
            return None
        maps = as_maps(output, held)
        logs = log_amplitude(maps, self.profile)  # (n, c, points)
        curve = logs.mean(1)
        curve = curve - curve[:, :1]
        ends = [logs[..., -1] - logs[..., reference] for reference in (0, 1)]
        return torch.cat([at_shares(curve, self.places), curve[:, 1:2], *ends, (~flat(maps)).to(curve)], 1)


def _fits(sides: tuple[int, ...], frame: tuple[int, int]) -> bool:
    """Whether sides have the proportions of the frame; what borders add and strides round is allowed where it is no square."""
    room = 0 if frame[0] == frame[1] else NEARLY * max(frame)
    return abs(sides[0] * frame[1] - sides[1] * frame[0]) <= room


def _tokens(count: int, grid: tuple[int, int] | None, arrangement: Arrangement) -> Map | str:
    if grid is not None:
        extra = count - grid[0] * grid[1]
        return Map(arrangement, *grid, extra) if extra >= 0 else f"{count} tokens are fewer than {grid[0]} x {grid[1]}"
    for extra in EXTRA_TOKENS:
        side = isqrt(max(count - extra, 0))
        if side and side * side == count - extra:
            return Map(arrangement, side, side, extra)
    return f"{count} tokens are no square: give feature_spectrum.grid"
