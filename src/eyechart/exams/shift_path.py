"""How the answer runs along a path of one-pixel steps (Azulay & Weiss, JMLR 2019, and its first version, 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.embeddings import PER_BUCKET, references
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.told import clean_accuracy
from eyechart.core.view import View
from eyechart.errors import SettingError
from eyechart.exams.shift_path_embedded import embedded, embedded_figures
from eyechart.exams.shift_path_embedded_pictures import embedded_charts, embedded_findings
from eyechart.exams.shift_path_figures import drawn, figures, total_variation
from eyechart.exams.shift_path_pictures import charts, findings, plates
from eyechart.views.placed import Placed
from eyechart.views.shrunk import Shrunk
from eyechart.views.windows import Window, usual_margin

Path = Literal["diagonal", "translate", "scale"]
CENTRE = (0.5, 0.5)
ENOUGH_CLASSES = 6  # with fewer, "among the top five" says nothing


class ShiftPath(Exam):
    """How often the answer turns, and how jagged its probability is, along a path of one-pixel steps.

    Each image is shown in T frames, each one pixel further than the last; T - 1 is ``steps``, by default round(n / 7) for an
    input of n pixels (32 at 224, so T = 33; 5 at 32). Paths:
        diagonal: the windows of n pixels at (d, d), d = 0 .. T - 1, of the picture resized to n + T - 1 pixels (256 at 224) and
            cropped (Zhang, ICML 2019, arXiv 1904.11486, the diagonal test).
        translate: the picture, its short side 100 at an input of 224, on a black canvas, moved down and to the right (Azulay &
            Weiss, JMLR 20(184), arXiv 1805.12177, protocol 2), through the middle of the canvas or from a random place on.
        scale: the same small picture, growing by one pixel a step, each time resized from the original (protocol 4).

    Followed are the true class and, where named ``_pred``, the class that is the answer to the first frame, which needs no
    label. A transition is a step at which the class followed enters or leaves the ``top`` highest outputs: five as published
    (arXiv 1805.12177 version 1), one where the model has fewer than six classes. Measures, at {path, given: all | correct |
    all_models_correct} (correct: images right on the clean view; all_models_correct: images that all models get right, where
    several sit the exam):
        change_rate: share of the steps at which the top class changes.
        transitions_rate, transitions_rate_pred {top}: share of the steps with a transition.
        share_with_transition, share_with_transition_pred {top}: share of the images with one transition or more.
        total_variation, total_variation_pred: mean over images of sum_t |p[t+1] - p[t]|, p the probability of the class.
        range, range_pred: mean over images of max p - min p.
        variation_over_range, variation_over_range_pred: sum of the variations by the sum of the ranges. A curve that only rises
            or only falls has 1, whatever its length; much above 1 it is jagged. Images with constant p are left out.
        p counts as constant, with variation and range 0, where its range is below 1e-5: as much is float32's own.
    At {path}:
        accuracy: share of the frames whose top class is the label.
        commonest_answer_share: share of the first frames' answers that are the commonest class; near 1 that means nothing.
        skipped_images: images that could not be drawn; capped_images: embedded images made smaller still, to fit.
    And clean_accuracy {chance}: on the clean view, beside one answer in so many classes; near that, steadiness earns no praise.
    Intervals resample images, whose frames belong together.

    Models that answer with an embedding have no class to follow, and these measures instead (but for the counts of images), at
    {path}:
        significant_change_rate: share of the steps at which the embedding moves farther, by cosine distance, than
            ``significant_distance``.
        share_with_significant_change: share of the images with one such step or more.
        step_cosine_distance, step_embed_change: mean over steps of 1 - cosine of the two frames' embeddings; of the norm of
            their difference over ``reference_distance`` (1 = like another image).
        cosine_distance, embed_change {step}: the same of the frame after so many steps and the first: the curve.
        length_over_reach: sum of the steps' norms by the sum of the largest distances from the first frame. A straight way has
            1, whatever its length; much above 1 it is jagged. Images whose embedding stays (within 1e-5) are left out.
        reference_distance: mean norm of the difference between (up to 48) different images, each shown as the path's first
            frame: small pictures on a canvas are more alike than whole ones.
        significant_distance {quantile}: the cosine distance that this share of pairs of those stays below. Both are taken as
            known: the intervals vary the paths alone.

    Rows: ``image_top1``, and per path (arrays with one entry a frame) ``<path>_top1``, ``<path>_p_true`` (NaN without label),
    ``<path>_p_pred``, ``<path>_in_top_true``, ``<path>_in_top_pred``, and one an image ``<path>_valid``, ``<path>_capped``.
    Of embeddings ``image_norm``, and per path ``<path>_distance``, ``<path>_cosine_distance`` (from the first frame),
    ``<path>_step_distance``, ``<path>_step_cosine_distance`` (an entry a step), ``<path>_valid``, ``<path>_capped``.

    Kept, of models with classes: per path the images of the largest total variation (of the true class, else of the first
    answer), with the frames before and after the largest step.
    """

    name: ClassVar[str] = "shift_path"
    version: ClassVar[int] = 2  # rounding is no variation; growing pictures grow by whole pixels
    right_by: ClassVar[str] = "image_top1"
    headline: ClassVar[tuple[str, ...]] = ("change_rate", "share_with_transition", "significant_change_rate")
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")
    title: ClassVar[str] = "Step by step"
    explanation: ClassVar[str] = (
        "Each image moves, or grows, pixel by pixel, and the probability of its class is written down at each step. Nothing "
        "that a person would call a change happens on the way, so the curve should be smooth and the answer should not turn."
    )

    paths: tuple[Path, ...] = Field(("diagonal", "translate", "scale"), min_length=1, description="Which paths to go.")
    steps: int | None = Field(None, ge=1, description="One-pixel steps; default round(n / 7): 32 at 224, 5 at 32.")
    top: int | None = Field(None, ge=1, description="Transitions of the top so many; default 5, or 1 below 6 classes.")
    short_side: int = Field(100, ge=1, description="translate, scale: of the small picture at an input of 224.")
    fill: Literal["black", "mean"] = Field("black", description="translate, scale: colour of the canvas.")
    place: Literal["centre", "random"] = Field("centre", description="translate, scale: where the path lies.")
    images: int = Field(200, ge=1, description="At most so many images, the first of the seeded order.")
    gallery: int = Field(3, ge=0, description="Images pictured for each path (models with classes).")
    significant_quantile: float = Field(
        0.05, gt=0, lt=1, description="Embeddings: pairs of different images below the threshold."
    )

    @field_validator("paths")
    @classmethod
    def _distinct_paths(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        if len(set(paths)) < len(paths):
            raise ValueError("name each path once")
        return paths

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass, and the frames of all paths.

        Raises:
            SettingError: every class is among the ``top``, or a path over the canvas is as long as the frame.
        """
        if so_far:
            return None
        self._check(subject)
        steps = self._steps(subject)
        return (CLEAN, *(Query(self._view(path, t, steps)) for path in self.paths for t in range(steps + 1)))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per frame in the columns of a path."""
        if batch.subject.kind == "embedding":
            return self._embedded(answers, batch)
        rows: dict[str, Array] = {"image_top1": answers[CLEAN].top1.astype(np.int32)}
        steps = self._steps(batch.subject)
        cases: list[Kept] = []
        for path in self.paths:
            frames = self._frames(answers, path, steps)
            columns = self._columns(frames, batch)
            rows |= {f"{path}_{name}": column for name, column in columns.items()}
            cases += self._cases(path, columns, batch)
        return Tally(rows, kept=best(self.gallery, cases), limit=self.gallery)

    def _embedded(self, answers: Answers, batch: Batch) -> Tally:
        """Of a model that embeds; the first frames of some images are kept, to compare with."""
        rows = {"image_norm": np.linalg.norm(answers[CLEAN].values, axis=1).astype(np.float32)}
        kept: list[Kept] = []
        for path in self.paths:
            frames = self._frames(answers, path, self._steps(batch.subject))
            rows |= {f"{path}_{name}": column for name, column in (embedded(frames) | drawn(frames)).items()}
            kept += references(frames[0], batch, path)
        return Tally(rows, kept=best(PER_BUCKET, kept), limit=PER_BUCKET)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """The ends of the path, and the frames around its largest step."""
        if "at" not in case.facts:  # kept to compare with
            return {}
        path, at, steps = (case.facts[name] for name in ("path", "at", "steps"))
        frames = {"first": 0, "before": at, "after": at + 1, "last": steps}
        return {name: self._view(path, t, steps) for name, t in frames.items()}

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Figures per path."""
        if subject.kind == "embedding":
            given = tally, self.significant_quantile
            return Estimates(one for path in self.paths for one in embedded_figures(self.estimate, path, *given))
        top = self._top(subject.n_classes)
        found = [*clean_accuracy(self.estimate, tally.rows["image_top1"], labels, subject.n_classes)]
        for path in self.paths:
            found += figures(self.estimate, path, tally.rows, labels, top)
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """How often the answer turns, and how far the probability goes up and down; or how far the embedding gets."""
        if estimates.of("step_cosine_distance"):
            return embedded_charts(estimates, self._names())
        return charts(estimates, self._names())

    def plates(self, tally: Tally, subject: Subject) -> Sequence[Chart]:
        """Curves of single images, and all images as a map; none of embeddings."""
        return () if subject.kind == "embedding" else plates(tally.rows, self._names())

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Per path, the worst first."""
        if estimates.of("step_cosine_distance"):
            return embedded_findings(estimates, self._names())
        return findings(estimates, self._names())

    def _names(self) -> dict[str, str]:
        canvas = "black" if self.fill == "black" else "its mean colour"
        names = {
            "diagonal": "a window moving over the image",
            "translate": f"the image, small, moving over {canvas}",
            "scale": f"the image, small, growing on {canvas}",
        }
        return {path: names[path] for path in self.paths}

    def _check(self, subject: Subject) -> None:
        if self.top is not None and self.top >= subject.n_classes:
            problem = (
                f"The model has {subject.n_classes} classes, which all are among so many: none can enter or leave."
            )
            way_out = f"Give a number below {subject.n_classes}, or leave it out."
            raise SettingError(problem, setting="shift_path.top", value=self.top, way_out=way_out)
        if self._steps(subject) >= min(subject.size) and set(self.paths) != {"diagonal"}:
            problem = f"So many steps leave no room for a picture on a canvas of {min(subject.size)} pixels."
            way_out = f"Give fewer, such as {usual_margin(min(subject.size))}."
            raise SettingError(problem, setting="shift_path.steps", value=self.steps, way_out=way_out)

    def _steps(self, subject: Subject) -> int:
        return self.steps or usual_margin(min(subject.size))

    def _top(self, n_classes: int) -> int:
        return self.top or (5 if n_classes >= ENOUGH_CLASSES else 1)

    def _frames(self, answers: Answers, path: Path, steps: int) -> list[Answer]:
        return [answers[Query(self._view(path, t, steps))] for t in range(steps + 1)]

    def _view(self, path: Path, t: int, steps: int) -> View:
        """Frame ``t`` of a path of so many steps."""
        if path == "diagonal":
            return Window((t, t), self.steps)
        place: Any = "random" if self.place == "random" else CENTRE
        if path == "translate":
            return Shrunk(self.short_side, self.fill, room=steps).then(Placed(0, (t, t), place))
        return Shrunk(self.short_side, self.fill, room=0, larger=t, largest=steps).then(Placed(0, (0, 0), place))

    def _columns(self, frames: Sequence[Answer], batch: Batch) -> dict[str, Array]:
        """What is kept of one path, by the name of the column."""
        top, labels, first = self._top(batch.subject.n_classes), batch.labels, frames[0].top1
        none = np.full(len(labels), np.nan)
        p_true = np.stack([np.where(labels >= 0, f.p(labels), none) for f in frames], axis=1)
        return {
            "top1": np.stack([f.top1 for f in frames], axis=1).astype(np.int32),
            "p_true": p_true.astype(np.float32),
            "p_pred": np.stack([f.p(first) for f in frames], axis=1).astype(np.float32),
            "in_top_true": np.stack([f.among(labels, top) for f in frames], axis=1),
            "in_top_pred": np.stack([f.among(first, top) for f in frames], axis=1),
            **drawn(frames),
        }

    def _cases(self, path: Path, columns: Mapping[str, Array], batch: Batch) -> list[Kept]:
        """The images of the largest total variation, with what happens at their largest step."""
        known = batch.labels >= 0
        p = np.where(known[:, None], columns["p_true"], columns["p_pred"])
        variation = np.where(columns["valid"], total_variation(p), -1.0)
        chosen = sorted(np.flatnonzero(variation > 0), key=lambda i: (-variation[i], batch.ids[i]))[: self.gallery]
        return [self._case(path, columns["top1"][i], p[i], float(variation[i]), int(i), batch) for i in chosen]

    def _case(self, path: Path, top1: Array, p: Array, variation: float, i: int, batch: Batch) -> Kept:
        at, name = int(np.abs(np.diff(p)).argmax()), batch.subject.class_name
        followed = int(batch.labels[i] if batch.labels[i] >= 0 else top1[0])
        facts: dict[str, Any] = {"path": path, "steps": len(p) - 1, "at": at, "variation": variation}
        facts |= {"group": self._names()[path].capitalize(), "class": name(followed)}
        for word, t in {"first": 0, "before": at, "after": at + 1, "last": len(p) - 1}.items():
            facts |= {f"p_{word}": float(p[t]), f"answer_{word}": name(int(top1[t])), f"step_{word}": t}
        return Kept(f"shift_path/{path}", variation, batch.ids[i], facts)
