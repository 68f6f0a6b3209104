"""Nyquist shares of layers against plain forward code, and nets whose sampling is known."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eyechart.core.chart import Lines
from eyechart.core.estimate import Estimates
from eyechart.errors import UnknownNameError
from eyechart.exams.aliasing import Aliasing
from eyechart.stats.intervals import together
from eyes import SHARED, ShiftBlindEye, StrideEye, examined, image_set, noise_images, one, seen_by, sitting

SIZE, N = 32, 7


class Strided(nn.Module):
    """Two convolutions with strides and a ReLU, then the mean."""

    def __init__(self, mode: str = "zeros") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one = nn.Conv2d(3, 5, 3, 2, 1, padding_mode=mode)
        self.two, self.act = nn.Conv2d(5, 6, 3, 2, 1, padding_mode=mode), nn.ReLU()
        self.three, self.head = nn.Conv2d(6, 6, 1), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.three(self.act(self.two(self.one(x)))).mean((2, 3)))

    def dense(self, x: Tensor) -> dict[str, Tensor]:
        """r2, written by hand."""
        one = F.conv2d(x, self.one.weight, self.one.bias, 1, 1)
        two = F.conv2d(one, self.two.weight, self.two.bias, 1, 2, 2)
        three = F.conv2d(two.relu(), self.three.weight, self.three.bias)
        return {"one": one, "two": two, "act": two.relu(), "three": three}


def found_by(net: nn.Module, shown: np.ndarray, size: int = SIZE, **settings: object) -> Estimates:
    return sitting(Aliasing(**settings), seen_by(net.eval(), size), image_set(shown)).estimates


def share(maps: Tensor, stride: int, hann: bool = True) -> np.ndarray:
    """(n, c) shares and energies, by numpy on the full plane."""
    y = maps.detach().double().numpy()
    y = y - y.mean((2, 3), keepdims=True)
    if hann:
        w = [0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n) for n in y.shape[2:]]
        y = y * w[0][:, None] * w[1]
    energy = np.abs(np.fft.fft2(y)) ** 2
    energy[..., 0, 0] = 0
    f = [np.abs(np.fft.fftfreq(n)) for n in y.shape[2:]]
    high = np.maximum(f[0][:, None], f[1]) >= 1 / (2 * stride)
    return np.stack([(energy * high).sum((2, 3)), energy.sum((2, 3))])


def test_shares_are_those_of_a_net_written_without_strides() -> None:
    net = Strided().eval()
    found = found_by(net, noise_images(N, SIZE), layers=("*",))
    frames = torch.from_numpy(noise_images(N, SIZE)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        dense = net.dense(frames)
    for name, stride in (("one", 2), ("two", 4), ("act", 4), ("three", 4)):
        high, whole = share(dense[name], stride)
        weighted = one(found, "nyquist_share", layer=name, map="output", channels="weighted")
        assert weighted.value == pytest.approx((high.sum(1) / whole.sum(1)).mean(), rel=1e-4)
        assert weighted.n == N
        assert weighted.low < weighted.value < weighted.high  # type: ignore[operator]
        median = one(found, "nyquist_share", layer=name, map="output", channels="median")
        assert median.value == pytest.approx(np.sort(high / whole, 1)[:, (high.shape[1] - 1) // 2].mean(), rel=1e-4)
        assert one(found, "total_stride", layer=name).value == stride
    high, whole = share(dense["one"], 4)
    before = one(found, "nyquist_share", layer="two", map="input", channels="weighted")
    assert before.value == pytest.approx((high.sum(1) / whole.sum(1)).mean(), rel=1e-4)
    assert not found.of("nyquist_share", layer="act", map="input")
    assert [one(found, "sampled_from", layer=name).value for name in ("one", "two")] == [1, 2]
    assert [one(found, "receptive_field", layer=name).value for name in ("one", "two", "three")] == [3, 7, 7]


def every(stride: int, *taps: float) -> nn.Conv2d:
    """Each colour for itself, blurred by the taps, every so many-th place."""
    row = torch.tensor(taps or (1.0,))
    conv = nn.Conv2d(3, 3, len(row), stride, len(row) // 2, groups=3, bias=False, padding_mode="circular")
    conv.weight.data[:] = torch.outer(row, row) / row.sum() ** 2
    return conv


def test_white_noise_through_nothing_but_sampling_is_white_noise() -> None:
    net = nn.Sequential(every(1), every(4), nn.Flatten(), nn.Linear(192, 4))
    found = found_by(net, noise_images(60, SIZE), images=60, window="none", layers=("0", "1"))
    told = one(found, "nyquist_share", layer="1", map="output", channels="weighted")
    noise = one(found, "white_noise_share", layer="1", map="output")
    assert noise.value == pytest.approx(1 - (7**2 - 1) / (32**2 - 1))
    assert told.low < noise.value < told.high  # type: ignore[operator]
    ratio = one(found, "share_over_white_noise", layer="1", map="output")
    assert ratio.value == pytest.approx(told.value / noise.value)  # type: ignore[operator]
    first = Aliasing().findings(found)[0]  # as much is too fine before the step as after it
    assert first.verdict == "note"
    assert "No step clearly raises" in first.sentence
    assert not found.of("nyquist_share", layer="0")  # keeps all places
    assert [e.at["since"] for e in found.of("rise")] == ["input"]
    assert one(found, "rise").value == pytest.approx(0, abs=1e-6)


def test_one_image_earns_no_praise_and_small_rises_are_no_jumps() -> None:
    smooth = nn.Sequential(every(1), every(4, 1, 4, 6, 4, 1), nn.Flatten(), nn.Linear(192, 4))
    told = [Aliasing().findings(found_by(smooth, waves(1, n), window="none", layers=("0", "1")))[0] for n in (1, N)]
    assert [f.verdict for f in told] == ["note", "strong"]
    rising = nn.Sequential(every(2), every(2), nn.Flatten(), nn.Linear(192, 4))
    found = found_by(rising, noise_images(N, SIZE), window="none", layers=("0", "1"))
    assert Aliasing().findings(found)[0].verdict == "note"


def test_layers_are_compared_by_the_ratio_to_white_noise() -> None:
    """Behind the blur the share is larger, since fewer places are kept; by the ratio it is smaller."""
    net = nn.Sequential(every(2), every(1, 1, 4, 6, 4, 1), every(4), nn.Flatten(), nn.Linear(48, 4))
    found = found_by(net, noise_images(N, SIZE), window="none", layers=("0", "2"))
    shares = [one(found, "nyquist_share", layer=n, map="output", channels="weighted").value for n in ("0", "2")]
    assert shares[0] < shares[1]  # type: ignore[operator]
    largest, last = (one(found, f"{which}_share_over_white_noise") for which in ("largest", "last"))
    assert (largest.at["layer"], last.at["layer"]) == ("0", "2")
    assert largest.value > last.value  # type: ignore[operator]


def waves(cycles: int, n: int = N, size: int = SIZE) -> np.ndarray:
    """Cosines along the columns, of other phases."""
    at = np.arange(size) / size
    rows = [0.5 + 0.4 * np.cos(2 * np.pi * cycles * at + phase) for phase in np.linspace(0, 3, n)]
    pixels = np.stack([np.rint(255 * row) for row in rows]).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(pixels[:, None, :, None], (n, size, size, 3)))


@pytest.mark.parametrize(("cycles", "wanted"), [(3, 0.0), (8, 1.0), (11, 1.0)])
def test_a_single_wave_is_carried_or_not(cycles: int, wanted: float) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 2, 1, 2, padding_mode="circular"), nn.Flatten(), nn.Linear(512, 4))
    found = found_by(net, waves(cycles), window="none")
    told = one(found, "nyquist_share", layer="0", map="output", channels="weighted")
    assert told.value == pytest.approx(wanted, abs=2e-4)  # of what rounding to 8 bits adds


def test_a_blur_before_sampling_is_seen() -> None:
    """Its input is noise; the binomial filter of nine taps takes most of what half as many places cannot carry."""
    blur = every(2, 1, 8, 28, 56, 70, 56, 28, 8, 1)
    found = found_by(nn.Sequential(blur, nn.Flatten(), nn.Linear(768, 4)), noise_images(N, SIZE), window="none")
    given, kept = (one(found, "nyquist_share", layer="0", map=m, channels="weighted") for m in ("input", "output"))
    assert given.value == pytest.approx(0.75, abs=0.03)
    f = np.fft.fftfreq(SIZE)
    gain = np.cos(np.pi * f) ** 16
    gains = np.outer(gain, gain)
    gains[0, 0] = 0
    high = np.maximum.outer(np.abs(f), np.abs(f)) >= 0.25
    assert kept.value == pytest.approx(gains[high].sum() / gains.sum(), rel=0.25)
    assert kept.value < 0.05  # type: ignore[operator]
    strong, step = Aliasing().findings(found)
    assert strong.verdict == "strong"
    assert "keeps every second pixel" in step.sentence
    assert "It takes some of that out" in step.sentence
    assert one(found, "rise").high < -0.9  # type: ignore[operator]


def test_layers_without_dense_maps_say_why() -> None:
    found = found_by(Strided(), noise_images(N, SIZE), layers=("three", "head"))
    assert "mean()" in one(found, "total_stride", layer="head").reason
    flat = found_by(StrideEye(4), noise_images(N, SIZE))
    assert flat[0].reason
    assert "could" in Aliasing().findings(flat)[0].sentence
    assert Aliasing().charts(flat)
    with pytest.raises(UnknownNameError, match="layre1"):
        found_by(Strided(), noise_images(N, SIZE), layers=("layre1*",))


def test_black_images_count_for_nothing() -> None:
    images = noise_images(N, SIZE)
    images[2] = 0
    net = Strided("circular")
    told = one(found_by(net, images, layers=("one",)), "nyquist_share", map="output", channels="weighted")
    alone = one(
        found_by(net, images[[0, 1, 3, 4, 5, 6]], layers=("one",)), "nyquist_share", map="output", channels="weighted"
    )
    assert told.n == N - 1
    assert told.value == pytest.approx(alone.value)


def test_few_images_are_asked(tmp_path: Path) -> None:
    model = seen_by(Strided().eval(), SIZE)
    run = examined(model, image_set(noise_images(30, SIZE)), [Aliasing(images=11)], tmp_path / "run")
    assert {e.n for e in run.estimates.of("nyquist_share")} == {11}
    assert run.rows("aliasing").num_rows == 11


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "cifar10_nets").is_dir(), reason="no shared data")
def test_detail_is_lost_where_resnet20_halves_its_maps(tmp_path: Path) -> None:
    from eyechart import load_images, load_model

    model = load_model(str(SHARED / "cifar10_nets/resnet20.safetensors"), arch="eyechart:cifar_resnet20", device="cpu")
    images = load_images(f"cifar10:{SHARED / 'cifar10'}")
    run = examined(model, images, [Aliasing(images=8)], tmp_path / "run", limit=8)
    shares = run.estimates.of("nyquist_share", map="output", channels="weighted")
    assert [e.at["stride"] for e in shares] == [2, 2, 4, 4]
    ratios = run.estimates.of("share_over_white_noise", map="output")
    largest, last = (one(run.estimates, f"{which}_share_over_white_noise") for which in ("largest", "last"))
    assert largest.value == max(e.value for e in ratios if e.at["stride"] > 1)  # type: ignore[type-var]
    assert last.at["layer"] == "layer3.2.relu():2"
    given = one(run.estimates, "nyquist_share", layer="layer2.0.conv1", map="input", channels="weighted")
    assert given.value > 0.2  # type: ignore[operator]
    page = (tmp_path / "run").joinpath("page.json").read_text()
    assert "layer2.0.conv1" in page


def sharpened(stride: int) -> nn.Conv2d:
    """Each colour less its surroundings: fine detail of what it is given."""
    conv = nn.Conv2d(3, 3, 3, stride, 1, groups=3, bias=False, padding_mode="circular")
    conv.weight.data[:] = torch.tensor([[0.0, -1.0, 0.0], [-1.0, 4.1, -1.0], [0.0, -1.0, 0.0]])
    return conv


def test_a_layer_that_skips_nothing_is_no_jump() -> None:
    """Sampled without a blur by the first step; the second only keeps fine detail of what it is given, and more so."""
    net = nn.Sequential(every(2), sharpened(1), nn.Flatten(), nn.Linear(768, 4))
    found = found_by(net, smooth_images(), layers=("0", "1"))
    ratios = [one(found, "share_over_white_noise", layer=n, map="output") for n in ("0", "1")]
    assert ratios[1].low - ratios[0].high > 0.1  # type: ignore[operator]
    assert [e.at["layer"] for e in found.of("rise")] == ["0"]
    first = Aliasing().findings(found)[0]
    assert first.verdict == "note"
    assert "No step clearly raises" in first.sentence


def smooth_images(n: int = N, size: int = SIZE) -> np.ndarray:
    """Power falls with the square of the frequency, as in photographs; of one size the others are parts."""
    chance = np.random.default_rng(0)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    f[0, 0] = np.inf
    noise = np.fft.ifft2(
        np.fft.fft2(chance.standard_normal((n, 64, 64, 3)), axes=(1, 2)) / f[:, :, None], axes=(1, 2)
    ).real
    scaled = 0.5 + 0.15 * noise / noise.std()
    return np.ascontiguousarray(np.rint(255 * scaled.clip(0, 1)).astype(np.uint8)[:, :size, :size])


@pytest.mark.parametrize("size", [32, 33])
@pytest.mark.parametrize(
    ("steps", "jumps"),
    [
        ((every(1), every(2), every(1)), ""),
        ((every(1, 1, 4, 1), every(2), every(1)), ""),
        ((every(1), sharpened(2), every(1)), "The step 1 itself makes detail"),
        ((every(1), every(2, 1, 4, 6, 4, 1), sharpened(2)), "The step 2 itself makes detail"),
    ],
)
def test_jumps_do_not_depend_on_whether_there_is_a_nyquist_row(
    steps: tuple[nn.Module, ...], jumps: str, size: int
) -> None:
    """Maps of 33 pixels have none, and the layer of stride 1 has no share at all to jump from."""
    net = nn.Sequential(*steps, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))
    found = found_by(net, smooth_images(size=size), size, layers=("0", "1", "2"))
    first = Aliasing().findings(found)[0]
    assert first.verdict == ("weak" if jumps else "note")
    assert jumps in first.sentence
    lines = next(c for c in Aliasing().charts(found) if isinstance(c, Lines))
    assert list(lines.x) == [1.0, 2.0]


def test_from_stride_to_stride_layers_are_compared_by_the_stride_before() -> None:
    """The second step is compared with the blur before it, which has the stride that it begins from."""
    net = nn.Sequential(every(2), every(1, 1, 4, 6, 4, 1), every(2), nn.Flatten(), nn.Linear(192, 4))
    found = found_by(net, noise_images(N, SIZE), window="none", layers=("0", "1", "2"))
    rises = {(e.at["layer"], e.at["since"]): e for e in found.of("rise")}
    assert list(rises) == [("0", "input"), ("2", "input"), ("2", "layer")]
    assert rises["2", "layer"].at["earlier"] == "1"
    before, after = (one(found, "share_over_white_noise", layer=n, map="output") for n in ("1", "2"))
    assert rises["2", "layer"].value == pytest.approx(after.value - before.value)  # type: ignore[operator]
    plain = nn.Sequential(every(2), every(2), nn.Flatten(), nn.Linear(192, 4))
    first = Aliasing().findings(found_by(plain, smooth_images(), layers=("0", "1")))[0]
    assert first.verdict == "weak"  # the step adds nothing, but a place in four carries less than one in two
    assert "jumps at 1, where its total stride goes from 2 to 4" in first.sentence
    assert "the step does not make this detail" in first.sentence


def test_nets_that_skip_nothing_are_told_so() -> None:
    found = found_by(ShiftBlindEye(), noise_images(N, SIZE))
    assert not found.of("nyquist_share")
    assert not found.of("largest_share_over_white_noise")
    (only,) = Aliasing().findings(found)
    assert only.sentence.startswith("No layer looked at skips places")


def test_where_hardly_a_place_is_kept_there_is_no_ratio() -> None:
    """Four places a side carry one wave, which the window spreads beyond them; the layers before are judged."""
    net = nn.Sequential(every(2), every(4), nn.Flatten(), nn.Linear(48, 4))
    found = found_by(net, smooth_images(), layers=("0", "1"))
    assert one(found, "nyquist_share", layer="1", map="output", channels="weighted").value is not None
    assert "so few places" in one(found, "share_over_white_noise", layer="1", map="output").reason
    assert one(found, "last_share_over_white_noise").at["layer"] == "0"
    assert any("stride 8 are not judged" in f.sentence for f in Aliasing().findings(found))
    judged = found_by(net, smooth_images(), window="none", layers=("0", "1"))
    assert one(judged, "last_share_over_white_noise").at["layer"] == "1"


def test_the_interval_of_the_largest_holds_for_all_layers_at_once() -> None:
    found = found_by(Strided(), noise_images(N, SIZE), layers=("*",))
    ratios = found.of("share_over_white_noise", map="output")
    largest, last = (one(found, f"{which}_share_over_white_noise") for which in ("largest", "last"))
    own = one(found, "share_over_white_noise", layer=largest.at["layer"], map="output")
    assert largest.value == own.value
    assert (largest.low, largest.high) == together(own.value, own.low, own.high, len(ratios))  # type: ignore[arg-type]
    assert largest.method.endswith(f", {len(ratios)} layers at once")
    assert last.low == one(found, "share_over_white_noise", layer=last.at["layer"], map="output").low


class Scripted(nn.Module):
    """What follows the first convolution is hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.first = every(2, 1, 8, 28, 56, 70, 56, 28, 8, 1)
        rest = nn.Sequential(
            nn.Conv2d(3, 3, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            self.rest = torch.jit.script(rest)

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.first(x))


def test_no_praise_where_layers_are_out_of_sight() -> None:
    first, *_, last = Aliasing().findings(found_by(Scripted(), noise_images(N, SIZE), window="none"))
    assert first.verdict == "note"
    assert first.sentence.startswith("Of the layers that could be judged hardly any")
    assert last.sentence.startswith("Layers after first could not be followed, because no later step was seen")
