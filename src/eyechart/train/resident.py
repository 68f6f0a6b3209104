"""Training images, decoded once and kept on the device as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from eyechart.core.view import Plain
from eyechart.errors import BadImagesError, ImagesError, SettingError
from eyechart.images.image_set import ImageSet
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.batches import Artist
from eyechart.run.jobs import Jobs

Array = np.ndarray[Any, Any]
JOB = 256  # images decoded together


@dataclass(frozen=True, eq=False)
class Resident:
    """Images on a device.

    Attributes:
        images: (n, c, h, w) uint8, channels_last.
        labels: (n,) int64, none of them -1.
        ids: of the images.
        bad: ids of labelled images that could not be decoded, and why.
        unlabelled: number of images without a label.
    """

    images: torch.Tensor
    labels: torch.Tensor
    ids: tuple[str, ...]
    bad: tuple[tuple[str, str], ...] = ()
    unlabelled: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(
        cls,
        images: ImageSet,
        labels: Array,
        preprocessing: Preprocessing,
        device: torch.device,
        limit: int | None = None,
        workers: int = 0,
    ) -> Resident:
        """Decode a set in the model's frame.

        Args:
            images: the set.
            labels: (n,) of its images as the model's output numbers; -1 = none.
            preprocessing: of the model.
            device: where they are kept.
            limit: at most so many, the first of the set.
            workers: decode processes.

        Raises:
            ImagesError: none of them has a label and can be decoded.
            SettingError: they do not fit into memory.
        """
        chosen = np.flatnonzero(labels >= 0)[:limit]
        jobs = Jobs(images, labels, chosen, preprocessing, 0)
        height, width = preprocessing.size
        frames = _room((len(chosen), height, width, preprocessing.channels))
        fine = np.zeros(len(chosen), bool)
        reasons: list[str] = []
        spans = [range(start, min(start + JOB, len(chosen))) for start in range(0, len(chosen), JOB)]
        with Artist(workers) as artist:
            for span, (_, drawn) in zip(spans, artist.drawn(jobs.of(s, (Plain(),)) for s in spans), strict=True):
                frames[span.start : span.stop], fine[span.start : span.stop] = drawn.frames[0], drawn.examined
                reasons += drawn.reason
        if not fine.any():
            way_out = "Give labelled images: eyechart doctor lists what is wrong with them."
            raise ImagesError("No image can be trained on.", setting="--images", value=images.name, way_out=way_out)
        kept = chosen[fine]
        pixels = torch.from_numpy(frames if fine.all() else frames[fine]).permute(0, 3, 1, 2).to(device)
        ids = tuple(images.ids[i] for i in kept)
        bad = tuple(sorted((images.ids[chosen[k]], reasons[k]) for k in np.flatnonzero(~fine)))
        given = torch.from_numpy(labels[kept].astype(np.int64)).to(device)
        return cls(pixels, given, ids, bad, int((labels < 0).sum()))

    def check(self, max_bad: int | None) -> None:
        """Raises BadImagesError: more images than ``max_bad`` could not be decoded."""
        if max_bad is not None and len(self.bad) > max_bad:
            count, (name, reason) = len(self.bad), self.bad[0]
            raise BadImagesError(
                f"{count:,} of {count + len(self):,} training images cannot be decoded; the first is {name}: "
                f"{reason.rstrip('.')}. Nothing was trained.",
                setting="--max-bad",
                value=max_bad,
                way_out="Mend or remove the images (eyechart doctor lists them); or train on the others with "
                f"--max-bad {count}.",
            )

    def batch(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels (n, c, h, w) float32 in [0, 1], channels_last, and labels (n,) of the images ``index``."""
        at = index.to(self.labels.device)
        return self.images.permute(0, 2, 3, 1)[at].permute(0, 3, 1, 2).float().div_(255), self.labels[at]


def _room(shape: tuple[int, ...]) -> Array:
    try:
        return np.empty(shape, np.uint8)
    except MemoryError as error:
        size = int(np.prod(shape, dtype=np.int64)) >> 20
        way_out = "Give fewer images with --limit, or smaller frames with --preprocess."
        raise SettingError(
            "The training images do not fit into memory.", setting="--images", value=f"{size:,} MB", way_out=way_out
        ) from error
