"""From input-frame pixels to what the net sees, in one pass over memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eyechart.models.preprocessing import Preprocessing


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Writes ``(pixels - mean) / std`` as ``shift + scale * pixels``.

    The constants are repeated along one row of channels_last memory (w * c numbers): broadcasting (1, c, 1, 1) against
    channels_last leaves an inner loop of c = 3, several times slower; a full (c, h, w) constant is read anew from the
    cache for every image.

    Attributes:
        shift, scale, byte_scale: (w * c,) float32; ``byte_scale`` is for pixels in 0..255.
    """

    shift: Tensor
    scale: Tensor
    byte_scale: Tensor

    @classmethod
    def of(cls, preprocessing: Preprocessing, device: torch.device) -> Normaliser:
        """Constants for frames of ``preprocessing.size``, rounded once from float64."""
        mean = torch.tensor(preprocessing.mean, dtype=torch.float64)
        std = torch.tensor(preprocessing.std, dtype=torch.float64)
        rows = [
            constant.repeat(preprocessing.size[1]).to(device, torch.float32)
            for constant in (-mean / std, 1.0 / std, 1.0 / (255.0 * std))
        ]
        return cls(*rows)

    def __call__(self, pixels: Tensor, out: Tensor) -> Tensor:
        """Fill ``out`` (n, c, h, w) float32 from ``pixels`` of the same shape, uint8 0..255 or floating in [0, 1].

        Within a few units in the last place of ``max(1, |mean / std|)``. Fast when both are channels_last. Not
        differentiable. Returns ``out``.

        Raises:
            ValueError: on other dtypes or shapes: a mistake of the caller, not of the user.
        """
        if pixels.shape != out.shape or not (pixels.dtype == torch.uint8 or pixels.is_floating_point()):
            raise ValueError(
                f"pixels are uint8 or floating, of the shape of out: {pixels.dtype}, {pixels.shape}, {out.shape}"
            )
        scale = self.byte_scale if pixels.dtype == torch.uint8 else self.scale
        if pixels.dtype != torch.float32 or pixels.device != out.device:
            pixels = out.copy_(pixels)  # converting first is faster than letting addcmul promote
        target, given = _rows(out), _rows(pixels)  # (n, h, w * c)
        if target is None or given is None:
            return out.copy_(torch.addcmul(self._full(self.shift, out), pixels, self._full(scale, out)))
        torch.addcmul(self.shift, given, scale, out=target)
        return out

    def traced(self, pixels: Tensor) -> Tensor:
        """The same as a new tensor, for floating ``pixels`` that gradients are wanted of."""
        return torch.addcmul(self._full(self.shift, pixels), pixels, self._full(self.scale, pixels))

    def back(self, gradient: Tensor) -> Tensor:
        """A gradient (n, c, h, w) with respect to what was written as one with respect to floating pixels, anew."""
        rows = _rows(gradient)
        if rows is None:
            return gradient * self._full(self.scale, gradient)
        n, c, h, w = gradient.shape
        return (rows * self.scale).view(n, h, w, c).permute(0, 3, 1, 2)

    @staticmethod
    def _full(row: Tensor, like: Tensor) -> Tensor:
        return row.view(1, 1, like.shape[3], like.shape[1]).permute(0, 3, 1, 2)  # (1, c, 1, w)


def _rows(frames: Tensor) -> Tensor | None:
    """Frames as (n, h, w * c) without copying, or None where the memory is not channels_last."""
    by_pixel = frames.permute(0, 2, 3, 1)  # (n, h, w, c)
    return by_pixel.flatten(2) if by_pixel.is_contiguous() else None
