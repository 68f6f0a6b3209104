"""Filling what a small picture leaves of its canvas, on the device (Azulay & Weiss, JMLR 20(184), 2019, protocol 3)."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any, Literal

import numpy as np
import torch

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.views.placed import Placed

Array = np.ndarray[Any, Any]
Rect = torch.Tensor  # (n, 4) whole numbers: top, bottom, left, right of what is known; the ends not included


@dataclass(frozen=True)
class Inpainted(InputView):
    """What ``Shrunk`` drew, placed, and the rest of the canvas filled by iterated normalised convolution.

    In each round a binomial filter is applied along both axes to the known pixels and to their mask; unknown pixels within its
    reach become the quotient, and known. The authors' code takes black pixels for unknown, filters with 12 taps, which have no
    centre, so that the filled area drifts, and stops at 200 unknown pixels or after 80 rounds; here the mask is explicit, the
    filter has a centre, and all is filled. As 8-bit pictures in the authors' pipeline, fills are rounded to whole 8-bit steps,
    once, at the end. Since what is known is a rectangle at all times, each round works on its edges alone.

    Attributes:
        placed: where the picture lies.
        compared: whether to note ``fill_difference``, against the picture placed without its move.
        taps: of the filter.

    Notes: ``top``, ``left``; ``fill_difference``, the mean absolute difference, in 8-bit steps, of what is filled here and
    unmoved, moved back; NaN where nothing is filled in both.
    """

    placed: Placed
    compared: bool = False
    taps: Literal[11, 13] = 13

    @property
    def stream(self) -> str:
        """That of the place."""
        return self.placed.stream

    def render(self, batch: Pixels) -> Shown:
        """The picture's own pixels are unchanged."""
        shown, rect = self._filled(batch, self.placed)
        if not self.compared:
            return shown
        unmoved = Placed(self.placed.pair, (0, 0), self.placed.place)
        first, first_rect = self._filled(batch, unmoved)
        gap = fill_difference(first.pixels, first_rect, shown.pixels, rect, self.placed.move)
        return Shown(shown.pixels, {**shown.notes, "fill_difference": gap})

    def _filled(self, batch: Pixels, placed: Placed) -> tuple[Shown, Rect]:
        """The fill, and what was known; remembered, since the other frame of the pair is compared with it."""
        return batch.shared(("inpainted", self.taps, placed), lambda: self._fill(batch, placed))

    def _fill(self, batch: Pixels, placed: Placed) -> tuple[Shown, Rect]:
        shown = placed.render(batch)
        ends = [shown.notes["top"] + batch.notes["rows"], shown.notes["left"] + batch.notes["columns"]]
        sides = np.stack([shown.notes["top"], ends[0], shown.notes["left"], ends[1]], axis=1)
        rect = torch.from_numpy(np.nan_to_num(sides).astype(np.int64)).to(shown.pixels.device)
        return Shown(filled(shown.pixels, rect, self.taps), shown.notes), rect


def filled(pixels: torch.Tensor, rect: Rect, taps: int = 13) -> torch.Tensor:
    """Canvases (n, c, h, w) in [0, 1] filled outward from a rectangle; where that is empty, left as they are."""
    height, width = pixels.shape[-2:]
    reach, known = taps // 2, rect.clone()
    room = torch.nn.functional.pad(
        pixels, (reach, reach, reach, reach)
    ).contiguous()  # edges may be written beyond the canvas
    filters = {side: _blur(side, taps, pixels) for side in {height, width}}
    for _ in range(_rounds(rect, height, width, reach)):
        before = known.clone()
        # corners come out of both passes alike, as the filter is separable
        for axis, plane in ((0, room), (1, room.transpose(2, 3))):
            _grow(plane, before[:, 2 * axis : 2 * axis + 2], before[:, 2 - 2 * axis : 4 - 2 * axis], filters, reach)
        known = _grown(known, height, width, reach)
    fill = room[..., reach:-reach, reach:-reach].mul(255).round_().div_(255)
    keep = inside(rect, height, width)[:, None] | (rect[:, 1] <= rect[:, 0])[:, None, None, None]
    return torch.where(keep, pixels, fill).contiguous(memory_format=torch.channels_last)


def inside(rect: Rect, height: int, width: int) -> torch.Tensor:
    """(n, h, w) bool: what lies in the rectangles."""
    return _within(rect[:, :2], height)[:, :, None] & _within(rect[:, 2:], width)[:, None, :]


def fill_difference(
    first: torch.Tensor, first_rect: Rect, second: torch.Tensor, second_rect: Rect, move: tuple[int, int]
) -> Array:
    """(n,) mean absolute difference in 8-bit steps of two fills, the second moved back, where both are unknown."""
    height, width = first.shape[-2:]
    down, right = move
    here = (slice(0, height - down), slice(0, width - right))
    there = (slice(down, height), slice(right, width))
    unknown = ~inside(first_rect, height, width)[:, *here] & ~inside(second_rect, height, width)[:, *there]
    gap = (first[:, :, *here] - second[:, :, *there]).abs_().mean(1).mul_(unknown)
    number = unknown.sum((1, 2))
    steps = 255 * gap.sum((1, 2)) / number
    return np.asarray(steps.cpu().numpy(), np.float64)


def _grow(plane: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, filters: dict[int, Any], reach: int) -> None:
    """Write the ``reach`` rows on either side of the known rows of (n, c, h, w), itself ``reach`` wider on all sides."""
    count, channels = plane.shape[:2]
    width = plane.shape[3] - 2 * reach
    each = torch.arange(count, device=plane.device)[:, None]
    depth = torch.arange(reach, device=plane.device)
    # known rows counted inwards from either edge, and unknown ones outwards
    inner = torch.cat([rows[:, :1] + depth, rows[:, 1:] - 1 - depth], 1).clamp_(0, plane.shape[2] - 2 * reach - 1)
    outer = torch.cat([rows[:, :1] - 1 - depth, rows[:, 1:] + depth], 1)
    within = _within(columns, width).to(plane.dtype)
    edge = plane[each, :, inner + reach, reach:-reach] * within[:, None, None, :]  # (n, 2 reach, c, w)
    blur, weight = filters[width]
    along = (edge.reshape(-1, width) @ blur).view(count, 2, reach, channels * width)
    reached = (within @ blur)[:, None, None, None, :]
    weights = weight * (depth < (rows[:, 1:] - rows[:, :1]))[:, None, :]  # (n, out, in)
    weights = weights / weights.sum(2, keepdim=True).clamp_min(torch.finfo(plane.dtype).tiny)
    out = (weights[:, None] @ along).view(count, 2, reach, channels, width)
    out = torch.where(reached > 0, out / reached.clamp_min(torch.finfo(plane.dtype).tiny), 0.0)
    fresh = (outer + reach).clamp_(0, plane.shape[2] - 1)
    plane[each, :, fresh, reach:-reach] = out.view(count, 2 * reach, channels, width)


def _blur(side: int, taps: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The binomial filter along a side, (side, side); and from known rows to unknown ones across an edge, (reach, reach)."""
    reach = taps // 2
    binomial = torch.tensor([comb(taps - 1, k) / 2.0 ** (taps - 1) for k in range(taps)], dtype=torch.float64)
    at = torch.arange(side)
    offset = at[:, None] - at[None, :] + reach
    near = (offset >= 0) & (offset < taps)
    blur = torch.where(near, binomial[offset.clamp(0, taps - 1)], 0.0)
    distance = torch.arange(reach)[:, None] + torch.arange(reach)[None, :] + 1 + reach
    across = torch.where(distance < taps, binomial[distance.clamp(max=taps - 1)], 0.0)
    return blur.to(like), across.to(like)


def _grown(rect: Rect, height: int, width: int, reach: int) -> Rect:
    """What is known after a round."""
    most = torch.tensor([height, height, width, width], device=rect.device)
    step = torch.tensor([-reach, reach, -reach, reach], device=rect.device)
    return torch.minimum((rect + step).clamp_min(0), most)


def _rounds(rect: Rect, height: int, width: int, reach: int) -> int:
    """Rounds until all is known, in the canvases where something is."""
    some = rect[(rect[:, 1] > rect[:, 0]) & (rect[:, 3] > rect[:, 2])]
    if not len(some):
        return 0
    far = torch.stack([some[:, 0], height - some[:, 1], some[:, 2], width - some[:, 3]]).max()
    return -(-int(far) // reach)


def _within(ends: torch.Tensor, length: int) -> torch.Tensor:
    """(n, length) bool: from the first of the ends up to the second."""
    at = torch.arange(length, device=ends.device)
    return (at >= ends[:, :1]) & (at < ends[:, 1:])
