"""A net trained with BaSS, evaluated as it should be: on images as they are first, and on balanced ones under their own name.

BaSS moves pixels far more than an attack may: an accuracy under attack around a balanced image says nothing of the image as it
is. So there are five rows, of which the first two can be compared with other nets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eyechart.core.catalogue import make_exams
from eyechart.core.estimate import Estimate
from eyechart.errors import SettingError
from eyechart.examination import examine
from eyechart.images.arrays import ArraySet, array_set
from eyechart.images.image_set import ImageSet
from eyechart.images.part import split
from eyechart.models.image_model import ImageModel
from eyechart.models.preprocessing import Preprocessing
from eyechart.spectrum.balance import bass
from eyechart.treating import frames_of

ROWS = (
    "1 images as they are",
    "2 images as they are, attacked",
    "3 balanced images",
    "4 balanced images, attacked around them (the published protocol; not comparable)",
    "5 images as they are, balanced in front of the net, attacked through both",
)
EPS = 8 / 255


@dataclass(frozen=True)
class Row:
    """One of the five; ``corrupted``: mean error under corruptions, of the first row alone."""

    name: str
    accuracy: Estimate
    corrupted: Estimate | None = None


class BalancedFirst(nn.Module):
    """BaSS (safe form, unquantised, clipped with a straight gradient) in front of a net; takes the net's frames."""

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.net = net
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(getattr(preprocessing, name)).view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Frames to pixels, balanced, and back."""
        pixels = x * self.std + self.mean
        pixels = pixels + (pixels.clamp(0, 1) - pixels).detach()  # rounding leaves the range
        answer: Tensor = self.net((bass(pixels, "safe", "none", "straight") - self.mean) / self.std)
        return answer


def balanced_rows(
    model: ImageModel,
    images: ImageSet,
    out: str | Path,
    *,
    limit: int = 500,
    eps: float = EPS,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    corruptions: bool = True,
    seed: int = 0,
) -> list[Row]:
    """The five rows of a model; runs are kept under ``out``, and the same call goes on.

    Args:
        model: with a net of its own.
        images: labelled, without a part in training.
        limit: at most so many, the first of the seeded order.
        eps: size of attacks (L-infinity).
        settings: of ``adversarial`` and ``corruptions``.
        corruptions: whether the first row has an error under corruptions.
    """
    if model.plain is None:
        raise SettingError("There is no network.", setting="model", value=model.name, way_out="Give a model.")
    some = split(images, min(limit, len(images)), seed)[0]
    seen = replace(model.preprocessing, resize=None, crop=False)
    front = ImageModel.of(
        BalancedFirst(model.plain.net, model.preprocessing),
        model.preprocessing,
        name="BaSS in front",
        device=model.device,
    ).with_classes(model.class_names, model.class_ids)
    own = ImageModel.of(model.plain.net, seen, name=model.name, device=model.device)
    own = own.with_classes(model.class_names, model.class_ids)
    told = {"adversarial": {"eps": [eps]}, **(settings or {})}
    names = ["clean", "adversarial", *["corruptions"] * corruptions]

    def sat(who: ImageModel, what: ImageSet, exams: Sequence[str], folder: str) -> Sequence[Estimate]:
        made = make_exams(exams, {name: found for name, found in told.items() if name in exams})
        return examine(who, what, made, out=Path(out) / folder, seed=seed).estimates

    plain = sat(model, some, names, "as-they-are")
    balanced = sat(own, balanced_images(some, model), names[:2], "balanced")
    through = sat(front, some, names[1:2], "in-front")
    right = [_one(found, "clean", "accuracy") for found in (plain, balanced)]
    kept = [_one(found, "adversarial", "robust_accuracy", attack="all") for found in (plain, balanced, through)]
    error = _one(plain, "corruptions", "mean_corruption_error", given="all") if corruptions else None
    figures = (right[0], kept[0], right[1], kept[1], kept[2])
    return [Row(name, e, error if k == 0 else None) for k, (name, e) in enumerate(zip(ROWS, figures, strict=True))]


def as_data(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """For the report."""
    return [
        {"row": row.name, "accuracy": row.accuracy.to_dict(), "corrupted": row.corrupted and row.corrupted.to_dict()}
        for row in rows
    ]


def balanced_images(images: ImageSet, model: ImageModel) -> ArraySet:
    """The images as the model's frames, balanced (safe form, whole grey levels, cut down as published)."""
    frames, kept = frames_of(images, model)
    grey = (frames * 255).round().to(torch.uint8)
    shown = bass(grey, "safe", "trunc").permute(0, 2, 3, 1).cpu().numpy()
    targets = {name: np.asarray(values)[kept] for name, values in images.targets.items()}
    ids = tuple(images.ids[i] for i in kept)
    return array_set(f"{images.name}, balanced", np.ascontiguousarray(shown), ids, targets, images.class_names)


def _one(found: Sequence[Estimate], exam: str, measure: str, **at: Any) -> Estimate:
    fits = (
        e
        for e in found
        if (e.exam, e.measure) == (exam, measure) and all(e.at.get(name) == value for name, value in at.items())
    )
    return next(fits)
