"""Linear probes: multinomial logistic regression on features, asked only about what it was not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

Array = np.ndarray[Any, Any]

STEPS = 200


def folds_by_class(labels: Array, folds: int) -> Array:
    """Which fold each item is in, (n,): the items of each class take turns, in their order.

    >>> folds_by_class(np.array([0, 0, 1, 0, 1]), 2).tolist()
    [0, 1, 0, 0, 1]
    """
    found = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        found[mine] = np.arange(len(mine)) % folds
    return found


def fit(features: Array, labels: Array, classes: int, penalty: float = 1e-3, steps: int = STEPS) -> tuple[Array, Array]:
    """Weights (k, classes) and biases (classes,) of a multinomial logistic regression, by L-BFGS from 0.

    Minimises the mean negative log likelihood + penalty / 2 * sum of squared weights; biases are free.

    Args:
        features: (n, k), standardised.
        labels: (n,) from 0 to classes - 1.
    """
    n, k = features.shape
    wanted = np.eye(classes)[labels]

    def loss(flat: Array) -> tuple[float, Array]:
        weights, bias = flat[: k * classes].reshape(k, classes), flat[k * classes :]
        log_p = log_softmax(features @ weights + bias, axis=1)
        error = (np.exp(log_p) - wanted) / n
        value = -(log_p * wanted).sum() / n + penalty / 2 * np.square(weights).sum()
        return float(value), np.concatenate([(features.T @ error + penalty * weights).ravel(), error.sum(0)])

    found = minimize(loss, np.zeros((k + 1) * classes), jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
    return found[: k * classes].reshape(k, classes), found[k * classes :]


def cross_fitted(
    features: Array, labels: Array, others: Sequence[Array], folds: int = 2, penalty: float = 1e-3
) -> tuple[Array, list[Array]]:
    """Log probabilities (n, classes) for features and for others of the same items, by probes that were not fitted on the item.

    Each fold of each class is asked of the probe that was fitted on all other folds, standardised by those folds' means and
    standard deviations (features that do not vary there are left out).

    Args:
        features: (n, k), which probes are fitted on.
        labels: (n,) from 0 on; each class at least ``folds`` times.
        others: arrays (n, k) about the same items, such as other frames.
    """
    classes = int(labels.max()) + 1
    fold = folds_by_class(labels, folds)
    found = [np.full((len(labels), classes), np.nan) for _ in range(1 + len(others))]
    for number in range(folds):
        asked, fitted = fold == number, fold != number
        mean, spread = features[fitted].mean(0), features[fitted].std(0)
        varies = spread > 1e-12 * max(float(spread.max()), 1e-300)
        scale = np.where(varies, 1 / np.where(varies, spread, 1.0), 0.0)
        weights, bias = fit((features[fitted] - mean) * scale, labels[fitted], classes, penalty)
        for into, shown in zip(found, (features, *others), strict=True):
            into[asked] = log_softmax((shown[asked] - mean) * scale @ weights + bias, axis=1)
    return found[0], found[1:]
