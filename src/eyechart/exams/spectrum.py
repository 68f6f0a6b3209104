"""Where the images' energy lies: radial spectrum, head and tail, entropy (Lin et al., NeurIPS 2023). Needs no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answers, Query
from eyechart.core.tally import Tally, sums_by_block
from eyechart.core.words import figure
from eyechart.exams.spectrum_pictures import charts, findings
from eyechart.spectrum.density import (
    RadialProfile,
    energy_plane,
    grey,
    head_of_profile,
    profile_of_plane,
    slope_of_profile,
)
from eyechart.spectrum.entropy import band_entropy, normalised_entropy
from eyechart.spectrum.grid import rings
from eyechart.stats.intervals import Interval, means, median, of_blocks

PIXELS = Query(reading="pixels")
CLASS_IMAGES = 5  # fewer say nothing of a class
CHANNELS = ("red", "green", "blue")


class Spectrum(Exam):
    """Radial spectrum of the images as the model gets them: where their energy lies, and how evenly.

    E(k) is the energy on ring k of an image's spectrum; the head is the smallest disc that holds ``share`` of it, the tail
    the rest (arXiv 2211 and NeurIPS 2023, Lin et al.; the conventions they leave open are settings). Energies are those of
    grey images unless ``channel`` says otherwise.

    Measures, at {of: image_mean | image_median | pooled} and, per class, {of: image_mean, class}:
        head_radius: radius of the head, cycles per image; pooled: of the energies of all images added up.
        head_radius_nyquist: the same as a share of n/2.
        slope: of log E over log k for k = 1 to n/2 (rings floor(D), E their mean energy); about -2 for power.
        entropy: H / log K, 1 = all rings hold alike; E is the mean of |F| over rings floor(D).
        entropy_gap: 1 - entropy, the distance from the maximum.
        entropy_share {band: head | tail}: what rings within and beyond the pooled head radius add to entropy.
        energy_share {radius, radius_nyquist}: share of an image's energy on ring floor(D) = radius, mean over the images.
        flat_images: images without any contrast, which have no part in the other figures; count.

    Rows: ``head_radius``, ``slope``, ``entropy``, and per ring ``profile`` (mean energy) and ``density`` (mean |F|).
    """

    name: ClassVar[str] = "spectrum"
    headline: ClassVar[tuple[str, ...]] = ("head_radius", "slope", "entropy")
    title: ClassVar[str] = "Spectrum of the images"
    explanation: ClassVar[str] = (
        "Every image is a sum of waves, few of them coarse and very many of them fine; the coarse ones carry nearly all the "
        "energy. This shows where the energy of these images lies: what is rare in the images, a model "
        "learns late and poorly."
    )
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding", "none")

    share: float = Field(0.8, gt=0, le=1, description="Share of the energy that the head holds.")
    quantity: Literal["power", "amplitude"] = Field("power", description="Energy is |F|^2 or |F|.")
    ring: Literal["sum", "mean"] = Field("sum", description="A ring counts with the sum or the mean of its energies.")
    dc: bool = Field(False, description="Whether brightness (zero frequency) counts.")
    rounding: Literal["continuous", "floor", "round"] = Field(
        "continuous", description="Rings for the head: one a radius, or whole radii."
    )
    units: Literal["index", "isotropic"] = Field("index", description="Radius on frames that are not square.")
    channel: Literal["grey", "red", "green", "blue"] = Field("grey", description="Which plane of the image.")

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The frames, and no answer."""
        return None if so_far else (PIXELS,)

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image; energies added up per radius and hash block."""
        plane = self._plane(answers.signal(PIXELS).values)
        width = plane.shape[-1]
        energy = energy_plane(plane, self.quantity)
        whole = profile_of_plane(energy, width, "mean", False, "floor", self.units)
        density = profile_of_plane(energy_plane(plane, "amplitude"), width, "mean", False, "floor", self.units)
        every = profile_of_plane(energy, width, "sum", True, "continuous", self.units)
        rows = {
            "head_radius": head_of_profile(self._for_head(energy, width), self.share),
            "slope": slope_of_profile(whole, self._last(batch.subject)),
            "entropy": normalised_entropy(density),
            "profile": whole.values,
            "density": density.values,
        }
        sums = {"energy": sums_by_block(every.values.cpu().numpy(), batch.ids)}
        return Tally({name: values.cpu().numpy().astype(np.float32) for name, values in rows.items()}, sums)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Over all images, pooled, per class, and per ring."""
        rows, nyquist = tally.rows, self._last(subject)
        fine = rows["density"].sum(1) > 0
        found = [self.estimate("flat_images", unit="count", value=float((~fine).sum()), n=len(fine))]
        if not fine.any():
            return Estimates([*found, *self._heads("image_mean", figure(Interval(None, None, None, 0, "")), nyquist)])
        rows = {name: values[fine] for name, values in rows.items()}
        pooled = of_blocks(self._pooled_head(subject), tally.sums["energy"], int(fine.sum()))
        found += self._heads("pooled", figure(pooled), nyquist)
        found += self._heads("image_median", figure(median(rows["head_radius"])), nyquist)
        found += self._of_images(rows, {"of": "image_mean"}, nyquist)
        found += self._bands(rows, pooled.value or 0.0, subject)
        found += self._shares(rows, subject, nyquist)
        found += self._classes(rows, labels[fine], subject, nyquist)
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """The profile on log axes with head and tail, and the classes."""
        return charts(estimates, self.share)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Where the energy lies, and flat images."""
        return findings(estimates, self.share)

    def _plane(self, images: torch.Tensor) -> torch.Tensor:
        """The plane (n, h, w) that is measured."""
        if images.shape[1] == 1:
            return images[:, 0]
        return grey(images) if self.channel == "grey" else images[:, CHANNELS.index(self.channel)]

    def _last(self, subject: Subject) -> float:
        """The last whole ring, n/2: of the shorter side, or of the longer one in isotropic units."""
        return (max(subject.size) if self.units == "isotropic" else min(subject.size)) / 2

    def _for_head(self, energy: torch.Tensor, width: int) -> RadialProfile:
        return profile_of_plane(energy, width, self.ring, self.dc, self.rounding, self.units)

    def _pooled_head(self, subject: Subject) -> Any:
        """From energies per radius (..., k) to the head's radius (...,)."""
        every = rings(*subject.size, "continuous", self.units)
        whole = rings(*subject.size, self.rounding, self.units)
        onto = (
            every.radii if self.rounding == "continuous" else (every.radii + 0.5 * (self.rounding == "round")).floor()
        )
        index = torch.searchsorted(whole.radii, onto)
        first = 0 if self.dc else 1

        def head(sums: Array) -> Array:
            values = torch.from_numpy(np.ascontiguousarray(sums))
            values = values.new_zeros((*values.shape[:-1], len(whole.radii))).index_add(-1, index, values)
            if self.ring == "mean":
                values = values / whole.counts
            profile = RadialProfile(whole.radii[first:], values[..., first:], whole.counts[first:])
            return head_of_profile(profile, self.share).numpy()

        return head

    def _heads(self, of: str, told: Mapping[str, Any], nyquist: float, **at: str) -> Iterator[Estimate]:
        yield self.estimate("head_radius", unit="cycles per image", at={"of": of, **at}, **told)
        scaled = {k: told[k] / nyquist if told[k] is not None else None for k in ("value", "low", "high")}
        yield self.estimate("head_radius_nyquist", unit="share of n/2", at={"of": of, **at}, **{**told, **scaled})

    def _of_images(self, rows: Mapping[str, Array], at: Mapping[str, str], nyquist: float) -> Iterator[Estimate]:
        """Means over images."""
        columns = np.stack([rows["head_radius"], rows["slope"], rows["entropy"], 1 - rows["entropy"]], 1)
        head, slope, entropy, gap = (figure(one) for one in means(columns))
        yield from self._heads(told=head, nyquist=nyquist, **at)
        yield self.estimate("slope", unit="log E / log k", at=at, **slope)
        yield self.estimate("entropy", unit="share", at=at, **entropy)
        yield self.estimate("entropy_gap", unit="share", at=at, **gap)

    def _bands(self, rows: Mapping[str, Array], head: float, subject: Subject) -> Iterator[Estimate]:
        on = rings(*subject.size, "floor", self.units)
        profile = RadialProfile(on.radii[1:], torch.from_numpy(rows["density"]).double(), on.counts[1:])
        shares = band_entropy(profile, (0.0, head, np.inf)).numpy()
        for band, interval in zip(("head", "tail"), means(shares), strict=True):
            at = {"of": "image_mean", "band": band}
            yield self.estimate("entropy_share", unit="share", at=at, **figure(interval))

    def _shares(self, rows: Mapping[str, Array], subject: Subject, nyquist: float) -> Iterator[Estimate]:
        on = rings(*subject.size, "floor", self.units)
        energy = rows["profile"].astype(np.float64) * on.counts[1:].numpy()
        shares = energy / energy.sum(1, keepdims=True)
        for radius, interval in zip(on.radii[1:].tolist(), means(shares), strict=True):
            at = {"of": "image_mean", "radius": radius, "radius_nyquist": radius / nyquist}
            yield self.estimate("energy_share", at=at, **figure(interval))

    def _classes(
        self, rows: Mapping[str, Array], labels: Array, subject: Subject, nyquist: float
    ) -> Iterator[Estimate]:
        for label, count in zip(*np.unique(labels[labels >= 0], return_counts=True), strict=True):
            if count >= CLASS_IMAGES:
                mine = {name: rows[name][labels == label] for name in ("head_radius", "slope", "entropy")}
                yield from self._of_images(mine, {"of": "image_mean", "class": subject.class_name(int(label))}, nyquist)
