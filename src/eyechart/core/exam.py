"""The contract of an exam: ask, read, estimate, picture. All pure; the engine does the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args, get_origin

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.query import Answers, Query
from eyechart.core.tally import Kept, Tally
from eyechart.core.view import Precision, View

if TYPE_CHECKING:
    import torch

    from eyechart.images.image_set import ImageSet
    from eyechart.models.geometry import LayerGeometry
    from eyechart.models.layers import Layer

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Subject:
    """What an exam may know before it asks.

    Attributes:
        size: the model's input frame, (height, width) in pixels.
        class_names: of the model's outputs; empty if unknown.
        class_ids: their WordNet ids; empty if they have none.
        n_classes: number of outputs.
        kind: what the model answers, ``logits`` or ``embedding``; ``none`` where images are looked at without a model.
        channels: of the input frame.
        precision: in which attacks may search.
        softmax: whether the net ends with one; what it answers is then log p.
        labelled: whether the images have labels that the model can be right about.
        training: whether these are the training images beside those to be examined.
        layers: the steps that the net takes, in their order (see ``eyechart layers``); empty if it cannot be watched.
        geometry: by layer, its stride and receptive field, found when first asked for.
        convolutions: names of the convolutions' kernels, in the order of use.
        weights: the net's parameters and floating buffers before folding, by name; float32 tensors on the CPU when asked for.
        targets: names of the columns that the images bring along, such as ``corruption``.
    """

    size: tuple[int, int]
    n_classes: int
    class_names: tuple[str, ...] = ()
    kind: str = "logits"
    labelled: bool = True
    training: bool = False
    layers: tuple[Layer, ...] = ()
    convolutions: tuple[str, ...] = ()
    geometry: Mapping[str, LayerGeometry] = field(default_factory=dict, compare=False, repr=False)
    weights: Mapping[str, torch.Tensor] = field(default_factory=dict, compare=False, repr=False)
    class_ids: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    softmax: bool = False
    channels: int = 3
    precision: Precision = "float32"

    def class_name(self, index: int) -> str:
        """The name of class ``index``."""
        return self.class_names[index] if 0 <= index < len(self.class_names) else f"class {index}"


@dataclass(frozen=True)
class Batch:
    """Some images of the set, in order.

    Attributes:
        ids: of the images.
        labels: (n,) index of the true class among the model's outputs, -1 where unknown.
        targets: the other target columns, each (n,).
        subject: as given to ``ask``.
    """

    ids: tuple[str, ...]
    labels: Array
    subject: Subject
    targets: Mapping[str, Array] = field(default_factory=dict)


class Exam(BaseModel, ABC):
    """A measurement. Its fields are its settings (frozen); its docstring names measures, coordinates and units.

    The engine calls ``ask`` with the tallies of the stages so far until it returns None; runs the queries; calls
    ``read`` per batch; merges; then ``estimates``, ``charts`` and ``findings`` once.

    Attributes:
        name: in the catalogue and in ``results.json``.
        version: raised whenever the meaning of a measure or row changes; part of the identity of its shards.
        headline: measures that a command prints when it is done; none = all.
        title, explanation: for the report; the explanation is two sentences for a newcomer.
        needs_labels: without labels the exam is skipped, with a reason.
        answers: kinds of answers it can read; on other models it is skipped, with a reason. ``none``: it needs no model.
        asks: False for an exam of the model's weights alone, which is shown no image.
        training: measures that are also taken on training images, where these are given beside those to be examined; their
            coordinates are then joined by ``images: training``, and ``<measure>_gap`` is training minus examined.
        needs_training: without training images the exam is skipped, with a reason; see ``estimates_beside``.
        chosen: by measure, coordinates that its result chooses, such as the place of a minimum. Models are compared without
            them, and ``results.json`` marks them.
        right_by: the row column with the model's top class on the image as it is. Where several models sit the exam, what it
            estimates at {given: correct} is also estimated at {given: all_models_correct}, on the images that all get right:
            accuracy confounds figures of stability.
        own_targets: what it asks about an image stands in the image's name or in further targets. Where that is so of all exams
            asked for, it is no error that the classes of the images match no outputs: the images then have no labels.
        only_estimates: settings that neither ``ask`` nor ``read`` looks at: when they change, nothing is asked again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    headline: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1
    title: ClassVar[str]
    explanation: ClassVar[str]
    needs_labels: ClassVar[bool] = False
    answers: ClassVar[tuple[str, ...]] = ("logits",)
    asks: ClassVar[bool] = True
    training: ClassVar[tuple[str, ...]] = ()
    needs_training: ClassVar[bool] = False
    chosen: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    right_by: ClassVar[str] = ""
    own_targets: ClassVar[bool] = False
    only_estimates: ClassVar[tuple[str, ...]] = ()

    @field_validator("*", mode="before")
    @classmethod
    def _listed(cls, value: object, info: ValidationInfo) -> object:
        """``fog,snow`` and 3 are lists where a list is wanted."""
        kind = cls.model_fields[info.field_name or ""].annotation
        parts = (kind, *(() if get_origin(kind) is tuple else get_args(kind)))
        kinds = [get_args(part)[0] if get_origin(part) is Annotated else part for part in parts]
        texts = any(one is str or get_origin(one) is Literal for one in kinds)
        if texts or all(get_origin(one) is not tuple for one in kinds):
            return value
        if isinstance(value, str) and not value.lstrip().startswith("["):
            return [part.strip() for part in value.split(",") if part.strip()]
        return [value] if isinstance(value, (int, float)) else value

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        entries = value if isinstance(value, (list, tuple)) else (value,)
        kind = cls.model_fields[info.field_name or ""].annotation
        if bool not in (kind, *get_args(kind)) and any(isinstance(entry, bool) for entry in entries):
            raise ValueError("give a number or a name: this is no setting to switch on or off")
        return value

    def unsuited(self, subject: Subject, images: ImageSet) -> str:
        """Why it has nothing to ask about these images, so that it is skipped; empty if it has. Decodes none."""
        return ""

    def most(self, subject: Subject) -> int | None:
        """At most so many images, the first of the seeded order; None = all. For exams that ask much of each image."""
        return None

    @abstractmethod
    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        """Queries of the next stage, or None when nothing more is needed."""

    @abstractmethod
    def read(self, answers: Answers, batch: Batch) -> Tally:
        """Count one batch. Depends on nothing but its arguments."""

    @abstractmethod
    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        """Figures from the merged tally of the last stage. ``labels`` are those of the rows, in their order."""

    @abstractmethod
    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        """Figures for the report."""

    @abstractmethod
    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        """Plain sentences for the summary, most telling first."""

    def estimates_beside(self, tally: Tally, labels: Array, training: Tally, subject: Subject) -> Estimates:
        """Figures that take both: as ``estimates``, with the merged tally of the training images."""
        return Estimates()

    def charts_beside(self, estimates: Estimates, training: Estimates) -> Sequence[Chart]:
        """Figures of both kinds of images; ``training``: see there, gaps and ``estimates_beside`` included."""
        return ()

    def findings_beside(self, training: Estimates) -> Sequence[Finding]:
        """Plain sentences on what training images add."""
        return ()

    def estimates_against(self, tally: Tally, other: Tally, subject: Subject, opponent: Subject) -> Estimates:
        """Where several models sit the exam: figures of one less those of another (coordinate ``less``: its name).

        Both tallies are of the images that both examined, in one order.
        """
        return Estimates()

    def tolerates(self, query: Query) -> bool:
        """Whether it copes with NaN and infinity in what this query gives; else such an image has no part in the exam."""
        return False

    def plates(self, tally: Tally, subject: Subject) -> Sequence[Chart]:
        """Further figures for the report, of what is too much to be estimates, such as pictures of kernels."""
        return ()

    def pictures(self, case: Kept) -> Mapping[str, View]:
        """Views to picture a kept case with, by name; drawn once, for the cases that are kept in the end."""
        return {}

    def estimate(self, measure: str, **fields: Any) -> Estimate:
        """An Estimate of this exam, its ``chosen`` coordinates marked."""
        chosen = [name for name in self.chosen.get(measure, ()) if name in fields.get("at", {})]
        return Estimate(exam=self.name, measure=measure, chosen=chosen, **fields)
