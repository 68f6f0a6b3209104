"""The published distortions and their strengths (Geirhos et al., NeurIPS 2018, arXiv 1808.08750)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from eyechart.core.view import View
from eyechart.views.colours import Greyed
from eyechart.views.gaussian_bands import GaussianHigh, GaussianLow
from eyechart.views.phase_noise import PhaseNoise, PowerEqualised
from eyechart.views.pixel_noise import CONTRAST, SaltAndPepper, UniformNoise
from eyechart.views.tones import Contrast, FalseColour
from eyechart.views.turns import QuarterTurn

Name = Literal[
    "grey",
    "contrast",
    "low_pass",
    "high_pass",
    "phase_noise",
    "power_equalisation",
    "rotation",
    "uniform_noise",
    "false_colour",
    "salt_and_pepper",
]


@dataclass(frozen=True)
class Kind:
    """A distortion.

    Attributes:
        title, unit: for people; ``unit`` is what its levels are.
        levels: as published, the mildest first.
        counted: those that count in means: model-vs-human (arXiv 2106.07411) leaves out controls, and strengths at which its
            observers were right less than 20 % of the time.
    """

    title: str
    unit: str
    levels: tuple[float, ...]
    counted: tuple[float, ...]


KINDS: dict[Name, Kind] = {
    "grey": Kind("no colour", "", (1,), (1,)),
    "contrast": Kind("low contrast", "contrast", (0.5, 0.3, 0.15, 0.1, 0.05, 0.03, 0.01), (0.5, 0.3, 0.15, 0.1, 0.05)),
    "low_pass": Kind("low-pass", "standard deviation in pixels", (1, 3, 5, 7, 10, 15, 40), (1, 3, 5, 7, 10)),
    "high_pass": Kind("high-pass", "standard deviation in pixels", (3, 1.5, 1, 0.7, 0.55, 0.45, 0.4), (3, 1.5, 1, 0.7)),
    "phase_noise": Kind("phase noise", "width in degrees", (30, 60, 90, 120, 150, 180), (30, 60, 90, 120)),
    "power_equalisation": Kind("the power of other images", "", (1,), (1,)),
    "rotation": Kind("rotation", "degrees", (90, 180, 270), (90, 180, 270)),
    "uniform_noise": Kind(
        "uniform noise", "width", (0, 0.03, 0.05, 0.1, 0.2, 0.35, 0.6, 0.9), (0.03, 0.05, 0.1, 0.2, 0.35)
    ),
    "false_colour": Kind("opponent colours", "", (1,), (1,)),
    "salt_and_pepper": Kind("salt and pepper", "share of pixels", (0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.8), ()),
}
# Theirs; salt and pepper stand in their code alone, and eidolons are not here: see ``Distortions``.
PUBLISHED: tuple[Name, ...] = tuple(name for name, kind in KINDS.items() if kind.counted)


@dataclass(frozen=True)
class Condition:
    """A distortion at a level."""

    distortion: Name
    level: float

    @property
    def counted(self) -> bool:
        """Whether it counts in means."""
        return self.level in KINDS[self.distortion].counted

    @property
    def named(self) -> str:
        """For people: ``phase noise 30``, and ``no colour`` where there is one level alone."""
        kind = KINDS[self.distortion]
        return f"{kind.title} {self.level:g}" if kind.unit else kind.title

    def view(self, size: tuple[int, int]) -> View:
        """How it is shown in a frame of ``size``."""
        return _MAKERS[self.distortion](self.level, size)


_MAKERS: dict[Name, Callable[[float, tuple[int, int]], View]] = {
    "grey": lambda level, size: Greyed(),
    "contrast": lambda level, size: Contrast(level),
    "low_pass": lambda level, size: GaussianLow(level),
    "high_pass": lambda level, size: GaussianHigh(level),
    "phase_noise": lambda level, size: PhaseNoise(level),
    "power_equalisation": lambda level, size: PowerEqualised.of_photographs(size),
    "rotation": lambda level, size: Greyed().then(QuarterTurn(round(level / 90))),
    "uniform_noise": lambda level, size: UniformNoise(level) if level else Contrast(CONTRAST),  # asked once
    "false_colour": lambda level, size: FalseColour(),
    "salt_and_pepper": lambda level, size: SaltAndPepper(level),
}


def conditions(names: Sequence[Name]) -> tuple[Condition, ...]:
    """All levels of these distortions."""
    return tuple(Condition(name, level) for name in names for level in KINDS[name].levels)
