"""Which exams and remedies there are: lazy name -> "module:Class" tables, built in and from entry points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, TypeVar

from pydantic import ValidationError

from eyechart.core.exam import Exam
from eyechart.core.remedy import Remedy
from eyechart.core.settings import misfit
from eyechart.errors import SettingError, UnknownNameError

EXAMS: Mapping[str, str] = {
    "clean": "eyechart.exams.clean:Clean",
    "calibration": "eyechart.exams.calibration:Calibration",
    "worst_group": "eyechart.exams.worst_group:WorstGroup",
    "bands": "eyechart.exams.bands:Bands",
    "shift": "eyechart.exams.shift:Shift",
    "shift_path": "eyechart.exams.shift_path:ShiftPath",
    "embedded_size": "eyechart.exams.embedded_size:EmbeddedSize",
    "partial_invariance": "eyechart.exams.partial_invariance:PartialInvariance",
    "position_bias": "eyechart.exams.position_bias:PositionBias",
    "consistency": "eyechart.exams.consistency:Consistency",
    "phase_map": "eyechart.exams.phase_map:PhaseMap",
    "fractional_shift": "eyechart.exams.fractional_shift:FractionalShift",
    "affine": "eyechart.exams.affine:Affine",
    "spatial_robustness": "eyechart.exams.spatial_robustness:SpatialRobustness",
    "jitter": "eyechart.exams.jitter:Jitter",
    "aliasing": "eyechart.exams.aliasing:Aliasing",
    "layer_shift": "eyechart.exams.layer_shift:LayerShift",
    "layer_probe": "eyechart.exams.layer_probe:LayerProbe",
    "hybrids": "eyechart.exams.hybrids:Hybrids",
    "spectrum": "eyechart.exams.spectrum:Spectrum",
    "fourier_heatmap": "eyechart.exams.fourier_heatmap:FourierHeatmap",
    "gradient_spectrum": "eyechart.exams.gradient_spectrum:GradientSpectrum",
    "kernel_smoothing": "eyechart.exams.kernel_smoothing:KernelSmoothing",
    "kernel_smoothness": "eyechart.exams.kernel_smoothness:KernelSmoothness",
    "feature_spectrum": "eyechart.exams.feature_spectrum:FeatureSpectrum",
    "channels": "eyechart.exams.channels:Channels",
    "loss_landscape": "eyechart.exams.loss_landscape:LossLandscape",
    "visibility": "eyechart.exams.visibility:Visibility",
    "shape_bias": "eyechart.exams.shape_bias:ShapeBias",
    "human_likeness": "eyechart.exams.human_likeness:HumanLikeness",
    "cue_suppression": "eyechart.exams.cue_suppression:CueSuppression",
    "distortions": "eyechart.exams.distortions:Distortions",
    "variants": "eyechart.exams.variants:Variants",
    "critical_band": "eyechart.exams.critical_band:CriticalBand",
    "corruptions": "eyechart.exams.corruptions:Corruptions",
    "adversarial": "eyechart.exams.adversarial:Adversarial",
}

REMEDIES: Mapping[str, str] = {
    "antialias": "eyechart.remedies.antialias:Antialias",
    "kernel_smoothing": "eyechart.remedies.kernel_smoothing:KernelSmoothing",
    "low_pass": "eyechart.remedies.low_pass:LowPass",
    "dense_stride": "eyechart.remedies.dense_stride:DenseStride",
    "polyphase": "eyechart.remedies.polyphase:Polyphase",
    "phase_average": "eyechart.remedies.phase_average:PhaseAverage",
    "crop_selection": "eyechart.remedies.crop_selection:CropSelection",
}

SUITES: Mapping[str, tuple[str, ...]] = {
    "quick": ("clean", "bands"),
    "standard": ("clean", "bands", "shift"),
    "full": tuple(EXAMS),
}


@cache
def exam_table() -> Mapping[str, str]:
    """All exams by name: built in, then those of installed packages (entry-point group ``eyechart.exams``)."""
    return {**EXAMS, **{e.name: e.value for e in entry_points(group="eyechart.exams") if e.name not in EXAMS}}


@cache
def remedy_table() -> Mapping[str, str]:
    """All remedies by name: built in, then those of installed packages (entry-point group ``eyechart.remedies``)."""
    return {**REMEDIES, **{e.name: e.value for e in entry_points(group="eyechart.remedies") if e.name not in REMEDIES}}


def exam_class(name: str) -> type[Exam]:
    """The class of an exam. Raises UnknownNameError with the nearest names."""
    found: type[Exam] = _class(name, exam_table(), Exam, "exam")
    return found


def remedy_class(name: str) -> type[Remedy]:
    """The class of a remedy. Raises UnknownNameError with the nearest names."""
    found: type[Remedy] = _class(name, remedy_table(), Remedy, "remedy")
    return found


def _class(name: str, table: Mapping[str, str], kind: type, called: str) -> Any:
    if name not in table:
        plural = "remedies" if called == "remedy" else f"{called}s"
        raise UnknownNameError.of(name, table, setting=called, hint=f"See: eyechart list {plural}.")
    module, _, attribute = table[name].partition(":")
    found = getattr(import_module(module), attribute)
    if not (isinstance(found, type) and issubclass(found, kind)):
        way_out = f"Subclass {kind.__module__}.{kind.__name__}."
        raise SettingError(f"No {called}.", setting=name, value=table[name], way_out=way_out)
    return found


def make_exams(names: Sequence[str], settings: Mapping[str, Mapping[str, Any]]) -> list[Exam]:
    """Exams with their settings; ``settings`` maps exam name -> field -> value (text is read as JSON where it is)."""
    return [_make(exam_class(name), own) for name, own in _each(names, settings, "exams of this run")]


def make_remedies(names: Sequence[str], settings: Mapping[str, Mapping[str, Any]]) -> list[Remedy]:
    """Remedies with their settings, in the order given; ``settings`` as for ``make_exams``."""
    return [_make(remedy_class(name), own) for name, own in _each(names, settings, "remedies asked for")]


def _each(
    names: Sequence[str], settings: Mapping[str, Mapping[str, Any]], which: str
) -> list[tuple[str, Mapping[str, Any]]]:
    """Each name once, with its settings."""
    stray = sorted(set(settings) - set(names))
    if stray:
        more = " Name the remedy in --with, too." if stray[0] in remedy_table() else ""
        raise UnknownNameError.of(stray[0], names, setting="--set", hint=f"Only {which} can be set.{more}")
    return [(name, settings.get(name, {})) for name in dict.fromkeys(names)]


Made = TypeVar("Made", Exam, Remedy)


def _make(cls: type[Made], settings: Mapping[str, Any]) -> Made:
    unknown = sorted(set(settings) - set(cls.model_fields))
    if unknown:
        raise UnknownNameError.of(
            f"{cls.name}.{unknown[0]}", [f"{cls.name}.{f}" for f in cls.model_fields], setting="--set"
        )
    see = f"See: eyechart show {cls.name}."
    try:
        return cls(**settings)
    except ValidationError as error:
        raise misfit(error, lambda name: f"{cls.name}.{name}", see) from error
    except SettingError as error:  # a check of the exam's own, such as of a file's content
        way_out = f"{error.way_out} {see}"
        raise type(error)(error.problem, setting=error.setting, value=error.value, way_out=way_out) from error
