"""What shares of a pixel change, and what is left when every shift counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.embeddings import PER_BUCKET, Scale, references
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.settings import Distinct
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.told import clean_accuracy
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.errors import at_most
from eyechart.exams.fractional_shift_embedded import embedded, embedded_figures
from eyechart.exams.fractional_shift_pictures import charts, findings
from eyechart.stats.intervals import commonest, differences, means, pooled, share_of
from eyechart.views.subpixel import FourierShift
from eyechart.views.windows import Window, usual_margin

ROOM = 4  # pixels of margin that bicubic interpolation needs: a pixel to move, and three for its taps
Method = Literal["fourier", "bicubic"]
Place = tuple[Fraction, Fraction]


class FractionalShift(Exam):
    """How the answer changes when the picture moves by shares of a pixel, down and to the right: all k/u with k < u.

    ``fourier`` turns the phases of the frame's spectrum (``eyechart.spectrum.fourier_shift``): cyclic, loses no detail but at
    the Nyquist frequency of even sizes, rings at edges and may leave the range of pixels (``outside``; ``clip`` cuts it off).
    ``bicubic`` interpolates between the pixels of a real margin (the picture scaled to n + m, see ``margin``; Pillow's bicubic,
    rounded to 8 bits): it invents no edges, but blurs a little. Shifts with u = 2, 3, 4 (Michaeli et al., CVPR 2023, arXiv
    2303.08085, whose code leaves out shifts along one axis; here they are in).

    Measures at {method: fourier | bicubic}; those of a shift also at {down, right} (pixels); those of a set at {set: identity |
    1/u | all} (the unshifted frame, which belongs to every set; all k/u; all of them together); {given: all | correct |
    all_models_correct} where named (correct: right on the clean view; all_models_correct: images that all models get right,
    where several sit the exam):
        p_top1_change {down, right, given}: share of images whose top class differs from that of the unshifted frame.
        mean_absolute_change {down, right}: mean |p0[c] - p[c]|, c the top class of the unshifted frame.
        set_p_top1_change {set, given}: mean of p_top1_change over the set but the identity.
        any_change {set}: share of images whose top class changes for at least one shift of the set.
        worst_accuracy {set}: share of images right under every shift of the set.
        mean_accuracy {set}: mean share of images right, over the shifts of the set.
        accuracy_drop {set}: accuracy of the unshifted frame less worst_accuracy, paired by image.
        outside {set}: share of values that ringing carries out of the range of pixels by more than half an 8-bit step
            (fourier), over the set but the identity.
        outside_most {set}: how far out the farthest value lies (of a range of 1), mean over images and these shifts.
        enlarged: mean pixels of the scaled picture for a pixel of the original (bicubic); above 1 the margin is not its own.
    And clean_accuracy {chance}, beside one answer in so many classes: near that, stability earns no praise;
    commonest_answer_share on the clean view: near 1 stability means nothing. For ``fourier`` the unshifted
    frame is the clean view, for ``bicubic`` the middle window of the margin.
    worst_accuracy can only fall from a set to one that holds it, and never exceeds mean_accuracy.

    Models that answer with an embedding have these instead, besides outside, outside_most and enlarged:
        significant_change {down, right}: share of images whose embedding lies farther from that of the unshifted frame, by
            cosine distance, than ``significant_distance``.
        embed_change {down, right}: mean norm of the difference of the two over ``reference_distance``: 0 = blind to the move,
            1 = like another image.
        set_significant_change, any_significant_change {set}: as set_p_top1_change and any_change, of significant_change.
        reference_distance: mean norm of the difference between (up to 48) different images, unshifted.
        significant_distance {quantile}: the cosine distance that this share of pairs of those stays below. Both are taken as
            known: the intervals vary the images alone.

    ``n`` counts images. Rows: ``image_top1``, and per method arrays in the order of the shifts, row by row:
    ``<method>_top1``, ``<method>_absolute_change``, ``fourier_outside``, ``fourier_outside_most``, ``bicubic_enlarged``.
    Of embeddings ``image_norm``, ``<method>_distance``, ``<method>_cosine_distance``.
    """

    name: ClassVar[str] = "fractional_shift"
    right_by: ClassVar[str] = "image_top1"
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")
    headline: ClassVar[tuple[str, ...]] = ("set_p_top1_change", "worst_accuracy", "set_significant_change")
    title: ClassVar[str] = "Shifts by shares of a pixel"
    explanation: ClassVar[str] = (
        "Each picture is moved by halves, thirds and quarters of a pixel, which no person could see. Whole-pixel shifts meet "
        "only some of a model's sampling errors; these meet the rest, and the strictest count takes an image as right only if "
        "it is right under all of them."
    )

    units: tuple[int, ...] = Field((2, 3, 4), min_length=1, description="Shares u of a pixel: shifts are all k/u.")
    methods: Annotated[tuple[Method, ...], Distinct] = Field(
        ("fourier", "bicubic"), min_length=1, description="fourier, bicubic, or both."
    )
    clip: bool = Field(False, description="fourier: cut values off at 0 and 1 (ringing leaves that range).")
    margin: int | None = Field(
        None, ge=ROOM, description="bicubic: pixels of margin on both axes; default round(n / 7), at least 4."
    )
    significant_quantile: float = Field(
        0.05, gt=0, lt=1, description="Embeddings: pairs of different images below the threshold."
    )
    images: int = Field(1000, ge=1, description="At most so many images, the first of the seeded order.")

    @field_validator("units")
    @classmethod
    def _units_fit(cls, units: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(units)) < len(units) or min(units) < 2 or max(units) > 8:
            raise ValueError("name each u once, from 2 to 8")
        return units

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    @property
    def places(self) -> tuple[Place, ...]:
        """(down, right) of all shifts in pixels, row by row: the identity first."""
        grids = {(Fraction(i, u), Fraction(j, u)) for u in self.units for i in range(u) for j in range(u)}
        return tuple(sorted(grids))

    @property
    def sets(self) -> Mapping[str, Array]:
        """By name, which of ``places`` belong to it: (m,) bool."""
        found = {"identity": np.array([not any(place) for place in self.places])}
        for u in self.units:
            found[f"1/{u}"] = np.array([all((share * u).denominator == 1 for share in place) for place in self.places])
        return {**found, "all": np.ones(len(self.places), bool)}

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass and every shift. Raises SettingError where the margin is wider than the model's input."""
        if so_far:
            return None
        widest = max(ROOM, *subject.size)
        at_most("fractional_shift.margin", self.margin, widest, "The margin is wider than the model's input.")
        asked = [q for method in self.methods for q in self._queries(method, subject)]
        return tuple(dict.fromkeys((CLEAN, *asked)))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per shift in the columns of a method."""
        embedding, clean = batch.subject.kind == "embedding", answers[CLEAN]
        rows: dict[str, Array] = {}
        kept: list[Kept] = []
        if embedding:
            rows["image_norm"] = np.linalg.norm(clean.values, axis=1).astype(np.float32)
        else:
            rows["image_top1"] = clean.top1.astype(np.int32)
        for method in self.methods:
            shown = [answers[q] for q in self._queries(method, batch.subject)]
            columns = embedded(shown) if embedding else _answered(shown)
            rows |= {f"{method}_{name}": column for name, column in columns.items()}
            if embedding:
                kept += references(shown[0], batch, method)
            for note in ("outside", "outside_most") if method == "fourier" else ():
                none = np.zeros(len(batch.ids))
                column = np.stack([answer.notes.get(note, none) for answer in shown], 1)
                rows[f"{method}_{note}"] = column.astype(np.float32)
            if method == "bicubic":
                rows["bicubic_enlarged"] = shown[0].notes["enlarged"].astype(np.float32)
        return Tally(rows, kept=best(PER_BUCKET, kept), limit=PER_BUCKET)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Per method: every shift, and the sets of them."""
        whole, known = tally.rows.get("image_top1"), labels >= 0
        found = []
        if whole is not None:
            found.append(self.estimate("commonest_answer_share", **figure(commonest(whole))))
            found += clean_accuracy(self.estimate, whole, labels, subject.n_classes)
        for method in self.methods:
            rows = {c.removeprefix(f"{method}_"): v for c, v in tally.rows.items() if c.startswith(f"{method}_")}
            if whole is None:
                scale = Scale.of(tally.kept, self.significant_quantile, method)
                places = [
                    {name: at for name, at in self._at(method, p).items() if name != "method"} for p in self.places
                ]
                found += embedded_figures(self.estimate, method, rows, scale, places, self.sets)
            else:
                groups = {"all": np.ones(len(labels), bool)} | (
                    {"correct": (whole == labels) & known} if known.any() else {}
                )
                found += self._by_set(method, rows, labels, groups)
                found += self._by_shift(method, rows, groups)
            found += self._rings(method, rows)
            if method == "bicubic":
                enlarged = figure(pooled(rows["enlarged"][:, None]))
                found.append(self.estimate("enlarged", unit="ratio", at={"method": method}, **enlarged))
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Accuracy by set, and the maps of change."""
        return charts(estimates, self.methods, [*self.sets], max(self.units))

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """What the shifts change, and what is left when all count."""
        return findings(estimates, self.methods)

    def _queries(self, method: Method, subject: Subject) -> list[Query]:
        if method == "fourier":
            moved = [FourierShift(float(down), float(right), self.clip) for down, right in self.places]
            return [Query(view) if any(place) else CLEAN for view, place in zip(moved, self.places, strict=True)]
        return [Query(self._window(place, subject)) for place in self.places]

    def _window(self, place: Place, subject: Subject) -> View:
        """The content moves down as the window moves up, from the middle."""
        margin = self.margin or max(ROOM, usual_margin(min(subject.size)))
        middle = margin // 2
        return Window((float(middle - place[0]), float(middle - place[1])), margin)

    def _by_set(
        self, method: str, rows: Mapping[str, Array], labels: Array, groups: Mapping[str, Array]
    ) -> Iterator[Estimate]:
        known = labels >= 0
        changed = rows["top1"] != rows["top1"][:, :1]
        fine = (rows["top1"] == labels[:, None])[known]
        for name, chosen in self.sets.items():
            at = {"method": method, "set": name}
            moved = chosen & ~self.sets["identity"]
            yield self.estimate("any_change", at=at, **figure(share_of(changed[:, chosen].any(1))))
            if moved.any():
                for given, group in groups.items():
                    mean = pooled(changed[group][:, moved], share=True)
                    yield self.estimate("set_p_top1_change", at={**at, "given": given}, **figure(mean))
            if known.any():
                every = fine[:, chosen].all(1)
                yield self.estimate("worst_accuracy", at=at, **figure(share_of(every)))
                yield self.estimate("mean_accuracy", at=at, **figure(pooled(fine[:, chosen], share=True)))
                (drop,) = differences(fine[:, :1], every[:, None])
                yield self.estimate("accuracy_drop", unit="difference of shares", at=at, **figure(drop))

    def _rings(self, method: str, rows: Mapping[str, Array]) -> Iterator[Estimate]:
        """What leaves the range of pixels."""
        for name, chosen in self.sets.items():
            at, moved = {"method": method, "set": name}, chosen & ~self.sets["identity"]
            for note, unit in (("outside", "share"), ("outside_most", "pixel range")):
                if note in rows and moved.any():
                    yield self.estimate(note, unit=unit, at=at, **figure(pooled(rows[note][:, moved])))

    def _by_shift(self, method: str, rows: Mapping[str, Array], groups: Mapping[str, Array]) -> Iterator[Estimate]:
        changed = rows["top1"] != rows["top1"][:, :1]
        places = [self._at(method, place) for place in self.places]
        for given, group in groups.items():
            for at, column in zip(places, changed[group].T, strict=True):
                yield self.estimate("p_top1_change", at={**at, "given": given}, **figure(share_of(column)))
        for at, interval in zip(places, means(rows["absolute_change"]), strict=True):
            yield self.estimate("mean_absolute_change", unit="probability", at=at, **figure(interval))

    def _at(self, method: str, place: Place) -> dict[str, Any]:
        down, right = (round(float(share), 4) for share in place)
        return {"method": method, "down": down, "right": right}


def _answered(shown: Sequence[Answer]) -> dict[str, Array]:
    """Columns (n, m): top classes, and change of probability against the first."""
    return {
        "top1": np.stack([answer.top1 for answer in shown], 1).astype(np.int32),
        "absolute_change": np.stack([shown[0].absolute_change(answer) for answer in shown], 1).astype(np.float32),
    }
