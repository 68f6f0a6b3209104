"""Style transfer by optimisation, on narrow random nets read from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

import small_style_weights
from eyechart.errors import CheckpointError
from eyechart.stimuli.gatys import (
    CONTENT_LAYER,
    LAYERS,
    SCALES,
    STYLE_LAYERS,
    Gatys,
    Vgg19,
    denormalised,
    gram,
    normalised,
)
from eyechart.stimuli.weights import state_of

CPU = torch.device("cpu")


def pictures(seed: int, n: int = 1, size: int = 32) -> torch.Tensor:
    """Smooth noise, (n, 3, size, size) in [0, 1]."""
    noise = torch.rand(n, 3, size // 4, size // 4, generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(noise, (size, size), mode="bilinear")


def by_hand(file: Path, seen: torch.Tensor) -> dict[str, torch.Tensor]:
    """Features from torchvision's layout, layer by layer."""
    state, found, names = state_of(file, "none", "weights"), {}, iter(LAYERS)
    for place in range(30):
        if f"features.{place}.weight" in state:
            seen = functional.conv2d(
                seen, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1
            )
        elif place in (4, 9, 18, 27):
            seen = functional.max_pool2d(seen, 2)
        else:
            seen = seen.clamp(min=0)
            found[next(names)] = seen
    return found


def loss_by_hand(features: dict[str, Any], content: dict[str, Any], style: dict[str, Any]) -> float:
    """In NumPy, pixel by pixel."""
    total = float(((features[CONTENT_LAYER] - content[CONTENT_LAYER]) ** 2).mean())
    for layer in STYLE_LAYERS:
        grams = []
        for one in (features, style):
            flat = one[layer][0].double().numpy().reshape(one[layer].shape[1], -1)
            grams.append(np.einsum("ip,jp->ij", flat, flat) / flat.shape[1])
        total += 1e3 / len(grams[0]) ** 2 * float(((grams[0] - grams[1]) ** 2).mean())
    return total


def test_the_net_and_the_loss_are_those_of_the_method(tmp_path: Path) -> None:
    file = small_style_weights.vgg19(tmp_path)
    net = Vgg19(state_of(file, "none", "weights"), file)
    seen = normalised(pictures(0), SCALES["torchvision"])
    features = by_hand(file, seen)
    for name, found in net(seen).items():
        torch.testing.assert_close(found, features[name])
    other = by_hand(file, normalised(pictures(1), SCALES["torchvision"]))
    shown = Gatys(file, steps=1).painted(net, SCALES["torchvision"], pictures(0), pictures(1))
    assert shown.notes["loss_before"][0] == pytest.approx(loss_by_hand(features, features, other), rel=1e-3)


def test_the_mean_colour_of_caffe_is_subtracted_in_blue_green_red() -> None:
    red = torch.tensor([1.0, 0.0, 0.5])[None, :, None, None]
    seen = normalised(red, SCALES["caffe"]).flatten().tolist()
    assert seen == pytest.approx([255 * 0.5 - 103.939, -116.779, 255 - 123.68], abs=2e-3)
    for scale in SCALES.values():
        torch.testing.assert_close(denormalised(normalised(pictures(0), scale), scale), pictures(0))


@pytest.mark.parametrize("caffe", [False, True])
@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_the_loss_falls_and_the_picture_takes_on_the_style(tmp_path: Path, caffe: bool, optimiser: Any) -> None:
    file = small_style_weights.vgg19(tmp_path, caffe)
    made = Gatys(file, optimiser=optimiser, steps=60, content_weight=0 if caffe else 1)
    shown = made.opened(CPU, "none")(pictures(0), pictures(1))
    assert shown.notes["loss_after"][0] < shown.notes["loss_before"][0] / 10
    assert (shown.pixels - pictures(0)).abs().max() > 0.05


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_small_weights_are_not_taken_for_a_loss_at_its_bottom(tmp_path: Path, optimiser: Any) -> None:
    file = small_style_weights.vgg19(tmp_path)
    state = {name: value * 0.05 for name, value in load_file(file).items()}
    save_file(state, file)
    shown = Gatys(file, optimiser=optimiser, steps=60).opened(CPU, "none")(pictures(0), pictures(1))
    assert shown.notes["loss_before"][0] < 1e-3
    assert shown.notes["loss_after"][0] < shown.notes["loss_before"][0] / 4


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_a_picture_in_its_own_style_stays_as_it_is(tmp_path: Path, optimiser: Any) -> None:
    made = Gatys(small_style_weights.vgg19(tmp_path), optimiser=optimiser, steps=25)
    shown = made.opened(CPU, "none")(pictures(0), pictures(0))
    assert shown.notes["loss_before"][0] == shown.notes["loss_after"][0] == 0
    torch.testing.assert_close(shown.pixels, pictures(0), atol=1e-6, rtol=0)


def test_adam_paints_a_batch_as_it_paints_its_images_alone(tmp_path: Path) -> None:
    paint = Gatys(small_style_weights.vgg19(tmp_path), optimiser="adam", steps=8).opened(CPU, "none")
    content, style = pictures(0, 3), pictures(1, 3)
    together = paint(content, style)
    for i in range(3):
        alone = paint(content[i : i + 1], style[i : i + 1])
        torch.testing.assert_close(together.pixels[i : i + 1], alone.pixels, atol=2e-4, rtol=0)
    assert together.notes["loss_after"].shape == (3,)


def test_gram_matrices_know_no_places() -> None:
    features = torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    found = gram(features)
    torch.testing.assert_close(found, found.transpose(1, 2))
    assert torch.linalg.eigvalsh(found).min() > -1e-5
    moved = features.flatten(2)[..., torch.randperm(42)].view(2, 5, 6, 7)
    torch.testing.assert_close(gram(moved), found)


def test_weights_that_do_not_fit_are_told(tmp_path: Path) -> None:
    encoder, _ = small_style_weights.adain(tmp_path)
    with pytest.raises(CheckpointError, match=r"lack 26 of 26 tensors \(features.0.weight"):
        Gatys(encoder).opened(CPU, "none")
    state = small_style_weights.chain(small_style_weights.CAFFE, (4,) * 16, 3)
    for broken in ({"conv2_1.weight": torch.zeros(4, 5, 3, 3)}, {"conv2_1.bias": torch.full((4,), torch.nan)}):
        torch.save({**state, **broken}, tmp_path / "broken.pth")
        with pytest.raises(CheckpointError, match=r"conv2_1 has the shape .* 4 channels"):
            Gatys(tmp_path / "broken.pth").opened(CPU, "none")
    with pytest.raises(CheckpointError, match="weights = "):
        Gatys(tmp_path / "absent.pth").opened(CPU, "none")
