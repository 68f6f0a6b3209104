"""Linear probes: the optimum of their objective, and nobody judged by a probe that saw him."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eyechart.stats.probe import cross_fitted, fit, folds_by_class


def data(n: int = 60, k: int = 4, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = 1.5 * chance.standard_normal((classes, k))
    return centres[labels] + chance.standard_normal((n, k)), labels


def test_folds_deal_each_class_in_turn() -> None:
    labels = np.array([2, 0, 0, 2, 0, 2, 2, 0, 2])
    fold = folds_by_class(labels, 3)
    for label in (0, 2):
        assert fold[labels == label].tolist() == [i % 3 for i in range((labels == label).sum())]


def test_the_fit_is_the_optimum_that_torch_finds() -> None:
    features, labels = data()
    weights, bias = fit(features, labels, 3, penalty=0.05, steps=500)
    x, y = torch.from_numpy(features), torch.from_numpy(labels)
    w, b = (torch.zeros(*shape, dtype=torch.float64, requires_grad=True) for shape in ((4, 3), (3,)))
    optimiser = torch.optim.LBFGS(
        [w, b], max_iter=500, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy(x @ w + b, y) + 0.025 * w.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    np.testing.assert_allclose(weights, w.detach().numpy(), atol=2e-3)
    np.testing.assert_allclose(bias - bias.mean(), (b - b.mean()).detach().numpy(), atol=2e-3)


def test_each_item_is_asked_of_the_probe_of_the_other_folds() -> None:
    features, labels = data()
    moved = features + 0.3
    own, (other,) = cross_fitted(features, labels, [moved], folds=3, penalty=0.01)
    fold = folds_by_class(labels, 3)
    for number in range(3):
        rest = fold != number
        mean, spread = features[rest].mean(0), features[rest].std(0)
        weights, bias = fit((features[rest] - mean) / spread, labels[rest], 3, 0.01)
        for found, shown in ((own, features), (other, moved)):
            scores = (shown[~rest] - mean) / spread @ weights + bias
            p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
            np.testing.assert_allclose(np.exp(found[~rest]), p, atol=1e-8)


def test_labels_by_chance_are_not_learned() -> None:
    features = np.random.default_rng(3).standard_normal((400, 30))
    labels = np.random.default_rng(4).integers(2, size=400)
    own, _ = cross_fitted(features, labels, [], folds=2, penalty=1e-3)
    assert abs((own.argmax(1) == labels).mean() - 0.5) < 0.08  # a probe that saw them would be right on more


def test_features_that_never_vary_have_no_say() -> None:
    features, labels = data()
    constant = np.concatenate([features, np.full((len(labels), 1), 7.0)], axis=1)
    one, other = (cross_fitted(x, labels, [])[0] for x in (features, constant))
    np.testing.assert_allclose(other, one, atol=1e-6)
    assert np.exp(one).sum(1) == pytest.approx(np.ones(len(labels)))
