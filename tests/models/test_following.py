"""Where following ends too early, and where the maps themselves end."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from eyechart.core.exam import Subject
from eyechart.models.following import Ended, ended
from eyechart.run.subject import subject_of
from eyes import seen_by


def end_of(net: nn.Module) -> Ended | None:
    subject: Subject = subject_of(seen_by(net.eval(), 32), labelled=False)
    return ended(subject.layers, subject.geometry, subject.weights)


class Ends(nn.Module):
    """A convolution, then what ``how`` says."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.conv, self.gate = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 1)
        self.norm, self.head = nn.LayerNorm(4), nn.Linear(4, 4)
        self.attention = nn.MultiheadAttention(4, 1, batch_first=True)
        self.unused = nn.Linear(3, 3) if how == "spare weights" else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.how == "gate":
            x = x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()
            x = x.relu()
        if self.how == "tokens":
            tokens = x.flatten(2).transpose(1, 2)
            x = self.attention(tokens, tokens, tokens)[0].transpose(1, 2)[..., None]
        if self.how == "arrays":
            x = torch.from_numpy(x.detach().numpy())
        if self.how == "upsampled":
            x = self.gate(nn.functional.interpolate(x, scale_factor=2.0, mode="bicubic"))
        x = x.mean((2, 3))
        return x if self.how == "embedding" else self.head(self.norm(x))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("mean", None),
        ("gate", None),
        ("spare weights", None),
        ("tokens", "what flatten() does to places"),
        ("arrays", "what comes next is hidden from Python"),
        ("embedding", "no later step was seen"),
        ("upsampled", "what interpolate() does to places"),
    ],
)
def test_following_ends_where_maps_go_on(how: str, why: str | None) -> None:
    found = end_of(Ends(how))
    if why is None:
        assert found is None
    else:
        assert found is not None
        assert (found.name, found.depth) == ("conv", 0)
        assert found.why.startswith(why)


def test_nets_without_places_have_not_ended() -> None:
    assert end_of(nn.Sequential(nn.Flatten(), nn.Linear(3072, 4))) is None
    assert ended((), {}, ()) is None
