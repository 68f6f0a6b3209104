"""Plain words of the loss landscape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Finding
from eyechart.core.estimate import Estimate, Estimates

HARDLY_FITS = 0.8  # share of the loss of guessing
LITTLE = 0.01  # nats: losses that differ by less are alike


def findings(estimates: Estimates, *, settled: bool) -> Sequence[Finding]:
    """Fit, minima, steepness, barrier, holes; ``settled``: whether BatchNorm's statistics were taken anew at every point."""
    if not any(e.n for e in estimates):
        return [Finding("note", "No image with a label could be examined.")]
    found = [
        *_fit(estimates),
        *_minima(estimates),
        *_steepness(estimates),
        *_barriers(estimates, settled),
        *_holes(estimates, settled),
    ]
    return found or [Finding("note", "The loss around the weights is not finite: nothing can be said of it.")]


def shown_name(e: Estimate) -> str:
    """What the images show."""
    shown = e.at["shown"]
    if shown == "full":
        return "whole images"
    reach = f"{e.at['radius']:g} cycles per image"
    return f"coarse shapes (up to {reach})" if shown == "low" else f"fine detail (beyond {reach})"


def _nats(e: Estimate) -> str:
    if e.value is None:
        return f"undefined ({e.reason})"
    return f"{e.value:.3g}{_interval(e)}"


def _interval(e: Estimate, sign: int = 1) -> str:
    """Of the value, or (sign -1) of what is taken away."""
    if e.low is None or e.high is None:
        return ""
    low, high = sorted((sign * e.low, sign * e.high))
    return f" (95% interval {low:.3g} to {high:.3g})"


def _fit(estimates: Estimates) -> Iterator[Finding]:
    """Weights that fit nothing have no basin to speak of. The loss itself, without an upper bound, would not tell them."""
    guessing = estimates.one("guessing_loss")
    for e in estimates.of("capped_loss"):
        if not (guessing and guessing.value) or e.low is None or e.low <= HARDLY_FITS * guessing.value:
            continue
        full = e.at["shown"] == "full"
        yield Finding(
            "note",
            f"On {shown_name(e)} the loss is {_nats(e)} nats, each image counting for no more than the {guessing.value:.3g} of "
            f"even shares for all classes: these weights hardly fit {'the images' if full else 'them'}, so flat ground around "
            "them is no sign of robustness.",
            UNFIT if full else "",
        )


UNFIT = "Check the labels and the preprocessing (accuracy in the exam clean), or examine a trained network."


def _minima(estimates: Estimates) -> Iterator[Finding]:
    for gap in estimates.of("minimum_gap"):
        shown = gap.at["shown"]
        centre, rise = estimates.one("centre_loss", shown=shown), estimates.one("rise", shown=shown)
        if gap.value is None or centre is None or rise is None:
            continue
        told = f"On {shown_name(gap)} the loss is {_nats(centre)} nats"
        if (gap.low or 0.0) > LITTLE:
            yield Finding(
                "note",
                f"{told}, and this is no minimum: at ({gap.at['a']:.3g}, {gap.at['b']:.3g}) of this plane it is lower by "
                f"{_nats(gap)}, on {gap.n:,} images that had no part in choosing the place.",
                NO_MINIMUM["full" if shown == "full" else "band"],
            )
        else:
            further = "" if rise.value is None else f"; at a distance of {rise.at['distance']:g} it {_risen(rise)}"
            few = f"{gap.n:,} image{' is' if gap.n == 1 else 's are'} too few to tell whether a place in this plane is lower"
            yield Finding("note", f"{told}; {few if gap.low is None else NONE_LOWER}{further}.")


NONE_LOWER = "no place in this plane is shown to be clearly lower"


def _risen(e: Estimate) -> str:
    """``has risen by 0.3 (95% interval 0.2 to 0.4)``; fallen, or neither, as the interval says."""
    if e.value is None:
        return f"is {_nats(e)}"
    if e.low is not None and e.high is not None and e.low <= LITTLE and e.high >= -LITTLE:
        return f"has not clearly changed: by {_nats(e)}"
    if e.value < 0:
        return f"has fallen by {-e.value:.3g}{_interval(e, -1)}"
    return f"has risen by {_nats(e)}"


NO_MINIMUM = {
    "full": (
        "Weights close by do better on these images: training may have stopped early, or these images may differ from the "
        "training images."
    ),
    "band": (
        "Training did not fit this kind of detail on its own, so read its flatness with care: a loss near that of guessing is "
        "flat, too. The exam bands tells how often it is right here."
    ),
}


def _steepness(estimates: Estimates) -> Iterator[Finding]:
    e, low, high = estimates.one("rise_difference"), *(estimates.one("rise", shown=s) for s in ("low", "high"))
    if e is None or e.value is None or e.low is None or e.high is None or low is None or high is None:
        return
    if e.low > LITTLE or e.high < -LITTLE:
        apart = f"{abs(e.value):.3g}{_interval(e, 1 if e.value > 0 else -1)}"
        verdict = f"on {'fine detail' if e.value > 0 else 'coarse shapes'} this leads higher, by {apart} nats"
    else:
        verdict = f"no difference is shown (fine detail less coarse shapes: {e.value:.3g}, {e.low:.3g} to {e.high:.3g})"
    yield Finding(
        "note",
        f"At a distance of {e.at['distance']:g} from the weights the loss on fine detail {_risen(high)}, that on coarse shapes "
        f"{_risen(low)}; {verdict}.",
    )


def _barriers(estimates: Estimates, settled: bool) -> Iterator[Finding]:
    advice = AVERAGING[settled]
    for e in estimates.of("barrier"):
        where = f"On {shown_name(e)}"
        if e.value is None:
            yield Finding("note", f"{where} the barrier to the other checkpoint is {_nats(e)}.")
        elif e.low is None:
            few = f"{e.n:,} image{' is' if e.n == 1 else 's are'} too few to tell whether a barrier lies on the way"
            yield Finding("note", f"{where} {few}: {_highest(e)}.")
        elif e.low > LITTLE:
            yield Finding("note", f"{where} a barrier lies on the way to the other checkpoint: {_highest(e)}.", advice)
            advice = ""  # once is enough
        else:
            yield Finding("note", f"{where} no barrier to the other checkpoint is shown: {_highest(e)}.")


def _highest(e: Estimate) -> str:
    if e.at["t"] in (0, 1):
        return "nothing between lies above the straight line between both ends"
    side, sign = ("below", -1) if (e.value or 0.0) < 0 else ("above", 1)
    apart = f"{sign * (e.value or 0.0):.3g}{_interval(e, sign)}"
    return (
        f"the highest point between, at t = {e.at['t']:g}, lies {apart} nats {side} the straight line between both ends"
    )


AVERAGING = {
    True: "Do not average these two nets.",
    False: "Do not average these two nets; settle BatchNorm's statistics anew, if any (batchnorm), before judging a mix.",
}


def _holes(estimates: Estimates, settled: bool) -> Iterator[Finding]:
    for measure, (where, advice, other) in HOLES.items():
        count = sum(int(e.value or 0) for e in estimates.of(measure))
        if count:
            told = (
                f"{count:,} losses of single images {where} are not finite; points where this happens are left blank."
            )
            yield Finding("note", told, f"{advice}." if settled else f"{advice}{other}.")


HOLES = {  # where they are, what to do, and what else if statistics were not taken anew
    "holes": ("in the plane", "Take a smaller reach", ", or settle BatchNorm's statistics anew (batchnorm), if any"),
    "path_holes": (
        "on the way",
        "Ask between 0 and 1 (steps)",
        ": beyond them variances of BatchNorm may turn negative; or settle (batchnorm)",
    ),
}
