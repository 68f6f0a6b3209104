"""Charts of the aliasing exam."""

from __future__ import annotations

from collections.abc import Sequence

from eyechart.core.chart import Bars, Chart, Lines, Mark, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Ratios over depth, shares before and after each sampling, and the strides."""
    own = [e for e in estimates.of("share_over_white_noise", map="output") if e.value is not None]
    drawn: list[Chart] = [_over_depth(estimates, own)] if len(own) > 1 else []
    bars = _at_samplings(estimates)
    return [*drawn, *([bars] if bars else []), _places(estimates)]


def _over_depth(estimates: Estimates, own: Sequence[Estimate]) -> Lines:
    """Ratios of layers that skip places; of steps also that of the map that they sample."""
    given = [estimates.one("share_over_white_noise", layer=e.at["layer"], map="input") for e in own]
    tops = [e.high or e.value or 0.0 for e in (*own, *given) if e]
    return Lines(
        title="Detail too fine for the places kept, by that of white noise",
        x_label="place in the order of use",
        y_label="share of the map's energy, by that of white noise",
        x=[float(e.at["depth"]) for e in own],
        series=[_series("the layer's own map", own), _series("the map that a step works on", given)],
        caption="Energy of each layer's map, taken at every place, at or above the Nyquist frequency of the places that it "
        "keeps, by what white noise of that size has, whose share rises with the stride by itself. Dashed, upright: steps that "
        "keep fewer places; what they work on is judged by the places that they keep. Layers that keep all places are not "
        f"shown: there nothing is too fine. n = {own[0].n:,} images.",
        marks=_strides(estimates),
        rules=(Rule(1.0, "white noise"),),
        format="number",
        y_range=(0.0, max(1.1, *tops)),
    )


def _strides(estimates: Estimates) -> list[Mark]:
    """Where the stride changes; one word a stride, as several branches change it together."""
    marks: dict[str, Mark] = {}
    for e in estimates.of("sampled_from"):
        now = estimates.one("total_stride", layer=e.at["layer"])
        if now and now.value:
            label = f"stride {now.value:.0f}"
            marks.setdefault(label, Mark(float(e.at["depth"]), label))
    return list(marks.values())


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
        rows.append([stride.at["depth"], layer, *numbers, _cell(share), _cell(ratio), _why(stride, share, ratio)])
    return Table(
        "Strides, receptive fields and aliasing",
        ("place", "layer", "stride", "stride before", "receptive field", "too fine", "by white noise", ""),
        rows,
        ("integer", None, "integer", "integer", "integer", "percent", "number", None),
        "In pixels of the model's input, the larger of height and width. Stride: how far neighbouring places of the "
        "map lie apart; receptive field: what one of them sees. Too fine: at or above the Nyquist frequency of these places.",
    )


def _why(stride: Estimate, share: Estimate | None, ratio: Estimate | None) -> str:
    reasons = [e.reason for e in (stride, share, ratio) if e and e.reason]
    return reasons[0] if reasons else "keeps all places" if stride.value == 1 else ""


def _cell(e: Estimate | None) -> tuple[float | None, float | None, float | None] | None:
    return (e.value, e.low, e.high) if e and e.value is not None else None


def _shares(estimates: Estimates, which: str) -> list[Estimate]:
    return estimates.of("nyquist_share", map=which, channels="weighted")


def _series(name: str, found: Sequence[Estimate | None]) -> Series:
    return Series(name, *([getattr(e, part) if e else None for e in found] for part in ("value", "low", "high")))
