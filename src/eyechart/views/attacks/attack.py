"""What all attacks share: whom they spare, what they note, and that they leave the ball of no image."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.views.attacks.ball import Norm, norm_of
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.victim import Victim

Array = np.ndarray[Any, Any]


class Found(NamedTuple):
    """What a search ends with.

    Attributes:
        pixels: (n, c, h, w) float32.
        notes: name -> (n,) tensor, by-products.
    """

    pixels: torch.Tensor
    notes: dict[str, torch.Tensor]


@dataclass(frozen=True)
class Attack(InputView):
    """A search, within ``eps`` of each image, for a picture that the model gets wrong.

    Images without a label are not valid. What the model gets wrong as it is, is left as it is: no attack is needed.

    Attributes:
        norm: see ``Ball``.
        eps: in units of [0, 1].

    Notes: ``right`` (1 where the model is right on the image as it is, in float32), ``broken`` (1 where it is wrong on what is
    shown, in float32; so also where it was wrong before), ``linf`` and ``l2`` (size of the change).
    """

    norm: Norm
    eps: float
    name: ClassVar[str]

    def __post_init__(self) -> None:
        if not self.eps >= 0:
            raise ValueError(f"eps is 0 or more: {self.eps}")

    @property
    def stream(self) -> str:
        """One for all eps."""
        return f"attack/{self.name}/{self.norm}"

    @abstractmethod
    def search(self, victim: Victim, pixels: torch.Tensor, labels: torch.Tensor, draws: Draws) -> Found:
        """Search around images (n, c, h, w) that the model gets right.

        Args:
            victim: the model.
            pixels: float32 in [0, 1].
            labels: (n,) int64, none of them -1.
            draws: the images' random numbers.
        """

    def render(self, batch: Pixels) -> Shown:
        """Attack what the model gets right."""
        if batch.attacked is None:
            raise ValueError(f"{self} needs a model to attack")
        victim = Victim(batch.attacked.model, batch.attacked.precision)
        labels = torch.from_numpy(np.asarray(batch.attacked.labels, np.int64)).to(batch.tensor.device)
        known = labels >= 0
        right = known & (victim.logits(batch.tensor).argmax(1) == labels)
        shown, notes = batch.tensor.clone(memory_format=torch.channels_last), {}
        if right.any() and self.eps > 0:
            draws = Draws(batch.seed, self.stream, batch.ids, batch.tensor.device).of(right)
            with torch.inference_mode(False):
                found = self.search(victim, batch.tensor[right].clone(), labels[right].clone(), draws)
            shown[right] = found.pixels
            notes = {name: _spread(column, right) for name, column in found.notes.items()}
        return Shown(shown, {**notes, **self._outcome(victim, batch.tensor, shown, labels, right)}, known.cpu().numpy())

    @staticmethod
    def _outcome(
        victim: Victim, before: torch.Tensor, after: torch.Tensor, labels: torch.Tensor, right: torch.Tensor
    ) -> dict[str, Array]:
        """How it went, reckoned in float32."""
        moved = after - before
        wrong = victim.logits(after).argmax(1) != labels
        return {
            "right": right.double().cpu().numpy(),
            "broken": wrong.double().cpu().numpy(),
            "linf": norm_of(moved, "linf").double().cpu().numpy(),
            "l2": norm_of(moved, "l2").double().cpu().numpy(),
        }


def _spread(column: torch.Tensor, chosen: torch.Tensor) -> Array:
    """(n,) with a column in the places chosen, NaN elsewhere."""
    spread = np.full(len(chosen), np.nan)
    spread[chosen.cpu().numpy()] = column.double().cpu().numpy()
    return spread
