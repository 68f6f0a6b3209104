"""Moved pictures made on the device, from the model's own frame: what comes in at the borders is invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.core.view import InputView, Pixels, Shown
from eyechart.views.maps import Array, Size, between, centre, whole_steps
from eyechart.views.motions import Drawn, Motion

Border = Literal["zero", "reflect"]
Smoothing = Literal["bilinear", "bicubic"]
NEAR = 1e-5  # of half a frame: places closer to the border than that are on it


@dataclass(frozen=True)
class Warp(InputView):
    """The frame moved, each image by its own map.

    No move leaves the frame as it is, and whole-pixel moves and flips copy pixels, both bit by bit.

    Attributes:
        motion: the move.
        border: what lies beyond the frame: ``zero`` (black; it mixes with the frame's outermost pixels over one pixel), or
            ``reflect``, the frame mirrored about its outermost pixels.
        smoothing: ``bilinear``, or ``bicubic`` (a = -0.75, cut to [0, 1]).

    Notes: those of the motion, and ``invented``, the share of the frame that shows what lies beyond it, or beyond that of any
    map on the way.
    """

    motion: Motion
    border: Border = "zero"
    smoothing: Smoothing = "bilinear"

    @property
    def stream(self) -> str:
        """That of the motion."""
        return self.motion.stream

    def render(self, batch: Pixels) -> Shown:
        """Resample the batch, once for each map of the motion."""
        size: Size = (batch.tensor.shape[-2], batch.tensor.shape[-1])
        drawn = self._drawn(batch, size)
        pixels, most = batch.tensor, max((len(one.maps) for one in drawn), default=0)
        outside: Array = np.zeros(1)
        if drawn and drawn[0].in_place:
            pixels = smoothed(pixels, stacked(drawn, 0), self.border)
        elif most == 1:
            maps = stacked(drawn, 0)
            grid = sampling_grid(maps, size, pixels.device)
            if not whole_steps(maps, size).all():  # twice as fast on planes
                pixels = batch.shared("planes", batch.tensor.contiguous)
            pixels, outside = warped(pixels, maps, self.border, self.smoothing, grid), beyond(grid)
        else:
            steps = [stacked(drawn, step) for step in range(most)]
            for maps in steps:
                pixels = warped(pixels, maps, self.border, self.smoothing)
            if steps:
                outside = beyond(*(sampling_grid(done, size, pixels.device) for done in _on_the_way(steps)))
        return Shown(pixels, self._notes(drawn, len(batch.ids), outside))

    def _notes(self, drawn: Sequence[Drawn], n: int, outside: Array) -> dict[str, Array]:
        names = drawn[0].notes if drawn else ()
        notes = {name: np.resize([one.notes[name] for one in drawn], n).astype(float) for name in names}
        return {**notes, "invented": np.resize(outside, n)}

    def _drawn(self, batch: Pixels, size: Size) -> list[Drawn]:
        """What becomes of each image; one for all where no chance is involved."""
        ids = batch.ids if self.stream else batch.ids[:1]
        return [self.motion.drawn(size, generator(batch.seed, self.stream, i)) for i in ids]


def stacked(drawn: Sequence[Drawn], step: int) -> Array:
    """The maps of one step, (n, 3, 3); images that have none are left as they are."""
    return np.stack([one.maps[step] if step < len(one.maps) else np.eye(3) for one in drawn])


def warped(
    pixels: torch.Tensor,
    maps: Array,
    border: Border = "zero",
    smoothing: Smoothing = "bilinear",
    grid: torch.Tensor | None = None,
) -> torch.Tensor:
    """Each image of (n, c, h, w) shown through its map, (n, 3, 3) or one for all (1, 3, 3); channels_last.

    ``grid``: that of the maps, if it is at hand (see ``sampling_grid``).
    """
    size: Size = (pixels.shape[-2], pixels.shape[-1])
    exact = whole_steps(maps, size)
    if (maps == np.eye(3)).all():
        return pixels
    if exact.all():
        return _copied(pixels, maps, border)
    grid = sampling_grid(maps, size, pixels.device) if grid is None else grid
    seen = _interpolated(pixels, grid, border, smoothing)
    if exact.any():
        some = torch.from_numpy(np.flatnonzero(exact)).to(pixels.device)
        seen[some] = _copied(pixels[some], maps[exact], border)
    return seen.contiguous(memory_format=torch.channels_last)


def smoothed(pixels: torch.Tensor, maps: Array, border: Border = "zero") -> torch.Tensor:
    """Each image of (n, c, h, w) in its place, smoothed as by bilinear interpolation through its map; see ``Drawn``."""
    height, width = pixels.shape[-2:]
    half = torch.tensor([(width - 1) / 2, (height - 1) / 2], device=pixels.device)
    at = (sampling_grid(maps, (height, width), pixels.device) + 1) * half
    fraction = at - at.floor()
    right, down = (fraction * (1 - fraction) / 2)[:, None].unbind(-1)  # (n, 1, h, w)
    near = torch.nn.functional.pad(pixels, (1, 1, 1, 1), mode="constant" if border == "zero" else "reflect")
    rows = [near[:, :, k : k + height] for k in (0, 1, 2)]
    across = [r[..., 1:-1] + right * (r[..., :-2] + r[..., 2:] - 2 * r[..., 1:-1]) for r in rows]
    seen = across[1] + down * (across[0] + across[2] - 2 * across[1])
    return seen.contiguous(memory_format=torch.channels_last)


def beyond(*grids: torch.Tensor) -> Array:
    """(n,) share of the frame's pixels that are taken from beyond its outermost pixels, in any ``sampling_grid``."""
    outside = [(grid.abs() > 1 + NEAR).any(-1) for grid in grids]
    return np.asarray(torch.stack(outside).any(0).float().mean((1, 2)).cpu().numpy(), dtype=float)


def _on_the_way(steps: Sequence[Array]) -> list[Array]:
    """From the last map to all of them: where a pixel of what is shown lies before each step."""
    found = [steps[-1]]
    for maps in reversed(steps[:-1]):
        found.append(maps @ found[-1])
    return found


def sampling_grid(maps: Array, size: Size, device: torch.device) -> torch.Tensor:
    """Where each pixel is taken from, (n, h, w, 2): x and y, the centres of the outermost pixels at -1 and 1."""
    half = np.diag([max(size[1] - 1, 1) / 2, max(size[0] - 1, 1) / 2, 1.0])
    kept = slice(None) if (maps[:, 2, :2] != 0).any() else slice(2)  # the third row is for perspective alone
    own = torch.from_numpy((np.linalg.inv(half) @ maps @ half)[:, kept].astype(np.float32)).to(device)
    x = torch.linspace(-1, 1, size[1], device=device) if size[1] > 1 else torch.zeros(1, device=device)
    y = torch.linspace(-1, 1, size[0], device=device) if size[0] > 1 else torch.zeros(1, device=device)
    row = own[:, :, :1] * x  # (n, 2 or 3, w)
    column = own[:, :, 1:2] * y + own[:, :, 2:]  # (n, 2 or 3, h)
    places = row[:, :, None, :] + column[:, :, :, None]
    if places.shape[1] == 3:
        places = places[:, :2] / places[:, 2:]
    return places.permute(0, 2, 3, 1)


def _interpolated(pixels: torch.Tensor, grid: torch.Tensor, border: Border, smoothing: Smoothing) -> torch.Tensor:
    padding = "zeros" if border == "zero" else "reflection"
    grid = grid.expand(len(pixels), -1, -1, -1)
    seen = torch.nn.functional.grid_sample(pixels, grid, smoothing, padding, align_corners=True)
    return seen.clamp_(0, 1) if smoothing == "bicubic" else seen


def _copied(pixels: torch.Tensor, maps: Array, border: Border) -> torch.Tensor:
    """By maps of ``whole_steps``: every pixel is copied from one pixel, or is beyond the frame."""
    size: Size = (pixels.shape[-2], pixels.shape[-1])
    own = np.rint(between(maps, centre(size), centre(size))).astype(np.int64)
    device, n = pixels.device, len(pixels)
    found, within = [], []
    for axis, length in ((1, size[0]), (0, size[1])):
        at = own[:, axis, axis, None] * np.arange(length) + own[:, axis, 2, None]  # (n or 1, length)
        within.append(torch.from_numpy((at >= 0) & (at < length)).to(device))
        period = max(2 * length - 2, 1)
        at = np.abs(at) % period if border == "reflect" else np.clip(at, 0, length - 1)
        found.append(torch.from_numpy(np.minimum(at, period - at) if border == "reflect" else at).to(device))
    rows, columns = (places.expand(n, -1) for places in found)
    each = torch.arange(n, device=device)[:, None, None]
    seen: torch.Tensor = pixels.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]]
    if border == "zero":
        inside = within[0][:, :, None] & within[1][:, None, :]
        seen = torch.where(inside[..., None], seen, 0.0)
    return seen.permute(0, 3, 1, 2)
