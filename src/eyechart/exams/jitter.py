"""How steady answers are over clips made from one still (Hendrycks & Dietterich, ICLR 2019, arXiv 1903.12261: ImageNet-P)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.settings import Distinct
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.told import clean_accuracy
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.exams.jitter_pictures import charts, findings
from eyechart.exams.jitter_ranks import top_distance, zipf_distance
from eyechart.stats.intervals import commonest, differences, means, pooled, share_of
from eyechart.views.motions import Motion, Shake, Swept, Walk, pixels_at
from eyechart.views.moved import Margin, Smoothing

MotionName = Literal["walk", "shake", "translate", "rotate", "shear", "scale", "tilt"]
SWEEPS: Mapping[str, tuple[float, ...]] = {
    "translate": tuple(float(x) for x in range(-20, 21)),
    "rotate": tuple(float(x) for x in range(-15, 16)),
    "shear": tuple(float(x) for x in range(-15, 16)),
    "scale": tuple((400 + 25 * i) / 1000 for i in range(31)),
    "tilt": tuple(float(x) for x in range(-15, 16)),
}
Reference = tuple[tuple[str, float], ...]
KEPT = 2  # clips a motion
NEIGHBOURHOOD = 10  # frames to each side


class Jitter(Exam):
    """How often the answer flips from frame to frame of a clip, and how far the leading classes change places.

    Clips are made from each image, out of the whole picture as the model's preprocessing resizes it, so that what comes in at
    the borders is real as far as the picture goes (beyond, it is mirrored and counted; black in ImageNet-P); frames are not
    compressed. Motions:
    ``walk`` (``frames`` frames, steps of one pixel left, right, up or down, turned back 8 pixels from the start at an input of
    224, in proportion at others but 2 at least; it starts in the middle frame, unmoved, and goes on to both ends), ``shake``
    (every frame moved by its own normal number of pixels, deviation 0.7), and those of ImageNet-P: ``translate`` -20 to 20
    pixels at 224, else in proportion, ``rotate``, ``shear`` and ``tilt`` -15 to 15 degrees by 1, ``scale`` 0.4 to 1.15 by
    0.025. Frames are compared with those ``apart`` later (ImageNet-P's difficulty).

    Measures at {motion}, and of clips with {given: all | correct | all_models_correct} (correct: images right as they are;
    all_models_correct: images that all models get right, where several sit the exam):
        flip_probability {given}: share of compared frames whose top class differs, mean over each clip, then over clips.
        flipped_clips {given}: share of clips with at least one flip.
        top5_distance {given}: sum over ranks r = 1 to 5 of |min(s_r, 6) - r|, s_r the rank in the later frame of the class of
            rank r in the earlier; 0 for the same order, 2 if the first two change places, at most 15. Models of fewer than 6
            classes: over r = 1 to k with k + 1 for 6, k one less than the classes; ``ranks_compared`` says k.
        zipf_distance {given}: sum over all classes of (1 / r) |1 / r - 1 / s_r|.
        frame_accuracy: share of frames whose top class is the label.
        anchor_accuracy: share of middle frames that are right (for walk the image as it is).
        neighbourhood_accuracy {frames}: share of clips right in the middle frame and in so many before and after it, 10 where
            the clip has as many (Shankar et al., arXiv 1906.02168: their anchors lose 16 and 10 points so).
        neighbourhood_drop {frames}: anchor_accuracy less neighbourhood_accuracy, paired by image.
        change_from_anchor {frame}: share of clips whose frame (numbered from the middle one) is answered otherwise than it.
        invented_share: mean share of pixels that show what lies beyond the picture's end.
        flip_rate, top5_rate: the above (all clips) divided by a reference model's, which ``flip_reference`` and
            ``top5_reference`` give by motion, such as {"walk": 0.02, "rotate": 0.05}: what another run of this exam found for
            that model. ImageNet-P divides by AlexNet's. mean_flip_rate, mean_top5_rate: over those motions.
    ranks_compared; commonest_answer_share, of images as they are: near 1 steadiness means nothing. clean_accuracy {chance}, of
    images as they are, beside one answer in so many classes: near that, steadiness earns no praise.

    Published, ResNet-50 on ImageNet-P, divided by AlexNet's and over its ten perturbations, of which five are made here: mean
    flip rate 58.0 %, mean top-5 rate 78.4 %.

    Rows: ``image_top1``, and per motion ``<motion>_top1`` (an entry a frame), ``<motion>_top5_distance`` and
    ``<motion>_zipf_distance`` (means over the clip), ``<motion>_invented``.

    Kept: per motion, the clips that flip most, in the frames where the model is surest of both answers.
    """

    name: ClassVar[str] = "jitter"
    right_by: ClassVar[str] = "image_top1"
    headline: ClassVar[tuple[str, ...]] = ("flip_probability", "top5_distance", "neighbourhood_drop")
    title: ClassVar[str] = "Jitter: clips from one still"
    explanation: ClassVar[str] = (
        "From each image a short clip is made by moving it a little from frame to frame, as in a hand-held film. A steady "
        "model says the same in every frame; what flips here would flicker on video."
    )

    motions: Annotated[tuple[MotionName, ...], Distinct] = Field(
        ("walk",), min_length=1, description="Which clips to make of each image."
    )
    frames: int = Field(31, ge=3, description="Frames of a walk or shake.")
    reach: int | None = Field(None, ge=1, description="walk: farthest from the start, pixels; default 8 at 224.")
    deviation: float = Field(0.7, gt=0, description="shake: standard deviation of each move, pixels.")
    apart: int = Field(1, ge=1, le=30, description="Frames are compared with those so many later (difficulty).")
    neighbourhood: int | None = Field(
        None,
        ge=1,
        description="Frames to each side of the middle one that must be right, too; default 10, or all there are.",
    )
    flip_reference: Reference = Field(
        (), description='A reference model\'s flip_probability by motion, such as {"walk": 0.02, "rotate": 0.05}.'
    )
    top5_reference: Reference = Field(
        (), description='A reference model\'s top5_distance by motion, such as {"walk": 0.4}.'
    )
    smoothing: Smoothing = Field("bilinear", description="Interpolation: bilinear or bicubic.")
    images: int = Field(200, ge=1, description="At most so many images, the first of the seeded order.")
    only_estimates: ClassVar[tuple[str, ...]] = ("neighbourhood", "flip_reference", "top5_reference")

    @field_validator("flip_reference", "top5_reference", mode="before")
    @classmethod
    def _pairs(cls, given: Any) -> Any:
        return tuple(sorted(given.items())) if isinstance(given, Mapping) else given

    @field_validator("flip_reference", "top5_reference")
    @classmethod
    def _usable(cls, given: Reference) -> Reference:
        known = {"walk", "shake", *SWEEPS}
        if not all(name in known and value > 0 for name, value in given):
            raise ValueError(
                f'give numbers above 0 for motions among {", ".join(sorted(known))}, such as {{"walk": 0.02}}'
            )
        return given

    @field_validator("apart", "neighbourhood")
    @classmethod
    def _within(cls, given: int | None, info: ValidationInfo) -> int | None:
        if given is None or not {"motions", "frames"} <= info.data.keys():
            return given
        shortest = min(len(SWEEPS.get(motion, range(info.data["frames"]))) for motion in info.data["motions"])
        most = shortest - 1 if info.field_name == "apart" else (shortest - 1) // 2
        if given > most:
            raise ValueError(f"give {most} or less: the shortest clip has {shortest} frames")
        return given

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The image and every frame."""
        if so_far:
            return None
        return tuple(dict.fromkeys((CLEAN, *(q for motion in self.motions for q in self._clip(motion, subject)))))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry a frame."""
        plain = answers[CLEAN]
        rows: dict[str, Array] = {"image_top1": plain.top1.astype(np.int32)}
        cases: list[Kept] = []
        for motion in self.motions:
            clip = [answers[q] for q in self._clip(motion, batch.subject)]
            pairs = list(zip(clip, clip[self.apart :], strict=False))
            rows[f"{motion}_top1"] = np.stack([a.top1 for a in clip], 1).astype(np.int32)
            rows[f"{motion}_top5_distance"] = _mean([top_distance(a.values, b.values) for a, b in pairs])
            rows[f"{motion}_zipf_distance"] = _mean([zipf_distance(a.values, b.values) for a, b in pairs])
            rows[f"{motion}_invented"] = _mean([a.notes.get("invented", np.zeros(len(a.valid))) for a in clip])
            cases += self._cases(motion, clip, batch)
        return Tally(rows, kept=best(KEPT, cases), limit=KEPT)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """By motion, over all clips and those of images that are right as they are."""
        plain, known = tally.rows["image_top1"], labels >= 0
        ranks = float(min(5, subject.n_classes - 1))
        found = [
            self.estimate("commonest_answer_share", **figure(commonest(plain))),
            self.estimate("ranks_compared", unit="count", value=ranks, n=len(plain)),
            *clean_accuracy(self.estimate, plain, labels, subject.n_classes),
        ]
        groups = {"all": np.ones(len(plain), bool)} | ({"correct": known & (plain == labels)} if known.any() else {})
        for motion in self.motions:
            rows = {k.removeprefix(f"{motion}_"): v for k, v in tally.rows.items() if k.startswith(f"{motion}_")}
            for given, group in groups.items():
                found += self._steadiness({k: v[group] for k, v in rows.items()}, {"motion": motion, "given": given})
            if known.any():
                found += self._accuracies(rows["top1"][known], labels[known], {"motion": motion})
            found += self._along(rows, {"motion": motion})
        for measure, rate, reference in (
            ("flip_probability", "flip_rate", self.flip_reference),
            ("top5_distance", "top5_rate", self.top5_reference),
        ):
            found += self._relative(Estimates(found), measure, rate, reference)
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Bars by motion, curves over the clip, the table, the clips that flip most."""
        return charts(estimates, self._amounts())

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """The least steady motion first."""
        return findings(estimates)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """Two frames that are compared."""
        views = [
            self._view(case.facts["motion"], case.facts["frame"] + k, case.facts["reach"]) for k in (0, self.apart)
        ]
        return dict(zip(("first", "second"), views, strict=True))

    def _amounts(self) -> dict[str, list[float]]:
        """What each motion's frames are told by: the amount of a sweep, else the number from the middle."""
        length = {motion: len(SWEEPS.get(motion, range(self.frames))) for motion in self.motions}
        return {m: list(SWEEPS.get(m, [float(i - n // 2) for i in range(n)])) for m, n in length.items()}

    def _reach(self, subject: Subject) -> int:
        return self.reach or max(2, round(pixels_at(subject.size, 8)))

    def _clip(self, motion: MotionName, subject: Subject) -> list[Query]:
        return [Query(self._view(motion, k, self._reach(subject))) for k in range(len(self._amounts()[motion]))]

    def _view(self, name: MotionName, frame: int, reach: int) -> View:
        motion: Motion
        if name == "walk":
            if frame == self.frames // 2:
                return CLEAN.view
            motion = Walk(frame, self.frames, reach)
        elif name == "shake":
            motion = Shake(frame, self.deviation)
        else:
            amount = SWEEPS[name][frame]
            if amount == (1.0 if name == "scale" else 0.0):
                return CLEAN.view
            motion = Swept(name, amount)
        return Margin(motion, smoothing=self.smoothing)

    def _cases(self, motion: MotionName, clip: Sequence[Answer], batch: Batch) -> Iterator[Kept]:
        """Clips that flip, each with the pair of frames that is most confidently answered in two ways."""
        pairs = list(zip(clip, clip[self.apart :], strict=False))
        flips = np.stack([a.top1 != b.top1 for a, b in pairs], 1)
        sure = np.where(flips, np.stack([np.minimum(a.confidence, b.confidence) for a, b in pairs], 1), -1.0)
        for i in np.flatnonzero(flips.any(1)):
            frame = int(sure[i].argmax())
            first, second = pairs[frame]
            facts = {
                "motion": motion,
                "group": motion,
                "frame": frame,
                "reach": self._reach(batch.subject),
                "flips": int(flips[i].sum()),
                "before": batch.subject.class_name(int(first.top1[i])),
                "after": batch.subject.class_name(int(second.top1[i])),
                "p_before": float(first.confidence[i]),
                "p_after": float(second.confidence[i]),
            }
            yield Kept(f"jitter/{motion}/", float(flips[i].sum() + sure[i].max()), batch.ids[i], facts)

    def _steadiness(self, rows: Mapping[str, Array], at: Mapping[str, Any]) -> Iterator[Estimate]:
        top1 = rows["top1"]
        flips = top1[:, : -self.apart] != top1[:, self.apart :]
        distances = means(np.stack([rows["top5_distance"], rows["zipf_distance"]], 1))
        units = {"flip_probability": "share", "top5_distance": "ranks", "zipf_distance": "sum of 1/rank differences"}
        for (measure, unit), interval in zip(units.items(), [pooled(flips, share=True), *distances], strict=True):
            yield self.estimate(measure, unit=unit, at=at, **figure(interval))
        yield self.estimate("flipped_clips", at=at, **figure(share_of(flips.any(1))))

    def _accuracies(self, top1: Array, labels: Array, at: Mapping[str, Any]) -> Iterator[Estimate]:
        """Of clips that all have a label."""
        right, middle = top1 == labels[:, None], top1.shape[1] // 2
        reach = min(middle, NEIGHBOURHOOD) if self.neighbourhood is None else self.neighbourhood
        anchor, near = right[:, middle], right[:, middle - reach : middle + reach + 1].all(1)
        yield self.estimate("frame_accuracy", at=at, **figure(pooled(right, share=True)))
        yield self.estimate("anchor_accuracy", at=at, **figure(share_of(anchor)))
        (drop,) = differences(anchor[:, None], near[:, None])
        at = {**at, "frames": reach}
        yield self.estimate("neighbourhood_accuracy", at=at, **figure(share_of(near)))
        yield self.estimate("neighbourhood_drop", unit="difference of shares", at=at, **figure(drop))

    def _along(self, rows: Mapping[str, Array], at: Mapping[str, Any]) -> Iterator[Estimate]:
        top1 = rows["top1"]
        middle = top1.shape[1] // 2
        for frame, changed in enumerate((top1 != top1[:, middle : middle + 1]).T):
            place = {**at, "frame": frame - middle}
            yield self.estimate("change_from_anchor", at=place, **figure(share_of(changed)))
        invented = figure(pooled(rows["invented"][:, None]))
        yield self.estimate("invented_share", unit="share of pixels", at=at, **invented)

    def _relative(self, found: Estimates, measure: str, rate: str, reference: Reference) -> Iterator[Estimate]:
        """Divided by a reference model's, and the mean over motions (without an interval: motions share their images)."""
        values = []
        for motion, by in reference:
            e = found.one(measure, motion=motion, given="all")
            if e is None or e.value is None:
                continue
            ends = {k: None if (v := getattr(e, k)) is None else v / by for k in ("low", "high")}
            values.append(e.value / by)
            method = f"{e.method}, reference taken as exact"
            at = {"motion": motion}
            yield self.estimate(rate, unit="ratio", at=at, value=values[-1], **ends, n=e.n, method=method)
        if values:
            n = found.of(measure, given="all")[0].n
            yield self.estimate(f"mean_{rate}", unit="ratio", value=float(np.mean(values)), n=n)


def _mean(columns: Sequence[Array]) -> Array:
    return np.asarray(np.stack(columns, 1).mean(1), dtype=np.float32)
