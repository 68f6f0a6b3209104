"""What is attacked: the model with its defences, in low precision with claims confirmed, and models that cannot be followed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from attacking import SIZE, CurvedEye, batch_of, curved, linear, middling, told
from eyechart.core.view import InputView, Pixels, Shown
from eyechart.errors import NoGradientError
from eyechart.models.image_model import ImageModel
from eyechart.models.load import wrap
from eyechart.models.lowered import lowered
from eyechart.models.preprocessing import Preprocessing
from eyechart.spectrum.bands import high_pass, low_pass
from eyechart.views.attacks.doubt import doubtful
from eyechart.views.attacks.losses import ce, margin
from eyechart.views.attacks.minimal import MinimalNorm
from eyechart.views.attacks.pgd import PGD
from eyechart.views.attacks.victim import Victim
from eyechart.views.bands import Band
from eyechart.views.pixel_noise import UniformNoise
from eyechart.views.rolls import Rolled
from eyes import LinearEye, LowPassEye, noise_images, seen_by

N = 40
SEEN = Preprocessing(size=(SIZE, SIZE), resize=SIZE, mean=(0.5, 0.45, 0.4), std=(0.2, 0.25, 0.3))


def filtered(weight: np.ndarray) -> torch.Tensor:
    """The lead of class 0 over class 1 of a linear eye behind a low-pass of radius 1, as (1, 3, h, w)."""
    return low_pass(torch.from_numpy(weight[0] - weight[1]).view(1, 3, SIZE, SIZE), 1.0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_filter_is_attacked_through(norm: Any, precision: Any) -> None:
    weight = linear(4)[1].reshape(2, 3, -1)
    weight = (weight - weight.mean(2, keepdims=True)).reshape(2, -1)  # brightness would be all that matters
    model, images = seen_by(LinearEye(torch.from_numpy(weight)), SIZE), middling(N)
    lead = filtered(weight)
    z = (torch.from_numpy(images).permute(0, 3, 1, 2) / 255 * lead).sum((1, 2, 3)).numpy()
    labels = (z < 0).astype(np.int64)
    distance = np.abs(z) / float(lead.abs().sum() if norm == "linf" else lead.norm())
    eps = float(np.median(distance))
    batch = batch_of(model, images, labels, precision)
    shown = PGD(norm, eps, 20, through=(Band("low", 1.0),), loss="margin").render(batch)
    assert (shown.notes["right"] == 1).all()
    fallen = shown.notes["broken"] == 1
    near = np.abs(distance / eps - 1) < (0.01 if precision == "float32" else 0.02)
    assert (fallen == (distance < eps))[~near].all()
    if norm == "l2":  # the steepest way has no part that the filter takes away; a start at random has
        plain = PGD(norm, eps, 20, random_start=False, through=(Band("low", 1.0),)).render(batch)
        assert high_pass(plain.pixels - batch.tensor, 1.0).abs().max() < 1e-5
    found = MinimalNorm(norm, eps, through=(Band("low", 1.0),)).render(batch)
    sure = found.notes["unbroken"] == 0
    assert (found.notes["distance"][sure] <= distance[sure] * 1.05).all()
    assert (found.notes["distance"][sure] >= distance[sure] * (1 - 1e-5)).all()


def test_the_gradient_through_views_is_that_of_the_mean() -> None:
    model = wrap(CurvedEye(), preprocessing=SEEN, device="cpu")
    pixels = torch.rand(5, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 0, 1])
    ways = (Rolled(0, 0), Rolled(1, 2), Band("low", 2.0))
    slope = Victim(model, through=ways).slope(pixels, lambda z: ce(z, labels))
    leaf = pixels.double().requires_grad_()
    net = CurvedEye().double().eval()
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in (SEEN.mean, SEEN.std))
    shown = (leaf, leaf.roll((1, 2), (2, 3)), low_pass(leaf, 2.0))
    logits = torch.stack([net((s - mean) / std) for s in shown]).mean(0)
    (wanted,) = torch.autograd.grad(nn.functional.cross_entropy(logits, labels, reduction="sum"), leaf)
    torch.testing.assert_close(slope.gradient.double(), wanted, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(slope.logits.double(), logits.detach(), rtol=1e-4, atol=1e-5)
    one = Victim(model).slope(pixels, lambda z: ce(z, labels))
    again = Victim(model, through=(Rolled(0, 0),)).slope(pixels, lambda z: ce(z, labels))
    torch.testing.assert_close(one.gradient, again.gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("view", [UniformNoise(0.1), PGD("linf", 0.1)])
def test_defences_by_chance_and_attacks_are_refused(view: InputView) -> None:
    with pytest.raises(ValueError, match="without chance"):
        Victim(linear()[0], through=(view,))


def test_bfloat16_is_confirmed_in_float32() -> None:
    model, images, labels = curved(N)
    low, exact = batch_of(model, images, labels, "bfloat16"), batch_of(model, images, labels)
    victim = Victim(model, "bfloat16")
    gap = (victim.glimpse(exact.tensor) - victim.logits(exact.tensor)).abs()
    assert 0 < gap.max() < 0.05  # it is another net
    for view in (PGD("linf", 0.03), PGD("linf", 0.03, select="best", restarts=2), PGD("l2", 0.5, select="best")):
        shown, wanted = view.render(low), view.render(exact)
        fallen = model(shown.pixels).argmax(1).numpy() != labels
        assert (fallen == (shown.notes["broken"] == 1)).all()
        assert (shown.notes["broken"] == wanted.notes["broken"]).mean() >= 0.95
        assert shown.notes["again"].mean() < 0.5


def test_doubt_is_what_lies_within_the_error_of_low_precision() -> None:
    class Off(CurvedEye):  # what is asked in low precision is the first class's logit less 0.1
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            z = super().forward(x)
            return z - 0.1 * nn.functional.one_hot(torch.tensor(0), 3) if x.dtype == torch.bfloat16 else z

    model, images = seen_by(Off(), SIZE), noise_images(200, SIZE, 5)
    labels = told(model, images)
    pixels = batch_of(model, images, labels).tensor
    victim, numbers = Victim(model, "bfloat16"), torch.from_numpy(labels)
    close = margin(victim.logits(pixels), numbers) > -0.15
    first, doubt = numbers == 0, doubtful(victim, pixels, pixels, numbers)
    assert doubt[first & close].all()
    assert 0.02 < doubt.float().mean() < 0.9
    assert not doubt[margin(victim.logits(pixels), numbers) < -0.4].any()


def test_a_lowered_net_follows_weights_that_are_written_over() -> None:
    net = wrap(CurvedEye(), preprocessing=SEEN, device="cpu").net
    frames = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    first = lowered(net, frames, lambda answer, n: answer)  # type: ignore[arg-type,return-value]
    before = first(frames).clone()  # type: ignore[attr-defined]
    with torch.inference_mode():
        for p in net.parameters():
            p.mul_(2)
    again = lowered(net, frames, lambda answer, n: answer)  # type: ignore[arg-type,return-value]
    assert again is first
    assert not torch.allclose(again(frames), before)  # type: ignore[arg-type]
    torch.testing.assert_close(again(frames).float(), net(frames), rtol=0.05, atol=0.02)  # type: ignore[attr-defined]


def test_nets_whose_code_needs_float32_are_searched_all_the_same() -> None:
    model, images = seen_by(LowPassEye(2, SIZE), SIZE), noise_images(8, SIZE)  # whose transforms know no bfloat16
    shown = PGD("linf", 0.05).render(batch_of(model, images, told(model, images), "bfloat16"))
    assert (shown.notes["broken"] == 1).mean() > 0.5


class Rounded(CurvedEye):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward((255 * x).round() / 255)


class Detached(CurvedEye):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.detach())


class Cut(CurvedEye):
    """Its gradient is infinite where a pixel is 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.sqrt())


def test_models_that_cannot_be_followed() -> None:
    images = np.maximum(noise_images(6, SIZE), 64)
    images[:3, 0, 0] = 0
    rounded, detached, cut = (seen_by(eye, SIZE) for eye in (Rounded(), Detached(), Cut()))
    flat = PGD("linf", 0.05).render(batch_of(rounded, images, told(rounded, images)))
    assert (flat.notes["zero_gradient"] == 1).all()
    with pytest.raises(NoGradientError, match="needs no gradients"):
        PGD("linf", 0.05).render(batch_of(detached, images, told(detached, images)))
    odd = PGD("linf", 0.05, random_start=False).render(batch_of(cut, images, told(cut, images)))
    assert (odd.notes["odd_gradient"][:3] > 0).all()
    assert (odd.notes["odd_gradient"][3:] == 0).all()
    assert odd.pixels.isfinite().all()


def test_one_batch_in_several_layouts() -> None:
    model: ImageModel = wrap(CurvedEye(), preprocessing=SEEN, device="cpu")
    pixels = torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2])
    slopes = [
        Victim(model).slope(p, lambda z: ce(z, labels)).gradient
        for p in (pixels, pixels.contiguous(memory_format=torch.channels_last))
    ]
    torch.testing.assert_close(*slopes)


def test_a_view_that_changes_what_it_shows_is_differentiated() -> None:
    class Doubled(InputView):
        def render(self, batch: Pixels) -> Shown:
            return Shown(2 * batch.tensor)

    model, weight = linear()
    slope = Victim(model, through=(Doubled(),)).slope(torch.rand(2, 3, SIZE, SIZE), lambda z: z[:, 0])
    torch.testing.assert_close(slope.gradient[0].flatten(), 2 * torch.from_numpy(weight[0]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_one_channel_and_frames_that_are_not_square(precision: Any) -> None:
    grey = Preprocessing(size=(5, 7), resize=(5, 7), mean=(0.4,), std=(0.3,))
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(60, 2))
    model = wrap(net, preprocessing=grey, device="cpu")
    images = np.random.default_rng(0).integers(0, 256, (9, 5, 7, 1), dtype=np.uint8)
    batch = batch_of(model, images, told(model, images), precision)
    for view in (PGD("linf", 0.3), PGD("l2", 2.0, band="low", radius=1), MinimalNorm("linf", 0.3, steps=4)):
        shown = view.render(batch)
        assert shown.pixels.shape == (9, 1, 5, 7)
        assert (shown.notes["broken"] == 1).any()
        assert (shown.notes[view.norm] <= view.eps + 1e-6).all()
