"""What a layer's maps do when the picture moves (Azulay & Weiss, JMLR 20(184), 2019, section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.view import Plain, View
from eyechart.exams.layer_shift_estimates import OfLayer, in_short
from eyechart.exams.layer_shift_pictures import charts, findings
from eyechart.exams.layer_shift_rows import Looked, along, sketches
from eyechart.models.following import ended
from eyechart.models.stages import pick, stages, summaries
from eyechart.views.centred import Centred
from eyechart.views.rolls import Rolled
from eyechart.views.shifted_maps import Shifted, Sketch

Direction = Literal["horizontal", "vertical", "diagonal"]
DIRECTIONS: Mapping[Direction, tuple[int, int]] = {"horizontal": (0, 1), "vertical": (1, 0), "diagonal": (1, 1)}


class LayerShift(Exam):
    """How the outputs of single layers follow a picture that moves over its canvas by t = 0..T-1 pixels.

    The picture, small on a black canvas (``mode`` embed, as in protocol 2 of arXiv 1805.12177, near the centre), or the whole
    frame coming in again at the other side (roll: exact for nets with circular padding only) moves horizontally and
    diagonally. r is a layer's output for t = 0 and r_t for t, S its total stride. With embed, errors are of what the picture
    adds to the layer's output for the empty canvas: else the canvas, and the padding that makes its borders visible, would
    count, which do not move. What the picture does near the borders stays.

    Definitions (formulas ours; the paper shows the sums as a figure); |.| is L2 over all channels and places:
        invariance error: |r_t - r| / |r| of an image.
        equivariance error: |r_t - r'| / |r|, r' = r moved by the whole number of places next to t / S that fits best. 0 at
            multiples of S for nets with circular padding.
        interpolation error: sum |r_t - p|^2 / sum |r_t - mean|^2 with p = r moved by t / S places through its Fourier transform
            (sinc) or linearly; median over channels, mean over those t that end between places. 0 (sinc) if and only if no
            detail is beyond the Nyquist frequency of the places; linearly it is above 0 even then: compare layers.
        by random: against the outputs r_i, r_j of two images i, j, from sketches of 128 numbers. Of invariance the root of
            mean |r_t - r|^2 / mean |r_i - r_j|^2; of interpolation mean |r_t - p|^2 / mean |r_i - r_j|^2, the mean over
            images and, for p, those t: 0 is no error, 1 is what another picture at the same place would give; as both have
            the outline of the picture on its canvas in common, more than 1 can be. Images to whose output the picture adds
            nothing are left out.
        random pair error: mean |r_i - r_j|^2 by the mean of sum |r - mean|^2, mean of each channel's map.
        sum variation: for each channel G(t) = sum over places of r_t; cv = sd_t G / mean_t sum |r_t|, range = (max - min) / the
            same, of the output itself; median over channels whose mean |r| is above 1e-6 of the layer's largest. A global
            mean of the layer is as invariant as these are small. At stride 1 with circular padding they are 0.

    Layers without places, such as global and pyramid pools and fully connected ones, have invariance errors alone, and maps
    below 3 x 3 count as such.

    Measures, at {layer, depth, stride} (as in ``aliasing``; without places no stride) and {direction}:
        invariance_error, equivariance_error {shift}: mean over images; shift in pixels.
        invariance_error_by_random {shift}.
        interpolation_error {by: sinc | bilinear}: mean over images.
        interpolation_error_by_random {by}.
        sum_variation {of: cv | range}.
        random_pair_error: at {layer, depth, stride} alone.
        last_interpolation_error_by_random, last_sum_variation {direction}: by sinc, and of cv, at the last layer that
            has one.
        layers_not_followed {layer, depth}: where following ended at this layer though the net's maps go on: undefined, with
            the reason.
    Intervals are over images, those by random over both of a pair.

    Rows: for each layer in the order of use ``sketch`` (128 numbers and the energy about the mean), and for each direction
    ``<direction>_invariance``, ``<direction>_equivariance``, ``<direction>_moved_squared`` (|r_t - r|^2; layers times shifts),
    ``<direction>_sinc``, ``<direction>_bilinear``, ``<direction>_sinc_squared``, ``<direction>_bilinear_squared``
    (|r_t - p|^2), ``<direction>_cv`` and ``<direction>_range`` (layers).
    """

    name: ClassVar[str] = "layer_shift"
    headline: ClassVar[tuple[str, ...]] = ("last_interpolation_error_by_random", "last_sum_variation")
    version: ClassVar[int] = 2  # like is set against like; layers without places
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
        description="Names or patterns of layers; default: where the stride changes, before that, pools and fully "
        "connected layers.",
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
        subject, looked, n = batch.subject, self._looked(batch.subject), len(batch.ids)
        first = answers.features(self._sketches(subject))
        rows = {"sketch": sketches(looked, first.values, n)}
        for direction in self.directions:
            moves = [self._move(direction, t) for t in range(self._positions(subject))]
            seen = [answers.features(self._query(subject, move)).values for move in moves]
            columns = along(looked, seen, DIRECTIONS[direction], n)
            rows.update({f"{direction}_{name}": column for name, column in columns.items()})
        drawn = first.valid[:, None]
        return Tally({name: np.where(drawn, column, np.nan).astype(np.float32) for name, column in rows.items()})

    def tolerates(self, query: Query) -> bool:
        """Channels that are the same everywhere cannot be predicted."""
        return True

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Errors of each layer by shift, in the mean over shifts, and of sums."""
        found: list[Estimate] = []
        ways: dict[str, tuple[int, int]] = {direction: DIRECTIONS[direction] for direction in self.directions}
        shifts = self._positions(subject) - 1
        for number, layer in enumerate(self._looked(subject)):
            found += OfLayer(self, layer, number, tally.rows, shifts).found(ways)
        if not found:
            reason = "no layer of this network could be followed from the picture on"
            found.append(self.estimate("invariance_error", unit="times", value=None, n=len(labels), reason=reason))
        short = in_short(self, found, self.directions)
        return Estimates([*found, *short, *self._ended(subject, len(labels))])

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Errors by shift, and over depth."""
        return charts(estimates)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Which layer stops following the picture, and after which layers could not be followed."""
        return findings(estimates)

    def _ended(self, subject: Subject, n: int) -> Iterator[Estimate]:
        if end := ended(subject.layers, subject.geometry, subject.weights):
            at = {"layer": end.name, "depth": end.depth}
            yield self.estimate("layers_not_followed", unit="count", value=None, n=n, at=at, reason=end.why)

    def _looked(self, subject: Subject) -> tuple[Looked, ...]:
        picks = pick(self.layers, subject.layers, subject.geometry, "layer_shift.layers", stages, summaries)
        return tuple(Looked.of(one) for one in picks)

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
        looked = self._looked(subject)
        names, held = tuple(one.name for one in looked), tuple(one.held for one in looked)
        tap = Shifted(names, held, self.mode == "embed", tuple(one.stride for one in looked), move)
        return Query(self._view(subject).then(Rolled(*move)), "layers", tap=tap)

    def _sketches(self, subject: Subject) -> Query:
        looked = self._looked(subject)
        names, held = tuple(one.name for one in looked), tuple(one.held for one in looked)
        return Query(self._view(subject), "layers", tap=Sketch(names, held, self.mode == "embed"))
