"""The loss around a net's weights, on low, high and all frequencies (Lin et al., NeurIPS 2023; Li et al., NeurIPS 2018)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import log
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.view import Plain, View
from eyechart.core.weights import Weights
from eyechart.core.words import figure
from eyechart.exams.loss_landscape_path import path_figures
from eyechart.exams.loss_landscape_pictures import charts
from eyechart.exams.loss_landscape_plane import NOT_FINITE, Landscape, Plane
from eyechart.exams.loss_landscape_words import findings
from eyechart.stats.halves import choosing_half
from eyechart.stats.intervals import Interval, means
from eyechart.views.bands import Band
from eyechart.views.directions import Moved, Normalise
from eyechart.views.interpolation import Towards, marked

SHOWN = ("full", "low", "high")
RADIUS_NYQUIST = 0.75  # the paper's r = 12 at n = 32
SMALL = 64  # pixels: frames up to here are cheap
MOST_POINTS, LEAST_POINTS = 25, 11  # a side, on small frames and on larger ones
STEPS = tuple(k / 16 for k in range(-4, 21))


class LossLandscape(Exam):
    """The loss L(a, b) at the weights w + a d1 + b d2, over a grid of a and b, on whole images and on both their bands.

    d1 and d2 are random directions, the same for all three (Li et al., arXiv 1712.09913): drawn from N(0, 1) for each weight
    and scaled filter by filter to the filter's own norm (d_f |w_f| / (|d_f| + 1e-10)), so that at a distance of 1 each filter
    is moved by its own norm. Biases, weights of norms and scales of layers stay, see ``eyechart.views.directions``
    (``normalise`` none: unscaled, the reference tool's own default). BatchNorm answers with the running statistics of w, or
    (``batchnorm`` settled) with statistics taken anew at every point. Bands are low (D <= radius) and high (the rest), before
    normalisation and not clipped; the paper's figure (Lin et al., NeurIPS 2023) sets r = 12 by hand at n = 32. Loss: mean
    negative log likelihood of the label, in nats.
    Intervals resample images. They know nothing of other directions: repeat it with another ``seed``.

    With ``towards`` also L(t) at the weights (1 - t) w + t w' between this checkpoint and another, BatchNorm's statistics
    included: t = 1 is the other. Beyond 0 and 1 a variance may turn negative, and the loss is then not finite.

    Measures, at {shown: full | low | high} and on bands {radius, radius_nyquist} (radius as a share of n/2):
        centre_loss: L(0, 0), that of the net as it is (if settled: with statistics taken anew here, too).
        capped_loss: mean over images of their loss there (or at t = 0), none counted for more than guessing_loss: the loss has
            no upper bound, and few images that are wrong with certainty would make decent weights look unfit.
        minimum_gap {a, b}: L(0, 0) less the loss at the lowest point of the grid; above 0: w is no minimum of this band.
            The point is chosen by every other image of each class and measured on the rest: the choice does not flatter it.
            Undefined where w itself is a hole.
        minimum_loss {a, b}: the loss there, on those images.
        rise {distance}: mean of L over the points within half a step of this distance from w, less L(0, 0); undefined where
            the grid has no such point.
        slope {along: first | second}, gradient_norm: derivatives at w along d1 and d2 by central differences over one step
            of the grid to each side, and the length of the two (never below 0, so noise alone makes it positive).
        curvature {which: largest | smallest}: eigenvalues of the second derivatives of the quadratic that fits the nine points
            around w best.
        lower_share: share of the other points of the grid that lie below L(0, 0) (by more than rounding); a hole does not.
        convex_share: share of the inner points of the four lines through w (along d1, d2 and both diagonals) at which the
            second difference of L is not below 0 (but for rounding, 1e-6 of the loss); next to holes there is none.
        ring_loss {distance}: mean of L over the points within half a step of a distance; 0: the centre.
        loss {a, b}: L, each point of the grid.
        holes: how many losses of the images on this grid are not finite; a point with a hole has no loss.
        barrier {t}: the largest rise of L(t) over (1 - t) L(0) + t L(1), t from 0 to 1 (Entezari et al., ICLR 2022); t is
            chosen by every other image of each class and the rise is measured on the rest.
        path_loss {t}, path_holes: as loss and holes.
    guessing_loss: ln of the number of classes, the loss of even shares.
    And rise_difference {distance, radius, radius_nyquist}: rise on high less rise on low, paired by image.

    Rows: losses of each image in the order of the points, those of the lowest b first: ``full_nll``, ``low_nll``,
    ``high_nll``; in the order of t: ``full_path_nll``, ``low_path_nll``, ``high_path_nll``. NaN without a label, and where
    the loss is not finite.
    """

    name: ClassVar[str] = "loss_landscape"
    version: ClassVar[int] = 2
    headline: ClassVar[tuple[str, ...]] = ("centre_loss", "minimum_gap", "rise", "barrier")
    title: ClassVar[str] = "The loss around the weights"
    explanation: ClassVar[str] = (
        "Training ends at weights where the loss is low; here these weights are moved a little in two random directions, and "
        "the loss is drawn like a landscape, for whole images, their coarse shapes and their fine detail alone. A wide basin "
        "means that small changes of the weights hardly matter; a slope means that training did not fit this kind of detail."
    )
    needs_labels: ClassVar[bool] = True
    chosen: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "minimum_gap": ("a", "b"),
        "minimum_loss": ("a", "b"),
        "barrier": ("t",),
    }
    only_estimates: ClassVar[tuple[str, ...]] = ("distance",)

    plane: bool = Field(True, description="Look at the plane; false: only at the way to another checkpoint.")
    points: int | None = Field(
        None, ge=3, le=101, description="Of the grid a side, odd; default 25, on frames above 64 pixels 11."
    )
    reach: float = Field(1.0, gt=0, le=100, description="How far the grid goes to each side; the paper shows 1.6.")
    distance: float = Field(0.5, gt=0, description="From the weights: where the rise of the loss is told.")
    images: int | None = Field(
        None,
        ge=2,
        description="At most so many, the first of the seeded order; default 512, above 64 pixels 48 (the method: 2000).",
    )
    radius: float | None = Field(None, ge=0, description="Of the bands, cycles per image; default 3/4 of n/2.")
    seed: int = Field(0, ge=0, description="Of the directions.")
    normalise: Normalise = Field("filter", description="Scale of the directions: filter, or none.")
    batchnorm: Literal["kept", "settled"] = Field(
        "kept", description="Statistics of the net as it is, or (settled) taken anew at every point: slower."
    )
    settle_images: int = Field(256, ge=2, description="Plain images that statistics are taken on.")
    towards: str | None = Field(
        None, description="Another checkpoint of the same architecture (safetensors, or a state dict): the way there."
    )
    steps: tuple[float, ...] = Field(STEPS, description="Places t on that way; 0 and 1 are always among them.")

    @field_validator("points")
    @classmethod
    def _odd(cls, points: int | None) -> int | None:
        if points is not None and points % 2 == 0:
            raise ValueError("give an odd number, so that the net's own weights are in the middle")
        return points

    @field_validator("steps")
    @classmethod
    def _ends(cls, steps: tuple[float, ...]) -> tuple[float, ...]:
        if not all(-10 <= t <= 10 for t in steps):
            raise ValueError("give places from -10 to 10")
        return tuple(sorted({0.0, 1.0, *steps}))

    @field_validator("towards")
    @classmethod
    def _marked(cls, towards: str | None) -> str | None:
        return None if towards is None else marked(towards)

    @model_validator(mode="after")
    def _something(self) -> LossLandscape:
        if not self.plane and self.towards is None:
            raise ValueError("without the plane, name another checkpoint (towards)")
        if self.distance > self.reach:
            raise ValueError("distance must not lie beyond reach")
        step = Plane(self.points or MOST_POINTS, self.reach).step
        if self.plane and self.distance < step / 2:
            raise ValueError(
                f"no point of the grid lies at this distance: its nearest neighbours lie {step:g} away; take more points, a "
                f"smaller reach, or a distance of {step / 2:g} or more"
            )
        return self

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images or (512 if _small(subject) else 48)

    def tolerates(self, query: Query) -> bool:
        """The net as it is must answer; far out it may not."""
        return query.weights is not None

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """Every view with every net."""
        return None if so_far else tuple(dict.fromkeys(q for asked in self._asked(subject).values() for q in asked))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry for each point."""
        rows = {}
        for name, queries in self._asked(batch.subject).items():
            losses = [_nll(answers[query].values, batch.labels) for query in queries]
            rows[name] = np.stack(losses, 1)
        return Tally(rows)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Figures of the plane and of the way, over the images with a label."""
        known = labels >= 0
        rows = {name: column[known] for name, column in tally.rows.items()}
        choosing = choosing_half(labels[known])
        found: list[Estimate] = []
        if self.plane:
            plane = self._plane(subject)
            lands = [
                Landscape(self.estimate, plane, rows[f"{shown}_nll"], choosing, self._at(shown, subject))
                for shown in SHOWN
            ]
            for land in lands:
                found += land.figures(self.distance)
            found.append(self._difference(lands[1], lands[2], subject))
        if self.towards:
            for shown in SHOWN:
                losses, at = rows[f"{shown}_path_nll"], self._at(shown, subject)
                found += path_figures(self.estimate, self.steps, losses, choosing, at)
        return Estimates([*found, *self._fit(rows, subject)] if known.any() else found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Maps, hills, rings; the way."""
        return charts(estimates, settled=self.batchnorm == "settled")

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Whether the weights are a minimum of each band, how steep it gets, what lies between checkpoints."""
        return findings(estimates, settled=self.batchnorm == "settled")

    def _fit(self, rows: Mapping[str, Array], subject: Subject) -> Iterator[Estimate]:
        """Whether the weights as they are know the labels."""
        column, place = ("nll", self._plane(subject).centre) if self.plane else ("path_nll", self.steps.index(0.0))
        guessing = log(subject.n_classes)
        for shown in SHOWN:
            losses = rows[f"{shown}_{column}"][:, place].astype(np.float64)
            (capped,) = means(np.fmin(losses, guessing)[:, None])
            reason = "" if np.isfinite(losses).all() else NOT_FINITE
            yield self.estimate("capped_loss", unit="nats", at=self._at(shown, subject), **figure(capped, reason))
        yield self.estimate("guessing_loss", unit="nats", value=guessing, n=len(losses))

    def _difference(self, low: Landscape, high: Landscape, subject: Subject) -> Estimate:
        rises = high.rise(self.distance), low.rise(self.distance)
        undefined = "" if all(rise is not None for rise in rises) else high.missing(self.distance)
        found = Interval(None, None, None, len(high.losses), "bootstrap")
        if rises[0] is not None and rises[1] is not None:
            (found,) = means((rises[0] - rises[1])[:, None])
        at = {"distance": self.distance, **_radius(self._radius(subject), subject)}
        return self.estimate("rise_difference", unit="nats", at=at, **figure(found, undefined))

    def _plane(self, subject: Subject) -> Plane:
        return Plane(self.points or (MOST_POINTS if _small(subject) else LEAST_POINTS), self.reach)

    def _radius(self, subject: Subject) -> float:
        return self.radius if self.radius is not None else RADIUS_NYQUIST * max(subject.size) / 2

    def _views(self, subject: Subject) -> Mapping[str, View]:
        radius = self._radius(subject)
        return {"full": Plain(), "low": Band("low", radius), "high": Band("high", radius)}

    def _at(self, shown: str, subject: Subject) -> dict[str, Any]:
        return {"shown": shown, **({} if shown == "full" else _radius(self._radius(subject), subject))}

    def _asked(self, subject: Subject) -> dict[str, list[Query]]:
        """Queries by column of the rows, in the order of its entries."""
        asked: dict[str, list[Query]] = {}
        for shown, view in self._views(subject).items():
            if self.plane:
                asked[f"{shown}_nll"] = [Query(view, weights=weights) for weights in self._around(subject)]
            if self.towards:
                asked[f"{shown}_path_nll"] = [Query(view, weights=weights) for weights in self._between()]
        return asked

    def _around(self, subject: Subject) -> Iterator[Weights | None]:
        for a, b in self._plane(subject).places:
            yield Moved(a, b, self.seed, self.normalise, self._settle) if a or b or self._settle else None

    def _between(self) -> Iterator[Weights | None]:
        for t in self.steps:
            yield Towards(self.towards or "", t, self._settle) if t or self._settle else None

    @property
    def _settle(self) -> int:
        return self.settle_images if self.batchnorm == "settled" else 0


def _small(subject: Subject) -> bool:
    return max(subject.size) <= SMALL


def _radius(radius: float, subject: Subject) -> dict[str, float]:
    return {"radius": radius, "radius_nyquist": radius / (max(subject.size) / 2)}


def _nll(values: Array, labels: Array) -> Array:
    """Negative log likelihood of the labels by logits (n, k): (n,) float32, NaN where it is not finite or unknown."""
    exact = values.astype(np.float64)
    fine = np.isfinite(exact).all(1) & (labels >= 0)
    exact[~fine] = 0.0
    exact -= exact.max(1, keepdims=True)
    loss = np.log(np.exp(exact).sum(1)) - exact[np.arange(len(exact)), np.maximum(labels, 0)]
    fine &= loss <= np.finfo(np.float32).max
    return np.where(fine, loss, np.nan).astype(np.float32)
