"""Which views take which cue away, and at which strengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import Literal, get_args

from eyechart.core.view import InputView, View
from eyechart.errors import SettingError
from eyechart.views.bilateral import Bilateral
from eyechart.views.blurs import GaussianBlur
from eyechart.views.colours import ChannelShuffle, Greyed
from eyechart.views.patches import PatchRotation, PatchShuffle
from eyechart.views.scrambles import PhaseScramble, Whitened

Method = Literal[
    "patch_shuffle",
    "patch_rotation",
    "bilateral",
    "gaussian",
    "grey",
    "channel_shuffle",
    "shuffle_grey",
    "bilateral_shuffle",
    "bilateral_grey",
    "phase_scramble",
    "whitening",
]
METHODS: tuple[Method, ...] = get_args(Method)
PUBLISHED: tuple[Method, ...] = METHODS[:9]
CUES: Mapping[Method, str] = {
    "patch_shuffle": "shape",
    "patch_rotation": "shape",
    "bilateral": "texture",
    "gaussian": "texture",
    "grey": "colour",
    "channel_shuffle": "colour",
    "shuffle_grey": "shape and colour",
    "bilateral_shuffle": "texture and shape",
    "bilateral_grey": "texture and colour",
    "phase_scramble": "phase",
    "whitening": "amplitude",
}
AXES = ("shape", "texture", "colour")
RANDOM = ("patch_shuffle", "patch_rotation", "channel_shuffle", "shuffle_grey", "bilateral_shuffle", "phase_scramble")
FINEST = 16  # tiles along a side

Steps = tuple[InputView, ...]


@dataclass(frozen=True)
class Condition:
    """One method at one strength; a view for each repeat."""

    method: Method
    strength: float
    views: tuple[View, ...]


@dataclass(frozen=True)
class Protocol:
    """The settings of the exam for a frame of ``size`` (height, width)."""

    size: tuple[int, int]
    methods: tuple[Method, ...]
    grids: tuple[int, ...] | None
    smoothings: tuple[tuple[int, float], ...]
    sigma_space: float
    blurs: tuple[tuple[int, float], ...]
    greys: tuple[float, ...]
    widths: tuple[float, ...]
    whitenings: tuple[float, ...]
    repeats: int

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """All of them, method by method, weak before strong. Raises SettingError where a grid does not fit the frame."""
        return tuple(
            Condition(
                method, strength, tuple(_chained(self._steps(method, strength, k)) for k in self._numbers(method))
            )
            for method in self.methods
            for strength in self._strengths(method)
        )

    def of(self, method: Method) -> list[Condition]:
        """Those of one method."""
        return [condition for condition in self.conditions if condition.method == method]

    def _numbers(self, method: Method) -> range:
        return range(self.repeats if method in RANDOM else 1)

    def _strengths(self, method: Method) -> Sequence[float]:
        if method == "patch_rotation":
            return self._tilings if self.size[0] == self.size[1] or self.grids else ()
        if "shuffle" in method and method != "channel_shuffle":
            return self._tilings if method != "bilateral_shuffle" or self._fitting else ()
        if method in ("bilateral", "bilateral_grey"):
            return [diameter for diameter, _ in self._fitting]
        if method == "gaussian":
            return [kernel for kernel, _ in self.blurs if kernel // 2 < min(self.size)]
        others = {"grey": self.greys, "phase_scramble": self.widths, "whitening": self.whitenings}
        return others.get(method, (1,))

    @cached_property
    def _tilings(self) -> tuple[int, ...]:
        """Numbers of tiles along a side: as set, or all that divide the frame."""
        height, width = self.size
        if self.grids is None:
            return tuple(g for g in range(2, FINEST + 1) if gcd(height, width) % g == 0)
        for grid in self.grids:
            turned = "patch_rotation" in self.methods and height != width
            if height % grid or width % grid or turned:
                raise SettingError(
                    f"{grid} x {grid} {'square ' if turned else ''}tiles do not fill a frame of {height} x {width} pixels.",
                    setting="cue_suppression.grids",
                    value=list(self.grids),
                    way_out="Leave patch_rotation out of cue_suppression.methods."
                    if turned
                    else "Give numbers that divide both sides, or leave the setting out.",
                )
        return self.grids

    @cached_property
    def _fitting(self) -> list[tuple[int, float]]:
        """Bilateral smoothings whose reach lies within the frame."""
        return [(d, sigma) for d, sigma in self.smoothings if d // 2 < min(self.size)]

    def _steps(self, method: Method, strength: float, number: int) -> Steps:
        """What is done to the frame, one after the other."""
        if method == "patch_rotation":
            return (PatchRotation(int(strength), number),)
        if method in ("patch_shuffle", "shuffle_grey", "bilateral_shuffle"):
            shuffle = PatchShuffle(int(strength), number)
            before = (self._smoothing(self.beside(int(strength))),) if method == "bilateral_shuffle" else ()
            return (*before, shuffle, *((Greyed(),) if method == "shuffle_grey" else ()))
        if method in ("bilateral", "bilateral_grey"):
            return (self._smoothing(int(strength)), *((Greyed(),) if method == "bilateral_grey" else ()))
        if method == "gaussian":
            return (GaussianBlur(int(strength), dict(self.blurs)[int(strength)]),)
        if method == "phase_scramble":
            return (PhaseScramble(strength, number),)
        simple = {"grey": Greyed(strength), "channel_shuffle": ChannelShuffle(number), "whitening": Whitened(strength)}
        return (simple[method],)

    def beside(self, grid: int) -> int:
        """The diameter that goes with a grid in ``bilateral_shuffle``: from the weakest to the strongest of both."""
        place, last = self._tilings.index(grid), len(self._tilings) - 1
        return self._fitting[round(place / last * (len(self._fitting) - 1)) if last else -1][0]

    def _smoothing(self, diameter: int) -> InputView:
        return Bilateral(diameter, dict(self.smoothings)[diameter], self.sigma_space)


def in_turn(conditions: Sequence[Condition]) -> Iterator[View]:
    """All views, those with one first step one after another, so that it is made once."""
    views = [view for condition in conditions for view in condition.views]
    groups: dict[View, list[View]] = {}
    for view in views:
        groups.setdefault(getattr(view, "steps", (view,))[0], []).append(view)
    for group in groups.values():
        yield from group


def _chained(steps: Steps) -> View:
    view: View = steps[0]
    for step in steps[1:]:
        view = view.then(step)
    return view
