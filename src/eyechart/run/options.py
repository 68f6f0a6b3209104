"""Settings of a run: one definition for the command line, configuration files, Python and the stored provenance."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eyechart.core.settings import misfit
from eyechart.core.view import Precision

Auto = Literal["auto"]


class RunOptions(BaseModel):
    """How images are run through the exams.

    ``seed`` and ``limit`` choose, ``precision`` may change what attacks find; nothing else changes a decision.
    """

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
    precision: Precision = Field(
        "float32",
        description="What attacks search in: bfloat16 is faster where the processor has it; figures are float32 all the same.",
    )
    max_bad: int = Field(0, ge=0, description="Images that may be unusable before the run counts as failed.")

    @classmethod
    def of(cls, **settings: Any) -> RunOptions:
        """Options from Python. Raises SettingError where one does not fit."""
        try:
            return cls(**settings)
        except ValidationError as error:
            raise misfit(error, str, "See the docstring of RunOptions.") from error
