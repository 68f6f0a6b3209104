"""Every error a user can meet: one tree, each naming the setting, its value and the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence


class EyechartError(Exception):
    """Something the user can put right.

    Args:
        problem: what went wrong, one plain sentence.
        setting: the option, file or argument at fault, as the user wrote it.
        value: its value.
        way_out: what to do instead, one plain sentence.
    """

    exit_code = 2

    def __init__(self, problem: str, *, setting: str, value: object, way_out: str) -> None:
        self.problem, self.setting, self.value, self.way_out = problem, setting, value, way_out
        super().__init__(f"{problem} ({setting} = {_short(value)}) {way_out}")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.problem, self.setting, self.value, self.way_out)


class UnknownNameError(EyechartError):
    """A name that no catalogue knows; the nearest known names are offered."""

    @classmethod
    def of(cls, name: str, known: Iterable[str], *, setting: str, hint: str = "") -> UnknownNameError:
        """Build the error for ``name``, suggesting the closest of ``known``."""
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        if near:
            way_out = f"Did you mean {' or '.join(near)}?"
        else:
            way_out = f"Known: {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}."
        return cls("Unknown name.", setting=setting, value=name, way_out=f"{way_out} {hint}".strip())


class SettingError(EyechartError):
    """A setting whose value cannot be used."""


def at_most(setting: str, value: float | None, limit: float, sentence: str) -> None:
    """Raise SettingError for a value, if one is set, above its limit; ``sentence`` says why it cannot be."""
    if value is not None and value > limit:
        raise SettingError(sentence, setting=setting, value=value, way_out=f"Give {limit:g} or less.")


def at_least_one(**counts: int) -> None:
    """Raise SettingError for the first of some counts that is below 1."""
    for setting, value in counts.items():
        if value < 1:
            raise SettingError("It takes at least one.", setting=setting, value=value, way_out="Give 1 or more.")


class PreprocessingError(EyechartError):
    """It is not known how an image becomes this model's input."""


class CheckpointError(EyechartError):
    """A weights file that does not fit the architecture, or cannot be read."""


class ModelOutputError(EyechartError):
    """A model whose answer is not usable: wrong shape, NaN, or not what was announced."""


class NoGradientError(EyechartError):
    """A model, or a defence before it, that cannot be followed backwards to its pixels."""


class ImagesError(EyechartError):
    """An image set that cannot be opened."""


class ClassMapError(EyechartError):
    """The classes of the images cannot be matched with the classes of the model."""


class RunFolderError(EyechartError):
    """A run folder that cannot be written or read."""


class IdentityError(RunFolderError):
    """A run folder that holds a run of another model, image set, seed or precision."""


class TrustError(EyechartError):
    """Something that could run code on loading, asked for without leave."""

    exit_code = 4


class TrainingError(EyechartError):
    """Training that cannot go on; the last good checkpoint is kept."""


class BadImagesError(EyechartError):
    """More images could not be examined than ``--max-bad`` allows; what was measured is kept."""

    exit_code = 3


class NothingMeasuredError(EyechartError):
    """Every exam that was asked for was skipped: there is a run, and no figure in it."""

    exit_code = 3

    @classmethod
    def of(cls, skipped: Sequence[Mapping[str, str]], most: int = 3) -> NothingMeasuredError:
        """Build the error from exam, model and reason of each; more than ``most`` are counted."""
        told = "; ".join(f"{one['exam']} on {one['model']}: {one['reason']}" for one in skipped[:most])
        more = f"; and {len(skipped) - most} more" if len(skipped) > most else ""
        return cls(
            f"Nothing was measured: {told}{more}.",
            setting="--exams",
            value=", ".join(dict.fromkeys(one["exam"] for one in skipped)),
            way_out="Mend what the reasons name, or ask for other exams: eyechart show NAME tells what one needs.",
        )


def _short(value: object, most: int = 200) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _rebuild(cls: type[EyechartError], problem: str, setting: str, value: object, way_out: str) -> EyechartError:
    return cls(problem, setting=setting, value=value, way_out=way_out)
