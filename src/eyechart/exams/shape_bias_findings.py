"""Plain words of the shape_bias exam."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent
from eyechart.exams.shape_bias_pictures import whole
from eyechart.exams.shape_bias_published import OBSERVERS
from eyechart.stats.cue_conflict import FEW

HALF = 0.5
ADVICE = (
    "If your pictures will come with other surfaces, light or rendering, train on images whose texture says nothing "
    "(stylised copies, strong colour and blur augmentation, fewer random crops), and ask again. Do not expect robustness "
    "from a higher shape bias alone."
)


def findings(estimates: Estimates, rule: str) -> Sequence[Finding]:
    """Which cue wins; what the ratio hides; where the texture lives; what was left out."""
    bias = whole(estimates, "shape_bias", aggregation=rule)
    if bias is None:
        return [
            Finding(
                "note",
                "Nothing can be said: it is not known which of the model's outputs stand for the stimuli's categories.",
            )
        ]
    found = [_bias(estimates, bias, rule)]
    if bias.value is not None:
        found += [*_strict(estimates, rule), *_ranks(estimates), *_bands(estimates, rule)]
    return [*found, *_left_out(estimates)]


def _bias(estimates: Estimates, bias: Estimate, rule: str) -> Finding:
    either = whole(estimates, "either_cue_accuracy", aggregation=rule)
    if bias.value is None or either is None:
        return Finding("note", f"Whether shape or texture wins cannot be told: {bias.reason}.")
    people = OBSERVERS[0]
    said = (
        f"Where shape and texture disagree, it names the shape in {percent(bias)} of the {bias.n:,} cases in which it names "
        f"either (people: {people.shape_bias:.0%}); it names either in {percent(either)} of all {either.n:,}."
    )
    if bias.n < FEW:
        return Finding("note", f"{said} So few cases cannot be relied on.")
    if (bias.low or 0.0) > HALF:
        return Finding("strong", said)
    if bias.high is not None and bias.high < HALF:
        return Finding("weak", said, ADVICE)
    return Finding("note", f"{said} Neither cue is shown to win.")


def _strict(estimates: Estimates, rule: str) -> Iterator[Finding]:
    """How much the choice among categories hides."""
    other = whole(estimates, "other_share", aggregation="strict")
    usual = whole(estimates, "other_share", aggregation=rule)
    if rule == "strict" or not (other and usual) or other.value is None or usual.value is None:
        return
    if other.value > max(HALF, usual.value):
        yield Finding(
            "note",
            f"Free to give any answer, it names neither shape nor texture in {percent(other)} of the cases; made to choose "
            f"among the categories ({rule}), in {100 * usual.value:.1f}%. The shape bias is about the rest.",
        )


def _ranks(estimates: Estimates) -> Iterator[Finding]:
    gap = whole(estimates, "reciprocal_rank_gap")
    found = [whole(estimates, "reciprocal_rank", cue=cue) for cue in ("shape", "texture")]
    shape, texture = ((e.value if e else None) for e in found)
    if gap is None or gap.low is None or gap.high is None or shape is None or texture is None:
        return
    higher = "shape" if gap.low > 0 else "texture" if gap.high < 0 else "neither cue is shown to rank"
    end = f"{higher} ranks higher" if gap.low > 0 or gap.high < 0 else f"{higher} higher"
    yield Finding(
        "note",
        f"Among all its outputs, the mean reciprocal rank is {shape:.2f} for the shape and {texture:.2f} for the texture: "
        f"{end} (difference {gap.value:.2f}, 95% interval {gap.low:.2f} to {gap.high:.2f}).",
    )


def _bands(estimates: Estimates, rule: str) -> Iterator[Finding]:
    """At the radius that parts the texture most evenly: which part keeps more of it."""
    pairs = [
        (low, high)
        for low in estimates.of("texture_accuracy", aggregation=rule, band="low")
        for high in estimates.of("texture_accuracy", aggregation=rule, band="high", radius=low.at["radius"])
    ]
    for low, high in pairs:
        if None in (low.low, low.high, high.low, high.high):
            continue
        apart = (low.low or 0) > (high.high or 0) or (high.low or 0) > (low.high or 0)
        where = "coarse" if (low.value or 0) > (high.value or 0) else "fine"
        end = f"its texture lives in the {where} part" if apart else "neither part is shown to hold more of it"
        yield Finding(
            "note",
            f"Shown only what is coarser than {low.at['radius']:g} waves across the image, it names the texture in "
            f"{percent(low)} of the cases, shown only what is finer, in {percent(high)}: {end}.",
        )


def _left_out(estimates: Estimates) -> Iterator[Finding]:
    absent, none = (estimates.one("stimuli", fate=fate) for fate in ("absent", "no_stimulus"))
    left = []
    if absent and absent.value:
        left.append(f"{int(absent.value):,} are of categories that the model lacks")
    if none and none.value:
        left.append(f"{int(none.value):,} are no such stimuli")
    if left and absent:
        yield Finding("note", f"Of {absent.n:,} images {' and '.join(left)}: they are left out.")
