"""Charts and findings of the layer_shift exam."""

from __future__ import annotations

from collections.abc import Sequence

from eyechart.core.chart import Bars, Chart, Finding, Lines, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent
from eyechart.stats.intervals import together

LINES = 6
CLEAR = 0.1  # of what another picture's map would give


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Errors by shift, and over depth."""
    directions = list(dict.fromkeys(e.at["direction"] for e in estimates if "direction" in e.at))
    drawn: list[Chart] = []
    for direction in directions[:1]:
        for error in TITLES:
            lines = _by_shift(estimates, error, direction)
            drawn += [lines] if lines else []
    between = _between(estimates, directions)
    return [
        *drawn,
        *([between] if between else []),
        *([_sums(estimates, directions)] if estimates.of("sum_variation") else []),
        _table(estimates),
    ]


TITLES = {
    "invariance_error_by_random": "How far outputs are from standing still",
    "equivariance_error": "How far maps are from moving along",
}
Y_LABELS = {
    "invariance_error_by_random": "change by that of another picture",
    "equivariance_error": "error by the size of the map",
}
CAPTIONS = {
    "invariance_error_by_random": "Distance of a layer's outputs before and after the move, by that of the outputs for two "
    "pictures at the same place: 0 stands still, 1 changes as much as if the picture were another one. A map that moves "
    "along is not still: in early layers this is to be large, after a global pool and in fully connected layers small.",
    "equivariance_error": "Distance of a layer's maps after the move from the first maps moved along by whole places, as well "
    "as that goes, by their size. It falls back wherever the picture has moved by a multiple of the stride.",
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
        y_label=Y_LABELS[error],
        x=[0.0, *(float(e.at["shift"]) for e in first)],
        series=[_series(_named(curve[0]), curve, 0.0) for curve in curves.values()],
        caption=f"{CAPTIONS[error]} n = {first[0].n:,} images.",
        format="number",
    )


def _between(estimates: Estimates, directions: Sequence[str]) -> Bars | None:
    found = [e for e in estimates.of("interpolation_error_by_random", by="sinc") if e.value is not None]
    layers = list({e.at["layer"]: e for e in found}.values())
    if not layers:
        return None
    series = []
    for direction in directions:
        for by, name in (("sinc", "ideal"), ("bilinear", "linear")):
            own = [
                estimates.one("interpolation_error_by_random", layer=e.at["layer"], direction=direction, by=by)
                for e in layers
            ]
            series.append(_series(f"{direction}, {name} interpolation", own))
    return Bars(
        title="What no interpolation between the places kept can tell",
        x_label="error by that of another picture's map",
        categories=[_named(e) for e in layers],
        series=series,
        caption="The picture moves by less than the stride, and the map after is predicted by interpolating the map before. "
        "0: it can be told (ideal interpolation: nothing aliases). 1: it tells as little as the map of another picture at the "
        "same place does, which has the outline on the canvas in common; more is possible.",
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
    still = estimates.of("invariance_error_by_random", shift=1)
    for one in (e for e in still if e.at["direction"] == still[0].at["direction"]):
        at = {"layer": one.at["layer"], "direction": one.at["direction"]}
        others = (
            estimates.one("equivariance_error", **at, shift=1),
            estimates.one("interpolation_error", **at, by="sinc"),
            estimates.one("sum_variation", **at, of="cv"),
        )
        rows.append([one.at["depth"], one.at["layer"], one.at.get("stride"), *map(_cell, (one, *others))])
    return Table(
        "Layers under a move of one pixel",
        ("place", "layer", "stride", "not still", "not along", "not told", "sums"),
        rows,
        ("integer", None, "integer", *["number"] * 4),  # type: ignore[arg-type]
        "The first direction. Not still: change by that of another picture, at one pixel. Not along: error by the size of the "
        "map, at one pixel. Not told: what ideal interpolation leaves, by the map's variance, mean over moves that end between "
        "places. Sums: over all moves. Layers without places in the picture have no stride.",
    )


def findings(estimates: Estimates) -> Sequence[Finding]:
    """Which layer stops following the picture, and how still its sums and the last output are."""
    directions = list(dict.fromkeys(e.at["direction"] for e in estimates if "direction" in e.at))
    direction = (
        "diagonal" if "diagonal" in directions else next(iter(directions), "")
    )  # layers may see edges of one way only
    found = estimates.of("interpolation_error_by_random", by="sinc", direction=direction)
    known = [e for e in found if e.value is not None]
    end = estimates.one("layers_not_followed")
    told = [_lost(known, end is None) if known else _nothing(estimates)]
    sums = [e for e in estimates.of("sum_variation", direction=direction, of="cv") if e.value is not None]
    if sums:
        last = max(sums, key=lambda e: e.at["depth"])
        sentence = (
            f"While the picture moves ({direction}), the sums of a channel of {last.at['layer']} vary by {percent(last)} of "
            "its size (standard deviation, median channel)."
        )
        told.append(Finding("note", sentence))
    still = [e for e in estimates.of("invariance_error_by_random", direction=direction, shift=1) if e.value is not None]
    if still:
        last = max(still, key=lambda e: e.at["depth"])
        sentence = (
            f"When the picture moves by one pixel ({direction}), the output of {last.at['layer']}, the last layer looked at, "
            f"changes by {percent(last)} of what it does from picture to picture (root mean square, n = {last.n:,} images)."
        )
        told.append(Finding("note", sentence))
    if end:
        sentence = f"Layers after {end.at['layer']} could not be followed, because {end.reason}."
        told.append(Finding("note", sentence))
    return told


def _nothing(estimates: Estimates) -> Finding:
    reasons = sorted({e.reason for e in estimates if e.reason and e.measure != "layers_not_followed"})
    return Finding("note", f"No layer that skips places could be followed{': ' + reasons[0] if reasons else ''}.")


def _lost(along: Sequence[Estimate], all_followed: bool) -> Finding:
    """Of layers in their order, in one direction; intervals hold for all of the layers at once.

    No praise of a net with layers that could not be followed.
    """
    ends = [_together(e, len(along)) for e in along]
    first = next((k for k, (low, _) in enumerate(ends) if low is not None and low > CLEAR), None)
    if first is not None:
        e = along[first]
        after = (
            f"; at {along[-1].at['layer']}, the last layer looked at, by {_of_random(along[-1], ends[-1])}"
            if first + 1 < len(along)
            else ""
        )
        sentence = (
            f"Invariance is lost at {e.at['layer']} (stride {e.at['stride']}), the first layer where that is clear: when "
            "the picture moves by less than the stride, the best interpolation of its map errs by "
            f"{_of_random(e, ends[first])} of what another picture's map would{after}. {_counted(along)}"
        )
        return Finding(
            "weak", sentence, "See the aliasing exam for what is sampled there; blur before places are skipped."
        )
    if all(high is not None and high <= CLEAR for _, high in ends):
        most = max(high or 0.0 for _, high in ends)
        which = (
            "All layers looked at" if all_followed else "The layers that could be looked at, not all of the network's,"
        )
        sentence = (
            f"{which} follow a moving picture: interpolation between the places that they keep errs by less than "
            f"{100 * most:.1f}% of what another picture's map would. {_counted(along)}"
        )
        return Finding("strong" if all_followed else "note", sentence)
    sentence = (
        f"Whether a layer stops following a moving picture is not shown: at {along[-1].at['layer']}, the last layer looked at, "
        f"interpolation errs by {_of_random(along[-1], ends[-1])} of what another picture's map would. {_counted(along)}"
    )
    return Finding("note", sentence, "More images would say more.")


def _together(e: Estimate, count: int) -> tuple[float | None, float | None]:
    if e.value is None or e.low is None or e.high is None:
        return None, None
    return together(e.value, e.low, e.high, count)


def _counted(along: Sequence[Estimate]) -> str:
    return f"Layers that skip places: {len(along)}; their intervals hold at once. n = {along[-1].n:,} images."


def _of_random(e: Estimate, ends: tuple[float | None, float | None]) -> str:
    low, high = ends
    interval = "" if low is None or high is None else f" (95% interval {100 * max(low, 0.0):.1f} to {100 * high:.1f})"
    return f"{100 * (e.value or 0.0):.0f}%{interval}"


def _named(e: Estimate) -> str:
    return f"{e.at['layer']} (stride {e.at['stride']})" if "stride" in e.at else str(e.at["layer"])


def _cell(e: Estimate | None) -> tuple[float | None, float | None, float | None] | None:
    return (e.value, e.low, e.high) if e and e.value is not None else None


def _series(name: str, found: Sequence[Estimate | None], *before: float) -> Series:
    return Series(
        name, *([*before, *(getattr(e, part) if e else None for e in found)] for part in ("value", "low", "high"))
    )
