"""Geometry, pixel for pixel against torchvision and timm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyechart.errors import PreprocessingError
from eyechart.models.preprocessing import Preprocessing

SIDES = (1, 2, 5, 17, 31, 33, 36, 37, 64, 101)


def picture(height: int, width: int, mode: str = "RGB") -> Image.Image:
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    return Image.fromarray(np.random.default_rng(height * 997 + width).integers(0, 256, shape, dtype=np.uint8))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize(("resize", "size"), [(36, (32, 32)), (33, (33, 33)), (21, (32, 29)), ((40, 35), (32, 33))])
def test_frame_is_torchvisions(interpolation: str, resize: int | tuple[int, int], size: tuple[int, int]) -> None:
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    theirs = Compose([Resize(resize, InterpolationMode(interpolation)), CenterCrop(size)])
    ours = Preprocessing(size=size, resize=resize, interpolation=interpolation)
    for height in SIDES:
        for width in SIDES:
            given = picture(height, width)
            np.testing.assert_array_equal(np.asarray(ours.frame(given)), np.asarray(theirs(given)), f"{height}x{width}")


@pytest.mark.parametrize("side", range(20, 45))
def test_crop_alone_is_torchvisions(side: int) -> None:
    from torchvision.transforms import CenterCrop

    given = picture(side, side + 3, "L")
    frame = Preprocessing(size=(32, 31), mean=(0.5,), std=(0.5,)).frame(given)
    np.testing.assert_array_equal(np.asarray(frame), np.asarray(CenterCrop((32, 31))(given)))


@pytest.mark.parametrize(
    "config", [("center", 0.875, "bicubic"), ("center", 0.95, "bilinear"), ("squash", 0.9, "bicubic")]
)
def test_timm_geometry_is_timms(config: tuple[str, float, str]) -> None:
    import timm
    from timm.data import create_transform, resolve_model_data_config

    from eyechart.models.architectures import timm_geometry

    mode, share, interpolation = config
    overlay = {"crop_mode": mode, "crop_pct": share, "interpolation": interpolation, "input_size": (3, 96, 96)}
    net = timm.create_model("resnet10t", pretrained_cfg_overlay=overlay)
    theirs = create_transform(**resolve_model_data_config(net), normalize=False)
    ours = timm_geometry(net)
    for height, width in ((97, 130), (96, 96), (301, 140), (50, 71)):
        given = picture(height, width)
        np.testing.assert_array_equal(np.asarray(ours.frame(given)).transpose(2, 0, 1), theirs(given).numpy())


@pytest.mark.parametrize("overlay", [{"crop_mode": "border"}, {"input_size": (3, 96, 128)}])
def test_timm_geometry_that_cannot_be_expressed(overlay: dict[str, object]) -> None:
    import timm

    from eyechart.models.architectures import timm_geometry

    with pytest.raises(PreprocessingError, match="not a resize and a centre crop") as caught:
        timm_geometry(timm.create_model("resnet10t", pretrained_cfg_overlay=overlay))
    assert "--preprocess" in caught.value.way_out


def test_without_crop_another_size_is_an_error() -> None:
    with pytest.raises(PreprocessingError, match="set crop"):
        Preprocessing(size=(32, 32), crop=False).frame(picture(33, 32))


def test_a_fitting_picture_is_left_alone() -> None:
    given = picture(32, 32)
    assert Preprocessing(size=(32, 32), resize=32).frame(given) is given


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"size": 0},
        {"size": 32.5},
        {"size": []},
        {"size": [32, 32, 32]},
        {"size": 32, "crop": "false"},
        {"size": 32, "colour": "blue"},
        {"size": 32, "interpolation": "hamming"},
        {"size": 32, "std": [1.0, 0.0, 1.0]},
        {"size": 32, "std": [1.0, float("nan"), 1.0]},
        {"size": 32, "mean": [0.5]},
        {"size": 32, "mean": "grey"},
    ],
)
def test_bad_settings_name_the_way_out(settings: dict[str, object]) -> None:
    with pytest.raises(PreprocessingError) as caught:
        Preprocessing.from_dict(settings)
    assert caught.value.exit_code == 2
    assert caught.value.way_out


def test_file_and_dict_round_trip(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text("size = 224\nresize = [256, 240]\ninterpolation = 'bicubic'\nmean = [0.5, 0.5, 0.5]\n")
    read = Preprocessing.from_file(file)
    assert (read.size, read.resize, read.interpolation) == ((224, 224), (256, 240), "bicubic")
    assert Preprocessing.from_dict(read.to_dict()) == read
    file.write_text("size = ")
    with pytest.raises(PreprocessingError, match="TOML"):
        Preprocessing.from_file(file)
    with pytest.raises(PreprocessingError, match=r"absent\.toml"):
        Preprocessing.from_file(tmp_path / "absent.toml")


def test_the_example_in_the_way_out_can_be_read() -> None:
    import tomllib

    text = Preprocessing.EXAMPLE.partition(" (")[0].replace("; ", "\n")
    assert Preprocessing.from_dict(tomllib.loads(text)).size == (224, 224)


def test_importing_it_does_not_import_torch() -> None:
    code = "import sys, eyechart.models, eyechart.models.preprocessing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
