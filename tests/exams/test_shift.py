"""The shift exam on eyes that do, or do not, notice one pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from torch import Tensor, nn

from embedded import turned, yardsticks
from eyechart.core.chance import generator
from eyechart.core.estimate import Estimates
from eyechart.core.exam import Array, Batch, Subject
from eyechart.core.tally import Tally
from eyechart.errors import SettingError
from eyechart.exams.shift import PROTOCOLS, Shift
from eyechart.views import telea
from eyes import (
    LowPassEye,
    OnePixelEye,
    PolyphaseEye,
    ShiftBlindEye,
    Sitting,
    StrideEye,
    answered,
    answers_by,
    image_set,
    noise_images,
    said,
    seen_by,
    sitting,
)
from slow_inpainting import inpainted

N, PAIRS, SIZE = 24, 3, 16


def results(sat: Sitting) -> Estimates:
    return sat.exam.estimates(sat.whole, sat.batch.labels, sat.subject)


def value(found: Estimates, measure: str, **at: Any) -> float:
    (e,) = found.of(measure, **at)
    assert e.value is not None
    return e.value


def shifted(eye: nn.Module, images: Array, labels: Array | None = None, **settings: Any) -> tuple[Sitting, Estimates]:
    sat = sitting(Shift(pairs_per_image=PAIRS, **settings), seen_by(eye, SIZE), image_set(images, labels))
    return sat, results(sat)


def test_two_logits_swapped() -> None:
    change = said([[2, 0], [0, 2], [1, 1]]).absolute_change(said([[0, 2], [0, 2], [5, 0]]))
    np.testing.assert_allclose(change, [0.761594, 0.0, 1 / (1 + np.exp(-5)) - 0.5], atol=1e-6)


def test_a_shift_blind_eye_sees_no_shift_of_a_whole_picture() -> None:
    sat, found = shifted(ShiftBlindEye(), noise_images(N), short_side=140)
    rows = sat.whole.rows
    assert len(set(rows["embed_black_top1_1"].ravel())) > 1  # it has more than one thing to say
    for given in ("all",):
        assert value(found, "p_top1_change", protocol="embed_black", given=given) == 0.0
        assert value(found, "mean_absolute_change", protocol="embed_black", given=given) < 1e-6
    assert value(found, "p_top1_change", protocol="crop") > 0  # new content comes into the crop


@pytest.mark.parametrize("step", [2, 4])
def test_a_strided_eye_is_blind_to_its_own_stride(step: int) -> None:
    images = noise_images(N)
    _, own = shifted(StrideEye(2), images, step=step, protocols=("embed_black",))
    _, other = shifted(StrideEye(2), images, step=step - 1, protocols=("embed_black",))
    assert value(own, "p_top1_change") == 0.0
    assert value(own, "mean_absolute_change") < 1e-6
    assert value(own, "effective_shift") == step
    assert value(other, "p_top1_change") > 0.1


@pytest.mark.parametrize("shift_in", ["original", "resized"])
def test_no_step_is_no_change(shift_in: str) -> None:
    sat, found = shifted(LowPassEye(6, SIZE), noise_images(N, 21), step=0, shift_in=shift_in)
    assert {e.value for m in ("p_top1_change", "mean_absolute_change", "effective_shift") for e in found.of(m)} == {0.0}
    assert len(set(sat.whole.rows["crop_top1_1"].ravel())) > 1


def frames(protocol: str, picture: Array, image_id: str, pair: int, shift_in: str = "original") -> tuple[Array, Array]:
    """The protocols written once more: both frames (16, 16, 3) of one pair at the default settings."""
    chance = generator(0, f"shift.{'crop' if protocol == 'crop' else 'embed'}.{pair}", image_id)
    side, original = min(picture.shape[:2]), Image.fromarray(picture)
    if protocol != "crop":
        y, x = (
            int(np.floor(u * (SIZE - 7))) for u in chance.random(2)
        )  # 0 .. N - h - 1, h = round(100 * 16 / 224) = 7
        both = []
        for second in (0, 1):
            h, d = (7 + second, 0) if protocol == "scale" else (7, second)
            canvas, known = np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE), bool)
            canvas[y + d : y + d + h, x + d : x + d + h] = np.asarray(
                original.resize((h, h), Image.Resampling.BILINEAR)
            )
            known[y + d : y + d + h, x + d : x + d + h] = True
            both.append(np.round(inpainted(canvas, known)) if protocol == "embed_inpaint" else canvas)
        return both[0], both[1]
    room = 1 if shift_in == "original" else 0
    w = min(side - room, round(side * float(np.sqrt(chance.uniform(0.08, 1)))))
    x, y = chance.integers(0, side - room - w + 1), chance.integers(0, side - room - w + 1)
    if shift_in == "original":
        boxes = [(x + d, y + d, x + d + w, y + d + w) for d in (0, 1)]
        first, second = (original.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=box) for box in boxes)
        return np.asarray(first), np.asarray(second)
    large = original.crop((x, y, x + w, y + w)).resize((SIZE + 10, SIZE + 10), Image.Resampling.BILINEAR)
    return np.asarray(large)[:SIZE, :SIZE], np.asarray(large)[1 : SIZE + 1, 1 : SIZE + 1]


@pytest.mark.parametrize("shift_in", ["original", "resized"])
def test_what_one_pixel_sees_computed_once_more(shift_in: str) -> None:
    at, images = 7, noise_images(N, 19)
    sat, found = shifted(OnePixelEye(at, at), images, np.arange(N) % 2, shift_in=shift_in)
    rows = sat.whole.rows
    for protocol in PROTOCOLS:
        pairs = [[frames(protocol, images[i], f"{i:04d}", k, shift_in) for k in range(PAIRS)] for i in range(N)]
        red = np.array([[[frame[at, at, 0] for frame in pair] for pair in of_image] for of_image in pairs]) / 255
        top = (red > 0.5).astype(int)
        np.testing.assert_array_equal(rows[f"{protocol}_top1_1"], top[..., 0])
        np.testing.assert_array_equal(rows[f"{protocol}_top1_2"], top[..., 1])
        changed = top[..., 0] != top[..., 1]
        assert changed.any()
        assert value(found, "p_top1_change", protocol=protocol, given="all") == pytest.approx(changed.mean())
        p = 1 / (1 + np.exp(-8 * (red - 0.5)))
        of_first = np.where(top[..., :1] == 1, p, 1 - p)  # probability of frame 1's class in both frames
        moved = np.abs(of_first[..., 0] - of_first[..., 1])
        assert value(found, "mean_absolute_change", protocol=protocol, given="all") == pytest.approx(
            moved.mean(), abs=1e-6
        )
        for frame in (1, 2):
            right = (top[..., frame - 1] == (np.arange(N) % 2)[:, None]).mean()
            assert value(found, "accuracy", protocol=protocol, frame=frame) == pytest.approx(right)
        correct = rows["image_top1"] == np.arange(N) % 2
        assert 0 < correct.sum() < N
        assert value(found, "p_top1_change", protocol=protocol, given="correct") == pytest.approx(
            changed[correct].mean()
        )


def tally(first: Any, second: Any, *, image: Any, change: Any = None, valid: Any = None) -> Tally:
    first, second = np.array(first), np.array(second)
    return Tally(
        {
            "image_top1": np.array(image),
            "crop_top1_1": first,
            "crop_top1_2": second,
            "crop_absolute_change": np.zeros(first.shape) if change is None else np.array(change),
            "crop_valid": np.ones(first.shape, bool) if valid is None else np.array(valid, bool),
            "crop_effective_shift": np.ones(first.shape),
            "crop_capped": np.zeros(first.shape, bool),
            "crop_top5_1": np.zeros(first.shape, bool),
            "crop_top5_2": np.zeros(first.shape, bool),
            "crop_top5_pred_2": np.ones(first.shape, bool),
        }
    )


EXAM, SUBJECT = Shift(protocols=("crop",), pairs_per_image=2), Subject((16, 16), 3)


def test_pairs_that_could_not_be_drawn_count_nowhere_but_as_skipped() -> None:
    valid = [[1, 0], [0, 0], [1, 1]]
    rows = tally(
        [[0, 0], [1, 1], [2, 2]],
        [[1, 1], [0, 0], [2, 1]],
        image=[0, 1, 2],
        change=[[0.5, 9], [9, 9], [0, 0.25]],
        valid=valid,
    )
    found = EXAM.estimates(rows, np.array([0, 1, 2]), SUBJECT)
    assert value(found, "skipped_pairs") == 3
    change = found.one("p_top1_change", given="all")
    assert change is not None
    assert (change.value, change.n) == (2 / 3, 2)
    assert value(found, "mean_absolute_change", given="all") == pytest.approx(0.25)
    assert value(found, "accuracy", frame=1) == 1.0
    assert value(found, "accuracy", frame=2) == pytest.approx(1 / 3)
    assert value(found, "commonest_answer_share", protocol="crop") == pytest.approx(2 / 3)


def test_nothing_drawn_at_all_is_undefined_with_a_reason() -> None:
    rows = tally([[0, 0]], [[0, 0]], image=[0], valid=[[0, 0]])
    for e in EXAM.estimates(rows, np.array([0]), SUBJECT):
        of_pairs = e.measure not in ("skipped_pairs", "capped_pairs", "clean_accuracy")
        drawn_anyway = not of_pairs or e.at == {"protocol": "unshifted"}
        assert drawn_anyway or (e.value is None and "no image gave a pair" in e.reason)


def test_an_eye_that_is_never_right_has_no_change_given_correct() -> None:
    found = EXAM.estimates(tally([[0, 0]], [[1, 0]], image=[0]), np.array([2]), SUBJECT)
    assert value(found, "p_top1_change", given="all") == 0.5
    (e,) = found.of("p_top1_change", given="correct")
    assert e.value is None
    assert e.n == 0


def test_images_without_label_are_shifted_all_the_same() -> None:
    rows = tally([[0, 0], [1, 1]], [[1, 1], [1, 1]], image=[0, 1])
    some = EXAM.estimates(rows, np.array([-1, 1]), SUBJECT)
    assert value(some, "p_top1_change", given="all") == 0.5
    assert value(some, "p_top1_change", given="correct") == 0.0
    assert value(some, "accuracy", frame=1) == 1.0
    none = EXAM.estimates(rows, np.array([-1, -1]), SUBJECT)
    assert {e.at.get("given") for e in none} == {"all", None}
    assert not none.of("accuracy")


def test_pairs_of_one_image_are_not_counted_as_independent() -> None:
    """100 images whose four pairs all agree: the interval is that of 100, not of 400."""
    changed = np.repeat((np.arange(100) < 30)[:, None], 4, 1).astype(int)
    found = EXAM.estimates(
        tally(np.zeros((100, 4), int), changed, image=np.zeros(100, int)), np.zeros(100, int), SUBJECT
    )
    (e,) = found.of("p_top1_change", given="all")
    assert e.value == 0.3
    assert e.low is not None
    assert e.high is not None
    assert e.high - e.low == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / 100), rel=0.1)


def test_one_pair_an_image_has_wilson_s_interval() -> None:
    changed = (np.arange(50) < 3).astype(int)[:, None]
    found = EXAM.estimates(tally(np.zeros((50, 1), int), changed, image=np.zeros(50, int)), np.zeros(50, int), SUBJECT)
    (e,) = found.of("p_top1_change", given="all")
    assert e.method == "wilson"


def test_the_verdict_follows_the_interval() -> None:
    def verdicts(changes: int) -> list[str]:
        first = np.repeat((np.arange(400) % 3)[:, None], 2, 1)
        second = first.copy()
        second[:changes] = (second[:changes] + 1) % 3
        found = EXAM.estimates(tally(first, second, image=first[:, 0]), np.full(400, -1), SUBJECT)
        return [f.verdict for f in EXAM.findings(found)]

    assert [verdicts(changes)[0] for changes in (0, 12, 80)] == ["strong", "note", "weak"]
    stopped = tally(np.zeros((40, 1), int), np.zeros((40, 1), int), image=np.zeros(40, int))
    said = EXAM.findings(EXAM.estimates(stopped, np.zeros(40, int), SUBJECT))
    assert "little can change" in said[-1].sentence
    first = np.zeros((400, 1), int)
    moving = tally(first, (np.arange(400) < 80).astype(int)[:, None], image=np.arange(400) % 3)
    told = EXAM.findings(EXAM.estimates(moving, np.full(400, -1), SUBJECT))
    assert [f.verdict for f in told] == ["weak"]  # what changes can change
    assert "strong" not in [f.verdict for f in said]  # what cannot change earns no praise


def test_a_move_that_hardly_shows_at_the_input_earns_no_praise() -> None:
    rows = dict(tally(np.zeros((400, 2), int), np.zeros((400, 2), int), image=np.arange(400) % 4).rows)
    rows["crop_effective_shift"] = np.full((400, 2), 0.1)
    found = EXAM.findings(EXAM.estimates(Tally(rows), np.arange(400) % 4, SUBJECT))[0]
    assert found.verdict == "note"
    assert "0.1 pixels" in found.sentence
    assert "tests little" in found.sentence


@pytest.mark.parametrize("eye", [ShiftBlindEye(), StrideEye(3), PolyphaseEye(2)])
def test_eyes_asked_without_eyechart_say_the_same_of_all_protocols(eye: nn.Module) -> None:
    images = noise_images(N, 19)
    sat, found = shifted(eye, images)
    for protocol in PROTOCOLS:
        pairs = [frames(protocol, images[i], f"{i:04d}", k) for i in range(N) for k in range(PAIRS)]
        first, second = (
            answered(eye, np.stack(some).astype(np.uint8)).reshape(N, PAIRS) for some in zip(*pairs, strict=True)
        )
        np.testing.assert_array_equal(sat.whole.rows[f"{protocol}_top1_1"], first)
        np.testing.assert_array_equal(sat.whole.rows[f"{protocol}_top1_2"], second)
        assert value(found, "p_top1_change", protocol=protocol, given="all") == pytest.approx((first != second).mean())


@pytest.mark.parametrize("stride", [2, 4])
def test_a_polyphase_eye_sees_no_move_over_black_but_growth_and_what_comes_in(stride: int) -> None:
    """On a black canvas a move is a cyclic one, which it is built to ignore; a plain stride is not."""
    images = noise_images(N, 19)
    sat, found = shifted(PolyphaseEye(stride), images, short_side=140)
    assert len(set(sat.whole.rows["embed_black_top1_1"].ravel())) > 1
    assert value(found, "p_top1_change", protocol="embed_black", given="all") == 0.0
    assert value(found, "mean_absolute_change", protocol="embed_black", given="all") < 1e-5
    for protocol in ("crop", "embed_inpaint", "scale"):
        assert value(found, "mean_absolute_change", protocol=protocol, given="all") > 0.01
    _, plain = shifted(StrideEye(stride), images, short_side=140, protocols=("embed_black",))
    assert value(plain, "p_top1_change", given="all") > 0.2


def test_no_step_is_no_change_in_any_protocol() -> None:
    _, found = shifted(LowPassEye(6, SIZE), noise_images(N, 21), np.arange(N) % 4, step=0)
    for measure in ("p_top1_change", "mean_absolute_change", "jaggedness_top5", "effective_shift", "fill_difference"):
        assert {e.value for e in found.of(measure)} == {0.0}, measure


@pytest.mark.parametrize("direction", ["down", "right"])
def test_an_eye_blind_to_one_axis(direction: str) -> None:
    class Rows(nn.Module):
        """The mean of each colour over every second row: columns do not matter."""

        def forward(self, x: Tensor) -> Tensor:
            return 50 * x[..., ::2, :].mean((2, 3))

    _, found = shifted(Rows(), noise_images(N), direction=direction, protocols=("embed_black",))
    assert (value(found, "p_top1_change") == 0.0) == (direction == "right")


def test_the_true_class_enters_or_leaves_the_top_five() -> None:
    first = np.array([[9, 8, 7, 6, 5, 4], [9, 8, 7, 6, 5, 4], [9, 8, 7, 6, 5, 4], [5, 5, 5, 5, 5, 5]])
    second = np.array([[9, 8, 7, 6, 4, 5], [0, 8, 7, 6, 5, 4], [9, 8, 7, 6, 5, 4], [5, 5, 5, 5, 5, 6]])
    labels = np.array([4, 0, 2, 5])
    exam, subject = Shift(protocols=("crop",), pairs_per_image=1), Subject((16, 16), 6)
    queries = exam.ask(subject, ()) or ()
    answers = answers_by(queries, lambda q: second if q == queries[2] else first)
    read = exam.read(answers, Batch(tuple("abcd"), labels, subject))
    assert read.rows["crop_top5_1"].ravel().tolist() == [True, True, True, False]  # the last by the lower index on ties
    assert read.rows["crop_top5_2"].ravel().tolist() == [False, False, True, True]
    assert value(exam.estimates(read, labels, subject), "jaggedness_top5", given="all", top=5) == 0.75
    unknown = exam.estimates(read, np.full(4, -1), subject)
    assert value(unknown, "jaggedness_top5_pred", top=5) == 0.25  # class 0 is last in the second frame of b
    assert not unknown.of("jaggedness_top5")


def test_few_classes_have_no_top_five() -> None:
    _, found = shifted(OnePixelEye(7, 7), noise_images(N), np.arange(N) % 2)
    changed = found.of("p_top1_change", given="all")
    jagged = found.of("jaggedness_top5", given="all", top=1)
    assert [e.value for e in jagged] == [
        e.value for e in changed
    ]  # of two classes, any change is one of the true class


def test_the_mean_of_both_choices_is_symmetric() -> None:
    one, two = said([[2.0, 0, 0]]), said([[0, 1.0, 0]])
    forth, back = one.absolute_change(two)[0], two.absolute_change(one)[0]
    assert forth != pytest.approx(back)
    for first, second in ((one, two), (two, one)):
        assert first.absolute_change(second, symmetric=True)[0] == pytest.approx((forth + back) / 2)
    rows = tally(np.zeros((8, 1), int), np.zeros((8, 1), int), image=np.zeros(8, int))
    found = EXAM.estimates(rows, np.zeros(8, int), SUBJECT)
    for symmetric in (False, True):
        exam = Shift(protocols=EXAM.protocols, symmetric=symmetric, direction="right")
        captions = [chart.caption for chart in exam.charts(found)]
        assert any("both frames' answers" in caption for caption in captions) == symmetric
        assert any("frame 1's answer moves" in caption for caption in captions) != symmetric
        assert "one pixel of the original to the right" in exam.findings(found)[0].sentence


def test_the_design_effect_of_pairs_that_agree_is_their_number() -> None:
    changed = np.repeat((np.arange(100) < 30)[:, None], 4, 1).astype(int)
    same = EXAM.estimates(
        tally(np.zeros((100, 4), int), changed, image=np.zeros(100, int)), np.zeros(100, int), SUBJECT
    )
    assert value(same, "design_effect") == pytest.approx(4 * 100 / 99)
    free = np.random.default_rng(0).integers(0, 2, (4000, 4))
    apart = EXAM.estimates(
        tally(np.zeros((4000, 4), int), free, image=np.zeros(4000, int)), np.zeros(4000, int), SUBJECT
    )
    assert value(apart, "design_effect") == pytest.approx(1.0, abs=0.08)
    none = EXAM.estimates(tally(0 * free, 0 * free, image=free[:, 0]), np.zeros(4000, int), SUBJECT)
    assert none.of("design_effect")[0].value is None


def test_the_worst_pairs_are_the_surest_and_can_be_drawn() -> None:
    sat, _ = shifted(LowPassEye(6, SIZE), noise_images(N))
    rows, kept = sat.whole.rows, {}
    for case in sat.whole.kept:
        kept.setdefault(case.facts["protocol"], []).append(case)
    assert set(kept) == set(PROTOCOLS)
    for protocol, cases in kept.items():
        assert len(cases) == len({case.id for case in cases}) <= 4
        for case in cases:
            i, k = int(case.id), case.facts["pair"]
            assert rows[f"{protocol}_top1_1"][i, k] != rows[f"{protocol}_top1_2"][i, k]
            assert case.score == pytest.approx(min(case.facts["confidence_1"], case.facts["confidence_2"]), abs=1e-5)
            drawn = [view.stream for view in sat.exam.pictures(case).values()]
            assert len(drawn) == 2
            assert drawn[0] == drawn[1]


class EmbeddingEye(nn.Module):
    """Three numbers: the mean of each colour, over every ``stride``-th pixel."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[..., :: self.stride, :: self.stride].mean((2, 3))


def test_embeddings_are_compared_with_those_of_other_images() -> None:
    images = noise_images(N)
    model = seen_by(EmbeddingEye(2), SIZE, outputs="embedding")
    sat = sitting(Shift(pairs_per_image=PAIRS, significant_quantile=0.2), model, image_set(images))
    found = results(sat)
    for protocol in PROTOCOLS:
        pairs = [frames(protocol, images[i], f"{i:04d}", k) for i in range(N) for k in range(PAIRS)]
        first, second = (np.stack(some)[:, ::2, ::2].mean((1, 2)) / 255 for some in zip(*pairs, strict=True))
        apart, cosine, at = np.linalg.norm(first - second, axis=1), turned(first, second), {"protocol": protocol}
        mean, near = yardsticks(first[::PAIRS], sat.whole.kept, f"reference/{protocol}/", 0.2)
        assert value(found, "reference_distance", **at) == pytest.approx(mean, rel=1e-2)
        threshold = value(found, "significant_distance", quantile=0.2, **at)
        assert threshold == pytest.approx(near, rel=1e-2)
        assert value(found, "embed_change", **at) == pytest.approx(apart.mean() / mean, rel=1e-2)
        assert value(found, "cosine_distance", **at) == pytest.approx(cosine.mean(), rel=1e-2)
        assert value(found, "significant_change", **at) == pytest.approx((cosine > threshold).mean())
    assert not found.of("p_top1_change")
    assert sat.exam.charts(found)
    assert {f.verdict for f in sat.exam.findings(found)} <= {"strong", "weak", "note"}


def test_references_do_not_depend_on_the_batches() -> None:
    sat = sitting(Shift(), seen_by(EmbeddingEye(), SIZE, outputs="embedding"), image_set(noise_images(90)))
    parts = [sat.part(np.arange(90) % 3 == k) for k in range(3)]
    assert Tally.merge(parts).kept == sat.whole.kept
    assert len([case for case in sat.whole.kept if case.key.startswith("reference/crop/")]) > 40


def test_an_embedding_blind_to_the_move_does_not_move() -> None:
    model = seen_by(EmbeddingEye(), SIZE, outputs="embedding")
    found = results(sitting(Shift(protocols=("embed_black",)), model, image_set(noise_images(N))))
    assert value(found, "embed_change") < 1e-5
    assert value(found, "significant_change") == 0.0


def test_few_images_leave_no_yardstick() -> None:
    model = seen_by(EmbeddingEye(), SIZE, outputs="embedding")
    found = results(sitting(Shift(protocols=("crop",)), model, image_set(noise_images(5))))
    assert {e.value for e in found.of("significant_change")} == {None}
    assert value(found, "cosine_distance") >= 0


def test_telea_without_opencv_is_an_error_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telea, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"eyechart\[cv\]"):
        Shift(inpaint="telea").ask(SUBJECT, ())
    assert Shift(inpaint="telea", protocols=("crop",)).ask(SUBJECT, ())


def test_both_inpaintings_run_and_say_how_much_the_fill_changes() -> None:
    pytest.importorskip("cv2")
    filled = [
        value(
            shifted(ShiftBlindEye(), noise_images(N), inpaint=how, protocols=("embed_inpaint",))[1], "fill_difference"
        )
        for how in ("convolution", "telea")
    ]
    assert min(filled) > 0


@pytest.mark.parametrize(
    "settings", [{"fill": (1, 2, 300)}, {"area": (0.5, 0.1)}, {"protocols": ("crop", "crop")}, {"step": -1}]
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Shift(**settings)
