"""Figures and plain words of the visibility exam; every sentence about sight says from where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eyechart.core.chart import Chart, Finding, Format, Gallery, Lines, Mark, Number, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent
from eyechart.exams.visibility_views import label

KINDS = {
    "low": "finer than r taken away",
    "high": "coarser than r taken away",
    "pass": "all but one band taken away",
    "wave": "a wave of radius r added",
}
THRESHOLD = Rule(1.0, "threshold")
DISTANT = ("threshold_radius", "threshold_radius_nyquist", "visible_beyond_share")


@dataclass(frozen=True)
class Sight:
    """From where pictures are looked at.

    Attributes:
        per_degree: pixels per degree at each multiple of the distance, ascending; 1 is the distance as given.
        geometry: (width, distance) in cm; None if pixels per degree were given.
        local: whether contrast is relative to the luminance around a place.
    """

    per_degree: Mapping[float, float]
    geometry: tuple[float, float] | None
    local: bool = False

    @property
    def beware(self) -> str:
        """What may be more visible than stated."""
        return f"changes {'' if self.local else 'in dark parts and '}of colour may be more visible than stated"

    @property
    def limits(self) -> str:
        """What the threshold is, and where it errs."""
        field = "the brightness around it" if self.local else "the picture's mean brightness"
        return (
            f"Below 1 is below the threshold of an average observer on an even field of {field}. Only luminance counts: "
            f"{self.beware}, and texture may hide a change or bring it out."
        )

    def at(self, times: float = 1.0) -> str:
        """``on a picture 10 cm wide, seen from 60 cm (23.5 pixels a degree)``."""
        degree = f"{self.per_degree[times]:.3g} pixels a degree"
        if self.geometry is None:
            return f"on a picture seen at {degree}"
        width, distance = self.geometry
        return f"on a picture {width:g} cm wide, seen from {times * distance:g} cm ({degree})"

    def short(self, times: float) -> str:
        """``60 cm`` or ``23.5 pixels a degree``."""
        if self.geometry is None:
            return f"{self.per_degree[times]:.3g} pixels a degree"
        return f"{times * self.geometry[1]:g} cm"


def charts(estimates: Estimates, sight: Sight) -> Sequence[Chart]:
    """What views change and how it depends on distance; examples."""
    return [
        *_by_radius(estimates, sight),
        *_by_distance(estimates, sight),
        _views(estimates, sight),
        *_galleries(estimates, sight),
    ]


def findings(estimates: Estimates, sight: Sight) -> Sequence[Finding]:
    """Whether fine detail can be seen, from where, and how a wave of noise compares."""
    found = [*_fine(estimates, sight), *_where(estimates, sight), *_wave(estimates, sight), *_black(estimates)]
    return found or [Finding("note", f"What was asked for is in the figures; all of it holds {sight.at()}.")]


def judged(estimates: Estimates, measure: str, view: str) -> Estimate | None:
    """The estimate at the one radius that sentences are about: the nearest to 3/4 of n/2 (r = 12 at n = 32, as in bands).

    Fixed beforehand, so that no radius is picked for its result; None if no radius lies between 0.6 and 0.9 of n/2.
    """
    near = [e for e in estimates.of(measure, view=view) if 0.6 <= e.at["radius_nyquist"] <= 0.9 and e.value is not None]
    return min(near, key=lambda e: abs(e.at["radius_nyquist"] - 0.75), default=None)


def _fine(estimates: Estimates, sight: Sight) -> Iterator[Finding]:
    """The finest quarter of the radii: as a part of the image, and by itself."""
    contrast, seen = (judged(estimates, m, "low") for m in ("pooled_contrast", "visible_share"))
    if contrast is None or seen is None or seen.low is None or seen.high is None:
        return
    if seen.low > 0.5:
        verdict = "So it cannot be called invisible here, though texture may hide some of it."
    elif seen.high < 0.5:
        verdict = f"So on most of the images it is below threshold; {sight.beware}."
    else:
        verdict = "So it is near the threshold here."
    alone = judged(estimates, "alone_contrast", "high")
    by_itself = f" By itself on grey it has {_times(alone)} times the threshold." if alone is not None else ""
    yield Finding(
        "note",
        f"What lies above radius {contrast.at['radius']:g} ({contrast.at['radius_nyquist']:.0%} of n/2), {sight.at()}, has "
        f"{_times(contrast)} times the threshold of an average observer, and is above it on {percent(seen)} of the images."
        f"{by_itself} {verdict}",
        "Quote size and distance wherever you say what people can see; set visibility.width_cm and visibility.distance_cm to "
        "how your images are looked at.",
    )


def _where(estimates: Estimates, sight: Sight) -> Iterator[Finding]:
    """The threshold radius from the distance as given, and from the farthest."""
    told: list[str] = []
    for times in dict.fromkeys((1.0, max(sight.per_degree))):
        radius, share, beyond = (estimates.one(m, times_distance=times) for m in DISTANT)
        if radius is None or share is None or beyond is None or share.value is None or beyond.value is None:
            continue
        if beyond.value > 0.5:
            said = f"even what lies above n/2, the finest of all waves, is above threshold on {percent(beyond)} of the images"
        else:
            said = (
                f"all that lies above radius {_times(radius)}, on average, is below threshold ({share.value:.0%} of n/2); what "
                f"lies above n/2, the finest of all waves, is above it on {percent(beyond)} of the images"
            )
        told.append(f"{sight.at(times).capitalize() if not told else f'From {sight.short(times)}'}, {said}.")
    if told:
        yield Finding("note", " ".join(told))


def _wave(estimates: Estimates, sight: Sight) -> Iterator[Finding]:
    contrast = judged(estimates, "pooled_contrast", "wave")
    if contrast is not None:
        yield Finding(
            "note",
            f"A plane wave of radius {contrast.at['radius']:g} and norm {contrast.at['norm']:.3g} has {_times(contrast)} times "
            f"the threshold in luminance, {sight.at()}; what it changes in colour is left out.",
        )


def _black(estimates: Estimates) -> Iterator[Finding]:
    e = estimates.one("black_images")
    if e is not None and e.value:
        some = "All images are" if e.value == e.n else f"{e.value:,.0f} of {e.n:,} images are"
        yield Finding(
            "note", f"{some} black: contrast is relative to an image's light, so they have none and are left out."
        )


def _times(e: Estimate) -> str:
    """``5.31 (95% interval 5.12 to 5.5)``."""
    if e.low is None or e.high is None:
        return f"{e.value:.3g}"
    return f"{e.value:.3g} (95% interval {e.low:.3g} to {e.high:.3g})"


def _by_radius(estimates: Estimates, sight: Sight) -> Iterator[Chart]:
    """Contrast and similarity of each kind of view over the radius, where it has several radii."""
    of_image = {KINDS[kind]: estimates.of("pooled_contrast", view=kind) for kind in KINDS}
    alone = {"finer than r, alone on grey": estimates.of("alone_contrast", view="high")}
    contrast = _curves({**of_image, **alone})
    alike = _curves({KINDS[kind]: estimates.of("ssim", view=kind) for kind in KINDS})
    if contrast is None or alike is None:
        return
    yield Lines(
        title="How visible the change is",
        x_label="radius r (waves across the image)",
        y_label="times threshold",
        x=contrast[0],
        series=contrast[1],
        caption=f"Contrast of the change as the eye weighs it, {sight.at()}; 1 is the threshold. {sight.limits}",
        rules=[THRESHOLD],
        format="number",
        y_scale="log",
    )
    yield Lines(
        title="Structural similarity",
        x_label="radius r (waves across the image)",
        y_label="SSIM with the image",
        x=alike[0],
        series=alike[1],
        caption="How alike the view and the image are in structure: 1 is identical. It knows neither size nor distance of the "
        "picture, so it says nothing of whether a change can be seen.",
        format="number",
    )


def _curves(named: Mapping[str, Sequence[Estimate]]) -> tuple[list[float], list[Series]] | None:
    """Places and lines; a radius that a line does not have is a gap."""
    kept = {}
    for name, found in named.items():
        by_radius = {float(e.at["radius"]): e for e in found if e.value is not None}
        if 1 < len(by_radius) == len(found):  # else several views share a radius, as waves of other directions
            kept[name] = by_radius
    x = sorted({radius for line in kept.values() for radius in line})
    return (x, [_line(name, [line.get(r) for r in x]) for name, line in kept.items()]) if x else None


def _line(name: str, found: Sequence[Estimate | None]) -> Series:
    def part(what: str) -> list[Number]:
        return [getattr(e, what) if e is not None else None for e in found]

    return Series(name, part("value"), part("low"), part("high"))


def _by_distance(estimates: Estimates, sight: Sight) -> Iterator[Chart]:
    curves = {times: estimates.of("above_contrast", times_distance=times) for times in sight.per_degree}
    radii = [float(e.at["radius"]) for e in curves[1.0]]
    half = next((e.at["radius"] / e.at["radius_nyquist"] for e in curves[1.0] if e.at["radius_nyquist"]), None)
    wide = f"picture {sight.geometry[0]:g} cm wide" if sight.geometry else "first distance as given"
    yield Lines(
        title="What lies above a radius, from several distances",
        x_label="radius r (waves across the image)",
        y_label="times threshold",
        x=radii,
        series=[_line(sight.short(times), found) for times, found in curves.items()],
        caption=f"Contrast of all that is finer than r, as the eye weighs it, {wide}. {sight.limits}",
        rules=[THRESHOLD],
        format="number",
        y_scale="log",
        marks=[Mark(half, "n/2")] if half else [],
    )
    rows = []
    for times, per_degree in sight.per_degree.items():
        radius, share, beyond = (estimates.one(m, times_distance=times) for m in DISTANT)
        if radius and share and beyond:
            rows.append(
                [
                    sight.short(times),
                    per_degree,
                    radius.value,
                    radius.low,
                    radius.high,
                    share.value,
                    beyond.value,
                    radius.n,
                ]
            )
    yield Table(
        title="From which radius on all is below threshold",
        columns=["seen from", "pixels a degree", "radius", "from", "to", "of n/2", "above it beyond n/2", "images"],
        rows=rows,
        formats=[None, "number", "number", "number", "number", "percent", "percent", "integer"],
        caption="Mean over the images of the smallest radius at and beyond which all that lies above is below threshold, and "
        "the share of images on which what lies above n/2 is still above it. Beyond n/2 there are waves along diagonals alone.",
    )


def _views(estimates: Estimates, sight: Sight) -> Table:
    formats: list[Format | None] = [
        None,
        "number",
        "number",
        "number",
        "number",
        "percent",
        "number",
        "number",
        "integer",
    ]
    rows: list[list[Any]] = []
    for e in estimates.of("pooled_contrast"):
        measures = ("weighted_contrast", "visible_share", "alone_contrast", "ssim")
        others = (estimates.one(measure, **e.at) for measure in measures)
        rows.append([label(e.at), e.value, e.low, e.high, *(o.value if o else None for o in others), e.n])
    return Table(
        title="All views",
        columns=["view", "times threshold", "from", "to", "r.m.s.", "above it on", "alone on grey", "SSIM", "images"],
        rows=rows,
        formats=formats,
        caption=f"Contrast of the change where it is most visible, with its interval, and its root mean square over the "
        f"picture, {sight.at()}; the share of images on which it is above threshold; contrast of the band alone; similarity.",
    )


def _galleries(estimates: Estimates, sight: Sight) -> Iterator[Gallery]:
    """Bands side by side, and other views beside the image."""
    caption = (
        f"Chosen by its name alone, not by what was measured. The figures hold {sight.at()}, which is not how this page shows "
        "it; of the finer part they are those of the part alone."
    )
    said = {
        "low": "{pooled_contrast_low:.1f} x threshold, SSIM {ssim_low:.2f}",
        "high": "{alone_contrast_high:.1f} x threshold",
        "view": "{pooled_contrast_view:.1f} x threshold, SSIM {ssim_view:.2f}",
    }
    kinds = {e.at["view"] for e in estimates.of("pooled_contrast")}
    bands = {"low": "coarser than the radius", "high": "finer than it (on grey)"}
    if kinds & {*bands}:
        pictures = [("image", "the image"), *((side, name) for side, name in bands.items() if side in kinds)]
        lines = ["", *(said[side] for side, _ in pictures[1:])]
        yield Gallery("An image and its bands", "visibility/bands/", pictures, lines, caption)
    if kinds - {*bands}:
        pictures = [("image", "the image"), ("view", "as named above")]
        yield Gallery("An image and other views", "visibility/others/", pictures, ["", said["view"]], caption)
