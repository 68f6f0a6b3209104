"""What the channels of a layer respond to: their means, their best images, and whether they need things in their places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answers, Query
from eyechart.core.ranked import Ranked
from eyechart.core.settings import Distinct
from eyechart.core.tally import Tally, sums_by_block
from eyechart.core.view import View
from eyechart.core.words import figure
from eyechart.exams.channels_cases import by_relevance, cases
from eyechart.exams.channels_layers import Read, looked_at
from eyechart.exams.channels_pictures import charts, findings, histograms
from eyechart.exams.channels_sums import SIGNED, Selectivity, Summed, by_class, selectivity, tallied
from eyechart.views.channel_readings import LEAST, MEAN, ChannelReadings, ChannelRelevance
from eyechart.views.patches import PatchShuffle
from eyechart.views.scrambles import PhaseScramble

if TYPE_CHECKING:
    from eyechart.images.image_set import ImageSet

Twin = Literal["patches", "phases"]
Rank = Literal["activation", "relevance"]
CLASS_BYTES = 64 << 20  # of the sums by class, all layers together
TOO_MANY = "sums by class would take more than 64 MB: name fewer layers"
UNSELECTIVE = "no channel responds, or no two classes have images in both halves"
ALL_DEAD = "no channel of the layer varies from image to image"


class Channels(Exam):
    """What each channel of a layer responds to, over the images: means, extremes, class, and whether places matter.

    a is the mean of a channel over the places of its map (of a vector: the number itself), of the layer as named, before or
    after an activation. Each image is also shown without its order: S with its tiles shuffled (``grid`` x ``grid``), P with
    its phases scrambled (amplitudes kept, one random angle for all colours), each the mean of ``draws`` draws. The
    texture-ness of a channel is the slope of the regression of a(S) on a over images, cov(a, a(S)) / var(a), likewise for P
    (the definition is ours): 1 where the order of the parts is nothing to it, 0 where without it the response is lost. It
    can lie outside 0 to 1. It is a slope over all images, not a ratio on the images with the strongest response: those were
    picked for it, so they fall back in any case. A channel whose units see less than a tile is near 1 whatever it detects, but
    for the seams; tiles and receptive fields are given beside it, and channels of one layer can be compared.

    Memory does not grow with the number of images: sums are kept by 64 hash blocks, which intervals resample; classes' sums by
    halves of the images, if they take no more than 64 MB. Kept are, of each channel, the images with the ``top`` largest and
    smallest maxima over places, and ``top`` images at random, the same for all channels, with the place of the maximum (y, x).
    With ``rank=relevance`` also the images in which the channel has most part in the answer: gradient x activation of the
    class that is answered (its output), summed over places, with the place of the largest product (relevance maximisation,
    Achtibat et al., Nature Machine Intelligence 2023, with gradients in place of layer-wise relevance propagation). It tells
    what a channel is used for, not what it responds to, and costs a backward pass an image.
    By default at the last step of each stride, at most four, and in transformers at sums evenly over depth.

    A channel is dead if its standard deviation over images is below 1e-6 of its root mean square: what rounding in single
    precision leaves. Selectivity is (best - others) / (best + others), best the mean of a over the images of the class with the
    largest one, others the mean over the other classes' means (Morcos et al., ICLR 2018). Chance alone gives some to a class
    that is picked as the largest: held out, it is picked on one half of the images and judged on the other, both ways. It and
    always_on_share are of layers without negative values, as after ReLU.

    Measures, at {layer, depth} (number in the order of use), over the channels of the layer, unless said otherwise:
        channels: how many.
        dead_share: share that are dead.
        always_on_share: share that are above 0 at some place in every image.
        texture_ness_patches, texture_ness_phases: median slope over channels that are not dead.
        last_texture_ness_patches, last_texture_ness_phases: of the last layer with any.
        selectivity {chosen_on: same_images | other_half}: median over channels, with no interval.
        receptive_field: pixels that a unit sees, the larger side.
        pixels_per_tile (no coordinates): smaller side of a tile.
    Intervals of slopes are over images; the channels are all there are.

    Rows: none.
    """

    name: ClassVar[str] = "channels"
    headline: ClassVar[tuple[str, ...]] = ("last_texture_ness_patches", "last_texture_ness_phases")
    title: ClassVar[str] = "What the channels of a layer respond to"
    explanation: ClassVar[str] = (
        "Each channel of a layer responds to something of its own. Here the parts of every image are also shown in disorder: a "
        "channel that responds as before does not need them in their places, as for a material or a small pattern; one that "
        "does not may look for a shape, or for anything larger than a part."
    )
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")
    chosen: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(headline, ("layer", "depth"))

    layers: tuple[str, ...] | None = Field(
        None, min_length=1, description="Names or patterns of layers; default: the last of each stride, at most four."
    )
    top: int = Field(9, ge=1, description="Images kept of each list of a channel.")
    rank: Rank = Field(
        "activation",
        description="relevance: also rank images by each channel's part in the answer, gradient x activation.",
    )
    twins: Annotated[tuple[Twin, ...], Distinct] = Field(
        ("patches", "phases"), description="How order is taken: patches shuffled, phases scrambled; [] = not at all."
    )
    draws: int = Field(3, ge=1, description="Disordered versions of each image, of each kind.")
    grid: int = Field(4, ge=2, description="Tiles along a side; where they do not divide the frame, none are shuffled.")

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The layers of the image and of its twins. Raises UnknownNameError if there is no such layer."""
        if so_far:
            return None
        views = [view for twin in self.shown(subject.size) for view in self._views(twin)]
        asked = tuple(self._query(subject, view) for view in (None, *views))
        return (*asked, self._relevance(subject)) if self.rank == "relevance" else asked

    def unsuited(self, subject: Subject, images: ImageSet) -> str:
        """See ``Exam.unsuited``."""
        return "rank=relevance needs a model that answers with classes" if self._blind(subject) else ""

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """Sums by block and by class, and the best few images of each channel."""
        subject = batch.subject
        clean = answers.features(self._query(subject)).values
        twins = [
            [answers.features(self._query(subject, view)).values for view in self._views(twin)]
            for twin in self.shown(subject.size)
        ]
        sums: dict[str, Array] = {"images": sums_by_block(np.ones(len(batch.ids)), batch.ids)}
        ranked: dict[str, Ranked] = {}
        for layer in self._read(subject):
            used = all(layer.name in read for read in (clean, *(draw for draws in twins for draw in draws)))
            some = slice(None) if used else slice(0)
            readings = clean[layer.name] if used else np.empty((0, LEAST + 1, layer.channels))
            means = [self._mean(layer.name, draws) if used else readings[:, MEAN] for draws in twins]
            sums |= tallied(layer.name, readings, means, batch.ids[some])
            if self._by_class(subject):
                sums |= by_class(layer.name, readings[:, MEAN], batch.labels[some], batch.ids[some], subject.n_classes)
            ranked |= cases(layer.name, layer.width, readings, batch.ids[some], self.top)
            if self.rank == "relevance":
                ranked |= self._by_relevance(layer, answers, batch)
        return Tally(sums=sums, ranked=ranked)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Layer by layer, then of the last one."""
        found = [e for layer in looked_at(self.layers, subject) for e in self._of_layer(layer, tally, subject)]
        if not found:
            reason = "no layer of this network could be followed from the picture on, or holds maps"
            found.append(self.estimate("channels", value=None, n=int(tally.sums["images"].sum()), reason=reason))
        for twin in self.shown(subject.size):
            known = [e for e in found if e.measure == f"texture_ness_{twin}" and e.value is not None]
            for e in known[-1:]:
                ends = {"value": e.value, "low": e.low, "high": e.high, "n": e.n, "method": e.method}
                found.append(self.estimate(f"last_{e.measure}", unit="slope", at=e.at, **ends))
        if "patches" in self.shown(subject.size):
            side, n = float(min(subject.size) // self.grid), int(tally.sums["images"].sum())
            found.append(self.estimate("pixels_per_tile", value=side, n=n, unit="pixels"))
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Texture-ness by depth, and all figures of each layer."""
        return charts(estimates)

    def plates(self, tally: Tally, subject: Subject) -> Sequence[Chart]:
        """How the slopes of the channels are spread, layer by layer."""
        read = [x.name for x in self._read(subject)]
        summed = {name: Summed.of(tally, name, self.shown(subject.size)) for name in read}
        return [chart for twin in self.shown(subject.size) for chart in histograms(summed, twin)]

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """What order is to the layers, with what a tile can say of them."""
        return findings(estimates)

    def shown(self, size: tuple[int, int]) -> tuple[Twin, ...]:
        """Twins that can be drawn of a frame (height, width)."""
        divides = not any(side % self.grid for side in size)
        return tuple(twin for twin in self.twins if twin != "patches" or divides)

    def _views(self, twin: Twin) -> tuple[View, ...]:
        if twin == "patches":
            return tuple(PatchShuffle(self.grid, number) for number in range(self.draws))
        return tuple(PhaseScramble(number=number) for number in range(self.draws))

    def _read(self, subject: Subject) -> tuple[Read, ...]:
        return tuple(layer for layer in looked_at(self.layers, subject) if layer.channels)

    def _query(self, subject: Subject, view: View | None = None) -> Query:
        read = self._read(subject)
        held = tuple(x.held for x in read if not isinstance(x.held, str))
        names = tuple(x.name for x in read)
        if view is None:
            return Query(reading="layers", tap=ChannelReadings(names, held))
        return Query(view, "layers", tap=ChannelReadings(names, held, extremes=False))

    def _relevance(self, subject: Subject) -> Query:
        read = self._read(subject)
        held = tuple(x.held for x in read if not isinstance(x.held, str))
        return Query(reading="layers", tap=ChannelRelevance(tuple(x.name for x in read), held))

    def _by_relevance(self, layer: Read, answers: Answers, batch: Batch) -> dict[str, Ranked]:
        found = answers.features(self._relevance(batch.subject)).values.get(layer.name)
        some = slice(0) if found is None else slice(None)
        readings = np.empty((0, 2, layer.channels)) if found is None else found
        return by_relevance(layer.name, layer.width, readings, batch.ids[some], self.top)

    def _blind(self, subject: Subject) -> bool:
        """Whether relevance is asked for, and there is no answer to be relevant to."""
        return self.rank == "relevance" and subject.kind != "logits"

    def _mean(self, name: str, draws: Sequence[Mapping[str, Array]]) -> Array:
        """Of a twin's draws: (n, c)."""
        return np.asarray(np.mean([draw[name][:, MEAN] for draw in draws], axis=0, dtype=np.float64))

    def _by_class(self, subject: Subject) -> bool:
        """Whether classes have sums: where there are classes, and they fit."""
        width = sum(1 + layer.channels for layer in self._read(subject))
        return _labelled(subject) and 16 * subject.n_classes * width <= CLASS_BYTES

    def _of_layer(self, layer: Read, tally: Tally, subject: Subject) -> Iterator[Estimate]:
        at = {"layer": layer.name, "depth": layer.pick.depth}
        n = 0 if isinstance(layer.held, str) else int(tally.sums[f"images/{layer.name}"][:, 0].sum())
        if not n:
            reason = layer.held if isinstance(layer.held, str) else "it was used for none of the images"
            yield self.estimate("channels", value=None, n=int(tally.sums["images"].sum()), at=at, reason=reason)
            return
        summed = Summed.of(tally, layer.name, self.shown(subject.size))
        yield self.estimate("channels", value=float(layer.channels), n=n, unit="count", at=at)
        lone = {"value": None, "reason": "one image does not tell what varies from image to image"}
        yield self.estimate("dead_share", n=n, at=at, **(lone if n < 2 else {"value": float(summed.dead.mean())}))
        on: dict[str, Any] = {"value": float(summed.always_on.mean())}
        if summed.negative:
            on = {"value": None, "reason": SIGNED}
        elif n < 2:
            on = lone
        yield self.estimate("always_on_share", n=n, at=at, **on)
        for twin in self.twins:
            yield self._slope(summed, twin, at)
        if _labelled(subject):
            yield from self._selectivity(summed, tally.sums.get(f"classes/{layer.name}"), at)
        field = layer.pick.place.receptive_field
        known = (
            {"value": float(max(field))} if field else {"value": None, "reason": layer.pick.place.reason or "unknown"}
        )
        yield self.estimate("receptive_field", n=n, unit="pixels", at=at, **known)

    def _slope(self, summed: Summed, twin: Twin, at: Mapping[str, Any]) -> Estimate:
        measure = f"texture_ness_{twin}"
        if twin not in summed.twins:
            reason = f"a grid of {self.grid} x {self.grid} tiles does not divide the frame"
            return self.estimate(measure, value=None, n=summed.n, unit="slope", at=at, reason=reason)
        dead = ALL_DEAD if summed.dead.all() else ""
        return self.estimate(measure, unit="slope", at=at, **figure(summed.median_texture_ness(twin), dead))

    def _selectivity(self, summed: Summed, sums: Array | None, at: Mapping[str, Any]) -> Iterator[Estimate]:
        found = TOO_MANY if sums is None else SIGNED if summed.negative else selectivity(sums)
        for chosen_on in ("same_images", "other_half"):
            told: dict[str, Any] = {"value": None, "reason": found}
            if isinstance(found, Selectivity):
                each = found.raw if chosen_on == "same_images" else found.held_out
                known = each[~np.isnan(each)]
                told = {"value": float(np.median(known))} if len(known) else {"value": None, "reason": UNSELECTIVE}
            yield self.estimate("selectivity", unit="index", n=summed.n, at={**at, "chosen_on": chosen_on}, **told)


def _labelled(subject: Subject) -> bool:
    """Whether images have classes that are the model's."""
    return subject.kind == "logits" and subject.labelled
