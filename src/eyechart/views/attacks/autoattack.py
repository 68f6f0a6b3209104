"""AutoAttack: four attacks in a row, each on what withstood those before (Croce & Hein, ICML 2020, arXiv 2003.01690)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

import torch

from eyechart.errors import NoGradientError, SettingError, UnknownNameError
from eyechart.views.attacks.apgd import APGD, APGDT
from eyechart.views.attacks.attack import Attack, Found
from eyechart.views.attacks.ball import Norm
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.fab import FABT
from eyechart.views.attacks.losses import margin, wrong
from eyechart.views.attacks.square import Square
from eyechart.views.attacks.victim import Victim

Stage = APGD | APGDT | FABT | Square
CLASSES = 10  # that nine targets need


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
    what withstood all but came too near is attacked again in float32 (see ``doubtful``). Images that withstand end where an
    attack came nearest.

    Attributes:
        version: ``standard``, ``rand``, ``quick``, or attacks of one's own, with the same norm and eps.

    Notes: ``broken_by`` (number of the attack, from 0; -1 where all failed), ``margin`` (of what is shown: the largest other
    logit less the label's), and those of the attacks that were needed, after their label: ``apgd-ce_zero_gradient``.
    """

    version: str | tuple[Stage, ...] = "standard"
    name: ClassVar[str] = "autoattack"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.version, str) and self.version not in VERSIONS:
            raise UnknownNameError.of(self.version, VERSIONS, setting="version")
        if not self.stages or any((s.norm, s.eps) != (self.norm, self.eps) for s in self.stages):
            raise SettingError(
                "Attacks in a row share one ball.",
                setting="version",
                value=self.version,
                way_out=f"Give at least one attack, all with norm {self.norm} and eps {self.eps}.",
            )

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The attacks, in their order."""
        return VERSIONS[self.version](self.norm, self.eps) if isinstance(self.version, str) else self.version

    @property
    def cost(self) -> int:
        """If nothing breaks before the end."""
        return 2 + sum(stage.cost for stage in self.stages) * self.ways

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
        shown = pixels.clone(memory_format=torch.channels_last)
        broken_by, nearest = torch.full_like(labels, -1), torch.full_like(pixels[:, 0, 0, 0], -torch.inf)
        notes: dict[str, torch.Tensor] = {}
        for number, stage in enumerate(self.stages):
            left = (broken_by < 0).nonzero().flatten()
            if not len(left):
                break
            own = replace(draws.of(left), stream=stage.stream)  # so that it does what it does alone
            try:
                found = stage.search(victim, pixels[left], labels[left], own, room=len(pixels))
            except NoGradientError:
                if number == len(self.stages) - 1:
                    raise
                continue  # a later attack may follow none
            logits = victim.logits(found.pixels)
            margins, missed = margin(logits, labels[left]), wrong(logits, labels[left])
            nearer = missed | (margins > nearest[left])
            shown[left[nearer]], nearest[left[nearer]] = found.pixels[nearer], margins[nearer]
            broken_by[left[missed]] = number
            for name, column in found.notes.items():
                unasked = torch.full_like(nearest, torch.nan)
                notes.setdefault(f"{stage.label}_{name}", unasked)[left] = column.to(unasked.dtype)
        return Found(shown, {"broken_by": broken_by.double(), "margin": nearest, **notes})


def _described(stage: Stage, classes: int) -> str:
    """An attack and what is not as in the standard version."""
    plain = type(stage)(stage.norm, stage.eps)
    given = {k: getattr(stage, k) for k in vars(plain) if k not in ("nearest", "loss")}
    if isinstance(stage, APGDT | FABT):
        given["targets"] = min(stage.targets, classes - 1)
    other = [f"{k}={v}" for k, v in given.items() if v != getattr(plain, k)]
    return f"{stage.label}: {' '.join(other)}" if other else stage.label
