"""The examples in docstrings of the pure floors hold."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import eyechart

ROOT = Path(eyechart.__file__).parent
WITH_EXAMPLES = [
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    for floor in ("core", "spectrum", "stats", "views", "exams")
    for path in sorted((ROOT / floor).glob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples(name: str) -> None:
    found = doctest.testmod(import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
