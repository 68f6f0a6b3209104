"""Accuracy by group, and what can be said of the worst."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.groups import LABEL, group_columns, groups
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.settings import Distinct
from eyechart.core.tally import Tally
from eyechart.exams.worst_group_estimates import Grouped
from eyechart.exams.worst_group_pictures import charts, findings

USUAL = ("group", "domain")  # columns that are taken where there are such


class WorstGroup(Exam):
    """Accuracy in each group of images, the worst of them, and whether it is shown to be worse.

    Groups are the values of a column of the images' table (domain, camera, skin colour, background ...), of several crossed
    (label*background), or else the classes. Such columns come with a Parquet table or an npz archive, from names
    (--labels '{domain}/{label}_{_}.jpg'), or from a CSV file (--labels FILE with the columns file and group; without a column
    label the images keep theirs).

    Of many groups that are all alike, one comes out lowest by chance, and lower than it is. So the lowest share that was
    counted (the worst-group accuracy of Sagawa et al., ICLR 2020, arXiv 1911.08731) has an interval of the lowest TRUE share,
    whichever group's that is: down to the lowest of the groups' exact lower limits, up to the lowest of upper limits that hold
    for all groups at once (Clopper & Pearson; Sidak). And, to say something of one group by name: it is chosen by every other
    image of each group and judged on the rest, where chance does not favour it.

    Measures, at {by} and, where named, {group}:
        group_accuracy {group}: share of the group's images whose top class is the label; each interval is of that group alone.
        mistaken_share {group, answer}: share of them that get the commonest wrong answer, which ``answer`` names.
        accuracy {chance}: share of all images of any group, beside one answer in so many classes.
        mean_group_accuracy: mean over the counted groups, each counting as much.
        worst_group_accuracy {group}: the lowest group_accuracy of the counted groups, with the interval above.
        worst_by_chance: were all counted groups alike, each as right as they are together, the lowest share would lie at or
            above this in 97.5 % of such samples.
        held_out_accuracy {group}: on the half that did not choose it, of the group that does worst on the other half.
        held_out_gap {group}: on that half, accuracy of all images less that of this group (Newcombe, Stat. Med. 1998).
        held_out_p {group}: how likely so low an accuracy of it is there, were it as right as the others (Fisher's exact test,
            one-sided). It is called worse below 2.5 %, shared among the columns.
        counted_groups, small_groups: how many groups have at least ``fewest`` images with a label, and how many fewer. Groups
            of fewer have their group_accuracy, but are not counted in any other measure of groups.
    Where no worst group can be told, ``group`` is empty.

    Rows: ``top1``, and ``group_<column>`` (name as bytes, empty = none).
    """

    name: ClassVar[str] = "worst_group"
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "worst_group_accuracy", "held_out_gap")
    title: ClassVar[str] = "The worst group"
    explanation: ClassVar[str] = (
        "A model that is right on average may fail one kind of image: a class, a place, a camera. Here its accuracy is "
        "told for each group, and whether the worst is truly worse or came out last by chance."
    )
    needs_labels: ClassVar[bool] = True
    only_estimates: ClassVar[tuple[str, ...]] = ("fewest",)
    chosen: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "mistaken_share": ("answer",),
        "worst_group_accuracy": ("group",),
        "held_out_accuracy": ("group",),
        "held_out_gap": ("group",),
        "held_out_p": ("group",),
    }

    by: Annotated[tuple[str, ...], Field(min_length=1), Distinct] | None = Field(
        None,
        description="Columns of the images' table, label for the classes, a*b for two crossed; default group and domain where "
        "there are such, else label.",
    )
    fewest: int = Field(20, ge=2, description="A group of fewer images is listed, but is not the worst.")

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The clean pass, once."""
        return None if so_far else (CLEAN,)

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image. Raises UnknownNameError for a column that the images have not."""
        by = [name for name in USUAL if name in batch.targets] if self.by is None else self.by
        rows: dict[str, Array] = {"top1": answers[CLEAN].top1.astype(np.int32)}
        return Tally(rows | group_columns(by, batch.targets, "worst_group.by"))

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Column by column, over the images that have a label and a group."""
        return Estimates(one for by in self._columns(tally) for one in self._of(by, tally, labels, subject))

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """The groups side by side, and all as a table."""
        return charts(estimates)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """The worst group, and whether it is shown to be worse."""
        return findings(estimates)

    def _columns(self, tally: Tally) -> Sequence[str]:
        if self.by is not None:
            return self.by
        return [name for name in USUAL if f"group_{name}" in tally.rows] or [LABEL]

    def _of(self, by: str, tally: Tally, labels: Array, subject: Subject) -> Iterator[Estimate]:
        known = labels >= 0
        found = {name: np.flatnonzero(images & known) for name, images in groups(by, tally.rows, labels, subject)}
        own = {name: images for name, images in found.items() if len(images)}
        return Grouped(self.estimate, by, own, tally.rows["top1"], labels, self.fewest).estimates(subject)
