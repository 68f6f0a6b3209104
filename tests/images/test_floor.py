"""The decode workers start without torch, and only Parquet needs pyarrow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import eyechart.images

FOLDER = Path(eyechart.images.__file__).parent


def _imported(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules, sep='\\n')"
    environment = {"PYTHONPATH": str(FOLDER.parents[1])}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_no_part_imports_torch() -> None:
    parts = [f"eyechart.images.{file.stem}" for file in FOLDER.glob("*.py") if file.stem != "__init__"]
    assert len(parts) > 20
    modules = _imported(f"import {', '.join(parts)}")
    assert set(parts) <= modules
    assert not {"torch", "torchvision", "timm"} & modules
    floors = {name.split(".")[1] for name in modules if name.startswith("eyechart.")}
    assert floors <= {"images", "errors", "stats"}


def test_a_worker_starts_light() -> None:
    assert not {"pyarrow", "scipy"} & _imported("from eyechart.images.sources import FileSource")
    assert "pyarrow" not in _imported("from eyechart.images.load import load_images; load_images('demo')")
