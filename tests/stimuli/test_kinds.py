"""Kinds of stimuli and their settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyechart.errors import EyechartError, SettingError, UnknownNameError
from eyechart.stimuli.kinds import KINDS, Recipe, recipe, settings_of_kind
from eyechart.views.bands import Band


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_can_be_made(name: str) -> None:
    needed = [setting for setting, default in settings_of_kind(name).items() if default == "(needed)"]
    within = KINDS[name].within
    given = {setting: max(1, within.get(setting, (1, 1))[0]) for setting in needed}
    words = {"weights": "file", "decoder": "file", "corruption": "fog"}
    made = recipe(name, {setting: words.get(setting, value) for setting, value in given.items()})
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
        ("phase-swap", {"mix": 1.5}, SettingError, "phase-swap.mix = 1.5"),
        ("patch-shuffle", {"grid": 1}, SettingError, "Give 2 or more"),
        ("low-rank", {"radius": -1}, SettingError, "Give 0 or more"),
        ("silhouette", {"ground": 7}, SettingError, "Give 0 to 1"),
        ("edges", {"low": -3}, SettingError, "percentiles from 0 to 100"),
        ("edges", {"low": 95}, SettingError, "the lower one first"),
        ("corruption", {"severity": 1}, SettingError, "corruption needs corruption"),
        ("corruption", {"corruption": "fgo", "severity": 1}, SettingError, "one of gaussian_noise, shot_noise"),
        ("corruption", {"corruption": "fog", "severity": 0}, SettingError, "from 1 to 5"),
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


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("hybrid", "radius"),
        ("low-pass", "radius"),
        ("high-pass", "radius"),
        ("low-rank", "radius"),
        ("band-pass", "inner"),
    ],
)
def test_radii_beyond_the_finest_wave_of_the_frame_are_told(name: str, setting: str) -> None:
    def with_radius(radius: float) -> Recipe:
        return recipe(name, {"radius": 2 * radius, setting: radius})

    with_radius(22.6).check_side(32)
    for radius in (22.63, 500.0):
        with pytest.raises(SettingError, match=rf"{name}\.{setting} = {radius:g}.*less than 22\.63.*--size"):
            with_radius(radius).check_side(32)
    with_radius(22.63).check_side(34)


def test_files_are_settings_of_their_own() -> None:
    made = recipe("adain", {"weights": "x/encoder.pth", "decoder": "y/decoder.pth"}).make
    assert made.files == {"weights": Path("x/encoder.pth"), "decoder": Path("y/decoder.pth")}
