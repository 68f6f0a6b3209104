"""Axis ticks and lettering: laws that hold for any range and any names."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import assume, example, given
from hypothesis import strategies as st

from eyechart.report.lettering import fold, shorten, spread, width
from eyechart.report.numerals import interval, magnitudes, plain, spoken, tick
from eyechart.report.ticks import STEPS, apart, log_range, log_ticks, nice_range, nice_step, ticks_within

VALUES = st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: round(v, 6))


@given(VALUES, VALUES, st.integers(3, 9))
@example(600001.0, -200001.0, 6)
def test_nice_range_covers_and_ends_on_ticks(a: float, b: float, most: int) -> None:
    low, high = min(a, b), max(a, b)
    assume(high - low > 1e-6 * max(abs(low), abs(high), 1e-3))
    first, last = nice_range(low, high, most)
    dust = 1e-6 * (high - low)
    assert first <= low + dust
    assert last >= high - dust
    marks = ticks_within(first, last, most)
    assert 2 <= len(marks) <= most
    assert math.isclose(marks[0], first, abs_tol=dust)
    assert math.isclose(marks[-1], last, abs_tol=dust)


@given(VALUES, VALUES)
def test_ticks_are_round_even_and_inside(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    assume(high - low > 1e-3)
    step = nice_step(high - low)
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert any(math.isclose(mantissa, allowed) for allowed in STEPS)
    for mark in ticks_within(low, high):
        assert low - 1e-9 * abs(low) - 1e-9 * step <= mark <= high + 1e-9 * abs(high) + 1e-9 * step
        assert math.isclose(mark / step, round(mark / step), abs_tol=1e-6)


@given(st.floats(-9, 9), st.floats(0, 12))
def test_log_ranges_cover_and_log_ticks_lie_inside(power: float, decades: float) -> None:
    low, high = 10**power, 10 ** (power + decades)
    first, last = log_range(low, high)
    assert first <= low * (1 + 1e-6)
    assert high * (1 - 1e-6) <= last
    assert first < last
    labelled, minor = log_ticks(first, last)
    assert 2 <= len(labelled) <= 10
    assert not set(labelled) & set(minor)
    assert all(first * (1 - 1e-6) <= mark <= last * (1 + 1e-6) for mark in (*labelled, *minor))
    mantissas = [mark / 10 ** math.floor(math.log10(mark) + 1e-9) for mark in minor]
    assert all(math.isclose(mantissa, round(mantissa), rel_tol=1e-6) for mantissa in mantissas)


@given(st.integers(-12, 8), st.integers(1, 14))
def test_labels_of_a_log_axis_tell_neighbours_apart(power: int, decades: int) -> None:
    marks = log_ticks(10.0**power, 10.0 ** (power + decades))[0]
    for form in ("number", "percent"):
        texts = magnitudes(marks, form)
        assert len(set(texts)) == len(texts)
        assert max(map(len, texts)) <= 9


@given(st.floats(1e-4, 1.0))
def test_tick_labels_tell_neighbours_apart(span: float) -> None:
    step = nice_step(span)
    marks = ticks_within(0.0, span)
    labels = [tick(mark, step, "percent") for mark in marks]
    assert len(set(labels)) == len(labels)
    for mark, label in zip(marks, labels, strict=True):
        assert math.isclose(float(label.rstrip("%").replace(",", "")), 100 * mark, rel_tol=1e-9, abs_tol=1e-9)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12), st.floats(1, 8))
def test_spread_keeps_order_gap_and_range(wanted: list[float], gap: float) -> None:
    places = spread(wanted, gap, 0, 100)
    ranked = [places[i] for i in sorted(range(len(wanted)), key=wanted.__getitem__)]
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(ranked))
    assert min(places) >= -1e-6
    assert max(places) <= 100 + 1e-6


def test_spread_leaves_alone_what_does_not_touch() -> None:
    assert spread([80, 10, 40], 12, 0, 100) == [80, 10, 40]


def test_apart_drops_middle_labels_first() -> None:
    assert apart([0, 5, 10, 100], [20, 20, 20, 20], 4) == [0, 3]
    assert apart([0], [20], 4) == [0]


@given(st.text(max_size=80), st.floats(20, 300))
def test_shortened_text_fits(text: str, room: float) -> None:
    assert width(shorten(text, room)) <= room
    assert all(width(line) <= room for line in fold(text, room))
    assert len(fold(text, room)) <= 2


def test_numbers_read_as_people_write_them() -> None:
    assert interval(-0.02, 0.01, "percent") == "−2.0% to 1.0%"
    assert interval(None, 0.1, "percent") == ""
    assert spoken(None, "integer") == "undefined"
    assert spoken(float("nan"), "number") == "undefined"
    assert spoken(1e-9, "percent") != "0.0%"
    assert (plain(112.0), plain(0.5)) == ("112", "0.5")
