"""Figures and plain words of the spectrum exam."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Bars, Chart, Finding, Lines, Mark, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent

MOST_CLASSES = 30
OF = {
    "image_mean": "mean of the images",
    "image_median": "median of the images",
    "pooled": "all images' energy added up",
}


def charts(estimates: Estimates, share: float) -> Sequence[Chart]:
    """The profile with head and tail, the figures, and the classes."""
    return (*_profile(estimates, share), *_heads(estimates, share), *_classes(estimates))


def findings(estimates: Estimates, share: float) -> Sequence[Finding]:
    """Where the energy lies, how uneven the spectrum is, and which images say nothing."""
    return [*_energy(estimates, share), *_evenness(estimates), *_flat(estimates)]


def _energy(estimates: Estimates, share: float) -> Iterator[Finding]:
    e, part = estimates.one("head_radius", of="image_mean"), estimates.one("head_radius_nyquist", of="image_mean")
    if e is None or part is None or e.value is None or part.value is None:
        yield Finding("note", "None of the images has any contrast, so there is no spectrum to measure.")
        return
    yield Finding(
        "note",
        f"{share:.0%} of the energy of an average image lies in waves of at most {_number(e)} a frame, "
        f"{part.value:.0%} of the finest it can hold; all finer detail shares the rest.",
    )


def _evenness(estimates: Estimates) -> Iterator[Finding]:
    e, slope = estimates.one("entropy", of="image_mean"), estimates.one("slope", of="image_mean")
    if e is None or e.value is None:
        return
    falls = f"; energy falls with radius to the power {_number(slope)}" if slope is not None and slope.value else ""
    yield Finding(
        "note", f"The images' spectrum is {percent(e)} as even as it could be (100% is an image of pure grain){falls}."
    )


def _flat(estimates: Estimates) -> Iterator[Finding]:
    e = estimates.one("flat_images")
    if e is not None and e.value:
        yield Finding("note", f"{e.value:,.0f} of {e.n:,} images have no contrast at all and are left out.")


def _number(e: Estimate) -> str:
    if e.low is None or e.high is None:
        return f"{e.value:.2f}"
    return f"{e.value:.2f} (95% interval {e.low:.2f} to {e.high:.2f})"


def _profile(estimates: Estimates, share: float) -> Iterator[Chart]:
    rings = [e for e in estimates.of("energy_share") if e.value is not None]
    if not rings:
        return
    head = estimates.one("head_radius", of="image_mean")
    marks = [Mark(head.value, f"head: {share:.0%}")] if head is not None and head.value else []
    marks += [Mark(e.at["radius"], "n/2") for e in rings if e.at["radius_nyquist"] == 1.0]
    yield Lines(
        title="Energy by fineness",
        x_label="radius (waves across the image)",
        y_label="share of the energy",
        x=[e.at["radius"] for e in rings],
        series=[Series("mean image", *([getattr(e, k) for e in rings] for k in ("value", "low", "high")))],
        caption=(
            f"How much of an image's energy each ring of its spectrum holds, both axes logarithmic. Left of the mark lies the "
            f"head, with {share:.0%} of the energy; right of it the long tail of fine detail."
        ),
        x_scale="log",
        y_scale="log",
        marks=marks,
    )


def _heads(estimates: Estimates, share: float) -> Iterator[Chart]:
    found = [e for e in estimates.of("head_radius") if "class" not in e.at and e.value is not None]
    if found:
        rows = [[OF[e.at["of"]], e.value, e.low, e.high, e.n] for e in found]
        yield Table(
            title="Where the head ends",
            columns=["of", "radius", "from", "to", "images"],
            rows=rows,
            formats=[None, "number", "number", "number", "integer"],
            caption=f"Smallest radius, in waves across the image, within which {share:.0%} of the energy lies.",
        )


def _classes(estimates: Estimates) -> Iterator[Chart]:
    found = [e for e in estimates.of("head_radius") if "class" in e.at and e.value is not None]
    if not found:
        return
    shown = sorted(found, key=lambda e: -(e.value or 0.0))
    if len(shown) > MOST_CLASSES:
        shown = shown[: MOST_CLASSES // 2] + shown[-MOST_CLASSES // 2 :]
    left_out = f" The {len(found) - len(shown)} classes in the middle are left out." if len(shown) < len(found) else ""
    yield Bars(
        title="Where the head ends, by class",
        x_label="radius (waves across the image)",
        categories=[e.at["class"] for e in shown],
        series=[Series("mean of the class", *([getattr(e, k) for e in shown] for k in ("value", "low", "high")))],
        caption=f"Classes with finer detail stand at the top.{left_out}",
        format="number",
    )
