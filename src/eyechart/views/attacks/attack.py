"""What all attacks share: whom they spare, what they note, and that they leave the ball of no image."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from eyechart.core.view import Attacked, InputView, Pixels, Shown
from eyechart.errors import SettingError, at_most
from eyechart.models.room import out_of_memory
from eyechart.views.attacks.ball import Norm, norm_of
from eyechart.views.attacks.doubt import doubtful
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.losses import wrong
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

    Images without a label are not valid. What the model gets wrong as it is, is left as it is: no attack is needed (but see
    ``Attacked.spare``).

    Attributes:
        norm: see ``Ball``.
        eps: in units of [0, 1].
        through: defences before the model, which are attacked with it: see ``Victim``. Verdicts in the notes are of both
            together; what is shown is the picture before them.

    Notes: ``right`` (1 where the model is right on the image as it is, in float32), ``broken`` (1 where it is wrong on what is
    shown, in float32; so also where it was wrong before; an answer with a NaN is none), ``nan`` (1 where that answer has one),
    ``linf`` and ``l2`` (size of the change), and, of searches in lower precision, ``again`` (1 where the verdict was too close,
    and the search was done again in float32).
    """

    norm: Norm
    eps: float
    through: tuple[InputView, ...] = field(default=(), kw_only=True)
    name: ClassVar[str]

    def __post_init__(self) -> None:
        if not self.eps >= 0:
            raise SettingError("A change cannot be so small.", setting="eps", value=self.eps, way_out="Give 0 or more.")
        if self.norm == "linf":
            at_most(
                "eps", self.eps, 1.0, "Pixels are in [0, 1], and eps in the same units (8 of 255 levels are 8/255)."
            )

    @property
    def stream(self) -> str:
        """One for all eps."""
        return f"attack/{self.name}/{self.norm}"

    @property
    def ways(self) -> int:
        """How many frames the model is shown of each picture."""
        return max(1, len(self.through))

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
        """Attack what the model gets right; where memory runs out, half of the images at a time."""
        if batch.attacked is None:
            raise ValueError(f"{self} needs a model to attack")
        _refuse_other_ranges(batch.tensor)
        try:
            return self._render(batch, batch.attacked)
        except RuntimeError as error:
            if not out_of_memory(error) or len(batch.ids) == 1:
                raise
        # Outside the handler, so that the failed search's tensors are free by now.
        if batch.tensor.device.type == "cuda":
            torch.cuda.empty_cache()
        half = len(batch.ids) // 2
        return _joined([self.render(_part(batch, batch.attacked, s)) for s in (slice(half), slice(half, None))])

    def _render(self, batch: Pixels, attacked: Attacked) -> Shown:
        victim = Victim(attacked.model, attacked.precision, self.through)
        labels = torch.from_numpy(np.asarray(attacked.labels, np.int64)).to(batch.tensor.device)
        known = labels >= 0
        before = victim.logits(batch.tensor)
        right = known & ~wrong(before, labels) & ~before.isnan().any(1)
        shown, notes = batch.tensor.clone(memory_format=torch.channels_last), {}
        sought = right if attacked.spare else known & ~before.isnan().any(1)
        if sought.any() and self.eps > 0:
            draws = Draws(batch.seed, self.stream, batch.ids, batch.tensor.device).of(sought)
            with torch.inference_mode(False):
                found = self._searched(
                    victim, batch.tensor[sought].clone(), before[sought].clone(), labels[sought].clone(), draws
                )
            shown[sought] = found.pixels
            notes = {name: _spread(column, sought) for name, column in found.notes.items()}
        return Shown(shown, {**notes, **self._outcome(victim, batch.tensor, shown, labels, right)}, known.cpu().numpy())

    def _searched(
        self, victim: Victim, pixels: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor, draws: Draws
    ) -> Found:
        """Search, and search again in float32 where a lower precision leaves doubt; ``logits`` are those of the images."""
        found = self.search(victim, pixels, labels, draws)
        if victim.precision == "float32":
            return found
        again = doubtful(victim, pixels, logits, found.pixels, labels)
        notes = {**found.notes, "again": again.float()}
        if again.any():
            anew = self.search(victim.exact, pixels[again], labels[again], draws.of(again))
            found.pixels[again] = anew.pixels
            for name, column in anew.notes.items():
                notes[name][again] = column.to(notes[name].dtype)
        return Found(found.pixels, notes)

    @staticmethod
    def _outcome(
        victim: Victim, before: torch.Tensor, after: torch.Tensor, labels: torch.Tensor, right: torch.Tensor
    ) -> dict[str, Array]:
        """How it went, reckoned in float32."""
        logits = victim.logits(after)
        return {
            "right": numbers_of(right),
            "broken": numbers_of(wrong(logits, labels)),
            "nan": numbers_of(logits.isnan().any(1)),
            **sizes_of(after - before),
        }


def sizes_of(moved: torch.Tensor) -> dict[str, Array]:
    """Notes on changes (n, c, h, w): their size in each norm, (n,). The sum of many squares is taken in float64."""
    exact = moved if moved.device.type == "mps" else moved.double()
    return {"linf": numbers_of(norm_of(moved, "linf")), "l2": numbers_of(norm_of(exact, "l2"))}


def _refuse_other_ranges(pixels: torch.Tensor) -> None:
    if len(pixels) and not (pixels.amin() >= 0 and pixels.amax() <= 1):
        raise SettingError(
            "Attacks start from pixels in [0, 1].",
            setting="pixels",
            value=f"{float(pixels.amin()):.3g} to {float(pixels.amax()):.3g}",
            way_out="Normalisation belongs into the model's preprocessing; clip what views before the attack show.",
        )


def _part(batch: Pixels, attacked: Attacked, part: slice) -> Pixels:
    """Some images of a batch."""
    handed = replace(attacked, labels=attacked.labels[part])
    return Pixels(batch.tensor[part], batch.ids[part], batch.seed, attacked=handed)


def _joined(shown: list[Shown]) -> Shown:
    """Batches of the same attack as one; what only some of them note is NaN elsewhere."""
    sizes = [len(one.pixels) for one in shown]
    names = dict.fromkeys(name for one in shown for name in one.notes)
    columns = {
        name: np.concatenate([one.notes.get(name, np.full(n, np.nan)) for one, n in zip(shown, sizes, strict=True)])
        for name in names
    }
    valid = np.concatenate(
        [np.ones(n, bool) if one.valid is None else one.valid for one, n in zip(shown, sizes, strict=True)]
    )
    return Shown(torch.cat([one.pixels for one in shown]), columns, valid)


def _spread(column: torch.Tensor, chosen: torch.Tensor) -> Array:
    """(n,) with a column in the places chosen, NaN elsewhere."""
    spread = np.full(len(chosen), np.nan)
    spread[chosen.cpu().numpy()] = numbers_of(column)
    return spread


def numbers_of(column: torch.Tensor) -> Array:
    """(n,) float64, which not every device has."""
    numbers: Array = column.cpu().double().numpy()
    return numbers
