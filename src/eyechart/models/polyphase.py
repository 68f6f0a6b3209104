"""Subsampling that follows the content: the strongest of a map's phases (Chaman & Dokmanic, CVPR 2021, arXiv 2011.14214)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, pad


class Choose(nn.Module):
    """Which phase x[..., i::s, j::s] of each image has the largest norm: (n,) int64, i * s' + j; the first on a tie.

    Attributes:
        stride: rows and columns.
        order: of the norm, over channels and places, in float64.
    """

    def __init__(self, stride: tuple[int, int], order: int = 2) -> None:
        super().__init__()
        self.stride, self.order = stride, order

    def forward(self, x: Tensor) -> Tensor:
        """Norms in float64: near ties would flip with the order of summation."""
        norms = [x[..., i :: self.stride[0], j :: self.stride[1]].double() for i, j in phases(self.stride)]
        sizes = [phase.abs().pow(self.order).sum((1, 2, 3)) / phase[0].numel() for phase in norms]
        return torch.stack(sizes, 1).argmax(1)


class Take(nn.Module):
    """The chosen phase of each image: (n, c, h, w) and (n,) to (n, c, ceil(h / s), ceil(w / s)).

    Maps whose sides the stride does not divide go on from their other end, so that all phases are of one size.
    """

    def __init__(self, stride: tuple[int, int]) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor, chosen: Tensor) -> Tensor:
        """Rows and columns by index."""
        n, _, height, width = x.shape
        down, across = self.stride
        rows = torch.arange(0, height, down, device=x.device) + (chosen // across)[:, None]
        columns = torch.arange(0, width, across, device=x.device) + (chosen % across)[:, None]
        image = torch.arange(n, device=x.device).view(-1, 1, 1)
        by_place = x.permute(0, 2, 3, 1)  # (n, h, w, c)
        return by_place[image, (rows % height)[:, :, None], (columns % width)[:, None, :]].permute(0, 3, 1, 2)


class WrappedPool(nn.Module):
    """A pool at every place of a map that wraps around.

    Attributes:
        kernel, padding, dilation: of the strided pool, rows and columns.
        largest: the largest value of each window, or the mean.
    """

    def __init__(
        self,
        kernel: tuple[int, int],
        padding: tuple[int, int],
        dilation: tuple[int, int] = (1, 1),
        largest: bool = True,
    ) -> None:
        super().__init__()
        self.kernel, self.padding, self.dilation, self.largest = kernel, padding, dilation, largest

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to the same size."""
        reach = [d * (k - 1) for k, d in zip(self.kernel, self.dilation, strict=True)]
        top, left = self.padding
        wide = pad(x, (left, reach[1] - left, top, reach[0] - top), mode="circular")
        return max_pool2d(wide, self.kernel, 1, 0, self.dilation) if self.largest else avg_pool2d(wide, self.kernel, 1)


def phases(stride: tuple[int, int]) -> list[tuple[int, int]]:
    """All (row, column) at which a phase begins."""
    return [(i, j) for i in range(stride[0]) for j in range(stride[1])]
