"""How a training can fail, in words."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from eyechart.errors import TrainingError
from eyechart.train.recipe import Recipe


def out_of_memory(error: RuntimeError) -> bool:
    """Whether a smaller batch would help."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def too_large(device: torch.device) -> TrainingError:
    """Where there are no smaller parts of a batch."""
    return TrainingError(
        "One image alone does not fit into memory. Finished epochs are kept.",
        setting="device",
        value=str(device),
        way_out="Give a smaller net, or smaller frames with --preprocess.",
    )


def broken_loss(recipe: Recipe, images: Sequence[str], place: tuple[int, int], loss: float) -> TrainingError:
    """A loss that is not finite; ``place``: epoch and step, counted from 0."""
    (epoch, step), some = place, ", ".join(images[:3])
    return _diverged(
        f"The loss became {loss} in epoch {epoch + 1}, step {step + 1} (images {some}, ...)", recipe, epoch
    )


def broken_net(recipe: Recipe, epoch: int) -> TrainingError:
    """A net whose weights or answers are not finite after an epoch, counted from 0, though the losses before were."""
    return _diverged(
        f"After epoch {epoch + 1} the net's weights or its answers to ordinary frames are NaN or infinity",
        recipe,
        epoch,
    )


def _diverged(what: str, recipe: Recipe, finished: int) -> TrainingError:
    kept = f"The checkpoint after epoch {finished} is kept" if finished else "No epoch was finished"
    return TrainingError(
        f"{what}. {kept}.",
        setting="lr",
        value=recipe.lr,
        way_out="Lower the learning rate, lengthen warmup, or set clip; then give the same command"
        f"{' with another --out' if finished else ''}.",
    )
