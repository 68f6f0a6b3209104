"""Estimates of the gradient_spectrum exam, from its merged tally."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array
from eyechart.core.tally import Tally
from eyechart.core.words import figure
from eyechart.exams.gradient_spectrum_rows import Plan, spread_ranks
from eyechart.stats.density import density
from eyechart.stats.intervals import Interval, means, median, ratios, resamples, wilson

MOST_POINTS = 100
DENSITY_PLACES = 64
STRENGTH = "nats per unit of pixel value"


def figures(exam: str, tally: Tally, labels: Array, plan: Plan) -> Estimates:
    """All figures, over the images that have a label and a gradient."""
    labelled = labels >= 0
    counted = np.isfinite(tally.rows["strength"])
    reason = "" if counted.any() else "every gradient is exactly zero" if labelled.any() else "no image has a label"
    rows = {name: column[counted] for name, column in tally.rows.items()}
    maker = _Figures(exam, plan, rows, tally.sums, int(counted.sum()), reason)
    parts = [maker.left_out(labelled, tally.rows["zero_gradient"]), maker.head(), maker.fixed(), maker.shape()]
    if counted.any():
        parts += [maker.ranks(), maker.densities(), maker.curve(), maker.rings(), maker.plane()]
    return Estimates(e for part in parts for e in part)


@dataclass(frozen=True)
class _Figures:
    """The parts of the exam's figures: ``rows`` of the images that count, sums by block, ``n`` images."""

    exam: str
    plan: Plan
    rows: Mapping[str, Array]
    sums: Mapping[str, Array]
    n: int
    reason: str

    def left_out(self, labelled: Array, zero: Array) -> Iterator[Estimate]:
        for measure, count, of in (
            ("zero_gradients", zero[labelled].sum(), labelled.sum()),
            ("without_label", (~labelled).sum(), len(labelled)),
        ):
            value = {"value": float(count)} if labelled.any() else {"value": None, "reason": self.reason}
            yield self._say(measure, n=int(of), unit="count", **value)

    def head(self) -> Iterator[Estimate]:
        rows = self.rows
        yield self._mean("head_radius", rows["head_radius"], unit="cycles per image")
        yield from self._beyond(
            "_head", rows["share_beyond_head"], rows["image_share_beyond_head"], rows["frequencies_beyond_head"], {}
        )

    def fixed(self) -> Iterator[Estimate]:
        for j, radius in enumerate(self.plan.radii):
            at = {"radius": radius, "radius_nyquist": radius / self.plan.nyquist}
            there = np.full(self.n, self.plan.frequencies_beyond_radius(radius))
            gradient, image = (self.rows[name][:, j] for name in ("share_beyond", "image_share_beyond"))
            yield from self._beyond("", gradient, image, there, at)

    def shape(self) -> Iterator[Estimate]:
        yield self._mean("gini", self.rows["gini"], unit="gini coefficient")
        yield self._say("half_of_strength", **figure(half_of(self.rows["strength"]), self.reason))
        yield self._say("gradient_norm", unit=STRENGTH, **figure(median(self.rows["gradient_norm"]), self.reason))

    def ranks(self) -> Iterator[Estimate]:
        for j, rank in enumerate(self.plan.ranks):
            radius, head = self.rows["rank_radius"][:, j], self.rows["head_radius"]
            held = ~np.isnan(radius)
            yield self._say(
                "radius_at_rank", unit="cycles per image", at=self._rank(rank), **figure(median(radius[held]))
            )
            both = held & ~np.isnan(head)
            beyond = wilson(int((radius > head)[both].sum()), int(both.sum()))
            yield self._say("beyond_head_at_rank", at=self._rank(rank), **figure(beyond))

    def densities(self) -> Iterator[Estimate]:
        places = np.linspace(0, float(self.plan.grid().radii.max()), DENSITY_PLACES)
        for j, rank in enumerate(self.plan.ranks):
            radius = self.rows["rank_radius"][:, j]
            for place, interval in zip(places, density(radius[~np.isnan(radius)], places), strict=True):
                at = {**self._rank(rank), "radius": round(float(place), 6)}
                yield self._say("radius_density", unit="per cycle per image", at=at, **figure(interval))

    def curve(self) -> Iterator[Estimate]:
        stored = self.plan.curve
        chosen = spread_ranks(len(stored), MOST_POINTS)
        found = self._pooled(self.sums["ranks"][:, chosen], self.sums["images"])
        for k, interval in zip(chosen, found, strict=True):
            unit = "share of the image's strength" if self.plan.normalise else STRENGTH
            yield self._say("strength_at_rank", unit=unit, at=self._rank(stored[k]), **figure(interval))

    def rings(self) -> Iterator[Estimate]:
        strengths, radii = self.rows["ring_strength"], self.plan.ring_radii()
        felt = ratios(strengths, np.broadcast_to(self.rows["strength"][:, None], strengths.shape))
        shown = self._pooled(self.sums["image_rings"], self.sums["image_amplitude"])
        for k, (gradient, image) in enumerate(zip(felt, shown, strict=True)):
            at = {"ring": k, "radius": float(radii[k]), "radius_nyquist": float(radii[k]) / self.plan.nyquist}
            yield self._say("ring_strength", unit="ratio", at=at, **figure(gradient))
            if k:
                yield self._say("image_ring_strength", unit="ratio", at=at, **figure(image))

    def plane(self) -> Iterator[Estimate]:
        rows, columns = self.plan.centres()
        wanted = [(i, j) for i, fy in enumerate(rows) for j, fx in enumerate(columns) if fx > 0 or fy >= 0]
        chosen = self.sums["cells"][:, [i for i, _ in wanted], [j for _, j in wanted]]
        for (i, j), interval in zip(wanted, self._pooled(chosen, self.sums["strength"]), strict=True):
            yield self._say("map_strength", unit="ratio", at={"fy": rows[i], "fx": columns[j]}, **figure(interval))

    def _beyond(
        self, suffix: str, gradient: Array, image: Array, frequencies: Array, at: Mapping[str, float]
    ) -> Iterator[Estimate]:
        """Shares of the gradient, the image and the plane beyond a radius, and the first over the last."""
        yield self._mean(f"share_beyond{suffix}", gradient, at=at)
        yield self._mean(f"image_share_beyond{suffix}", image, at=at)
        yield self._mean(f"frequencies_beyond{suffix}", frequencies, at=at)
        relative = np.divide(gradient, frequencies, out=np.full(len(gradient), np.nan), where=frequencies > 0)
        nowhere = "" if np.isfinite(relative).any() else "no frequency lies beyond"
        yield self._mean(f"relative_power_beyond{suffix}", relative, unit="ratio", at=at, reason=nowhere)

    def _mean(self, measure: str, values: Array, reason: str = "", **more: Any) -> Estimate:
        return self._say(measure, **figure(means(values[:, None])[0], self.reason or reason), **more)

    def _pooled(self, numerators: Array, denominators: Array) -> Sequence[Interval]:
        """Ratios of sums over images (blocks, k) and (blocks,): the bootstrap resamples the blocks."""
        found = ratios(numerators, np.broadcast_to(denominators[:, None], numerators.shape))
        return [replace(one, n=self.n, method=f"{one.method} of blocks") for one in found]

    def _rank(self, rank: int) -> dict[str, float]:
        return {"percentile": round(self.plan.percentile(rank), 4), "rank": rank}

    def _say(self, measure: str, **fields: Any) -> Estimate:
        return Estimate(exam=self.exam, measure=measure, **fields)


def half_of(amounts: Array) -> Interval:
    """Smallest share of the images that together hold half of all (n,) amounts, with a bootstrap over images."""
    falling = np.sort(np.asarray(amounts, np.float64))[::-1]
    n = len(falling)
    if not n:
        return Interval(None, None, None, 0, "bootstrap")

    def share(times: Array) -> Array:  # (m, n) -> (m,)
        held = np.cumsum(times * falling, axis=1)
        last = (held < held[:, -1:] / 2).sum(1)
        return np.asarray(np.cumsum(times, axis=1)[np.arange(len(times)), last] / n)

    value = float(share(np.ones((1, n)))[0])
    low, high = np.percentile(np.concatenate([share(times) for times in resamples(n)]), [2.5, 97.5])
    return Interval(value, min(value, float(low)), max(value, float(high)), n, "bootstrap")
