"""Band views: what the engine shows is what the spectrum says."""

from __future__ import annotations

import pytest
import torch

from eyechart.core.view import InputView, Pixels
from eyechart.run.render import show
from eyechart.spectrum.bands import high_pass, low_pass
from eyechart.views.bands import Band, Grey
from eyes import noise_images


def batch(height: int = 12, width: int = 16, n: int = 3) -> Pixels:
    frames = torch.rand((n, 3, height, width), generator=torch.Generator().manual_seed(0))
    return Pixels(frames.contiguous(memory_format=torch.channels_last), tuple("abc"[:n]), seed=0)


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("units", ["index", "isotropic"])
def test_shows_the_band_itself(inclusive: bool, units: str) -> None:
    frames = batch()
    for view, split in ((Band("low", 4, inclusive, units), low_pass), (Band("high", 4, inclusive, units), high_pass)):  # type: ignore[arg-type]
        torch.testing.assert_close(view.render(frames).pixels, split(frames.tensor, 4, inclusive, units))  # type: ignore[arg-type]


def test_low_and_high_add_up_and_channels_stay_apart() -> None:
    frames = batch()
    low, high = (Band(side, 4).render(frames).pixels for side in ("low", "high"))  # type: ignore[arg-type]
    torch.testing.assert_close(low + high, frames.tensor)
    red = frames.tensor.clone()
    red[:, 1:] = 0
    alone = Band("low", 4).render(Pixels(red, frames.ids, 0)).pixels
    torch.testing.assert_close(alone[:, 0], low[:, 0])
    assert alone[:, 1:].abs().max() == 0


def test_shared_intermediates_change_no_result() -> None:
    frames = batch()
    views = [
        Band(s, r, i, u)
        for r in (1, 2, 3, 4, 5)
        for s in ("low", "high")
        for i in (True, False)
        for u in ("index", "isotropic")
    ]  # type: ignore[arg-type]
    for view in [*views, *reversed(views)]:
        fresh = Pixels(frames.tensor, frames.ids, frames.seed)
        assert torch.equal(view.render(frames).pixels, view.render(fresh).pixels), view


def test_both_bands_of_one_radius_are_split_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("spectrum", "low_from_spectrum"):
        monkeypatch.setattr(f"eyechart.views.bands.{name}", counted(name, calls))
    frames = batch()
    for radius in (2.0, 4.0, 6.0):
        for side in ("low", "high"):
            Band(side, radius).render(frames)  # type: ignore[arg-type]
    assert (calls.count("spectrum"), calls.count("low_from_spectrum")) == (1, 3)


def counted(name: str, calls: list[str]) -> object:
    import eyechart.spectrum.bands

    inner = getattr(eyechart.spectrum.bands, name)

    def wrapper(*arguments: object) -> object:
        calls.append(name)
        return inner(*arguments)

    return wrapper


@pytest.mark.parametrize("view", [Band("low", 4), Band("high", 4), Grey()])
def test_renders_channels_last_and_leaves_its_input_alone(view: InputView) -> None:
    frames = batch()
    before = frames.tensor.clone()
    shown = view.render(frames).pixels
    assert shown.is_contiguous(memory_format=torch.channels_last)
    assert shown.dtype == torch.float32
    assert torch.equal(frames.tensor, before)


def test_an_image_is_rendered_alike_in_any_batch() -> None:
    frames = batch()
    whole = Band("low", 4).render(frames).pixels
    for i in range(3):
        alone = Band("low", 4).render(Pixels(frames.tensor[i : i + 1], frames.ids[i : i + 1], 0)).pixels
        torch.testing.assert_close(alone[0], whole[i], atol=1e-6, rtol=0)


def test_high_on_grey_is_what_people_see() -> None:
    frames = Pixels(torch.from_numpy(noise_images(2)).permute(0, 3, 1, 2).float() / 255, ("a", "b"), 0)
    pixels, notes, fine = show(Band("high", 3).then(Grey()), frames)
    torch.testing.assert_close(pixels, high_pass(frames.tensor, 3) + 0.5)
    torch.testing.assert_close(pixels.mean((2, 3)), torch.full((2, 3), 0.5))
    assert notes == {}
    assert fine is None
