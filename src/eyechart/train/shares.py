"""How a batch is shared out: among processes, and into parts that BatchNorm sees each by itself."""

from __future__ import annotations

from eyechart.errors import SettingError
from eyechart.train.recipe import Recipe


def ghosts_of(recipe: Recipe, world: int) -> int:
    """Parts in which a process takes its share; a share is one ghost or several whole ones."""
    if recipe.ghost_batches > world and recipe.ghost_batches % world:
        way_out = f"Give a multiple of {world}, or 1: each process's share is a part then."
        sentence = f"They do not divide among {world} processes."
        raise SettingError(sentence, setting="ghost_batches", value=recipe.ghost_batches, way_out=way_out)
    return max(1, recipe.ghost_batches // world)


def whole_batch(asked: int, n: int, parts: int) -> int:
    """Images a step: at most those there are, in equal parts."""
    if n < parts:
        way_out = "Give more images, fewer processes or a smaller ghost_batches."
        raise SettingError(
            "There are fewer images than parts of a batch.", setting="--images", value=n, way_out=way_out
        )
    batch = min(asked, n)
    return max(batch - batch % parts, parts)
