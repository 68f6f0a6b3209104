"""Further figures of the bands exam: confidence by outcome, area under the curve, groups, empty bands."""

from __future__ import annotations

from hashlib import blake2b
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.query import CLEAN, Query
from eyechart.errors import UnknownNameError
from eyechart.exams.bands import Bands
from eyechart.exams.bands_figures import trapezoid
from eyechart.images.arrays import ArraySet, array_set
from eyechart.stats.intervals import wilson
from eyechart.store.run_folder import Run
from eyechart.views.bands import Band
from eyes import (
    HighPassEye,
    LowPassEye,
    Sitting,
    ToyEye,
    answered,
    answers_by,
    examined,
    image_set,
    noise_images,
    seen_by,
    sitting,
    toy_images,
)

PICTURES = ("image", "low", "high")


def results(sat: Sitting) -> Estimates:
    return sat.exam.estimates(sat.whole, sat.batch.labels, sat.subject)


def one(found: Estimates, measure: str, **at: Any) -> Estimate:
    (e,) = found.of(measure, **at)
    return e


# Confidence by outcome


@pytest.fixture(scope="module")
def mixed() -> Sitting:
    """Made-up logits at one radius: labels, answers and how sure they are drawn apart."""
    chance, n = np.random.default_rng(0), 200
    labels = chance.integers(-1, 4, n)
    told = {}
    for query, p in ((CLEAN, 0.9), (Query(Band("low", 4.0)), 0.6), (Query(Band("high", 4.0)), 0.3)):
        answers = np.where(chance.uniform(size=n) < p, labels, chance.integers(0, 4, n))
        told[query] = np.eye(4)[answers] * chance.uniform(0.5, 4, n)[:, None]
    subject = Subject((16, 16), 4)
    batch = Batch(tuple(f"{i:03d}" for i in range(n)), labels, subject)
    return Sitting(Bands(radii=(4,)), subject, answers_by(list(told), told.__getitem__), batch)


def test_confidence_in_each_cell_is_the_mean_over_its_images(mixed: Sitting) -> None:
    rows, labels, found = mixed.whole.rows, mixed.batch.labels, results(mixed)
    top1 = {"image": rows["image_top1"], **{s: rows[f"{s}_top1"][:, 0] for s in PICTURES[1:]}}
    sure = {"image": rows["image_confidence"], **{s: rows[f"{s}_confidence"][:, 0] for s in PICTURES[1:]}}
    seen = 0
    for outcome in product(("right", "wrong"), repeat=3):
        at = dict(zip(PICTURES, outcome, strict=True))
        cell = labels >= 0
        for k, o in at.items():
            cell = cell & ((top1[k] == labels) == (o == "right"))
        for on in PICTURES:
            e = one(found, "outcome_confidence", on=on, **at)
            assert (e.n, e.unit) == (cell.sum(), "probability")
            if e.n:
                assert e.value == pytest.approx(sure[on][cell].mean())
            if e.n > 30:
                assert e.low is not None
                assert e.high is not None
                half = 1.96 * sure[on][cell].std() / np.sqrt(e.n)
                assert (e.high - e.low) / 2 == pytest.approx(half, rel=0.2)
                seen += 1
        assert e.n == round((one(found, "outcome_share", **at).value or 0) * (labels >= 0).sum())
    assert seen >= 6
    assert len(found.of("outcome_confidence")) == 24


def test_an_outcome_of_no_image_is_undefined_and_one_of_one_image_has_no_interval(mixed: Sitting) -> None:
    rows, labels = mixed.whole.rows, mixed.batch.labels
    right = {k: rows[f"{k}_top1"].reshape(len(labels), -1)[:, 0] == labels for k in PICTURES}
    cell = (labels >= 0) & right["image"] & right["high"] & ~right["low"]
    for n in (0, 1):
        chosen = ~cell | (np.cumsum(cell) <= n)
        found = Bands(radii=(4,)).estimates(mixed.part(chosen), labels[chosen], mixed.subject)
        e = one(found, "outcome_confidence", image="right", high="right", low="wrong", on="high")
        assert (e.n, e.low, e.high, e.method if n else "") == (n, None, None, "")
        assert (e.value is None) == bool(e.reason) == (n == 0)
        if n:
            assert e.value == pytest.approx(rows["high_confidence"][np.flatnonzero(cell)[0], 0])


def test_confidence_of_answers_without_labels_is_not_asked_for(mixed: Sitting) -> None:
    bare = Bands(radii=(4,)).estimates(mixed.whole, np.full(200, -1), mixed.subject)
    assert not bare.of("outcome_confidence")
    assert not bare.of("area_under_curve")


# The area under the curve


def test_the_toys_curve_is_a_step() -> None:
    """Coarse: 3/8 at radius 3, 1 from radius 7 on; fine: the reverse."""
    labels = [1, 0, 1, 1, 0, 1, 0, 1] * 2
    exam = Bands(radii=(3, 7, 8))
    found = results(sitting(exam, seen_by(ToyEye(16, high=5)), image_set(toy_images(labels), labels)))
    step, after = (3 / 8 + 1) / 2, 1.0
    assert one(found, "area_under_curve", band="low").value == pytest.approx((4 * step + 1 * after) / 5)
    assert one(found, "area_under_curve", band="high").value == pytest.approx((4 * step + 1 * 3 / 8) / 5)


@pytest.mark.parametrize("radii", [(0.0, 1.0), (1.0, 2.0, 7.5), (1.5, 3.0, 3.25, 9.0, 20.0)])
def test_the_area_is_that_under_the_accuracies(radii: tuple[float, ...]) -> None:
    images, labels = noise_images(150), np.arange(150) % 5 - 1
    sat = sitting(Bands(radii=radii), seen_by(LowPassEye(4, 16)), image_set(images, labels))
    found, known = results(sat), labels >= 0
    for band in ("low", "high"):
        heights = [e.value for e in found.of("accuracy", band=band)]
        e = one(found, "area_under_curve", band=band)
        assert e.value == pytest.approx(np.trapezoid(heights, radii) / (radii[-1] - radii[0]))
        assert (e.n, e.unit) == (known.sum(), "share")
        right = (sat.whole.rows[f"{band}_top1"] == labels[:, None])[known].astype(float)
        each = np.trapezoid(right, radii, axis=1) / (radii[-1] - radii[0])
        assert e.low is not None
        assert e.high is not None
        assert (e.high - e.low) / 2 == pytest.approx(1.96 * each.std() / np.sqrt(len(each)), rel=0.15)


def test_scaled_radii_give_the_same_area() -> None:
    np.testing.assert_allclose(trapezoid((4, 8, 12, 16)), trapezoid((28, 56, 84, 112)))
    np.testing.assert_allclose(trapezoid((4, 8, 12, 16)), [1 / 6, 1 / 3, 1 / 3, 1 / 6])


def test_one_radius_has_no_area() -> None:
    found = results(sitting(Bands(radii=(3,)), seen_by(ToyEye(16, 5)), image_set(toy_images([0, 1]), [0, 1])))
    for e in found.of("area_under_curve"):
        assert e.value is None
        assert "two radii" in e.reason
    assert len(found.of("area_under_curve")) == 2


def test_an_area_on_which_all_images_agree_is_not_certain() -> None:
    eye, images = HighPassEye(6, 16), noise_images(30)
    found = results(sitting(Bands(radii=(2, 5)), seen_by(eye), image_set(images, answered(eye, images))))
    e, all_right = one(found, "area_under_curve", band="high"), wilson(30, 30)
    assert (e.value, e.low, e.high) == (1.0, all_right.low, all_right.high)


# Groups

DOMAINS = np.array(
    ["photo", "sketch", None, "photo", "sketch", "sketch", "", "a" * 80 + "1", "a" * 80 + "2", "émü"] * 6
)


def grouped(labels: Array, names: tuple[str, ...] = (), **columns: Array) -> ArraySet:
    images = toy_images(np.maximum(labels, 0).tolist())
    targets = {"label": np.asarray(labels, np.int64), **columns}
    return array_set("groups", images, tuple(f"{i:04d}" for i in range(len(labels))), targets, names)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    labels = np.random.default_rng(0).integers(-1, 2, 60)
    year = np.arange(60) % 3 + 2000
    weight = np.where(np.arange(60) % 4 == 0, np.nan, 1.5)
    images = grouped(labels, domain=np.array(DOMAINS, object), year=year, weight=weight)
    exam = Bands(radii=(3, 7), bands=("low", "high", "pass"), by=("label", "domain", "year", "weight"))
    return examined(seen_by(ToyEye(16, 5)), images, [exam], tmp_path_factory.mktemp("groups"), batch_size=7)


@pytest.mark.parametrize(("column", "count"), [("label", 2), ("domain", 5), ("year", 3), ("weight", 1)])
def test_groups_are_counted_as_in_the_rows(run: Run, column: str, count: int) -> None:
    rows = run.rows("bands").to_pydict()
    label = np.array(rows["label"])
    told = [f"class {k}" for k in label] if column == "label" else [str(v) for v in rows[f"target_{column}"]]
    truth = np.array([_digest_of(text) if len(text) > 64 else text for text in told])
    found = run.estimates.of("accuracy", by=column)
    values = list(dict.fromkeys(e.at["value"] for e in found))
    assert len(values) == count
    assert len(found) == count * (1 + 3 * 2)
    assert not {"", "None", "nan", "class -1"} & set(values)
    for e in found:
        chosen = (truth == e.at["value"]) & (label >= 0)
        if e.at["band"] == "whole":
            answers = np.array(rows["image_top1"])
        else:
            answers = np.array(rows[f"{e.at['band']}_top1"])[:, (3.0, 7.0).index(e.at["radius"])]
        expected = wilson(int((answers == label)[chosen].sum()), int(chosen.sum()))
        assert (e.value, e.low, e.high, e.n) == (expected.value, expected.low, expected.high, chosen.sum())
        assert e.n > 0


def _digest_of(text: str) -> str:
    return f"{text[:55]}~{blake2b(text.encode(), digest_size=4).hexdigest()}"


def test_the_toy_gets_each_class_where_it_can(run: Run) -> None:
    """Without wave 5 it says class 0."""
    at = {"by": "label", "radius": 3.0, "band": "low"}
    assert one(run.estimates, "accuracy", value="class 0", **at).value == 1.0
    assert one(run.estimates, "accuracy", value="class 1", **at).value == 0.0
    at |= {"band": "pass", "radius": 7.0, "inner": 3.0}
    assert {e.value for e in run.estimates.of("accuracy", **at)} == {1.0}
    assert {e.value for e in run.estimates.of("accuracy", by="domain", band="whole")} == {1.0}


def test_groups_of_one_column_add_up_to_all(run: Run) -> None:
    everyone = one(Estimates(e for e in run.estimates if "by" not in e.at), "accuracy", band="high", radius=3.0)
    parts = run.estimates.of("accuracy", by="year", band="high", radius=3.0)
    assert sum(e.n for e in parts) == everyone.n
    assert sum((e.value or 0) * e.n for e in parts) == pytest.approx((everyone.value or 0) * everyone.n)


def test_few_groups_have_curves_and_others_a_table(run: Run) -> None:
    kinds = {c["title"]: c["kind"] for s in run.page["sections"] for c in s["charts"]}
    for (column, kind), band in product(
        {"label": "lines", "domain": "lines", "year": "lines", "weight": "table"}.items(),
        ("coarse only", "fine only", "one band at a time"),
    ):
        assert kinds[f"Right answers by {column}: {band}"] == kind


def test_a_table_shows_the_largest_groups_and_results_hold_all(tmp_path: Path) -> None:
    kinds = np.array([f"g{i:02d}" for i in np.repeat(np.arange(70), 2)] + [f"g{i:02d}" for i in range(60, 70)], object)
    labels = np.arange(len(kinds)) % 2
    exam = Bands(radii=(3, 7), by=("kind",))
    run = examined(seen_by(ToyEye(16, 5)), grouped(labels, kind=kinds), [exam], tmp_path)
    assert len({e.at["value"] for e in run.estimates.of("accuracy", by="kind")}) == 70
    (table,) = (
        c for s in run.page["sections"] for c in s["charts"] if c["title"] == "Right answers by kind: fine only"
    )
    shown = [row[0] for row in table["rows"]]
    assert shown == [f"g{i:02d}" for i in (*range(40), *range(60, 70))]
    assert "50 largest of 70" in table["caption"]


def test_the_summary_names_groups_that_lie_apart(tmp_path: Path) -> None:
    labels = np.repeat([0, 1], 100)
    exam = Bands(radii=(6,), by=("label", "kind"))
    images = toy_images(labels.tolist(), low=2, high=7)
    kinds = np.array(["x", "y"] * 100, object)
    ids = tuple(f"{i:04d}" for i in range(200))
    whole = array_set("apart", images, ids, {"label": labels, "kind": kinds}, ())
    run = examined(seen_by(ToyEye(16, 7)), whole, [exam], tmp_path)
    told = [f["sentence"] for s in run.page["sections"] for f in s["findings"] if "best and worst" in f["sentence"]]
    assert len(told) == 1  # x and y are alike
    assert "2 values of label" in told[0]


def test_classes_of_one_name_stay_apart() -> None:
    subject = Subject((16, 16), 3, ("crane", "crane", "cat"))
    labels = np.array([0, 1, 2, 0])
    told = {CLEAN: [0, 0, 2, 1], Query(Band("low", 4.0)): [0] * 4, Query(Band("high", 4.0)): [1] * 4}
    answers = answers_by(list(told), lambda q: 3 * np.eye(3)[told[q]])
    sat = Sitting(Bands(radii=(4,), by=("label",)), subject, answers, Batch(("a", "b", "c", "d"), labels, subject))
    whole = results(sat).of("accuracy", by="label", band="whole")
    assert [(e.at["value"], e.value, e.n) for e in whole] == [
        ("crane (0)", 0.5, 2),
        ("crane (1)", 0.0, 1),
        ("cat", 1.0, 1),
    ]


def test_a_column_that_is_not_there_is_named_with_its_like(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"bands.by = domian.*Did you mean domain"):
        examined(
            seen_by(ToyEye(16, 5)),
            grouped(np.arange(10) % 2, domain=np.array(["a"] * 10, object)),
            [Bands(by=("domian",))],
            tmp_path,
        )


# Empty bands


@pytest.mark.parametrize(
    ("settings", "empty"),
    [
        ({"radii": (3, 11)}, set()),
        ({"radii": (3, 12)}, {("high", 12.0)}),
        ({"radii": (12, 14), "bands": ("low", "high", "pass")}, {("high", 12.0), ("high", 14.0), ("pass", 14.0)}),
        ({"radii": (8**0.5 * 4,)}, {("high", 8**0.5 * 4)}),  # the corner itself
        ({"radii": (8**0.5 * 4,), "inclusive": False}, set()),
        ({"radii": (0, 3)}, set()),
        ({"radii": (0, 3), "inclusive": False}, {("low", 0.0)}),
        ({"radii": (3, 3.1), "bands": ("pass",)}, {("pass", 3.1)}),
    ],
    ids=lambda value: str(sorted(value)),
)
def test_a_band_that_holds_no_wave_is_said_to(settings: dict[str, Any], empty: set[tuple[str, float]]) -> None:
    exam = Bands(**settings)
    sat = sitting(exam, seen_by(LowPassEye(4, 16)), image_set(noise_images(20), np.arange(20) % 4))
    found = results(sat)
    assert {(e.at["band"], e.at["radius"]) for e in found.of("empty_band")} == empty
    for query, answer in sat.answers.items():
        if isinstance(query.view, Band) and (query.view.band, query.view.radius) in empty:
            np.testing.assert_allclose(
                answer.values, answer.values[:1].repeat(20, 0), atol=1e-4
            )  # to a picture of zeros
    notes = [f for f in exam.findings(found) if "hold no wave" in f.sentence]
    assert len(notes) == bool(empty)
    assert all(f"radius {radius:g}" in notes[0].sentence for _, radius in empty)


@pytest.mark.parametrize(
    ("units", "size", "corner"),
    [
        ("index", (8, 16), np.hypot(4, 8)),
        ("isotropic", (8, 16), np.hypot(8, 8)),
        ("index", (9, 15), np.hypot(4, 7)),
        ("isotropic", (9, 15), np.hypot(4 * 15 / 9, 7)),
    ],
)
def test_the_corner_is_that_of_the_frame(units: str, size: tuple[int, int], corner: float) -> None:
    subject = Subject(size, 2)
    exam = Bands(radii=(corner - 1e-6, corner + 1e-6), units=units)
    told = {q: np.eye(2)[[0, 1]] for q in exam.ask(subject, ()) or ()}
    sat = Sitting(exam, subject, answers_by(list(told), told.__getitem__), Batch(("a", "b"), np.array([0, 1]), subject))
    assert [e.at["radius"] for e in results(sat).of("empty_band")] == [corner + 1e-6]
