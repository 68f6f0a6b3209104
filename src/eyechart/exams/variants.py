"""Accuracy on images reduced to one cue: grey, edges, silhouettes, texture (Geirhos et al., ICLR 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.by_category import ByCategory
from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.settings import Distinct
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.exams.variants_pictures import SHOWN, charts, findings
from eyechart.images.categories import Categories
from eyechart.images.category_labels import category_labels
from eyechart.stats.intervals import Interval, differences, of_means, wilson
from eyechart.views.colours import Greyed
from eyechart.views.outlines import Edges, Silhouette
from eyechart.views.textures import ObjectTexture, PatchTexture
from eyechart.views.whole import Whole

Variant = Literal["grey", "edges", "silhouette", "object_texture", "patch_texture"]
ORIGINAL, READY = "original", "ready"


class Variants(ByCategory):
    """Accuracy on images of which one cue is left (after Geirhos et al., ICLR 2019, arXiv 1811.12231).

    From the images at hand are drawn: grey (.2125 R + .7154 G + .0721 B); edges (Canny, black on white; smoothing 2 pixels at
    224, hysteresis at the gradient's percentiles ``edge_percentiles``); silhouette (black on white: by the image's mask, where
    masks are given; else what stands before a near-white ground, luminance at least .95, holes filled, the largest part);
    object_texture (the largest square within that, mirrored until the frame is full); patch_texture (a square of ``patch`` of
    the side from the middle half, mirrored: needs no ground). The authors drew theirs by hand or with settings that are not
    published: all but grey are our choice.

    Ready stimuli, such as the edges and silhouettes of Geirhos et al., are shown whole (as they are where their size is the
    model's, else resized, nothing cut off): in folders called after categories, ``edges/cat/cat3.png``; see ``ready``.

    Measures at {variant: original | grey | edges | silhouette | object_texture | patch_texture | ready}, those of accuracy with
    {classes: own | categories}: own, by the model's own classes, of images with a label; categories, by those of ``categories``
    (the 16 of Geirhos et al. for ImageNet's 1,000), answered by ``aggregation`` of their outputs, of images whose label, or
    else folder, names one.
        accuracy: share of images answered rightly, of those that the variant could be drawn of.
        original_accuracy: on the same images as they are.
        relative_accuracy: the ratio of the two.
        agreement: share of images whose top class is that of the original.
        drawn: share of images that the variant could be drawn of, and that the model then gives a finite answer to.
    chance {classes}: of an answer at random.

    Rows: ``top1``, ``valid`` (an entry for each variant, the original first), and with categories ``category``,
    ``categories`` (places in their alphabetical list, -1 = none).

    Kept: the images that are right with most confidence, with what is left of them; of ready stimuli, the surest mistakes.
    """

    name: ClassVar[str] = "variants"
    version: ClassVar[int] = 2  # 1 did without images of which one variant alone had no finite answer
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "relative_accuracy")
    title: ClassVar[str] = "One cue left"
    explanation: ClassVar[str] = (
        "The same images without colour, as line drawings, as black shapes, and as nothing but their surface. People name line "
        "drawings and shapes with ease; a model that cannot, and can name surfaces, does not see things as people do."
    )

    variants: Annotated[tuple[Variant, ...], Distinct] = Field(
        ("grey", "edges", "silhouette", "object_texture", "patch_texture"), min_length=1, description="What is drawn."
    )
    ready: Literal["auto", "yes", "no"] = Field(
        "auto", description="The images are stimuli to be shown whole, and nothing is drawn; auto: if none has a label."
    )
    edge_percentiles: tuple[float, float] = Field(
        (80.0, 90.0), description="Hysteresis of edges, low and high, 0 to 100."
    )
    patch: float = Field(0.25, gt=0, le=1, description="Side of the patch by that of the frame.")

    @field_validator("ready", mode="before")
    @classmethod
    def _switched(cls, written: object) -> object:
        return {True: "yes", False: "no"}.get(written, written) if isinstance(written, bool) else written

    @field_validator("edge_percentiles")
    @classmethod
    def _ascending(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= ends[0] <= ends[1] <= 100:
            raise ValueError("give two percentiles from 0 to 100, the lower one first")
        return ends

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The originals and what is drawn of them, or ready stimuli alone."""
        if so_far:
            return None
        self.known(subject)  # so that a mapping that does not fit is told at once
        return tuple(Query(view) for view in self._views(subject).values())

    def tolerates(self, query: Query) -> bool:
        """An answer that is not finite costs the image that variant, not the others."""
        return query != CLEAN and query.view != Whole()

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry a variant."""
        asked = {name: answers[Query(view)] for name, view in self._views(batch.subject).items()}
        rows: dict[str, Array] = {
            "top1": np.stack([a.top1 for a in asked.values()], 1).astype(np.int32),
            "valid": np.stack([a.valid & a.finite for a in asked.values()], 1),
        }
        known = self.known(batch.subject)
        if known is not None:
            rows["category"] = category_labels(known, batch.labels, batch.ids)
            rows["categories"] = np.stack([known.answers(a.log_p, self.aggregation) for a in asked.values()], 1)
        kept = self._mistakes(asked[READY], rows, known, batch) if READY in asked else self._surest(asked, batch)
        return Tally(rows, kept=best(4, kept), limit=4)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """By variant, by the model's classes and by categories."""
        rows, names = tally.rows, [*self._views(subject)]
        found = [*self._all_images(names, rows)]
        ways = [("own", labels, rows["top1"], subject.n_classes)]
        if "category" in rows:
            known = self.known(subject)
            ways.append(("categories", rows["category"], rows["categories"], len(known or ())))
        for classes, truth, told, count in ways:
            of = truth >= 0
            if of.any():
                found += self._accuracies(classes, names, (told == truth[:, None])[of], rows["valid"][of])
                found.append(self.estimate("chance", at={"classes": classes}, value=1 / max(1, count), n=int(of.sum())))
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Accuracy by variant, a table, and pictures."""
        return charts(estimates)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """What is left of accuracy, cue by cue."""
        return findings(estimates)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """The image, and what is left of it; a ready stimulus as it was shown."""
        if case.key.endswith(READY):
            return {READY: Whole()}
        return {ORIGINAL: CLEAN.view, **{name: self._view(name) for name in self.variants if name in SHOWN}}

    def _views(self, subject: Subject) -> dict[str, View]:
        if self.ready == "yes" or (self.ready == "auto" and not subject.labelled):
            return {READY: Whole()}
        return {ORIGINAL: CLEAN.view, **{name: self._view(name) for name in self.variants}}

    def _view(self, variant: Variant) -> View:
        match variant:
            case "grey":
                return Greyed()
            case "edges":
                return Edges(*self.edge_percentiles)
            case "silhouette":
                return Silhouette()
            case "object_texture":
                return ObjectTexture()
            case "patch_texture":
                return PatchTexture(self.patch)

    def _surest(self, asked: Mapping[str, Answer], batch: Batch) -> Iterator[Kept]:
        """Right as they are; of images without a label, any."""
        plain = asked[ORIGINAL]
        for i in np.flatnonzero((plain.top1 == batch.labels) | (batch.labels < 0)):
            facts: dict[str, Any] = {}
            for name, answer in asked.items():
                told = answer.valid[i] and answer.finite[i]
                silent = "no finite answer" if answer.valid[i] else "not drawn"
                facts[name] = batch.subject.class_name(int(answer.top1[i])) if told else silent
                facts[f"p_{name}"] = float(answer.confidence[i]) if told else 0.0
            yield Kept("variants/drawn", float(plain.confidence[i]), batch.ids[i], facts)

    def _mistakes(
        self, answer: Answer, rows: Mapping[str, Array], known: Categories | None, batch: Batch
    ) -> Iterator[Kept]:
        """Ready stimuli taken for another category."""
        if known is None:
            return
        truth, told = rows["category"], rows["categories"][:, 0]
        for i in np.flatnonzero((truth >= 0) & (told >= 0) & (told != truth)):
            facts = {
                "truth": known.names[truth[i]],
                "answer": known.names[told[i]],
                "top": batch.subject.class_name(int(answer.top1[i])),
            }
            yield Kept(f"variants/{READY}", float(answer.confidence[i]), batch.ids[i], facts)

    def _all_images(self, names: Sequence[str], rows: Mapping[str, Array]) -> Iterator[Estimate]:
        """What needs no label."""
        for j, name in enumerate(names):
            valid, at = rows["valid"][:, j], {"variant": name}
            yield self.estimate("drawn", at=at, **figure(wilson(int(valid.sum()), len(valid))))
            if name not in (ORIGINAL, READY):
                same = (rows["top1"][:, j] == rows["top1"][:, 0])[valid]
                yield self.estimate("agreement", at=at, **figure(wilson(int(same.sum()), len(same)), _undrawn(valid)))

    def _accuracies(self, classes: str, names: Sequence[str], right: Array, valid: Array) -> Iterator[Estimate]:
        """Of images whose class is known: both (n, variants)."""
        for j, name in enumerate(names):
            at, there = {"variant": name, "classes": classes}, valid[:, j]
            mine, plain = right[there, j], right[there, 0]
            why = _undrawn(there)
            yield self.estimate("accuracy", at=at, **figure(wilson(int(mine.sum()), len(mine)), why))
            if name in (ORIGINAL, READY):
                continue
            yield self.estimate("original_accuracy", at=at, **figure(wilson(int(plain.sum()), len(plain)), why))
            yield self._relative(at, mine, plain, why)

    def _relative(self, at: Mapping[str, Any], mine: Array, plain: Array, why: str) -> Estimate:
        why = why or ("" if plain.any() else "no image that it could be drawn of is right as it is")
        return self.estimate("relative_accuracy", unit="ratio", at=at, **figure(_ratio(mine, plain), why))


def _ratio(mine: Array, plain: Array) -> Interval:
    """Images are resampled whole, a resample with none right as it is counting one; or by the interval of the difference."""
    least = 1 / max(1, len(plain))
    found = of_means(lambda m: m[..., 0] / np.maximum(m[..., 1], least), np.stack([mine, plain], 1))
    if found.low is None or found.low != found.high or not plain.any():
        return found
    (lost,) = differences(plain[:, None], mine[:, None])  # resamples of what is always alike say nothing
    low, high = (1 - float(end or 0.0) / plain.mean() for end in (lost.high, lost.low))
    return replace(found, low=max(0.0, min(low, found.low)), high=max(high, found.low), method=lost.method)


def _undrawn(valid: Array) -> str:
    return "" if valid.any() else "it could be drawn of no image"
