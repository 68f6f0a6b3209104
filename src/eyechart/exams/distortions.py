"""Accuracy under the parametric distortions of Geirhos et al. (NeurIPS 2018)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from eyechart.core.by_category import ByCategory
from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.settings import Distinct
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.exams.distortions_conditions import PUBLISHED, Condition, Name, conditions
from eyechart.exams.distortions_pictures import charts, findings
from eyechart.images.category_labels import category_labels
from eyechart.stats.intervals import differences, means, ratios, wilson

KEPT = 6


class Distortions(ByCategory):
    """Accuracy on images distorted to growing degrees (Geirhos et al., NeurIPS 2018, arXiv 1808.08750; model-vs-human).

    grey, and of grey images: contrast c, (1 - c) / 2 + c x; low_pass and high_pass with a Gaussian of so many pixels of the
    frame, .4423 beyond its border, high-pass images moved to that mean; phase_noise, each phase by up to so many degrees;
    power_equalisation, the amplitudes of photographs (a power law through the published mean; the authors take the mean of
    the images in hand, as it is in each direction); rotation, by right angles; uniform_noise of so much either way at a
    contrast of .3. And in colour false_colour, each colour's opponent at its luminance (linear light by the curve of sRGB; the
    authors' is their monitor's). Levels are the published ones, at 224 pixels: in a smaller frame a filter of as many pixels
    takes more. salt_and_pepper stands in their code, not in their experiments. The three eidolon distortions are left out:
    published code and published conditions disagree about what coherence does.

    Measures at {distortion, level}, and with {classes: own | categories}: own, by the model's own classes, of images with a
    label; categories, by those of ``categories`` (the 16 of Geirhos et al. for ImageNet's 1,000), answered by ``aggregation``
    of their outputs, of images whose label, or else folder, names one.
        accuracy: share of images answered rightly.
        accuracy_drop: accuracy on the images as they are less that, paired by image.
        agreement: share of images whose top class is that of the image as it is (all images, own classes).
        clipped_share: mean share of pixels that left [0, 1], where that can happen.
    At {classes}: plain_accuracy, of the images as they are; mean_accuracy {distortion}, over its counted levels; ood_accuracy,
        the mean of those that all images could be shown at. Counted are the levels that model-vs-human counts: it leaves out
        controls, and those at which its observers were right less than 20 % of the time. That is a fact about people and
        their images, so on other images these means say which of two models does better, and are not that benchmark's
        (which has the eidolons, too).

    Rows: ``image_top1``, ``top1``, ``valid``, ``clipped`` (an entry for each condition), and with categories ``category``,
    ``image_category``, ``categories`` (places in their alphabetical list, -1 = none).

    Kept: images right as they are that are missed with most confidence, at the mildest level of each distortion.
    """

    name: ClassVar[str] = "distortions"
    headline: ClassVar[tuple[str, ...]] = ("plain_accuracy", "ood_accuracy", "mean_accuracy")
    title: ClassVar[str] = "Distorted images"
    explanation: ClassVar[str] = (
        "Colour, contrast, sharpness and more are taken from the images little by little, as psychologists do it with people. "
        "People hold on for long; where a model drops early, it lives on what was taken."
    )

    distortions: Annotated[tuple[Name, ...], Distinct] = Field(
        PUBLISHED, min_length=1, description="Which; all published levels of each."
    )
    images: int = Field(1000, ge=1, description="At most so many images, the first of the seeded order.")

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The image as it is, then every condition."""
        if so_far:
            return None
        self.known(subject)  # so that a mapping that does not fit is told at once
        return tuple(dict.fromkeys((CLEAN, *self._queries(subject))))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry a condition."""
        plain, asked = answers[CLEAN], [answers[q] for q in self._queries(batch.subject)]
        n = len(batch.ids)
        rows: dict[str, Array] = {
            "image_top1": plain.top1.astype(np.int32),
            "top1": np.stack([a.top1 for a in asked], 1).astype(np.int32),
            "valid": np.stack([a.valid for a in asked], 1),
            "clipped": np.stack([a.notes.get("clipped_share", np.full(n, np.nan)) for a in asked], 1).astype(
                np.float32
            ),
        }
        known = self.known(batch.subject)
        if known is not None:
            rows["category"] = category_labels(known, batch.labels, batch.ids)
            rows["image_category"] = known.answers(plain.log_p, self.aggregation)
            rows["categories"] = np.stack([known.answers(a.log_p, self.aggregation) for a in asked], 1)
        return Tally(rows, kept=best(KEPT, self._cases(plain, asked, batch)), limit=KEPT)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """By condition, by distortion, over all."""
        rows = tally.rows
        found = [*self._all_images(rows)]
        ways = [("own", labels, rows["image_top1"], rows["top1"])]
        if "category" in rows:
            ways.append(("categories", rows["category"], rows["image_category"], rows["categories"]))
        for classes, truth, plain, told in ways:
            known = truth >= 0
            if known.any():
                right = (told == truth[:, None])[known]
                found += self._accuracies(classes, (plain == truth)[known], right, rows["valid"][known])
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """All distortions beside one another, then each by its level."""
        return charts(estimates, self.distortions)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """What costs most, and what little."""
        return findings(estimates, self.distortions)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """The image as it is, and distorted."""
        condition = Condition(case.facts["distortion"], case.facts["level"])
        return {"plain": CLEAN.view, "distorted": condition.view(tuple(case.facts["size"]))}

    def _queries(self, subject: Subject) -> list[Query]:
        return [Query(condition.view(subject.size)) for condition in conditions(self.distortions)]

    def _cases(self, plain: Answer, asked: Sequence[Answer], batch: Batch) -> Iterator[Kept]:
        """Right as they are, and missed at a distortion's mildest level."""
        right = (plain.top1 == batch.labels) | (batch.labels < 0)
        first: dict[str, tuple[Condition, Answer]] = {}
        for condition, answer in zip(conditions(self.distortions), asked, strict=True):
            if condition.counted:
                first.setdefault(condition.distortion, (condition, answer))
        for condition, answer in first.values():
            for i in np.flatnonzero(right & answer.valid & (answer.top1 != plain.top1)):
                facts = {
                    "distortion": condition.distortion,
                    "level": condition.level,
                    "named": condition.named,
                    "size": list(batch.subject.size),
                    "before": batch.subject.class_name(int(plain.top1[i])),
                    "after": batch.subject.class_name(int(answer.top1[i])),
                    "p_before": float(plain.confidence[i]),
                    "p_after": float(answer.confidence[i]),
                }
                yield Kept("distortions/", float(answer.confidence[i]), batch.ids[i], facts)

    def _all_images(self, rows: Mapping[str, Array]) -> Iterator[Estimate]:
        """What needs no label."""
        same = rows["top1"] == rows["image_top1"][:, None]
        for j, condition in enumerate(conditions(self.distortions)):
            at, valid = _at(condition), rows["valid"][:, j]
            why = "" if valid.any() else "it could be shown of no image"
            alike = wilson(int(same[valid, j].sum()), int(valid.sum()))
            yield self.estimate("agreement", at=at, **figure(alike, why))
            clipped = rows["clipped"][valid, j]
            if len(clipped) and not np.isnan(clipped).all():
                yield self.estimate("clipped_share", at=at, **figure(means(clipped[:, None])[0]))

    def _accuracies(self, classes: str, plain: Array, right: Array, valid: Array) -> Iterator[Estimate]:
        """Of images whose class is known: (n,), (n, conditions), (n, conditions)."""
        at = {"classes": classes}
        yield self.estimate("plain_accuracy", at=at, **figure(wilson(int(plain.sum()), len(plain))))
        every = conditions(self.distortions)
        for j, condition in enumerate(every):
            there, fields = valid[:, j], {"at": {**_at(condition), **at}}
            mine = right[there, j]
            why = "" if len(mine) else "it could be shown of no image"
            yield self.estimate("accuracy", **fields, **figure(wilson(int(mine.sum()), len(mine)), why))
            (drop,) = differences(plain[there][:, None], mine[:, None])
            yield self.estimate("accuracy_drop", unit="difference of shares", **fields, **figure(drop, why))
        yield from self._means(at, every, right & valid, valid)

    def _means(self, at: dict[str, Any], every: Sequence[Condition], right: Array, valid: Array) -> Iterator[Estimate]:
        """Over counted levels; then over distortions, each counting as much."""
        shares = []
        for name in self.distortions:
            of = [j for j, c in enumerate(every) if c.distortion == name and c.counted]
            if not of:
                continue
            events, cases = right[:, of].sum(1, keepdims=True), valid[:, of].sum(1, keepdims=True)
            yield self.estimate(
                "mean_accuracy", at={"distortion": name, **at}, **figure(ratios(events, cases, share=True)[0])
            )
            if valid[:, of].all():
                shares.append(events[:, 0] / len(of))
        if shares:
            events = len(every) * np.stack(shares, 1).mean(1, keepdims=True)
            (over_all,) = ratios(events, np.full_like(events, len(every)), share=True)
            yield self.estimate("ood_accuracy", at=at, **figure(over_all))


def _at(condition: Condition) -> dict[str, Any]:
    return {"distortion": condition.distortion, "level": condition.level}
