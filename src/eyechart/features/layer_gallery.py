"""What a gallery says of one layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from eyechart.channels import LayerChannels
from eyechart.features.combined import Combined
from eyechart.features.examples import Choice
from eyechart.features.maker import Target
from eyechart.features.mosaic import Mosaic

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class LayerGallery:
    """What was made for a layer.

    Attributes:
        known: its channels, read from the images.
        made: arrays whose first axis is the channels that pictures were made for, in their order; see ``Maker.part``.
        undecided: why nothing is said of the answer; empty if something is.
        looks: (images, channels), mean over places of every channel for each image that was looked at.
        mosaics: the layer as a whole: activation grids, and the atlas.
        target: what pictures of channels excite, see ``Maker``.
        choice: of the images that go with channels.
        combined: pictures for the layer as a whole, or for directions in it.
    """

    known: LayerChannels
    made: Mapping[str, Array]
    undecided: str
    looks: Array
    mosaics: tuple[Mosaic, ...] = ()
    target: Target = "channel"
    combined: tuple[Combined, ...] = ()
    choice: Choice = field(default_factory=Choice)

    @property
    def layer(self) -> str:
        """Its name."""
        return self.known.layer

    @property
    def channels(self) -> list[int]:
        """That pictures were made for."""
        return [int(c) for c in self.made["channels"]]

    @cached_property
    def texture_ness(self) -> Mapping[str, Array]:
        """Twin -> (3, channels of the layer): slope and the ends of its interval."""
        summed = self.known.summed
        return {t: np.stack([summed.texture_ness(t), *summed.texture_ness_ends(t)]) for t in summed.twins}
