"""The crop that a picture chooses: the same one after a move, about as often as chance says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from eyechart.core.remedy import Patient
from eyechart.errors import SettingError
from eyechart.models.preprocessing import Preprocessing
from eyechart.remedies.crop_selection import SIDE, Chosen, CropSelection

SEEN = Preprocessing(size=(32, 32), mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))


def noise(n: int, size: int) -> Tensor:
    """Normalised frames of whole grey levels."""
    levels = torch.randint(0, 256, (n, 3, size, size), generator=torch.Generator().manual_seed(0)) / 255
    return (levels - torch.tensor(SEEN.mean).view(3, 1, 1)) / torch.tensor(SEEN.std).view(3, 1, 1)


def chosen(choices: int) -> Chosen:
    found = CropSelection(choices=choices).treat(Patient(nn.Identity(), SEEN))
    assert isinstance(found.net, Chosen)
    return found.net


@pytest.mark.parametrize(("move", "wanted"), [((0, 1), (9 - 1) / (9 + 1)), ((1, 1), (9 - 1) ** 2 / (9**2 + 2 * 9 - 1))])
def test_how_often_a_moved_picture_gives_the_same_crop(move: tuple[int, int], wanted: float) -> None:
    """White noise has exchangeable scores but for their overlap; the same crop gives the same answer to the bit."""
    net, n = chosen(9), 1500
    wide = noise(n, 33)
    with torch.no_grad():
        still, moved = net(wide[..., :32, :32]), net(wide[..., move[0] : move[0] + 32, move[1] : move[1] + 32])
    same = (still == moved).flatten(1).all(1).float().mean()
    assert abs(float(same) - wanted) < 4 * (wanted * (1 - wanted) / n) ** 0.5 + 0.01


def test_the_crop_is_cut_where_the_filter_says_most() -> None:
    net, x = chosen(7), noise(3, 32)
    scores = net.scores(x)
    assert scores.shape == (3, 7, 7)
    assert torch.equal(scores, scores.round())
    assert int(net.kernel.sum()) == 0
    levels = ((x * net.std + net.mean) * 255).round().double()
    grey = 299 * levels[:, 0] + 587 * levels[:, 1] + 114 * levels[:, 2]
    at = [(32 - 6) // 2 - SIDE // 2 + k for k in (2, 5)]
    by_hand = (grey[1, at[0] : at[0] + SIDE, at[1] : at[1] + SIDE] * net.kernel[0, 0]).sum()
    assert float(scores[1, 2, 5]) == float(by_hand)
    down, across = divmod(int(scores[1].argmax()), 7)
    window = x[1:2, :, down : down + 26, across : across + 26]
    wanted = interpolate(window, (32, 32), mode="bilinear", align_corners=False)
    with torch.no_grad():
        torch.testing.assert_close(net(x)[1:2], wanted)


def test_frames_that_are_too_small() -> None:
    with pytest.raises(SettingError, match="at most 24"):
        CropSelection(choices=30).treat(Patient(nn.Identity(), SEEN))
