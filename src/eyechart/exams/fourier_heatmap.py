"""The errors that plane waves of each frequency cause (Yin et al., NeurIPS 2019, arXiv 1906.08988)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.words import figure
from eyechart.errors import SettingError, UnknownNameError
from eyechart.exams.fourier_heatmap_pictures import charts, findings
from eyechart.exams.fourier_heatmap_waves import Chosen, Part, Preset, grids
from eyechart.stats.halves import choosing_half
from eyechart.stats.intervals import differences, means, ratios, wilson
from eyechart.views.change import LayerChange
from eyechart.views.waves import Phase, Wave, default_norm

SHARES = ("clipped_share", "scattered_share")


class FourierHeatmap(Exam):
    """How much harm a plane wave does, frequency by frequency: one wave is added to each image at a time.

    x~ = clip(x + s_c v U, 0, 1) in the model's frame, before normalisation: U the real plane wave of L2 norm 1 at the
    frequency (fy, fx) in cycles per image, s_c = -1 or +1 drawn for each channel and image, the same for all waves. A wave
    and its mirror (-fy, -fx) are one wave and asked for once. v is 4 at 32 pixels and 15.7 at 224 (the paper), in between
    and beyond 4 (side / 32)^0.70, side = sqrt(height * width). On frames that are not square a radius is
    hypot(fy / height, fx / width) times the longer side, and n that side.

    Which waves: ``full`` all (514 at 32 x 32 pixels); ``paper`` those with |fy| and |fx| up to 31 (the paper's 63 x 63 of
    ImageNet: 1,985); ``coarse`` at most 14 frequencies across the plane, evenly spaced, then twice zoomed in by four around
    zero (148 at 224 x 224, steps 16, 4, 1); ``auto`` full up to 600 waves, else coarse. Time grows with their number.

    Measures, for each wave at {fy, fx, radius, radius_nyquist} (radius as a share of n/2):
        error_rate: share of images whose top class is not the label.
        answer_change_rate: share of images whose top class differs from that of the clean image; needs no labels.
        logit_change: mean L2 change of the logits, each set less its mean (adding a constant to all changes no answer).
        feature_change (with ``layer``): mean L2 change of that layer's outputs before BatchNorm is folded (the paper's feature
            version; it divides its map by its maximum, the report does so by its colours).
    For each ring of waves at {ring, radius, radius_nyquist} (the mean over its part of the full plane; a ring is the nearest
    integer radius, with ``coarse`` half an octave, zero frequency alone; radius is the ring's mean):
        ring_error_rate, ring_answer_change_rate: means of the above, intervals resample images.
        ring_clipped_share: share of the noise's energy that clipping took from the wave's own frequency.
        ring_scattered_share: the part of it that clipping moved to other frequencies; the rest is gone.
    For thirds of the plane at {third: low | middle | high} (radii up to n/6, up to n/3, beyond, with the corners; without
    zero frequency):
        third_error_rate, third_answer_change_rate: as for rings.
        third_error_rise: third_error_rate less clean_error, paired by image.
    And:
        clean_error: share of images whose clean answer is not the label.
        clipped_share, scattered_share: means over all waves.
        highest_error_rate {fy, fx, radius, radius_nyquist}: of the most harmful wave; it is chosen on every other image of each
            class and measured on the rest, so that the choice among many does not flatter it.
        norm, waves {height, width}: v, and the number of waves asked for, in frames of this size.
    Errors count images with a label. Each wave's clipped share is in the rows only.

    Rows: ``image_top1``, and arrays in the order of the waves ``wave_top1``, ``wave_logit_change``,
    ``wave_clipped_share``, ``wave_scattered_share``, and with ``layer`` ``wave_feature_change``.
    """

    name: ClassVar[str] = "fourier_heatmap"
    headline: ClassVar[tuple[str, ...]] = ("clean_error", "third_error_rise", "highest_error_rate")
    chosen: ClassVar[Mapping[str, tuple[str, ...]]] = {"highest_error_rate": ("fy", "fx", "radius", "radius_nyquist")}
    title: ClassVar[str] = "Fourier heat map"
    explanation: ClassVar[str] = (
        "Stripes of one width and direction are laid over each image, from broad ones to the finest the pixels can show, "
        "and for each kind the errors are counted. Where errors are many, this scale of detail sways the model, and whatever "
        "disturbs it (haze for broad stripes, grain for fine ones) will mislead the model, too."
    )

    norm: float | None = Field(
        None, ge=0, description="L2 norm v of the noise a channel; default 4 at 32 pixels, 15.7 at 224."
    )
    preset: Preset = Field("auto", description="Which waves: full, paper, coarse, or auto (full up to 600 waves).")
    radius: float | None = Field(None, ge=0, description="Leaves out waves of a larger radius, cycles per image.")
    phase: Phase = Field("official", description="official (pi/4), cosine (0), or random, drawn for each image.")
    layer: str | None = Field(
        None, description="Also measure how far this layer moves (see eyechart layers MODEL); takes twice the time."
    )
    images: int = Field(1000, ge=1, description="At most so many images, the first of the seeded order.")

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass and one wave at a time."""
        if so_far:
            return None
        return (CLEAN, *self._queries(subject), *self._layer_queries(subject))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image, an entry per wave in the wave columns."""
        clean, asked = answers[CLEAN], [answers[q] for q in self._queries(batch.subject)]
        counts = np.int16 if batch.subject.n_classes < 2**15 else np.int32
        before = _centred(clean.values)
        change = [np.linalg.norm(_centred(answer.values) - before, axis=1) for answer in asked]
        rows: dict[str, Array] = {
            "image_top1": clean.top1.astype(counts),
            "wave_top1": np.stack([answer.top1 for answer in asked], 1).astype(counts),
            "wave_logit_change": np.stack(change, 1).astype(np.float32),
        }
        if self.layer is not None:
            moved = [answers.features(q).values[self.layer] for q in self._layer_queries(batch.subject)]
            rows["wave_feature_change"] = np.stack(moved, 1).astype(np.float32)
        for share in SHARES:
            rows[f"wave_{share}"] = np.stack([answer.notes[share] for answer in asked], 1).astype(np.float32)
        return Tally(rows)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Figures per wave, ring and third; errors only over images with a label."""
        chosen, rows, n = self._chosen(subject), tally.rows, len(labels)
        frame = {"height": subject.size[0], "width": subject.size[1]}
        found = [
            self.estimate("norm", unit="L2 norm", value=self._norm(subject), n=n, at=frame),
            self.estimate("waves", unit="count", value=float(len(chosen.among)), n=n, at=frame),
        ]
        changed = rows["wave_top1"] != rows["image_top1"][:, None]
        wrong = rows["wave_top1"] != labels[:, None]
        known = labels >= 0
        if known.any():
            clean = rows["image_top1"] != labels
            found += self._errors(clean[known], wrong[known], choosing_half(labels[known]), chosen)
        found += self._summaries("answer_change_rate", changed, chosen)
        for share in SHARES:
            found += self._parts(share, rows[f"wave_{share}"], [chosen.whole])
            found += self._parts(f"ring_{share}", rows[f"wave_{share}"], chosen.ring_parts)
        if known.any():
            found += self._by_wave("error_rate", wrong[known], chosen)
        found += self._by_wave("answer_change_rate", changed, chosen)
        for change, unit in (("logit_change", "logits"), ("feature_change", "L2 norm")):
            moved = rows.get(f"wave_{change}", np.empty((n, 0)))
            for at, interval in zip(chosen.places, means(moved) if moved.size else (), strict=bool(moved.size)):
                found.append(self.estimate(change, unit=unit, at=at, **figure(interval)))
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """The maps of errors and of change, the curves over the radius, what clipping did."""
        size = estimates.of("norm")[0].at
        return charts(estimates, self._of_size((size["height"], size["width"])), self.layer)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """At which frequencies the model is weak."""
        size = estimates.of("norm")[0].at
        return findings(estimates, self._of_size((size["height"], size["width"])))

    def _of_size(self, size: tuple[int, int]) -> Chosen:
        return Chosen(size, grids(size, self.preset), self.radius)

    def _chosen(self, subject: Subject) -> Chosen:
        return self._of_size(subject.size)

    def _norm(self, subject: Subject) -> float:
        return default_norm(subject.size) if self.norm is None else self.norm

    def _views(self, subject: Subject) -> list[Wave]:
        norm = self._norm(subject)
        return [Wave(fy, fx, norm, self.phase) for fy, fx in self._chosen(subject).points.tolist()]

    def _queries(self, subject: Subject) -> list[Query]:
        return [Query(view) for view in self._views(subject)]

    def _layer_queries(self, subject: Subject) -> list[Query]:
        """None without a layer. Raises UnknownNameError (no such layer) or SettingError (not one output an image)."""
        if self.layer is None:
            return []
        names = [layer.name for layer in subject.layers]
        if names and self.layer not in names:
            raise UnknownNameError.of(
                self.layer, names, setting="fourier_heatmap.layer", hint="See: eyechart layers MODEL."
            )
        if self.layer not in [layer.name for layer in subject.layers if layer.each] and names:
            raise SettingError(
                "What this layer gives is not one output an image (windows, or the same for all), so it cannot be compared.",
                setting="fourier_heatmap.layer",
                value=self.layer,
                way_out="Name a layer before or after it. See: eyechart layers MODEL.",
            )
        return [Query(view, "layers", tap=LayerChange((self.layer,))) for view in self._views(subject)]

    def _errors(self, clean: Array, wrong: Array, choosing: Array, chosen: Chosen) -> Iterator[Estimate]:
        """Errors in few figures: on clean images (n,) and under waves (n, m); ``choosing``: the images to choose a wave by."""
        yield self.estimate("clean_error", **figure(wilson(int(clean.sum()), len(clean))))
        for part in chosen.third_parts:
            (rise,) = differences(wrong @ part.weights[:, None] / part.weights.sum(), clean[:, None])
            yield self.estimate("third_error_rise", unit="difference of shares", at=part.at, **figure(rise))
        if len(wrong) > 1:
            worst = int(wrong[choosing].sum(0).argmax())
            rest = wilson(int(wrong[~choosing, worst].sum()), int((~choosing).sum()))
            yield self.estimate("highest_error_rate", at=chosen.places[worst], **figure(rest))
        yield from self._summaries("error_rate", wrong, chosen)

    def _summaries(self, measure: str, events: Array, chosen: Chosen) -> Iterator[Estimate]:
        """Shares of 0/1 events (n, m) by third and ring."""
        yield from self._parts(f"third_{measure}", events, chosen.third_parts, share=True)
        yield from self._parts(f"ring_{measure}", events, chosen.ring_parts, share=True)

    def _by_wave(self, measure: str, events: Array, chosen: Chosen) -> Iterator[Estimate]:
        for at, count in zip(chosen.places, events.sum(0).tolist(), strict=True):
            yield self.estimate(measure, at=at, **figure(wilson(count, len(events))))

    def _parts(self, measure: str, values: Array, parts: Sequence[Part], share: bool = False) -> Iterator[Estimate]:
        """Means of (n, m) over parts of the plane, one set of resamples for all."""
        weights = np.stack([part.weights for part in parts], 1) if parts else np.empty((values.shape[1], 0))
        sums = values.astype(np.float64) @ weights
        intervals = ratios(sums, np.broadcast_to(weights.sum(0), sums.shape), share=share)
        for part, interval in zip(parts, intervals, strict=True):
            yield self.estimate(measure, at=part.at, **figure(interval))


def _centred(values: Array) -> Array:
    """Logits (n, k), each set less its mean: what of them bears on the answer."""
    return np.asarray(values - values.mean(axis=1, dtype=np.float64, keepdims=True))
