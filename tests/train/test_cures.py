"""Cures that take training, and the two arms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from eyechart.core.catalogue import make_remedies
from eyechart.errors import EyechartError, SettingError
from eyechart.finetuning import finetune
from eyechart.images.image_set import ImageSet
from eyechart.images.load import load_images
from eyechart.images.part import split
from eyechart.models.load import load_model
from eyechart.store.folder import Folder
from eyechart.train.cures import cured
from eyechart.train.log import read
from eyechart.train.recipe import Recipe, recipe_of


def plain(**more: object) -> Recipe:
    return Recipe(**{"epochs": 1, "batch_size": 16, "lr": 0.02, "augment": [{"name": "crop_flip"}], **more})


def some(n: int) -> ImageSet:
    return split(load_images("demo"), n)[0]


def test_what_a_cure_changes_of_a_recipe() -> None:
    found = cured(plain(), ["bass", "pgd_at"], {"bass": {"p": 0.25}, "pgd_at": {"steps": 2}})
    assert found.augment == ({"name": "bass", "p": 0.25}, {"name": "crop_flip"})
    assert found.objective == {"name": "adversarial", "steps": 2}
    both = cured(plain(), ["augmix", "bass"], {})
    assert both.augment == ({"name": "crop_flip"},)
    published = recipe_of("augmix_bass_small")
    assert both.goal() == published.goal()
    assert cured(plain(), ["augmix"], {}).goal() == recipe_of("augmix_small").goal()
    assert cured(plain(), [], {}) == plain()
    with pytest.raises(SettingError, match="Two objectives"):
        cured(plain(), ["pgd_at", "trades"], {})
    for wrong in ({"names": ["bas"]}, {"names": ["bass"], "settings": {"bass": {"q": 1}}}):
        with pytest.raises(EyechartError):
            cured(plain(), **{"settings": {}, **wrong})


def test_what_is_set_of_augmix_and_bass_counts_or_is_refused() -> None:
    views = cured(plain(), ["augmix", "bass"], {"augmix": {"severity": 1.0, "weight": 5.0}}).objective
    step = {"name": "augmix", "severity": 1.0}
    assert views == {"name": "augmix_jsd", "weight": 5.0, "views": [[step], [{"name": "bass", "p": 1.0}, step]]}
    assert cured(plain(), ["augmix"], {"augmix": {"severity": 1.0}}).objective["views"] == [[step], [step]]
    for settings in (
        {"bass": {"p": 0.25}},
        {"augmix": {"views": [[{"name": "augmix"}]]}},
        {"augmix": {"views": [[{"name": "augmix"}]], "severity": 1.0}},
    ):
        with pytest.raises(SettingError, match="--set"):
            cured(plain(), ["augmix", "bass"], settings)


def test_arms_differ_by_the_cure_alone_and_go_on(tmp_path: Path) -> None:
    model = load_model("demo", device="cpu")
    images = some(48)
    recipe = plain(lr=0.001)
    remedies = make_remedies(["antialias"], {})
    said: list[str] = []

    def told(arm: str, line: Mapping[str, Any]) -> None:
        said.extend([arm] if "epoch" in line else [])

    arms = finetune(model, images, recipe, tmp_path, remedies=remedies, cures=["bass"], said=told)
    assert said == ["control", "treated"]
    assert arms.treated.name == "demo + antialias, bass"
    assert [step["name"] for step in arms.treated.source["treatment"]["remedies"]] == ["antialias"]
    assert "training" in arms.control.source["treatment"]
    assert not arms.control.source["treatment"]["remedies"]
    again = finetune(model, images, recipe, tmp_path, remedies=remedies, cures=["bass"], said=told)
    assert said == ["control", "treated"]  # nothing was left to do
    assert again.treated.fingerprint == arms.treated.fingerprint
    still = {"pgd_at": {"eps": 0.0, "steps": 1, "start": "image"}}
    neutral = finetune(model, images, recipe, tmp_path / "b", cures=["pgd_at"], settings=still)
    digests = [read(Folder(tmp_path / "b" / arm))[-1]["weights"] for arm in ("control", "treated")]
    assert digests[0] == digests[1]  # a cure that does nothing: same order, same draws, same weights
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(neutral.control(x), neutral.treated(x))


def test_mistakes(tmp_path: Path) -> None:
    model = load_model("demo", device="cpu")
    with pytest.raises(SettingError, match="No cure"):
        finetune(model, some(16), plain(), tmp_path)
    with pytest.raises(SettingError, match="recipe changes"):
        finetune(model, some(16), plain(remedies=["antialias"]), tmp_path, cures=["bass"])
