"""Remedies: something done to a net or to its input that should improve a measurement, without training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from eyechart.models.preprocessing import Preprocessing

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Patient:
    """A net to be treated.

    Attributes:
        net: as its author made it, unfolded, in evaluation mode; a copy that the remedy may change.
        preprocessing: of its frames.
        frames: (n, c, h, w) float32, normalised, of unlabelled images to calibrate on; None where none were given.
        labels: (n,) int64 of these, -1 = unknown; None without images.
    """

    net: torch.nn.Module
    preprocessing: Preprocessing
    frames: torch.Tensor | None = None
    labels: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class Treated:
    """What a remedy leaves.

    Attributes:
        net: treated; takes the same frames and gives the same kind of answer.
        settled: settings that were chosen on the images, so that the same treatment needs none the next time.
        done: what was done, one plain line for each place.
        refused: places that were left as they are, with the reason.
    """

    net: torch.nn.Module
    settled: Mapping[str, Any] = field(default_factory=dict)
    done: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


class Remedy(BaseModel, ABC):
    """A treatment. Its fields are its settings (frozen); its docstring says what it does and what it rests on.

    Attributes:
        name: in the catalogue and in the recipe of a treated model.
        title, explanation: for reports; the explanation is two sentences for a newcomer.
        improves: measures that it is meant to improve, as exam.measure, such as ``shift.p_top1_change``.
        evidence: what speaks for it: a measurement of this project's, or a publication, in one sentence.
        needs_images: without images to calibrate on it cannot be done.
        keeps_keys: the state dict has the same keys and shapes as before.
        structural: it changes the architecture alone, so that a net can also be trained with it from the start.
        place: 0 within the net; 1 in front of it, showing it several frames or a part of one; 2 in front of all, a filter of
            the picture. What stands within is done first: a net behind something is no longer open to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    title: ClassVar[str]
    explanation: ClassVar[str]
    improves: ClassVar[tuple[str, ...]] = ()
    evidence: ClassVar[str] = ""
    needs_images: ClassVar[bool] = False
    keeps_keys: ClassVar[bool] = True
    structural: ClassVar[bool] = False
    place: ClassVar[int] = 0

    @abstractmethod
    def treat(self, patient: Patient) -> Treated:
        """Treat the net.

        Raises:
            SettingError: the net has nothing that this remedy could act on, or images are needed and there are none.
        """

    def settled(self, settings: Mapping[str, Any]) -> Remedy:
        """The same remedy with what was chosen on images, so that it needs none."""
        return self.model_copy(update=dict(settings))
