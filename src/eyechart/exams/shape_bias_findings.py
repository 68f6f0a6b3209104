"""Plain words of the shape_bias exam."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eyechart.core.chart import Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.words import percent
from eyechart.exams.shape_bias_pictures import comparable, whole
from eyechart.exams.shape_bias_published import OBSERVERS
from eyechart.stats.cue_conflict import FEW

HALF = 0.5
NAMING = (
    "name them as cat7-elephant1.png, or cat7-elephant1-108.png (a third part may hold digits alone), or give shape and "
    "texture with --labels"
)
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
    people = (
        f" (people, on the published pictures: {OBSERVERS[0].shape_bias:.0%})" if comparable(estimates, rule) else ""
    )
    said = (
        f"Where shape and texture disagree, it names the shape in {percent(bias)} of the {bias.n:,} cases in which it names "
        f"either{people}; it names either in {percent(either)} of all {either.n:,}."
    )
    if bias.n < FEW:
        return Finding("note", f"{said} So few cases cannot be relied on.")
    winner = "shape" if (bias.low or 0.0) > HALF else "texture" if bias.high is not None and bias.high < HALF else ""
    if not winner:
        return Finding("note", f"{said} Neither cue is shown to win.")
    if level := _by_chance(estimates, rule, winner):
        return Finding("note", f"{said} {level}")
    return Finding("strong", said) if winner == "shape" else Finding("weak", said, ADVICE)


def _by_chance(estimates: Estimates, rule: str, cue: str) -> str:
    """That the winner may be named for the answers alone, not for what is seen; empty where it is named more often."""
    named = whole(estimates, f"{cue}_accuracy", aggregation=rule)
    level = whole(estimates, "accuracy_by_chance", aggregation=rule, cue=cue)
    if named is None or named.low is None or level is None or level.value is None or named.low > level.value:
        return ""
    return (
        f"But the same answers, dealt to these pictures at random, would name the {cue} in {level.value:.1%} of all: it may "
        "prefer answers and not a cue. Show stimuli in which each category is the shape as often as the texture."
    )


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
    found = [estimates.one("reciprocal_rank_by_chance", cue=cue) for cue in ("shape", "texture")]
    chance = [e.value for e in found if e and e.value is not None]
    random = " and ".join(f"{value:.2f}" for value in chance)
    level = (
        chance[0] - chance[1] if len(chance) == len(found) else 0.0
    )  # a category of many outputs ranks high by chance
    end = "neither cue is shown to rank higher than chance explains"
    if gap.low > max(0.0, level) or gap.high < min(0.0, level):
        end = f"{'shape' if gap.low > 0 else 'texture'} ranks higher"
    yield Finding(
        "note",
        f"Among all its outputs, the mean reciprocal rank is {shape:.2f} for the shape and {texture:.2f} for the texture "
        f"({random} if outputs ranked at random): "
        f"{end} (difference {gap.value:.2f}, 95% interval {gap.low:.2f} to {gap.high:.2f}).",
    )


def _bands(estimates: Estimates, rule: str) -> Iterator[Finding]:
    """Where the texture lives: beside the shape if both radii are found, else at the radius that parts it most evenly."""
    gap = estimates.one("crossover_radius_gap", aggregation=rule)
    parted = [e for e in estimates.of("band_gap", aggregation=rule, cue="texture") if e.value is not None]
    if gap is not None and _clear(gap):
        texture, shape = (estimates.one("crossover_radius", aggregation=rule, cue=cue) for cue in ("texture", "shape"))
        yield Finding("note", _beside_shape(texture, shape, gap))
    elif parted:
        yield Finding("note", _at_radius(estimates, min(parted, key=lambda e: abs(e.value or 0.0)), rule))


def _clear(e: Estimate) -> bool:
    return e.value is not None and e.low is not None and e.high is not None


def _beside_shape(texture: Estimate | None, shape: Estimate | None, gap: Estimate) -> str:
    end = "Texture is not shown to live in other detail than shape"
    if (gap.low or 0) > 0 or (gap.high or 0) < 0:
        end = f"So texture lives in {'finer' if (gap.low or 0) > 0 else 'coarser'} detail than shape"
    return (
        f"Split into a coarse and a fine part at {_waves(texture)} waves across the image, its pictures give the texture away "
        f"as often by either part; the shape, at {_waves(shape)}. {end} (difference {gap.value:.0f}, 95% interval "
        f"{gap.low:.0f} to {gap.high:.0f})."
    )


def _waves(e: Estimate | None) -> str:
    if e is None or e.value is None:
        return "an unknown number of"
    return (
        f"{e.value:.0f}"
        if e.low is None or e.high is None
        else f"{e.value:.0f} (95% interval {e.low:.0f} to {e.high:.0f})"
    )


def _at_radius(estimates: Estimates, gap: Estimate, rule: str) -> str:
    at = {"aggregation": rule, "radius": gap.at["radius"]}
    low, high = (estimates.one("texture_accuracy", band=side, **at) for side in ("low", "high"))
    said = " and ".join(
        f"{percent(e)} {what}" for e, what in ((low, "on what is coarser"), (high, "on what is finer")) if e
    )
    end = "neither part is shown to hold more of it"
    if (gap.low or 0) > 0 or (gap.high or 0) < 0:
        end = f"its texture lives in the {'coarse' if (gap.low or 0) > 0 else 'fine'} part"
    return f"Parted at {at['radius']:g} waves across the image, it names the texture in {said}: {end}."


def _left_out(estimates: Estimates) -> Iterator[Finding]:
    absent, none = (estimates.one("stimuli", fate=fate) for fate in ("absent", "no_stimulus"))
    left = []
    if absent and absent.value:
        way_out = "shape_bias.categories takes a file of your own"
        left.append(f"{int(absent.value):,} have a shape or texture that is in none of the categories ({way_out})")
    if none and none.value:
        left.append(f"{int(none.value):,} are no such stimuli ({NAMING})")
    if left and absent:
        yield Finding("note", f"Of {absent.n:,} images {' and '.join(left)}: they are left out.")
