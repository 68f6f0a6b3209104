"""The laws that every exam in the catalogue obeys, on tiny images and without knowing what it measures."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from eyechart.core.catalogue import EXAMS, exam_class, exam_table
from eyechart.core.chart import Section
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Exam
from eyechart.core.query import Query
from eyechart.core.tally import Tally
from eyechart.report.charts import from_dict
from eyechart.report.comparison import MOST_MEASURES
from eyechart.run.plan import exam_key
from eyes import BehindKernels, LowPassEye, ProbabilityEye, Sitting, image_set, noise_images, seen_by, sitting

N = 23
NAMES = sorted(exam_table())


@pytest.fixture(scope="module", params=NAMES)
def exam(request: pytest.FixtureRequest) -> Exam:
    return exam_class(request.param)()


@pytest.fixture(scope="module")
def sat(exam: Exam) -> Sitting:
    labels = np.random.default_rng(1).integers(-1, 6, N)
    assert {-1, 5} < set(labels)
    return sitting(exam, seen_by(BehindKernels(LowPassEye(4, 16, classes=6))), image_set(noise_images(N), labels))


@pytest.fixture(scope="module")
def fitted(exam: Exam) -> Tally:
    """Of training images, where the exam cannot do without."""
    if not exam.needs_training:
        return Tally()
    eye = seen_by(BehindKernels(LowPassEye(4, 16, classes=6)))
    return sitting(exam, eye, image_set(noise_images(9, seed=3)), training=True).whole


@pytest.fixture(scope="module")
def beside(sat: Sitting, fitted: Tally) -> Estimates:
    """What it takes examined and training images for."""
    if not sat.exam.needs_training:
        return Estimates()
    return sat.exam.estimates_beside(sat.whole, sat.batch.labels, fitted, sat.subject)


@pytest.fixture(scope="module")
def estimates(sat: Sitting, beside: Estimates) -> Estimates:
    return Estimates((*sat.exam.estimates(sat.whole, sat.batch.labels, sat.subject), *beside))


def test_settings_are_frozen_and_survive_json(exam: Exam) -> None:
    stored = json.loads(json.dumps(exam.model_dump(mode="json"), allow_nan=False))
    again = type(exam)(**stored)
    assert again == exam
    assert hash(again) == hash(exam)
    for name in type(exam).model_fields:
        with pytest.raises(ValidationError):
            setattr(exam, name, getattr(exam, name))
    with pytest.raises(ValidationError):
        type(exam)(no_such_setting=1)


def test_every_setting_says_what_it_is(exam: Exam) -> None:
    assert all(field.description for field in type(exam).model_fields.values())


def test_asks_distinct_questions_then_stops(exam: Exam, sat: Sitting) -> None:
    first = exam.ask(sat.subject, ())
    if not exam.asks:
        assert first is None
        return
    assert first
    assert all(isinstance(query, Query) for query in first)
    assert len(set(first)) == len(first)
    assert tuple(exam.ask(sat.subject, ()) or ()) == tuple(first)
    so_far: tuple[Tally, ...] = ()
    for _ in range(10):
        so_far += (sat.whole,)
        if exam.ask(sat.subject, so_far) is None:
            return
    pytest.fail("ten stages, and still asking")


OTHERWISE: dict[str, dict[str, object]] = {
    "clean": {"ece_bins": 2, "ece_debiased": True},
    "calibration": {"ece_bins": 2, "ece_debiased": True, "coverage": 0.5},
    "worst_group": {"fewest": 2},
    "partial_invariance": {"neighbour": 3, "parts": 3},
    "loss_landscape": {"distance": 0.9},
    "corruptions": {"reference": "canonical", "reference_clean_error": 0.4},
    "hybrids": {"max_clipped": 0.0},
    "jitter": {"neighbourhood": 1, "flip_reference": (("walk", 0.5),), "top5_reference": (("walk", 2.0),)},
}


def test_settings_of_estimates_alone_change_neither_questions_nor_rows(exam: Exam, sat: Sitting, fitted: Tally) -> None:
    changed = OTHERWISE.get(exam.name, {})
    assert set(changed) == set(exam.only_estimates)
    for name, value in changed.items():
        other = exam.model_copy(update={name: value})
        assert other.ask(sat.subject, ()) == exam.ask(sat.subject, ())
        assert exam_key(other, 0, "run") == exam_key(exam, 0, "run")
        again = Sitting(other, sat.subject, sat.answers, sat.batch).whole
        assert again.sums.keys() == sat.whole.sums.keys()
        assert again.kept == sat.whole.kept
        for column, values in sat.whole.rows.items():
            np.testing.assert_array_equal(again.rows[column], values)
        given = sat.whole, sat.batch.labels
        alone = {str(one.estimates(*given, sat.subject)) for one in (exam, other)}
        together = {str(one.estimates_beside(*given, fitted, sat.subject)) for one in (exam, other) if fitted.rows}
        assert 2 in (len(alone), len(together))


def cuts() -> Iterator[list[int]]:
    """Ways to split N images: one by one, in halves, unevenly."""
    yield list(range(1, N))
    yield [N // 2]
    chance = np.random.default_rng(2)
    for pieces in (3, 5, 9):
        yield sorted(chance.choice(np.arange(1, N), pieces, replace=False).tolist())


@pytest.mark.parametrize("edges", list(cuts()), ids=len)
def test_reading_in_parts_and_merging_is_reading_the_whole(sat: Sitting, edges: list[int]) -> None:
    which = np.searchsorted(edges, np.arange(N), side="right")
    merged, whole = Tally.merge(sat.part(which == k) for k in range(len(edges) + 1)), sat.whole
    assert merged.rows.keys() == whole.rows.keys()
    for name, column in whole.rows.items():
        if column.dtype.kind == "f":  # a matrix product may round differently for other numbers of images
            np.testing.assert_allclose(merged.rows[name], column, rtol=1e-5, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(merged.rows[name], column, err_msg=name)
    for name, total in whole.sums.items():
        np.testing.assert_allclose(merged.sums[name], total, rtol=1e-6)
    for name, lists in whole.ranked.items():
        np.testing.assert_array_equal(merged.ranked[name].ids, lists.ids)
    assert merged.kept == whole.kept
    assert merged.limit == whole.limit


def test_reading_leaves_answers_alone_and_repeats_itself(sat: Sitting) -> None:
    replies = sat.answers.replies
    before = {q: (deepcopy(a.values), {k: v.copy() for k, v in a.notes.items()}) for q, a in replies.items()}
    first, second = sat.whole, sat.whole
    for query, (values, notes) in before.items():
        parts = values if isinstance(values, dict) else {"": values}  # of layers, or one
        after = replies[query].values
        for name, part in parts.items():
            np.testing.assert_array_equal(after[name] if isinstance(after, dict) else after, part)
        for key, column in notes.items():
            np.testing.assert_array_equal(replies[query].notes[key], column)
    assert all(np.array_equal(first.rows[k], second.rows[k], equal_nan=True) for k in first.rows)
    assert first.kept == second.kept


def test_rows_are_compact_and_one_an_image(sat: Sitting) -> None:
    rows = sat.whole.rows
    assert bool(rows or sat.whole.sums) is sat.exam.asks
    for name, column in rows.items():
        assert len(column) == N, name
        assert column.dtype.kind in "biufS", name
        assert column.dtype.itemsize <= 4, f"{name} is {column.dtype}"


def test_kept_cases_are_of_these_images_and_plain(sat: Sitting) -> None:
    for case in sat.whole.kept:
        assert case.id in sat.batch.ids
        assert np.isfinite(case.score)
        assert json.loads(json.dumps(case.facts, allow_nan=False)) == case.facts
        for view in sat.exam.pictures(case).values():
            assert hash(view) == hash(view)


def test_estimates_say_n_unit_and_interval(estimates: Estimates) -> None:
    assert estimates
    json.dumps([e.to_dict() for e in estimates], allow_nan=False)
    for e in estimates:
        assert e.unit
        assert e.n >= 0
        assert type(e.n) is int
        assert (e.low is None) == (e.high is None)
        if e.value is None:
            assert e.reason
            assert e.low is None
        elif e.low is not None and e.high is not None:
            assert e.method
            assert e.low <= e.value <= e.high, e
        if e.unit in ("share", "probability"):
            least = -1 if e.measure.endswith("_loss") else 0  # a difference of two shares
            assert all(least <= x <= 1 for x in (e.value, e.low, e.high) if x is not None), e


def test_no_two_estimates_have_one_address(estimates: Estimates) -> None:
    addresses = [(e.measure, json.dumps(e.at, sort_keys=True)) for e in estimates]
    assert len(set(addresses)) == len(addresses)


def test_headlines_are_measures_and_few_enough_to_compare(exam: Exam) -> None:
    assert 0 < len(exam.headline) <= MOST_MEASURES
    assert {*exam.headline} <= set(re.findall(r"\w+", inspect.getdoc(type(exam)) or ""))


def test_chosen_coordinates_are_marked(exam: Exam, estimates: Estimates) -> None:
    marked = {e.measure: tuple(e.chosen) for e in estimates if e.chosen}
    assert marked == {m: names for m, names in exam.chosen.items() if any(e.measure == m for e in estimates)}
    for measure in marked:
        rest = [[(k, v) for k, v in e.at.items() if k not in e.chosen] for e in estimates.of(measure)]
        assert all(rest.count(one) == 1 for one in rest)  # what is left still names it


def test_names_are_in_the_docstring(sat: Sitting, estimates: Estimates) -> None:
    text = inspect.getdoc(type(sat.exam)) or ""
    words = set(re.findall(r"[A-Za-z_]\w*", text))
    assert {e.measure for e in estimates} <= words
    assert {key for e in estimates for key in e.at} <= words
    columns = [re.sub(r"<\w+>", r"\\w+", entry) for entry in re.findall(r"``([\w<>]+)``", text)]
    missing = [name for name in sat.whole.rows if not any(re.fullmatch(pattern, name) for pattern in columns)]
    assert not missing


def test_without_one_label_only_the_reason_is_told(sat: Sitting) -> None:
    blank = np.full(N, -1)
    unlabelled = Sitting(sat.exam, sat.subject, sat.answers, type(sat.batch)(sat.batch.ids, blank, sat.subject))
    found = sat.exam.estimates(unlabelled.whole, blank, sat.subject)
    json.dumps([e.to_dict() for e in found], allow_nan=False)
    if sat.exam.needs_labels:
        assert all(e.value is None for e in found)
    else:
        assert any(e.value is not None for e in found)
    sat.exam.charts(found)
    sat.exam.findings(found)


def test_images_without_label_change_no_labelled_figure(sat: Sitting) -> None:
    known = sat.batch.labels >= 0
    part = sat.exam.estimates(sat.part(known), sat.batch.labels[known], sat.subject)
    everything = sat.exam.estimates(sat.whole, sat.batch.labels, sat.subject)
    for e in part.of("accuracy") + part.of("nll"):
        assert e in everything


def test_charts_survive_json(sat: Sitting, estimates: Estimates, beside: Estimates) -> None:
    charts = sat.exam.charts(estimates)
    assert charts
    more = sat.exam.charts_beside(estimates, beside) if beside else ()
    assert bool(more) is sat.exam.needs_training
    for chart in (*charts, *more, *sat.exam.plates(sat.whole, sat.subject)):
        data = json.loads(json.dumps(asdict(chart), allow_nan=False))
        again = from_dict(data)
        assert type(again) is type(chart)
        assert json.loads(json.dumps(asdict(again))) == data
        assert chart.title
        assert chart.caption


def test_findings_are_sentences(sat: Sitting, estimates: Estimates, beside: Estimates) -> None:
    findings = [*sat.exam.findings(estimates), *(sat.exam.findings_beside(beside) if beside else ())]
    assert findings
    for finding in findings:
        assert finding.verdict in ("strong", "weak", "note")
        assert finding.sentence.strip().endswith((".", "!", "?"))
        assert finding.verdict != "weak" or finding.advice
    section = Section(sat.exam.name, sat.exam.title, sat.exam.explanation, findings, sat.exam.charts(estimates))
    json.dumps(section.to_dict(), allow_nan=False)


def test_probabilities_and_logits_of_one_eye_give_one_result(exam: Exam) -> None:
    eye, images = LowPassEye(4, 16, classes=6), image_set(noise_images(N), np.arange(N) % 6)
    ends = []
    for model in (seen_by(BehindKernels(ScaledDown(eye))), seen_by(BehindKernels(ProbabilityEye(ScaledDown(eye))))):
        ends.append(sitting(exam, model, images).whole)
    for name, column in ends[0].rows.items():
        np.testing.assert_allclose(ends[1].rows[name], column, atol=1e-5, err_msg=name)


class ScaledDown(LowPassEye):
    """The same answers, closer together: float32 probabilities then keep every digit that counts."""

    def __init__(self, eye: LowPassEye) -> None:
        super().__init__(4, 16, classes=6)
        self.load_state_dict(eye.state_dict())
        self.weight /= 20


@pytest.mark.parametrize("name", sorted(EXAMS))
def test_an_exam_imports_neither_engine_nor_store_nor_report_nor_another_exam(name: str) -> None:
    package = Path(importlib.import_module("eyechart.exams").__file__ or "").parent
    own = {f"eyechart.exams.{path.stem}" for path in package.glob(f"{name}*.py")}
    assert own
    for path in package.glob(f"{name}*.py"):
        for module in imported(path):
            assert not re.match(r"eyechart\.(run|store|report|cli|examine|remedies)\b", module), (
                f"{path.name}: {module}"
            )
            assert not module.startswith("eyechart.exams") or module in own, f"{path.name}: {module}"


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."
