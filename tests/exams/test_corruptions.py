"""The exam of corruptions on eyes whose errors are known, beside plain numpy, and on files against its own pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from eyechart.core.chart import Bars, Dots, Lines, Table
from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array
from eyechart.core.tally import Tally
from eyechart.core.view import Pixels
from eyechart.exams.corruptions import FILES, Corruptions
from eyechart.exams.corruptions_cells import EXTRAS, FAMILY, OF_FAMILY, PUBLISHED, Cells, as_first
from eyechart.exams.corruptions_estimates import Told
from eyechart.exams.corruptions_reference import ALEXNET, relative
from eyechart.exams.corruptions_spectra import change_energy, edges
from eyechart.images.arrays import ArraySet
from eyechart.images.cifar10 import CLASSES
from eyechart.images.corrupted import CORRUPTIONS
from eyechart.images.labels import LabelTable, relabel
from eyechart.images.load import load_images
from eyechart.run.subject import subject_of
from eyechart.stimuli.make import make_stimuli
from eyechart.views.corruptions.corrupted import Corrupted, kind_of
from eyechart.views.corruptions.picture import GENERATOR, CorruptedPicture
from eyes import (
    ConstantEye,
    HighPassEye,
    LowPassEye,
    NaNEye,
    Sitting,
    answered,
    examined,
    image_set,
    noise_images,
    one,
    seen_by,
    sitting,
)
from figures import value

N = 24
QUICK = ("brightness", "contrast", "pixelate", "jpeg_compression")


class BrightEye(nn.Module):
    """Class 1 where the mean is above 1/2."""

    def forward(self, x: Tensor) -> Tensor:
        above = 40 * (x.mean((1, 2, 3)) - 0.5)
        return torch.stack([-above, above], 1)


def flat_images(levels: Array, size: int = 16) -> Array:
    """Grey all over: (n,) levels."""
    return np.repeat(np.asarray(levels, np.uint8), size * size * 3).reshape(-1, size, size, 3)


def test_names_and_families_are_those_of_the_views() -> None:
    assert (*PUBLISHED, *EXTRAS) == CORRUPTIONS
    for name in CORRUPTIONS:
        assert kind_of(name).family == FAMILY[name]  # type: ignore[index]
        assert kind_of(name).extra == (name in EXTRAS)
    assert sorted(name for names in OF_FAMILY.values() for name in names) == sorted(CORRUPTIONS)


def test_an_eye_for_brightness_errs_where_brightness_is_added_alone() -> None:
    levels = np.array([40, 120, 124, 125, 126, 60, 20, 140, 200, 220, 240, 250])
    truth = (levels > 127).astype(int)
    images = image_set(flat_images(levels), truth)
    exam = Corruptions(corruptions=("brightness", "contrast", "pixelate"), frequencies=False)
    found = sitting(exam, seen_by(BrightEye()), images).estimates
    assert value(found, "clean_error") == 0
    for severity, added in zip(range(1, 6), (0.05, 0.1, 0.15, 0.2, 0.3), strict=True):
        wrong = np.mean((np.clip(levels / 255 + added, 0, 1) > 0.5) != truth)
        assert value(found, "error", corruption="brightness", severity=severity) == pytest.approx(wrong)
        for name in ("contrast", "pixelate"):  # about its own mean, and over one level: nothing changes
            assert value(found, "error", corruption=name, severity=severity) == 0
    mean = np.mean([value(found, "error", corruption="brightness", severity=s) for s in range(1, 6)])
    assert value(found, "corruption_error", corruption="brightness", given="all") == pytest.approx(mean)
    assert value(found, "mean_corruption_error", given="all") == pytest.approx(mean / 3)
    assert value(found, "family_error", family="weather", given="all") == pytest.approx(mean)
    assert value(found, "family_difference", family="weather", against="digital") == pytest.approx(mean)
    assert value(found, "mean_error_increase") == pytest.approx(mean / 3)
    e = one(found, "mean_corruption_error", given="all")
    assert (e.at["corruptions"], e.at["cells"], e.at["set"], e.at["column"]) == (3, 15, "generated", "cifar")


def test_a_constant_eye_has_one_error_everywhere() -> None:
    labels = np.arange(N) % 4
    labels[:3] = 1
    exam = Corruptions(corruptions=QUICK)
    found = sitting(exam, seen_by(ConstantEye(0, 1, 0, 0)), image_set(noise_images(N), labels)).estimates
    wrong = float((labels != 1).mean())
    for measure in ("clean_error", "error", "corruption_error", "family_error", "mean_corruption_error"):
        for e in found.of(measure):
            assert e.value == pytest.approx(0 if e.at.get("given") == "correct" else wrong)
            assert e.low is not None
            assert e.high is not None
            assert e.low <= e.value < e.high  # type: ignore[operator]
    for measure in ("error_increase", "mean_error_increase", "family_difference"):
        for e in found.of(measure):
            assert e.value == pytest.approx(0)
            assert e.low is not None
            assert e.low < 0 < (e.high or 0)
    assert value(found, "mean_agreement") == 1
    assert not [e for e in found.of("halved_at") if e.value is not None]
    assert value(found, "commonest_answer_share") == 1
    findings = exam.findings(found)
    assert {f.verdict for f in findings} == {"note"}
    assert sum("which guessing might be" in f.sentence for f in findings) == 1
    assert sum("one and the same answer 100.0%" in f.sentence for f in findings) == 1


def test_only_what_has_something_to_lose_is_praised() -> None:
    n = 300
    levels = np.arange(n) % 2 * 100 + 78
    images = flat_images(levels)
    exam = Corruptions(corruptions=("contrast", "pixelate"), severities=(1, 2), frequencies=False)
    for eye, labels, praised in (
        (BrightEye(), levels > 127, True),
        (BrightEye(), np.arange(n) // 2 % 2, False),
        (ConstantEye(1, 0, 0), np.arange(n) // (n - 1), False),  # nearly all of one class: far above guessing
    ):
        found = sitting(exam, seen_by(eye), image_set(images, labels)).estimates
        assert value(found, "mean_error_increase") == 0
        assert ("strong" in {f.verdict for f in exam.findings(found)}) is praised


def test_eyes_for_coarse_and_for_fine_detail_are_hurt_by_opposite_corruptions() -> None:
    images = noise_images(40, seed=5)
    exam = Corruptions(corruptions=("pixelate", "contrast"), severities=(5,), frequencies=False)
    errors = {}
    for name, eye in (("low", LowPassEye(3, 16)), ("high", HighPassEye(5, 16))):
        found = sitting(exam, seen_by(eye), image_set(images, answered(eye, images))).estimates
        assert value(found, "clean_error") == 0
        errors[name] = value(found, "error", corruption="pixelate", severity=5)
    assert errors["low"] < errors["high"] - 0.2


def test_figures_are_those_of_plain_numpy() -> None:
    images, eye, seed = noise_images(N, seed=2), LowPassEye(5, 16), 3
    labels = answered(eye, images)
    labels[:5] = (labels[:5] + 1) % 4
    exam = Corruptions(corruptions=("contrast", "pixelate"), severities=(2, 4), high=0.4)
    sat = sitting(exam, seen_by(eye), image_set(images, labels), seed)
    pixels = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255
    batch = Pixels(pixels.contiguous(memory_format=torch.channels_last), sat.batch.ids, seed)
    right = answered(eye, images) == labels
    for name in ("contrast", "pixelate"):
        own = []
        for severity in (2, 4):
            shown = Corrupted(name, severity).render(batch).pixels
            wrong = eye(shown).argmax(1).numpy() != labels
            assert value(sat.estimates, "error", corruption=name, severity=severity) == pytest.approx(wrong.mean())
            own.append(wrong)
            if severity == 2:
                spectrum = np.abs(np.fft.fft2((shown - pixels).numpy())) ** 2
                f = np.fft.fftfreq(16) * 16
                radius = np.hypot(*np.meshgrid(f, f, indexing="ij"))
                share = spectrum[..., radius > 0.4 * 8].sum() / spectrum.sum()
                at = {"corruption": name, "severity": 2}
                assert value(sat.estimates, "high_share", **at) == pytest.approx(share, rel=1e-4)
                rms = np.sqrt(np.square((shown - pixels).numpy()).mean())
                assert value(sat.estimates, "change_rms", **at) == pytest.approx(rms, rel=1e-4)
                parts = [e.value or 0.0 for e in sat.estimates.of("change_share", **at)]
                assert sum(parts) == pytest.approx(1, rel=1e-5)
        kept = np.stack(own, 1)[right].mean()
        assert value(sat.estimates, "corruption_error", corruption=name, given="correct") == pytest.approx(kept)


@pytest.mark.parametrize("size", [(16, 16), (15, 12), (9, 20)])
def test_bands_of_change_add_up_to_the_mean_squared_change(size: tuple[int, int]) -> None:
    chance = torch.Generator().manual_seed(0)
    plain, shown = (torch.rand(3, 3, *size, generator=chance) for _ in range(2))
    energy = change_energy(plain, shown, 0.3)
    assert energy.shape == (3, len(edges(0.3)))
    np.testing.assert_allclose(energy.sum(1), (shown - plain).square().mean((1, 2, 3)), rtol=1e-5)
    wave = torch.cos(2 * torch.pi * 3 * torch.arange(16) / 16).expand(1, 3, 16, 16)  # 3/8 of n/2
    np.testing.assert_allclose(change_energy(0 * wave, wave, 0.3)[0], [0, 0, 0, 0, 0.5, 0, 0], atol=1e-6)
    assert edges(0.3)[3:5] == (0.3, 0.5)


def alexnets(row: Any, cells: int = 5) -> Cells:
    """Answers of 2,500 images, as wrong as AlexNet, to the nearest image."""
    n = 2_500
    names = tuple((name, severity) for name in PUBLISHED for severity in range(1, cells + 1))
    wrong = np.zeros((n, 1 + len(names)))
    for k, (name, severity) in enumerate(names, 1):
        wrong[: round(n * (ALEXNET[row][name] + 0.02 * (severity - 3))), k] = 1
    wrong[: n // 4, 0] = 1
    return Cells(names, wrong, np.ones(wrong.shape, bool))


def say(measure: str, **fields: Any) -> Estimate:
    return Corruptions().estimate(measure, **fields)


@pytest.mark.parametrize("row", ["canonical", "robustbench"])
def test_by_alexnets_errors_alexnet_has_one_hundred(row: Any) -> None:
    own = np.array([ALEXNET[row][name] for name in PUBLISHED])
    assert float(np.mean([relative(e + np.linspace(-0.1, 0.1, 5), np.array([e])) for e in own])) == pytest.approx(100)
    told = Told(say, alexnets(row), {"set": "files"}, 1e-3)
    found = Estimates(told.beside(row, 0.25, 1000))
    assert value(found, "mce") == pytest.approx(100, abs=0.03)
    assert value(found, "relative_mce") == pytest.approx(100, abs=0.06)
    assert len(found.of("ce")) == len(found.of("relative_ce")) == 15
    for e in found.of("ce"):
        assert e.value == pytest.approx(100, abs=0.06)


def test_mce_is_undefined_where_it_would_mislead() -> None:
    cells = alexnets("canonical")
    told = Told(say, cells, {"set": "files"}, 1e-3)
    assert "1,000 classes" in one(Estimates(told.beside("canonical", None, 10)), "mce").reason
    assert "reference_clean_error" in one(Estimates(told.beside("canonical", None, 1000)), "relative_mce").reason
    there = cells.there.copy()
    there[:, [0, 7]] = False  # the images as they are, and shot noise 2
    lacking = replace(told, cells=Cells(cells.cells, cells.wrong * there, there))
    found = Estimates(lacking.beside("canonical", 0.25, 1000))
    assert "shot_noise 2 are missing" in one(found, "mce").reason
    assert one(found, "ce", corruption="shot_noise").reason
    assert one(found, "ce", corruption="fog").value == pytest.approx(100, abs=0.1)
    assert "missing" in one(found, "relative_mce").reason
    assert one(Estimates(lacking.figures()), "mean_corruption_error").at["cells"] == 74


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"column": "imagenet", "saved": "jpeg85"}, ""),
        ({"column": "cifar", "saved": "jpeg85"}, "224 pixels"),
        ({"column": "tiny", "saved": "jpeg85"}, "224 pixels"),
        ({"column": "imagenet", "saved": "lossless"}, "saved as JPEG"),
    ],
)
def test_pictures_drawn_here_stand_beside_alexnet_only_if_made_like_its_own(more: dict[str, Any], why: str) -> None:
    told = Told(say, alexnets("canonical"), {"set": "generated"}, 1e-3, more)
    found = Estimates(told.beside("canonical", 0.25, 1000))
    for measure in ("mce", "relative_mce", "ce", "relative_ce"):
        for e in found.of(measure):
            assert e.at.items() >= more.items()
            assert (e.value is None) == bool(why)
            assert why in e.reason


def test_pictures_of_64_and_224_pixels_are_saved_as_jpeg_as_the_published_ones_are() -> None:
    exam = Corruptions(corruptions=("contrast",), severities=(1,), frequencies=False)
    for size, saved in ((16, "lossless"), (64, "jpeg85"), (128, "jpeg85")):
        found = sitting(exam, seen_by(BrightEye(), size), image_set(flat_images(np.arange(4), size), np.zeros(4, int)))
        assert one(found.estimates, "mean_corruption_error", given="all").at["saved"] == saved


def test_increases_are_of_images_that_were_shown_both_ways() -> None:
    cells = (("fog", 1), ("fog", 2))
    there, wrong = np.ones((200, 3), bool), np.zeros((200, 3))
    there[100:, 0] = there[:50, 1:] = False  # clean alone, both, corrupted alone: 50, 50, 100
    wrong[:50, 0] = 1
    wrong[100:, 1:] = 1
    told = Told(say, Cells(cells, wrong * there, there), {"set": "files"}, 0.1)  # type: ignore[arg-type]
    found = Estimates(told.figures())
    increase = one(found, "mean_error_increase")
    assert (increase.value, increase.n) == (0, 50)  # not 2/3 less 1/2
    assert "by the 50 images that were shown both ways" in Corruptions().findings(found)[0].sentence
    there[50:100, 0] = False
    none = Estimates(replace(told, cells=Cells(cells, wrong * there, there)).figures())  # type: ignore[arg-type]
    for measure in ("mean_error_increase", "error_increase", "halved_at"):
        assert "also shown as it is" in one(none, measure).reason
    assert value(none, "mean_corruption_error") == pytest.approx(2 / 3)
    assert Corruptions().findings(none)[0].verdict == "note"


def test_the_increase_of_each_corruption_is_of_its_own_images() -> None:
    there = np.ones((80, 3), bool)
    there[:40, 2] = there[40:, 1] = False
    wrong = np.zeros((80, 3))
    wrong[40:] = 1  # as they are and in snow; what was shown in fog is right both ways
    cells = Cells((("fog", 1), ("snow", 1)), wrong * there, there)
    found = Estimates(Told(say, cells, {"set": "files"}, 0.1).figures())
    for name in ("fog", "snow"):
        e = one(found, "error_increase", corruption=name)
        assert (e.value, e.n) == (0, 40)


def test_increases_of_few_images_are_covered() -> None:
    chance, n, covered, praised = np.random.default_rng(0), 8, 0, 0
    for _ in range(60):
        hurt = chance.random(n) < 0.15  # images that most corruptions hurt, beside those that none does
        wrong = np.zeros((n, 1 + 75))
        wrong[:, 1:] = chance.random((n, 75)) < np.where(hurt, 0.9, 0.004)[:, None]
        cells = Cells(tuple((name, s) for name in PUBLISHED for s in range(1, 6)), wrong, np.ones(wrong.shape, bool))
        found = Estimates(Told(say, cells, {"set": "files"}, 1e-3).figures())
        e = one(found, "mean_error_increase")
        covered += (e.low or 0) <= 0.15 * 0.9 + 0.85 * 0.004 <= (e.high or 0)
        praised += any(f.verdict == "strong" for f in Corruptions().findings(found))
    assert covered >= 55  # resamples alone: 45
    assert praised == 0


def test_the_published_table_stands_as_it_was_given() -> None:
    assert sum(ALEXNET["canonical"].values()) / 15 == pytest.approx(0.788993, abs=1e-6)
    assert ALEXNET["canonical"]["impulse_noise"] == 0.92264
    assert ALEXNET["robustbench"]["jpeg_compression"] == 0.6068


def test_means_are_plain_over_cells_and_whole_images_are_resampled() -> None:
    cells = (("fog", 1), ("fog", 2))
    there = np.array([[True, True, True]] * 10 + [[True, True, False]] * 30)
    wrong = np.zeros((40, 3))
    wrong[:20, 1] = 1
    wrong[:10, 2] = 1
    few = Cells(cells, wrong, there)  # type: ignore[arg-type]
    found = few.share_over(few.columns(("fog",)))
    assert found.value == pytest.approx((0.5 + 1) / 2)  # not 30 of 50
    alike = Cells(cells, np.repeat((np.arange(400) % 2)[:, None], 3, 1), np.ones((400, 3), bool))  # type: ignore[arg-type]
    both, single = alike.share_over([1, 2]), alike.share(1)
    assert both.low == pytest.approx(single.low, abs=0.006)  # two looks at each image are no two images
    assert both.high == pytest.approx(single.high, abs=0.006)


def test_where_half_is_gone() -> None:
    n = 200
    right = np.stack([np.arange(n) < k for k in (180, 150, 91, 90, 20, 0)], 1)
    cells = Cells(tuple(("snow", s) for s in range(1, 6)), 1.0 - right, np.ones((n, 6), bool))
    found = one(Estimates(Told(say, cells, {"set": "files"}, 0.1).figures()), "halved_at")
    assert found.value == 3
    assert found.low == 2
    assert found.high == 4
    guessing = Estimates(Told(say, cells, {"set": "files"}, 0.45).figures())
    assert "guessing" in one(guessing, "halved_at").reason
    assert as_first(np.array([2, 2, np.inf, 2] * 50, float), 10).high is None
    assert as_first(np.array([np.inf] * 9, float), 10).value is None


@pytest.fixture
def small() -> tuple[ArraySet, nn.Module]:
    images, eye = noise_images(N, 32, seed=8), LowPassEye(6, 32, classes=10, nothing=3)
    labels = answered(eye, images)
    labels[::4] = (labels[::4] + 1) % 10
    return image_set(images, labels), eye


def written(images: ArraySet, folder: Path, names: tuple[str, ...], seed: int = 0) -> Path:
    """The pictures that the exam draws, in the published layout."""
    pixels = torch.from_numpy(images.images.copy()).permute(0, 3, 1, 2).float() / 255
    batch = Pixels(pixels.contiguous(memory_format=torch.channels_last), tuple(images.ids), seed)
    for name in names:
        shown = torch.cat([Corrupted(name, severity).render(batch).pixels for severity in range(1, 6)])
        np.save(folder / f"{name}.npy", shown.mul(255).round().byte().permute(0, 2, 3, 1).numpy())
    np.save(folder / "labels.npy", np.tile(images.targets["label"], 5))
    np.save(folder / "clean.npy", images.images)
    return folder


def test_files_give_what_its_own_pictures_give(small: tuple[ArraySet, nn.Module], tmp_path: Path) -> None:
    images, eye = small
    names = ("contrast", "pixelate", "saturate")
    exam, model = Corruptions(corruptions=names, frequencies=False), seen_by(eye, (32, 32))
    own = sitting(exam, model, images).estimates
    files = load_images(f"cifar10c:{written(images, tmp_path, names)}")
    assert exam.ask(subject_of(model, True, targets=tuple(files.targets)), ()) == (FILES,)
    found = sitting(exam, model, files).estimates  # type: ignore[arg-type]
    compared = 0
    for e in own:
        if e.at.get("given") == "correct" or e.measure in ("mean_corruption_error", "agreement", "mean_agreement"):
            continue
        at = {**e.at, "set": "files"}
        if e.at.get("set") and e.measure not in ("commonest_answer_share", "unanswered"):
            (other,) = found.of(e.measure, **at)
            assert (other.value, other.low, other.high, other.n) == (e.value, e.low, e.high, e.n), (e, other)
            compared += 1
    assert compared > 25
    assert value(found, "mean_corruption_error") == value(own, "mean_corruption_error", given="all")
    assert {e.at["set"] for e in found} == {"files"}
    assert "those of the files" in exam.findings(found)[-1].sentence
    exam.charts(found)


def test_a_set_written_here_gives_the_same_and_says_that_it_is_not_the_published_one(
    small: tuple[ArraySet, nn.Module], tmp_path: Path
) -> None:
    images, eye = small
    named = relabel(images, LabelTable({"label": images.targets["label"]}, CLASSES, ()))
    for name, severity in (("gaussian_noise", 2), ("gaussian_noise", 4), ("fog", 2)):
        out = tmp_path / "set" / name / str(severity)
        make_stimuli("corruption", named, out=out, settings={"corruption": name, "severity": severity}, workers=0)
    make_stimuli("plain", named, out=tmp_path / "set" / "clean" / "0", workers=0)
    about = json.loads((tmp_path / "set/fog/2/stimuli.json").read_text())["identity"]
    assert about["set"].startswith("-C-like")
    assert (about["generator"], about["column"], about["seed"]) == (GENERATOR, "cifar", 0)
    assert about["settings"] | {"corruption": "fog", "severity": 2, "jpeg85": "auto"} == about["settings"]
    files = load_images(f"imagenetc:{tmp_path / 'set'}")
    assert any("-C-like set" in remark for remark in files.remarks)
    model = seen_by(eye, (32, 32), class_names=CLASSES)
    exam = Corruptions(corruptions=("gaussian_noise", "fog"), frequencies=False)
    own = sitting(exam, model, images).estimates
    run = examined(model, files, [exam], tmp_path / "run")
    for name, severity in (("gaussian_noise", 2), ("gaussian_noise", 4), ("fog", 2)):
        at = {"corruption": name, "severity": severity}
        assert value(run.estimates, "error", **at) == value(own, "error", **at)
    assert value(run.estimates, "clean_error") == value(own, "clean_error")


def test_a_run_on_files_shows_every_picture_and_says_what_is_missing(
    small: tuple[ArraySet, nn.Module], tmp_path: Path
) -> None:
    images, eye = small
    (tmp_path / "set").mkdir()
    files = load_images(f"cifar10c:{written(images, tmp_path / 'set', ('contrast', 'pixelate'))}#contrast,clean")
    run = examined(seen_by(eye, (32, 32), class_names=CLASSES), files, [Corruptions(images=3)], tmp_path / "run")
    e = one(run.estimates, "mean_corruption_error")
    assert (e.n, e.at["corruptions"], e.at["cells"]) == (N, 1, 5)
    rows = run.rows("corruptions")
    assert rows.num_rows == 6 * N
    assert set(rows["target_corruption"].to_pylist()) == {"contrast", "clean"}
    page = (tmp_path / "run" / "page.json").read_text()
    assert "70 of the 75 pictures" in page


def test_files_that_are_not_asked_for_or_not_labelled_are_declined(
    small: tuple[ArraySet, nn.Module], tmp_path: Path
) -> None:
    images, eye = small
    files = load_images(f"cifar10c:{written(images, tmp_path, ('contrast',))}")
    model = seen_by(eye, (32, 32))
    subject = subject_of(model, True, targets=tuple(files.targets))
    assert not Corruptions().unsuited(subject, files)
    assert "none of the corruptions" in Corruptions(corruptions=("fog",)).unsuited(subject, files)
    blank = replace(subject, labelled=False)
    assert "labels" in Corruptions().unsuited(blank, files)
    assert not Corruptions().unsuited(subject_of(model, False), images)


def test_pictures_of_unknown_images_are_declined_where_one_may_be_there_twice(
    small: tuple[ArraySet, nn.Module],
) -> None:
    images, eye = small
    model = seen_by(eye, (32, 32))

    def why(names: list[str], **more: Any) -> str:
        severities = np.array(["0" if name == "clean" else "3" for name in names] * 12, object)
        columns = {"corruption": np.array(names * 12, object), "severity": severities, **more}
        of = replace(images, targets={**images.targets, **columns})
        return Corruptions().unsuited(subject_of(model, True, targets=tuple(of.targets)), of)

    assert "column `source`" in why(["fog", "snow"])
    assert "column `source`" in why(["fog", "clean"])
    assert not why(["fog", "snow"], source=np.arange(N) // 2)
    assert not why(["fog", "clouds"])  # of those that count, every picture another image's


def test_a_net_that_is_right_is_not_called_stuck_where_most_images_are_of_one_class() -> None:
    levels = np.where(np.arange(400) % 5 == 0, 40, 220)  # 80 of 100 are bright
    exam = Corruptions(corruptions=("contrast", "pixelate"), severities=(1, 2), frequencies=False)
    found = sitting(exam, seen_by(BrightEye()), image_set(flat_images(levels), levels > 127)).estimates
    assert value(found, "commonest_label_share") == 0.8
    told = exam.findings(found)
    assert told[0].verdict == "strong"
    assert not any("one and the same answer" in f.sentence for f in told)


def test_extras_alone_are_told_of() -> None:
    levels = np.array([40, 90, 100, 110, 160, 220] * 4)
    exam = Corruptions(corruptions=EXTRAS, severities=(5,), frequencies=False)
    found = sitting(exam, seen_by(BrightEye()), image_set(flat_images(levels), levels > 127)).estimates
    assert "in no mean" in one(found, "mean_corruption_error", given="all").reason
    worst = max(found.of("corruption_error", given="all"), key=lambda e: e.value or 0)
    said = exam.findings(found)[1].sentence
    assert said.startswith(
        f"It errs most under {worst.at['corruption'].replace('_', ' ').replace('gaussian', 'Gaussian')}"
    )


def test_settings_of_pictures_drawn_here_are_not_passed_over_in_silence(
    small: tuple[ArraySet, nn.Module], tmp_path: Path
) -> None:
    images, eye = small
    files = load_images(f"cifar10c:{written(images, tmp_path, ('contrast',))}")
    for more, said in (({}, False), ({"rounding": "none", "column": "imagenet", "jpeg85": True}, True)):
        exam = Corruptions(**more)  # type: ignore[arg-type]
        found = exam.findings(sitting(exam, seen_by(eye, (32, 32)), files).estimates)  # type: ignore[arg-type]
        assert any("mean nothing: rounding, column, jpeg85" in f.sentence for f in found) is said


def test_columns_of_a_table_do_as_well_and_odd_ones_are_left_out(small: tuple[ArraySet, nn.Module]) -> None:
    images, eye = small
    targets = {
        **images.targets,
        "corruption": np.array(["Fog ", "clean", "clouds", "fog", "snow", "fog"] * 4, object),
        "severity": np.array(["2", "0", "1", "2.0", "7", "nan"] * 4, object),
        "source": np.array(["a", "b", "c", "d", "e", "f"] * 4, object),
    }
    found = sitting(Corruptions(), seen_by(eye, (32, 32)), replace(images, targets=targets)).estimates
    labels = images.targets["label"]
    fog = (answered(eye, images.images) != labels)[[0, 3, 6, 9, 12, 15, 18, 21]]
    # pictures of one source at one place are one picture of it, the last
    assert one(found, "error", corruption="fog", severity=2).n == 2
    assert value(found, "error", corruption="fog", severity=2) == pytest.approx(fog[-2:].mean())
    assert one(found, "mean_corruption_error").at["cells"] == 1
    # clouds; snow 7; fog of no severity; and of pictures of one source at one place all but the last
    assert value(found, "left_out") == pytest.approx((12 + 3 * 3) / 24)
    assert any("are in no figure" in f.sentence for f in Corruptions().findings(found))


@pytest.mark.parametrize("severity", ["", "nan", "0", "3"])
def test_a_clean_picture_is_clean_whatever_its_severity(small: tuple[ArraySet, nn.Module], severity: str) -> None:
    images, eye = small
    targets = {
        **images.targets,
        "corruption": np.array(["fog", "clean"] * 12, object),
        "severity": np.array(["2", severity] * 12, object),
        "source": np.arange(N) // 2,
    }
    found = sitting(Corruptions(), seen_by(eye, (32, 32)), replace(images, targets=targets)).estimates
    assert one(found, "clean_error").n == one(found, "mean_error_increase").n == 12
    assert value(found, "left_out") == 0


def test_without_labels_it_tells_whether_answers_stay() -> None:
    exam = Corruptions(corruptions=QUICK)
    found = sitting(exam, seen_by(LowPassEye(4, 16)), image_set(noise_images(N))).estimates
    kept = {"agreement", "mean_agreement", "commonest_answer_share", "unanswered"}
    kept |= {"change_rms", "change_share", "high_share"}
    assert {e.measure for e in found} == kept
    assert "keeps its answer" in exam.findings(found)[0].sentence
    assert exam.charts(found)[0].title == "Answers kept"


def test_an_answer_that_is_not_finite_costs_that_picture_alone(tmp_path: Path) -> None:
    levels = np.linspace(40, 200, 12).astype(np.uint8)
    eye = NaNEye(BrightEye(), 0.75)
    exam = Corruptions(corruptions=("brightness", "pixelate"), severities=(3,))
    run = examined(seen_by(eye), image_set(flat_images(levels), levels > 127), [exam], tmp_path / "run", max_bad=1)
    plain, shown = levels / 255 <= 0.75, np.clip(levels / 255 + 0.15, 0, 1) <= 0.75
    assert (plain.sum(), shown.sum()) == (11, 8)
    assert one(run.estimates, "clean_error").n == one(run.estimates, "error", corruption="pixelate").n == 11
    assert one(run.estimates, "error", corruption="brightness").n == 8
    wrong = ((levels / 255 + 0.15 > 0.5) != (levels > 127))[shown].mean()
    assert value(run.estimates, "error", corruption="brightness") == pytest.approx(wrong)
    assert value(run.estimates, "mean_corruption_error", given="all") == pytest.approx(wrong / 2)
    assert value(run.estimates, "unanswered") == pytest.approx(3 / 22)
    page = (tmp_path / "run" / "page.json").read_text()
    assert "is not finite; they count nowhere else" in page


def test_a_model_less_itself_is_nothing_and_less_another_is_the_difference() -> None:
    images, eye = noise_images(N, seed=4), LowPassEye(5, 16)
    labels = answered(eye, images)
    exam = Corruptions(corruptions=QUICK, severities=(1, 5), frequencies=False)
    sats = [sitting(exam, seen_by(e), image_set(images, labels)) for e in (eye, ConstantEye(0, 0, 0, 1))]
    tallies = [Tally(sat.whole.rows) for sat in sats]
    none = exam.estimates_against(tallies[0], tallies[0], sats[0].subject, sats[0].subject)
    for e in none:
        assert e.value == 0
        assert e.low is not None
        assert e.low < 0 < (e.high or 0)
    found = exam.estimates_against(*tallies, sats[0].subject, sats[1].subject)
    means = [value(sat.estimates, "mean_corruption_error", given="all") for sat in sats]
    assert value(found, "mean_corruption_error_gap") == pytest.approx(means[0] - means[1])
    assert {e.at.get("family") for e in found} == {None, "weather", "digital"}


def test_jpeg_and_rounding_make_other_pictures_and_say_so() -> None:
    images = image_set(noise_images(8), np.zeros(8, int))
    rows = []
    for more in ({}, {"jpeg85": True}, {"rounding": "none"}, {"column": "imagenet"}):
        exam = Corruptions(corruptions=("contrast",), severities=(1,), **more)  # type: ignore[arg-type]
        sat = sitting(exam, seen_by(LowPassEye(4, 16)), images)
        rows.append(sat.whole.rows["change_energy"].sum())
        at = one(sat.estimates, "mean_corruption_error", given="all").at
        assert at["saved"] == ("jpeg85" if {"jpeg85", "column"} & more.keys() else "lossless")
        assert at["rounding"] == more.get("rounding", "truncated")
        assert ("real numbers" in exam.findings(sat.estimates)[-1].sentence) == ("rounding" in more)
        assert at["column"] == more.get("column", "cifar")
        assert "JPEG" in exam.findings(sat.estimates)[-1].sentence
    assert len(set(rows)) == 4


def test_pictures_of_kept_cases() -> None:
    exam = Corruptions(corruptions=QUICK)
    images, eye = noise_images(N), HighPassEye(5, 16)
    sat = sitting(exam, seen_by(eye), image_set(images, answered(eye, images)))
    cases = {case.key: case for case in sat.whole.kept}
    assert {"corruptions/example", "corruptions/mild/pixelate"} <= set(cases)
    assert len(cases) == len(sat.whole.kept)
    example = exam.pictures(cases["corruptions/example"])
    assert [*example] == ["plain", *QUICK]
    assert all(v == CorruptedPicture(name, 3) for name, v in example.items() if name != "plain")
    assert exam.pictures(cases["corruptions/mild/pixelate"])["corrupted"] == CorruptedPicture("pixelate", 1)


def test_figures_and_findings_of_a_net_that_suffers(sat: Sitting) -> None:
    exam, found = sat.exam, sat.estimates
    kinds = [type(chart) for chart in exam.charts(found)]
    assert kinds.count(Bars) == 2
    assert kinds.count(Lines) == 3  # blur, weather, digital
    assert Dots in kinds
    assert kinds.count(Table) == 2
    sentences = [f.sentence for f in exam.findings(found)]
    assert "of the same images as they are 0.0%" in sentences[0]
    assert any("hurts most" in s or "cannot be told which" in s for s in sentences)
    assert exam.findings(found)[0].verdict == "weak"
    json.dumps([e.to_dict() for e in found], allow_nan=False)


@pytest.fixture(scope="module")
def sat() -> Sitting:
    images, eye = noise_images(60, seed=3), HighPassEye(5, 16)
    exam = Corruptions(corruptions=("brightness", *QUICK[1:], "zoom_blur"))
    return sitting(exam, seen_by(eye), image_set(images, answered(eye, images)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"corruptions": ()},
        {"corruptions": ("fog", "fog")},
        {"corruptions": ("clouds",)},
        {"severities": ()},
        {"severities": (0,)},
        {"severities": (6,)},
        {"severities": (2, 2)},
        {"severities": (True,)},
        {"high": 0},
        {"reference": "alexnet"},
        {"reference_clean_error": 43.5},
        {"images": 0},
        {"rounding": "up"},
        {"column": "32"},
    ],
)
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Corruptions(**wrong)


def test_severities_are_put_in_order() -> None:
    assert Corruptions(severities=(5, 1, 3)).severities == (1, 3, 5)
