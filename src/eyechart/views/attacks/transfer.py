"""Changes made on one model and shown to another: what an adversary can do who never sees the model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from eyechart.core.view import Attacked, InputView, Pixels, Shown
from eyechart.errors import SettingError
from eyechart.models.image_model import ImageModel
from eyechart.models.load import load_model
from eyechart.views.attacks.attack import Attack, numbers_of, sizes_of
from eyechart.views.attacks.losses import wrong
from eyechart.views.attacks.victim import Victim
from eyechart.views.interpolation import marked, unmarked

SETTING = "adversarial.surrogate"


@dataclass(frozen=True)
class Surrogate:
    """The model that changes are made on, as ``eyechart exam`` takes it. Read when it is first needed.

    Attributes:
        spec: such as ``torchvision:resnet50``, or a weights file with a digest of what is in it (see ``named``).
        arch: for a weights file.
    """

    spec: str
    arch: str | None = None

    @staticmethod
    def named(spec: str) -> str:
        """``spec`` with the digest of the file, if it is one, so that a changed file has another name."""
        return marked(spec) if Path(unmarked(spec)).is_file() else spec

    @property
    def title(self) -> str:
        """What people call it."""
        return Path(unmarked(self.spec)).name

    def model(self, like: ImageModel) -> ImageModel:
        """The model, where ``like`` is.

        Raises:
            SettingError: its frames or its classes are others than those of ``like``, or its file has changed.
            EyechartError: see ``load_model``.
        """
        found = _loaded(self.spec, self.arch, str(like.device))
        problem = _apart(found, like)
        if problem:
            way_out = "Name a model of the same frames and classes."
            raise SettingError(problem, setting=SETTING, value=unmarked(self.spec), way_out=way_out)
        return found


@dataclass(frozen=True)
class Transferred(InputView):
    """What an attack on another model ends with. Images that this other model gets wrong are attacked as all others are.

    Attributes:
        attack: which.
        surrogate: the model that it is made on.

    Notes: ``right``, ``broken`` and ``nan`` (by the model that is asked), ``surrogate_right`` and ``surrogate_broken`` (by the
    one that was attacked), ``linf``, ``l2``.
    """

    attack: Attack
    surrogate: Surrogate

    @property
    def stream(self) -> str:
        """The attack's."""
        return self.attack.stream

    @property
    def cost(self) -> int:
        """The attack's, and looks of the model that is asked; the other's are counted as if it were as large."""
        return self.attack.cost + 2

    def render(self, batch: Pixels) -> Shown:
        """Attack the one, ask the other."""
        if batch.attacked is None:
            raise ValueError(f"{self} needs a model to ask")
        asked, labels = batch.attacked.model, np.asarray(batch.attacked.labels, np.int64)
        handed = Attacked(self.surrogate.model(asked), labels, batch.attacked.precision, spare=False)
        made = self.attack.render(Pixels(batch.tensor, batch.ids, batch.seed, attacked=handed))
        victim, truth = Victim(asked), torch.from_numpy(labels).to(batch.tensor.device)
        before, after = victim.logits(batch.tensor), victim.logits(made.pixels)
        notes = {
            "right": numbers_of((before.argmax(1) == truth) & ~before.isnan().any(1)),
            "broken": numbers_of(wrong(after, truth)),
            "nan": numbers_of(after.isnan().any(1)),
            "surrogate_right": made.notes["right"],
            "surrogate_broken": made.notes["broken"],
            **sizes_of(made.pixels - batch.tensor),
        }
        return Shown(made.pixels, notes, made.valid)


@lru_cache(maxsize=1)
def _loaded(spec: str, arch: str | None, device: str) -> ImageModel:
    if Surrogate.named(unmarked(spec)) != spec:
        raise SettingError(
            "The other model has changed since this run was told of it, or is gone.",
            setting=SETTING,
            value=spec,
            way_out=f"Bring the old file back, or name the new one: --set {SETTING}={unmarked(spec)}",
        )
    with torch.inference_mode(False):
        return load_model(unmarked(spec), arch=arch, device=device)


def _apart(found: ImageModel, like: ImageModel) -> str:
    """Why changes made on one cannot be shown to the other; empty if they can."""
    sizes = [(m.preprocessing.channels, *m.preprocessing.size) for m in (found, like)]
    if sizes[0] != sizes[1]:
        return f"The other model's frames are {sizes[0]} (channels, height, width), this one's {sizes[1]}."
    names = [m.class_names for m in (found, like)]
    if found.n_outputs != like.n_outputs or (all(names) and names[0] != names[1]):
        return f"The other model's {found.n_outputs} classes are not this one's {like.n_outputs}."
    return ""
