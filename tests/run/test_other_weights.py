"""Nets with other weights: written over one another, they answer as if each had been made afresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import timm
import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn

from eyechart.core.query import Query
from eyechart.core.view import Plain
from eyechart.core.weights import Weights
from eyechart.exams.clean import Clean
from eyechart.models.image_model import ImageModel
from eyechart.run.altered import MOST_KEPT, OtherWeights, altered, can_alter
from eyechart.run.forward import Forwarder
from eyechart.run.pace import CHANGED_IMAGES, JOB_BYTES, JOB_IMAGES, SIGNAL_BYTES, Pace
from eyechart.run.plan import source_views
from eyechart.views.bands import Band
from eyechart.views.shifts import CropShift
from eyes import examined, image_set, noise_images, seen_by

SIZE = 8


class Net(nn.Module):
    """A pair that folds, BatchNorm that does not, and a norm that is followed, in its place, by what has weights."""

    def __init__(self, act: bool) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.first, self.norm = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.last = BatchNormAct2d(4, act_layer=nn.PReLU) if act else nn.BatchNorm2d(4)
        self.alone, self.head = nn.BatchNorm2d(4), nn.Linear(4, 3)
        for norm in (self.norm, self.last, self.alone):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            norm.weight.data.uniform_(0.5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.last(self.second(self.norm(self.first(x)).relu()))
        return self.head(self.alone(x.relu()).mean((2, 3)))


@dataclass(frozen=True)
class Times(Weights):
    """Everything times ``factor``, BatchNorm's statistics, too."""

    factor: float
    fails: bool = False

    @property
    def settled_on(self) -> int:
        return 3 if self.fails else 0

    def changed(self, parameters: Mapping[str, Tensor], convolutions: Sequence[str]) -> Mapping[str, Tensor]:
        return {name: self.factor * value for name, value in parameters.items()}


@dataclass(frozen=True)
class OneTimes(Times):
    """One parameter only."""

    name: str = "head.bias"

    def changed(self, parameters: Mapping[str, Tensor], convolutions: Sequence[str]) -> Mapping[str, Tensor]:
        return {self.name: self.factor * parameters[self.name]}


def by_hand(net: Net, weights: Times) -> nn.Module:
    other = deepcopy(net)
    named = dict(other.named_parameters()) | {n: b for n, b in other.named_buffers() if b.is_floating_point()}
    with torch.no_grad():
        for name, value in weights.changed(named, ()).items():
            named[name].copy_(value.clone())
    return other


def agree(got: ImageModel, wanted: nn.Module) -> None:
    pixels = torch.rand(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(got(pixels).clone(), wanted(pixels), rtol=1e-4, atol=1e-5)


ASKED = (
    Times(1.5),
    OneTimes(3.0),
    OneTimes(-1.0, name="first.weight"),
    Times(0.5),
    OneTimes(2.0, name="norm.running_var"),
)


@pytest.mark.parametrize("act", [False, True])
def test_a_net_that_is_written_over_answers_like_a_new_one(act: bool) -> None:
    net = Net(act).eval()
    model = seen_by(net, SIZE)
    assert model.plain is not None
    assert len(model.plain.pairs) == 2
    spare = None
    for weights in ASKED:
        now = altered(model, weights, spare=spare)
        assert spare is None or (now is spare) != act  # weights of what follows a norm have other names: a new net
        agree(now, by_hand(net, weights))
        agree(altered(model, weights), by_hand(net, weights))
        spare = now
    agree(model, net)


class Biased(nn.Module):
    """Lays its biases out once while it only answers, and forgets that in training, as timm's LeViT does."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.biases = nn.Parameter(torch.randn(3))
        self.rest = nn.Dropout(0.0)
        self.held: dict[str, Tensor] = {}

    def train(self, mode: bool = True) -> Biased:
        super().train(mode)
        if mode:
            self.held = {}
        return self

    def forward(self, x: Tensor) -> Tensor:
        if "laid out" not in self.held:
            self.held["laid out"] = self.biases[[0, 1, 2, 1]].view(1, 4, 1, 1)
        return self.rest(x + self.held["laid out"])


def cached() -> nn.Module:
    torch.manual_seed(4)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), Biased(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).eval()


def written_over(net: nn.Module, size: int, factors: Sequence[float]) -> None:
    """Nets that have answered and are written over agree with new ones."""
    model, spare = seen_by(net, size), None
    pixels = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    fresh = [deepcopy(net).train() for _ in factors]
    for factor, other in zip(factors, fresh, strict=True):
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.mul_(factor)
            now = altered(model, ParameterTimes(factor), spare=spare)
            torch.testing.assert_close(now(pixels).clone(), other.eval()(pixels), rtol=1e-3, atol=1e-4)
        assert spare is None or now is spare
        spare = now


@dataclass(frozen=True)
class ParameterTimes(Times):
    """All parameters times ``factor``."""

    def changed(self, parameters: Mapping[str, Tensor], convolutions: Sequence[str]) -> Mapping[str, Tensor]:
        return {name: self.factor * t for name, t in parameters.items() if isinstance(t, nn.Parameter)}


def test_what_modules_keep_of_old_weights_is_forgotten() -> None:
    written_over(cached(), SIZE, (1.5, -2.0, 0.5))


def test_a_transformer_that_keeps_its_attention_biases_is_written_over() -> None:
    torch.manual_seed(0)
    net = timm.create_model("levit_128s", pretrained=False, num_classes=5).eval()
    for name, parameter in net.named_parameters():
        if name.endswith("attention_biases"):
            parameter.data.normal_(std=2)
        elif name.endswith("bn.weight"):  # the net is made with zeros at the ends of its branches
            parameter.data.fill_(1)
        elif name.startswith("head") and name.endswith("linear.weight"):
            parameter.data.normal_()
    written_over(net, 224, (1.1, 0.8))


def test_modes_are_as_before_when_a_net_is_written_over() -> None:
    net = cached()
    plain = seen_by(net, SIZE).plain
    assert plain is not None
    rest = plain.net.get_submodule("2.rest").train()  # such as a part that is never set to answering
    other = plain.altered(lambda own, _: own)
    plain.altered(lambda own, _: own, into=other)
    assert [m.training for m in plain._other.modules()] == [m.training for m in plain.net.modules()]
    assert [m.training for m in other.modules()].count(True) == 1
    assert rest.training


class Tied(nn.Module):
    """Two norms with one weight; the first folds and the second does not."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv, self.norm, self.alone = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.norm.weight.data.uniform_(0.5, 2)
        self.alone.weight = self.norm.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.alone(self.norm(self.conv(x)).relu()).mean((2, 3))


def test_a_parameter_with_two_names_is_written_under_both() -> None:
    net = Tied().eval()
    model = seen_by(net, SIZE)
    assert model.plain is not None
    assert len(model.plain.pairs) == 1
    assert [name for name in model.plain.tensors if name.endswith("m.weight")] == ["norm.weight"]
    written_over(net, SIZE, (1.5, 3.0))


def test_the_oldest_makes_room_and_none_is_mistaken_for_another() -> None:
    net = Net(False).eval()
    others = OtherWeights(seen_by(net, SIZE), None)
    asked = [OneTimes(float(k)) for k in range(MOST_KEPT + 3)]
    nets = [others.model(one).net for one in asked]
    assert len(set(map(id, nets))) == MOST_KEPT
    for one in (asked[-1], asked[5], asked[0], asked[-1]):
        agree(others.model(one), by_hand(net, one))
    assert others.model(asked[5]).net is nets[5]
    others.forget()
    agree(others.model(asked[5]), by_hand(net, asked[5]))


def test_where_none_would_be_met_again_one_is_kept(tmp_path: Path) -> None:
    net = Net(False).eval()
    others = OtherWeights(seen_by(net, SIZE), None)
    few = [others.model(OneTimes(float(k)), MOST_KEPT).net for k in range(MOST_KEPT)]
    assert len({id(one) for one in few}) == MOST_KEPT
    for k in range(3):
        now = others.model(OneTimes(0.5 + k), MOST_KEPT + 1)
        agree(now, by_hand(net, OneTimes(0.5 + k)))
        assert list(others._kept.values()) == [now]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_after_an_interruption_all_is_as_before(error: type[BaseException]) -> None:
    net = Net(False).eval()
    before = deepcopy(net.state_dict())
    model = seen_by(net, SIZE)

    def settle(other: nn.Module) -> None:
        other.get_submodule("norm").train()
        other.get_parameter("head.bias").zero_()
        raise error

    with pytest.raises(error):
        altered(model, Times(2.0), settle)
    agree(model, net)
    agree(altered(model, OneTimes(3.0, name="second.bias")), by_hand(net, OneTimes(3.0, name="second.bias")))
    assert not net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_names_that_the_net_lacks_are_told_beforehand_and_change_nothing() -> None:
    net = Net(False).eval()
    model = seen_by(net, SIZE)
    assert can_alter(model, OneTimes(2.0))
    assert not can_alter(model, OneTimes(2.0, name="nothing"))
    assert model.plain is not None
    with pytest.raises(ValueError, match="no parameter nothing"):
        model.plain.altered(lambda own, _: {"head.bias": 2 * own["head.bias"], "nothing": torch.ones(1)})
    agree(altered(model, OneTimes(2.0, name="head.weight")), by_hand(net, OneTimes(2.0, name="head.weight")))


def test_weights_that_settle_need_images() -> None:
    with pytest.raises(ValueError, match="there are none"):
        OtherWeights(seen_by(Net(False).eval(), SIZE), None).model(Times(2.0, fails=True))


def test_parameters_and_buffers_can_be_told_apart() -> None:
    plain = seen_by(Net(False).eval(), SIZE).plain
    assert plain is not None
    kinds = {name: isinstance(tensor, nn.Parameter) for name, tensor in plain.tensors.items()}
    assert kinds["norm.weight"]
    assert not kinds["norm.running_var"]


def test_shards_are_larger_where_weights_are_changed_often(monkeypatch: pytest.MonkeyPatch) -> None:
    model = seen_by(Net(False).eval(), SIZE)
    pace = Pace(model, Forwarder(model, 64), in_memory=True)
    assert pace.forward > 0
    assert pace.change > 0
    for name, value in (("forward", 0.01), ("change", 0.01)):
        monkeypatch.setitem(pace.__dict__, name, value)
    views = [Band("low", 2.0), Band("high", 2.0)]
    few = [Query(view, weights=OneTimes(float(k))) for k in range(MOST_KEPT) for view in views]
    many = [Query(view, weights=OneTimes(float(k))) for k in range(200) for view in views]
    assert pace.images(few) == 64  # 20 s at 0.16 s an image, and a power of two
    size = pace.images(many)  # 20 s would be 4 images: 8 s of 16 for changes
    assert 0.05 * size * len(many) * 0.01 >= 200 * 0.01
    assert size <= 32


@pytest.mark.parametrize("in_memory", [True, False])
def test_images_that_share_changes_of_weights_are_asked_about_together(in_memory: bool) -> None:
    large = Pace(seen_by(Net(False).eval(), 224), Forwarder(seen_by(Net(False).eval(), 224), 4), in_memory)
    few = [Query(weights=OneTimes(float(k))) for k in range(MOST_KEPT)]
    many = [Query(weights=OneTimes(float(k))) for k in range(MOST_KEPT + 1)]
    assert large.together(few) == JOB_IMAGES[in_memory]
    assert large.together(many) == CHANGED_IMAGES
    two = [Query(view, weights=q.weights) for view in (CropShift(1), Plain()) for q in many]
    assert len(source_views(two)) == 2
    assert large.together(two) * 2 * 3 * 224**2 <= JOB_BYTES  # decoded frames are still what bounds them
    assert large.together(two) > CHANGED_IMAGES / 2
    shards = Pace(seen_by(Net(False).eval(), 224), Forwarder(seen_by(Net(False).eval(), 224), 4), in_memory)
    for name, value in (("forward", 1.0), ("change", 1e6)):
        shards.__dict__[name] = value
    assert shards.images(many) == CHANGED_IMAGES
    assert shards.images(two) <= shards.together(two)


@pytest.mark.parametrize("reading", ["pixels", "gradient"])
def test_pixels_and_gradients_that_are_kept_bound_what_is_asked_together(
    reading: Literal["pixels", "gradient"],
) -> None:
    pace = Pace(seen_by(Net(False).eval(), 224), Forwarder(seen_by(Net(False).eval(), 224), 4), in_memory=True)
    asked = [Query(Band("low", float(radius)), reading) for radius in range(1, 14)]
    n = pace.together(asked)
    assert n * len(asked) * 4 * 3 * 224**2 <= SIGNAL_BYTES
    assert (n + 1) * len(asked) * 4 * 3 * 224**2 > SIGNAL_BYTES
    assert pace.together([Query(query.view) for query in asked]) == JOB_IMAGES[True]


class Few(Clean):
    """As many images as the frame is high."""

    def most(self, subject: object) -> int | None:
        return subject.size[0]  # type: ignore[attr-defined, no-any-return]


def test_how_many_images_may_depend_on_the_frame(tmp_path: Path) -> None:
    images = image_set(noise_images(20, SIZE), np.arange(20) % 3)
    run = examined(seen_by(Net(False).eval(), SIZE), images, [Few()], tmp_path)
    accuracy = run.estimates.one("accuracy")
    assert accuracy is not None
    assert accuracy.n == SIZE
