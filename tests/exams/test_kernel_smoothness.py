"""Roughness of kernels against loops, eyes whose kernels are known, and noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Subject
from eyechart.core.tally import Tally
from eyechart.errors import SettingError, UnknownNameError
from eyechart.exams.kernel_smoothness import KernelSmoothness
from eyechart.exams.kernel_smoothness_pictures import tiles
from eyechart.report.run_page import write_report
from eyechart.run.subject import subject_of
from eyechart.spectrum.kernels import noise
from eyes import LinearEye, examined, image_set, noise_images, seen_by

SIZE = 12


class Kernels(nn.Module):
    """Given kernels (out, 3, kh, kw), then 1 x 1 ones, then others of 3 x 4 that come first in the list of modules."""

    def __init__(self, first: Tensor) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.last = nn.Conv2d(5, 4, (3, 4))
        self.first = nn.Conv2d(3, len(first), first.shape[2:], bias=False)
        self.first.weight.data.copy_(first)
        self.mix = nn.Conv2d(len(first), 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.mix(self.first(x)).relu()).mean((2, 3))


def subject(first: Tensor) -> Subject:
    return subject_of(seen_by(Kernels(first).eval(), SIZE), labelled=False)


def measured(first: Tensor, layer: int | str = 0) -> Estimates:
    return KernelSmoothness(layer=layer).estimates(Tally(), np.empty(0, np.int64), subject(first))


def one(found: Estimates, measure: str, **at: object) -> Estimate:
    (estimate,) = found.of(measure, **at)
    return estimate


def by_hand(kernel: np.ndarray) -> tuple[float, float, float]:
    """Total variation, high-frequency share and correlation of one kernel."""
    height, width = kernel.shape
    pairs = [(kernel[i, j], kernel[i + 1, j]) for i in range(height - 1) for j in range(width)]
    pairs += [(kernel[i, j], kernel[i, j + 1]) for i in range(height) for j in range(width - 1)]
    variation = np.mean([abs(a - b) for a, b in pairs]) / np.abs(kernel).mean()
    padded = np.zeros((32, 32))
    padded[:height, :width] = kernel
    power = np.abs(np.fft.fft2(padded)) ** 2
    f = 32 * np.fft.fftfreq(32)
    share = power[np.hypot(f[:, None], f) > 8].sum() / power.sum()
    both = np.array(pairs + [(b, a) for a, b in pairs]).T
    return float(variation), float(share), float(np.corrcoef(both)[0, 1])


@pytest.mark.parametrize("layer", [0, "first.weight", "first", 2, "last"])
def test_means_and_medians_are_those_of_a_loop(layer: int | str) -> None:
    first = torch.randn((6, 3, 3, 3), generator=torch.Generator().manual_seed(3))
    net = Kernels(first)
    weights = (net.first if layer in (0, "first.weight", "first") else net.last).weight.detach().numpy()
    each = np.array([by_hand(kernel) for filter_ in weights for kernel in filter_])
    found = measured(first, layer)
    for j, measure in enumerate(("total_variation", "high_frequency_share", "neighbour_correlation")):
        mean = one(found, measure, kernels="own", layer=layer)
        assert mean.value == pytest.approx(each[:, j].mean(), rel=1e-5)
        assert (mean.over, mean.n) == ("kernels", len(weights))
        median = one(found, f"{measure}_quantile", kernels="own", quantile=0.5)
        assert median.value == pytest.approx(np.quantile(each[:, j], 0.5, method="inverted_cdf"), rel=1e-5)
    about = found.of("kernels")[0]
    assert about.value == len(each)
    assert (about.at["height"], about.at["width"]) == weights.shape[2:]
    assert all(e.value == 0 for e in found.of("left_out"))


def test_noise_is_a_yardstick_of_the_same_size() -> None:
    for size in ((3, 3), (4, 4), (7, 5)):
        found = measured(torch.ones(2, 3, *size))
        share = one(found, "high_frequency_share", kernels="noise")
        # the power of independent weights lies evenly over the plane, of which 197 in 1024 coefficients are at D <= 8
        assert share.value == pytest.approx(1 - 197 / 1024, abs=0.006)
        for measure, less in (
            ("total_variation", True),
            ("high_frequency_share", True),
            ("neighbour_correlation", False),
        ):
            rough, smooth = (one(found, measure, kernels=kind) for kind in ("noise", "smooth_noise"))
            apart = (smooth.high, rough.low) if less else (rough.high, smooth.low)
            assert apart[0] < apart[1]  # type: ignore[operator]


def test_shuffled_weights_are_each_kernels_own_without_their_order() -> None:
    """Independent weights are as rough in any order, however different the filters' scales and the kernels' means."""
    torch.manual_seed(0)
    scales = torch.exp(1.5 * torch.randn(80, 1, 1, 1))
    for first in (torch.rand(80, 3, 3, 3) * 2 - 1, scales * torch.randn(80, 3, 3, 3), scales * torch.rand(80, 3, 3, 3)):
        found = measured(first)
        for measure in ("total_variation", "high_frequency_share", "neighbour_correlation"):
            own, shuffled = (one(found, measure, kernels=kind) for kind in ("own", "shuffled"))
            assert own.low < shuffled.value < own.high  # type: ignore[operator]
            assert shuffled.n == 80
        assert shuffled.high - shuffled.low < own.high - own.low  # type: ignore[operator]  # correlation's: a mean over orders
    ramp = torch.arange(9.0).reshape(1, 1, 3, 3).expand(64, 3, 3, 3) + torch.arange(64.0)[:, None, None, None] / 100
    found = measured(ramp)
    smooth, strewn = (one(found, "neighbour_correlation", kernels=kind) for kind in ("own", "shuffled"))
    assert strewn.value < 0 < smooth.value  # type: ignore[operator]


def test_noise_is_as_rough_as_noise_and_blurred_noise_is_smoother() -> None:
    for blur, words in ((0.0, "as rough as pure noise"), (0.7, "smoother than pure noise"), (2.5, "than smooth noise")):
        kernels = noise(120, 5, 5, blur, seed=11).reshape(40, 3, 5, 5).float()
        (finding,) = KernelSmoothness().findings(measured(kernels))
        assert words in finding.sentence


@pytest.mark.parametrize(("filters", "few"), [(8, True), (512, False)])
def test_only_few_filters_are_called_few(filters: int, few: bool) -> None:
    kernels = noise(filters, 5, 5, 0.0, seed=2).reshape(filters, 1, 5, 5).expand(-1, 3, -1, -1).float()
    (finding,) = KernelSmoothness().findings(measured(kernels))
    assert "as rough as pure noise" in finding.sentence
    assert ("so few filters" in finding.sentence) == few


def test_a_checkerboard_is_rougher_than_noise() -> None:
    board = 1.0 - 2.0 * ((torch.arange(4)[:, None] + torch.arange(4)) % 2)
    found = measured(board.expand(8, 3, 4, 4))
    assert one(found, "total_variation", kernels="own").value == pytest.approx(2)
    assert one(found, "neighbour_correlation", kernels="own").value == pytest.approx(-1)
    (finding,) = KernelSmoothness().findings(found)
    assert "rougher than pure noise" in finding.sentence


def test_constant_and_empty_kernels_are_left_out_where_they_have_no_value() -> None:
    kernels = torch.randn((4, 3, 3, 3), generator=torch.Generator().manual_seed(0))
    kernels[0], kernels[1, 0] = 0.5, 0.0
    found = measured(kernels)
    left_out = {e.at["measure"]: e.value for e in found.of("left_out")}
    assert left_out == {"total_variation": 1, "high_frequency_share": 1, "neighbour_correlation": 4}
    counts = {m: one(found, m, kernels="own").n for m in ("total_variation", "neighbour_correlation")}
    assert counts == {"total_variation": 4, "neighbour_correlation": 3}
    flat = measured(torch.ones(4, 3, 3, 3))
    assert one(flat, "total_variation", kernels="own").value == 0
    undefined = one(flat, "neighbour_correlation", kernels="own")
    assert undefined.value is None
    assert "the same everywhere" in undefined.reason


def test_planes_of_one_filter_count_as_one() -> None:
    single = torch.randn((30, 1, 3, 3), generator=torch.Generator().manual_seed(0))
    alike = measured(single.expand(30, 3, 3, 3))
    apart = measured(single.reshape(10, 3, 3, 3).repeat(3, 1, 1, 1))  # the same kernels, another 30 filters
    for measure in ("total_variation", "total_variation_quantile"):
        first, second = (found.of(measure, kernels="own") for found in (alike, apart))
        for a, b in zip(first, second, strict=True):
            assert a.value == pytest.approx(b.value)
            assert a.n == b.n == 30
    # thirty filters of three like planes are thirty kernels: as uncertain as if each plane stood once
    mean = one(alike, "total_variation", kernels="own")
    each = np.array([by_hand(kernel[0])[0] for kernel in single.double().numpy()])
    width = 2 * 1.96 * each.std(ddof=1) / np.sqrt(30)
    assert mean.high - mean.low == pytest.approx(width, rel=0.2)  # type: ignore[operator]


def test_single_weights_have_no_neighbours() -> None:
    found = measured(torch.randn(4, 3, 3, 3), layer="mix")
    for measure in ("total_variation", "high_frequency_share", "neighbour_correlation"):
        for kind in ("own", "noise", "smooth_noise"):
            undefined = one(found, measure, kernels=kind)
            assert undefined.value is None
            assert "1 x 1" in undefined.reason
    exam = KernelSmoothness(layer="mix")
    assert [chart.kind for chart in exam.charts(found)] == ["table"]
    assert "1 x 1" in exam.findings(found)[0].sentence


def test_one_filter_has_no_interval() -> None:
    mean = one(measured(torch.randn(1, 3, 3, 3)), "total_variation", kernels="own")
    assert mean.value is not None
    assert mean.low is None


def test_large_kernels_are_measured_on_a_larger_plane() -> None:
    exam = KernelSmoothness()
    broad = subject_of(seen_by(nn.Sequential(nn.Conv2d(3, 2, 33), nn.Flatten(), nn.Linear(32, 3)), 36), labelled=False)
    share = exam.estimates(Tally(), np.empty(0), broad).one("high_frequency_share", kernels="own")
    assert share is not None
    assert share.value is not None
    assert 0 < share.value < 1


@pytest.mark.parametrize(
    ("layer", "error", "says"),
    [
        ("frist", UnknownNameError, "Did you mean first"),
        ("head", UnknownNameError, "Known: first, last, mix"),
        (3, SettingError, "from 0 to 2"),
    ],
)
def test_a_layer_that_is_not_there(layer: int | str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        KernelSmoothness(layer=layer).ask(subject(torch.ones(2, 3, 3, 3)), ())


def test_layers_are_counted_from_the_first() -> None:
    with pytest.raises(ValidationError, match="count from 0"):
        KernelSmoothness(layer=-1)


def test_a_run_of_several_models_shows_them_side_by_side(tmp_path: Path) -> None:
    torch.manual_seed(0)
    models = [seen_by(Kernels(torch.randn(8, 3, 3, 3)).eval(), SIZE, name=name) for name in ("one", "other")]
    none = LinearEye(torch.randn(4, 3 * SIZE * SIZE))
    run = examined(
        [*models, seen_by(none, SIZE, name="flat")], image_set(noise_images(4, SIZE)), [KernelSmoothness()], tmp_path
    )
    values = {e.model: e.value for e in run.estimates.of("total_variation", kernels="own")}
    assert set(values) == {"one", "other", "flat"}
    assert values["flat"] is None
    report = Path(write_report(run)).read_text(encoding="utf-8")
    assert "Smoothness of kernels: the models side by side" in report


def test_a_net_with_weights_but_without_convolutions_says_so() -> None:
    exam = KernelSmoothness()
    dense = subject_of(seen_by(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, 4)), SIZE), labelled=False)
    assert exam.ask(dense, ()) is None
    found = exam.estimates(Tally(), np.empty(0), dense)
    assert all(e.value is None and "no convolution" in e.reason for e in found)
    assert exam.charts(found)
    assert exam.plates(Tally(), dense) == ()
    assert "no convolution" in exam.findings(found)[0].sentence


def test_pictures_of_kernels_are_symmetric_about_grey() -> None:
    kernels = np.zeros((2, 3, 2, 2), np.float32)
    kernels[0, 0, 0, 0], kernels[0, 2, 1, 1] = -4.0, 2.0
    picture = tiles(kernels, "conv.weight", first=True)
    shown = np.array(picture.tiles)
    np.testing.assert_allclose(shown[0, 0, 0], [0.0, 0.5, 0.5])
    np.testing.assert_allclose(shown[0, 1, 1], [0.5, 0.5, 0.75])
    assert (shown[1] == 0.5).all()
    deep = tiles(np.ones((40, 7, 3, 3), np.float32), "conv.weight", first=False)
    assert np.shape(deep.tiles) == (256, 3, 3, 3)
    assert deep.labels[8] == "1, 1"
    assert "The first 256 of 280" in deep.caption
