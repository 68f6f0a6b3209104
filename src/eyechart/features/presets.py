"""Methods by name, and how much work they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import ValidationError

from eyechart.core.settings import misfit
from eyechart.errors import UnknownNameError
from eyechart.features.fourier import Fourier
from eyechart.features.maco import Maco
from eyechart.features.method import Method
from eyechart.features.upscale import Upscale

METHODS: Mapping[str, type[Method]] = {"upscale": Upscale, "fourier": Fourier, "maco": Maco}
Effort = Literal["quick", "published"]
# Small pictures, seen as they are, and fewer steps: minutes on two cores instead of hours.
QUICK: Mapping[str, Mapping[str, Any]] = {
    "upscale": {"steps": 12, "rounds": 6},
    "fourier": {"steps": 96, "size": 128},
    "maco": {"steps": 96, "size": 192, "crops": 4},
}
QUICK_SIDE = 128  # of what the net sees, at most


def method_of(
    name: str, effort: Effort, settings: Mapping[str, Any], frame: tuple[int, int], magnitude: torch.Tensor | None
) -> Method:
    """A method with its settings: those given, then those of the effort, then the published ones.

    Args:
        frame: (height, width) of the model's input.
        magnitude: for maco.

    Raises:
        UnknownNameError: there is no such method.
        SettingError: a setting does not fit.
    """
    if name not in METHODS:
        raise UnknownNameError.of(name, METHODS, setting="--method")
    usual: dict[str, Any] = {}
    if effort == "quick":
        usual = dict(QUICK[name])
        side = min(max(frame), QUICK_SIDE)
        if name != "upscale":
            usual |= {"shown": side, "size": min(usual["size"], 4 * max(frame))}
    if name == "fourier" and effort == "published":
        usual["size"] = min(128, 4 * max(frame))
    try:
        method = METHODS[name](**{**usual, **settings})
    except ValidationError as error:
        way_out = "See: eyechart features --help, and docs/features.md."
        raise misfit(error, lambda field: f"--set {field}", way_out) from error
    return method.with_magnitude(magnitude) if isinstance(method, Maco) else method
