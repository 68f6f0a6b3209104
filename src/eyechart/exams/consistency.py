"""How often two windows of one picture get one answer (Zhang, ICML 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from eyechart.core.chart import Chart, Finding
from eyechart.core.embeddings import PER_BUCKET, Scale, apart, compared_with, references
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.settings import Distinct
from eyechart.core.tally import Kept, Tally
from eyechart.core.told import Told, clean_accuracy, figures
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.errors import at_most
from eyechart.exams.consistency_figures import answered, moved, told, worst
from eyechart.exams.consistency_pictures import PREFIX, charts, findings
from eyechart.stats.intervals import pooled, share_of
from eyechart.views.rolls import RandomRoll, usual_reach
from eyechart.views.windows import FrameNumber, RandomWindow, usual_margin

Mode = Literal["crop", "roll"]


class Consistency(Exam):
    """How often the answer stays when two windows are cut at random from one picture (Zhang, ICML 2019, arXiv 1904.11486).

    ``crop``: the picture is scaled as the model's preprocessing would, its short side to n + m (n the input, m = round(n / 7)
    unless ``margin`` is set; 256 for 224), and of the middle n + m square two windows of n are taken, both places uniform on
    0 .. m - 1 per axis, drawn for each image. A picture that is no larger than the input is enlarged for it (see ``enlarged``).
    ``roll``: instead, the frame is moved cyclically by two random shifts, uniform on -r .. r - 1 per axis (Chaman & Dokmanic,
    CVPR 2021; r = 32 at 224 and 3 at 32, see ``reach``): no photograph moves like that, but a net can be exactly blind to
    it. Five pairs an image, as published. Pairs at one place (1 of 1,024 at m = 32) agree by themselves and are kept, as
    published, unless ``distinct``.

    Measures of ``crop``; those of ``roll`` are named roll_consistency and so on, since the two are not comparable. {given: all
    | correct | all_models_correct}: all images; those right on the clean view, which takes out part of what mere accuracy
    does; those that all models get right, where several sit the exam:
        consistency, roll_consistency {given}: share of pairs with one top class.
        mean_absolute_change, roll_mean_absolute_change {given}: mean |p1[c] - p2[c]|, c the top class of the first window.
        accuracy, roll_accuracy: share of windows whose top class is the label.
        worst_accuracy, roll_worst_accuracy {windows}: share of images right on the clean view and on each of their first so
            many windows (0: the clean view alone).
        distance_change, roll_distance_change {from, to}: share of pairs whose top class differs, among those whose places lie
            more than ``from`` and up to ``to`` pixels apart (0, 0: at one place), as the crow flies.
        distance_absolute_change, roll_distance_absolute_change {from, to}: mean |p1[c] - p2[c]| of those.
        commonest_answer_share, roll_commonest_answer_share: share of answers that are the commonest class.
        enlarged: mean pixels of the scaled picture for a pixel of the original (crop).
    Models that answer with an embedding have these instead, but for ``enlarged``; those of ``roll`` are named likewise:
        cosine_distance: mean 1 - cosine of the embeddings of the two windows.
        embed_change: mean norm of their difference over ``reference_distance``: 0 = blind to the move, 1 = like another image.
        significant_change: share of pairs farther apart, by cosine distance, than ``significant_distance``.
        distance_significant_change, distance_cosine_distance {from, to}: the same by how far apart the places lie.
        reference_distance: mean norm of the difference between (up to 48) different images of the set, as they are.
        significant_distance {quantile}: the cosine distance that this share of pairs of different images stays below. Both are
            taken as known: the intervals vary the pairs alone. They are the same for both modes.
    And, of models with classes, clean_accuracy {chance}: on the clean view, beside one answer in so many classes.
    ``n`` counts images; intervals resample whole images.

    Rows: ``image_top1``, and per mode (arrays with one entry a pair) ``<mode>_top1_1``, ``<mode>_top1_2``,
    ``<mode>_absolute_change``, ``<mode>_down``, ``<mode>_right`` (from the first place to the second), ``<mode>_valid``,
    and ``crop_enlarged``. Of embeddings: ``image_norm``, ``<mode>_distance``, ``<mode>_cosine_distance``.
    """

    name: ClassVar[str] = "consistency"
    headline: ClassVar[tuple[str, ...]] = ("consistency", "accuracy", "roll_consistency", "roll_accuracy")
    version: ClassVar[int] = 2  # distances of rolls in steps of what they spread over
    right_by: ClassVar[str] = "image_top1"
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")
    title: ClassVar[str] = "Consistency under shifts"
    explanation: ClassVar[str] = (
        "Two windows are cut at random from each picture, a few pixels apart, and the model is asked about both. A person "
        "would give one answer; a model that gives two goes, at least in part, by how the picture happens to lie on its grid."
    )

    modes: Annotated[tuple[Mode, ...], Distinct] = Field(
        ("crop",), min_length=1, description="crop (a real margin), roll (cyclic), or both."
    )
    passes: int = Field(5, ge=1, description="Pairs an image (published: 5 passes over the set).")
    margin: int | None = Field(None, ge=1, description="crop: pixels of margin on both axes; default round(n / 7).")
    last: bool = Field(False, description="crop: also draw the last place, m (published: up to m - 1).")
    reach: int | None = Field(
        None, ge=1, description="roll: shifts from -reach to reach - 1; default 32 at 224, 3 at 32."
    )
    distinct: bool = Field(False, description="The two places of a pair are never the same.")
    significant_quantile: float = Field(
        0.05, gt=0, lt=1, description="Embeddings: pairs of different images below the threshold."
    )

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass and two frames a pair. Raises SettingError where margin or reach exceed the model's input."""
        if so_far:
            return None
        side = min(subject.size)
        at_most("consistency.margin", self.margin, side, "The margin is wider than the model's input.")
        at_most(
            "consistency.reach", self.reach, side // 2, "Shifts by more than half of the model's input meet others."
        )
        pairs = [(m, k) for m in self.modes for k in range(self.passes)]
        return (CLEAN, *(Query(self._view(m, k, f, subject)) for m, k in pairs for f in (1, 2)))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per pair in the columns of a mode."""
        clean = answers[CLEAN]
        kept: tuple[Kept, ...] = ()
        if batch.subject.kind == "embedding":
            rows: dict[str, Array] = {"image_norm": np.linalg.norm(clean.values, axis=1).astype(np.float32)}
            kept = tuple(references(clean, batch))
        else:
            rows = {"image_top1": clean.top1.astype(np.int32)}
        for mode in self.modes:
            pairs = [self._pair(answers, mode, k, batch.subject) for k in range(self.passes)]
            for name, column in pairs[0].items():
                rows[f"{mode}_{name}"] = np.stack([p[name] for p in pairs], axis=1).astype(column.dtype)
            if mode == "crop":
                first = answers[Query(self._view(mode, 0, 1, batch.subject))]
                rows["crop_enlarged"] = first.notes["enlarged"].astype(np.float32)
        return Tally(rows, kept=kept, limit=PER_BUCKET)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Per mode: over all images, and over those right on the clean view; or how far embeddings move."""
        whole, scale = tally.rows.get("image_top1"), Scale.of(tally.kept, self.significant_quantile)
        if whole is None:
            undefined = [
                PREFIX[mode] + measure for mode in self.modes for measure in ("embed_change", "significant_change")
            ]
            found = compared_with(self.estimate, scale, {}, undefined)
        else:
            found = [*clean_accuracy(self.estimate, whole, labels, subject.n_classes)]
        for mode in self.modes:
            rows = {c.removeprefix(f"{mode}_"): v for c, v in tally.rows.items() if c.startswith(f"{mode}_")}
            room = self._room(mode, subject)
            measured = moved(rows, scale, room) if whole is None else told(rows, whole, labels, room)
            found += self._figures(mode, rows, [*measured])
            if whole is not None:
                found += self._worst(mode, rows, whole, labels)
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """By mode: the main figures, and change against distance."""
        return [chart for mode in self.modes for chart in charts(estimates, mode)]

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """How consistent, and what might only look like it."""
        return [finding for mode in self.modes for finding in findings(estimates, mode)]

    def _view(self, mode: Mode, number: int, frame: FrameNumber, subject: Subject) -> View:
        if mode == "crop":
            return RandomWindow(frame, number, self.margin, self.last, self.distinct)
        return RandomRoll(frame, number, self._reach(subject), self.distinct)

    def _room(self, mode: Mode, subject: Subject) -> int:
        """Pixels that places spread over on one axis: the margin, or twice the reach of rolls."""
        if mode == "crop":
            return self.margin or usual_margin(min(subject.size))
        return 2 * self._reach(subject)

    def _reach(self, subject: Subject) -> int:
        return self.reach or usual_reach(min(subject.size))

    def _pair(self, answers: Answers, mode: Mode, number: int, subject: Subject) -> Mapping[str, Array]:
        first, second = (answers[Query(self._view(mode, number, f, subject))] for f in (1, 2))
        valid = first.valid & second.valid
        way = {name: np.where(valid, second.notes[name] - first.notes[name], 0) for name in ("down", "right")}
        return {
            **(apart(first, second) if subject.kind == "embedding" else answered(first, second)),
            **{name: _shorter(pixels, mode, subject.size[name == "right"]) for name, pixels in way.items()},
            "valid": valid,
        }

    def _figures(self, mode: Mode, rows: Mapping[str, Array], measured: Sequence[Told]) -> Iterator[Estimate]:
        """Figures of a mode, from one resampling of its images."""

        def named(measure: str, **fields: Any) -> Estimate:
            return self.estimate(PREFIX[mode] + measure, **fields)

        yield from figures(named, measured, {})
        if mode == "crop":
            yield self.estimate("enlarged", unit="ratio", **figure(pooled(rows["enlarged"][:, None])))

    def _worst(self, mode: Mode, rows: Mapping[str, Array], image_top1: Array, labels: Array) -> Iterator[Estimate]:
        """What is left where every window counts."""
        for windows, right in worst(rows, image_top1, labels):
            share = figure(share_of(right))
            yield self.estimate(f"{PREFIX[mode]}worst_accuracy", at={"windows": windows}, **share)


def _shorter(pixels: Array, mode: Mode, length: int) -> Array:
    """Whole pixels; the shorter way round where the frame is a ring."""
    whole = np.rint(pixels).astype(np.int32)
    if mode == "crop":
        return whole
    return ((whole + length // 2) % length - length // 2).astype(np.int32)
