"""Which layers hold detail that their sampling cannot carry (Azulay & Weiss, JMLR 20(184), 2019, section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answers, Query
from eyechart.core.tally import Tally
from eyechart.exams.aliasing_estimates import OfLayer, in_short
from eyechart.exams.aliasing_pictures import charts
from eyechart.exams.aliasing_words import findings
from eyechart.models.following import ended
from eyechart.models.stages import Pick, pick, stages
from eyechart.spectrum.nyquist import Window
from eyechart.views.dense_maps import OF_A_MAP, NyquistShare


class Aliasing(Exam):
    """How much of each layer's maps lies beyond what samples of that density can carry.

    A layer that keeps every S-th unit (S = the product of the strides so far) can follow a moving picture only if the map that
    it samples, r2, holds no frequency at or above 1/(2S), the Nyquist frequency of the samples: then, and only then, its values
    in between are interpolations of its samples (arXiv 1805.12177, JMLR 20(184)). r2 is what the same net says without any
    stride, later kernels dilated by the strides that are left out (the a-trous algorithm). That r2[::S] = r is proved for each
    layer and frame (to 1e-4 of the frame's largest value) before it is measured. The paper argues by this and gives no number;
    this one is ours.

    nyquist_share = sum |F(w (r2 - mean))|^2 over max(|fx|, |fy|) >= 1/(2S), as a share of the sum over all but zero
    frequency; w a Hann window (``window`` none for nets of circular padding). Channels that are the same everywhere are left
    out. White noise of the same size has a share of its own, which grows with S by itself: the ratio to it is what compares
    layers. Layers of stride 1 have neither: they keep all places, and what would be left is the Nyquist frequency itself, which
    maps of odd size do not have. Nor is there a ratio where so few places are kept (four or fewer along a side; two, without
    window) that even the slowest wave would count as too fine, or be made so by the window.

    Whether a step makes things worse is told by what it does at one and the same stride: the map that it samples and its own
    map, both judged at its new stride; and from stride to stride, between steps that skip places. Where power falls with the
    square of the frequency, as in photographs, the ratio grows with the stride, too (at 32 pixels from .3 at stride 2 to .5 at
    stride 4): coarser places do carry less of them. Waves come in whole numbers a frame, and one at the Nyquist frequency
    itself counts: of frames whose side 2S divides a little more counts than of others (ResNet-20: .09 more from stride 2 to 4
    at 32 pixels, .01 at 33). Compare networks at one size.

    Measured on the frame's centre, at most 128 pixels a side, since dense maps cost up to S^2 times what the net's own do.
    Maps of more than 1 GiB are not made. By default at every step that changes the stride, and at the last step of each
    stride; ``layers`` takes names and patterns (see ``eyechart layers``). Dense maps end at the first global pool,
    flattening, attention, normalisation over places, or upsampling.

    Measures, at {layer, depth, stride} (depth: number in the order of use; stride: the larger of rows and columns) and {map:
    output | input} (of the layer itself; of the map that a layer with a stride makes it of, at the new stride: what is there
    to be removed before sampling) and {channels: weighted | median} (by their energy; median channel):
        nyquist_share: mean over images.
        white_noise_share: of white noise of that size, exactly (weighted).
        share_over_white_noise: nyquist_share by white_noise_share; 1 is no worse than noise.
        rise {since: input | layer}: share_over_white_noise of a step that changes the stride, minus that of the map that it
            samples, or of the layer ``earlier``, the last one looked at before it that has the stride before (of 2 or more);
            paired by image; at {layer, depth, stride}.
        receptive_field, total_stride: of the layer in pixels, the larger of rows and columns; at {layer, depth}.
        sampled_from: the total stride before a layer that changes it; at {layer, depth}.
        largest_share_over_white_noise, last_share_over_white_noise: share_over_white_noise (output) of the layer where it is
            largest, and of the last one that has one; at {layer, depth, stride}. As the largest was looked for, its interval is
            widened (Bonferroni) so that those of all the layers that it was picked from would hold at once.
        layers_not_followed {layer, depth}: where following ended at this layer though the net's maps go on: undefined, with
            the reason.
    Intervals are over images; the layers of the net are all there are, or the chosen ones.

    Rows: ``nyquist``, for each layer six numbers: weighted share, median share and that of white noise, of its own map and of
    the map that it samples; NaN where there is none, the third one also where no share would tell anything.
    """

    name: ClassVar[str] = "aliasing"
    headline: ClassVar[tuple[str, ...]] = ("largest_share_over_white_noise", "last_share_over_white_noise")
    version: ClassVar[int] = 3  # by the ratio to white noise, where places are skipped and enough are kept
    title: ClassVar[str] = "Aliasing inside the network"
    explanation: ClassVar[str] = (
        "Networks keep only every second, fourth or eighth place of their maps; detail finer than that is not lost "
        "but turns into false coarse detail, which changes when the picture moves by a pixel. Here is how much of "
        "each layer's map is too fine for the places that are kept."
    )
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")
    chosen: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(headline, ("layer", "depth", "stride"))

    layers: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Names or patterns of layers; default: where the stride changes, and before that.",
    )
    images: int = Field(16, ge=1, description="At most so many images, the first of the seeded order.")
    window: Window = Field("hann", description="hann, or none for nets with circular padding.")

    def most(self, subject: Subject) -> int:
        """``images``."""
        return self.images

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """All layers at once. Raises UnknownNameError if there is no such layer."""
        return None if so_far else (self._query(subject),)

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image."""
        read = answers.features(self._query(batch.subject)).values
        nothing = np.full((len(batch.ids), 2 * OF_A_MAP), np.nan, np.float32)
        parts = [read.get(one.name, nothing) for one in self._picked(batch.subject)]
        return Tally({"nyquist": np.concatenate(parts or [nothing], axis=1).astype(np.float32)})

    def tolerates(self, query: Query) -> bool:
        """A map that is the same everywhere has no share, and layers may lack dense maps."""
        return True

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Shares of each layer, what white noise would have, and what steps change."""
        rows = tally.rows["nyquist"].astype(np.float64)
        width = 2 * OF_A_MAP
        each = [OfLayer(self, one, rows[:, width * j : width * (j + 1)]) for j, one in enumerate(self._picked(subject))]
        found = [e for one in each for e in one.found()]
        found += [e for j, one in enumerate(each) for e in one.rises(each[:j])]
        if not found:
            reason = "no layer of this network could be followed from the picture on"
            found.append(self.estimate("nyquist_share", value=None, n=len(rows), reason=reason))
        return Estimates([*found, *in_short(self, found), *self._ended(subject, len(rows))])

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Shares over depth, before and after each sampling, and the strides."""
        return charts(estimates)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Which step makes detail that its places cannot carry, what is sampled worst, and where following ended."""
        return findings(estimates)

    def _picked(self, subject: Subject) -> tuple[Pick, ...]:
        return pick(self.layers, subject.layers, subject.geometry, "aliasing.layers", stages)

    def _query(self, subject: Subject) -> Query:
        names = tuple(one.name for one in self._picked(subject))
        return Query(reading="layers", tap=NyquistShare(names, window=self.window))

    def _ended(self, subject: Subject, n: int) -> Iterator[Estimate]:
        if end := ended(subject.layers, subject.geometry, subject.weights):
            at = {"layer": end.name, "depth": end.depth}
            yield self.estimate("layers_not_followed", unit="count", value=None, n=n, at=at, reason=end.why)
