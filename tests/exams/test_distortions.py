"""The distortions exam on an eye for brightness and an eye for colour: what each keeps is known exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from eyechart.core.chart import Bars, Lines
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array
from eyechart.core.view import Pixels
from eyechart.exams.distortions import Distortions
from eyechart.exams.distortions_conditions import KINDS, PUBLISHED, conditions
from eyechart.images.arrays import ArraySet, array_set
from eyechart.run.render import show
from eyes import Sitting, image_set, noise_images, one, seen_by, sitting
from figures import value

N = 20
BRIGHT = np.arange(N) % 2
LABELS = BRIGHT.copy()
LABELS[[0, 2, 4, 1, 3]] = 1, 1, 1, 0, 0  # five wrong: 15 right, and 9 of class 0
SAYS_NOTHING = ("high_pass", "power_equalisation")  # their mean is the same for all


class BrightEye(nn.Module):
    """Class 1 where the mean is above 1/2."""

    def forward(self, x: Tensor) -> Tensor:
        above = 40 * (x.mean((1, 2, 3)) - 0.5)
        return torch.stack([-above, above], 1)


class HueEye(nn.Module):
    """Class 1 where there is more green than red."""

    def forward(self, x: Tensor) -> Tensor:
        green = 40 * (x[:, 1] - x[:, 0]).mean((1, 2)) - 1e-3  # none: class 0
        return torch.stack([-green, green], 1)


def grey_images() -> Array:
    """Faint noise about .3 or .7."""
    noise = noise_images(N)[..., :1] / 255 - 0.5
    return np.repeat(np.rint(255 * (0.3 + 0.4 * BRIGHT[:, None, None, None] + 0.1 * noise)).astype(np.uint8), 3, axis=3)


def coloured_images() -> Array:
    """Somewhat red, or somewhat green."""
    tint = np.where(BRIGHT[:, None] == 1, [110, 140, 120], [140, 110, 120])
    return np.broadcast_to(tint[:, None, None, :], (N, 16, 16, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def bright() -> Sitting:
    return sitting(Distortions(), seen_by(BrightEye()), image_set(grey_images(), LABELS))


@pytest.fixture(scope="module")
def found(bright: Sitting) -> Estimates:
    return bright.estimates


def test_an_eye_for_brightness_keeps_what_leaves_brightness_alone(found: Estimates) -> None:
    assert value(found, "plain_accuracy", classes="own") == 0.75
    for name in ("grey", "contrast", "phase_noise", "rotation", "false_colour"):
        for level in KINDS[name].levels:  # type: ignore[index]
            at = {"distortion": name, "level": level}
            assert value(found, "accuracy", classes="own", **at) == 0.75
            assert value(found, "accuracy_drop", classes="own", **at) == 0
            assert value(found, "agreement", **at) == 1


@pytest.mark.parametrize("name", SAYS_NOTHING)
def test_where_all_have_one_mean_it_says_one_thing(found: Estimates, name: Any) -> None:
    for level in KINDS[name].levels:
        drop = one(found, "accuracy_drop", distortion=name, level=level)
        assert value(found, "accuracy", distortion=name, level=level) == 9 / N
        assert drop.value == pytest.approx(0.3)
        assert drop.low is not None
        assert drop.low < 0.3
        assert value(found, "agreement", distortion=name, level=level) == 0.5
    assert value(found, "mean_accuracy", distortion=name) == pytest.approx(9 / N)


def test_a_wide_blur_leaves_the_border_s_grey(found: Estimates) -> None:
    assert value(found, "accuracy", distortion="low_pass", level=1) == 0.75
    assert value(found, "accuracy", distortion="low_pass", level=40) == 9 / N


def test_means_are_over_counted_levels_then_over_distortions(found: Estimates) -> None:
    means = []
    for name in PUBLISHED:
        counted = [value(found, "accuracy", distortion=name, level=level) for level in KINDS[name].counted]
        assert value(found, "mean_accuracy", distortion=name) == pytest.approx(np.mean(counted))
        means.append(np.mean(counted))
    assert value(found, "ood_accuracy") == pytest.approx(np.mean(means))
    assert {
        name: tuple(x for x in KINDS[name].levels if x not in KINDS[name].counted)
        for name in ("contrast", "low_pass", "high_pass")
    } == {"contrast": (0.03, 0.01), "low_pass": (15, 40), "high_pass": (0.55, 0.45, 0.4)}


def test_an_eye_that_is_always_right_is_not_right_with_certainty() -> None:
    exam = Distortions(distortions=("contrast", "phase_noise"))
    found = sitting(exam, seen_by(BrightEye()), image_set(grey_images(), BRIGHT)).estimates
    for measure in ("ood_accuracy", "mean_accuracy"):
        for e in found.of(measure):
            assert (e.value, e.high) == (1, 1)
            assert e.low == pytest.approx(N / (N + 1.96**2), abs=1e-3)  # Wilson's, of twenty images


def test_an_eye_for_colour_is_lost_in_grey_and_deceived_by_opponents() -> None:
    exam = Distortions(distortions=("grey", "false_colour", "contrast"))
    sat = sitting(exam, seen_by(HueEye()), image_set(coloured_images(), BRIGHT))
    found = sat.estimates
    assert value(found, "plain_accuracy") == 1
    assert value(found, "accuracy", distortion="grey") == 0.5  # class 0 for all
    assert value(found, "accuracy", distortion="false_colour") == 0
    assert value(found, "agreement", distortion="false_colour") == 0
    weak = [f for f in exam.findings(found) if f.verdict == "weak"]
    assert len(weak) == 1
    assert "50.0 points" in weak[0].sentence
    assert "opponent colours" in exam.findings(found)[0].sentence
    cases = [case.facts for case in sat.whole.kept]
    assert {case["named"] for case in cases} <= {"no colour", "opponent colours", "low contrast 0.5"}
    assert {case["distortion"] for case in cases} <= {"grey", "false_colour", "contrast"}
    assert all(case["before"] != case["after"] and case["level"] in (1, 0.5) for case in cases)


def test_categories_go_by_folders_where_there_is_no_label() -> None:
    ids = tuple(f"set/{('cat', 'dog')[k]}/{i}.png" for i, k in enumerate(LABELS))
    images: ArraySet = array_set("tiny", grey_images(), ids, {}, ())
    exam = Distortions(distortions=("contrast", "high_pass"))
    found = sitting(exam, seen_by(BrightEye(), class_names=("cat", "dog")), images).estimates
    assert not found.of("accuracy", classes="own")
    assert value(found, "plain_accuracy", classes="categories") == 0.75
    assert value(found, "mean_accuracy", classes="categories", distortion="high_pass") == pytest.approx(9 / N)
    assert "by categories" in exam.findings(found)[0].sentence
    assert "Categories are coarse classes" in exam.charts(found)[0].caption  # type: ignore[union-attr]


def test_without_labels_it_tells_whether_answers_stay() -> None:
    exam = Distortions(distortions=("contrast", "high_pass"))
    found = sitting(exam, seen_by(BrightEye()), image_set(grey_images())).estimates
    assert {e.measure for e in found} == {"agreement", "clipped_share"}
    (only,) = exam.findings(found)
    assert "high-pass" in only.sentence
    assert "50.0%" in only.sentence


def test_frames_that_are_not_square_have_no_quarter_turn_and_count_without_it() -> None:
    exam = Distortions(distortions=("rotation", "contrast"))
    images = image_set(grey_images()[:, :12], LABELS)
    found = sitting(exam, seen_by(BrightEye(), (12, 16)), images).estimates
    assert one(found, "accuracy", distortion="rotation", level=90).reason
    assert value(found, "accuracy", distortion="rotation", level=180) == 0.75
    assert value(found, "mean_accuracy", distortion="rotation") == 0.75
    assert value(found, "ood_accuracy") == pytest.approx(value(found, "mean_accuracy", distortion="contrast"))


def test_every_condition_is_shown_in_range_and_differs_from_the_others() -> None:
    pixels = torch.from_numpy(noise_images(2)).permute(0, 3, 1, 2).float() / 255
    batch = Pixels(pixels.contiguous(memory_format=torch.channels_last), ("a", "b"), seed=0)
    views = {c.view((16, 16)) for c in conditions((*PUBLISHED, "salt_and_pepper"))}
    assert len(views) == 47  # without noise, uniform noise is contrast alone
    shown = [show(view, batch)[0] for view in views]
    for i, frames in enumerate(shown):
        assert frames.shape == pixels.shape
        assert 0 <= frames.min() <= frames.max() <= 1
        assert all((frames - other).abs().max() > 1e-4 for other in shown[:i])


def test_figures_have_a_curve_for_each_distortion_of_several_levels(found: Estimates) -> None:
    charts = Distortions().charts(found)
    curves = [chart.title for chart in charts if isinstance(chart, Lines)]
    assert len(curves) == sum(len(KINDS[name].levels) > 1 for name in PUBLISHED) == 6
    (overview,) = (chart for chart in charts if isinstance(chart, Bars))
    assert len(overview.categories) == len(PUBLISHED) == 9


@pytest.mark.parametrize("wrong", [(), ("grey", "grey"), ("eidolon",)])
def test_distortions_are_known_and_named_once(wrong: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        Distortions(distortions=wrong)
