"""Training images beside the examined ones: what a band transfers, and what it only fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent, points
from eyechart.exams.bands_pictures import at_radii, judged, lines

BANDS = {"low": "coarse only", "high": "fine only"}
ON = {"examined": "examined images", "training": "training images"}


def charts_beside(estimates: Estimates, training: Estimates) -> Sequence[Chart]:
    """Accuracy and loss of both bands over the radius, on either set."""
    sets = {"examined": at_radii(estimates), "training": at_radii(training)}
    found = []
    for measure, y_label, (title, caption) in _SHOWN:
        curves = {
            f"{name}, {ON[where]}": here
            for band, name in BANDS.items()
            for where, figures in sets.items()
            if (here := figures.of(measure, band=band))
        }
        if any(ON["training"] in name for name in curves):
            bounds = (0.0, 1.0) if measure == "accuracy" else None
            found.append(lines(title, y_label, curves, caption, bounds))
    return found


_RIGHT = (
    "Right answers on training and examined images",
    "Where the two curves of a band lie together, what the model learned from that band holds for new images; where the "
    "training images do better, it has only fitted them there.",
)
_LOSS = (
    "Loss on training and examined images",
    "Mean loss of the label (0 = certain and right). A band whose loss stays high on training images, too, was not learned; "
    "one whose loss is low on these alone was learned by heart.",
)

_SHOWN = (("accuracy", "share of images right", _RIGHT), ("nll", "nats", _LOSS))


def findings_beside(training: Estimates) -> Sequence[Finding]:
    """At the radius that verdicts are about: how much better the model is on images that it was fitted to."""
    ours = at_radii(training)
    return [finding for band in BANDS for finding in _finding(ours, band)]


def _finding(training: Estimates, band: str) -> Iterator[Finding]:
    right, gap = judged(training, "accuracy", band=band), judged(training, "accuracy_gap", band=band)
    if right is None or gap is None:
        return
    where = f"{'coarser' if band == 'low' else 'finer'} than {right.at['radius']:g} waves alone"
    sentence = f"From what is {where} it is right on {percent(right)} of its training images: {_apart(gap)}."
    yield Finding("note", sentence)


def _apart(gap: Estimate) -> str:
    if gap.value is None or gap.low is None or gap.high is None:
        return f"the difference from the examined images is undefined ({gap.reason})"
    if gap.low <= 0 <= gap.high:
        return f"no difference from the examined images shows ({points(gap)})"
    if gap.value > 0:
        return f"{points(gap)} more than of the examined images"
    return f"{points(replace(gap, value=-gap.value, low=-gap.high, high=-gap.low))} fewer than of the examined images"
