"""Verdicts that several exams reach in the same way."""

from __future__ import annotations

from collections.abc import Iterator

from eyechart.core.chart import Finding
from eyechart.core.estimate import Estimate
from eyechart.core.words import percent

TENFOLD = 10  # a loss is small only beside what there was to lose
STUCK = 2 / 3  # of the answers: one class twice as often as all others together; of two classes half is no surprise


def stuck(usual: Estimate | None) -> bool:
    """Whether one class is given so often that little can change; ``usual``: commonest_answer_share."""
    return usual is not None and (usual.low or 0.0) > STUCK


def called_out(usual: Estimate | None, therefore: str) -> Iterator[Finding]:
    """That a model is ``stuck``, and what follows."""
    if usual is not None and stuck(usual):
        yield Finding("note", f"It gives one and the same answer {percent(usual)} of the time: {therefore}.")


def much_to_lose(accuracy: Estimate | None, little: float) -> bool:
    """Whether a model is right often enough for a loss of no more than ``little`` to be praised."""
    return accuracy is not None and (accuracy.low or 0.0) >= TENFOLD * little


def judged(sentence: str, e: Estimate, much: float, little: float, advice: str, *, praise: bool = True) -> Finding:
    """Weak where the whole interval lies above ``much``, strong where it lies below ``little`` and praise is due."""
    if (e.low or 0.0) > much:
        return Finding("weak", sentence, advice)
    return Finding("strong" if praise and e.high is not None and e.high < little else "note", sentence)
