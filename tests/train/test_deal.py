"""Partners: other images of the whole batch, shown as the batch shows them, however the batch is taken apart."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from eyechart.errors import SettingError
from eyechart.models.preprocessing import Preprocessing
from eyechart.store.folder import Folder
from eyechart.train.augment import Augment, augment_of, stream_of
from eyechart.train.chance import EpochDraws
from eyechart.train.deal import Deal
from eyechart.train.log import read
from eyechart.train.loop import Trainer
from eyechart.train.recipe import Recipe
from eyechart.train.resident import Resident

SEEN = Preprocessing(size=(16, 16), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
STEPS = ({"name": "crop_flip"}, {"name": "apr_pairs"}, {"name": "mixup"}, {"name": "erasing"})


def resident(n: int = 48) -> Resident:
    chance = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 3
    images = torch.randint(0, 80, (n, 16, 16, 3), generator=chance, dtype=torch.uint8)
    images[torch.arange(n), :, :, labels] += 120
    return Resident(images.permute(0, 3, 1, 2), labels, tuple(f"{i}" for i in range(n)))


def deal(*steps: dict[str, Any], n: int = 10) -> Deal:
    draws, data = EpochDraws(0, 3, 48), resident()
    return Deal(draws.order[:n], data, data.labels, tuple(augment_of(step) for step in steps), draws)


def test_a_partner_is_the_next_image_of_the_batch() -> None:
    dealt = deal({"name": "mixup"})
    assert torch.equal(dealt.partner(dealt.batch), dealt.batch.roll(-1))
    assert torch.equal(dealt.partner(dealt.batch, 2), dealt.batch.roll(-3))
    some = dealt.batch[[7, 2]]
    assert torch.equal(dealt.partner(some), dealt.batch[[8, 3]])
    one = deal({"name": "mixup"}, n=1)
    assert torch.equal(one.partner(one.batch), one.batch)


def test_parts_of_a_batch_show_what_the_whole_shows() -> None:
    dealt = deal(*STEPS)
    whole, mixed = dealt.shown(dealt.batch)
    assert mixed is not None
    at = 0
    for part in dealt.batch.split([1, 4, 3, 2]):
        shown, labels = dealt.shown(part)
        here = torch.arange(at, at + len(part))
        torch.testing.assert_close(shown, whole[here], atol=1e-5, rtol=0)
        assert labels is not None
        assert torch.equal(labels.others, mixed.others[here])
        assert torch.equal(labels.share, mixed[here].share)
        torch.testing.assert_close(dealt.beside(part, 0), dealt.beside(dealt.batch, 0)[here], atol=1e-5, rtol=0)
        at += len(part)


def test_what_is_mixed_in_is_the_partner_as_the_batch_shows_it() -> None:
    dealt = deal({"name": "crop_flip"}, {"name": "mixup"})
    crop, mixup = dealt.steps
    assert isinstance(crop, Augment)
    cropped = crop(dealt.data.batch(dealt.batch)[0], dealt.drawn(dealt.batch, stream_of("augment", 0, crop), 3))
    drawn = dealt.drawn(dealt.batch, stream_of("augment", 1, mixup), 1)
    wanted, share = mixup(cropped, cropped.roll(-1, 0), drawn)
    shown, mixed = dealt.shown(dealt.batch)
    torch.testing.assert_close(shown, wanted)
    assert mixed is not None
    assert torch.equal(mixed.share, share)
    assert torch.equal(mixed.labels, dealt.labels[dealt.batch])
    assert torch.equal(mixed.others, dealt.labels[dealt.batch.roll(-1)])


class Small(nn.Module):
    """A net that takes at most so many images at once."""

    def __init__(self, most: int = 1000) -> None:
        super().__init__()
        self.most, self.layer = most, nn.Linear(3, 3)
        nn.init.zeros_(self.layer.weight), nn.init.zeros_(self.layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise torch.OutOfMemoryError
        return self.layer(x.mean((2, 3)))


def recipe(**changes: Any) -> Recipe:
    return Recipe(**{"epochs": 3, "batch_size": 16, "lr": 0.1, "augment": STEPS, **changes})


PAIRS = {"name": "cross_entropy", "views": [[{"name": "apr_pairs"}]]}
OBJECTIVES = (
    {"name": "cross_entropy"},
    PAIRS,
    {"name": "augmix_jsd"},
    {"name": "adversarial", "steps": 2, "clean": 0.5},
    {"name": "trades", "steps": 2},
)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: "pairs" if "views" in o else o["name"])
def test_smaller_parts_train_the_same(tmp_path: Path, objective: dict[str, Any]) -> None:
    ends = []
    for most in (20, 1000):
        net = Small(most)
        found = Trainer(net, recipe(objective=objective), resident(), SEEN, Folder(tmp_path / str(most))).run()
        ends.append(found.state_dict())
    assert float(ends[0]["layer.weight"].abs().max()) > 0.01
    torch.testing.assert_close(ends[0], ends[1], atol=2e-4, rtol=1e-3)


def test_a_training_that_mixes_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def trained(folder: Path, stop: int = 99) -> list[Any]:
        def said(line: Any) -> None:
            if line["epoch"] == stop:
                raise KeyboardInterrupt

        trainer = Trainer(Small(), recipe(objective=PAIRS), resident(), SEEN, Folder(folder), said=said)
        with suppress(KeyboardInterrupt):
            trainer.run()
        return [line["weights"] for line in read(Folder(folder))]

    whole = trained(tmp_path / "whole")
    assert len(trained(tmp_path / "parts", stop=2)) == 2
    assert trained(tmp_path / "parts") == whole


def test_accuracy_counts_the_larger_label(tmp_path: Path) -> None:
    class Knows(Small):
        def forward(self, x: Tensor) -> Tensor:
            return 100 * x.mean((2, 3)) + 0 * self.layer(x.mean((2, 3)))  # the label is the strongest colour

    Trainer(Knows(), recipe(augment=[{"name": "mixup"}]), resident(), SEEN, Folder(tmp_path)).run()
    assert float(read(Folder(tmp_path))[0]["accuracy"]) > 0.95


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"augment": [{"name": "mixup"}, {"name": "cutmix"}]}, "two labels twice"),
        ({"augment": [{"name": "mixup"}], "objective": {"name": "mart"}}, "mart takes one"),
        ({"augment": [{"name": "band"}, {"name": "crop_flip"}]}, "last step"),
        ({"augment": [{"name": "band"}], "objective": {"name": "trades"}}, "within"),
        ({"objective": {"name": "cross_entropy", "views": [[{"name": "mixup"}]]}}, "two labels"),
        ({"objective": {"name": "augmix_jsd", "views": [[{"name": "band"}]]}}, "leaves"),
        ({"augment": [{"name": "mixup", "alpha": 0}]}, "Alpha is above 0"),
        ({"augment": [{"name": "view", "views": []}]}, "one view or more"),
        ({"augment": [{"name": "shape_texture", "texture": "adain"}]}, "weights and decoder"),
    ],
)
def test_steps_that_do_not_fit_each_other_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises((SettingError, ValueError), match=told):
        recipe(**{"augment": (), **changes})
    fits = {"augment": [{"name": "band", "rescale": "minmax"}, {"name": "mixup"}], "objective": {"name": "trades"}}
    assert recipe(**fits)


@pytest.mark.parametrize(
    "step",
    [
        {"name": "view", "p": 1.0, "views": [{"name": "patch_shuffle", "grid": 3}]},
        {"name": "shift", "most": 16, "fill": "reflect"},
        {"name": "hybrid", "kernel": 33, "p": 1.0},
    ],
    ids=lambda step: step["name"],
)
def test_steps_that_do_not_fit_the_frame_say_so(tmp_path: Path, step: dict[str, Any]) -> None:
    for changes in ({"augment": [step]}, {"augment": [], "objective": {"name": "cross_entropy", "views": [[step]]}}):
        with pytest.raises(SettingError, match="augment"):
            Trainer(Small(), recipe(**changes), resident(), SEEN, Folder(tmp_path)).run()
