"""How long things take on this machine, and how many images a shard holds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from time import monotonic

import numpy as np
import torch

from eyechart.core.query import Query
from eyechart.models.image_model import ImageModel
from eyechart.run.altered import MOST_KEPT
from eyechart.run.forward import Forwarder

SHARD_SECONDS = 20.0
CHANGING = 0.05  # of the time: what changes of weights may take
CHANGED_IMAGES = 256  # more do not share one change of weights
DECODE_SECONDS = {True: 1e-4, False: 0.02}  # of an image, about


class Pace:
    """Times of a model, measured when they are first asked for.

    Args:
        model: the model.
        forwarder: its own.
        in_memory: whether images need no decoding.
    """

    def __init__(self, model: ImageModel, forwarder: Forwarder, in_memory: bool) -> None:
        self._model, self._forwarder, self._in_memory = model, forwarder, in_memory

    @cached_property
    def forward(self) -> float:
        """Seconds a frame takes in a first forward; without a model, about what it takes to look at one."""
        if self._model.kind == "none":
            return 1e-5
        size = min(16, self._forwarder.batch_size.largest)
        frames = self._model.buffer(size).zero_()
        with torch.inference_mode():
            self._forwarder.forward(frames)
            began = monotonic()
            self._forwarder.forward(frames).cpu()
        return max((monotonic() - began) / size, 1e-7)

    @cached_property
    def change(self) -> float:
        """Seconds it takes to write other weights into a net."""
        if self._model.plain is None:
            return 0.0
        net = self._model.plain.altered(lambda own, _: own)
        began = monotonic()
        self._model.plain.altered(lambda own, _: own, into=net)
        return monotonic() - began

    def images(self, queries: Sequence[Query]) -> int:
        """Images a shard, a power of two: at most about 20 seconds at the speed of a first forward.

        More where changes of weights would otherwise take more than a twentieth of the time.
        """
        each = self.forward * sum(q.cost for q in queries) + DECODE_SECONDS[self._in_memory]
        most = SHARD_SECONDS / each
        nets = len({q.weights for q in queries if q.weights is not None})
        if nets > MOST_KEPT:  # fewer are kept from one job to the next
            most = max(most, min(2 * nets * self.change / (CHANGING * each), CHANGED_IMAGES))  # 2: half is rounded off
        return 1 << int(np.clip(np.log2(most), 0, 13))
