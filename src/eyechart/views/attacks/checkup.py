"""Asking a model several times before it is attacked: does it answer alike, image by image, with gradients to follow?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.errors import NoGradientError
from eyechart.views.attacks.losses import ce, margin
from eyechart.views.attacks.victim import Victim

LOOKS = 5  # AutoAttack's
DIFFERENTIATING = (torch.autograd.grad, torch.autograd.backward, torch.Tensor.backward)
GREY = 0.5


@dataclass(frozen=True)
class Checkup(InputView):
    """The image as it is, and notes on the model's manners (the checks of AutoAttack, and some more), all in float32.

    Notes:
        looks_differ: 1 where one of five passes over the same batch gives another class.
        look_distance: largest L2 distance of the five answers, each scaled to length 1, from the first.
        company: largest change of an output when other images are in the batch, by the largest output.
        differentiates: 1 where the net asks for derivatives while it answers.
        zero_probability: share of the classes whose probability is so small that a net that ends with a softmax says 0 (other
            nets: 0).
        gradient_ce, gradient_margin: L2 norm of the gradient of cross-entropy and of the margin of the label (without a
            label: of the top class); 0 where there is none to follow, NaN where it is not finite.
        outside: how far the image's values lie outside [0, 1].
    """

    @property
    def cost(self) -> int:
        """Five looks, one in other company, one watched, two gradients."""
        return LOOKS + 2 + 2 * 3

    def render(self, batch: Pixels) -> Shown:
        """Ask."""
        if batch.attacked is None:
            raise ValueError(f"{self} needs a model to ask")
        victim, pixels = Victim(batch.attacked.model), batch.tensor
        answers = [victim.logits(pixels) for _ in range(LOOKS)]
        known = torch.from_numpy(np.asarray(batch.attacked.labels, np.int64)).to(pixels.device)
        labels = torch.where(known >= 0, known, answers[0].argmax(1))
        notes = {
            **_repeated(answers),
            "company": _in_other_company(victim, pixels, answers[0]),
            "differentiates": torch.full((len(pixels),), float(_differentiates(victim, pixels))),
            "gradient_ce": _gradient(victim, pixels, labels, ce),
            "gradient_margin": _gradient(victim, pixels, labels, margin),
            "outside": torch.maximum(-pixels, pixels - 1).flatten(1).amax(1).clamp_min(0),
        }
        ends = batch.attacked.model.outputs == "probabilities"
        silent = (answers[0] <= answers[0].new_tensor(_LOWEST)).double().mean(1) if ends else torch.zeros(len(pixels))
        notes["zero_probability"] = silent
        return Shown(pixels, {name: _column(values) for name, values in notes.items()})


_LOWEST = float(np.log(np.finfo(np.float32).tiny)) + 1e-3  # log p of what is said to be impossible
Array = np.ndarray[Any, Any]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class _Watch(TorchFunctionMode):
    """Notices calls for derivatives; changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = False

    def __torch_function__(self, called: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Let everything pass."""
        self.seen = self.seen or called in DIFFERENTIATING
        return called(*args, **(kwargs or {}))


def _repeated(answers: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Of (n, k) answers to one batch."""
    scaled = [a / a.norm(dim=1, keepdim=True).clamp_min(torch.finfo(a.dtype).tiny) for a in answers]
    differ = torch.stack([a.argmax(1) != answers[0].argmax(1) for a in answers]).any(0)
    distance = torch.stack([(one - scaled[0]).norm(dim=1) for one in scaled]).amax(0)
    return {"looks_differ": differ.double(), "look_distance": distance}


def _in_other_company(victim: Victim, pixels: torch.Tensor, together: torch.Tensor) -> torch.Tensor:
    """(n,) change of answers (n, k) when every image meets half of the others, and as many grey pictures."""
    apart = torch.empty_like(together)
    for first in (0, 1):
        some = pixels[first::2]
        if len(some):
            beside = torch.cat([some, torch.full_like(some, GREY)]).contiguous(memory_format=torch.channels_last)
            apart[first::2] = victim.logits(beside)[: len(some)]
    scale = together.abs().amax(1).clamp_min(torch.finfo(together.dtype).tiny)
    moved: torch.Tensor = (apart - together).abs().amax(1)
    return moved / scale


def _differentiates(victim: Victim, pixels: torch.Tensor) -> bool:
    with _Watch() as watch:
        victim.logits(pixels)
    return bool(watch.seen)


def _gradient(victim: Victim, pixels: torch.Tensor, labels: torch.Tensor, loss: Loss) -> torch.Tensor:
    """(n,) length of the gradient, 0 where the model has none."""
    try:
        slope = victim.slope(pixels, lambda logits: loss(logits, labels.clone()))
    except NoGradientError:
        return torch.zeros(len(pixels))
    return torch.where(slope.finite, slope.gradient.flatten(1).double().norm(dim=1), torch.nan)


def _column(values: torch.Tensor) -> Array:
    return np.asarray(values.double().cpu().numpy())
