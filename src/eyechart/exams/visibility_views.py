"""Views named by short texts, such as ``low:12``: which ones the visibility exam knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, isfinite
from typing import Any, NamedTuple

from eyechart.core.view import View
from eyechart.errors import SettingError
from eyechart.spectrum.grid import Units
from eyechart.views.bands import Band, BandPass, Grey
from eyechart.views.waves import Wave, default_norm

RADII, AT_SIZE = (4.0, 8.0, 12.0, 16.0), 32  # as in the exam bands
WAYS = "write low:R, high:R, pass:A-B, wave:FY,FX or wave:FY,FX@NORM, with R as a number or a share of n/2 such as 75%"


class Frame(NamedTuple):
    """What a text's numbers refer to: the frame's (height, width) in pixels, and how radii are counted in it."""

    size: tuple[int, int]
    units: Units = "index"

    def radius(self, text: str) -> float:
        """A radius in cycles per image, given as such or as a share of n/2. Raises ValueError if it is neither."""
        value = float(text.removesuffix("%"))
        if not isfinite(value) or value < 0:
            raise ValueError(text)
        return value / 100 * max(self.size) / 2 if text.endswith("%") else value

    def at(self, radius: float) -> dict[str, float]:
        """Coordinates of a radius."""
        return {"radius": radius, "radius_nyquist": radius / (max(self.size) / 2)}


@dataclass(frozen=True)
class NamedView:
    """A view and what it is called.

    Attributes:
        text: as it was given.
        view: the view.
        at: its coordinates in estimates.
    """

    text: str
    view: View
    at: Mapping[str, Any]

    @property
    def on_grey(self) -> bool:
        """Whether it has no brightness of its own and lies on mid grey."""
        return self.at["view"] in ("high", "pass")


def named_view(text: str, frame: Frame) -> NamedView:
    """The view that a text names in a frame.

    Raises:
        ValueError: the text names no view.
        SettingError: it names a wave that the frame cannot hold.

    >>> named_view("pass:4-50%", Frame((32, 32))).at
    {'view': 'pass', 'inner': 4.0, 'radius': 8.0, 'radius_nyquist': 0.5}
    """
    kind, _, numbers = text.partition(":")
    try:
        view, at = KINDS[kind](numbers, frame)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{text!r} names no view: {WAYS}") from error
    return NamedView(text, view, {"view": kind, **at})


class Scene(NamedTuple):
    """Views that are pictured side by side.

    Attributes:
        key: of the list that the picture is kept in.
        group: what heads the list.
        shown: name of a picture -> number of the view.
    """

    key: str
    group: str
    shown: Mapping[str, int]


def scenes(views: Sequence[NamedView]) -> list[Scene]:
    """Low and high at one radius together, all other views alone; few at a time, so that pictures keep their size."""
    found: dict[str, Scene] = {}
    for k, one in enumerate(views):
        kind = one.at["view"]
        if kind in ("low", "high"):
            key, group = f"visibility/bands/{one.at['radius']:g}/", f"radius {one.at['radius']:g}"
            found[key] = Scene(key, group, {**(found[key].shown if key in found else {}), kind: k})
        else:
            found[one.text] = Scene(f"visibility/others/{k}/", label(one.at), {"view": k})
    return list(found.values())


def label(at: Mapping[str, Any]) -> str:
    """What a view shows, in words."""
    radius = f"{at['radius']:g}"
    if at["view"] == "wave":
        return f"wave {at['fy']}, {at['fx']} of norm {at['norm']:.3g} added"
    if at["view"] == "pass":
        return f"{at['inner']:g} to {radius} waves (on grey)"
    return f"up to {radius} waves" if at["view"] == "low" else f"above {radius} waves (on grey)"


def default_views(size: tuple[int, int]) -> tuple[str, ...]:
    """Low-pass and high-pass at the default radii of the exam bands, and upright waves there, of the heat map's norm.

    >>> default_views((32, 32))[:2]
    ('low:4', 'low:8')
    """
    radii = [radius * max(size) / AT_SIZE for radius in RADII]
    waves = dict.fromkeys(f"wave:0,{min(round(radius), size[1] // 2)}" for radius in radii)
    return (*(f"{side}:{radius:.10g}" for side in ("low", "high") for radius in radii), *waves)


def _low(numbers: str, frame: Frame) -> tuple[View, dict[str, Any]]:
    radius = frame.radius(numbers)
    return Band("low", radius, True, frame.units), frame.at(radius)


def _high(numbers: str, frame: Frame) -> tuple[View, dict[str, Any]]:
    radius = frame.radius(numbers)
    return Band("high", radius, True, frame.units).then(Grey()), frame.at(radius)


def _pass(numbers: str, frame: Frame) -> tuple[View, dict[str, Any]]:
    inner, outer = map(frame.radius, numbers.split("-"))
    if inner >= outer:
        raise ValueError(numbers)
    return BandPass(inner, outer, True, frame.units).then(Grey()), {"inner": inner, **frame.at(outer)}


def _wave(numbers: str, frame: Frame) -> tuple[View, dict[str, Any]]:
    place, _, strength = numbers.partition("@")
    fy, fx = map(int, place.split(","))
    norm = float(strength) if "@" in numbers else default_norm(frame.size)
    if not isfinite(norm) or norm < 0:
        raise ValueError(numbers)
    height, width = frame.size
    if abs(fy) > height // 2 or abs(fx) > width // 2:
        raise SettingError(
            f"A frame of {height} x {width} pixels holds no such wave.",
            setting="visibility.views",
            value=f"wave:{numbers}",
            way_out=f"Choose FY up to {height // 2} and FX up to {width // 2}.",
        )
    radius = max(frame.size) * hypot(fy / height, fx / width)  # a true circle, as in the exam fourier_heatmap
    return Wave(fy, fx, norm), {"fy": fy, "fx": fx, "norm": norm, **frame.at(radius)}


KINDS: Mapping[str, Callable[[str, Frame], tuple[View, dict[str, Any]]]] = {
    "low": _low,
    "high": _high,
    "pass": _pass,
    "wave": _wave,
}
