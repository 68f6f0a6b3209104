"""Averaging over phases: the mean answer to shifted copies (Azulay & Weiss, JMLR 20(184), 2019; grid of phases our choice)."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from eyechart.core.remedy import Patient, Remedy, Treated
from eyechart.errors import SettingError
from eyechart.models.geometry import geometry_of


class PhaseAverage(Remedy):
    """The mean of the logits over g x g cyclic shifts of the frame, by multiples of S / g, S the net's subsampling.

    With g = S and a circular net with a global mean no cyclic shift changes the answer; real shifts and zero-padded nets only
    come nearer to that. Costs g^2 forwards. An attack goes through all copies; to leave the averaging out of a figure of
    robustness, or to slip it in, would mislead.
    """

    name: ClassVar[str] = "phase_average"
    title: ClassVar[str] = "Average over shifted copies"
    explanation: ClassVar[str] = (
        "The network is shown the picture at several places and its answers are averaged, so that no single place of its grid "
        "decides. It asks the network several times for each picture."
    )
    improves: ClassVar[tuple[str, ...]] = ("shift.p_top1_change", "consistency.consistency")
    evidence: ClassVar[str] = "Exact by definition for cyclic shifts of circular nets; for others measure it."
    keeps_keys: ClassVar[bool] = False
    place: ClassVar[int] = 1

    grid: int = Field(2, ge=1, le=64, description="Shifts along each axis; the cost is its square.")
    period: int | None = Field(None, ge=1, description="S, pixels after which the net's grid repeats; default: found.")

    def treat(self, patient: Patient) -> Treated:
        """Put the copies in front. Raises SettingError where the net's grid is not known."""
        period = self.period or _subsampling(patient)
        if self.grid > period:
            way_out = f"Give at most {period}."
            raise SettingError(
                "There are no more phases than that.", setting="phase_average.grid", value=self.grid, way_out=way_out
            )
        steps = tuple(round(k * period / self.grid) for k in range(self.grid))
        told = f"input: answers averaged over {self.grid**2} cyclic shifts ({', '.join(map(str, steps))} pixels on each axis)"
        return Treated(Averaged(patient.net, steps).eval(), {"period": period}, (told,))


class Averaged(nn.Module):
    """The mean answer to cyclic shifts of the frame by all pairs of ``steps`` pixels."""

    def __init__(self, net: nn.Module, steps: tuple[int, ...]) -> None:
        super().__init__()
        self.net, self.steps = net, steps

    def forward(self, x: Tensor) -> Tensor:
        """One copy after another: memory stays that of one."""
        shifts = [(down, across) for down in self.steps for across in self.steps]
        total = self.net(x)
        for shift in shifts[1:]:
            total = total + self.net(torch.roll(x, shift, (2, 3)))
        mean: Tensor = total / len(shifts)
        return mean


def _subsampling(patient: Patient) -> int:
    """Pixels between neighbours of the coarsest map."""
    found = geometry_of(patient.net, patient.preprocessing.size, patient.preprocessing.channels)
    strides = [max(layer.stride) for layer in found if layer.stride is not None]
    whole = [int(s) for s in strides if s == int(s)]
    if not whole:
        way_out = "Give --set phase_average.period=S, such as 32."
        raise SettingError("The network's subsampling is not known.", setting="model", value="", way_out=way_out)
    return max(whole)
