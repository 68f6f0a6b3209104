"""Blurring before subsampling: what the sampling theorem asks for and strided layers leave out."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

Filter = Literal["binomial", "kaiser", "ideal"]
Border = Literal["reflect", "replicate", "zero", "circular"]
_PAD = {"reflect": "reflect", "replicate": "replicate", "zero": "constant", "circular": "circular"}


def binomial(taps: int, stride: int = 2) -> Tensor:
    """((taps - 1) (stride - 1) + 1,) float64: the mean over ``stride`` places, taps - 1 times.

    Of a stride of 2 it is row taps - 1 of Pascal's triangle over its sum: 1 is no blur, 3 is [1, 2, 1] / 4. Of a larger one it
    is as much wider; what would fold to zero frequency is taken out of any: 3 of a stride of 3 is [1, 2, 3, 2, 1] / 9. Of 4 it
    is the filter of 2, and that of 2 once more on every other place.
    """
    row = np.ones(1)
    for _ in range(taps - 1):
        row = np.convolve(row, np.full(stride, 1 / stride))
    return torch.from_numpy(row)


def kaiser(taps: int, stride: int, beta: float = 4.0) -> Tensor:
    """(taps,) float64: a low-pass with its cut-off at 1 / (2 stride) cycles a sample, windowed by Kaiser's window, sum 1."""
    at = torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2
    wave = torch.sinc(at / stride) * torch.kaiser_window(taps, periodic=False, beta=beta, dtype=torch.float64)
    return wave / wave.sum()


class BlurPool(nn.Module):
    """A low-pass filter, then every ``stride``-th pixel (Zhang, ICML 2019, arXiv 1904.11486; from the binomial's definition).

    The map (n, c, h, w) becomes (n, c, ceil(h / stride), ceil(w / stride)). Maps of one pixel are not blurred, and borders are
    replicated where the map is too small to be reflected. The filter is a buffer that state dicts leave out.

    Attributes:
        stride: rows and columns.
        filter: ``binomial`` or ``kaiser`` of ``taps`` taps for a stride of 2, more for a larger one; ``ideal``: all frequencies
            from 1 / (2 stride) on are taken out, for maps that wrap around.
        taps: 1 is no blur. Even numbers move the picture by half a pixel.
        border: how the map goes on beyond its border.
        subsample: False keeps every place, blurred as for the stride.
    """

    kernel: Tensor

    def __init__(
        self,
        stride: tuple[int, int],
        taps: int = 3,
        filter: Filter = "binomial",
        border: Border = "reflect",
        subsample: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.taps, self.filter, self.border = stride, taps, filter, border
        self.step = stride if subsample else (1, 1)
        down, across = (self._row(step) for step in stride)
        self.register_buffer("kernel", torch.outer(down, across).float(), persistent=False)

    def _row(self, stride: int) -> Tensor:
        """Of one axis; where nothing is left out nothing need be blurred."""
        if stride == 1 or self.filter == "ideal":
            return torch.ones(1, dtype=torch.float64)
        wide = (self.taps - 1) * (stride - 1) + 1
        return binomial(self.taps, stride) if self.filter == "binomial" else kaiser(wide, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Blur, then subsample."""
        down, across = self.step
        if self.filter == "ideal":
            return ideal(x, self.stride)[..., ::down, ::across]
        rows, columns = self.kernel.shape
        if rows == columns == 1 or x.shape[-2:] == (1, 1):
            return x[..., ::down, ::across]
        x = bordered(x, (rows, columns), self.border)
        kernel = self.kernel.to(x.dtype).expand(x.shape[1], 1, rows, columns)
        return conv2d(x, kernel, stride=self.step, groups=x.shape[1])

    def extra_repr(self) -> str:
        """For printing."""
        return f"stride={self.stride}, {self.filter}, taps={self.taps}, border={self.border}"


def bordered(x: Tensor, size: tuple[int, int], border: Border) -> Tensor:
    """The map with (size - 1) // 2 pixels more in front and size // 2 behind, along both axes."""
    rows, columns = size
    wide = ((columns - 1) // 2, columns // 2, (rows - 1) // 2, rows // 2)
    mode = _PAD[border]
    if border == "reflect" and (max(wide[:2]) >= x.shape[-1] or max(wide[2:]) >= x.shape[-2]):
        mode = "replicate"
    return pad(x, wide, mode=mode)


def ideal(x: Tensor, stride: tuple[int, int]) -> Tensor:
    """Without the frequencies from 1 / (2 stride) on, along each axis that is subsampled; circular."""
    spectrum = torch.fft.rfft2(x.float())
    height, width = x.shape[-2:]
    down = torch.fft.fftfreq(height, device=x.device).abs() < 1 / (2 * stride[0])
    across = torch.fft.rfftfreq(width, device=x.device) < 1 / (2 * stride[1])
    down = down | torch.tensor(stride[0] == 1, device=x.device)
    across = across | torch.tensor(stride[1] == 1, device=x.device)
    kept: Tensor = torch.fft.irfft2(spectrum * (down[:, None] & across), s=(height, width))
    return kept.to(x.dtype)


class DensePool(nn.Module):
    """A max pool at every place, such that every stride-th of its outputs is the strided pool's.

    Attributes:
        kernel, padding, dilation, stride: of the strided pool, rows and columns.
        ceil_mode: of the strided pool.
    """

    def __init__(self, pool: nn.MaxPool2d) -> None:
        super().__init__()
        self.kernel, self.padding, self.dilation = (pair(v) for v in (pool.kernel_size, pool.padding, pool.dilation))
        self.stride = pair(pool.stride if pool.stride is not None else pool.kernel_size)
        self.ceil_mode = pool.ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to a map whose size, divided by the stride and rounded up, is the strided pool's."""
        extra = [self._extra(x.shape[2 + axis], axis) if self.ceil_mode else 0 for axis in (0, 1)]
        (top, left) = self.padding
        wide = pad(x, (left, left + extra[1], top, top + extra[0]), value=float("-inf"))
        dense: Tensor = torch.nn.functional.max_pool2d(wide, self.kernel, 1, 0, self.dilation)
        return dense

    def _extra(self, side: int, axis: int) -> int:
        """Further rows or columns of minus infinity, so that a size that is rounded up is met."""
        k, p, d, s = self.kernel[axis], self.padding[axis], self.dilation[axis], self.stride[axis]
        dense = side + 2 * p - d * (k - 1)
        rounded = -(-(dense - 1) // s) + 1
        if (rounded - 1) * s >= side + p:  # torch lets no window begin in the padding behind
            rounded -= 1
        return max(0, (rounded - 1) * s + 1 - dense)


def pair(value: Any) -> tuple[int, int]:
    """One number for both axes, or two."""
    return (int(value[0]), int(value[1])) if isinstance(value, (tuple, list)) else (int(value), int(value))
