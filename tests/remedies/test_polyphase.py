"""Adaptive polyphase sampling: with random weights no cyclic shift changes the answer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import product

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torchvision.models import get_model_builder

from eyechart.core.remedy import Patient
from eyechart.errors import SettingError
from eyechart.models.nets import CifarResNet
from eyechart.models.polyphase import Choose, Take
from eyechart.models.preprocessing import Preprocessing
from eyechart.models.statistics import settle
from eyechart.remedies.polyphase import Polyphase


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build().eval().double()


def frames(n: int, size: int) -> Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def pooled() -> nn.Module:
    layers = [
        nn.Conv2d(3, 6, 3, 1, 1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(6, 8, 3, 1, 1),
        nn.ReLU(),
        nn.AvgPool2d(2),
    ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


BUILDS: dict[str, Callable[[], nn.Module]] = {
    "cifar resnet": lambda: CifarResNet(1),
    "pools": pooled,
    "resnet18": lambda: get_model_builder("resnet18")(weights=None, num_classes=5),
    "mobilenet": lambda: get_model_builder("mobilenet_v3_small")(weights=None, num_classes=5),
    "squeezenet": lambda: get_model_builder("squeezenet1_1")(
        weights=None, num_classes=5
    ),  # maps of odd sides, no borders
    "shufflenet": lambda: get_model_builder("shufflenet_v2_x0_5")(weights=None, num_classes=5),
}


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("taps", [1, 3])
def test_no_cyclic_shift_changes_an_untrained_net(name: str, taps: int) -> None:
    size = 32 if name in ("cifar resnet", "pools") else 64
    net = seeded(BUILDS[name])
    settle(net, frames(16, size))  # fresh statistics would let nothing of the picture through
    x = frames(2, size)
    seen = Preprocessing(size=(size, size), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    found = Polyphase(taps=taps, statistics=False).treat(Patient(copy.deepcopy(net), seen, x))
    assert not found.refused
    assert "no cyclic shift" in found.done[-1]
    assert list(found.net.state_dict()) == list(net.state_dict())
    with torch.no_grad():
        still = found.net(x)
        moved = [found.net(x.roll(shift, (2, 3))) for shift in product((0, 1, 7), (0, 2, 5))]
        plain = [net(x.roll(shift, (2, 3))) for shift in product((0, 1, 7), (0, 2, 5))]
    scale = float(still.std())
    assert max(float((m - still).abs().max()) for m in moved) < 1e-6 * scale
    assert all(torch.equal(m.argmax(1), still.argmax(1)) for m in moved)  # consistency is exactly 1
    assert max(float((p - plain[0]).abs().max()) for p in plain) > 1e-3 * float(plain[0].std())


def test_the_strongest_phase_is_taken_and_the_first_on_a_tie() -> None:
    x = torch.zeros(3, 2, 4, 6)
    x[0, :, 1::2, 1::2] = 1
    x[1, :, 0::2, 1::2] = -2
    chosen = Choose((2, 2))(x)
    assert chosen.tolist() == [3, 1, 0]
    taken = Take((2, 2))(x, chosen)
    assert taken.shape == (3, 2, 2, 3)
    assert (taken[0] == 1).all()
    assert (taken[1] == -2).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"), [("googlenet", 64), ("densenet121", 64), ("inception_v3", 128), ("convnext_tiny", 64)]
)
def test_no_cyclic_shift_changes_larger_nets(name: str, size: int) -> None:
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    net = seeded(lambda: get_model_builder(name)(weights=None, **options))
    seen = Preprocessing(size=(size, size), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    found = Polyphase().treat(Patient(net, seen))
    assert not found.refused
    assert "no cyclic shift" in found.done[-1]


def test_a_step_that_depends_on_the_place_is_told() -> None:
    """A head of its own for each place: nothing chosen before can undo that."""
    head = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, 3))
    seen = Preprocessing(size=(16, 16), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    found = Polyphase().treat(Patient(seeded(lambda: head), seen))
    assert any("still change the answer" in line for line in found.refused)


def test_windows_wider_than_a_map_stay_as_they_are() -> None:
    layers = [nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 4, 11, 1, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    seen = Preprocessing(size=(8, 8), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    found = Polyphase().treat(Patient(seeded(lambda: nn.Sequential(*layers)), seen))
    assert "1 convolutions wrap around" in found.done
    assert any("still change the answer" in line for line in found.refused)


@pytest.mark.parametrize("circular", [True, False])
def test_tensorflow_padding(circular: bool) -> None:
    """Zeros laid by TensorFlow's rule wrap around too, or stay."""
    layers = [
        Conv2dSame(3, 6, 3, 2),
        nn.ReLU(),
        Conv2dSame(6, 6, 4, 2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    ]
    seen = Preprocessing(size=(16, 16), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    found = Polyphase(circular=circular).treat(Patient(seeded(lambda: nn.Sequential(*layers)), seen))
    assert bool(found.refused) != circular
    assert found.net(frames(1, 16)).shape == (1, 6)


def test_a_map_that_cannot_be_shared_out_is_told() -> None:
    net = seeded(lambda: CifarResNet(1)).float()
    odd = Preprocessing(size=(30, 30), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    found = Polyphase().treat(Patient(copy.deepcopy(net), odd))
    assert any("shared out evenly" in line for line in found.refused)
    with torch.no_grad():
        assert found.net(torch.zeros(1, 3, 30, 30)).shape == (1, 10)
    with pytest.raises(SettingError, match="no step"):
        Polyphase().treat(Patient(nn.Conv2d(3, 3, 3), odd))
