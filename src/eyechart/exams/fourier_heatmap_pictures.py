"""Figures and plain words of the Fourier heat map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Chart, Finding, Lines, Rule, Series
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent, points
from eyechart.exams.fourier_heatmap_maps import answer_map, error_map, layer_map, logit_map
from eyechart.exams.fourier_heatmap_waves import THIRDS, Chosen

MUCH, LITTLE = 0.10, 0.05  # verdicts: ten points more errors are much, less than five little
NAMES = {"low": "broad", "middle": "medium", "high": "fine"}
HALF = 0.5  # wrong more often than this on plain images: too little to lose
FEW = 30  # images: fewer say too little of a single wave
CLIPPED = 0.2  # of the noise's energy: beyond, a map says less about single frequencies
ADVICE = {
    "low": (
        "Haze, uneven light and colour casts disturb the same scale: train with changes of brightness, contrast and colour "
        "(AutoAugment, AugMix). Gaussian noise in training is no remedy here, and may do harm."
    ),
    "middle": (
        "Noise, compression and texture disturb the same scale: train with AugMix, Gaussian noise or patches of it, and ask "
        "for this map again, since coarse waves may then do more harm."
    ),
    "high": (
        "Grain, sharpening and aliasing disturb the same scale: smooth images before they are shown, anti-alias where the "
        "model subsamples, or train with Gaussian noise, and ask for this map again, since coarse waves may then do more harm."
    ),
}


def charts(estimates: Estimates, chosen: Chosen, layer: str | None) -> Sequence[Chart]:
    """The maps, the curves over the radius, what clipping did."""
    first = error_map if estimates.of("error_rate") else answer_map
    return (
        first(estimates, chosen),
        _radial(estimates, chosen),
        logit_map(estimates, chosen),
        *([layer_map(estimates, chosen, layer)] if layer else []),
        _clipping(estimates, chosen),
    )


def findings(estimates: Estimates, chosen: Chosen) -> Sequence[Finding]:
    """Verdicts on the thirds, the worst first; the most harmful wave; whether clipping spoils the map."""
    measure = "third_error_rise" if estimates.of("error_rate") else "third_answer_change_rate"
    thirds = sorted(estimates.of(measure), key=lambda e: -(e.value or 0.0))
    found = [_verdict(e, estimates, chosen) for e in thirds]
    return [*found, *_highest(estimates), *_much_clipped(estimates), *_nothing(found)]


def _verdict(e: Estimate, estimates: Estimates, chosen: Chosen) -> Finding:
    third = e.at["third"]
    waves = f"{NAMES[third]} waves ({_range(third, chosen)} across the frame)"
    if e.measure == "third_error_rise":
        error, clean = estimates.one("third_error_rate", third=third), estimates.one("clean_error")
        rates = [f"{100 * (one.value or 0.0):.1f}%" for one in (error, clean) if one]
        sentence = f"Under {waves} it is wrong {' of the time instead of '.join(rates)}: a rise of {points(e)}"
    else:
        sentence = f"Under {waves} it changes its answer on {percent(e)} of the images"
    sentence += f"; {e.n:,} images."
    if (e.low or 0.0) > MUCH:
        return Finding("weak", sentence, ADVICE[third])
    steady = e.high is not None and e.high < LITTLE
    return Finding("strong" if steady and _sees(estimates) else "note", sentence)


def _sees(estimates: Estimates) -> bool:
    """Whether there is anything to lose: a stopped clock is steady, too."""
    clean = estimates.one("clean_error")
    if clean is not None and clean.value is not None:
        return clean.value < HALF
    return any((e.low or 0.0) > LITTLE for e in estimates.of("third_answer_change_rate"))


def _highest(estimates: Estimates) -> Iterator[Finding]:
    e = estimates.one("highest_error_rate")
    count = estimates.one("waves")
    clean = estimates.one("clean_error")
    if e is None or count is None or clean is None or e.n < FEW or (count.value or 0) < 2:
        return
    if (e.low or 0.0) <= (clean.value or 0.0):  # whichever it is, it does no harm that could be told
        return
    yield Finding(
        "note",
        f"Of {count.value:,.0f} waves the most harmful is the one with {abs(e.at['fy'])} down and {abs(e.at['fx'])} across: "
        f"wrong {percent(e)} of the time on {e.n:,} images that had no part in choosing it, against "
        f"{100 * (clean.value or 0.0):.1f}% without. With other images another wave "
        "may come first; its surroundings on the map say more.",
    )


def _much_clipped(estimates: Estimates) -> Iterator[Finding]:
    lost, moved = estimates.one("clipped_share"), estimates.one("scattered_share")
    if lost is not None and moved is not None and (lost.value or 0.0) > CLIPPED:
        yield Finding(
            "note",
            f"Clipping to the range of pixels took {percent(lost)} of the noise's energy from its frequency and moved "
            f"{100 * (moved.value or 0.0):.1f}% to others: a smaller fourier_heatmap.norm tells frequencies apart better.",
        )


def _nothing(found: Sequence[Finding]) -> Iterator[Finding]:
    if not found:
        yield Finding("note", "Only a change of colour was asked for (zero frequency), which is no scale of detail.")


def _range(third: str, chosen: Chosen) -> str:
    """Radii of a third in waves across the longer side."""
    low, high = (share * max(chosen.size) / 2 for share in THIRDS[third])
    if chosen.radius is not None and chosen.radius < high:
        return f"{low:.0f} to {chosen.radius:g}" if low else f"up to {chosen.radius:g}"
    if third == "low":
        return f"up to {high:.0f}"
    return f"more than {low:.0f}" if third == "high" else f"{low:.0f} to {high:.0f}"


def _radial(estimates: Estimates, chosen: Chosen) -> Lines:
    names = {"ring_error_rate": "wrong", "ring_answer_change_rate": "answer changed"}
    series = [_curve(estimates, measure, name) for measure, name in names.items() if estimates.of(measure)]
    clean = estimates.one("clean_error")
    rules = [Rule(clean.value, "wrong on plain images")] if clean is not None and clean.value is not None else []
    caption = (
        "The map averaged over rings around its centre: from broad waves on the left to fine ones on the right. "
        "Bands are 95% intervals over images."
    )
    return _lines(estimates, chosen, "From broad to fine waves", "share of images", series, caption, rules)


def _clipping(estimates: Estimates, chosen: Chosen) -> Lines:
    names = {"ring_clipped_share": "lost at the wave's frequency", "ring_scattered_share": "of it, moved to others"}
    series = [_curve(estimates, measure, name) for measure, name in names.items()]
    top = max((one.high or 0.0) for one in estimates.of("ring_clipped_share"))
    caption = (
        "Pixels cannot be darker than black or lighter than white: this share of the noise's energy was cut off, and a part of "
        "it turned up at other frequencies. Where it is large, the map blurs."
    )
    bounds = (0.0, max(0.05, top))
    return _lines(estimates, chosen, "What clipping took", "share of the energy", series, caption, (), bounds)


def _curve(estimates: Estimates, measure: str, name: str) -> Series:
    found = estimates.of(measure)
    return Series(name, [e.value for e in found], [e.low for e in found], [e.high for e in found])


def _lines(
    estimates: Estimates,
    chosen: Chosen,
    title: str,
    y_label: str,
    series: Sequence[Series],
    caption: str,
    rules: Sequence[Rule] = (),
    y_range: tuple[float, float] = (0.0, 1.0),
) -> Lines:
    x = [float(e.at["radius"]) for e in estimates.of("ring_clipped_share")]
    log = len(chosen.grids) > 1 and max(x) > 0
    return Lines(
        title=title,
        x_label="radius (waves across the frame)",
        y_label=y_label,
        x=x,
        series=series,
        caption=caption + (" Zero frequency, a change of colour, is left out." if log else ""),
        rules=rules,
        y_range=y_range,
        x_scale="log" if log else "linear",
    )
