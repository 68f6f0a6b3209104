"""What ``treat`` must not overwrite: the model that it was given, and files of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from eyechart.errors import SettingError

if TYPE_CHECKING:
    from eyechart.remedies.treatment import Treatment

ELSEWHERE = "Choose another --out, or take that file away first."


def keep_input(model: str, out: Path) -> None:
    """Raises SettingError where ``out`` is the file that the model comes from."""
    given = Path(model)
    if given.is_file() and out.exists() and given.samefile(out):
        way_out = "Choose another --out: the model as it was would be lost."
        raise SettingError("That is the model to be treated.", setting="--out", value=out, way_out=way_out)


def keep_own(out: Path) -> None:
    """Raises SettingError where a file that eyechart did not write has the name of the recipe beside ``out``."""
    recipe = out.with_suffix(".json")
    if not recipe.exists():
        return
    try:
        held = json.loads(recipe.read_text(encoding="utf-8"))
    except ValueError:
        held = None
    if not (isinstance(held, dict) and {"schema", "remedies"} <= {*held}):
        raise SettingError(
            "The treated model's recipe goes into a file that holds something else.",
            setting="--out",
            value=recipe,
            way_out=ELSEWHERE,
        )


def keep_untrained(out: Path, arms: Path) -> None:
    """Raises SettingError where ``out`` holds a model that did not come from a training in ``arms``."""
    keep_own(out)
    if out.exists() and not arms.exists():
        raise SettingError("The file holds another model.", setting="--out", value=out, way_out=ELSEWHERE)


def keep_others(out: Path, found: Treatment) -> None:
    """Raises SettingError where ``out`` holds another model than this treatment's, or its recipe's file something else."""
    keep_own(out)
    if out.exists() and not found.is_in(out):
        raise SettingError("The file holds another model.", setting="--out", value=out, way_out=ELSEWHERE)
