"""At which depth an answer becomes unstable: linear probes under a one-pixel shift (Azulay & Weiss, JMLR 20(184), 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.view import Plain, View
from eyechart.core.words import figure
from eyechart.exams.layer_probe_pictures import NETWORK, charts, findings
from eyechart.models.stages import Pick, over_depth, pick
from eyechart.stats.intervals import means
from eyechart.stats.probe import cross_fitted
from eyechart.views.feature_maps import Map, map_on
from eyechart.views.mean_maps import MeansOfMaps, channels_of
from eyechart.views.placed import Placed
from eyechart.views.shifts import CropShift
from eyechart.views.shrunk import Shrunk

FEWEST = 5  # images a class
FRAMES = ("clean", "frame1", "frame2")


class LayerProbe(Exam):
    """How often a classifier that reads a single layer changes its answer under a one-pixel shift, layer by layer.

    A probe is a multinomial logistic regression on the means of a layer's maps (global average pool) of the clean images,
    standardised by the fitted images' statistics, L2 penalty 1e-3, up to 200 steps of L-BFGS; the paper (arXiv 1805.12177)
    reports below 5 % change for early layers, growing with depth, and gives no recipe, so this one is ours. Images are dealt to
    ``folds`` within each class; each is judged by the probe that was fitted on all other folds only. The two frames of a pair
    differ by one pixel, as in the exam ``shift`` (the first pair of each image there). Early probes are inaccurate, and where
    answers are poor they change easily: so changes are also given for images that the probe gets right as they are.

    Classes with fewer than 5 images are left out; fewer than two classes are refused. The probes of all layers choose among the
    classes that remain and are judged on the same images; the network chooses among all that it knows, which is harder where
    those are more.

    Measures, at {layer, depth} (layer ``network``: the net's own answers, where it answers with classes) and {given: all |
    correct} (correct: the same probe is right on the clean image):
        p_top1_change {given}: share of images whose top class differs between the frames.
        mean_absolute_change {given}: mean |p1[c] - p2[c]|, c the top class of frame 1.
        accuracy {frame: clean | frame1 | frame2}: share of images.
        first_layer_change, last_layer_change {given}: p_top1_change of the first and the last layer's probe.
        classes {part: probed | left_out | network}: how many the probes choose among; of how many there were images, but
            fewer than 5; how many the network chooses among, where it answers with classes.
    n counts images with a pair, of classes that are not left out (given correct: those that the same probe gets right).
    Intervals are over images, for the probes as they are.

    Rows: ``clean``, ``frame1`` and ``frame2``: means of all layers' maps one after the other; ``valid``: whether the pair could
    be drawn; ``top1`` (n, 3) and ``absolute_change``: the net's own answers.
    """

    name: ClassVar[str] = "layer_probe"
    headline: ClassVar[tuple[str, ...]] = ("first_layer_change", "last_layer_change")
    title: ClassVar[str] = "Stability of single layers"
    explanation: ClassVar[str] = (
        "A simple classifier is fitted to what each layer says on average over the picture, and is then shown images "
        "moved by one pixel. Where its answers begin to change, the network has begun to go by the places at which "
        "it happens to look."
    )
    needs_labels: ClassVar[bool] = True
    chosen: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(headline, ("layer", "depth"))
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")

    layers: tuple[str, ...] | None = Field(
        None, min_length=1, description="Names or patterns of layers; default: activations over depth and the last map."
    )
    layers_most: int = Field(8, ge=1, description="At most so many layers, where none are named.")
    images: int = Field(1000, ge=1, description="At most so many images, the first of the seeded order.")
    folds: int = Field(2, ge=2, le=FEWEST, description="Parts of each class; a probe is fitted on all but one.")
    penalty: float = Field(1e-3, ge=0, description="L2 penalty of the probes' weights.")
    protocol: Literal["crop", "embed_black"] = Field("crop", description="How the pairs are made, as in shift.")
    shift_in: Literal["original", "resized"] = Field("original", description="crop: move before or after the resize.")
    area: tuple[float, float] = Field((0.08, 1.0), description="crop: the square's share of the largest square.")
    short_side: int = Field(100, ge=1, description="embed: short side of the shrunk image at an input of 224.")

    @field_validator("area")
    @classmethod
    def _area_in_order(cls, area: tuple[float, float]) -> tuple[float, float]:
        if not 0 < area[0] <= area[1] <= 1:
            raise ValueError("give two shares, the smaller first, above 0 and up to 1")
        return area

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """Clean images and both frames: layers, and the net's answers."""
        if so_far:
            return None
        views = [self._view(frame) for frame in FRAMES]
        return tuple(query for view in views for query in (Query(view), self._query(subject, view)))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image."""
        subject, n = batch.subject, len(batch.ids)
        rows: dict[str, Array] = {}
        widths = self._widths(subject)
        for frame in FRAMES:
            read = answers.features(self._query(subject, self._view(frame))).values
            parts = [read.get(name, np.full((n, width), np.nan)) for name, width in widths.items()]
            rows[frame] = np.concatenate([np.empty((n, 0)), *parts], axis=1).astype(np.float32)
        own = [answers[Query(self._view(frame))] for frame in FRAMES]
        rows["valid"] = own[1].valid & own[2].valid
        classes = own[0].kind == "logits"
        rows["top1"] = np.stack([one.top1 if classes else np.full(n, -1) for one in own], 1).astype(np.int32)
        moved = own[1].absolute_change(own[2]) if classes else np.full(n, np.nan)
        rows["absolute_change"] = moved.astype(np.float32)
        return Tally(rows)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Probes are fitted here: on clean images of the other folds."""
        counts = {label: int((labels == label).sum()) for label in np.unique(labels[labels >= 0])}
        enough = [label for label, count in counts.items() if count >= max(FEWEST, self.folds)]
        rows, widths = tally.rows, self._widths(subject)
        if len(enough) < 2:
            most = max(counts.values(), default=0)
            reason = (
                f"a probe takes {FEWEST} images of each of two classes or more, and the most of one class is {most}"
            )
            return Estimates([self.estimate("p_top1_change", value=None, n=len(labels), reason=reason)])
        used = np.isin(labels, enough) & rows["valid"]
        numbers = np.searchsorted(enough, labels[used])
        if min(np.bincount(numbers, minlength=len(enough))) < self.folds:
            reason = "too few pairs of some class could be drawn"
            return Estimates([self.estimate("p_top1_change", value=None, n=len(labels), reason=reason)])
        found: list[Estimate] = []
        at_column = 0
        for one, held in self._looked(subject):
            at = {"layer": one.name, "depth": one.depth}
            width = widths.get(one.name, 0)
            columns = slice(at_column, at_column + width)
            shown = [rows[frame][used, columns].astype(np.float64) for frame in FRAMES]
            at_column += width
            unread = held if isinstance(held, str) else "it is not used for every image"
            if not width or any(np.isnan(part).any() for part in shown):
                found.append(self.estimate("p_top1_change", value=None, n=len(shown[0]), at=at, reason=unread))
            else:
                clean, others = cross_fitted(shown[0], numbers, shown[1:], self.folds, self.penalty)
                tops = np.stack([part.argmax(1) for part in (clean, *others)], 1)
                each = np.arange(len(tops)), tops[:, 1]
                found += self._figures(tops, np.abs(np.exp(others[0][each]) - np.exp(others[1][each])), numbers, at)
        found += self._in_short(Estimates(found))
        if (rows["top1"] >= 0).all():
            at = {"layer": NETWORK, "depth": len(subject.layers)}
            found += self._figures(rows["top1"][used], rows["absolute_change"][used], labels[used], at)
        if not found:
            reason = "no layer of this network holds maps whose places could be followed"
            found.append(self.estimate("p_top1_change", value=None, n=len(labels), reason=reason))
        parts = {"probed": len(enough), "left_out": len(counts) - len(enough)}
        parts |= {"network": subject.n_classes} if subject.kind == "logits" else {}
        for part, count in parts.items():
            at = {"part": part}
            found.append(self.estimate("classes", unit="count", value=float(count), n=int(used.sum()), at=at))
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Change and accuracy over depth."""
        return charts(estimates)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Early against late layers."""
        return findings(estimates)

    def _looked(self, subject: Subject) -> tuple[tuple[Pick, Map | str], ...]:
        """Layers, and how each holds maps or why it holds none."""
        default = partial(over_depth, most=self.layers_most)
        picks = pick(self.layers, subject.layers, subject.geometry, "layer_probe.layers", default)
        return tuple(
            (one, map_on(one.layer.shape, one.place.axes) if one.place.axes else one.place.reason) for one in picks
        )

    def _held(self, subject: Subject) -> dict[str, Map]:
        return {one.name: held for one, held in self._looked(subject) if isinstance(held, Map)}

    def _widths(self, subject: Subject) -> dict[str, int]:
        held = self._held(subject)
        return {layer.name: channels_of(layer, held[layer.name]) for layer in subject.layers if layer.name in held}

    def _query(self, subject: Subject, view: View) -> Query:
        held = self._held(subject)
        return Query(view, "layers", tap=MeansOfMaps(tuple(held), tuple(held.values())))

    def _view(self, frame: str) -> View:
        if frame == "clean":
            return Plain()
        number: Literal[1, 2] = 1 if frame == "frame1" else 2
        if self.protocol == "crop":
            return CropShift(number, 0, 1, self.shift_in, self.area)
        return Shrunk(self.short_side, "black", room=1).then(Placed(0, (number - 1, number - 1)))

    def _in_short(self, found: Estimates) -> Iterator[Estimate]:
        """The first and the last probe."""
        for given in ("all", "correct"):
            known = [e for e in found.of("p_top1_change", given=given) if e.value is not None]
            for measure, e in zip(self.headline, (known[0], known[-1]) if len(known) > 1 else (), strict=False):
                ends = {"value": e.value, "low": e.low, "high": e.high, "n": e.n, "method": e.method}
                yield self.estimate(measure, at=e.at, **ends)

    def _figures(self, tops: Array, moved: Array, labels: Array, at: Mapping[str, Any]) -> Iterator[Estimate]:
        """Of top classes (n, 3) of the clean image and both frames, and how far the probability moved."""
        right = tops[:, 0] == labels
        groups = {"all": np.ones(len(labels), bool), "correct": right}
        changed = tops[:, 1] != tops[:, 2]
        for measure, unit, values in (
            ("p_top1_change", "share", changed),
            ("mean_absolute_change", "probability", moved),
        ):
            for given, group in groups.items():
                column = np.where(group, values, np.nan)[:, None]
                undefined = "" if group.any() else "it is right on none of the images"
                (interval,) = means(column, share=unit == "share")
                yield self.estimate(measure, unit=unit, at={**at, "given": given}, **figure(interval, undefined))
        for j, frame in enumerate(FRAMES):
            (interval,) = means((tops[:, j] == labels)[:, None], share=True)
            yield self.estimate("accuracy", at={**at, "frame": frame}, **figure(interval))
