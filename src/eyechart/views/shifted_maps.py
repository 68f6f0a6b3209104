"""How a layer's output follows a frame that moves: whether it stays, moves along, or changes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from itertools import product
from math import floor
from typing import ClassVar

import torch

from eyechart.core.tap import Tap
from eyechart.models.layers import Layer
from eyechart.spectrum.shifts import fourier_shift
from eyechart.views.feature_maps import Map, as_maps

ERRORS = ("invariance", "equivariance", "sinc", "bilinear", "moved_squared", "sinc_squared", "bilinear_squared")
SKETCH = 128  # numbers of an output by which outputs for different images are compared
NOTHING = 1e-5  # of an output: what rounding leaves where the picture adds nothing to that of the empty canvas
FAINT = 1e-12  # of the strongest channel's energy: what rounding leaves of one that is the same everywhere


@dataclass(frozen=True)
class _OfLayers(Tap):
    """Numbers of what the picture makes of each layer's output.

    Attributes:
        held: how each of the layers holds maps; None where it holds none.
        on_canvas: numbers are of what the picture adds to the output for the empty canvas, so that neither the canvas nor the
            padding around it counts.
    """

    held: tuple[Map | None, ...] = ()
    on_canvas: bool = False

    @property
    def against_empty(self) -> bool:
        """On a canvas."""
        return self.on_canvas

    def read(self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None) -> torch.Tensor:
        """Without an empty canvas."""
        return self.read_against(layer, output, plain, None)

    @abstractmethod
    def read_against(
        self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None, empty: torch.Tensor | None
    ) -> torch.Tensor:
        """See ``Tap``."""

    def _number(self, layer: Layer) -> int:
        return self.layers.index(layer.name)

    def _added(self, layer: Layer, output: torch.Tensor, empty: torch.Tensor | None = None) -> torch.Tensor:
        """What the picture adds, as maps (n, c, h, w), or (n, values) where the layer holds none."""
        added = output if empty is None else output - empty
        held = self.held[self._number(layer)]
        return added.flatten(1) if held is None else as_maps(added, held)


@dataclass(frozen=True)
class Shifted(_OfLayers):
    """Errors of a layer's output r_k, for the frame moved by k pixels, against that for the frame as it was, r: (n, 7 + 2 c).

    ``invariance``: |r_k - r| / |r|, L2 over all values. ``equivariance``: the same against r rolled by whole units, the best
    of those next to k / stride. ``sinc`` and ``bilinear``: sum |r_k - p|^2 / sum |r_k - mean|^2, p = r moved by k / stride
    units through its Fourier transform or linearly, median over channels that vary (Azulay & Weiss, JMLR 2019;
    formula ours). ``moved_squared``, ``sinc_squared``, ``bilinear_squared``: |r_k - r|^2 and |r_k - p|^2 over all values.
    Then the sum and the sum of absolute values of each channel of r_k, of the whole output, canvas and all. Where there are no
    maps, all but ``invariance`` and ``moved_squared`` are NaN, and there are no sums. All errors are NaN where r is 0.

    Attributes:
        strides: of each of the layers.
        shift: (rows, columns) in pixels.
    """

    strides: tuple[tuple[int, int], ...] = ()
    shift: tuple[int, int] = (0, 0)
    against_plain: ClassVar[bool] = True

    def read_against(
        self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None, empty: torch.Tensor | None
    ) -> torch.Tensor:
        """Raises ValueError without the plain image."""
        if plain is None:
            raise ValueError(f"{layer.name} is compared with nothing")
        after, before = (self._added(layer, x, empty) for x in (output, plain))
        size = _norm(before)
        size = torch.where(size > NOTHING * _norm(plain), size, torch.nan)
        moved = _norm(after - before) + 0 * size  # NaN where there is nothing to move
        if after.ndim == 2:
            told = {"invariance": moved / size, "moved_squared": moved.square()}
            return torch.stack([told.get(error, torch.full_like(size, torch.nan)) for error in ERRORS], 1)
        stride = self.strides[self._number(layer)]
        way = self.shift[0] / stride[0], self.shift[1] / stride[1]
        along = torch.stack([_norm(after - one) for one in _rolled(before, way)]).amin(0)
        sinc, bilinear = fourier_shift(before, *way), moved_linearly(before, way)
        errors = [
            *(moved / size, along / size, unexplained(after, sinc), unexplained(after, bilinear)),
            *(far.square() for far in (moved, _norm(after - sinc), _norm(after - bilinear))),
        ]
        maps = self._added(layer, output)
        known = torch.stack(errors, 1) + 0 * size[:, None]
        return torch.cat([known, maps.sum((2, 3)), maps.abs().sum((2, 3))], 1)


@dataclass(frozen=True)
class Sketch(_OfLayers):
    """A layer's output in few numbers that keep distances between images, then its maps' energy about the mean: (n, 129).

    Each value goes, with a sign, to one of 128 sums, both at random but the same for all images: the squared distance of two
    such sketches is on average that of the outputs (Charikar et al., 2002). Outputs of at most 128 values are kept as they are.
    Where there are no maps the energy is NaN.
    """

    def read_against(
        self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None, empty: torch.Tensor | None
    ) -> torch.Tensor:
        """Of the output alone."""
        maps = self._added(layer, output, empty)
        flat = maps.reshape(len(maps), -1)
        buckets, signs = _hashes(flat.shape[1], flat.device)
        sketch = flat.new_zeros((len(flat), SKETCH)).index_add_(1, buckets, flat * signs)
        if maps.ndim == 2:
            return torch.cat([sketch, torch.full_like(sketch[:, :1], torch.nan)], 1)
        energy = (maps - maps.mean((2, 3), keepdim=True)).square().sum((1, 2, 3))
        return torch.cat([sketch, energy[:, None]], 1)


def moved_linearly(maps: torch.Tensor, way: tuple[float, float]) -> torch.Tensor:
    """Maps (..., h, w) moved by (rows, columns) units, cyclically, by linear interpolation."""
    for axis, far in zip((-2, -1), way, strict=True):
        whole = floor(far)
        near, next_ = (torch.roll(maps, whole + more, axis) for more in (0, 1))
        maps = near + (far - whole) * (next_ - near)
    return maps


def unexplained(after: torch.Tensor, predicted: torch.Tensor) -> torch.Tensor:
    """Median over channels of sum |after - predicted|^2 / sum |after - mean|^2, maps (n, c, h, w): (n,); NaN if none varies."""
    spread = (after - after.mean((2, 3), keepdim=True)).square().sum((2, 3))
    error = (after - predicted).square().sum((2, 3))
    kept = spread > FAINT * after.square().sum((2, 3)).amax(1, keepdim=True)
    middle: torch.Tensor = torch.where(kept, error / spread, torch.nan).nanmedian(1).values
    return middle


def _rolled(maps: torch.Tensor, way: tuple[float, float]) -> list[torch.Tensor]:
    """By the whole units next to ``way``."""
    choices = [sorted({floor(far), -floor(-far)}) for far in way]
    return [torch.roll(maps, both, (2, 3)) for both in product(*choices)]


def _norm(maps: torch.Tensor) -> torch.Tensor:
    sizes: torch.Tensor = maps.flatten(1).norm(dim=1)
    return sizes


def _hashes(n: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """For each of n values its sum and its sign; drawn anew each time, in milliseconds, so that nothing stays on the device."""
    if n <= SKETCH:
        return torch.arange(n, device=device), torch.ones(n, device=device)
    chance = torch.Generator().manual_seed(n)
    buckets = torch.randint(SKETCH, (n,), generator=chance)
    signs = torch.randint(2, (n,), generator=chance).float() * 2 - 1
    return buckets.to(device), signs.to(device)
