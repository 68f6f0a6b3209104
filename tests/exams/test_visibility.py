"""The visibility exam against a transcription in numpy, and pictures of which it is known what people see."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import atan, degrees
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from eyechart.core.chart import Gallery, Lines
from eyechart.core.estimate import Estimates
from eyechart.core.tally import Tally
from eyechart.errors import SettingError
from eyechart.exams.clean import Clean
from eyechart.exams.visibility import Visibility
from eyechart.exams.visibility_rows import grid_radii, of_views, threshold_radii
from eyechart.exams.visibility_views import Frame, default_views, named_view
from eyechart.models.image_model import ImageModel
from eyechart.models.preprocessing import Preprocessing
from eyechart.spectrum.visibility import local_luminance
from eyechart.stats.intervals import wilson
from eyes import Array, ConstantEye, Sitting, examined, image_set, noise_images, seen_by, sitting


def frame(size: tuple[int, int], channels: int = 3) -> ImageModel:
    grey = {"mean": (0.5,), "std": (0.5,)} if channels == 1 else {}
    return ImageModel.frame_only(Preprocessing(size=size, resize=size, **grey))


def sat(images: Array, channels: int = 3, **settings: object) -> Sitting:
    return sitting(Visibility(**settings), frame(images.shape[1:3], channels), image_set(images))


def told(images: Array, **settings: object) -> Estimates:
    one = sat(images, **settings)
    return one.exam.estimates(one.whole, one.batch.labels, one.subject)


def luminance(pixels: Array) -> Array:
    """(h, w, c) sRGB, clipped."""
    x = np.clip(pixels, 0, 1)
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return linear @ ([0.2126, 0.7152, 0.0722] if x.shape[-1] == 3 else [1.0])


def around(light: Array, per_degree: float) -> Array:
    """Mean within the picture, weighted by a Gaussian of 0.6273 degrees, every pixel cut into 20 x 20."""
    weights = []
    for n in light.shape:
        apart = np.arange(n)[None, :, None] - np.arange(n)[:, None, None] + (np.arange(-10, 10) + 0.5) / 20
        weights.append(np.exp(-((apart / per_degree / 0.6273) ** 2) / 2).sum(2))
    sums = [weights[0] @ values @ weights[1].T for values in (light, np.ones_like(light))]
    return np.maximum(sums[0] / sums[1], 0.01)


def seen(
    image: Array, shown: Array, per_degree: float, brightness: bool = False, local: bool = False
) -> tuple[float, float]:
    """Root mean square, and pooled contrast with every pixel cut into 20 x 20."""
    first, second = luminance(image), luminance(shown)
    z = np.fft.fft2((second - first) / (around(first, per_degree) if local else first.mean()))
    f = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in first.shape), indexing="ij")) * per_degree
    weights = 373.08 * (1 / np.cosh((f / 4.1726) ** 0.7786) - 0.8493 / np.cosh(f / 1.3625))
    weights[0, 0] *= brightness
    e = np.fft.ifft2(z * weights).real
    parts = (np.arange(-10, 10) + 0.5) / 20
    aperture = []
    for n in first.shape:
        apart = (np.arange(n)[None, :, None] - np.arange(n)[:, None, None] + parts) / per_degree
        aperture.append((np.exp(-(apart**2) / (2 * 0.6273**2)) ** 2.4081).sum(2) / (20 * per_degree))
    pooled = (aperture[0] @ np.abs(e) ** 2.4081 @ aperture[1].T).max() ** (1 / 2.4081)
    return float(np.sqrt((e**2).mean())), float(pooled)


def band(image: Array, inner: float, outer: float) -> Array:
    """inner < D <= outer of (h, w, c); a negative inner takes the mean in."""
    height, width = image.shape[:2]
    d = np.hypot(*np.meshgrid(height * np.fft.fftfreq(height), width * np.fft.fftfreq(width), indexing="ij"))
    kept = (d > inner + 1e-9) & (d <= outer + 1e-9)
    return np.fft.ifft2(np.fft.fft2(image, axes=(0, 1)) * kept[..., None], axes=(0, 1)).real


@pytest.mark.parametrize("shape", [(16, 16), (13, 18), (9, 20)])
@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize(("brightness", "local"), [(False, False), (True, False), (False, True)])
def test_rows_are_what_the_definitions_say(
    shape: tuple[int, int], channels: int, brightness: bool, local: bool
) -> None:
    images = np.random.default_rng(0).integers(30, 256, (3, *shape, 3), dtype=np.uint8)
    if channels == 1:
        images = np.repeat(images[..., :1], 3, axis=3)
    views = ("low:3", "high:3", "pass:2-4.5", "low:5")
    settings = {"brightness": brightness, "adaptation": "local" if local else "mean"}
    one = sat(images, channels, views=views, pixels_per_degree=9.0, steps=4, **settings)
    rows = one.whole.rows
    radii = grid_radii(shape, 4, "index")
    for i, image in enumerate(images[..., :channels] / 255):
        shown = [band(image, -1, 3), band(image, 3, 99) + 0.5, band(image, 2, 4.5) + 0.5, band(image, -1, 5)]
        for j, picture in enumerate(shown):
            rms, pooled = seen(image, picture, 9.0, brightness, local)
            assert rows["weighted_contrast"][i, j] == pytest.approx(rms, rel=1e-4)
            assert rows["pooled_contrast"][i, j] == pytest.approx(pooled, rel=1e-3)
            alone = seen(np.full_like(picture, 0.5), picture, 9.0, brightness, local)[1] if j in (1, 2) else np.nan
            assert rows["alone_contrast"][i, j] == pytest.approx(alone, rel=1e-3, nan_ok=True)
        above = rows["above_contrast"][i].reshape(len(one.exam.distances), len(radii))
        for k, times in enumerate(one.exam.distances):
            for radius, value in zip(radii[:-1], above[k], strict=False):
                slow = seen(image, band(image, -1, radius), 9.0 * times, brightness, local)[1]
                assert value == pytest.approx(slow, rel=2e-3, abs=1e-4)


def test_waves_are_the_heat_maps() -> None:
    found = told(noise_images(4), views=("wave:0,3", "wave:2,-3@0.5", "wave:0,3@0"))
    assert [e.at["norm"] for e in found.of("ssim")] == [pytest.approx(4 * 0.5**0.7027, rel=1e-3), 0.5, 0.0]
    strong, weak, none = (e.value for e in found.of("pooled_contrast"))
    assert strong > weak > 1
    assert none == 0.0
    radius = found.of("ssim")[1].at
    assert (radius["radius"], radius["radius_nyquist"]) == (pytest.approx(13**0.5), pytest.approx(13**0.5 / 8))


def test_what_lies_in_the_dark_half_is_measured_by_its_own_light_if_asked() -> None:
    wave = 0.01 * np.sin(np.pi / 2 * np.arange(64)) * np.ones((32, 1))  # two cycles a degree
    dark = np.full((32, 128), 0.1)
    two = np.concatenate([dark[:, :64], np.ones((32, 64))], 1)
    contrasts = {}
    for name, field in (("dark", dark), ("two", two)):
        frames, changed = (torch.tensor(x[None, None]) for x in (field, field + np.pad(wave, ((0, 0), (0, 64)))))
        for local in (False, True):
            (pooled,) = of_views(frames, [changed], [False], 8.0, False, local)["pooled_contrast"].ravel()
            contrasts[name, local] = float(pooled)
    assert contrasts["dark", False] > 10 * contrasts["two", False]  # the whole picture's mean hides it
    assert contrasts["two", True] == pytest.approx(contrasts["dark", True], rel=0.02)
    assert contrasts["dark", True] == pytest.approx(contrasts["dark", False], rel=1e-6)


def test_light_far_below_the_rooms_is_not_adapted_to() -> None:
    field = torch.full((1, 24, 24), 1e-4)
    field[:, :, 12:] = 0.5
    found = local_luminance(field, 2000.0)  # a degree is far wider than the picture: the mean everywhere
    torch.testing.assert_close(found, field.mean().expand_as(field), rtol=1e-3, atol=0)
    near = local_luminance(field, 2.0)
    assert near[0, :, 0].tolist() == pytest.approx([0.01] * 24)


def stripes(n: int = 6, size: int = 32) -> Array:
    """Upright stripes of four pixels, of growing contrast: one wave of radius size / 4, and nothing else."""
    row = np.tile([1, 0, -1, 0], size // 4)
    levels = 120 + np.linspace(20, 100, n).astype(int)[:, None, None] * np.broadcast_to(row, (size, size))
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=3)


def test_the_threshold_radius_of_one_wave_is_its_own() -> None:
    found = told(stripes(), pixels_per_degree=16.0, distances=(1, 50))
    near, far = found.of("threshold_radius")
    assert (near.value, near.low, near.high) == (8.0, 8.0, 8.0)
    assert far.value == 0.0  # 200 cycles a degree: nothing is seen at all
    for times, beyond in ((1, 0.0), (50, 0.0)):
        assert found.one("visible_beyond_share", times_distance=times).value == beyond
    above = {e.at["radius"]: e.value for e in found.of("above_contrast", times_distance=1)}
    assert all(value > 1 if radius < 8 else value < 1e-3 for radius, value in above.items())


def test_a_small_grid_of_radii_by_hand() -> None:
    above = np.array([[9, 5, 2, 0.5, 0], [9, 0.5, 2, 0.9, 0], [0.1, 0.1, 0, 0, 0], [9, 9, 9, 1, 0], [np.nan] * 5])
    found = threshold_radii(above[:, None].astype(np.float32), [0.0, 1.0, 2.0, 3.0, 3.5])[:, 0]
    np.testing.assert_array_equal(found, [3, 3, 0, 3.5, np.nan])
    assert grid_radii((4, 6), 3, "index") == [0, 1, 2, 3, 13**0.5]
    assert grid_radii((4, 6), 3, "isotropic") == [0, 1, 2, 3, 4, pytest.approx(18**0.5)]


def test_further_away_less_is_seen() -> None:
    found = told(noise_images(8, 32), pixels_per_degree=30.0, distances=(1, 2, 4, 8))
    radii = [e.value for e in found.of("threshold_radius")]
    assert radii == sorted(radii, reverse=True)
    assert radii[0] > 16
    assert radii[-1] < 4
    degree = [e.at["pixels_per_degree"] for e in found.of("threshold_radius")]
    assert degree == [30, 60, 120, 240]
    assert [e.value * 16 for e in found.of("threshold_radius_nyquist")] == pytest.approx(radii)


def test_size_and_distance_are_pixels_per_degree() -> None:
    images = noise_images(5)
    degree = 16 / (2 * degrees(atan(20 / 90)))
    by_size = sat(images, width_cm=20, distance_cm=45).whole.rows
    given = sat(images, pixels_per_degree=degree).whole.rows
    for name in ("weighted_contrast", "pooled_contrast", "ssim"):
        np.testing.assert_allclose(by_size[name], given[name], rtol=1e-6)
    found = told(images, width_cm=20, distance_cm=45, distances=(2,))
    assert found.one("pixels_per_degree").value == pytest.approx(degree)
    twice = found.of("threshold_radius")[1].at
    assert twice["times_distance"] == 2
    assert twice["pixels_per_degree"] == pytest.approx(16 / (2 * degrees(atan(20 / 180))), abs=1e-4)
    assert twice["pixels_per_degree"] < 2 * degree


def test_what_changes_nothing_is_not_seen() -> None:
    found = told(noise_images(7), views=("low:150%",))
    assert [e.value for e in found.of("pooled_contrast")] == [pytest.approx(0, abs=1e-3)]
    assert [e.value for e in found.of("ssim")] == [pytest.approx(1, abs=1e-6)]
    assert not found.of("alone_contrast")
    nothing_left = told(noise_images(7), views=("high:150%",))
    assert [e.value for e in nothing_left.of("alone_contrast")] == [pytest.approx(0, abs=1e-3)]
    assert nothing_left.one("alone_visible_share").value == 0.0
    assert nothing_left.one("visible_share").value == 1.0
    (share,) = found.of("visible_share")
    ends = wilson(0, 7)
    assert (share.value, share.low, share.high, share.n) == (0.0, ends.low, ends.high, 7)


def test_shares_are_counted_in_the_rows() -> None:
    images = np.concatenate([stripes(9), np.full((3, 32, 32, 3), 90, np.uint8)])
    one = sat(images, views=("low:4",), pixels_per_degree=16.0)
    rows = one.whole.rows
    found = one.exam.estimates(one.whole, one.batch.labels, one.subject)
    assert found.one("visible_share").value == (rows["pooled_contrast"] >= 1).mean() == 0.75
    for measure in ("weighted_contrast", "pooled_contrast", "ssim"):
        e = found.one(measure)
        assert e.value == pytest.approx(rows[measure].mean(dtype=np.float64))
        assert e.low < e.value < e.high


def test_black_images_are_counted_and_have_no_part() -> None:
    black = np.zeros((3, 16, 16, 3), np.uint8)
    alone, mixed = told(noise_images(8)), told(np.concatenate([black, noise_images(8)]))
    others = ("ssim", "pixels_per_degree", "black_images")
    for one, other in zip(alone, mixed, strict=True):
        if one.measure not in others and one.at.get("view") != "wave":  # whose signs are drawn by the image's name
            assert other.value == pytest.approx(one.value, rel=1e-5, abs=1e-6)
            assert other.n == one.n == 8
    assert (mixed.one("black_images").value, mixed.one("black_images").n) == (3.0, 11)
    assert any("3 of 11 images are black" in f.sentence for f in Visibility().findings(mixed))


def test_nothing_but_black_images_is_undefined_with_a_reason() -> None:
    one = sat(np.zeros((4, 16, 16, 3), np.uint8))
    found = one.exam.estimates(one.whole, one.batch.labels, one.subject)
    json.dumps([e.to_dict() for e in found], allow_nan=False)
    for e in found:
        if e.measure not in ("ssim", "pixels_per_degree", "black_images"):
            assert e.value is None
            assert "black" in e.reason
    assert [f.sentence.startswith("All images are black") for f in one.exam.findings(found)] == [True]
    assert one.exam.charts(found)
    for case in one.whole.kept:
        json.dumps(case.facts, allow_nan=False)


def test_texts_name_views() -> None:
    square = Frame((32, 32))
    assert named_view("low:75%", square).view == named_view("low:12", square).view
    assert named_view("low:75%", square).at == {"view": "low", "radius": 12.0, "radius_nyquist": 0.75}
    assert default_views((224, 224))[:4] == ("low:28", "low:56", "low:84", "low:112")
    assert [named_view(text, square).text for text in default_views((32, 32))] == [*default_views((32, 32))]
    assert default_views((2, 2))[-1] == "wave:0,1"
    twice = told(noise_images(3, 32), views=("low:12", "low:75%"))
    assert len(twice.of("ssim")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "blur:3",
        "low",
        "low:",
        "low:-1",
        "low:nan",
        "low:1e999",
        "pass:4",
        "pass:8-4",
        "wave:3",
        "wave:1.5,2",
        "wave:1,2@-1",
        "",
    ],
)
def test_other_texts_are_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(ValidationError, match="names no view: write low:R"):
        Visibility(views=("low:8", text))


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in ({"views": ()}, {"views": ("low:3", "low:3")}, {"distances": (0.0,)}, {"distances": (2.0, 2.0)}):
        with pytest.raises(ValidationError):
            Visibility(**wrong)
    assert Visibility(distances=(4, 2)).distances == (1.0, 2.0, 4.0)
    with pytest.raises(SettingError, match=r"no such wave.*visibility.views.*FX up to 8"):
        told(noise_images(2), views=("wave:0,9",))


def test_every_sentence_about_sight_says_from_where() -> None:
    images = noise_images(12, 32)
    for settings, words in (({}, "seen from 60 cm"), ({"pixels_per_degree": 30}, "30 pixels a degree")):
        one = sat(images, **settings)
        found = one.exam.estimates(one.whole, one.batch.labels, one.subject)
        sentences = [f.sentence for f in one.exam.findings(found)]
        assert len(sentences) == 3
        assert all(words in sentence for sentence in sentences)
        assert "above radius 12 (75% of n/2)" in sentences[0]
        lines = [chart for chart in one.exam.charts(found) if isinstance(chart, Lines)]
        assert [line.rules[0].y for line in lines if line.y_scale == "log"] == [1.0, 1.0]
    far = told(images, pixels_per_degree=2000)
    for adaptation, beware in (("mean", "in dark parts and of colour"), ("local", "changes of colour")):
        exam = Visibility(pixels_per_degree=2000, adaptation=adaptation)
        sentence = exam.findings(far)[0].sentence
        assert (
            f"on most of the images it is below threshold; {'' if adaptation == 'local' else 'changes '}{beware}"
            in sentence
        )
        said = [sentence, *(str(chart.caption) for chart in exam.charts(far))]
        assert not any(word in one for one in said for word in ("people", "safe", "unseen", "invisible"))
        assert sum(beware in one and "average observer" in one for one in said) == 3  # and below both curves


def test_views_without_a_judged_radius_leave_the_general_sentence() -> None:
    one = sat(noise_images(5), views=("pass:1-2",), distances=(1,))
    found = one.exam.estimates(one.whole, one.batch.labels, one.subject)
    assert all("seen from 60 cm" in f.sentence for f in one.exam.findings(found))
    charts = one.exam.charts(found)
    assert {case.key for case in one.whole.kept} == {"visibility/others/0/"}
    assert not any(chart.title == "How visible the change is" for chart in charts)  # one place is no curve
    assert any("1 to 2 waves" in str(chart) for chart in charts)


def test_pictured_images_are_chosen_by_name_and_shown_with_all_views() -> None:
    images = noise_images(30)
    one, other = sat(images, gallery=3), sat(255 - images, gallery=3)
    kept = one.whole.kept
    names = {case.id for case in kept}
    assert len(names) == 3
    assert [case.id for case in kept] == [case.id for case in other.whole.kept]
    asked = {named_view(text, Frame((16, 16))).view for text in default_views((16, 16))}
    shown = [view for case in kept for name, view in one.exam.pictures(case).items() if name != "image"]
    assert len(shown) == 3 * len(asked)
    assert {*shown} == asked
    galleries = [c for c in one.exam.charts(told(images)) if isinstance(c, Gallery)]
    for case in kept:
        (gallery,) = (g for g in galleries if case.key.startswith(g.key))
        assert [name for name, _ in gallery.pictures] == list(one.exam.pictures(case))
        row = one.batch.ids.index(case.id)
        assert any(np.isclose(case.facts.get("ssim_low", case.facts.get("ssim_view")), one.whole.rows["ssim"][row]))
    assert not sat(images, gallery=0).whole.kept


def parts(one: Sitting, sizes: Sequence[int]) -> Tally:
    edges = np.repeat(np.arange(len(sizes)), sizes)
    return Tally.merge(one.part(edges == k) for k in range(len(sizes)))


def test_frames_larger_than_a_chunk_are_measured_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    one = sat(noise_images(7))
    whole = one.whole
    monkeypatch.setattr("eyechart.exams.visibility_rows.CHUNK", 2 * 3 * 16 * 16)
    for chunked in (one.whole, parts(one, (3, 4))):
        assert chunked.kept == whole.kept
        for name, column in whole.rows.items():
            np.testing.assert_allclose(chunked.rows[name], column, rtol=1e-5, atol=1e-5)


def test_with_and_without_a_model(tmp_path: Path) -> None:
    images = image_set(noise_images(20), [k % 4 for k in range(20)])
    alone = examined(frame((16, 16)), images, [Visibility(images=12), Clean()], tmp_path / "a")
    assert [s["exam"] for s in alone.results["skipped"]] == ["clean"]
    beside = examined(
        seen_by(ConstantEye(0.0, 1.0, 0.0, 0.0)), images, [Visibility(images=12), Clean()], tmp_path / "b"
    )
    ours = [e for e in beside.estimates if e.exam == "visibility"]
    assert len(ours) == len(alone.estimates)
    for one, other in zip(alone.estimates, ours, strict=True):
        assert (one.measure, one.at, one.n) == (other.measure, other.at, other.n)
        assert one.value == pytest.approx(other.value, rel=1e-5, abs=1e-6)
    assert {e.n for e in ours} == {12}
