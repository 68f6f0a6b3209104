"""The bands exam by group: accuracy on each band for each class, domain or other column of the images' table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eyechart.core.estimate import Estimate
from eyechart.core.words import figure
from eyechart.exams.bands_figures import Array, Say
from eyechart.stats.intervals import wilson


def group_figures(
    say: Say, found: Sequence[tuple[str, Array]], right: Array, known: Array, column: str, at: Mapping[str, Any]
) -> Iterator[Estimate]:
    """Accuracy in each group, over its images that have a label.

    Args:
        say: makes an estimate of the exam.
        found: groups of the column.
        right, known: (n,) bool, whether the top class is the label and whether there is one.
        column, at: coordinates.
    """
    for value, chosen in found:
        n, count = int((known & chosen).sum()), int((right & known & chosen).sum())
        told = figure(wilson(count, n), "" if n else "no image of this group has a label")
        yield say("accuracy", at={**at, "by": column, "value": value}, **told)
