"""Cases of the exam of corruptions that are remembered, to be pictured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from eyechart.core.exam import Batch
from eyechart.core.query import Answer
from eyechart.core.tally import Kept
from eyechart.exams.corruptions_cells import Cell, named
from eyechart.exams.corruptions_files import number_of
from eyechart.images.corrupted import Name

EXAMPLE, MILD = "corruptions/example", "corruptions/mild/"
KEPT = 1


def example(
    plain: Answer, asked: Mapping[Cell, Answer], batch: Batch, names: Sequence[Name], severity: int
) -> Iterator[Kept]:
    """One image under all corruptions at one severity; which one, its name draws. Right as it is, if any has a label."""
    fit = (plain.top1 == batch.labels) | (not batch.subject.labelled)
    ranked = sorted(np.flatnonzero(fit).tolist(), key=lambda i: (-number_of(batch.ids[i]), batch.ids[i]))
    for i in ranked[:1]:
        facts: dict[str, Any] = {"plain": _said(plain, i, batch), "severity": severity}
        facts |= {name: _said(asked[name, severity], i, batch) for name in names}
        yield Kept(EXAMPLE, float(number_of(batch.ids[i])), batch.ids[i], facts)


def mild(plain: Answer, asked: Mapping[Cell, Answer], batch: Batch) -> Iterator[Kept]:
    """Right as they are, and missed at the least severity: a list for each corruption."""
    right, least = plain.top1 == batch.labels, min(severity for _, severity in asked)
    for (name, severity), answer in asked.items():
        for i in np.flatnonzero(right & answer.finite & (answer.top1 != plain.top1)) if severity == least else ():
            facts = {
                "corruption": name,
                "severity": severity,
                "named": named(name),
                "before": batch.subject.class_name(int(plain.top1[i])),
                "after": batch.subject.class_name(int(answer.top1[i])),
                "p_before": float(plain.confidence[i]),
                "p_after": float(answer.confidence[i]),
            }
            yield Kept(f"{MILD}{name}", float(answer.confidence[i]), batch.ids[i], facts)


def _said(answer: Answer, i: int, batch: Batch) -> str:
    return batch.subject.class_name(int(answer.top1[i])) if answer.finite[i] else "no finite answer"
