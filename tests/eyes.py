"""Eyes with a known prescription: small nets whose exam results are known exactly, and images to test them on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import Answer, Answers, Query
from eyechart.core.tally import Tally
from eyechart.examination import examine
from eyechart.images.arrays import ArraySet, array_set
from eyechart.models.image_model import ImageModel
from eyechart.models.load import wrap
from eyechart.models.preprocessing import Preprocessing
from eyechart.run.draw import draw
from eyechart.run.forward import Forwarder
from eyechart.run.jobs import Jobs
from eyechart.run.plan import source_views
from eyechart.run.subject import subject_of
from eyechart.store.run_folder import Run

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def disc(height: int, width: int, radius: float) -> Tensor:
    """Full-plane mask of the coefficients with D <= radius, zero frequency first: (height, width) bool."""
    fy, fx = ([min(k, n - k) for k in range(n)] for n in (height, width))
    return torch.tensor([[y * y + x * x <= radius * radius for x in fx] for y in fy])


class LowPassEye(nn.Module):
    """Its answer depends on frequencies from 1 up to ``radius`` alone; with none there, it says ``nothing``."""

    def __init__(self, radius: float, size: int, classes: int = 4, nothing: int = 3, seed: int = 0) -> None:
        super().__init__()
        mask = self.kept(disc(size, size, radius))
        mask[0, 0] = False  # brightness would drown the rest
        self.register_buffer("mask", mask)
        chance = torch.Generator().manual_seed(seed)
        self.register_buffer("weight", torch.randn(classes, 3 * size * size, generator=chance))
        self.register_buffer("bias", 0.5 * nn.functional.one_hot(torch.tensor(nothing), classes))

    def kept(self, mask: Tensor) -> Tensor:
        return mask

    def forward(self, x: Tensor) -> Tensor:
        seen = torch.fft.ifft2(torch.fft.fft2(x) * self.mask).real
        return seen.flatten(1) @ self.weight.T + self.bias


class HighPassEye(LowPassEye):
    """Its answer depends on frequencies above ``radius`` alone."""

    def kept(self, mask: Tensor) -> Tensor:
        return ~mask


class ShiftBlindEye(nn.Module):
    """Stride 1, circular padding, global mean: no circular shift changes its answer."""

    def __init__(self, classes: int = 4, seed: int = 0) -> None:
        super().__init__()
        chance = torch.Generator().manual_seed(seed)
        self.conv = nn.Conv2d(3, 8, 3, padding=1, padding_mode="circular")
        self.head = nn.Linear(8, classes)
        for p, scale in (
            (self.conv.weight, 1.0),
            (self.conv.bias, 0.1),
            (self.head.weight, 20.0),
            (self.head.bias, 0.0),
        ):
            p.data.copy_(scale * torch.randn(p.shape, generator=chance))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).relu().mean((2, 3)))


class OnePixelEye(nn.Module):
    """Class 1 where the red of one pixel is above 0.5, else class 0; logits (0, 8 * (red - 0.5))."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__()
        self.row, self.column = row, column

    def forward(self, x: Tensor) -> Tensor:
        red = x[:, 0, self.row, self.column]
        return torch.stack([torch.zeros_like(red), 8 * (red - 0.5)], 1)


class StrideEye(nn.Module):
    """The mean colour over every ``stride``-th pixel: blind to shifts by ``stride`` pixels, to no others."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return 50 * x[..., :: self.stride, :: self.stride].mean((2, 3))


class PolyphaseEye(nn.Module):
    """Mean colour of the strongest of ``stride`` x ``stride`` phases: subsamples, but no cyclic shift changes its answer."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        s = self.stride
        phases = (
            x.reshape(n, channels, height // s, s, width // s, s)
            .permute(0, 3, 5, 1, 2, 4)
            .reshape(n, s * s, channels, -1)
        )
        strongest = phases.double().square().sum((2, 3)).argmax(1)
        return 50 * phases[torch.arange(n, device=x.device), strongest].mean(2)


class ConstantEye(nn.Module):
    """The same logits whatever it sees."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.register_buffer("logits", torch.tensor(logits))

    def forward(self, x: Tensor) -> Tensor:
        return self.logits.expand(len(x), -1) + 0 * x.sum((1, 2, 3))[:, None]


class LinearEye(nn.Module):
    """Logits = weight times pixels: ``weight`` is (classes, 3 * h * w), pixels in the order (channel, row, column)."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.T


class NaNEye(nn.Module):
    """The eye within, but NaN for frames brighter than ``above`` on average."""

    def __init__(self, eye: nn.Module, above: float) -> None:
        super().__init__()
        self.eye, self.above = eye, above

    def forward(self, x: Tensor) -> Tensor:
        bright = x.mean((1, 2, 3)) > self.above
        return torch.where(bright[:, None], torch.nan, self.eye(x))


class ToyEye(nn.Module):
    """Reads the coefficient b of ``toy_images`` and nothing else: class 1 if b > 0.01, else class 0."""

    def __init__(self, size: int, high: int) -> None:
        super().__init__()
        self.register_buffer("wave", torch.cos(2 * torch.pi * high * torch.arange(size) / size))

    def forward(self, x: Tensor) -> Tensor:
        b = 2 * (x.mean((1, 2)) * self.wave).mean(1)
        return torch.stack([torch.zeros_like(b), 40 * (b - 0.01)], 1)


class BehindKernels(nn.Module):
    """The eye within, behind a convolution that changes nothing."""

    def __init__(self, eye: nn.Module) -> None:
        super().__init__()
        self.eye, self.conv = eye, nn.Conv2d(3, 3, 3, padding=1, bias=False)
        nn.init.dirac_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.eye(self.conv(x))


class ProbabilityEye(nn.Module):
    """The eye within, with a softmax at the end."""

    def __init__(self, eye: nn.Module) -> None:
        super().__init__()
        self.eye = eye

    def forward(self, x: Tensor) -> Tensor:
        return self.eye(x).softmax(1)


class OracleEye(nn.Module):
    """Right on every one of ``plain_images``, small or cropped; class 0 where there is no brightness.

    Logits are whole numbers (four times the mean of each colour in 8-bit steps), so that rounding cannot decide.
    """

    def forward(self, x: Tensor) -> Tensor:
        return (4 * 255 * x.mean((2, 3))).round()


def seen_by(eye: nn.Module, size: int | tuple[int, int] = 16, **more: Any) -> ImageModel:
    """The eye as a model of frames of ``size``, pixels in [0, 1] as they are."""
    frame = (size, size) if isinstance(size, int) else size
    return wrap(eye, preprocessing=Preprocessing(size=frame, resize=frame), device="cpu", **more)


def image_set(images: Array, labels: Sequence[int] | Array | None = None, name: str = "tiny") -> ArraySet:
    """Images (n, h, w, 3) uint8 in memory; labels are output numbers, -1 = none."""
    targets = {} if labels is None else {"label": np.asarray(labels, np.int64)}
    return array_set(name, images, tuple(f"{i:04d}" for i in range(len(images))), targets, ())


def noise_images(n: int, size: int = 16, seed: int = 0) -> Array:
    """Independent uniform pixels: power at every frequency."""
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def tinted_images(n: int, size: int = 16, seed: int = 0) -> Array:
    """Noise of a colour of its own in each image: eyes for mean colour have more than one thing to say."""
    tints = np.random.default_rng(seed + 1).random((n, 1, 1, 3))
    return np.asarray(noise_images(n, size, seed) * tints).astype(np.uint8)


def plain_images(labels: Sequence[int], size: int = 16) -> Array:
    """Red for label 0, green for 1, blue for 2, each over the whole picture."""
    return np.stack([np.broadcast_to(255 * np.eye(3, dtype=np.uint8)[k], (size, size, 3)) for k in labels])


def toy_images(labels: Sequence[int], size: int = 16, low: int = 1, high: int = 5, seed: int = 0) -> Array:
    """x = 0.5 + a cos(low) + b cos(high) along the columns; |b| = 0.2, its sign is the label (1 = positive)."""
    chance = np.random.default_rng(seed)
    at = 2 * np.pi * np.arange(size) / size
    a = chance.uniform(-0.2, 0.2, len(labels))
    b = np.where(np.asarray(labels) == 1, 0.2, -0.2)
    rows = 0.5 + a[:, None] * np.cos(low * at) + b[:, None] * np.cos(high * at)
    pixels = np.rint(255 * rows).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(pixels[:, None, :, None], (len(labels), size, size, 3)))


def answered(eye: nn.Module, images: Array) -> Array:
    """The eye's own top class for 8-bit images in its frame, asked without eyechart."""
    with torch.inference_mode():
        return eye(torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255).argmax(1).numpy()


def examined(model: ImageModel, images: ArraySet, exams: Sequence[str | Exam], out: Path, **more: Any) -> Run:
    """Run exams in this process."""
    return examine(model, images, exams, out=out, workers=0, **{"batch_size": 64, **more})


@dataclass(frozen=True)
class Sitting:
    """One exam's stage, answered in one go."""

    exam: Exam
    subject: Subject
    answers: Answers
    batch: Batch

    def part(self, chosen: Array) -> Tally:
        """What the exam reads of some of the images: ``chosen`` (n,) bool."""
        ids = tuple(i for i, c in zip(self.batch.ids, chosen, strict=True) if c)
        others = {name: column[chosen] for name, column in self.batch.targets.items()}
        fewer = Batch(ids, self.batch.labels[chosen], self.subject, others)
        return self.exam.read(self.answers.where(chosen), fewer)

    @property
    def whole(self) -> Tally:
        return self.exam.read(self.answers, self.batch)

    @property
    def estimates(self) -> Estimates:
        """Of all images."""
        return self.exam.estimates(self.whole, self.batch.labels, self.subject)


def sitting(exam: Exam, model: ImageModel, images: ArraySet, seed: int = 0, training: bool = False) -> Sitting:
    """Answers to the first questions of an exam, none if it asks nothing, without the engine."""
    labels = np.full(len(images), -1) if images.labels is None else images.labels
    known = bool((labels >= 0).any()), training, tuple(images.targets)
    subject, ids = subject_of(model, *known), tuple(images.ids)
    others = {name: column for name, column in images.targets.items() if name != "label"}
    queries = tuple(exam.ask(subject, ()) or ())
    if not queries:
        return Sitting(exam, subject, Answers({}), Batch(ids, labels, subject, others))
    views = source_views(queries)
    job = Jobs(images, labels, np.arange(len(ids)), model.preprocessing, seed).of(range(len(ids)), views)
    answers = Forwarder(model, 64, seed).answers(queries, views, draw(job), ids, labels)
    return Sitting(exam, subject, answers, Batch(ids, labels, subject, others))


def one(found: Estimates, measure: str, **at: object) -> Estimate:
    """The only estimate of that measure at these coordinates."""
    (estimate,) = found.of(measure, **at)
    return estimate


def said(values: Array, notes: Mapping[str, Array] | None = None) -> Answer:
    """An answer of given logits."""
    values = np.asarray(values, np.float32)
    return Answer("logits", values, dict(notes or {}), np.ones(len(values), bool))


def answers_by(queries: Sequence[Query], logits: Callable[[Query], Array]) -> Answers:
    """Made-up answers: what ``logits`` says of each query."""
    return Answers({query: said(logits(query)) for query in queries})
