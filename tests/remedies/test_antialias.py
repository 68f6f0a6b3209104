"""Surgery against aliasing: with a filter of one tap nothing changes; what is cut is cut in the right place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import timm
import torch
from pydantic import ValidationError
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torchvision.models import get_model_builder

from eyechart.core.remedy import Patient, Remedy, Treated
from eyechart.errors import SettingError
from eyechart.models.blur import BlurPool, DensePool, binomial, kaiser
from eyechart.models.nets import CifarResNet, ResNet4b
from eyechart.models.preprocessing import Preprocessing
from eyechart.models.statistics import measured, reinsert, settle
from eyechart.remedies.antialias import Antialias
from eyechart.remedies.polyphase import Polyphase

FEW = ("alexnet", "resnet18", "squeezenet1_1", "mobilenet_v3_small", "googlenet", "shufflenet_v2_x0_5")
MANY = (  # with FEW, the smallest of every family of classifiers in torchvision
    "vgg11", "vgg11_bn", "resnext50_32x4d", "wide_resnet50_2", "squeezenet1_0", "densenet121", "mobilenet_v2",
    "efficientnet_b0", "efficientnet_v2_s", "mnasnet0_5", "regnet_x_400mf", "regnet_y_400mf", "inception_v3", "convnext_tiny",
    "maxvit_t", "swin_t", "swin_v2_t", "vit_b_16",
)  # fmt: skip
FIXED = ("maxvit_t", "vit_b_16")  # one size of frames
TOLD = {
    "swin_t": "patch_merging_pad",
    "swin_v2_t": "patch_merging_pad",
    "vit_b_16": "conv_proj",
    "mobilenet_v2": "stem",
}
NOTHING = ("swin_t", "swin_v2_t", "vit_b_16")  # unless their stem is asked for
LIBRARY = ("resnet18", "tf_efficientnet_b0", "convnext_atto", "mobilenetv3_small_050")


def seen(size: int) -> Preprocessing:
    return Preprocessing(size=(size, size), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def treated(net: nn.Module, size: int, **settings: Any) -> Treated:
    return Antialias(**settings).treat(Patient(copy.deepcopy(net), seen(size)))


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build().eval()


def frames(n: int, size: int) -> Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1))


def awake(net: nn.Module) -> nn.Module:
    """No parameter is left constant: heads of zeros and tiny scales would hide the rest."""
    for number, p in enumerate(net.parameters()):
        if p.numel() > 1 and float(p.detach().std()) == 0:
            p.data += 0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(number))
    return net


def of_torchvision(name: str) -> nn.Module:
    options: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return awake(seeded(lambda: get_model_builder(name)(weights=None, **options)))


def unchanged(net: nn.Module, size: int) -> None:
    """By filters of one tap."""
    found = treated(net, size, taps=1, average_pools=False, stem="full")
    with torch.no_grad():
        x = frames(1, size)
        wanted, got = net(x), found.net(x)
    assert found.done
    assert float(wanted.abs().max()) > 0
    assert float((got - wanted).abs().max()) <= 1e-5 * float(wanted.abs().max())


def kept(name: str, net: nn.Module, size: int) -> None:
    """Sizes and keys, by filters that blur; what is left is told in words."""
    if name in NOTHING:
        with pytest.raises(SettingError, match=TOLD[name]):
            treated(net, size)
        return
    found = treated(net, size)
    assert set(found.net.state_dict()) == set(net.state_dict())
    assert TOLD.get(name, "") in "; ".join(found.refused)
    with torch.no_grad():
        x = frames(1, size)
        assert found.net(x).shape == net(x).shape


@pytest.mark.parametrize("name", FEW)
def test_one_tap_changes_nothing(name: str) -> None:
    net = of_torchvision(name)
    unchanged(net, 65)  # odd: sizes are rounded somewhere
    kept(name, net, 65)


@pytest.mark.slow
@pytest.mark.parametrize("name", MANY)
def test_one_tap_changes_nothing_in_other_families(name: str) -> None:
    net = of_torchvision(name)
    for size in (224,) if name in FIXED else (224, 129):
        unchanged(net, size)
    kept(name, net, 224)


@pytest.mark.slow
@pytest.mark.parametrize("name", LIBRARY)
def test_families_of_timm(name: str) -> None:
    net = awake(seeded(lambda: timm.create_model(name)))
    for size in (96, 129):
        unchanged(net, size)
        kept(name, net, size)


@pytest.mark.parametrize("build", [lambda: CifarResNet(1), ResNet4b])
def test_nets_of_our_own(build: Callable[[], nn.Module]) -> None:
    net = seeded(build)
    x = frames(2, 32)
    with torch.no_grad():
        torch.testing.assert_close(treated(net, 32, taps=1, stem="full").net(x), net(x))
        assert not torch.allclose(treated(net, 32).net(x), net(x), atol=1e-3)


def test_the_blur_stands_behind_the_activation() -> None:
    net = seeded(lambda: nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU()))
    x = frames(2, 20)
    with torch.no_grad():
        net[1].stride = (1, 1)
        wanted = BlurPool((2, 2), 4)(net(x))
        net[1].stride = (2, 2)
        found = treated(net, 20, taps=4, stem="full").net
        torch.testing.assert_close(found(x), wanted)


def test_without_an_activation_the_blur_comes_first_and_is_the_same() -> None:
    """A 1x1 convolution and a blur may change places, but for the border."""
    net = seeded(lambda: nn.Sequential(nn.Conv2d(3, 5, 1, 2), nn.Conv2d(5, 2, 1)))
    x = frames(2, 17)
    with torch.no_grad():
        dense = nn.functional.conv2d(x, net[0].weight, net[0].bias)
        torch.testing.assert_close(treated(net, 17, stem="full").net(x), net[1](BlurPool((2, 2))(dense)))


def test_strides_of_four_are_blurred_twice() -> None:
    net = seeded(lambda: nn.Sequential(nn.Conv2d(3, 4, 7, 4, 3), nn.ReLU()))
    x = frames(1, 33)
    with torch.no_grad():
        dense = nn.functional.conv2d(x, net[0].weight, net[0].bias, padding=3).relu()
        blur = BlurPool((2, 2))
        torch.testing.assert_close(treated(net, 33, stem="full").net(x), blur(blur(dense)))
        half = nn.functional.conv2d(x, net[0].weight, net[0].bias, 2, 3).relu()
        torch.testing.assert_close(treated(net, 33, stem="partial").net(x), blur(half))


def test_sizes_of_pools() -> None:
    x = torch.randn(1, 2, 40, 40, generator=torch.Generator().manual_seed(0))
    checked = 0
    for kernel, stride, padding, dilation, ceil in product((1, 2, 3, 5), (2, 3, 4), (0, 1, 2), (1, 2), (False, True)):
        if padding > kernel // 2:
            continue
        pool = nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=ceil)
        for side in range(dilation * (kernel - 1) + 1, 24):
            some = x[..., :side, : side + 3]
            got = DensePool(pool)(some)[..., ::stride, ::stride]
            torch.testing.assert_close(got, pool(some), rtol=0, atol=0)
            checked += 1
    assert checked > 1500


def test_average_pools_keep_their_size() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AvgPool2d(2)).eval()
    for side in (9, 10):
        found = treated(net, side)
        with torch.no_grad():
            assert found.net(frames(1, side)).shape == net(frames(1, side)).shape
        assert len(found.done) == 1
    whole = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AvgPool2d(2), nn.AvgPool2d(4)).eval()  # the second is over all places
    assert len(treated(whole, 8).done) == 1


def test_twice_is_once() -> None:
    net = seeded(lambda: get_model_builder("shufflenet_v2_x0_5")(weights=None))
    once = treated(net, 64)
    x = frames(1, 64)
    with pytest.raises(SettingError, match="first strided"):
        Antialias().treat(Patient(once.net, seen(64)))
    with torch.no_grad():
        assert torch.isfinite(once.net(x)).all()


def test_shifts_by_fractions_pass_through_the_ideal_filter() -> None:
    """Linear, circular: half a pixel before is a quarter of a pixel after."""
    net = seeded(lambda: nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1, bias=False, padding_mode="circular")))
    x = frames(1, 16)
    found = treated(net, 16, filter="ideal", border="circular", stem="full").net

    def moved(maps: Tensor, by: float) -> Tensor:
        n = maps.shape[-1]
        turn = torch.exp(-2j * torch.pi * torch.fft.rfftfreq(n, dtype=torch.float64) * by)
        spectrum = torch.fft.rfft(maps.double())
        spectrum[..., -1] = 0
        return torch.fft.irfft(spectrum * turn, n=n).float()

    with torch.no_grad():
        smooth = moved(x, 0.0)
        torch.testing.assert_close(moved(found(smooth), 0.25), found(moved(x, 0.5)), atol=1e-5, rtol=0)
        assert not torch.allclose(moved(net(smooth), 0.25), net(moved(x, 0.5)), atol=1e-2)


@pytest.mark.parametrize("stem", ["skip", "full"])
def test_nets_for_small_pictures_have_no_stem(stem: str) -> None:
    """The first strided convolution of a CIFAR net does not read the picture, and has a shortcut beside it."""
    found = treated(seeded(lambda: CifarResNet(1)), 32, stem=stem)
    assert not any("stem" in told for told in found.refused)
    assert any(told.startswith("layer2.0.conv1") for told in found.done)
    large = treated(seeded(lambda: get_model_builder("resnet18")(weights=None)), 64, stem=stem)
    assert any("(stem)" in told for told in large.refused) is (stem == "skip")


def test_filters() -> None:
    torch.testing.assert_close(binomial(4), torch.tensor([1, 3, 3, 1], dtype=torch.float64) / 8)
    for n in (2, 3, 5, 7):
        response = torch.fft.rfft(binomial(n), n=64).abs()
        torch.testing.assert_close(response, torch.cos(torch.pi * torch.arange(33) / 64).double() ** (n - 1))
    twice = torch.conv1d(torch.tensor([[[1, 0, 2, 0, 1.0]]]), torch.tensor([[[1, 2, 1.0]]]), padding=2)[0, 0] / 16
    torch.testing.assert_close(binomial(3, 4).float(), twice)  # of 2, and of 2 again on every other place
    assert abs(float(kaiser(9, 2).sum()) - 1) < 1e-12
    flat = torch.full((1, 2, 9, 9), 0.7)
    for border in ("reflect", "replicate", "circular"):
        torch.testing.assert_close(BlurPool((2, 2), 5, border=border)(flat), flat[..., ::2, ::2])
    assert BlurPool((2, 2), 7)(torch.ones(1, 1, 2, 2)).shape == (1, 1, 1, 1)


@pytest.mark.parametrize("stride", [2, 3, 4, 5])
@pytest.mark.parametrize("subsample", [True, False])
def test_what_would_fold_to_zero_frequency_is_taken_out_before_any_stride(stride: int, subsample: bool) -> None:
    at = torch.arange(60.0)
    wave = torch.cos(2 * torch.pi * at / stride + 0.3).expand(1, 1, 60, 60)
    left = BlurPool((stride, stride), border="circular", subsample=subsample)(wave)
    assert float(left.abs().max()) < 1e-5


def test_a_filter_of_kaisers_is_wide_enough() -> None:
    assert Antialias(filter="kaiser").low_pass((2, 2)).taps == 7
    nyquist = torch.cos(torch.pi * torch.arange(32.0)).expand(1, 1, 32, 32)
    assert float(Antialias(filter="kaiser", border="circular").low_pass((2, 2))(nyquist).abs().max()) < 0.01
    with pytest.raises(ValidationError, match="hardly a blur"):
        Antialias(filter="kaiser", taps=3)


class Tutorial(nn.Module):
    """One pool for two maps, as in PyTorch's tutorial."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.first, self.second, self.pool = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5), pool
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.pool(torch.relu(self.first(x)))
        return self.head(self.pool(torch.relu(self.second(maps))).mean((2, 3)))


class Untraceable(Tutorial):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.sum() < 1e9 else x


@pytest.mark.parametrize("kind", [Tutorial, Untraceable])
def test_a_pool_that_is_used_twice_is_treated_twice(kind: type[Tutorial]) -> None:
    net = seeded(lambda: kind(nn.MaxPool2d(2, 2)))
    found = treated(net, 32, taps=1)
    assert not any("more than once" in told for told in found.refused)
    with torch.no_grad():
        torch.testing.assert_close(found.net(frames(2, 32)), net(frames(2, 32)))
    assert sum(isinstance(part, BlurPool) for part in treated(net, 32).net.modules()) == (2 if kind is Tutorial else 1)


@pytest.mark.parametrize("kind", [Tutorial, Untraceable])
@pytest.mark.parametrize(
    ("pool", "larger"),
    [
        (nn.AvgPool2d(2, 2), False),
        (nn.AvgPool2d(3, 2, padding=1), False),
        (nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False), False),
        (nn.AvgPool2d(2, 2, padding=1), True),
        (nn.AvgPool2d(3, 2, padding=1, ceil_mode=True), True),
    ],
)
def test_average_pools_that_a_blur_cannot_stand_for_are_left(
    kind: type[Tutorial], pool: nn.Module, larger: bool
) -> None:
    net = seeded(lambda: nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), kind(pool)))
    net[2].first = nn.Conv2d(4, 6, 5)
    found = treated(net, 64, stem="full")
    assert any("larger than a blur" in told for told in found.refused) is larger
    seen_by_conv = []
    for part in (net[2], found.net if kind is Tutorial else found.net[2]):
        second = part.get_submodule("2.second" if part is found.net else "second")
        second.register_forward_hook(lambda _m, given, _out: seen_by_conv.append(given[0].shape))
    with torch.no_grad():
        assert found.net(frames(1, 64)).shape == net(frames(1, 64)).shape
    assert seen_by_conv[0] == seen_by_conv[1]


def test_statistics_are_put_back_where_they_were_folded_away() -> None:
    net = seeded(lambda: CifarResNet(1))
    x = frames(96, 32) * 0.5 + 0.3
    settle(net, x)
    folded = copy.deepcopy(net)
    conv, norm = folded.conv1, folded.bn1
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    conv.weight.data *= scale[:, None, None, None]
    norm.bias.data -= scale * norm.running_mean
    norm.weight.data.fill_((1 + norm.eps) ** 0.5)
    norm.reset_running_stats()
    with torch.no_grad():
        torch.testing.assert_close(folded(x), net(x), atol=1e-4, rtol=1e-4)
        assert reinsert(folded, x) == 1
        torch.testing.assert_close(folded(x), net(x), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(folded.bn1.running_mean, scale * net.bn1.running_mean, atol=1e-5, rtol=1e-4)
    patient = Patient(net, seen(32), x)
    found = Antialias().treat(patient)
    assert "96 images" in found.done[-1]
    again = copy.deepcopy(found.net)
    settle(again, x)  # the statistics before were those of the same frames
    with torch.no_grad():
        torch.testing.assert_close(again(x), found.net(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("remedy", [Antialias(taps=1, average_pools=False, stem="full"), Polyphase(circular=False)])
def test_statistics_follow_a_change_and_stay_where_nothing_changes(remedy: Remedy) -> None:
    net = seeded(lambda: CifarResNet(1))
    settle(net, frames(96, 32))
    before = copy.deepcopy(net)
    other = frames(64, 32) * 0.7 - 0.2  # unlike what the statistics are of
    found = remedy.treat(Patient(copy.deepcopy(net), seen(32), other)).net
    own, now = dict(before.named_buffers()), dict(found.named_buffers())
    spread = {n: (own[n.replace("mean", "var")]).sqrt() for n in own if n.endswith("running_mean")}
    apart = [float(((now[n] - own[n]) / spread[n]).abs().max()) for n in spread]
    if isinstance(remedy, Antialias):  # layers in front of a step now see the places that it leaves out, too
        assert max(apart) < 0.2
        return
    assert apart[0] < 1e-5  # in front of all that was changed
    means = [(now[n] - own[n], measured(found, other), measured(net, other)) for n in own if n.endswith("running_mean")]
    moved = means[-1]
    last = [n for n in own if n.endswith("running_mean")][-1].removesuffix(".running_mean")
    torch.testing.assert_close(moved[0], moved[1][last][0] - moved[2][last][0], atol=1e-4, rtol=1e-3)
    assert float(moved[0].abs().max()) > 1e-3


def test_it_can_be_trained_and_takes_other_number_formats() -> None:
    found = treated(seeded(lambda: get_model_builder("resnet18")(weights=None, num_classes=4)), 64).net
    found.train()(frames(4, 64)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in found.parameters() if p.grad is not None)
    half = copy.deepcopy(found).eval().to(torch.bfloat16, memory_format=torch.channels_last)
    assert half(frames(1, 64).to(torch.bfloat16)).dtype == torch.bfloat16


def test_what_cannot_be_treated_is_told() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.pool = nn.Conv2d(3, 3, 3, 2, 1), nn.MaxPool2d(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.pool(self.down(self.down(x)))

    found = treated(Twice(), 32)
    assert len(found.done) == 1
    assert all("more than once" in line for line in found.refused)

    with pytest.raises(SettingError, match="no step that leaves pixels out"):
        treated(nn.Conv2d(3, 3, 3), 32)


class Looks(nn.Module):
    """Cannot be traced: it looks at what it is shown. One step of each kind, one used twice, one called as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.down, self.short = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 6, 3, 2, 1), nn.Conv2d(4, 6, 1, 2)
        self.pool, self.mean, self.twice = nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2), nn.Conv2d(6, 6, 3, 2, 1)
        self.last = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x.relu() if x.mean() > -100 else x
        x = self.mean(self.pool((self.down(x) + self.short(x)).relu()))
        x = nn.functional.max_pool2d(self.twice(self.twice(x)), 2)
        return self.last(x).flatten(1)


def test_a_net_that_cannot_be_traced_is_treated_module_by_module() -> None:
    net = seeded(Looks)
    x = frames(2, 255)
    one = treated(net, 255, taps=1, stem="full", average_pools=False)
    with torch.no_grad():
        torch.testing.assert_close(one.net(x), net(x), atol=1e-6, rtol=1e-6)
        found = treated(net, 255)
        assert found.net(x).shape == net(x).shape
        assert not torch.allclose(found.net(x), net(x), atol=1e-4)
    assert set(found.net.state_dict()) == set(net.state_dict())
    assert [line.partition(":")[0] for line in found.done] == ["down", "short", "pool", "mean"]
    told = "; ".join(found.refused)
    for words in (
        "cannot be traced",
        "stem: the first",
        "twice: the layer is used more than once",
        "max pool called as",
    ):
        assert words in told
    assert "last" not in told  # over all places
    with pytest.raises(SettingError, match="Nothing could be treated"):
        Antialias().treat(Patient(found.net, seen(255)))


def test_the_blur_of_a_module_stands_before_it() -> None:
    """A blur of its input; a 1x1 convolution is only asked where places are kept."""
    net = seeded(Looks)
    found = treated(net, 255).net
    x = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(found.down(x), net.down(BlurPool((2, 2), subsample=False)(x)))
        torch.testing.assert_close(
            found.short(x), nn.functional.conv2d(BlurPool((2, 2))(x), net.short.weight, net.short.bias)
        )


@pytest.mark.parametrize("size", [64, 65])
def test_same_padding_is_kept(size: int) -> None:
    """A dense convolution behind zeros laid by TensorFlow's rule gives the strided one's places."""
    net = seeded(
        lambda: nn.Sequential(nn.Conv2d(3, 3, 1), Conv2dSame(3, 5, 3, 2), nn.ReLU(), Conv2dSame(5, 4, 4, 2, dilation=2))
    )
    x = frames(2, size)
    with torch.no_grad():
        torch.testing.assert_close(treated(net, size, taps=1, stem="full").net(x), net(x), atol=1e-6, rtol=1e-6)
        side = size + 2  # the same net takes other sizes; their zeros are laid anew
        torch.testing.assert_close(
            treated(net, size, taps=1, stem="full").net(frames(1, side)), net(frames(1, side)), atol=1e-6, rtol=1e-6
        )
