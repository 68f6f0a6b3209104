"""Augmentation: what training shows instead of an image, batched on the device, each image with numbers of its own.

A step changes each image by itself (``Augment``), or with another image of the batch beside it (``Mix``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from eyechart.errors import SettingError
from eyechart.train.named import named

Drawn = Callable[[str, int], torch.Tensor]  # (stream, numbers) -> (n, numbers) uniform on [0, 1)
Beside = Callable[[int], torch.Tensor]  # k -> (n, c, h, w): each image's k-th partner, see ``eyechart.train.deal``

AUGMENTS: Mapping[str, str] = {
    "crop_flip": "eyechart.train.augments.crop_flip:CropFlip",
    "resized_crop": "eyechart.train.augments.resized_crop:ResizedCrop",
    "shift": "eyechart.train.augments.shift:Shift",
    "embed": "eyechart.train.augments.embed:Embed",
    "erasing": "eyechart.train.augments.erasing:Erasing",
    "augmix": "eyechart.train.augments.augmix:AugMix",
    "bass": "eyechart.train.augments.bass:BaSS",
    "band": "eyechart.train.augments.band:Band",
    "apr": "eyechart.train.augments.apr:Recombined",
    "view": "eyechart.train.augments.view:Seen",
    "suppress_cue": "eyechart.train.augments.suppress_cue:SuppressCue",
}
MIXES: Mapping[str, str] = {
    "mixup": "eyechart.train.augments.mixup:Mixup",
    "cutmix": "eyechart.train.augments.cutmix:CutMix",
    "band_mixup": "eyechart.train.augments.band_mixup:BandMixup",
    "apr_pairs": "eyechart.train.augments.apr_pairs:RecombinedPairs",
    "hybrid": "eyechart.train.augments.hybrid:Hybrid",
    "shape_texture": "eyechart.train.augments.shape_texture:ShapeTexture",
}


@dataclass(frozen=True)
class Augment(ABC):
    """A random change of images; a frozen value, its fields are its settings.

    Attributes:
        title: what it does, in a plain sentence.
        numbers: uniform numbers it takes of each image.
    """

    title: ClassVar[str]
    numbers: ClassVar[int]

    @property
    def in_range(self) -> bool:
        """Whether what it gives lies in [0, 1]; if not, it can only be the last step."""
        return True

    @abstractmethod
    def __call__(self, pixels: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        """Change a batch.

        Args:
            pixels: (n, c, h, w) float32 in [0, 1], channels_last; left as it is.
            drawn: (n, numbers) uniform on [0, 1); an image's outcome depends on its own row alone.

        Returns:
            (n, c, h, w) float32 in [0, 1], channels_last.
        """


@dataclass(frozen=True)
class Mix(ABC):
    """A change of images by other images of the batch, and of their labels; a frozen value.

    Attributes:
        title: what it does, in a plain sentence.
        numbers: uniform numbers it takes of each image.
    """

    title: ClassVar[str]
    numbers: ClassVar[int]

    @property
    def mixes_labels(self) -> bool:
        """Whether an image may come to have two labels."""
        return True

    @abstractmethod
    def __call__(
        self, pixels: torch.Tensor, others: torch.Tensor, drawn: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Change a batch.

        Args:
            pixels: (n, c, h, w) float32 in [0, 1], channels_last; left as it is, as are ``others``.
            others: each image's partner, of the same form.
            drawn: (n, numbers) uniform on [0, 1); an outcome depends on the image, its partner and this row alone.

        Returns:
            (n, c, h, w) float32 in [0, 1], channels_last; and (n,) float32, the share of the image's own label. The rest is
            the partner's.
        """


Step = Augment | Mix


@dataclass(frozen=True, eq=False)
class Mixed:
    """Images with two labels.

    Attributes:
        labels: (n,) int64, their own.
        others: (n,) int64, their partners'.
        share: (n,) float32 in [0, 1], of their own; the rest is the partners'.
    """

    labels: torch.Tensor
    others: torch.Tensor
    share: torch.Tensor

    def __getitem__(self, at: torch.Tensor) -> Mixed:
        """Some of the images."""
        return Mixed(self.labels[at], self.others[at], self.share[at])

    @property
    def larger(self) -> torch.Tensor:
        """(n,) the label of larger share."""
        return torch.where(self.share < 0.5, self.others, self.labels)


def augment_table() -> dict[str, str]:
    """All steps by name, those that mix last."""
    return {**AUGMENTS, **MIXES}


def augment_of(settings: Mapping[str, Any]) -> Step:
    """An augmentation from its ``name`` and settings. Raises SettingError, UnknownNameError."""
    found: Step = named(settings, augment_table(), "augment")
    return found


def views_of(views: Sequence[Sequence[Mapping[str, Any]]]) -> tuple[tuple[Step, ...], ...]:
    """Views that an objective shows of the batch, each a list of steps. Raises ValueError where one would mix labels."""
    found = tuple(tuple(augment_of(step) for step in view) for view in views)
    for step in (step for view in found for step in view):
        if isinstance(step, Mix) and step.mixes_labels:
            raise ValueError(f"{step} gives images two labels, which a view of them cannot have; name it under augment")
        if isinstance(step, Augment) and not step.in_range:
            raise ValueError(f"{step} leaves [0, 1]; in a view, have it rescaled or clipped")
    return found


def stream_of(stream: str, k: int, step: Step) -> str:
    """What names the numbers of the k-th step."""
    return f"{stream}/{k}/{type(step).__name__}"


@contextmanager
def blamed(step: Step) -> Iterator[None]:
    """What a step cannot do with these images is told as a matter of its settings. Raises SettingError."""
    try:
        yield
    except ValueError as error:
        way_out = "Change the recipe, or give frames that fit with --preprocess."
        raise SettingError(str(error), setting="augment", value=step, way_out=way_out) from error


def augmented(
    pixels: torch.Tensor, steps: Sequence[Step], draw: Drawn, stream: str, beside: Beside | None = None
) -> torch.Tensor:
    """Steps one after another, each with numbers of its own. Partners are as ``beside`` shows them, before all steps.

    Raises:
        ValueError: a step mixes, and nothing is beside.
    """
    mixes = 0
    for k, step in enumerate(steps):
        drawn = draw(stream_of(stream, k, step), step.numbers)
        if isinstance(step, Augment):
            with blamed(step):
                pixels = step(pixels, drawn)
        elif beside is None:
            raise ValueError(f"{step} mixes images, and there are no others")
        else:
            others = beside(mixes)
            with blamed(step):
                pixels, _ = step(pixels, others, drawn)
            mixes += 1
    return pixels
