"""Which shifts the phase map shows: how far, how finely, and where the net's own sampling period is read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log
from typing import Any, Literal, NamedTuple

import numpy as np

from eyechart.core.exam import Array, Subject
from eyechart.errors import SettingError
from eyechart.models.layers import Layer

STEPS = 8  # a map has about so many steps on an axis
FEWEST_STEPS, MOST_STEPS = 5, 11
Source = Literal["setting", "layers", "size"]


class Period(NamedTuple):
    """Pixels after which sampling is thought to repeat, and who says so."""

    pixels: int
    source: Source


@dataclass(frozen=True)
class Shifts:
    """The grid of shifts on both axes: 0, every, 2 every .. a multiple of the period, one step beyond; the unshifted first.

    Attributes:
        period: pixels after which the map is expected to repeat.
        every: pixels from one shift to the next; where it does not divide the period, the last step is shorter.
        reach: the largest shift, one step beyond a multiple of the period, so that the map shows its return and what follows;
            that multiple itself where the frame ends before.
    """

    period: int
    every: int
    reach: int

    @property
    def steps(self) -> tuple[int, ...]:
        """Shifts on one axis."""
        multiple = self.reach // self.period * self.period
        return tuple(dict.fromkeys((*range(0, multiple, self.every), multiple, self.reach)))

    @property
    def all(self) -> tuple[tuple[int, int], ...]:
        """(down, right) of all shifts, row by row."""
        return tuple((down, right) for down in self.steps for right in self.steps)

    @property
    def array(self) -> Array:
        """(m, 2) of ``all``."""
        return np.array(self.all)

    @property
    def places(self) -> tuple[Mapping[str, Any], ...]:
        """Coordinates of ``all``."""
        return tuple({"down": down, "right": right} for down, right in self.all)

    def below(self, edge: int) -> Array:
        """(m,) bool: shifts of less than ``edge`` pixels on both axes."""
        return np.asarray((self.array < edge).all(1))

    @property
    def edges(self) -> tuple[int, ...]:
        """Sizes of nested squares of shifts, from the unshifted frame alone to a whole period."""
        return tuple(step for step in self.steps if 0 < step <= self.period)


def shifts_of(subject: Subject, period: int | None, every: int | None) -> Shifts:
    """The grid for a model. Raises SettingError where ``every`` does not divide the period, or the period is too long."""
    found = period_of(subject, period)
    if found.pixels > min(subject.size):
        raise SettingError(
            "The period is longer than the model's input.",
            setting="phase_map.period",
            value=found.pixels,
            way_out=f"Give {min(subject.size)} pixels or less.",
        )
    multiple = found.pixels
    while found.pixels <= STEPS // 2 and multiple < STEPS and multiple + found.pixels <= min(subject.size):
        multiple += found.pixels  # short periods are shown more than once
    if every is None:
        every = _thinned(found.pixels)
    elif found.pixels % every:
        raise SettingError(
            f"The period of {found.pixels} pixels is no multiple of it.",
            setting="phase_map.every",
            value=every,
            way_out=f"Give one of {', '.join(map(str, _divisors(found.pixels)))}.",
        )
    beyond = multiple + every
    return Shifts(found.pixels, every, beyond if beyond < min(subject.size) else multiple)


def period_of(subject: Subject, period: int | None) -> Period:
    """As set; else the net's total stride as far as its layers tell; else 8 pixels at 32 and 32 at 224 (n / 4 up to 32)."""
    if period is not None:
        return Period(period, "setting")
    stride = total_stride(subject.layers, subject.size)
    if stride is not None:
        return Period(min(stride, *subject.size), "layers")
    return Period(max(1, min(32, subject.size[0] // 4, subject.size[1] // 4)), "size")


def total_stride(layers: Sequence[Layer], size: tuple[int, int]) -> int | None:
    """The largest product of strides on the way to any map, from the sizes of maps (c, h, w) alone; None without such maps.

    Going from one map to the next, the stride is the ratio of their sizes, rounded (27 to 13 is 2). Maps of one pixel (global
    pools) have no place to sample and do not count.
    """
    strides: dict[str, float] = {}
    heights: dict[str, int] = {}
    met = {size[0]: 1.0}  # strides by the height of maps, for steps whose source is unknown
    for layer in layers:
        if len(layer.shape) != 3 or min(layer.shape[1:]) < 2 or not layer.each:
            continue
        height = layer.shape[1]
        if layer.source in strides:
            stride = strides[layer.source] * _ratio(heights[layer.source], height)
        elif layer.kind == "block" and height not in met:  # many steps at once, rounded at once
            continue
        else:
            stride = met.get(height, _ratio(size[0], height))
        heights[layer.name], strides[layer.name] = height, stride
        met[height] = stride
    return round(max(strides.values())) if strides else None


def _ratio(before: int, after: int) -> float:
    """How many times smaller, a whole number; maps may also grow again."""
    return float(round(before / after)) if before >= after else 1 / round(after / before)


def _thinned(period: int) -> int:
    """The divisor of the period that leaves nearest to STEPS steps; one that is none, where all leave too few or too many."""
    fitting = [d for d in _divisors(period) if FEWEST_STEPS <= period // d <= MOST_STEPS]
    nearest = min(fitting, key=lambda d: abs(log(period / d / STEPS)), default=ceil(period / STEPS))
    return 1 if period <= STEPS else nearest


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]
