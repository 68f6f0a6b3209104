"""Which of two images an answer follows when they are mixed: phase and amplitude, coarse and fine detail, object and ground."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from math import floor
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.view import Partner, Plain, View
from eyechart.core.words import figure
from eyechart.errors import SettingError
from eyechart.exams.hybrids_estimates import Pairs
from eyechart.exams.hybrids_layout import METHODS, Layout, Method, usual_radii
from eyechart.exams.hybrids_pictures import OBJECTS, charts, findings
from eyechart.spectrum.grid import Units, radius_map
from eyechart.views.conflicts import Dc
from eyechart.views.parts import Shape

CUES = {"a": "A's", "b": "B's", "": "neither's"}


class Hybrids(Exam):
    """Which of two images the answer follows when one picture is made of both.

    Cue conflicts as in Geirhos et al. (ICLR 2019, arXiv 1811.12231), but made of the images at hand, without a style network.
    Each image A has a partner B of another class, each ordered pair of classes equally often. A gives what is taken for its
    shape, B what is taken for its texture; pixels in [0, 1], per channel, before normalisation, clipped:

    bands: low(A) + B - low(B), the coarse detail of A (D <= r, its mean among it) with the fine detail of B (Oliva, Torralba
        & Schyns 2006; as a cue conflict by frequency, Gavrikov et al., ICLR 2025, arXiv 2403.09193).
    phase: the phase of A with the amplitude (1 - mix) |F_A| + mix |F_B| (Oppenheim & Lim 1981). The mean colour is A's, or,
        with ``dc`` amplitude, mixed like the rest.
    object: the middle of A (a disc of 3/4 of the shorter side, unless set otherwise) on B cut into 4 x 4 shuffled tiles; with
        ``shape`` silhouette A's object by its mask, if masks are given, or before a near-white ground.

    Only pairs count of which the model gets both images right alone. Conflicts of which more than ``max_clipped`` of the values
    lay outside [0, 1] are left out.

    Measures, at {given: correct, method: bands, radius, radius_nyquist}, {given, method: phase, mix} or {given, method:
    object}, with n_A answers of A's class, n_B of B's, of N:
        bias: n_A / (n_A + n_B), towards A; 0 = always B, 1 = always A. Undefined where no answer names either.
        either_cue: (n_A + n_B) / N. A bias says little where this is small.
        answer_a, answer_b: n_A / N and n_B / N.
    At {given: correct} alone:
        crossover_radius: the radius from which on at least as many answers name A's class as B's, linear between radii; in
            cycles per image. Undefined where the two do not cross within the radii. An end of the interval that lies at the
            first or last radius is cut off there.
        crossover_radius_nyquist: the same as a share of n/2.
    Of all pairs of two classes, whatever the model says of them:
        pairs_kept: share of them that it gets right, both images alone.
        clipped_share, clipped_out {method, ...}: mean share of values clipped, share of conflicts left out for it.
    ``n`` counts images A; intervals resample them with all their pairs. (Each image is B of about one other, too, which
    intervals leave out: where some images win or are seen far more easily than others, those of bias are a little wide, and
    those of either_cue narrow, holding the truth in 87 % of simulated cases.) On images that all models get right, {given:
    all_models_correct}, B is right by the model itself.

    Rows: ``image_top1``; an entry a pair in ``partner_label``, ``partner_top1`` (-1: it could not be shown) and
    ``partner_position`` (in the seeded order, as the column position of the rows; it may lie beyond the limit); and, pair by
    pair, an entry for each conflict in ``bands_top1``, ``bands_clipped``, ``phase_top1``, ``phase_clipped``, ``object_top1``,
    ``object_clipped``.

    Kept: a few pairs that count, chosen by A's name alone, for each method.
    """

    name: ClassVar[str] = "hybrids"
    headline: ClassVar[tuple[str, ...]] = ("bias", "either_cue", "crossover_radius", "crossover_radius_nyquist")
    title: ClassVar[str] = "Two images in one"
    explanation: ClassVar[str] = (
        "Two pictures of different things are mixed into one, such as the coarse shapes of a cat with the fine detail of a "
        "truck, and the model is asked what it sees. Which of the two it names shows what it goes by: shape or texture, coarse "
        "or fine detail, the thing in the middle or what is around it."
    )
    needs_labels: ClassVar[bool] = True
    right_by: ClassVar[str] = "image_top1"
    only_estimates: ClassVar[tuple[str, ...]] = ("max_clipped",)

    methods: tuple[Method, ...] = Field(
        METHODS, min_length=1, description="bands (by radius), phase (and amplitude), object (on shuffled parts)."
    )
    radii: tuple[float, ...] | None = Field(
        None, description="bands: cycles per image; default 0 (A gives its mean colour) and up to 12 from n/64 to n/2."
    )
    mixes: tuple[float, ...] = Field(
        (0.5, 1.0), min_length=1, description="phase: how much of the amplitude is B's, from 0 to 1."
    )
    pairs: int = Field(1, ge=1, description="Partners of each image.")
    dc: Dc = Field("phase", description="phase: whose mean colour; phase is A's, amplitude is mixed.")
    taper: float = Field(
        0.0, ge=0, le=1, description="bands, phase: fade both images to their mean over so much of each side (0.1)."
    )
    max_clipped: float = Field(0.2, ge=0, le=1, description="Leave out conflicts of which more was clipped.")
    inclusive: bool = Field(True, description="bands: A has D <= r; false: D < r.")
    units: Units = Field("index", description="Radius on frames that are not square.")
    shape: Shape = Field("disc", description="object: disc or box (the middle), or silhouette (by masks or ground).")
    share: float = Field(
        0.75, gt=0, le=1, description="object: the middle's diameter or sides, as a share of the frame's."
    )
    grid: int = Field(4, ge=2, description="object: tiles a side that B is cut into.")
    gallery: int = Field(3, ge=0, description="Pairs pictured for each method.")

    @field_validator("methods")
    @classmethod
    def _each_once(cls, methods: tuple[Method, ...]) -> tuple[Method, ...]:
        if len(set(methods)) < len(methods):
            raise ValueError("name each method once")
        return tuple(method for method in METHODS if method in methods)

    @field_validator("radii")
    @classmethod
    def _distinct_radii(cls, radii: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if radii is not None and (not radii or len(set(radii)) < len(radii) or not all(0 <= r < np.inf for r in radii)):
            raise ValueError("give one radius or more, all different, none below 0")
        return radii if radii is None else tuple(sorted(radii))

    @field_validator("mixes")
    @classmethod
    def _distinct_mixes(cls, mixes: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(mixes)) < len(mixes) or not all(0 < mix <= 1 for mix in mixes):
            raise ValueError("give different numbers above 0 and up to 1")
        return tuple(sorted(mixes))

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """Both images of each pair, and what is made of them."""
        return None if so_far else self._layout(subject).queries()

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image; entries by pair, then by conflict."""
        layout = self._layout(batch.subject)
        partners = [answers[Query(Partner(pair))] for pair in range(self.pairs)]
        rows = {
            "image_top1": answers[CLEAN].top1.astype(np.int32),
            "partner_label": _whole([p.notes["partner_label"] for p in partners]),
            "partner_top1": _whole([_top1(p) for p in partners]),
            "partner_position": _whole([p.notes["partner_position"] for p in partners]),
        }
        for method in self.methods:
            seen = [answers[Query(view)] for pair in range(self.pairs) for view in layout.views(method, pair)]
            rows[f"{method}_top1"] = _whole([_top1(a) for a in seen])
            rows[f"{method}_clipped"] = np.stack([a.notes["clipped_share"] for a in seen], 1).astype(np.float32)
        return Tally(rows, kept=best(self.gallery, self._cases(rows, batch, layout)), limit=self.gallery)

    def tolerates(self, query: Query) -> bool:
        """A partner that the model cannot answer costs the pair, not the image."""
        return isinstance(query.view, Partner)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """A, B, and a few of the method's conflicts."""
        method: Method = case.facts["method"]
        layout = self._layout(Subject((int(case.facts["height"]), int(case.facts["width"])), 0))
        views = layout.views(method, 0)
        return {"a": Plain(), "b": Partner(0), **{name: views[i] for name, i in layout.pictured(method).items()}}

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Over the pairs that count."""
        layout = self._layout(subject)
        places = {method: layout.places(method) for method in self.methods}
        found = Pairs(tally.rows, labels, self.max_clipped).figures(places)
        return Estimates(
            self.estimate(one.measure, unit=one.unit, at=one.at, **figure(one.interval, one.undefined)) for one in found
        )

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Bias and answers by radius, all conflicts in a table, examples."""
        return charts(estimates, OBJECTS[self.shape])

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Which image the answer follows, method by method."""
        return findings(estimates, OBJECTS[self.shape])

    def _layout(self, subject: Subject) -> Layout:
        if "object" in self.methods and self.grid > min(subject.size):
            raise SettingError(
                "The frame has fewer pixels a side than tiles.",
                setting="hybrids.grid",
                value=self.grid,
                way_out=f"Give {min(subject.size)} or less, or leave object out of methods.",
            )
        radii = self._within(self.radii, subject.size) if self.radii else usual_radii(subject.size)
        fourier = (self.dc, self.taper, self.inclusive, self.units)
        return Layout(
            subject.size, self.methods, radii, self.mixes, self.pairs, *fourier, self.shape, self.share, self.grid
        )

    def _within(self, radii: tuple[float, ...], size: tuple[int, int]) -> tuple[float, ...]:
        """Radii as they are given. Raises SettingError for one beyond all waves of the frame."""
        finest = float(radius_map(*size, self.units).max())
        if "bands" in self.methods and radii[-1] > finest:
            raise SettingError(
                f"A frame of {size[0]} x {size[1]} pixels holds no wave beyond radius {finest:g}: B would give nothing.",
                setting="hybrids.radii",
                value=list(radii),
                way_out=f"Give radii up to {floor(10 * finest) / 10:g}, or leave the setting out.",
            )
        return radii

    def _cases(self, rows: Mapping[str, Array], batch: Batch, layout: Layout) -> Iterator[Kept]:
        """The first pair of each image, where it counts."""
        counts = Pairs(rows, batch.labels, self.max_clipped).kept[:, 0]
        for i in np.flatnonzero(counts) if self.gallery else ():
            a, b = int(batch.labels[i]), int(rows["partner_label"][i, 0])
            names = {"a": batch.subject.class_name(a), "b": batch.subject.class_name(b)}
            for method in self.methods:
                if min(rows[f"{method}_top1"][i, j] for j in layout.pictured(method).values()) < 0:
                    continue  # there is no object to be seen
                facts: dict[str, Any] = {"method": method, **names}
                facts |= {"height": batch.subject.size[0], "width": batch.subject.size[1]}
                for name, j in layout.pictured(method).items():
                    answer = int(rows[f"{method}_top1"][i, j])
                    cue = "a" if answer == a else "b" if answer == b else ""
                    facts[f"{name}_says"] = f"{batch.subject.class_name(answer)} ({CUES[cue]})"
                yield Kept(f"hybrids/{method}/", _by_name(batch.ids[i]), batch.ids[i], facts)


def _top1(answer: Answer) -> Array:
    """(n,) top class, -1 where nothing could be shown or answered."""
    return np.where(answer.valid & answer.finite, answer.top1, -1)


def _whole(columns: Sequence[Array]) -> Array:
    return np.stack(columns, axis=1).astype(np.int32)


def _by_name(image_id: str) -> float:
    """A number in [0, 1) that says nothing of the answer: pairs are pictured as they come."""
    digest = blake2b(image_id.encode("utf-8", "surrogatepass"), digest_size=4, person=b"hybrids").digest()
    return int.from_bytes(digest, "little") / 2**32
