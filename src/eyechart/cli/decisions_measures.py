"""What ``eyechart decisions`` measures: each observer, each two of them, and means over people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from eyechart.cli.decisions_cues import MOST_COMPARED, cue_measures
from eyechart.core.estimate import Estimate
from eyechart.core.words import figure
from eyechart.images.decisions import NO_ANSWER, DecisionTable
from eyechart.images.observers import Observed
from eyechart.stats.agreement import Fourfold, above_chance
from eyechart.stats.agreement_intervals import Agreement, Pairs, agreement_gap, mean_agreement, pair_agreement
from eyechart.stats.intervals import Interval, ratios, wilson

NAME = "decisions"
PEOPLE = "people"
NO_PAIR = "no image was answered by both"
FEW = "in every pair an observer was always right or always wrong"


def measured(
    table: DecisionTable, seen: Observed, against: Sequence[str], *, people_too: bool = False
) -> Iterator[Estimate]:
    """All figures.

    Args:
        table: the decisions.
        seen: the same, side by side.
        against: observers that the others are compared with; none = all are compared with all.
        people_too: intervals of means over people resample these, too.
    """
    for name in seen.observers:
        yield from _alone(table.of(name), name)
    compared = list(dict.fromkeys((*_compared(seen, against), *seen.pairs(seen.people, seen.people))))
    for first, second in compared:
        yield from _pair(seen, first, second)
    yield from _means(seen, people_too)
    yield from cue_measures(table)


def confusion(table: DecisionTable) -> dict[str, dict[str, int]]:
    """Right category -> answer -> how often."""
    counts = Counter((one.category, one.response) for one in table)
    answers = (*table.categories, NO_ANSWER)
    return {c: {a: counts[c, a] for a in answers if counts[c, a]} for c in table.categories if counts_of(counts, c)}


def counts_of(counts: Mapping[tuple[str, str], int], category: str) -> int:
    """Decisions on images of a category."""
    return sum(n for (right, _), n in counts.items() if right == category)


def _alone(own: DecisionTable, name: str) -> Iterator[Estimate]:
    yield _estimate("accuracy", {"observer": name}, _by_image(own, [one.right for one in own]))
    silences = [one.response == NO_ANSWER for one in own]
    yield _estimate("no_answer", {"observer": name}, _by_image(own, silences))
    answers = np.array([*Counter(one.response for one in own if one.response != NO_ANSWER).values()], float)
    bits = (
        None if not len(answers) else float(-(answers / answers.sum() * np.log2(answers / answers.sum())).sum() + 0.0)
    )
    spread = Interval(bits, None, None, len(own) - sum(silences), "")
    yield _estimate("answer_entropy", {"observer": name}, spread, "every answer is 'na'", unit="bits")
    if len(own.conditions) > 1:
        for condition in own.conditions:
            hits = [one.right for one in own if one.condition == condition]
            yield _estimate("accuracy", {"observer": name, "condition": condition}, wilson(sum(hits), len(hits)))


def _by_image(own: DecisionTable, events: Sequence[bool]) -> Interval:
    """Share of decisions; an image that was answered in several conditions counts as one unit of the interval."""
    unit = {image: k for k, image in enumerate(dict.fromkeys(one.image for one in own))}
    sums = np.zeros((2, len(unit), 1))
    for one, event in zip(own, events, strict=True):
        sums[:, unit[one.image], 0] += event, 1
    (found,) = ratios(sums[0], sums[1], share=True)
    return found


def _compared(seen: Observed, against: Sequence[str]) -> Pairs:
    others = [seen.column(name) for name in against]
    own = [k for k in range(len(seen.observers)) if k not in others]
    return seen.pairs(own, others) if others else seen.pairs(range(len(seen.observers)), range(len(seen.observers)))


def _pair(seen: Observed, first: int, second: int) -> Iterator[Estimate]:
    """Of each condition, and where there are several of the mean over them."""
    at = {"first": seen.observers[first], "second": seen.observers[second]}
    several = len(seen.conditions) > 1
    for condition in seen.conditions:
        found = seen.within(condition).fourfold(first, second)
        if found is not None:
            yield from _of_counts(found, {**at, "condition": condition} if several else at)
    if several:
        yield from _three(mean_agreement(seen.panel, [(first, second)]), at)


def _of_counts(found: Fourfold, at: Mapping[str, Any]) -> Iterator[Estimate]:
    reason = found.no_kappa
    yield from _three(pair_agreement(found), at, reason)
    exact = Interval(found.expected, None, None, found.n, "")
    yield _estimate("expected_consistency", at, exact)
    ends = (found.informative and found.kappa_bounds) or (None, None)
    for measure, end in zip(("error_consistency_lowest", "error_consistency_highest"), ends, strict=True):
        yield _estimate(measure, at, Interval(end, None, None, found.n, ""), reason, unit="kappa")
    chance = Interval(above_chance(found) if found.informative else None, None, None, found.n, "permutation")
    yield _estimate("chance_p", at, chance, reason, unit="probability")


def _means(seen: Observed, people_too: bool) -> Iterator[Estimate]:
    """Of each network over people, of people among themselves, and gaps on the same resampled images."""
    people = seen.people
    resampled = people if people_too else ()
    among = seen.pairs(people, people)
    by_network = {seen.observers[k]: seen.pairs([k], people) for k in seen.networks}
    if among:
        yield from _over(seen, among, {"of": PEOPLE}, resampled)
    for name, pairs in by_network.items():
        if not pairs:
            continue
        yield from _over(seen, pairs, {"of": name}, resampled)
        if among:
            yield from _gap(agreement_gap(seen.panel, pairs, among), {"of": name, "less": PEOPLE})
    with_people = [name for name, pairs in by_network.items() if pairs]
    if len(with_people) <= MOST_COMPARED:
        for k, name in enumerate(with_people):
            for other in with_people[k + 1 :]:
                gap = agreement_gap(seen.panel, by_network[name], by_network[other])
                yield from _gap(gap, {"of": name, "less": other})


def _over(seen: Observed, pairs: Pairs, at: Mapping[str, Any], people: Sequence[int]) -> Iterator[Estimate]:
    found = mean_agreement(seen.panel, pairs, people)
    over = "observers" if people else "images"
    yield from _three(found, at, FEW, prefix="mean_", over=over)
    highest = Interval(_mean_highest(seen, pairs), None, None, found.kappa.n, "")
    yield _estimate("mean_error_consistency_highest", at, highest, FEW, unit="kappa")
    left_out = Interval(float(found.left_out), None, None, len(pairs) * len(seen.conditions), "")
    yield _estimate("undefined_pairs", at, left_out, unit="count")


def _mean_highest(seen: Observed, pairs: Pairs) -> float | None:
    """What the accuracies allow kappa to be, averaged as kappa itself."""
    panels = [seen.within(condition) for condition in seen.conditions]
    by_pair = []
    for first, second in pairs:
        found = [panel.fourfold(first, second) for panel in panels]
        ends = [one.kappa_bounds[1] for one in found if one and one.informative and one.kappa_bounds]
        by_pair += [float(np.mean(ends))] if ends else []
    return float(np.mean(by_pair)) if by_pair else None


def _three(
    found: Agreement, at: Mapping[str, Any], reason: str = FEW, prefix: str = "", over: Any = "images"
) -> Iterator[Estimate]:
    squared = "squared difference of shares"
    yield _estimate(f"{prefix}accuracy_difference", at, found.accuracy_difference, NO_PAIR, unit=squared, over=over)
    yield _estimate(f"{prefix}observed_consistency", at, found.observed, NO_PAIR, over=over)
    yield _estimate(f"{prefix}error_consistency", at, found.kappa, reason, unit="kappa", over=over)


def _gap(found: Agreement, at: Mapping[str, Any]) -> Iterator[Estimate]:
    yield _estimate("error_consistency_gap", at, found.kappa, FEW, unit="difference of kappas")


def _estimate(measure: str, at: Mapping[str, Any], found: Interval, reason: str = "", **more: Any) -> Estimate:
    why = reason if found.value is None else ""
    return Estimate(exam=NAME, measure=measure, at=dict(at), **figure(found, why), **more)
