"""PGD: many small steps up the loss, each brought back into the ball (Madry et al., ICLR 2018, arXiv 1706.06083)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from eyechart.errors import SettingError
from eyechart.views.attacks.attack import Attack, Found
from eyechart.views.attacks.ball import Ball, Norm, Only, Side, by_image, norm_of
from eyechart.views.attacks.climb import Climb, Climbed, Select
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.losses import LossName
from eyechart.views.attacks.victim import Victim


@dataclass(frozen=True)
class PGD(Attack):
    """Steps of one size in the direction of steepest ascent, from a random start.

    Defaults are torchattacks' at eps 8/255: ten steps of 2/255, the last point.

    Attributes:
        steps: how many, each a forward and a backward.
        step: size of each in the norm, in units of [0, 1]; None: 2.5 eps / steps, as in MadryLab's robustness library.
        random_start: from anywhere in the ball (``linf``: uniform; ``l2``: a uniform direction, and a uniform share of eps as
            its length, which is our choice), else from the image itself.
        restarts: from other starts. An image keeps its first success; else its largest loss.
        loss: what is made large.
        select: see ``Climb``. With ``last`` an image may have been wrong on the way and be right in the end.
        active: see ``Climb``; verdicts are the same with and without. Broken images have no further restarts either way.
        band: the change has only frequencies up to ``radius`` (``low``) or only those above (``high``): steps and change are
            filtered by an ideal filter; the change is scaled into the ball, so that it stays in the band, then clipped to
            [0, 1], by which it may leave it (see ``outside``). None: all frequencies.
        radius: of ``band``, in cycles per image.

    Notes: ``zero_gradient`` and ``odd_gradient`` (share of the image's gradients that were 0, or not finite), ``gradients``
    (how many), ``rise`` (of the loss from the first gradient to the latest, in the latest restart) and, with ``band``,
    ``outside`` (share of the change's energy that clipping put outside the band).
    """

    steps: int = 10
    step: float | None = None
    random_start: bool = True
    restarts: int = 1
    loss: LossName = "ce"
    select: Select = "last"
    active: bool = True
    band: Side | None = None
    radius: float | None = None
    name: ClassVar[str] = "pgd"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("steps", "restarts"):
            if getattr(self, name) < 1:
                raise SettingError(
                    "An attack needs at least one.", setting=name, value=getattr(self, name), way_out="Give 1 or more."
                )
        if self.step is not None and not self.step > 0:
            raise SettingError(
                "Steps must lead somewhere.", setting="step", value=self.step, way_out="Give more than 0."
            )
        if (self.band is None) != (self.radius is None):
            raise SettingError(
                "A band is a side and a radius.",
                setting="radius",
                value=self.radius,
                way_out="Give band (low or high) and radius (cycles per image), or neither.",
            )

    @property
    def cost(self) -> int:
        """A gradient a step; a look before, one after, and one a restart that needs a verdict."""
        looks = 2 + (self.restarts if self.select == "best" or self.restarts > 1 else 0)
        return (3 * self.steps * self.restarts + looks) * self.ways

    @property
    def only(self) -> Only | None:
        """The frequencies of the change."""
        return None if self.band is None or self.radius is None else Only(self.band, self.radius)

    def search(self, victim: Victim, pixels: torch.Tensor, labels: torch.Tensor, draws: Draws) -> Found:
        """All restarts, each of the images that are still right."""
        ball = Ball(self.norm, self.eps, self.only)
        step = 2.5 * self.eps / self.steps if self.step is None else self.step
        climb = Climb(self.steps, self.loss, self.select, self.active)
        kept = Climbed.at(pixels)
        left = torch.arange(len(pixels), device=pixels.device)
        for restart in range(self.restarts):
            around, mine = pixels[left], draws.of(left)
            start = ball.project(around + moved(self.norm, self.eps, mine, restart, around), around)
            start = start if self.random_start else around
            now = climb.run(victim, around, labels[left], ball, start, step)
            if self.restarts > 1 and self.select == "last":
                now.judged(victim, labels[left], self.loss)
            kept.keep(left, now)
            left = left[~now.broken]
            if not len(left) or not self.random_start:  # the same again
                break
        notes = kept.notes()
        if ball.only is not None:
            notes["outside"] = _outside(kept.points - pixels, ball.only)
        return Found(kept.points, notes)


def moved(norm: Norm, eps: float | torch.Tensor, draws: Draws, number: int, like: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w): random changes within eps, each image's own; ``number`` of the restart."""
    shape = tuple(like.shape[1:])
    each = by_image(eps, like)
    if norm == "linf":
        return each * draws.uniform(f"start/{number}", shape).contiguous(memory_format=torch.channels_last)
    ways = draws.normal(f"start/{number}", shape).contiguous(memory_format=torch.channels_last)
    share = draws.drawn(f"length/{number}", lambda rng: rng.random((1, 1, 1), dtype="float32"))
    return each * share * ways / norm_of(ways, "l2").view(-1, 1, 1, 1)


def _outside(change: torch.Tensor, only: Only) -> torch.Tensor:
    """(n,) share of the energy of changes that is not in the band; 0 where nothing changed."""
    whole = change.square().sum((1, 2, 3))
    return (change - only(change)).square().sum((1, 2, 3)) / whole.clamp_min(torch.finfo(whole.dtype).tiny)
