"""What a layer's maps do when the picture moves (Azulay & Weiss, JMLR 20(184), 2019, section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.view import Plain, View
from eyechart.core.words import figure
from eyechart.exams.layer_shift_pictures import charts, findings
from eyechart.models.stages import named, stages
from eyechart.stats.intervals import means, of_means
from eyechart.views.centred import Centred
from eyechart.views.rolls import Rolled
from eyechart.views.shifted_maps import ERRORS, SKETCH, MapSketch, ShiftedMaps

Direction = Literal["horizontal", "vertical", "diagonal"]
DIRECTIONS: Mapping[Direction, tuple[int, int]] = {"horizontal": (0, 1), "vertical": (1, 0), "diagonal": (1, 1)}
FAINT = 1e-6  # of the layer's largest mean: channels that say nothing
NO_MAP = "it holds no map of 3 x 3 or more"


class LayerShift(Exam):
    """How the maps of single layers follow a picture that moves over its canvas by t = 0..T-1 pixels.

    The picture, small on a black canvas (``mode`` embed, as in protocol 2 of arXiv 1805.12177, near the centre), or the whole
    frame coming in again at the other side (roll: exact for nets with circular padding only) moves horizontally and
    diagonally. r is a layer's output for t = 0 and r_t for t, S its total stride. With embed, errors are of what the picture
    adds to the layer's output for the empty canvas: else the canvas, and the padding that makes its borders visible, would
    count, which do not move. What the picture does near the borders stays.

    Definitions, per image (formulas ours; the paper shows the sums as a figure):
        invariance error: |r_t - r| / |r|, L2 over all channels and places.
        equivariance error: |r_t - r'| / |r|, r' = r moved by the whole number of places next to t / S that fits best. 0 at
            multiples of S for nets with circular padding.
        interpolation error: sum |r_t - p|^2 / sum |r_t - mean|^2 with p = r moved by t / S places through its Fourier transform
            (sinc) or linearly; median over channels, mean over those t that are no multiples of S. 0 (sinc) if and only if no
            detail is beyond the Nyquist frequency of the places; linearly it is above 0 even then: compare layers.
        random pair error: mean over pairs of images of sum |r_i - r_j|^2, by the mean of sum |r - mean|^2, from sketches of
            128 numbers a map: what an unrelated picture would give.
        sum variation: for each channel G(t) = sum over places of r_t; cv = sd_t G / mean_t sum |r_t|, range = (max - min) / the
            same, of the output itself; median over channels whose mean |r| is above 1e-6 of the layer's largest. A global
            mean of the layer is as invariant as these are small. At stride 1 with circular padding they are 0.

    Measures, at {layer, depth, stride} (as in ``aliasing``) and {direction}:
        invariance_error, equivariance_error {shift}: mean over images; shift in pixels.
        interpolation_error {by: sinc | bilinear}.
        interpolation_error_by_random {by}: the same by random_pair_error: 1 is no better than another picture.
        sum_variation {of: cv | range}.
        random_pair_error: at {layer, depth, stride} alone.
        last_interpolation_error_by_random, last_sum_variation {direction}: by sinc, and of cv, at the last layer that
            has one.
    Intervals are over images.

    Rows: for each layer in the order of use ``sketch`` (128 numbers and the energy about the mean), and for each direction
    ``<direction>_invariance``, ``<direction>_equivariance`` (layers times shifts), ``<direction>_sinc``,
    ``<direction>_bilinear``, ``<direction>_cv`` and ``<direction>_range`` (layers).
    """

    name: ClassVar[str] = "layer_shift"
    headline: ClassVar[tuple[str, ...]] = ("last_interpolation_error_by_random", "last_sum_variation")
    title: ClassVar[str] = "Layers and moving pictures"
    explanation: ClassVar[str] = (
        "While a picture moves over its canvas, the maps inside a network should move along, and their sums stay the "
        "same; then so does the answer. Here is how far each layer's maps are from that, and how much of it no "
        "interpolation between the places that are kept could mend."
    )
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")
    chosen: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(headline, ("layer", "depth", "stride"))

    layers: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Names or patterns of layers; default: where the stride changes, and before that.",
    )
    images: int = Field(32, ge=1, description="At most so many images, the first of the seeded order.")
    positions: int = Field(
        17, ge=2, description="T: positions along a direction, one pixel apart, half the frame at most (the paper: 32)."
    )
    directions: tuple[Direction, ...] = Field(("horizontal", "diagonal"), min_length=1, description="Ways to move.")
    mode: Literal["embed", "roll"] = Field(
        "embed", description="embed: small on a canvas; roll: the frame, cyclically."
    )
    short_side: int = Field(100, ge=1, description="embed: short side of the shrunk image at an input of 224.")
    fill: Literal["black", "mean"] = Field("black", description="embed: colour of the canvas.")

    @field_validator("directions")
    @classmethod
    def _distinct(cls, directions: tuple[Direction, ...]) -> tuple[Direction, ...]:
        if len(set(directions)) < len(directions):
            raise ValueError("name each direction once")
        return directions

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The frame as it is, and at every position. Raises UnknownNameError if there is no such layer."""
        if so_far:
            return None
        moves = dict.fromkeys(self._move(d, t) for d in self.directions for t in range(self._positions(subject)))
        return (self._sketches(subject), *(self._query(subject, move) for move in moves))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image."""
        subject, layers, n = batch.subject, self._layers(batch.subject), len(batch.ids)
        sketches = answers.features(self._sketches(subject)).values
        none = np.full((n, SKETCH + 1), np.nan, np.float32)
        rows = {"sketch": np.concatenate([none[:, :0], *(sketches.get(name, none) for name in layers)], axis=1)}
        for direction in self.directions:
            moves = [self._move(direction, t) for t in range(self._positions(subject))]
            seen = [answers.features(self._query(subject, move)).values for move in moves]
            told = [self._of_layer(name, seen, subject, n) for name in layers]
            for name in ("invariance", "equivariance", "sinc", "bilinear", "cv", "range"):
                parts = [np.empty((n, 0)), *(one[name].reshape(n, -1) for one in told)]
                rows[f"{direction}_{name}"] = np.concatenate(parts, axis=1)
        drawn = answers.features(self._sketches(subject)).valid[:, None]
        return Tally({name: np.where(drawn, column, np.nan).astype(np.float32) for name, column in rows.items()})

    def tolerates(self, query: Query) -> bool:
        """Channels that are the same everywhere cannot be predicted."""
        return True

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Errors of each layer by shift, in the mean over shifts, and of sums."""
        found: list[Estimate] = []
        depths = {layer.name: depth for depth, layer in enumerate(subject.layers)}
        for j, name in enumerate(self._layers(subject)):
            at = {"layer": name, "depth": depths[name], "stride": max(self._stride(subject, name))}
            pair = self._random_pair(tally.rows["sketch"][:, (SKETCH + 1) * j : (SKETCH + 1) * (j + 1)], at)
            found.append(pair)
            for direction in self.directions:
                found += self._by_shift(tally.rows, j, {**at, "direction": direction}, self._positions(subject) - 1)
                found += self._in_the_mean(tally.rows, j, {**at, "direction": direction}, pair.value)
        if not found:
            reason = "no layer of this network could be followed from the picture on"
            found.append(self.estimate("invariance_error", unit="times", value=None, n=len(labels), reason=reason))
        return Estimates([*found, *self._in_short(Estimates(found))])

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Errors by shift, and over depth."""
        return charts(estimates)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Which layer stops following the picture."""
        return findings(estimates)

    def _layers(self, subject: Subject) -> tuple[str, ...]:
        if self.layers is None:
            return stages(subject.layers, subject.geometry)
        chosen = named(self.layers, subject.layers, subject.geometry, "layer_shift.layers")
        return tuple(name for name in chosen if subject.geometry[name].stride)

    def _stride(self, subject: Subject, name: str) -> tuple[int, int]:
        return subject.geometry[name].stride or (1, 1)

    def _in_short(self, found: Estimates) -> Iterator[Estimate]:
        """What is left at the end."""
        for measure, which in zip(self.headline, ({"by": "sinc"}, {"of": "cv"}), strict=True):
            for direction in self.directions:
                own = found.of(measure.removeprefix("last_"), direction=direction, **which)
                known = [e for e in own if e.value is not None]
                if known:
                    e = max(known, key=lambda e: e.at["depth"])
                    at = {name: e.at[name] for name in ("layer", "depth", "stride", "direction")}
                    ends = {"value": e.value, "low": e.low, "high": e.high, "n": e.n, "method": e.method}
                    yield self.estimate(measure, unit="times", at=at, **ends)

    def _positions(self, subject: Subject) -> int:
        """Half the frame at most is travelled."""
        return max(2, min(self.positions, min(subject.size) // 2))

    def _view(self, subject: Subject) -> View:
        travel = self._positions(subject) - 1
        ways = [DIRECTIONS[d] for d in self.directions]
        room = tuple(travel * max(way[axis] for way in ways) for axis in (0, 1))
        return Plain() if self.mode == "roll" else Centred(self.short_side, self.fill, (room[0], room[1]))

    def _move(self, direction: Direction, t: int) -> tuple[int, int]:
        down, right = DIRECTIONS[direction]
        return down * t, right * t

    def _query(self, subject: Subject, move: tuple[int, int]) -> Query:
        layers = self._layers(subject)
        strides = tuple(self._stride(subject, name) for name in layers)
        tap = ShiftedMaps(layers, strides, move, subject.size, self.mode == "embed")
        return Query(self._view(subject).then(Rolled(*move)), "layers", tap=tap)

    def _sketches(self, subject: Subject) -> Query:
        return Query(
            self._view(subject), "layers", tap=MapSketch(self._layers(subject), subject.size, self.mode == "embed")
        )

    def _of_layer(self, name: str, seen: Sequence[Mapping[str, Array]], subject: Subject, n: int) -> dict[str, Array]:
        """Of one layer and direction: errors (n, T - 1), their means between places, and what its sums do (n,)."""
        if any(name not in one for one in seen):
            nothing = np.full(n, np.nan)
            shifts = np.full((n, self._positions(subject) - 1), np.nan)
            return {
                "invariance": shifts,
                "equivariance": shifts,
                **dict.fromkeys(("sinc", "bilinear", "cv", "range"), nothing),
            }
        along = np.stack([one[name] for one in seen], 1).astype(np.float64)  # (n, T, 4 + 2 c)
        errors = {error: along[:, 1:, i] for i, error in enumerate(ERRORS)}
        stride = max(self._stride(subject, name))
        between = np.arange(1, self._positions(subject)) % stride > 0
        for by in ("sinc", "bilinear"):
            errors[by] = errors[by][:, between].mean(1) if between.any() else np.full(n, np.nan)
        return {**errors, **sum_variation(*np.split(along[:, :, len(ERRORS) :], 2, axis=2))}

    def _random_pair(self, columns: Array, at: Mapping[str, Any]) -> Estimate:
        """Mean squared distance of two images' maps by their mean energy; unbiased but for the ratio."""
        known = columns[~np.isnan(columns).any(1)].astype(np.float64)
        n = len(known)
        if n < 2 or not known[:, SKETCH].any():
            return self.estimate(
                "random_pair_error", unit="times", value=None, n=n, at=at, reason="it takes two images with maps"
            )
        squares = np.concatenate([known, np.square(known[:, :SKETCH]).sum(1, keepdims=True)], axis=1)

        def error(mean: Array) -> Array:
            spread = mean[..., SKETCH + 1] - np.square(mean[..., :SKETCH]).sum(-1)
            return np.asarray(2 * n / (n - 1) * spread / mean[..., SKETCH])

        return self.estimate("random_pair_error", unit="times", at=at, **figure(of_means(error, squares)))

    def _by_shift(self, rows: Mapping[str, Array], j: int, at: Mapping[str, Any], shifts: int) -> Iterator[Estimate]:
        for error in ("invariance", "equivariance"):
            columns = rows[f"{at['direction']}_{error}"][:, shifts * j : shifts * (j + 1)]
            for t, interval in enumerate(means(columns), start=1):
                undefined = "" if interval.n else NO_MAP
                yield self.estimate(
                    f"{error}_error", unit="times", at={**at, "shift": t}, **figure(interval, undefined)
                )

    def _in_the_mean(
        self, rows: Mapping[str, Array], j: int, at: Mapping[str, Any], random: float | None
    ) -> Iterator[Estimate]:
        direction = at["direction"]
        for by in ("sinc", "bilinear") if at["stride"] > 1 else ():
            column = rows[f"{direction}_{by}"][:, j : j + 1]
            (interval,) = means(column)
            where = {**at, "by": by}
            undefined = "" if interval.n else NO_MAP
            yield self.estimate("interpolation_error", unit="times", at=where, **figure(interval, undefined))
            if random and interval.n:
                yield self.estimate(
                    "interpolation_error_by_random", unit="times", at=where, **figure(means(column / random)[0])
                )
        for of in ("cv", "range"):
            (interval,) = means(rows[f"{direction}_{of}"][:, j : j + 1])
            undefined = "" if interval.n else NO_MAP
            yield self.estimate("sum_variation", unit="times", at={**at, "of": of}, **figure(interval, undefined))


def sum_variation(sums: Array, absolute: Array) -> dict[str, Array]:
    """cv and range of the sums of channels along a way: medians over channels that say something, (n,) each; NaN without any.

    Args:
        sums: G, (n, T, c).
        absolute: sums of absolute values, same shape.
    """
    strength = absolute.mean(1)
    silent = strength <= FAINT * strength.max(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        cv, span = sums.std(1) / strength, np.ptp(sums, axis=1) / strength
    return {"cv": _median(cv, silent), "range": _median(span, silent)}


def _median(values: Array, left_out: Array) -> Array:
    """Over the second axis; NaN where all are left out."""
    kept = np.where(left_out, np.inf, values)
    ordered, count = np.sort(kept, axis=1), (~left_out).sum(1)
    low, high = (
        np.take_along_axis(ordered, np.maximum(i, 0)[:, None], 1)[:, 0] for i in ((count - 1) // 2, count // 2)
    )
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, (low + high) / 2, np.nan)
