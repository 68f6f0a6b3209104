"""Plain words of the adversarial exam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from eyechart.core.chart import Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.findings import near_chance
from eyechart.core.words import percent, points
from eyechart.exams.adversarial_checks import CHECKS
from eyechart.exams.adversarial_layout import LEVELS, told
from eyechart.views.attacks.ball import Norm

Verdict = Literal["strong", "weak", "note"]
MUCH = 0.5  # of its right answers lost at the size that checks are about: weak
KEPT = 0.8  # of them kept: strong, if no check fails and those that decide pass
MANY = 10  # steps of a search that may call a model strong
SHORT = f"no search of {MANY} steps or more was made"
SEARCHES = ("pgd", "short", "direct", "standard", "full")
DECIDING = (  # checks that must have been made, and passed
    "zero_gradient_ce",
    "zero_gradient_margin",
    "square_helped",
    "loss_sinks",
    "huge_change",
)
WEAKLY_TRIED = "That is no proof of strength: {}. Ask with the attacks pgd, square and bands."
ENOUGH = 10  # images that fell: fewer say little of the changes
ADVICE = (
    "What is known to help is adversarial training (Madry et al., ICLR 2018): on CIFAR-10 (8/255, AutoAttack) a "
    "ResNet-50 so trained keeps 49 of 100 answers (87 on clean images), a plain WideResNet none (95; RobustBench). Whether it "
    "helps here, only this exam on the new weights can tell."
)
THROUGH = "A filter before the model is no defence by itself: attack through it, filter and model as one, and read that figure."


def findings(estimates: Estimates, norm: Norm, steps: Mapping[str, int]) -> Sequence[Finding]:
    """Whether figures can be believed; what a small change costs; where it lies, and what a filter would do.

    Args:
        estimates: of one model.
        norm: of the exam.
        steps: of attacks whose number of steps is a setting.
    """
    clean = estimates.one("clean_accuracy")
    if clean is None or clean.value is None:
        return [Finding("note", "Without labels nobody can say which answers a change costs.")]
    return [
        *_doubts(estimates, norm),
        *_cost(estimates, norm, clean, _untried(estimates, steps)),
        *_distance(estimates, norm),
        *_transfer(estimates, norm),
        *_waves(estimates, norm),
        *_filter(estimates, norm),
    ]


def _doubts(estimates: Estimates, norm: Norm) -> Iterator[Finding]:
    """Checks that fail, or ask for a look."""
    failed, warned = (estimates.of("flag", status=status) for status in ("fail", "warn"))
    if failed:
        because = "; ".join(f"{CHECKS[e.at['flag']].means} ({_figure(e)})" for e in failed)
        yield Finding(
            "weak",
            f"Its accuracy under attack cannot be trusted: {because}.",
            "Mend what the table of checks names and ask again; until then read accuracies under attack as what was not found, "
            "not as what is not there.",
        )
    elif warned:
        because = "; ".join(_noticed(e) for e in warned)
        yield Finding("note", f"Checks of the attacks ask for a closer look: {because}.")


def _noticed(e: Estimate) -> str:
    check = CHECKS[e.at["flag"]]
    return check.noticed if check.noticed and not e.value else f"{check.asks}: {_figure(e)}"


def _figure(e: Estimate) -> str:
    form = CHECKS[e.at["flag"]].format
    if e.value is None:
        return e.reason
    if form != "percent":
        return f"{e.value:.3g}"
    return points(e) if e.unit == "difference of shares" and e.low is not None else percent(e)


def _untried(estimates: Estimates, steps: Mapping[str, int]) -> str:
    """What is missing for praise: a search of many steps, and checks that would betray one without a gradient to follow."""
    long = any(estimates.of("robust_accuracy", attack=name) and steps.get(name, MANY) >= MANY for name in SEARCHES)
    missing = [] if long else [SHORT]
    for status, said in (("not checked", "not checked"), ("warn", "not clear")):
        names = {e.at["flag"] for e in estimates.of("flag", status=status)}
        missing += [f"{said}: {CHECKS[name].asks}" for name in DECIDING if name in names]
    return "; ".join(missing)


def _cost(estimates: Estimates, norm: Norm, clean: Estimate, untried: str) -> Iterator[Finding]:
    """At the smallest size and at the one that checks are about."""
    at = estimates.of("flags_failed")[0].at["eps"]
    sizes = [e.at["eps"] for e in estimates.of("robust_accuracy", attack="all")]
    left = estimates.one("robust_accuracy", attack="all", eps=at)
    noise = estimates.one("robust_accuracy", attack="noise", eps=at)
    if left is None or noise is None or left.value is None:
        return
    first = estimates.one("robust_accuracy", attack="all", eps=sizes[0])
    small = f" (of {told(sizes[0], norm)}: {percent(first)})" if first and sizes[0] != at else ""
    sentence = (
        f"{_of(at, norm)} leave {percent(left)} of all images right{small}. As they are, {percent(clean)} are right; in random "
        f"noise of that size {percent(noise)}."
    )
    failed = bool(estimates.one("flags_failed", eps=at) and estimates.of("flag", status="fail"))
    verdict = _verdict(left, clean, failed)
    if untried and verdict == "strong":
        verdict, sentence = "note", f"{sentence} {WEAKLY_TRIED.format(untried)}"
    elif untried.startswith(SHORT):
        sentence = f"{sentence} Little was tried, though: {SHORT}."
    yield Finding(verdict, sentence, ADVICE if verdict == "weak" else "")


def _verdict(left: Estimate, clean: Estimate, failed: bool) -> Verdict:
    if near_chance(clean):
        return "note"
    had = clean.value or 0.0
    if (left.high or 0.0) < (1 - MUCH) * had:
        return "weak"
    return "strong" if not failed and (left.low or 0.0) > KEPT * had else "note"


def _of(eps: float, norm: Norm) -> str:
    if norm == "linf":
        return f"Changes of at most {eps * LEVELS:.3g} of {LEVELS} steps a value, made to mislead it,"
    return f"Changes of length {eps:.3g} (l2), made to mislead it,"


def _distance(estimates: Estimates, norm: Norm) -> Iterator[Finding]:
    e = estimates.one("median_distance")
    if e is None or e.value is None:
        return
    yield Finding(
        "note",
        f"Half of the images that it gets right fall to a change of {told(e.value, norm)} or less{_ends(e, norm)}."
        f"{_unseen(e, norm)}",
    )


def _unseen(e: Estimate, norm: Norm) -> str:
    """A file of 8 bit cannot hold less than one step."""
    below = norm == "linf" and e.value is not None and e.value < 1 / LEVELS
    return " That is less than one brightness step: no file of 8 bit holds such a change." if below else ""


def _ends(e: Estimate, norm: Norm) -> str:
    """The interval of a size, which may be open upwards."""
    if e.low is None:
        return ""
    most = "more than was searched" if e.high is None else told(e.high, norm)
    return f" (95% interval {told(e.low, norm)} to {most})"


def _transfer(estimates: Estimates, norm: Norm) -> Iterator[Finding]:
    """At the size that checks are about."""
    eps = estimates.of("flags_failed")[0].at["eps"]
    here, there = (estimates.one(f"{which}_success", eps=eps) for which in ("transfer", "surrogate"))
    if here is None or there is None or here.value is None:
        return
    yield Finding(
        "note",
        f"Changes of {told(eps, norm)} made on {here.at['surrogate']} cost this one {percent(here)} of what both get "
        f"right (that model itself: {percent(there)}): so much an adversary can do who never sees it.",
    )


def _waves(estimates: Estimates, norm: Norm) -> Iterator[Finding]:
    """Fine or coarse: at the smallest size at which enough images fell."""
    found = [e for e in estimates.of("part_success", part="high") if e.value is not None and e.n >= ENOUGH]
    if not found:
        return
    fine = found[0]
    eps = fine.at["eps"]
    coarse = estimates.one("part_success", part="low", eps=eps)
    beyond = [
        e for e in estimates.of("change_beyond", eps=eps) if e.at["radius"] == fine.at["radius"] and e.value is not None
    ]
    even = estimates.one("frequencies_beyond", radius=fine.at["radius"])
    if coarse is None or coarse.value is None:
        return
    where = (
        f", which hold {percent(beyond[0])} of their energy (an even spectrum: {100 * (even.value or 0):.0f}%)"
        if beyond and even
        else ""
    )
    yield Finding(
        "note",
        f"Of the images lost to changes of {told(eps, norm)}, {percent(fine)} are lost to the waves finer than "
        f"{fine.at['radius']:g} across the image alone{where}; to the coarser ones alone {percent(coarse)}.",
    )


def _filter(estimates: Estimates, norm: Norm) -> Iterator[Finding]:
    found = [e for e in estimates.of("repaired") if e.value is not None and e.n >= ENOUGH]
    cost, eps = estimates.one("low_pass_cost"), estimates.of("flags_failed")[0].at["eps"]
    if not found or cost is None or cost.value is None:
        return
    e = found[0]
    around, through = (estimates.one(measure, eps=eps) for measure in ("filtered_accuracy", "through_accuracy"))
    reckoned = ""
    if around is not None and through is not None:
        reckoned = (
            f" Of all images filter and model get {percent(around)} right when changes of {told(eps, norm)} are made for the "
            f"model alone, {percent(through)} when they are made for both."
        )
    yield Finding(
        "note",
        f"Removing the waves finer than {e.at['radius']:g} from the changed pictures makes {percent(e)} of the images lost to "
        f"{told(e.at['eps'], norm)} right again, and costs unchanged ones {points(cost)}.{reckoned}",
        THROUGH,
    )
