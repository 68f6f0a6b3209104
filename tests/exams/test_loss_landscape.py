"""Loss landscapes against nets moved by hand, bowls whose shape is known, and nets that break far out."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor, nn

from eyechart.core.chart import Heatmap, Lines, Panels, Surface
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Subject
from eyechart.core.query import Query
from eyechart.core.tally import Tally
from eyechart.errors import CheckpointError
from eyechart.exams.clean import Clean
from eyechart.exams.loss_landscape import STEPS, LossLandscape
from eyechart.exams.loss_landscape_plane import Landscape, Plane
from eyechart.models.statistics import settle
from eyechart.views import directions, interpolation
from eyechart.views.bands import Band
from eyechart.views.directions import Moved
from eyes import examined, image_set, noise_images, seen_by, sitting

SIZE, CLASSES, N = 8, 4, 24
LABELS = np.arange(N) % CLASSES
SHOWN = ("full", "low", "high")


class Net(nn.Module):
    """Convolution, BatchNorm, linear layer."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv, self.norm = nn.Conv2d(3, 5, 3, padding=1), nn.BatchNorm2d(5)
        self.head = nn.Linear(5, CLASSES)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)
        self.head.weight.data *= 5

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


class Linear(nn.Module):
    """Logits linear in the weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(3 * SIZE * SIZE, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.flatten(1))


class Breaks(nn.Module):
    """NaN where the sum of the kernels' squares is above what it was at first, for frames brighter than ``above``."""

    def __init__(self, above: float, times: float = 1.5) -> None:
        super().__init__()
        self.net, self.above = Net(), above
        self.most = times * float(self.net.conv.weight.detach().square().sum())

    def forward(self, x: Tensor) -> Tensor:
        far = self.net.conv.weight.square().sum() > self.most
        bright = x.mean((1, 2, 3)) > self.above
        return torch.where((far & bright)[:, None], torch.nan, self.net(x))


def bands(images: Array, radius: float) -> dict[str, Tensor]:
    pixels = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).double() / 255
    f = SIZE * np.fft.fftfreq(SIZE)
    low = torch.fft.ifft2(torch.fft.fft2(pixels) * torch.from_numpy(np.hypot(f[:, None], f[None]) <= radius)).real
    return {"full": pixels.float(), "low": low.float(), "high": (pixels - low).float()}


def moved_by_hand(net: nn.Module, a: float, b: float) -> nn.Module:
    other = deepcopy(net)
    with torch.no_grad():
        for name, value in Moved(a, b).changed(dict(other.named_parameters()), ()).items():
            other.get_parameter(name).copy_(value.clone())
    return other.eval()


def nll(net: nn.Module, pixels: Tensor, labels: Array) -> Array:
    with torch.no_grad():
        return nn.functional.cross_entropy(net(pixels), torch.from_numpy(labels), reduction="none").numpy()


@pytest.fixture(scope="module")
def images() -> Array:
    return noise_images(N, SIZE)


def test_rows_are_the_losses_of_nets_moved_by_hand(images: Array) -> None:
    net, exam = Net().eval(), LossLandscape(points=5, reach=0.8)
    rows = sitting(exam, seen_by(net, SIZE), image_set(images, LABELS)).whole.rows
    places = [(a, b) for b in (-0.8, -0.4, 0, 0.4, 0.8) for a in (-0.8, -0.4, 0, 0.4, 0.8)]
    for shown, pixels in bands(images, 0.75 * SIZE / 2).items():
        wanted = np.stack([nll(moved_by_hand(net, a, b), pixels, LABELS) for a, b in places], 1)
        np.testing.assert_allclose(rows[f"{shown}_nll"], wanted, rtol=2e-4, atol=2e-4)
    assert set(rows) == {f"{shown}_nll" for shown in SHOWN}


def test_logits_linear_in_the_weights_have_a_landscape_in_closed_form(images: Array) -> None:
    net = Linear().eval()
    sat = sitting(LossLandscape(points=3, radius=2.0), seen_by(net, SIZE), image_set(images, LABELS))
    own = {"head.weight": net.head.weight}
    with torch.no_grad():
        first, second = (
            (Moved(*step).changed(own, ())["head.weight"] - net.head.weight).double().numpy()
            for step in ((1, 0), (0, 1))
        )
    weights = net.head.weight.detach().double().numpy()
    for shown, pixels in bands(images, 2.0).items():
        flat = pixels.flatten(1).double().numpy()
        for j, (a, b) in enumerate(Plane(3, 1.0).places):
            logits = flat @ (weights + a * first + b * second).T
            loss = np.log(np.exp(logits).sum(1)) - logits[np.arange(N), LABELS]
            np.testing.assert_allclose(sat.whole.rows[f"{shown}_nll"][:, j], loss, rtol=1e-4, atol=1e-4)


def test_the_centre_is_the_net_as_it_is(images: Array, tmp_path: Path) -> None:
    model = seen_by(Net().eval(), SIZE)
    run = examined(model, image_set(images, LABELS), [Clean(), LossLandscape(points=3)], tmp_path)
    clean, centre = run.estimates.one("nll"), run.estimates.one("centre_loss", shown="full")
    assert clean is not None
    assert centre is not None
    assert centre.value == pytest.approx(clean.value, rel=1e-5)
    exam = LossLandscape(points=3)
    asked = exam.ask(Subject((SIZE, SIZE), CLASSES), ())
    assert asked is not None
    assert Query() in asked
    assert Query(Band("low", 3.0)) in asked
    assert not exam.tolerates(Query())
    assert all(exam.tolerates(query) for query in asked if query.weights)


def test_rows_do_not_depend_on_the_batch(images: Array, tmp_path: Path) -> None:
    tables = []
    for batch in (1, 7, 64):
        run = examined(
            seen_by(Net().eval(), SIZE), image_set(images, LABELS), [LossLandscape(points=3)], tmp_path / str(batch),
            batch_size=batch,
        )  # fmt: skip
        tables.append(np.array(run.rows("loss_landscape")["high_nll"].to_pylist()))
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(tables[0], tables[2], rtol=1e-4, atol=1e-5)


def test_the_users_model_stays_as_it_was_also_when_interrupted(images: Array, tmp_path: Path) -> None:
    net = Net().train()
    before, mode = deepcopy(net.state_dict()), net.training
    model = seen_by(net, SIZE)
    examined(model, image_set(images, LABELS), [LossLandscape(points=3, batchnorm="settled")], tmp_path / "a")

    def fail(self: LossLandscape, answers: object, batch: object) -> Tally:
        raise KeyboardInterrupt

    interrupted = type("Interrupted", (LossLandscape,), {"read": fail, "__doc__": "x"})
    with pytest.raises(KeyboardInterrupt):
        examined(model, image_set(images, LABELS), [interrupted(points=3)], tmp_path / "b")
    assert net.training == mode
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    pixels = torch.rand(3, 3, SIZE, SIZE)
    with torch.no_grad():
        torch.testing.assert_close(model(pixels).clone(), net.eval()(pixels), rtol=1e-4, atol=1e-5)


def test_statistics_may_be_taken_anew_at_every_point(images: Array, tmp_path: Path) -> None:
    net = Net().eval()
    exam = LossLandscape(points=3, batchnorm="settled", settle_images=N)
    run = examined(seen_by(net, SIZE), image_set(images, LABELS), [exam], tmp_path)
    pixels = bands(images, 3.0)["full"]
    for a, b in ((0.0, 0.0), (1.0, -1.0)):
        other = moved_by_hand(net, a, b)
        with torch.no_grad():
            settle(other, pixels)
        found = run.estimates.one("loss", shown="full", a=a, b=b)
        assert found is not None
        assert found.value == pytest.approx(nll(other, pixels, LABELS).mean(), rel=1e-3)
        assert abs(nll(moved_by_hand(net, a, b), pixels, LABELS).mean() - found.value) > 0.01
    assert any("taken anew" in c["caption"] for c in run.page["sections"][0]["charts"])


def test_seeds_are_other_directions_and_the_same_again(images: Array) -> None:
    model, shown = seen_by(Net().eval(), SIZE), image_set(images, LABELS)
    one, again, other = (
        sitting(LossLandscape(points=3, seed=s), model, shown).whole.rows["full_nll"] for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert (abs(one - other) > 1e-3).any()
    np.testing.assert_allclose(one[:, 4], other[:, 4])


def test_holes_are_counted_and_left_blank(images: Array, tmp_path: Path) -> None:
    bright = images.copy()
    bright[[2, 9, 17]] = 255
    run = examined(
        seen_by(Breaks(0.9), SIZE), image_set(bright, LABELS), [LossLandscape(points=5, reach=2.0)], tmp_path, max_bad=0
    )
    found = run.estimates
    holes = found.one("holes", shown="full")
    assert holes is not None
    undefined = [e for e in found.of("loss", shown="full") if e.value is None]
    assert 0 < len(undefined) < 25
    assert holes.value == 3 * len(undefined)
    assert all("not finite" in e.reason for e in undefined)
    table = np.array(run.rows("loss_landscape")["full_nll"].to_pylist(), float)
    assert np.isnan(table).sum() == holes.value
    assert np.isfinite(table[:, 12]).all()
    outermost = found.of("ring_loss", shown="full")[-1]
    assert outermost.value is None
    assert found.one("centre_loss", shown="full").value is not None  # type: ignore[union-attr]
    section = run.page["sections"][0]
    assert any("not finite" in f["sentence"] for f in section["findings"])
    assert any(None in row for row in section["charts"][0]["panels"][0]["z"])


def bowl(plane: Plane, second: Array, slope: Array, n: int = 30, seed: int = 0) -> tuple[Array, Array]:
    """Losses whose mean is 5 + slope.w + w'second w / 2, and their noise."""
    at = np.array(plane.places)
    loss = 5 + at @ slope + 0.5 * np.einsum("mi,ij,mj->m", at, second, at)
    noise = np.random.default_rng(seed).normal(0, 0.2, (n, 1))
    return loss + noise - noise.mean(), at


def land(plane: Plane, losses: Array, distance: float = 0.5) -> Estimates:
    exam = LossLandscape()
    choosing = np.arange(len(losses)) % 2 == 0
    return Estimates(Landscape(exam.estimate, plane, losses, choosing, {"shown": "low"}).figures(distance))


def value(found: Estimates, measure: str, **at: Any) -> float:
    e = found.one(measure, **at)
    assert e is not None
    assert e.value is not None
    assert e.low is not None
    assert e.high is not None
    assert e.low <= e.value <= e.high
    return e.value


def test_a_quadratic_has_the_slope_and_curvature_it_was_given() -> None:
    plane, a = Plane(9, 1.0), np.array([[3.0, 1.0], [1.0, -2.0]])
    losses, at = bowl(plane, a, np.array([0.3, -0.4]))
    found = land(plane, losses)
    assert value(found, "centre_loss") == pytest.approx(5.0)
    assert value(found, "slope", along="first") == pytest.approx(0.3)
    assert value(found, "slope", along="second") == pytest.approx(-0.4)
    assert value(found, "gradient_norm") == pytest.approx(0.5)
    small, large = np.linalg.eigvalsh(a)
    assert value(found, "curvature", which="largest") == pytest.approx(large)
    assert value(found, "curvature", which="smallest") == pytest.approx(small)
    mean = losses.mean(0)
    assert value(found, "lower_share") == pytest.approx((mean < mean[40] - 1e-12).sum() / 80)
    near = [m for m, (u, v) in enumerate(at) if 0.375 <= np.hypot(u, v) <= 0.625]
    assert value(found, "rise", distance=0.5) == pytest.approx(mean[near].mean() - mean[40])
    # along d1 3, along d2 -2, along the diagonals 3 - 2 +- 2
    assert value(found, "convex_share") == pytest.approx(0.5)
    for e in found.of("loss"):
        assert e.value == pytest.approx(mean[plane.places.index((e.at["a"], e.at["b"]))])
    assert [e.at["distance"] for e in found.of("ring_loss")] == [0, 0.25, 0.5, 0.75, 1]


def test_the_lowest_point_is_measured_on_images_that_did_not_choose_it() -> None:
    plane = Plane(5, 1.0)
    losses = np.full((20, 25), 2.0)
    losses[::2, 7] = 1.0  # lower where it is chosen, higher elsewhere
    losses[1::2, 7] = 2.5
    found = land(plane, losses)
    gap = found.one("minimum_gap")
    assert gap is not None
    assert (gap.value, gap.n) == (-0.5, 10)
    assert (gap.at["a"], gap.at["b"]) == plane.places[7]
    flat = land(plane, np.full((20, 25), 2.0)).one("minimum_gap")
    assert flat is not None
    assert (flat.at["a"], flat.at["b"], flat.value) == (0, 0, 0)


def test_beside_a_hole_in_the_middle_there_is_no_lower_place() -> None:
    plane = Plane(5, 1.0)
    for broken in (np.arange(25) == 12, np.full(25, True)):
        losses = np.full((20, 25), 2.0)
        losses[3, broken] = np.nan
        found = land(plane, losses)
        for measure in ("centre_loss", "minimum_gap", "minimum_loss"):
            (e,) = found.of(measure)
            assert (e.value, e.reason) == (None, "the loss there is not finite")
    for n in (0, 1):
        for measure in ("minimum_gap", "minimum_loss"):
            (e,) = land(plane, np.full((n, 25), 2.0)).of(measure)
            assert (e.value, e.n, e.reason) == (None, n, "needs two images with a label")


def test_an_empty_ring_is_not_called_a_hole() -> None:
    found = land(Plane(11, 10.0), np.full((20, 121), 2.0), distance=0.5)
    (rise,) = found.of("rise")
    assert rise.value is None
    assert "no point of the grid" in rise.reason
    exam, subject = LossLandscape(reach=10.0), Subject((128, 128), CLASSES)  # its grid is known with the frame alone
    rows = {f"{shown}_nll": np.full((N, 121), 2.0, np.float32) for shown in SHOWN}
    for measure in ("rise", "rise_difference"):
        for e in exam.estimates(Tally(rows), LABELS, subject).of(measure):
            assert e.value is None
            assert "no point of the grid" in e.reason
    assert LossLandscape(points=11, reach=10.0, distance=1.0).distance == 1.0
    assert value(land(Plane(11, 10.0), np.full((20, 121), 2.0), distance=1.0), "rise") == 0


def test_rounding_on_a_plain_is_no_dent() -> None:
    plane = Plane(7, 1.0)
    rng = np.random.default_rng(0)
    flat = 3 + 1e-8 * rng.normal(size=(10, 49))
    assert value(land(plane, flat), "convex_share") == 1
    dented = flat + 0.1 * rng.normal(size=49)
    assert value(land(plane, dented), "convex_share") < 0.9
    level = land(plane, 3 + 1e-8 * rng.normal(size=49) + np.zeros((10, 49)))
    assert value(level, "lower_share") == 0
    assert value(land(plane, dented), "lower_share") > 0.1


def figures_of(change: Callable[[Array], Array]) -> tuple[LossLandscape, Estimates]:
    """A run's figures from made-up rows: bowls, the high one changed."""
    exam, subject = LossLandscape(points=9), Subject((SIZE, SIZE), CLASSES)
    losses = bowl(Plane(9, 1.0), 8 * np.eye(2), np.zeros(2), N)[0].astype(np.float32)
    rows = {"full_nll": losses, "low_nll": losses, "high_nll": change(losses).astype(np.float32)}
    return exam, exam.estimates(Tally(rows), LABELS, subject)


def test_words_follow_the_figures() -> None:
    exam, found = figures_of(lambda losses: losses)
    said = [f.sentence for f in exam.findings(found)]
    assert sum("no place in this plane is shown to be clearly lower" in s for s in said) == 3
    assert any("no difference is shown" in s for s in said)
    tilt = np.array(Plane(9, 1.0).places)[:, 0]
    exam, found = figures_of(lambda losses: losses + 6 * tilt)
    said = [f.sentence for f in exam.findings(found)]
    assert [("no minimum" in s, "fine detail" in s) for s in said if "no minimum" in s] == [(True, True)]
    exam, found = figures_of(lambda losses: 5 + 3 * (losses - 5))
    assert any("on fine detail this leads higher, by" in f.sentence for f in exam.findings(found))
    exam, found = figures_of(lambda losses: 5 + 0.2 * (losses - 5))
    assert any("on coarse shapes this leads higher, by" in f.sentence for f in exam.findings(found))
    exam, found = figures_of(lambda losses: 5 - 3 * (losses - 5))  # a rise and a fall, not two rises of other size
    (said,) = (f.sentence for f in exam.findings(found) if "At a distance" in f.sentence)
    assert "on fine detail has fallen by 3" in said
    assert "on coarse shapes has risen by 1" in said
    exam, found = figures_of(lambda losses: 5 + 1.001 * (losses - 5))  # by a thousandth of a nat in one
    (said,) = (f.sentence for f in exam.findings(found) if "At a distance" in f.sentence)
    assert "no difference is shown" in said
    exam, found = figures_of(lambda losses: 5 + 1e-3 * (losses - 5))
    (said,) = (f.sentence for f in exam.findings(found) if "At a distance" in f.sentence)
    assert "on fine detail has not clearly changed" in said


def test_pictures_show_the_grid_as_it_lies() -> None:
    exam, found = figures_of(lambda losses: losses + np.arange(81) / 10)
    panels, surface, rings = exam.charts(found)
    assert isinstance(panels, Panels)
    assert isinstance(surface, Surface)
    assert isinstance(rings, Lines)
    assert panels.z_range == surface.z_range
    high = panels.panels[2]
    assert isinstance(high, Heatmap)
    for j, b in enumerate(high.y):
        for i, a in enumerate(high.x):
            one = found.one("loss", shown="high", a=a, b=b)
            assert one is not None
            assert high.z[j][i] == pytest.approx(one.value, rel=1e-4)
    assert high.contours
    assert panels.z_range is not None
    assert all(panels.z_range[0] < level < panels.z_range[1] for level in high.contours)
    assert [len(series.y) for series in rings.series] == [5, 5, 5]


def test_the_way_to_another_checkpoint(images: Array, tmp_path: Path) -> None:
    one, two = Net(1).eval(), Net(2).eval()
    save_file(two.state_dict(), tmp_path / "other.safetensors")
    exam = LossLandscape(plane=False, towards=str(tmp_path / "other.safetensors"), steps=(0.25, 0.5, -0.1))
    assert exam.steps == (-0.1, 0.0, 0.25, 0.5, 1.0)
    run = examined(seen_by(one, SIZE), image_set(images, LABELS), [exam], tmp_path / "run")
    for shown, pixels in bands(images, 3.0).items():
        ends = [run.estimates.one("path_loss", shown=shown, t=t) for t in (0.0, 1.0)]
        for e, net in zip(ends, (one, two), strict=True):
            assert e is not None
            assert e.value == pytest.approx(nll(net, pixels, LABELS).mean(), rel=1e-4)
        barrier = run.estimates.one("barrier", shown=shown)
        assert barrier is not None
        rows = np.array(run.rows("loss_landscape")[f"{shown}_path_nll"].to_pylist(), float)
        labels = np.array(run.rows("loss_landscape")["label"].to_pylist())
        half = np.zeros(N, bool)
        for c in range(CLASSES):
            half[np.flatnonzero(labels == c)[::2]] = True
        t = np.array([0.0, 0.25, 0.5, 1.0])
        rises = rows[:, 1:] - (1 - t) * rows[:, 1:2] - t * rows[:, 4:]
        k = rises[half].mean(0).argmax()
        assert barrier.at["t"] == t[k]
        assert barrier.value == pytest.approx(rises[~half, k].mean(), abs=1e-5)
    assert not run.estimates.of("loss")
    assert [c["kind"] for c in run.page["sections"][0]["charts"]] == ["lines"]


def test_a_checkpoint_that_is_gone_stops_nothing_that_is_finished(images: Array, tmp_path: Path) -> None:
    other, net, out = tmp_path / "other.safetensors", Net(1).eval(), tmp_path / "run"
    save_file(Net(2).state_dict(), other)
    exam = LossLandscape(plane=False, towards=str(other), steps=(0.5,))
    model, shown = seen_by(net, SIZE), image_set(images, LABELS)
    before = examined(model, shown, [exam], out, limit=N - 2).estimates.of("path_loss")
    other.unlink()
    later = examined(model, shown, [Clean()], out, limit=N - 2)
    assert [e.value for e in later.estimates.of("path_loss")] == [e.value for e in before]
    assert later.estimates.one("accuracy") is not None
    longer = examined(model, shown, [Clean()], out)  # of more images nothing is known of the way
    assert longer.rows("clean").num_rows == N
    assert not longer.estimates.of("path_loss")
    (skipped,) = longer.results["skipped"]
    assert skipped["exam"] == "loss_landscape"
    assert "other.safetensors" in skipped["reason"]
    assert longer.record["exams"]["loss_landscape"]["settings"]["steps"] == [0.0, 0.5, 1.0]
    with pytest.raises(CheckpointError):
        examined(model, shown, [exam], out)
    save_file(Net(2).state_dict(), other)
    assert examined(model, shown, [Clean()], out).estimates.of("path_loss")[0].n == N


def test_what_changes_were_made_from_is_let_go_of(images: Array, tmp_path: Path) -> None:
    save_file(Net(2).state_dict(), tmp_path / "other.safetensors")
    exam = LossLandscape(points=3, towards=str(tmp_path / "other.safetensors"))
    model, shown = seen_by(Net(1).eval(), SIZE), image_set(images, LABELS)
    examined(model, shown, [exam], tmp_path / "run")
    examined(model, shown, [exam], tmp_path / "run")  # nothing is left to do
    assert interpolation._state.cache_info().currsize == 0
    assert directions._remembered.cache_info().currsize == 0


def test_another_checkpoint_need_fit_one_model_only(images: Array, tmp_path: Path) -> None:
    save_file(Net(2).state_dict(), tmp_path / "other.safetensors")
    exam = LossLandscape(plane=False, towards=str(tmp_path / "other.safetensors"), steps=(0.5,))
    flat = seen_by(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, CLASSES)), SIZE, name="flat")
    models, shown = [seen_by(Net(1).eval(), SIZE, name="net"), flat], image_set(images, LABELS)
    run = examined(models, shown, [exam], tmp_path / "run")
    assert {e.model for e in run.estimates} == {"net"}
    assert [(s["model"], "architecture" in s["reason"]) for s in run.results["skipped"]] == [("flat", True)]
    with pytest.raises(CheckpointError):
        examined(flat, shown, [exam], tmp_path / "alone")


def test_a_way_that_breaks_has_no_barrier(images: Array, tmp_path: Path) -> None:
    one, two = Net(1).eval(), Net(2).eval()
    two.norm.running_var *= 100
    save_file(two.state_dict(), tmp_path / "other.safetensors")
    exam = LossLandscape(plane=False, towards=str(tmp_path / "other.safetensors"))
    sat = sitting(exam, seen_by(one, SIZE), image_set(images, LABELS))
    found = exam.estimates(sat.whole, LABELS, sat.subject)
    beyond = [e for e in found.of("path_loss", shown="full") if e.value is None]
    assert [e.at["t"] for e in beyond] == [t for t in STEPS if t < 0]  # there variances are negative
    holes = found.one("path_holes", shown="full")
    assert holes is not None
    assert holes.value == 4 * N
    assert value(found, "barrier", shown="full") > -1
    rows = dict(sat.whole.rows)
    rows["full_path_nll"] = rows["full_path_nll"].copy()
    rows["full_path_nll"][3, 10] = np.nan
    broken = exam.estimates(Tally(rows), LABELS, sat.subject).one("barrier", shown="full")
    assert broken is not None
    assert broken.value is None
    assert "not finite" in broken.reason


def test_defaults_depend_on_the_frame() -> None:
    small, large = Subject((64, 48), 10), Subject((224, 224), 10)
    exam = LossLandscape()
    assert (exam.most(small), exam.most(large)) == (512, 48)
    asked = [exam.ask(subject, ()) or () for subject in (small, large)]
    assert list(map(len, asked)) == [3 * 625, 3 * 121]
    assert LossLandscape(images=2000).most(large) == 2000
    assert {q.view.radius for q in asked[1] if isinstance(q.view, Band)} == {84.0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"points": 4},
        {"points": 1},
        {"distance": 1.5},
        {"points": 11, "reach": 10.0},
        {"reach": 20.0},
        {"points": 11, "distance": 0.099},
        {"plane": False},
        {"towards": "nowhere.safetensors"},
        {"steps": (float("nan"),)},
        {"reach": 0.0},
        {"normalise": "layer"},
    ],
)
def test_senseless_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LossLandscape(**wrong)


@pytest.mark.parametrize(("centre", "hardly"), [(0.1, False), (1.0, False), (1.2, True), (5.0, True)])
def test_weights_that_fit_nothing_are_called_so(centre: float, hardly: bool) -> None:
    """Even shares of four classes lose ln 4 = 1.386 nats."""
    exam, subject = LossLandscape(points=9), Subject((SIZE, SIZE), CLASSES)
    bowls = bowl(Plane(9, 1.0), 8 * np.eye(2), np.zeros(2), N)[0].astype(np.float32)
    losses = bowls - bowls[:, bowls.shape[1] // 2].mean() + np.float32(centre)
    found = exam.estimates(Tally({f"{shown}_nll": losses for shown in SHOWN}), LABELS, subject)
    guessing = found.one("guessing_loss")
    assert guessing is not None
    assert guessing.value == pytest.approx(1.386294)
    assert value(found, "centre_loss", shown="full") == pytest.approx(centre, abs=1e-5)
    assert ("hardly fit" in exam.findings(found)[0].sentence) == hardly


@pytest.mark.parametrize(("right", "hardly"), [(0.65, False), (0.05, True)])
def test_weights_that_are_mostly_right_fit_however_large_their_other_losses_are(right: float, hardly: bool) -> None:
    """Also of bands, and where there is only the way to another checkpoint."""
    exam = LossLandscape(points=3, towards="other#0123456789abcdef", plane=False, steps=(0.5,))
    losses = np.repeat(np.where(np.arange(200) < 200 * right, 0.1, 12.0)[:, None], 3, 1).astype(np.float32)
    rows = {f"{shown}_path_nll": losses if shown == "low" else np.zeros_like(losses) for shown in SHOWN}
    found = exam.estimates(Tally(rows), np.arange(200) % CLASSES, Subject((SIZE, SIZE), CLASSES))
    assert value(found, "capped_loss", shown="low") == pytest.approx(0.1 * right + (1 - right) * np.log(4), rel=1e-5)
    said = [f.sentence for f in exam.findings(found) if "hardly fit" in f.sentence]
    assert ["coarse shapes" in sentence for sentence in said] == [True] * hardly


def words_of_the_way(losses: Array, n: int = 40, **settings: Any) -> tuple[str, str, str]:
    """First sentence on whole images, its advice, and the caption, of a way with these losses."""
    exam = LossLandscape(plane=False, towards="other#0123456789abcdef", steps=(0.5,), **settings)
    rows = np.repeat(losses[None], n, 0) + np.random.default_rng(0).normal(0, 0.1, (n, 1))
    tally = Tally({f"{shown}_path_nll": rows.astype(np.float32) for shown in SHOWN})
    found = exam.estimates(tally, np.arange(n) % CLASSES, Subject((SIZE, SIZE), CLASSES))
    first = next(f for f in exam.findings(found) if "line between" in f.sentence)
    (chart,) = exam.charts(found)
    return first.sentence, first.advice, chart.caption


def test_a_barrier_is_what_rises_over_the_straight_line() -> None:
    """Not what changes on the way: from .2 to 1.2 the loss rises sixfold without any barrier."""
    assert (
        "no barrier to the other checkpoint is shown: nothing between lies above"
        in words_of_the_way(np.array([0.2, 0.5, 1.2]))[0]
    )
    few = words_of_the_way(np.array([0.2, 5.7, 1.2]), n=8)[0]
    assert "4 images are too few to tell whether a barrier lies on the way: the highest point between" in few
    assert "lies 5 nats above the straight line between both ends" in few
    told, advice, caption = words_of_the_way(np.array([0.2, 5.7, 1.2]))
    assert "a barrier lies on the way" in told
    assert "t = 0.5, lies 5 (95% interval 5 to 5) nats above the straight line" in told
    assert "settle BatchNorm's statistics anew, if any" in advice
    assert "BatchNorm's statistics, if any, are mixed" in caption
    _, advice, caption = words_of_the_way(np.array([0.2, 5.7, 1.2]), batchnorm="settled")
    assert "settle" not in advice
    assert "taken anew" in caption
