"""The loop: resume is exact, chance is each image's own, failures keep what was finished."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from eyechart.errors import IdentityError, SettingError, TrainingError, UnknownNameError
from eyechart.models.nets import CifarResNet
from eyechart.models.preprocessing import Preprocessing
from eyechart.store.folder import Folder
from eyechart.train import checkpoint
from eyechart.train.chance import EpochDraws
from eyechart.train.deal import shuffled
from eyechart.train.log import read
from eyechart.train.loop import Trainer
from eyechart.train.optim import learning_rate
from eyechart.train.recipe import Recipe, recipe_names, recipe_of
from eyechart.train.record import FILE
from eyechart.train.resident import Resident

SEEN = Preprocessing(size=(16, 16), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def resident(n: int = 48, seed: int = 0) -> Resident:
    chance = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    images = torch.randint(0, 80, (n, 16, 16, 3), generator=chance, dtype=torch.uint8)
    images[torch.arange(n), :, :, labels] += 120  # the label is the strongest colour
    return Resident(images.permute(0, 3, 1, 2), labels, tuple(f"{i}" for i in range(n)))


def net(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return CifarResNet(1, 3)


def recipe(**changes: Any) -> Recipe:
    return Recipe(
        **{"epochs": 3, "batch_size": 16, "lr": 0.05, "augment": [{"name": "crop_flip"}], "ema": 0.9, **changes}
    )


def trained(folder: Path, **changes: Any) -> tuple[nn.Module, list[dict[str, Any]]]:
    found = Trainer(net(), recipe(**changes), resident(), SEEN, Folder(folder)).run()
    return found, read(Folder(folder))


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adamw", "adagrad", "adadelta", "rmsprop"])
def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path, optimiser: str) -> None:
    whole, lines = trained(tmp_path / "whole", optimiser=optimiser, lr=0.01)

    def stop(line: Mapping[str, Any]) -> None:
        raise StoppedError

    for _ in range(3):
        trainer = Trainer(
            net(5), recipe(optimiser=optimiser, lr=0.01), resident(), SEEN, Folder(tmp_path / "parts"), said=stop
        )
        trainer.net.load_state_dict(net().state_dict())
        with pytest.raises(StoppedError):
            trainer.run()
    parts, others = trained(tmp_path / "parts", optimiser=optimiser, lr=0.01)
    assert [line["weights"] for line in others] == [line["weights"] for line in lines]
    assert checkpoint.digest(parts.state_dict()) == checkpoint.digest(whole.state_dict())


def test_it_learns_what_there_is_to_learn(tmp_path: Path) -> None:
    found, lines = trained(tmp_path, epochs=8, ema=0.0)
    pixels, labels = resident().batch(torch.arange(48))
    assert (found((pixels - 0.5) / 0.25).argmax(1) == labels).float().mean() > 0.9
    assert float(lines[-1]["loss"]) < float(lines[0]["loss"]) / 2


def test_the_running_mean_is_kept_with_statistics_of_its_own(tmp_path: Path) -> None:
    """Those of the last step belong to other weights: taken anew, they are what the kept weights give on training images."""
    how = {"epochs": 2, "ema": 0.5, "lr": 0.2, "augment": []}
    kept = Trainer(net(), recipe(**how), resident(), SEEN, Folder(tmp_path)).run()
    frames = (resident().batch(torch.arange(48))[0] - 0.5) / 0.25
    seen: list[Tensor] = []
    handle = kept.bn1.register_forward_pre_hook(lambda norm, given: seen.append(given[0]))
    kept(frames)
    handle.remove()
    torch.testing.assert_close(kept.bn1.running_mean, seen[0].mean((0, 2, 3)))
    torch.testing.assert_close(kept.bn1.running_var, seen[0].var((0, 2, 3)))


def test_taking_statistics_anew_changes_nothing_of_the_training(tmp_path: Path) -> None:
    _, with_mean = trained(tmp_path / "with", ema=0.5)
    _, without = trained(tmp_path / "without", ema=0.0)
    assert [line["weights"] for line in with_mean] == [line["weights"] for line in without]


@pytest.mark.parametrize("warmup", [0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("steps", [1, 3, 195])
def test_warm_up_never_overshoots(warmup: float, steps: int) -> None:
    plan = recipe(warmup=warmup, lr=0.1)
    rates = [learning_rate(plan, k, steps) for k in range(3 * steps)]
    assert max(rates) == 0.1
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(min(0.1, 0.1 / (warmup * steps)))


def test_schedules() -> None:
    """By hand: 4 epochs of 2 steps."""
    cosine = recipe(epochs=4, lr=1.0, schedule="cosine", final_lr=0.5)
    assert [learning_rate(cosine, k, 2) for k in (0, 4, 8)] == pytest.approx([1.0, 0.75, 0.5])
    falls = recipe(epochs=4, lr=1.0, schedule="steps", milestones=(1, 3), factor=0.1)
    assert [learning_rate(falls, k, 2) for k in range(8)] == pytest.approx([1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01])
    assert learning_rate(recipe(lr=0.3), 7, 2) == 0.3


def test_a_mean_that_hardly_left_the_start_is_told(tmp_path: Path) -> None:
    (said,) = notes(tmp_path, 48, ema=0.99)
    assert "91% of the start in it when the training ends after 9 steps" in said
    assert notes(tmp_path, 48, ema=0.5) == []


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    whole, _ = trained(tmp_path)
    last = tmp_path / checkpoint.name_of(3)
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
    again, lines = trained(tmp_path)
    assert len(lines) == 3
    assert checkpoint.digest(again.state_dict()) == checkpoint.digest(whole.state_dict())


def test_another_training_never_takes_the_place_of_one_that_is_there(tmp_path: Path) -> None:
    """Finished or stopped: it is told apart in words, and not a byte of it changes."""
    _, lines = trained(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for changes, told in (({"lr": 0.02}, "recipe lr 0.05 there, 0.02 now"), ({"epochs": 9}, "recipe epochs 3 there")):
        with pytest.raises(IdentityError, match=told):
            trained(tmp_path, **changes)
    for other in (
        Trainer(net(), recipe(), resident(), SEEN, Folder(tmp_path), seed=1),
        Trainer(net(), recipe(), resident(47), SEEN, Folder(tmp_path)),
        Trainer(net(), recipe(), replace(resident(), images=255 - resident().images), SEEN, Folder(tmp_path)),
        Trainer(net(), recipe(), resident(), replace(SEEN, mean=(0.4, 0.5, 0.5)), Folder(tmp_path)),
    ):
        with pytest.raises(IdentityError, match="--out"):
            other.run()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert trained(tmp_path)[1] == lines


def test_words_about_a_recipe_do_not_make_it_another(tmp_path: Path) -> None:
    _, lines = trained(tmp_path)
    assert trained(tmp_path, about="Told otherwise.", weight_decay=0.0)[1] == lines
    with pytest.raises(IdentityError, match=r"recipe warmup not given there, 1.0 now"):
        trained(tmp_path, warmup=1.0)


def test_a_folder_of_before_there_was_a_record(tmp_path: Path) -> None:
    """Its own training goes on, another one is refused; so is one that would replace a model of another origin."""
    _, lines = trained(tmp_path / "a")
    (tmp_path / "a" / FILE).unlink()
    with pytest.raises(IdentityError, match="another training"):
        trained(tmp_path / "a", lr=0.02)
    assert trained(tmp_path / "a")[1] == lines
    Folder(tmp_path / "b").write("model.safetensors", b"precious")
    with pytest.raises(IdentityError, match="model of another origin"):
        trained(tmp_path / "b")


def test_a_training_that_failed_in_its_first_epoch_leaves_the_folder_to_others(tmp_path: Path) -> None:
    class Breaks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x) * math.nan

    with pytest.raises(TrainingError):
        Trainer(Breaks(), recipe(), resident(), SEEN, Folder(tmp_path)).run()
    assert len(trained(tmp_path, lr=0.02)[1]) == 3


def test_one_that_runs_in_its_first_epoch_keeps_the_folder(tmp_path: Path) -> None:
    class Slow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def forward(self, x: Tensor) -> Tensor:
            with pytest.raises(IdentityError, match=f"remove {FILE}"):
                trained(tmp_path, lr=0.02)
            return self.net(x)

    Trainer(Slow(), recipe(epochs=1, ema=0.0), resident(), SEEN, Folder(tmp_path)).run()
    assert len(read(Folder(tmp_path))) == 1


def test_checkpoints_of_another_training_do_not_push_out_those_of_this_one(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    other = checkpoint.Checkpoint(8, net().state_dict(), {}, {"state": {}, "param_groups": []})
    checkpoint.write(folder, other, "another")
    checkpoint.write(folder, replace(other, epoch=1), "this")
    found = checkpoint.newest(folder, "this")
    assert found is not None
    assert found.epoch == 1


def test_a_loss_that_is_not_finite_names_its_place_and_keeps_the_epoch_before(tmp_path: Path) -> None:
    class Breaks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.seen = net(), 0

        def forward(self, x: Tensor) -> Tensor:
            self.seen += self.training
            return self.net(x) * (math.nan if self.seen == 5 else 1)

    with pytest.raises(TrainingError, match=r"epoch 2, step 2 .* checkpoint after epoch 1 is kept"):
        Trainer(Breaks(), recipe(), resident(), SEEN, Folder(tmp_path)).run()
    assert Folder(tmp_path).names("checkpoints") == ["epoch-00001.safetensors"]


def test_a_last_step_that_breaks_the_net_is_told_as_what_it_is(tmp_path: Path) -> None:
    """Its loss was still finite; before, the finished training ended with advice about weights files."""
    with pytest.raises(
        TrainingError, match=r"After epoch 1 the net's weights .* No epoch was finished.* \(lr = 1e\+30\) Lower"
    ):
        trained(tmp_path, lr=1e30, epochs=1, batch_size=48)
    assert len(trained(tmp_path, lr=0.05)[1]) == 3


def test_a_gradient_that_is_not_finite_at_a_finite_loss(tmp_path: Path) -> None:
    """The epoch is not kept: the same command would go on from it for ever."""

    class Edge(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.weight = net(), nn.Parameter(torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x) + (self.weight**2).sqrt() if self.training else self.net(x)

    with pytest.raises(TrainingError, match="After epoch 1 the net's weights"):
        Trainer(Edge(), recipe(batch_size=48, ema=0.0), resident(), SEEN, Folder(tmp_path)).run()
    assert Folder(tmp_path).names("checkpoints") == []


def test_smaller_parts_where_memory_is_short(tmp_path: Path) -> None:
    class Large(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)
            nn.init.zeros_(self.layer.weight), nn.init.zeros_(self.layer.bias)

        def forward(self, x: Tensor) -> Tensor:
            if len(x) > self.most:
                raise torch.OutOfMemoryError
            return self.layer(x.mean((2, 3)))

    ends = []
    for most in (5, 100):
        large = Large()
        large.most = most
        ends.append(Trainer(large, recipe(ema=0.0), resident(), SEEN, Folder(tmp_path / str(most))).run())
    torch.testing.assert_close(ends[0].state_dict(), ends[1].state_dict())


class Short(nn.Module):
    """Memory for so many images at once; statistics are moved before it is found to be short."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.net, self.most = net(), most

    def forward(self, x: Tensor) -> Tensor:
        logits = self.net(x)
        if len(x) > self.most:
            raise torch.OutOfMemoryError
        return logits


def test_where_memory_is_short_batchnorm_moves_once_a_step_and_the_log_says_so(tmp_path: Path) -> None:
    """The same as ghost batches of the size that fits, asked for from the start."""
    short = Trainer(Short(4), recipe(ema=0.0), resident(), SEEN, Folder(tmp_path / "short")).run()
    ghosts = Trainer(Short(16), recipe(ema=0.0, ghost_batches=4), resident(), SEEN, Folder(tmp_path / "ghosts")).run()
    assert checkpoint.digest(short.state_dict()) == checkpoint.digest(ghosts.state_dict())
    assert short.state_dict()["net.bn1.num_batches_tracked"] == 9
    assert "in 4 parts" in read(Folder(tmp_path / "short"))[-1]["note"]
    assert "note" not in read(Folder(tmp_path / "ghosts"))[-1]


def test_one_image_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="One image alone"):
        Trainer(Short(0), recipe(), resident(), SEEN, Folder(tmp_path)).run()


def test_ghost_batches_move_statistics_as_their_mean(tmp_path: Path) -> None:
    """After one step: (1 - m) * start + m * the mean over ghosts of their own means."""
    plain = nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    changes = recipe(epochs=1, batch_size=6, ghost_batches=2, augment=[], ema=0.0)
    data = resident(6)
    Trainer(plain, changes, data, SEEN, Folder(tmp_path)).run()
    order = EpochDraws(0, 0, 6).order
    frames = (data.batch(order)[0] - 0.5) / 0.25
    variances = torch.stack([part.var((0, 2, 3)) for part in frames.chunk(2)]).mean(0)
    torch.testing.assert_close(plain[0].running_mean, 0.1 * frames.mean((0, 2, 3)))
    torch.testing.assert_close(plain[0].running_var, 0.9 + 0.1 * variances)
    assert plain[0].num_batches_tracked == 1


def test_a_net_with_dropout_goes_on_as_if_it_had_not_been_stopped_and_chance_is_left_alone(tmp_path: Path) -> None:
    def dropping() -> nn.Module:
        return nn.Sequential(net(), nn.Dropout(0.3))

    def stop(line: Mapping[str, Any]) -> None:
        raise StoppedError

    state = torch.get_rng_state()
    Trainer(dropping(), recipe(), resident(), SEEN, Folder(tmp_path / "whole")).run()
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(StoppedError):
        Trainer(dropping(), recipe(), resident(), SEEN, Folder(tmp_path / "parts"), said=stop).run()
    torch.manual_seed(77)
    Trainer(dropping(), recipe(), resident(), SEEN, Folder(tmp_path / "parts")).run()
    whole, parts = (read(Folder(tmp_path / name)) for name in ("whole", "parts"))
    assert [line["weights"] for line in whole] == [line["weights"] for line in parts]


def test_stopped_between_the_log_and_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that has no checkpoint is written anew; none is missing and none is there twice."""
    _, whole = trained(tmp_path / "whole")
    write = checkpoint.write

    def stop(folder: Folder, found: checkpoint.Checkpoint, identity: str) -> None:
        if found.epoch == 2:
            raise StoppedError
        write(folder, found, identity)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "write", stop)
        with pytest.raises(StoppedError):
            trained(tmp_path / "parts")
    _, parts = trained(tmp_path / "parts")
    assert [(line["epoch"], line["weights"]) for line in parts] == [(line["epoch"], line["weights"]) for line in whole]


def test_a_field_that_came_later_does_not_make_it_another_training() -> None:
    assert "ghost_batches" not in recipe().told()
    assert recipe(ghost_batches=2).told()["ghost_batches"] == 2


def test_fewer_images_than_a_batch(tmp_path: Path) -> None:
    few = resident(7)
    said: list[Mapping[str, Any]] = []
    Trainer(net(), recipe(batch_size=128), few, SEEN, Folder(tmp_path), said=said.append).run()
    assert len(read(Folder(tmp_path))) == 3
    assert said[0] == {"note": "A batch of 128 is more than the 7 images there are: each step takes 7."}
    with pytest.raises(SettingError, match="fewer images"):
        Trainer(net(), recipe(ghost_batches=8), few, SEEN, Folder(tmp_path))


def notes(tmp_path: Path, n: int, **changes: Any) -> list[str]:
    return Trainer(net(), recipe(**{"ema": 0.0, **changes}), resident(n), SEEN, Folder(tmp_path)).remarks


def test_images_that_an_epoch_leaves_out_are_told(tmp_path: Path) -> None:
    (said,) = notes(tmp_path, 200, batch_size=128)
    assert "72 of the 200 images are left out of each epoch, others each time: 1 step of 128" in said
    assert "batch_size of 100 none would be" in said
    assert notes(tmp_path, 200, batch_size=100) == []
    assert notes(tmp_path, 50, batch_size=16) == []  # 2 of 50
    assert notes(tmp_path, 30, batch_size=16)


def test_milestones_that_are_never_reached_are_told(tmp_path: Path) -> None:
    how = {"schedule": "steps", "milestones": (2, 100), "batch_size": 16}
    assert "before 100 of milestones: the learning rate falls no further" in notes(tmp_path, 48, **how)[0]
    assert "never falls" in notes(tmp_path, 48, **{**how, "milestones": (3, 4)})[0]
    assert notes(tmp_path, 48, **{**how, "milestones": (1, 2)}) == []


def test_labels_dealt_out_anew_keep_their_numbers() -> None:
    labels = torch.arange(5000) % 10
    dealt = shuffled(labels, 3)
    assert torch.equal(dealt.bincount(), labels.bincount())
    assert torch.equal(dealt, shuffled(labels, 3))
    assert 0.07 < (dealt == labels).float().mean() < 0.13


def test_recipes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for name in recipe_names():
        assert recipe_of(name).about
    with pytest.raises(UnknownNameError, match="standard_small"):
        recipe_of("standard_smal")
    with pytest.raises(UnknownNameError, match="batch_size"):
        recipe_of("standard_small", batchsize=3)
    with pytest.raises(UnknownNameError, match="crop_flip"):
        recipe_of("standard_small", augment=[{"name": "crop_flp"}])
    with pytest.raises(SettingError, match="padding"):
        recipe_of("standard_small", augment=[{"name": "crop_flip", "padding": "wide"}])
    (tmp_path / "own.toml").write_text("epochs = 0\nlr = 0.1\n")
    with pytest.raises(SettingError, match="1 or more"):
        recipe_of(str(tmp_path / "own.toml"))
