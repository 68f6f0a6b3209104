"""What further settings of the bands exam ask: bands between radii, head and tail, the control; on eyes that are known."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Subject
from eyechart.core.query import CLEAN, Query
from eyechart.core.tally import Tally
from eyechart.errors import BadImagesError
from eyechart.exams.bands import PIXELS, Bands
from eyechart.images.sources import RefusedSource
from eyechart.models.load import wrap
from eyechart.models.preprocessing import Preprocessing
from eyechart.report.charts import from_dict
from eyechart.store.run_folder import Run
from eyechart.views.bands import Band
from eyechart.views.splits import PooledHead
from eyes import (
    LowPassEye,
    Sitting,
    ToyEye,
    examined,
    image_set,
    noise_images,
    plain_images,
    seen_by,
    sitting,
    toy_images,
)
from numbered import numbered
from small_run import small_run

LABELS = [1, 0, 1, 1, 0, 1, 0, 1] * 2
P = 5 / 8  # of them are 1
EVERYTHING: dict[str, Any] = {"bands": ("low", "high", "pass"), "control": True, "by": ("label",)}


def results(sat: Sitting) -> Estimates:
    return sat.exam.estimates(sat.whole, sat.batch.labels, sat.subject)


def value(found: Estimates, measure: str, **at: Any) -> float:
    """Of the one estimate with these coordinates; only if named, of groups and other splits."""
    (e,) = (e for e in found.of(measure, **at) if not {"by", "split", "control"} & e.at.keys() - at.keys())
    assert e.value is not None
    return e.value


def toy(exam: Bands) -> Estimates:
    """The eye that reads wave 5 alone, on images of the waves 1 and 5 along the rows."""
    return results(sitting(exam, seen_by(ToyEye(16, high=5)), image_set(toy_images(LABELS), LABELS)))


# Bands between radii


def test_the_toy_is_read_from_the_one_band_that_holds_its_wave() -> None:
    found = toy(Bands(radii=(3, 7, 9), bands=("low", "high", "pass")))
    for (inner, radius), (right, most) in {(0, 3): (1 - P, 1.0), (3, 7): (1.0, P), (7, 9): (1 - P, 1.0)}.items():
        at = {"band": "pass", "inner": inner, "radius": radius}
        assert value(found, "accuracy", **at) == right
        assert value(found, "commonest_answer_share", **at) == most
    blind = value(found, "nll", band="pass", inner=7, radius=9)  # logits (0, -0.4), whatever is shown
    assert blind == pytest.approx(np.log1p(np.exp(-0.4)) + 0.4 * P, abs=1e-3)
    assert value(found, "nll", band="pass", inner=3, radius=7) < 0.01
    for measure in ("accuracy", "nll", "commonest_answer_share"):
        low, first = found.one(measure, band="low", radius=3), found.one(measure, band="pass", inner=0, radius=3)
        assert low is not None
        assert first is not None
        assert (low.value, low.low, low.high, low.n) == (first.value, first.low, first.high, first.n)


def test_the_first_band_is_the_low_band_and_is_asked_once() -> None:
    subject = Subject((16, 16), 4)
    queries = Bands(radii=(3, 7, 9), bands=("low", "high", "pass")).ask(subject, ()) or ()
    assert len(queries) == len(set(queries)) == 1 + 3 + 3 + 2
    only = Bands(radii=(3, 7, 9), bands=("pass",)).ask(subject, ()) or ()
    assert len(only) == 1 + 3
    assert Query(Band("low", 3.0)) in only


@pytest.mark.parametrize("inclusive", [True, False])
def test_a_wave_on_a_radius_belongs_to_one_of_its_neighbours(inclusive: bool) -> None:
    found = toy(Bands(radii=(3, 5, 7), bands=("pass",), inclusive=inclusive))
    right = [value(found, "accuracy", band="pass", radius=r) for r in (3, 5, 7)]
    assert right == ([1 - P, 1.0, 1 - P] if inclusive else [1 - P, 1 - P, 1.0])


@pytest.mark.parametrize("bands", [("low",), ("high",), ("pass",), ("pass", "low"), ("high", "low")])
def test_any_bands_alone_say_what_they_say_among_all(bands: tuple[str, ...]) -> None:
    exam = Bands(radii=(3, 7), bands=bands, by=("label",))
    found, everything = toy(exam), toy(Bands(radii=(3, 7), bands=("low", "high", "pass"), by=("label",)))
    assert found
    assert {e.at["band"] for e in found.of("accuracy")} == {*bands, "whole"}
    for e in found:
        assert e in everything
    assert bool(found.of("high_not_low")) == bool(found.of("outcome_share")) == ({"low", "high"} == set(bands))
    titles = [chart.title for chart in exam.charts(found)]
    assert ("Right answers by band" in titles) == bool({"low", "high"} & set(bands))
    assert ("One band at a time" in titles) == ("pass" in bands)
    assert all(finding.sentence for finding in exam.findings(found))


@pytest.mark.parametrize(
    "settings",
    [{"bands": ()}, {"bands": ("low", "low")}, {"bands": ("low",), "control": True}, {"by": ("label", "label")}]
    + [{"head_share": share} for share in (0.0, 1.0, -0.5)],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Bands(**settings)


# Head and tail


def two_kinds(labels: Array) -> Array:
    """Even images: wave 1 with amplitude 0.1, wave 5 with 0.2; odd images: 0.4 and 0.05. The sign of wave 5 is the label."""
    odd = np.arange(len(labels)) % 2 == 1
    a, b = np.where(odd, 0.4, 0.1), np.where(odd, 0.05, 0.2) * np.where(labels == 1, 1, -1)
    at = 2 * np.pi * np.arange(16) / 16
    rows = 0.5 + a[:, None] * np.cos(at) + b[:, None] * np.cos(5 * at)
    pixels = np.rint(255 * rows).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(pixels[:, None, :, None], (len(labels), 16, 16, 3)))


def test_each_image_has_a_head_of_its_own() -> None:
    """Power of wave 5: 0.04 of 0.05 in even images, so their head (0.8 or more) ends there; 0.0025 of 0.1625 in odd ones."""
    labels = np.random.default_rng(0).integers(0, 2, 40)
    odd = np.arange(40) % 2 == 1
    sat = sitting(Bands(radii=(3,), head="per_image"), seen_by(ToyEye(16, 5)), image_set(two_kinds(labels), labels))
    rows, found = sat.whole.rows, results(sat)
    np.testing.assert_allclose(rows["head_radius"], np.where(odd, 1, 5))
    radius = found.one("head_radius", split="head_per_image")
    assert radius is not None
    assert (radius.value, radius.n, radius.unit) == (3.0, 40, "cycles per image")
    assert radius.low is not None
    assert radius.high is not None
    assert 3 - 1.5 < radius.low < 3 < radius.high < 3 + 1.5
    at = {"split": "head_per_image", "radius": 3.0, "radius_nyquist": 3 / 8}
    zero = labels == 0
    assert value(found, "accuracy", band="low", **at) == np.where(odd, zero, True).mean()
    assert value(found, "accuracy", band="high", **at) == np.where(odd, True, zero).mean()
    assert value(found, "high_not_low", **at) == (odd & ~zero).mean()
    assert value(found, "low_not_high", **at) == (~odd & ~zero).mean()
    assert value(found, "images_without_head", split="head_per_image") == 0
    assert {e.measure for e in found if e.at.get("split")} > {e.measure for e in found if e.at == {"radius": 3.0}}


def test_flat_images_have_no_part_in_the_split(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 2, 20)
    images = np.concatenate([two_kinds(labels), plain_images([0, 1, 2]), np.zeros((2, 16, 16, 3), np.uint8)])
    everyone = np.append(labels, [0, 0, 1, 1, 0])
    exam = Bands(radii=(3,), head="per_image")
    run = examined(seen_by(ToyEye(16, 5)), image_set(images, everyone), [exam], tmp_path / "all")
    alone = examined(seen_by(ToyEye(16, 5)), image_set(images[:20], labels), [exam], tmp_path / "some")
    assert run.estimates.of("images_without_head")[0].value == 5
    assert run.estimates.of("images_without_head")[0].n == 25
    splits = [[e.to_dict() for e in r.estimates if e.at.get("split")] for r in (run, alone)]
    both = [[e for e in split if e["measure"] != "images_without_head"] for split in splits]
    assert len(both[0]) == len(both[1]) > 30
    for one, two in zip(*both, strict=True):
        assert (one["measure"], one["at"], one["n"]) == (two["measure"], two["at"], two["n"])
        assert one["value"] == (None if two["value"] is None else pytest.approx(two["value"]))


@pytest.mark.parametrize(("share", "radius"), [(0.75, 1.0), (0.85, 5.0)])
def test_one_radius_from_the_power_of_all_images(tmp_path: Path, share: float, radius: float) -> None:
    """Wave 1: 0.01 and 0.16 of power; wave 5: 0.04 and 0.0025. Wave 1 holds 0.8 of the sum of both."""
    labels = np.random.default_rng(0).integers(0, 2, 64)
    exam = Bands(radii=(3,), head="pooled", head_share=share)
    run = examined(seen_by(ToyEye(16, 5)), image_set(two_kinds(labels), labels), [exam], tmp_path)
    found = run.estimates.one("head_radius", split="head_pooled")
    assert found is not None
    assert (found.value, found.n) == (radius, 64)
    assert found.low is not None
    assert found.high is not None
    assert 1 <= found.low <= radius <= found.high <= 5
    at = {"split": "head_pooled", "radius": radius, "radius_nyquist": radius / 8}
    zero = (labels == 0).mean()
    assert value(run.estimates, "accuracy", band="low", **at) == (1.0 if radius == 5 else zero)
    assert value(run.estimates, "accuracy", band="high", **at) == (zero if radius == 5 else 1.0)
    assert value(run.estimates, "high_not_low", **at) == (0 if radius == 5 else 1 - zero)
    assert set(run.rows("bands")["head_radius"].to_pylist()) == {radius}
    sentences = [f["sentence"] for s in run.page["sections"] for f in s["findings"]]
    assert any(
        f"{share:.0%} of the power of these images together lies within {radius:.2f} waves" in s for s in sentences
    )


def test_a_pooled_radius_that_is_also_a_fixed_one_is_reported_as_both(tmp_path: Path) -> None:
    labels = np.arange(20) % 2
    images = image_set(toy_images(labels.tolist()), labels)
    run = examined(seen_by(ToyEye(16, 5)), images, [Bands(radii=(5,), head="pooled")], tmp_path)
    at_radius = [e for e in run.estimates.of("accuracy", radius=5.0) if "split" not in e.at]
    at_head = run.estimates.of("accuracy", split="head_pooled", radius=5.0)
    assert [e.value for e in at_radius] == [e.value for e in at_head] == [1.0, 0.5]


def test_the_pixels_are_looked_at_before_anything_is_asked() -> None:
    exam, subject = Bands(head="pooled", head_share=0.75, radii=(3,)), Subject((16, 16), 2)
    assert exam.ask(subject, ()) == (PIXELS,)
    first = sitting(exam, seen_by(ToyEye(16, 5)), image_set(two_kinds(np.arange(8) % 2))).whole
    assert not first.rows
    asked = exam.ask(subject, (first,)) or ()
    assert asked[:2] == (CLEAN, PIXELS)
    assert [q.view for q in asked if isinstance(q.view, PooledHead)] == [PooledHead(s, 1.0) for s in ("low", "high")]  # type: ignore[arg-type]
    assert exam.ask(subject, (first, first)) is None


def test_pooled_power_is_that_of_the_images_by_numpy() -> None:
    images = noise_images(5, 12)
    exam = Bands(head="pooled")
    tally = sitting(exam, seen_by(LowPassEye(4, 12), 12), image_set(images)).whole
    grey = images @ np.array([0.2989, 0.587, 0.114]) / 255
    power = (np.abs(np.fft.fft2(grey)) ** 2).sum(0)
    f = np.fft.fftfreq(12) * 12
    far = np.round(np.hypot(f[:, None], f[None]), 6)
    expected = [power[far == r].sum() for r in np.unique(far)[1:]]
    np.testing.assert_allclose(tally.sums["power"].sum(0), expected, rtol=1e-4)


@pytest.mark.parametrize("head", ["pooled", "per_image"])
def test_without_any_detail_there_is_no_head_and_that_is_said(tmp_path: Path, head: str) -> None:
    images = np.concatenate([plain_images([0, 1, 2]), np.zeros((3, 16, 16, 3), np.uint8)])
    run = examined(seen_by(ToyEye(16, 5)), image_set(images, [0, 1, 0, 1, 0, 1]), [Bands(head=head)], tmp_path)
    (radius,) = run.estimates.of("head_radius")
    assert (radius.value, radius.reason) == (None, "no image has any detail")
    assert not [e for e in run.estimates.of("accuracy") if "split" in e.at]
    assert any("undefined" in f["sentence"] for s in run.page["sections"] for f in s["findings"])


def results_of(exam: Bands, tally: Tally, labels: Array) -> Estimates:
    return exam.estimates(tally, labels, Subject((16, 16), 2))


class Second(Bands):
    """Asks right away what the exam asks once it has seen the pixels."""

    def ask(self, subject: Subject, so_far: tuple[Tally, ...]) -> Any:
        images = image_set(two_kinds(np.arange(8) % 2))
        first = sitting(Bands(**self.model_dump()), seen_by(ToyEye(16, 5)), images).whole
        return super().ask(subject, (first,))


def second_stage(exam: Bands, labels: Array) -> Tally:
    return sitting(Second(**exam.model_dump()), seen_by(ToyEye(16, 5)), image_set(two_kinds(labels), labels)).whole


# The control


def test_images_whose_rows_are_alike_have_rank_one() -> None:
    """So the control's main part is the whole image, and its rest is nothing, whatever the radius."""
    found = toy(Bands(radii=(3, 7), control=True))
    for radius in (3, 7):
        at = {"control": "svd", "radius": radius}
        assert value(found, "accuracy", band="low", **at) == 1.0
        assert value(found, "accuracy", band="high", **at) == 1 - P
        assert value(found, "accuracy_loss", band="low", **at) == 0.0
        assert value(found, "high_not_low", **at) == 0.0
        assert value(found, "low_not_high", **at) == P
    assert value(found, "high_not_low", radius=3) == P
    above = found.one("high_not_low_above_control", radius=3)
    assert above is not None
    assert above.value == P
    assert above.low is not None
    assert above.low > 0.25
    assert value(found, "high_not_low_above_control", radius=7) == 0.0


@pytest.mark.parametrize(("wave", "told"), [(7, "it is the fine waves"), (1, "neither split tells")])
def test_the_summary_says_what_the_control_says(wave: int, told: str) -> None:
    """Of rank one either way; only wave 7 lies above the radius."""
    exam, labels = Bands(radii=(6,), control=True), np.arange(60) % 2
    images = image_set(toy_images(labels.tolist(), low=2, high=wave), labels)
    found = results(sitting(exam, seen_by(ToyEye(16, wave)), images))
    assert sum(told in finding.sentence for finding in exam.findings(found)) == 1
    assert "Is it frequency?" in [chart.title for chart in exam.charts(found)]


def test_the_control_is_paired_by_image() -> None:
    images, eye = noise_images(60), LowPassEye(6, 16)
    sat = sitting(Bands(radii=(3,), control=True), seen_by(eye), image_set(images, np.arange(60) % 4))
    rows, labels, found = sat.whole.rows, sat.batch.labels, results(sat)
    hits = {}
    for prefix in ("", "svd_"):
        low, high = (rows[f"{prefix}{side}_top1"][:, 0] == labels for side in ("low", "high"))
        hits[prefix] = (rows["image_top1"] == labels) & high & ~low
    gap = hits[""].astype(float) - hits["svd_"]
    assert value(found, "high_not_low", control="svd") == hits["svd_"].mean()
    assert value(found, "high_not_low_above_control") == pytest.approx(gap.mean())
    drawn = [gap[np.random.default_rng(k).integers(60, size=60)].mean() for k in range(2000)]
    (e,) = found.of("high_not_low_above_control")
    np.testing.assert_allclose([e.low, e.high], np.percentile(drawn, [2.5, 97.5]), atol=0.02)


# All together


@pytest.fixture(scope="module", params=["none", "pooled", "per_image"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bands, Run]:
    exam = Bands(radii=(2, 5, 9), head=request.param, **EVERYTHING)
    labels = np.random.default_rng(1).integers(-1, 4, 60)
    images = image_set(noise_images(60), labels)
    return exam, examined(seen_by(LowPassEye(4, 16)), images, [exam], tmp_path_factory.mktemp("full"), batch_size=7)


def test_no_two_figures_share_an_address(full: tuple[Bands, Run]) -> None:
    addresses = [(e.measure, json.dumps(e.at, sort_keys=True)) for e in full[1].estimates]
    assert len(addresses) == len(set(addresses)) > 300


def test_default_figures_stay_as_they_are_whatever_else_is_asked(full: tuple[Bands, Run], tmp_path: Path) -> None:
    labels = np.random.default_rng(1).integers(-1, 4, 60)
    plain = examined(
        seen_by(LowPassEye(4, 16)), image_set(noise_images(60), labels), [Bands(radii=(2, 5, 9))], tmp_path
    )
    rows, others = plain.rows("bands"), full[1].rows("bands")
    assert set(rows.column_names) < set(others.column_names)
    everything = {(e.measure, json.dumps(e.at, sort_keys=True)): e for e in full[1].estimates}
    for e in plain.estimates:
        other = everything[(e.measure, json.dumps(e.at, sort_keys=True))]
        assert other.n == e.n
        assert other.value == (None if e.value is None else pytest.approx(e.value, abs=1e-5))
    assert [(c.key, c.id) for c in plain.kept("eye", "bands")] == [(c.key, c.id) for c in full[1].kept("eye", "bands")]


def test_charts_and_findings_of_everything_survive_json(full: tuple[Bands, Run]) -> None:
    exam, run = full
    charts = exam.charts(run.estimates)
    for chart in charts:
        data = json.loads(json.dumps(asdict(chart), allow_nan=False))
        assert json.loads(json.dumps(asdict(from_dict(data)))) == data
        assert chart.caption
    assert len({chart.title for chart in charts}) == len(charts)
    assert all(f.sentence.endswith(".") for f in exam.findings(run.estimates))


def test_batches_and_shards_do_not_matter(full: tuple[Bands, Run], tmp_path: Path, monkeypatch: Any) -> None:
    from eyechart.run.engine import Engine

    exam, run = full
    monkeypatch.setattr(Engine, "shard_size", lambda self, queries: 16)
    labels = np.random.default_rng(1).integers(-1, 4, 60)
    again = examined(seen_by(LowPassEye(4, 16)), image_set(noise_images(60), labels), [exam], tmp_path, batch_size=64)
    for name in run.rows("bands").column_names:
        one, two = (np.array(r.rows("bands")[name].to_pylist()) for r in (run, again))
        if one.dtype.kind == "f":
            np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4, err_msg=name)
        elif name != "model":
            np.testing.assert_array_equal(one, two, err_msg=name)


class WaveEye(nn.Module):
    """Class 1 where one wave of the frame (v rows, u columns) stands as it does in ``wave_images``, else class 0."""

    def __init__(self, height: int, width: int, v: int, u: int, channels: int = 3) -> None:
        super().__init__()
        self.register_buffer("wave", wave(height, width, v, u))
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        b = 2 * (x.mean(1) * self.wave).mean((1, 2))
        return torch.stack([torch.zeros_like(b), 40 * (b - 0.01)], 1)


def wave(height: int, width: int, v: int, u: int) -> Tensor:
    phase = v * torch.arange(height)[:, None] / height + u * torch.arange(width)[None] / width
    return torch.cos(2 * torch.pi * phase)


def wave_images(labels: Array, height: int, width: int, v: int, u: int) -> Array:
    """A wave, its sign the label, on mid grey."""
    sign = np.where(labels == 1, 0.3, -0.3)[:, None, None]
    rows = 0.5 + sign * wave(height, width, v, u).numpy()
    return np.repeat(np.rint(255 * rows).astype(np.uint8)[..., None], 3, axis=3)


@pytest.mark.parametrize(("height", "width"), [(8, 16), (9, 15), (15, 9), (16, 8), (7, 7)])
@pytest.mark.parametrize("units", ["index", "isotropic"])
@pytest.mark.parametrize("head", ["none", "pooled", "per_image"])
def test_frames_that_are_odd_or_not_square(tmp_path: Path, height: int, width: int, units: str, head: str) -> None:
    """One wave of three periods from top to bottom: D = 3, or 3 * max(height, width) / height in isotropic units."""
    labels = np.arange(12) % 2
    far = 3 * (max(height, width) / height if units == "isotropic" else 1)
    model = seen_by(WaveEye(height, width, 3, 0), (height, width))
    exam = Bands(radii=(far - 0.2, far + 0.2), units=units, head=head, bands=("low", "high", "pass"), control=True)
    found = examined(model, image_set(wave_images(labels, height, width, 3, 0), labels), [exam], tmp_path).estimates
    for band, radius in product(("low", "high"), exam.radii or ()):
        sees = (band == "low") == (radius > far)
        assert value(found, "accuracy", band=band, radius=radius) == (1.0 if sees else 0.5)
    assert value(found, "accuracy", band="pass", inner=far - 0.2) == 1.0
    assert not found.of("empty_band")
    if head != "none":
        assert value(found, "head_radius", split=f"head_{head}") == pytest.approx(far, rel=1e-5)
        assert value(found, "accuracy", split=f"head_{head}", band="low") == 1.0
        assert value(found, "accuracy", split=f"head_{head}", band="high") == 0.5


@pytest.mark.parametrize("head", ["pooled", "per_image"])
def test_a_model_of_grey_frames(tmp_path: Path, head: str) -> None:
    labels = np.arange(12) % 2
    shown = Preprocessing(size=(9, 9), resize=(9, 9), mean=(0.0,), std=(1.0,))
    model = wrap(WaveEye(9, 9, 2, 1, channels=1), preprocessing=shown, device="cpu")
    exam = Bands(radii=(2, 3), head=head, **EVERYTHING)
    found = examined(model, image_set(wave_images(labels, 9, 9, 2, 1), labels), [exam], tmp_path).estimates
    assert value(found, "head_radius", split=f"head_{head}") == pytest.approx(5**0.5, rel=1e-5)
    assert value(found, "accuracy", split=f"head_{head}", band="low") == 1.0
    assert value(found, "accuracy", band="pass", inner=2.0) == 1.0


@pytest.mark.parametrize("head", ["none", "pooled", "per_image"])
def test_a_frame_of_one_pixel_has_brightness_alone(tmp_path: Path, head: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 1, 1, 3), dtype=np.uint8)
    exam = Bands(radii=(0, 1), head=head, **EVERYTHING)
    run = examined(seen_by(WaveEye(1, 1, 0, 0), 1), image_set(images, np.arange(10) % 2), [exam], tmp_path)
    assert value(run.estimates, "accuracy_loss", band="low", radius=0.0) == 0.0
    assert value(run.estimates, "commonest_answer_share", band="high", radius=0.0) == 1.0
    assert {(e.at["band"], e.at["radius"]) for e in run.estimates.of("empty_band")} == {
        *product(("high",), (0.0, 1.0)),
        ("pass", 1.0),
    }
    assert all(e.value is None for e in run.estimates.of("head_radius"))


def test_a_pooled_head_of_no_image_at_all(tmp_path: Path) -> None:
    bad = dict.fromkeys(range(12), RefusedSource("missing", "the link leads nowhere"))
    with pytest.raises(BadImagesError):
        small_run(tmp_path, numbered(12, bad), [Bands(radii=(3,), head="pooled")])
    assert [s["reason"] for s in Run(tmp_path).results["skipped"]] == ["no image could be examined"]
