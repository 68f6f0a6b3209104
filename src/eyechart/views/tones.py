"""Grey planes and what is drawn in them: contrast; and opponent colours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch

from eyechart.core.view import InputView, Pixels, Shown
from eyechart.views.luminance import LUMINANCE

# Geirhos et al., NeurIPS 2018 (arXiv 1808.08750): long, middle and short wave cones by red, green and blue of their monitor's
# linear light; and the opponent channels (luminance, L - M, S - luminance) by cones less those of mid grey (Brainard, 1996).
CONES = (
    (0.1619982647, 0.208049264, 0.0389347448),
    (0.0330275785, 0.2496504557, 0.0618343518),
    (0.0015524055, 0.0198861001, 0.1890224274),
)
OPPONENT = (
    (9.27590805, 9.27590805, 0.0),
    (7.86421647, -9.33587662, 0.0),
    (-3.39709047, -3.39709047, 12.16230246),
)
_outside_inference_mode = torch.inference_mode(False)


def grey(pixels: torch.Tensor) -> torch.Tensor:
    """0.2125 R + 0.7154 G + 0.0721 B of pixels (n, 3, h, w): (n, 1, h, w). A single channel is its own grey."""
    if pixels.shape[1] != 3:
        return pixels
    red, green, blue = (pixels[:, c : c + 1] for c in range(3))
    return LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue


def grey_of(batch: Pixels) -> torch.Tensor:
    """``grey`` of a batch, (n, 1, h, w), made once for the views that follow one another."""
    return batch.shared(("grey",), lambda: grey(batch.tensor))


def in_colour(planes: torch.Tensor, channels: int) -> torch.Tensor:
    """Grey planes (n, 1, h, w) as ``channels`` equal channels in the layout that nets want."""
    return planes.expand(-1, channels, -1, -1).contiguous(memory_format=torch.channels_last)


def clipped_to_range(planes: torch.Tensor, batch: Pixels) -> Shown:
    """Grey planes (n, 1, h, w) clipped to [0, 1] in the batch's number of channels; notes ``clipped_share``, of the pixels."""
    share = ((planes < 0) | (planes > 1)).flatten(1).double().mean(1)
    return Shown(in_colour(planes.clamp(0, 1), batch.tensor.shape[1]), {"clipped_share": share.cpu().numpy()})


@dataclass(frozen=True)
class Contrast(InputView):
    """The grey image drawn together towards mid grey: (1 - contrast) / 2 + contrast * grey.

    Attributes:
        contrast: 0 (all mid grey) to 1 (the grey image).
    """

    contrast: float

    def render(self, batch: Pixels) -> Shown:
        """A line through mid grey."""
        toned = grey_of(batch) * self.contrast + (1 - self.contrast) / 2
        return Shown(in_colour(toned, batch.tensor.shape[1]))


@dataclass(frozen=True)
class FalseColour(InputView):
    """Every colour turned into its opponent at the same luminance: L - M and S - luminance change sign.

    Pixels are taken to linear light and back by the curve of sRGB (ours: the published curve is that of one monitor), and
    clipped to [0, 1]. What is grey stays; so do images of one channel. Where nothing is clipped, twice is the image again.

    Notes: ``clipped_share``, of the values that left [0, 1].
    """

    def render(self, batch: Pixels) -> Shown:
        """One matrix in linear light."""
        if batch.tensor.shape[1] != 3:
            return Shown(batch.tensor.clone(memory_format=torch.channels_last))
        light = to_light(batch.tensor.permute(0, 2, 3, 1))
        turned = light @ opponent_matrix(str(light.device)).T
        clipped = ((turned < 0) | (turned > 1)).flatten(1).double().mean(1)
        shown = from_light(turned.clamp(0, 1)).permute(0, 3, 1, 2)
        return Shown(shown, {"clipped_share": clipped.cpu().numpy()})


@lru_cache(maxsize=8)
def opponent_matrix(device: str = "cpu") -> torch.Tensor:
    """(3, 3) float32: linear RGB to that of the opponent colour. The white point has no opponent, so no offset is needed."""
    with _outside_inference_mode:
        to_opponent = torch.tensor(OPPONENT, dtype=torch.float64) @ torch.tensor(CONES, dtype=torch.float64)
        turned = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)) @ to_opponent
        matrix: torch.Tensor = torch.linalg.solve(to_opponent, turned).float().to(device)
        return matrix


def to_light(values: torch.Tensor) -> torch.Tensor:
    """sRGB values in [0, 1] as linear light (IEC 61966-2-1)."""
    return torch.where(values <= 0.04045, values / 12.92, ((values.clamp(min=0) + 0.055) / 1.055) ** 2.4)


def from_light(light: torch.Tensor) -> torch.Tensor:
    """Linear light in [0, 1] as sRGB values."""
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp(min=1e-9) ** (1 / 2.4) - 0.055)
