"""Settings from a TOML file, under those of the command line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from eyechart.core.settings import in_words
from eyechart.errors import SettingError, UnknownNameError

M = TypeVar("M", bound=BaseModel)


def with_config(
    kind: type[M], models: tuple[str, ...], given: M | None, config: str | None
) -> tuple[tuple[str, ...], M]:
    """Models and options from the command line, and from the file where the command line is silent."""
    given = kind() if given is None else given
    if config is None:
        return models, given
    stored = _read(config)
    models_there: Any = stored.pop("models", ())
    named = (models_there,) if isinstance(models_there, str) else models_there
    if not isinstance(named, (list, tuple)) or not all(isinstance(name, str) for name in named):
        way_out = 'Write models = ["NAME", ...].'
        raise SettingError("Models are names.", setting=f"{config}: models", value=models_there, way_out=way_out)
    unknown = sorted(set(stored) - set(kind.model_fields))
    if unknown:
        raise UnknownNameError.of(unknown[0], kind.model_fields, setting=f"--config {config}")
    mine = {name: getattr(given, name) for name in given.model_fields_set}
    try:
        return models or tuple(named), kind(**{**stored, **mine})
    except ValidationError as error:
        name, value, way_out = in_words(error)
        raise SettingError(
            "The setting does not fit.", setting=f"{config}: {name}", value=value, way_out=way_out
        ) from error


def _read(config: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(config).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(
            f"The configuration cannot be read: {error}.", setting="--config", value=config, way_out="Give a TOML file."
        ) from error
