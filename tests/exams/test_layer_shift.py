"""Layers under a moving picture: circular nets, single waves, the law of sums, and an independent transcription."""

from __future__ import annotations

import warnings
import weakref

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.core.chart import Finding
from eyechart.core.estimate import Estimate, Estimates
from eyechart.exams.layer_shift import LayerShift
from eyechart.exams.layer_shift_rows import sum_variation
from eyechart.models.atrous import Twin
from eyechart.models.layers import Layer
from eyechart.spectrum.shifts import fourier_shift
from eyechart.views.centred import Centred
from eyechart.views.feature_maps import Map
from eyechart.views.shifted_maps import Shifted, Sketch, _hashes, moved_linearly, unexplained
from eyes import Sitting, image_set, noise_images, one, seen_by, sitting

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


def test_stride_one_with_circular_padding_moves_along_and_keeps_its_sums() -> None:
    found = sat(circular(1, 1), mode="roll", positions=5, layers=("0", "2")).estimates
    assert all(e.value < 1e-5 for e in found.of("equivariance_error"))  # type: ignore[operator]
    assert all(e.value < 1e-5 for e in found.of("sum_variation"))  # type: ignore[operator]
    assert all(e.value > 0.1 for e in found.of("invariance_error"))  # type: ignore[operator]
    assert not found.of("interpolation_error")


def test_multiples_of_the_stride_move_along() -> None:
    found = sat(circular(2, 2), mode="roll", positions=8, layers=("2",), directions=("diagonal", "vertical")).estimates
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
    read = Sketch(("x",), (Map("channels first", 12, 12),)).read(Layer("x", "convolution", (8, 12, 12)), maps, None)
    mine, own = torch.cdist(read[:, :-1], read[:, :-1]).square(), torch.cdist(maps.flatten(1), maps.flatten(1)).square()
    assert float(mine.sum() / own.sum()) == pytest.approx(1, abs=0.03)
    torch.testing.assert_close(read[:, -1], (maps - maps.mean((2, 3), keepdim=True)).square().sum((1, 2, 3)))


def test_what_sketches_are_made_with_is_the_same_each_time_and_not_kept() -> None:
    for n in (100, 5000):
        first, again = (_hashes(n, torch.device("cpu")) for _ in range(2))
        for mine, other in zip(first, again, strict=True):
            torch.testing.assert_close(mine, other, rtol=0, atol=0)
        kept = [weakref.ref(tensor) for tensor in (*first, *again)]
        del first, again, mine, other
        assert all(ref() is None for ref in kept)


def test_errors_are_set_against_the_same_of_another_picture() -> None:
    """Maps of 64 values, which sketches keep as they are; pairs and squares by plain numpy."""
    net = circular(2, 2)
    of = sat(net, noise_images(9), images=9, mode="roll", positions=4, layers=("2",), directions=("horizontal",))
    frames = torch.from_numpy(noise_images(9)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        maps = [net[:3](torch.roll(frames, t, 3)).double() for t in range(4)]
    apart = np.mean([float((a - b).square().sum()) for i, a in enumerate(maps[0]) for b in maps[0][:i]])
    left = [(maps[t] - fourier_shift(maps[0], 0, t / 4)).square().sum((1, 2, 3)).mean() for t in (1, 2, 3)]
    told = one(of.estimates, "interpolation_error_by_random", by="sinc")
    assert told.value == pytest.approx(np.mean(left) / apart, rel=1e-3)
    assert told.low < told.value < told.high  # type: ignore[operator]
    moved = float((maps[2] - maps[0]).square().sum((1, 2, 3)).mean())
    still = one(of.estimates, "invariance_error_by_random", shift=2)
    assert still.value == pytest.approx(np.sqrt(moved / apart), rel=1e-3)
    energy = float((maps[0] - maps[0].mean((2, 3), keepdim=True)).square().sum((1, 2, 3)).mean())
    assert one(of.estimates, "random_pair_error").value == pytest.approx(apart / energy, rel=1e-3)


def test_pictures_of_noise_are_as_unlike_as_two_of_them() -> None:
    found = sat(circular(2), noise_images(60), images=60, mode="roll", positions=2, layers=("0",)).estimates
    assert one(found, "random_pair_error").value == pytest.approx(2, abs=0.2)


def test_pictures_that_add_nothing_have_no_part() -> None:
    black = np.concatenate([noise_images(1), np.zeros((7, SIZE, SIZE, 3), np.uint8)])
    found = sat(circular(2), black, positions=3, layers=("0",), short_side=112).estimates
    for measure in ("random_pair_error", "interpolation_error_by_random", "invariance_error_by_random"):
        assert all("two images" in e.reason for e in found.of(measure)), measure
    assert {e.n for e in found.of("equivariance_error")} == {1}
    some = np.concatenate([noise_images(6), black[1:]])
    few, more = (
        sat(circular(2), shown, images=20, positions=3, layers=("0",), short_side=112).estimates
        for shown in (some[:6], some)
    )
    for mine, other in zip(few, more, strict=True):
        if "sum_variation" in mine.measure:  # of the output itself, canvas and all
            continue
        assert (mine.at, mine.n) == (other.at, other.n)
        assert mine.value == pytest.approx(other.value)


class Kinds(nn.Module):
    """Layers of one kind each: strides of their own for rows and columns, pools, and what has no places."""

    def __init__(self, stride: tuple[int, int]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.act = nn.Conv2d(3, 8, 3, stride, 1, padding_mode="circular"), nn.ReLU()
        self.pyramid, self.whole = nn.AdaptiveAvgPool2d(2), nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(40, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.conv(x))
        return self.head(torch.cat([self.pyramid(x).flatten(1), self.whole(x).flatten(1)], 1))


def test_layers_without_places_are_invariant_or_not() -> None:
    """A global mean behind stride 1 stands still, a mean of quarters does not, nor what a connected layer makes of it."""
    still = {
        stride: {
            name: [e.value for e in found.of("invariance_error_by_random", layer=name)]
            for name in ("whole", "pyramid", "head")
        }
        for stride in (1, 2)
        for found in [sat(Kinds((stride, stride)), mode="roll", positions=5, directions=("horizontal",)).estimates]
    }
    assert max(still[1]["whole"]) < 1e-4
    assert min(still[1]["pyramid"]) > 0.1
    assert min(still[1]["head"]) > 0.1
    whole = still[2]["whole"]
    assert max(whole[1::2]) < 1e-4  # moves by multiples of the stride
    assert min(whole[::2]) > 0.05


def test_fully_connected_layers_by_hand() -> None:
    net = Kinds((1, 1)).eval()
    found = sat(net, mode="roll", positions=3, layers=("head",), directions=("horizontal",)).estimates
    frames = torch.from_numpy(noise_images(N, SIZE)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        first, moved = (net(torch.roll(frames, t, 3)).double() for t in (0, 2))
    apart = torch.pdist(first).square().mean()
    wanted = float(((moved - first).square().sum(1).mean() / apart).sqrt())
    assert one(found, "invariance_error_by_random", shift=2).value == pytest.approx(wanted, rel=1e-3)
    assert "no places" in one(found, "equivariance_error").reason
    exam = LayerShift()
    assert exam.charts(found)
    assert "head, the last layer looked at" in exam.findings(found)[-1].sentence


def test_strides_of_rows_and_columns_are_their_own() -> None:
    """Maps 16 high and 8 wide: moves down end on places, moves to the right between them; proportions do not matter."""
    found = sat(
        Kinds((1, 2)), mode="roll", positions=4, layers=("conv",), directions=("vertical", "horizontal")
    ).estimates
    assert all(e.value < 1e-5 for e in found.of("equivariance_error", direction="vertical"))  # type: ignore[operator]
    assert not found.of("interpolation_error", direction="vertical")
    assert one(found, "interpolation_error", direction="horizontal", by="sinc").value > 0.1  # type: ignore[operator]


class Looping(nn.Module):
    """Uses its convolution as often as there are pictures: with a single one some steps are never met."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 3, 3, 2, 1), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.stack([self.conv(x) for _ in range(len(x))]).mean(0)
        return self.head(y.mean((2, 3)))


def test_layers_that_were_not_reached_are_left_out_with_a_reason() -> None:
    of = sat(Looping(), mode="roll", positions=2, layers=("conv", "conv:3"))
    assert of.subject.geometry["conv"].stride == (2, 2)
    assert "one plain grey picture" in of.subject.geometry["conv:3"].reason
    assert "one plain grey picture" in one(of.estimates, "equivariance_error", layer="conv:3").reason


def lost(low: float, high: float, layers: int) -> Finding:
    at = {"direction": "diagonal", "by": "sinc", "stride": 2}
    each = [{**at, "layer": k, "depth": k} for k in range(layers)]
    figure = {"value": (low + high) / 2, "low": low, "high": high, "n": 9}
    errors = (Estimate("layer_shift", "interpolation_error_by_random", at=one, **figure) for one in each)  # type: ignore[arg-type]
    return LayerShift().findings(Estimates(errors))[0]


def test_what_is_clear_of_one_layer_need_not_be_of_many() -> None:
    assert lost(0.11, 0.31, 1).verdict == "weak"
    assert lost(0.11, 0.31, 20).verdict == "note"
    assert lost(0.15, 0.31, 20).verdict == "weak"
    assert lost(0.05, 0.09, 1).verdict == "strong"
    assert lost(0.05, 0.12, 1).verdict == "note"  # nothing is shown of a layer that may well err by more


class Hidden(nn.Module):
    """A blur before the first sampling, then a rest in plain sight, scripted, or that depends on the pictures."""

    def __init__(self, rest: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        row = torch.tensor([1.0, 8, 28, 56, 70, 56, 28, 8, 1]) / 256
        self.first = nn.Conv2d(3, 3, 9, 2, 4, groups=3, bias=False, padding_mode="circular")
        self.first.weight.data[:] = torch.outer(row, row)
        self.on, self.pool = nn.Conv2d(3, 3, 3, 2, 1), nn.AdaptiveAvgPool2d(1)
        self.head, self.rest = nn.Linear(3, 4), rest
        if rest == "scripted":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                self.on = torch.jit.script(self.on)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        if self.rest == "by the pictures":
            x = torch.cat([self.on(one[None]) if float(one.mean()) > 0.3 else one[None, :, ::2, ::2] for one in x])
        elif self.rest == "scripted":
            x = self.on(x)
        return self.head(self.pool(x).flatten(1))


@pytest.mark.parametrize(
    ("rest", "why"),
    [("in sight", ""), ("scripted", "hidden from Python"), ("by the pictures", "images go through one by one")],
)
def test_no_praise_of_a_net_that_could_not_be_followed(rest: str, why: str) -> None:
    found = sat(Hidden(rest).eval(), noise_images(9, 32), 32, mode="roll", positions=4)
    first, *_, last = LayerShift().findings(found.estimates)
    assert first.verdict == ("note" if why else "strong")
    assert last.sentence.startswith("Layers after first could not be followed, because") is bool(why)
    assert why in last.sentence
    assert [e.at["layer"] for e in found.estimates.of("layers_not_followed")] == (["first"] if why else [])


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
    found = sat(circular(1), positions=5, layers=("0",), short_side=60).estimates
    assert all(e.value < 1e-5 for e in found.of("equivariance_error"))  # type: ignore[operator]
    charts = LayerShift().charts(found)
    assert charts
    assert LayerShift().findings(found)


def test_a_tap_is_given_the_frame_that_did_not_move() -> None:
    tap = Shifted(("x",), (Map("channels first", 8, 8),), strides=((2, 2),), shift=(0, 2))
    maps = torch.rand(2, 3, 8, 8)
    read = tap.read(Layer("x", "convolution", (3, 8, 8)), torch.roll(maps, 1, 3), maps)
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
    assert all(e.value < 1e-4 for e in shown.estimates.of("equivariance_error"))  # type: ignore[operator]
    rolled = sat(net.eval(), noise_images(N, 32), 32, positions=5, layers=("2",), mode="roll")
    assert all(e.value > 0.01 for e in rolled.estimates.of("equivariance_error"))  # type: ignore[operator]
