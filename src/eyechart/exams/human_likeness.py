"""Does a model answer, and err, as people do on the same images?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.words import figure
from eyechart.exams.human_likeness_files import Source, fingerprint
from eyechart.exams.human_likeness_people import People, people_estimates
from eyechart.exams.human_likeness_pictures import charts
from eyechart.exams.human_likeness_soft import COLUMNS, soft_estimates, soft_rows
from eyechart.exams.human_likeness_words import findings
from eyechart.images.categories import Categories, Rule
from eyechart.images.category_file import BUILT_IN, Table, as_table, categories_for, read_category_file
from eyechart.images.class_names import NameIndex, shown
from eyechart.images.decisions import CATEGORIES
from eyechart.images.image_set import ImageSet
from eyechart.images.soft_labels import SoftLabelError, SoftLabels
from eyechart.stats.intervals import means
from eyechart.stats.soft_labels import entropy
from eyechart.views.whole import Whole

WHOLE = Query(Whole())


class HumanLikeness(Exam):
    """How like people a model answers, from what people answered to the same images; without that the exam is skipped.

    ``table``: decisions of people (CSV in the format of Geirhos et al., see eyechart decisions), matched by the image's file
    name, and by its folders where one observer answered several images of that name.
    The model sees each image whole, its outputs are summed up to categories by {mean | sum | max | strict} as in arXiv
    1808.08750, and its decision is right if it names the table's category. After Geirhos, Meding & Wichmann (NeurIPS 2020,
    arXiv 2006.16736) and Klein et al. (2025, arXiv 2507.06645), for the model and each {observer}, on images both answered:
        accuracy {observer}: share of images answered rightly; of the model on all that are compared.
        accuracy_difference {observer}: the difference of the two, squared as published.
        observed_consistency {observer}: share of images that both got right or both wrong.
        error_consistency {observer}: Cohen's kappa of right and wrong: 0 is chance at these accuracies, 1 the same errors;
            undefined where one of the two is always right or always wrong, and then left out of means.
        error_consistency_highest {observer}: what the two accuracies allow.
        mean_accuracy_difference, mean_observed_consistency, mean_error_consistency {of: model | people}: mean over people; of
            people among themselves over each two of them: the ceiling. Intervals resample images for all observers together;
            those of kappa allow for cells of its table that happen to be empty (see eyechart.stats.agreement_intervals).
        undefined_pairs {of}: comparisons without kappa.
        error_consistency_gap: that of the model less that of people, on the same resampled images: those that two people saw.
    ``soft_labels``: of each image the shares of people who answered each class (an array (n, k), such as CIFAR-10H, arXiv
    1908.07086), matched by the image's number, columns in the order of the model's outputs unless ``classes`` names them.
    {answer: model | label}: the model's top class, or the label; as a distribution, its probabilities or the label alone.
        people_agreement {answer}: share of images on which it is the commonest answer of people (the first of equals).
        people_share {answer}: mean share of people who gave it.
        cross_entropy: mean -sum q log p in nats, q of people, p of the model. No model has less than people_entropy.
        kl_divergence: cross_entropy less people_entropy.
        js_divergence {answer}: mean Jensen-Shannon divergence from people, 0 to ln 2 nats.
        js_divergence_gap {given: all | right | wrong}: that of the model less that of the label, image by image; of all, and of
            those that the model gets right or wrong.
        people_entropy {given}: mean entropy of people's answers.
        entropy_gap {given}: mean entropy of the model's probabilities less that of people's answers: below 0 it is the surer.
        entropy_correlation {given}: Spearman's rho of the entropies of model and people: is it unsure where they are?
            None for fewer than six images.
        doubt_entropy {answer: model | people, doubt: none | some | much}: mean entropy of images on which all people gave one
            answer, up to a fifth another, or more.
    images_compared {source: table | soft_labels}: how many images have answers of people; and entropy: mean of the model's own
    probabilities, over all images.

    Rows: ``entropy``; of the table ``category`` and ``answer`` (places among the categories, -1 none), ``right``, ``compared``,
    ``people_right`` (an entry each: 1 right, 0 wrong, -1 not shown); of soft labels ``has_people``, ``top1``, ``people_top1``,
    ``share_of_model``, ``share_of_label``, ``cross_entropy``, ``js_model``, ``js_label``, ``people_entropy``,
    ``people_doubt`` (share of people who did not give the commonest answer).
    """

    name: ClassVar[str] = "human_likeness"
    version: ClassVar[int] = 3  # 2 withheld kappas that are 0 by arithmetic; intervals of kappa were too narrow
    headline: ClassVar[tuple[str, ...]] = (
        "mean_error_consistency",
        "people_agreement",
        "js_divergence",
        "entropy_correlation",
    )
    title: ClassVar[str] = "Likeness to people"
    explanation: ClassVar[str] = (
        "What the model answers is set beside what people answered to the same images. A model may be as accurate as people "
        "and still err on other images, or be sure where they are not: it then goes by something else."
    )
    own_targets: ClassVar[bool] = True

    table: tuple[str, ...] = Field((), description="Decisions of people on these images: one CSV file, or a list.")
    soft_labels: str | None = Field(
        None, description="Shares of people by class: a .npy or .npz file, (images, classes)."
    )
    classes: tuple[str, ...] = Field(
        (), description="Names of its columns; default: those of the model's outputs, in order."
    )
    condition: str | None = Field(
        None, description="Condition of the table; needed where images stand there in several."
    )
    categories: Literal["auto", "imagenet16", "cifar10"] | Table = Field(
        "auto",
        description="auto, imagenet16, cifar10, or a TOML FILE: [categories] name = [outputs by number or name].",
    )
    aggregation: Rule = Field("mean", description="How outputs become categories: mean, sum, max or strict.")
    fingerprint: str = Field("", validate_default=True, description="Of the content of these files; found by itself.")

    @field_validator("table", mode="before")
    @classmethod
    def _one_or_several(cls, files: object) -> object:
        return (files,) if isinstance(files, str) else files

    @field_validator("categories", mode="before")
    @classmethod
    def _with_content(cls, wish: object) -> object:
        if wish == "auto" or wish in BUILT_IN:
            return wish
        setting = "human_likeness.categories"
        return read_category_file(wish, setting) if isinstance(wish, str) else as_table(wish, setting)

    @field_validator("fingerprint")
    @classmethod
    def _of_content(cls, known: str, info: ValidationInfo) -> str:
        """A changed file is another exam: what was read of it is not used again."""
        return known or fingerprint(info.data.get("table", ()), info.data.get("soft_labels"))

    def unsuited(self, subject: Subject, images: ImageSet) -> str:
        """Nothing of people is given, or nothing of these images."""
        if not self.table and self.soft_labels is None:
            return "it compares with people: set human_likeness.table or human_likeness.soft_labels"
        reasons = []
        people = self._people(subject) if self.table else None
        if people is not None and (name := people.ambiguous(images.ids)):
            told = f"several images are called {shown(name)}, so that it is not known which one people saw"
            reasons.append(f"{told}: write it with its folder in the column imagename, as the images' ids have it")
        elif people is not None and not people.compared(images.ids).any():
            reasons.append("no image is in the table of decisions in one of the model's categories")
        if self.soft_labels is not None:
            rows = self._soft(subject)[0].rows(images.ids)
            held, times = np.unique(rows[rows >= 0], return_counts=True)
            if not len(held):
                reasons.append("no image has a row of soft labels: their names are no numbers, and the file has no ids")
            elif times.max() > 1:
                row = int(held[times.argmax()])
                reasons.append(f"several images are numbered {row}, so that it is not known which one people saw")
        return "; ".join(reasons)

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """The whole images for the table, the images as the model sees them for soft labels."""
        if so_far:
            return None
        if self.table:
            self._people(subject)  # what does not fit the model is an error, no reason to skip
        if self.soft_labels is not None:
            self._soft(subject)
        return (CLEAN, WHOLE) if self.table else (CLEAN,)

    def read(self, answers: Answers, batch: Batch) -> Tally:
        """One row an image."""
        clean = answers[CLEAN]
        rows = {"entropy": entropy(np.exp(clean.log_p)).astype(np.float32)}
        if self.table:
            rows |= self._people(batch.subject).rows(batch.ids, answers[WHOLE], self.aggregation)
        if self.soft_labels is not None:
            soft, columns = self._soft(batch.subject)
            rows |= soft_rows(soft, columns, batch.ids, clean, batch.labels)
        return Tally(rows)

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Beside the table, beside soft labels, and what needs neither."""
        found: list[Estimate] = []
        if self.table:
            found += people_estimates(self.estimate, tally.rows, self._people(subject).observers)
        if self.soft_labels is not None:
            found += soft_estimates(self.estimate, {name: tally.rows[name] for name in COLUMNS}, labels)
        (own,) = means(tally.rows["entropy"][:, None])
        return Estimates((*found, self.estimate("entropy", unit="nats", **figure(own))))

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Error consistency beside that of people, agreement with soft labels."""
        return charts(estimates)

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Which errors it shares, and whether it doubts where people do."""
        return findings(estimates)

    def _people(self, subject: Subject) -> People:
        known: Categories = categories_for(
            self.categories, subject.class_names, subject.n_classes, "human_likeness.categories"
        )
        names = tuple(dict.fromkeys((*CATEGORIES, *known.names)))  # people may name what the model cannot
        return People(self._source.people(self.condition, names), known)

    @property
    def _source(self) -> Source:
        return Source(self.table, self.soft_labels, self.fingerprint)

    def _soft(self, subject: Subject) -> tuple[SoftLabels, list[int]]:
        """The soft labels, and the output that each of their columns is about."""
        count = len(self.classes) or subject.n_classes
        return self._source.shares(count), self._columns(subject, count)

    def _columns(self, subject: Subject, count: int) -> list[int]:
        """The output of each column. Raises SoftLabelError where that is not known."""
        if not self.classes:
            return list(range(count))
        index = NameIndex(subject.class_names)
        found = [index.find(name)[0] for name in self.classes]
        for name, outputs in zip(self.classes, found, strict=True):
            if len(outputs) != 1 or found.count(outputs) > 1:
                problem = (
                    f"No single output of its own: {index.explain(name, outputs)}." if len(index) else "No names known."
                )
                raise SoftLabelError(
                    problem, setting="human_likeness.classes", value=name, way_out="Give names of the model's outputs."
                )
        return [outputs[0] for outputs in found]
