"""The worst of many rotations and translations (Engstrom et al., ICML 2019, arXiv 1712.02779)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.embeddings import PER_BUCKET, Scale, references
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.told import clean_accuracy
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.errors import at_most
from eyechart.exams.spatial_robustness_embedded import embedded, embedded_charts, embedded_figures, embedded_findings
from eyechart.exams.spatial_robustness_pictures import charts, findings
from eyechart.stats.intervals import commonest, differences, pooled, share_of
from eyechart.views.motions import Motion, Pose, RandomPose, pixels_at
from eyechart.views.moved import Margin, Smoothing
from eyechart.views.warp import Warp

DRAWN = ("degrees", "down", "right")
KEPT = 6


class SpatialRobustness(Exam):
    """Whether a rotation and a translation can be found that fool the model, among ``draws`` random ones or on a grid.

    An image is turned about its centre, then moved, in one bilinear resampling; angle and both moves are drawn uniformly for
    each image from -limit to limit: 30 degrees, and 24 pixels at an input of 224, 3 at 32, in proportion at others (the paper).
    An image counts as right in the worst case if it is right in all cases. The authors' code (MadryLab/spatial-pytorch) leaves
    the image as it is out of the random draws; here it is one of the cases unless ``include_identity`` is off. That code moves
    before it turns; the paper's order is kept here. The grid has 5 x 5 moves by 31 angles, the image as it is among them.

    Published, ResNet-18 on ImageNet (the same repository), natural / one random / worst of 10 / whole grid, percent: standard
    71.3 / 60.6 / 39.9 / 20.9; trained without crops 65.4 / 54.1 / 30.5 / 11.8; trained on random turns and moves 68.9 / 68.0 /
    54.6 / 38.1; trained on the worst of 10 69.1 / 68.0 / 59.4 / 48.1.

    Measures, of images with a label:
        natural_accuracy: of images as they are.
        one_random_accuracy: of the first draw alone.
        average_accuracy {search: random | grid}: mean over all draws, or over the grid.
        worst_of_k_accuracy {k}: share of images that are right in each of the first k draws (and as they are); it can only fall
            as k grows.
        worst_of_grid_accuracy: right at every place of the grid.
        accuracy_at {degrees}, accuracy_at {down, right}: mean over the grid's places at that angle, at that move.
        worst_case_drop {search}: natural accuracy less that of the worst case, paired by image.
    And of all images, with {given: all | correct | all_models_correct} (correct: those right as they are; all_models_correct:
    those that all models get right, where several sit the exam):
        changed_anywhere {search, given}: share of images whose answer in any case differs from that for the image as it is.
        answer_change {search, given}: mean share of an image's cases whose answer differs from it.
    And:
        all_answers_alike {search}: share of images with one and the same answer in all cases.
        limit_degrees, limit_pixels: how far images were turned and moved.
        commonest_answer_share: of images as they are; near 1 stability means nothing.
        clean_accuracy {chance}: natural_accuracy beside one answer in so many classes; near that, stability earns no praise.

    Models that answer with an embedding have these at {search} instead, besides limit_degrees and limit_pixels:
        significant_anywhere: share of images whose embedding in any case lies farther from that of the image as it is, by
            cosine distance, than ``significant_distance``; significant_change: mean share of an image's cases.
        embed_change: mean norm of the difference over ``reference_distance``: 0 = blind to the move, 1 = like another image.
        cosine_distance: mean 1 - cosine of the two.
        reference_distance, of all: mean norm of the difference between (up to 48) different images of the set, as they are.
        significant_distance {quantile}, of all: the cosine distance that this share of pairs of those stays below. Both are
            taken as known.

    Rows: ``image_top1``, and arrays with one entry a draw ``random_top1``, ``random_degrees`` (counter-clockwise),
    ``random_down``, ``random_right`` (pixels); with ``grid`` ``grid_top1``, by angle, move down and move right.
    Of embeddings ``image_norm``, and ``<search>_distance``, ``<search>_cosine_distance`` in place of ``<search>_top1``.

    Kept, of models with classes: images right as they are (or without a label) that are fooled with most confidence, in
    their worst draw.
    """

    name: ClassVar[str] = "spatial_robustness"
    right_by: ClassVar[str] = "image_top1"
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")
    headline: ClassVar[tuple[str, ...]] = (
        "natural_accuracy",
        "one_random_accuracy",
        "worst_of_k_accuracy",
        "changed_anywhere",
    )
    title: ClassVar[str] = "Turned and moved, the worst case"
    explanation: ClassVar[str] = (
        "Each image is turned and moved at random, ten times, as a hand might hold the camera otherwise; one failure is enough "
        "to count it as fooled. A model may do well on average and still have an unlucky angle for nearly every image."
    )

    draws: int = Field(10, ge=1, description="Random cases an image (the paper: 10).")
    grid: bool = Field(False, description="Also try all of 5 x 5 moves and 31 angles: 775 forwards an image.")
    degrees: float = Field(30.0, ge=0, le=180, description="Limit of the angle.")
    pixels: float | None = Field(None, ge=0, description="Limit of each move; default 24 at an input of 224, 3 at 32.")
    border: Literal["zero", "reflect", "margin"] = Field(
        "zero", description="What comes in: black (the paper), the mirrored image, or real picture as far as there is."
    )
    include_identity: bool = Field(True, description="Count the image as it is among the random cases.")
    smoothing: Smoothing = Field("bilinear", description="Interpolation: bilinear or bicubic.")
    grid_moves: int = Field(5, ge=1, description="Moves along each axis on the grid, an odd number.")
    grid_angles: int = Field(31, ge=1, description="Angles on the grid, an odd number.")
    significant_quantile: float = Field(
        0.05, gt=0, lt=1, description="Embeddings: pairs of different images below the threshold."
    )
    images: int | None = Field(
        None,
        ge=1,
        description="At most so many images, the first of the seeded order; default 1,000, with the grid 100.",
    )

    @field_validator("grid_moves", "grid_angles")
    @classmethod
    def _odd(cls, count: int) -> int:
        if count % 2 == 0:
            raise ValueError("give an odd number, so that the image as it is lies on the grid")
        return count

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images or (100 if self.grid else 1000)

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The image as it is, every draw, every place of the grid. Raises SettingError where moves leave the frame."""
        if so_far:
            return None
        at_most(
            "spatial_robustness.pixels", self.pixels, min(subject.size), "Nothing of the image is left in the frame."
        )
        return tuple(dict.fromkeys((CLEAN, *self._random(subject), *self._grid(subject))))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry a case."""
        plain, asked = answers[CLEAN], [answers[q] for q in self._random(batch.subject)]
        if batch.subject.kind == "embedding":
            return self._embedded(answers, asked, batch)
        counts = np.int16 if batch.subject.n_classes < 2**15 else np.int32
        rows: dict[str, Array] = {
            "image_top1": plain.top1.astype(counts),
            "random_top1": np.stack([a.top1 for a in asked], 1).astype(counts),
        }
        rows |= _drawn(asked)
        if self.grid:
            rows["grid_top1"] = np.stack([answers[q].top1 for q in self._grid(batch.subject)], 1).astype(counts)
        sure = np.stack([np.where(a.top1 != plain.top1, a.confidence, 0.0) for a in asked], 1)
        worst, fit = sure.argmax(1), (plain.top1 == batch.labels) | (batch.labels < 0)
        cases = []
        for i in np.flatnonzero(fit & (sure.max(1) > 0)):
            answer = asked[int(worst[i])]
            facts = {
                "draw": int(worst[i]),
                "before": batch.subject.class_name(int(plain.top1[i])),
                "after": batch.subject.class_name(int(answer.top1[i])),
                "p_before": float(plain.confidence[i]),
                "p_after": float(answer.confidence[i]),
                "degrees": float(answer.notes["degrees"][i]),
                "pixels": self._pixels(batch.subject),
            }
            cases.append(Kept("spatial_robustness/", float(sure[i].max()), batch.ids[i], facts))
        return Tally(rows, kept=best(KEPT, cases), limit=KEPT)

    def _embedded(self, answers: Answers, asked: Sequence[Answer], batch: Batch) -> Tally:
        """Of a model that embeds; some images are kept, to compare with."""
        plain = answers[CLEAN]
        rows = {"image_norm": np.linalg.norm(plain.values, axis=1).astype(np.float32), **_drawn(asked)}
        grid = [answers[q] for q in self._grid(batch.subject)]
        for search, shown in (("random", asked), ("grid", grid)):
            if shown:
                rows |= {f"{search}_{name}": column for name, column in embedded(plain, shown).items()}
        return Tally(rows, kept=tuple(references(plain, batch)), limit=PER_BUCKET)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Accuracies over the images with a label, changes over all."""
        rows, n, known = tally.rows, len(labels), labels >= 0
        searches = ("random", "grid") if self.grid else ("random",)
        found = [
            self.estimate("limit_degrees", unit="degrees", value=self.degrees, n=n),
            self.estimate("limit_pixels", unit="pixels", value=self._pixels(subject), n=n),
        ]
        if subject.kind == "embedding":
            scale = Scale.of(tally.kept, self.significant_quantile)
            return Estimates((*found, *embedded_figures(self.estimate, rows, searches, scale)))
        plain = rows["image_top1"]
        found.append(self.estimate("commonest_answer_share", **figure(commonest(plain))))
        found += clean_accuracy(self.estimate, plain, labels, subject.n_classes)
        right = (plain == labels) & known
        groups = {"all": np.ones(n, bool)} | ({"correct": right} if known.any() else {})
        for search in searches:
            found += self._changes(search, rows[f"{search}_top1"], plain, groups)
        if known.any():
            found += self._accuracies({k: v[known] for k, v in rows.items()}, labels[known], subject)
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Accuracy against the number of cases; by angle and move, with a grid; the fooled."""
        if estimates.of("significant_anywhere"):
            return embedded_charts(estimates)
        return charts(estimates, self.include_identity)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """How much the worst case costs."""
        if estimates.of("significant_anywhere"):
            return embedded_findings(estimates, self.draws)
        return findings(estimates, self.draws)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """The image as it is, and in its worst draw."""
        if "draw" not in case.facts:  # kept to compare with
            return {}
        motion = RandomPose(case.facts["draw"], self.degrees, case.facts["pixels"])
        return {"plain": CLEAN.view, "worst": self._view(motion)}

    def _pixels(self, subject: Subject) -> float:
        return float(round(pixels_at(subject.size, 24))) if self.pixels is None else self.pixels

    def _random(self, subject: Subject) -> list[Query]:
        limits = self.degrees, self._pixels(subject)
        return [Query(self._view(RandomPose(draw, *limits))) for draw in range(self.draws)]

    def _places(self, subject: Subject) -> list[tuple[float, float, float]]:
        """(angle, down, right) over the grid."""
        angles, moves = _spread(self.degrees, self.grid_angles), _spread(self._pixels(subject), self.grid_moves)
        return list(product(angles, moves, moves))

    def _grid(self, subject: Subject) -> list[Query]:
        if not self.grid:
            return []
        return [Query(self._view(Pose(*place))) if any(place) else CLEAN for place in self._places(subject)]

    def _view(self, motion: Motion) -> View:
        if self.border == "margin":
            return Margin(motion, smoothing=self.smoothing)
        return Warp(motion, self.border, self.smoothing)

    def _changes(self, search: str, top1: Array, plain: Array, groups: Mapping[str, Array]) -> Iterator[Estimate]:
        differs = top1 != plain[:, None]
        among = np.concatenate([top1, plain[:, None]], 1) if self._with_plain(search) else top1
        alike = (among == among[:, :1]).all(1)
        yield self.estimate("all_answers_alike", at={"search": search}, **figure(share_of(alike)))
        for given, group in groups.items():
            at, mine = {"search": search, "given": given}, differs[group]
            yield self.estimate("changed_anywhere", at=at, **figure(share_of(mine.any(1))))
            yield self.estimate("answer_change", at=at, **figure(pooled(mine, share=True)))

    def _with_plain(self, search: str) -> bool:
        return search == "grid" or self.include_identity

    def _accuracies(self, rows: Mapping[str, Array], labels: Array, subject: Subject) -> Iterator[Estimate]:
        """Of images that all have a label."""
        natural, right = rows["image_top1"] == labels, rows["random_top1"] == labels[:, None]
        yield self.estimate("natural_accuracy", **figure(share_of(natural)))
        yield self.estimate("one_random_accuracy", **figure(share_of(right[:, 0])))
        average = pooled(right, share=True)
        yield self.estimate("average_accuracy", at={"search": "random"}, **figure(average))
        worst = np.logical_and.accumulate(right, 1) & (natural[:, None] | (not self.include_identity))
        for k, every in enumerate(worst.T, start=1):
            yield self.estimate("worst_of_k_accuracy", at={"k": k}, **figure(share_of(every)))
        yield self._drop("random", natural, worst[:, -1])
        if self.grid:
            on_grid = rows["grid_top1"] == labels[:, None]
            everywhere = on_grid.all(1)
            yield self.estimate("worst_of_grid_accuracy", **figure(share_of(everywhere)))
            yield self._drop("grid", natural, everywhere)
            yield from self._on_grid(on_grid, subject)

    def _drop(self, search: str, natural: Array, worst: Array) -> Estimate:
        (drop,) = differences(natural[:, None], worst[:, None])
        return self.estimate("worst_case_drop", unit="difference of shares", at={"search": search}, **figure(drop))

    def _on_grid(self, right: Array, subject: Subject) -> Iterator[Estimate]:
        """Mean accuracy on the grid, by angle and by move."""
        places = self._places(subject)
        average = pooled(right, share=True)
        yield self.estimate("average_accuracy", at={"search": "grid"}, **figure(average))
        keys: dict[tuple[tuple[str, float], ...], list[int]] = {}
        for k, (degrees, down, right_by) in enumerate(places):
            keys.setdefault((("degrees", degrees),), []).append(k)
            keys.setdefault((("down", down), ("right", right_by)), []).append(k)
        for key, cases in keys.items():
            at: dict[str, Any] = dict(key)
            yield self.estimate("accuracy_at", at=at, **figure(pooled(right[:, cases], share=True)))


def _drawn(asked: Sequence[Answer]) -> dict[str, Array]:
    """Columns (n, draws): how far images were turned and moved."""
    return {f"random_{note}": np.stack([a.notes[note] for a in asked], 1).astype(np.float32) for note in DRAWN}


def _spread(limit: float, count: int) -> list[float]:
    """``count`` values from -limit to limit, evenly; a single one is 0.

    >>> _spread(3, 5)
    [-3.0, -1.5, 0.0, 1.5, 3.0]
    """
    return [0.0] if count == 1 else [float(v) + 0.0 for v in np.round(np.linspace(-limit, limit, count), 9)]
