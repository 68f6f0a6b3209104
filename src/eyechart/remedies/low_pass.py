"""A low-pass filter before the net: what lies above a radius cannot be used, by it or against it."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from eyechart.core.findings import above_chance
from eyechart.core.remedy import Patient, Remedy, Treated
from eyechart.errors import SettingError
from eyechart.remedies.surgery import device_of
from eyechart.spectrum.bands import low_pass
from eyechart.spectrum.grid import low_columns, low_mask
from eyechart.stats.intervals import differences

GRID = tuple(
    k / 16 for k in range(4, 23)
)  # shares of n / 2 that are tried, up to the corners, where nothing is taken out


class LowPass(Remedy):
    """The net behind an ideal low-pass filter at ``radius``, part of the treated model.

    Without a radius the smallest of a grid is taken (from 1/4 of n/2 to near the corners) that costs no more than ``cost`` in
    accuracy on the images given, at the upper end of the 95 % interval of the paired difference. Attacks must go through the
    filter: they are differentiated through it here.
    """

    name: ClassVar[str] = "low_pass"
    title: ClassVar[str] = "Take fine detail out of the input"
    explanation: ClassVar[str] = (
        "The finest grain of a picture is taken out before the network sees it. Noise and attacks that live there lose their "
        "hold; pictures that need fine detail become harder."
    )
    improves: ClassVar[tuple[str, ...]] = ("corruptions.error", "bands.accuracy")
    evidence: ClassVar[str] = (
        "Follows from the definition for changes above the radius; nothing is claimed for those below."
    )
    keeps_keys: ClassVar[bool] = False
    place: ClassVar[int] = 2

    radius: float | None = Field(
        None, gt=0, description="Cycles per image that are kept; default: chosen on the images."
    )
    cost: float = Field(0.02, gt=0, lt=1, description="Accuracy that may be lost where the radius is chosen.")

    def treat(self, patient: Patient) -> Treated:
        """Put the filter in front. Raises SettingError where there is neither a radius nor labelled images."""
        radius = self._chosen(patient) if self.radius is None else self.radius
        size = patient.preprocessing.size
        front = Filtered(patient.net, radius, size).to(device_of(patient.net)).eval()
        how = "given" if self.radius is not None else f"the smallest that costs at most {100 * self.cost:g} points here"
        return Treated(
            front, {"radius": radius}, (f"input: detail above {radius:g} cycles an image taken out ({how})",)
        )

    def _chosen(self, patient: Patient) -> float:
        if patient.frames is None or patient.labels is None or not (patient.labels >= 0).any():
            way_out = "Give --images with labels, or --set low_pass.radius=R."
            raise SettingError("No radius is given.", setting="low_pass.radius", value="none", way_out=way_out)
        known = patient.labels >= 0
        frames, labels = patient.frames[known], patient.labels[known]
        own = answers(patient.net, frames)
        right = own == labels
        usual = float(torch.bincount(labels).max()) / len(labels)
        if not above_chance(float(right.double().mean()), usual, len(labels)):
            way_out = "Give --set low_pass.radius=R, or images that the model knows."
            told = f"{100 * float(right.double().mean()):.1f}% right"
            raise SettingError(
                "On these images the model is right no more often than its commonest answer might be, so any filter would do.",
                setting="--images",
                value=told,
                way_out=way_out,
            )
        size = patient.preprocessing.size
        half = min(size) / 2
        least = 1.0
        for share in GRID:
            radius = share * half
            front = Filtered(patient.net, radius, size).to(frames.device)
            kept = answers(front, frames) == labels
            lost = differences(right[:, None].cpu().numpy(), kept[:, None].cpu().numpy())[0].high
            if lost is not None and lost <= self.cost:
                return radius
            least = min(least, 1.0 if lost is None else lost)
        raise SettingError(
            f"No radius keeps accuracy within {self.cost:g}, as far as {len(labels)} images can tell.",
            setting="low_pass.cost",
            value=self.cost,
            way_out=f"The least that can be told is {least:.3f}: give a larger cost, more images, or a radius.",
        )


class Filtered(nn.Module):
    """A net behind a low-pass filter. Normalisation is affine and keeps the mean apart, so the filter may come after it.

    Attributes:
        net: what is asked.
        radius: cycles per image that are kept.
        size: of frames for which the filter is laid out beforehand; those of other sizes are filtered all the same.
    """

    mask: Tensor

    def __init__(self, net: nn.Module, radius: float, size: tuple[int, int]) -> None:
        super().__init__()
        self.net, self.radius, self.size = net, radius, size
        columns = low_columns(*size, float(radius))
        self.register_buffer("mask", low_mask(*size, float(radius))[:, :columns].clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Filter, then ask."""
        answer: Tensor = self.net(self.filtered(x))
        return answer

    def filtered(self, x: Tensor) -> Tensor:
        """The frames' coarse part."""
        if x.shape[2:] != self.size:
            return low_pass(x, self.radius)
        part = torch.fft.rfft2(x)[..., : self.mask.shape[1]] * self.mask
        kept: Tensor = torch.fft.irfft(torch.fft.ifft(part, dim=-2), n=self.size[1], dim=-1)
        return kept


@torch.no_grad()
def answers(net: nn.Module, frames: Tensor) -> Tensor:
    """(n,) top class of frames, in batches."""
    return torch.cat([net(part).argmax(1) for part in torch.split(frames, 64)])
