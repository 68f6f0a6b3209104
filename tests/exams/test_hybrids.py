"""The hybrids exam on eyes of which it is known what they see of a mixture."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from eyechart.core.chart import Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Subject
from eyechart.core.tally import Tally
from eyechart.core.view import Partner, Pixels
from eyechart.errors import SettingError
from eyechart.examination import examine
from eyechart.exams.hybrids import Hybrids
from eyechart.images.masks import MaskedSet, with_masks
from eyechart.views.outlines import Silhouette
from eyechart.views.parts import ObjectOnParts
from eyes import (
    ConstantEye,
    HighPassEye,
    LowPassEye,
    NaNEye,
    OnePixelEye,
    OracleEye,
    Sitting,
    answered,
    image_set,
    noise_images,
    one,
    plain_images,
    seen_by,
    sitting,
)

SIZE, N = 16, 40
CORNER = sqrt(2) * SIZE / 2  # of the finest wave
CALM = (96 + noise_images(N) // 4).astype(np.uint8)  # of little contrast: no mixture leaves the range
BANDS = {"methods": ("bands",), "gallery": 0}


class AmplitudeEye(nn.Module):
    """Its answer depends on the amplitudes of the spectrum alone, zero frequency left out."""

    def __init__(self, size: int = SIZE, classes: int = 4) -> None:
        super().__init__()
        weight = torch.randn(classes, 3 * size * size, generator=torch.Generator().manual_seed(1))
        self.register_buffer("weight", weight - weight.mean(1, keepdim=True))

    def seen(self, spectrum: Tensor) -> Tensor:
        return spectrum.abs()

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.fft2(x)
        spectrum[..., 0, 0] = 0  # brightness would drown the rest
        return self.seen(spectrum).flatten(1) @ self.weight.T


class PhaseEye(AmplitudeEye):
    """Its answer depends on the phases alone."""

    def seen(self, spectrum: Tensor) -> Tensor:
        return (spectrum / spectrum.abs().clamp(min=1e-9)).real


def examined_by(eye: nn.Module, images: Array = CALM, labels: Array | None = None, **settings: Any) -> Sitting:
    """Labels are the eye's own answers, unless given: it is right on every image."""
    known = answered(eye, images) if labels is None else labels
    assert len(set(known.tolist())) > 1
    return sitting(Hybrids(**settings), seen_by(eye, SIZE), image_set(images, known))


def told(sat: Sitting, measure: str, **at: Any) -> float | None:
    return one(sat.estimates, measure, **at).value


def test_a_low_pass_eye_names_the_coarse_image_from_its_radius_on() -> None:
    sat = examined_by(LowPassEye(4, SIZE), radii=(0, 2, 4, 6, CORNER), **BANDS)
    assert told(sat, "pairs_kept") == 1.0
    assert [e.value for e in sat.estimates.of("clipped_share")] == [0.0] * 5
    bias = [e.value for e in sat.estimates.of("bias")]
    assert (bias[0], bias[2:]) == (0.0, [1.0, 1.0, 1.0])
    assert 0 < bias[1] < 1  # type: ignore[operator]
    assert [e.value for e in sat.estimates.of("answer_a")][2:] == [1.0, 1.0, 1.0]
    assert [e.value for e in sat.estimates.of("answer_b")][2:] == [0.0, 0.0, 0.0]
    coarse = examined_by(LowPassEye(4, SIZE), radii=(0, 4), **BANDS)
    cross = one(coarse.estimates, "crossover_radius")
    assert (cross.value, cross.low, cross.high, cross.n) == (2.0, 2.0, 2.0, N)  # from -1 to 1 between 0 and 4
    assert told(coarse, "crossover_radius_nyquist") == 0.25


def test_a_high_pass_eye_names_the_fine_image_up_to_its_radius() -> None:
    sat = examined_by(HighPassEye(4, SIZE), radii=(1, 4, CORNER), **BANDS)
    assert [e.value for e in sat.estimates.of("bias")] == [0.0, 0.0, 1.0]
    assert told(sat, "crossover_radius") == (4 + CORNER) / 2


@pytest.mark.parametrize(("eye", "bias"), [(AmplitudeEye(), 0.0), (PhaseEye(), 1.0)], ids=["amplitude", "phase"])
def test_amplitudes_and_phases_are_told_apart(eye: nn.Module, bias: float) -> None:
    sat = examined_by(eye, methods=("phase",), mixes=(1.0,))
    assert told(sat, "bias", method="phase") == bias
    assert told(sat, "either_cue") == 1.0
    weak = [f for f in sat.exam.findings(sat.estimates) if f.verdict == "weak"]
    assert len(weak) == (bias == 0)


def test_the_middle_and_the_ground() -> None:
    sat = examined_by(OnePixelEye(8, 8), noise_images(N), methods=("object",))
    assert told(sat, "bias", method="object") == 1.0
    colours = plain_images(np.arange(N) % 3, SIZE)
    for share, bias in ((0.5, 0.0), (0.9, 1.0)):  # of the area: 1/4 and 3/4
        sat = examined_by(OracleEye(), colours, methods=("object",), shape="box", share=share)
        assert (told(sat, "bias"), told(sat, "either_cue")) == (bias, 1.0)


@pytest.fixture
def masked(tmp_path: Path) -> MaskedSet:
    """Noise; each even image has a mask of its upper left quarter, and is seen there."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[: SIZE // 2, : SIZE // 2] = 255
    for i in range(0, N, 2):
        Image.fromarray(mask).save(tmp_path / f"{i:04d}.png")
    return with_masks(image_set(noise_images(N), answered(OnePixelEye(2, 2), noise_images(N))), str(tmp_path))


def test_the_object_itself_where_there_are_masks(masked: MaskedSet) -> None:
    exam = Hybrids(methods=("object",), shape="silhouette", gallery=N)
    sat = sitting(exam, seen_by(OnePixelEye(2, 2), SIZE), masked)
    np.testing.assert_array_equal(sat.whole.rows["object_top1"][:, 0] >= 0, np.arange(N) % 2 == 0)
    assert (told(sat, "bias"), one(sat.estimates, "bias").n) == (1.0, N // 2)
    assert {int(case.id) % 2 for case in sat.whole.kept} == {0}
    (said,) = sat.exam.findings(sat.estimates)
    assert "With the object of one image on shuffled parts" in said.sentence
    view, a, b = ObjectOnParts(shape="silhouette"), noise_pixels(0), noise_pixels(1)
    a.beside = {Silhouette(): black_quarter(), Partner(0): b}
    mixed, parts = view.render(a).pixels, ObjectOnParts(share=0.01).mixed(a, b)
    torch.testing.assert_close(mixed[..., :8, :8], a.tensor[..., :8, :8])
    torch.testing.assert_close(mixed[..., 8:, :], parts[..., 8:, :])
    torch.testing.assert_close(mixed[..., :8, 8:], parts[..., :8, 8:])


def noise_pixels(seed: int) -> Pixels:
    pixels = torch.from_numpy(noise_images(3, SIZE, seed=seed)).permute(0, 3, 1, 2).float() / 255
    return Pixels(pixels.contiguous(memory_format=torch.channels_last), ("a", "b", "c"), seed=0)


def black_quarter() -> Pixels:
    """Silhouettes of objects in the upper left quarter."""
    white = torch.ones(3, 3, SIZE, SIZE)
    white[..., : SIZE // 2, : SIZE // 2] = 0
    return Pixels(white, ("a", "b", "c"), seed=0)


def test_where_no_object_is_seen_the_reason_is_told() -> None:
    sat = examined_by(OnePixelEye(8, 8), noise_images(N), methods=("object",), shape="silhouette")
    bias = one(sat.estimates, "bias")
    assert (bias.value, "there is no object to be seen" in bias.reason) == (None, True)
    assert "there is no object to be seen" in sat.exam.findings(sat.estimates)[0].sentence
    assert [type(chart) for chart in sat.exam.charts(sat.estimates)] == [Table]
    assert not sat.whole.kept


def test_a_colour_eye_goes_by_the_coarse_from_the_first_radius_on() -> None:
    sat = examined_by(OracleEye(), plain_images(np.arange(N) % 3, SIZE), radii=(0, 4), **BANDS)
    cross = one(sat.estimates, "crossover_radius")
    assert (cross.value, cross.n) == (None, N)
    assert "smallest radius on, 0" in cross.reason
    assert told(sat, "bias", radius=0) == 1.0
    other = examined_by(OracleEye(), plain_images(np.arange(N) % 3, SIZE), radii=(0, 4), inclusive=False, **BANDS)
    assert told(other, "bias", radius=0) == 0.0  # an empty low band is all of B


def test_an_eye_that_says_one_thing_decides_nothing() -> None:
    sat = examined_by(ConstantEye(1, 0, 0, 0), CALM, np.arange(N) % 4)
    assert told(sat, "pairs_kept") == 0.0
    measures = {"bias", "either_cue", "answer_a", "answer_b", "crossover_radius", "crossover_radius_nyquist"}
    undefined = [e for e in sat.estimates if e.measure in measures]
    assert {e.measure for e in undefined} == measures
    assert all(e.value is None and "no pair" in e.reason for e in undefined)
    (said,) = sat.exam.findings(sat.estimates)
    assert f"cannot be told: of {N} images none is in a pair of two classes of which it gets both" in said.sentence
    assert not sat.exam.charts(sat.estimates)  # nothing to draw
    assert not sat.whole.kept


def by_hand(answers: Array, clipped: float = 0.0, pairs: int = 1) -> Estimates:
    """Phase mixtures of images of class 0 with images of class 1, answered as given: (images, pairs)."""
    n = len(answers)
    rows = {
        "image_top1": np.zeros(n, int),
        "partner_label": np.ones((n, pairs), int),
        "partner_top1": np.ones((n, pairs), int),
        "partner_position": np.zeros((n, pairs), int),
        "phase_top1": answers.reshape(n, pairs),
        "phase_clipped": np.full((n, pairs), clipped),
    }
    exam = Hybrids(methods=("phase",), mixes=(1.0,), pairs=pairs)
    return exam.estimates(Tally(rows), np.zeros(n, int), Subject((SIZE, SIZE), 3))


def test_the_formulas_on_published_counts() -> None:
    found = by_hand(np.repeat([0, 1, 2], [162, 572, 466]))  # ResNet-50 of Geirhos et al.
    bias = one(found, "bias")
    assert (bias.value, bias.n, bias.method) == (pytest.approx(162 / 734), 734, "wilson")
    assert (bias.low, bias.high) == (pytest.approx(0.192, abs=5e-4), pytest.approx(0.252, abs=5e-4))
    assert one(found, "either_cue").value == pytest.approx(0.6117, abs=5e-5)
    assert one(found, "answer_a").value == pytest.approx(162 / 1200)
    assert one(found, "answer_b").value == pytest.approx(572 / 1200)


def test_the_table_tells_how_many_answers_are_behind_each_figure() -> None:
    table = Hybrids().charts(by_hand(np.repeat([0, 1, 2], [162, 572, 466])))[0]
    assert isinstance(table, Table)
    (row,) = table.rows
    cells = dict(zip(table.columns, row, strict=True))
    assert (cells["n"], cells["of n"]) == (1200, 734)


def test_images_of_one_class_make_no_pair() -> None:
    sat = sitting(Hybrids(), seen_by(ConstantEye(1, 0), SIZE), image_set(CALM, np.zeros(N, int)))
    (said,) = sat.exam.findings(sat.estimates)
    assert "there is no pair of images of two classes" in said.sentence
    assert "two classes or more" in said.advice
    assert not sat.exam.charts(sat.estimates)


def test_answers_that_name_neither_leave_the_bias_undefined() -> None:
    found = by_hand(np.full(20, 2))
    bias, either = one(found, "bias"), one(found, "either_cue")
    assert (bias.value, bias.reason) == (None, "no answer names the class of either image")
    assert (either.value, either.n) == (0.0, 20)
    assert "cannot be told: no answer names the class of either image." in Hybrids().findings(found)[0].sentence


def test_mixtures_with_too_much_clipped_are_left_out_and_counted() -> None:
    within, beyond = (by_hand(np.zeros(20, int), clipped) for clipped in (0.2, 0.21))
    assert (one(within, "bias").value, one(within, "clipped_out").value) == (1.0, 0.0)
    assert (one(beyond, "bias").value, one(beyond, "clipped_out").value) == (None, 1.0)
    assert one(beyond, "clipped_share").value == pytest.approx(0.21)


def test_pairs_of_one_image_are_resampled_together() -> None:
    alike = np.repeat(np.arange(60)[:, None] % 2, 4, axis=1)
    (whole, single) = (one(by_hand(a, pairs=k), "bias") for a, k in ((alike, 4), (alike[:, :1], 1)))
    assert (whole.value, whole.n) == (single.value, 60)
    assert width(whole) == pytest.approx(width(single), rel=0.1)


def width(e: Estimate) -> float:
    return (e.high or 0.0) - (e.low or 0.0)


def test_only_pairs_count_of_which_both_are_right_and_of_two_classes() -> None:
    eye = LowPassEye(4, SIZE)
    truth = answered(eye, CALM)
    labels = np.where(np.arange(N) % 4 == 0, (truth + 1) % 4, np.where(np.arange(N) % 9 == 1, -1, truth))
    sat = examined_by(eye, CALM, labels, radii=(6,), pairs=2, **BANDS)
    rows = sat.whole.rows
    beside = rows["partner_position"]
    shown = (labels[:, None] >= 0) & (labels[beside] >= 0)
    right = (truth == labels)[:, None] & (truth == labels)[beside]
    assert 0 < (shown & right).sum() < shown.sum() < 2 * N
    kept = one(sat.estimates, "pairs_kept")
    assert (kept.value, kept.n) == (pytest.approx((shown & right).sum() / shown.sum()), (labels >= 0).sum())
    assert one(sat.estimates, "either_cue").n == (shown & right).any(1).sum()
    assert told(sat, "answer_a") == 1.0


def test_what_an_eye_sees_computed_once_more() -> None:
    images, eye = noise_images(N), LowPassEye(5, SIZE)
    sat = examined_by(eye, images, radii=(1, 3), mixes=(0.5, 1.0), pairs=2, grid=3)
    rows = sat.whole.rows
    a = images / 255
    fy = np.minimum(np.arange(SIZE), SIZE - np.arange(SIZE))
    for pair in range(2):
        b = a[rows["partner_position"][:, pair]]
        of_a, of_b = (np.fft.fft2(x, axes=(1, 2)) for x in (a, b))
        wanted: dict[str, list[Array]] = {"bands": [], "phase": []}
        for radius in (1, 3):
            low = (np.hypot(fy[:, None], fy) <= radius)[None, :, :, None]
            wanted["bands"].append(np.fft.ifft2(np.where(low, of_a, of_b), axes=(1, 2)).real)
        for mix in (0.5, 1.0):
            amplitude = (1 - mix) * np.abs(of_a) + mix * np.abs(of_b)
            amplitude[:, 0, 0] = np.abs(of_a[:, 0, 0])
            mixed = amplitude * np.exp(1j * np.angle(of_a))
            wanted["phase"].append(np.fft.ifft2(mixed, axes=(1, 2)).real)
        for method, frames in wanted.items():
            for j, frame in enumerate(frames):
                pixels = torch.from_numpy(frame.clip(0, 1)).permute(0, 3, 1, 2).float()
                top = eye(pixels).argmax(1).numpy()
                np.testing.assert_array_equal(rows[f"{method}_top1"][:, 2 * pair + j], top)
                outside = ((frame < -0.5 / 255) | (frame > 1 + 0.5 / 255)).mean((1, 2, 3))
                np.testing.assert_allclose(rows[f"{method}_clipped"][:, 2 * pair + j], outside, atol=2e-3)
    assert len(set(rows["bands_top1"].ravel().tolist())) > 2


def test_a_partner_that_the_eye_cannot_answer_costs_the_pair_alone(tmp_path: Path) -> None:
    images = CALM.copy()
    images[5] = 250
    eye = NaNEye(LowPassEye(4, SIZE), above=0.9)
    exam = Hybrids(radii=(4,), **BANDS)
    run = examine(
        seen_by(eye, SIZE, name="eye"), image_set(images, answered(eye, CALM)), [exam], out=tmp_path, max_bad=1
    )
    rows = run.rows("hybrids").to_pylist()
    assert [row["id"] for row in rows if row["status"] == "not_finite"] == ["0005"]
    bright = next(row["position"] for row in rows if row["id"] == "0005")
    beside = [row for row in rows if row["status"] == "ok" and row["partner_position"] == [bright]]
    assert beside
    assert all(row["partner_top1"] == [-1] for row in beside)


def test_two_models_are_compared_on_images_that_both_get_right(tmp_path: Path) -> None:
    eyes = [
        seen_by(eye, SIZE, name=name) for name, eye in (("low", LowPassEye(4, SIZE)), ("all", LowPassEye(12, SIZE)))
    ]
    labels = answered(LowPassEye(4, SIZE), CALM)
    run = examine(eyes, image_set(CALM, labels), [Hybrids(radii=(0, 4), **BANDS)], out=tmp_path, workers=0)
    both = [e for e in run.estimates if e.measure == "either_cue" and e.at["given"] == "all_models_correct"]
    assert {e.model for e in both} == {"low", "all"}
    agree = answered(LowPassEye(12, SIZE), CALM) == labels
    assert 0 < agree.sum() < N
    assert {e.n for e in both if e.model == "low"} == {int(agree.sum())}


def test_galleries_hold_typical_pairs_with_their_answers() -> None:
    sat = examined_by(LowPassEye(4, SIZE), gallery=2)
    kept = sat.whole.kept
    assert [case.key for case in kept] == [f"hybrids/{m}/" for m in ("bands", "object", "phase") for _ in range(2)]
    assert len({case.id for case in kept}) == 2  # by the image's name, not by what was answered
    case = kept[0]
    views = sat.exam.pictures(case)
    mixtures = [name for name in views if name not in ("a", "b")]
    assert len(mixtures) == 4
    assert all(case.facts[f"{name}_says"].endswith(("(A's)", "(B's)", "(neither's)")) for name in mixtures)
    last = mixtures[-1]
    assert views[last].radius >= 4  # type: ignore[attr-defined]
    assert case.facts[f"{last}_says"].endswith("(A's)")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"radii": (2, 2)}, "all different"),
        ({"radii": ()}, "one radius or more"),
        ({"radii": (-1,)}, "none below 0"),
        ({"mixes": (0.0,)}, "above 0"),
        ({"methods": ("bands", "bands")}, "once"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Hybrids(**settings)


def test_more_tiles_than_pixels_are_refused() -> None:
    with pytest.raises(SettingError, match=r"fewer pixels a side than tiles.*hybrids.grid = 17.*16 or less"):
        Hybrids(grid=17).ask(Subject((16, 20), 4), ())
    assert Hybrids(grid=17, methods=("bands",)).ask(Subject((16, 20), 4), ())


def test_radii_beyond_the_finest_wave_are_refused() -> None:
    for radii in ((4, 12), (500,)):
        with pytest.raises(
            SettingError, match=r"16 x 16 .*no wave beyond radius 11\.3137.*hybrids\.radii.*up to 11\.3"
        ):
            Hybrids(radii=radii).ask(Subject((16, 16), 4), ())
    assert Hybrids(radii=(4, 11.3)).ask(Subject((16, 16), 4), ())
    assert Hybrids(radii=(17.8,)).ask(Subject((16, 32), 4), ())
    assert Hybrids(radii=(22.6,), units="isotropic").ask(Subject((16, 32), 4), ())
    assert Hybrids(methods=("phase",), radii=(500,)).ask(Subject((16, 16), 4), ())
