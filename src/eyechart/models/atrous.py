"""The a-trous twin of a net: the same weights, with every unit at every place of the picture.

r2 of a layer is what it would say without any stride before or at it, later windows spread by the product of the strides so
far; what the net has is every S-th of that: r2[::S] = r (Azulay & Weiss, JMLR 20(184), 2019, section 3). Ends at the first
global pool, flattening, attention or upsampling, but for gates such as squeeze-excite's, which see the means of the sampled
maps.

Holds (tested with random weights) for torchvision's AlexNet, VGG, ResNet, ResNeXt, SqueezeNet, DenseNet, MobileNet v2 and v3,
MNASNet, EfficientNet and v2, RegNet, GoogLeNet, Inception v3, ShuffleNet v2 and ConvNeXt, and several of timm's: in float64
to 1e-10, in float32 to 1e-5 but for MobileNet v3 large and EfficientNet v2 s, in whose depth rounding grows to a little
more. Vision transformers have dense maps of their patch embedding alone, Swin up to its first windows, nets with GroupNorm
up to the first.

Strides are followed by what the net's own code asks torch to do (see ``located``), so it need not be traceable. Every layer is
proved on every frame before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from eyechart.models.geometry import walked
from eyechart.models.grid import Sides
from eyechart.models.layers import Layer, Watch
from eyechart.models.located import HIDDEN, Located, Walk, sampled
from eyechart.models.private_copy import sharing_copy

SIDE = 128  # pixels of a frame that are looked at, where it is larger
TOLERANCE = 1e-4  # of the largest value; float32 sums in another order differ by some 1e-6
MAP_BYTES = 1 << 30
UNPROVED = "its dense map, sampled, is not what the net has"


@dataclass(frozen=True)
class Dense:
    """What a layer says at every place of the picture.

    Attributes:
        values: (n, c, h, w), on the device; every ``stride``-th is what the net has. NaN in frames for which that is not so.
        stride: of the net's own map.
        before: (n, c', h', w') that this layer makes it of, where it is this layer that has a stride; else None.
        before_stride: the net's own of that.
    """

    values: Tensor
    stride: Sides
    before: Tensor | None = None
    before_stride: Sides | None = None


See = Callable[[Layer, Dense], None]


@dataclass
class Twin:
    """Dense maps of a net's layers.

    Attributes:
        net: in eval mode; its weights are shared, and it stays as it is.
        most_bytes: of one map; larger ones are not made, nor what follows from them.
        errors: by layer, the largest difference between r2[::S] and r on the frames that it was proved for, as a share of
            the frame's largest value of r.
        reasons: by layer, why it has no dense map, of some frame at least.
    """

    net: nn.Module
    most_bytes: int = MAP_BYTES
    errors: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def show(self, frames: Tensor, layers: Sequence[str], see: See) -> None:
        """Let ``see`` look at the dense maps of ``layers`` one by one, for frames (n, c, h, w), normalised.

        Frames are cut to their centre, 128 pixels a side; where the net then fails before all layers are met, they are not.
        Layers without a dense map are not shown: ``reasons`` says why.
        """
        missing = self._shown(centre(frames), layers, see)
        if missing and max(frames.shape[2:]) > SIDE and any(self.reasons[name].startswith(FAILED) for name in missing):
            self._shown(frames, missing, see)

    def _shown(self, frames: Tensor, layers: Sequence[str], see: See) -> list[str]:
        """Layers that were not met."""
        left = dict.fromkeys(layers)
        wanted = self._sampled(frames, layers)
        walk = Walk(dense=True, most_bytes=self.most_bytes)

        def meet(layer: Layer, output: Tensor) -> None:
            if layer.name not in left:
                return
            del left[layer.name]
            dense = _dense(output, walk)
            if isinstance(dense, str):
                self.reasons[layer.name] = dense
            else:
                proved = self._proved(layer.name, output, wanted)
                if bool(proved.any()):
                    see(layer, _only(dense, proved))
            if not left:
                raise _EnoughError

        try:
            walked(self.net, frames, walk, meet)
        except _EnoughError:
            pass
        except Exception as error:  # the net's own code may not bear another size, or tensors of another class
            self.reasons.update(dict.fromkeys(left, f"{FAILED}: {type(error).__name__}: {str(error)[:80]}"))
        for name in left:
            self.reasons.setdefault(name, "the net does not come to it")
        return list(left)

    def _sampled(self, frames: Tensor, layers: Sequence[str]) -> Mapping[str, Tensor]:
        """What the net itself says; a copy says it, as in ``walked``."""
        found: dict[str, Tensor] = {}

        def keep(layer: Layer, output: Tensor) -> None:
            if layer.name in layers:
                found[layer.name] = output.clone()
            if len(found) == len(layers):
                raise _EnoughError

        try:
            net = sharing_copy(self.net)
            with torch.no_grad(), Watch(net, keep):
                net(frames.clone())
        except Exception:  # of this size it cannot take: what was met before counts
            return found
        return found

    def _proved(self, name: str, output: Tensor, wanted: Mapping[str, Tensor]) -> Tensor:
        """Of which frames r2[::S] = r, (n,) bool."""
        own, grid = wanted.get(name), output.grid if isinstance(output, Located) else None
        with torch._C.DisableTorchFunctionSubclass():
            mine = sampled(output.as_subclass(Tensor), grid) if grid else output
            if own is None or mine.shape != own.shape:
                self.reasons[name] = UNPROVED
                return torch.zeros(len(mine), dtype=torch.bool, device=mine.device)
            scale = own.abs().flatten(1).amax(1).clamp_min(1e-30)
            errors = (mine - own).abs().flatten(1).amax(1) / scale
            proved: Tensor = errors <= TOLERANCE
        if not bool(proved.all()):
            self.reasons[name] = f"{UNPROVED} (they differ by {float(errors.max()):.1g})"
        elif self.reasons.get(name, "").startswith(FAILED):
            del self.reasons[name]
        if bool(proved.any()):
            self.errors[name] = max(self.errors.get(name, 0.0), float(errors[proved].max()))
        return proved


FAILED = "the net fails on its way there"


class _EnoughError(Exception):
    """All layers were met."""


def centre(frames: Tensor, side: int = SIDE) -> Tensor:
    """The centre of frames (n, c, h, w), at most ``side`` pixels high and wide."""
    height, width = frames.shape[2:]
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return frames[:, :, top : top + side, left : left + side]


def _dense(output: Tensor, walk: Walk) -> Dense | str:
    """A step's dense map, channels first, or why there is none."""
    if not isinstance(output, Located):
        return HIDDEN
    if output.grid is None:
        return f"there are no places after {output.ended}"
    with torch._C.DisableTorchFunctionSubclass():
        values = _channels_first(output)
        if walk.sampling is None or walk.sampling[0] is not output or walk.sampling[1].grid is None:
            return Dense(values, output.grid.stride)
        before = walk.sampling[1]
        return Dense(values, output.grid.stride, _channels_first(before), walk.sampling[1].grid.stride)


def _only(dense: Dense, proved: Tensor) -> Dense:
    """NaN in frames that are not ``proved``."""
    if bool(proved.all()):
        return dense
    kept = proved[:, None, None, None]
    before = None if dense.before is None else dense.before.where(kept, torch.nan)
    return replace(dense, values=dense.values.where(kept, torch.nan), before=before)


def _channels_first(x: Located) -> Tensor:
    """(n, c, h, w) of (n, c, h, w), (n, h, w, c) or (n, h, w)."""
    values = x.as_subclass(Tensor)
    rows, columns = x.grid.axes if x.grid else (2, 3)
    return values.movedim((rows, columns), (-2, -1)).reshape(len(values), -1, values.shape[rows], values.shape[columns])
