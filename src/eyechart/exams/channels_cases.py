"""The images to which each channel says most and least, and some at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from eyechart.core.exam import Array
from eyechart.core.tally import Kept
from eyechart.views.channel_readings import MOST, PLACE

LISTS = ("top", "bottom", "random")


class Key(NamedTuple):
    """The list a case competes in."""

    which: str
    channel: int
    layer: str

    def __str__(self) -> str:
        return f"{self.which}/{self.channel:05d}/{self.layer}"

    @classmethod
    def of(cls, text: str) -> Key:
        """From ``Kept.key``."""
        which, channel, layer = text.split("/", 2)
        return cls(which, int(channel), layer)


def cases(layer: str, width: int, readings: Array, ids: Sequence[str], limit: int) -> Iterator[Kept]:
    """Of each channel the images with the largest and the smallest maxima over places, and the same few at random for all.

    At most ``limit`` of a kind, so that only these become objects. Ties go to the smaller id; chance is a hash of the id.

    Args:
        layer: its name.
        width: of its maps.
        readings: (n, 4, c), as ``ChannelReadings`` reads them.
        ids: of the images.
    """
    in_order = sorted(range(len(ids)), key=ids.__getitem__)
    named = [ids[i] for i in in_order]
    most, places = readings[in_order, MOST] + 0.0, readings[in_order, PLACE].astype(int)  # no -0
    lots = np.array([_lot(i) for i in named])
    drawn = np.argsort(-lots, kind="stable")[:limit, None]
    chosen = {
        "top": (np.argsort(-most, 0, kind="stable")[:limit], most),
        "bottom": (np.argsort(most, 0, kind="stable")[:limit], -most),
        "random": (np.broadcast_to(drawn, (len(drawn), most.shape[1])), np.broadcast_to(lots[:, None], most.shape)),
    }
    for which, (order, scores) in chosen.items():
        columns = [np.take_along_axis(x, order, 0).T.tolist() for x in (scores, most, places // width, places % width)]
        for channel, (images, *rest) in enumerate(zip(order.T.tolist(), *columns, strict=True)):
            key = str(Key(which, channel, layer))
            for i, score, value, y, x in zip(images, *rest, strict=True):
                yield Kept(key, score, named[i], {"value": value, "y": y, "x": x})


def _lot(image_id: str) -> float:
    """From 0 to 1, the same in every batch and run."""
    digest = blake2b(image_id.encode("utf-8", "surrogatepass"), digest_size=6, person=b"channels").digest()
    return int.from_bytes(digest, "big") / 2**48
