"""Views that exams show, shown in training: a cue taken away, a corruption, noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from eyechart.core.view import Pixels, View, split_stages
from eyechart.train.augment import Augment
from eyechart.train.augments.shares import check_share, names_of
from eyechart.train.named import named

VIEWS: Mapping[str, str] = {
    "patch_shuffle": "eyechart.views.patches:PatchShuffle",
    "patch_rotation": "eyechart.views.patches:PatchRotation",
    "bilateral": "eyechart.views.bilateral:Bilateral",
    "gaussian_blur": "eyechart.views.blurs:GaussianBlur",
    "grey": "eyechart.views.colours:Greyed",
    "channel_shuffle": "eyechart.views.colours:ChannelShuffle",
    "phase_scramble": "eyechart.views.scrambles:PhaseScramble",
    "whitened": "eyechart.views.scrambles:Whitened",
    "phase_noise": "eyechart.views.phase_noise:PhaseNoise",
    "uniform_noise": "eyechart.views.pixel_noise:UniformNoise",
    "salt_and_pepper": "eyechart.views.pixel_noise:SaltAndPepper",
    "contrast": "eyechart.views.tones:Contrast",
    "corrupted": "eyechart.views.corruptions.corrupted:Corrupted",
    "jpeg": "eyechart.views.jpeg:SavedAsJpeg",
    "quarter_turn": "eyechart.views.turns:QuarterTurn",
}


@dataclass(frozen=True)
class Seen(Augment):
    """Some images are shown as one of several views shows them, drawn for each; values are cut to [0, 1].

    What a view draws at random follows from the image's own numbers, anew every epoch. An image that a view cannot show stays
    as it is.

    Attributes:
        views: each a ``name`` (see docs/augmentation.md) with that view's settings.
        p: probability; ours, to show as many originals as changed images.
    """

    title: ClassVar[str] = (
        "Some images are shown as one of the exams' views shows them: shuffled tiles, grey, a corruption ..."
    )
    numbers: ClassVar[int] = 4
    views: tuple[dict[str, Any], ...] = ({"name": "grey"},)
    p: float = 0.5

    def __post_init__(self) -> None:
        check_share(p=self.p)
        if not self.views:
            raise ValueError("name one view or more")
        self.choices  # noqa: B018  # misspelt names are found at once

    @cached_property
    def choices(self) -> tuple[View, ...]:
        """The views, ready to use."""
        return tuple(named(view, VIEWS, "view") for view in self.views)

    def __call__(self, pixels: Tensor, drawn: Tensor) -> Tensor:
        """Images with the same view are shown together."""
        return seen(pixels, drawn, self.choices, self.p)


def seen(pixels: Tensor, drawn: Tensor, choices: Sequence[View], p: float) -> Tensor:
    """Each image, with probability ``p``, as one of ``choices`` shows it.

    Args:
        pixels: (n, c, h, w) in [0, 1].
        drawn: (n, 4) uniform: whether, which, and two that name the image's generator.
        choices: views without a model, a partner or the original.
        p: probability.
    """
    which = torch.where(drawn[:, 0] < p, (drawn[:, 1] * len(choices)).long(), -1).cpu()
    names = names_of(drawn[:, 2:])
    shown = pixels.clone(memory_format=torch.channels_last)
    for k in sorted(set(which.tolist())):
        if k < 0:
            continue
        mine = (which == k).nonzero().flatten()
        at = mine.to(pixels.device)
        shown[at] = _rendered(choices[k], shown[at], tuple(names[i] for i in mine.tolist()))
    return shown


def _rendered(view: View, pixels: Tensor, names: tuple[str, ...]) -> Tensor:
    """What a view, or one after another, makes of images; those it cannot show stay."""
    found, fine = pixels, torch.ones(len(pixels), dtype=torch.bool, device=pixels.device)
    for step in split_stages(view)[1]:
        result = step.render(Pixels(found, names, 0))
        found = result.pixels
        if result.valid is not None:
            fine &= torch.from_numpy(result.valid).to(fine.device)
    return torch.where(fine.view(-1, 1, 1, 1), found, pixels).clamp(0, 1)
