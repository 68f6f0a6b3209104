"""Figures of the shape_bias exam."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from eyechart.core.chart import Bars, Chart, Dots, Format, Gallery, Lines, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.exams.shape_bias_bands import CUES
from eyechart.exams.shape_bias_published import CATEGORIES, OBSERVERS, STIMULI
from eyechart.exams.shape_bias_rows import LISTS, key_of
from eyechart.images.categories import RULES
from eyechart.images.category_file import built_in

LINE = "answers {answer}, {named} (top output: {class_name}, {confidence:.0%})"
HEADS = {
    "featured": "Which cue wins?",
    "texture": "Clearest for the texture",
    "shape": "Clearest for the shape",
    "other": "Clearest for neither",
}
FAMOUS, TWO = "featured", 2  # pictures of each famous pair of categories
FATES = {
    "conflict": "shape and texture of two categories: counted in all figures",
    "agreeing": "shape and texture agree: say nothing of which wins",
    "absent": "of a category that the model lacks",
    "no_stimulus": "no such stimulus",
}
PUBLISHED = (
    f" Published: answers to {STIMULI:,} public stimuli (people: 10 of them, pooled; Geirhos et al., ICLR 2019)."
)
SHARES: tuple[Format, ...] = ("percent",) * 5
SIDES = {"low": "coarse part (low-pass)", "high": "fine part (high-pass)"}


def charts(estimates: Estimates, rule: str) -> Sequence[Chart]:
    """The pictures everybody knows, the categories, all aggregations, ranks, bands, further pictures, and what was left out."""
    return [
        _gallery("featured"),
        *_categories(estimates, rule),
        *_aggregations(estimates, rule),
        *_ranks(estimates),
        *_bands(estimates, rule),
        *(_gallery(kind) for kind in LISTS[1:]),
        _stimuli(estimates),
    ]


def whole(estimates: Estimates, measure: str, **at: str) -> Estimate | None:
    """The figure of the whole pictures."""
    return next((e for e in estimates.of(measure, **at) if "band" not in e.at), None)


def comparable(estimates: Estimates, rule: str) -> bool:
    """Whether the stimuli show the categories, all of them, that the published figures are about."""
    shown = {e.at["category"] for e in estimates.of("category_shape_bias", aggregation=rule)}
    return shown == {name for name, _ in built_in(CATEGORIES)[1]}


def _gallery(kind: str) -> Gallery:
    lead = (
        "The pictures that this test is known by, where the stimuli hold them, some that are chosen by name alone, and what is "
        "answered. "
    )
    return Gallery(
        title=HEADS[kind],
        key=key_of(kind),
        pictures=[("whole", "shape {shape}, texture {texture}")],
        lines=[LINE],
        shared=kind == FAMOUS,
        most=TWO if kind == FAMOUS else None,
        caption=f"{lead if kind == FAMOUS else ''}Each picture has the shape of one thing and the texture of another.",
    )


def _categories(estimates: Estimates, rule: str) -> Iterator[Dots]:
    found = estimates.of("category_shape_bias", aggregation=rule)
    pooled = whole(estimates, "shape_bias", aggregation=rule)
    if not found or pooled is None:
        return
    published_too = comparable(estimates, rule)
    rules = [Rule(one.shape_bias, f"{one.name}, published") for one in OBSERVERS if published_too]
    published = (
        f" Dashed: published figures of {STIMULI:,} stimuli, for comparison alone: what is not the same set of images is "
        "not like with like."
    )
    yield Dots(
        title="Shape or texture, by category",
        x_label="shape, of answers that name either cue",
        categories=[e.at["category"] for e in found],
        series=[Series("this model", [e.value for e in found], [e.low for e in found], [e.high for e in found])],
        pooled=[pooled.value],
        rules=rules,
        x_range=(0.0, 1.0),
        ends=("texture", "shape"),
        caption="Rows are categories of the shape; without a mark: neither cue was ever named, or the model lacks it. Upright "
        f"line: all categories. Intervals resample contents and textures.{published if rules else ''}",
    )


def _aggregations(estimates: Estimates, chosen: str) -> Iterator[Table]:
    published = comparable(estimates, chosen)
    measures = ("shape_bias", "either_cue_accuracy", "shape_accuracy", "texture_accuracy")
    rows: list[Sequence[object]] = []
    for rule in RULES:
        found = [whole(estimates, measure, aggregation=rule) for measure in measures]
        known = [e for e in found if e is not None]
        if len(known) == len(measures):
            wilson = whole(estimates, "shape_bias_wilson", aggregation=rule)
            least = (wilson.value, wilson.low, wilson.high) if wilson else None
            figures = [(e.value, e.low, e.high) for e in known]
            rows.append([f"this model, {rule}", figures[0], least, *figures[1:], known[1].n])
    if not rows:
        return
    for one in OBSERVERS if published else ():
        n, counts = one.counts.n, one.counts
        shares = (counts.either / n, counts.shape / n, counts.texture / n)
        rows.append([f"published: {one.name}", one.shape_bias, None, *shares, n])
    yield Table(
        title="By how outputs are summed up to categories",
        columns=[
            "answers", "shape bias", "by Wilson", "either cue", "shape", "texture", "n",
        ],
        rows=rows,
        formats=(None, *SHARES, "integer"),
        caption="mean, sum, max: the category with the largest mean, sum or maximum of its outputs' probabilities; strict: the "
        "category of the top output of all, if it has one. Wilson's interval takes images for independent, which is too "
        f"narrow.{_by_chance(estimates, chosen)}{PUBLISHED if published else ''}",
    )  # fmt: skip


def _by_chance(estimates: Estimates, rule: str) -> str:
    found = [estimates.one("accuracy_by_chance", aggregation=rule, cue=cue) for cue in CUES]
    told = " and ".join(f"the {e.at['cue']} in {e.value:.1%}" for e in found if e is not None and e.value is not None)
    return f" The same answers ({rule}), dealt to these pictures at random, would name {told}." if told else ""


def _ranks(estimates: Estimates) -> Iterator[Bars]:
    found = [whole(estimates, "reciprocal_rank", cue=cue) for cue in CUES]
    ranks = [e for e in found if e is not None and e.value is not None]
    chance = estimates.of("reciprocal_rank_by_chance")
    if len(ranks) < 2 or len(chance) < 2:
        return
    yield Bars(
        title="How high does each cue rank among all outputs?",
        x_label="mean of 1 / rank",
        categories=["shape", "texture"],
        series=[
            Series("this model", [e.value for e in ranks], [e.low for e in ranks], [e.high for e in ranks]),
            Series("outputs in random order", [e.value for e in chance]),
        ],
        format="number",
        x_range=(0.0, 1.0),
        caption="The rank of the best output of the category that the shape, or the texture, belongs to; 1 means always "
        "first. Unlike a ratio of answers it tells a model that sees both cues from one that sees neither.",
    )


def _bands(estimates: Estimates, rule: str) -> Iterator[Lines]:
    if not estimates.of("shape_bias", band="low"):
        return
    where = [e.at["radius"] for e in estimates.of("shape_bias", aggregation=rule, band="low")]
    bias = whole(estimates, "shape_bias", aggregation=rule)
    yield Lines(
        title="Shape bias of the coarse and the fine part",
        x_label="radius (waves across the image)",
        y_label="shape bias",
        x=where,
        series=[_series(name, estimates.of("shape_bias", aggregation=rule, band=side)) for side, name in SIDES.items()],
        rules=[Rule(bias.value, "whole images")] if bias and bias.value is not None else [],
        y_range=(0.0, 1.0),
        caption="Of the answers that name shape or texture, the share that names the shape, on pictures of which only what is "
        "coarser, or finer, than so many waves is shown.",
    )
    cues = [(cue, side) for side in SIDES for cue in CUES]
    yield Lines(
        title="Where shape and texture live",
        x_label="radius (waves across the image)",
        y_label="answers that name the cue",
        x=where,
        series=[
            _series(f"{cue}, {side}", estimates.of(f"{cue}_accuracy", aggregation=rule, band=side))
            for cue, side in cues
        ],
        y_range=(0.0, _ceiling(estimates, rule)),
        caption="Share of answers that name the shape, or the texture, on the coarse part (low) and the fine part (high).",
    )


def _ceiling(estimates: Estimates, rule: str) -> float:
    """The fifth that no share of either cue on a part, nor its interval, goes beyond."""
    parts = [e for cue in CUES for e in estimates.of(f"{cue}_accuracy", aggregation=rule) if "band" in e.at]
    return max(0.2, ceil(5 * max((e.high or e.value or 0.0 for e in parts), default=1.0)) / 5)


def _series(name: str, found: Sequence[Estimate]) -> Series:
    return Series(name, [e.value for e in found], [e.low for e in found], [e.high for e in found])


def _stimuli(estimates: Estimates) -> Table:
    rows = [[FATES[e.at["fate"]], int(e.value or 0)] for e in estimates.of("stimuli")]
    return Table(
        title="What was counted",
        columns=["images", "number"],
        rows=rows,
        formats=[None, "integer"],
        caption="Only images with the shape of one category and the texture of another can say which cue wins.",
    )
