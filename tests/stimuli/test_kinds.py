"""Kinds of stimuli and their settings."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from eyechart.core.view import Pixels
from eyechart.errors import EyechartError, SettingError, UnknownNameError
from eyechart.stimuli.kinds import KINDS, recipe, settings_of_kind
from eyechart.stimuli.mixtures import Hybrid, PhaseSwap
from eyechart.views.bands import Band


def pixels(seed: int, size: int = 12) -> Pixels:
    chance = torch.Generator().manual_seed(seed)
    return Pixels(torch.rand(3, 3, size, size + 3, generator=chance), ("a", "b", "c"), 0)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_can_be_made(name: str) -> None:
    needed = [setting for setting, default in settings_of_kind(name).items() if default == "(needed)"]
    made = recipe(name, {setting: "file" if setting in ("weights", "decoder") else 2 for setting in needed})
    assert set(made.settings) == {*settings_of_kind(name), *made.kind.fixed}
    assert made.kind.about


def test_settings_are_checked_and_typed() -> None:
    assert recipe("low-pass", {"radius": "8"}).make == Band("low", 8.0)
    assert recipe("style", {"weights": "folder/vgg19.pth"}).settings["weights"] == "vgg19.pth"
    assert recipe("small_views:Negative", {"share": 0.5}).make.share == 0.5


@pytest.mark.parametrize(
    ("name", "settings", "kind", "words"),
    [
        ("hybird", {}, UnknownNameError, "hybrid"),
        ("hybrid", {}, SettingError, "hybrid needs radius"),
        ("hybrid", {"radius": -1}, SettingError, "Give 0 or more"),
        ("hybrid", {"radius": "wide"}, SettingError, "hybrid.radius"),
        ("hybrid", {"raduis": 3}, UnknownNameError, "Did you mean radius"),
        ("low-pass", {"radius": 3, "band": "high"}, UnknownNameError, "settings of low-pass"),
        ("style", {}, SettingError, "--weights FILE"),
        ("adain", {"weights": "a", "decoder": "b", "alpha": 2}, SettingError, "adain.alpha"),
        ("nowhere.at_all:View", {}, SettingError, "cannot be imported"),
        ("pathlib:Path", {}, SettingError, "makes no stimuli"),
    ],
)
def test_what_does_not_fit_is_told(name: str, settings: dict[str, object], kind: type, words: str) -> None:
    with pytest.raises(EyechartError) as caught:
        recipe(name, settings)
    assert type(caught.value) is kind
    assert words in str(caught.value)


def test_the_phase_swap_takes_phases_of_one_and_amplitudes_of_the_other() -> None:
    a, b = pixels(0), pixels(1)
    torch.testing.assert_close(PhaseSwap().mixed(a, a), a.tensor)
    torch.testing.assert_close(PhaseSwap(mix=0).mixed(a, b), a.tensor)
    swapped = torch.fft.fft2(PhaseSwap(dc="amplitude").mixed(a, b))
    torch.testing.assert_close(swapped.abs(), torch.fft.fft2(b.tensor).abs(), atol=2e-4, rtol=1e-4)
    by_hand = torch.fft.ifft2(
        torch.fft.fft2(b.tensor).abs() * torch.fft.fft2(a.tensor) / torch.fft.fft2(a.tensor).abs()
    )
    assert by_hand.imag.abs().max() < 1e-5
    torch.testing.assert_close(PhaseSwap(dc="amplitude").mixed(a, b), by_hand.real, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(PhaseSwap().mixed(a, b).mean((2, 3)), a.tensor.mean((2, 3)))


def test_the_hybrid_is_coarse_of_one_and_fine_of_the_other() -> None:
    a, b = pixels(2), pixels(3)
    torch.testing.assert_close(Hybrid(3.0).mixed(a, a), a.tensor)
    torch.testing.assert_close(Hybrid(99.0).mixed(a, b), a.tensor)
    torch.testing.assert_close(Hybrid(0.0, inclusive=False).mixed(a, b), b.tensor)
    mixed = torch.fft.fft2(Hybrid(3.0).mixed(a, b))
    rows, columns = (torch.fft.fftfreq(n, 1 / n).round() for n in (12, 15))
    low = (rows[:, None] ** 2 + columns**2).sqrt() <= 3
    torch.testing.assert_close(mixed[..., low], torch.fft.fft2(a.tensor)[..., low], atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(mixed[..., ~low], torch.fft.fft2(b.tensor)[..., ~low], atol=1e-3, rtol=1e-4)


def test_files_are_settings_of_their_own() -> None:
    made = recipe("adain", {"weights": "x/encoder.pth", "decoder": "y/decoder.pth"}).make
    assert made.files == {"weights": Path("x/encoder.pth"), "decoder": Path("y/decoder.pth")}
