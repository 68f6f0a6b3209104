"""Verdicts that several exams reach in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from eyechart.core.chart import Finding
from eyechart.core.estimate import Estimate
from eyechart.core.words import percent

TENFOLD = 10  # a loss is small only beside what there was to lose
CHANCE = 3  # standard deviations from guessing
STUCK = 2 / 3  # of the answers: one class twice as often as all others together; of two classes half is no surprise


def stuck(usual: Estimate | None) -> bool:
    """Whether one class is given so often that little can change; ``usual``: commonest_answer_share."""
    return usual is not None and (usual.low or 0.0) > STUCK


def called_out(usual: Estimate | None, therefore: str, where: str = "It") -> Iterator[Finding]:
    """That a model is ``stuck``, and what follows; ``where``: the beginning, such as ``Turned, it``."""
    if usual is not None and stuck(usual):
        yield Finding("note", f"{where} gives one and the same answer {percent(usual)} of the time: {therefore}.")


def above_chance(share: float, chance: float, n: int) -> bool:
    """Whether a share of n images is further above guessing than three of its standard deviations.

    >>> above_chance(0.3, 0.25, 100), above_chance(0.3, 0.25, 1000)
    (False, True)
    """
    return chance < 1 and n > 0 and share - chance >= CHANCE * sqrt(chance * (1 - chance) / n)


def near_chance(clean: Estimate | None, shown: Estimate | None = None) -> bool:
    """Whether guessing might be right as often: a model that has not learned the task earns no praise for being steady.

    Args:
        clean: clean_accuracy, whose ``at`` names the ``chance``; None where there are no labels, of which nothing follows.
        shown: accuracy on other pictures, to be judged instead; the pictures of one image count as one.
    """
    e = clean if shown is None else shown
    if clean is None or e is None or e.value is None:
        return False
    return not above_chance(e.value, clean.at["chance"], e.n)


def idle(usual: Estimate | None, clean: Estimate | None, shown: Estimate | None = None) -> bool:
    """Whether a model may be steady for having little to say: it is ``stuck``, or ``near_chance`` on either kind of picture."""
    return stuck(usual) or near_chance(clean) or near_chance(clean, shown)


def guessed(
    clean: Estimate | None, therefore: str, shown: Estimate | None = None, where: str = "It"
) -> Iterator[Finding]:
    """That a model is ``near_chance``, and what follows; ``where``: the beginning, such as ``Turned, it``."""
    e = clean if shown is None else shown
    if e is not None and near_chance(clean, shown):
        yield Finding("note", f"{where} is right {percent(e)} of the time, which guessing might be: {therefore}.")


def much_to_lose(accuracy: Estimate | None, little: float) -> bool:
    """Whether a model is right often enough for a loss of no more than ``little`` to be praised."""
    return accuracy is not None and (accuracy.low or 0.0) >= TENFOLD * little


def judged(sentence: str, e: Estimate, much: float, little: float, advice: str, *, praise: bool = True) -> Finding:
    """Weak where the whole interval lies above ``much``, strong where it lies below ``little`` and praise is due."""
    if (e.low or 0.0) > much:
        return Finding("weak", sentence, advice)
    return Finding("strong" if praise and e.high is not None and e.high < little else "note", sentence)
