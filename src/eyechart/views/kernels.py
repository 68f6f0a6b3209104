"""Nets with smoothed convolution kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from eyechart.core.weights import Weights
from eyechart.spectrum.kernels import smooth


@dataclass(frozen=True)
class SmoothedKernels(Weights):
    """One layer's kernels with ``rho`` times their 8 neighbours added to each weight (Wang et al., CVPR 2020).

    Attributes:
        rho, normalize: see ``eyechart.spectrum.kernels.smooth``.
        layer: which convolution, in the order of use; the first (0) in the paper.
    """

    rho: float
    normalize: bool = False
    layer: int = 0

    def changed(
        self, parameters: Mapping[str, torch.Tensor], convolutions: Sequence[str]
    ) -> Mapping[str, torch.Tensor]:
        """The layer's kernels, smoothed in float64. Raises IndexError if there are fewer layers."""
        name = convolutions[self.layer]
        kernels = parameters[name]
        exact = kernels.cpu().double()  # not every device has float64
        return {name: smooth(exact, self.rho, self.normalize).to(kernels.device, kernels.dtype)}
