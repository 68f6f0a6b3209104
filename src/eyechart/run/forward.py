"""Asking the model: views rendered straight into one buffer in the model's memory layout, full batches whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal, cast

import numpy as np
import torch

from eyechart.core.query import COST, Answer, Answers, Features, Query, Reply, Signal
from eyechart.core.tap import DenseTap
from eyechart.core.view import Attacked, Pixels, Precision, SourceView, View, sources_of, split_stages
from eyechart.core.weights import Weights
from eyechart.models.image_model import ImageModel
from eyechart.models.room import out_of_memory
from eyechart.run.altered import OtherWeights
from eyechart.run.batch_size import BatchSize
from eyechart.run.draw import Drawn
from eyechart.run.features import DenseLayers, PlainLayers, joined
from eyechart.run.gradients import loss_gradient
from eyechart.run.render import Remembered, Rendered, show, unit
from eyechart.run.sheets import Sheet, sheets_of

Array = np.ndarray[Any, Any]
# Frames rendered together. On CPUs larger tensors cost page faults, and leave the cache between steps; on accelerators each
# step has a price of its own, however small its tensors. Where layers or gradients are read these take far more than frames do.
RENDER_BYTES, LAUNCHED_BYTES = 4 << 20, 64 << 20


@dataclass
class _Found:
    """What a query has read off so far: answers (n, k), or signals in parts."""

    values: Array
    notes: dict[str, Array]
    valid: Array
    signals: list[torch.Tensor] = field(default_factory=list)
    features: list[dict[str, Array]] = field(default_factory=list)

    def note(self, part: slice, about: Mapping[str, Array], fine: Array | None, n: int) -> None:
        """Keep what the view says about some of the n images, and which of them it could show."""
        for name, column in about.items():
            self.notes.setdefault(name, np.full(n, np.nan))[part] = column
        if fine is not None:
            self.valid[part] &= fine

    def reply(self, query: Query, kind: Literal["logits", "embedding", "none"]) -> Reply:
        """All of it, for the exams."""
        if query.reading == "answer":
            return Answer(kind, self.values, self.notes, self.valid)
        if query.reading == "layers":
            return Features(joined(self.features), self.notes, self.valid)
        return Signal(torch.cat(self.signals), self.notes, self.valid)


class Forwarder:
    """Answers queries for drawn images.

    Args:
        model: the model.
        batch_size: frames a forward, or ``auto``.
        seed: of the run, for views that draw on the device.
        progress: called with the number of frames after each forward.
        calibration: gives the first so many plain frames (n, c, h, w) uint8, for weights that settle on images.
        precision: in which attacks may search; all answers are float32.
    """

    def __init__(
        self,
        model: ImageModel,
        batch_size: int | Literal["auto"] = "auto",
        seed: int = 0,
        progress: Callable[[int], None] = lambda _: None,
        calibration: Callable[[int], torch.Tensor] | None = None,
        precision: Precision = "float32",
    ) -> None:
        height, width = model.preprocessing.size
        self.model, self.seed, self._progress, self._precision = model, seed, progress, precision
        self.batch_size = BatchSize(batch_size, 4 * model.preprocessing.channels * height * width)
        self._buffer = model.buffer(self.batch_size.largest)
        self._asked = model
        self._remembered: Remembered | None = None
        self._others = OtherWeights(model, calibration)
        self._twin: DenseLayers | None = None
        self._filled = 0
        self._wanted: list[tuple[Array, slice]] = []
        self.seconds = 0.0

    def answers(
        self, queries: Sequence[Query], views: Sequence[SourceView], drawn: Drawn, ids: tuple[str, ...], labels: Array
    ) -> Answers:
        """What the queries read off the images of ``drawn`` that could be decoded.

        Args:
            queries: distinct.
            views: the source views of ``drawn``, in its order; every query starts from one of them.
            drawn: frames from the decode workers.
            ids, labels: of the images that could be decoded.
        """
        found: dict[Query, _Found] = {}
        nets: dict[Weights | None, list[Query]] = {}
        for query in queries:
            nets.setdefault(query.weights, []).append(query)
        self._remembered = Remembered() if len(nets) > 1 else None
        for weights, mine in nets.items():
            self._asked = self.model if weights is None else self._others.model(weights, len(nets) - (None in nets))
            self._with_weights(mine, views, drawn, ids, labels, found)
            self._flush()
        self._remembered = None
        return Answers({query: found[query].reply(query, self.model.kind) for query in queries})

    def _with_weights(
        self,
        queries: Sequence[Query],
        views: Sequence[SourceView],
        drawn: Drawn,
        ids: tuple[str, ...],
        labels: Array,
        found: dict[Query, _Found],
    ) -> None:
        """All queries that ask with the weights at hand."""
        sheets = sheets_of(views, drawn)
        for source, sheet in sheets.items():
            mine = [q for q in queries if split_stages(q.view)[0] == source]
            if not mine:
                continue
            for query in mine:
                values = np.empty((len(ids) if query.reading == "answer" else 0, self.model.n_outputs), np.float32)
                found[query] = _Found(values, {}, np.ones(len(ids), bool))
                for view in sources_of(query.view):
                    found[query].note(slice(None), sheets[view].notes, sheets[view].valid, len(ids))
            beside = {view: sheets[view] for q in mine for view in sources_of(q.view)[1:]}
            self._source(source, {query: found[query] for query in mine}, sheet, beside, ids, labels)

    def forget_other_weights(self) -> None:
        """Let go of all altered nets."""
        self._asked = self.model
        self._others.forget()

    def _source(
        self,
        source: SourceView,
        found: Mapping[Query, _Found],
        sheet: Sheet,
        beside: Mapping[SourceView, Sheet],
        ids: tuple[str, ...],
        labels: Array,
    ) -> None:
        """All queries that start from one source view, whose frames are on ``sheet``; some mix in those ``beside``."""
        shown = sheet.on(self.model.device)
        others_shown = {view: other.on(self.model.device) for view, other in beside.items()}
        plain = [q for q in found if q.reading == "answer" and not split_stages(q.view)[1]]
        for query in plain:
            self._add(shown, found[query].values)
        for others, step in self._portions([q for q in found if q not in plain], shown):
            for start in range(0, len(shown), step):
                part = slice(start, start + step)
                mixed = {
                    v: Pixels(unit(f[part]), ids[part], self.seed, beside[v].about(part))
                    for v, f in others_shown.items()
                }
                handed = Attacked(self._asked, labels[part], self._precision)
                first = Pixels(unit(shown[part]), ids[part], self.seed, sheet.about(part), mixed, attacked=handed)
                self._part(others, first, labels[part], part, found, (source, start))

    def _portions(self, queries: Sequence[Query], frames: torch.Tensor) -> list[tuple[list[Query], int]]:
        """Queries that are rendered together, and of how many images at a time: attacks of as many as a forward takes."""
        attacks = [q for q in queries if q.view.cost]
        others = [q for q in queries if not q.view.cost]
        light = all(q.reading in ("answer", "pixels") for q in others)
        sized = (others, together(frames, light)), (attacks, self.batch_size.now)
        return [(some, step) for some, step in sized if some]

    def _part(
        self,
        queries: Sequence[Query],
        first: Pixels,
        labels: Array,
        part: slice,
        found: Mapping[Query, _Found],
        key: tuple[object, int],
    ) -> None:
        """Queries of some of the images, the frames ``first``; ``key``: what these frames are."""
        layers, searched = PlainLayers(self.model, first.tensor), set[object]()
        for query in queries:
            pixels, noted, fine = self._shown((*key, query.view), query.view, first)
            new = {search: cost for search, cost in query.searches.items() if search not in searched}
            searched |= new.keys()
            self._progress(sum(new.values()) * len(pixels))
            mine = found[query]
            mine.note(part, noted, fine, len(mine.valid))
            if query.reading == "answer":
                self._add(pixels, mine.values[part])
            elif query.reading == "pixels":
                mine.signals.append(pixels)
                self._progress(COST["pixels"] * len(pixels))
            elif isinstance(query.tap, DenseTap):
                mine.features.append(self._dense(query.tap, pixels))
            elif query.tap is not None:
                with _full_float32(self.model.device):
                    mine.features.append(layers.features(query.tap, pixels, self.batch_size.now))
                self._progress(query.reading_cost * len(pixels))
            else:
                mine.signals.append(self._gradient(pixels, labels, mine.valid[part]))

    def _shown(self, key: object, view: View, first: Pixels) -> Rendered:
        """What the view shows, from memory if other weights were shown the same."""
        if view.cost:  # each net is attacked for itself
            with _full_float32(self.model.device):
                return show(view, first)
        if self._remembered is None:
            return show(view, first)
        return self._remembered.get(key, lambda: show(view, first))

    def _dense(self, tap: DenseTap, pixels: torch.Tensor) -> dict[str, Array]:
        """What a tap reads of the a-trous twin, which is made when it is first asked for."""
        self._twin = self._twin or DenseLayers(self.model)
        with _full_float32(self.model.device):
            read = self._twin.features(tap, pixels)
        self._progress(COST["layers"] * len(pixels))
        return read

    def _gradient(self, pixels: torch.Tensor, labels: Array, valid: Array) -> torch.Tensor:
        """Loss gradients, in batches; ``valid`` loses the images without a label, whose gradient is 0."""
        gradient, known = torch.zeros_like(pixels), np.flatnonzero(labels >= 0)
        valid &= labels >= 0
        for start in range(0, len(known), self.batch_size.now):
            some = known[start : start + self.batch_size.now]
            numbers = torch.from_numpy(labels[some]).to(pixels.device)
            with _full_float32(self.model.device):
                gradient[some] = loss_gradient(self._asked, pixels[some], numbers)
        self._progress(COST["gradient"] * len(pixels))
        return gradient

    def _add(self, pixels: torch.Tensor, into: Array) -> None:
        """Normalise frames into the buffer; whenever it is full, run the model."""
        at = 0
        while at < len(pixels):
            take = min(len(pixels) - at, self.batch_size.now - self._filled)
            if take > 0:
                self.model.normalise(pixels[at : at + take], self._buffer[self._filled : self._filled + take])
                self._wanted.append((into, slice(at, at + take)))
                self._filled += take
                at += take
            if self._filled >= self.batch_size.now:
                self._flush()

    def _flush(self) -> None:
        """Run what is in the buffer and hand the outputs out."""
        if not self._filled:
            return
        began = perf_counter()
        outputs = self.forward(self._buffer[: self._filled]).cpu().numpy()
        took = perf_counter() - began
        self.seconds += took
        self.batch_size.took(self._filled, took)
        at = 0
        for into, part in self._wanted:
            into[part] = outputs[at : at + part.stop - part.start]
            at += part.stop - part.start
        self._progress(self._filled)
        self._filled, self._wanted = 0, []

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """The model's answers; where memory runs out, by halves."""
        try:
            with _full_float32(self.model.device):
                return self._asked.forward(frames)
        except RuntimeError as error:
            if not out_of_memory(error) or len(frames) == 1:
                raise
        # Outside the handler, so that the failed pass's tensors are free by now.
        self.batch_size.too_large(len(frames))
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        half = len(frames) // 2
        return torch.cat([self.forward(frames[:half]), self.forward(frames[half:])])


def together(frames: torch.Tensor, light: bool = True) -> int:
    """How many of these frames (n, c, h, w) are rendered at a time; ``light``: neither layers nor gradients are read."""
    room = LAUNCHED_BYTES if light and frames.device.type == "cuda" else RENDER_BYTES
    return max(1, room // (4 * frames[0].numel())) if len(frames) else 1


def _full_float32(device: torch.device) -> AbstractContextManager[None]:
    """On CUDA, convolutions may by default round their inputs to 10 bits (TF32): not here."""
    if device.type != "cuda":
        return nullcontext()
    flags = torch.backends.cudnn.flags(enabled=True, benchmark=torch.backends.cudnn.benchmark, allow_tf32=False)
    return cast(AbstractContextManager[None], flags)
