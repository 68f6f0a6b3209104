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
from eyechart.exams.feature_spectrum_channels import change
from eyechart.exams.feature_spectrum_pictures import charts, findings
from eyechart.exams.feature_spectrum_steps import CHANGING, Step, Steps
from eyechart.spectrum.relative import Profile, profile_length
from eyechart.stats.intervals import means
from eyechart.views.feature_maps import RelativeSpectrum

PLACES = 9
PER_LAYER = PLACES + 1  # the last is the lowest frequency above zero
POINTS = {"zero_frequency": 2, "lowest_frequency": 3}  # of a profile, for its end to be another than the reference
NOT_ALWAYS = "it does not hold maps of one size for all images"
ALIKE = "its spectra are the same for all images"
ALL_FLAT = "in some images all channels before or after it are flat"
SAME = 1e-5  # nats: curves of one and the same map differ by less, in float32
LOWERED = -0.01  # nats, 1 %: the authors' floor of 1e-6 alone moves the ends of faint maps by less
AGAINST = ("zero_frequency", "lowest_frequency")
FLAT = "flat"  # beside them: the share of channels left out
PER_STEP = len(AGAINST) + 1


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

    Of a flat channel (constant, being dead or pruned; ``eyechart.spectrum.relative.flat``) the 1e-6 is all there is above zero
    frequency: -14 nats and less, so that few of them would rule the mean. Changes leave them out: those by norms, activations
    and pools the channels that are flat on either side, those by other steps, which mix channels, on each side its own. Curves
    hold all channels, as published, so changes need not be their differences.

    Which layers: convolutions, norms, activations, attentions, pools, sums and blocks (modules of several steps that hold no
    other such) with maps; if these and the steps before them are more than 80, fewer of each kind, evenly over depth. Blocks
    that are self-attention as a whole count as attention: those named attn, attention, self_attn or self_attention, or that
    call torch's function for it.

    Measures:
        relative_log_amplitude {layer, kind, depth, frequency}: mean over images; depth is the number in the order of use.
        change_at_nyquist {layer, kind, depth, source, size: kept | changed, against: zero_frequency | lowest_frequency}: of the
            end, mean over channels that are not flat, by any step but a sum: its own less that of its source, the step whose
            output it takes, paired by image. Where the size changes, the two ends are not one frequency of the picture.
        flat_share {layer, kind, depth, source, size}: share of the channels before and after it that this leaves out.
        mean_change_at_nyquist {kind, size, against}: mean of these over steps, for each image, then over images.
        mean_flat_share {kind, size}: likewise.
        steps, lowering_steps {kind, size, against}: number of these steps, and of those whose mean change is below -0.01 (1 %):
            the 1e-6 alone moves the ends of faint maps by less.
        steps_left_out {reason}: steps of the net (n: all of them) without maps; and, of those that were read (n), steps whose
            spectra are the same for all images, as of maps that hold nothing of the picture: changes into and out of them are
            left out, too.
    Intervals are over images, and n counts them; the steps of the net are all there are, or the chosen ones.

    Rows: ``relative_log_amplitude``, for each layer in the order of use nine places and the lowest frequency above zero;
    ``change_at_nyquist``, for each step with a source both changes and the share left out.
    """

    name: ClassVar[str] = "feature_spectrum"
    version: ClassVar[int] = 2
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
        steps, read = self._steps(batch.subject), answers.features(self._query(batch.subject)).values
        curves = {name: values[:, :PER_LAYER] for name, values in read.items()}
        channels = {name: values[:, PER_LAYER:] for name, values in read.items()}
        changes = {
            step.name: change(channels[step.name], channels[step.source], paired=step.keeps_channels)
            for step in steps.compared
            if step.name in read and step.source in read
        }
        n, compared = len(batch.ids), [step.name for step in steps.compared]
        row, changed = _row(curves, steps.read, n, PER_LAYER), _row(changes, compared, n, PER_STEP)
        return Tally({"relative_log_amplitude": row, "change_at_nyquist": changed})

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Curves, changes of each step, and their means by kind."""
        steps, rows = self._steps(subject), tally.rows["relative_log_amplitude"].astype(np.float64)
        read = {name: rows[:, PER_LAYER * j : PER_LAYER * (j + 1)] for j, name in enumerate(steps.read)}
        alike = {name for name, curves in read.items() if _all_alike(curves)}
        found = [e for step in steps.shown for e in self._curve(step, read, step.name in alike)]
        told = {name for name, curves in read.items() if name not in alike and not np.isnan(curves).any()}
        found += self._changes(steps, told, tally.rows["change_at_nyquist"].astype(np.float64))
        left_out = [(reason, count, len(steps.all)) for reason, count in steps.without_map.items()]
        left_out += [(ALIKE, len(alike), len(read))] if alike else []
        found += [
            self.estimate("steps_left_out", unit="count", value=float(count), n=n, at={"reason": reason})
            for reason, count, n in left_out
        ]
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

    def _changes(self, steps: Steps, told: set[str], rows: Array) -> Iterator[Estimate]:
        """Of each step, then in the mean over those of a kind; only into and out of the ``told`` ones."""
        kinds: dict[tuple[str, str, str], list[Array]] = {}
        for k, step in enumerate(steps.compared):
            if not {step.name, step.source} <= told:
                continue
            points = min(profile_length(*s.size, self.profile) for s in (step, steps.all[step.source]) if s.size)
            columns = dict(zip((*AGAINST, FLAT), rows[:, PER_STEP * k : PER_STEP * (k + 1)].T, strict=True))
            own = {what: column for what, column in columns.items() if points >= POINTS.get(what, 0)}
            yield from self._of_step(step, own)
            for what, column in own.items():
                if not np.isnan(column).any():
                    kinds.setdefault((step.kind, step.change["size"], what), []).append(column)
        for (kind, size, what), found in sorted(kinds.items(), key=_in_order):
            yield from self._of_kind({"kind": kind, "size": size}, what, np.stack(found, 1))

    def _of_step(self, step: Step, own: Mapping[str, Array]) -> Iterator[Estimate]:
        for what, column in own.items():
            missing = np.isnan(column)
            (interval,) = means(np.where(missing, 0.0, column)[:, None])
            fields = figure(interval, ALL_FLAT if missing.any() else "")
            if what == FLAT:
                yield self.estimate("flat_share", unit="share", at=step.change, **fields)
            else:
                yield self.estimate("change_at_nyquist", unit="nats", at={**step.change, "against": what}, **fields)

    def _of_kind(self, at: Mapping[str, Any], what: str, columns: Array) -> Iterator[Estimate]:
        """Of changes, or shares of flat channels, (n, steps)."""
        (interval,) = means(columns.mean(1)[:, None])
        if what == FLAT:
            yield self.estimate("mean_flat_share", unit="share", at=at, **figure(interval))
            return
        at, count = {**at, "against": what}, columns.shape[1]
        yield self.estimate("mean_change_at_nyquist", unit="nats", at=at, **figure(interval))
        for measure, value in (("steps", count), ("lowering_steps", int((columns.mean(0) < LOWERED).sum()))):
            yield self.estimate(measure, unit="count", value=float(value), n=count, at=at)


def _row(read: Mapping[str, Array], names: Sequence[str], n: int, width: int) -> Array:
    """What was read of steps one after another, (n, width) each: NaN where nothing was."""
    nothing = np.full((n, width), np.nan)
    return np.concatenate([read.get(name, nothing) for name in names] or [nothing], axis=1).astype(np.float32)


def _in_order(kind: tuple[tuple[str, str, str], Any]) -> tuple[int, ...]:
    (name, size, what), _ = kind
    return size == "changed", CHANGING.index(name), (*AGAINST, FLAT).index(what)


def _all_alike(curves: Array) -> bool:
    """Whether several images have one and the same curve (n, PER_LAYER)."""
    return len(curves) > 1 and bool(np.ptp(curves, axis=0).max() < SAME)
