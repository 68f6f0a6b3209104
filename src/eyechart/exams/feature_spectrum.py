"""What each layer of a net does to fine detail (Park & Kim, ICLR 2022, arXiv 2202.06709)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.words import figure
from eyechart.exams.feature_spectrum_pictures import charts, findings
from eyechart.exams.feature_spectrum_steps import CHANGING, Step, Steps
from eyechart.spectrum.relative import Profile, profile_length
from eyechart.stats.intervals import means
from eyechart.views.feature_maps import RelativeSpectrum

PLACES = 9
PER_LAYER = PLACES + 1  # the last is the lowest frequency above zero
POINTS = {"zero_frequency": 2, "lowest_frequency": 3}  # of a profile, for its end to be another than the reference
NOT_ALWAYS = "it does not hold maps of one size for all images"
ALIKE = "its maps are the same for all images"
ROUNDING = 1e-5  # nats: what float32 leaves of a change by nothing
AGAINST = {"zero_frequency": 0, "lowest_frequency": PLACES}


class FeatureSpectrum(Exam):
    """Relative log amplitude of feature maps, layer by layer, and how each layer changes it.

    For each image and layer, log A(f) = mean over channels of ln(|F(f)| + 1e-6), F the 2-D Fourier transform of a map, along
    the half diagonal from zero frequency outwards (arXiv 2202.06709; ``profile`` radial: mean over rings). The relative log
    amplitude is log A(f) - log A(0): natural logarithms, relative to zero frequency, not the amplitude itself. It is taken
    before BatchNorm is folded, of outputs (c, h, w) or (h, w, c), where h and w have the proportions of the frame; of tokens
    (t, c), a square after 0, 1, 2 or 5 class and register tokens, which are dropped, or ``grid``; and of attention's heads
    (heads, t, c). Maps below 3 x 3 have no frequency between zero and Nyquist, and outputs that are not one an image (windows)
    are no maps: both are left out.

    f counts from 0 to 1, the last frequency below Nyquist, (n/2 - 1) / (n/2) of it for even sizes n: as in the paper, where it
    is called pi. Nine places, linear in between. Maps of different sizes have different ends.

    Removing a map's mean lowers log A(0) alone and so raises the whole curve without touching detail; normalisation does so.
    Changes are therefore given against zero frequency (as published) and against the lowest frequency above zero, to which
    means are nothing: BatchNorm changes that by 0, but for the 1e-6. Profiles of two points (maps of 3 x 3 and 4 x 4) end
    at that frequency: steps that such maps go into or come out of have no change against it. The paper's claims are on
    blocks as a whole, such as self-attention, or convolutions with their norms and activations; not on a convolution alone.

    Which layers: convolutions, norms, activations, attentions, pools, sums and blocks (modules of several steps that hold no
    other such) with maps; if these and the steps before them are more than 80, fewer of each kind, evenly over depth. Blocks
    that are self-attention as a whole count as attention: those named attn, attention, self_attn or self_attention, or that
    call torch's function for it.

    Measures:
        relative_log_amplitude {layer, kind, depth, frequency}: mean over images; depth is the number in the order of use.
        change_at_nyquist {layer, kind, depth, source, size: kept | changed, against: zero_frequency | lowest_frequency}: of the
            curve's end, by any step but a sum: its own less that of its source, the step whose output it takes, paired by
            image. Where the size changes, the two ends are not one frequency of the picture.
        mean_change_at_nyquist {kind, size, against}: mean of these over steps, for each image, then over images.
        steps, lowering_steps {kind, size, against}: number of these steps, and of those whose mean change is below 0.
        steps_without_map {reason}: steps of the net that were left out. So are steps whose maps are the same for all images,
            which hold nothing of the picture, and changes into and out of them.
    Changes below 1e-5 nats are rounding and count as 0.
    Intervals are over images, and n counts them; the steps of the net are all there are, or the chosen ones.

    Rows: ``relative_log_amplitude``, for each layer in the order of use nine places and the lowest frequency above zero.
    """

    name: ClassVar[str] = "feature_spectrum"
    headline: ClassVar[tuple[str, ...]] = ("mean_change_at_nyquist",)
    title: ClassVar[str] = "Spectra of feature maps"
    explanation: ClassVar[str] = (
        "Inside the network an image becomes stacks of maps, and each layer keeps, sharpens or blurs their fine detail; here "
        "the amount of detail is measured after every step. Self-attention is said to blur and convolution to sharpen, and a "
        "network that carries much fine detail to its end can be swayed by noise there."
    )
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")

    layers: tuple[str, ...] | None = Field(
        None, min_length=1, description="Names of layers; default: by kind and depth."
    )
    images: int = Field(200, ge=1, description="At most so many images, the first of the seeded order.")
    profile: Profile = Field("diagonal", description="diagonal (as published), or radial: means over rings.")
    grid: tuple[int, int] | None = Field(None, description="(height, width) of a transformer's tokens if no square.")

    @field_validator("grid")
    @classmethod
    def _sides(cls, grid: tuple[int, int] | None) -> tuple[int, int] | None:
        if grid is not None and min(grid) < 1:
            raise ValueError("give two numbers above 0")
        return grid

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """All layers at once. Raises UnknownNameError if there is no such layer."""
        return None if so_far else (self._query(subject),)

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image."""
        query = self._query(batch.subject)
        read = answers.features(query).values
        nothing = np.full((len(batch.ids), PER_LAYER), np.nan, np.float32)
        layers = query.tap.layers if query.tap else ()
        row = np.concatenate([read.get(name, nothing) for name in layers] or [nothing], axis=1)
        return Tally({"relative_log_amplitude": row.astype(np.float32)})

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Curves, changes of each step, and their means by kind."""
        steps, rows = self._steps(subject), tally.rows["relative_log_amplitude"].astype(np.float64)
        read = {name: rows[:, PER_LAYER * j : PER_LAYER * (j + 1)] for j, name in enumerate(steps.read)}
        alike = {name for name, curves in read.items() if _all_alike(curves)}
        found = [e for step in steps.shown for e in self._curve(step, read, step.name in alike)]
        found += self._changes(steps, {name: curves for name, curves in read.items() if name not in alike})
        for reason, count in (steps.without_map | ({ALIKE: len(alike)} if alike else {})).items():
            found.append(
                self.estimate(
                    "steps_without_map", unit="count", value=float(count), n=len(steps.all), at={"reason": reason}
                )
            )
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Curves at a few depths, their ends over depth, and changes by kind."""
        return charts(estimates)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """What self-attention, convolution and the other kinds do."""
        return findings(estimates)

    def _steps(self, subject: Subject) -> Steps:
        return Steps(subject, self.layers, self.grid)

    def _query(self, subject: Subject) -> Query:
        layers = self._steps(subject).read
        tap = RelativeSpectrum(layers, frame=subject.size, grid=self.grid, profile=self.profile, places=PLACES)
        return Query(reading="layers", tap=tap)

    def _curve(self, step: Step, read: Mapping[str, Array], alike: bool) -> Iterator[Estimate]:
        rows = read.get(step.name, np.empty((0, PER_LAYER)))
        reason = step.reason or (NOT_ALWAYS if np.isnan(rows).any() else ALIKE if alike else "")
        for j, interval in enumerate(means(rows[:, :PLACES])):
            at = {**step.at, "frequency": j / (PLACES - 1)}
            yield self.estimate("relative_log_amplitude", unit="nats", at=at, **figure(interval, reason))

    def _changes(self, steps: Steps, read: Mapping[str, Array]) -> Iterator[Estimate]:
        """For each step that has one before it, and in the mean over those of a kind."""
        kinds: dict[tuple[str, str, str], list[Array]] = {}
        for step in steps.shown:
            ends = [read.get(name) for name in (step.name, step.source)] if step.compared else []
            if not ends or any(curves is None or np.isnan(curves).any() for curves in ends):
                continue
            size = "changed" if step.resized else "kept"
            points = min(profile_length(*s.size, self.profile) for s in (step, steps.all[step.source]) if s.size)
            told = {against: j for against, j in AGAINST.items() if points >= POINTS[against]}
            change = np.stack([_end(read[step.name], j) - _end(read[step.source], j) for j in told.values()], 1)
            change[np.abs(change) < ROUNDING] = 0.0
            for against, column, interval in zip(told, change.T, means(change), strict=True):
                kinds.setdefault((step.kind, size, against), []).append(column)
                at = {**step.at, "source": step.source, "size": size, "against": against}
                yield self.estimate("change_at_nyquist", unit="nats", at=at, **figure(interval))
        for size in ("kept", "changed"):
            for kind in CHANGING:
                for against in AGAINST:
                    if (kind, size, against) in kinds:
                        at = {"kind": kind, "size": size, "against": against}
                        yield from self._of_kind(at, np.stack(kinds[kind, size, against], 1))

    def _of_kind(self, at: Mapping[str, Any], changes: Array) -> Iterator[Estimate]:
        """Of changes (n, steps)."""
        (interval,) = means(changes.mean(1)[:, None])
        yield self.estimate("mean_change_at_nyquist", unit="nats", at=at, **figure(interval))
        for measure, count in (("steps", changes.shape[1]), ("lowering_steps", int((changes.mean(0) < 0).sum()))):
            yield self.estimate(measure, unit="count", value=float(count), n=changes.shape[1], at=at)


def _all_alike(curves: Array) -> bool:
    """Whether several images have one and the same curve (n, PER_LAYER)."""
    return len(curves) > 1 and bool(np.ptp(curves, axis=0).max() < ROUNDING)


def _end(curve: Array, reference: int) -> Array:
    """The end of curves (n, PER_LAYER) relative to one of their places: (n,)."""
    return np.asarray(curve[:, PLACES - 1] - curve[:, reference])
