"""How a layer's maps follow a frame that moves: whether they stay, move along, or change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import floor
from typing import ClassVar

import torch

from eyechart.core.tap import Tap
from eyechart.models.layers import Layer
from eyechart.spectrum.shifts import fourier_shift
from eyechart.views.feature_maps import as_maps, map_of

ERRORS = ("invariance", "equivariance", "sinc", "bilinear")
SKETCH = 128  # numbers of a map by which maps of different images are compared
FAINT = 1e-12  # of the strongest channel's energy: what rounding leaves of one that is the same everywhere


@dataclass(frozen=True)
class ShiftedMaps(Tap):
    """Errors of a layer's maps r_k, of the frame moved by k pixels, against those of the frame as it was, r: (n, 4 + 2 c).

    ``invariance``: |r_k - r| / |r|, L2 over all channels. ``equivariance``: the same against r rolled by whole units, the best
    of those next to k / stride. ``sinc`` and ``bilinear``: sum |r_k - p|^2 / sum |r_k - mean|^2, p = r moved by k / stride
    units through its Fourier transform or linearly, median over channels that vary (Azulay & Weiss, JMLR 2019;
    formula ours). Then the sum and the sum of absolute values of each channel of r_k.

    Attributes:
        strides: of each of the layers.
        shift: (rows, columns) in pixels.
        frame: (height, width) of the model's input.
        on_canvas: errors are of what the picture adds to the maps of the empty canvas, so that neither the canvas nor the
            padding around it counts; sums are of the maps themselves.
    """

    strides: tuple[tuple[int, int], ...] = ()
    shift: tuple[int, int] = (0, 0)
    frame: tuple[int, int] = (0, 0)
    on_canvas: bool = False
    against_plain: ClassVar[bool] = True

    @property
    def against_empty(self) -> bool:
        """On a canvas."""
        return self.on_canvas

    def read(self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None) -> torch.Tensor | None:
        """None of an output that holds no map. Raises ValueError without the plain image."""
        return self.read_against(layer, output, plain, None)

    def read_against(
        self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None, empty: torch.Tensor | None
    ) -> torch.Tensor | None:
        """See ``read``."""
        if plain is None:
            raise ValueError(f"{layer.name} is compared with nothing")
        held = map_of(layer, self.frame)
        if isinstance(held, str):
            return None
        maps = as_maps(output, held)
        after, before = (as_maps(x if empty is None else x - empty, held) for x in (output, plain))
        stride = self.strides[self.layers.index(layer.name)]
        way = self.shift[0] / stride[0], self.shift[1] / stride[1]
        errors = [
            _share(_norm(after - before), before),
            _share(torch.stack([_norm(after - one) for one in _rolled(before, way)]).amin(0), before),
            unexplained(after, fourier_shift(before, *way)),
            unexplained(after, moved_linearly(before, way)),
        ]
        return torch.cat([torch.stack(errors, 1), maps.sum((2, 3)), maps.abs().sum((2, 3))], 1)


@dataclass(frozen=True)
class MapSketch(Tap):
    """A layer's maps in few numbers that keep distances between images, then their energy about the mean: (n, 129).

    Each value goes, with a sign, to one of 128 sums, both at random but the same for all images: the squared distance of two
    such sketches is on average that of the maps (Charikar et al., 2002).

    Attributes:
        frame: (height, width) of the model's input.
        on_canvas: see ``ShiftedMaps``.
    """

    frame: tuple[int, int] = (0, 0)
    on_canvas: bool = False

    @property
    def against_empty(self) -> bool:
        """On a canvas."""
        return self.on_canvas

    def read(self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None) -> torch.Tensor | None:
        """None of an output that holds no map."""
        return self.read_against(layer, output, plain, None)

    def read_against(
        self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None, empty: torch.Tensor | None
    ) -> torch.Tensor | None:
        """See ``read``."""
        held = map_of(layer, self.frame)
        if isinstance(held, str):
            return None
        maps = as_maps(output if empty is None else output - empty, held)
        flat = maps.reshape(len(maps), -1)
        buckets, signs = _hashes(flat.shape[1], str(flat.device))
        sketch = flat.new_zeros((len(flat), SKETCH)).index_add_(1, buckets, flat * signs)
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


def _share(distance: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Of the maps' norm; NaN where they are 0."""
    whole = _norm(maps)
    return torch.where(whole > 0, distance / whole, torch.nan)


def _norm(maps: torch.Tensor) -> torch.Tensor:
    sizes: torch.Tensor = maps.flatten(1).norm(dim=1)
    return sizes


@lru_cache(maxsize=32)
def _hashes(n: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """For each of n values its sum and its sign."""
    with torch.inference_mode(False):
        chance = torch.Generator().manual_seed(n)
        buckets = torch.randint(SKETCH, (n,), generator=chance)
        signs = torch.randint(2, (n,), generator=chance).float() * 2 - 1
        return buckets.to(device), signs.to(device)
