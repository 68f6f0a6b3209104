"""Charts and findings of the channels exam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from eyechart.core.chart import Chart, Finding, Lines, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates, ends
from eyechart.core.words import number
from eyechart.exams.channels_sums import Summed
from eyechart.models.stages import spread

TWINS = {"patches": "tiles shuffled", "phases": "phases scrambled"}
TOLD = {"patches": "With the tiles of the images shuffled", "phases": "With their phases scrambled"}
EDGES = np.linspace(-0.25, 1.25, 31)
MOST_LAYERS = 6  # in one figure


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Texture-ness by depth, and all figures of each layer."""
    shown = [e for e in estimates.of("channels") if e.value is not None]
    measured = any(_of(estimates, f"texture_ness_{twin}", e) for twin in TWINS for e in shown)
    drawn: list[Chart] = [_by_depth(estimates, shown)] if len(shown) > 1 and measured else []
    return [*drawn, _table(estimates)]


def histograms(summed: Mapping[str, Summed], twin: str) -> Iterator[Chart]:
    """How the slopes of the channels are spread; nothing where no channel varies."""
    slopes = {name: one.texture_ness(twin) for name, one in summed.items() if not one.dead.all()}
    if not slopes:
        return
    series = []
    for name in spread(list(slopes), MOST_LAYERS):
        known = slopes[name][~np.isnan(slopes[name])]
        counts, _ = np.histogram(np.clip(known, EDGES[0], EDGES[-1]), EDGES)
        series.append(Series(name, [float(share) for share in counts / len(known)]))
    n = max(one.n for one in summed.values())
    yield Lines(
        title=f"Texture-ness of single channels: {TWINS[twin]}",
        x_label="texture-ness: 1 = order is nothing to the channel, 0 = without it the response is lost",
        y_label="share of the layer's channels",
        x=[float(x) for x in np.round((EDGES[1:] + EDGES[:-1]) / 2, 3)],
        series=series,
        caption=f"Channels that vary from image to image, counted in steps of {EDGES[1] - EDGES[0]:.2f}; the outermost hold "
        f"all beyond. Each is estimated from n = {n:,} images, so that with few images chance alone spreads them.",
    )


def findings(estimates: Estimates) -> Sequence[Finding]:
    """What order is to the first and the last layer, what cannot be told, and dead channels."""
    layers = [e for e in estimates.of("channels") if e.value is not None]
    if not layers:
        return [Finding("note", f"No channels could be read: {estimates.of('channels')[0].reason}.")]
    told = [finding for twin in TWINS if (finding := _order(estimates, twin))]
    told += [*_within_a_tile(estimates, layers), *_dead(estimates, layers)]
    if not told:
        told.append(Finding("note", f"The channels of {len(layers)} layers were read, n = {layers[0].n:,} images."))
    return told


def _order(estimates: Estimates, twin: str) -> Finding | None:
    known = [e for e in estimates.of(f"texture_ness_{twin}") if e.value is not None]
    if not known:
        return None
    first, last = known[0], known[-1]
    before = f", that of {first.at['layer']} {number(first)}" if len(known) > 1 else ""
    return Finding(
        "note",
        f"{TOLD[twin]}, the median channel of {last.at['layer']} has a texture-ness of {number(last)}{before}. At 1 it is "
        f"nothing to a channel where things lie; at 0 no response is left without their order. n = {last.n:,} images.",
    )


def _within_a_tile(estimates: Estimates, layers: Sequence[Estimate]) -> Iterator[Finding]:
    """Layers of which shuffled tiles say nothing."""
    tile = estimates.one("pixels_per_tile")
    if tile is None or tile.value is None:
        return
    fields = {e.at["layer"]: _of(estimates, "receptive_field", e) for e in layers}
    small = [name for name, e in fields.items() if e and e.value is not None and e.value < tile.value]
    if small:
        yield Finding(
            "note",
            f"Units of {', '.join(small)} see less than one tile ({tile.value:.0f} pixels): that shuffled tiles leave such "
            "channels as they were would say nothing of what they look for.",
        )


def _dead(estimates: Estimates, layers: Sequence[Estimate]) -> Iterator[Finding]:
    shares = [found for e in layers if (found := _of(estimates, "dead_share", e))]
    worst = max(shares, key=lambda e: e.value or 0.0)
    if worst.value:
        yield Finding(
            "note",
            f"{100 * worst.value:.1f}% of the channels of {worst.at['layer']} are the same for all of the {worst.n:,} images: "
            "they do nothing here, though other images might wake them.",
        )


def _by_depth(estimates: Estimates, shown: Sequence[Estimate]) -> Lines:
    tile, series = estimates.one("pixels_per_tile"), []
    for twin, name in TWINS.items():
        found = [_of(estimates, f"texture_ness_{twin}", e) for e in shown]
        if any(e and e.value is not None for e in found):
            series.append(Series(name, *ends(found)))
    size = (
        f" A tile is {tile.value:.0f} pixels a side: layers that see less are near 1 whatever they detect."
        if tile
        else ""
    )
    return Lines(
        title="Does order matter to the channels?",
        x_label="place in the order of use",
        y_label="median texture-ness",
        x=[float(e.at["depth"]) for e in shown],
        series=series,
        format="number",
        rules=[Rule(1.0, "order is nothing to it"), Rule(0.0, "lost without order")],
        caption="Slope of a channel's mean response to the image in disorder on that to the image as it is; median over the "
        f"channels that vary.{size} n = {shown[0].n:,} images.",
    )


def _table(estimates: Estimates) -> Table:
    """One row a layer; reasons where a layer could not be read."""
    columns = ["layer", "channels", "sees pixels", "dead", *TWINS.values(), "selectivity, held out"]
    rows: list[list[Any]] = []
    for e in estimates.of("channels"):
        if e.value is None:
            rows.append([f"{e.at.get('layer', 'none')}: {e.reason}", *[None] * (len(columns) - 1)])
            continue
        field, dead = (_of(estimates, name, e) for name in ("receptive_field", "dead_share"))
        held_out = estimates.one("selectivity", layer=e.at["layer"], chosen_on="other_half")
        slopes = [_of(estimates, f"texture_ness_{twin}", e) for twin in TWINS]
        cells = [(s.value, s.low, s.high) if s else None for s in slopes]
        rows.append([e.at["layer"], e.value, *(x.value if x else None for x in (field, dead)), *cells])
        rows[-1].append(held_out.value if held_out else None)
    return Table(
        title="The layers looked at",
        columns=columns,
        rows=rows,
        formats=[None, "integer", "integer", "percent", "number", "number", "number"],
        caption="Medians over channels. Selectivity: how much more a channel says to images of its best class than to others, "
        "from 0 to 1; the class is picked on other images than it is judged on.",
    )


def _of(estimates: Estimates, measure: str, layer: Estimate) -> Estimate | None:
    """A measure of the layer that an estimate is of."""
    return estimates.one(measure, layer=layer.at["layer"])
