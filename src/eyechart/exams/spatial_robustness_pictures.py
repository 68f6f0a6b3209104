"""Figures and plain words of the exam of the worst case under turns and moves."""

from __future__ import annotations

from collections.abc import Sequence

from eyechart.core.chart import Bars, Chart, Finding, Gallery, Heatmap, Lines, Rule, Series
from eyechart.core.estimate import Estimate, Estimates, ends
from eyechart.core.findings import called_out, guessed, idle, judged, much_to_lose
from eyechart.core.words import percent, points

MUCH, LITTLE = 0.1, 0.03  # verdicts: of images lost, or changed
ADVICE = "Train on turned and moved images, best on the worst of several an image."
CASES = {"random": "random turns and moves", "grid": "all of the grid"}


def charts(estimates: Estimates, with_identity: bool) -> Sequence[Chart]:
    """What there are figures for."""
    found: list[Chart] = []
    worst = estimates.of("worst_of_k_accuracy")
    if worst:
        found.append(_curve(estimates, worst, with_identity))
    found += [*_accuracies(estimates), _changes(estimates), *_grid(estimates)]
    found.append(
        Gallery(
            "Fooled by a turn and a move",
            "spatial_robustness/",
            [("plain", "as it is"), ("worst", "turned and moved")],
            ["{before} {p_before:.0%}", "{after} {p_after:.0%}, turned by {degrees:.0f} degrees"],
            "Images answered otherwise with most confidence, of those it gets right as they are.",
        )
    )
    return found


def findings(estimates: Estimates, draws: int) -> Sequence[Finding]:
    """What the worst case costs, or how often answers change; and whether stability is an illusion."""
    found: list[Finding] = []
    usual, clean = estimates.one("commonest_answer_share"), estimates.one("clean_accuracy")
    able = not idle(usual, clean)
    how = limits(estimates)
    natural, one = estimates.one("natural_accuracy"), estimates.one("one_random_accuracy")
    worst, drop = estimates.one("worst_of_k_accuracy", k=draws), estimates.one("worst_case_drop", search="random")
    if natural and one and worst and drop and drop.value is not None:
        sentence = (
            f"Turned and moved {how}, it is right {percent(one)} of the time at random, but only {percent(worst)} of images "
            f"are right in all of {draws} tries (as they are: {percent(natural)}), a loss of {points(drop)}."
        )
        found.append(judged(sentence, drop, MUCH, LITTLE, ADVICE, praise=able and much_to_lose(natural, LITTLE)))
    grid = estimates.one("worst_of_grid_accuracy")
    if grid and grid.value is not None:
        found.append(Finding("note", f"On a grid of turns and moves {percent(grid)} of images are right everywhere."))
    changed = estimates.one("changed_anywhere", search="random", given="all")
    if changed and changed.value is not None:
        sentence = f"For {percent(changed)} of images at least one of {draws} turns and moves {how} changes the answer."
        verdict = judged(sentence, changed, MUCH, LITTLE, ADVICE, praise=able)
        # where it is right on few images, the loss has no verdict, and this has
        found.append(Finding("note", sentence) if worst and much_to_lose(natural, LITTLE) else verdict)
    if not any(finding.verdict == "weak" for finding in found):
        found += [*called_out(usual, "little can change"), *guessed(clean, "that it is stable says little")]
    return found or [Finding("note", "No image was turned.")]


def limits(estimates: Estimates) -> str:
    """How far images are turned and moved, in words."""
    degrees, pixels = estimates.one("limit_degrees"), estimates.one("limit_pixels")
    return f"by up to {degrees.value:g} degrees and {pixels.value:g} pixels" if degrees and pixels else ""


def _curve(estimates: Estimates, worst: Sequence[Estimate], with_identity: bool) -> Lines:
    natural, average = estimates.one("natural_accuracy"), estimates.one("average_accuracy", search="random")
    rules = [(natural, "as they are"), (average, "average case")]
    also = "and as it is" if with_identity else "the image as it is left out"
    return Lines(
        title="The worst of k turns and moves",
        x_label="number k of random cases",
        y_label="share of images",
        x=[e.at["k"] for e in worst],
        series=[Series("right in every case", *ends(worst))],
        rules=[Rule(e.value, label) for e, label in rules if e and e.value is not None],
        y_range=(0.0, 1.0),
        caption=f"An image counts if it is right in each of the first k cases, {also}; so the line can only fall.",
    )


def _accuracies(estimates: Estimates) -> list[Chart]:
    worst = estimates.of("worst_of_k_accuracy")
    last = worst[-1] if worst else None
    shown = [
        ("as they are", estimates.one("natural_accuracy")),
        ("one random case", estimates.one("one_random_accuracy")),
        ("average random case", estimates.one("average_accuracy", search="random")),
        (f"worst of {last.at['k']} random" if last else "", last),
        ("average of the grid", estimates.one("average_accuracy", search="grid")),
        ("worst of the grid", estimates.one("worst_of_grid_accuracy")),
    ]
    there = [(name, e) for name, e in shown if e]
    if not there:
        return []
    return [
        Bars(
            title="How often it is right, turned and moved",
            x_label="share of images",
            categories=[name for name, _ in there],
            series=[Series("right", *ends([e for _, e in there]))],
            x_range=(0.0, 1.0),
            caption="In the worst case an image counts only if it is right in all cases.",
        )
    ]


def _changes(estimates: Estimates) -> Bars:
    searches = [e.at["search"] for e in estimates.of("changed_anywhere", given="all")]
    names = {"all": "all images", "correct": "images it gets right as they are"}
    series = []
    for given, name in names.items():
        found = [estimates.one("changed_anywhere", search=search, given=given) for search in searches]
        if any(found):
            series.append(Series(name, *ends(found)))
    return Bars(
        title="Images whose answer changes somewhere",
        x_label="share of images",
        categories=[CASES[search] for search in searches],
        series=series,
        x_range=(0.0, 1.0),
        caption="Images of which any case is answered otherwise than the image as it is, right or wrong.",
    )


def _grid(estimates: Estimates) -> list[Chart]:
    """By angle, and by move."""
    angles = [e for e in estimates.of("accuracy_at") if "degrees" in e.at]
    moves = {(e.at["down"], e.at["right"]): e.value for e in estimates.of("accuracy_at") if "down" in e.at}
    found: list[Chart] = []
    if len(angles) > 1:
        found.append(
            Lines(
                title="By angle",
                x_label="degrees, counter-clockwise",
                y_label="share of cases that are right",
                x=[e.at["degrees"] for e in angles],
                series=[Series("mean over all moves", *ends(angles))],
                caption="Mean over the grid's moves at each angle.",
            )
        )
    places = sorted({down for down, _ in moves})
    if len(places) > 1:
        found.append(
            Heatmap(
                title="By move",
                x_label="pixels to the right",
                y_label="pixels down",
                z_label="right",
                x=places,
                y=places,
                z=[[moves[down, right] for right in places] for down in places],
                format="percent",
                caption="Share of cases that are right, mean over all angles.",
            )
        )
    return found
