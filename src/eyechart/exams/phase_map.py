"""Change of answer against the shift within one sampling period: a map that shows the period at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from eyechart.core.chart import Chart, Finding
from eyechart.core.embeddings import NO_SCALE, PER_BUCKET, Between, Scale, between, references
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.settings import Distinct
from eyechart.core.tally import Tally
from eyechart.core.told import clean_accuracy, figures
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.exams.phase_map_figures import answered, changes, embedded, significant
from eyechart.exams.phase_map_period import found_period
from eyechart.exams.phase_map_pictures import charts, findings
from eyechart.exams.phase_map_shifts import Shifts, period_of, shifts_of
from eyechart.stats.intervals import commonest, means, pooled
from eyechart.views.rolls import Rolled
from eyechart.views.windows import Window, usual_margin

Mode = Literal["roll", "crop"]


class PhaseMap(Exam):
    """How the answer changes with each shift (down, right) within a sampling period, against the unshifted frame.

    A net that keeps every S-th place on its way (its total stride, or a transformer's patch) meets the same picture on another
    grid after any shift but a multiple of S. Shifts run over 0, every, 2 every .. on both axes, up to the period P (where P is
    4 or less, the first multiple from 8 on) and one step beyond, so that the map shows the return and what follows. P is
    ``period``; by default the total stride as far as the sizes of the net's maps tell, else 8 at 32 pixels and 32 at 224.
    ``every`` is 1 for short periods, else the divisor of P that leaves about ten shifts an axis; where P has none, the step to
    P is a shorter one.

    ``roll`` moves the frame cyclically, which is exact, but puts a seam into it. ``crop`` moves a window over a real margin
    (the picture scaled to n + m, m the larger of round(n / 7) and the largest shift), which is what moving the camera does, and
    lets new content in. Its unshifted window lies in the middle of the margin, or as near to it as the largest shift allows.
    Both move the content down and to the right.

    Measures at {mode: roll | crop}, those of a shift also at {down, right}, {given: all | correct | all_models_correct} where
    named (correct: right on the clean view; all_models_correct: images that all models get right, where several sit the exam).
    Models that classify:
        p_top1_change {down, right, given}: share of images whose top class differs from that of the unshifted frame.
        mean_absolute_change {down, right}: mean |p0[c] - p[c]|, c the top class of the unshifted frame.
        mean_p_top1_change {every, given}: mean of p_top1_change over the map's shifts of less than P but (0, 0). Where every is
            above 1 the shifts left out may change more: maps of another ``every`` do not compare.
        any_change {below}: share of images whose top class changes for at least one shift of less than ``below`` pixels down
            and right.
        worst_accuracy, mean_accuracy {below}: share of images right under every such shift (the unshifted frame included), and
            the mean share over these shifts. The first can only fall as ``below`` grows, and never exceeds the second.
        commonest_answer_share: share of answers on the clean view that are the commonest class; near 1 stability means nothing.
        clean_accuracy {chance}: on the clean view, beside one answer in so many classes; near that, stability earns no praise.
    Models that embed, at {down, right}:
        embed_change: mean norm of the difference of the two embeddings over ``reference_distance`` (0 = invariant, 1 = like
            another image), as in the exam of shifts; the interval takes that scale as known.
        cosine_change: mean 1 - cosine of the two.
        reference_distance: mean norm of the difference between (up to 48) different images of the set, as they are.
        significant_change: share of images whose two embeddings are farther apart, by cosine distance, than
            ``significant_distance``.
        mean_significant_change {every}, any_significant_change {below}: as mean_p_top1_change and any_change, of that.
        significant_distance {quantile}: the cosine distance that this share of pairs of different images stays below; the
            intervals take it as known.
    And:
        enlarged: mean pixels of the scaled picture for a pixel of the original (crop); above 1 the margin is not its own.
        period {source: setting | layers | size}: P, and what it was taken from.
        period_found: the period with which the map repeats. Mean change is fitted, for each candidate t from the third shift of
            an axis to the last but one, by a + b r + c r^2 + (d + e r) z + f (u + v) + g w (r the distance; z: the shift is
            along one axis; u, v: the shift down, or right, is a multiple of t other than 0; w: both are multiples of t, 0
            included). The t with the least squares left is taken, with the range that resamples of the images take. It stands
            if its dip is above 0.
        dip: how much less change there is at multiples of period_found than a + b r + c r^2 + (d + e r) z, as a share (1: none
            at all); its interval holds for all candidates at once, at 99.6 %. Fewer than 50 images name no period.

    ``n`` counts images. Rows: ``image_top1``, and per mode arrays in the order of the shifts, row by row: ``<mode>_top1``
    and ``<mode>_absolute_change``, or for embeddings ``<mode>_distance`` and ``<mode>_cosine``; and ``crop_enlarged``.
    """

    name: ClassVar[str] = "phase_map"
    headline: ClassVar[tuple[str, ...]] = ("mean_p_top1_change", "period_found", "dip", "mean_significant_change")
    version: ClassVar[int] = 3  # the dip is tested against all candidates at once, over 50 images or more
    right_by: ClassVar[str] = "image_top1"
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")
    title: ClassVar[str] = "Phase map"
    explanation: ClassVar[str] = (
        "Each picture is moved by every number of pixels, down and right, up to the distance at which the model's own sampling "
        "grid repeats, and the changed answers are counted. A model that goes by its grid shows it here: dark places "
        "where the picture lies on the grid as before, light ones between."
    )

    modes: Annotated[tuple[Mode, ...], Distinct] = Field(
        ("roll", "crop"), min_length=1, description="roll (cyclic), crop (a real margin)."
    )
    period: int | None = Field(
        None, ge=1, description="Pixels P after which sampling repeats; default: the net's total stride."
    )
    every: int | None = Field(None, ge=1, description="Pixels from one shift to the next; a divisor of the period.")
    significant_quantile: float = Field(
        0.05, gt=0, lt=1, description="Embeddings: pairs of different images below the threshold."
    )
    images: int = Field(200, ge=1, description="At most so many images, the first of the seeded order.")

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass and every shift."""
        if so_far:
            return None
        asked = [q for mode in self.modes for q in self._queries(mode, self._shifts(subject), subject)]
        return tuple(dict.fromkeys((CLEAN, *asked)))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per shift in the columns of a mode."""
        rows: dict[str, Array] = {}
        classes = batch.subject.kind == "logits"
        if classes:
            rows["image_top1"] = answers[CLEAN].top1.astype(np.int32)
        for mode in self.modes:
            shown = [answers[q] for q in self._queries(mode, self._shifts(batch.subject), batch.subject)]
            columns = answered(shown) if classes else embedded(shown)
            rows |= {f"{mode}_{name}": column for name, column in columns.items()}
            if mode == "crop":
                rows["crop_enlarged"] = shown[0].notes["enlarged"].astype(np.float32)
        kept = () if classes else tuple(references(answers[CLEAN], batch))
        return Tally(rows, kept=kept, limit=PER_BUCKET)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Per mode: every shift, all of them together, and the period with which they repeat."""
        shifts, whole, scale = self._shifts(subject), tally.rows.get("image_top1"), between(tally.kept)
        yardstick = Scale.of(tally.kept, self.significant_quantile)
        source = {"source": period_of(subject, self.period).source}
        found = [self.estimate("period", unit="pixels", value=float(shifts.period), n=len(labels), at=source)]
        if whole is not None:
            found.append(self.estimate("commonest_answer_share", **figure(commonest(whole))))
            found += clean_accuracy(self.estimate, whole, labels, subject.n_classes)
        elif scale:
            found.append(self.estimate("reference_distance", unit="distance", value=scale.mean, n=scale.images))
        if yardstick:
            found.append(yardstick.threshold(self.estimate, {}))
        for mode in self.modes:
            rows = {c.removeprefix(f"{mode}_"): v for c, v in tally.rows.items() if c.startswith(f"{mode}_")}
            if whole is None:
                found += self._embedded(mode, rows, scale, shifts)
                found += self._significant(mode, rows["cosine"], yardstick, shifts)
            else:
                right = (whole == labels) & (labels >= 0)
                found += figures(self.estimate, [*changes(rows, labels, right, shifts)], {"mode": mode})
                found += self._period(mode, rows["absolute_change"], shifts)
            if mode == "crop":
                enlarged = figure(pooled(rows["enlarged"][:, None]))
                found.append(self.estimate("enlarged", unit="ratio", at={"mode": mode}, **enlarged))
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """The maps, the change along their axes, and what is right under all shifts."""
        return charts(estimates, self.modes)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Whether the map has a period, and how much moves."""
        return findings(estimates, self.modes)

    def _shifts(self, subject: Subject) -> Shifts:
        return shifts_of(subject, self.period, self.every)

    def _queries(self, mode: Mode, shifts: Shifts, subject: Subject) -> list[Query]:
        """In the order of the shifts, the unshifted frame first."""
        if mode == "roll":
            return [Query(Rolled(*shift)) if any(shift) else CLEAN for shift in shifts.all]
        margin = max(usual_margin(min(subject.size)), shifts.reach)
        return [Query(self._window(margin, shifts.reach, *shift)) for shift in shifts.all]

    def _window(self, margin: int, reach: int, down: int, right: int) -> View:
        """The content moves down as the window moves up."""
        start = max(margin // 2, reach)
        return Window((start - down, start - right), margin)

    def _embedded(
        self, mode: Mode, rows: Mapping[str, Array], scale: Between | None, shifts: Shifts
    ) -> Iterator[Estimate]:
        moved = rows["distance"] / (scale.mean if scale else 1.0)
        for measure, values, unit in (
            ("embed_change", moved, "ratio"),
            ("cosine_change", rows["cosine"], "1 - cosine"),
        ):
            why = NO_SCALE if measure == "embed_change" and scale is None else ""
            for at, interval in zip(shifts.places, means(values), strict=True):
                yield self.estimate(measure, unit=unit, at={"mode": mode, **at}, **figure(interval, why))
        yield from self._period(mode, moved, shifts, "" if scale else NO_SCALE)

    def _significant(self, mode: Mode, cosine: Array, scale: Scale | None, shifts: Shifts) -> Iterator[Estimate]:
        if scale:
            yield from figures(self.estimate, [*significant(cosine > scale.significant, shifts)], {"mode": mode})
        else:
            at = {"mode": mode, "every": shifts.every}
            yield self.estimate("mean_significant_change", value=None, n=0, at=at, reason=NO_SCALE)

    def _period(self, mode: Mode, moved: Array, shifts: Shifts, undefined: str = "") -> Iterator[Estimate]:
        at, found = {"mode": mode}, found_period(moved, shifts.array, shifts.steps)
        why = undefined or found.reason
        yield self.estimate("period_found", unit="pixels", at=at, **figure(found.period, why))
        yield self.estimate("dip", unit="ratio", at=at, **figure(found.dip, why))
