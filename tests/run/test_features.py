"""What taps read off layers, nets that settle on images, and exams of weights alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.core.chart import Chart, Finding
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Exam, Subject
from eyechart.core.query import CLEAN, Answers, Query
from eyechart.core.tally import Tally
from eyechart.core.tap import DenseTap, Tap
from eyechart.core.weights import Weights
from eyechart.models.atrous import Dense
from eyechart.models.layers import Layer
from eyechart.models.statistics import settle
from eyechart.run.altered import OtherWeights
from eyechart.run.draw import Job, draw
from eyechart.run.features import joined
from eyechart.run.forward import Forwarder
from eyechart.run.plan import source_views
from eyechart.views.bands import Band
from eyes import NaNEye, examined, image_set, noise_images, seen_by

SIZE, N = 8, 9


class Two(nn.Module):
    """Convolution, BatchNorm with statistics of its own, ReLU, mean."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.norm.running_mean += torch.randn(4)
        self.norm.running_var *= 3

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x))).mean((2, 3))


@dataclass(frozen=True)
class Means(Tap):
    """Mean of each channel."""

    def read(self, layer: Layer, output: Tensor, plain: Tensor | None) -> Tensor:
        return output.mean((2, 3))


@dataclass(frozen=True)
class Moved(Tap):
    """How far the layer's output is from that of the plain image."""

    against_plain: ClassVar[bool] = True

    def read(self, layer: Layer, output: Tensor, plain: Tensor | None) -> Tensor:
        assert plain is not None
        return (output - plain).flatten(1).norm(dim=1)


def asked(eye: nn.Module, queries: list[Query], batch: int = 4) -> tuple[Answers, Tensor]:
    images, model = image_set(noise_images(N, SIZE)), seen_by(eye, SIZE)
    views, ids = source_views(queries), tuple(images.ids)
    job = Job(ids, tuple(images.source(i) for i in range(N)), views, model.preprocessing, 0)
    frames = torch.from_numpy(noise_images(N, SIZE)).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        return Forwarder(model, batch).answers(queries, views, draw(job), ids, np.zeros(N, int)), frames


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_taps_read_the_net_before_folding(batch: int) -> None:
    net, query = Two().eval(), Query(reading="layers", tap=Means(("conv", "norm", "relu()")))
    answers, frames = asked(net, [CLEAN, query], batch)
    read = answers.features(query)
    with torch.inference_mode():
        conv = net.conv(frames)
        norm = net.norm(conv)
    for name, wanted in {"conv": conv, "norm": norm, "relu()": norm.relu()}.items():
        np.testing.assert_allclose(read.values[name], wanted.mean((2, 3)).numpy(), atol=1e-5)
    np.testing.assert_allclose(answers[CLEAN].values, read.values["relu()"], atol=1e-5)


def test_a_tap_may_compare_with_the_plain_image() -> None:
    net, low = Two().eval(), Band("low", 2.0)
    plain = Query(reading="layers", tap=Moved(("norm",)))
    moved = Query(low, "layers", tap=Moved(("norm",)))
    answers, frames = asked(net, [plain, moved])
    assert (answers.features(plain).values["norm"] == 0).all()
    disc = np.hypot(*np.meshgrid(*[SIZE * np.fft.fftfreq(SIZE)] * 2)) <= 2
    shown = torch.from_numpy(np.fft.ifft2(np.fft.fft2(frames.numpy()) * disc).real).float()
    with torch.inference_mode():
        wanted = (net.norm(net.conv(shown)) - net.norm(net.conv(frames))).flatten(1).norm(dim=1)
    np.testing.assert_allclose(answers.features(moved).values["norm"], wanted.numpy(), rtol=1e-4)


@dataclass(frozen=True)
class Darker(Tap):
    """Sums less those of an empty frame."""

    against_plain: ClassVar[bool] = True

    @property
    def against_empty(self) -> bool:
        return True

    def read(self, layer: Layer, output: Tensor, plain: Tensor | None) -> Tensor | None:
        raise AssertionError("it is given the empty frame, too")

    def read_against(self, layer: Layer, output: Tensor, plain: Tensor | None, empty: Tensor | None) -> Tensor | None:
        assert plain is not None
        assert empty is not None
        return torch.stack([output.sum((1, 2, 3)), plain.sum((1, 2, 3)), empty.sum((1, 2, 3))], 1)


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_a_tap_may_compare_with_an_empty_frame(batch: int) -> None:
    net, query = Two().eval(), Query(Band("low", 2.0), "layers", tap=Darker(("norm",)))
    answers, frames = asked(net, [query], batch)
    read = answers.features(query).values["norm"]
    with torch.inference_mode():
        empty = net.norm(net.conv(frames[:, :, -1:, -1:].expand_as(frames))).sum((1, 2, 3))
        plain = net.norm(net.conv(frames)).sum((1, 2, 3))
    np.testing.assert_allclose(read[:, 1], plain.numpy(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(read[:, 2], empty.numpy(), rtol=1e-3, atol=1e-3)


@dataclass(frozen=True)
class Places(DenseTap):
    """Sums over all places, over those kept, and over the map that is sampled."""

    def read(self, layer: Layer, dense: Dense) -> Tensor:
        kept = dense.values[:, :, :: dense.stride[0], :: dense.stride[1]]
        before = dense.values[:, :1] * 0 if dense.before is None else dense.before
        return torch.stack([x.sum((1, 2, 3)) for x in (dense.values, kept, before)], 1)


class Halving(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.one, self.two, self.head = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 1, 1), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.two(self.one(x)).mean((2, 3)))


@pytest.mark.parametrize("together", [1, 4, 16])
def test_dense_taps_read_the_twin(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eyechart.run.features.DENSE_PIXELS", together * SIZE * SIZE)
    net, query = Halving().eval(), Query(Band("low", 2.0), "layers", tap=Places(("one", "two", "head")))
    plain = Query(reading="layers", tap=Means(("one",)))
    answers, frames = asked(net, [query, plain, Query(reading="layers", tap=Places(("two",)))])
    read = answers.features(query).values
    assert set(read) == {"one", "two"}
    disc = np.hypot(*np.meshgrid(*[SIZE * np.fft.fftfreq(SIZE)] * 2)) <= 2
    shown = torch.from_numpy(np.fft.ifft2(np.fft.fft2(frames.numpy()) * disc).real).float()
    with torch.inference_mode():
        one = net.one(shown)
        dense = nn.functional.conv2d(shown, net.one.weight, net.one.bias, 1, 1)
        two = nn.functional.conv2d(dense, net.two.weight, net.two.bias, 1, 2, 2)
        sums = [x.sum((1, 2, 3)).numpy() for x in (dense, one, shown, two, net.two(one))]
    np.testing.assert_allclose(read["one"].T, sums[:3], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(read["two"][:, :2].T, sums[3:], rtol=1e-3, atol=1e-3)


class Windows(nn.Module):
    """Four windows of each image are batch entries of their own within."""

    def __init__(self) -> None:
        super().__init__()
        self.whole, self.within = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.whole(x)
        parts = y.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).reshape(-1, 4, 4, 4)
        return self.within(parts).mean((2, 3)).reshape(len(x), 4, 4).mean(1)


@pytest.mark.parametrize("batch", [1, 4, 64])
def test_outputs_that_are_not_one_an_image_are_left_out(batch: int) -> None:
    query = Query(reading="layers", tap=Means(("whole", "within")))
    answers, _ = asked(Windows().eval(), [query], batch)
    read = answers.features(query)
    assert set(read.values) == {"whole"}
    assert read.values["whole"].shape == (N, 4)


class Offsets(nn.Module):
    """Steps whose first axis is always 1, 4 and 9 long, as that of positions, and one over all images of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.four, self.nine, self.conv = (nn.Conv2d(3, 4, 1) for _ in range(4))
        self.turned = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        for step, n in ((self.one, 1), (self.four, 4), (self.nine, 9)):
            step(torch.zeros(n, 3, SIZE, SIZE))
        y = self.conv(x)
        return self.turned(y.permute(2, 3, 0, 1)).mean((0, 1))


@pytest.mark.parametrize("batch", [1, 4, 8, 9, 64])
def test_lengths_that_happen_to_be_those_of_the_batch_deceive_nobody(batch: int) -> None:
    names = ("one", "four", "nine", "conv", "turned")
    for tap in (Means(names), Moved(names)):
        query = Query(reading="layers", tap=tap)
        answers, _ = asked(Offsets().eval(), [query], batch)  # a last batch of one, and of all
        assert set(answers.features(query).values) == {"conv"}


def test_what_is_not_read_of_all_is_read_of_none() -> None:
    parts = [{"a": np.zeros((2, 3)), "b": np.zeros((2, 1))}, {"a": np.ones((1, 3))}]
    assert {name: values.shape for name, values in joined(parts).items()} == {"a": (3, 3)}
    assert joined(parts[::-1]).keys() == {"a"}
    assert joined([]) == {}


def test_readings_and_taps_go_together() -> None:
    for wrong in (
        {"reading": "layers"},
        {"tap": Means(("conv",))},
        {"reading": "layers", "tap": Means(("conv",)), "weights": Doubled(0)},
    ):
        with pytest.raises(ValueError, match="tap"):
            Query(**wrong)
    answers, _ = asked(Two().eval(), [CLEAN])
    with pytest.raises(TypeError, match="no layers"):
        answers.features(CLEAN)


@dataclass(frozen=True)
class Doubled(Weights):
    """The first kernels doubled, BatchNorm settled on some images."""

    images: int

    @property
    def settled_on(self) -> int:
        return self.images

    def changed(self, parameters: Mapping[str, Tensor], convolutions: Sequence[str]) -> Mapping[str, Tensor]:
        return {convolutions[0]: 2 * parameters[convolutions[0]]}


def test_statistics_taken_anew_are_those_of_the_images() -> None:
    net, frames = Two().eval(), torch.rand(130, 3, SIZE, SIZE)
    with torch.no_grad():
        settle(net, frames)
        parts = [net.conv(part).transpose(0, 1).flatten(1) for part in frames.tensor_split(3)]
    torch.testing.assert_close(net.norm.running_mean, torch.stack([p.mean(1) for p in parts]).mean(0))
    torch.testing.assert_close(net.norm.running_var, torch.stack([p.var(1) for p in parts]).mean(0))
    assert not net.norm.training
    assert net.norm.momentum == 0.1


class Viewed(nn.Module):
    """A view that strided memory does not allow, and BatchNorm over the batch alone."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm1d(4 * SIZE * SIZE)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.norm(x.view(len(x), -1))[:, :5]


@pytest.mark.parametrize("n", [65, 129])
def test_settling_takes_any_number_of_frames_in_the_nets_own_layout(n: int) -> None:
    model = seen_by(Viewed().eval(), SIZE)
    assert not model.channels_last
    pixels = torch.randint(0, 256, (n, 3, SIZE, SIZE), dtype=torch.uint8)
    settled = OtherWeights(model, lambda k: pixels[:k]).model(Doubled(n))
    again = Viewed().eval()
    with torch.no_grad():
        again.conv.weight *= 2
        parts = [again.conv(part).flatten(1) for part in (pixels / 255).tensor_split(n // 64 + 1)]
        again.norm.running_mean[:] = torch.stack([part.mean(0) for part in parts]).mean(0)
        again.norm.running_var[:] = torch.stack([part.var(0) for part in parts]).mean(0)
        torch.testing.assert_close(settled(pixels[:3]).clone(), again(pixels[:3] / 255), rtol=1e-3, atol=1e-3)


class Asking(Exam):
    """Measures: doubled, plain, right."""

    name: ClassVar[str] = "asking"
    title: ClassVar[str] = "t"
    explanation: ClassVar[str] = "e"
    images: int = 0
    copes: bool = False

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        return None if so_far else (CLEAN, Query(weights=Doubled(self.images)))

    def tolerates(self, query: Query) -> bool:
        return self.copes

    def read(self, answers: Answers, batch: Batch) -> Tally:
        return Tally({"doubled": answers[Query(weights=Doubled(self.images))].values, "plain": answers[CLEAN].values})

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        return Estimates([self.estimate("right", value=0.0, n=len(labels))])

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        return ()

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        return ()


def rows(exam: Exam, eye: nn.Module, images: Array, out: Path) -> dict[str, np.ndarray]:
    run = examined(seen_by(eye, SIZE), image_set(images), [exam], out, max_bad=N)
    table = run.rows("asking")
    read = {
        name: np.array([row for row in table[name].to_pylist() if row is not None], float)
        for name in ("doubled", "plain")
        if name in table.column_names
    }
    return {**read, "status": np.array(table["status"].to_pylist())}


def test_a_net_that_settles_forgets_the_scale_of_its_kernels(tmp_path: Path) -> None:
    images = noise_images(N, SIZE)
    settled = rows(Asking(images=N), Two().eval(), images, tmp_path / "settled")
    kept = rows(Asking(images=0), Two().eval(), images, tmp_path / "kept")
    again = Two().eval()
    with torch.no_grad():
        frames = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255
        settle(again, frames)
        wanted = again(frames).numpy()
    np.testing.assert_allclose(np.sort(settled["doubled"], 0), np.sort(wanted, 0), atol=2e-3)
    assert abs(kept["doubled"] - kept["plain"]).max() > 0.05


def test_an_exam_may_cope_with_what_is_not_finite(tmp_path: Path) -> None:
    eye, images = NaNEye(Two(), above=0.9), np.full((3, SIZE, SIZE, 3), 255, np.uint8)
    images[0] = 0
    strict = rows(Asking(), eye, images, tmp_path / "strict")
    assert sorted(strict["status"]) == ["not_finite", "not_finite", "ok"]
    lenient = rows(Asking(copes=True), eye, images, tmp_path / "lenient")
    assert set(lenient["status"]) == {"ok"}
    assert np.isnan(lenient["plain"]).reshape(3, -1).all(1).sum() == 2


class Weighing(Exam):
    """Measures: total {kernels}."""

    name: ClassVar[str] = "weighing"
    title: ClassVar[str] = "t"
    explanation: ClassVar[str] = "e"
    asks: ClassVar[bool] = False

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Sequence[Query] | None:
        return None

    def read(self, answers: Answers, batch: Batch) -> Tally:
        raise AssertionError("it is shown nothing")

    def estimates(self, tally: Tally, labels: Array, subject: Subject) -> Estimates:
        (name,) = subject.convolutions
        total = float(subject.weights[name].sum())
        return Estimates([self.estimate("total", value=total, n=1, at={"kernels": name})])

    def charts(self, estimates: Estimates) -> Sequence[Chart]:
        return ()

    def findings(self, estimates: Estimates) -> Sequence[Finding]:
        return [Finding("note", "Weighed.")]


def test_an_exam_of_weights_alone_is_shown_no_image(tmp_path: Path) -> None:
    net = Two().eval()
    run = examined(seen_by(net, SIZE), image_set(noise_images(N, SIZE)), [Weighing()], tmp_path / "run")
    total = run.estimates.one("total", kernels="conv.weight")
    assert total is not None
    assert total.value == pytest.approx(float(net.conv.weight.detach().sum()), rel=1e-5)
    assert not (tmp_path / "run" / "shards").exists()
    assert run.rows("weighing").num_rows == 0
    assert [s["exam"] for s in run.page["sections"]] == ["weighing"]


def test_weights_given_to_exams_are_copies(tmp_path: Path) -> None:
    from eyechart.run.subject import subject_of

    model = seen_by(Two().eval(), SIZE)
    subject = subject_of(model, labelled=True)
    subject.weights["conv.weight"].zero_()
    assert float(subject.weights["conv.weight"].abs().sum()) > 0
    assert "norm.running_var" in subject.weights
    assert [layer.name for layer in subject.layers] == ["conv", "norm", "relu()"]
