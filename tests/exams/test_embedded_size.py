"""One-pixel shifts by size of the picture, seen by eyes whose answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from scipy.stats import rankdata, spearmanr
from torch import Tensor, nn

from embedded import turned, yardsticks
from eyechart.core.chance import generator
from eyechart.core.chart import Finding
from eyechart.core.embeddings import references
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.query import Answer
from eyechart.core.tally import Tally
from eyechart.errors import SettingError
from eyechart.exams.embedded_size import EmbeddedSize
from eyechart.exams.embedded_size_trend import pooled_trend, trends
from eyes import ConstantEye, OnePixelEye, ShiftBlindEye, Sitting, StrideEye, image_set, noise_images, seen_by, sitting

N, SIZE, PAIRS = 24, 16, 3
SIZES = (42, 98, 154, 210)  # 3, 7, 11, 15 of 16 pixels
PIXELS = (3, 7, 11, 15)


def swept(eye: Any, images: Array, labels: Array | None = None, **settings: Any) -> tuple[Sitting, Estimates]:
    exam = EmbeddedSize(**{"sizes": SIZES, "pairs_per_image": PAIRS, **settings})
    sat = sitting(exam, seen_by(eye, SIZE), image_set(images, labels))
    return sat, exam.estimates(sat.whole, sat.batch.labels, sat.subject)


def value(found: Estimates, measure: str, **at: Any) -> float:
    (e,) = found.of(measure, **at)
    assert e.value is not None, e
    return e.value


def test_a_shift_blind_eye_is_steady_at_every_size() -> None:
    sat, found = swept(ShiftBlindEye(), noise_images(N), np.arange(N) % 4)
    assert len(set(sat.whole.rows["top1_1"].ravel())) > 1
    for size in SIZES:
        assert value(found, "p_top1_change", short_side=size, given="all") == 0.0
        assert value(found, "mean_absolute_change", short_side=size, given="all") < 1e-5
    (trend,) = found.of("size_trend", given="all")
    assert trend.value is None
    assert "no answer changed" in trend.reason
    assert sat.exam.findings(found)[0].verdict == "note"  # 24 images are too few for praise


def test_no_step_is_no_change() -> None:
    _, found = swept(StrideEye(3), noise_images(N), step=0)
    assert {e.value for m in ("p_top1_change", "mean_absolute_change") for e in found.of(m)} == {0.0}


def test_what_one_pixel_sees_computed_once_more() -> None:
    at, images, labels = 7, noise_images(N, 31), np.arange(N) % 2
    sat, found = swept(OnePixelEye(at, at), images, labels)
    top, moved = np.zeros((2, N, len(SIZES), PAIRS), int), np.zeros((N, len(SIZES), PAIRS))
    for i, k, pair in np.ndindex(moved.shape):
        side = PIXELS[k]
        small = np.asarray(Image.fromarray(images[i]).resize((side, side), Image.Resampling.BILINEAR))
        shares = generator(0, f"shift.embed.{pair}", f"{i:04d}").random(2)
        row, column = np.floor(shares * (SIZE - side)).astype(int)  # of SIZE - 1 - side + 1 places
        red = []
        for step in (0, 1):
            canvas = np.zeros((SIZE, SIZE, 3), np.uint8)
            canvas[row + step : row + step + side, column + step : column + step + side] = small
            red.append(canvas[at, at, 0] / 255)
        p = [1 / (1 + np.exp(-8 * (r - 0.5))) for r in red]
        top[:, i, k, pair] = [r > 0.5 for r in red]
        moved[i, k, pair] = abs(p[0] - p[1])
    rows = sat.whole.rows
    np.testing.assert_array_equal(rows["top1_1"].reshape(top.shape[1:]), top[0])
    np.testing.assert_array_equal(rows["top1_2"].reshape(top.shape[1:]), top[1])
    changed = top[0] != top[1]
    correct = rows["image_top1"] == labels
    assert 0 < correct.sum() < N
    for k, size in enumerate(SIZES):
        assert value(found, "p_top1_change", short_side=size, given="all") == pytest.approx(changed[:, k].mean())
        assert value(found, "p_top1_change", short_side=size, given="correct") == pytest.approx(
            changed[correct, k].mean()
        )
        assert value(found, "mean_absolute_change", short_side=size, given="all") == pytest.approx(
            moved[:, k].mean(), abs=1e-6
        )
        assert value(found, "accuracy", short_side=size) == pytest.approx((top[0, :, k] == labels[:, None]).mean())
        assert value(found, "pixels", short_side=size) == PIXELS[k]
    rise = changed[:, 0].mean() - changed[:, -1].mean()
    assert value(found, "p_top1_change_rise", short_side=SIZES[0], given="all") == pytest.approx(rise)
    sizes = np.broadcast_to(np.arange(len(SIZES))[None, :, None], changed.shape)
    rho = spearmanr(sizes.ravel(), changed.ravel()).statistic
    assert value(found, "size_trend", given="all") == pytest.approx(rho)
    own = [spearmanr(range(len(SIZES)), moved[i].mean(1)).statistic for i in range(N) if np.ptp(moved[i].mean(1))]
    assert value(found, "size_trend_per_image", of="mean_absolute_change", given="all") == pytest.approx(
        np.mean(own), abs=0.02
    )


def test_embeddings_by_size_computed_once_more() -> None:
    n, images = 60, noise_images(60, 31)
    exam = EmbeddedSize(sizes=SIZES, pairs_per_image=PAIRS, significant_quantile=0.3)
    sat = sitting(exam, seen_by(StrideEye(2), SIZE, outputs="embedding"), image_set(images))
    found, seen = sat.estimates, np.zeros((2, n, len(SIZES), PAIRS, 3))
    for i, k, pair in np.ndindex(n, len(SIZES), PAIRS):
        side = PIXELS[k]
        small = np.asarray(Image.fromarray(images[i]).resize((side, side), Image.Resampling.BILINEAR))
        shares = generator(0, f"shift.embed.{pair}", f"{i:04d}").random(2)
        row, column = np.floor(shares * (SIZE - side)).astype(int)
        for step in (0, 1):
            canvas = np.zeros((SIZE, SIZE, 3), np.uint8)
            canvas[row + step : row + step + side, column + step : column + step + side] = small
            seen[step, i, k, pair] = 50 * canvas[::2, ::2].mean((0, 1)) / 255
    turns, far = turned(*seen), np.linalg.norm(seen[0] - seen[1], axis=-1)
    significant = np.zeros(turns.shape, bool)
    for k, size in enumerate(SIZES):
        mean, near = yardsticks(seen[0, :, k, 0], sat.whole.kept, f"reference/{size}/", 0.3)
        significant[:, k] = turns[:, k] > near
        at = {"short_side": size}
        assert value(found, "reference_distance", **at) == pytest.approx(mean, rel=1e-4)
        assert value(found, "significant_distance", quantile=0.3, **at) == pytest.approx(near, rel=1e-3)
        assert value(found, "significant_change", **at) == pytest.approx(significant[:, k].mean())
        assert value(found, "embed_change", **at) == pytest.approx(far[:, k].mean() / mean, rel=1e-4)
        assert value(found, "cosine_distance", **at) == pytest.approx(turns[:, k].mean(), rel=1e-3)
        assert value(found, "pixels", **at) == PIXELS[k]
    rise = significant[:, 0].mean() - significant[:, -1].mean()
    assert value(found, "significant_change_rise", short_side=SIZES[0]) == pytest.approx(rise)
    sizes = np.broadcast_to(np.arange(len(SIZES))[None, :, None], turns.shape)
    assert value(found, "size_trend") == pytest.approx(spearmanr(sizes.ravel(), significant.ravel()).statistic)
    own = [spearmanr(range(len(SIZES)), turns[i].mean(1)).statistic for i in range(n)]
    assert value(found, "size_trend_per_image", of="cosine_distance") == pytest.approx(np.mean(own), abs=0.02)
    assert not found.of("p_top1_change")


def test_the_verdict_on_embeddings_follows_the_rise() -> None:
    exam = EmbeddedSize(sizes=(50, 200), pairs_per_image=1)
    chance = np.random.default_rng(0)
    batch = Batch(tuple(f"{i:04d}" for i in range(400)), np.full(400, -1), Subject((SIZE, SIZE), 3, kind="embedding"))
    clean = Answer("embedding", chance.normal(size=(400, 3)).astype(np.float32), {}, np.ones(400, bool))
    kept = tuple(case for size in ("50", "200") for case in references(clean, batch, size))

    def first(small: int, large: int) -> Finding:
        turns = np.zeros((400, 2), np.float32)
        turns[:small, 0] = turns[:large, 1] = 1.0
        table = {"distance": turns, "cosine_distance": turns, "valid": turns >= 0, "capped": turns > 2}
        more = {"image_norm": np.ones(400), "pixels": np.tile([4.0, 14.0], (400, 1))}
        return exam.findings(exam.estimates(Tally(table | more, kept=kept), batch.labels, batch.subject))[0]

    assert [first(*n).verdict for n in ((0, 0), (12, 6), (120, 20), (120, 120))] == ["strong", "note", "weak", "note"]
    assert "That is 25.0 points" in first(120, 20).sentence


class BorderEye(nn.Module):
    """Class 1 where the frame's four corners are brighter than the middle of the grey scale."""

    def forward(self, x: Tensor) -> Tensor:
        bright = x[:, :, :: SIZE - 1, :: SIZE - 1].mean((1, 2, 3))
        return torch.stack([torch.zeros_like(bright), 8 * (bright - 0.4)], 1)


@pytest.mark.parametrize(("protocol", "answer"), [("embed_black", 0), ("embed_mean", 0), ("embed_inpaint", 1)])
def test_the_canvas_is_what_the_protocol_says(protocol: str, answer: int) -> None:
    """A white picture that reaches no corner: filled in, the corners are white."""
    white = np.full((4, SIZE, SIZE, 3), 255, np.uint8)
    exam = EmbeddedSize(sizes=(42, 98), pairs_per_image=8, protocol=protocol)
    rows = sitting(exam, seen_by(BorderEye(), SIZE), image_set(white)).whole.rows
    assert np.bincount(rows["top1_1"].ravel(), minlength=2)[answer] >= 0.9 * rows["top1_1"].size


def test_a_constant_eye_has_no_trend_and_no_praise() -> None:
    sat, found = swept(ConstantEye(0.0, 1.0), noise_images(N), np.arange(N) % 2)
    assert value(found, "p_top1_change", short_side=SIZES[0], given="all") == 0.0
    assert {e.value for e in found.of("commonest_answer_share")} == {1.0}
    told = sat.exam.findings(found)
    assert "strong" not in {f.verdict for f in told}
    assert any("one and the same answer" in f.sentence for f in told)


def test_pooled_rank_correlation_is_scipy_s() -> None:
    chance = np.random.default_rng(0)
    changed = chance.random((60, 5, 2)) < np.linspace(0.6, 0.1, 5)[None, :, None]
    found = pooled_trend(changed, np.ones_like(changed), np.tile(np.arange(5), (60, 1)))
    sizes = np.broadcast_to(np.arange(5)[None, :, None], changed.shape)
    assert found.value == pytest.approx(spearmanr(sizes.ravel(), changed.ravel()).statistic)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high < 0
    assert found.n == 60


def test_the_interval_of_the_trend_resamples_images() -> None:
    """Copies of an image's pairs add nothing; other images do."""
    chance = np.random.default_rng(1)
    one = chance.random((40, 5, 1)) < np.linspace(0.6, 0.1, 5)[None, :, None]
    copied, more = np.repeat(one, 8, axis=2), np.tile(one, (8, 1, 1))
    widths = []
    for changed in (one, copied, more):
        found = pooled_trend(changed, np.ones_like(changed), np.tile(np.arange(5), (len(changed), 1)))
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths[1] == pytest.approx(widths[0])
    assert widths[2] == pytest.approx(widths[0] / np.sqrt(8), rel=0.15)


def test_trends_of_single_images() -> None:
    chance = np.random.default_rng(2)
    changes = np.round(chance.random((30, 6)), 1)
    changes[3] = 0.5
    changes[4, 2] = np.nan
    pixels = np.tile(np.arange(6), (30, 1))
    pixels[5, 3:], pixels[6] = 3, 7
    found = trends(changes, pixels)
    assert np.isnan(found[[3, 4, 6]]).all()
    for i in (0, 1, 2, 5, *range(7, 30)):
        assert found[i] == pytest.approx(spearmanr(pixels[i], changes[i]).statistic)


def test_sizes_that_a_long_picture_cannot_reach_are_one() -> None:
    """Shown thrice in one size, its changes differ by chance alone; the trend is that of what was shown."""
    chance = np.random.default_rng(3)
    changed = chance.random((50, 5, 2)) < 0.4
    pixels = np.minimum(np.arange(5), np.where(np.arange(50) < 25, 2, 4)[:, None])
    ranks = np.repeat(rankdata(pixels, axis=1)[:, :, None], 2, axis=2)
    found = pooled_trend(changed, np.ones_like(changed), pixels)
    assert found.value == pytest.approx(np.corrcoef(ranks.ravel(), changed.ravel())[0, 1])
    assert pooled_trend(changed, np.ones_like(changed), np.ones((50, 5))).value is None


def test_places_are_shared_by_all_sizes_and_long_pictures_are_counted() -> None:
    wide = np.random.default_rng(0).integers(0, 256, (8, 20, 60, 3), dtype=np.uint8)
    _, square = swept(StrideEye(2), wide)
    _, long = swept(StrideEye(2), wide, keep_aspect=True)
    assert [value(square, "pixels", short_side=s) for s in SIZES] == list(PIXELS)
    assert {e.value for e in square.of("capped_images")} == {0.0}
    assert value(long, "pixels", short_side=SIZES[-1]) == 5  # 15 wide at most, a third of that high
    assert [value(long, "capped_images", short_side=s) for s in SIZES] == [0, 8, 8, 8]


def rows(changes: Any) -> Tally:
    """Of (n, sizes) 0/1 changes, one pair each."""
    changes = np.array(changes)
    zeros = np.zeros(changes.shape, int)
    top1 = zeros + np.arange(len(changes))[:, None] % 2
    return Tally(
        {
            "image_top1": top1[:, 0],
            "top1_1": top1,
            "top1_2": top1 + 2 * changes,
            "absolute_change": changes.astype(float),
            "valid": zeros == 0,
            "pixels": zeros + np.arange(zeros.shape[1]) + 1.0,
            "capped": zeros > 0,
        }
    )


def test_the_verdict_follows_the_rise() -> None:
    exam = EmbeddedSize(sizes=(50, 200), pairs_per_image=1)
    subject = sitting(exam, seen_by(ConstantEye(0.0, 1.0), SIZE), image_set(noise_images(2))).subject

    def first(small: int, large: int) -> str:
        changes = np.zeros((400, 2), int)
        changes[:small, 0] = changes[:large, 1] = 1
        return exam.findings(exam.estimates(rows(changes), np.full(400, -1), subject))[0].verdict

    assert [first(0, 0), first(12, 6), first(120, 20), first(120, 120)] == ["strong", "note", "weak", "note"]
    for step, verdict, words in ((0, "note", "Moved by 0 pixels"), (5, "strong", "Moved by 5 pixels")):
        moving = EmbeddedSize(sizes=(50, 200), pairs_per_image=1, step=step)
        told = moving.findings(moving.estimates(rows(np.zeros((400, 2), int)), np.full(400, -1), subject))[0]
        assert (told.verdict, told.sentence.startswith(words)) == (verdict, True)


def test_the_rise_is_told_with_that_of_images_it_gets_right_and_without_a_cause() -> None:
    exam, subject = EmbeddedSize(sizes=(50, 200), pairs_per_image=1), Subject((SIZE, SIZE), 3)
    changes = np.zeros((400, 2), int)
    changes[:120, 0] = 1
    labels = np.arange(400) % 2  # what the clean view says ...
    labels[:60] = 2  # ... but on half of those that change
    (weak,) = [f for f in exam.findings(exam.estimates(rows(changes), labels, subject)) if f.verdict == "weak"]
    assert "That is 30.0 points" in weak.sentence
    assert f"on the images that it gets right as they are {100 * 60 / 340:.1f} points" in weak.sentence
    assert "learned" not in weak.sentence
    (alone,) = [
        f for f in exam.findings(exam.estimates(rows(changes), np.full(400, -1), subject)) if f.verdict == "weak"
    ]
    assert "gets right" not in alone.sentence


def test_little_can_change_is_not_said_where_much_does() -> None:
    exam = EmbeddedSize(sizes=(50, 200), pairs_per_image=1)
    subject = Subject((SIZE, SIZE), 3)
    for changing, words in ((120, False), (0, True)):
        tally = rows(np.repeat([[1, 0], [0, 0]], [changing, 400 - changing], axis=0))
        tally.rows["top1_2"][:] -= tally.rows["top1_1"]
        tally.rows["top1_1"][:] = 0
        told = exam.findings(exam.estimates(tally, np.full(400, -1), subject))
        stuck = [f.sentence for f in told if "little can change" in f.sentence]
        assert len(stuck) == 1
        assert ("50, 200" in stuck[0]) == words


def test_a_step_as_long_as_the_canvas_is_refused() -> None:
    with pytest.raises(SettingError, match=r"embedded_size\.step = 16"):
        EmbeddedSize(step=SIZE).ask(Subject((SIZE, SIZE), 3), ())


@pytest.mark.parametrize("sizes", [(40, 40), (0, 50), (40, 300)])
def test_sizes_that_make_no_sense(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="different sizes"):
        EmbeddedSize(sizes=sizes)
