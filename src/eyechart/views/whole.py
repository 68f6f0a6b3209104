"""The whole picture as the input frame, nothing cut off. Torch-free: drawn in decode workers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from eyechart.core.view import Frame, SourceView
from eyechart.images.original import Original
from eyechart.models.preprocessing import Preprocessing


@dataclass(frozen=True)
class Whole(SourceView):
    """A picture of the input's size as it is, any other resized to it (bicubic, antialiased, sides alike or not).

    For stimuli that were made in a size to be seen whole: a model's own preprocessing would enlarge them and cut their rim off.
    The note ``resized`` is 1 where the picture was not of the input's size.
    """

    def frame(self, original: Original, preprocessing: Preprocessing, rng: np.random.Generator) -> Frame:
        """The picture itself, or resized; no chance involved."""
        picture, (height, width) = original.picture, preprocessing.size
        if picture.size == (width, height):
            return Frame(picture, {"resized": 0.0})
        return Frame(picture.resize((width, height), Image.Resampling.BICUBIC), {"resized": 1.0})
