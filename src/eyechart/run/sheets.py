"""Frames as the decode workers hand them over, by source view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from eyechart.core.view import SourceView
from eyechart.run.draw import Drawn

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Sheet:
    """What one source view shows of the images at hand: frames (n, h, w, c) uint8, notes, and where it is valid."""

    frames: Array
    notes: Mapping[str, Array]
    valid: Array

    def on(self, device: torch.device) -> torch.Tensor:
        """The frames (n, c, h, w) uint8, channels_last."""
        return torch.from_numpy(self.frames).permute(0, 3, 1, 2).to(device, non_blocking=True)

    def about(self, part: slice) -> dict[str, Array]:
        """Notes on some of the images."""
        return {name: column[part] for name, column in self.notes.items()}


def sheets_of(views: Sequence[SourceView], drawn: Drawn) -> dict[SourceView, Sheet]:
    """By source view, what was drawn of the images that could be decoded."""
    kept = np.flatnonzero(drawn.examined)
    found = {}
    for v, view in enumerate(views):
        frames = drawn.frames[v] if len(kept) == drawn.frames.shape[1] else drawn.frames[v][kept]
        notes = {name: column[kept] for name, column in drawn.notes[v].items()}
        found[view] = Sheet(frames, notes, drawn.valid[v][kept])
    return found
