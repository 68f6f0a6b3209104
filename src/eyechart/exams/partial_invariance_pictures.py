"""Charts and findings of the partial_invariance exam."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eyechart.core.chart import Bars, Chart, Finding, Format, Lines, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent, points

GIVEN = {
    "all": "all images",
    "correct": "right as they are",
    "like_confidence": "all, matched in confidence",
    "correct_like_confidence": "right, matched in confidence",
}
WORTH_MENDING = 0.05  # as a share of changed answers is in shift
WIDE = 0.2  # as a difference of such shares: an interval that reaches further shows neither a dependence nor that there is none
MEASURES: dict[str, tuple[str, Format]] = {
    "distance": ("distance", "number"),
    "confidence": ("confidence", "percent"),
    "accuracy": ("right as they are", "percent"),
}


def charts(estimates: Estimates) -> Sequence[Chart]:
    """How often answers change at all."""
    found = [e for given in GIVEN if (e := _overall(estimates, given))]
    return [
        Bars(
            title="How often a one-pixel shift changes the answer",
            x_label="share of pairs",
            categories=[GIVEN[e.at["given"]] for e in found],
            series=[Series("of pairs", *([getattr(e, end) for e in found] for end in ("value", "low", "high")))],
            caption=f"Over all distances from the training images; n = {found[0].n:,} images.",
        )
    ]


def charts_beside(training: Estimates) -> Sequence[Chart]:
    """Change by distance, and what else differs between the parts."""
    shown = {given: found for given in GIVEN if (found := _parts(training, "p_top1_change", given))}
    if not shown:
        return ()
    whole = shown["all"]
    series = [
        Series(GIVEN[given], *([getattr(e, end) for e in found] for end in ("value", "low", "high")))
        for given, found in shown.items()
    ]
    total = sum(e.n for e in whole)
    return [
        Lines(
            title="Changed answers by distance from the training images",
            x_label=f"part of the images, 1 = nearest, {len(whole)} = farthest",
            y_label="share of pairs",
            x=[float(e.at["part"]) for e in whole],
            series=series,
            caption=f"{total:,} images in parts of equal numbers. A rise over all images alone proves little: far images are "
            "harder, and unsure answers change easily. Where parts are matched in confidence, the distance differs, and what "
            "familiarity does by making the network sure is left out, too.",
        ),
        _table(training, shown),
    ]


def findings(estimates: Estimates) -> Sequence[Finding]:
    """How often answers change at all."""
    e = _overall(estimates, "all")
    if e is None or e.value is None:
        return [Finding("note", "No image left room to be moved.")]
    return [Finding("note", f"Moved by one pixel, its answer changes in {percent(e)} of the pairs.")]


def findings_beside(training: Estimates) -> Sequence[Finding]:
    """Near against far, before and after the controls, which decide."""
    gaps = {given: e for given in GIVEN if (e := training.one("change_gap", given=given))}
    plain = gaps.get("all")
    if plain is None:
        return []
    if plain.value is None:
        return [Finding("note", f"Near and far images cannot be compared: {plain.reason}.")]
    near, far = (_parts(training, "p_top1_change", "all")[j] for j in (0, -1))
    told = [
        Finding(
            "note",
            f"Of the images nearest to the training images, its answer changes in {percent(near)} of the pairs, of the "
            f"farthest in {percent(far)}.",
        ),
        _judged(plain, [e for given, e in gaps.items() if given.endswith("like_confidence")]),
    ]
    same = training.one("same_images")
    if same and same.value:
        told.append(
            Finding(
                "weak",
                f"{same.value:,.0f} of {same.n:,} examined images are ones that the network cannot tell from a training image.",
                "Look for duplicates: on these the figures are not those of new images.",
            )
        )
    return told


def _judged(plain: Estimate, matched: Sequence[Estimate]) -> Finding:
    """``matched``: gaps among images alike in confidence."""
    known = [e for e in matched if e.low is not None and e.high is not None]
    if not known:
        return Finding("note", "Whether distance matters beyond confidence cannot be said from so few images.")
    last = known[-1]
    among = GIVEN[last.at["given"]].replace("all, ", "images ").replace("right, ", "right answers ")
    left = f"among {among}, {points(last)}"
    if all(e.low is not None and e.low > 0 for e in matched):
        sentence = f"Not all of that goes with confidence: {left} remain between the farthest and the nearest."
        if (last.low or 0.0) > WORTH_MENDING:
            return Finding("weak", sentence, "Train with images like the far ones, or anti-alias where it subsamples.")
        return Finding("note", sentence)
    if all(e.high is not None and e.high < 0 for e in matched):
        return Finding("note", f"Of images alike in confidence the far ones are the steadier: {left}.")
    return _unshown(plain, known, left)


def _unshown(plain: Estimate, known: Sequence[Estimate], left: str) -> Finding:
    """No gap is shown among images alike in confidence; whether there may be a large one depends on how many there are."""
    if any(max(-(e.low or 0.0), e.high or 0.0) > WIDE for e in known):
        few = f"cannot be said from so few images: {left}, n = {known[-1].n:,} in each part"
        return Finding("note", f"Whether distance matters beyond confidence {few}.", "More images would say more.")
    if plain.low is not None and plain.low > 0:
        unsure = "Far images are also less surely answered, which may explain it all"
        return Finding("note", f"{unsure}: {left} between the farthest and the nearest.")
    return Finding("note", f"No dependence on distance shows beyond that of confidence: {left}.")


def _overall(estimates: Estimates, given: str) -> Estimate | None:
    return next((e for e in estimates.of("p_top1_change", given=given) if "part" not in e.at), None)


def _parts(training: Estimates, measure: str, given: str) -> list[Estimate]:
    return [e for e in training.of(measure, given=given) if "part" in e.at]


def _table(training: Estimates, shown: Iterable[str]) -> Table:
    """What else differs between the parts."""
    measures = [m for m in MEASURES if training.of(m)]
    rows = []
    for given in shown:
        for e in _parts(training, "p_top1_change", given):
            others = [training.one(m, **e.at) for m in measures]
            cells = [(one.value, one.low, one.high) if one else None for one in (e, *others)]
            rows.append([GIVEN[given], e.at["part"], e.n, *cells])
    (counted,) = training.of("training_images")
    which = "the nearest" if counted.at["neighbour"] == 1 else f"neighbour {counted.at['neighbour']}"
    of = f"{which} of {counted.value:,.0f} training images, by features of {counted.at['layer']}"
    return Table(
        title="What else differs between the parts",
        columns=["images", "part", "n", "answers changed", *(MEASURES[m][0] for m in measures)],
        rows=rows,
        formats=[None, "integer", "integer", "percent", *(MEASURES[m][1] for m in measures)],
        caption=f"Distance from {of}: 0 = alike, 1.4 = nothing in common.",
    )
