"""Shifts, erasing, bands, recombination and views in training: against torchvision, NumPy and the views themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from eyechart.core.view import InputView, Pixels
from eyechart.errors import SettingError, UnknownNameError
from eyechart.exams.cue_suppression_protocol import CUES
from eyechart.train.augment import Augment, augment_of
from eyechart.train.augments.apr import Recombined
from eyechart.train.augments.augmix import OPERATIONS
from eyechart.train.augments.crop_flip import CropFlip
from eyechart.train.augments.embed import Embed
from eyechart.train.augments.erasing import TRIES, Erasing
from eyechart.train.augments.resized_crop import ResizedCrop
from eyechart.train.augments.shares import names_of
from eyechart.train.augments.shift import Shift
from eyechart.train.augments.suppress_cue import SuppressCue, ways
from eyechart.train.augments.view import VIEWS, Seen
from eyechart.views.colours import ChannelShuffle
from eyechart.views.patches import PatchShuffle

N, SIDE = 12, 24


def pictures(width: int = SIDE + 6) -> Tensor:
    made = torch.randint(0, 256, (N, 3, SIDE, width), generator=torch.Generator().manual_seed(0)).float() / 255
    made[0] = 77 / 255  # flat
    return made.contiguous(memory_format=torch.channels_last)


def uniform(numbers: int, n: int = N, seed: int = 0) -> Tensor:
    return torch.rand(n, numbers, generator=torch.Generator().manual_seed(seed))


def made(name: str, **settings: Any) -> Augment:
    found = augment_of({"name": name, **settings})
    assert isinstance(found, Augment)
    return found


def test_shifts_are_crops_rolls_and_mirrors() -> None:
    x, drawn = pictures(), uniform(2)
    moves = (drawn * 9).long() - 4
    corner = torch.cat([1 - drawn - 1e-6, torch.ones(N, 1)], 1)  # what a shift leaves in is a crop from the other side
    assert torch.equal(Shift()(x, drawn), CropFlip(flip=0.0)(x, corner))
    mirrored = pad(x, (4, 4, 4, 4), mode="reflect")
    for k, (down, across) in enumerate(moves.tolist()):
        rolled = x[k].roll((down, across), (1, 2))
        assert torch.equal(Shift(fill="circular")(x, drawn)[k], rolled)
        wanted = mirrored[k, :, 4 - down : 4 - down + SIDE, 4 - across : 4 - across + SIDE + 6]
        assert torch.equal(Shift(fill="reflect")(x, drawn)[k], wanted)
    many = (uniform(2, 4000) * 9).long() - 4
    assert set(many.flatten().tolist()) == set(range(-4, 5))


def test_embedded_pictures_are_torchs() -> None:
    x = pictures()
    for size, place in ((0.5, 0.4), (0.8, 0.99), (1.0, 0.3), (0.51, 0.0)):
        drawn = torch.tensor([[0.0, (size - 0.5) / 0.5, place, 0.7]]).expand(N, 4)
        height, width = round(size * SIDE), round(size * (SIDE + 6))
        small = interpolate(x, (height, width), mode="bilinear", antialias=True).clamp(0, 1)
        wanted = torch.zeros_like(x)
        top, left = int(place * (SIDE - height + 1)), int(0.7 * (SIDE + 6 - width + 1))
        wanted[:, :, top : top + height, left : left + width] = small
        torch.testing.assert_close(Embed()(x, drawn), wanted, atol=2e-5, rtol=0)
    some = Embed(p=0.5)(x, torch.cat([torch.linspace(0, 0.99, N)[:, None], torch.zeros(N, 3)], 1))
    torch.testing.assert_close(some[6:], x[6:], atol=1e-6, rtol=0)
    assert (some[:6, :, SIDE // 2 :] == 0).all()


def fed(monkeypatch: pytest.MonkeyPatch, pairs: list[list[float]], places: list[float]) -> None:
    """torch's chance answers with these numbers: ``pairs`` in turn, (area, aspect) of each try; then places."""
    turns, rest = iter([number for pair in zip(*pairs, strict=True) for number in pair]), iter(places)

    def between(self: Tensor, low: float, high: float) -> Tensor:
        return self.fill_(float(low) + next(turns) * (float(high) - float(low)))

    monkeypatch.setattr(Tensor, "uniform_", between)
    monkeypatch.setattr(torch, "randint", lambda low, high, size: torch.tensor([low + int(next(rest) * (high - low))]))


def test_resized_crops_are_torchvisions(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.transforms import RandomResizedCrop
    from torchvision.transforms.functional import resized_crop

    x, drawn = pictures(), uniform(ResizedCrop.numbers, seed=5)
    drawn[1, :10], drawn[1, 10:20] = 0.999, 0.999  # nothing fits
    got = ResizedCrop()(x, drawn)
    middle = 0
    for k, row in enumerate(drawn.double()):
        with monkeypatch.context() as patched:
            fed(patched, [row[:10].tolist(), row[10:20].tolist()], row[20:].tolist())
            place = RandomResizedCrop.get_params(x[k], [0.08, 1.0], [3 / 4, 4 / 3])
        middle += place == (0, 0, SIDE, SIDE + 6)
        wanted = resized_crop(x[k : k + 1], *place, [SIDE, SIDE + 6], antialias=True)
        torch.testing.assert_close(got[k : k + 1], wanted, atol=2e-5, rtol=0)
    assert middle == 1


@pytest.mark.parametrize("fill", [0.0, 0.25, "noise"])
def test_erasing_is_torchvisions(fill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own code, fed with our numbers."""
    from torchvision.transforms import RandomErasing

    x, drawn = pictures(), uniform(Erasing.numbers, seed=4)
    got = Erasing(p=0.6, fill=fill)(x, drawn)
    for k, row in enumerate(drawn.double()):
        if row[0] >= 0.6:
            assert torch.equal(got[k], x[k])
            continue
        with monkeypatch.context() as patched:
            fed(patched, [row[1 : 1 + TRIES].tolist(), row[1 + TRIES : 1 + 2 * TRIES].tolist()], row[-4:-2].tolist())
            i, j, h, w, _ = RandomErasing.get_params(x[k], (0.02, 0.33), (0.3, 3.3), [0.0])
        wanted = x[k].clone()
        hole = got[k, :, i : i + h, j : j + w]
        if fill == "noise":
            assert hole.std() > 0.15
            assert len(hole.unique()) == hole.numel() or hole.numel() > 500
        else:
            assert (hole == fill).all()
        wanted[:, i : i + h, j : j + w] = hole
        assert torch.equal(got[k], wanted)
    other = drawn.clone()
    other[:, -1] += 0.001
    same = torch.equal(Erasing(p=0.6, fill=fill)(x, other), got)
    assert same == (fill != "noise")


def low(images: np.ndarray[Any, Any], radius: float, form: str) -> np.ndarray[Any, Any]:
    down, across = np.fft.fftfreq(SIDE) * SIDE, np.fft.fftfreq(SIDE + 6) * (SIDE + 6)
    distance = np.hypot(down[:, None], across[None, :])
    with np.errstate(divide="ignore", invalid="ignore"):
        soft = np.where(distance == 0, 1.0, np.exp(-(distance**2) / (2 * radius**2)))
    kept = distance <= radius if form == "hard" else soft
    return np.fft.ifft2(np.fft.fft2(images) * kept).real


@pytest.mark.parametrize("form", ["hard", "gaussian"])
def test_bands_are_numpys(form: str) -> None:
    x, drawn = pictures(), torch.zeros(N, 1)
    images = x.double().numpy()
    outer, inner = low(images, 6, form), low(images, 2, form)
    wanted = {"low": outer, "high": images - outer, "between": outer - inner, "beyond": images - outer + inner}
    for keep, band in wanted.items():
        settings = {"keep": keep, "radius": 6, "inner": 2, "form": form}
        got = made("band", **settings)(x, drawn)
        np.testing.assert_allclose(got.numpy(), band, atol=1e-5)
        clipped = made("band", rescale="clip", **settings)(x, drawn)
        np.testing.assert_allclose(clipped.numpy(), band.clip(0, 1), atol=1e-5)
        by_largest = made("band", rescale="max", **settings)(x, drawn)
        np.testing.assert_allclose(by_largest[1:].numpy(), band[1:] / band[1:].max((1, 2, 3), keepdims=True), atol=1e-4)
        stretched = made("band", rescale="minmax", **settings)(x, drawn)
        torch.testing.assert_close(stretched[1:].amin((1, 2, 3)), torch.zeros(N - 1))
        torch.testing.assert_close(stretched[1:].amax((1, 2, 3)), torch.ones(N - 1))
        assert by_largest.isfinite().all()
        assert stretched.isfinite().all()
    mean = made("band", keep="beyond", radius=6, form=form)(x, drawn).mean((2, 3))
    torch.testing.assert_close(mean, x.mean((2, 3)), atol=1e-5, rtol=0)  # a stopped band leaves the mean
    some = made("band", p=0.5)(x, torch.linspace(0, 0.99, N)[:, None])
    assert torch.equal(some[6:], x[6:])
    assert not torch.equal(some[:6], x[:6])


def test_recombination_is_the_published_one() -> None:
    x, drawn = pictures(32), uniform(Recombined.numbers, n=N, seed=2)
    drawn[:, 0] = torch.linspace(0, 0.99, N)
    got = Recombined()(x, drawn)
    table = list(OPERATIONS.values())
    levels = x.permute(0, 2, 3, 1).mul(255).round().to(torch.uint8)
    for k, (chosen, turned, *rest) in enumerate(drawn.tolist()):
        versions, picture = [], levels[k : k + 1]
        for which, level, sign in (rest[:3], rest[3:]):
            strength, way = torch.tensor([0.1 + level * 2.9]), torch.tensor([-1.0 if sign < 0.5 else 1.0])
            picture = table[int(which * 9)](picture, strength, way)
            versions.append(picture[0].numpy().astype(np.float64))
        if chosen >= 0.5:
            wanted = versions[0]
        else:
            one, two = (np.fft.fft2(v, axes=(0, 1)) for v in versions)
            phase, amplitude = (one, two) if turned < 0.5 else (two, one)
            raw = np.fft.ifft2(np.abs(amplitude) * np.exp(1j * np.angle(phase)), axes=(0, 1)).real
            wanted = (raw.clip(0, 255) + 1e-4).astype(np.uint8)
        if k == 0 and chosen < 0.5:
            continue  # a flat image has no phases, and which of rounding's are taken is no matter
        apart = np.abs(got[k].permute(1, 2, 0).numpy() * 255 - wanted)
        assert apart.max() < 1.01
        assert (apart > 0.01).mean() < 1e-3, k


@pytest.mark.parametrize("name", VIEWS)
def test_any_view_can_be_learned_from(name: str) -> None:
    settings: dict[str, dict[str, Any]] = {
        "patch_shuffle": {"grid": 4},
        "patch_rotation": {"grid": 4},
        "bilateral": {"diameter": 5, "sigma_color": 60},
        "gaussian_blur": {"kernel": 5, "sigma": 1},
        "phase_noise": {"width": 60},
        "uniform_noise": {"width": 0.2},
        "salt_and_pepper": {"share": 0.2},
        "contrast": {"contrast": 0.3},
        "corrupted": {"corruption": "gaussian_noise", "severity": 3},
        "quarter_turn": {"turns": 1},
    }
    view = {"name": name, **settings.get(name, {})}
    shown = made("view", views=[view], p=0.5)
    x, drawn = pictures(SIDE), uniform(Seen.numbers)
    drawn[:, 0] = torch.linspace(0, 0.99, N)
    got = shown(x, drawn)
    assert torch.equal(got[6:], x[6:])
    assert not torch.equal(got[1:6], x[1:6])
    assert got.min() >= 0
    assert got.max() <= 1
    order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(shown(x[order], drawn[order]), got[order], atol=1e-5, rtol=0)


def test_each_image_is_shown_as_one_of_the_views() -> None:
    x, drawn = pictures(SIDE), uniform(Seen.numbers)
    drawn[:, 0], drawn[:, 1] = 0.0, torch.linspace(0, 0.99, N)
    both = made("view", views=[{"name": "patch_shuffle", "grid": 2}, {"name": "channel_shuffle"}], p=1.0)(x, drawn)
    names = names_of(drawn[:, 2:])
    assert len(set(names)) == N
    views: tuple[InputView, ...] = (PatchShuffle(2), ChannelShuffle())
    for view, part in zip(views, (slice(0, 6), slice(6, N)), strict=True):
        assert torch.equal(both[part], view.render(Pixels(x[part], names[part], 0)).pixels)


@pytest.mark.parametrize("cue", ["shape", "texture", "colour"])
def test_a_cue_is_taken_away_as_the_exam_does(cue: Any) -> None:
    x, drawn = pictures(SIDE), uniform(SuppressCue.numbers)
    drawn[:, 0] = torch.linspace(0, 0.99, N)
    got = SuppressCue(cue, p=0.5)(x, drawn)
    assert torch.equal(got[6:], x[6:])
    choices = ways(cue, SIDE, SIDE)
    assert len(choices) == {"shape": 12, "texture": 13, "colour": 6}[cue]
    assert cue in CUES.values()
    names = names_of(drawn[:, 2:])
    for k in range(1, 6):
        view = choices[int(drawn[k, 1] * len(choices))]
        assert isinstance(view, InputView)
        wanted = view.render(Pixels(x[k : k + 1], names[k : k + 1], 0)).pixels.clamp(0, 1)
        torch.testing.assert_close(got[k : k + 1], wanted, atol=1e-5, rtol=0)
    if cue == "shape":
        assert torch.equal(got.flatten(1).sort(1).values, x.flatten(1).sort(1).values)
    if cue == "colour":
        assert (got[1:6] - x[1:6]).abs().max() > 0.1


def test_settings_that_make_no_sense_are_refused() -> None:
    for settings in (
        {"name": "erasing", "scale": [0.5, 0.1]},
        {"name": "erasing", "fill": 3.0},
        {"name": "band", "inner": 12.0},
        {"name": "embed", "smallest": 0.9, "largest": 0.5},
        {"name": "shift", "most": -1},
        {"name": "shift", "fill": "white"},
        {"name": "view", "p": 1.5},
    ):
        with pytest.raises(SettingError):
            augment_of(settings)
    with pytest.raises(UnknownNameError, match="patch_shuffle"):
        augment_of({"name": "view", "views": [{"name": "patch_shufle"}]})
    with pytest.raises(UnknownNameError, match="mixup"):
        augment_of({"name": "mixupp"})
