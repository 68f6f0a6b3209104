"""When a model is at chance, or stuck."""

from __future__ import annotations

from math import sqrt

import pytest

from eyechart.core.estimate import Estimate
from eyechart.core.findings import above_chance, called_out, guessed, idle, near_chance, stuck


def share(value: float | None, n: int = 300, low: float | None = None, **at: float) -> Estimate:
    return Estimate("exam", "share", value, n, low, None if low is None else 1.0, at=at, reason="none")


def test_three_standard_deviations_of_guessing() -> None:
    for chance, n in ((0.5, 100), (0.1, 40), (0.001, 5000)):
        edge = chance + 3 * sqrt(chance * (1 - chance) / n)
        assert above_chance(edge + 1e-9, chance, n)
        assert not above_chance(edge - 1e-9, chance, n)
    assert not above_chance(1.0, 1.0, 1000)  # of one class everybody is right
    assert not above_chance(1.0, 0.5, 0)


def test_other_pictures_are_judged_by_the_same_chance() -> None:
    clean = share(0.9, chance=0.25)
    assert not near_chance(clean)
    assert near_chance(clean, share(0.26))
    assert not near_chance(share(0.26, chance=0.25), share(0.9))
    assert not near_chance(None, share(0.26))  # without labels nothing is known
    assert not near_chance(clean, share(None))


@pytest.mark.parametrize(
    ("usual", "clean", "shown", "expected"),
    [
        (0.5, 0.9, 0.9, False),
        (0.7, 0.9, 0.9, True),
        (0.5, 0.26, 0.9, True),
        (0.5, 0.9, 0.26, True),
    ],
)
def test_idle_is_any_of_them(usual: float, clean: float, shown: float, expected: bool) -> None:
    assert idle(share(usual, low=usual), share(clean, chance=0.25), share(shown)) == expected


def test_two_classes_half_and_half_are_no_surprise() -> None:
    assert not stuck(share(0.6, low=0.55))
    assert stuck(share(0.8, low=0.7))
    assert not stuck(None)


def test_sentences() -> None:
    (one,) = called_out(share(0.8, low=0.7), "little can change", "Turned, it")
    assert one.sentence.startswith("Turned, it gives one and the same answer 80.0% (95% interval 70.0 to 100.0)")
    assert one.sentence.endswith(": little can change.")
    clean = share(0.9, chance=0.25)
    (other,) = guessed(clean, "steadiness says little", share(0.26), "Turned, it")
    assert other.sentence == "Turned, it is right 26.0% of the time, which guessing might be: steadiness says little."
    assert not [*guessed(clean, "")]
