"""Charts and findings of the feature_spectrum exam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log
from typing import Any

from eyechart.core.chart import Bars, Chart, Finding, Lines, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent

CURVES = 6
MARKED = 60  # points beyond which a chart does not tell them apart
KINDS = {
    "attention": "self-attention",
    "convolution": "convolution",
    "norm": "normalisation",
    "activation": "activation",
    "pool": "pooling",
    "sum": "sum",
    "block": "block",
}
SUBJECTS = {**{kind: name.capitalize() for kind, name in KINDS.items()}, "block": "A block as a whole"}
AGAINST = {
    "zero_frequency": "relative to zero frequency (as published)",
    "lowest_frequency": "relative to the lowest frequency above zero",
}
UNIT = "relative log amplitude (nats)"
LIMIT = "Natural logarithm, relative to zero frequency: -2.3 is a tenth of it. This is not the amplitude itself."


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Curves at a few depths, their ends over depth, and changes by kind."""
    ends = [e for e in estimates.of("relative_log_amplitude", frequency=1.0) if e.value is not None]
    without = estimates.of("steps_left_out")
    left_out = Table(
        "Steps left out",
        ("reason", "steps"),
        [(e.at["reason"], e.value) for e in without],
        (None, "integer"),
        "Steps of the network of which, or of whose changes, nothing is said.",
    )
    bars = _by_kind(estimates)
    drawn: list[Chart] = [_curves(estimates, ends), _over_depth(ends), *([bars] if bars else [])] if ends else []
    return [*drawn, *([left_out] if without or not drawn else [])]


def _curves(estimates: Estimates, ends: Sequence[Estimate]) -> Lines:
    """Of sums, else of blocks, else of all: at most six, evenly spaced in the order of use."""
    of_kinds = [[e for e in ends if e.at["kind"] == kind] for kind in ("sum", "block")]
    few = next((found for found in of_kinds if len(found) > 1), list(ends))
    count = min(CURVES, len(few))
    places = [round(i * (len(few) - 1) / max(count - 1, 1)) for i in range(count)]
    series, x = [], [0.0]
    for at in (few[place].at for place in places):
        curve = estimates.of("relative_log_amplitude", layer=at["layer"])
        x = [e.at["frequency"] for e in curve]
        series.append(_series(curve, f"{at['depth']}: {at['layer']}"))
    return Lines(
        title="Detail at a few depths",
        x_label="frequency (1 = the finest below Nyquist)",
        y_label=UNIT,
        x=x,
        series=series,
        caption=f"From coarse structure to the finest detail that the maps can hold. {LIMIT} Numbers: place in the order of "
        "use.",
        format="number",
    )


def _over_depth(ends: Sequence[Estimate]) -> Lines:
    """A series a kind; in between there are gaps. Of very many points those of sums and blocks are left out."""
    if len(ends) > MARKED:
        ends = [e for e in ends if e.at["kind"] not in ("sum", "block")] or ends
    kinds = [kind for kind in KINDS if any(e.at["kind"] == kind for e in ends)]
    kinds += [kind for kind in dict.fromkeys(str(e.at["kind"]) for e in ends) if kind not in KINDS]
    series = [_series([e if e.at["kind"] == kind else None for e in ends], KINDS.get(kind, kind)) for kind in kinds]
    return Lines(
        title="The finest detail over depth",
        x_label="place in the order of use",
        y_label=f"{UNIT} at the finest frequency",
        x=[e.at["depth"] for e in ends],
        series=series,
        caption=f"After each step: the end of its curve. {LIMIT} Smaller maps end at coarser detail of the picture. "
        f"n = {ends[0].n:,} images.",
        format="number",
    )


def _by_kind(estimates: Estimates) -> Bars | None:
    found = estimates.of("mean_change_at_nyquist")
    places = list(dict.fromkeys((e.at["kind"], e.at["size"]) for e in found))
    places.sort(key=lambda place: (list(KINDS).index(place[0]), place[1] == "changed"))
    if not places:
        return None
    series = []
    for against, name in AGAINST.items():
        own = [estimates.one("mean_change_at_nyquist", kind=k, size=s, against=against) for k, s in places]
        if any(own):
            series.append(_series(own, name))
    return Bars(
        title="What each kind of step does to the finest detail",
        x_label="change of the relative log amplitude (nats)",
        categories=[_category(estimates, kind, size) for kind, size in places],
        series=series,
        caption="After the step less before it, on the same images, mean over the steps of a kind. Above 0 detail grows, below "
        "0 it shrinks. Taking a map's mean away raises the first bar, not the second, and BatchNorm does nothing else to it. "
        "Where steps change the size of the maps, the finest detail before and after is not the same. Flat (constant) channels "
        "are left out.",
        rules=(Rule(0.0, ""),),
        format="number",
    )


def _category(estimates: Estimates, kind: str, size: str) -> str:
    steps = estimates.one("steps", kind=kind, size=size, against="zero_frequency")
    return f"{KINDS[kind]}{', other size' if size == 'changed' else ''} ({steps.n if steps else 0})"


def _series(found: Sequence[Estimate | None], name: str) -> Series:
    return Series(name, *([getattr(e, part) if e else None for e in found] for part in ("value", "low", "high")))


def findings(estimates: Estimates) -> Sequence[Finding]:
    """What self-attention, blocks and convolutions do, which have claims to test; without them, the other kinds."""
    for kinds in (("attention", "block", "convolution"), ("norm", "activation", "pool")):
        told = [one for one in (_finding(estimates, kind) for kind in kinds) if one]
        if told:
            return told
    return [
        Finding(
            "note", "No layer has outputs like pictures (maps) that could be compared with those of the step before it."
        )
    ]


def _finding(estimates: Estimates, kind: str) -> Finding | None:
    places = [e.at for e in estimates.of("mean_change_at_nyquist", kind=kind, against="zero_frequency")]
    if not places:
        return None
    at = next((place for place in places if place["size"] == "kept"), places[0])
    (zero, lowest) = (
        estimates.one("mean_change_at_nyquist", kind=kind, size=at["size"], against=against) for against in AGAINST
    )
    steps, lowering = (
        estimates.one(m, kind=kind, size=at["size"], against="zero_frequency") for m in ("steps", "lowering_steps")
    )
    if not (zero and steps and lowering) or zero.value is None:
        return None
    further = f" Against the lowest frequency{_fewer(estimates, at, steps.n)}: {_times(lowest)}." if lowest else ""
    further += _flat(estimates.one("mean_flat_share", kind=kind, size=at["size"]))
    resized = " with a change of size" if at["size"] == "changed" else ""
    return Finding(
        "note",
        f"{SUBJECTS[kind]}{resized} {_verb(zero)} the finest detail of the maps against their mean, over {zero.n:,} "
        f"image{'' if zero.n == 1 else 's'}: {_times(zero)}; {_lowering(int(lowering.value or 0), steps.n)}.{further}",
    )


def _flat(e: Estimate | None) -> str:
    """How many channels say nothing of detail."""
    if e is None or not e.value:
        return ""
    return f" Left out: flat (constant) channels, {percent(e)} of those before and after such a step."


def _fewer(estimates: Estimates, at: Mapping[str, Any], steps: int) -> str:
    """On how many of the steps, where on some maps are too small for that."""
    those = estimates.one("steps", kind=at["kind"], size=at["size"], against="lowest_frequency")
    return f", in {those.n} of these steps" if those and those.n < steps else ""


def _lowering(count: int, steps: int) -> str:
    if steps == 1:
        return f"the only such step {'lowers' if count else 'does not lower'} it by more than 1%"
    return f"{count} of {steps} such steps lower it by more than 1%"


def _verb(e: Estimate) -> str:
    if e.low is not None and e.low > 0:
        return "raises"
    if e.high is not None and e.high < 0:
        return "lowers"
    return "changes" if e.low is None and e.value else "does not clearly change"


def _times(e: Estimate) -> str:
    if e.value is None:
        return "undefined"
    if e.low is None or e.high is None:
        return f"times {_two(e.value)} a step (too few images for an interval)"
    return f"times {_two(e.value)} a step (95% interval {_two(e.low)} to {_two(e.high)})"


def _two(nats: float) -> str:
    """A factor in two decimals, or two digits where it is small."""
    return f"{exp(nats):.2f}" if nats > log(0.1) else f"{exp(nats):.1g}"
