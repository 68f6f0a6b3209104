"""Mixtures of two images: the laws of each, and transcriptions in numpy with full transforms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal.windows import tukey

from eyechart.core.view import Partner, Pixels
from eyechart.views.conflicts import BandHybrid, Conflict, PhaseSwap, tapered, tukey_window
from eyechart.views.parts import ObjectOnParts, middle

SIZES = [(16, 16), (15, 15), (12, 17)]
EACH: list[Conflict] = [PhaseSwap(), PhaseSwap(dc="amplitude"), PhaseSwap(mix=0.4), BandHybrid(radius=4.0)]


def images(size: tuple[int, int], seed: int, n: int = 3, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    found = low + (high - low) * torch.rand(n, 3, *size, generator=chance)
    return found.contiguous(memory_format=torch.channels_last)


def pair(
    a: torch.Tensor, b: torch.Tensor, number: int = 0, ids: tuple[str, ...] | None = None, seed: int = 0
) -> Pixels:
    ids = ids or tuple(f"{i}" for i in range(len(a)))
    return Pixels(a, ids, seed, beside={Partner(number): Pixels(b, ids, seed)})


def raw(view: Conflict, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    batch = pair(a, b, view.number)
    return view.mixed(batch, batch.beside[view.beside])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", EACH, ids=str)
def test_an_image_with_itself_is_itself(view: Conflict, size: tuple[int, int]) -> None:
    a = images(size, 0)
    torch.testing.assert_close(raw(view, a, a), a, atol=2e-6, rtol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mix", [0.3, 1.0])
@pytest.mark.parametrize("dc", ["phase", "amplitude"])
def test_phase_of_a_and_amplitudes_as_stated(size: tuple[int, int], mix: float, dc: str) -> None:
    a, b = images(size, 1), images(size, 2)
    found = np.fft.fft2(raw(PhaseSwap(0, dc, mix), a, b).numpy().astype(float))  # type: ignore[arg-type]
    of_a, of_b = (np.fft.fft2(x.numpy().astype(float)) for x in (a, b))
    wanted = (1 - mix) * np.abs(of_a) + mix * np.abs(of_b)
    if dc == "phase":
        wanted[..., 0, 0] = np.abs(of_a[..., 0, 0])
    np.testing.assert_allclose(np.abs(found), wanted, atol=2e-4)
    np.testing.assert_allclose(found, wanted * np.exp(1j * np.angle(of_a)), atol=3e-4)


def test_no_mix_is_a_and_all_of_it_the_swap() -> None:
    a, b = images((16, 16), 1), images((16, 16), 2)
    assert torch.equal(raw(PhaseSwap(mix=0.0), a, b), a)
    assert (raw(PhaseSwap(mix=1.0), a, b) - a).abs().max() > 0.2


@pytest.mark.parametrize("size", SIZES)
def test_low_of_a_and_high_of_b_by_full_transforms(size: tuple[int, int]) -> None:
    a, b = images(size, 3), images(size, 4)
    fy, fx = (np.minimum(np.arange(n), n - np.arange(n)) for n in size)
    low = np.hypot(fy[:, None], fx[None, :]) <= 4
    spectra = [np.fft.fft2(x.numpy().astype(float)) for x in (a, b)]
    wanted = np.fft.ifft2(np.where(low, *spectra)).real
    np.testing.assert_allclose(raw(BandHybrid(radius=4.0), a, b).numpy(), wanted, atol=2e-6)


@pytest.mark.parametrize("size", SIZES)
def test_an_empty_low_band_gives_b_and_a_full_one_a(size: tuple[int, int]) -> None:
    a, b = images(size, 5), images(size, 6)
    torch.testing.assert_close(raw(BandHybrid(radius=0.0, inclusive=False), a, b), b, atol=1e-6, rtol=0)
    torch.testing.assert_close(raw(BandHybrid(radius=30.0), a, b), a, atol=1e-6, rtol=0)
    mean_alone = b + (a - b).mean((2, 3), keepdim=True)
    torch.testing.assert_close(raw(BandHybrid(radius=0.0), a, b), mean_alone, atol=1e-6, rtol=0)


def test_what_lies_outside_is_clipped_and_counted() -> None:
    a, b = images((16, 16), 7), images((16, 16), 8)
    for view in EACH:
        shown = view.render(pair(a, b))
        unclipped = raw(view, a, b).double()
        outside = (unclipped < -0.5 / 255) | (unclipped > 1 + 0.5 / 255)
        assert float(shown.pixels.min()) >= 0
        assert float(shown.pixels.max()) <= 1
        np.testing.assert_allclose(shown.notes["clipped_share"], outside.double().mean((1, 2, 3)), atol=1e-6)
    swap = PhaseSwap().render(pair(a, b))
    assert (swap.notes["clipped_share"] > 0.02).all()
    calm = PhaseSwap().render(pair(images((16, 16), 7, low=0.49, high=0.51), images((16, 16), 8, low=0.49, high=0.51)))
    assert (calm.notes["clipped_share"] == 0).all()


@pytest.mark.parametrize("view", [*EACH, ObjectOnParts(), PhaseSwap(taper=0.2)], ids=str)
def test_inputs_stay_and_frames_are_laid_out_as_nets_want_them(view: Conflict) -> None:
    a, b = images((16, 16), 9), images((16, 16), 10)
    batch = pair(a.clone(memory_format=torch.preserve_format), b.clone(memory_format=torch.preserve_format))
    shown = view.render(batch)
    assert shown.pixels.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch.tensor, a)
    assert torch.equal(batch.beside[Partner(0)].tensor, b)
    alone = [view.render(pair(a[i : i + 1], b[i : i + 1], ids=(f"{i}",))).pixels for i in range(3)]
    torch.testing.assert_close(torch.cat(alone), shown.pixels, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("height", "width", "share"), [(16, 16, 0.1), (15, 32, 0.5), (224, 224, 0.1), (9, 9, 1.0)])
def test_the_taper_is_a_tukey_window(height: int, width: int, share: float) -> None:
    wanted = np.outer(tukey(height, share), tukey(width, share))
    np.testing.assert_allclose(tukey_window(height, width, share).numpy(), wanted, atol=1e-6)


def test_a_taper_fades_to_the_mean_colour_and_leaves_no_cross() -> None:
    ramp = torch.linspace(0, 1, 32).expand(1, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    faded = tapered(pair(ramp, ramp), 0.25).tensor
    torch.testing.assert_close(faded[..., :, 0], torch.full((1, 3, 32), 0.5))
    torch.testing.assert_close(faded[..., 8:24, 8:24], ramp[..., 8:24, 8:24])
    cross = [torch.fft.fft2(x)[..., 0, 8:16].abs().sum() for x in (ramp, faded)]
    assert cross[1] < cross[0] / 5
    for view in (PhaseSwap(taper=0.25), BandHybrid(radius=4.0, taper=0.25)):
        torch.testing.assert_close(raw(view, ramp, ramp), faded, atol=2e-5, rtol=0)


def test_the_middle_is_a_and_around_it_lie_all_parts_of_b() -> None:
    a, b = images((16, 16), 11), images((16, 16), 12)
    view = ObjectOnParts(0, "box", 0.5, 4)
    found = raw(view, a, b)
    assert torch.equal(found[..., 4:12, 4:12], a[..., 4:12, 4:12])
    for i in range(3):
        tiles = [b[i, :, y : y + 4, x : x + 4] for y in range(0, 16, 4) for x in range(0, 16, 4)]
        for y, x in ((0, 0), (0, 8), (12, 4)):
            assert sum(torch.equal(found[i, :, y : y + 4, x : x + 4], tile) for tile in tiles) == 1
    assert not torch.equal(raw(ObjectOnParts(1, "box", 0.5, 4), a, b), found)  # another pair, another order


def test_parts_never_stay_as_they_are_and_follow_seed_and_image() -> None:
    a, b = torch.zeros(200, 3, 4, 4), images((4, 4), 14, n=1).repeat(200, 1, 1, 1)
    view = ObjectOnParts(0, "box", 0.01, 2)
    found = view.render(pair(a, b)).pixels
    assert not (found == b).flatten(1).all(1).any()
    assert len({x.numpy().tobytes() for x in found}) == 23  # 4! less the one
    assert torch.equal(view.render(pair(a[:9], b[:9])).pixels, found[:9])
    assert not torch.equal(view.render(pair(a, b, seed=1)).pixels, found)


def test_the_disc_is_round_and_in_the_middle() -> None:
    disc = middle(32, 48, "disc", 0.75)
    assert torch.equal(disc, disc.flip(0))
    assert torch.equal(disc, disc.flip(1))
    assert abs(int(disc.sum()) - np.pi * 12**2) < 12
    assert int(middle(8, 8, "box", 1.0).sum()) == 64
