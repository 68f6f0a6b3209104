"""PGD on adversarially trained nets against what is known of them, and against torchattacks with the same starts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from attacking import SIZE, CurvedEye, batch_of, curved
from eyechart.core.view import Precision
from eyechart.images.load import load_images
from eyechart.models.image_model import ImageModel
from eyechart.models.load import load_model
from eyechart.views.attacks.draws import Draws
from eyechart.views.attacks.fgsm import FGSM
from eyechart.views.attacks.minimal import MinimalNorm
from eyechart.views.attacks.pgd import PGD
from eyes import SHARED

EPSES = (2, 4, 8)
# Accuracy under PGD-20, steps of eps / 5, one random start, last point, on the first 1000 images (README of the shared data).
KNOWN = {"resnet4b": (0.618, 0.453, 0.160), "cnn_a": (0.514, 0.446, 0.259)}
needs_shared: Any = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not there")


@lru_cache(maxsize=1)
def cifar(n: int) -> tuple[np.ndarray, np.ndarray]:
    images = load_images(f"cifar10:{SHARED / 'cifar10'}")
    pixels = np.stack([np.asarray(images.source(i).open().picture) for i in range(n)])
    return pixels, np.asarray(images.labels)[:n]


def robust(arch: str) -> ImageModel:
    return load_model(str(SHARED / f"cifar10_nets/{arch}_robust.safetensors"), arch=f"eyechart:{arch}", device="cpu")


def accuracy(arch: str, view: Any, n: int, precision: Precision = "float32") -> float:
    model, (images, labels) = robust(arch), cifar(n)
    parts = range(0, n, 100)
    notes = [
        view.render(batch_of(model, images[i : i + 100], labels[i : i + 100], precision, i)).notes["broken"]
        for i in parts
    ]
    return float((np.concatenate(notes) == 0).mean())


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("arch", list(KNOWN))
def test_pgd_on_robust_nets(arch: str) -> None:
    eps, known = 4 / 255, KNOWN[arch][1]
    found = accuracy(arch, PGD("linf", eps, 20, eps / 5), 200)
    assert abs(found - known) < 2.6 * sqrt(known * (1 - known) / 200)


@pytest.mark.slow
@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("arch", list(KNOWN))
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_pgd_on_a_thousand_images(arch: str, precision: Precision) -> None:
    for level, known in zip(EPSES, KNOWN[arch], strict=True):
        eps = level / 255
        found = accuracy(arch, PGD("linf", eps, 20, eps / 5), 1000, precision)
        assert abs(found - known) <= 0.007  # the same images: only the starts differ


@pytest.mark.slow
@pytest.mark.shared
@needs_shared
def test_one_search_tells_the_accuracy_at_every_eps() -> None:
    model, (images, labels) = robust("cnn_a"), cifar(200)
    smallest = MinimalNorm("linf", 8 / 255, grid=(2 / 255, 4 / 255), steps=20).render(batch_of(model, images, labels))
    distance = np.nan_to_num(smallest.notes["distance"], nan=np.inf)
    distance[smallest.notes["right"] == 0] = 0.0
    for level in EPSES:
        by_pgd = accuracy("cnn_a", PGD("linf", level / 255, 20), 200)
        assert by_pgd - 0.03 <= (distance > level / 255).mean() <= by_pgd


@pytest.fixture
def peer() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("torchattacks")


@pytest.mark.slow
def test_the_decisions_of_torchattacks(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, images, labels = curved(200)
    batch, numbers = batch_of(model, images, labels), torch.from_numpy(labels)
    net: nn.Module = CurvedEye().eval()
    for eps in (0.02, 0.05):
        plain = peer.FGSM(net, eps=eps)(batch.tensor, numbers)
        torch.testing.assert_close(plain, FGSM("linf", eps).render(batch).pixels, rtol=0, atol=1e-6)
        start = eps * Draws(0, "attack/pgd/linf", batch.ids, batch.tensor.device).uniform("start/0", (3, SIZE, SIZE))
        monkeypatch.setattr(torch.Tensor, "uniform_", lambda self, *_, to=start: self.copy_(to))
        theirs = peer.PGD(net, eps=eps, alpha=eps / 4, steps=10)(batch.tensor, numbers)
        monkeypatch.undo()
        ours = PGD("linf", eps).render(batch)
        assert (ours.pixels - theirs).abs().amax((1, 2, 3)).quantile(0.9) < 1e-4  # where a sign turns, ways part
        wrong = net(theirs).argmax(1) != numbers
        assert 0.05 < wrong.float().mean() < 0.95
        assert (wrong.numpy() == (ours.notes["broken"] == 1)).mean() >= 0.995
