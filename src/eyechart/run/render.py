"""Rendering views on the device, and keeping what nets with several weights are shown alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from eyechart.core.view import Pixels, View, split_stages

Array = np.ndarray[Any, Any]
REMEMBER_BYTES = 256 << 20


Rendered = tuple[torch.Tensor, dict[str, Array], Array | None]


class Remembered:
    """What views showed of one job, up to REMEMBER_BYTES."""

    def __init__(self) -> None:
        self._kept: dict[object, Rendered] = {}
        self._bytes = 0

    def get(self, key: object, render: Callable[[], Rendered]) -> Rendered:
        """The rendering of a key, made if it is not at hand."""
        if key in self._kept:
            return self._kept[key]
        rendered = render()
        size = rendered[0].numel() * rendered[0].element_size()
        if self._bytes + size <= REMEMBER_BYTES:
            self._kept[key] = rendered
            self._bytes += size
        return rendered


def unit(frames: torch.Tensor) -> torch.Tensor:
    """uint8 frames as float32 in [0, 1], same memory layout."""
    return frames.to(torch.float32).div_(255)


def show(view: View, first: Pixels) -> Rendered:
    """Render the input stages of ``view`` one after another: pixels, notes, which images could be shown.

    What asks the model is done once for all views of the batch that go on from it.
    """
    batch = first
    notes: dict[str, Array] = {}
    fine: Array | None = None
    steps = split_stages(view)[1]
    for done, step in enumerate(steps, 1):
        render = partial(step.render, batch)
        shown = first.shared(("steps", steps[:done]), render) if step.cost else render()
        notes.update(shown.notes)
        if shown.valid is not None:
            fine = shown.valid if fine is None else fine & shown.valid
        about = {**first.notes, **notes}
        batch = Pixels(
            shown.pixels, first.ids, first.seed, about, first.beside, attacked=first.attacked, before=first.tensor
        )
    return batch.tensor, dict(notes), fine
