"""The checks of the adversarial exam in plain words: what each asks, and what a failure means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eyechart.core.chart import Format


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        asks: what the figure is, for the table.
        means: what follows where it fails, to stand after "because".
        format: of the figure.
        noticed: what is said where a figure of 0 asks for a look all the same.
    """

    asks: str
    means: str
    format: Format = "percent"
    noticed: str = ""


CHECKS: Mapping[str, Check] = {
    "randomised": Check("images answered otherwise when asked again", "the model answers at random"),
    "batch_dependence": Check(
        "images answered otherwise beside others", "answers depend on the other images of the batch"
    ),
    "optimises": Check("images for which the model takes gradients itself", "the model optimises while it answers"),
    "softmax_output": Check(
        "images with a probability of exactly 0",
        "the model's own softmax hides classes from gradients",
        noticed="the model ends with a softmax, so its logarithm was attacked",
    ),
    "class_count": Check("classes (fewer than 4 allow no targeted ratio loss)", "there are too few classes", "integer"),
    "zero_gradient_ce": Check(
        "right images without a gradient of the cross-entropy", "the loss has no gradient to follow"
    ),
    "zero_gradient_margin": Check(
        "right images without a gradient of the margin", "the margin has no gradient to follow"
    ),
    "noise_beats_attack": Check(
        "accuracy under gradient attacks less that in noise", "random noise misleads it more often"
    ),
    "fgsm_beats_pgd": Check("accuracy under PGD less that after one step", "one step misleads it more often than many"),
    "square_helped": Check(
        "accuracy that a search without gradients takes away", "a search without gradients finds what gradients miss"
    ),
    "loss_sinks": Check(
        "right images whose loss did not rise along the attack", "steps that should raise the loss do not"
    ),
    "loss_gap": Check(
        "accuracy under PGD by cross-entropy less by margin", "the choice of the loss decides what is found"
    ),
    "transfer_beats_attack": Check(
        "accuracy under gradient attacks less under another model's",
        "changes made on another model mislead it more often",
    ),
    "not_monotone": Check("largest rise of accuracy from one size to the next", "more room helps the attack less"),
    "huge_change": Check(
        "accuracy when half of each value's range may be changed", "it withstands changes that no model can"
    ),
    "unconfirmed": Check("images said to be broken that a second look finds right", "what attacks claim does not hold"),
    "nan_answers": Check("images answered with NaN under an attack", "answers that are NaN count as withstanding"),
    "range": Check("values beyond the size, or beyond 0 to 1", "changes left the allowed range", "number"),
}
STATUSES = {"pass": "fine", "warn": "look closer", "fail": "FAILS", "not checked": "not checked"}
