"""One-pixel shifts of pictures embedded at many sizes (Azulay & Weiss, JMLR 20(184), 2019, figure 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.embeddings import PER_BUCKET, Scale, apart, references
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.told import clean_accuracy
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.errors import SettingError
from eyechart.exams.embedded_size_embedded import embedded_figures
from eyechart.exams.embedded_size_embedded_pictures import embedded_charts, embedded_findings
from eyechart.exams.embedded_size_pictures import charts, findings
from eyechart.exams.embedded_size_trend import means_of_pairs, pooled_trend, trends
from eyechart.stats.intervals import Interval, differences, means, ratios
from eyechart.views.inpaint import Inpainted
from eyechart.views.placed import Placed
from eyechart.views.shrunk import REFERENCE, Shrunk

OF_PAIRS = ("top1_1", "top1_2", "absolute_change", "valid")
OF_EMBEDDED = ("distance", "cosine_distance", "valid")
FULL = REFERENCE  # the short side at which a picture fills the frame
NO_CHANGE = "no answer changed at any size (or all did), all sizes are one, or no image counts here"


class EmbeddedSize(Exam):
    """How the effect of a one-pixel shift depends on the size at which the picture is embedded in an empty canvas.

    Each image is made smaller, pasted at a random place of the canvas, and shown again one pixel further down and to the right
    (protocol 2 of arXiv 1805.12177), at every size: the same images, at the same places as shares of the free way. A model that
    is invariant to shifts is so at any size; one that has only learned what its training photographs show is steady near their
    natural size and loses that as the picture shrinks (*partial* invariance; the paper's claim). What is measured is the rise
    alone: small pictures are also harder to tell apart.

    By default the picture is squashed to a square, as in the authors' script, so that every image has exactly the size stated:
    with ``keep_aspect`` (the paper's protocol 2) a 4:3 picture cannot grow beyond 167 of 224, and those that do not fit
    are made as large as fits. Sizes are short sides at an input of 224 pixels; other inputs of n pixels take
    round(size * n / 224). At 224 the picture would fill the frame, as in training. With the protocol ``embed_inpaint`` (the
    paper's protocol 3) the canvas is filled in from the picture, each frame by itself.

    Measures, at {short_side} and, where named, {given: all | correct | all_models_correct} (correct: images right on the clean
    view; all_models_correct: images that all models get right, where several sit the exam):
        p_top1_change {given}: share of pairs whose top class differs.
        mean_absolute_change {given}: mean |p1[c] - p2[c]|, c the top class of frame 1 (asymmetric, as published).
        accuracy: share of first frames whose top class is the label. Tiny pictures are also classified badly.
        p_top1_change_rise {given}: p_top1_change less that of the largest size, paired by image.
        pixels: mean short side in pixels of the input.
        commonest_answer_share: share of the first frames' answers that are the commonest class; near 1 few can change.
        clean_accuracy {chance}: on the clean view, beside one answer in so many classes; near that, steadiness earns no praise.
        capped_images: images made smaller still, to fit.
    And, negative where more changes as the picture shrinks (Spearman's rank correlation with the image's sizes in pixels; ties,
    such as sizes that a long picture cannot reach, share their mean rank):
        size_trend {given}: of change (0 or 1) and size over all pairs of all images, intervals resample images. Undefined where
            no answer changes at any size, or all do, or all are shown equally large.
        size_trend_per_image {of: p_top1_change | mean_absolute_change, given}: mean over images of the correlation of the
            image's own mean change and size; images whose change does not vary have none and are left out (``n`` counts the
            rest, for p_top1_change often few).

    Models that answer with an embedding have these measures instead, besides pixels and capped_images; at {short_side}:
        cosine_distance: mean 1 - cosine of the two frames' embeddings.
        embed_change: mean norm of their difference over ``reference_distance``: 0 = blind to the move, 1 = like another image.
        significant_change: share of pairs farther apart, by cosine distance, than ``significant_distance``.
        significant_change_rise: significant_change less that of the largest size, paired by image.
        reference_distance: mean norm of the difference between (up to 48) different images, shown at that size as the first
            frame of a pair: small pictures on a canvas are more alike than whole ones.
        significant_distance {quantile}: the cosine distance that this share of pairs of those stays below. Both are taken as
            known: the intervals vary the pairs alone.
    And size_trend, of significant_change (0 or 1) and size; size_trend_per_image {of: cosine_distance}.

    Rows: ``image_top1``, and with an entry per size and pair (the pairs of one size together) ``top1_1``, ``top1_2``,
    ``absolute_change``, ``valid``; with one per size ``pixels``, ``capped``. Of embeddings ``image_norm``, and with an entry
    per size and pair ``distance``, ``cosine_distance``, ``valid``.
    """

    name: ClassVar[str] = "embedded_size"
    version: ClassVar[int] = 2  # trends rank what is shown, not what was asked for
    right_by: ClassVar[str] = "image_top1"
    headline: ClassVar[tuple[str, ...]] = ("size_trend",)
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")
    title: ClassVar[str] = "Shifts at many sizes"
    explanation: ClassVar[str] = (
        "The image, made smaller, moves by one pixel over an empty canvas. A model that ignores shifts as such does so at "
        "every size; many are found to be steady near the size that photographs usually show, and less so as the picture "
        "shrinks."
    )

    sizes: tuple[int, ...] = Field(
        (40, 60, 80, 100, 117, 140, 172, 200, 220), min_length=2, description="Short sides at an input of 224."
    )
    pairs_per_image: int = Field(2, ge=1, description="Pairs an image and size, at different places.")
    step: int = Field(1, ge=0, description="Pixels moved down and right; 0 is a self-check that must give no change.")
    protocol: Literal["embed_black", "embed_mean", "embed_inpaint"] = Field(
        "embed_black", description="The canvas: black, the model's mean colour, or filled in from the picture."
    )
    keep_aspect: bool = Field(False, description="Keep the picture's shape; long ones then end at a smaller size.")
    significant_quantile: float = Field(
        0.05, gt=0, lt=1, description="Embeddings: pairs of different images below the threshold."
    )
    images: int = Field(500, ge=1, description="At most so many images, the first of the seeded order.")

    @field_validator("sizes")
    @classmethod
    def _ascending(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(sizes)) < len(sizes) or min(sizes) < 1 or max(sizes) > FULL:
            raise ValueError(f"give different sizes from 1 to {FULL}")
        return tuple(sorted(sizes))

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass, and two frames a size and pair. Raises SettingError if the step leaves no room for a picture."""
        if so_far:
            return None
        if self.step >= min(subject.size):
            problem = f"So large a step leaves no room for a picture on a canvas of {min(subject.size)} pixels."
            raise SettingError(problem, setting="embedded_size.step", value=self.step, way_out="Give a few pixels.")
        pairs = [(size, pair) for size in self.sizes for pair in range(self.pairs_per_image)]
        frames = (False, True) if self.step else (False,)
        return (CLEAN, *(Query(self._view(size, pair, moved)) for size, pair in pairs for moved in frames))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per size and pair."""
        embedding = batch.subject.kind == "embedding"
        columns: dict[str, list[Array]] = {name: [] for name in (OF_EMBEDDED if embedding else OF_PAIRS)}
        kept: list[Kept] = []
        of_size: dict[str, list[Array]] = {"pixels": [], "capped": []}
        for size in self.sizes:
            for pair in range(self.pairs_per_image):
                first, second = (answers[Query(self._view(size, pair, moved))] for moved in (False, True))
                for name, column in (apart if embedding else _answered)(first, second).items():
                    columns[name].append(column)
                columns["valid"].append(first.valid & second.valid)
                if embedding and not pair:
                    kept += references(first, batch, str(size))
            shape = [first.notes.get(name, np.full(len(batch.ids), np.nan)) for name in ("rows", "columns")]
            of_size["pixels"].append(np.minimum(*shape).astype(np.float32))
            of_size["capped"].append(first.notes.get("capped", np.zeros(len(batch.ids))) > 0)
        rows = {name: np.stack(values, axis=1) for name, values in (columns | of_size).items()}
        clean = answers[CLEAN]
        if embedding:
            rows["image_norm"] = np.linalg.norm(clean.values, axis=1).astype(np.float32)
        else:
            rows["image_top1"] = clean.top1.astype(np.int32)
        return Tally(rows, kept=best(PER_BUCKET, kept), limit=PER_BUCKET)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Per size, and the trend over sizes."""
        shape = (len(labels), len(self.sizes), self.pairs_per_image)
        of_pairs = {*OF_PAIRS, *OF_EMBEDDED}
        rows = {name: c.reshape(shape) if name in of_pairs else c for name, c in tally.rows.items()}
        if subject.kind == "embedding":
            scales = [Scale.of(tally.kept, self.significant_quantile, str(size)) for size in self.sizes]
            moved = embedded_figures(self.estimate, rows, self.sizes, scales)
            return Estimates((*moved, *self._shown(rows)))
        known = labels >= 0
        groups = {"all": np.ones(len(labels), bool)}
        if known.any():
            groups["correct"] = (rows["image_top1"] == labels) & known
        found: list[Estimate] = []
        for given, group in groups.items():
            chosen = {name: column[group] for name, column in rows.items()}
            found += [*self._changes(chosen, given), *self._trends(chosen, given)]
        found += clean_accuracy(self.estimate, rows["image_top1"], labels, subject.n_classes)
        return Estimates((*found, *self._context(rows, labels), *self._shown(rows)))

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Change of answer, of probability, and accuracy over the size; or how far the embedding moves."""
        if estimates.of("cosine_distance"):
            return embedded_charts(estimates, self.sizes, FULL, self.step)
        return charts(estimates, self.sizes, FULL, self.step)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Whether steadiness depends on the size."""
        if estimates.of("cosine_distance"):
            return embedded_findings(estimates, self.sizes, self.step)
        return findings(estimates, self.sizes, self.step)

    def _view(self, size: int, pair: int, moved: bool) -> View:
        move = self.step if moved else 0
        fill: Literal["black", "mean"] = "mean" if self.protocol == "embed_mean" else "black"
        small = Shrunk(size, fill, room=self.step, keep_aspect=self.keep_aspect)
        placed = Placed(pair, (move, move))
        return small.then(Inpainted(placed) if self.protocol == "embed_inpaint" else placed)

    def _changes(self, rows: Mapping[str, Array], given: str) -> Iterator[Estimate]:
        """How much changes at each size, and how much more than at the largest."""
        valid = rows["valid"]
        events = {
            "p_top1_change": (rows["top1_1"] != rows["top1_2"]) & valid,
            "mean_absolute_change": np.where(valid, rows["absolute_change"], 0.0),
        }
        for measure, of_pairs in events.items():
            share = measure == "p_top1_change"
            for size, interval in zip(self.sizes, ratios(of_pairs.sum(2), valid.sum(2), share=share), strict=True):
                at = {"short_side": size, "given": given}
                yield self.estimate(measure, unit="share" if share else "probability", at=at, **_told(interval))
        each = means_of_pairs(events["p_top1_change"], valid)
        whole = each[~np.isnan(each).any(1)]
        for size, rise in zip(self.sizes[:-1], differences(whole[:, :-1], whole[:, -1:]), strict=True):
            at = {"short_side": size, "given": given}
            yield self.estimate("p_top1_change_rise", unit="difference of shares", at=at, **_told(rise))

    def _trends(self, rows: Mapping[str, Array], given: str) -> Iterator[Estimate]:
        """Rank correlations of change and size."""
        changed, valid = rows["top1_1"] != rows["top1_2"], rows["valid"]
        trend = pooled_trend(changed, valid, rows["pixels"])
        yield self.estimate("size_trend", unit="rank correlation", at={"given": given}, **_told(trend, NO_CHANGE))
        for measure, values in (("p_top1_change", changed), ("mean_absolute_change", rows["absolute_change"])):
            own = trends(means_of_pairs(values, valid), rows["pixels"])
            (interval,) = means(own[:, None])
            at: dict[str, Any] = {"of": measure, "given": given}
            why = "no image has sizes that differ and at which the change differs"
            yield self.estimate("size_trend_per_image", unit="rank correlation", at=at, **_told(interval, why))

    def _context(self, rows: Mapping[str, Array], labels: Array) -> Iterator[Estimate]:
        """Accuracy and the commonest answer, at each size."""
        valid, first = rows["valid"], rows["top1_1"]
        known = valid & (labels >= 0)[:, None, None]
        right = (first == labels[:, None, None]) & known
        if (labels >= 0).any():
            for size, interval in zip(self.sizes, ratios(right.sum(2), known.sum(2), share=True), strict=True):
                yield self.estimate("accuracy", at={"short_side": size}, **_told(interval))
        for k, size in enumerate(self.sizes):
            answers, at = first[:, k][valid[:, k]], {"short_side": size}
            most = np.bincount(answers).argmax() if len(answers) else 0
            (share,) = ratios(
                ((first[:, k] == most) & valid[:, k]).sum(1)[:, None], valid[:, k].sum(1)[:, None], share=True
            )
            yield self.estimate("commonest_answer_share", at=at, **_told(share))

    def _shown(self, rows: Mapping[str, Array]) -> Iterator[Estimate]:
        """The real size, at each size."""
        for k, size in enumerate(self.sizes):
            at = {"short_side": size}
            (pixels,) = means(np.where(rows["valid"][:, k].any(1), rows["pixels"][:, k], np.nan)[:, None])
            yield self.estimate("pixels", unit="pixels", at=at, **_told(pixels))
            capped = float(rows["capped"][:, k].sum())
            yield self.estimate("capped_images", unit="count", value=capped, n=len(rows["capped"]), at=at)


def _answered(first: Answer, second: Answer) -> dict[str, Array]:
    """Columns (n,) of one pair, of a model with classes."""
    return {
        "top1_1": first.top1.astype(np.int32),
        "top1_2": second.top1.astype(np.int32),
        "absolute_change": first.absolute_change(second).astype(np.float32),
    }


def _told(interval: Interval, reason: str = "no image gave a pair that counts here") -> dict[str, Any]:
    return figure(interval, "" if interval.value is not None else reason)
