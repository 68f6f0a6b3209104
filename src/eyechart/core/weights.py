"""Changes of a net's weights: frozen values, so that equal changes are one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Weights(ABC):
    """Other weights to ask a net with. Defined on the net as its author made it; BatchNorm is folded afterwards."""

    @property
    def settled_on(self) -> int:
        """Plain images on which BatchNorm's statistics are taken anew; 0 = they stay the net's own."""
        return 0

    def suits(self, parameters: Mapping[str, torch.Tensor], convolutions: Sequence[str]) -> bool:
        """Whether a net has what is to be changed; arguments as for ``changed``."""
        try:
            self.changed(parameters, convolutions)
        except LookupError:  # no such layer, or no parameter of that name
            return False
        return True

    @classmethod  # noqa: B027
    def let_go(cls) -> None:  # most remember nothing
        """Forget what is remembered from one change to the next, such as a file: no more are to come for now."""

    @abstractmethod
    def changed(
        self, parameters: Mapping[str, torch.Tensor], convolutions: Sequence[str]
    ) -> Mapping[str, torch.Tensor]:
        """The parameters that differ, by name; what is given is left alone.

        Args:
            parameters: all of the net's (``nn.Parameter``), and its floating buffers (plain tensors), by dotted name.
            convolutions: names of the kernels (out, in, kh, kw), in the order in which the net uses them.
        """
