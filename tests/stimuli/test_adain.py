"""Style transfer in one pass, on narrow random nets read from files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import small_style_weights
from eyechart.errors import CheckpointError, SettingError
from eyechart.stimuli.adain import AdaIN, adain, decoder, encoder, moments
from eyechart.stimuli.weights import state_of

CPU = torch.device("cpu")


def rand(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def layout(kinds: str, widths: tuple[int, ...], channels: int) -> nn.Sequential:
    """A sequence of layers by letters: c convolution, p padding, r ReLU, m pooling, u enlarging."""
    layers: list[nn.Module] = []
    sizes = iter(widths)
    for place, letter in enumerate(kinds):
        if letter == "c":
            width = next(sizes)
            layers.append(nn.Conv2d(channels, width, 1 if place == 0 else 3))
            channels = width
        else:
            made = {"p": nn.ReflectionPad2d(1), "r": nn.ReLU(), "m": nn.MaxPool2d(2, 2, ceil_mode=True)}
            layers.append({**made, "u": nn.UpsamplingNearest2d(scale_factor=2)}[letter])
    return nn.Sequential(*layers)


def test_the_nets_are_those_that_the_files_were_saved_from(tmp_path: Path) -> None:
    encoder_file, decoder_file = small_style_weights.adain(tmp_path)
    whole = layout("cpcrpcrmpcrpcrmpcrpcrpcrpcrmpcr", small_style_weights.ENCODER_WIDTHS, 3)
    state = state_of(encoder_file, "none", "weights")
    whole.load_state_dict({k: v for k, v in state.items() if not k.startswith("32.")})
    images = rand(0, 2, 3, 37, 24)
    features = whole(images)
    torch.testing.assert_close(encoder(state, encoder_file)(images), features)
    back = layout("pcrupcrpcrpcrpcrupcrpcrupcrpc", small_style_weights.DECODER_WIDTHS, 10)
    state = state_of(decoder_file, "none", "decoder")
    back.load_state_dict(state)
    torch.testing.assert_close(decoder(state, decoder_file, 10)(features), back(features))


def test_moments_become_those_of_the_style() -> None:
    content, style = rand(0, 2, 5, 9, 8), 3 * rand(1, 2, 5, 6, 7) - 1
    torch.testing.assert_close(adain(content, content), content)
    for found, wanted in zip(moments(adain(content, style)), moments(style), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-3)
    flat = adain(torch.full_like(content, 0.5), style)
    torch.testing.assert_close(flat, moments(style)[0].expand_as(flat))


def test_alpha_zero_decodes_the_content(tmp_path: Path) -> None:
    files = small_style_weights.adain(tmp_path)
    content, style = rand(2, 2, 3, 32, 32), rand(3, 2, 3, 32, 32)
    encode = encoder(state_of(files[0], "none", "weights"), files[0])
    decode = decoder(state_of(files[1], "none", "decoder"), files[1], 10)
    with torch.no_grad():
        plain = decode(encode(content))
    for made, wanted in ((AdaIN(*files, alpha=0), style), (AdaIN(*files), content)):
        torch.testing.assert_close(made.opened(CPU, "none")(content, wanted).pixels, plain, atol=1e-4, rtol=1e-4)
    mixed = AdaIN(*files).opened(CPU, "none")(content, style).pixels
    assert mixed.shape == content.shape
    assert (mixed - plain).abs().max() > 1e-2


def test_frames_are_those_of_stylized_imagenet() -> None:
    content, style = AdaIN(Path("a"), Path("b")).frames(224)
    assert (content.size, content.resize, style.size, style.resize) == ((224, 224), 256, (224, 224), 224)
    with pytest.raises(SettingError, match=r"Give 32\."):
        AdaIN(Path("a"), Path("b")).frames(33)


def test_a_decoder_of_something_else_is_told(tmp_path: Path) -> None:
    files = small_style_weights.adain(tmp_path)
    with pytest.raises(CheckpointError, match=r"decoder = .*vgg_normalised"):
        AdaIN(files[0], files[0]).opened(CPU, "none")
    grey = small_style_weights.chain(small_style_weights.DECODER, (8, 8, 8, 8, 6, 6, 4, 4, 1), 10)
    torch.save(grey, tmp_path / "grey.pth")
    with pytest.raises(CheckpointError, match="1 channels, not 3"):
        AdaIN(files[0], tmp_path / "grey.pth").opened(CPU, "none")
