"""How rough or smooth the kernels of a layer are (after Wang et al., CVPR 2020, section 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.words import figure
from eyechart.errors import SettingError, UnknownNameError
from eyechart.exams.kernel_smoothness_measures import MEASURES, Roughness, averaged, roughness
from eyechart.exams.kernel_smoothness_pictures import charts, findings, tiles
from eyechart.spectrum.kernels import noise
from eyechart.stats.intervals import Interval
from eyechart.stats.quantiles import quantiles

if TYPE_CHECKING:
    import torch

SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
SIMULATED = 4096
BLUR = 1.0  # weights
ORDERS = 8  # of a kernel's weights


class KernelSmoothness(Exam):
    """Roughness of one convolution's kernels, from the weights alone, as trained: before BatchNorm is folded into them.

    A kernel is one (output, input) plane of weights w, kh x kw. Three measures of each (arXiv 1905.13545 shows pictures only;
    the formulas are our choice), none of which depends on the kernel's scale:
        total_variation: mean |difference of vertical or horizontal neighbours| / mean |w|; 0 = constant, 2 = checkerboard,
            3 = a single weight amid 3 x 3.
        high_frequency_share: share of |FFT|^2 of the kernel, zero-padded to 32 x 32, at D > 8, which is half of Nyquist
            (kernels beyond 32 weights: padded to the next power of two s, D > s / 4).
        neighbour_correlation: Pearson's r over all pairs of such neighbours, each in both orders; none where all weights are
            equal, and -1 for a checkerboard.
    1 x 1 kernels have no neighbours and no frequencies: all three are undefined. Kernels without weight are left out.

    Compare nets of one kernel size; beside it stands what chance gives at that size: ``shuffled``, each kernel's own weights in
    random order, mean over up to eight such orders. Its mean and the distribution of its weights are kept, on which total
    variation depends (1.42 for Gaussian, 1.34 for uniform weights at 3 x 3), so what differs is their arrangement alone;
    ``noise``, independent Gaussian weights; and ``smooth_noise``, the same blurred by a Gaussian with a standard deviation of 1
    weight, both simulated (4096 kernels, one seed). Small kernels are rough by their size alone, and a stride or the pixels'
    own blur ask for other kernels.

    Measures, at {layer, kernels: own | shuffled | noise | smooth_noise}, layer as in the setting:
        total_variation, high_frequency_share, neighbour_correlation: means over kernels.
        total_variation_quantile, high_frequency_share_quantile, neighbour_correlation_quantile {quantile}: the value that
            this share of the kernels does not exceed.
    Of the layer itself, at {layer, name, height, width}:
        kernels, filters: their number; a filter is all kernels of one output.
        left_out {measure}: kernels for which it is undefined.
    Intervals are over kernels, whole filters together, since the planes of one filter are much alike; n is the number of
    filters. Means have a bootstrap, quantiles Woodruff's interval. How far another training would differ they do not tell.

    Rows: none; no image is shown.
    """

    name: ClassVar[str] = "kernel_smoothness"
    version: ClassVar[int] = 2
    headline: ClassVar[tuple[str, ...]] = tuple(MEASURES)
    title: ClassVar[str] = "Smoothness of kernels"
    explanation: ClassVar[str] = (
        "A convolution looks for small patterns, its kernels, shown here as pictures, and how much neighbouring weights differ "
        "is compared with pure noise. Smooth kernels answer to coarse structure, rough ones to the finest "
        "grain, where networks are easily misled; training against attacks is said to make the first layer smoother."
    )
    answers: ClassVar[tuple[str, ...]] = ("logits", "embedding")
    asks: ClassVar[bool] = False

    layer: int | str = Field(0, description="Which convolution: its number in the order of use, from 0, or its name.")

    @field_validator("layer")
    @classmethod
    def _counted_from_the_first(cls, layer: int | str) -> int | str:
        if isinstance(layer, int) and layer < 0:
            raise ValueError("count from 0")
        return layer

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """Nothing. Raises UnknownNameError or SettingError if there is no such layer."""
        if subject.convolutions:
            self._kernels_name(subject)
        return None

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """Nothing."""
        return Tally()

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Of the layer, of its weights shuffled, of noise and of smooth noise."""
        if not subject.convolutions:
            reason = (
                "the network has no convolution whose weights can be read (exported and scripted networks hide theirs)"
            )
            at = {"layer": self.layer, "kernels": "own"}
            return Estimates(self.estimate(m, value=None, n=0, over="kernels", at=at, reason=reason) for m in MEASURES)
        name = self._kernels_name(subject)
        weights = subject.weights[name].double()  # (out, in, kh, kw)
        height, width = weights.shape[2:]
        own = roughness(weights)
        found = [*self._layer(own, name, (height, width)), *self._figures(own, "own")]
        orders = max(1, min(ORDERS, SIMULATED // own.filters.size))  # many kernels are an average by themselves
        shuffled = averaged([roughness(_shuffled(weights, seed)) for seed in range(orders)])
        found += self._figures(shuffled, "shuffled")
        for kind, blur in (("noise", 0.0), ("smooth_noise", BLUR)):
            found += self._figures(roughness(noise(SIMULATED, height, width, blur)[:, None]), kind)
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Means beside those of noise, and the distributions."""
        return charts(estimates)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Whether the kernels are smoother than noise."""
        return findings(estimates)

    def plates(self, tally: Tally, subject: Subject) -> Sequence[Chart]:
        """The kernels as pictures."""
        if not subject.convolutions:
            return ()
        name = self._kernels_name(subject)
        return (tiles(subject.weights[name].numpy(), name, first=name == subject.convolutions[0]),)

    def _kernels_name(self, subject: Subject) -> str:
        """The kernels' name among the net's weights."""
        names = subject.convolutions
        if isinstance(self.layer, int):
            if self.layer < len(names):
                return names[self.layer]
            raise SettingError(
                f"The network has {len(names)} convolutions.",
                setting="kernel_smoothness.layer",
                value=self.layer,
                way_out=f"Give a number from 0 to {len(names) - 1}.",
            )
        for name in (self.layer, f"{self.layer}.weight"):
            if name in names:
                return name
        layers = [name.removesuffix(".weight") for name in names]
        raise UnknownNameError.of(self.layer, layers, setting="kernel_smoothness.layer", hint="A number will do, too.")

    def _layer(self, own: Roughness, name: str, size: tuple[int, int]) -> Iterator[Estimate]:
        at = {"layer": self.layer, "name": name, "height": size[0], "width": size[1]}
        for measure, count in (("kernels", own.filters.size), ("filters", own.count)):
            yield self.estimate(measure, value=float(count), n=count, unit="count", over="kernels", at=at)
        for measure, values in own.values.items():
            missing = float(np.isnan(values).sum())
            where = {**at, "measure": measure}
            yield self.estimate("left_out", value=missing, n=values.size, unit="count", over="kernels", at=where)

    def _figures(self, found: Roughness, kind: str) -> Iterator[Estimate]:
        at = {"layer": self.layer, "kernels": kind}
        for measure, values in found.values.items():
            known = ~np.isnan(values)
            about = {"unit": MEASURES[measure], "over": "kernels"}
            yield self.estimate(measure, **about, at=at, **_figure(found.mean(measure), found.reason))
            spread = quantiles(values[known], found.filters[known], SHARES)
            for share, interval in zip(SHARES, spread, strict=True):
                place = {**at, "quantile": share}
                yield self.estimate(f"{measure}_quantile", **about, at=place, **_figure(interval, found.reason))


def _shuffled(weights: torch.Tensor, seed: int) -> torch.Tensor:
    """Each kernel's weights in a random order of its own."""
    each = weights.flatten(2).numpy()
    return weights.new_tensor(np.random.default_rng(seed).permuted(each, axis=2)).reshape(weights.shape)


def _figure(interval: Interval, reason: str) -> dict[str, Any]:
    return figure(interval, reason if interval.value is None else "")
