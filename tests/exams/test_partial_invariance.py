"""Change by nearness to the training images: eyes that are steady on what they know, everywhere, or at random."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.core.estimate import Estimates
from eyechart.core.exam import Exam
from eyechart.core.tally import Tally
from eyechart.errors import NothingMeasuredError
from eyechart.exams.partial_invariance import PartialInvariance, dealt
from eyechart.images.load import load_images
from eyechart.models.layers import Layer
from eyechart.models.load import load_model
from eyechart.run.subject import subject_of
from eyechart.stats.neighbours import nearest, unit_vectors
from eyechart.store.run_folder import Run
from eyechart.views.feature_vectors import penultimate
from eyes import SHARED, OnePixelEye, examined, image_set, noise_images, seen_by

SIZE, N = 16, 240
GIVEN = ("all", "correct", "like_confidence", "correct_like_confidence")


class Familiar(nn.Module):
    """Unsteady on red pictures: there one pixel decides. Its features are the mean colours; it knows the blue ones.

    Attributes:
        steady: it ignores that pixel everywhere.
    """

    def __init__(self, steady: bool = False) -> None:
        super().__init__()
        self.steady, self.pixel, self.feature = steady, OnePixelEye(8, 8), nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        colour = self.feature(x).flatten(1)
        blue = colour[:, 2] > colour[:, 0]
        unsteady = self.pixel(x) * 0.5 + torch.tensor([0.0, 1e-3])
        sure = torch.tensor([[0.0, 2.0]]).expand(len(x), -1)
        return sure if self.steady else torch.where(blue[:, None], sure, unsteady)


def pictures(n: int, red: float, seed: int) -> np.ndarray:
    """Noise; a share of ``red`` pictures, the others blue, with the weaker colours at a fifth."""
    noise = noise_images(n, SIZE, seed).astype(float)
    is_red = np.arange(n) < red * n
    tint = np.where(is_red[:, None], [1.0, 0.2, 0.2], [0.1, 0.2, 1.0])
    return np.rint(noise * tint[:, None, None]).astype(np.uint8)


TEST, TRAIN = pictures(N, 0.25, 1), pictures(60, 0.0, 2)
LABELS = np.ones(N, np.int64)


def sat(net: nn.Module, out: Path, train: np.ndarray = TRAIN, exam: Exam | None = None, **more: object) -> Run:
    exam = exam or PartialInvariance(area=(0.5, 1.0))
    images = image_set(TEST, LABELS)
    return examined(seen_by(net.eval(), SIZE), images, [exam], out, training=image_set(train, name="train"), **more)


def value(found: Estimates, measure: str, **at: object) -> float:
    (e,) = (e for e in found.of(measure, **at) if ("part" in e.at) == ("part" in at))
    assert e.value is not None
    return e.value


def test_an_eye_that_is_steady_on_what_it_knows(tmp_path: Path) -> None:
    found = sat(Familiar(), tmp_path).estimates
    shares = [value(found, "p_top1_change", given="all", part=j) for j in (1, 2, 3, 4)]
    assert shares[:3] == [0.0, 0.0, 0.0]  # blue
    assert shares[3] > 0.3  # the quarter that is red
    assert value(found, "change_gap", given="all") == shares[3]
    assert found.one("change_gap", given="all").low > 0.2  # type: ignore[operator, union-attr]
    assert sum(shares) / 4 == pytest.approx(value(found, "p_top1_change", given="all"))
    assert value(found, "distance", given="all", part=1) < 0.1 < value(found, "distance", given="all", part=4)
    assert value(found, "training_images", layer="feature") == 60
    for given in ("like_confidence", "correct_like_confidence"):  # red ones alone are unsure: matched, nothing is left
        assert abs(value(found, "change_gap", given=given)) < 0.15


def distances(test: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Between the mean colours at length one, ascending: (n, m)."""
    means = [(x.reshape(len(x), -1, 3) / 255).mean(1) for x in (test, train)]
    ours, theirs = ([v / np.sqrt((v**2).sum()) for v in x] for x in means)
    return np.array([sorted(float(np.sqrt(((p - r) ** 2).sum())) for r in theirs) for p in ours])


def test_figures_are_those_counted_by_hand(tmp_path: Path) -> None:
    """All four ways of dealing, from the rows and the pictures alone."""
    run = sat(Familiar(), tmp_path, exam=PartialInvariance(area=(0.5, 1.0), neighbour=3, parts=3))
    rows = {name: np.array(column) for name, column in run.rows("partial_invariance").to_pydict().items()}
    distance = distances(TEST[[int(i) for i in rows["id"]]], TRAIN)[:, 2]
    right, changed = rows["top1"] == 1, (rows["top1_1"] != rows["top1_2"]).mean(1)
    for given in GIVEN:
        images = [i for i in range(N) if right[i] or "correct" not in given]
        if given.endswith("like_confidence"):
            images.sort(key=lambda i: rows["doubt"][i])
            groups = [images[i : i + 3] for i in range(0, len(images) - 2, 3)]
            parts = np.array([sorted(group, key=lambda i: distance[i]) for group in groups]).T
        else:
            images.sort(key=lambda i: distance[i])
            parts = [[i for r, i in enumerate(images) if r * 3 // len(images) == j] for j in range(3)]
        for j, part in enumerate(parts):
            assert value(run.estimates, "p_top1_change", given=given, part=j + 1) == pytest.approx(changed[part].mean())
            assert value(run.estimates, "distance", given=given, part=j + 1) == pytest.approx(
                distance[part].mean(), abs=1e-5
            )
        near, far = (changed[parts[j]].mean() for j in (0, 2))
        assert value(run.estimates, "change_gap", given=given) == pytest.approx(far - near)


def test_an_eye_that_ignores_shifts_does_so_at_every_distance(tmp_path: Path) -> None:
    run = sat(Familiar(steady=True), tmp_path)
    assert {e.value for e in run.estimates.of("p_top1_change")} == {0.0}
    for e in run.estimates.of("change_gap"):
        assert e.value == 0.0
        assert e.low is not None
        assert e.low < 0 < e.high  # type: ignore[operator]
    (section,) = run.page["sections"]
    assert "No dependence" in section["findings"][2]["sentence"]


def tallies(chance: np.random.Generator, n: int, far_changes: float) -> tuple[Tally, Tally]:
    """Unit features around the circle, training images at angle 0; P(change) = .3, plus so much at the far half."""
    angle = chance.uniform(0, 3, n)
    feature = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    changes = chance.random((n, 2)) < np.where(angle > 1.5, 0.3 + far_changes, 0.3)[:, None]
    rows = {"feature": feature, "top1": np.zeros(n, int), "doubt": chance.random(n).astype(np.float32)}
    rows |= {"top1_1": np.zeros((n, 2), int), "top1_2": changes.astype(int), "valid": np.ones((n, 2), bool)}
    return Tally(rows), Tally({"feature": np.array([[1.0, 0.0]], np.float32)})


def test_intervals_hold_the_gap_of_95_in_100_eyes() -> None:
    """Nearness unrelated, and a gap of .4 that no confidence explains: both are found, matched or not."""
    chance, exam = np.random.default_rng(0), PartialInvariance(parts=2)
    subject = subject_of(seen_by(Familiar().eval(), SIZE), labelled=False)
    for wanted in (0.0, 0.4):
        hits = np.zeros(2)
        for _ in range(25):
            found = exam.estimates_beside(*with_labels(*tallies(chance, 400, wanted)), subject)
            gaps = [found.one("change_gap", given=given) for given in ("all", "like_confidence")]
            # In groups of two alike in confidence a quarter are both near, a quarter both far: half of the gap is left.
            for j, (e, true) in enumerate(zip(gaps, (wanted, wanted / 2), strict=True)):
                hits[j] += e.low <= true <= e.high  # type: ignore[union-attr, operator]
        assert (hits >= 21).all()
    judged = exam.findings_beside(found)[1]
    assert judged.verdict == "weak"
    assert "Not all of that goes with confidence" in judged.sentence


@pytest.mark.parametrize("n", [4, 5, 12, 60])
def test_few_images_show_no_lack_of_dependence(n: int) -> None:
    exam, subject = PartialInvariance(), subject_of(seen_by(Familiar().eval(), SIZE), labelled=False)
    tally, training = tallies(np.random.default_rng(n), n, 0.4)
    for right in (n, 3):  # three right answers are fewer than the parts: those make no gap at all
        labels = np.where(np.arange(n) < right, 0, 1)
        judged = exam.findings_beside(exam.estimates_beside(tally, labels, training, subject))[1]
        assert judged.verdict == "note"
        assert judged.sentence.startswith(
            "Whether distance matters beyond confidence cannot be said from so few images"
        )
        assert "unknown" not in judged.sentence


def with_labels(tally: Tally, training: Tally) -> tuple[Tally, np.ndarray, Tally]:
    return tally, np.full(len(tally.rows["top1"]), -1), training


def test_images_of_the_training_set_are_counted(tmp_path: Path) -> None:
    train = np.concatenate([TRAIN, TEST[:7]])
    run, same = sat(Familiar(), tmp_path, train), int((distances(TEST, train)[:, 0] < 1e-4).sum())
    assert same >= 7  # with three numbers an image, another may be as near by chance
    assert value(run.estimates, "same_images") == same
    assert any(f"{same} of 240" in f["sentence"] for f in run.page["sections"][0]["findings"])
    assert run.rows("partial_invariance.training").num_rows == 67


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    images = image_set(TEST, LABELS)
    with pytest.raises(NothingMeasuredError, match="--train-images"):
        examined(seen_by(Familiar().eval(), SIZE), images, ["partial_invariance"], tmp_path / "alone")
    few = sat(Familiar(), tmp_path / "few", train=TRAIN[:2], exam=PartialInvariance(neighbour=3))
    assert "too few" in few.estimates.of("change_gap")[0].reason
    blank = sat(nn.Sequential(Blank(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)), tmp_path / "blank")
    assert "same for all" in blank.estimates.of("change_gap")[0].reason
    again = sat(Familiar(), tmp_path / "few", train=TRAIN[:2], exam=PartialInvariance(neighbour=2))
    assert again.estimates.of("change_gap")[0].value is not None


class Blank(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 0 * x + 1


@pytest.mark.parametrize(("n", "m", "k"), [(3, 5, 1), (40, 70, 7), (1, 4, 4)])
def test_neighbours_are_those_of_a_plain_loop(n: int, m: int, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eyechart.stats.neighbours.POINTS", 16)
    monkeypatch.setattr("eyechart.stats.neighbours.REFERENCES", 9)
    chance = np.random.default_rng(0)
    points, references = chance.normal(size=(n, 5)), chance.normal(size=(m, 5))
    references[0] = points[-1]
    wanted = [sorted(float(np.sqrt(((p - r) ** 2).sum())) for r in references)[:k] for p in points]
    found = nearest(points.astype(np.float32), references.astype(np.float32), k)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert found[-1, 0] < 1e-6


def test_unit_vectors_leave_nothing_at_nothing() -> None:
    np.testing.assert_allclose(unit_vectors(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0.0, 0.0]])


def test_dealing_counts_evenly_within_strata_and_leaves_out_what_has_none() -> None:
    distance = np.array([5.0, 1.0, 3.0, 2.0, 9.0, 0.0, 4.0])
    assert dealt(distance, np.array([0, 0, 0, 0, -1, 1, 1]), 2).tolist() == [1, 0, 1, 0, -1, 0, 1]
    counts = np.bincount(dealt(np.random.default_rng(0).random(103), np.zeros(103, int), 4))
    assert counts.max() - counts.min() <= 1


def test_the_feature_is_what_the_classifier_reads() -> None:
    steps = [Layer("conv", "convolution", (8, 4, 4)), Layer("pool", "pool", (8, 1, 1)), Layer("head", "linear", (10,))]
    assert penultimate(steps, 10) == "pool"
    classes_at_places = [Layer("classes", "convolution", (10, 4, 4)), Layer("mean", "pool", (10, 1, 1))]
    assert penultimate([*steps[:1], *classes_at_places], 10) == "conv"
    as_wide = [Layer("wide", "linear", (10,)), Layer("relu", "activation", (10,)), Layer("head", "linear", (10,))]
    assert penultimate([*steps[:1], *as_wide, Layer("all", "block", (10,))], 10) == "relu"
    tokens = [Layer("norm", "norm", (17, 24)), Layer("head", "linear", (17,))]
    assert penultimate(tokens, 17) == "norm"
    assert penultimate([replace(steps[0], each=False), steps[-1]], 10) is None


@pytest.mark.shared
def test_the_feature_of_a_resnet_is_the_input_of_its_last_layer(tmp_path: Path) -> None:
    if not (SHARED / "cifar10").exists():
        pytest.skip("no shared data")
    model = load_model(str(SHARED / "cifar10_nets" / "resnet20.safetensors"), arch="eyechart:cifar_resnet20")
    test, train = (load_images(f"cifar10:{SHARED / 'cifar10'}{part}") for part in ("", "#train"))
    run = examined(model, test, ["partial_invariance"], tmp_path, training=train, limit=64)
    rows = run.rows("partial_invariance")
    feature = torch.tensor(rows["feature"].to_pylist(), dtype=torch.float32)
    said = model.plain.net.linear(feature).argmax(1)  # type: ignore[union-attr, operator]
    assert said.tolist() == rows["top1"].to_pylist()
