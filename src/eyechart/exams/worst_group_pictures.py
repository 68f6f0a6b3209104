"""Figures and plain words of accuracy by group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Chart, Dots, Finding, Rule, Series, Table
from eyechart.core.estimate import Estimate, Estimates, ends
from eyechart.core.findings import above_chance
from eyechart.core.words import percent, points

MUCH = 0.1  # of accuracy: a group is left behind
LEVEL = 0.025  # one-sided, for all columns together
ENOUGH = 100  # images: fewer are not enough to praise
SHOWN, LISTED = 25, 200  # groups in the figure and in the table
ADVICE = (
    "Tell this figure beside the mean. Collect images of that group, or weigh groups in training (group DRO, reweighting), "
    "and look at its mistakes first: they may be labels."
)


def charts(estimates: Estimates) -> Sequence[Chart]:
    """By column: the lowest groups as dots, all groups as a table."""
    return [chart for by in _columns(estimates) for chart in (_dots(estimates, by), _table(estimates, by))]


def findings(estimates: Estimates) -> Sequence[Finding]:
    """By column: the lowest group, and what the other half of the images says of it."""
    found = [one for by in _columns(estimates) for one in _of(estimates, by)]
    return found or [Finding("note", "No image has a label and a group.")]


def _columns(estimates: Estimates) -> list[str]:
    return list(dict.fromkeys(e.at["by"] for e in estimates.of("accuracy")))


def _named(by: str) -> str:
    """Groups of a column, in words."""
    return "classes" if by == "label" else f"groups by {by.replace('*', ' and ')}"


def _of(estimates: Estimates, by: str) -> Iterator[Finding]:
    accuracy, worst = estimates.one("accuracy", by=by), estimates.one("worst_group_accuracy", by=by)
    if not accuracy or accuracy.value is None:
        yield Finding("note", f"No image has a label and is one of the {_named(by)}.")
        return
    if not worst or worst.value is None or worst.low is None or worst.high is None:
        reason = worst.reason if worst else "there is none"
        yield Finding("note", f"No worst of the {_named(by)} can be told: {reason}.")
        return
    yield _lowest(estimates, by, accuracy, worst)
    yield _judged(estimates, by)


def _lowest(estimates: Estimates, by: str, accuracy: Estimate, worst: Estimate) -> Finding:
    """The lowest of all; praise where even the lower end of the lowest is near the mean."""
    counted = estimates.one("counted_groups", by=by)
    number = int(counted.value or 0) if counted else 0
    few = len(_small(estimates, by))
    small = f" ({few:,} more are too small to count)" if few else ""
    sentence = (
        f"Of {number:,} {_named(by)}{small} it does worst on {worst.at['group']}: right {100 * (worst.value or 0.0):.1f}% of "
        f"the time, {percent(accuracy)} on all images. The lowest true accuracy of any of them lies between "
        f"{100 * (worst.low or 0.0):.1f} and {100 * (worst.high or 0.0):.1f}%."
    )
    near = (accuracy.value or 0.0) - (worst.low or 0.0) < MUCH
    good = near and accuracy.n >= ENOUGH and above_chance(accuracy.value or 0.0, accuracy.at["chance"], accuracy.n)
    return Finding("strong" if good else "note", f"{sentence} None is left far behind." if good else sentence)


def _judged(estimates: Estimates, by: str) -> Finding:
    """What the half that did not choose the group says of it."""
    gap, own = estimates.one("held_out_gap", by=by), estimates.one("held_out_accuracy", by=by)
    p = estimates.one("held_out_p", by=by)
    if not gap or not own or not p or gap.low is None or gap.value is None:
        return Finding("note", "Too few images are left to judge the worst group by.")
    told = f"chosen by half of the images, {own.at['group']} is answered rightly {percent(own)} of the time on the other half"
    if p.value is not None and p.value < LEVEL / len(_columns(estimates)):
        sentence = (
            f"{told[0].upper()}{told[1:]}, which is {points(gap)} less than all images there: it is shown to be worse."
        )
        return Finding("weak" if gap.low > MUCH else "note", sentence, ADVICE if gap.low > MUCH else "")
    chance = estimates.one("worst_by_chance", by=by)
    alike = (
        f" The lowest of as many groups that are all alike lies down to {100 * chance.value:.1f}% by chance alone."
        if chance and chance.value is not None
        else ""
    )
    sentence = f"Which one is worst these images cannot tell: {told}, {points(gap)} less than all images there."
    return Finding("note", sentence + alike)


def _sorted(estimates: Estimates, by: str) -> list[Estimate]:
    """Groups from the lowest; those that do not count after the others."""
    small = _small(estimates, by)
    return sorted(estimates.of("group_accuracy", by=by), key=lambda e: (e.at["group"] in small, e.value or 0.0))


def _small(estimates: Estimates, by: str) -> set[str]:
    """Groups that do not count: the smallest, as many as there are."""
    few = estimates.one("small_groups", by=by)
    ordered = sorted(estimates.of("group_accuracy", by=by), key=lambda e: e.n)
    return {e.at["group"] for e in ordered[: int(few.value or 0) if few else 0]}


def _dots(estimates: Estimates, by: str) -> Chart:
    found = _sorted(estimates, by)[:SHOWN]
    accuracy, chance = estimates.one("accuracy", by=by), estimates.one("worst_by_chance", by=by)
    rules = [Rule(accuracy.value, "all images")] if accuracy and accuracy.value is not None else []
    if chance and chance.value is not None:
        rules.append(Rule(chance.value, "chance"))
    of = len(estimates.of("group_accuracy", by=by))
    some = f" The {len(found)} lowest of {of:,}." if of > len(found) else ""
    return Dots(
        title=f"Right answers: {_named(by)}",
        x_label="share of the group's images",
        categories=[_row(e) for e in found],
        series=[Series("this model", *ends(found))],
        rules=rules,
        x_range=(0.0, 1.0),
        caption="From the worst. Each interval is of that group alone. Of groups that are all alike one is lowest by chance: "
        f"in 39 of 40 samples it lies right of the line of chance.{some}",
    )


def _row(e: Estimate) -> str:
    return f"{e.at['group']} ({e.n:,})"


def _table(estimates: Estimates, by: str) -> Table:
    found, small = _sorted(estimates, by), _small(estimates, by)
    rows = []
    for e in found[:LISTED]:
        wrong = estimates.one("mistaken_share", by=by, group=e.at["group"])
        answer = wrong.at["answer"] if wrong else ""
        counts = "too few to count" if e.at["group"] in small else ""
        rows.append([e.at["group"], e.n, (e.value, e.low, e.high), answer, wrong.value if wrong else None, counts])
    caption = "How many of a group's images are answered rightly, and the wrong answer that they get most often."
    if len(found) > LISTED:
        caption += f" The {LISTED} lowest of {len(found):,} groups; results.json has all."
    if not small:
        rows = [row[:-1] for row in rows]
    return Table(
        title=f"All {_named(by)}",
        columns=["group", "images", "right", "most often taken for", "so often", *(["remark"] if small else [])],
        rows=rows,
        formats=[None, "integer", "percent", None, "percent", *([None] if small else [])],
        caption=caption,
    )
