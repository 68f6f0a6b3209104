"""Letting the picture choose where it is cut, so that a moved picture gives the same cut (after RICS, arXiv 2404.07153)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate

from eyechart.core.remedy import Patient, Remedy, Treated
from eyechart.errors import SettingError
from eyechart.remedies.surgery import device_of

SIDE = 9  # of the filter
LEVELS = 255  # of a pixel: scores are whole numbers, so that they do not depend on where a picture lies
GREY = (299, 587, 114)  # of 1,000: red, green, blue


class CropSelection(Remedy):
    """The net is shown a window of the frame that the frame's content chooses, enlarged to the frame's size.

    Of all windows with ``choices`` places along each axis the one is cut whose middle answers most to a fixed random filter of
    9 x 9 that blocks even grey (Shifman & Weiss, ECCV 2024, choose crops by content; the filter and the scores, whole numbers,
    are ours). Moved by a pixel along an axis, a picture gives the same cut with probability (K - 1) / (K + 1), K the number of
    choices: .94 for 33, .89 along the diagonal; then the answer is the same to the bit. The window is smaller than the frame,
    which costs what it cuts off.
    """

    name: ClassVar[str] = "crop_selection"
    title: ClassVar[str] = "Let the picture choose its crop"
    explanation: ClassVar[str] = (
        "The network is shown a part of the frame that the picture itself picks out by its content, so that a picture that "
        "moved a little gives the same part again. What lies outside of it is not seen, and everything looks a little larger."
    )
    improves: ClassVar[tuple[str, ...]] = ("shift.p_top1_change", "consistency.consistency")
    evidence: ClassVar[str] = (
        "Published for crops chosen at full resolution: under 5 % of answers change, for 1 % of accuracy (arXiv 2404.07153); "
        "how often the same crop is chosen here, after a move by a whole pixel of the frame, follows from the definition."
    )
    keeps_keys: ClassVar[bool] = False
    place: ClassVar[int] = 1

    choices: int | None = Field(
        None, ge=2, description="Places along each axis, K; default: a seventh of the frame, and one."
    )
    filter_seed: int = Field(0, ge=0, description="Which random filter.")

    def treat(self, patient: Patient) -> Treated:
        """Put the choice in front. Raises SettingError where the frame is too small, or has other channels than RGB."""
        seen = patient.preprocessing
        side = min(seen.size)
        choices = self.choices or round(side / 7) + 1
        if side - choices + 1 < SIDE or seen.channels != 3:
            raise SettingError(
                f"Frames of {seen.channels} channels and {side} pixels cannot be cut like that.",
                setting="crop_selection.choices",
                value=choices,
                way_out=f"Give at most {side - SIDE + 1}, and a net of three channels.",
            )
        net = Chosen(patient.net, choices, self.filter_seed, tuple(seen.mean), tuple(seen.std)).eval()
        cut = [s - choices + 1 for s in seen.size]
        told = f"input: of {choices} x {choices} windows of {cut[0]} x {cut[1]} the picture chooses one; it is enlarged"
        return Treated(net.to(device_of(patient.net)), {"choices": choices}, (told,))


class Chosen(nn.Module):
    """A net behind the choice of a window.

    Attributes:
        net: what is asked.
        choices: places of the window along each axis.
        kernel: (1, 1, 9, 9) whole numbers that add up to zero.
        mean, std: of the frames' normalisation.
    """

    kernel: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self, net: nn.Module, choices: int, seed: int, mean: tuple[float, ...], std: tuple[float, ...]
    ) -> None:
        super().__init__()
        self.net, self.choices = net, choices
        self.register_buffer("kernel", _kernel(seed), persistent=False)
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Choose, cut, enlarge, ask."""
        rows, columns = (side - self.choices + 1 for side in x.shape[2:])
        best = self.scores(x).flatten(1).argmax(1)
        down, across = best // self.choices, best % self.choices
        row = down[:, None] + torch.arange(rows, device=x.device)  # (n, rows)
        column = across[:, None] + torch.arange(columns, device=x.device)
        image = torch.arange(x.shape[0], device=x.device).view(-1, 1, 1)
        cut = x.permute(0, 2, 3, 1)[image, row[:, :, None], column[:, None, :]].permute(0, 3, 1, 2)
        answer: Tensor = self.net(interpolate(cut, x.shape[2:], mode="bilinear", align_corners=False))
        return answer

    def scores(self, x: Tensor) -> Tensor:
        """(n, K, K) float64 whole numbers: what the filter says at the middle of each window."""
        levels = ((x * self.std + self.mean) * LEVELS).round().double()
        weights = levels.new_tensor(GREY).view(1, 3, 1, 1)
        said = conv2d((levels * weights).sum(1, keepdim=True), self.kernel.double())[:, 0]
        top, left = ((side - self.choices + 1) // 2 - SIDE // 2 for side in x.shape[2:])
        return said[:, top : top + self.choices, left : left + self.choices]


def _kernel(seed: int) -> Tensor:
    """Whole numbers from -64 to 64 that even grey and its mean do not excite."""
    drawn = np.random.Generator(np.random.Philox(seed)).integers(-64, 65, (SIDE, SIDE))
    drawn[SIDE // 2, SIDE // 2] -= drawn.sum()
    return torch.from_numpy(drawn).float()[None, None]  # exact: they stay below 2^24
