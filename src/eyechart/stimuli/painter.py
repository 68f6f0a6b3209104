"""From recipes to pictures: a batch of frames is shown, mixed or painted, and rounded to 8 bits."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from eyechart.core.view import Pixels, Plain, Shown, SourceView, View, split_stages
from eyechart.errors import SettingError
from eyechart.images.image_set import ImageSet
from eyechart.models.checkpoint import Trust
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.frame import frame_of
from eyechart.run.render import show
from eyechart.stimuli.kinds import Recipe
from eyechart.stimuli.transfer import Transfer
from eyechart.views.conflicts import clipped_share

TOGETHER = 32
LEAST = 16  # pixels a side, unless smaller ones are asked for

Array = np.ndarray[Any, Any]
Format = Literal["png", "webp"]
Make = Callable[[Pixels, Pixels | None], Shown]


class Painter:
    """A recipe made ready for a set of images.

    Args:
        recipe: what to make.
        images: of which; they decide the frame where ``side`` is None.
        side: of the exported square in pixels.
        device, trust: for nets.

    Attributes:
        content, style: how originals become frames.
        source: what the decode workers draw of the contents.
        side: of the exported square.
        together: images that are made at once.

    Raises:
        SettingError, ImagesError: there is no frame for these.
        CheckpointError, TrustError: the nets' weights cannot be used.
    """

    def __init__(
        self, recipe: Recipe, images: ImageSet, side: int | None, device: torch.device, trust: Trust = "none"
    ) -> None:
        self.recipe, self._device = recipe, device
        make = recipe.make
        self.together = make.together if isinstance(make, Transfer) else TOGETHER
        self.content, self.style, self.side = _frames(make, images, side)
        recipe.check_side(self.side)
        if len(getattr(make, "besides", ())) > 1:
            raise SettingError(
                f"{recipe.name} of this shape can be shown to models alone.",
                setting=f"{recipe.name}.shape",
                value=recipe.settings.get("shape"),
                way_out="Give shape=disc or box; the exam hybrids takes the object itself.",
            )
        self.source: SourceView = split_stages(make)[0] if isinstance(make, View) else Plain()
        self._make = self._opened(trust)

    def paint(self, content: Pixels, style: Pixels | None) -> tuple[Array, dict[str, Array], Array]:
        """Pictures (n, side, side, 3) uint8; notes (n,) by name, ``clipped_share`` among them; and which are valid (n,).

        ``clipped_share``: of the values that lay more than half an 8-bit step outside [0, 1].

        Raises:
            SettingError: the recipe cannot be used on frames of this size.
        """
        try:
            with torch.no_grad():
                shown = self._make(content, style)
        except ValueError as error:
            side = content.tensor.shape[-1]
            raise SettingError(
                f"{self.recipe.name} does not fit frames of {side} pixels: {error}.",
                setting="--size",
                value=side,
                way_out="Choose other settings, or another frame with --size.",
            ) from error
        raw = shown.pixels
        if not raw.isfinite().all():
            raise SettingError(
                "Some pictures are not finite.",
                setting="KIND",
                value=self.recipe.name,
                way_out="Choose other settings or weights.",
            )
        valid = np.ones(len(raw), bool) if shown.valid is None else np.asarray(shown.valid, bool)
        notes = {**content.notes, **shown.notes, "clipped_share": clipped_share(raw)}
        return self._eight_bits(raw.clamp(0, 1)), notes, valid

    def pixels(self, frames: Array, ids: tuple[str, ...], seed: int, notes: dict[str, Array]) -> Pixels:
        """Frames (n, h, w, 3) uint8 of the decode workers as a batch on the device."""
        tensor = torch.from_numpy(np.ascontiguousarray(frames)).to(self._device).permute(0, 3, 1, 2)
        return Pixels(tensor.to(torch.float32).div_(255), ids, seed, notes)

    def _opened(self, trust: Trust) -> Make:
        make, grey = self.recipe.make, 0.5 if self.recipe.kind.grey else 0.0
        if isinstance(make, Transfer):
            paint = make.opened(self._device, trust)
            return lambda a, b: paint(a.tensor, _needed(b).tensor)
        if self.recipe.mixes:
            return lambda a, b: Shown(make.mixed(a, _needed(b)))

        def shown(a: Pixels, _: Pixels | None) -> Shown:
            pixels, notes, valid = show(make, a)
            return Shown(pixels + grey, notes, valid)

        return shown

    def _eight_bits(self, pixels: torch.Tensor) -> Array:
        if pixels.shape[-1] != self.side:
            resize = torch.nn.functional.interpolate
            pixels = resize(pixels, (self.side, self.side), mode="bicubic", antialias=True).clamp(0, 1)
        found: Array = pixels.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return found


def encoded(picture: Array, format: Format) -> bytes:
    """A picture (h, w, 3) uint8 as a lossless file."""
    file = io.BytesIO()
    lossless = {"lossless": True, "exact": True} if format == "webp" else {}
    Image.fromarray(picture).save(file, format=format.upper(), **lossless)
    return file.getvalue()


def _frames(make: Any, images: ImageSet, side: int | None) -> tuple[Preprocessing, Preprocessing, int]:
    if isinstance(make, Transfer):
        side = make.side if side is None else side
        return *make.frames(side), side
    frame = frame_of(images, side)
    if side is None and frame.size[0] < LEAST:
        raise SettingError(
            f"Pictures would have {frame.size[0]} pixels a side, as the smallest of the first images.",
            setting="--size",
            value="none",
            way_out="Give --size=N: smaller images are then enlarged, larger ones reduced.",
        )
    return frame, frame, frame.size[0]


def _needed(style: Pixels | None) -> Pixels:
    if style is None:
        raise TypeError("this kind mixes two images")
    return style
