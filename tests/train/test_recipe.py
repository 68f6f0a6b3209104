"""Recipes: what they take, and what they say to those who write one for the first time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from eyechart.errors import EyechartError
from eyechart.train.augments.crop_flip import CropFlip
from eyechart.train.recipe import Recipe, recipe_names, recipe_of, recipe_text


def told(tmp_path: Path, text: str, **changes: Any) -> str:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(EyechartError) as error:
        recipe_of(str(tmp_path / "own.toml"), **changes)
    message = str(error.value)
    assert "{'" not in message, "no Python in messages"
    assert "= )" not in message, "no setting without a name or a value"
    return message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs = 1", "does not say lr"),
        ("", "does not say epochs"),
        ("epochs = 1\nlearning_rate = 0.1", "Did you mean lr?"),
        ("epochs = 1\nlr = 1\noptimizer = 'sgd'", "Did you mean optimiser?"),
        ("[recipe]\nepochs = 1\nlr = 0.1", "without the line [recipe]"),
        ("epochs = 1\nlr = 1\nepoch = 2", "Did you mean epochs"),
        ("epochs = 9\nlr = 1\nschedule = 'steps'", "Give milestones"),
        ("epochs = 9\nlr = 1\nmilestones = [3]", 'Give schedule = "steps"'),
        ("epochs = 9\nlr = 1\nfinal_lr = 1e-3", 'Give schedule = "cosine"'),
        ("epochs = 1\nlr = 1\nwarmup = 5", "warmup of 1 or less"),
        ("epochs = 1\nlr = 1\naugment = ['mixup', 'cutmix']", "two labels twice"),
        ("epochs = 1\nlr = 1\naugment = [3]", "name"),
        ("epochs = 1\nlr = 1\nobjective = 'trade'", "trades"),
        ("epochs = 1\nlr = 1\naugment = [{name = 'crop_flip', padding = -1}]", "0 or more"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, words: str) -> None:
    assert words in told(tmp_path, text)


def test_what_was_changed_on_the_command_line_is_blamed_there(tmp_path: Path) -> None:
    own = "epochs = 1\nlr = 1"
    assert "(--change = learning_rate)" in told(tmp_path, own, learning_rate=3)
    assert "(--change lr = -1)" in told(tmp_path, own, lr=-1)


def test_names_alone() -> None:
    short = Recipe(epochs=1, lr=0.1, augment=("crop_flip", {"name": "bass"}), objective="trades")
    whole = Recipe(epochs=1, lr=0.1, augment=({"name": "crop_flip"}, {"name": "bass"}), objective={"name": "trades"})
    assert short == whole
    assert Recipe(epochs=1, lr=0.1, augment="crop_flip").augment == ({"name": "crop_flip"},)


def test_built_in_recipes_can_be_copied(tmp_path: Path) -> None:
    for name in recipe_names():
        (tmp_path / "own.toml").write_text(recipe_text(name))
        assert recipe_of(str(tmp_path / "own.toml")) == recipe_of(name)


def test_the_recipe_in_the_documentation(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    (tmp_path / "own.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    assert recipe_of(str(tmp_path / "own.toml")).epochs == 15


def test_a_padding_as_wide_as_the_frame() -> None:
    pixels, drawn = torch.zeros(2, 3, 8, 8), torch.rand(2, 3)
    assert CropFlip(7)(pixels, drawn).shape == pixels.shape
    with pytest.raises(ValueError, match="nothing of frames of 8 x 8"):
        CropFlip(8)(pixels, drawn)
