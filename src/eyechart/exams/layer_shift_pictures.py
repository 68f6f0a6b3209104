"""Charts and findings of the layer_shift exam."""

from __future__ import annotations

from collections.abc import Sequence

from eyechart.core.chart import Bars, Chart, Finding, Lines, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates

LINES = 6
CLEAR = 0.1  # of a map's energy about its mean


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Errors by shift, and over depth."""
    directions = list(dict.fromkeys(e.at["direction"] for e in estimates if "direction" in e.at))
    drawn: list[Chart] = []
    for direction in directions[:1]:
        for error in ("invariance_error", "equivariance_error"):
            lines = _by_shift(estimates, error, direction)
            drawn += [lines] if lines else []
    between = _between(estimates, directions)
    return [
        *drawn,
        *([between] if between else []),
        *([_sums(estimates, directions)] if directions else []),
        _table(estimates),
    ]


TITLES = {
    "invariance_error": "How far maps are from standing still",
    "equivariance_error": "How far maps are from moving along",
}
CAPTIONS = {
    "invariance_error": "Distance of a layer's maps before and after the move, by their size; two unrelated maps of "
    "that size lie 1.4 apart if they have nothing in common. A map that moves along is not still: this is to be "
    "large in early layers.",
    "equivariance_error": "The same, but against the first maps moved along by whole places, as well as that goes. "
    "It falls back wherever the picture has moved by a multiple of the stride.",
}


def _by_shift(estimates: Estimates, error: str, direction: str) -> Lines | None:
    layers = list(dict.fromkeys(e.at["layer"] for e in estimates.of(error, direction=direction) if e.value is not None))
    count = min(LINES, len(layers))
    few = [layers[round(i * (len(layers) - 1) / max(count - 1, 1))] for i in range(count)]
    curves = {layer: estimates.of(error, direction=direction, layer=layer) for layer in few}
    if not curves:
        return None
    first = next(iter(curves.values()))
    return Lines(
        title=f"{TITLES[error]} ({direction} moves)",
        x_label="pixels moved",
        y_label="error by the size of the map",
        x=[0.0, *(float(e.at["shift"]) for e in first)],
        series=[_series(f"{layer} (stride {curve[0].at['stride']})", curve, 0.0) for layer, curve in curves.items()],
        caption=f"{CAPTIONS[error]} n = {first[0].n:,} images.",
        format="number",
    )


def _between(estimates: Estimates, directions: Sequence[str]) -> Bars | None:
    found = [e for e in estimates.of("interpolation_error_by_random", by="sinc") if e.value is not None]
    layers = list(dict.fromkeys((e.at["layer"], e.at["stride"]) for e in found))
    if not layers:
        return None
    series = []
    for direction in directions:
        for by, name in (("sinc", "ideal"), ("bilinear", "linear")):
            own = [
                estimates.one("interpolation_error_by_random", layer=layer, direction=direction, by=by)
                for layer, _ in layers
            ]
            series.append(_series(f"{direction}, {name} interpolation", own))
    return Bars(
        title="What no interpolation between the places kept can tell",
        x_label="error by that of another picture's map",
        categories=[f"{layer} (stride {stride})" for layer, stride in layers],
        series=series,
        caption="The picture moves by less than the stride, and the map after is predicted by interpolating the map before. "
        "0: it can be told (ideal interpolation: nothing aliases). 1: it tells as little as the map of another picture.",
        rules=(Rule(1.0, "another picture"),),
        format="number",
    )


def _sums(estimates: Estimates, directions: Sequence[str]) -> Lines:
    cv = {d: estimates.of("sum_variation", direction=d, of="cv") for d in directions}
    first = next(iter(cv.values()))
    return Lines(
        title="Do sums over the map stay the same?",
        x_label="place in the order of use",
        y_label="variation by the channel's size",
        x=[float(e.at["depth"]) for e in first],
        series=[_series(d, own) for d, own in cv.items()],
        caption="Standard deviation of each channel's sum while the picture moves, by the sum of its absolute values; median "
        "channel. A network that ends with a global mean answers as steadily as this is small in its last map.",
        format="number",
    )


def _table(estimates: Estimates) -> Table:
    rows = []
    for pair in estimates.of("random_pair_error"):
        at = {"layer": pair.at["layer"]}
        direction = next((e.at["direction"] for e in estimates.of("invariance_error", **at)), "")
        ones = [
            estimates.one(m, **at, direction=direction, shift=1) for m in ("invariance_error", "equivariance_error")
        ]
        more = estimates.one("interpolation_error", **at, direction=direction, by="sinc")
        sums = [estimates.one("sum_variation", **at, direction=direction, of=of) for of in ("cv",)]
        rows.append([pair.at["depth"], pair.at["layer"], pair.at["stride"], *map(_cell, (*ones, more, *sums))])
    return Table(
        "Layers under a move of one pixel",
        ("place", "layer", "stride", "not still", "not along", "not told", "sums"),
        rows,
        ("integer", None, "integer", *["number"] * 4),  # type: ignore[arg-type]
        "The first direction. Not still, not along: error by the size of the map at one pixel. Not told: what ideal "
        "interpolation leaves, by the map's variance, mean over moves that are no multiples of the stride. Sums: "
        "over all moves.",
    )


def findings(estimates: Estimates) -> Sequence[Finding]:
    """Which layer stops following the picture."""
    found = [e for e in estimates.of("interpolation_error_by_random", by="sinc") if e.value is not None]
    if not found:
        reasons = sorted({e.reason for e in estimates if e.reason})
        return [Finding("note", f"No layer that skips places could be followed{': ' + reasons[0] if reasons else ''}.")]
    directions = dict.fromkeys(e.at["direction"] for e in found)
    direction = (
        "diagonal" if "diagonal" in directions else next(iter(directions))
    )  # channels may see edges of one way only
    along = sorted((e for e in found if e.at["direction"] == direction), key=lambda e: e.at["depth"])
    told = [_lost(along)]
    ends = sorted(estimates.of("sum_variation", direction=direction, of="cv"), key=lambda e: e.at["depth"])
    if ends and ends[-1].value is not None:
        told.append(
            Finding(
                "note",
                f"While the picture moves ({direction}), the sums of a channel of {ends[-1].at['layer']} vary by "
                f"{100 * ends[-1].value:.1f}%{_ends(ends[-1])} of its size (standard deviation, median channel).",
            )
        )
    return told


def _lost(along: Sequence[Estimate]) -> Finding:
    """Of layers in their order, in one direction."""
    first = next((e for e in along if (e.low if e.low is not None else e.value or 0.0) > CLEAR), None)
    if first is None:
        worst = max(along, key=lambda e: e.value or 0.0)
        sentence = (
            "All layers looked at follow a moving picture: interpolation between the places that they keep errs by at most "
            f"{_of_random(worst)} of what another picture's map would."
        )
        return Finding("strong", sentence)
    last = along[-1]
    sentence = (
        f"Invariance begins to be lost at {first.at['layer']} (stride {first.at['stride']}): when the picture moves by less "
        f"than that, the best interpolation of its map errs by {_of_random(first)} of what another picture's map would; at "
        f"{last.at['layer']}, the last layer looked at, by {_of_random(last)}."
    )
    return Finding("weak", sentence, "See the aliasing exam for what is sampled there; blur before places are skipped.")


def _of_random(e: Estimate) -> str:
    return f"{100 * (e.value or 0.0):.0f}%{_ends(e)}"


def _ends(e: Estimate) -> str:
    return (
        f" (95% interval {100 * e.low:.1f} to {100 * e.high:.1f})" if e.low is not None and e.high is not None else ""
    )


def _cell(e: Estimate | None) -> tuple[float | None, float | None, float | None] | None:
    return (e.value, e.low, e.high) if e and e.value is not None else None


def _series(name: str, found: Sequence[Estimate | None], *before: float) -> Series:
    return Series(
        name, *([*before, *(getattr(e, part) if e else None for e in found)] for part in ("value", "low", "high"))
    )
