"""The Fourier heat map on eyes whose response to every wave is known."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.core.chance import generator
from eyechart.core.chart import Heatmap, Lines, Panels
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.query import CLEAN, Answer, Answers, Query
from eyechart.errors import SettingError, UnknownNameError
from eyechart.exams.fourier_heatmap import FourierHeatmap
from eyechart.exams.fourier_heatmap_pictures import CLIPPED
from eyechart.models.load import wrap
from eyechart.models.preprocessing import Preprocessing
from eyechart.views.waves import STREAM, Wave, default_norm
from eyes import (
    ConstantEye,
    HighPassEye,
    LinearEye,
    LowPassEye,
    Sitting,
    answered,
    disc,
    examined,
    image_set,
    noise_images,
    seen_by,
    sitting,
)

Frequency = tuple[int, int]


def waves_of(sat: Sitting) -> list[Wave]:
    return [q.view for q in sat.exam.ask(sat.subject, ()) or () if isinstance(q.view, Wave)]


def results(sat: Sitting) -> Estimates:
    return sat.exam.estimates(sat.whole, sat.batch.labels, sat.subject)


def grey_noise(n: int, low: float = 0.2, high: float = 0.8, size: int = 16) -> Array:
    """Grey images with all frequencies, far enough from black and white."""
    one = np.random.default_rng(3).uniform(255 * low, 255 * high, (n, size, size, 1)).round().astype(np.uint8)
    return np.repeat(one, 3, axis=3)


def plane_wave(fy: int, fx: int, size: int) -> Array:
    """The official wave, from its coefficients."""
    coefficients = np.zeros((size, size), complex)
    coefficients[-fy, -fx] = 0.5 - 0.5j
    coefficients[fy, fx] = 0.5 + 0.5j
    if (2 * fy) % size == 0 and (2 * fx) % size == 0:
        coefficients[fy, fx] = 1
    made = np.fft.ifft2(coefficients).real
    return np.asarray(made / np.linalg.norm(made))


def signs_of(ids: tuple[str, ...], seed: int = 0) -> Array:
    return np.array([2 * generator(seed, STREAM, i).integers(0, 2, 3) - 1 for i in ids])


class Both(nn.Module):
    """Features and their negatives over sqrt(2): logits whose mean is 0 and whose L2 changes are those of the features."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        seen = self.features(x).flatten(1) / 2**0.5
        return torch.cat([seen, -seen], 1)


class RedKernel(nn.Module):
    """One kernel over the red channel, stride 1, around the edges."""

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        self.register_buffer("kernel", kernel[None, None])

    def forward(self, x: Tensor) -> Tensor:
        around = nn.functional.pad(x[:, :1], (1, 1, 1, 1), mode="circular")
        return nn.functional.conv2d(around, self.kernel)


def test_a_linear_eye_moves_by_its_projection_on_the_wave() -> None:
    a = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(0))
    for weight in (a, a * torch.tensor([1.0, 0, 0])[:, None, None]):  # of all colours; of one: v |<a, U>|
        eye = Both(LinearEye(weight.reshape(1, -1)))
        sat = sitting(FourierHeatmap(norm=1.5), seen_by(eye), image_set(grey_noise(6)))
        signs = signs_of(sat.batch.ids)
        for j, wave in enumerate(waves_of(sat)):
            along = (weight.numpy() * plane_wave(wave.fy, wave.fx, 16)).sum((1, 2))  # (c,)
            np.testing.assert_allclose(sat.whole.rows["wave_logit_change"][:, j], 1.5 * abs(signs @ along), atol=1e-4)


def test_a_circular_convolution_moves_by_its_gain_at_the_frequency() -> None:
    kernel = torch.randn(3, 3, generator=torch.Generator().manual_seed(1))
    sat = sitting(FourierHeatmap(norm=1.5), seen_by(Both(RedKernel(kernel))), image_set(grey_noise(4)))
    padded = np.zeros((16, 16))
    padded[:3, :3] = kernel
    gain = abs(np.fft.fft2(padded))
    waves = waves_of(sat)
    assert len(waves) == 130
    for j, wave in enumerate(waves):
        expected = 1.5 * gain[wave.fy, wave.fx]
        np.testing.assert_allclose(sat.whole.rows["wave_logit_change"][:, j], expected, rtol=1e-4, atol=1e-4)
    for e in results(sat).of("logit_change"):
        assert e.value == pytest.approx(1.5 * gain[e.at["fy"], e.at["fx"]], rel=1e-4, abs=1e-4)


def test_a_layer_moves_by_its_gain_whatever_follows() -> None:
    kernel = torch.randn(3, 3, generator=torch.Generator().manual_seed(1))
    eye = nn.Sequential(RedKernel(kernel), nn.ReLU(), Both(nn.Identity()))
    exam = FourierHeatmap(norm=1.5, layer="0")
    sat = sitting(exam, seen_by(eye), image_set(grey_noise(4)))
    padded = np.zeros((16, 16))
    padded[:3, :3] = kernel
    gain = abs(np.fft.fft2(padded))
    found = results(sat)
    for e in found.of("feature_change"):
        assert e.value == pytest.approx(1.5 * gain[e.at["fy"], e.at["fx"]], rel=1e-4, abs=1e-4)
    assert len(found.of("feature_change")) == 130
    assert sat.exam.charts(found)[3].title == "How far each wave moves 0"


def test_an_unknown_layer_is_named_with_its_like() -> None:
    exam = FourierHeatmap(layer="feature")
    with pytest.raises(UnknownNameError, match="features"):
        sitting(exam, seen_by(Both(RedKernel(torch.ones(3, 3)))), image_set(grey_noise(2)))


class Windows(nn.Module):
    """Four windows of an image within."""

    def __init__(self) -> None:
        super().__init__()
        self.whole, self.within = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.whole(x).unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).reshape(-1, 4, 8, 8)
        return self.within(y).mean((2, 3)).reshape(len(x), 4, 4).mean(1)


def test_a_layer_of_windows_is_refused() -> None:
    with pytest.raises(SettingError, match=r"fourier_heatmap\.layer = within.*before or after"):
        sitting(FourierHeatmap(layer="within"), seen_by(Windows().eval()), image_set(grey_noise(2)))


def test_a_brightness_meter_is_moved_by_zero_frequency_alone() -> None:
    meter = Both(LinearEye(torch.full((1, 3 * 256), 1 / 768)))
    found = results(sitting(FourierHeatmap(norm=1.5), seen_by(meter), image_set(grey_noise(8))))
    for e in found.of("logit_change"):
        assert e.value is not None
        if e.at["radius"] == 0:
            assert e.value > 0.01
        else:
            assert e.value < 1e-6


@pytest.mark.parametrize(("eye", "sees_low"), [(LowPassEye(4, 16), True), (HighPassEye(4, 16), False)])
def test_an_eye_changes_its_answer_only_where_it_sees(eye: LowPassEye, sees_low: bool) -> None:
    images = grey_noise(30, 0.45, 0.55)  # faint, so that a wave can sway the answer
    found = results(sitting(FourierHeatmap(norm=2.5), seen_by(eye), image_set(images)))
    changes = found.of("answer_change_rate")
    assert len(changes) == 130
    seen, blind = [], []
    for e in changes:
        assert e.value is not None
        fy, fx = abs(e.at["fy"]), abs(e.at["fx"])
        low, zero = fy * fy + fx * fx <= 16, (fy, fx) == (0, 0)
        visible = low and not zero if sees_low else not low
        (seen if visible else blind).append(e.value)
    assert set(blind) == {0.0}
    assert np.mean(seen) > 0.1
    assert min(seen) > 0
    for e in found.of("ring_answer_change_rate"):
        outside = e.at["ring"] > 5 if sees_low else e.at["ring"] < 4
        assert (e.value == 0) == outside or e.at["ring"] in (0, 4, 5)


def test_without_strength_every_wave_leaves_the_clean_answer() -> None:
    eye, images = LowPassEye(4, 16), noise_images(40)
    says = answered(eye, images)
    labels = np.where(np.arange(40) % 3 == 0, 0, says)
    found = results(sitting(FourierHeatmap(norm=0.0), seen_by(eye), image_set(images, labels)))
    clean = found.one("clean_error")
    assert clean is not None
    assert clean.value == (says != labels).mean() > 0
    assert len(found.of("error_rate")) == 130
    for measure in ("error_rate", "ring_error_rate", "third_error_rate"):
        for e in found.of(measure):
            assert e.value == pytest.approx(clean.value, abs=1e-12)
    for measure in ("answer_change_rate", "third_error_rise", "clipped_share", "ring_scattered_share"):
        assert {e.value for e in found.of(measure)} == {0.0}, measure
    assert max(e.value or 0.0 for e in found.of("logit_change")) < 1e-4  # batches round differently


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (6, 10), (10, 7)])
def test_the_map_fills_mirrors_at_every_place(size: tuple[int, int]) -> None:
    sat = made_up(size)
    told = {(w.fy, w.fx): j for j, w in enumerate(waves_of(sat))}
    found = results(sat)
    error = [e.value for e in found.of("error_rate")]
    chart = sat.exam.charts(found)[0]
    assert isinstance(chart, Heatmap)
    assert len(chart.x) * len(chart.y) == size[0] * size[1]
    height, width = size
    for y, row in zip(chart.y, chart.z, strict=True):
        for x, cell in zip(chart.x, row, strict=True):
            assert cell == pytest.approx(error[told[alike(int(-y), int(x), size, told)]], rel=1e-3)  # rows run down
    assert chart.y[0] == -((height + 1) // 2 - 1)
    assert chart.x[0] == -(width // 2)
    assert len(told) == (height * width + selves(size)) // 2


def alike(fy: int, fx: int, size: tuple[int, int], told: Mapping[Frequency, int]) -> Frequency:
    """The one wave among those asked for that is the same as (fy, fx)."""
    same = [
        (gy, gx)
        for gy, gx in told
        if any((s * gy - fy) % size[0] == 0 and (s * gx - fx) % size[1] == 0 for s in (1, -1))
    ]
    assert len(same) == 1
    return same[0]


def selves(size: tuple[int, int]) -> int:
    """Frequencies that are their own mirror."""
    return sum((2 * y) % size[0] == 0 and (2 * x) % size[1] == 0 for y, x in product(*map(range, size)))


def made_up(
    size: tuple[int, int], exam: FourierHeatmap | None = None, n: int = 40, right: Array | None = None
) -> Sitting:
    """Made-up answers of five classes: right on each wave with a chance of its own, unless ``right`` (n, m) says."""
    exam, subject, chance = exam or FourierHeatmap(), Subject(size, 5), np.random.default_rng(0)
    labels = chance.integers(0, 5, n)
    answers: dict[Query, Answer] = {}
    for j, query in enumerate(exam.ask(subject, ()) or ()):
        hit = chance.uniform(size=n) < chance.uniform(0.1, 0.9)
        if right is not None and j:
            hit = right[:, j - 1]
        logits = np.eye(5)[np.where(hit, labels, (labels + chance.integers(1, 5, n)) % 5)] * 3
        shares = chance.uniform(0, 0.5, n)
        notes = {"clipped_share": shares, "scattered_share": shares * chance.uniform(0, 1, n)}
        answers[query] = Answer("logits", logits.astype(np.float32), notes if j else {}, np.ones(n, bool))
    return Sitting(exam, subject, Answers(answers), Batch(tuple(f"{i:03d}" for i in range(n)), labels, subject))


@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
def test_rings_and_thirds_average_the_full_plane(size: tuple[int, int]) -> None:
    sat = made_up(size)
    found, rows, labels = results(sat), sat.whole.rows, sat.batch.labels
    told = {(w.fy, w.fx): j for j, w in enumerate(waves_of(sat))}
    wrong = (rows["wave_top1"] != labels[:, None]).mean(0)
    clipped = rows["wave_clipped_share"].astype(np.float64).mean(0)
    clean = (rows["image_top1"] != labels).mean()
    rings: dict[int, list[tuple[float, float]]] = {}
    thirds: dict[str, list[float]] = {}
    n = max(size)
    for fy, fx in product(*(range(-(s // 2), (s + 1) // 2) for s in size)):
        j = told[alike(fy, fx, size, told)]
        radius = n * np.hypot(fy / size[0], fx / size[1])
        rings.setdefault(int(radius + 0.5), []).append((wrong[j], clipped[j]))
        if radius > 0:
            third = "low" if radius <= n / 6 else "middle" if radius <= n / 3 else "high"
            thirds.setdefault(third, []).append(wrong[j])
    assert [e.at["ring"] for e in found.of("ring_error_rate")] == sorted(rings)
    for ring, cells in rings.items():
        for measure, expected in zip(("ring_error_rate", "ring_clipped_share"), np.mean(cells, 0), strict=True):
            e = found.one(measure, ring=ring)
            assert e is not None
            assert e.value == pytest.approx(expected)
            assert e.at["radius"] == pytest.approx(ring, abs=0.5)
            assert e.at["radius_nyquist"] == pytest.approx(e.at["radius"] / (n / 2), abs=1e-3)
    for third, values in thirds.items():
        error, rise = found.one("third_error_rate", third=third), found.one("third_error_rise", third=third)
        assert error is not None
        assert rise is not None
        assert error.value == pytest.approx(np.mean(values))
        assert rise.value == pytest.approx(np.mean(values) - clean)
    overall = found.one("clipped_share")
    assert overall is not None
    assert overall.value == pytest.approx(np.mean([c for cells in rings.values() for _, c in cells]))


def test_each_wave_is_counted_for_itself() -> None:
    sat = made_up((8, 8))
    found, rows, labels = results(sat), sat.whole.rows, sat.batch.labels
    for j, wave in enumerate(waves_of(sat)):
        error, change, moved = (
            found.of(measure, fy=wave.fy, fx=wave.fx)
            for measure in ("error_rate", "answer_change_rate", "logit_change")
        )
        assert [e.value for e in error] == [(rows["wave_top1"][:, j] != labels).mean()]
        assert [e.value for e in change] == [(rows["wave_top1"][:, j] != rows["image_top1"]).mean()]
        assert error[0].n == 40
        assert error[0].method == "wilson"
        logits = [sat.answers[q].values for q in (CLEAN, Query(wave))]
        assert moved[0].value == pytest.approx(np.linalg.norm(logits[1] - logits[0], axis=1).mean(), rel=1e-6)
    assert rows["wave_top1"].dtype == np.int16
    many = Batch(sat.batch.ids, labels, Subject((8, 8), 40_000))
    assert sat.exam.read(sat.answers, many).rows["wave_top1"].dtype == np.int32


def test_adding_a_constant_to_all_logits_changes_nothing() -> None:
    sat = made_up((8, 8))
    shift = np.random.default_rng(1).normal(0, 5, (len(sat.answers), 40, 1)).astype(np.float32)
    shifted = {q: Answer(a.kind, a.values + shift[j], a.notes, a.valid) for j, (q, a) in enumerate(sat.answers.items())}
    again = sat.exam.read(Answers(shifted), sat.batch).rows
    for name, column in sat.whole.rows.items():
        np.testing.assert_allclose(again[name], column, atol=1e-5, err_msg=name)


def test_unlabelled_images_count_only_where_answers_are_compared() -> None:
    sat = made_up((8, 8))
    labels = sat.batch.labels.copy()
    labels[::4] = -1
    some, known = sat.exam.estimates(sat.whole, labels, sat.subject), labels >= 0
    alone = sat.exam.estimates(sat.part(known), labels[known], sat.subject)
    everything = results(sat)
    for e in some:
        assert e in (alone if "error" in e.measure else everything), e
    bare = sat.exam.estimates(sat.whole, np.full(40, -1), sat.subject)
    assert {e.measure for e in bare} == {e.measure for e in everything if "error" not in e.measure}
    assert sat.exam.charts(bare)[0].title == "Changed answers under each wave"


def test_the_most_harmful_wave_is_measured_on_images_that_did_not_choose_it() -> None:
    right, labels = np.ones((40, 34), bool), made_up((8, 8)).batch.labels
    by_class = np.argsort(labels, kind="stable")
    right[by_class[::2], 9] = False  # wrong on all images that choose, on none of the others
    right[by_class[1::2], 20] = right[by_class[:8:2], 20] = False  # wrong on more of them all, on few that choose
    sat = made_up((8, 8), right=right)
    (e,) = results(sat).of("highest_error_rate")
    chosen = waves_of(sat)[9]
    assert (e.at["fy"], e.at["fx"], e.value, e.n) == (chosen.fy, chosen.fx, 0.0, 20)
    for n, told_of in ((60, 1), (58, 0)):  # half of which choose
        sat = made_up((8, 8), n=n)
        assert sum("most harmful" in f.sentence for f in sat.exam.findings(results(sat))) == told_of


@pytest.mark.parametrize(
    ("preset", "size", "waves"),
    [
        ("auto", (32, 32), 514),
        ("auto", (224, 224), 148),
        ("full", (33, 33), 545),
        ("paper", (224, 224), 1985),
        ("paper", (32, 32), 514),
        ("coarse", (224, 224), 148),
        ("coarse", (14, 14), 100),
    ],
)
def test_presets_ask_for_so_many_waves(preset: str, size: tuple[int, int], waves: int) -> None:
    exam = FourierHeatmap(preset=preset)  # type: ignore[arg-type]
    asked = exam.ask(Subject(size, 10), ()) or ()
    assert asked[0] == CLEAN
    assert len(asked) == waves + 1
    pairs = {frozenset(((w.fy % size[0], w.fx % size[1]), (-w.fy % size[0], -w.fx % size[1]))) for w in views(asked)}
    assert len(pairs) == waves  # none twice


def views(queries: object) -> list[Wave]:
    return [q.view for q in queries if isinstance(q.view, Wave)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [(64, 64), (50, 50), (48, 96), (99, 99)])
def test_coarse_maps_have_no_holes_and_every_wave_a_place(size: tuple[int, int]) -> None:
    sat = made_up(size, FourierHeatmap(preset="coarse"))
    found = results(sat)
    chart = sat.exam.charts(found)[0]
    assert isinstance(chart, Panels)
    told = {(w.fy, w.fx): j for j, w in enumerate(waves_of(sat))}
    error, placed = [e.value for e in found.of("error_rate")], set()
    for panel in chart.panels:
        for y, row in zip(panel.y, panel.z, strict=True):
            for x, cell in zip(panel.x, row, strict=True):
                j = told[alike(int(-y), int(x), size, told)]
                assert cell == pytest.approx(error[j], rel=1e-3)
                placed.add(j)
    assert placed == set(told.values())
    lines = next(c for c in sat.exam.charts(found) if isinstance(c, Lines))
    assert lines.x_scale == "log"
    assert list(lines.x) == sorted(lines.x)
    assert np.all(np.diff(np.log2(lines.x[1:])) <= 1.1)  # no scale is passed over


def test_no_wave_lies_beyond_the_radius() -> None:
    size = (8, 16)
    sat = made_up(size, FourierHeatmap(radius=4.0))
    asked = {(w.fy, w.fx) for w in waves_of(sat)}
    everything = {(w.fy, w.fx) for w in waves_of(made_up(size))}
    assert asked == {(fy, fx) for fy, fx in everything if (2 * fy) ** 2 + fx**2 <= 16}  # true circles: rows are sparser
    assert max(abs(fx) for _, fx in asked) == 4
    assert max(abs(fy) for fy, _ in asked) == 2
    chart = sat.exam.charts(results(sat))[0]
    assert isinstance(chart, Heatmap)
    assert (chart.x[0], chart.x[-1]) == (-4.0, 4.0)
    only = made_up(size, FourierHeatmap(radius=0))
    assert [(w.fy, w.fx) for w in waves_of(only)] == [(0, 0)]
    assert not only.exam.charts(results(only))[0].circles  # type: ignore[union-attr]
    found = only.exam.findings(results(only))
    assert {f.verdict for f in found} == {"note"}
    assert found[-1].sentence.startswith("Only a change of colour")


def test_strength_follows_the_papers_two_points() -> None:
    assert default_norm((32, 32)) == 4.0
    assert default_norm((224, 224)) == pytest.approx(15.7, rel=1e-12)
    assert default_norm((16, 64)) == pytest.approx(4.0)
    sides = np.array([8, 16, 64, 128, 384, 512])
    amplitude = [default_norm((int(s), int(s))) / s for s in sides]
    slopes = np.diff(np.log(amplitude)) / np.diff(np.log(sides))
    np.testing.assert_allclose(slopes, np.log(15.7 / 224 / (4 / 32)) / np.log(7))
    asked = FourierHeatmap().ask(Subject((64, 64), 3), ()) or ()
    assert {w.norm for w in views(asked)} == {default_norm((64, 64))}
    assert {w.norm for w in views(FourierHeatmap(norm=2.5).ask(Subject((64, 64), 3), ()))} == {2.5}


MADE_UP = ("third_error_rise", "clipped_share", "clean_error")


def told(
    rise: Mapping[str, tuple[float, float, float]], clipped: float = 0.05, n: int = 500, clean: float = 0.1
) -> Estimates:
    """Made-up figures of a whole exam at 8 x 8 pixels."""
    exam = FourierHeatmap()
    others = [e for e in results(made_up((8, 8))) if e.measure not in MADE_UP]
    others.append(exam.estimate("clean_error", value=clean, n=n))
    rises = [
        exam.estimate(
            "third_error_rise", value=v, low=low, high=high, n=n, unit="difference of shares", at={"third": t}
        )
        for t, (low, v, high) in rise.items()
    ]
    return Estimates((*others, *rises, exam.estimate("clipped_share", value=clipped, n=n)))


def test_verdicts_follow_thresholds_fixed_beforehand() -> None:
    found = told({"low": (0.0, 0.02, 0.04), "middle": (0.04, 0.08, 0.12), "high": (0.11, 0.3, 0.4)})
    first = FourierHeatmap().findings(found)[:3]
    assert [f.verdict for f in first] == ["weak", "note", "strong"]  # the worst first
    assert ["fine waves" in first[0].sentence, "broad waves" in first[2].sentence] == [True, True]
    assert "more than 3 across" in first[0].sentence
    assert "a rise of 30.0 points (95% interval 11.0 to 40.0); 500 images" in first[0].sentence
    assert "aliasing" in first[0].advice
    hopeless = told({"low": (0.0, 0.02, 0.04)}, clean=0.6)
    assert FourierHeatmap().findings(hopeless)[0].verdict == "note"
    unsure = told({"low": (-0.1, 0.02, 0.06), "high": (0.09, 0.3, 0.4)})
    assert [f.verdict for f in FourierHeatmap().findings(unsure)[:2]] == ["note", "note"]


def test_a_stopped_clock_is_not_strong() -> None:
    for labels in (np.arange(150) % 4, None):
        constant = seen_by(ConstantEye(0.0, 1.0, 0.0, 0.0))
        found = results(sitting(FourierHeatmap(norm=2.0), constant, image_set(grey_noise(150), labels)))
        assert {f.verdict for f in FourierHeatmap().findings(found)} == {"note"}


def test_much_clipping_is_said() -> None:
    rise = {"low": (0.0, 0.02, 0.04)}
    calm, loud = (FourierHeatmap().findings(told(rise, clipped=c)) for c in (CLIPPED, CLIPPED + 0.01))
    assert len(loud) == len(calm) + 1
    assert "21.0% of the noise's energy" in loud[-1].sentence


def test_without_labels_changed_answers_are_judged() -> None:
    eye = HighPassEye(5.5, 16)  # blind to the lower two thirds of n/2 = 8
    found = results(sitting(FourierHeatmap(norm=2.0), seen_by(eye), image_set(grey_noise(150))))
    rates = {e.at["third"]: e.value for e in found.of("third_answer_change_rate")}
    assert rates["low"] == rates["middle"] == 0.0
    assert (rates["high"] or 0.0) > 0.1
    verdicts = [(f.verdict, f.sentence.split()[1]) for f in FourierHeatmap().findings(found)]
    assert verdicts == [("weak", "fine"), ("strong", "broad"), ("strong", "medium")]


def test_only_so_many_images_are_asked_and_grey_models_too(tmp_path: Path) -> None:
    eye = LinearEye(torch.randn(4, 64, generator=torch.Generator().manual_seed(0)))
    grey = wrap(eye, preprocessing=Preprocessing(size=(8, 8), resize=(8, 8), mean=(0.0,), std=(1.0,)), device="cpu")
    images = image_set(noise_images(20, 8), np.arange(20) % 4)
    run = examined(grey, images, [FourierHeatmap(images=7)], tmp_path / "run")
    assert {e["n"] for e in run.results["estimates"]} <= {7, 3}
    assert {e["n"] for e in run.results["estimates"] if e["measure"] == "error_rate"} == {7}


def test_disc_agrees_with_the_radii_told() -> None:
    found = results(made_up((16, 16)))
    inside = disc(16, 16, 5)
    for e in found.of("error_rate"):
        assert bool(inside[e.at["fy"], e.at["fx"]]) == (e.at["radius"] <= 5)
        assert e.at["radius_nyquist"] == pytest.approx(e.at["radius"] / 8, abs=1e-4)
