"""Figures and plain words of the gradient_spectrum exam."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from eyechart.core.chart import Chart, Circle, Finding, Heatmap, Lines, Mark, Rule, Series, Table
from eyechart.core.chart_numbers import plain_numbers
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent

NOISE_GINI = 0.293  # of one channel of structureless noise; several independent channels give less
PLACES = "radius (waves across the image)"


def charts(estimates: Estimates, normalised: bool) -> Sequence[Chart]:
    """Strength by ring, the paper's two rows (strength by rank, radius at ranks), the plane, and the shares in figures."""
    if not estimates.of("ring_strength"):
        return (_shares(estimates),)
    return (
        _rings(estimates, normalised),
        _densities(estimates),
        _curve(estimates, normalised),
        _plane(estimates),
        _shares(estimates),
    )


def findings(estimates: Estimates) -> Sequence[Finding]:
    """Where the gradient lives, compared with the images' energy and with an even gradient; what the paper claims."""
    return [*_where(estimates), *_strongest(estimates), *_left_out(estimates)]


def _where(estimates: Estimates) -> Iterator[Finding]:
    """Shares at the radius nearest to a quarter of the sampling rate (half of n/2): fixed beforehand."""
    share = min(estimates.of("share_beyond"), key=lambda e: abs(e.at["radius_nyquist"] - 0.5))
    at = share.at
    image, even = (estimates.one(f"{name}_beyond", **at) for name in ("image_share", "frequencies"))
    relative = estimates.one("relative_power_beyond", **at)
    if image is None or even is None or relative is None or share.value is None:
        return
    sentence = (
        f"{percent(share)} of the gradient's power lies in detail finer than {at['radius']:g} waves across the image "
        f"({at['radius_nyquist']:.0%} of the finest it can hold), where {percent(image)} of the images' own energy lies and "
        f"{percent(_alone(even))} of all frequencies."
    )
    yield Finding("note", f"{sentence} {_lean(relative)}", _advice(relative))


def _lean(relative: Estimate) -> str:
    side = _side(relative, 1.0)
    if side > 0:
        return "Wave for wave the model is more sensitive to fine detail than to coarse."
    if side < 0:
        return "Wave for wave the model is more sensitive to coarse structure than to fine detail."
    return "Wave for wave it is as sensitive to fine detail as to coarse structure, as far as these images can tell."


def _advice(relative: Estimate) -> str:
    if _side(relative, 1.0) <= 0:
        return ""
    return (
        "Photographs hold little fine detail, yet small changes of it move this model most: test it on noise, on compression, "
        "and against adversarial changes."
    )


def _strongest(estimates: Estimates) -> Iterator[Finding]:
    first = estimates.one("beyond_head_at_rank", rank=0)
    if first is not None and first.value is not None:
        yield Finding("note", _claim(estimates, first))


def _claim(estimates: Estimates, first: Estimate) -> str:
    """The paper's claim about the strongest frequencies, whether it holds here, and what chance alone would give."""
    here = {1: "here they do", -1: "here they do not", 0: "these images cannot tell whether they do here"}
    said = (
        f"The paper finds that the strongest frequencies lie mainly beyond the image's head; {here[_side(first, 0.5)]} (the "
        f"very strongest in {percent(first)} of the images)."
    )
    chance = estimates.one("frequencies_beyond_head")
    if chance is None or chance.value is None:
        return said
    compared = {1: "less often", -1: "more often", 0: "about as often"}[_side(first, chance.value)]
    return f"{said} But {percent(_alone(chance))} of all frequencies lie there: chance would put it there {compared}."


def _left_out(estimates: Estimates) -> Iterator[Finding]:
    zero = estimates.one("zero_gradients")
    if zero is None or zero.value is None:
        yield Finding("note", f"There is no gradient to look at: {zero.reason if zero else 'no image'}.")
    elif zero.value:
        yield Finding("note", f"{zero.value:,.0f} of {zero.n:,} gradients are exactly zero and left out.")


def _rings(estimates: Estimates, normalised: bool) -> Lines:
    gradient, image = estimates.of("ring_strength"), {e.at["ring"]: e for e in estimates.of("image_ring_strength")}
    shown = [image.get(e.at["ring"]) for e in gradient]
    weigh = (
        "all images weigh alike"
        if normalised
        else f"images with a high loss weigh most, as in the paper{_few(estimates)}"
    )
    return Lines(
        title="Sensitivity by fineness",
        x_label=PLACES,
        y_label="strength of a wave over the mean of all",
        x=[e.at["radius"] for e in gradient],
        series=[_series("gradient of the loss", gradient), _series("the images themselves", shown)],
        caption=(
            f"How strong a wave of each fineness is in the gradient, and in the images; log scale; {weigh}. A level line would "
            "be the same sensitivity to every wave; where the gradient lies far above the images, changes that "
            "photographs hardly contain move the model."
        ),
        rules=[Rule(1.0, "even")],
        marks=_marks(estimates),
        format="number",
        y_scale="log",
    )


def _few(estimates: Estimates) -> str:
    half = estimates.one("half_of_strength")
    return f" ({half.value:.0%} of them make up half)" if half is not None and half.value is not None else ""


def _densities(estimates: Estimates) -> Lines:
    ranks = estimates.of("radius_at_rank")
    curves = [(e, estimates.of("radius_density", rank=e.at["rank"])) for e in ranks]
    first = estimates.one("beyond_head_at_rank", rank=0)
    claim = f" {_claim(estimates, first)}" if first is not None and first.value is not None else ""
    return Lines(
        title="Where the strong and the weak frequencies lie",
        x_label=PLACES,
        y_label="density over images, per wave across",
        x=[e.at["radius"] for e in curves[0][1]],
        series=[Series(_rank_name(e), [d.value for d in found]) for e, found in curves],
        caption=(
            "The radius of the frequency that holds a rank, from the strongest (0%) to the weakest (100%), over all images "
            f"(Gaussian kernels, Scott's rule).{claim}"
        ),
        marks=_marks(estimates),
        format="number",
    )


def _curve(estimates: Estimates, normalised: bool) -> Lines:
    found, gini = estimates.of("strength_at_rank"), estimates.one("gini")
    unit = "divided by their sum in each image" if normalised else "not normalised: images with a high loss weigh most"
    return Lines(
        title="Strength by rank",
        x_label="rank of the frequency within its image",
        y_label=found[0].unit if normalised else "nats per unit of pixel value",
        x=[e.at["rank"] + 1 for e in found],
        series=[_series("mean over images", found)],
        caption=f"Each image's strengths sorted, then averaged at each rank ({unit}). {_tail(gini)}",
        format="number",
        y_scale="log",
    )


def _tail(gini: Estimate | None) -> str:
    """Whether strengths are long-tailed."""
    if gini is None or gini.value is None:
        return "The paper finds them long-tailed."
    here = {1: "so they are here", -1: "here they are not", 0: "here it cannot be told"}[_side(gini, NOISE_GINI)]
    return (
        f"The paper finds a long tail, taken here as strengths more uneven than structureless noise; {here}: Gini "
        f"coefficient {_number(gini)}, where noise gives 0.17 to {NOISE_GINI:.2f}."
    )


def _plane(estimates: Estimates) -> Heatmap:
    half = {(e.at["fy"], e.at["fx"]): e.value for e in estimates.of("map_strength")}
    whole = {**{(-fy, -fx): value for (fy, fx), value in half.items()}, **half}
    y, x = (sorted({place[axis] for place in whole}) for axis in (0, 1))
    z = [[_log(whole.get((fy, fx))) for fx in x] for fy in y]
    head = estimates.one("head_radius")
    return Heatmap(
        title="Sensitivity over the plane of frequencies",
        x_label="waves across",
        y_label="waves down",
        z_label="log10 of strength over the mean",
        x=x,
        y=y,
        z=plain_numbers(z),
        caption=(
            "Mean strength of the gradient at each frequency, coarse in the middle: 0 is the mean of all, 1 is ten times as "
            "strong. The circle is the mean radius of the images' head, which holds most of their energy. "
            "Lines and lattices are often the work of strides and pooling."
        ),
        circles=[Circle(head.value, "head")] if head is not None and head.value else (),
        diverging=0.0,
    )


def _shares(estimates: Estimates) -> Table:
    names = ("share_beyond", "image_share_beyond", "frequencies_beyond", "relative_power_beyond")
    heads = [estimates.one(f"{name}_head") for name in names]
    rows = [("each image's own head", heads)]
    for e in estimates.of("share_beyond"):
        rows.append((f"radius {e.at['radius']:g}", [estimates.one(name, **e.at) for name in names]))
    cells = []
    for title, (share, image, even, relative) in rows:
        others = [e.value if e else None for e in (image, even)]
        cells.append([title, *_told(share), *others, *_told(relative)])
    return Table(
        title="Share of what lies in fine detail",
        columns=[
            "finer than",
            "gradient's power",
            "from",
            "to",
            "images' energy",
            "all waves",
            "power a wave",
            "from",
            "to",
        ],
        rows=cells,
        formats=[None, *["percent"] * 5, *["number"] * 3],  # type: ignore[list-item]
        caption=(
            "Means over images; from and to are the ends of 95 % intervals. Power a wave: what a wave there has in the "
            "gradient, over the mean of all waves."
        ),
    )


def _marks(estimates: Estimates) -> list[Mark]:
    head = estimates.one("head_radius")
    return [Mark(head.value, "mean head of the images")] if head is not None and head.value else []


def _series(name: str, found: Sequence[Estimate | None]) -> Series:
    columns = ([getattr(e, field) if e else None for e in found] for field in ("value", "low", "high"))
    return Series(name, *columns)


def _told(e: Estimate | None) -> tuple[float | None, ...]:
    return (e.value, e.low, e.high) if e else (None, None, None)


def _rank_name(e: Estimate) -> str:
    names = {0: "strongest", 100: "weakest"}
    return names.get(e.at["percentile"], f"rank at {e.at['percentile']:.0f}%")


def _log(value: float | None) -> float:
    return math.log10(value) if value else math.nan


def _side(e: Estimate, of: float) -> int:
    """1 or -1 where the whole interval lies above or below a value, else 0."""
    if e.low is None or e.high is None:
        return 0
    return int(e.low > of) - int(e.high < of)


def _alone(e: Estimate) -> Estimate:
    """Without its interval."""
    return Estimate(e.exam, e.measure, e.value, e.n, unit=e.unit, at=e.at, reason=e.reason)


def _number(e: Estimate) -> str:
    if e.value is None or e.low is None or e.high is None:
        return "undefined"
    return f"{e.value:.2f} (95% interval {e.low:.2f} to {e.high:.2f})"
