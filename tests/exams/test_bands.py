"""The bands exam on eyes that see one band only."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.exams.bands import Bands
from eyechart.images.load import load_images
from eyechart.models.load import load_model
from eyechart.views.bands import Band
from eyes import (
    SHARED,
    HighPassEye,
    LinearEye,
    LowPassEye,
    Sitting,
    ToyEye,
    answered,
    answers_by,
    image_set,
    noise_images,
    seen_by,
    sitting,
    toy_images,
)

RADII = (2.0, 4.0, 6.0, 9.0)


def results(sat: Sitting) -> Estimates:
    return sat.exam.estimates(sat.whole, sat.batch.labels, sat.subject)


def value(found: Estimates, measure: str, **at: Any) -> float:
    (e,) = found.of(measure, **at)
    assert e.value is not None
    return e.value


def made_up(image: Array, low: Array, high: Array, labels: Array, classes: int = 4) -> Sitting:
    """Made-up top classes at one radius."""
    exam, subject = Bands(radii=(4,)), Subject((16, 16), classes)
    told = {CLEAN: image, Query(Band("low", 4.0)): low, Query(Band("high", 4.0)): high}
    answers = answers_by(list(told), lambda q: 3 * np.eye(classes)[told[q]])
    batch = Batch(tuple(f"{i:03d}" for i in range(len(labels))), np.asarray(labels), subject)
    return Sitting(exam, subject, answers, batch)


def test_the_toy_is_read_from_the_high_band_alone() -> None:
    labels = [1, 0, 1, 1, 0, 1, 0, 1] * 2
    p = 5 / 8
    model = seen_by(ToyEye(16, high=5))
    found = results(sitting(Bands(radii=(3, 7)), model, image_set(toy_images(labels), labels)))
    # the high wave (5) is above radius 3, and below radius 7
    assert value(found, "accuracy", band="high", radius=3) == 1.0
    assert value(found, "accuracy", band="low", radius=3) == 1 - p  # always class 0
    assert value(found, "commonest_answer_share", band="low", radius=3) == 1.0
    assert value(found, "high_not_low", radius=3) == p
    assert value(found, "low_not_high", radius=3) == 0.0
    assert value(found, "high_agrees_not_low", radius=3) == p
    assert value(found, "high_not_low_by_chance", radius=3) == pytest.approx(p * p)
    assert value(found, "low_not_high_by_chance", radius=3) == pytest.approx((1 - p) * p)
    assert value(found, "accuracy", band="low", radius=7) == 1.0
    assert value(found, "accuracy", band="high", radius=7) == 1 - p
    assert value(found, "high_not_low", radius=7) == 0.0
    for radius in (3, 7):
        assert sum(value(found, "outcome_share", image="right", low=a, high=b, radius=radius) for a, b in SIDES) == 1.0


@pytest.mark.parametrize(("n", "verdict"), [(16, "note"), (400, "strong")])
def test_an_eye_that_loses_nothing_is_praised_once_there_are_images_enough(n: int, verdict: str) -> None:
    exam, labels = Bands(radii=(6,)), np.arange(n) % 2
    found = results(sitting(exam, seen_by(ToyEye(16, high=5)), image_set(toy_images(labels.tolist()), labels)))
    assert value(found, "accuracy_loss", band="low") == 0.0
    first = exam.findings(found)[0]
    assert "loss of 0.0 points" in first.sentence
    assert first.verdict == verdict


SIDES = list(product(("right", "wrong"), repeat=2))


def test_a_low_pass_eye_needs_no_frequency_above_its_radius() -> None:
    eye, images = LowPassEye(4, 16, nothing=3), noise_images(40)
    clean = answered(eye, images)
    labels = np.where(np.arange(40) % 3 == 0, (clean + 1) % 4, clean)
    sat = sitting(Bands(radii=RADII), seen_by(eye), image_set(images, labels))
    rows, found = sat.whole.rows, results(sat)
    np.testing.assert_array_equal(rows["image_top1"], clean)
    for j, radius in enumerate(RADII):
        if radius >= 4:
            np.testing.assert_array_equal(rows["low_top1"][:, j], clean)
            assert set(rows["high_top1"][:, j]) == {3}  # it is shown nothing
            assert value(found, "accuracy", band="low", radius=radius) == (clean == labels).mean()
            assert value(found, "accuracy", band="high", radius=radius) == (labels == 3).mean()
            assert value(found, "high_agrees_not_low", radius=radius) == 0.0
    assert (rows["low_top1"][:, 0] != clean).any()  # radius 2 takes from it what it sees


def test_a_high_pass_eye_is_blind_to_the_low_band() -> None:
    eye, images = HighPassEye(6, 16, nothing=2), noise_images(40)
    clean = answered(eye, images)
    sat = sitting(Bands(radii=RADII), seen_by(eye), image_set(images, clean))
    rows = sat.whole.rows
    for j, radius in enumerate(RADII):
        if radius <= 6:
            np.testing.assert_array_equal(rows["high_top1"][:, j], clean)
            assert set(rows["low_top1"][:, j]) == {2}
            assert value(results(sat), "high_not_low", radius=radius) == (clean != 2).mean()


def test_a_linear_eye_says_of_the_image_what_it_says_of_its_bands_together() -> None:
    weight = torch.randn(4, 3 * 16 * 16, generator=torch.Generator().manual_seed(0))
    answers = sitting(Bands(radii=RADII), seen_by(LinearEye(weight)), image_set(noise_images(20))).answers
    for radius in RADII:
        low, high = (answers[Query(Band(side, radius))].values for side in ("low", "high"))  # type: ignore[arg-type]
        assert np.abs(high).max() > 0.1
        np.testing.assert_allclose(low + high, answers[CLEAN].values, atol=1e-3)


def test_a_radius_beyond_the_corner_leaves_nothing_above() -> None:
    sat = sitting(Bands(radii=(12,)), seen_by(LowPassEye(9, 16)), image_set(noise_images(20), np.arange(20) % 4))
    rows = sat.whole.rows
    np.testing.assert_array_equal(rows["low_top1"][:, 0], rows["image_top1"])
    assert set(rows["high_top1"][:, 0]) == {3}
    np.testing.assert_allclose(rows["low_confidence"][:, 0], rows["image_confidence"], rtol=1e-4)


def test_strict_bands_leave_out_the_ring_itself() -> None:
    eye = ToyEye(16, high=5)
    labels = [0, 1, 1, 1]
    found = {
        inclusive: results(
            sitting(Bands(radii=(5,), inclusive=inclusive), seen_by(eye), image_set(toy_images(labels), labels))
        )
        for inclusive in (True, False)
    }
    assert value(found[True], "accuracy", band="low") == 1.0
    assert value(found[False], "accuracy", band="low") == 0.25
    assert value(found[False], "accuracy", band="high") == 1.0


@pytest.fixture(scope="module")
def mixed() -> tuple[Sitting, Estimates]:
    chance = np.random.default_rng(0)
    labels = chance.integers(0, 4, 300)
    image, low, high = (
        np.where(chance.uniform(size=300) < p, labels, chance.integers(0, 4, 300)) for p in (0.8, 0.5, 0.3)
    )
    sat = made_up(image, low, high, labels)
    return sat, results(sat)


def test_the_eight_outcomes_add_up_to_all_images(mixed: tuple[Sitting, Estimates]) -> None:
    sat, found = mixed
    rows, labels = sat.whole.rows, sat.batch.labels
    assert sum(e.value or 0 for e in found.of("outcome_share")) == pytest.approx(1.0)
    assert sum(round((e.value or 0) * e.n) for e in found.of("outcome_share")) == 300
    assert len(found.of("outcome_share")) == 8
    for band in ("low", "high"):
        marginal = sum(e.value or 0 for e in found.of("outcome_share", **{band: "right"}))
        assert marginal == pytest.approx(value(found, "accuracy", band=band))
        assert marginal == pytest.approx((rows[f"{band}_top1"][:, 0] == labels).mean())
        loss = (rows["image_top1"] == labels).mean() - value(found, "accuracy", band=band)
        assert value(found, "accuracy_loss", band=band) == pytest.approx(loss)
    clean = sum(e.value or 0 for e in found.of("outcome_share", image="right"))
    assert clean == pytest.approx((rows["image_top1"] == labels).mean())
    for measure, cell in (
        ("high_not_low", {"low": "wrong", "high": "right"}),
        ("low_not_high", {"low": "right", "high": "wrong"}),
    ):
        assert value(found, measure) == value(found, "outcome_share", image="right", **cell)


def test_what_chance_gives_is_the_mean_over_permutations(mixed: tuple[Sitting, Estimates]) -> None:
    sat, found = mixed
    rows, labels = sat.whole.rows, sat.batch.labels
    chance = np.random.default_rng(1)
    right, low, high = rows["image_top1"] == labels, rows["low_top1"][:, 0], rows["high_top1"][:, 0]
    drawn = []
    for _ in range(4000):
        low_right, high_right = (chance.permutation(answers) == labels for answers in (low, high))
        drawn.append(
            (
                low_right.mean(),
                high_right.mean(),
                (right & high_right & ~low_right).mean(),
                (right & low_right & ~high_right).mean(),
            )
        )
    expected = (
        value(found, "expected_accuracy_by_chance", band="low"),
        value(found, "expected_accuracy_by_chance", band="high"),
        value(found, "high_not_low_by_chance"),
        value(found, "low_not_high_by_chance"),
    )
    error = np.std(drawn, axis=0) / np.sqrt(len(drawn))
    assert (np.abs(np.mean(drawn, axis=0) - expected) < 5 * error).all()


def test_agreement_needs_no_labels(mixed: tuple[Sitting, Estimates]) -> None:
    sat, found = mixed
    rows = sat.whole.rows
    image, low, high = rows["image_top1"], rows["low_top1"][:, 0], rows["high_top1"][:, 0]
    assert value(found, "high_agrees_not_low") == ((high == image) & (low != image)).mean()
    bare = Bands(radii=(4,)).estimates(sat.whole, np.full(300, -1), sat.subject)
    assert {e.measure for e in bare} == {"high_agrees_not_low", "commonest_answer_share"}
    for e in bare:
        assert e == found.one(e.measure, **e.at)


def test_images_without_label_count_in_no_labelled_figure(mixed: tuple[Sitting, Estimates]) -> None:
    sat, _ = mixed
    labels = sat.batch.labels.copy()
    labels[::4] = -1
    some = Bands(radii=(4,)).estimates(sat.whole, labels, sat.subject)
    known = labels >= 0
    alone = Bands(radii=(4,)).estimates(sat.part(known), labels[known], sat.subject)
    told = {"high_agrees_not_low", "commonest_answer_share"}
    assert [e for e in some if e.measure not in told] == [e for e in alone if e.measure not in told]


def test_the_most_confident_cases_are_kept() -> None:
    labels = np.zeros(20, np.int64)
    sat = made_up(labels, labels + 1, labels, labels)  # right whole and on fine detail, wrong on coarse
    logits = np.eye(4)[labels] * np.linspace(1, 5, 20)[np.random.default_rng(0).permutation(20)][:, None]
    sure = answers_by([Query(Band("high", 4.0))], lambda _: logits)
    found = Sitting(Bands(radii=(4,), gallery=3), sat.subject, Answers({**sat.answers, **sure}), sat.batch).whole
    top = np.argsort(-logits[:, 0])[:3]
    assert [(c.key, c.id) for c in found.kept] == [("bands/high_not_low/4/", f"{i:03d}") for i in top]
    facts = found.kept[0].facts
    assert (facts["image_says"], facts["low_says"], facts["high_says"]) == ("class 0", "class 1", "class 0")
    assert facts["high_confidence"] == pytest.approx(found.rows["high_confidence"].max())
    assert list(Bands().pictures(found.kept[0])) == ["image", "low", "high"]


@pytest.mark.parametrize(
    ("size", "expected"), [((32, 32), (4, 8, 12, 16)), ((224, 224), (28, 56, 84, 112)), ((16, 32), (4, 8, 12, 16))]
)
def test_default_radii_grow_with_the_frame(size: tuple[int, int], expected: tuple[float, ...]) -> None:
    queries = Bands().ask(Subject(size, 10), ()) or ()
    assert [q.view.radius for q in queries if isinstance(q.view, Band)][::2] == list(expected)
    assert len(queries) == 9


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not there")
def test_an_independent_transcription_agrees_on_every_image() -> None:
    """frequency.md, sections 1 and 2, written once more in numpy: full plane, own masks, own loop."""
    model, images = load_model("demo", device="cpu"), load_images(f"cifar10:{SHARED / 'cifar10'}")
    chosen = np.linspace(0, len(images) - 1, 500).astype(int)
    pixels = np.stack([np.asarray(images.source(int(i)).open().picture) for i in chosen])
    assert images.labels is not None
    sat = sitting(Bands(), model, image_set(pixels, images.labels[chosen]))
    rows = sat.whole.rows
    x = np.moveaxis(pixels.astype(np.float64) / 255, 3, 1)
    f = np.fft.fftfreq(32) * 32
    for j, r in enumerate((4, 8, 12, 16)):
        keep = f[:, None] ** 2 + f[None, :] ** 2 <= r * r
        low = np.fft.ifft2(np.fft.fft2(x) * keep).real
        for band, shown in (("low", low), ("high", x - low)):
            logits = logits_of(model, shown)
            top = logits.argmax(1)
            first, second = np.sort(logits, 1)[:, :-3:-1].T
            np.testing.assert_array_equal(rows[f"{band}_top1"][:, j], top, err_msg=f"{band} {r}")
            assert (first > second).all()
    right = [logits_of(model, x).argmax(1) == sat.batch.labels]
    right += [rows[f"{band}_top1"][:, 2] == sat.batch.labels for band in ("low", "high")]
    assert value(results(sat), "high_not_low", radius=12) == np.mean(right[0] & right[2] & ~right[1])


def logits_of(model: Any, shown: Array) -> Array:
    """(n, classes), with the normalisation written out."""
    mean, std = (np.array(v)[None, :, None, None] for v in (model.preprocessing.mean, model.preprocessing.std))
    frames = torch.from_numpy(((shown - mean) / std).astype(np.float32))
    with torch.inference_mode():
        return torch.cat([model.net(part) for part in frames.split(100)]).numpy()


def test_radii_are_sorted_and_verdicts_only_speak_of_the_radius_fixed_beforehand() -> None:
    assert Bands(radii=(12, 4)).radii == (4.0, 12.0)
    at = {"radius": 4.0, "radius_nyquist": 0.25}
    loss = Bands().estimate("accuracy_loss", value=0.75, low=0.7, high=0.8, n=100, at={"band": "low", **at})
    kept = Bands().estimate("accuracy", value=0.2, low=0.1, high=0.3, n=100, at={"band": "low", **at})
    assert not Bands().findings(Estimates((loss, kept)))
