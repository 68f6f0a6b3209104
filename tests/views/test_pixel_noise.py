"""Noise of independent pixels: its size, its sameness, and what is left of the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eyechart.core.chance import generator
from eyechart.core.view import Pixels
from eyechart.views.pixel_noise import SaltAndPepper, UniformNoise
from eyechart.views.tones import Contrast

WEIGHTS = np.array([0.2125, 0.7154, 0.0721])[:, None, None]


def batch(ids: tuple[str, ...] = ("a", "b", "c")) -> Pixels:
    every = {i: torch.rand((3, 12, 10), generator=torch.Generator().manual_seed(ord(i))) for i in ids}
    return Pixels(torch.stack([every[i] for i in ids]).contiguous(memory_format=torch.channels_last), ids, seed=5)


@pytest.mark.parametrize("width", [0.0, 0.1, 0.9])
def test_uniform_noise_computed_once_more(width: float) -> None:
    x = batch()
    shown = UniformNoise(width).render(x)
    clipped = []
    for i, image_id in enumerate(x.ids):
        drawn = 2 * generator(5, "uniform_noise", image_id).random((12, 10), dtype=np.float32) - 1
        noisy = 0.35 + 0.3 * (WEIGHTS * x.tensor[i].numpy()).sum(0) + width * drawn
        clipped.append(((noisy < 0) | (noisy > 1)).mean())
        for channel in shown.pixels[i].numpy():
            np.testing.assert_allclose(channel, np.clip(noisy, 0, 1), atol=1e-6)
    np.testing.assert_allclose(shown.notes["clipped_share"], clipped)
    assert bool(max(clipped) > 0.2) is (width > 0.5)


def test_noise_goes_by_the_image_and_not_by_its_batch() -> None:
    together, alone = UniformNoise(0.3).render(batch()).pixels, UniformNoise(0.3).render(batch(("b",))).pixels
    torch.testing.assert_close(together[1:2], alone)
    assert not torch.allclose(UniformNoise(0.3).render(batch()).pixels[0], together[1])


def test_salt_and_pepper_hit_their_share_and_nothing_else() -> None:
    x = Pixels(torch.full((4, 3, 64, 64), 0.5), tuple("abcd"), seed=5)
    plain = Contrast(0.3).render(x).pixels
    torch.testing.assert_close(SaltAndPepper(0.0).render(x).pixels, plain)
    some, more = (SaltAndPepper(share).render(x).pixels[:, 0] for share in (0.2, 0.5))
    for pixels, share in ((some, 0.2), (more, 0.5)):
        white, black = (pixels == 1).double().mean(), (pixels == 0).double().mean()
        spread = 4 * (share / 2 / pixels.numel()) ** 0.5
        assert abs(white - share / 2) < spread
        assert abs(black - share / 2) < spread
        assert bool(((pixels == plain[:, 0]) | (pixels == 1) | (pixels == 0)).all())
    assert torch.equal(more[some == 1], some[some == 1])  # what was hit stays hit
