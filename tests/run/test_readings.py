"""What queries read off beside answers: shown pixels, and loss gradients with respect to them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.core.query import CLEAN, Answers, Query
from eyechart.images.arrays import ArraySet
from eyechart.models.image_model import ImageModel
from eyechart.models.load import wrap
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.draw import Job, draw
from eyechart.run.forward import Forwarder
from eyechart.run.gradients import differentiable, loss_gradient
from eyechart.run.plan import source_views
from eyechart.views.bands import Band
from eyechart.views.shifts import CropShift
from eyes import LinearEye, ProbabilityEye, StrideEye, image_set, noise_images, seen_by

SIZE, CLASSES = 8, 5


def linear_eye(scale: float = 1.0) -> LinearEye:
    chance = torch.Generator().manual_seed(3)
    return LinearEye(scale * torch.randn(CLASSES, 3 * SIZE * SIZE, generator=chance))


def asked(model: ImageModel, images: ArraySet, queries: list[Query], labels: list[int]) -> Answers:
    views, ids = source_views(queries), tuple(images.ids)
    job = Job(ids, tuple(images.source(i) for i in range(len(ids))), views, model.preprocessing, 0)
    with torch.inference_mode():  # as in the engine
        return Forwarder(model, 4).answers(queries, views, draw(job), ids, np.array(labels))


def closed_form(eye: LinearEye, pixels: np.ndarray, labels: list[int]) -> np.ndarray:
    """Weights times (softmax - label), in float64."""
    weight, flat = eye.weight.double().numpy(), pixels.reshape(len(pixels), -1).astype(np.float64)
    logits = flat @ weight.T
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return ((p - np.eye(CLASSES)[labels]) @ weight).reshape(pixels.shape)


def test_pixels_are_what_the_view_shows() -> None:
    images, low = image_set(noise_images(6, SIZE)), Band("low", 2.0)
    read = asked(seen_by(linear_eye(), SIZE), images, [CLEAN, Query(reading="pixels"), Query(low, "pixels")], [0] * 6)
    frames = np.stack([np.asarray(images.source(i).open().picture) for i in range(6)]).transpose(0, 3, 1, 2) / 255
    np.testing.assert_allclose(read.signal(Query(reading="pixels")).values.numpy(), frames, atol=1e-7)
    shown = np.fft.ifft2(np.fft.fft2(frames) * _disc(2.0)).real
    np.testing.assert_allclose(read.signal(Query(low, "pixels")).values.numpy(), shown, atol=1e-6)
    assert read[CLEAN].values.shape == (6, CLASSES)


def _disc(radius: float) -> np.ndarray:
    f = SIZE * np.fft.fftfreq(SIZE)
    return np.hypot(f[:, None], f[None]) <= radius


@pytest.mark.parametrize("reading", ["pixels", "gradient"])
def test_kinds_are_not_mixed_up(reading: str) -> None:
    query = Query(reading=reading)  # type: ignore[arg-type]
    read = asked(seen_by(linear_eye(), SIZE), image_set(noise_images(2, SIZE)), [CLEAN, query], [0, 1])
    with pytest.raises(TypeError, match="signal"):
        read[query]
    with pytest.raises(TypeError, match="answer"):
        read.signal(CLEAN)


@pytest.mark.parametrize("seen", [lambda eye: eye, ProbabilityEye])
def test_the_gradient_of_a_linear_eye(seen: type[nn.Module]) -> None:
    eye, labels, gradient = linear_eye(), [0, 3, 1, 4, 4, 2, 0], Query(reading="gradient")
    images = image_set(noise_images(7, SIZE))
    read = asked(seen_by(seen(eye), SIZE), images, [gradient, Query(reading="pixels")], labels)
    wanted = closed_form(eye, read.signal(Query(reading="pixels")).values.numpy(), labels)
    for got, right in zip(read.signal(gradient).values.numpy(), wanted, strict=True):
        np.testing.assert_allclose(got, right, atol=2e-5 * abs(right).max())
    assert read.signal(gradient).valid.all()


def test_gradients_are_per_unit_of_pixel_value_and_leave_no_trace() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.eye = linear_eye()

        def forward(self, x: Tensor) -> Tensor:
            return self.eye(x * torch.tensor([0.5, 0.25, 0.1]).view(1, 3, 1, 1) + 0.3)

    preprocessing = Preprocessing(size=(SIZE, SIZE), resize=None, mean=(0.3,) * 3, std=(0.5, 0.25, 0.1))
    model = wrap(Scaled(), preprocessing=preprocessing, device="cpu")
    pixels = torch.rand(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    got = loss_gradient(model, pixels, torch.tensor([0, 1, 2, 3]))
    np.testing.assert_allclose(got, closed_form(linear_eye(), pixels.numpy(), [0, 1, 2, 3]), rtol=1e-3, atol=1e-4)
    assert not got.requires_grad
    assert pixels.grad is None
    assert all(p.grad is None and not p.requires_grad for p in model.net.parameters())


def test_an_eye_that_is_certain_still_has_a_gradient() -> None:
    eye = linear_eye(scale=20.0)
    pixels = torch.rand(16, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    labels = eye(pixels).argmax(1)
    margins = eye(pixels).topk(2).values
    sure = (margins[:, 0] - margins[:, 1] > 20) & (margins[:, 0] - margins[:, 1] < 80)  # 1 - p is 0 in float32
    assert sure.any()
    got = loss_gradient(seen_by(eye, SIZE), pixels, labels)[sure].numpy()
    wanted = closed_form(eye, pixels.numpy(), labels.tolist())[sure.numpy()]
    for g, w in zip(got, wanted, strict=True):
        assert np.abs(g).max() > 0
        assert np.corrcoef(g.ravel(), w.ravel())[0, 1] > 0.999


def test_images_without_a_label_have_no_gradient() -> None:
    query = Query(Band("low", 3.0), "gradient")
    read = asked(seen_by(linear_eye(), SIZE), image_set(noise_images(5, SIZE)), [query], [0, -1, 2, -1, 1]).signal(
        query
    )
    assert read.valid.tolist() == [True, False, True, False, True]
    assert (read.values[~read.valid] == 0).all()
    assert all(read.values[i].abs().sum() > 0 for i in np.flatnonzero(read.valid))
    assert read.where(read.valid).values.shape[0] == 3


def test_shifted_frames_have_gradients_of_their_own() -> None:
    views = [CropShift(1, 0, 1, "original", (0.5, 1.0)), CropShift(2, 0, 1, "original", (0.5, 1.0))]
    queries = [Query(view, "gradient") for view in views] + [Query(view, "pixels") for view in views]
    read = asked(seen_by(linear_eye(), SIZE), image_set(noise_images(3, 2 * SIZE)), queries, [0, 1, 2])
    for gradient, pixels in zip(queries[:2], queries[2:], strict=True):
        wanted = closed_form(linear_eye(), read.signal(pixels).values.numpy(), [0, 1, 2])
        np.testing.assert_allclose(read.signal(gradient).values.numpy(), wanted, atol=1e-3)


def test_models_without_gradients_are_known() -> None:
    class Stepwise(StrideEye):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.one_hot(super().forward(x).argmax(1), 3).float()

    assert differentiable(seen_by(StrideEye(2), SIZE))
    assert not differentiable(seen_by(Stepwise(2), SIZE))
