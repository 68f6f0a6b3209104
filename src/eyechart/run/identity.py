"""What makes two runs the same run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from eyechart.core.view import Precision
from eyechart.errors import IdentityError
from eyechart.images.image_set import ImageSet
from eyechart.models.image_model import ImageModel


def identity(
    models: Sequence[ImageModel],
    labels: Sequence[np.ndarray[Any, Any]],
    images: ImageSet,
    seed: int,
    precision: Precision = "float32",
) -> dict[str, Any]:
    """The identity of a run; ``labels`` are the images' labels as each model's output numbers,
    ``precision`` what attacks search in."""
    return {
        "models": [
            {
                "name": model.name,
                "fingerprint": model.fingerprint,
                "preprocessing": _plain(model.preprocessing.to_dict()),
                "labels": blake2b(np.ascontiguousarray(given).tobytes(), digest_size=8).hexdigest(),
            }
            for model, given in zip(models, labels, strict=True)
        ],
        "images": {"fingerprint": images.fingerprint, "n": len(images)},
        "seed": seed,
        "precision": precision,
        "back_end": "torch",
    }


def digests(of: Mapping[str, Any]) -> list[str]:
    """For each model, a digest of all that makes its shards: part of their names."""
    shared = {part: value for part, value in of.items() if part != "models"}
    texts = (json.dumps({**shared, "model": model}, sort_keys=True) for model in _nameless(of["models"]))
    return [blake2b(text.encode(), digest_size=8).hexdigest() for text in texts]


def compare(theirs: Mapping[str, Any], mine: Mapping[str, Any], where: str) -> None:
    """Raise IdentityError unless both are one identity, whatever the models are called."""
    for part in sorted(mine, key=lambda name: name != "images"):  # other images mean other labels: told as images
        value, other = _nameless(mine[part]), _nameless(theirs.get(part))
        if other != value:
            raise IdentityError(
                f"The folder holds a run with other {part}: {_difference(other, value)}.",
                setting="--out",
                value=where,
                way_out="Choose another folder with --out; a run can grow by exams, settings of exams and a larger --limit.",
            )


def _nameless(part: Any) -> Any:
    """Models are the same whatever they are called."""
    return [{k: v for k, v in model.items() if k != "name"} for model in part] if isinstance(part, list) else part


def _difference(theirs: Any, mine: Any) -> str:
    """The first place in which two plain values differ."""
    if isinstance(theirs, Mapping) and isinstance(mine, Mapping):
        key = next(k for k in mine if theirs.get(k) != mine[k])
        return f"{key}: {_difference(theirs.get(key), mine[key])}"
    if isinstance(theirs, list) and isinstance(mine, list) and len(theirs) == len(mine):
        return _difference(*next((a, b) for a, b in zip(theirs, mine, strict=True) if a != b))
    return f"{_count(theirs)} there, {_count(mine)} now"


def _count(value: Any) -> str:
    return f"{len(value)} of them" if isinstance(value, list) else str(value)


def _plain(value: Any) -> Any:
    """As JSON gives it back: tuples as lists."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
