"""Exams during training: the papers' curves, on fixed images, every few epochs."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn

from eyechart.core.estimate import Estimate
from eyechart.core.exam import Exam
from eyechart.errors import IdentityError
from eyechart.images.image_set import ImageSet
from eyechart.images.part import Part
from eyechart.models.chance_guard import global_chance_untouched
from eyechart.models.image_model import ImageModel
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.options import RunOptions
from eyechart.run.reporter import Silent
from eyechart.run.session import Session
from eyechart.run.spread import Rank
from eyechart.store.folder import Folder
from eyechart.store.run_folder import Run


@dataclass(frozen=True, eq=False)
class Watching:
    """Lets a net sit exams while it is trained.

    Attributes:
        exams: with their settings; of their estimates the headline measures go into the log.
        images: by a short name, such as ``test`` and ``train``; the labels are those to be compared with.
        preprocessing, class_names: of the net.
        every: epochs from one time to the next; the last epoch is always watched.
        epochs: of the training.
        folder: runs are kept under it, one an epoch and image set.
    """

    exams: Sequence[Exam]
    images: Mapping[str, ImageSet]
    preprocessing: Preprocessing
    class_names: tuple[str, ...]
    every: int
    epochs: int
    folder: str
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def __call__(self, epoch: int, net: nn.Module) -> dict[str, Any]:
        """Columns for the log: ``set.exam.measure`` and coordinates -> value."""
        if epoch % self.every and epoch != self.epochs:
            return {}
        with global_chance_untouched():
            copied = copy.deepcopy(net).eval()
            model = ImageModel.of(copied, self.preprocessing, name=f"epoch {epoch}", device=self.device)
        if len(self.class_names) == model.n_outputs:
            model = model.with_classes(self.class_names)
        found: dict[str, Any] = {}
        for name, images in self.images.items():
            out = f"{self.folder}/epoch-{epoch:05d}/{name}"
            run = self._examined(model, images, out)
            found |= {f"{name}.{column(e)}": e.value for e in run.estimates if self._leads(e)}
        return found

    def _examined(self, model: ImageModel, images: ImageSet, out: str) -> Run:
        """An epoch that is trained again, on a machine that sums otherwise, gives other weights: a folder of its own."""
        try:
            return self._alone(model, images, out)
        except IdentityError:
            return self._alone(model, images, f"{out}-{model.fingerprint[:8]}")

    def _alone(self, model: ImageModel, images: ImageSet, out: str) -> Run:
        """By this process, however many train together: the others wait and have no part in it."""
        options = RunOptions.of(seed=self.seed, max_bad=len(images))
        Session([model], images, list(self.exams), Folder(out), options, Silent(), rank=Rank(0, 1)).run()
        return Run(out)

    def _leads(self, estimate: Estimate) -> bool:
        """Whether an estimate is among those that the exam leads with."""
        exam = next(exam for exam in self.exams if exam.name == estimate.exam)
        return estimate.value is not None and (not exam.headline or estimate.measure in exam.headline)


def column(e: Estimate) -> str:
    """``bands.accuracy band=low radius=8``."""
    at = (f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in e.at.items() if k != "radius_nyquist")
    return " ".join([f"{e.exam}.{e.measure}", *at])


def with_labels(images: Part, labels: Tensor) -> Part:
    """Training images with the labels that are trained on, such as shuffled ones: (n,) indices into the class names."""
    targets = {**images.targets, "label": labels.cpu().numpy()}
    dealt = blake2b(labels.cpu().numpy().tobytes(), digest_size=8).hexdigest()
    key = f"{images.fingerprint}-{dealt}"
    return Part(
        images.name,
        images.ids,
        targets,
        images.class_names,
        key,
        images.remarks,
        whole=images.whole,
        places=images.places,
    )
