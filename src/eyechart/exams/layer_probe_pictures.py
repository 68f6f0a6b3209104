"""Charts and findings of the layer_probe exam."""

from __future__ import annotations

from collections.abc import Sequence

from eyechart.core.chart import Chart, Finding, Lines, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent

NETWORK = "network"
GIVEN = {"all": "all images", "correct": "images the probe gets right unmoved"}
FRAMES = {"clean": "as they are", "frame1": "frame 1", "frame2": "frame 2"}


def charts(estimates: Estimates) -> Sequence[Chart]:
    """Change and accuracy over depth."""
    probes = _probes(estimates)
    drawn: list[Chart] = []
    if len(probes) > 1:
        drawn = [_over_depth(estimates, probes, "p_top1_change"), _accuracy(estimates, probes)]
    return [*drawn, _table(estimates)]


def findings(estimates: Estimates) -> Sequence[Finding]:
    """Early against late layers."""
    probes = _probes(estimates)
    if not probes:
        reasons = sorted({e.reason for e in estimates if e.reason}) or ["no layer could be read"]
        return [Finding("note", f"No probe could be fitted: {reasons[0]}.")]
    told = [Finding("note", _classes(estimates, probes))]
    fair = [
        e
        for e in (_one(estimates, "p_top1_change", p.at["layer"], given="correct") for p in probes)
        if e and e.value is not None
    ]
    if len(fair) > 1:
        told.append(
            Finding(
                "note",
                f"A probe of the first layer looked at, {fair[0].at['layer']}, changes its answer under a one-pixel shift in "
                f"{percent(fair[0])} of the {fair[0].n:,} images that it gets right, one of the last layer, "
                f"{fair[-1].at['layer']}, in {percent(fair[-1])} of the {fair[-1].n:,} that that one does.",
            )
        )
    own = _one(estimates, "p_top1_change", NETWORK, given="correct")
    accuracy = _one(estimates, "accuracy", probes[-1].at["layer"], frame="clean")
    network = _one(estimates, "accuracy", NETWORK, frame="clean")
    if accuracy and network and own:
        told.append(
            Finding(
                "note",
                f"The probe of the last layer is right on {percent(accuracy)} of the images, the network itself on "
                f"{percent(network)}{_harder(estimates)}; the network's own answer changes in {percent(own)} of the {own.n:,} "
                "that it gets right.",
            )
        )
    return told


def _classes(estimates: Estimates, probes: Sequence[Estimate]) -> str:
    """What the probes were asked."""
    probed, left_out = (_count(estimates, part) for part in ("probed", "left_out"))
    rest = f"; {left_out:,} with fewer images than that are left out" if left_out else ""
    sentence = (
        f"Probes of {len(probes)} layers choose among the {probed:,} classes that have five images or more{rest}, and are "
        f"judged on the same n = {probes[0].n:,} images."
    )
    if len(probes) == 1:
        sentence += f" That of {probes[0].at['layer']} changes its answer in {percent(probes[0])} of the pairs."
    return sentence


def _harder(estimates: Estimates) -> str:
    """Where the network has more to choose among."""
    probed, network = (_count(estimates, part) for part in ("probed", "network"))
    return (
        f", which chooses among all its {network:,} classes and not the {probed:,} probed" if network > probed else ""
    )


def _count(estimates: Estimates, part: str) -> int:
    found = estimates.one("classes", part=part)
    return int(found.value or 0) if found else 0


def _probes(estimates: Estimates) -> list[Estimate]:
    found = [e for e in estimates.of("p_top1_change", given="all") if e.value is not None and e.at["layer"] != NETWORK]
    return sorted(found, key=lambda e: e.at["depth"])


def _over_depth(estimates: Estimates, probes: Sequence[Estimate], measure: str) -> Lines:
    series = [
        _series(name, [_one(estimates, measure, e.at["layer"], given=g) for e in probes]) for g, name in GIVEN.items()
    ]
    return Lines(
        title="How often a probe of each layer changes its answer",
        x_label="place in the order of use",
        y_label="share of images",
        x=[float(e.at["depth"]) for e in probes],
        series=series,
        rules=_network(estimates, measure, given="correct"),
        caption="Images moved by one pixel; each is judged by a probe that was not fitted on it. Probes of early layers know "
        f"little, and poor answers change easily: hence the second line. n = {probes[0].n:,} images.",
    )


def _accuracy(estimates: Estimates, probes: Sequence[Estimate]) -> Lines:
    series = [
        _series(name, [_one(estimates, "accuracy", e.at["layer"], frame=f) for e in probes])
        for f, name in FRAMES.items()
    ]
    return Lines(
        title="What each layer knows",
        x_label="place in the order of use",
        y_label="share right",
        x=[float(e.at["depth"]) for e in probes],
        series=series,
        rules=_network(estimates, "accuracy", frame="clean"),
        caption="Accuracy of the probes, on images as they are and on the frames of the pairs"
        f"{'; the dashed line is that of the network' + _harder(estimates) if _harder(estimates) else ''}.",
        y_range=(0.0, 1.0),
    )


def _table(estimates: Estimates) -> Table:
    rows = []
    for e in estimates.of("p_top1_change", given="all"):
        layer = e.at["layer"]
        others = [
            _one(estimates, "p_top1_change", layer, given="correct"),
            _one(estimates, "mean_absolute_change", layer, given="all"),
            _one(estimates, "mean_absolute_change", layer, given="correct"),
            _one(estimates, "accuracy", layer, frame="clean"),
        ]
        rows.append([layer, *map(_cell, (e, *others))])
    return Table(
        "Probes under a one-pixel shift",
        ("layer", "changed", "changed, of right", "moved", "moved, of right", "right"),
        rows,
        (None, *["percent"] * 5),  # type: ignore[arg-type]
        "Changed: the top class differs between the frames. Moved: by how much the probability of frame 1's class "
        "does. Of right: images that the same probe gets right as they are. Last line: the network itself.",
    )


def _network(estimates: Estimates, measure: str, **at: str) -> list[Rule]:
    own = _one(estimates, measure, NETWORK, **at)
    return [Rule(own.value, "the network itself")] if own and own.value is not None else []


def _one(estimates: Estimates, measure: str, layer: str, **at: str) -> Estimate | None:
    return estimates.one(measure, layer=layer, **at)


def _cell(e: Estimate | None) -> tuple[float | None, float | None, float | None] | None:
    return (e.value, e.low, e.high) if e and e.value is not None else None


def _series(name: str, found: Sequence[Estimate | None]) -> Series:
    return Series(name, *([getattr(e, part) if e else None for e in found] for part in ("value", "low", "high")))
