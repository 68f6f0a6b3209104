"""A module with its weights, before it is tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from eyechart.models.class_names import Classes
from eyechart.models.preprocessing import Preprocessing


@dataclass(frozen=True)
class Found:
    """A module with its weights, before it is tried."""

    module: nn.Module
    architecture: str
    preprocessing: Callable[[], Preprocessing | None]
    classes: Classes = ((), ())
    imagenet: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
