"""Moving a small picture over its canvas, on the device, without changing a pixel of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.core.view import InputView, Pixels, Shown
from eyechart.views.places import Place, corners, stream

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Placed(InputView):
    """What ``Shrunk`` drew in the corner, moved to its place and from there by ``move``.

    Views of one ``pair`` share their place, as a share of the free way, so that pictures of several sizes lie alike.

    Attributes:
        pair: names the random stream.
        move: pixels (down, right) from the place; at most the ``room`` of ``Shrunk``.
        place: see ``corners``.

    Notes: ``top`` and ``left`` of the picture, in pixels.
    """

    pair: int = 0
    move: tuple[int, int] = (0, 0)
    place: Place = "random"

    @property
    def stream(self) -> str:
        """One stream a pair."""
        return stream(self.pair, self.place)

    def render(self, batch: Pixels) -> Shown:
        """Every pixel is copied; the canvas comes in again at the other side."""
        top, left = batch.shared(("place", self.pair, self.place), lambda: self._places(batch))
        top, left = top + self.move[0], left + self.move[1]
        twice = batch.shared("side by side", lambda: side_by_side(batch.tensor))  # for all places of these pictures
        return Shown(rolled(twice, top, left), {"top": top.astype(np.float64), "left": left.astype(np.float64)})

    def _places(self, batch: Pixels) -> tuple[Array, Array]:
        """(n,) top and left of each picture; 0 where there is none."""
        free = np.stack([np.nan_to_num(batch.notes[name]) for name in ("free_down", "free_right")], axis=1).astype(int)
        shares = np.zeros((len(free), 2))
        if self.place == "random":
            shares = np.array([generator(batch.seed, self.stream, i).random(2) for i in batch.ids]).reshape(-1, 2)
        places = corners(self.place, self.pair, free, shares)
        return places[:, 0], places[:, 1]


def side_by_side(pixels: torch.Tensor) -> torch.Tensor:
    """(n, h, 2 w, c): each image of (n, c, h, w) beside itself, for ``rolled``."""
    planes = pixels.permute(0, 2, 3, 1)
    return torch.cat([planes, planes], dim=2).contiguous()


def rolled(twice: torch.Tensor, down: Array, right: Array) -> torch.Tensor:
    """Each image of ``side_by_side`` moved cyclically by its own whole number of pixels: (n, c, h, w), channels_last.

    Rows are copied whole, which takes a tenth of the time of picking pixel by pixel.
    """
    count, height, width, channels = twice.shape[0], twice.shape[1], twice.shape[2] // 2, twice.shape[3]
    device, row = twice.device, width * channels
    windows = twice.as_strided((count, height, width, row), (2 * height * row, 2 * row, channels, 1))
    rows = (torch.arange(height, device=device) - torch.from_numpy(down).to(device)[:, None]) % height
    starts = torch.from_numpy(-right % width).to(device)[:, None]
    each = torch.arange(count, device=device)[:, None]
    moved: torch.Tensor = windows[each, rows, starts]
    return moved.view(count, height, width, channels).permute(0, 3, 1, 2)
