"""Smoother kernels in one layer (Wang et al., CVPR 2020, arXiv 1905.13545, section 5)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field

from eyechart.core.remedy import Patient, Remedy, Treated
from eyechart.errors import SettingError
from eyechart.models.order import convolutions_in_order
from eyechart.spectrum.kernels import smooth


class KernelSmoothing(Remedy):
    """Each weight of a layer's kernels has ``rho`` times its 8 neighbours added, borders replicated.

    Raw, as published, this also scales the layer up by 1 + 8 rho; ``normalize`` divides by that. Not a defence: attacks adapt
    to it.
    """

    name: ClassVar[str] = "kernel_smoothing"
    title: ClassVar[str] = "Smooth the kernels"
    explanation: ClassVar[str] = (
        "The small patterns that a layer looks for are blurred a little, so that it relies less on the finest grain. "
        "It costs accuracy on untouched pictures, and an attacker who knows of it loses little."
    )
    improves: ClassVar[tuple[str, ...]] = ("adversarial.robust_accuracy",)
    evidence: ClassVar[str] = (
        "Published: smoothing lowers clean accuracy and raises the accuracy of a naturally trained net under attack "
        "(arXiv 1905.13545); whether attacks adapted to it, was not shown."
    )

    rho: float = Field(0.25, ge=0, description="Strength; 0 changes nothing. The paper's pictures use 1.")
    normalize: bool = Field(False, description="Divide by 1 + 8 rho, so that only smoothness changes.")
    layer: int = Field(0, ge=0, description="Which convolution, in the order of use.")

    def treat(self, patient: Patient) -> Treated:
        """Write the smoothed kernels. Raises SettingError where there is no such layer."""
        names = convolutions_in_order(patient.net, patient.preprocessing)
        if self.layer >= len(names):
            way_out = f"The network has {len(names)} convolutions; they count from 0."
            raise SettingError("No such layer.", setting="kernel_smoothing.layer", value=self.layer, way_out=way_out)
        name = names[self.layer]
        layer: Any = patient.net.get_submodule(name)
        with torch.no_grad():
            layer.weight.copy_(smooth(layer.weight.double(), self.rho, self.normalize))
        return Treated(patient.net, done=(f"{name}: kernels smoothed with rho {self.rho:g}",))
