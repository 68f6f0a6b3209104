"""Nets with other weights: written over one another, they answer as if each had been made afresh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn

from eyechart.core.query import Query
from eyechart.core.weights import Weights
from eyechart.exams.clean import Clean
from eyechart.models.image_model import ImageModel
from eyechart.run.altered import MOST_KEPT, OtherWeights, altered, can_alter
from eyechart.run.forward import Forwarder
from eyechart.run.pace import Pace
from eyechart.views.bands import Band
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


class Few(Clean):
    """As many images as the frame is high."""

    def most_of(self, subject: object) -> int | None:
        return subject.size[0]  # type: ignore[attr-defined, no-any-return]


def test_how_many_images_may_depend_on_the_frame(tmp_path: Path) -> None:
    images = image_set(noise_images(20, SIZE), np.arange(20) % 3)
    run = examined(seen_by(Net(False).eval(), SIZE), images, [Few()], tmp_path)
    accuracy = run.estimates.one("accuracy")
    assert accuracy is not None
    assert accuracy.n == SIZE
