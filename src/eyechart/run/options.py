"""Settings of a run: one definition for the command line, configuration files, Python and the stored provenance."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyechart.core.settings import in_words
from eyechart.errors import SettingError

Auto = Literal["auto"]


class RunOptions(BaseModel):
    """How images are run through the exams. None of these changes a decision; ``seed`` and ``limit`` choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int | None = Field(
        None,
        ge=1,
        description="Only the first N images of the seeded, stratified order (PREVIEW); training images likewise.",
    )
    seed: int = Field(0, ge=0, description="Seed of the order and of every random view.")
    batch_size: Annotated[int, Field(ge=1)] | Auto = Field(
        "auto", description="Frames a forward; auto finds the fastest on the way."
    )
    workers: Annotated[int, Field(ge=0)] | Auto = Field(
        "auto", description="Decode processes; 0 decodes in the main process."
    )
    max_bad: int = Field(0, ge=0, description="Images that may be unusable before the run counts as failed.")

    @classmethod
    def of(cls, **settings: Any) -> RunOptions:
        """Options from Python. Raises SettingError where one does not fit."""
        try:
            return cls(**settings)
        except ValidationError as error:
            raise misfit(error, "See the docstring of RunOptions.") from error


def misfit(error: ValidationError, way_out: str, *, as_option: bool = False) -> SettingError:
    """The first setting that does not fit, with all that is wrong with it."""
    name, value, instead = in_words(error)
    name = name.partition(".")[0]
    setting = f"--{name.replace('_', '-')}" if as_option else name
    return SettingError("The setting does not fit.", setting=setting, value=value, way_out=f"{instead} {way_out}")
