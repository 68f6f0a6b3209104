"""How far a view changes what people see, on a screen of stated size at a stated distance. Needs no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answers, Query
from eyechart.core.tally import Kept, Tally, best
from eyechart.core.view import Plain, View
from eyechart.core.words import figure
from eyechart.exams.visibility_pictures import Sight, charts, findings
from eyechart.exams.visibility_rows import above_radii, chunks, grid_radii, of_views, threshold_radii
from eyechart.exams.visibility_views import Frame, NamedView, default_views, named_view, scenes
from eyechart.spectrum.grid import Units
from eyechart.spectrum.visibility import pixels_per_degree
from eyechart.stats.intervals import Interval, means, wilson

PIXELS = Query(reading="pixels")
SHARES = {"weighted_contrast": "", "pooled_contrast": "visible_share", "alone_contrast": "alone_visible_share"}
BLACK = "every image is black, and contrast is relative to an image's mean luminance"


class Visibility(Exam):
    """How visible the change from an image to a view of it is, to people with normal sight, seen as the settings say.

    Both are turned into luminance (sRGB, clipped to what a screen shows; BT.709), their difference divided by the image's mean
    luminance, its waves multiplied by the eye's contrast sensitivity at their cycles per degree, and the result summed up
    over the picture: Watson & Ahumada, Journal of Vision 5(9):6, 2005, doi 10.1167/5.9.6, without the oblique effect; see
    ``eyechart.spectrum.visibility``. 1 is the threshold, at which 84 % of forced choices are right.

    The threshold is that of an average observer for patterns on an even field of the picture's mean luminance, by daylight,
    looked at directly. Below 1 does not mean invisible, nor above 1 noticed:
        What lies in dark parts is more visible than stated, by as much as the picture's mean is brighter than they are.
            ``adaptation`` local relates contrast to the mean luminance around each place instead (a Gaussian of 0.6273
            degrees, at least 0.01 of white, which light in the room adds): our choice, not part of the model. It overstates
            what is seen in the dark, where the eye is duller than the curve, and is rough where dark and bright parts meet.
        Strong texture hides changes, weak texture makes them easier to see (pedestal effect); both are left out.
        Only luminance counts: a change of colour alone is 0. The waves have signs drawn for each channel, so that most of
            what they change is colour.
        Diagonal detail is less visible than stated, and changes are easily overlooked where nothing points to them.
    A change of the mean luminance does not count unless ``brightness`` is set. Waves go round at the picture's border.

    Views are named by texts: ``low:R`` keeps D <= R (what is taken away lies above R), ``high:R`` keeps D > R, ``pass:A-B``
    A < D <= B, both on mid grey, ``wave:FY,FX`` adds a plane wave as the exam fourier_heatmap does, of its default norm, and
    ``wave:FY,FX@NORM`` of another. Radii are in cycles per image, or a share of n/2 such as ``low:75%``. By default low
    and high at the radii of the exam bands (4, 8, 12, 16 at 32 pixels) and a wave at each. Beside that exam
    (``--exams bands,visibility``) it says how far above or below threshold lies what the model goes by: the change to
    ``low:R`` is all that lies above R, and ``high:R`` alone is what that exam shows the model of it.

    Measures, at {view: low | high | pass | wave, radius, radius_nyquist}, with {inner} for pass and {fy, fx, norm} for wave
    (whose radius is that of a true circle); means over images:
        weighted_contrast: root mean square over the picture of the weighted contrast, times threshold.
        pooled_contrast: the same as the standard model sums it up, where the change is most visible, times threshold.
        visible_share: share of the images whose pooled_contrast is 1 or more.
        alone_contrast, alone_visible_share (high, pass): the same two of the band by itself, compared with the even mid grey
            that it lies on instead of the image. Here no texture is in the way.
        ssim: structural similarity of the grey images (Wang et al. 2004; window 11, valid places only; .2989 R + .587 G +
            .114 B, clipped); knows no distance. On frames below 11 pixels the largest odd window.
    At {times_distance, pixels_per_degree}, one for each of the distances:
        threshold_radius: smallest radius on a grid (steps to n/2, up to the frame's corner) at and beyond which all that lies
            above is below threshold, cycles per image; at most the corner's. Beyond n/2 there are waves along diagonals alone.
        threshold_radius_nyquist: the same as a share of n/2.
        visible_beyond_share: share of the images whose threshold_radius lies beyond n/2: no disc of frequencies that fits
            into the plane leaves out only what is below threshold.
        above_contrast {radius, radius_nyquist}: pooled contrast of what lies above a radius of the grid, times threshold.
    And:
        pixels_per_degree: of the visual field: pixels across / (2 atan(width / 2 distance)), or as given.
        black_images: images without any light, which have no contrast and no part in the figures but ssim; count.

    Rows: per view, in their order, ``weighted_contrast``, ``pooled_contrast``, ``alone_contrast``, ``ssim``; per distance
    ``threshold_radius``; ``above_contrast`` per distance and radius of the grid, the radii of one distance together. NaN for
    black images, and ``alone_contrast`` for other views.

    Kept: an image or a few, chosen by their names alone, for each radius of low and high and for each other view.
    """

    name: ClassVar[str] = "visibility"
    headline: ClassVar[tuple[str, ...]] = ("visible_share", "threshold_radius")
    title: ClassVar[str] = "What people can see"
    explanation: ClassVar[str] = (
        "Whether people can see a change depends on the size of the picture and on how far away they sit, so both are stated "
        "and the change is measured in units of the faintest contrast that an average observer sees on an even field of the "
        "picture's mean brightness. Far above 1 it is plain, even if it seems small in numbers of pixels; below 1 it is below "
        "that threshold, but changes in dark parts and of colour may be more visible than stated."
    )
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding", "none")

    views: tuple[str, ...] | None = Field(
        None, description="low:R, high:R, pass:A-B, wave:FY,FX[@NORM]; default low, high and waves at four radii."
    )
    width_cm: float = Field(10.0, gt=0, description="Width of the picture on the screen.")
    distance_cm: float = Field(60.0, gt=0, description="From the eye to the screen.")
    pixels_per_degree: float | None = Field(
        None, gt=0, description="Of the visual field, instead of width_cm and distance_cm."
    )
    distances: tuple[float, ...] = Field(
        (0.5, 1.0, 2.0, 4.0), description="Distances for threshold_radius, as multiples of the first."
    )
    steps: int = Field(16, ge=1, description="Of the grid of radii, up to n/2.")
    units: Units = Field("index", description="Radius on frames that are not square.")
    brightness: bool = Field(False, description="Whether a change of the mean luminance counts.")
    adaptation: Literal["mean", "local"] = Field(
        "mean",
        description="Contrast is relative to the picture's mean luminance, or to the local mean around each place.",
    )
    images: int = Field(500, ge=1, description="At most so many images, the first of the seeded order.")
    gallery: int = Field(1, ge=0, description="Images pictured, with all views.")

    @field_validator("views")
    @classmethod
    def _each_names_a_view(cls, views: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if views is not None:
            if not views or len(set(views)) < len(views):
                raise ValueError("name one view or more, each once")
            for text in views:
                named_view(text, Frame((2**20, 2**20)))  # of a frame that holds every wave
        return views

    @field_validator("distances")
    @classmethod
    def _given_distance_too(cls, distances: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < d < np.inf for d in distances) or len(set(distances)) < len(distances):
            raise ValueError("give different multiples above 0")
        return tuple(sorted({1.0, *distances}))

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The pixels of the frames and of their views."""
        if so_far:
            return None
        return tuple(dict.fromkeys((PIXELS, *(_pixels(named) for named in self._named(subject)))))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image."""
        frames, named = answers.signal(PIXELS).values, self._named(batch.subject)
        shown = [answers.signal(_pixels(one)).values for one in named]
        radii, sight = grid_radii(batch.subject.size, self.steps, self.units), self._sight(batch.subject)
        parts, on_grey = [], [one.on_grey for one in named]
        for part in chunks(frames):
            views = [s[part] for s in shown]
            columns = of_views(frames[part], views, on_grey, sight.per_degree[1.0], self.brightness, sight.local)
            every = tuple(sight.per_degree.values())
            above = above_radii(frames[part], radii, every, self.units, self.brightness, sight.local)
            columns["threshold_radius"] = threshold_radii(above, radii).astype(np.float32)
            columns["above_contrast"] = above.reshape(len(above), -1)
            parts.append(Tally(columns))
        rows = Tally.merge(parts).rows
        cases = [case for i in self._pictured(batch.ids) for case in self._cases(i, batch, frames, named, shown)]
        return Tally(rows, kept=best(self.gallery, cases), limit=self.gallery)

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """The image and the views of its scene."""
        frame = Frame((int(case.facts["height"]), int(case.facts["width"])), self.units)
        shown = {name: case.facts[name] for name in ("low", "high", "view") if name in case.facts}
        return {"image": Plain(), **{name: named_view(text, frame).view for name, text in shown.items()}}

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Over the images that are not black."""
        rows, sight = tally.rows, self._sight(subject)
        lit = ~np.isnan(rows["threshold_radius"][:, 0])
        n, given = len(lit), sight.per_degree[1.0]
        found = [
            self.estimate("pixels_per_degree", unit="pixels per degree", value=given, n=n),
            self.estimate("black_images", unit="count", value=float((~lit).sum()), n=n),
        ]
        found += self._of_views(rows, lit, subject)
        found += self._of_distances(rows, lit, subject)
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Contrast and similarity over the radius, the distances, a table and examples."""
        return charts(estimates, self._sight_of(estimates))

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Whether fine detail can be seen, from where, and how a wave compares."""
        return findings(estimates, self._sight_of(estimates))

    def _named(self, subject: Subject) -> list[NamedView]:
        """The views in their order, each once."""
        frame = Frame(subject.size, self.units)
        texts = default_views(subject.size) if self.views is None else self.views
        return list({named.view: named for named in (named_view(text, frame) for text in texts)}.values())

    def _sight(self, subject: Subject) -> Sight:
        return self._sight_at(
            self.pixels_per_degree or pixels_per_degree(subject.size[1], self.width_cm, self.distance_cm)
        )

    def _sight_of(self, estimates: Estimates) -> Sight:
        return self._sight_at(estimates.of("pixels_per_degree")[0].value or 1.0)

    def _sight_at(self, given: float) -> Sight:
        """Pixels per degree at each of the distances: by geometry, or in proportion where they were given."""
        local = self.adaptation == "local"
        if self.pixels_per_degree is not None:
            return Sight({d: d * given for d in self.distances}, None, local)
        near = pixels_per_degree(1, self.width_cm, self.distance_cm)
        far = {d: pixels_per_degree(1, self.width_cm, d * self.distance_cm) for d in self.distances}
        return Sight({d: given * p / near for d, p in far.items()}, (self.width_cm, self.distance_cm), local)

    def _of_views(self, rows: Mapping[str, Array], lit: Array, subject: Subject) -> Iterator[Estimate]:
        """Figures per view."""
        none = "" if lit.any() else BLACK
        contrasts, alike = {m: means(rows[m][lit]) for m in SHARES}, means(rows["ssim"])
        for k, named in enumerate(self._named(subject)):
            for measure, share in SHARES.items():
                if measure == "alone_contrast" and not named.on_grey:
                    continue
                yield self.estimate(measure, unit="times threshold", at=named.at, **figure(contrasts[measure][k], none))
                if share:
                    seen = int((rows[measure][lit, k] >= 1).sum())
                    yield self.estimate(share, at=named.at, **figure(wilson(seen, int(lit.sum())), none))
            yield self.estimate("ssim", unit="similarity", at=named.at, **figure(alike[k]))

    def _of_distances(self, rows: Mapping[str, Array], lit: Array, subject: Subject) -> Iterator[Estimate]:
        """Figures per distance."""
        radii, half = grid_radii(subject.size, self.steps, self.units), max(subject.size) / 2
        none = "" if lit.any() else BLACK
        thresholds = rows["threshold_radius"][lit].astype(np.float64)
        above = rows["above_contrast"][lit].reshape(len(thresholds), len(self.distances), len(radii))
        beyond = (thresholds > half).sum(0)
        for k, (times, per_degree) in enumerate(self._sight(subject).per_degree.items()):
            at = {"times_distance": times, "pixels_per_degree": round(per_degree, 4)}
            (threshold,) = means(thresholds[:, k : k + 1])
            yield self.estimate("threshold_radius", unit="cycles per image", at=at, **figure(threshold, none))
            yield self.estimate(
                "threshold_radius_nyquist", unit="share of n/2", at=at, **figure(_scaled(threshold, 1 / half), none)
            )
            share = wilson(int(beyond[k]), len(thresholds))
            yield self.estimate("visible_beyond_share", at=at, **figure(share, none))
            for radius, interval in zip(radii, means(above[:, k]), strict=True):
                where = {**at, "radius": radius, "radius_nyquist": radius / half}
                yield self.estimate("above_contrast", unit="times threshold", at=where, **figure(interval, none))

    def _pictured(self, ids: Sequence[str]) -> Sequence[int]:
        """Which of the images are candidates for the gallery: by name, which has nothing to do with what is measured."""
        return sorted(range(len(ids)), key=lambda i: (-_lot(ids[i]), ids[i]))[: self.gallery]

    def _cases(
        self, i: int, batch: Batch, frames: torch.Tensor, named: Sequence[NamedView], shown: Sequence[torch.Tensor]
    ) -> Iterator[Kept]:
        """An image with what its views change, in double precision: the same whichever images were measured with it."""
        frame, *views = (values[i : i + 1].cpu().double() for values in (frames, *shown))
        on_grey, sight = [one.on_grey for one in named], self._sight(batch.subject)
        measured = of_views(frame, views, on_grey, sight.per_degree[1.0], self.brightness, sight.local)
        height, width = batch.subject.size
        for scene in scenes(named):
            facts: dict[str, Any] = {"group": scene.group, "height": height, "width": width}
            for name, k in scene.shown.items():
                facts[name] = named[k].text
                said = {f"{column}_{name}": float(measured[column][0, k]) for column in measured}
                facts |= {column: value for column, value in said.items() if np.isfinite(value)}
            yield Kept(scene.key, _lot(batch.ids[i]), batch.ids[i], facts)


def _lot(name: str) -> float:
    """A number in [0, 1) drawn by an image's name."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).digest()) / 2**32


def _pixels(named: NamedView) -> Query:
    return Query(named.view, "pixels")


def _scaled(interval: Interval, by: float) -> Interval:
    value, low, high = (None if x is None else x * by for x in (interval.value, interval.low, interval.high))
    return Interval(value, low, high, interval.n, interval.method)
