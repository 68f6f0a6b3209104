"""What becomes of a model whose first layer's kernels are smoothed (Wang et al., CVPR 2020, section 5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from eyechart.core.chart import Chart, Finding, Lines, Series
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.view import Plain, View
from eyechart.core.words import figure, percent, points
from eyechart.stats.intervals import commonest, differences, wilson
from eyechart.views.bands import Band
from eyechart.views.kernels import SmoothedKernels

SHOWN = {"whole": "whole image", "low": "coarse only", "high": "fine only"}
RADIUS_NYQUIST = 0.75  # the paper's r = 12 at n = 32


class KernelSmoothing(Exam):
    """Accuracy of the model after smoothing the kernels of its first convolution, on whole images and on bands.

    Each weight w becomes w + rho * (sum of its 8 neighbours), borders replicated (arXiv 1905.13545, section 5); with
    ``normalize`` divided by 1 + 8 rho, which tells smoothness from mere scale. Not a defence: attacks can adapt to it.

    Measures, at {rho, normalize: raw | normalised, shown: whole | low | high} and on bands {radius, radius_nyquist}:
        accuracy: share of images whose top class is the label.
        accuracy_loss: share right with the model's own kernels minus share right, paired (below 0: a gain).
        commonest_answer_share: share of the answers that are the commonest class (1 = always the same).

    Rows: ``top1``, with an entry per setting in the order of (shown, normalize, rho).
    """

    name: ClassVar[str] = "kernel_smoothing"
    headline: ClassVar[tuple[str, ...]] = ("accuracy",)
    title: ClassVar[str] = "Smoothed kernels"
    explanation: ClassVar[str] = (
        "A layer of a network, here the first unless another is set, looks for small patterns; these are blurred a little and "
        "nothing else is changed. A model that survives this goes by smooth shapes; one that fails relies on the finest grain."
    )
    needs_labels: ClassVar[bool] = True

    rho: tuple[float, ...] = Field((0.0, 0.1, 0.25, 0.5, 1.0), description="Strengths; the paper's pictures use 1.")
    normalize: tuple[bool, ...] = Field((False, True), min_length=1, description="As in the paper (false), or divided.")
    radius: float | None = Field(None, ge=0, description="Of the bands, cycles per image; default 3/4 of n/2.")
    layer: int = Field(0, ge=0, description="Which convolution, in the order of use.")

    @field_validator("rho")
    @classmethod
    def _own_kernels_first(cls, rho: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 <= r < np.inf for r in rho) or len(set(rho)) < len(rho):
            raise ValueError("give different strengths, none below 0")
        return tuple(sorted({0.0, *rho}))

    @field_validator("normalize")
    @classmethod
    def _each_once(cls, normalize: tuple[bool, ...]) -> tuple[bool, ...]:
        if len(set(normalize)) < len(normalize):
            raise ValueError("name each once")
        return normalize

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """Every view with every net, the model's own weights first."""
        return None if so_far else tuple(dict.fromkeys(query for _, query in self._asked(subject)))

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image."""
        tops = [answers[query].top1 for _, query in self._asked(batch.subject)]
        return Tally({"top1": np.stack(tops, axis=1).astype(np.int32)})

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Per view, kind and strength, over the images with a label."""
        known = labels >= 0
        top1, labels = tally.rows["top1"][known], labels[known]
        found: list[Estimate] = []
        own: dict[tuple[str, str], Array] = {}
        for j, (at, _) in enumerate(self._asked(subject)):
            right = top1[:, j] == labels
            before = own.setdefault((at["shown"], at["normalize"]), right)
            found += self._figures(top1[:, j], right, before, at)
        return Estimates(found)

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Accuracy over rho, once as published and once at constant gain."""
        return [
            Lines(
                title=f"Right answers after smoothing, {TITLES[kind]}",
                x_label="rho (0 = the model's own kernels)",
                y_label="share of images",
                x=list(self.rho),
                series=[_curve(estimates.of("accuracy", normalize=kind, shown=s), SHOWN[s]) for s in SHOWN],
                caption=CAPTIONS[kind],
                y_range=(0.0, 1.0),
            )
            for kind in map(_kind, self.normalize)
        ]

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """What the strongest smoothing costs."""
        kind = _kind(self.normalize[0])
        at = {"shown": "whole", "normalize": kind, "rho": self.rho[-1]}
        kept, loss = estimates.one("accuracy", **at), estimates.one("accuracy_loss", **at)
        if kept is None or loss is None or kept.value is None:
            return [Finding("note", "No image with a label could be examined.")]
        which = f"convolution {self.layer + 1} (in the order of use)" if self.layer else "first convolution"
        return [
            Finding(
                "note",
                f"With the kernels of its {which} smoothed (rho {self.rho[-1]:g}, {TITLES[kind]}), it is right "
                f"{percent(kept)} of the time: a loss of {points(loss)}.",
            )
        ]

    def _asked(self, subject: Subject) -> list[tuple[dict[str, Any], Query]]:
        """All settings with their queries, in the order of the rows."""
        radius = self.radius if self.radius is not None else RADIUS_NYQUIST * max(subject.size) / 2
        views: dict[str, View] = {"whole": Plain(), "low": Band("low", radius), "high": Band("high", radius)}
        place = {"radius": radius, "radius_nyquist": radius / (max(subject.size) / 2)}
        return [
            (
                {"rho": rho, "normalize": _kind(normalize), "shown": shown, **({} if shown == "whole" else place)},
                Query(view, weights=SmoothedKernels(rho, normalize, self.layer) if rho else None),
            )
            for shown, view in views.items()
            for normalize in self.normalize
            for rho in self.rho
        ]

    def _figures(self, top1: Array, right: Array, before: Array, at: Mapping[str, Any]) -> Iterator[Estimate]:
        n = len(right)
        yield self.estimate("accuracy", at=at, **figure(wilson(int(right.sum()), n)))
        (loss,) = differences(before[:, None], right[:, None])
        yield self.estimate("accuracy_loss", unit="difference of shares", at=at, **figure(loss))
        yield self.estimate("commonest_answer_share", at=at, **figure(commonest(top1)))


TITLES = {"raw": "as published", "normalised": "at constant gain"}
CAPTIONS = {
    "raw": (
        "Each weight gets rho times its eight neighbours added, as in the paper. This also makes the layer's answers to even "
        "areas up to nine times stronger, so part of any change may be scale."
    ),
    "normalised": "The same, divided by 1 + 8 rho: even areas are answered as before, and only smoothness changes.",
}


def _kind(normalize: bool) -> str:
    return "normalised" if normalize else "raw"


def _curve(found: Sequence[Estimate], name: str) -> Series:
    return Series(name, *([getattr(e, part) for e in found] for part in ("value", "low", "high")))
