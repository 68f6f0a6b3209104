"""How often a one-pixel shift changes the model's mind (Azulay & Weiss, JMLR 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.exams.shift_pictures import charts, findings
from eyechart.stats.intervals import ratios, wilson
from eyechart.views.placed import Placed
from eyechart.views.shifts import CropShift
from eyechart.views.shrunk import Shrunk

Protocol = Literal["crop", "embed_black"]
FrameNumber = Literal[1, 2]


class Shift(Exam):
    """How much the answer changes when the image moves by one pixel, down and to the right.

    Each image gives several pairs of frames; intervals resample whole images, since pairs of one image are alike.
    Protocols (JMLR 20(184), arXiv 1805.12177): ``crop``, a random square of the original, resized to the input, against
    the same square moved by one pixel; ``embed_black``, the image shrunk and pasted at a random place of a black canvas,
    against one pixel further. The paper draws one pair an image; the default here is four.

    Measures, at {protocol} and, where named, {given: all | correct} (correct: images right on the clean view) and
    {frame: 1 | 2}:
        p_top1_change {given}: share of pairs whose top class differs.
        mean_absolute_change {given}: mean |p1[c] - p2[c]|, c the top class of frame 1 (asymmetric, as published).
        accuracy {frame}: share of frames whose top class is the label.
        commonest_answer_share: share of frame-1 answers that are the commonest class; near 1 stability means nothing.
        effective_shift: mean shift in input pixels (crop moves the square by one pixel of the original).
        skipped_pairs: pairs that could not be drawn, because the image leaves no room for the move.
        capped_pairs: embedded pairs whose image had to be made smaller still, to fit.
    commonest_answer_share at {protocol: unshifted} is that of the clean view.
    ``n`` counts images that gave at least one pair (skipped_pairs and capped_pairs: all images).

    Rows: ``image_top1``, and per protocol (arrays with one entry a pair) ``<protocol>_top1_1``, ``<protocol>_top1_2``,
    ``<protocol>_absolute_change``, ``<protocol>_valid``, ``<protocol>_effective_shift``, ``<protocol>_capped``.
    """

    name: ClassVar[str] = "shift"
    headline: ClassVar[tuple[str, ...]] = ("p_top1_change",)
    version: ClassVar[int] = 2  # places of embedded pictures are drawn as shares of the free way
    title: ClassVar[str] = "One-pixel shifts"
    explanation: ClassVar[str] = (
        "Each image is shown twice, the second time moved by one pixel, which changes nothing of what it shows. A model that "
        "changes its answer goes, at least in part, by how edges happen to fall on the pixel grid."
    )

    protocols: tuple[Protocol, ...] = Field(
        ("crop", "embed_black"), min_length=1, description="Which of the protocols to run."
    )
    pairs_per_image: int = Field(4, ge=1, description="Pairs an image (the paper: 1).")
    step: int = Field(1, ge=0, description="Pixels moved down and right; 0 is a self-check that must give no change.")
    shift_in: Literal["original", "resized"] = Field("original", description="crop: move before or after the resize.")
    area: tuple[float, float] = Field((0.08, 1.0), description="crop: the square's share of the largest square.")
    short_side: int = Field(100, ge=1, description="embed: short side of the shrunk image at an input of 224.")
    fill: Literal["black", "mean"] = Field("black", description="embed: colour of the canvas.")

    @field_validator("protocols")
    @classmethod
    def _distinct_protocols(cls, protocols: tuple[Protocol, ...]) -> tuple[Protocol, ...]:
        if len(set(protocols)) < len(protocols):
            raise ValueError("name each protocol once")
        return protocols

    @field_validator("area")
    @classmethod
    def _area_in_order(cls, area: tuple[float, float]) -> tuple[float, float]:
        if not 0 < area[0] <= area[1] <= 1:
            raise ValueError("give two shares, the smaller first, above 0 and up to 1")
        return area

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass and two frames a pair."""
        if so_far:
            return None
        pairs = [(p, k) for p in self.protocols for k in range(self.pairs_per_image)]
        return (CLEAN, *(Query(self._view(p, k, f)) for p, k in pairs for f in (1, 2)))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per pair in the columns of a protocol."""
        rows: dict[str, Array] = {"image_top1": answers[CLEAN].top1.astype(np.int32)}
        for protocol in self.protocols:
            pairs = [self._pair(answers, protocol, k) for k in range(self.pairs_per_image)]
            for name, column in pairs[0].items():
                rows[f"{protocol}_{name}"] = np.stack([p[name] for p in pairs], axis=1).astype(column.dtype)
        return Tally(rows)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Per protocol: over all images, and over those right on the clean view."""
        whole = tally.rows["image_top1"]
        most = int(np.bincount(whole).max()) if len(whole) else 0
        unshifted = figure(wilson(most, len(whole)))
        found = [self.estimate("commonest_answer_share", at={"protocol": "unshifted"}, **unshifted)]
        for protocol in self.protocols:
            rows = {c.removeprefix(f"{protocol}_"): v for c, v in tally.rows.items() if c.startswith(f"{protocol}_")}
            found += self._figures(rows, whole, labels, {"protocol": protocol})
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Change of answer and of probability by protocol, and what the frames were like."""
        return charts(estimates, self._names())

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """The worst protocol first, and whether stability is an illusion."""
        return findings(estimates, self._names(), self._move())

    def _names(self) -> dict[str, str]:
        canvas = "black" if self.fill == "black" else "its mean colour"
        names = {"crop": "a crop of the image", "embed_black": f"the image, small, on {canvas}"}
        return {protocol: names[protocol] for protocol in self.protocols}

    def _move(self) -> dict[str, str]:
        """How far each protocol moves, in words."""
        pixels = "one pixel" if self.step == 1 else f"{self.step} pixels"
        where = " of the original" if self.shift_in == "original" else ""
        return {"crop": f"{pixels}{where}", "embed_black": pixels}

    def _view(self, protocol: Protocol, pair: int, frame: FrameNumber) -> View:
        if protocol == "crop":
            return CropShift(frame, pair, self.step, self.shift_in, self.area)
        move = self.step if frame == 2 else 0
        return Shrunk(self.short_side, self.fill, room=self.step).then(Placed(pair, (move, move)))

    def _pair(self, answers: Answers, protocol: Protocol, pair: int) -> Mapping[str, Array]:
        first, second = (answers[Query(self._view(protocol, pair, f))] for f in (1, 2))
        return {
            "top1_1": first.top1.astype(np.int32),
            "top1_2": second.top1.astype(np.int32),
            "absolute_change": absolute_change(first, second).astype(np.float32),
            "valid": first.valid & second.valid,
            "effective_shift": first.notes.get("effective_shift", np.full(len(first.valid), self.step)).astype(
                np.float32
            ),
            "capped": first.notes.get("capped", np.zeros(len(first.valid))) > 0,
        }

    def _figures(
        self, rows: Mapping[str, Array], image_top1: Array, labels: Array, at: Mapping[str, Any]
    ) -> Iterator[Estimate]:
        """All figures of a protocol, from one resampling of its images."""
        told = [*_changes(rows, image_top1, labels), *_context(rows, labels)]
        sums = [np.stack([getattr(one, part).sum(1) for one in told], axis=1) for part in ("events", "pairs")]
        intervals = ratios(*sums, share=[one.unit == "share" for one in told])
        for one, interval in zip(told, intervals, strict=True):
            why = "" if interval.value is not None else "no image gave a pair that counts here"
            yield self.estimate(one.measure, unit=one.unit, at={**at, **one.at}, **figure(interval, why))
        for measure, pairs in (("skipped_pairs", ~rows["valid"]), ("capped_pairs", rows["capped"] > 0)):
            yield self.estimate(measure, unit="count", value=float(pairs.sum()), n=len(labels), at=at)


@dataclass(frozen=True)
class _Told:
    """One figure before its interval: events of (n, pairs) that count, each 0/1 or a change of probability."""

    measure: str
    unit: str
    at: Mapping[str, Any]
    events: Array
    pairs: Array


def _changes(rows: Mapping[str, Array], image_top1: Array, labels: Array) -> Iterator[_Told]:
    """Changed answers and moved probabilities, over all images and over those right on the clean view."""
    groups = {"all": np.ones(len(labels), bool)}
    if (labels >= 0).any():
        groups["correct"] = (image_top1 == labels) & (labels >= 0)
    changed = rows["top1_1"] != rows["top1_2"]
    for given, group in groups.items():
        counts = rows["valid"] & group[:, None]
        yield _Told("p_top1_change", "share", {"given": given}, changed & counts, counts)
        moved = np.where(counts, rows["absolute_change"], 0.0)
        yield _Told("mean_absolute_change", "probability", {"given": given}, moved, counts)


def _context(rows: Mapping[str, Array], labels: Array) -> Iterator[_Told]:
    """What keeps the reader honest: accuracy on the frames, the commonest answer, how far the frames really moved."""
    valid = rows["valid"]
    known = valid & (labels >= 0)[:, None]
    if (labels >= 0).any():
        for frame in (1, 2):
            right = (rows[f"top1_{frame}"] == labels[:, None]) & known
            yield _Told("accuracy", "share", {"frame": frame}, right, known)
    answers = rows["top1_1"][valid]
    most = np.bincount(answers).argmax() if len(answers) else 0
    yield _Told("commonest_answer_share", "share", {}, (rows["top1_1"] == most) & valid, valid)
    yield _Told("effective_shift", "pixels", {}, np.where(valid, rows["effective_shift"], 0.0), valid)


def absolute_change(first: Answer, second: Answer) -> Array:
    """(n,) |p1[c] - p2[c]| with c the top class of the first answer.

    Logits (2, 0) then (0, 2): p of class 0 falls from .880797 to .119203, a change of .761594.
    """
    return np.asarray(np.abs(first.confidence - second.p(first.top1)))
