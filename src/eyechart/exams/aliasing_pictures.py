"""Charts and findings of the aliasing exam."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from eyechart.core.chart import Bars, Chart, Finding, Lines, Mark, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent
from eyechart.stats.intervals import together

CLEAR = 0.05  # of what white noise has
TELLING = 0.1  # a smaller rise of that is no jump


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Shares over depth, before and after each sampling, and the strides."""
    own = [e for e in _shares(estimates, "output") if e.value is not None]
    drawn: list[Chart] = [_over_depth(estimates, own)] if len(own) > 1 else []
    bars = _at_samplings(estimates)
    return [*drawn, *([bars] if bars else []), _places(estimates)]


def findings(estimates: Estimates) -> Sequence[Finding]:
    """Where the share jumps, and what is sampled worst; by the ratio to white noise, whose share rises with the stride."""
    steps = [e for e in _ratios(estimates, "input") if e.value is not None]
    if not steps:
        return [Finding("note", _nothing(estimates))]
    own = sorted((e for e in _ratios(estimates, "output") if e.value is not None), key=lambda e: e.at["depth"])
    told = [_jump(estimates, own)] if len(own) > 1 else []
    worst = max(steps, key=lambda e: e.value or 0.0)
    given, filtered = (_share(estimates, worst.at["layer"], which) for which in ("input", "output"))
    after = f", and of its own map, before places are skipped, {percent(filtered)}" if filtered else ""
    told.append(
        Finding(
            "note",
            f"The step {worst.at['layer']} keeps every {_nth(worst)} pixel's place. Of the map that it works on, "
            f"{percent(given) if given else 'some'} of the detail is too fine for that{after} (white noise: "
            f"{_noise(estimates, worst)}). n = {worst.n:,} images.",
        )
    )
    return told


def _jump(estimates: Estimates, own: Sequence[Estimate]) -> Finding:
    """The largest rise from one layer to the next of the ratios to white noise.

    It is picked among all, so that intervals are to hold for all layers at once.
    """
    worst = max(own, key=lambda e: e.value or 0.0)
    if all(_at_once(e, len(own))[1] < CLEAR for e in own):
        sentence = f"Hardly any layer holds detail too fine for its samples: at most {_told(estimates, worst)}."
        return Finding("strong", sentence)
    skipping = {e.at["layer"] for e in estimates.of("sampled_from")}  # others keep what they are given
    steps = [pair for pair in pairwise(own) if pair[1].at["layer"] in skipping]
    if not steps:
        sentence = f"No step between two layers looked at skips places; the most is {_told(estimates, worst)}."
        return Finding("note", sentence)
    before, after = max(steps, key=lambda pair: (pair[1].value or 0.0) - (pair[0].value or 0.0))
    apart = _at_once(after, len(own))[0] > _at_once(before, len(own))[1]
    if not apart or (after.value or 0.0) - (before.value or 0.0) < TELLING:
        sentence = f"No clear jump from one layer to the next is shown; the most is {_told(estimates, worst)}."
        return Finding("note", sentence)
    first = estimates.one("sampled_from", layer=after.at["layer"])
    what = (
        f", where its total stride goes from {first.value:.0f} to {after.at['stride']}" if first and first.value else ""
    )
    sentence = (
        f"The share of detail that is too fine for the places kept jumps at {after.at['layer']}{what}: from "
        f"{_told(estimates, before)} to {_told(estimates, after)}. Such detail turns into "
        "false coarse detail, which changes when the picture moves by less than the stride."
    )
    return Finding("weak", sentence, "Blur before this step skips places (anti-aliasing), or let it keep all.")


def _at_once(e: Estimate, count: int) -> tuple[float, float]:
    """The ends of an interval that holds for so many figures at once; anything may be where there is none."""
    if e.value is None or e.low is None or e.high is None:
        return -inf, inf
    return together(e.value, e.low, e.high, count)


def _told(estimates: Estimates, ratio: Estimate) -> str:
    """A ratio in words, with the share that it is of."""
    share = _share(estimates, ratio.at["layer"], ratio.at["map"])
    ends = f" [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio.low is not None and ratio.high is not None else ""
    return f"{percent(share) if share else 'a share'} at {ratio.at['layer']}, {ratio.value:.2f}{ends} times that of white noise"


def _over_depth(estimates: Estimates, own: Sequence[Estimate]) -> Lines:
    marks: list[Mark] = []
    for e in estimates.of("sampled_from"):
        now = estimates.one("total_stride", layer=e.at["layer"])
        if now and now.value and all(mark.x != e.at["depth"] for mark in marks):
            marks.append(Mark(float(e.at["depth"]), f"stride {now.value:.0f}"))
    noise = [estimates.one("white_noise_share", layer=e.at["layer"], map="output") for e in own]
    median = [estimates.one("nyquist_share", layer=e.at["layer"], map="output", channels="median") for e in own]
    seen, kept = set(), []
    for mark in marks:  # one word a stride: several branches change it together
        if mark.label not in seen:
            kept.append(mark)
        seen.add(mark.label)
    return Lines(
        title="Detail too fine for the places kept",
        x_label="place in the order of use",
        y_label="share of the map's energy",
        x=[float(e.at["depth"]) for e in own],
        series=[
            _series("by energy", own),
            _series("median channel", median),
            Series("white noise", [e.value if e else None for e in noise]),
        ],
        caption="Energy of each layer's map, taken at every place, at or above the Nyquist frequency of the places that it "
        "keeps. Dashed: steps that keep fewer. The share of white noise rises with the stride by itself. "
        f"n = {own[0].n:,} images.",
        marks=kept,
        y_range=(0.0, 1.0),
    )


def _at_samplings(estimates: Estimates) -> Bars | None:
    steps = [e for e in _shares(estimates, "input") if e.value is not None]
    if not steps:
        return None
    after = [estimates.one("nyquist_share", layer=e.at["layer"], map="output", channels="weighted") for e in steps]
    noise = [estimates.one("white_noise_share", layer=e.at["layer"], map="input") for e in steps]
    return Bars(
        title="What each sampling step is given, and what it samples",
        x_label="share of the map's energy too fine for the places kept",
        categories=[f"{e.at['layer']} (stride {e.at['stride']})" for e in steps],
        series=[
            _series("the map it works on", steps),
            _series("its own map, before it is thinned out", after),
            Series("white noise", [e.value if e else None for e in noise]),
        ],
        caption="A step that blurs takes fine detail out before it keeps every second place: its second bar is then near 0.",
        x_range=(0.0, 1.0),
    )


def _places(estimates: Estimates) -> Table:
    rows = []
    for stride in estimates.of("total_stride"):
        layer = stride.at["layer"]
        field, first = (estimates.one(m, layer=layer) for m in ("receptive_field", "sampled_from"))
        share, ratio = (
            estimates.one(m, layer=layer, map="output", channels="weighted")
            for m in ("nyquist_share", "share_over_white_noise")
        )
        numbers = [e.value if e else None for e in (stride, first, field)]
        rows.append([stride.at["depth"], layer, *numbers, _cell(share), _cell(ratio), _why(stride, share)])
    return Table(
        "Strides, receptive fields and aliasing",
        ("place", "layer", "stride", "stride before", "receptive field", "too fine", "by white noise", ""),
        rows,
        ("integer", None, "integer", "integer", "integer", "percent", "number", None),
        "In pixels of the model's input, the larger of height and width. Stride: how far neighbouring places of the "
        "map lie apart; receptive field: what one of them sees. Too fine: at or above the Nyquist frequency of these places.",
    )


def _why(stride: Estimate, share: Estimate | None) -> str:
    return stride.reason or (share.reason if share else "")


def _cell(e: Estimate | None) -> tuple[float | None, float | None, float | None] | None:
    return (e.value, e.low, e.high) if e and e.value is not None else None


def _shares(estimates: Estimates, which: str) -> list[Estimate]:
    return estimates.of("nyquist_share", map=which, channels="weighted")


def _ratios(estimates: Estimates, which: str) -> list[Estimate]:
    return estimates.of("share_over_white_noise", map=which)


def _share(estimates: Estimates, layer: str, which: str) -> Estimate | None:
    return estimates.one("nyquist_share", layer=layer, map=which, channels="weighted")


def _series(name: str, found: Sequence[Estimate | None]) -> Series:
    return Series(name, *([getattr(e, part) if e else None for e in found] for part in ("value", "low", "high")))


def _noise(estimates: Estimates, e: Estimate) -> str:
    noise = estimates.one("white_noise_share", layer=e.at["layer"], map=e.at["map"])
    return f"{100 * noise.value:.1f}%" if noise and noise.value is not None else "unknown"


def _nth(e: Estimate) -> str:
    stride = int(e.at["stride"])
    return {2: "second", 3: "third"}.get(stride, f"{stride}th")


def _nothing(estimates: Estimates) -> str:
    reasons = sorted({e.reason for e in estimates if e.reason})
    why = f": {reasons[0]}" if reasons else ""
    return f"No step of this network that keeps fewer places could be looked at{why}."
