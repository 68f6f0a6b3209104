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
    plain, tiny = (Corrupted("fog", 3, column=column).render(BATCH).pixels for column in ("auto", "tiny"))
    assert torch.equal(CorruptedPicture("fog", 3).render(BATCH).pixels, plain)
    assert torch.equal(CorruptedPicture("fog", 3, column="tiny", jpeg85=False).render(BATCH).pixels, tiny)
    of_64 = CorruptedPicture("fog", 3, column="tiny").render(BATCH).pixels
    assert torch.equal(of_64, show(Corrupted("fog", 3, column="tiny").then(SavedAsJpeg()), BATCH)[0])
    saved = CorruptedPicture("fog", 3, jpeg85=True).render(BATCH).pixels
    assert torch.equal(saved, show(Corrupted("fog", 3).then(SavedAsJpeg()), BATCH)[0])
    assert not torch.equal(saved, plain)
    assert saved.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("side", "column"), [(32, "cifar"), (45, "cifar"), (46, "tiny"), (119, "tiny"), (120, "imagenet")]
)
def test_it_says_what_it_is_like(side: int, column: str) -> None:
    about = CorruptedPicture("fog", 3).made_as(side)
    saved = "lossless" if column == "cifar" else "jpeg85"  # as published
    made = {"generator": GENERATOR, "column": column, "rounding": "truncated", "saved": saved}
    assert about == {"set": "-C-like, not the published files", **made}
    assert CorruptedPicture("fog", 3, jpeg85=False).made_as(side)["saved"] == "lossless"
    assert CorruptedPicture("fog", 3, "none").made_as(side)["rounding"] == "none"
    assert CorruptedPicture("fog", 3, column="tiny").made_as(side)["column"] == "tiny"


@pytest.mark.parametrize("wrong", [{"corruption": "clouds"}, {"severity": 0}, {"severity": 6}, {"jpeg85": "yes"}])
def test_what_is_none_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="give"):
        CorruptedPicture(**wrong)  # type: ignore[arg-type]
