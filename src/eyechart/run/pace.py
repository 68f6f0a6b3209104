"""How long things take on this machine, and how many images a shard holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from math import prod
from time import monotonic

import numpy as np
import torch

from eyechart.core.query import Query, cost_of
from eyechart.models.image_model import ImageModel
from eyechart.run.altered import MOST_KEPT
from eyechart.run.forward import Forwarder
from eyechart.run.plan import source_views

SHARD_SECONDS = 20.0
CHANGING = 0.05  # of the time: what changes of weights may take
JOB_BYTES = 48 << 20  # of decoded frames
SIGNAL_BYTES = 256 << 20  # of pixels and gradients, which exams are given all at once
JOB_FRAMES = 4096
JOB_IMAGES = {True: 256, False: 32}  # in memory; to be decoded: the first job is what the model waits for
ATTACKED_IMAGES = 128  # or more, so that a batch is worth asking when most of its images have fallen
CHANGED_IMAGES = 256  # that share one change of weights
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

    def together(self, queries: Sequence[Query]) -> int:
        """Images that are decoded together, and asked about with one net after the other."""
        values = self._model.preprocessing.channels * prod(self._model.preprocessing.size)
        signals = 4 * values * sum(query.reading in ("pixels", "gradient") for query in queries)
        most = CHANGED_IMAGES if _nets(queries) > MOST_KEPT else JOB_IMAGES[self._in_memory]
        if any(query.view.cost for query in queries):
            most = max(most, ATTACKED_IMAGES)
        # Each change of weights costs about as much as some forwards: what one net is shown counts, not what all are.
        shown = max(Counter(query.weights for query in queries).values(), default=1)
        most = min(most, max(16, JOB_FRAMES // shown), JOB_BYTES // (values * max(1, len(source_views(queries)))))
        return max(1, min(most, SIGNAL_BYTES // signals) if signals else most)

    def images(self, queries: Sequence[Query]) -> int:
        """Images a shard, a power of two: at most about 20 seconds at the speed of a first forward.

        More where changes of weights would otherwise take more than a twentieth of the time.
        """
        originals = len({view.partner for view in source_views(queries)})
        each = self.forward * cost_of(queries) + originals * DECODE_SECONDS[self._in_memory]
        most = SHARD_SECONDS / each
        nets = _nets(queries)
        if nets > MOST_KEPT:  # none is kept from one job to the next
            worth = 2 * nets * self.change / (CHANGING * each)  # 2: half is rounded off
            most = max(most, min(worth, self.together(queries)))
        if any(query.view.cost for query in queries):
            most = max(most, ATTACKED_IMAGES)
        return 1 << int(np.clip(np.log2(most), 0, 13))


def _nets(queries: Sequence[Query]) -> int:
    """Other nets than the model's own."""
    return len({query.weights for query in queries if query.weights is not None})
