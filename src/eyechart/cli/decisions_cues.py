"""Shape or texture, from tables: where images are called as cue-conflict stimuli (``cat7-elephant1.png``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from eyechart.core.chart import Chart, Dots, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import figure
from eyechart.exams.shape_bias_published import OBSERVERS, STIMULI
from eyechart.images.cues import parse_stimulus
from eyechart.images.decisions import DecisionTable
from eyechart.stats.cue_conflict import FEW, Decisions, bias_gap, cue_shares
from eyechart.stats.intervals import Interval

NAME = "decisions"
POOLED = "all people"
MOST_COMPARED = 8  # networks that are compared with each other, two by two
UNDECIDED = "no answer named shape or texture"
UNRELIABLE = f"fewer than {FEW} answers named shape or texture: not reliable"


def cue_measures(table: DecisionTable) -> Iterator[Estimate]:
    """Of each observer, and of all trials of people together; nothing without stimuli whose cues differ.

    A stimulus counts where its name's shape is the table's category and its texture is one of the categories.
    """
    parts = {name: table.of(name) for name in table.observers}
    if len(names := {*table.people}) > 1:
        parts[POOLED] = replace(table, decisions=tuple(one for one in table if one.observer in names))
    for name, part in parts.items():
        asked = cue_decisions(part)
        if len(asked):
            yield from _shares(asked, name)
    yield from _gaps(table, parts)


def _gaps(table: DecisionTable, parts: Mapping[str, DecisionTable]) -> Iterator[Estimate]:
    """Of each network less people together, and less each other network, on the images that both saw."""
    networks = [name for name in table.observers if name not in table.people]
    people = [POOLED] if POOLED in parts else [*table.people]
    pairs = [(name, other) for name in networks for other in people]
    pairs += combinations(networks, 2) if len(networks) <= MOST_COMPARED else []
    for first, second in pairs:
        seen = {(one.condition, one.image) for one in parts[first]} & {
            (one.condition, one.image) for one in parts[second]
        }
        sides = [
            cue_decisions(replace(part, decisions=tuple(one for one in part if (one.condition, one.image) in seen)))
            for part in (parts[first], parts[second])
        ]
        if all(map(len, sides)):
            found, at = bias_gap(*sides), {"of": first, "less": second}
            fields = figure(found, "" if found.value is not None else UNDECIDED)
            yield Estimate(exam=NAME, measure="shape_bias_gap", unit="difference of shares", at=at, **fields)


def cue_decisions(table: DecisionTable) -> Decisions:
    """Answers to the stimuli whose cues differ."""
    found = [(one, stimulus) for one in table if (stimulus := parse_stimulus(one.image)) is not None]
    columns = [
        (one.response, stimulus.shape, stimulus.texture, stimulus.content, stimulus.style)
        for one, stimulus in found
        if stimulus.shape == one.category != stimulus.texture and stimulus.texture in table.categories
    ]
    return Decisions(*np.array(columns, dtype=object).reshape(-1, 5).astype(str).T)


def _shares(asked: Decisions, name: str) -> Iterator[Estimate]:
    found = cue_shares(asked)
    at = {"observer": name}
    for measure, interval in (("shape_bias", found.shape_bias), ("shape_bias_wilson", found.shape_bias_wilson)):
        why = UNRELIABLE if found.counts.either and not found.counts.reliable else ""
        yield _estimate(measure, at, interval, why)
    named = {"either_cue_accuracy": found.either, "shape_accuracy": found.shape, "texture_accuracy": found.texture}
    for measure, interval in named.items():
        yield _estimate(measure, at, interval, "")


def _estimate(measure: str, at: dict[str, str], interval: Interval, remark: str) -> Estimate:
    fields = figure(interval, "" if interval.value is not None else UNDECIDED)
    return Estimate(exam=NAME, measure=measure, at=at, **({"reason": remark} if remark else {}) | fields)


def cue_charts(estimates: Estimates) -> Iterator[Chart]:
    """Observers between texture and shape, published ones beside them."""
    found = estimates.of("shape_bias")
    if not found:
        return
    yield Dots(
        title="Shape or texture?",
        x_label="share of shape among answers that name shape or texture",
        categories=[e.at["observer"] for e in found],
        series=[Series("shape bias", [e.value for e in found], [e.low for e in found], [e.high for e in found])],
        rules=[Rule(one.shape_bias, f"{one.name}, published") for one in OBSERVERS],
        x_range=(0.0, 1.0),
        ends=("texture", "shape"),
        caption="Images with the shape of one category and the texture of another. Intervals resample contents and textures, "
        f"since images that share one are not independent. Dashed: published figures of {STIMULI:,} stimuli, to compare.",
    )
    measures = ("shape_bias", "shape_bias_wilson", "either_cue_accuracy", "shape_accuracy", "texture_accuracy")
    rows: list[list[object]] = []
    for e in found:
        cells = [estimates.one(measure, observer=e.at["observer"]) for measure in measures]
        rows.append(
            [e.at["observer"], *((x.value, x.low, x.high) if x else None for x in cells), cells[2].n if cells[2] else 0]
        )
    for one in OBSERVERS:
        n, counts = one.counts.n, one.counts
        rows.append(
            [f"published: {one.name}", one.shape_bias, None, counts.either / n, counts.shape / n, counts.texture / n, n]
        )
    yield Table(
        title="Cues that were named",
        columns=["observer", "shape bias", "Wilson's interval", "either cue", "shape", "texture", "answers"],
        rows=rows,
        formats=(None, "percent", "percent", "percent", "percent", "percent", "integer"),
        caption="Only images whose cues differ. Wilson's interval takes images for independent, which is too narrow. "
        "Published: Geirhos et al. (ICLR 2019), people: ten, all trials pooled.",
    )
    if gaps := estimates.of("shape_bias_gap"):
        yield Table(
            title="Whose shape bias is higher?",
            columns=["of", "less that of", "answers", "difference of shape bias"],
            rows=[[e.at["of"], e.at["less"], e.n, (e.value, e.low, e.high)] for e in gaps],
            formats=(None, None, "integer", "number"),
            caption="On the images that both saw, contents and textures resampled for both together. An interval that holds 0 "
            "shows no difference.",
        )
