"""The images to which each channel says most and least, and some at random."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from eyechart.core.exam import Array
from eyechart.core.ranked import Ranked
from eyechart.views.channel_readings import MEAN, MOST, PLACE

LISTS = ("top", "bottom", "random", "mean")
RELEVANCE = "relevance"  # the list where that is ranked


def cases(layer: str, width: int, readings: Array, ids: Sequence[str], most: int) -> dict[str, Ranked]:
    """Of each channel the images with the largest and the smallest maxima over places, a few at random, and the largest means.

    By ``list/layer``; a list for each channel, the random ones the same for all. Facts are the maximum (in the last list the
    mean) and its row and column. Ties go to the smaller id; chance is a hash of the id.

    Args:
        layer: its name.
        width: of its maps.
        readings: (n, 4, c), as ``ChannelReadings`` reads them.
        ids: of the images.
        most: images a list.
    """
    peaks, places = readings[:, MOST], readings[:, PLACE]  # (n, c)
    facts = np.stack([peaks, places // width, places % width], 2)
    lots = np.broadcast_to(np.array([_lot(i) for i in ids]).reshape(-1, 1), peaks.shape)
    means = readings[:, MEAN]
    of_means = np.stack([means, *facts[..., 1:].transpose(2, 0, 1)], 2)
    scores = zip(LISTS, (peaks, -peaks, lots, means), (facts, facts, facts, of_means), strict=True)
    return {f"{which}/{layer}": Ranked.of(values, ids, held, most) for which, values, held in scores}


def by_relevance(layer: str, width: int, readings: Array, ids: Sequence[str], most: int) -> dict[str, Ranked]:
    """Of each channel the images in which its part in the answer is largest, as ``cases``.

    Facts are the part, and the row and column that give most to it; ``readings`` (n, 2, c) as ``ChannelRelevance`` reads them.
    """
    parts, places = readings[:, 0], readings[:, 1]
    facts = np.stack([parts, places // width, places % width], 2)
    return {f"{RELEVANCE}/{layer}": Ranked.of(parts, ids, facts, most)}


def _lot(image_id: str) -> float:
    """From 0 to 1, the same in every batch and run."""
    digest = blake2b(image_id.encode("utf-8", "surrogatepass"), digest_size=6, person=b"channels").digest()
    return int.from_bytes(digest, "big") / 2**48
