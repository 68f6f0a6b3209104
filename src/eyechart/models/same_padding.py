"""TensorFlow's SAME padding apart from the convolution that it belongs to."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import pad

Sides = tuple[int, int]


class SamePad(nn.Module):
    """Zeros around a map as SAME padding lays them for a strided step, and as many more behind as keep every place.

    With p = max(0, (ceil(n / s) - 1) s + d (k - 1) + 1 - n) zeros for a side of n, p // 2 of them stand in front. A convolution
    of stride 1 that follows gives n places, of which every s-th is the strided one's.

    Attributes:
        kernel, stride, dilation: k, s and d of the step, rows and columns.
        apart: how far apart places lie now that were neighbours where the step belongs.
    """

    def __init__(self, kernel: Sides, stride: Sides, dilation: Sides = (1, 1), apart: Sides = (1, 1)) -> None:
        super().__init__()
        self.kernel, self.stride, self.dilation, self.apart = kernel, stride, dilation, apart

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c, h + d (k - 1), w + d (k - 1)), d times ``apart``."""
        (top, bottom), (left, right) = self.around(x.shape[2], 0), self.around(x.shape[3], 1)
        return pad(x, (left, right, top, bottom))

    def around(self, side: int, axis: int) -> Sides:
        """Zeros in front and behind."""
        reach, stride, apart = self.dilation[axis] * (self.kernel[axis] - 1), self.stride[axis], self.apart[axis]
        own = -(-side // apart)
        front = max(0, (-(-own // stride) - 1) * stride + reach + 1 - own) // 2
        return front * apart, (reach - front) * apart

    def extra_repr(self) -> str:
        """For printing."""
        return f"kernel={self.kernel}, stride={self.stride}, dilation={self.dilation}, apart={self.apart}"
