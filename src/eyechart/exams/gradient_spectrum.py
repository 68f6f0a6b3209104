"""At which frequencies the loss is most sensitive to the image (Lin et al., NeurIPS 2023, its gradient strengths)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.tally import Tally, sums_by_block
from eyechart.core.view import Plain
from eyechart.exams.gradient_spectrum_figures import figures
from eyechart.exams.gradient_spectrum_pictures import charts, findings
from eyechart.exams.gradient_spectrum_rows import Plan, measured
from eyechart.exams.gradient_spectrum_strength import Channel, Columns
from eyechart.spectrum.grid import Units

GRADIENT, PIXELS = Query(Plain(), "gradient"), Query(Plain(), "pixels")
CHUNK_BYTES = 32 << 20


class GradientSpectrum(Exam):
    """Strength of the loss's gradient at each frequency of the input: where a small change moves the answer most.

    For each image g is the gradient of the negative log likelihood of its label with respect to the pixels (in [0, 1],
    before normalisation), and G = |fft2(g)| its strength at a frequency, a root mean square over channels; both in nats
    per unit of pixel value (the paper's code averages g over channels first, ``channel`` mean, which cancels colours
    against each other and can make gradients look much finer than they are). Sums over images are unnormalised, as in
    the paper (images with a high loss weigh most), unless ``normalise``. Frequencies are ranked in each image from
    strongest (rank 0, percentile 0) to weakest (percentile 100), one of each mirror pair: 514 at 32 pixels. The head of
    an image is the smallest disc of frequencies that holds 80 % of its grey picture's power without zero frequency;
    beyond means D > radius. Images without a label or whose gradient is exactly zero have no part in any figure. What
    lies below 1e-5 of an image's root mean square strength is rounding: strength 0 and no rank.

    Measures, at {radius, radius_nyquist} (radius as a share of n/2) unless said otherwise:
        share_beyond_head (no coordinates): share of the gradient's power G^2 beyond the image's own head; mean over images.
        image_share_beyond_head (none): the same share of the image's own power, without zero frequency.
        frequencies_beyond_head (none): share of all frequencies that lie there: what an even gradient would have.
        relative_power_beyond_head (none): mean power of a frequency there over mean power of all, mean over images; 1 = even.
        share_beyond, image_share_beyond, frequencies_beyond, relative_power_beyond: likewise beyond a fixed radius.
        head_radius (none): mean over images, cycles per image.
        gini (none): Gini coefficient of an image's strengths, mean over images: 0 = the same at every frequency, near 1 = all
            at one. Noise without structure gives 0.17 (three independent channels) to 0.29 (one).
        half_of_strength (none): smallest share of the images that hold half of the strength of all.
        gradient_norm (none): median L2 norm of g.
        radius_at_rank {percentile, rank}: median radius of the frequency that holds the rank; interval from order statistics.
            Zero and Nyquist, which mirror themselves, have one phase only and vary more: of 32-pixel noise they hold the
            weakest rank in about 10 % of the images and the strongest in 5 %, against 0.8 % of a middle rank.
        beyond_head_at_rank {percentile, rank}: share of images in which it lies beyond the head.
        radius_density {percentile, rank, radius}: kernel density of that radius over images, per cycle per image.
        strength_at_rank {percentile, rank}: mean over images of the strengths at a rank (times n: the paper's sum).
        ring_strength {ring, radius, radius_nyquist}: mean of G on the ring ring <= D < ring + 1 over the mean of all
            frequencies, of sums over images; 1 = even. Its radius is the mean D on the ring.
        image_ring_strength {ring, radius, radius_nyquist}: the same of the images' own amplitudes, without zero frequency.
        map_strength {fy, fx}: mean of G in a square cell around a frequency (single frequencies up to 33 pixels) over the mean
            of all; the half plane fx >= 0, the rest mirrors it.
        zero_gradients, without_label (none): images left out.

    Rows: ``top1``, ``nll``, ``zero_gradient``, ``gradient_norm``, ``strength`` (mean of G over all frequencies),
    ``ring_strength`` (mean of G, by ring), ``rank_strength`` and ``rank_radius`` (by percentile), ``gini``, ``head_radius``,
    ``frequencies_beyond_head``, ``share_beyond_head``, ``image_share_beyond_head``, ``share_beyond`` and
    ``image_share_beyond`` (by radius). NaN where undefined.
    """

    name: ClassVar[str] = "gradient_spectrum"
    headline: ClassVar[tuple[str, ...]] = (
        "share_beyond_head",
        "image_share_beyond_head",
        "relative_power_beyond_head",
        "gini",
    )
    title: ClassVar[str] = "What the loss feels, by fineness"
    explanation: ClassVar[str] = (
        "The gradient of the loss says how each pixel would have to change to make the model more wrong; split into waves, it "
        "shows whether coarse shading or fine grain moves the model most. A model that is most sensitive where "
        "photographs hold almost nothing can be fooled by a little detail of that kind."
    )
    needs_labels: ClassVar[bool] = True

    columns: Columns = Field(
        "unique", description="Frequencies ranked: one of each mirror pair; parity: the code's n x (n/2 + 1), G + 1e-8."
    )
    channel: Channel = Field(
        "rms", description="Channels: root mean square of their strengths; mean: of g first (code)."
    )
    normalise: bool = Field(
        False, description="Divide each image's strengths by their sum, so that all images weigh alike."
    )
    percentiles: tuple[float, ...] = Field(
        (0, 20, 40, 60, 80, 100), description="Ranks to look at; parity: the code's 0, 100, 200, 300, 400, last of 544."
    )
    radii: tuple[float, ...] | None = Field(
        None, description="Cycles per image, for shares beyond; default a quarter, half, three quarters and all of n/2."
    )
    head_share: float = Field(0.8, gt=0, lt=1, description="Share of an image's power in its head.")
    zero_frequency: bool = Field(True, description="Count zero frequency (brightness) in the gradient's shares.")
    units: Units = Field("index", description="Radius on frames that are not square.")

    @field_validator("percentiles")
    @classmethod
    def _rising(cls, percentiles: tuple[float, ...]) -> tuple[float, ...]:
        if not percentiles or len(set(percentiles)) < len(percentiles) or not all(0 <= p <= 100 for p in percentiles):
            raise ValueError("give one percentile or more, all different, from 0 to 100")
        return tuple(sorted(percentiles))

    @field_validator("radii")
    @classmethod
    def _distinct_radii(cls, radii: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if radii is not None and (not radii or len(set(radii)) < len(radii) or not all(0 <= r < np.inf for r in radii)):
            raise ValueError("give one radius or more, all different, none below 0")
        return radii if radii is None else tuple(sorted(radii))

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The answer, the gradient and the pixels of the plain image."""
        return None if so_far else (CLEAN, GRADIENT, PIXELS)

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image; sums over those that count of strengths by rank, by cell, and of the images' amplitudes."""
        labelled = answers.signal(GRADIENT).valid & (batch.labels >= 0)
        tallies = [self._read(answers, batch, labelled, part) for part in self._chunks(answers)]
        tally, clean = Tally.merge(tallies), answers[CLEAN]
        said = {"top1": clean.top1.astype(np.int32), "nll": clean.nll(batch.labels).astype(np.float32)}
        return replace(tally, rows={**said, **tally.rows})

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Over the images that have a label and a gradient."""
        return figures(self.name, tally, labels, self._plan(subject))

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """The paper's two rows, strength by ring, and the plane."""
        return charts(estimates, self.normalise)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Where the gradient lives, compared with the images' energy and with an even gradient."""
        return findings(estimates)

    def _chunks(self, answers: Answers) -> Iterator[slice]:
        """Few images at a time: spectra in float64 take eight times the memory of 8-bit frames."""
        values = answers.signal(GRADIENT).values
        step = max(1, CHUNK_BYTES // (16 * values[0].numel()))
        return (slice(at, at + step) for at in range(0, len(values), step))

    def _read(self, answers: Answers, batch: Batch, labelled: Array, part: slice) -> Tally:
        gradients, pixels = (_exact(answers.signal(query).values[part]) for query in (GRADIENT, PIXELS))
        known = torch.from_numpy(labelled[part]).to(gradients.device)
        gradients = torch.where(known[:, None, None, None], gradients, 0.0)
        rows, summands = measured(gradients, pixels, self._plan(batch.subject))
        rows["zero_gradient"] = labelled[part] & ~(rows["strength"] >= 0)
        return Tally(rows, {name: sums_by_block(values, batch.ids[part]) for name, values in summands.items()})

    def _plan(self, subject: Subject) -> Plan:
        return Plan(
            subject.size,
            self.columns,
            self.channel,
            self.normalise,
            self.percentiles,
            self.radii,
            self.head_share,
            self.zero_frequency,
            self.units,
        )


def _exact(values: torch.Tensor) -> torch.Tensor:
    """Where float64 is to be had."""
    return values.cpu() if values.device.type == "mps" else values
