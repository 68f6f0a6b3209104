"""Whether it matters where in the frame the object lies (photographer's bias: Azulay & Weiss, JMLR 20(184), 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.told import clean_accuracy
from eyechart.core.view import View
from eyechart.errors import SettingError
from eyechart.exams.position_bias_figures import CROPS, Places, of_crops, of_places
from eyechart.exams.position_bias_pictures import charts, findings
from eyechart.views.placed import Placed
from eyechart.views.shrunk import REFERENCE, Shrunk
from eyechart.views.windows import Window, usual_margin


class PositionBias(Exam):
    """How right the model is by the place at which the picture lies in the frame, and by the crop it is shown.

    Two protocols (arXiv 1805.12177 shows that photographs put objects in the middle; the measures are ours):
        The picture, made small, is pasted at each place of a grid over an empty canvas. What is shown is the same picture at
            every place, so that a model that ignores position has an even map.
        Five crops: the picture is resized to n + m pixels (m = round(n / 7); 256 for 224), and windows of n are cut: the middle
            and the four corners. Corners lose what lies at the other side, so part of the gap is due to content.
    Places are named by shares of the free way: row 0 is the top, column 0 the left, (0.5, 0.5) the middle.

    Measures of places, at {short_side} and, where named, {row, column} or {given: all | correct | all_models_correct} (correct:
    images right on the clean view; all_models_correct: images that all models get right, where several sit the exam):
        accuracy {row, column}: share of images whose top class is the label.
        answer_change_rate {row, column}: share of images whose top class differs from that in the middle; needs no labels.
        centre_gap: accuracy in the middle less the mean of the four corners, paired by image.
        edge_gap: accuracy in the middle less the mean of all places at the rim of the grid, paired by image.
        alike_everywhere {given}: share of images whose top class is the same at every place; needs no labels.
        right_everywhere, right_somewhere: share of images right at every place, or at one place at least.
        commonest_answer_share: share of all answers that are the commonest class; near 1 evenness means nothing.
        capped_images: images made smaller still, to fit. The free way of a long picture is short along its long side, and
            where it has none, its places there are one.
        clean_accuracy {chance}, of all sizes: on the clean view, beside one answer in so many classes. Near that, there or on
            the picture in the middle, evenness earns no praise.
    Of the five crops, at {margin} and, where named, {crop: centre | top_left | top_right | bottom_left | bottom_right}:
        crop_accuracy {crop}: share of images whose top class is the label.
        five_crop_gap: accuracy on the centre crop less the mean of the four corners, paired by image.
        crops_alike {given}: share of images whose top class is the same on all five.

    Rows: ``image_top1``, ``crop_top1`` (an entry per crop, the centre first), ``place_top1`` (an entry per size and place: the
    places of one size together, row by row from the top left), ``place_capped`` (one per size), ``place_valid``.
    """

    name: ClassVar[str] = "position_bias"
    right_by: ClassVar[str] = "image_top1"
    headline: ClassVar[tuple[str, ...]] = ("centre_gap", "five_crop_gap", "alike_everywhere")
    title: ClassVar[str] = "Where in the frame"
    explanation: ClassVar[str] = (
        "The same small picture is shown at every place of an empty canvas. Photographers put things in the middle, and a "
        "model that has learned from photographs may be better there than at the rim, though what it sees is the same."
    )

    sizes: tuple[int, ...] = Field((100,), min_length=1, description="Short sides of the picture at an input of 224.")
    grid: int = Field(7, ge=3, description="Places along each axis, an odd number.")
    fill: Literal["black", "mean"] = Field("black", description="Colour of the canvas.")
    margin: int | None = Field(None, ge=2, description="Five crops: pixels of margin; default round(n / 7).")
    images: int = Field(200, ge=1, description="At most so many images, the first of the seeded order.")

    @field_validator("sizes")
    @classmethod
    def _distinct_sizes(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(sizes)) < len(sizes) or min(sizes) < 1:
            raise ValueError("give different sizes, 1 or more")
        return sizes

    @field_validator("grid")
    @classmethod
    def _has_a_middle(cls, grid: int) -> int:
        if grid % 2 == 0:
            raise ValueError("an even grid has no place in the middle; give an odd number")
        return grid

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass, the five crops and all places at each size.

        Raises:
            SettingError: at one of the sizes the picture cannot move, or so little that places of the grid are one.
        """
        if so_far:
            return None
        for size in self.sizes:
            self._check(size, min(subject.size))
        return (CLEAN, *self._crops(subject), *(query for size in self.sizes for query in self._places(size)))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per crop and per place."""
        crops = [answers[query] for query in self._crops(batch.subject)]
        placed = [[answers[query] for query in self._places(size)] for size in self.sizes]
        capped = [own[0].notes.get("capped", np.zeros(len(batch.ids))) > 0 for own in placed]
        return Tally(
            {
                "image_top1": answers[CLEAN].top1.astype(np.int32),
                "crop_top1": np.stack([a.top1 for a in crops], axis=1).astype(np.int32),
                "place_top1": np.stack([a.top1 for own in placed for a in own], axis=1).astype(np.int32),
                "place_capped": np.stack(capped, axis=1),
                "place_valid": np.stack([own[0].valid for own in placed], axis=1),
            }
        )

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Of the places at each size, and of the crops."""
        rows = tally.rows
        places = rows["place_top1"].reshape(len(labels), len(self.sizes), self.grid, self.grid)
        told = [*clean_accuracy(self.estimate, rows["image_top1"], labels, subject.n_classes)]
        for k, size in enumerate(self.sizes):
            drawn = rows["place_valid"][:, k]
            seen = Places(self.estimate, places[drawn, k], rows["image_top1"][drawn], labels[drawn])
            told += of_places(seen, {"short_side": size}, self._shares())
            capped = float(rows["place_capped"][:, k].sum())
            told.append(
                self.estimate("capped_images", unit="count", value=capped, n=len(labels), at={"short_side": size})
            )
        five = Places(self.estimate, rows["crop_top1"], rows["image_top1"], labels)
        return Estimates((*told, *of_crops(five, {"margin": self._margin(subject)})))

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Maps over the frame, the crops, a table of gaps."""
        return charts(estimates, self.sizes)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Whether the middle is better than the rim, and whether an answer survives a change of place."""
        return findings(estimates, self.sizes)

    def _check(self, size: int, side: int) -> None:
        """Whether the grid's places differ for a square picture on a canvas of ``side`` pixels."""
        free = side - max(1, round(size * side / REFERENCE))
        if free < self.grid - 1:
            raise SettingError(
                f"A picture of size {size} leaves {max(free, 0)} pixels of way on a canvas of {side}, "
                f"on which {self.grid} places are not apart.",
                setting="position_bias.sizes",
                value=list(self.sizes),
                way_out=self._way_out(side),
            )

    def _way_out(self, side: int) -> str:
        """The largest size whose places are apart on a canvas of ``side`` pixels, if there is one."""
        most = (side - self.grid + 1) * REFERENCE // side
        if most < 1 or round(most * side / REFERENCE) < 1:
            return f"Give a smaller position_bias.grid (now {self.grid}), or a model with larger inputs."
        return f"Give sizes up to {most}, or a smaller position_bias.grid (now {self.grid})."

    def _margin(self, subject: Subject) -> int:
        return self.margin or max(2, usual_margin(min(subject.size)))

    def _crops(self, subject: Subject) -> list[Query]:
        """The five crops, the centre first."""
        margin = self._margin(subject)
        return [Query(_crop(place, margin)) for place in CROPS.values()]

    def _places(self, size: int) -> list[Query]:
        """All places at one size, row by row."""
        small, shares = Shrunk(size, self.fill, room=0), self._shares()
        return [Query(small.then(Placed(0, (0, 0), (row, column)))) for row in shares for column in shares]

    def _shares(self) -> list[float]:
        """Places along an axis, as shares of the free way."""
        return [k / (self.grid - 1) for k in range(self.grid)]


def _crop(place: tuple[float, float], margin: int) -> View:
    return Window((round(place[0] * margin), round(place[1] * margin)), margin)
