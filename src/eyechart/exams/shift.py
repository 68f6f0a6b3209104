"""How often a one-pixel shift changes the model's mind (Azulay & Weiss, JMLR 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.embeddings import Scale, apart, compared_with, references, turns
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.told import clean_accuracy, figures
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.exams.shift_estimates import changes, context, counts, design_effect
from eyechart.exams.shift_pictures import charts, findings
from eyechart.exams.shift_rows import SHOWN, classified, farthest, top_of, worst
from eyechart.models.preprocessing import Interpolation
from eyechart.stats.intervals import wilson
from eyechart.views.inpaint import Inpainted
from eyechart.views.placed import Placed
from eyechart.views.shifts import CropShift, Direction, move
from eyechart.views.shrunk import Fill, Shrunk
from eyechart.views.telea import Telea, require_opencv

Protocol = Literal["crop", "embed_black", "embed_inpaint", "scale"]
FrameNumber = Literal[1, 2]
WAYS = {"diagonal": "down and right", "down": "down", "right": "to the right"}
PROTOCOLS: tuple[Protocol, ...] = ("crop", "embed_black", "embed_inpaint", "scale")


class Shift(Exam):
    """How much the answer changes when the image moves, or grows, by one pixel.

    Each image gives several pairs of frames; intervals resample whole images, since pairs of one image are alike.
    Protocols (JMLR 20(184), arXiv 1805.12177): ``crop``, a random square of the original, resized to the input, against
    the same square moved by one pixel; ``embed_black``, the image shrunk and pasted at a random place of a black canvas,
    against one pixel further; ``embed_inpaint``, likewise, each canvas then filled by inpainting; ``scale``, as embed_black,
    against the image made one pixel larger at the same top left corner. The paper draws one pair an image; the default here
    is four.

    Measures, at {protocol} and, where named, {frame: 1 | 2} and {given: all | correct | all_models_correct} (correct: images
    right on the clean view; all_models_correct: images that all models get right, where several sit the exam):
        p_top1_change {given}: share of pairs whose top class differs.
        mean_absolute_change {given}: mean |p1[c] - p2[c]|, c the top class of frame 1 (asymmetric, as published; with
            ``symmetric`` averaged with that of frame 2's top class).
        jaggedness_top5 {given, top}: share of pairs in which the true class is among the five largest answers of one frame
            only (first version of the paper); ``top`` says among how many: 1 where there are fewer than six classes.
        jaggedness_top5_pred {top}: share of pairs in which frame 1's answer leaves the top of frame 2; needs no labels.
        design_effect: variance of p_top1_change (of significant_change) over that of as many independent pairs.
        accuracy {frame}: share of frames whose top class is the label.
        commonest_answer_share: share of frame-1 answers that are the commonest class; near 1 stability means nothing.
        effective_shift: mean shift in input pixels (crop moves the square by one pixel of the original).
        fill_difference: embed_inpaint: mean absolute difference of what was filled in frame 1 and, moved back, in frame 2.
        skipped_pairs: pairs that could not be drawn, because the image leaves no room for the move.
        capped_pairs: embedded pairs whose image had to be made smaller still, to fit.
    commonest_answer_share at {protocol: unshifted} is that of the clean view. And clean_accuracy {chance}: on the clean view,
    beside one answer in so many classes; near that, stability earns no praise.
    Models that answer with an embedding have these at {protocol}, instead of the first five and of what is said of answers:
        cosine_distance: mean 1 - cosine of the two frames' embeddings.
        embed_change: mean norm of their difference over ``reference_distance``: 0 = blind to the move, 1 = like another image.
        significant_change: share of pairs farther apart, by cosine distance, than ``significant_distance``.
        reference_distance: mean norm of the difference between (up to 48) different images of the set, each shown as frame 1
            of its first pair: small pictures on a canvas are more alike than whole ones.
        significant_distance {quantile}: the cosine distance that this share of pairs of different images stays below.
    Both are taken as known: the intervals vary the pairs alone.
    ``n`` counts images that gave at least one pair (skipped_pairs and capped_pairs: all images).

    Rows: ``image_top1``, and per protocol (arrays with one entry a pair) ``<protocol>_top1_1``, ``<protocol>_top1_2``,
    ``<protocol>_absolute_change``, ``<protocol>_top5_1``, ``<protocol>_top5_2`` (the true class is in the top),
    ``<protocol>_top5_pred_2`` (frame 1's answer is in the top of frame 2), ``<protocol>_valid``,
    ``<protocol>_effective_shift``, ``<protocol>_capped``, ``<protocol>_fill_difference``. Of embeddings: ``image_norm``,
    ``<protocol>_distance``, ``<protocol>_cosine_distance``.
    """

    name: ClassVar[str] = "shift"
    headline: ClassVar[tuple[str, ...]] = ("p_top1_change", "significant_change")
    version: ClassVar[int] = 5  # embeddings are compared with those of other images shown likewise
    right_by: ClassVar[str] = "image_top1"
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")
    title: ClassVar[str] = "One-pixel shifts"
    explanation: ClassVar[str] = (
        "Each image is shown twice, the second time moved or grown by one pixel, which changes nothing of what it shows. A "
        "model that changes its answer goes, at least in part, by how edges happen to fall on the pixel grid."
    )

    protocols: tuple[Protocol, ...] = Field(PROTOCOLS, min_length=1, description="Which of the protocols to run.")
    pairs_per_image: int = Field(4, ge=1, description="Pairs an image (the paper: 1).")
    step: int = Field(1, ge=0, description="Pixels moved or grown; 0 is a self-check that must give no change.")
    direction: Direction = Field("diagonal", description="Where to: diagonal (down and right), down or right.")
    shift_in: Literal["original", "resized"] = Field("original", description="crop: move before or after the resize.")
    square: bool = Field(True, description="crop: False draws shapes from 3/4 to 4/3, as torchvision does.")
    area: tuple[float, float] = Field((0.08, 1.0), description="crop: the square's share of the largest square.")
    short_side: int = Field(100, ge=1, description="embed, scale: short side of the shrunk image at an input of 224.")
    place: Literal["random", "centre_diagonal"] = Field("random", description="embed, scale: where the image lies.")
    fill: Fill = Field(
        "black", description="embed_black, scale: the canvas: black, mean, or red, green, blue (0 to 255)."
    )
    keep_aspect: bool = Field(True, description="embed, scale: False squashes the image to a square.")
    inpaint: Literal["convolution", "telea"] = Field(
        "convolution", description="embed_inpaint: how; telea needs OpenCV."
    )
    resample: Interpolation | None = Field(None, description="Filter of all resizes; none = the model's own.")
    symmetric: bool = Field(False, description="mean_absolute_change: also take the class of frame 2, and average.")
    significant_quantile: float = Field(
        0.05, gt=0, lt=1, description="Embeddings: pairs of different images below the threshold."
    )

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

    @field_validator("fill")
    @classmethod
    def _fill_is_a_colour(cls, fill: Fill) -> Fill:
        if not isinstance(fill, str) and not all(0 <= part <= 255 for part in fill):
            raise ValueError("red, green and blue are from 0 to 255")
        return fill

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass and two frames a pair. Raises SettingError if OpenCV is needed and missing."""
        if so_far:
            return None
        if self.inpaint == "telea" and "embed_inpaint" in self.protocols:
            require_opencv("shift.inpaint", self.inpaint)
        pairs = [(p, k) for p in self.protocols for k in range(self.pairs_per_image)]
        return tuple(dict.fromkeys((CLEAN, *(Query(self._view(p, k, f)) for p, k in pairs for f in (1, 2)))))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per pair in the columns of a protocol; the worst pairs are kept."""
        clean, names = answers[CLEAN], self._names()
        kept: list[Kept] = []
        embedding = batch.subject.kind == "embedding"
        if embedding:
            rows: dict[str, Array] = {"image_norm": np.linalg.norm(clean.values, axis=1).astype(np.float32)}
        else:
            rows = {"image_top1": clean.top1.astype(np.int32)}
        for protocol in self.protocols:
            pairs = [self._frames(answers, protocol, k) for k in range(self.pairs_per_image)]
            columns = [self._pair(protocol, pair, batch) for pair in pairs]
            for name, column in columns[0].items():
                rows[f"{protocol}_{name}"] = np.stack([c[name] for c in columns], axis=1).astype(column.dtype)
            if embedding:
                kept += references(pairs[0][0], batch, protocol)
            kept += (farthest if embedding else worst)(protocol, names[protocol], pairs, batch)
        return Tally(rows, kept=best(SHOWN, kept), limit=SHOWN)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Per protocol: over all images, and over those right on the clean view."""
        whole = tally.rows.get("image_top1")
        found = []
        if whole is not None:
            most = int(np.bincount(whole).max()) if len(whole) else 0
            unshifted = figure(wilson(most, len(whole)))
            found += [self.estimate("commonest_answer_share", at={"protocol": "unshifted"}, **unshifted)]
            found += clean_accuracy(self.estimate, whole, labels, subject.n_classes)
        for protocol in self.protocols:
            at = {"protocol": protocol}
            rows = {c.removeprefix(f"{protocol}_"): v for c, v in tally.rows.items() if c.startswith(f"{protocol}_")}
            if whole is None:
                scale = Scale.of(tally.kept, self.significant_quantile, protocol)
                found += compared_with(self.estimate, scale, at, ("embed_change", "significant_change"))
                first = turns(rows, scale)
            else:
                first = changes(rows, whole, labels, top_of(subject))
            measured = [*first, *context(rows, labels)]
            found += figures(self.estimate, measured, at)
            found += counts(self.estimate, rows, len(labels), at)
            for one in measured:
                if one.measure == "significant_change" or (one.measure == "p_top1_change" and one.at["given"] == "all"):
                    found.append(design_effect(self.estimate, one.events, one.pairs, at))
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Change of answer and of probability by protocol, what the frames were like, and the worst pairs."""
        return charts(estimates, self._names(), symmetric=self.symmetric)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """The worst protocol first, and whether stability is an illusion."""
        return findings(estimates, self._names(), self._move())

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """Both frames of a pair."""
        if not case.key.startswith("worst/"):
            return {}
        protocol, pair = case.facts["protocol"], case.facts["pair"]
        return {"frame_1": self._view(protocol, pair, 1), "frame_2": self._view(protocol, pair, 2)}

    def _names(self) -> dict[str, str]:
        canvas = {"black": "black", "mean": "its mean colour"}.get(str(self.fill), "one colour")
        names = {
            "crop": "a crop of the image",
            "embed_black": f"the image, small, on {canvas}",
            "embed_inpaint": "the image, small, inpainted around",
            "scale": f"the image, small, growing on {canvas}",
        }
        return {protocol: names[protocol] for protocol in self.protocols}

    def _move(self) -> dict[str, str]:
        """What each protocol does, in words."""
        pixels = "one pixel" if self.step == 1 else f"{self.step} pixels"
        where = " of the original" if self.shift_in == "original" else ""
        crop, moved = (f"Moved by {pixels}{of} {WAYS[self.direction]}" for of in (where, ""))
        return {"crop": crop, "embed_black": moved, "embed_inpaint": moved, "scale": f"Made {pixels} larger"}

    def _view(self, protocol: Protocol, pair: int, frame: FrameNumber) -> View:
        step = self.step if frame == 2 else 0
        if protocol == "crop":
            drawn = (self.step, self.shift_in, self.area, self.direction, self.square, self.resample)
            return CropShift(frame, pair, *drawn)
        if protocol == "scale":
            return self._small(0, step, self.step).then(Placed(pair, (0, 0), self.place))
        small, way = self._small(self.step, 0, 0), move(step, self.direction)
        if protocol == "embed_black":
            return small.then(Placed(pair, way, self.place))
        if self.inpaint == "telea":
            return Telea(small, pair, way, self.place, compared=frame == 2)
        return small.then(Inpainted(Placed(pair, way, self.place), compared=frame == 2))

    def _small(self, room: int, larger: int, largest: int) -> Shrunk:
        return Shrunk(self.short_side, self.fill, room, larger, largest, self.keep_aspect, self.resample)

    def _frames(self, answers: Answers, protocol: Protocol, pair: int) -> tuple[Answer, Answer]:
        return answers[Query(self._view(protocol, pair, 1))], answers[Query(self._view(protocol, pair, 2))]

    def _pair(self, protocol: Protocol, pair: tuple[Answer, Answer], batch: Batch) -> Mapping[str, Array]:
        first, second = pair
        if batch.subject.kind == "embedding":
            said = apart(first, second)
        else:
            said = classified(first, second, batch, symmetric=self.symmetric)
        n = len(first.valid)
        said["valid"] = first.valid & second.valid
        said["effective_shift"] = first.notes.get("effective_shift", np.full(n, self.step)).astype(np.float32)
        said["capped"] = first.notes.get("capped", np.zeros(n)) > 0
        if protocol == "embed_inpaint":
            said["fill_difference"] = second.notes.get("fill_difference", np.full(n, np.nan)).astype(np.float32)
        return said
