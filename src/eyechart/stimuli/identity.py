"""What makes two exports the same one: all that decides a picture or its name. The limit does not."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from eyechart.images.image_set import ImageSet
from eyechart.stimuli.painter import Format, Painter
from eyechart.stimuli.pairing import Pairing
from eyechart.stimuli.transfer import Transfer
from eyechart.views.corruptions.picture import CorruptedPicture


def identity(
    painter: Painter, images: ImageSet, pairing: Pairing | None, per_image: int, format: Format, seed: int
) -> dict[str, Any]:
    """Plain data, as stored in ``stimuli.json``."""
    make = painter.recipe.make
    files = make.files if isinstance(make, Transfer) else {}
    return {
        "kind": painter.recipe.name,
        "settings": painter.recipe.settings,
        "weights": {name: _digest(path) for name, path in files.items()},
        "images": _about(images),
        "styles": None if pairing is None else {**_about(pairing.styles), "same_class": pairing.same_class},
        "pictures_per_image": per_image,
        "size": painter.side,
        "format": format,
        "seed": seed,
        **(make.made_as(painter.side) if isinstance(make, CorruptedPicture) else {}),
    }


def _about(images: ImageSet) -> dict[str, Any]:
    return {"fingerprint": images.fingerprint, "n": len(images)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        state = sha256()
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()
