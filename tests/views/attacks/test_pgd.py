"""PGD: closed forms on linear eyes, the laws of every attack, and what restarts, selection and bands may change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from attacking import SIZE, CurvedEye, Meter, attacked, batch_of, curved, linear, middling, told
from eyechart.core.query import Query
from eyechart.core.view import Shown
from eyechart.errors import SettingError
from eyechart.models.image_model import ImageModel
from eyechart.spectrum.bands import high_pass, low_pass
from eyechart.views.attacks.ball import norm_of
from eyechart.views.attacks.fgsm import FGSM
from eyechart.views.attacks.pgd import PGD
from eyes import noise_images, seen_by

N = 48
BOTH: Any = pytest.mark.parametrize("norm", ["linf", "l2"])


def broken(shown: Shown) -> np.ndarray:
    return shown.notes["broken"] == 1


@BOTH
@pytest.mark.parametrize("classes", [2, 5])
def test_worst_case_of_a_linear_eye(norm: Any, classes: int) -> None:
    model, weight = linear(1, classes)
    images = middling(N)
    z = images.transpose(0, 3, 1, 2).reshape(N, -1) / 255 @ weight.T
    labels = z.argmax(1)
    gap = z.max(1, keepdims=True) - z  # (n, classes)
    reach = np.linalg.norm(weight[labels][:, None] - weight, 1 if norm == "linf" else 2, axis=2)
    distance = (gap / np.where(reach == 0, np.inf, reach) + 1e9 * (reach == 0)).min(1)
    for eps in np.quantile(distance, (0.2, 0.6)):
        answers = attacked(
            model, images, labels, [query := Query(PGD(norm, float(eps), loss="margin", steps=20, restarts=3))]
        )
        fallen = answers[query].top1 != labels
        assert not fallen[distance > eps * (1 + 1e-5)].any()
        # Steps end within a hundredth of the ball's edge; with more than two classes the nearest may not be the first tried.
        assert fallen[distance < eps * (0.99 if classes == 2 else 0.9)].all()


@BOTH
def test_one_step_of_eps_without_a_random_start_is_fgsm(norm: Any) -> None:
    model, images, labels = curved(N)
    batch = batch_of(model, images, labels)
    one = PGD(norm, 0.05, steps=1, step=0.05, random_start=False).render(batch)
    torch.testing.assert_close(one.pixels, FGSM(norm, 0.05).render(batch).pixels, rtol=0, atol=1e-7)
    assert torch.equal(PGD(norm, 0.0).render(batch).pixels, batch.tensor)


@BOTH
def test_it_stays_in_the_ball_and_goes_on_rising(norm: Any) -> None:
    model, images, labels = curved(N)
    batch = batch_of(model, images, labels)
    share = []
    for eps in (0.003, 0.01, 0.03, 0.1) if norm == "linf" else (0.05, 0.15, 0.4, 1.0):
        shown = PGD(norm, eps).render(batch)
        size = norm_of(shown.pixels - batch.tensor, norm)
        assert size.max() <= eps + 1e-6
        assert size.median() > 0.9 * eps
        assert shown.pixels.min() >= 0
        assert shown.pixels.max() <= 1
        assert shown.pixels.is_contiguous(memory_format=torch.channels_last)
        assert (shown.notes["rise"] > 0).mean() > 0.9
        share.append(broken(shown).mean())
    assert share == sorted(share)
    assert share[0] < share[-1]


@BOTH
def test_stopping_where_it_is_wrong_changes_no_verdict(norm: Any) -> None:
    model, images, labels = curved(N)
    batch = batch_of(model, images, labels)
    eps = 0.02 if norm == "linf" else 0.25
    best = PGD(norm, eps, select="best", active=False).render(batch)
    brief = PGD(norm, eps, select="best").render(batch)
    assert (broken(best) == broken(brief)).all()
    assert 0.1 < broken(best).mean() < 0.9
    assert (best.notes["gradients"] == 10).all()
    assert (brief.notes["gradients"][broken(brief)] < 10).mean() > 0.5
    assert (brief.notes["gradients"][~broken(brief)] == 10).all()
    assert torch.equal(best.pixels[~broken(best)], brief.pixels[~broken(brief)])
    last = PGD(norm, eps).render(batch)
    assert (broken(best) >= broken(last)).all()

    def loss(shown: Shown) -> torch.Tensor:
        z = model(shown.pixels)
        return nn.functional.cross_entropy(z, torch.from_numpy(labels), reduction="none")

    assert (loss(best) >= loss(last) - 1e-4)[broken(best) == broken(last)].all()


@BOTH
def test_restarts_only_add(norm: Any) -> None:
    model, images, labels = curved(N)
    batch = batch_of(model, images, labels)
    eps = 0.08 if norm == "linf" else 1.0
    for select in ("last", "best"):
        found = [broken(PGD(norm, eps, 1, eps / 2, restarts=r, select=select).render(batch)) for r in (1, 2, 6)]  # type: ignore[arg-type]
        assert (found[0] <= found[1]).all()
        assert (found[1] <= found[2]).all()
        assert found[2].sum() > found[0].sum()
    alone = PGD(norm, eps, 3, random_start=False).render(batch)
    again = PGD(norm, eps, 3, random_start=False, restarts=4).render(batch)
    assert torch.equal(alone.pixels, again.pixels)


@pytest.mark.parametrize(
    "view", [PGD("linf", 0.02, restarts=2, select="best"), PGD("l2", 0.3), PGD("l2", 0.3, band="low", radius=2)]
)
def test_an_image_alone_fares_as_among_others(view: PGD) -> None:
    model, images, labels = curved(N)
    together = view.render(batch_of(model, images, labels))
    order = np.random.default_rng(0).permutation(N)
    for i in order[:6]:
        alone = view.render(batch_of(model, images[i : i + 1], labels[i : i + 1], first=i))
        assert broken(alone)[0] == broken(together)[i]
        torch.testing.assert_close(alone.pixels[0], together.pixels[i], rtol=0, atol=1e-4)
        assert alone.notes["gradients"][0] == together.notes["gradients"][i]


def test_the_model_and_the_global_chance_stay_as_they_were() -> None:
    eye = CurvedEye().train()
    before = {name: value.clone() for name, value in eye.state_dict().items()}
    state = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    model = seen_by(eye, SIZE)
    frozen = {name: value.clone() for name, value in model.net.state_dict().items()}
    images = noise_images(8, SIZE)
    batch = batch_of(model, images, told(model, images), "bfloat16")
    shown = batch.tensor.clone()
    PGD("linf", 0.03, restarts=2).render(batch)
    assert torch.equal(batch.tensor, shown)
    assert all(torch.equal(value, before[name]) for name, value in eye.state_dict().items())
    assert all(torch.equal(value, frozen[name]) for name, value in model.net.state_dict().items())
    assert all(p.grad is None for p in (*eye.parameters(), *model.net.parameters()))
    assert eye.training
    assert torch.equal(torch.get_rng_state(), state[0])
    assert (np.random.get_state()[1] == state[1]).all()  # type: ignore[index]


@BOTH
@pytest.mark.parametrize("band", ["low", "high"])
def test_a_change_within_a_band(norm: Any, band: Any) -> None:
    model, images, labels = curved(N)
    batch = batch_of(model, middling(N), told(model, middling(N)))
    eps = 0.05 if norm == "linf" else 0.5
    shown = PGD(norm, eps, band=band, radius=1.5).render(batch)
    change = shown.pixels - batch.tensor
    assert norm_of(change, norm).max() <= eps + 1e-6
    other = (high_pass if band == "low" else low_pass)(change, 1.5)
    assert norm_of(other, norm).max() < 1e-5
    assert shown.notes["outside"].max() < 1e-6
    assert (shown.notes["rise"] > 0).mean() > 0.8
    clipped = PGD(norm, eps, band=band, radius=1.5).render(batch_of(model, images, labels))
    assert clipped.notes["outside"].max() > 1e-3  # where [0, 1] binds
    assert norm_of(clipped.pixels - batch_of(model, images, labels).tensor, norm).max() <= eps + 1e-6


def test_a_band_of_a_linear_eye_in_closed_form() -> None:
    model, weight = linear(2)
    images = middling(N)
    z = images.transpose(0, 3, 1, 2).reshape(N, -1) / 255 @ weight.T
    labels = z.argmax(1)
    lead = torch.from_numpy(weight[0] - weight[1]).view(1, 3, SIZE, SIZE)
    for band, part in (("low", low_pass(lead, 1.0)), ("high", high_pass(lead, 1.0))):
        distance = np.abs(z[:, 0] - z[:, 1]) / float(part.norm())
        eps = float(np.median(distance))
        fallen = broken(PGD("l2", eps, 20, band=band, radius=1.0).render(batch_of(model, images, labels)))  # type: ignore[arg-type]
        assert not fallen[distance > eps * (1 + 1e-5)].any()
        assert fallen[distance < 0.99 * eps].all()


def test_memory_grows_with_the_batch_alone() -> None:
    model, images, labels = curved(N)
    frame = 4 * 3 * SIZE * SIZE
    peaks = {}
    for n, steps, restarts in ((N, 2, 1), (N, 20, 1), (N, 3, 5), (N // 2, 2, 1)):
        batch = batch_of(model, images[:n], labels[:n])
        with Meter() as meter:
            PGD("linf", 0.002, steps, restarts=restarts, select="best").render(batch)
        peaks[n, steps, restarts] = meter.most / (n * frame)
    assert peaks[N, 2, 1] > 8  # the net's maps are among them
    assert peaks[N, 20, 1] == pytest.approx(peaks[N, 2, 1], rel=0.01)
    assert peaks[N, 3, 5] <= peaks[N, 2, 1] + 1.01  # the best of earlier restarts
    assert peaks[N // 2, 2, 1] == pytest.approx(peaks[N, 2, 1], rel=0.02)


def test_memory_that_runs_out_halves_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    model, images, labels = curved(N)
    labels[:5] = -1
    batch = batch_of(model, images, labels)
    whole = PGD("linf", 0.02, select="best").render(batch)
    forward, sizes = ImageModel.forward, []

    def cramped(self: ImageModel, frames: torch.Tensor) -> torch.Tensor:
        sizes.append(len(frames))
        if len(frames) > 13:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, frames)

    monkeypatch.setattr(ImageModel, "forward", cramped)
    parts = PGD("linf", 0.02, select="best").render(batch)
    assert max(sizes) == N
    assert (broken(parts) == broken(whole)).all()
    torch.testing.assert_close(parts.pixels, whole.pixels, rtol=0, atol=1e-4)
    for name, column in whole.notes.items():
        np.testing.assert_allclose(parts.notes[name], column, rtol=1e-3, atol=1e-4, equal_nan=True)
    assert (parts.valid == whole.valid).all()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"eps": 8.0}, "eps"),
        ({"eps": -1.0}, "eps"),
        ({"steps": 0}, "steps"),
        ({"restarts": 0}, "restarts"),
        ({"step": 0.0}, "step"),
        ({"band": "low"}, "radius"),
        ({"radius": 4.0}, "radius"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingError, match=rf"\({named} = "):
        PGD(**{"norm": "linf", "eps": 0.1, **settings})
    assert PGD("l2", 8.0).eps == 8.0  # a length


def test_pixels_beyond_their_range_are_refused() -> None:
    model, images, labels = curved(N)
    batch = batch_of(model, images, labels)
    batch.tensor[0, 0, 0, 0] = 1.5
    with pytest.raises(SettingError, match=r"0 to 1\.5"):
        PGD("linf", 0.1).render(batch)


def test_what_it_says_it_costs() -> None:
    model, images, labels = curved(N)
    asked = 0

    class Counting(CurvedEye):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            nonlocal asked
            asked += len(x) * (3 if x.requires_grad else 1)
            return super().forward(x)

    model = seen_by(Counting(), SIZE)
    for view in (
        PGD("linf", 1e-5),
        PGD("linf", 1e-5, 4, restarts=3),
        PGD("linf", 1e-5, select="best"),
        FGSM("linf", 1e-5),
    ):
        asked = 0
        view.render(batch_of(model, images, labels))
        assert asked == N * view.cost
