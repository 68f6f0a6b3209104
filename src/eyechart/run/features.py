"""Reading layers: a net is watched while it answers, and taps read their numbers on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from eyechart.core.tap import DenseTap, SlopeTap, Tap
from eyechart.models.atrous import Dense, Twin
from eyechart.models.image_model import ImageModel
from eyechart.models.layers import Layer, Watch
from eyechart.run.slopes import sloped

Array = np.ndarray[Any, Any]
DENSE_PIXELS = 1 << 14  # shown to the a-trous twin at a time: 128 x 128, or sixteen small frames


class PlainLayers:
    """Layers of a model for some images, and what they say of the plain ones, asked once.

    Args:
        model: its net before folding is asked, so that what folding joins can be told apart.
        pixels: (n, c, h, w) of the plain images.
    """

    def __init__(self, model: ImageModel, pixels: torch.Tensor) -> None:
        self._model, self._pixels = model, pixels
        self._kept: dict[tuple[tuple[str, ...], bool], dict[str, torch.Tensor]] = {}

    def features(self, tap: Tap | SlopeTap, pixels: torch.Tensor, batch: int) -> dict[str, Array]:
        """What the tap reads of shown ``pixels`` (n, c, h, w), by layer: (n, ...) float32.

        A layer whose outputs are not one an image (such as one a window) is left out, as is one that the tap reads nothing of.

        Args:
            batch: frames a forward, at most.
        """
        parts: list[dict[str, Array]] = []
        wanted = self._readable(tap)
        for start in range(0, len(pixels), batch):
            some = slice(start, start + batch)
            if isinstance(tap, SlopeTap):
                parts.append(sloped(self._model, tap, wanted, pixels[some]))
                continue
            plain = self._plain(wanted, batch) if tap.against_plain else {}
            empty = self._plain(wanted, batch, empty=True) if tap.against_empty else {}
            read: dict[str, Array] = {}

            def see(
                layer: Layer,
                output: torch.Tensor,
                read: dict[str, Array] = read,
                some: slice = some,
                plain: dict[str, torch.Tensor] = plain,
                empty: dict[str, torch.Tensor] = empty,
            ) -> None:
                if layer.name in wanted:
                    beside = [outputs[layer.name][some] if outputs else None for outputs in (plain, empty)]
                    numbers = tap.read_against(layer, output, *beside)
                    if numbers is not None:
                        read[layer.name] = numbers.float().cpu().numpy()

            watched(self._model, pixels[some], see)
            parts.append(read)
        return joined(parts)

    def _readable(self, tap: Tap | SlopeTap) -> tuple[str, ...]:
        """Of the layers that the tap names, those whose outputs are one an image."""
        steps = self._model.plain.layers if self._model.plain else ()
        return tuple(step.name for step in steps if step.each and step.name in tap.layers)

    def _plain(self, layers: tuple[str, ...], batch: int, empty: bool = False) -> dict[str, torch.Tensor]:
        """Outputs of layers for all plain images, or for frames of their corners' colours."""
        if (layers, empty) not in self._kept:
            pixels = self._pixels
            if empty:
                corners = pixels[:, :, -1:, -1:].expand_as(pixels)
                pixels = corners.contiguous(memory_format=torch.channels_last)
            met: dict[str, list[torch.Tensor]] = {name: [] for name in layers}

            def see(layer: Layer, output: torch.Tensor) -> None:
                if layer.name in met:
                    met[layer.name].append(output.clone())

            for start in range(0, len(pixels), batch):
                watched(self._model, pixels[start : start + batch], see)
            self._kept[layers, empty] = {name: torch.cat(parts) for name, parts in met.items()}
        return self._kept[layers, empty]


class DenseLayers:
    """Layers of a model's a-trous twin, which shares its weights and stays proved.

    Args:
        model: its net before folding is the twin's.
    """

    def __init__(self, model: ImageModel) -> None:
        if model.plain is None:
            raise ValueError(f"{model.name} has no layers")
        self._model, self.twin = model, Twin(model.plain.net)

    def features(self, tap: DenseTap, pixels: torch.Tensor) -> dict[str, Array]:
        """What the tap reads of ``pixels`` (n, c, h, w), by layer: (n, ...) float32; few frames at a time."""
        parts: list[dict[str, Array]] = []
        together = max(1, DENSE_PIXELS // (pixels.shape[2] * pixels.shape[3]))
        for start in range(0, len(pixels), together):
            some = pixels[start : start + together]
            frames = self._model.laid_out(self._model.normalise(some, self._model.buffer(len(some))))
            read: dict[str, Array] = {}

            def see(layer: Layer, dense: Dense, read: dict[str, Array] = read) -> None:
                read[layer.name] = tap.read(layer, dense).float().cpu().numpy()

            self.twin.show(frames, tap.layers, see)
            parts.append(read)
        return joined(parts)


def joined(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Numbers of one batch after the other, of the layers that all of them have."""
    names = [name for name in parts[0] if all(name in part for part in parts)] if parts else []
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def watched(model: ImageModel, pixels: torch.Tensor, see: Any) -> None:
    """Let the net before folding answer ``pixels`` (n, c, h, w), not normalised, and show its steps to ``see``."""
    if model.plain is None:
        raise ValueError(f"{model.name} has no layers")
    frames = model.normalise(pixels, model.buffer(len(pixels)))
    with torch.no_grad(), Watch(model.plain.net, see):
        model.plain.net(model.laid_out(frames))
