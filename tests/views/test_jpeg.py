"""Images saved as JPEG on the way: what the published files of larger images hold."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from eyechart.core.view import split_stages
from eyechart.views.corruptions.corrupted import Corrupted
from eyechart.views.jpeg import SavedAsJpeg
from views.corruptions.frames import frames, pixels


@pytest.mark.parametrize("quality", [1, 85, 95])
def test_it_is_what_pillow_reads_back(quality: int) -> None:
    x = frames(41, 66)
    batch = pixels(x)
    shown = SavedAsJpeg(quality).render(batch).pixels
    assert shown.is_contiguous(memory_format=torch.channels_last)
    for image, tensor in zip(x, shown, strict=True):
        file = BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality, optimize=True)  # as published; it moves no pixel
        expected = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255
        assert torch.equal(tensor, expected)
    assert torch.equal(batch.tensor, pixels(x).tensor)


def test_a_corruption_saved_as_jpeg_is_a_chain() -> None:
    chain = Corrupted("contrast", 3).then(SavedAsJpeg())
    assert split_stages(chain)[1] == (Corrupted("contrast", 3), SavedAsJpeg(85))
    for quality in (0, 96):
        with pytest.raises(ValueError, match="quality"):
            SavedAsJpeg(quality)
