"""Images beside a channel: used for or responded to, marked where a unit sees most, and no near copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.features.examples import Choice, alike, effective_boxes, thumbnail
from eyechart.features.present import Presented
from eyechart.features.reach import Reach
from eyechart.features.told import table
from eyes import image_set
from features.rigged import GRATING, RED, SIDE, model_of
from features.test_gallery import gallery, pictures

MIDDLE = (SIDE // 2, SIDE // 2)


class Blurred(nn.Module):
    """A kernel that sees far, but little there: a normal one of ``sd`` pixels within 41 x 41."""

    def __init__(self, sd: float) -> None:
        super().__init__()
        self.see, self.head = nn.Conv2d(3, 2, 41, padding=20, bias=False), nn.Linear(2, 3)
        along = torch.exp(-((torch.arange(41) - 20.0) ** 2) / (2 * sd**2))
        with torch.no_grad():
            self.see.weight[:] = along[:, None] * along
            self.see.weight[1] = -1

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.see(x)).mean((2, 3)))


@pytest.mark.parametrize("sd", [1.5, 4.0])
def test_the_effective_field_is_two_standard_deviations_to_each_side(sd: float) -> None:
    reach = Reach(model_of(Blurred(sd)), ["see"])
    (box,) = effective_boxes(reach, torch.zeros(1, 3, SIDE, SIDE), [0], [MIDDLE])
    assert box is not None
    middle = SIDE // 2 + 0.5
    for low, high in (box[::2], box[1::2]):
        assert low == pytest.approx(middle - 2 * sd, abs=1)
        assert high == pytest.approx(middle + 2 * sd, abs=1)
    shifted, silent = effective_boxes(reach, torch.zeros(2, 3, SIDE, SIDE), [0, 0], [(20, 40), (0, 0)])
    assert shifted is not None
    assert (shifted[0] + shifted[2], shifted[1] + shifted[3]) == (41, 81)
    assert silent is not None
    assert silent[:2] == (0, 0)  # no further than the frame


def test_a_silent_unit_has_no_effective_field() -> None:
    model = model_of(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    reach = Reach(model, ["1"])
    with torch.no_grad():
        reach.net[0].weight.fill_(1)
        reach.net[0].bias.copy_(torch.tensor([1.0, -1.0]))
    found = effective_boxes(reach, torch.zeros(2, 3, SIDE, SIDE), [0, 1], [(4, 4), (4, 4)])
    assert found == [(4, 4, 7, 7), None]


def test_what_is_marked_is_the_smaller_field(tmp_path: Path) -> None:
    (field,), (effective,) = (
        gallery(tmp_path / crop, channels=[GRATING], choice=Choice(crop=crop)).make()  # type: ignore[arg-type]
        for crop in ("field", "effective")
    )
    assert (field.made["tiles"] != effective.made["tiles"]).any()
    np.testing.assert_array_equal(field.made["ids"], effective.made["ids"])


def test_images_are_ranked_by_their_part_in_the_answer(tmp_path: Path) -> None:
    one = gallery(tmp_path, choice=Choice(rank="relevance"))
    (layer,) = one.make()
    net = one.model.net
    with torch.no_grad():
        frames = torch.from_numpy(np.stack([np.asarray(s.open().picture) for s in sources(pictures())]))
        shown = (frames.permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
        means = torch.relu(net.detect(shown)).mean((2, 3))
        weight = net.head.weight[net(shown).argmax(1)] - net.head.weight.mean(0)  # of the answer's lead
    parts = (means * weight)[:, RED]
    wanted = parts.argsort(descending=True)[:9]
    wanted = wanted[parts[wanted] > 0]  # what speaks against the answer is no part of it
    rows = {row["channel"]: row for row in table(layer)["rows"]}
    assert [int(e["id"]) for e in rows[RED]["top"]] == wanted.tolist()
    told = {"created": "2026-01-01T00:00:00+00:00"}
    page = Presented(one.folder, one.model, one.images, (layer,), (), told).write()
    assert "largest part in the answer" in (tmp_path / page).read_text()


def sources(images: Any) -> list[Any]:
    return [images.source(i) for i in range(len(images.ids))]


def test_near_copies_are_shown_once(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(90, 150, (24, SIDE, SIDE, 3)).astype(np.uint8)
    frames = (
        frames.reshape(24, 8, 8, 8, 8, 3)
        .mean((2, 4), keepdims=True)
        .repeat(8, 2)
        .repeat(8, 4)
        .reshape(24, SIDE, SIDE, 3)
    )
    red = np.clip(frames.astype(int) + np.random.default_rng(1).normal(0, 12, (24, 1, 1, 1)), 0, 255)
    red[3, ..., 0] += 80
    red[[5, 9]] = red[3] + np.random.default_rng(2).integers(-2, 3, (2, SIDE, SIDE, 3))  # saved once more, and again
    images = image_set(np.clip(red, 0, 255).astype(np.uint8), np.arange(24) % 4)
    found = {}
    for skip in (False, True):
        one = gallery(tmp_path / str(skip), channels=[RED], choice=Choice(skip_alike=skip))
        one.images = images
        (layer,) = one.make()
        found[skip] = [int(e["id"]) for e in table(layer)["rows"][0]["top"]]
    assert set(found[False][:3]) == {3, 5, 9}
    assert found[True][0] == found[False][0]
    assert len(found[True]) == 9
    assert len({3, 5, 9} & set(found[True])) == 1
    assert found[True][1:7] == found[False][3:]


def test_what_is_alike() -> None:
    chance = np.random.default_rng(0)
    frame = chance.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    copy = np.clip(frame.astype(int) + chance.integers(-8, 9, frame.shape), 0, 255).astype(np.uint8)
    other = chance.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    grey, darker = (np.full((32, 32, 3), v, np.uint8) for v in (128, 90))
    assert alike(thumbnail(frame), thumbnail(copy))
    assert alike(thumbnail(grey), thumbnail(grey + 1))
    for one, two in ((frame, other), (grey, darker), (frame, grey)):
        assert not alike(thumbnail(one), thumbnail(two))
    np.testing.assert_allclose(thumbnail(frame), frame.reshape(16, 2, 16, 2, 3).mean((1, 3)) / 255, atol=1.01 / 255)
