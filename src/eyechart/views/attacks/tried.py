"""Attacks on models that may have no gradients: what cannot be searched is left as it is, and said so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.errors import NoGradientError
from eyechart.views.attacks.attack import Attack, numbers_of
from eyechart.views.attacks.losses import wrong
from eyechart.views.attacks.victim import Victim


@dataclass(frozen=True)
class Tried(InputView):
    """An attack, or, where the model cannot be followed backwards to its pixels, the image as it is.

    Attributes:
        attack: which.

    Notes: the attack's; without gradients ``right``, ``broken``, ``nan`` (all as the image is) and sizes of 0.
    """

    attack: Attack

    @property
    def stream(self) -> str:
        """The attack's."""
        return self.attack.stream

    @property
    def cost(self) -> int:
        """The attack's."""
        return self.attack.cost

    def render(self, batch: Pixels) -> Shown:
        """Attack, if that is possible."""
        try:
            return self.attack.render(batch)
        except NoGradientError:
            return _untouched(batch)


def _untouched(batch: Pixels) -> Shown:
    if batch.attacked is None:
        raise ValueError("nobody asks a model")
    labels = np.asarray(batch.attacked.labels, np.int64)
    logits = Victim(batch.attacked.model).logits(batch.tensor)
    missed = wrong(logits, torch.from_numpy(labels).to(logits.device))
    odd = logits.isnan().any(1)
    found = {"right": ~missed & ~odd, "broken": missed, "nan": odd}
    none = np.zeros(len(labels))
    notes = {**{name: numbers_of(column) for name, column in found.items()}, "linf": none, "l2": none}
    return Shown(batch.tensor.clone(memory_format=torch.channels_last), notes, labels >= 0)
