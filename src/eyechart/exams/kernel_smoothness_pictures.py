"""Charts, kernels as pictures, and findings of the kernel_smoothness exam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from eyechart.core.chart import MOST_TILES, Chart, Finding, Format, Lines, Series, Table, Tiles
from eyechart.core.chart_numbers import plain_numbers
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array
from eyechart.core.words import percent

KINDS = {
    "own": "this layer",
    "shuffled": "each kernel shuffled",
    "noise": "pure noise",
    "smooth_noise": "smooth noise",
}
FEW = 30  # filters: an interval over fewer is wide, and holds almost anything
TITLES: Mapping[str, tuple[str, str, Format]] = {
    "total_variation": ("Difference of neighbours", "total variation (mean weight)", "number"),
    "high_frequency_share": ("Power in the finer half of the frequencies", "share of fine frequencies", "percent"),
    "neighbour_correlation": ("Likeness of neighbours", "correlation of neighbours", "number"),
}
READ = {
    "total_variation": "0: all weights are equal; 2: a checkerboard; 3: one weight alone amid 3 x 3. Lower is smoother.",
    "high_frequency_share": "Pure noise of any size has four fifths there on average. Lower is smoother.",
    "neighbour_correlation": "1: neighbours are alike; -1: a checkerboard. Higher is smoother.",
}


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Means beside those of shuffled weights and of noise as a table, and a distribution for each measure."""
    layers = estimates.of("kernels")
    if not layers:
        return [Table("Roughness of the kernels", ("measure",), (), caption="There is no convolution to look at.")]
    rows = []
    for measure, (_, label, _) in TITLES.items():
        found = [estimates.one(measure, kernels=kind) for kind in KINDS]
        rows.append((label, *((e.value, e.low, e.high) if e else None for e in found)))
    layer, filters = layers[0], estimates.of("filters")[0].n
    at = layer.at
    about = (
        f"Means over the {layer.n:,} kernels ({filters:,} filters) of {at['name']}, each of {at['height']} x {at['width']} "
        "weights; over the same with each kernel's own weights in random order, so that arrangement alone differs; and over "
        "simulated kernels of that size. Intervals are over filters. Compare models whose kernels are of "
        "one size."
    )
    formats: tuple[Format | None, ...] = (None, "number", "number", "number", "number")
    table = Table("Roughness of the kernels", ("", *KINDS.values()), rows, formats, about)
    defined = [measure for measure in TITLES if any(e.value is not None for e in estimates.of(measure, kernels="own"))]
    return [table, *(_distribution(estimates, measure) for measure in defined)]


def _distribution(estimates: Estimates, measure: str) -> Lines:
    title, label, form = TITLES[measure]
    curves = {name: estimates.of(f"{measure}_quantile", kernels=kind) for kind, name in KINDS.items()}
    return Lines(
        title=title,
        x_label="share of the kernels",
        y_label=f"{label}, not exceeded",
        x=[e.at["quantile"] for e in next(iter(curves.values()))],
        series=[_series(found, name) for name, found in curves.items()],
        caption=f"From the lowest kernel to the highest; the middle is the median. {READ[measure]}",
        format=form,
    )


def _series(found: Sequence[Estimate], name: str) -> Series:
    return Series(name, *([getattr(e, part) for e in found] for part in ("value", "low", "high")))


def tiles(kernels: Array, name: str, *, first: bool) -> Tiles:
    """Kernels (out, in, kh, kw) as pictures; 0 is mid grey, and each is scaled by its own largest weight.

    Of the ``first`` layer with three inputs a filter is one picture in red, green and blue; else every kernel is a grey one,
    those of a filter after one another, 256 in all at most.
    """
    coloured = first and kernels.shape[1] == 3
    planes = kernels.transpose(0, 2, 3, 1) if coloured else kernels.reshape(-1, *kernels.shape[2:])[..., None]
    shown = planes[:MOST_TILES].astype(np.float64)  # (n, kh, kw, 1 or 3)
    largest = np.abs(shown).max(axis=(1, 2, 3), keepdims=True)
    shown = 0.5 + np.divide(shown, 2 * largest, out=np.zeros_like(shown), where=largest > 0)
    what = (
        "A filter's weights for red, green and blue are one picture: a weight of 0 is mid grey in its colour"
        if coloured
        else "Each kernel is a picture; a weight of 0 is mid grey, lighter is above, darker below"
    )
    inputs = kernels.shape[1]
    names = [str(i) if coloured or inputs == 1 else f"{i // inputs}, {i % inputs}" for i in range(len(shown))]
    more = f" The first {len(shown):,} of {len(planes):,}." if len(planes) > len(shown) else ""
    numbered = "" if coloured or inputs == 1 else " Numbers: output, input."
    return Tiles(
        title=f"Kernels of layer {name.removesuffix('.weight')}",
        tiles=plain_numbers(np.broadcast_to(shown, (*shown.shape[:3], 3)), digits=3),
        labels=names,
        caption=f"{what}. Each is scaled by its own largest weight, so that shape can be seen, not strength.{numbered}{more}",
    )


def findings(estimates: Estimates) -> Sequence[Finding]:
    """Where the kernels lie between pure noise and smooth noise, by the share of fine frequencies."""
    measure = "high_frequency_share"
    own, noise, smooth = (estimates.one(measure, kernels=kind) for kind in ("own", "noise", "smooth_noise"))
    layers = estimates.of("kernels")
    if own is None or own.value is None or noise is None or smooth is None or noise.value is None or not layers:
        return [Finding("note", f"The kernels could not be compared: {own.reason if own else 'none was found'}.")]
    at = layers[0].at
    what = f"The {layers[0].n:,} kernels of layer {at['name'].removesuffix('.weight')} ({at['height']} x {at['width']})"
    return [
        Finding(
            "note",
            f"{what} have {percent(own)} of their power in the finer half of the frequencies, where pure noise has "
            f"{noise.value:.0%} and smooth noise {smooth.value or 0.0:.0%}: {_verdict(own, noise, smooth)}.",
            "Rough kernels answer to the finest grain. Whether this sways the model is measured by the exams kernel_smoothing "
            "and fourier_heatmap.",
        )
    ]


def _verdict(own: Estimate, noise: Estimate, smooth: Estimate) -> str:
    if own.low is None or own.high is None:
        return "one filter alone allows no comparison"
    if noise.value is not None and own.low > noise.value:
        return "they are rougher than pure noise"
    if noise.value is not None and own.high >= noise.value:
        few = own.n < FEW
        return f"as rough as pure noise, {'as far as so few filters can tell' if few else 'within that interval'}"
    if smooth.value is not None and own.high < smooth.value:
        return "they are smoother than smooth noise"
    return "they are smoother than pure noise"
