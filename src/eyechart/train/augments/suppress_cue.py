"""Training without a cue: shape, texture or colour is taken away as in the exam ``cue_suppression`` (Burgert et al.)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

from torch import Tensor

from eyechart.core.view import View
from eyechart.exams.cue_suppression import CueSuppression
from eyechart.exams.cue_suppression_protocol import CUES, METHODS, Protocol
from eyechart.train.augment import Augment
from eyechart.train.augments.shares import check_share
from eyechart.train.augments.view import seen

Cue = Literal["shape", "texture", "colour"]


@dataclass(frozen=True)
class SuppressCue(Augment):
    """Some images lose one cue, by one of the exam's methods at one of its strengths, all as likely; the label stays.

    Shape: tiles change places or turn; texture: smoothed, with or without contours kept; colour: grey in part or whole, or
    channels in another order. What is learned so is tested by other means than it was trained by: not by that exam alone.

    Attributes:
        cue: what is taken away.
        p: probability (ours).
    """

    title: ClassVar[str] = "Shape, texture or colour is taken away from some images, as in the exam cue_suppression."
    numbers: ClassVar[int] = 4
    cue: Cue = "texture"
    p: float = 0.5

    def __post_init__(self) -> None:
        check_share(p=self.p)

    def __call__(self, pixels: Tensor, drawn: Tensor) -> Tensor:
        """Show the images drawn without it."""
        return seen(pixels, drawn, ways(self.cue, pixels.shape[2], pixels.shape[3]), self.p)


@lru_cache(maxsize=8)
def ways(cue: Cue, height: int, width: int) -> tuple[View, ...]:
    """All views of the exam that take ``cue`` alone away from frames of that size. Raises ValueError where there is none."""
    methods = tuple(method for method in METHODS if CUES[method] == cue)
    exam = CueSuppression(methods=methods, repeats=1)
    fields = {name: getattr(exam, name) for name in type(exam).model_fields if name != "images"}
    found = tuple(condition.views[0] for condition in Protocol(size=(height, width), **fields).conditions)
    if not found:
        raise ValueError(f"nothing takes {cue} away from frames of {height} x {width} pixels")
    return found
