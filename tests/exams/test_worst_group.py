"""The exam of the worst group on answers that are wrong on known groups, and on groups that are all alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import binom, fisher_exact

from eyechart.core.chart import Dots, Table
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN
from eyechart.errors import UnknownNameError
from eyechart.examination import examine
from eyechart.exams.worst_group import WorstGroup
from eyechart.images.arrays import array_set
from eyechart.stats.intervals import wilson
from eyes import OracleEye, Sitting, answers_by, one, plain_images, seen_by
from figures import value

NAMES = ("ant", "bee", "cat", "dog")
N = 400
LABELS = np.arange(N) % 4
PLACES = np.array(["field", "wood", "lake"], object)[np.arange(N) // 4 % 3]


def judged(
    right: Array, labels: Array = LABELS, exam: Exam | None = None, **targets: Array
) -> tuple[Sitting, Estimates]:
    """What the exam says of answers that are right there, else the next class."""
    answers = np.where(right, labels, (labels + 1) % 4)
    subject = Subject((8, 8), 4, NAMES)
    batch = Batch(tuple(f"{i:04d}" for i in range(len(labels))), labels, subject, targets)
    logits = np.eye(4, dtype=np.float32)[answers]
    sat = Sitting(exam or WorstGroup(), subject, answers_by([CLEAN], lambda _: logits), batch)
    return sat, sat.exam.estimates(sat.whole, labels, subject)


def by_chance(seed: int, share: float = 0.8) -> Array:
    return np.random.default_rng(seed).random(N) < share


def test_a_net_that_is_wrong_on_one_place_alone() -> None:
    sat, found = judged(PLACES != "lake", group=PLACES)
    assert value(found, "accuracy", by="group") == pytest.approx(np.mean(PLACES != "lake"))
    for place, expected in (("field", 1), ("wood", 1), ("lake", 0)):
        e = one(found, "group_accuracy", by="group", group=place)
        assert (e.value, e.n) == (expected, int((place == PLACES).sum()))
        own = wilson(expected * e.n, e.n)
        assert (e.low, e.high) == (own.low, own.high)
    assert one(found, "worst_group_accuracy").at == {"by": "group", "group": "lake"}
    assert value(found, "worst_group_accuracy", group="lake") == 0
    assert value(found, "held_out_accuracy", group="lake") == 0
    gap = one(found, "held_out_gap", group="lake")
    assert gap.value == pytest.approx(2 / 3, abs=0.01)
    assert gap.low is not None
    assert gap.low > 0.5
    assert value(found, "mean_group_accuracy") == pytest.approx(2 / 3)
    assert [f.verdict for f in sat.exam.findings(found)] == ["note", "weak"]
    assert not found.of("mistaken_share", group="field")


def test_without_a_column_the_classes_are_the_groups() -> None:
    sat, found = judged(LABELS != 2)
    assert {e.at["group"] for e in found.of("group_accuracy", by="label")} == {*NAMES}
    assert one(found, "worst_group_accuracy").at["group"] == "cat"
    mistaken = one(found, "mistaken_share", group="cat")
    assert (mistaken.value, mistaken.at["answer"]) == (1, "dog")
    assert "classes" in sat.exam.findings(found)[0].sentence


def test_usual_columns_are_found_and_others_named() -> None:
    domains = np.array(["x", "y"], object)[np.arange(N) // 4 % 2]
    _, found = judged(by_chance(0), group=PLACES, domain=domains, camera=domains)
    assert {e.at["by"] for e in found.of("accuracy")} == {"group", "domain"}
    _, found = judged(by_chance(0), exam=WorstGroup(by=("camera", "label")), camera=domains)
    assert [e.at["by"] for e in found.of("accuracy")] == ["camera", "label"]
    with pytest.raises(UnknownNameError, match="camera") as caught:
        judged(by_chance(0), exam=WorstGroup(by=("camere",)), camera=domains)
    assert caught.value.setting == "worst_group.by"


def test_crossed_columns_find_what_each_alone_hides() -> None:
    """Cats at the lake: no class and no place is worse than a third wrong."""
    right = ~((LABELS == 2) & (PLACES == "lake"))
    _, found = judged(right, exam=WorstGroup(by=("label*group",)), group=PLACES)
    assert len(found.of("group_accuracy")) == 12
    assert one(found, "worst_group_accuracy").at["group"] == "cat, lake"
    assert value(found, "worst_group_accuracy", group="cat, lake") == 0
    _, single = judged(right, exam=WorstGroup(by=("label", "group")), group=PLACES)
    assert min(e.value or 0.0 for e in single.of("group_accuracy")) > 0.6


def test_small_groups_are_listed_and_not_the_worst() -> None:
    places = PLACES.copy()
    places[:15] = "cellar"
    sat, found = judged(places != "cellar", group=places)
    cellar = one(found, "group_accuracy", group="cellar")
    assert (cellar.value, cellar.n) == (0, 15)
    assert (value(found, "counted_groups"), value(found, "small_groups")) == (3, 1)
    assert one(found, "worst_group_accuracy").value == 1
    assert "Of 3 groups by group (1 more" in sat.exam.findings(found)[0].sentence
    tables = [c for c in sat.exam.charts(found) if isinstance(c, Table)]
    assert tables[0].rows[-1][0] == "cellar"
    assert tables[0].rows[-1][-1] == "too few to count"
    _, all_count = judged(places != "cellar", exam=WorstGroup(fewest=15), group=places)
    assert one(all_count, "worst_group_accuracy").at["group"] == "cellar"


def test_one_group_or_none_has_no_worst() -> None:
    for groups, reason in (("field", "one group alone"), ("", "")):
        sat, found = judged(by_chance(0), group=np.full(N, groups, object))
        assert all(e.value is None for m in ("worst_group_accuracy", "held_out_gap") for e in found.of(m))
        assert reason in one(found, "worst_group_accuracy").reason
        sat.exam.charts(found)
        assert [f.verdict for f in sat.exam.findings(found)] == ["note"]


def test_images_without_group_or_label_take_no_part() -> None:
    labels, places = LABELS.copy(), PLACES.copy()
    labels[:40], places[40:80] = -1, ""
    _, found = judged(by_chance(1), labels, group=places)
    _, fewer = judged(by_chance(1)[80:], LABELS[80:], group=PLACES[80:])
    assert value(found, "accuracy") == value(fewer, "accuracy")
    assert one(found, "accuracy").n == N - 80


def test_of_alike_groups_none_is_called_worse_and_the_held_out_half_is_not_biased() -> None:
    """Sixteen alike groups: the lowest count lies far below, the held-out half does not."""
    groups = np.array([f"g{k:02d}" for k in range(16)], object)[np.random.default_rng(0).permutation(N) % 16]
    lowest, held_out, called, covered = [], [], [], []
    for seed in range(120):
        sat, found = judged(by_chance(seed), group=groups)
        worst = one(found, "worst_group_accuracy")
        lowest.append(worst.value)
        held_out.append(one(found, "held_out_accuracy").value)
        called.append("shown to be worse" in sat.exam.findings(found)[1].sentence)
        covered.append(worst.low <= 0.8 <= worst.high)
    assert np.mean(lowest) < 0.68
    assert np.mean(held_out) == pytest.approx(0.8, abs=0.03)
    assert np.mean(called) < 0.07
    assert np.mean(covered) > 0.93


def test_a_group_that_is_worse_is_found_by_both_halves() -> None:
    shares = np.where(PLACES == "wood", 0.5, 0.9)
    called = []
    for seed in range(20):
        right = np.random.default_rng(seed).random(N) < shares
        sat, found = judged(right, group=PLACES)
        called.append("shown to be worse" in sat.exam.findings(found)[1].sentence)
        gap = one(found, "held_out_gap", group="wood")
        assert gap.low is not None
        assert gap.high is not None
    assert np.mean(called) > 0.95


def test_where_the_lowest_of_alike_groups_would_lie() -> None:
    _, found = judged(by_chance(3), group=PLACES)
    sizes = np.array([one(found, "group_accuracy", group=p).n for p in ("field", "wood", "lake")])
    share, limit = value(found, "accuracy"), value(found, "worst_by_chance")
    drawn = (binom.rvs(sizes, share, size=(5000, 3), random_state=0) / sizes).min(1)
    assert np.mean(drawn < limit - 1e-6) < 0.035
    assert np.mean(drawn <= limit + 1e-6) > 0.02


def test_a_steady_model_is_praised_and_a_handful_is_not() -> None:
    sat, found = judged(np.ones(N, bool), group=PLACES)
    assert sat.exam.findings(found)[0].verdict == "strong"
    few = slice(0, 63)
    sat, found = judged(np.ones(63, bool), LABELS[few], group=PLACES[few])
    assert sat.exam.findings(found)[0].verdict == "note"


def test_a_guessing_net_is_not_praised_for_guessing_everywhere_alike() -> None:
    chance, n = np.random.default_rng(0), 20_000
    groups = np.array(["a", "b", "c"], object)[chance.integers(3, size=n)]
    for share, verdict in ((0.25, "note"), (0.3, "strong")):  # of four classes
        sat, found = judged(chance.random(n) < share, np.arange(n) % 4, group=groups)
        assert sat.exam.findings(found)[0].verdict == verdict


def test_a_group_of_few_is_rarely_called_worse_by_chance() -> None:
    """All alike; Newcombe's lower end lay above 0 for one in eighteen such groups."""
    groups = np.where(np.arange(1000) % 20 == 0, "few", "many").astype(object)
    labels, called = np.arange(1000) % 4, 0
    for seed in range(200):
        sat, found = judged(np.random.default_rng(seed).random(1000) < 0.97, labels, group=groups)
        p = one(found, "held_out_p")
        gap = one(found, "held_out_gap")
        own = one(found, "held_out_accuracy")
        if p.at["group"] == "few":
            wrong = round((1 - own.value) * own.n)
            rest = round((1 - (own.value + gap.value)) * p.n) - wrong
            table = [[own.n - wrong, wrong], [p.n - own.n - rest, rest]]
            assert p.value == pytest.approx(fisher_exact(table, "less").pvalue, rel=1e-6)
        called += "shown to be worse" in sat.exam.findings(found)[1].sentence
    assert called <= 10  # 2.5 % of 200 is 5


def test_many_groups_are_cut_short_and_say_so() -> None:
    groups = np.array([f"g{k:03d}" for k in range(300)], object)[np.arange(900) % 300]
    labels = np.arange(900) % 4
    sat, found = judged(np.arange(900) % 7 > 0, labels, WorstGroup(fewest=2), group=groups)
    dots, table = sat.exam.charts(found)
    assert isinstance(dots, Dots)
    assert isinstance(table, Table)
    assert len(dots.categories) == 25
    assert len(table.rows) == 200
    assert "25 lowest of 300" in dots.caption
    assert "200 lowest of 300" in table.caption


def test_a_run_with_groups_of_an_image_set(tmp_path: Path) -> None:
    """Red, green and blue pictures: the oracle is right on all but those that are labelled wrongly."""
    colours = np.arange(60) % 3
    rooms = np.array(["hall", "attic"], object)[np.arange(60) % 2]
    labels = np.where(rooms == "attic", (colours + 1) % 3, colours)
    ids = tuple(f"{i:02d}" for i in range(60))
    images = array_set("rooms", plain_images(colours), ids, {"label": labels, "room": rooms}, ())
    run = examine(seen_by(OracleEye()), images, [WorstGroup(by=("room",))], out=tmp_path, workers=0)
    found = Estimates(e for e in run.estimates if e.exam == "worst_group")
    assert value(found, "group_accuracy", group="attic") == 0
    assert value(found, "group_accuracy", group="hall") == 1


def test_settings() -> None:
    for wrong in ({"by": ()}, {"by": ("a", "a")}, {"fewest": 1}):
        with pytest.raises(ValidationError):
            WorstGroup(**wrong)
