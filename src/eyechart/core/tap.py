"""Taps: what is read off a net's layers while it answers. Frozen values, so that equal taps are one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import torch

    from eyechart.models.atrous import Dense
    from eyechart.models.layers import Layer


@dataclass(frozen=True)
class Tap(ABC):
    """A few numbers of each image at some layers: feature maps themselves never leave the device.

    Attributes:
        layers: names, as in ``Subject.layers``.
        against_plain: whether ``read`` is also given what the layer says of the plain image.
        against_empty: whether ``read_against`` is to be given what the layer says of an empty frame, too.
    """

    layers: tuple[str, ...]
    against_plain: ClassVar[bool] = False

    @property
    def against_empty(self) -> bool:
        """No, for most."""
        return False

    @abstractmethod
    def read(self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None) -> torch.Tensor | None:
        """Numbers (n, ...) of a layer's output (n, ...), each image for itself; ``plain``: see ``against_plain``.

        None where there is nothing to read: such a layer is not in what an exam gets. Nor are layers whose outputs are not
        one an image (``Layer.each``): those are not shown.
        """

    def read_against(
        self, layer: Layer, output: torch.Tensor, plain: torch.Tensor | None, empty: torch.Tensor | None
    ) -> torch.Tensor | None:
        """As ``read``; ``empty``: the output (n, ...) for frames of one colour, that of the plain image's last corner."""
        return self.read(layer, output, plain)


@dataclass(frozen=True)
class SlopeTap(ABC):
    """A few numbers of each image at some layers, from what they say and how the answer hangs on that.

    The answer is the output (logit, or log probability) of the class that the model answers. Costs a backward pass.

    Attributes:
        layers: names, as in ``Subject.layers``.
    """

    layers: tuple[str, ...]

    @abstractmethod
    def read(self, layer: Layer, output: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        """Numbers (n, ...) of a layer's output (n, ...) and of the answer's slope with respect to it, each image for itself."""


@dataclass(frozen=True)
class DenseTap(ABC):
    """A few numbers of each image at some layers of the a-trous twin, which has every unit at every place of the picture.

    Frames are cut to their centre, 128 pixels a side. Dense maps cost up to stride squared times what the net's own do: ask for
    few images (``Exam.most``).

    Attributes:
        layers: names, as in ``Subject.layers``.
    """

    layers: tuple[str, ...]

    @abstractmethod
    def read(self, layer: Layer, dense: Dense) -> torch.Tensor:
        """Numbers (n, ...) of a layer's dense maps, each image for itself.

        Layers without a dense map, or whose dense map is not proved to be the net's own once it is sampled, are not shown.
        """
