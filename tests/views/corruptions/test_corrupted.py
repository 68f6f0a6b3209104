"""What holds for every corruption: names, columns, sizes, chance, and what is left alone."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from eyechart.core.view import Pixels
from eyechart.views.corruptions.corrupted import CORRUPTIONS, Corrupted, kind_of, nearest_column
from eyechart.views.corruptions.kind import cut
from views.corruptions.frames import SIDES, frames, levels, pixels, whole

THERE = [name for name, file in CORRUPTIONS.items() if find_spec(f"eyechart.views.corruptions.{file}")]


def test_levels_that_lie_on_whole_numbers_stay() -> None:
    every = torch.arange(256)
    err = torch.nextafter(every.float() / 255, torch.tensor(0.0))  # as the rounding of a sum may leave it
    for corrupted in (err, every.float() / 255, every.float() * (1 / 255), every.double() / 255, every.to(torch.uint8)):
        assert torch.equal(cut(corrupted), every.float())
    assert cut(torch.tensor([-0.5, 1.5, 0.9999, 0.5])).tolist() == [0, 255, 254, 127]
    below = torch.tensor([100.0, 200.0], dtype=torch.float64) / 255 * (1 - 2**-52)
    assert cut(below).tolist() == np.uint8(below.numpy() * 255).tolist() == [99, 199]


def test_names_and_columns() -> None:
    assert len(CORRUPTIONS) == 19
    for name in THERE:
        kind = kind_of(name)
        assert kind.extra is (name in tuple(CORRUPTIONS)[15:])
        assert {column: len(kind.levels[column]) for column in SIDES} == dict.fromkeys(SIDES, 5)  # type: ignore[index]
    assert [nearest_column(side, 500) for side in (1, 32, 45, 46, 64, 119, 120, 224, 400)] == [
        *("cifar", "cifar", "cifar", "tiny", "tiny", "tiny", "imagenet", "imagenet", "imagenet")
    ]
    for wrong in (("rain", 1), ("fog", 6), ("fog", -1)):
        with pytest.raises(ValueError, match="no such corruption"):
            Corrupted(*wrong)
    for settings in ({"rounding": "up"}, {"column": "svhn"}):
        with pytest.raises(ValueError, match="no such rounding or column"):
            Corrupted("fog", 1, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", THERE)
def test_severity_zero_is_the_image(name: str) -> None:
    assert (whole(levels(frames(12, 9), name, 0)) == frames(12, 9)).all()


@pytest.mark.parametrize("name", THERE)
def test_goes_by_seed_and_image_and_leaves_what_it_was_given(name: str) -> None:
    images = frames(33, 40)
    batch = pixels(images)
    before, state = batch.tensor.clone(), torch.get_rng_state()
    np_state = np.random.get_state()[1].copy()  # type: ignore[union-attr, index]
    together = Corrupted(name, 3).render(batch).pixels
    assert together.is_contiguous(memory_format=torch.channels_last)
    assert together.dtype == torch.float32
    assert together.shape == batch.tensor.shape
    assert torch.equal(batch.tensor, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == np_state).all()  # type: ignore[index]
    again = Corrupted(name, 3).render(batch).pixels  # from what the batch remembers
    assert torch.equal(again, together)
    turned = pixels(images[::-1].copy(), batch.ids[::-1])
    assert torch.equal(Corrupted(name, 3).render(turned).pixels.flip(0), together)
    alone = Corrupted(name, 3).render(pixels(images[2:3], batch.ids[2:3])).pixels
    assert torch.equal(alone, together[2:3])


@pytest.mark.parametrize("name", THERE)
def test_threads_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = frames(80, 72)  # enough for threads to be worth while
    alone = levels(x, name, 3, column="imagenet")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert (levels(x, name, 3, column="imagenet") == alone).all()


@pytest.mark.parametrize("name", [name for name in THERE if kind_of(name).family == "blur"])
@pytest.mark.parametrize("grey", [0, 130, 255])
def test_blurs_leave_a_plain_picture(name: str, grey: int) -> None:
    plain = np.full((1, 40, 33, 3), grey, np.uint8)
    for column in SIDES:
        for severity in range(1, 6):
            brighter = 2 if (name, column) == ("defocus_blur", "imagenet") and severity > 3 else 1  # see ``disk``
            assert np.abs(levels(plain, name, severity, column=column) - grey).max() <= brighter + 1e-4


CHANCE = (
    *("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "glass_blur", "motion_blur"),
    *("snow", "frost", "fog", "elastic_transform", "spatter"),
)


@pytest.mark.parametrize("name", [name for name in THERE if name in CHANCE])
def test_other_seeds_and_other_images_differ(name: str) -> None:
    images = np.repeat(frames(32, 32)[:1], 2, 0)
    one, other = Corrupted(name, 3).render(pixels(images)).pixels
    assert not torch.equal(one, other)
    assert not torch.equal(Corrupted(name, 3).render(pixels(images, seed=6)).pixels[0], one)


@pytest.mark.parametrize("name", THERE)
@pytest.mark.parametrize("severity", [1, 5])
def test_without_rounding_it_lies_within_a_level(name: str, severity: int) -> None:
    x = frames(32, 32)
    real, cut_off = (levels(x, name, severity, rounding=rounding) for rounding in ("none", "truncated"))
    assert np.abs(real - cut_off).max() < 1 + 1e-3
    assert real.min() >= 0
    assert real.max() <= 255 + 1e-4


@pytest.mark.parametrize("name", THERE)
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 8), (3, 5), (8, 8), (50, 17)])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_frame_can_be_corrupted(name: str, size: tuple[int, int], channels: int) -> None:
    x = frames(*size, channels)
    for severity in (1, 5):
        for column in SIDES:
            found = whole(levels(x, name, severity, column=column))
            assert found.shape == x.shape


@pytest.mark.parametrize("name", THERE)
def test_pixels_that_are_no_whole_levels(name: str) -> None:
    real = Pixels(torch.rand((2, 3, 20, 24)).contiguous(memory_format=torch.channels_last), ("a", "b"), 1)
    for severity in (1, 5):
        shown = Corrupted(name, severity, rounding="none").render(real).pixels
        assert bool(shown.isfinite().all())
        assert shown.shape == real.tensor.shape
