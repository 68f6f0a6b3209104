"""Corrupted pictures as they lie in files."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eyechart.core.view import Pixels
from eyechart.run.render import show
from eyechart.views.corruptions.corrupted import Corrupted
from eyechart.views.corruptions.picture import GENERATOR, CorruptedPicture
from eyechart.views.jpeg import SavedAsJpeg

PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 24, 24, 3), dtype=np.uint8)).permute(0, 3, 1, 2)
BATCH = Pixels(PIXELS.float() / 255, ("a", "b", "c"), seed=1)


def test_it_is_the_corrupted_image_saved_or_not() -> None:
    plain = Corrupted("fog", 3).render(BATCH).pixels
    assert torch.equal(CorruptedPicture("fog", 3).render(BATCH).pixels, plain)
    saved = CorruptedPicture("fog", 3, jpeg85=True).render(BATCH).pixels
    assert torch.equal(saved, show(Corrupted("fog", 3).then(SavedAsJpeg()), BATCH)[0])
    assert not torch.equal(saved, plain)
    assert saved.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("side", "column"), [(32, "cifar"), (45, "cifar"), (46, "tiny"), (119, "tiny"), (120, "imagenet")]
)
def test_it_says_what_it_is_like(side: int, column: str) -> None:
    about = CorruptedPicture("fog", 3).made_as(side)
    assert about == {"set": "-C-like, not the published files", "generator": GENERATOR, "column": column}
    assert CorruptedPicture("fog", 3, column="tiny").made_as(side)["column"] == "tiny"


@pytest.mark.parametrize("wrong", [{"corruption": "clouds"}, {"severity": 0}, {"severity": 6}])
def test_what_is_none_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="give"):
        CorruptedPicture(**wrong)  # type: ignore[arg-type]
