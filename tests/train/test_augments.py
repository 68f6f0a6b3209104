"""Augmentations: Pillow's operations to the bit, each image by its own numbers, the published ranges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from scipy.stats import kstest, uniform
from torch import Tensor

from eyechart.spectrum.balance import bass
from eyechart.train.augment import AUGMENTS, Augment, augment_of
from eyechart.train.augments import pillow_ops as ops
from eyechart.train.augments.augmix import OPERATIONS, AugMix
from eyechart.train.augments.crop_flip import CropFlip

N, SIDE = 12, 24


def pictures(n: int = N, seed: int = 0) -> Tensor:
    chance = np.random.default_rng(seed)
    made = chance.integers(0, 256, (n, SIDE, SIDE + 6, 3), dtype=np.uint8)
    made[0] = 77  # flat
    made[1] = np.linspace(100, 110, SIDE + 6).astype(np.uint8)[:, None]
    made[2, :, :, 0] = 5
    return torch.from_numpy(made)


def by_pillow(x: Tensor, change: Callable[[Image.Image, int], Image.Image]) -> Tensor:
    each = [np.asarray(change(Image.fromarray(one), k)) for k, one in enumerate(x.numpy())]
    return torch.from_numpy(np.stack(each))


LEVELS = torch.linspace(0.1, 7.4, N)  # beyond, posterize would keep no bit, which Pillow refuses
SIGNS = torch.tensor([-1.0, 1.0] * (N // 2))


def affine(matrix: Callable[[float, Image.Image], tuple[float, ...]]) -> Callable[[Image.Image, int], Image.Image]:
    def change(picture: Image.Image, k: int) -> Image.Image:
        strength = float(LEVELS[k]) * float(SIGNS[k])
        return picture.transform(
            picture.size, Image.Transform.AFFINE, matrix(strength, picture), Image.Resampling.BILINEAR
        )

    return change


PUBLISHED: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "autocontrast": lambda p, k: ImageOps.autocontrast(p),
    "equalize": lambda p, k: ImageOps.equalize(p),
    "posterize": lambda p, k: ImageOps.posterize(p, max(4 - int(float(LEVELS[k]) * 4 / 10), 0)),
    "rotate": lambda p, k: p.rotate(
        int(float(LEVELS[k]) * 30 / 10) * float(SIGNS[k]), resample=Image.Resampling.BILINEAR
    ),
    "solarize": lambda p, k: ImageOps.solarize(p, 256 - int(float(LEVELS[k]) * 256 / 10)),
    "shear_x": affine(lambda s, p: (1, s * 0.3 / 10, 0, 0, 1, 0)),
    "shear_y": affine(lambda s, p: (1, 0, 0, s * 0.3 / 10, 1, 0)),
    "translate_x": affine(lambda s, p: (1, 0, int(s * (p.size[0] / 3) / 10), 0, 1, 0)),
    "translate_y": affine(lambda s, p: (1, 0, 0, 0, 1, int(s * (p.size[1] / 3) / 10))),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_pillows(name: str) -> None:
    x = pictures()
    got, wanted = OPERATIONS[name](x, LEVELS, SIGNS), by_pillow(x, PUBLISHED[name])
    if name in ("rotate", "shear_x", "shear_y"):  # Pillow follows lines in steps of 2^-16 of a pixel
        apart = (got.int() - wanted.int()).abs()
        assert (apart > 1).float().mean() < 2e-3
        assert (apart > 0).float().mean() < 0.02
    else:
        assert torch.equal(got, wanted)


def test_enhancers_are_pillows() -> None:
    x = pictures()
    factor = LEVELS * 1.8 / 10 + 0.1
    others = {
        "Color": ops.grey(x).expand_as(x),
        "Contrast": ops.mean_grey(x).expand_as(x),
        "Brightness": torch.zeros_like(x),
        "Sharpness": ops.smoothed(x),
    }
    for name, other in others.items():
        enhancer: Any = getattr(ImageEnhance, name)
        wanted = by_pillow(x, lambda p, k, e=enhancer: e(p).enhance(float(factor[k])))
        assert (ops.blended(x, other, factor).int() - wanted.int()).abs().max() <= 1, name


@pytest.mark.parametrize("name", AUGMENTS)
def test_an_image_depends_on_its_own_numbers_alone(name: str) -> None:
    augment = augment_of({"name": name})
    assert isinstance(augment, Augment)
    x = pictures().permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)
    drawn = torch.rand(N, augment.numbers, generator=torch.Generator().manual_seed(0))
    before, whole = x.clone(), augment(x, drawn)
    assert torch.equal(x, before)
    assert whole.shape == x.shape
    assert whole.is_contiguous(memory_format=torch.channels_last)
    if augment.in_range:
        assert whole.min() >= 0
        assert whole.max() <= 1
    alone = torch.cat([augment(x[k : k + 1], drawn[k : k + 1]) for k in range(N)])
    torch.testing.assert_close(alone, whole, atol=1e-6, rtol=0)


def test_augmix_mixes_as_published() -> None:
    x = pictures().permute(0, 3, 1, 2).float().div(255)
    drawn = torch.rand(N, AugMix.numbers, generator=torch.Generator().manual_seed(1))
    drawn[:, 0] = 0.0  # m
    torch.testing.assert_close(AugMix()(x, drawn), x, atol=1e-5, rtol=0)
    share, weights = AugMix()._mixture(torch.rand(4000, 4, generator=torch.Generator().manual_seed(2)))
    assert abs(float(share.mean()) - 0.5) < 0.02
    assert abs(float(share.var()) - 1 / 12) < 0.005
    torch.testing.assert_close(weights.sum(1), torch.ones(4000))
    assert abs(float(weights.var(0).mean()) - 1 / 18) < 0.004  # of Dirichlet(1, 1, 1)
    one = drawn[:1].clone()
    one[:, 0], one[:, 4:7] = 1.0 - 1e-9, 0.0  # all of the mixture; one step a chain
    one[:, 7:16] = 4.5 / 9  # solarize
    level = 0.1 + one[0, 16 + 0 :: 3][:3] * 2.9
    _, w = AugMix()._mixture(one[:, :4])
    chains = [
        ops.solarize(pictures()[:1], 256 - (level[k : k + 1].double() * 256 / 10).long()).float() for k in range(3)
    ]
    wanted = sum(float(w[0, k]) * chains[k] for k in range(3)) / 255
    torch.testing.assert_close(AugMix()(x[:1], one).permute(0, 2, 3, 1), wanted, atol=1e-4, rtol=0)


def test_augmix_draws_what_the_official_code_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own numbers, by operation: int_parameter(level, m) = int(level * m / 10), level uniform from 0.1 to 3."""
    seen: dict[str, list[Tensor]] = {"posterize": [], "solarize": [], "rotation": [], "affine": []}

    def recorded(name: str, at: int) -> None:
        original = getattr(ops, name)

        def told(*given: Any) -> Any:
            seen[name].append(given[at])
            return original(*given)

        monkeypatch.setattr(ops, name, told)

    for name, at in (("posterize", 1), ("solarize", 1), ("rotation", 0), ("affine", 1)):
        recorded(name, at)
    counts: dict[str, int] = {}
    levels, signs = [], []
    for name, operation in OPERATIONS.items():

        def counted(x: Tensor, level: Tensor, sign: Tensor, name: str = name, operation: Any = operation) -> Tensor:
            counts[name] = counts.get(name, 0) + len(x)
            levels.append(level), signs.append(sign)
            done: Tensor = operation(x, level, sign)
            return done

        monkeypatch.setitem(OPERATIONS, name, counted)  # type: ignore[arg-type]
    n = 3000
    x = torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(0))[:, :, :1].expand(-1, -1, 32, -1)
    AugMix()(x, torch.rand(n, AugMix.numbers, generator=torch.Generator().manual_seed(1)))
    total = sum(counts.values())
    assert total == pytest.approx(n * 3 * 2, rel=0.02)  # three chains of 1, 2 or 3 steps
    assert all(count == pytest.approx(total / 9, rel=0.1) for count in counts.values())
    drawn = torch.cat(levels).double()
    assert 0.1 <= float(drawn.min()) < 0.101
    assert 2.999 < float(drawn.max()) < 3
    assert kstest(drawn.numpy(), uniform(0.1, 2.9).cdf).pvalue > 0.01
    assert float(torch.cat(signs).mean()) == pytest.approx(0, abs=0.03)
    grid = np.linspace(0.1, 2.9999, 5000)
    assert set(torch.cat(seen["posterize"]).tolist()) == {4 - int(v * 4 / 10) for v in grid} == {4, 3}
    assert set(torch.cat(seen["solarize"]).tolist()) == {256 - int(v * 256 / 10) for v in grid}
    assert set(torch.cat(seen["rotation"]).abs().tolist()) == {int(v * 30 / 10) for v in grid} == set(range(9))
    matrices = torch.cat([m[:, :, :3] for m in seen["affine"]])
    straight = matrices[(matrices[:, :, :2] == torch.eye(2)).flatten(1).all(1)]
    assert set(straight[:, :, 2].abs().flatten().tolist()) == {int(v * (32 / 3) / 10) for v in grid} == {0, 1, 2, 3}
    sheared = matrices[(matrices[:, :, 2] == 0).all(1) & (matrices[:, 0, 0] == 1) & (matrices[:, 1, 1] == 1)]
    largest = torch.maximum(sheared[:, 0, 1].abs(), sheared[:, 1, 0].abs()).max()
    assert float(largest) == pytest.approx(0.09, abs=1e-3)


def test_crops_and_flips() -> None:
    x = pictures().permute(0, 3, 1, 2).float()
    for corner, flip in (((0, 0), 0.9), ((8, 3), 0.1), ((4, 4), 0.9)):
        drawn = torch.tensor([[(c + 0.5) / 9 for c in corner] + [flip]]).expand(N, 3)
        wide = torch.nn.functional.pad(x, (4, 4, 4, 4))[
            ..., corner[0] : corner[0] + SIDE, corner[1] : corner[1] + SIDE + 6
        ]
        assert torch.equal(CropFlip()(x, drawn), wide.flip(3) if flip < 0.5 else wide)


def test_some_are_balanced() -> None:
    x = pictures().permute(0, 3, 1, 2).float().div(255)
    drawn = torch.linspace(0, 0.99, N)[:, None]
    got = augment_of({"name": "bass", "p": 0.5})(x, drawn)
    torch.testing.assert_close(got[:6], bass(x[:6]))
    assert torch.equal(got[6:], x[6:])
