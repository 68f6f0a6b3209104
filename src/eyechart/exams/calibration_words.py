"""What the calibration exam finds, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import number, percent, points
from eyechart.stats.temperature import at_limit

MUCH, LITTLE = 0.05, 0.03  # of probability: verdicts
SAME = 0.002  # of probability: nearly all of the error is to one side
ENOUGH = 100  # images: fewer are not enough to praise
HALF = 0.5  # of the answers: who is right less often is not praised for knowing it
MEND = (
    "Do not take its confidence at its word on images that differ from those it was fitted to: train with such images, average "
    "several models, and fit the temperature on images like those of its use."
)
LIKE = "Scale its logits by a temperature fitted on images like those of its use."
BELOW = "Scale its logits by a temperature, see below."
SCALE = "Divide its logits by that number; it changes no answer."

WHERE = {
    "clean": "images as they are",
    "corrupted": "corrupted images",
    "crop": "random crops",
    "embedded": "images small on black",
}


def findings(estimates: Estimates, shown: str) -> Sequence[Finding]:
    """Clean, corrupted, moved; what a temperature mends; whether a threshold guards.

    Args:
        estimates: of one model.
        shown: which corruptions, such as ``15 corruptions, severities 1, 3, 5``.
    """
    found = [
        *_off(estimates, {"shown": "clean"}, "On the images as they are"),
        *_off(estimates, {"shown": "corrupted"}, f"On corrupted images ({shown})"),
        *_off(estimates, {"shown": "crop"}, "On random crops"),
        *_off(estimates, {"shown": "embedded"}, "On the images made small on black"),
        *_mended(estimates),
        *_guarded(estimates),
    ]
    return found or [Finding("note", "No image has a label, so that nothing can be said of its confidence.")]


def alone(estimates: Estimates, measure: str, **at: object) -> Estimate | None:
    """The estimate with these coordinates and no others."""
    return next((e for e in estimates.of(measure, **at) if {**e.at} == at), None)


def _off(estimates: Estimates, at: dict[str, object], where: str) -> Iterator[Finding]:
    """By how much confidence is off there, and to which side."""
    named = ("ece", "ece_if_calibrated", "overconfidence", "confidence", "accuracy")
    found = [alone(estimates, m, **at) for m in named]
    error, noise, over, sure, right = found
    if not error or not noise or not over or not sure or not right or error.value is None or over.value is None:
        return
    told = f"{100 * (sure.value or 0):.1f}% sure and {100 * (right.value or 0):.1f}% right"
    sentence = f"{where} it is {told} ({error.n:,} images)"
    if error.value <= (noise.value or 0.0):
        enough = error.n >= ENOUGH and max(error.high or 1.0, noise.value or 1.0) < LITTLE
        able = (right.low or 0.0) > HALF
        told = (
            f"{sentence}: no error of its confidence shows beyond what chance gives ({100 * (noise.value or 0):.1f}%)."
        )
        yield Finding("strong" if enough and able else "note", told)
        return
    sentence += f": {_by_how_much(error, over)}."
    weak = (error.low or 0.0) > (LITTLE if at["shown"] == "clean" else MUCH)
    mended, temperature = alone(estimates, "ece_removed", shown="clean"), estimates.one("temperature")
    fitted = temperature is not None and temperature.value is not None and not at_limit(temperature.value)
    shows = fitted and mended is not None and (mended.low or 0.0) > 0  # else it is not promised
    below = BELOW if shows else LIKE
    advice = below if at["shown"] == "clean" else MEND if over.value > 0 else LIKE
    yield Finding("weak" if weak else "note", sentence, advice if weak else "")


def _by_how_much(error: Estimate, over: Estimate) -> str:
    """The side, where there is one; the error, too, where it is not all to that side."""
    side = "too sure" if (over.low or 0.0) > 0 else "not sure enough" if (over.high or 0.0) < 0 else ""
    if not side:
        return f"its confidence is off by {percent(error)}, now to one side, now to the other"
    told = f"it is {side} by {points(_size(over))}"
    if (error.value or 0.0) - abs(over.value or 0.0) < SAME:
        return told
    return f"{told}; its confidence is off by {percent(error)}, not always to that side"


def _size(e: Estimate) -> Estimate:
    """Without its sign."""
    if (e.value or 0.0) >= 0 or e.low is None or e.high is None or e.value is None:
        return e
    return Estimate(e.exam, e.measure, -e.value, e.n, -e.high, -e.low, e.unit)


def _mended(estimates: Estimates) -> Iterator[Finding]:
    """What the temperature does on the other half, as they are and corrupted."""
    temperature = estimates.one("temperature")
    if temperature is None or temperature.value is None:
        return
    if at_limit(temperature.value):
        yield Finding(
            "note",
            f"No temperature from 1/4 to 8 is best ({temperature.value:.2f} lies at the end): {_beyond(temperature.value)}.",
        )
        return
    told = ", ".join(part for part in (_change(estimates, shown) for shown in ("clean", "corrupted")) if part)
    removed = alone(estimates, "nll_removed", shown="clean")
    helps = bool(removed and (removed.low or 0.0) > 0)
    sentence = (
        f"Logits divided by {number(temperature)}, fitted on half of the images as they are: on the other half its "
    )
    yield Finding("note", f"{sentence}confidence has {told}.{_worse(estimates)}", SCALE if helps else "")


def _beyond(temperature: float) -> str:
    """What makes the best temperature lie beyond those tried."""
    if temperature < 1:
        return "on half of the images it is always right, or its logits are far too small for how often it is right"
    return "on half of the images it is no better than guessing, or its logits are far too large"


def _worse(estimates: Estimates) -> str:
    """Where the temperature costs likelihood."""
    lost = [e for e in estimates.of("nll_removed") if e.high is not None and e.high < 0]
    names = [WHERE[e.at["shown"]] + (f" of severity {e.at['severity']}" if "severity" in e.at else "") for e in lost]
    return f" It makes the labels less likely on {', '.join(names)}." if names else ""


def _change(estimates: Estimates, shown: str) -> str:
    """The error before and after."""
    before, after = (alone(estimates, "held_out_ece", shown=shown, logits=logits) for logits in ("as_is", "scaled"))
    noise = alone(estimates, "held_out_ece_if_calibrated", shown=shown, logits="scaled")
    removed = alone(estimates, "ece_removed", shown=shown)
    if not before or not after or not noise or not removed or before.value is None or after.value is None:
        return ""
    told = f"an error of {100 * after.value:.1f}% instead of {100 * before.value:.1f}% on {WHERE[shown]}"
    if after.value <= (noise.value or 0.0):
        return f"{told} (chance alone gives up to {100 * (noise.value or 0.0):.1f}%)"
    unclear = removed.low is not None and removed.high is not None and removed.low <= 0 <= removed.high
    return f"{told} (no clear change)" if unclear else told


def _guarded(estimates: Estimates) -> Iterator[Finding]:
    """Whether a threshold on confidence keeps errors out of corrupted images as it does out of clean ones."""
    clean, corrupted = (alone(estimates, "selective_error", shown=s, threshold="clean") for s in ("clean", "corrupted"))
    of, kept = (alone(estimates, "selective_share", shown=s, threshold="clean") for s in ("clean", "corrupted"))
    if not clean or not corrupted or not of or not kept or clean.value is None or corrupted.value is None:
        return
    yield Finding(
        "note",
        f"Of the {100 * (of.value or 0.0):.0f}% of answers to images as they are that it is surest of, {percent(clean)} are "
        f"wrong. Of answers to corrupted images that are as sure ({100 * (kept.value or 0.0):.0f}% of them), "
        f"{percent(corrupted)} are.",
    )
