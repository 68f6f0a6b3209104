"""From the rows of the bands exam to its estimates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Subject
from eyechart.core.groups import groups
from eyechart.core.tally import Tally
from eyechart.exams.bands_figures import Array, Say, Split, above_control, areas, commonest, passed
from eyechart.exams.bands_groups import group_figures
from eyechart.exams.bands_head import own_figures, pooled_figure
from eyechart.exams.bands_layout import SIDES, Layout


@dataclass(frozen=True)
class Reckoning:
    """Estimates from a merged tally.

    Attributes:
        say: makes an estimate of the exam.
        layout: what was shown.
        by: columns that group the images.
        tally, labels, subject: as given to ``Exam.estimates``.
    """

    say: Say
    layout: Layout
    by: Sequence[str]
    tally: Tally
    labels: Array
    subject: Subject

    def estimates(self) -> Estimates:
        """All of them: low and high at each radius, what further settings ask for, then areas and confidences."""
        splits, control = self._splits("", self.layout.sides, {}), self._control()
        about_head, head = self._head()
        found = [commonest(self.say, self.tally.rows["image_top1"], {"band": "whole"})]
        found += [e for split in (*splits, *control, *head) for e in split.figures()]
        for ours, theirs in zip(splits, control, strict=bool(control)):
            found += above_control(self.say, ours, theirs)
        found += [*about_head, *self._passes(), *self._groups(), *self._areas(), *self._empty()]
        # last, since they resample other sets of images than all that came before
        found += [e for split in (*splits, *control, *head) for e in split.confidences()]
        return Estimates(found)

    def _splits(self, prefix: str, sides: Sequence[str], at: Mapping[str, Any]) -> list[Split]:
        """The splits at each radius, from the columns that start with ``prefix``."""
        radii = self.layout.radii if sides else ()
        return [self._split(prefix, sides, j, {**at, **self.layout.at(r)}) for j, r in enumerate(radii)]

    def _control(self) -> list[Split]:
        return self._splits("svd_", SIDES, {"control": "svd"}) if self.layout.control else []

    def _split(self, prefix: str, sides: Sequence[str], j: int, at: Mapping[str, Any]) -> Split:
        rows, n = self.tally.rows, len(self.labels)

        def columns(kind: str) -> dict[str, Array]:
            return {side: rows[f"{prefix}{side}_{kind}"].reshape(n, -1)[:, j] for side in sides}

        top1 = {"image": rows["image_top1"], **columns("top1")}
        confidence = {"image": rows["image_confidence"], **columns("confidence")}
        return Split(self.say, at, self.labels, top1, confidence, columns("nll"))

    def _head(self) -> tuple[list[Estimate], list[Split]]:
        """The head radius, and the split there, if there is one."""
        layout = self.layout
        if layout.head == "none":
            return [], []
        radii = self.tally.rows.get("head_radius", np.full(len(self.labels), np.nan)).astype(np.float64)
        if layout.head == "pooled":
            power = self.tally.sums["power"]
            about = [pooled_figure(self.say, radii, power, layout.size, layout.head_share, layout.units)]
        else:
            about = list(own_figures(self.say, radii))
        if about[0].value is None:
            return about, []
        at = {"split": f"head_{layout.head}", **layout.at(about[0].value)}
        return about, [self._split("head_", SIDES, 0, at).of(np.isfinite(radii))]

    def _passes(self) -> Iterator[Estimate]:
        for band, j, at in self.layout.places():
            if band == "pass":
                top1, nll = (self.tally.rows[f"pass_{kind}"][:, j] for kind in ("top1", "nll"))
                yield from passed(self.say, top1, nll, self.labels, at)

    def _groups(self) -> Iterator[Estimate]:
        known = self.labels >= 0
        for column in self.by if known.any() else ():
            found = list(groups(column, self.tally.rows, self.labels, self.subject))
            right = self.tally.rows["image_top1"] == self.labels
            yield from group_figures(self.say, found, right, known, column, {"band": "whole"})
            for band, j, at in self.layout.places():
                right = self.tally.rows[f"{band}_top1"][:, j] == self.labels
                yield from group_figures(self.say, found, right, known, column, at)

    def _areas(self) -> Iterator[Estimate]:
        known = self.labels >= 0
        right: dict[str, Array] = {}
        for side in self.layout.sides:
            right[side] = (self.tally.rows[f"{side}_top1"] == self.labels[:, None])[known]
        if right and known.any():
            yield from areas(self.say, self.layout.radii, right)

    def _empty(self) -> Iterator[Estimate]:
        for at in self.layout.empty():
            yield self.say("empty_band", unit="count", value=0.0, n=len(self.labels), at=at)
