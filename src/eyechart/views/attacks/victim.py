"""A model as attacks see it: pixels in [0, 1] in, answers and gradients out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch

from eyechart.core.view import InputView, Pixels, Precision
from eyechart.errors import NoGradientError
from eyechart.models.image_model import ImageModel
from eyechart.models.lowered import Ask, lowered

Loss = Callable[[torch.Tensor], torch.Tensor]  # logits (n, k) -> (n,), to be maximised


class Slope(NamedTuple):
    """One look with gradients.

    Attributes:
        logits: (n, k).
        loss: (n,).
        gradient: (n, c, h, w), of each image's loss with respect to its own pixels; 0 where it is not finite.
        finite: (n,) bool, whether all of it was.
    """

    logits: torch.Tensor
    loss: torch.Tensor
    gradient: torch.Tensor
    finite: torch.Tensor


@dataclass(frozen=True, eq=False)
class Victim:
    """A model under attack, with the defences before it.

    Attributes:
        model: asked as it is; its normalisation is part of it.
        precision: of ``slope`` and ``glimpse``, in which attacks search; ``logits`` is always float32.
        through: how the model is shown each picture: its answer is the mean of its answers to these views. Gradients go through
            the views, never around them. Empty: it is shown the picture itself.
    """

    model: ImageModel
    precision: Precision = "float32"
    through: tuple[InputView, ...] = ()
    _low: Ask | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for view in self.through:
            if view.stream or view.cost or view.besides:
                raise ValueError(f"{view}: only views without chance, partners and attacks can be attacked through")
        low = None if self.precision == "float32" else lowered(self.model.net, self._trial(), self.model.read)
        object.__setattr__(self, "_low", low)

    @property
    def exact(self) -> Victim:
        """The same, searching in float32."""
        return self if self._low is None else replace(self, precision="float32")

    @torch.no_grad()
    def logits(self, pixels: torch.Tensor) -> torch.Tensor:
        """Answers (n, k) in float32, without gradients: what claims are confirmed with."""
        return self._mean([self.model.forward(frames) for frames in self._frames(pixels)])

    @torch.no_grad()
    def glimpse(self, pixels: torch.Tensor) -> torch.Tensor:
        """Answers (n, k) at the precision of the search, without gradients."""
        return self._mean([self._ask(frames) for frames in self._frames(pixels)])

    def slope(self, pixels: torch.Tensor, loss: Loss) -> Slope:
        """Answers, loss and gradient at the precision of the search. Losses are summed: no image shrinks another's gradient.

        Raises:
            NoGradientError: the answers cannot be followed backwards to the pixels.
        """
        with torch.inference_mode(False), torch.enable_grad():
            if self.through:
                leaf = pixels.detach().clone(memory_format=torch.channels_last).requires_grad_()
                logits = self._mean([self._ask(frames) for frames in self._traced(leaf)])
            else:  # the normalised frame is the leaf: one pass over memory there, and one back
                (leaf,) = self._frames(pixels)
                logits = self._ask(leaf.requires_grad_())
            losses = loss(logits)
            gradient = self._followed(losses.sum(), leaf)
            if not self.through:
                gradient = self.model.normaliser.back(gradient)
            finite = gradient.flatten(1).sum(1).isfinite()  # what is not makes the sum so
            if not finite.all():
                gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
        return Slope(logits.detach(), losses.detach(), gradient, finite)

    def _followed(self, total: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor:
        """The gradient of ``total``, or why there is none."""
        reason = "the answer does not depend on them, or leaves autograd's sight"
        if total.requires_grad:
            try:
                (gradient,) = torch.autograd.grad(total, leaf)
                return gradient.float()
            except NotImplementedError as error:
                reason = str(error)
            except RuntimeError as error:
                if not any(word in str(error) for word in ("derivative", "not differentiable", "not have been used")):
                    raise
                reason = str(error)
        raise NoGradientError(
            f"The model cannot be followed backwards to its pixels: {reason[:200]}.",
            setting="model",
            value=self.model.name,
            way_out="Attack it with one that needs no gradients (square), or give a model that autograd can follow.",
        )

    def _ask(self, frames: torch.Tensor) -> torch.Tensor:
        """Answers to normalised frames at the precision of the search."""
        if self._low is None:
            return self.model.forward(frames)
        return self.model.read(self._low(self.model.laid_out(frames)), len(frames))

    @torch.no_grad()
    def _frames(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """What the net is shown of pixels, normalised, channels_last."""
        shown = [_shown(view, pixels) for view in self.through] or [pixels]
        return [self.model.normalise(one, self.model.buffer(len(one))) for one in shown]

    def _traced(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        return [self.model.normaliser.traced(_shown(view, pixels)) for view in self.through]

    def _trial(self) -> torch.Tensor:
        frames = self.model.buffer(2)
        return self.model.normalise(torch.full_like(frames, 0.5), frames)

    @staticmethod
    def _mean(answers: list[torch.Tensor]) -> torch.Tensor:
        return answers[0] if len(answers) == 1 else torch.stack(answers).mean(0)


def _shown(view: InputView, pixels: torch.Tensor) -> torch.Tensor:
    """What a view without chance shows of any pixels."""
    return view.render(Pixels(pixels, ("",) * len(pixels), 0)).pixels
