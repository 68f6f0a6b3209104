"""Models without classes: what never moves is praised, what jumps is not, and without a yardstick nothing is said."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.core.catalogue import exam_class
from eyechart.core.exam import Array
from eyechart.core.tally import Tally
from eyechart.examination import write_report
from eyechart.report.charts import from_dict
from eyes import ConstantEye, Sitting, StrideEye, examined, image_set, noise_images, seen_by, sitting, tinted_images

N, SIZE = 400, 16
# on a canvas, or moved cyclically, a picture keeps its mean colour
EXAMS: dict[str, dict[str, Any]] = {
    "shift": {"protocols": ("embed_black",), "pairs_per_image": 1, "short_side": 140},
    "shift_path": {"paths": ("translate",), "steps": 3, "images": N},
    "embedded_size": {"sizes": (42, 98, 182), "pairs_per_image": 1},
    "consistency": {"modes": ("roll",), "passes": 1},
    "fractional_shift": {"methods": ("fourier",), "units": (2, 3), "images": N},
    "spatial_robustness": {"draws": 3},
    "phase_map": {"modes": ("roll",), "period": 2, "images": N},
}
SIGNIFICANT = {
    "significant_change",
    "significant_change_rate",
    "share_with_significant_change",
    "significant_anywhere",
    "mean_significant_change",
    "set_significant_change",
}
WORDS = "farther than the most alike 5% of pairs of different images are apart"


def sat(name: str, eye: nn.Module, images: Array, **settings: Any) -> Sitting:
    exam = exam_class(name)(**EXAMS[name] | settings)
    return sitting(exam, seen_by(eye, SIZE, outputs="embedding"), image_set(images))


@pytest.mark.parametrize("name", EXAMS)
def test_an_eye_blind_to_the_move_is_praised(name: str) -> None:
    at_rest = {"degrees": 0.0, "pixels": 0.0} if name == "spatial_robustness" else {}  # black corners are a change
    one = sat(name, StrideEye(1), tinted_images(N), **at_rest)
    found = one.estimates
    moved = [e for e in found if e.measure.removeprefix("roll_") in SIGNIFICANT and e.unit == "share"]
    assert moved
    assert {e.value for e in moved} == {0.0}
    assert max(e.value or 0.0 for e in found if e.measure.endswith("embed_change")) < 1e-4
    said = one.exam.findings(found)
    assert said[0].verdict == "strong"
    assert WORDS in said[0].sentence


class CornerEye(nn.Module):
    """The twelve pixels of the frame's middle: any move shows it another picture."""

    def forward(self, x: Tensor) -> Tensor:
        return x[..., 7:9, 7:9].flatten(1)


@pytest.mark.parametrize(
    "name", sorted(EXAMS.keys() - {"embedded_size"})
)  # which judges the rise towards small pictures
def test_an_eye_that_jumps_is_weak(name: str) -> None:
    one = sat(name, CornerEye(), noise_images(N))
    said = one.exam.findings(one.estimates)
    assert said[0].verdict == "weak"
    assert WORDS in said[0].sentence
    assert said[0].advice


@pytest.mark.parametrize("name", EXAMS)
@pytest.mark.parametrize(("eye", "n"), [(ConstantEye(1, 2, 3), 40), (StrideEye(1), 5)])
def test_without_a_yardstick_nothing_is_said(name: str, eye: nn.Module, n: int) -> None:
    one = sat(name, eye, noise_images(n))
    found = one.estimates
    undefined = [e for e in found if e.measure.removeprefix("roll_") in SIGNIFICANT]
    assert undefined
    assert all(e.value is None and "to compare with" in e.reason for e in undefined)
    assert {f.verdict for f in one.exam.findings(found)} == {"note"}
    assert "cannot be told" in one.exam.findings(found)[0].sentence


@pytest.mark.parametrize("name", EXAMS)
def test_parts_merge_to_the_whole_and_charts_survive_json(name: str) -> None:
    one = sat(name, CornerEye(), noise_images(90))
    parts = [one.part(np.arange(90) % 4 == k) for k in range(4)]
    whole = one.whole
    assert Tally.merge(parts).kept == whole.kept
    assert len({case.id for case in whole.kept}) > 40
    assert not any(one.exam.pictures(case) for case in whole.kept if case.key.startswith("reference/"))
    for estimates in (one.estimates, sat(name, ConstantEye(1, 2, 3), noise_images(20)).estimates):
        for chart in one.exam.charts(estimates):
            data = json.loads(json.dumps(asdict(chart), allow_nan=False))
            assert type(from_dict(data)) is type(chart)
            assert chart.caption


@pytest.mark.parametrize("name", EXAMS)
def test_names_are_in_the_docstring(name: str) -> None:
    one = sat(name, CornerEye(), noise_images(20))
    text = inspect.getdoc(type(one.exam)) or ""
    words = set(re.findall(r"[A-Za-z_]\w*", text))
    roll = {e.measure.removeprefix("roll_") for e in one.estimates if name == "consistency"}
    assert {e.measure for e in one.estimates} <= words | {f"roll_{measure}" for measure in roll & words}
    assert {key for e in one.estimates for key in e.at} <= words
    columns = [re.sub(r"<\w+>", r"\\w+", entry) for entry in re.findall(r"``([\w<>]+)``", text)]
    assert not [column for column in one.whole.rows if not any(re.fullmatch(pattern, column) for pattern in columns)]


@pytest.mark.parametrize("name", EXAMS)
def test_a_run_reports_on_embeddings(name: str, tmp_path: Path) -> None:
    exam = exam_class(name)(**EXAMS[name])
    run = examined(seen_by(CornerEye(), SIZE, outputs="embedding"), image_set(noise_images(30)), [exam], tmp_path)
    assert any(e.measure.removeprefix("roll_") in SIGNIFICANT and e.value is not None for e in run.estimates)
    write_report(str(tmp_path))
    assert exam.title in (tmp_path / "report.html").read_text()


def test_small_pictures_are_compared_with_small_pictures() -> None:
    """An eye for mean colour sees little of a small picture: any two are near, and what is significant is nearer still."""
    one = sat("embedded_size", StrideEye(1), tinted_images(60))
    distances = [e.value or 0.0 for e in one.estimates.of("reference_distance")]
    clean = 50 * torch.from_numpy(tinted_images(60).copy()).double().mean((1, 2)) / 255
    whole = torch.pdist(clean).mean()
    for size, distance in zip((42, 98, 182), distances, strict=True):
        assert distance == pytest.approx(float(whole) * (round(size / 14) / 16) ** 2, rel=0.25)
