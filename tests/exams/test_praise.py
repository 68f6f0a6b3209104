"""What never changes its mind is praised only where it has something to say: one law for all exams of steadiness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch import nn

from eyechart.core.catalogue import exam_class
from eyechart.core.exam import Array
from eyes import ConstantEye, OracleEye, image_set, plain_images, seen_by, sitting

N, SIZE = 400, 16
COLOURS = np.random.default_rng(0).integers(3, size=N)
OTHERS = np.random.default_rng(1).integers(3, size=N)  # labels that have nothing to do with the pictures
EXAMS: dict[str, dict[str, Any]] = {
    "shift": {"pairs_per_image": 1},
    "shift_path": {"steps": 2},
    "embedded_size": {"sizes": (42, 98, 210), "pairs_per_image": 1},
    "position_bias": {"sizes": (112,), "grid": 3, "images": N},
    "consistency": {"passes": 1},
    "phase_map": {"period": 2, "images": N},
    "fractional_shift": {"units": (2,)},
    "spatial_robustness": {"draws": 2},
    "jitter": {"frames": 5, "images": N},
    "corruptions": {"corruptions": ("contrast", "pixelate"), "severities": (1, 2), "frequencies": False},
    "affine": {"families": ("rotate", "scale"), "rotate": (1.0,), "scale": (1.0,), "images": N},
}
FOR_ACCURACY = {"position_bias", "corruptions"}  # exams whose praise is for accuracy


def told(name: str, eye: nn.Module, labels: Array | None) -> tuple[set[str], list[str]]:
    """Verdicts and sentences of an exam on pictures of one colour."""
    exam = exam_class(name)(**EXAMS[name])
    sat = sitting(exam, seen_by(eye, SIZE), image_set(plain_images(COLOURS, SIZE), labels))
    found = exam.findings(sat.estimates)
    return {f.verdict for f in found}, [f.sentence for f in found]


@pytest.mark.parametrize("name", EXAMS)
def test_an_eye_that_knows_what_it_sees_is_praised(name: str) -> None:
    verdicts, said = told(name, OracleEye(), COLOURS)
    assert "strong" in verdicts
    assert not any("guessing" in sentence for sentence in said)


@pytest.mark.parametrize("name", EXAMS)
def test_a_steady_eye_at_chance_is_not_praised(name: str) -> None:
    verdicts, said = told(name, OracleEye(), OTHERS)
    assert verdicts == {"note"}
    assert sum("which guessing might be" in sentence for sentence in said) == 1


@pytest.mark.parametrize("name", sorted(EXAMS.keys() - FOR_ACCURACY))
def test_without_labels_nothing_is_said_of_guessing(name: str) -> None:
    verdicts, said = told(name, OracleEye(), None)
    assert "strong" in verdicts
    assert not any("guessing" in sentence for sentence in said)


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("name", EXAMS)
def test_a_stopped_clock_is_not_praised(name: str, labelled: bool) -> None:
    verdicts, said = told(name, ConstantEye(0.0, 1.0, 0.5), np.ones(N, int) if labelled else None)  # right each time
    assert verdicts == {"note"}
    assert any("one and the same answer" in sentence for sentence in said)
