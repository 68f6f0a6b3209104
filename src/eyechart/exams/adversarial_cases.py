"""The images that fell to the smallest changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from eyechart.core.exam import Batch
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.tally import Kept
from eyechart.exams.adversarial_layout import Layout, told


def smallest_cases(answers: Answers, layout: Layout, batch: Batch) -> Iterator[Kept]:
    """Those that are right as they are, the smallest change first."""
    if layout.smallest is None:
        return
    before, after, subject = answers[CLEAN], answers[Query(layout.smallest)], batch.subject
    distance = after.notes.get("distance", np.full(len(batch.ids), np.nan))
    fell = np.isfinite(distance) & (after.top1 != batch.labels) & (before.top1 == batch.labels)
    for i in np.flatnonzero(fell):
        facts = {
            "frame": list(subject.size),
            "channels": subject.channels,
            "classes": subject.n_classes,
            "size": told(float(distance[i]), layout.norm),
            "before": subject.class_name(int(before.top1[i])),
            "after": subject.class_name(int(after.top1[i])),
            "p_before": float(before.confidence[i]),
            "p_after": float(after.confidence[i]),
        }
        yield Kept("adversarial/", round(-float(distance[i]), 7), batch.ids[i], facts)
