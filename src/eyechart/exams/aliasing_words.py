"""Findings of the aliasing exam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eyechart.core.chart import Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent
from eyechart.exams.aliasing_estimates import at_once

CLEAR = 0.05  # of what white noise has
TELLING = 0.1  # a smaller rise of that is no jump
FALSE = "Such detail turns into false coarse detail, which changes when the picture moves by less than the stride."
ADVICE = "Blur before this step skips places (anti-aliasing), or let it keep all."


def findings(estimates: Estimates) -> Sequence[Finding]:
    """Which step makes matters worse, and what is sampled worst; all by the ratio to white noise."""
    own = _known(estimates, "output")
    end = _ended(estimates)
    if not own:
        return [Finding("note", _nothing(estimates)), *end]
    told = [_free(estimates, own, not end) or _jump(estimates, own)]
    steps = _known(estimates, "input")
    if steps:
        told.append(_worst(estimates, max(steps, key=lambda e: e.value or 0.0)))
    return [*told, *_too_few(estimates), *end]


def _free(estimates: Estimates, own: Sequence[Estimate], all_followed: bool) -> Finding | None:
    """Praise, if intervals for all layers at once are low, and no layer that skips places is out of sight."""
    if any((high := at_once(e, len(own))[1]) is None or high >= CLEAR for e in own):
        return None
    what = f"detail too fine for its samples: at most {_most(estimates, own)}."
    if all_followed and len(own) == len(estimates.of("share_over_white_noise", map="output")):
        return Finding("strong", f"Hardly any layer holds {what}")
    return Finding("note", f"Of the layers that could be judged hardly any holds {what}")


def _jump(estimates: Estimates, own: Sequence[Estimate]) -> Finding:
    """The largest clear rise that a step itself makes, or else that from one stride to the next."""
    rises = estimates.of("rise")
    clear = [e for e in rises if (e.value or 0.0) >= TELLING and _above_zero(e, len(rises))]
    for since in ("input", "layer"):
        made = [e for e in clear if e.at["since"] == since]
        if made:
            rise = max(made, key=lambda e: e.value or 0.0)
            return Finding(
                "weak", f"{(_by_itself if since == 'input' else _by_stride)(estimates, rise)} {FALSE}", ADVICE
            )
    most = f"the most is {_most(estimates, own)}"
    if not rises:
        return Finding("note", f"No step that skips places could be compared with what came before; {most}.")
    return Finding("note", f"No step clearly raises the share of detail that is too fine for the places kept; {most}.")


def _most(estimates: Estimates, own: Sequence[Estimate]) -> str:
    """The largest ratio; as it is picked, with an interval that holds for all of them."""
    largest = max(own, key=lambda e: e.value or 0.0)
    low, high = at_once(largest, len(own))
    several = f" (an interval for all {len(own)} layers at once)" if len(own) > 1 and low is not None else ""
    return f"{_told(estimates, replace(largest, low=None if low is None else max(0.0, low), high=high))}{several}"


def _above_zero(e: Estimate, count: int) -> bool:
    """By an interval that holds for so many at once, as the largest is picked."""
    low, _ = at_once(e, count)
    return low is not None and low > 0


def _by_itself(estimates: Estimates, rise: Estimate) -> str:
    before, after = (_ratio(estimates, rise.at["layer"], which) for which in ("input", "output"))
    return (
        f"The step {rise.at['layer']} itself makes detail that is too fine for the places it keeps, every {_nth(rise)}: "
        f"from {_told(estimates, before, 'in the map that it works on')} to {_told(estimates, after, 'in its own')}."
    )


def _by_stride(estimates: Estimates, rise: Estimate) -> str:
    before, after = (_ratio(estimates, name, "output") for name in (rise.at["earlier"], rise.at["layer"]))
    given, first = _ratio(estimates, rise.at["layer"], "input"), estimates.one("sampled_from", layer=rise.at["layer"])
    strides = f" from {first.value:.0f} to {rise.at['stride']}" if first and first.value else ""
    there = f"{_told(estimates, given, 'in the map that it works on')} already" if given and given.value else "unknown"
    return (
        f"The share of detail that is too fine for the places kept jumps at {rise.at['layer']}, where its total stride goes"
        f"{strides}: from {_told(estimates, before)} to {_told(estimates, after)}. By the places that are left it is {there}: "
        "the step does not make this detail, but keeps fewer places without taking it out."
    )


def _worst(estimates: Estimates, step: Estimate) -> Finding:
    """The step that is given most, and whether it takes any of it out, by intervals that hold for all steps at once."""
    given, kept = (_share(estimates, step.at["layer"], which) for which in ("input", "output"))
    after = (
        f", and of its own map, before places are skipped, {percent(kept)}" if kept and kept.value is not None else ""
    )
    sentence = (
        f"The step {step.at['layer']} keeps every {_nth(step)} pixel's place. Of the map that it works on, "
        f"{percent(given) if given else 'some'} of the detail is too fine for that{after} (white noise: "
        f"{_noise(estimates, step)}). {_effect(estimates, step)}n = {step.n:,} images."
    )
    return Finding("note", sentence)


def _effect(estimates: Estimates, step: Estimate) -> str:
    rises = estimates.of("rise", since="input")
    own = next((e for e in rises if e.at["layer"] == step.at["layer"]), None)
    if own is None:
        return ""
    low, high = at_once(own, len(rises))
    if high is not None and high < 0:
        return "It takes some of that out. "
    if low is not None and low > 0:
        return "It adds to that. "
    return "That it takes any of it out is not shown. "


def _too_few(estimates: Estimates) -> Sequence[Finding]:
    """Layers whose maps are too small to be judged."""
    left = [e for e in estimates.of("share_over_white_noise", map="output") if e.value is None]
    if not left:
        return []
    strides = ", ".join(str(s) for s in sorted({int(e.at["stride"]) for e in left}))
    return [Finding("note", f"Layers of stride {strides} are not judged: {left[0].reason}.")]


def _ended(estimates: Estimates) -> Sequence[Finding]:
    end = estimates.one("layers_not_followed")
    return (
        [Finding("note", f"Layers after {end.at['layer']} could not be followed, because {end.reason}.")] if end else []
    )


def _nothing(estimates: Estimates) -> str:
    strides = estimates.of("total_stride")
    if strides and all(e.value == 1 for e in strides):
        return "No layer looked at skips places: each keeps all, so that nothing can turn into false detail there."
    reasons = sorted({e.reason for e in estimates if e.reason and e.measure != "layers_not_followed"})
    why = f": {reasons[0]}" if reasons else ""
    return f"No step of this network that keeps fewer places could be looked at{why}."


def _told(estimates: Estimates, ratio: Estimate | None, where: str = "") -> str:
    """A ratio in words, with the share that it is of."""
    if ratio is None:
        return "an unknown share"
    share = _share(estimates, ratio.at["layer"], ratio.at["map"])
    ends = f" [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio.low is not None and ratio.high is not None else ""
    where = where or f"at {ratio.at['layer']}"
    return f"{percent(share) if share else 'a share'} {where}, {ratio.value:.2f}{ends} times that of white noise"


def _known(estimates: Estimates, which: str) -> list[Estimate]:
    return [e for e in estimates.of("share_over_white_noise", map=which) if e.value is not None]


def _ratio(estimates: Estimates, layer: str, which: str) -> Estimate | None:
    return estimates.one("share_over_white_noise", layer=layer, map=which)


def _share(estimates: Estimates, layer: str, which: str) -> Estimate | None:
    return estimates.one("nyquist_share", layer=layer, map=which, channels="weighted")


def _noise(estimates: Estimates, e: Estimate) -> str:
    noise = estimates.one("white_noise_share", layer=e.at["layer"], map=e.at["map"])
    return f"{100 * noise.value:.1f}%" if noise and noise.value is not None else "unknown"


def _nth(e: Estimate) -> str:
    stride = int(e.at["stride"])
    return {2: "second", 3: "third"}.get(stride, f"{stride}th")
