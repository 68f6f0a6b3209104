"""Where the units of a feature map lie in the picture: their spacing, and what each of them sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

Sides = tuple[int, int]  # of rows, of columns


@dataclass(frozen=True)
class Grid:
    """The places of a map's units in the picture; all in input pixels, as (rows, columns).

    Unit i sees the pixels from ``start + i * stride`` on, ``field`` of them (Araujo et al., Distill 2019).

    Attributes:
        stride: how far neighbouring units lie apart: the product of all strides so far.
        field: side of the receptive field.
        start: the first pixel that unit 0 sees; negative where it begins in the padding.
        context: whether a summary of the whole picture has a part, such as the gate of a squeeze-excite block; ``field`` then
            says what a unit sees beside that.
        axes: which axes of the tensor are rows and columns.
    """

    stride: Sides = (1, 1)
    field: Sides = (1, 1)
    start: Sides = (0, 0)
    context: bool = False
    axes: Sides = (2, 3)

    def windowed(self, kernel: Sides, stride: Sides, before: Sides, dilation: Sides = (1, 1)) -> Grid:
        """Of units that see a window each.

        Args:
            kernel: units a window.
            stride: from one window to the next, in units.
            before: units of padding before the first.
            dilation: between the units of a window.
        """
        reach = [d * (k - 1) * s for d, k, s in zip(dilation, kernel, self.stride, strict=True)]
        return replace(
            self.sampled((-before[0], -before[1]), stride), field=(self.field[0] + reach[0], self.field[1] + reach[1])
        )

    def sampled(self, first: Sides, step: Sides) -> Grid:
        """Of every ``step``-th unit from ``first`` on."""
        start = [a + b * s for a, b, s in zip(self.start, first, self.stride, strict=True)]
        stride = [s * n for s, n in zip(self.stride, step, strict=True)]
        return replace(self, stride=(stride[0], stride[1]), start=(start[0], start[1]))

    def on(self, rows: int, columns: int) -> Grid:
        """The same units, rows and columns on other axes."""
        return replace(self, axes=(rows, columns))


def joined(grids: Sequence[Grid], context: bool = False) -> Grid | None:
    """Of a sum or concatenation: all that any of them sees; None where they lie apart."""
    if len({(grid.stride, grid.axes) for grid in grids}) != 1:
        return None
    start, field = [], []
    for axis in (0, 1):
        first = min(grid.start[axis] for grid in grids)
        start.append(first)
        field.append(max(grid.start[axis] + grid.field[axis] for grid in grids) - first)
    context = context or any(grid.context for grid in grids)
    return replace(grids[0], start=(start[0], start[1]), field=(field[0], field[1]), context=context)
