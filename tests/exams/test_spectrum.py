"""The spectrum exam against a slow transcription of its definitions, and images with a known spectrum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eyechart.core.estimate import Estimates
from eyechart.exams.clean import Clean
from eyechart.exams.spectrum import Spectrum
from eyechart.models.image_model import ImageModel
from eyechart.models.preprocessing import Preprocessing
from eyes import Array, Sitting, examined, image_set, noise_images, sitting

GREY = np.array([0.2989, 0.587, 0.114])


def frame(size: int | tuple[int, int]) -> ImageModel:
    shape = (size, size) if isinstance(size, int) else size
    return ImageModel.frame_only(Preprocessing(size=shape, resize=shape))


def sat(images: Array, labels: list[int] | None = None, **settings: object) -> Sitting:
    return sitting(Spectrum(**settings), frame(images.shape[1:3]), image_set(images, labels))


def told(images: Array, labels: list[int] | None = None, **settings: object) -> Estimates:
    one = sat(images, labels, **settings)
    return one.exam.estimates(one.whole, one.batch.labels, one.subject)


def waves(size: int, fy: int, fx: int, n: int = 6) -> Array:
    """Grey images of one wave of differing contrast, rounded to 8 bit."""
    y, x = np.mgrid[:size, :size] / size
    wave = np.cos(2 * np.pi * (fy * y + fx * x))
    grey = 128 + np.linspace(20, 120, n)[:, None, None] * wave
    return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=3)


def coefficients(image: Array) -> list[tuple[float, float]]:
    """(D, |F|) of every coefficient of a grey plane (h, w), but for zero frequency."""
    height, width = image.shape
    spectrum = np.fft.fft2(image)
    found = []
    for i in range(height):
        for j in range(width):
            fy, fx = (i if 2 * i < height else i - height), (j if 2 * j < width else j - width)
            if fy or fx:
                found.append((float(np.hypot(fy, fx)), float(abs(spectrum[i, j]))))
    return found


def slow_head(all_images: list[Array], share: float = 0.8) -> float:
    """Coefficients sorted by D, energies added up until the share is reached."""
    energy: dict[float, float] = {}
    for image in all_images:
        for d, size in coefficients(image):
            energy[round(d, 9)] = energy.get(round(d, 9), 0.0) + size**2
    total, so_far = sum(energy.values()), 0.0
    for d in sorted(energy):
        so_far += energy[d]
        if so_far >= share * total:
            return d
    raise AssertionError


def ring_means(image: Array, power: int) -> dict[int, float]:
    rings: dict[int, list[float]] = {}
    for d, size in coefficients(image):
        rings.setdefault(int(d + 1e-9), []).append(size**power)
    return {k: float(np.mean(rings[k])) for k in sorted(rings)}


@pytest.mark.parametrize("shape", [(16, 16), (15, 15), (12, 18)])
def test_rows_are_what_the_definitions_say(shape: tuple[int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, *shape, 3), dtype=np.uint8)
    images[1] //= 8
    images[2, : shape[0] // 2] = 30
    rows = sat(images).whole.rows
    for i, image in enumerate(images):
        plane = (image / 255) @ GREY
        assert rows["head_radius"][i] == pytest.approx(slow_head([plane]), abs=1e-6)
        power, amplitude = ring_means(plane, 2), ring_means(plane, 1)
        np.testing.assert_allclose(rows["profile"][i], list(power.values()), rtol=1e-4)
        whole = [k for k in power if k <= min(shape) / 2]
        slope = np.polyfit(np.log(whole), np.log([power[k] for k in whole]), 1)[0]
        assert rows["slope"][i] == pytest.approx(slope, abs=1e-4)
        p = np.array(list(amplitude.values())) / sum(amplitude.values())
        assert rows["entropy"][i] == pytest.approx(-(p * np.log(p)).sum() / np.log(len(p)), abs=1e-5)


def test_pooled_is_the_head_of_all_energy_added_up() -> None:
    images = np.concatenate([noise_images(5), waves(16, 2, 1, 5)])
    found = told(images)
    pooled = found.one("head_radius", of="pooled")
    assert pooled is not None
    assert pooled.value == pytest.approx(slow_head([(i / 255) @ GREY for i in images]))
    mean = found.one("head_radius", of="image_mean")
    assert mean is not None
    assert mean.value == pytest.approx(np.mean([slow_head([(i / 255) @ GREY]) for i in images]))
    median = found.one("head_radius", of="image_median")
    assert median is not None
    assert median.value == pytest.approx(np.median([slow_head([(i / 255) @ GREY]) for i in images]))


@pytest.mark.parametrize("rounding", ["floor", "round"])
@pytest.mark.parametrize("ring", ["sum", "mean"])
@pytest.mark.parametrize("dc", [True, False])
def test_pooled_follows_the_conventions(rounding: str, ring: str, dc: bool) -> None:
    """Copies of one image, whichever the conventions, pool to that image's own head."""
    images = np.repeat(noise_images(1, 12), 7, axis=0) // 4 + 20
    found = told(images, rounding=rounding, ring=ring, dc=dc)
    pooled, mean = found.one("head_radius", of="pooled"), found.one("head_radius", of="image_mean")
    assert pooled is not None
    assert mean is not None
    assert pooled.value == mean.value == pooled.low == pooled.high


@pytest.mark.parametrize(("fy", "fx"), [(3, 4), (0, 5), (-2, 7)])
def test_one_wave_ends_the_head_at_its_radius(fy: int, fx: int) -> None:
    found = told(waves(32, fy, fx))
    for of in ("pooled", "image_mean", "image_median"):
        e = found.one("head_radius", of=of)
        assert e is not None
        assert e.value == pytest.approx(np.hypot(fy, fx))
    e = found.one("energy_share", radius=float(int(np.hypot(fy, fx))))
    assert e is not None
    assert e.value == pytest.approx(1.0, abs=1e-3)  # but for the rounding to 8 bit


def test_noise_is_even_and_its_head_holds_its_share_of_the_coefficients() -> None:
    found = told(noise_images(40, 32))
    entropy, head = found.one("entropy", of="image_mean"), found.one("head_radius", of="pooled")
    assert entropy is not None
    assert entropy.value > 0.99
    ranked = sorted(d for d, _ in coefficients(np.ones((32, 32))))
    assert head is not None
    assert head.value == pytest.approx(ranked[int(0.8 * len(ranked))], abs=0.5)
    shares = sum(e.value for e in found.of("energy_share"))
    assert shares == pytest.approx(1.0)
    bands = [e.value for e in found.of("entropy_share")]
    assert sum(bands) == pytest.approx(entropy.value, abs=1e-6)


def test_contrast_and_brightness_do_not_matter() -> None:
    images = noise_images(5) // 4
    rows, other = sat(images).whole.rows, sat(2 * images + 50).whole.rows
    for name in ("head_radius", "slope", "entropy"):
        np.testing.assert_allclose(rows[name], other[name], rtol=1e-4)


def test_flat_images_are_counted_and_have_no_part() -> None:
    flat = np.full((3, 16, 16, 3), 77, np.uint8)
    flat[1] = 0
    alone, mixed = told(noise_images(8)), told(np.concatenate([flat, noise_images(8)]))
    assert [e for e in mixed if e.measure != "flat_images"] == [e for e in alone if e.measure != "flat_images"]
    count = mixed.one("flat_images")
    assert count is not None
    assert (count.value, count.n) == (3.0, 11)
    nothing = told(flat)
    assert all(e.value is None for e in nothing if e.measure != "flat_images")
    assert Spectrum().findings(nothing)


def test_flat_images_have_no_part_where_brightness_counts_either() -> None:
    flat = np.full((2, 16, 16, 3), 77, np.uint8)
    alone, mixed = (told(images, dc=True) for images in (noise_images(8), np.concatenate([flat, noise_images(8)])))
    for of in ("image_mean", "image_median"):
        assert alone.of("head_radius", of=of) == mixed.of("head_radius", of=of)
    assert mixed.one("flat_images").value == 2.0


def test_classes_of_five_images_or_more() -> None:
    images = np.concatenate([waves(16, 0, 2, 6), waves(16, 0, 5, 5), waves(16, 0, 7, 4)])
    found = told(images, [0] * 6 + [1] * 5 + [2] * 4)
    heads = {e.at["class"]: e.value for e in found.of("head_radius") if "class" in e.at}
    assert heads == {"class 0": pytest.approx(2.0), "class 1": pytest.approx(5.0)}


def test_one_channel_alone() -> None:
    images = waves(16, 0, 3)
    images[..., 0] = noise_images(len(images))[..., 0]
    heads = {c: told(images, channel=c).one("head_radius", of="image_mean") for c in ("red", "green")}
    assert heads["green"] is not None
    assert heads["red"] is not None
    assert heads["green"].value == pytest.approx(3.0)
    assert heads["red"].value > 5


def test_a_frame_too_small_to_have_a_slope() -> None:
    found = told(noise_images(6, 2))
    assert found.one("head_radius", of="pooled").value is not None
    assert found.one("slope", of="image_mean").value is None


def test_without_a_model_other_exams_are_left_out(tmp_path: Path) -> None:
    run = examined(frame(16), image_set(noise_images(20), [k % 4 for k in range(20)]), [Spectrum(), Clean()], tmp_path)
    assert [s["reason"] for s in run.results["skipped"]] == ["it needs a model"]
    assert {e.exam for e in run.estimates} == {"spectrum"}
    assert run.rows("spectrum").num_rows == 20
    assert "id" in run.rows("spectrum").column_names
