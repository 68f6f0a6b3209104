"""What is to be known of a training before its first step, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from eyechart.train.recipe import Recipe
from eyechart.train.resident import Resident

NAMED = 3  # images that are named
MANY = 0.1  # share of the images that an epoch may leave out without a word


def remarks_of(recipe: Recipe, data: Resident, batch: int) -> Iterator[str]:
    """``batch``: images that a step takes in truth."""
    yield from _images(data)
    n, asked = len(data), recipe.batch_size
    if asked > n:
        yield f"A batch of {asked:,} is more than the {n:,} images there are: each step takes {batch:,}."
    elif asked != batch:
        yield f"{asked:,} images do not divide into equal shares: each step takes {batch:,}."
    steps = n // batch
    if (left := n - steps * batch) > MANY * n:
        better = n // (steps + 1)
        yield (
            f"{left:,} of the {n:,} images are left out of each epoch, others each time: {steps:,} step"
            f"{'s' if steps > 1 else ''} of {batch:,}. With a batch_size of {better:,} {n % better or 'none'} would be."
        )
    if recipe.schedule == "steps" and (late := [m for m in recipe.milestones if m >= recipe.epochs]):
        never = "never falls" if len(late) == len(recipe.milestones) else "falls no further"
        epochs = f"{recipe.epochs:,} epoch{'s' if recipe.epochs > 1 else ''}"
        yield f"The training ends after {epochs}, before {_list(late)} of milestones: the learning rate {never}."


def _images(data: Resident) -> Iterator[str]:
    if data.bad:
        named = "; ".join(f"{name}: {reason.rstrip('.')}" for name, reason in data.bad[:NAMED])
        more = f"; and {len(data.bad) - NAMED:,} more" if len(data.bad) > NAMED else ""
        verb = "image cannot be decoded and has" if len(data.bad) == 1 else "images cannot be decoded and have"
        yield f"{len(data.bad):,} training {verb} no part ({named}{more})."
    if data.unlabelled:
        verb = (
            "image has no class of the net and has"
            if data.unlabelled == 1
            else "images have no class of the net and have"
        )
        yield f"{data.unlabelled:,} training {verb} no part."


def _list(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
