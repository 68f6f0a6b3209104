"""Batches dealt out: what is shown of each image, and beside which other, in whatever parts a batch is taken.

The images of an epoch stand in an order drawn anew each time, so the next image of the batch is a partner drawn at random. It
is found in the whole batch, over all processes: neither they nor smaller parts, where memory is short, change what is mixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from eyechart.train.augment import Augment, Mix, Mixed, Step, blamed, stream_of
from eyechart.train.chance import EpochDraws
from eyechart.train.resident import Resident


@dataclass(frozen=True, eq=False)
class Deal:
    """One batch.

    Attributes:
        batch: (n,) int64, the images of all processes and parts, in the epoch's order.
        data: the images.
        labels: of all of them, as trained on.
        steps: the augmentation.
        draws: what is drawn in this epoch.
    """

    batch: Tensor
    data: Resident
    labels: Tensor
    steps: tuple[Step, ...]
    draws: EpochDraws

    def drawn(self, index: Tensor, stream: str, numbers: int) -> Tensor:
        """(len(index), numbers) uniform on [0, 1), on the device."""
        return self.draws.uniform(stream, numbers, index.to(self.labels.device))

    def shown(self, index: Tensor, until: int | None = None) -> tuple[Tensor, Mixed | None]:
        """Images of the batch after the first ``until`` steps (default: all), and their labels where they have two.

        A partner is shown as it stands before the step, with numbers of its own: as the batch shows it.
        """
        until = len(self.steps) if until is None else until
        if not until:
            return self.data.batch(index)[0], None
        step = self.steps[until - 1]
        drawn = self.drawn(index, stream_of("augment", until - 1, step), step.numbers)
        if isinstance(step, Augment):
            pixels, mixed = self.shown(index, until - 1)
            with blamed(step):
                return step(pixels, drawn), mixed
        before = sum(isinstance(earlier, Mix) for earlier in self.steps[: until - 1])
        partner = self.partner(index, before)
        some, where = torch.unique(torch.cat([index, partner]), return_inverse=True)
        pixels, mixed = self.shown(some, until - 1)
        here, there = where.to(pixels.device).chunk(2)
        with blamed(step):
            pixels, share = step(_rows(pixels, here), _rows(pixels, there), drawn)
        if step.mixes_labels:
            return pixels, Mixed(self._labels(index), self._labels(partner), share)
        return pixels, mixed[here] if mixed is not None else None

    def partner(self, index: Tensor, k: int = 0) -> Tensor:
        """(len(index),) each image's k-th partner: the one k + 1 places further in the batch, after the last the first."""
        ordered, places = self._places
        at = places[torch.searchsorted(ordered, index)]
        return self.batch[(at + k + 1) % len(self.batch)]

    def beside(self, index: Tensor, k: int) -> Tensor:
        """(len(index), c, h, w): k-th partners beyond those of the steps, after all steps."""
        mixes = sum(isinstance(step, Mix) for step in self.steps)
        return self.shown(self.partner(index, mixes + k))[0]

    def besides(self, index: Tensor) -> partial[Tensor]:
        """``beside`` of these images."""
        return partial(self.beside, index)

    def _labels(self, index: Tensor) -> Tensor:
        return self.labels[index.to(self.labels.device)]

    @cached_property
    def _places(self) -> tuple[Tensor, Tensor]:
        ordered, places = self.batch.sort()
        return ordered, places


def _rows(pixels: Tensor, at: Tensor) -> Tensor:
    """Some images, channels_last."""
    return pixels.permute(0, 2, 3, 1)[at].permute(0, 3, 1, 2)


def shuffled(labels: Tensor, seed: int) -> Tensor:
    """The labels dealt out anew: their numbers stay what they are."""
    order = EpochDraws(seed, 0, len(labels)).uniform("shuffled labels", 1, torch.arange(len(labels)))[:, 0].argsort()
    return labels[order.to(labels.device)]
