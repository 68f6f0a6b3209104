"""The human_likeness exam: eyes beside people whose answers are written for the purpose, and soft labels known by hand."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import exams.test_contract as contract
from eyechart.cli.decisions_runs import decisions_of
from eyechart.core.chart import Bars
from eyechart.core.estimate import Estimates
from eyechart.core.tally import Tally
from eyechart.errors import SettingError
from eyechart.exams.human_likeness import HumanLikeness
from eyechart.images.arrays import array_set
from eyechart.images.cifar10 import open_cifar10
from eyechart.images.decisions import CATEGORIES, Decision, DecisionError, DecisionTable, image_of
from eyechart.images.decisions_csv import write_decisions
from eyechart.images.soft_labels import SoftLabelError, read_soft_labels
from eyechart.models.load import load_model
from eyechart.run.plan import exam_key
from eyes import SHARED, ConstantEye, OnePixelEye, Sitting, examined, image_set, noise_images, one, seen_by, sitting
from eyes_cues import SIXTEEN, cue_eye, cue_pictures, names, pairs, stimuli

SHAPES, TEXTURES = pairs()
N = len(SHAPES)
NAMES = names(SHAPES, TEXTURES)
COINS = np.random.default_rng(5).integers(0, 2, N)
AGREEING = SHAPES == TEXTURES
EYE_RIGHT = (COINS == 1) | AGREEING  # the coin eye names shape or texture
Right = Sequence[bool] | np.ndarray[Any, Any]


def people(file: Path, condition: str = "0", shown: Right | None = None, **right: Right) -> str:
    """A table of people (``_`` for ``-``), each right where they are said to be; the last image first."""
    seen = np.ones(N, bool) if shown is None else np.asarray(shown)
    rows = [
        Decision(who.replace("_", "-"), "1", str(k), "NaN", answer, category, condition, image_of(NAMES[k]))
        for who, hits in right.items()
        for k in reversed(np.flatnonzero(seen).tolist())
        for category in [SIXTEEN[SHAPES[k]]]
        for answer in [category if hits[k] else "na"]
    ]
    write_decisions(DecisionTable(tuple(rows)), file)
    return str(file)


def asked(table: str | tuple[str, ...], by: str = "coin", **settings: Any) -> Sitting:
    return sitting(HumanLikeness(table=table, **settings), cue_eye(by), stimuli(COINS))


def kappa_by_loop(first: Right, second: Right) -> float:
    n = len(first)
    alike = sum(a == b for a, b in zip(first, second, strict=True)) / n
    p, q = sum(map(bool, first)) / n, sum(map(bool, second)) / n
    chance = p * q + (1 - p) * (1 - q)
    return (alike - chance) / (1 - chance)


OTHERS = np.random.default_rng(6).random(N) < 0.7


@pytest.fixture
def three(tmp_path: Path) -> str:
    """One errs where the eye errs, one where it does not, one on images of their own."""
    return people(tmp_path / "p.csv", subject_01=EYE_RIGHT, subject_02=~EYE_RIGHT, subject_03=OTHERS)


def test_errors_beside_those_of_each_person(three: str) -> None:
    found = asked(three).estimates
    assert one(found, "images_compared", source="table").value == N
    assert one(found, "accuracy", observer="model").value == EYE_RIGHT.mean()
    assert one(found, "accuracy", observer="subject-03").value == OTHERS.mean()
    for who, right in (("subject-01", EYE_RIGHT), ("subject-02", ~EYE_RIGHT), ("subject-03", OTHERS)):
        assert one(found, "error_consistency", observer=who).value == pytest.approx(kappa_by_loop(EYE_RIGHT, right))
        assert one(found, "observed_consistency", observer=who).value == (right == EYE_RIGHT).mean()
        difference = (EYE_RIGHT.mean() - right.mean()) ** 2
        assert one(found, "accuracy_difference", observer=who).value == pytest.approx(difference)
    assert one(found, "error_consistency", observer="subject-01").value == 1
    assert one(found, "error_consistency_highest", observer="subject-01").value == pytest.approx(1)


def test_means_beside_what_people_share(three: str) -> None:
    sat = asked(three)
    own = np.mean([kappa_by_loop(EYE_RIGHT, right) for right in (EYE_RIGHT, ~EYE_RIGHT, OTHERS)])
    among = np.mean(
        [kappa_by_loop(*pair) for pair in ((EYE_RIGHT, ~EYE_RIGHT), (EYE_RIGHT, OTHERS), (~EYE_RIGHT, OTHERS))]
    )
    found = sat.estimates
    assert one(found, "mean_error_consistency", of="model").value == pytest.approx(own)
    assert one(found, "mean_error_consistency", of="people").value == pytest.approx(among)
    gap = one(found, "error_consistency_gap")
    assert gap.value == pytest.approx(own - among)
    assert (gap.low or 0) > 0  # people were written to contradict each other
    assert sat.exam.findings(found)[0].verdict == "strong"
    (bars,) = [chart for chart in sat.exam.charts(found) if isinstance(chart, Bars)]
    assert bars.rules[0].y == pytest.approx(among)


def test_who_errs_elsewhere_than_people_is_told_so(tmp_path: Path) -> None:
    slip, alike = np.random.default_rng(7).random(N) < 0.05, np.random.default_rng(8).permutation(EYE_RIGHT)
    sat = asked(people(tmp_path / "p.csv", subject_01=alike, subject_02=alike ^ slip))
    (first, *_) = sat.exam.findings(sat.estimates)
    assert first.verdict == "weak"
    assert "errs on other images than people" in first.sentence
    far = asked(people(tmp_path / "f.csv", subject_01=OTHERS, subject_02=OTHERS ^ slip))
    said = far.exam.findings(far.estimates)[0]
    assert said.verdict == "note"  # people's figure is out of its reach, whatever it goes by
    p, most = EYE_RIGHT.mean(), []
    for q in (OTHERS.mean(), (OTHERS ^ slip).mean()):
        chance = p * q + (1 - p) * (1 - q)
        most.append((1 - abs(p - q) - chance) / (1 - chance))
    assert f"accuracies so far apart allow no more than {np.mean(most):.2f}" in said.sentence
    alone = asked(people(tmp_path / "one.csv", subject_01=OTHERS))
    assert "no two people" in alone.exam.findings(alone.estimates)[0].sentence


def test_without_errors_there_is_no_kappa_and_means_leave_it_out(tmp_path: Path) -> None:
    everything = np.ones(N, bool)
    table = people(tmp_path / "p.csv", subject_01=everything, subject_02=EYE_RIGHT)
    sat = asked(table, by="shape")
    found = sat.estimates
    undefined = one(found, "error_consistency", observer="subject-01")
    assert (undefined.value, undefined.n) == (None, N)
    assert "no error to agree on" in undefined.reason
    arithmetic = one(found, "error_consistency", observer="subject-02")  # 0, as the model was always right
    assert (arithmetic.value, arithmetic.low) == (None, None)
    assert "always right" in arithmetic.reason
    assert one(found, "mean_error_consistency", of="model").value is None
    assert one(found, "undefined_pairs", of="model").value == 2
    assert any("For 3 pairs kappa says nothing" in f.sentence for f in sat.exam.findings(found))


def test_only_what_both_saw_is_compared(tmp_path: Path) -> None:
    half = np.arange(N) < N // 2
    sat = asked(people(tmp_path / "p.csv", shown=half, subject_01=OTHERS, subject_02=EYE_RIGHT))
    compared = one(sat.estimates, "images_compared", source="table")
    assert (compared.value, compared.n) == (N // 2, N)
    pair = one(sat.estimates, "error_consistency", observer="subject-01")
    assert (pair.value, pair.n) == (pytest.approx(kappa_by_loop(EYE_RIGHT[half], OTHERS[half])), N // 2)
    rows = sat.whole.rows
    np.testing.assert_array_equal(rows["compared"], half)
    np.testing.assert_array_equal(rows["people_right"][:, 1], np.where(half, EYE_RIGHT, -1))


def test_what_the_table_may_hold(tmp_path: Path) -> None:
    first = people(tmp_path / "a.csv", "0.0", subject_01=OTHERS)
    second = people(tmp_path / "b.csv", "1.0", subject_02=OTHERS)
    with pytest.raises(DecisionError, match=r"several conditions.*human_likeness.condition to one of 0, 1"):
        asked((first, second))
    chosen = asked((first, second), condition="1.00")
    assert [e.at["observer"] for e in chosen.estimates.of("error_consistency")] == ["subject-02"]
    with pytest.raises(DecisionError, match="No decision is of this condition"):
        asked(first, condition="c10")
    text = Path(first).read_text()
    Path(first).write_text(text.replace("subject-01", "model"))
    with pytest.raises(DecisionError, match="is called 'model'"):
        asked(first)
    swapped = text.replace(",cat,cat,", ",cat,dog,").replace("subject-01", "subject-02")
    Path(first).write_text(text)
    Path(second).write_text(swapped)
    with pytest.raises(DecisionError, match=r"is dog for subject-02 and cat for subject-01"):
        asked((first, second))


def test_images_of_one_file_name_go_by_their_folders(tmp_path: Path) -> None:
    """Two people who answered each folder's 1.png, and a model that sees them under longer paths, in another format."""
    shapes, textures = np.array([7, 10] * 4), np.array([10, 7] * 4)
    called = [f"{SIXTEEN[s]}/{k // 2}.png" for k, s in enumerate(shapes)]
    hits = {"subject-01": [1, 1, 0, 0, 1, 0, 1, 1], "subject-02": [1, 0, 0, 0, 1, 1, 1, 1]}
    rows = [
        Decision(who, "1", "1", "NaN", SIXTEEN[s] if hit else "na", SIXTEEN[s], "0", name)
        for who, right in hits.items()
        for s, hit, name in zip(shapes, right, called, strict=True)
    ]
    write_decisions(DecisionTable(tuple(rows)), tmp_path / "p.csv")
    ids = tuple(f"photos/{name.replace('.png', '.webp')}" for name in called)
    images = array_set("photos", cue_pictures(shapes, textures), ids, {}, ())
    exam = HumanLikeness(table=str(tmp_path / "p.csv"))
    sat = sitting(exam, cue_eye("shape"), images)
    assert not exam.unsuited(sat.subject, images)
    np.testing.assert_array_equal(sat.whole.rows["people_right"].T, list(hits.values()))
    assert sat.whole.rows["right"].all()


def test_networks_stand_in_where_no_person_answered(tmp_path: Path) -> None:
    assert [
        e.at["observer"] for e in asked(people(tmp_path / "n.csv", net=OTHERS)).estimates.of("error_consistency")
    ] == ["net"]
    both = asked(people(tmp_path / "b.csv", net=OTHERS, subject_01=EYE_RIGHT))
    assert [e.at["observer"] for e in both.estimates.of("error_consistency")] == ["subject-01"]


# Soft labels of four classes; the eye answers (.7, .1, .1, .1) whatever it sees.
SURE = np.array([0.7, 0.1, 0.1, 0.1])
SHARES = np.array([SURE, [1, 0, 0, 0], [0, 1, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.2, 0.4, 0.4, 0.0], SURE, SURE])
LABELS = [0, 0, 1, 2, 2, 0, -1]


def soft(tmp_path: Path, shares: Any = SHARES, **more: Any) -> str:
    file = tmp_path / ("soft.npz" if more else "soft.npy")
    np.savez(file, shares=shares, **more) if more else np.save(file, shares)
    return str(file)


def constant(file: str, count: int = len(LABELS), **settings: Any) -> Sitting:
    eye = seen_by(ConstantEye(*np.log(SURE)), 16, class_names=("ant", "bee", "cat", "dog"))
    labels = [*LABELS, *[0] * (count - len(LABELS))]
    return sitting(HumanLikeness(soft_labels=file, **settings), eye, image_set(noise_images(count), labels))


def js(p: Sequence[float], q: Sequence[float]) -> float:
    def kl(a: Sequence[float], b: Sequence[float]) -> float:
        return sum(x * log(x / y) for x, y in zip(a, b, strict=True) if x)

    middle = [(x + y) / 2 for x, y in zip(p, q, strict=True)]
    return (kl(p, middle) + kl(q, middle)) / 2


def test_soft_labels_by_hand(tmp_path: Path) -> None:
    sat = constant(soft(tmp_path))
    found = sat.estimates
    assert one(found, "images_compared", source="soft_labels").value == 7
    assert one(found, "people_agreement", answer="model").value == 5 / 7  # of four equal ones the first
    label = one(found, "people_agreement", answer="label")
    assert (label.value, label.n) == (4 / 6, 6)  # not of class 2, twice; one image has no label
    assert one(found, "people_share", answer="model").value == pytest.approx(SHARES[:, 0].mean())
    shares = [SHARES[i, k] for i, k in enumerate(LABELS) if k >= 0]
    assert one(found, "people_share", answer="label").value == pytest.approx(np.mean(shares))
    by_hand = [js(SURE, row) for row in SHARES]
    assert one(found, "js_divergence", answer="model").value == pytest.approx(np.mean(by_hand), rel=1e-5)
    of_label = [js(np.eye(4)[k], row) for k, row in zip(LABELS, SHARES, strict=True) if k >= 0]
    assert one(found, "js_divergence", answer="label").value == pytest.approx(np.mean(of_label), rel=1e-5)
    gap = one(found, "js_divergence_gap", given="all")
    assert gap.value == pytest.approx(np.mean(by_hand[:6]) - np.mean(of_label), rel=1e-4)
    assert gap.n == 6
    cross = [-float(row @ np.log(SURE)) for row in SHARES]
    assert one(found, "cross_entropy").value == pytest.approx(np.mean(cross), rel=1e-5)
    entropies = [-sum(x * log(x) for x in row if x) for row in SHARES]
    assert one(found, "people_entropy", given="all").value == pytest.approx(np.mean(entropies), rel=1e-5)
    assert one(found, "kl_divergence").value == pytest.approx(np.mean(cross) - np.mean(entropies), rel=1e-4)
    assert one(found, "people_entropy", given="wrong").n == 3
    assert one(found, "people_entropy", given="right").value == pytest.approx(np.mean(entropies[:2] + entropies[5:6]))
    own = -float(SURE @ np.log(SURE))
    assert one(found, "entropy_gap", given="all").value == pytest.approx(own - np.mean(entropies), rel=1e-4)
    assert [one(found, "doubt_entropy", answer="people", doubt=d).n for d in ("none", "some", "much")] == [2, 0, 5]


def test_a_constant_doubt_has_no_correlation(tmp_path: Path) -> None:
    rho = one(constant(soft(tmp_path)).estimates, "entropy_correlation", given="all")
    assert rho.value is None
    assert "the same for all images" in rho.reason


class TestAnEyeThatAnswersAsPeople:
    """Soft labels that are its own probabilities."""

    images = noise_images(80, seed=2)

    def sat(self, tmp_path: Path, sharpen: float = 1.0) -> Sitting:
        logits = np.zeros((80, 2))
        logits[:, 1] = 8 * (self.images[:, 3, 5, 0] / 255 - 0.5)
        p = np.exp(sharpen * logits)
        file = soft(tmp_path, p / p.sum(1, keepdims=True))
        exam = HumanLikeness(soft_labels=file)
        return sitting(exam, seen_by(OnePixelEye(3, 5)), image_set(self.images, logits[:, 1] > 0))

    def test_is_as_close_as_can_be(self, tmp_path: Path) -> None:
        sat = self.sat(tmp_path)
        found = sat.estimates
        assert one(found, "people_agreement", answer="model").value == 1
        assert one(found, "kl_divergence").value == pytest.approx(0, abs=1e-6)
        assert one(found, "js_divergence", answer="model").value == pytest.approx(0, abs=1e-6)
        assert one(found, "entropy_correlation", given="all").value == pytest.approx(1, abs=1e-3)
        verdicts = [f.verdict for f in sat.exam.findings(found)]
        assert "strong" in verdicts
        assert "weak" not in verdicts

    def test_with_less_doubt_people_are_farther(self, tmp_path: Path) -> None:
        """People sharper than the eye by a factor: the same order of doubts, another depth."""
        found = self.sat(tmp_path, sharpen=8.0).estimates
        assert one(found, "entropy_correlation", given="all").value == pytest.approx(1, abs=0.01)
        assert (one(found, "kl_divergence").low or 0) > 0.01
        assert (one(found, "entropy_gap", given="all").low or 0) > 0  # it doubts more
        assert one(found, "people_agreement", answer="model").value == 1


def test_rows_of_other_images_are_noticed(tmp_path: Path) -> None:
    labels = np.arange(60) % 4
    eye = seen_by(ConstantEye(0.0, 1.0, 2.0, 3.0))
    told = []
    for moved in (0, 1):
        exam = HumanLikeness(soft_labels=soft(tmp_path, np.roll(np.eye(4)[labels], moved, axis=0)))
        sat = sitting(exam, eye, image_set(noise_images(60), labels))
        told.append(any("may be of other images" in f.sentence for f in exam.findings(sat.estimates)))
    assert told == [False, True]


def test_images_without_a_row_have_no_part(tmp_path: Path) -> None:
    more = constant(soft(tmp_path), count=10)
    counted = one(more.estimates, "images_compared", source="soft_labels")
    assert (counted.value, counted.n) == (7, 10)
    fewer = constant(soft(tmp_path)).estimates
    for e in fewer:
        if e.measure not in ("images_compared", "entropy"):
            assert e in more.estimates
    assert one(more.estimates, "entropy").n == 10


def test_rows_are_found_by_number_or_by_the_file_s_ids(tmp_path: Path) -> None:
    numbered = read_soft_labels(soft(tmp_path), setting="s")
    assert numbered.rows(["test/00002", "5.png", "0007", "cat", "12ab"]).tolist() == [2, 5, -1, -1, -1]
    ids = np.array([f"{k:04d}" for k in (3, 2, 1, 0, 6, 5, 4)])
    by_name = constant(soft(tmp_path, SHARES[[3, 2, 1, 0, 6, 5, 4]], ids=ids)).estimates
    assert list(by_name) == list(constant(soft(tmp_path)).estimates)


def test_rounded_shares_are_no_doubt(tmp_path: Path) -> None:
    """A row that misses one by rounding is still one answer of all people."""
    rounded = SHARES.copy()
    rounded[1:3] *= 0.9995
    usual, found = (constant(soft(tmp_path, shares)).estimates for shares in (SHARES, rounded))
    same_figures(found, usual)


def same_figures(found: Estimates, usual: Estimates) -> None:
    """But for the last digits."""
    assert [(e.measure, e.at, e.n) for e in found] == [(e.measure, e.at, e.n) for e in usual]
    assert [e.value for e in found] == [pytest.approx(e.value, abs=1e-6) for e in usual]


def test_columns_go_by_name(tmp_path: Path) -> None:
    usual = constant(soft(tmp_path)).estimates
    turned = constant(soft(tmp_path, SHARES[:, ::-1]), classes=("dog", "cat", "bee", "ant")).estimates
    same_figures(turned, usual)
    with pytest.raises(SoftLabelError, match=r"elk"):
        constant(soft(tmp_path), classes=("dog", "cat", "bee", "elk"))
    with pytest.raises(SoftLabelError, match=r"There are 3 columns, 4 names or outputs"):
        constant(soft(tmp_path, SHARES[:, :1].repeat(3, axis=1) * 0 + 1 / 3))


def test_a_lacking_column_is_told_as_that(tmp_path: Path) -> None:
    """Without it rows do not sum to one either, which is not what is wrong."""
    with pytest.raises(SoftLabelError, match=r"There are 3 columns, 4 names or outputs"):
        constant(soft(tmp_path, SHARES[:, :3]))


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        (np.where(np.arange(7)[:, None] == 4, 0.3, SHARES), "Row 4 is no distribution.*sums to 1.2"),
        (np.where(np.arange(7)[:, None] == 2, np.nan, SHARES), "Row 2 .*no finite number"),
        (SHARES[0], "0 tables of numbers"),
        (np.array([{}]), "cannot be read"),
    ],
)
def test_soft_labels_that_cannot_be_used(tmp_path: Path, shares: Any, says: str) -> None:
    with pytest.raises(SoftLabelError, match=says):
        constant(soft(tmp_path, shares))
    with pytest.raises(SettingError, match="cannot be read"):
        HumanLikeness(soft_labels=str(tmp_path / "none.npy"))


def test_skipped_with_a_reason(tmp_path: Path, three: str) -> None:
    def reason(exam: HumanLikeness, images: Any) -> str:
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        run = examined(cue_eye("coin"), images, [exam, "spectrum"], out)
        (skipped,) = run.results["skipped"]
        return str(skipped["reason"])

    noise = image_set(noise_images(7))
    assert "set human_likeness.table or human_likeness.soft_labels" in reason(HumanLikeness(), noise)
    assert "no image is in the table" in reason(HumanLikeness(table=three), noise)
    wide = soft(tmp_path, np.full((3, 17), 1 / 17))
    called = tuple(f"{side}/{image_of(NAMES[1])}" for side in ("left", "right"))
    twins = array_set("twins", noise_images(2), called, {}, ())
    told = reason(HumanLikeness(table=three), twins)
    assert "several images are called airplane" in told
    assert "with its folder in the column imagename" in told
    sevens = array_set("sevens", noise_images(2), ("test/2.png", "train/2.png"), {}, ())
    assert "several images are numbered 2" in reason(HumanLikeness(soft_labels=wide), sevens)
    nobody = array_set("words", noise_images(2), ("a.png", "b.png"), {}, ())
    assert "no image has a row of soft labels" in reason(HumanLikeness(soft_labels=wide), nobody)


def test_changed_files_are_another_exam(tmp_path: Path) -> None:
    file = soft(tmp_path)
    first = HumanLikeness(soft_labels=file)
    soft(tmp_path, SHARES[::-1])
    second = HumanLikeness(soft_labels=file)
    assert exam_key(first, 0, "run") != exam_key(second, 0, "run")
    soft(tmp_path, SHARES[:5])
    with pytest.raises(SettingError, match="have changed since this exam was set up"):
        first.model_copy().unsuited(constant(file).subject, image_set(noise_images(3)))


def test_laws_of_the_contract_hold_with_people(tmp_path: Path, three: str) -> None:
    shares = np.random.default_rng(8).dirichlet(np.full(17, 0.2), N)
    file = soft(tmp_path, shares, ids=np.array(NAMES))
    exam = HumanLikeness(table=three, soft_labels=file)
    sat = sitting(exam, cue_eye("coin"), stimuli(COINS))
    found, whole = sat.estimates, sat.whole
    for edges in contract.cuts():
        which = np.searchsorted(np.array(edges) * 11, np.arange(N), side="right")
        merged = Tally.merge(sat.part(which == k) for k in range(len(edges) + 1))
        for name, column in whole.rows.items():
            np.testing.assert_allclose(merged.rows[name], column, rtol=1e-5, atol=1e-6)
    assert all(column.dtype.itemsize <= 4 for column in whole.rows.values())
    contract.test_estimates_say_n_unit_and_interval(found)
    contract.test_no_two_estimates_have_one_address(found)
    contract.test_names_are_in_the_docstring(sat, found)
    contract.test_charts_survive_json(sat, found, Estimates())
    contract.test_findings_are_sentences(sat, found, Estimates())
    assert {*exam.headline} <= {e.measure for e in found}


def test_a_run_by_the_engine(tmp_path: Path, three: str) -> None:
    run = examined(cue_eye("coin"), stimuli(COINS), [HumanLikeness(table=three)], tmp_path / "run")
    assert one(run.estimates, "error_consistency", observer="subject-01").value == 1
    rows = run.rows("human_likeness")
    assert len(rows) == N
    assert sum(rows["right"].to_pylist()) == EYE_RIGHT.sum()
    table = decisions_of(str(tmp_path / "run"), CATEGORIES)
    assert len(table) == N
    by_image = {one.image: one.right for one in table}
    assert [by_image[image_of(name)] for name in NAMES] == EYE_RIGHT.tolist()
    assert table.observers == (run.record["models"][0]["name"],)


@pytest.mark.shared
@pytest.mark.slow
def test_resnet20_beside_cifar10h(tmp_path: Path) -> None:
    weights, shares = SHARED / "cifar10_nets/resnet20.safetensors", SHARED / "cifar10h/cifar10h-probs.npy"
    if not weights.is_file() or not shares.is_file():
        pytest.skip("no shared data")
    torch.set_num_threads(1)
    model = load_model(str(weights), arch="eyechart:cifar_resnet20", device="cpu")
    images = open_cifar10(str(SHARED / "cifar10"))
    run = examined(model, images, [HumanLikeness(soft_labels=str(shares))], tmp_path)
    label = one(run.estimates, "people_agreement", answer="label")
    assert (label.value, label.n) == (9900 / 9979, 9979)
    assert one(run.estimates, "people_agreement", answer="model").value == pytest.approx(0.9169, abs=5e-4)
    by_entropy = [one(run.estimates, "people_entropy", given=given) for given in ("wrong", "right")]
    assert (by_entropy[0].low or 0) > (by_entropy[1].high or 1)


def test_only_accuracy_may_keep_it_from_people(tmp_path: Path) -> None:
    """Right on every image that the eye gets right, and on more: kappa is what accuracies so far apart allow."""
    more = EYE_RIGHT | (np.random.default_rng(9).random(N) < 0.7)
    sat = asked(people(tmp_path / "p.csv", subject_01=more, subject_02=more))
    (first, *_) = sat.exam.findings(sat.estimates)
    assert first.verdict == "note"
    assert "accuracies so far apart" in first.sentence
