"""The page on augmentation names every step, what it does, and its settings with the defaults that the code has."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from eyechart.train.augment import augment_table
from eyechart.train.augments.view import VIEWS
from eyechart.train.named import class_of

PAGE = (Path(__file__).parents[2] / "docs" / "augmentation.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", augment_table())
def test_steps_are_described(name: str) -> None:
    step = class_of(name, augment_table(), "name")
    (row,) = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    assert row[1].strip() == step.title
    for field in dataclasses.fields(step):
        told = re.search(rf"`{field.name}`,? ([^,;`]*)", row[2])
        assert told, field.name
        value = field.default
        if isinstance(value, bool | str) or value is None:
            assert told[1].split()[0] == str(value).lower() if told[1].strip() else value is None
        elif isinstance(value, float | int):
            assert float(told[1].split()[0]) == pytest.approx(value)


def test_views_are_named() -> None:
    for name in VIEWS:
        assert f"`{name}`" in PAGE
