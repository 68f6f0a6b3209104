"""Layers under a moving picture: circular nets, single waves, the law of sums, and an independent transcription."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.core.estimate import Estimate, Estimates
from eyechart.exams.layer_shift import LayerShift, sum_variation
from eyechart.models.atrous import Twin
from eyechart.models.layers import Layer
from eyechart.spectrum.shifts import fourier_shift
from eyechart.views.centred import Centred
from eyechart.views.shifted_maps import MapSketch, ShiftedMaps, moved_linearly, unexplained
from eyes import Sitting, image_set, noise_images, seen_by, sitting

SIZE, N = 16, 7


def circular(*strides: int, width: int = 4) -> nn.Sequential:
    """Convolutions of 3 x 3 with circular padding, ReLUs in between."""
    torch.manual_seed(0)
    parts: list[nn.Module] = []
    for i, stride in enumerate(strides):
        parts += [nn.Conv2d(width if i else 3, width, 3, stride, 1, padding_mode="circular"), nn.ReLU()]
    return nn.Sequential(*parts[:-1], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 4)).eval()


def sat(net: nn.Module, shown: np.ndarray | None = None, size: int = SIZE, **settings: object) -> Sitting:
    shown = noise_images(N, size) if shown is None else shown
    return sitting(LayerShift(**settings), seen_by(net, size), image_set(shown))


def estimates(of: Sitting) -> Estimates:
    return of.exam.estimates(of.whole, of.batch.labels, of.subject)


def one(found: Estimates, measure: str, **at: object) -> Estimate:
    (estimate,) = found.of(measure, **at)
    return estimate


def test_stride_one_with_circular_padding_moves_along_and_keeps_its_sums() -> None:
    found = estimates(sat(circular(1, 1), mode="roll", positions=5, layers=("0", "2")))
    assert all(e.value < 1e-5 for e in found.of("equivariance_error"))  # type: ignore[operator]
    assert all(e.value < 1e-5 for e in found.of("sum_variation"))  # type: ignore[operator]
    assert all(e.value > 0.1 for e in found.of("invariance_error"))  # type: ignore[operator]
    assert not found.of("interpolation_error")


def test_multiples_of_the_stride_move_along() -> None:
    found = estimates(sat(circular(2, 2), mode="roll", positions=8, layers=("2",), directions=("diagonal", "vertical")))
    for e in found.of("equivariance_error"):
        assert (e.value < 1e-5) is (e.at["shift"] % 4 == 0), e  # type: ignore[operator]


@pytest.mark.parametrize(
    ("f", "stride", "k", "wanted"),
    [(0.375, 2, 1, 4.0), (0.3, 4, 1, 2.0), (0.35, 3, 1, 3.0), (0.1, 4, 1, 0.0), (0.1, 4, 3, 0.0)],
)
def test_the_toy_of_a_single_wave(f: float, stride: int, k: int, wanted: float) -> None:
    """cos(2 pi f t), sampled: e = 4 sin^2(pi k m / S), m = round(f S)."""
    t = torch.arange(40 * stride, dtype=torch.float64)
    r, moved = ((torch.cos(2 * torch.pi * f * (t - shift)))[::stride] for shift in (0, k))
    maps, after = (x.expand(1, 1, 4, -1) for x in (r, moved))
    found = unexplained(after, fourier_shift(maps, 0.0, k / stride))
    assert float(found) == pytest.approx(wanted, abs=1e-9)
    assert wanted == pytest.approx(4 * np.sin(np.pi * k * round(f * stride) / stride) ** 2, abs=1e-9)


def test_moves_by_whole_units_are_rolls() -> None:
    maps = torch.randn(2, 3, 7, 8, dtype=torch.float64)
    for way in ((0, 0), (1, -2), (3, 9)):
        wanted = torch.roll(maps, way, (2, 3))
        torch.testing.assert_close(fourier_shift(maps, *way), wanted)
        torch.testing.assert_close(moved_linearly(maps, way), wanted)
    half = moved_linearly(maps, (0.25, 0))
    torch.testing.assert_close(half, 0.75 * maps + 0.25 * torch.roll(maps, 1, 2))


def test_rows_are_an_independent_transcription() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 2, 1), nn.Flatten(), nn.Linear(64, 4)
    ).eval()
    of = sat(net, mode="roll", positions=4, directions=("horizontal",), layers=("0", "2"))
    frames = torch.from_numpy(noise_images(N, SIZE)).permute(0, 3, 1, 2).float() / 255
    rows = of.whole.rows
    with torch.no_grad():
        for j, (depth, s) in enumerate(((1, 2), (3, 4))):
            maps = [net[:depth](torch.roll(frames, t, 3)).double().numpy() for t in range(4)]
            size = np.sqrt((maps[0] ** 2).sum((1, 2, 3)))
            for t in range(1, 4):
                far = np.sqrt(((maps[t] - maps[0]) ** 2).sum((1, 2, 3))) / size
                np.testing.assert_allclose(rows["horizontal_invariance"][:, 3 * j + t - 1], far, rtol=1e-4)
                along = [np.roll(maps[0], m, 3) for m in {t // s, -(-t // s)}]
                far = np.min([np.sqrt(((maps[t] - p) ** 2).sum((1, 2, 3))) for p in along], 0) / size
                np.testing.assert_allclose(rows["horizontal_equivariance"][:, 3 * j + t - 1], far, rtol=1e-4, atol=1e-6)
            between = [t for t in range(1, 4) if t % s]
            phase = [np.exp(-2j * np.pi * np.fft.fftfreq(maps[0].shape[3]) * t / s) for t in between]
            told = [np.fft.ifft(np.fft.fft(maps[0], axis=3) * p, axis=3).real for p in phase]
            spread = [((maps[t] - maps[t].mean((2, 3), keepdims=True)) ** 2).sum((2, 3)) for t in between]
            e = [((maps[t] - p) ** 2).sum((2, 3)) / v for t, p, v in zip(between, told, spread, strict=True)]
            lower = np.mean([np.sort(x, 1)[:, 1] for x in e], 0)  # torch's median of four
            np.testing.assert_allclose(rows["horizontal_sinc"][:, j], lower, rtol=1e-3)
            sums = np.stack([m.sum((2, 3)) for m in maps], 1)
            strength = np.stack([np.abs(m).sum((2, 3)) for m in maps], 1).mean(1)
            np.testing.assert_allclose(
                rows["horizontal_cv"][:, j], np.median(sums.std(1) / strength, 1), rtol=1e-3, atol=1e-6
            )
            span = np.median(np.ptp(sums, axis=1) / strength, 1)
            np.testing.assert_allclose(rows["horizontal_range"][:, j], span, rtol=1e-3, atol=1e-6)


def test_sums_have_the_period_of_the_stride_and_obey_the_law() -> None:
    """G after a shift (k, l) is (1 / S^2) sum R2[m H / S, n W / S] exp(-2 pi i (m k + n l) / S)."""
    net, s = circular(2, 2).double(), 4
    frames = torch.randn(2, 3, SIZE, SIZE, dtype=torch.float64)
    kept: dict[str, Tensor] = {}
    Twin(net).show(frames, ["2"], lambda layer, dense: kept.update({layer.name: dense.values.clone()}))
    full = torch.fft.fft2(kept["2"])[..., :: SIZE // s, :: SIZE // s]  # (n, c, S, S)
    m = torch.arange(s, dtype=torch.float64)
    first = None
    for k, j in ((0, 0), (1, 0), (2, 3), (3, 3), (4, 8), (5, 4)):
        with torch.no_grad():
            sums = net[:3](torch.roll(frames, (k, j), (2, 3))).sum((2, 3))
        angle = -2 * torch.pi * (m[:, None] * k + m * j) / s
        told = (full * torch.polar(torch.ones_like(angle), angle)).sum((2, 3)).real / s**2
        torch.testing.assert_close(sums, told)
        first = sums if first is None else first
        if (k, j) == (4, 8):
            torch.testing.assert_close(sums, first)


def test_variation_of_sums_by_hand() -> None:
    sums = np.array([[[4.0, 1, 0], [2, 1, 0], [3, 1, 0]]])  # one image, three positions, three channels
    absolute = np.array([[[4.0, 2, 0], [4, 2, 0], [4, 2, 0]]])
    found = sum_variation(sums, absolute)
    assert found["range"][0] == pytest.approx((2 / 4 + 0) / 2)  # the silent channel is left out
    assert found["cv"][0] == pytest.approx(np.sqrt(2 / 3) / 4 / 2)
    assert np.isnan(sum_variation(0 * sums, 0 * absolute)["cv"]).all()


def test_sketches_keep_distances() -> None:
    maps = torch.randn(40, 8, 12, 12, generator=torch.Generator().manual_seed(0))
    read = MapSketch(("x",), (SIZE, SIZE)).read(Layer("x", "convolution", (8, 12, 12)), maps, None)
    assert read is not None
    mine, own = torch.cdist(read[:, :-1], read[:, :-1]).square(), torch.cdist(maps.flatten(1), maps.flatten(1)).square()
    assert float(mine.sum() / own.sum()) == pytest.approx(1, abs=0.03)
    torch.testing.assert_close(read[:, -1], (maps - maps.mean((2, 3), keepdim=True)).square().sum((1, 2, 3)))


def test_pictures_of_noise_are_as_unlike_as_two_of_them() -> None:
    found = estimates(sat(circular(2), noise_images(60), images=60, mode="roll", positions=2, layers=("0",)))
    assert one(found, "random_pair_error").value == pytest.approx(2, abs=0.2)
    by = {
        name: one(found, name, direction="horizontal", by="sinc")
        for name in ("interpolation_error", "interpolation_error_by_random")
    }
    pair = one(found, "random_pair_error").value
    assert by["interpolation_error_by_random"].value == pytest.approx(by["interpolation_error"].value / pair)  # type: ignore[operator]


def test_an_embedded_picture_travels_around_the_centre() -> None:
    from eyechart.images.original import Original
    from eyechart.models.preprocessing import Preprocessing

    picture = image_set(np.full((1, 20, 30, 3), 200, np.uint8)).source(0).open()
    assert isinstance(picture, Original)
    frame = Centred(112, "black", (0, 8)).frame(
        picture, Preprocessing(size=(32, 32), resize=32), np.random.default_rng(0)
    )
    seen = np.asarray(frame.picture)[..., 0] > 100
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    assert (rows[0], rows[-1]) == (8, 23)
    assert (len(columns), columns[0]) == (24, 0)
    assert seen.sum() == 16 * 24


def test_errors_of_an_embedded_picture_are_of_the_move_alone() -> None:
    found = estimates(sat(circular(1), positions=5, layers=("0",), short_side=60))
    assert all(e.value < 1e-5 for e in found.of("equivariance_error"))  # type: ignore[operator]
    charts = LayerShift().charts(found)
    assert charts
    assert LayerShift().findings(found)


def test_a_tap_is_given_the_frame_that_did_not_move() -> None:
    tap = ShiftedMaps(("x",), ((2, 2),), (0, 2), (8, 8))
    maps = torch.rand(2, 3, 8, 8)
    read = tap.read(Layer("x", "convolution", (3, 8, 8)), torch.roll(maps, 1, 3), maps)
    assert read is not None
    assert float(read[:, 1].max()) == 0
    with pytest.raises(ValueError, match="nothing"):
        tap.read(Layer("x", "convolution", (3, 8, 8)), maps, None)


def test_neither_the_canvas_nor_its_borders_count() -> None:
    """Zero padding and biases make borders that do not move; only what the picture adds is to be followed."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.Flatten(), nn.Linear(4096, 4)
    )
    net[0].bias.data.fill_(2.0)
    shown = sat(net.eval(), noise_images(N, 32), 32, positions=5, layers=("2",), short_side=60)
    assert all(e.value < 1e-4 for e in estimates(shown).of("equivariance_error"))  # type: ignore[operator]
    rolled = sat(net.eval(), noise_images(N, 32), 32, positions=5, layers=("2",), mode="roll")
    assert all(e.value > 0.01 for e in estimates(rolled).of("equivariance_error"))  # type: ignore[operator]
