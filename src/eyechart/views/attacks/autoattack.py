"""AutoAttack: four attacks in a row, each on what withstood those before (Croce & Hein, ICML 2020, arXiv 2003.01690)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

import torch

from eyechart.views.attacks.apgd import APGD, APGDT
from eyechart.views.attacks.attack import Attack, Found
from eyechart.views.attacks.ball import Norm
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.fab import FABT
from eyechart.views.attacks.losses import margin
from eyechart.views.attacks.square import Square
from eyechart.views.attacks.victim import Victim

Stage = APGD | APGDT | FABT | Square
CLASSES = 10  # that nine targets need
DOUBT = 4.0  # how many times the error of bfloat16 on an image's margins counts as near the boundary


def standard(norm: Norm, eps: float) -> tuple[Stage, ...]:
    """The composition that published robust accuracies are measured with."""
    return APGD(norm, eps), APGDT(norm, eps), FABT(norm, eps, nearest=False), Square(norm, eps)


def rand(norm: Norm, eps: float) -> tuple[Stage, ...]:
    """For models that draw at random: gradients are means over 20 looks."""
    return APGD(norm, eps, forwards=20), APGD(norm, eps, "dlr", forwards=20)


def quick(norm: Norm, eps: float) -> tuple[Stage, ...]:
    """The same four, cut short: a first look, and an upper bound of the robust accuracy like every attack."""
    fab = FABT(norm, eps, targets=3, steps=20, nearest=False)
    return APGD(norm, eps, steps=20), APGDT(norm, eps, targets=3, steps=20), fab, Square(norm, eps, queries=200)


VERSIONS: Mapping[str, Callable[[Norm, float], tuple[Stage, ...]]] = MappingProxyType(
    {"standard": standard, "rand": rand, "quick": quick}
)


@dataclass(frozen=True)
class AutoAttack(Attack):
    """Attacks in a row; an image is broken if one of them breaks it, and the first that does is named.

    Where attacks search in bfloat16, what they claim is confirmed in float32, what is not confirmed goes on to the next, and
    what withstood but came near the boundary (within ``DOUBT`` times the difference between bfloat16 and float32 on the
    image itself) is attacked again in float32.

    Attributes:
        version: ``standard``, ``rand``, ``quick``, or attacks of one's own, with the same norm and eps.

    Notes: ``broken_by`` (number of the attack, from 0; -1 where all failed), ``again`` (1 where it was attacked again in
    float32), and those of the attacks, after the attack's label: ``apgd-ce_zero_gradient``.
    """

    version: str | tuple[Stage, ...] = "standard"
    name: ClassVar[str] = "autoattack"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.version, str) and self.version not in VERSIONS:
            raise ValueError(f"versions are {', '.join(VERSIONS)}, or attacks: {self.version}")
        if not self.stages or any((s.norm, s.eps) != (self.norm, self.eps) for s in self.stages):
            raise ValueError(f"attacks, all with norm {self.norm} and eps {self.eps}: {self.version}")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The attacks, in their order."""
        return VERSIONS[self.version](self.norm, self.eps) if isinstance(self.version, str) else self.version

    @property
    def cost(self) -> int:
        """If nothing breaks before the end."""
        return 2 + sum(stage.cost for stage in self.stages)

    def title(self, classes: int) -> str:
        """What a result may be called, for a model with so many classes: the published name only for exactly that.

        >>> AutoAttack("linf", 8 / 255).title(10), AutoAttack("l2", 0.5, (Square("l2", 0.5, queries=100),)).title(10)
        ('AutoAttack standard', 'AutoAttack-like (square: queries=100)')
        """
        for version in ("standard", "rand"):
            if self.stages == VERSIONS[version](self.norm, self.eps) and (version == "rand" or classes >= CLASSES):
                return f"AutoAttack {version}"
        return f"AutoAttack-like ({', '.join(_described(stage, classes) for stage in self.stages)})"

    def search(self, victim: Victim, pixels: torch.Tensor, labels: torch.Tensor, draws: Draws) -> Found:
        """Each attack on what withstood those before."""
        every = torch.ones(len(pixels), dtype=torch.bool, device=pixels.device)
        shown, broken_by = pixels.clone(memory_format=torch.channels_last), torch.full_like(labels, -1)
        notes: dict[str, torch.Tensor] = {}
        self._in_turn(victim, pixels, labels, draws, every, shown, broken_by, notes)
        again = torch.zeros_like(every)
        if victim.precision != "float32":
            again = (broken_by < 0) & _doubtful(victim, pixels, labels, notes)
            exact = replace(victim, precision="float32")
            self._in_turn(exact, pixels, labels, draws, again, shown, broken_by, notes)
        return Found(shown, {"broken_by": broken_by.double(), "again": again.double(), **notes})

    def _in_turn(
        self,
        victim: Victim,
        pixels: torch.Tensor,
        labels: torch.Tensor,
        draws: Draws,
        chosen: torch.Tensor,
        shown: torch.Tensor,
        broken_by: torch.Tensor,
        notes: dict[str, torch.Tensor],
    ) -> None:
        """All attacks on the images ``chosen`` (n,) bool; fills in ``shown``, ``broken_by`` and ``notes``."""
        for number, stage in enumerate(self.stages):
            left = (chosen & (broken_by < 0)).nonzero().flatten()
            if not len(left):
                return
            own = replace(draws.of(left), stream=stage.stream)  # so that it does what it does alone
            found = stage.search(victim, pixels[left], labels[left], own, room=len(pixels))
            wrong = victim.logits(found.pixels).argmax(1) != labels[left]
            shown[left[wrong]], broken_by[left[wrong]] = found.pixels[wrong], number
            for name, column in found.notes.items():
                noted = notes.setdefault(
                    f"{stage.label}_{name}", torch.full_like(broken_by, torch.nan, dtype=torch.float64)
                )
                noted[left] = column.double()


def _doubtful(
    victim: Victim, pixels: torch.Tensor, labels: torch.Tensor, notes: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """(n,) bool: images on which an attack came nearer the boundary than what bfloat16 errs by on the image itself."""
    error = (margin(victim.glimpse(pixels), labels) - margin(victim.logits(pixels), labels)).abs()
    margins = [column for name, column in notes.items() if name.endswith("_margin")]
    nearest = torch.stack(margins).nan_to_num(nan=-torch.inf).amax(0) if margins else torch.zeros_like(error)
    return nearest > -DOUBT * error


def _described(stage: Stage, classes: int) -> str:
    """An attack and what is not as in the standard version."""
    plain = type(stage)(stage.norm, stage.eps)
    given = {k: getattr(stage, k) for k in vars(plain) if k not in ("nearest", "loss")}
    if isinstance(stage, APGDT | FABT):
        given["targets"] = min(stage.targets, classes - 1)
    other = [f"{k}={v}" for k, v in given.items() if v != getattr(plain, k)]
    return f"{stage.label}: {' '.join(other)}" if other else stage.label
