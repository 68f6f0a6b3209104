"""How much of its accuracy a model keeps when shape, texture or colour is taken away (Burgert et al., NeurIPS 2025)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.tally import Kept, Tally
from eyechart.core.view import Plain, View
from eyechart.exams.cue_suppression_figures import told
from eyechart.exams.cue_suppression_pictures import EXAMPLES, charts, findings, shown
from eyechart.exams.cue_suppression_protocol import PUBLISHED, Method, Protocol, in_turn


class CueSuppression(Exam):
    """Accuracy while one cue is taken away more and more, labels as they are (Burgert et al., NeurIPS 2025, arXiv 2509.20234).

    Methods and their strengths, each with its cue:
        patch_shuffle, patch_rotation (shape): tiles change places, never all in their own; or each is turned by 0, 90, 180 or
            270 degrees. Strength: tiles along a side, all numbers up to 16 that divide the frame (2, 4, 7, 8, 14, 16 at 224;
            2, 4, 8, 16 at 32; published: 2, 4, 6 ... with a resize), since a resize would be a second change.
        bilateral (texture): strength is the diameter in pixels, 4, 6 ... 14, each with its own sigma_color 50, 80 ... 200.
        gaussian (texture): strength is the kernel in pixels, 3, 5 ... 15, with sigma 1/3, 2/3 ... 7/3. Sizes are in pixels of
            the frame, as published, so that small frames lose more; those that do not fit the frame are left out.
        grey (colour): strength .2 ... 1 is the share of grey mixed in. channel_shuffle (colour): red, green and blue in one of
            the five other orders; one strength, 1.
        Two cues at once: shuffle_grey (all grids, no colour), bilateral_grey (all diameters, no colour), bilateral_shuffle (all
            grids, of the picture smoothed before; diameters spread from the weakest to the strongest alike).
        On request (ours): phase_scramble (phase; strength in degrees), whitening (amplitude; strength from 0 to 1).
    What is drawn at random is drawn anew for each image and each of the ``repeats``; an image counts with their mean.
    Forwards an image: 76 at 32 pixels, 100 at 224; with ``repeats=1`` 42 and 50. Turning tiles of few pixels takes fine detail
    and leaves the outlines: see the curves before calling a loss one of shape.

    Measures, at {cue, method, strength}:
        accuracy: share of images whose top class is the label.
        relative_accuracy: that by the accuracy on the clean view (ratio of the two, over the same images).
        chance_corrected: (accuracy - chance) / (clean accuracy - chance), chance one in so many classes. Undefined where the
            clean accuracy is less than three standard deviations above chance.
        same_answer: share of images whose top class is that on the clean view; needs no labels.
        commonest_answer_share: share of answers that are the commonest class; near 1 the model has stopped looking.
    At {cue, method}: mean_relative_accuracy, mean_chance_corrected: over the strengths, the published score and ours.
    At {cue}, of single cues: reliance: 1 - the mean of mean_chance_corrected over the cue's methods; 0: nothing is lost
        without the cue, 1: it then guesses. At {cue, against}: reliance_difference, of shape, texture and colour.
    And clean_accuracy {chance}: on the clean view, beside one answer in so many classes.
    Intervals resample images, the clean view and all conditions together; where no resample differs (nothing is lost on any
    image), they are those of a paired difference of zero (Bonett & Price, J. Educ. Behav. Stat. 37, 2012).

    Strengths of one method cannot be set equal to those of another: reliance compares models and answers "what do these
    changes cost", not "which cue is in the picture".

    Rows: ``image_top1``; ``<method>_top1``, an entry per strength and repeat, repeats of one strength together.
    """

    name: ClassVar[str] = "cue_suppression"
    headline: ClassVar[tuple[str, ...]] = (
        "reliance",
        "reliance_difference",
        "mean_relative_accuracy",
        "clean_accuracy",
    )
    title: ClassVar[str] = "Shape, texture or colour"
    explanation: ClassVar[str] = (
        "Each picture is shown with one kind of cue taken away, a little at first and then more: outlines (tiles shuffled or "
        "turned), texture (smoothed, contours kept), colour. What the model loses then is what it leans on."
    )

    methods: tuple[Method, ...] = Field(PUBLISHED, min_length=1, description="Ways to take a cue away, see above.")
    grids: tuple[int, ...] | None = Field(
        None, min_length=1, description="Tiles along a side; default all from 2 to 16 that divide the frame."
    )
    smoothings: tuple[tuple[int, float], ...] = Field(
        tuple((d, 15.0 * d - 10) for d in range(4, 15, 2)),
        min_length=1,
        description="bilateral: diameters in pixels, each with its sigma_color in 8-bit units.",
    )
    sigma_space: float = Field(75.0, gt=0, description="bilateral: pixels.")
    blurs: tuple[tuple[int, float], ...] = Field(
        tuple((k, round((k - 1) / 6, 4)) for k in range(3, 16, 2)),
        min_length=1,
        description="gaussian: kernels in pixels (odd), each with its sigma.",
    )
    greys: tuple[float, ...] = Field((0.2, 0.4, 0.6, 0.8, 1.0), min_length=1, description="grey: shares mixed in.")
    widths: tuple[float, ...] = Field(
        (45.0, 90.0, 135.0, 180.0), min_length=1, description="phase_scramble: largest change of phase, degrees."
    )
    whitenings: tuple[float, ...] = Field(
        (0.25, 0.5, 0.75, 1.0), min_length=1, description="whitening: 1 makes all frequencies equally strong."
    )
    repeats: int = Field(3, ge=1, description="Draws of what is random.")
    images: int = Field(300, ge=1, description="At most so many images, the first of the seeded order.")

    @field_validator("methods", "grids", "smoothings", "blurs", "greys", "widths", "whitenings")
    @classmethod
    def _ascending(cls, values: tuple[object, ...] | None) -> tuple[object, ...] | None:
        keys = [value[0] if isinstance(value, tuple) else value for value in values or ()]
        if len(set(keys)) < len(keys):
            raise ValueError("give each one once")
        if not any(isinstance(key, str) for key in keys) and keys != sorted(keys):  # type: ignore[type-var]
            raise ValueError("give the weak before the strong")
        return values

    @field_validator("grids")
    @classmethod
    def _tiles(cls, grids: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if grids is not None and min(grids) < 2:
            raise ValueError("one tile cannot change places; give 2 or more")
        return grids

    @field_validator("smoothings", "blurs")
    @classmethod
    def _sizes(cls, pairs: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
        if min(min(pair) for pair in pairs) <= 0:
            raise ValueError("sizes and sigmas are positive")
        return pairs

    @field_validator("blurs")
    @classmethod
    def _odd(cls, blurs: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
        if any(kernel % 2 == 0 for kernel, _ in blurs):
            raise ValueError("an even kernel has no pixel in the middle; give odd ones")
        return blurs

    @field_validator("greys", "whitenings")
    @classmethod
    def _shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < share <= 1 for share in shares):
            raise ValueError("give shares above 0, up to 1")
        return shares

    @field_validator("widths")
    @classmethod
    def _degrees(cls, widths: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < width <= 180 for width in widths):
            raise ValueError("give degrees above 0, up to 180")
        return widths

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass, and all conditions. Raises SettingError where a grid does not fit the frame."""
        if so_far:
            return None
        return (CLEAN, *map(Query, in_turn(self._protocol(subject.size).conditions)))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per strength and repeat; the surest right answers are kept as examples."""
        protocol, clean = self._protocol(batch.subject.size), answers[CLEAN]
        rows: dict[str, Array] = {"image_top1": clean.top1.astype(np.int32)}
        for method in self.methods:
            views = [view for condition in protocol.of(method) for view in condition.views]
            top1 = [answers[Query(view)].top1 for view in views]
            stacked = np.stack(top1, axis=1) if top1 else np.empty((len(batch.ids), 0))
            rows[f"{method}_top1"] = stacked.astype(np.int32)
        return Tally(rows, {}, self._examples(answers, batch), EXAMPLES)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Of every condition, method and cue."""
        conditions = self._protocol(subject.size).conditions
        return Estimates(told(self.estimate, tally.rows, conditions, labels, subject.n_classes))

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Reliance on each cue, the curves, examples, a table."""
        return charts(estimates, self.methods)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """What it leans on, what it loses without colour, and where the figures say little."""
        return findings(estimates)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """The example as it is, and at the middle strength of each single method."""
        height, width = case.facts["size"]
        views: dict[str, View] = {"plain": Plain()}
        views.update((c.method, c.views[0]) for c in shown(self._protocol((height, width))))
        return views

    def _examples(self, answers: Answers, batch: Batch) -> tuple[Kept, ...]:
        """The surest right answers, or the surest ones where no image has a label."""
        clean, views = answers[CLEAN], {c.method: c.views[0] for c in shown(self._protocol(batch.subject.size))}
        right = clean.finite & (clean.top1 == batch.labels if batch.subject.labelled else True)
        sure = sorted(np.flatnonzero(right).tolist(), key=lambda i: (-clean.confidence[i], batch.ids[i]))[:EXAMPLES]

        def said(query: Query, i: int) -> str:
            return batch.subject.class_name(int(answers[query].top1[i]))

        kept = []
        for i in sure:
            facts: dict[str, object] = {"size": list(batch.subject.size), "plain": said(CLEAN, i)}
            facts.update((method, said(Query(view), i)) for method, view in views.items())
            kept.append(Kept("example", float(clean.confidence[i]), batch.ids[i], facts))
        return tuple(kept)

    def _protocol(self, size: tuple[int, int]) -> Protocol:
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "images"}
        return Protocol(size=(size[0], size[1]), **fields)
