"""What the exam of corruptions finds, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from eyechart.core.chart import Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.findings import above_chance, called_out, guessed, judged
from eyechart.core.words import number, percent, points
from eyechart.exams.corruptions_cells import EXTRAS, FAMILIES, FAMILY, Family, named
from eyechart.stats.intervals import together

ENOUGH = 100  # images: fewer are not enough to praise
MUCH, LITTLE = 0.1, 0.03  # more errors on corrupted images than on clean ones: verdicts
MIXED = (
    "Training on mixtures of other distortions is what has helped: RobustBench lists a mean error of 11.2% on CIFAR-10-C for "
    "AugMix (WRN-40-2), of 26.5% for standard training (WRN-28-10). Measure again afterwards."
)
_NOISY = (
    "Gaussian noise in training lowered errors under noise and blur elsewhere, and raised them in fog and at low contrast (Yin "
    "et al., NeurIPS 2019): measure all families again."
)
ADVICE: Mapping[Family, str] = {
    "noise": _NOISY,
    "blur": _NOISY,
    "weather": MIXED,
    "digital": MIXED,
}
NAMED: Mapping[Family, str] = {
    "noise": "Noise",
    "blur": "Blur",
    "weather": "Weather",
    "digital": "Digital change",
}
SAVED = {"jpeg85": "saved as JPEG once more", "lossless": "not saved as JPEG"}
ROUNDED = {"truncated": "grey levels cut to whole ones", "none": "grey levels left as real numbers"}
COLUMNS = {"cifar": "32", "tiny": "64", "imagenet": "224"}


def findings(estimates: Estimates) -> Sequence[Finding]:
    """How much it loses, to what most, where half is gone, whether frequency explains it, and what may be compared."""
    mean = estimates.one("mean_corruption_error", given="all")
    if mean is None:
        return [*_unlabelled(estimates), *_facts(estimates)]
    if mean.value is None:
        told = f"No mean error can be told: {mean.reason}."
        return [Finding("note", told), *_worst(estimates), *_left_out(estimates), *_facts(estimates)]
    wary = [*guessed(_clean_accuracy(estimates), "corruptions can cost little"), *_stuck(estimates, mean)]
    return [
        *_overall(estimates, mean, praise=not wary),
        *_unanswered(estimates),
        *_left_out(estimates),
        *wary,
        *(() if wary else _families(estimates)),
        *_halved(estimates),
        *_frequencies(estimates),
        *_beside_alexnet(estimates),
        *_facts(estimates),
    ]


def _unanswered(estimates: Estimates) -> Iterator[Finding]:
    """That errors are missing."""
    none = estimates.one("unanswered")
    if none is not None and none.value:
        told = f"To {percent(none)} of corrupted images its answer is not finite; they count nowhere else."
        yield Finding("weak", told, "Look for overflow or a division by zero in the model: such pictures will come.")


def _stuck(estimates: Estimates, mean: Estimate) -> Iterator[Finding]:
    """That it gives one answer again and again, unless it is right more often than that answer is."""
    usual, label = estimates.one("commonest_answer_share"), estimates.one("commonest_label_share")
    if label is None or label.value is None or not above_chance(1 - (mean.value or 0.0), label.value, mean.n):
        yield from called_out(usual, "what is left of its accuracy says little", "Under corruptions it")


def _left_out(estimates: Estimates) -> Iterator[Finding]:
    """That pictures in files are in no figure."""
    share = estimates.one("left_out")
    if share is not None and share.value:
        yield Finding(
            "note",
            f"{percent(share)} of the pictures are in no figure: their corruption or severity is not known, or another picture "
            "of the same image, corruption and severity follows.",
        )


def _worst(estimates: Estimates) -> Iterator[Finding]:
    """Which of the corruptions costs most, where there is no mean over them."""
    found = [e for e in estimates.of("corruption_error", given="all") if e.value is not None]
    if found:
        worst = max(found, key=lambda e: e.value or 0.0)
        yield Finding("note", f"It errs most under {named(worst.at['corruption'])}: {percent(worst)} wrong.")


def _clean_accuracy(estimates: Estimates) -> Estimate | None:
    """On the images as they are, if these were shown."""
    clean = estimates.one("clean_error")
    if clean is None or clean.value is None or clean.low is None or clean.high is None:
        return None
    return replace(clean, value=1 - clean.value, low=1 - clean.high, high=1 - clean.low)


def _overall(estimates: Estimates, mean: Estimate, praise: bool) -> Iterator[Finding]:
    count = mean.at["corruptions"]
    shown = f"{count} corruption{'s' if count > 1 else ''}, {mean.at['cells']} with their severities"
    clean, more = estimates.one("clean_error"), estimates.one("mean_error_increase")
    sentence = f"Of corrupted images ({shown}) it gets {percent(mean)} wrong"
    if clean is None or more is None:
        yield Finding("note", f"{sentence}; {mean.n:,} test images.")
        return
    if more.value is None:
        told = f"{sentence}, of images as they are {percent(clean)}; how much that costs cannot be told"
        yield Finding("note", f"{told}: {more.reason}.")
        return
    if more.low is None:  # too few images to say more
        yield Finding("note", f"{sentence}, as they are {percent(clean)}; {mean.n:,} test images.")
        return
    if more.n == clean.n == mean.n:
        told = f"{sentence}, of the same images as they are {percent(clean)}: {points(more)} more; {mean.n:,} images."
    else:
        told = f"{sentence}; {points(more)} more than as they are, by the {more.n:,} images that were shown both ways."
    yield judged(told, more, MUCH, LITTLE, MIXED, praise=praise and more.n >= ENOUGH)


def _families(estimates: Estimates) -> Iterator[Finding]:
    """Which costs most, if one surely does."""
    means = [e for f in FAMILIES if (e := estimates.one("family_error", family=f, given="all")) and e.value is not None]
    if len(means) < 2:
        return
    means.sort(key=lambda e: -(e.value or 0.0))
    first, second = (e.at["family"] for e in means[:2])
    gap, sign = estimates.one("family_difference", family=first, against=second), 1
    if gap is None:
        gap, sign = estimates.one("family_difference", family=second, against=first), -1
    if gap is None or gap.value is None or gap.low is None or gap.high is None:
        return
    low, high = together(gap.value, gap.low, gap.high, len(means) - 1)  # the first of several was chosen by its error
    ends = (low, high) if sign > 0 else (-high, -low)
    most, next_ = _called(estimates, first), _called(estimates, second)
    told = f"{most} hurts most: {percent(means[0])} wrong"
    beyond = (
        f"{100 * abs(gap.value):.1f} points ({100 * ends[0]:.1f} to {100 * ends[1]:.1f}) more than {_within(next_)}"
    )
    if ends[0] <= 0:
        names = f"{most} and {_within(next_)}"
        wrong = f"{percent(means[0])} and {percent(means[1])} wrong"
        yield Finding("note", f"{names} hurt most, and it cannot be told which more: {wrong}.")
        return
    grown = estimates.one("family_error_increase", family=first)
    if grown is not None and (grown.low or 0.0) > MUCH:
        yield Finding("weak", f"{told}, {beyond}.", ADVICE[first])
    else:
        yield Finding("note", f"{told}, {beyond}.")


def _called(estimates: Estimates, family: Family) -> str:
    """A family at the beginning of a sentence, with what stood for it where its name does not say that."""
    if family in ("noise", "blur"):
        return NAMED[family]
    shown = [e.at["corruption"] for e in estimates.of("corruption_error", given="all") if e.value is not None]
    mine = [named(name) for name in shown if FAMILY[name] == family and name not in EXTRAS]
    return f"{NAMED[family]} ({', '.join(mine)})"


def _within(sentence: str) -> str:
    """A beginning, within a sentence."""
    return sentence[:1].lower() + sentence[1:]


def _halved(estimates: Estimates) -> Iterator[Finding]:
    """Where half of the accuracy goes soonest."""
    found = [e for e in estimates.of("halved_at") if e.value is not None]
    if not found:
        return
    soonest = min(e.value or 0.0 for e in found)
    names = [named(e.at["corruption"]) for e in found if e.value == soonest]
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    of = sum(e.value is not None for e in estimates.of("corruption_error", given="all"))
    yield Finding(
        "note",
        f"Half of its accuracy is gone under {len(found)} of {of} corruptions, soonest, at severity {soonest:g}, in {listed}.",
    )


def _frequencies(estimates: Estimates) -> Iterator[Finding]:
    """Whether it is fine or coarse change that hurts."""
    rho = estimates.one("high_share_correlation")
    if rho is None or rho.value is None or rho.low is None or rho.high is None:
        return
    about = f"rank correlation {number(rho)} over {rho.n} corruptions at severity {rho.at['severity']}"
    first, second = ("fine detail", "coarse shapes") if rho.value > 0 else ("coarse shapes", "fine detail")
    told = f"Corruptions that change {first} hurt it more than those that change {second}: {about}."
    if rho.low <= 0 <= rho.high:
        told = f"Whether fine or coarse change hurts it more cannot be told from so few corruptions: {about}."
    size = estimates.one("change_rms_correlation")
    if size is not None and (size.low or 0.0) > 0:
        told += f" It errs more where pixel values change more: {number(size)}."
    yield Finding("note", told)


def _beside_alexnet(estimates: Estimates) -> Iterator[Finding]:
    mce = estimates.one("mce")
    if mce is not None:
        made = "" if mce.at["set"] == "files" else " (of images corrupted here, not of ImageNet-C)"
        told = f"undefined: {mce.reason}" if mce.value is None else f"{number(mce, 1)}, AlexNet's being 100"
        yield Finding("note", f"Mean corruption error by the {mce.at['reference']} errors of AlexNet{made}: {told}.")


def _unlabelled(estimates: Estimates) -> Iterator[Finding]:
    kept = estimates.one("mean_agreement")
    if kept is None or kept.value is None:
        yield Finding("note", "No image could be examined.")
        return
    worst = min((e for e in estimates.of("agreement")), key=lambda e: e.value or 0.0)
    yield Finding(
        "note",
        f"It keeps its answer to {percent(kept)} of corrupted images, least under {named(worst.at['corruption'])} at severity "
        f"{worst.at['severity']}: {percent(worst)}.",
    )
    usual = estimates.one("commonest_answer_share")
    yield from called_out(usual, "that it keeps its answers says little", "Under corruptions it")


def _facts(estimates: Estimates) -> Iterator[Finding]:
    """What the figures may be compared with."""
    mean = estimates.one("mean_corruption_error")
    if mean is None:
        return
    if mean.at["set"] == "files":
        lacking = 75 - mean.at["cells"]
        part = f" {lacking} of the 75 pictures of each test image are not there or not asked for." if lacking else ""
        yield Finding(
            "note", f"The pictures are those of the files; figures of images corrupted here are not like these.{part}"
        )
        return
    made = f"{ROUNDED[mean.at['rounding']]}, {SAVED[mean.at['saved']]}"
    yield Finding(
        "note",
        f"The images were corrupted here, by the parameters for {COLUMNS[mean.at['column']]} pixels, {made} (generator "
        f"{mean.at['generator']}, the run's seed): a set like CIFAR-10-C or ImageNet-C, not one of them. Compare with figures "
        "of the same generator alone.",
    )
