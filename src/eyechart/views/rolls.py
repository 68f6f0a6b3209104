"""Cyclic shifts by whole pixels, on the device: what leaves the frame on one side comes in again on the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eyechart.core.chance import generator
from eyechart.core.view import InputView, Pixels, Shown
from eyechart.views.placed import rolled, side_by_side
from eyechart.views.windows import FrameNumber, two_places

SMALL = 64  # input pixels up to which the published reach of CIFAR counts


@dataclass(frozen=True)
class Rolled(InputView):
    """The frame moved cyclically by ``down`` and ``right`` pixels, values unchanged."""

    down: int
    right: int

    def render(self, batch: Pixels) -> Shown:
        """Copies of rows and columns."""
        moved = batch.tensor.permute(0, 2, 3, 1).roll((self.down, self.right), (1, 2))
        return Shown(moved.permute(0, 3, 1, 2))


@dataclass(frozen=True)
class RandomRoll(InputView):
    """One of two cyclic shifts, each uniform on -reach .. reach - 1 per axis (Chaman & Dokmanic, CVPR 2021), per image.

    Attributes:
        frame_number, number, distinct: see ``RandomWindow``.
        reach: pixels.

    Notes: ``down`` and ``right``, the shift.
    """

    frame_number: FrameNumber
    number: int
    reach: int
    distinct: bool = False

    @property
    def stream(self) -> str:
        """One stream a pair."""
        return f"consistency.roll.{self.number}"

    def render(self, batch: Pixels) -> Shown:
        """Draw both shifts, show one."""
        pairs = [self._pair(generator(batch.seed, self.stream, i)) for i in batch.ids]
        places = np.array(pairs, np.int64).reshape(-1, 2)[:, self.frame_number - 1]
        down, right = places // (2 * self.reach) - self.reach, places % (2 * self.reach) - self.reach
        notes = {"down": down.astype(np.float64), "right": right.astype(np.float64)}
        twice = batch.shared("side by side", lambda: side_by_side(batch.tensor))
        return Shown(rolled(twice, down, right), notes)

    def _pair(self, rng: np.random.Generator) -> tuple[int, int]:
        return two_places(rng, (2 * self.reach) ** 2, self.distinct)


def usual_reach(length: int) -> int:
    """Pixels: 32 at 224 and 3 at 32, as published; round(3/32 length) up to a length of 64, above round(length / 7)."""
    return max(1, round(3 * length / 32) if length <= SMALL else round(length / 7))
