"""A channel decides as much as what is left without it says, and no more."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from eyechart.errors import SettingError
from eyechart.features.decides import Decided, Deciding, centre_share, object_share
from features.rigged import SIDE, model_of


class Weighed(nn.Module):
    """Three channels that say the mean of a colour each; classes are 4 x red, 1 x green, and nothing: blue decides nothing."""

    def __init__(self, last_first: bool = False) -> None:
        super().__init__()
        self.see = nn.Conv2d(3, 3, 1, bias=False)
        self.tokens = nn.Identity()
        self.last_first = last_first
        with torch.no_grad():
            self.see.weight[:] = torch.eye(3)[:, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        x = self.see(x)
        if self.last_first:
            x = self.tokens(x.flatten(2).mT).mT[..., None]
        means = x.mean((2, 3))
        return torch.stack([4 * means[:, 0], means[:, 1], 0 * means[:, 2]], 1)


def pictures() -> Tensor:
    """Normalised frames: red, and green."""
    frames = torch.zeros(2, 3, SIDE, SIDE)
    frames[0, 0], frames[1, 1], frames[:, 2] = 1.0, 1.0, 0.5
    return frames


@pytest.mark.parametrize(("layer", "last_first"), [("see", False), ("tokens", True)])
def test_what_is_left_without_a_channel(layer: str, last_first: bool) -> None:
    model = model_of(Weighed(last_first))
    usual = np.array([0.25, 0.0, 0.1])
    found = Deciding(model, layer, usual).of_images(pictures(), [[0, 1, 2], [1, 2]])
    before = np.exp(4) / (np.exp(4) + np.exp(0) + 1)
    after = np.exp(1) / (np.exp(1) + np.exp(0) + 1)
    assert float(found[0][0].without) == pytest.approx(after - before, abs=1e-5)
    assert not found[0][0].turned
    assert float(found[0][2].without) == pytest.approx(0, abs=1e-6)
    assert float(found[1][0].without) == pytest.approx(1 / 3 - np.e / (np.e + 2), abs=1e-5)
    assert [int(d.rank) for d in found[0]] == [1, 2, 2]
    assert float(found[0][0].share) == pytest.approx(1)
    assert float(found[1][1].share) == pytest.approx(0)


class Shared(nn.Module):
    """Three channels; the third adds as much to all classes, so that it decides nothing. With a softmax, or without."""

    def __init__(self, softmax: bool) -> None:
        super().__init__()
        self.see, self.softmax = nn.Conv2d(3, 3, 1, bias=False), softmax
        with torch.no_grad():
            self.see.weight[:] = torch.eye(3)[:, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        means = self.see(x).mean((2, 3))
        logits = torch.stack([2 * means[:, 0], means[:, 1], 0 * means[:, 2]], 1) + 50 * means[:, 2:]
        return logits.softmax(1) if self.softmax else logits


def test_what_all_classes_share_has_no_part_and_a_softmax_changes_nothing() -> None:
    plain, last = (
        Deciding(model_of(Shared(softmax)), "see", np.zeros(3)).of_images(pictures(), [[0, 1, 2]] * 2)
        for softmax in (False, True)
    )
    for one, other in zip(plain, last, strict=True):
        assert float(one[2].share) == pytest.approx(0, abs=1e-5)
        assert [float(d.share) for d in one] == pytest.approx([float(d.share) for d in other], abs=1e-4)
        assert float(one[2].without) == pytest.approx(0, abs=1e-5)


def test_a_class_can_turn() -> None:
    model = model_of(Weighed())
    frames = torch.zeros(1, 3, SIDE, SIDE)
    frames[0, 0], frames[0, 1] = 0.5, 1.0
    (found,) = Deciding(model, "see", np.zeros(3)).of_images(frames, [[0]])
    assert found[0].turned


def test_the_model_is_left_alone() -> None:
    model = model_of(Weighed())
    assert model.plain is not None
    Deciding(model, "see", np.zeros(3)).of_images(pictures(), [[0], [1]])
    assert not any(m._forward_hooks for m in (*model.net.modules(), *model.plain.net.modules()))


class Twice(Weighed):
    """One ReLU that is called twice, then a function, then a sum; each layer gives what ``see`` gives."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.relu(self.see(x)))
        x = functional.relu(x * 1, inplace=True)
        x = x + torch.zeros_like(x)
        means = x.mean((2, 3))
        return torch.stack([4 * means[:, 0], means[:, 1], 0 * means[:, 2]], 1)


@pytest.mark.parametrize("layer", ["relu", "relu:2", "relu()", "add()"])
def test_functions_and_later_calls_are_silenced_as_modules_are(layer: str) -> None:
    asked, usual = (pictures(), [[0, 1, 2], [1, 2]]), np.array([0.25, 0.0, 0.1])
    found, wanted = (
        Deciding(model_of(net), name, usual).of_images(*asked) for net, name in ((Twice(), layer), (Weighed(), "see"))
    )
    assert plain(found) == plain(wanted)


def test_where_the_net_does_not_go_on_with_what_a_layer_gives_it_says_so() -> None:
    class ByEffect(Weighed):
        def forward(self, x: Tensor) -> Tensor:
            x = self.see(x)
            functional.relu(x, inplace=True)
            return x.mean((2, 3))

    class Closed(Weighed):
        @torch.no_grad()
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x)

    class Overwritten(Weighed):
        def forward(self, x: Tensor) -> Tensor:
            x = self.see(x).sigmoid()
            x += 1  # which the sigmoid's gradient needs
            return x.mean((2, 3))

    for net, layer in ((ByEffect(), "relu()"), (Closed(), "see"), (Overwritten(), "see")):
        with pytest.raises(SettingError, match="no gradient"):
            Deciding(model_of(net), layer, np.zeros(3))


def plain(found: list[list[Decided]]) -> list[list[tuple[float, ...]]]:
    return [[tuple(map(float, vars(d).values())) for d in some] for some in found]


def test_the_middle() -> None:
    assert float(centre_share(torch.ones(1, 1, 8, 8))) == pytest.approx(0.25)
    assert float(centre_share(torch.ones(1, 1, 7, 5))) == pytest.approx(0.25)
    spot = torch.zeros(1, 2, 8, 8)
    spot[0, 0, 4, 4], spot[0, 1, 0, 0] = 2.0, 3.0
    assert centre_share(spot).tolist() == [[1.0, 0.0]]
    assert np.isnan(float(centre_share(-torch.ones(1, 1, 4, 4))))
    assert np.isnan(float(centre_share(torch.ones(1, 1, 2, 2))))  # all of its places are as near the middle


def test_on_the_object() -> None:
    maps = torch.zeros(2, 2, 4, 4)
    maps[:, 0, :, 0], maps[:, 1, 0, 0] = 1.0, -5.0
    objects = torch.zeros(2, 16, 16)
    objects[0, :8, :4], objects[1] = 1.0, torch.nan
    found = object_share(maps, objects)
    assert found[0, 0] == 0.5
    assert torch.isnan(found[0, 1])  # never positive
    assert torch.isnan(found[1]).all()


class Classed(nn.Module):
    """A class token and four of the picture; answers are channels of the class token, or of the mean of the others."""

    def __init__(self, by_class_token: bool) -> None:
        super().__init__()
        self.embed, self.mix, self.by_class_token = nn.Conv2d(3, 3, SIDE // 2, SIDE // 2), nn.Identity(), by_class_token

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x).flatten(2).mT
        tokens = self.mix(torch.cat([tokens.sum(1, keepdim=True) * 5, tokens], 1))
        return tokens[:, 0] if self.by_class_token else tokens[:, 1:].mean(1)


@pytest.mark.parametrize("by_class_token", [True, False])
def test_class_tokens_are_no_places(by_class_token: bool) -> None:
    net = Classed(by_class_token)
    (found,) = Deciding(model_of(net), "mix", np.zeros(3)).of_images(pictures()[:1], [[0, 1, 2]])
    if by_class_token:
        assert all(float(d.without) == 0 for d in found)
        assert all(np.isnan(d.rank) and np.isnan(d.share) for d in found)  # no place has a part, and none is the first
        return
    answer = net(pictures()[:1])[0].detach()
    top = int(answer.argmax())
    parts = (answer * (torch.arange(3) == top) - answer / 3).abs()  # of the lead: each class weighs as the mean has it
    for number, d in enumerate(found):
        silenced = answer.clone()
        silenced[number] = 0
        assert float(d.without) == pytest.approx(float((silenced.softmax(0) - answer.softmax(0))[top]), abs=1e-5)
        assert float(d.rank) == 1 + int((parts > parts[number] * (1 + 1e-6)).sum())


class Attending(nn.Module):
    """Two heads of two channels look at a class token and four places; the answer is a weighing of all four channels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.head = nn.Conv2d(3, 4, SIDE // 2, SIDE // 2), nn.Linear(4, 3)

    def forward(self, x: Tensor, usual: tuple[int, float] | None = None) -> Tensor:
        tokens = self.embed(x).flatten(2).mT
        tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], 1)
        heads = tokens.unflatten(2, (2, 2)).transpose(1, 2)
        said = functional.scaled_dot_product_attention(heads, heads, heads).transpose(1, 2).flatten(2)
        if usual is not None:
            said = said.clone()
            said[:, 1:, usual[0]] = usual[1]
        return self.head(said.mean(1))


def test_channels_of_attention_are_silenced_in_their_heads() -> None:
    net, usual = Attending(), np.array([0.1, 0.2, 0.3, 0.4])
    frames = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    deciding = Deciding(model_of(net), "scaled_dot_product_attention()", usual)
    found = deciding.of_images(frames, [[0, 1, 2, 3], [3, 1]])
    with torch.no_grad():
        before = net(frames).softmax(1)
        top = before.argmax(1)
        for i, channels in ((0, (0, 1, 2, 3)), (1, (3, 1))):
            for d, c in zip(found[i], channels, strict=True):
                after = net(frames[i : i + 1], (c, float(usual[c]))).softmax(1)[0]
                assert float(d.without) == pytest.approx(float(after[top[i]] - before[i, top[i]]), abs=1e-6)
    assert sorted(float(d.rank) for d in found[0]) == [1, 2, 3, 4]
    assert sum(float(d.share) for d in found[0]) == pytest.approx(1)
    assert max(abs(float(d.without)) for d in found[0]) > 1e-3


def test_layers_that_give_mappings_can_be_silenced() -> None:
    class Body(nn.Module):
        def __init__(self, see: nn.Module) -> None:
            super().__init__()
            self.see = see

        def forward(self, x: Tensor) -> dict[str, Tensor | None]:
            return {"hidden": None, "out": self.see(x)}

    class Net(Weighed):
        def __init__(self) -> None:
            super().__init__()
            self.body = Body(self.see)

        def forward(self, x: Tensor) -> Tensor:
            means = self.body(x)["out"].mean((2, 3))
            return torch.stack([4 * means[:, 0], means[:, 1], 0 * means[:, 2]], 1)

    asked = pictures(), [[0, 1, 2], [1, 2]]
    usual = np.array([0.25, 0.0, 0.1])
    found, wanted = (
        Deciding(model_of(net), name, usual).of_images(*asked) for net, name in ((Net(), "body"), (Weighed(), "see"))
    )
    assert plain(found) == plain(wanted)
