"""Which attacks the adversarial exam runs, at which sizes, and under which columns they are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod, sqrt
from typing import Literal

import numpy as np

from eyechart.core.query import CLEAN, Query
from eyechart.core.view import InputView, Precision
from eyechart.views.attacks.apgd import APGD, APGDT
from eyechart.views.attacks.attack import Attack
from eyechart.views.attacks.autoattack import AutoAttack
from eyechart.views.attacks.ball import Norm
from eyechart.views.attacks.checkup import Checkup
from eyechart.views.attacks.fgsm import FGSM
from eyechart.views.attacks.minimal import MinimalNorm
from eyechart.views.attacks.noise import RandomChange
from eyechart.views.attacks.pgd import PGD
from eyechart.views.attacks.square import Square
from eyechart.views.attacks.transfer import Surrogate, Transferred
from eyechart.views.attacks.tried import Tried
from eyechart.views.bands import Band, Side
from eyechart.views.perturbations import OnlyBand

Name = Literal["fgsm", "pgd", "short", "square", "standard", "minimal", "bands"]
NAMES: tuple[Name, ...] = ("fgsm", "pgd", "short", "square", "minimal", "bands")
STEPS: Mapping[Norm, tuple[float, ...]] = {  # of [0, 1]; l2 at 32 x 32 pixels
    "linf": (1 / 255, 2 / 255, 4 / 255, 8 / 255),
    "l2": (1 / 8, 1 / 4, 1 / 2, 1.0),
}
REFERENCE_SIDE = 32
DIRECT_STEPS = 10
SHORT_STEPS, SHORT_TARGETS = 20, 3
MINIMAL_STEPS, BISECTIONS, FARTHEST = 10, 4, 4  # steps a ball, halvings, and how many times the largest size at most
FINEST, PLACES = 32, 41  # of the curve: down to a share of the smallest size
SIDES: tuple[Side, ...] = ("low", "high")
HUGE = 0.5  # of [0, 1] for every value: any picture becomes any other, but for black and white
SHARES_BEYOND = (0.25, 0.5, 0.75, 1.0)  # of n/2
EACH = ("noise", "fgsm", "pgd", "short", "direct", "transfer")  # run at every size; the others at one
CHECKUP = Query(Checkup())
PIXELS = Query(reading="pixels")
DIGITS = 6
LEVELS = 255


def size_of(text: object) -> object:
    """``8/255`` as a number; what is no fraction is left to be checked.

    >>> size_of("1/4"), size_of("0.5/255"), size_of("0.5"), size_of("x")
    (0.25, 0.00196078431372549, 0.5, 'x')
    """
    if not isinstance(text, str):
        return text
    try:
        over, _, under = text.partition("/")
        return float(Fraction(over.strip()) / Fraction(under.strip() or 1))
    except (ValueError, ZeroDivisionError):
        return text


def sizes_for(norm: Norm, size: tuple[int, int]) -> tuple[float, ...]:
    """The sizes asked for by default: under l2 a value changes as much on average, whatever the frame."""
    scale = 1.0 if norm == "linf" else sqrt(prod(size)) / REFERENCE_SIDE
    return tuple(scale * eps for eps in STEPS[norm])


def told(eps: float, norm: Norm) -> str:
    """A size as people write it.

    >>> told(0.0313725, "linf"), told(0.5, "l2")
    ('8/255', '0.5')
    """
    return f"{eps * LEVELS:.3g}/{LEVELS}" if norm == "linf" else f"{eps:.3g}"


@dataclass(frozen=True)
class Trial:
    """One attack of one size.

    Attributes:
        attack: name of its column and coordinate.
        eps: of its ball.
        view: the attack.
    """

    attack: str
    eps: float
    view: InputView

    @property
    def query(self) -> Query:
        """The answer to what it ends with, from a pass of its own."""
        return Query(self.view)


@dataclass(frozen=True)
class Layout:
    """The attacks that the exam's settings name, on frames of one size.

    Attributes:
        size: (height, width) of the frame.
        channels: of the frame.
        classes: number of the model's outputs.
        norm, attacks, steps, queries, radius, surrogate: settings of the exam.
        precision: in which attacks search.
        sizes: eps, ascending, and ``at``, the one of them that checks are about.
    """

    size: tuple[int, int]
    channels: int
    classes: int
    norm: Norm
    attacks: tuple[Name, ...]
    sizes: tuple[float, ...]
    at: float
    steps: int
    queries: int
    radius: float
    surrogate: Surrogate | None = None
    precision: Precision = "float32"

    @property
    def dissected(self) -> str:
        """The column whose changes are taken apart; empty where they are not.

        Steps from the image itself, to the end: a random start would add its own even spectrum.
        """
        return "direct" if "bands" in self.attacks else ""

    @property
    def columns(self) -> Mapping[str, tuple[Trial, ...]]:
        """Trials by attack, in the order of their sizes: the controls, what is asked for, and what checks need."""
        found = {"noise": self._each(lambda eps: RandomChange(self.norm, eps))}
        if self.surrogate is not None:  # first: where it does not fit, that is told at once
            found = {"transfer": self._transferred(self.surrogate), **found}
        if "fgsm" in self.attacks:
            found["fgsm"] = self._each(lambda eps: FGSM(self.norm, eps))
        if "pgd" in self.attacks:
            found["pgd"] = self._each(self._pgd)
            found["margin"] = self._once(self.at, PGD(self.norm, self.at, self.steps, loss="margin", select="best"))
            found["huge"] = self._once(
                self.huge, PGD(self.norm, self.huge, self.steps, random_start=False, select="best")
            )
        if "short" in self.attacks:
            found["short"] = self._each(self._short)
        if "square" in self.attacks:
            found["square"] = self._once(self.at, Square(self.norm, self.at, self.queries))
        if "standard" in self.attacks:
            found[self.full] = self._once(self.at, AutoAttack(self.norm, self.at))
        if "bands" in self.attacks:
            found["direct"] = self._each(self._direct)
            for side in SIDES:
                found[side] = self._once(self.at, replace(self._direct(self.at), band=side, radius=self.radius))
        return found

    @property
    def full(self) -> str:
        """What AutoAttack at full length may be called: its standard has nine targets, and searches in float32."""
        published = AutoAttack(self.norm, self.at).title(self.classes) == "AutoAttack standard"
        return "standard" if published and self.precision == "float32" else "full"

    @property
    def smallest(self) -> Tried | None:
        """The search for the smallest change, up to four times the largest size."""
        if "minimal" not in self.attacks:
            return None
        grid = tuple(eps for eps in self.sizes if eps < self.farthest)
        return Tried(MinimalNorm(self.norm, self.farthest, grid=grid, steps=MINIMAL_STEPS, bisections=BISECTIONS))

    @property
    def farthest(self) -> float:
        """How far it searches; no value changes by more than 1."""
        most = FARTHEST * self.sizes[-1]
        return min(most, 1.0) if self.norm == "linf" else most

    @property
    def places(self) -> list[float]:
        """Sizes at which the curve of smallest changes is told, evenly spaced by ratio."""
        return [float(place) for place in np.geomspace(self.sizes[0] / FINEST, self.farthest, PLACES)]

    @property
    def huge(self) -> float:
        """A size at which every picture can become every other, but for black and white."""
        return HUGE if self.norm == "linf" else HUGE * sqrt(self.channels * prod(self.size))

    def _transferred(self, surrogate: Surrogate) -> tuple[Trial, ...]:
        attacks = [PGD(self.norm, eps, self.steps) for eps in self.sizes]
        return tuple(Trial("transfer", one.eps, Transferred(one, surrogate)) for one in attacks)

    def _pgd(self, eps: float) -> PGD:
        return PGD(self.norm, eps, self.steps, select="best")

    def _short(self, eps: float) -> AutoAttack:
        stages = (
            APGD(self.norm, eps, steps=SHORT_STEPS),
            APGDT(self.norm, eps, targets=SHORT_TARGETS, steps=SHORT_STEPS),
        )
        return AutoAttack(self.norm, eps, stages)

    def _direct(self, eps: float) -> PGD:
        return PGD(self.norm, eps, DIRECT_STEPS, random_start=False)

    @staticmethod
    def _once(eps: float, attack: Attack) -> tuple[Trial, ...]:
        return (Trial(attack.name, eps, Tried(attack)),)

    def trials(self) -> Iterator[Trial]:
        """All of them."""
        for trials in self.columns.values():
            yield from trials

    def parts(self, trial: Trial) -> Mapping[str, Query]:
        """What is asked about the change that an attack made: its two bands alone, and the whole picture low-passed."""
        alone: dict[str, Query] = {side: Query(trial.view.then(OnlyBand(side, self.radius))) for side in SIDES}
        return {**alone, "filtered": Query(trial.view.then(self.filter))}

    @property
    def filter(self) -> Band:
        """The low-pass that might undo a fine change."""
        return Band("low", self.radius)

    @property
    def through(self) -> Query | None:
        """The low-passed picture, after an attack on low-pass and model as one."""
        if not self.dissected:
            return None
        attack = PGD(self.norm, self.at, self.steps, select="best", through=(self.filter,))
        return Query(Tried(attack).then(self.filter))

    def asked(self) -> tuple[Query, ...]:
        """The image's own, then attack by attack: what goes on from one search stands together, so that it is made once."""
        found = [CLEAN, CHECKUP, PIXELS, Query(self.filter)]
        apart = self.columns.get(self.dissected, ())
        for trial in self.trials():
            found.append(trial.query)
            if trial in apart:
                found += [Query(trial.view, "pixels"), *self.parts(trial).values()]
        if self.through is not None:
            found.append(self.through)
        if self.smallest is not None:
            found.append(Query(self.smallest))
        return tuple(dict.fromkeys(found))

    @property
    def by_size(self) -> tuple[str, ...]:
        """Attacks with a column for each size."""
        return tuple(name for name, trials in self.columns.items() if len(trials) == len(self.sizes) and name in EACH)

    @property
    def radii_beyond(self) -> tuple[float, ...]:
        """Quarter, half, three quarters and all of n/2, in cycles per image."""
        return tuple(share * max(self.size) / 2 for share in SHARES_BEYOND)

    def radius_at(self, radius: float) -> dict[str, float]:
        """Coordinates of a radius."""
        return {"radius": radius, "radius_nyquist": radius / (max(self.size) / 2)}

    def told(self, eps: float) -> float:
        """A size as a coordinate."""
        return float(f"{eps:.{DIGITS}g}")

    def _each(self, attack: Callable[[float], Attack]) -> tuple[Trial, ...]:
        views = [attack(eps) for eps in self.sizes]
        return tuple(Trial(view.name, eps, Tried(view)) for view, eps in zip(views, self.sizes, strict=True))
