"""Five rows of a net that was trained with BaSS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from eyechart.balanced import BalancedFirst, as_data, balanced_images, balanced_rows
from eyechart.images.load import load_images
from eyechart.images.part import split
from eyechart.models.load import load_model
from eyechart.report.proof_section import balanced_table
from eyechart.spectrum.balance import bass

SETTINGS = {"adversarial": {"attacks": ["fgsm", "pgd"], "steps": 2, "eps": [2 / 255]}}


def test_the_net_behind_is_asked_about_balanced_pixels() -> None:
    model = load_model("demo", device="cpu")
    front = BalancedFirst(model.plain.net, model.preprocessing)
    pixels = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (model.preprocessing.mean, model.preprocessing.std))
    x = ((pixels - mean) / std).requires_grad_()
    wanted = model(bass(pixels, "safe", "none", "hard"))
    torch.testing.assert_close(front(x), wanted, atol=2e-3, rtol=1e-3)
    (slope,) = torch.autograd.grad(front(x).sum(), x)
    assert bool((slope != 0).any())


def test_five_rows(tmp_path: Path) -> None:
    model = load_model("demo", device="cpu")
    images = split(load_images("demo"), 24)[0]
    rows = balanced_rows(model, images, tmp_path, limit=24, settings=SETTINGS, corruptions=False)
    assert [row.name[0] for row in rows] == ["1", "2", "3", "4", "5"]
    right = [row.accuracy.value for row in rows]
    frames = torch.from_numpy(np.stack([np.asarray(images.source(k).open().picture) for k in range(24)]))
    grey = frames.permute(0, 3, 1, 2)
    labels = np.asarray(images.labels)
    assert right[0] == pytest.approx(np.mean(model(grey / 255).argmax(1).numpy() == labels))
    balanced = bass(grey, "safe", "trunc")
    assert np.array_equal(balanced_images(images, model).images, balanced.permute(0, 2, 3, 1).numpy())
    assert right[2] == pytest.approx(np.mean(model(balanced / 255).argmax(1).numpy() == labels))
    assert right[1] <= right[0]
    assert right[3] <= right[2]
    assert all(row.corrupted is None for row in rows)
    table = balanced_table({"models": {"treated": as_data(rows), "control": as_data(rows)}})
    assert len(table.rows) == 5
    assert table.rows[1][1][0] == right[1]
    assert balanced_table(None) is None
