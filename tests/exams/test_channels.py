"""Channels on eyes whose every channel is known, against plain numpy, however the images are cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eyechart.channels import read_channels
from eyechart.core.chance import generator
from eyechart.core.tally import Tally, block_of
from eyechart.errors import RunFolderError, UnknownNameError
from eyechart.exams.channels import Channels
from eyechart.exams.channels_sums import Summed, selectivity
from eyechart.models.geometry import geometry_of
from eyechart.models.receptive_crop import receptive_crop
from eyechart.run.subject import subject_of
from eyes import (
    ConstantEye,
    Sitting,
    examined,
    image_set,
    noise_images,
    one,
    plain_images,
    seen_by,
    sitting,
    tinted_images,
)

SIZE, N = 16, 40
SPOT = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])  # planted: a cross of bright pixels


class Eye(nn.Module):
    """Its first step is the one looked at."""

    def __init__(self, first: nn.Module, channels: int, classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.act, self.head = first, nn.ReLU(), nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.first(x)).mean((2, 3)))


class Detector(nn.Conv2d):
    """Channel 0 answers to the planted cross, channel 1 to nothing, channel 2 to red."""

    def __init__(self) -> None:
        super().__init__(3, 3, 3, padding=1)
        self.weight.data.zero_()
        self.weight.data[0] = torch.from_numpy(2.0 * SPOT - 1).float()
        self.weight.data[2, 0, 1, 1] = 1
        self.bias.data[:] = torch.tensor([-12.0, 0.3, 0.0])  # type: ignore[index]


def one_by_one() -> nn.Conv2d:
    torch.manual_seed(1)
    return nn.Conv2d(3, 6, 1)


def sat(first: nn.Module, channels: int, images: np.ndarray, labels: object = None, **settings: object) -> Sitting:
    model = seen_by(Eye(first, channels).eval(), SIZE)
    return sitting(Channels(**{"layers": ("act",), **settings}), model, image_set(images, labels))  # type: ignore[arg-type]


def summed(of: Sitting, layer: str = "act") -> Summed:
    return Summed.of(of.whole, layer, of.exam.shown(of.subject.size))  # type: ignore[attr-defined]


def planted(n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Dark noise; in every fourth image a cross at a place of its own: (images, its corner or -1)."""
    images, places = noise_images(n, SIZE) // 8, np.full((n, 2), -1)
    chance = np.random.default_rng(5)
    for i in range(0, n, 4):
        y, x = places[i] = chance.integers(0, SIZE - 2, 2)
        images[i, y : y + 3, x : x + 3] = 255 * SPOT[..., None] * (0.9 + 0.1 * i / n)
    return images, places


def test_order_is_nothing_to_channels_that_see_single_pixels() -> None:
    of = sat(one_by_one(), 6, tinted_images(N), layers=("first",))
    np.testing.assert_allclose(summed(of, "first").texture_ness("patches"), 1, atol=1e-5)
    told = one(of.estimates, "texture_ness_patches")
    assert told.value == pytest.approx(1, abs=1e-5)
    assert told.low == pytest.approx(1, abs=1e-5)
    assert one(of.estimates, "pixels_per_tile").value == SIZE / 4
    assert one(of.estimates, "receptive_field").value == 1
    assert any("less than one tile (4 pixels)" in f.sentence for f in of.exam.findings(of.estimates))


def test_order_is_nothing_to_kernels_that_lie_within_tiles() -> None:
    torch.manual_seed(2)
    of = sat(nn.Conv2d(3, 4, 4, 4), 4, noise_images(N))
    np.testing.assert_allclose(summed(of).texture_ness("patches"), 1, atol=1e-4)
    finer = sat(nn.Conv2d(3, 4, 4, 4), 4, noise_images(N), grid=8)
    assert (summed(finer).texture_ness("patches") < 0.9).all()


def test_slopes_are_those_of_a_regression_by_hand() -> None:
    torch.manual_seed(3)
    images, first = noise_images(30), nn.Conv2d(3, 4, 3)
    of = sat(first, 4, images, grid=2, draws=2, twins=("patches",), layers=("first",))
    frames = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255

    def shuffled(i: int, number: int) -> Tensor:
        chance = generator(0, f"patch_shuffle.{number}", f"{i:04d}")
        order = chance.permutation(4)
        while (order == np.arange(4)).all():
            order = chance.permutation(4)
        tiles = [frames[i, :, y : y + 8, x : x + 8] for y in (0, 8) for x in (0, 8)]
        return torch.cat([torch.cat([tiles[order[2 * r + c]] for c in (0, 1)], 2) for r in (0, 1)], 1)

    def means(shown: Tensor) -> np.ndarray:
        with torch.no_grad():
            return first(shown).double().mean((2, 3)).numpy()

    a = means(frames)
    s = np.mean([means(torch.stack([shuffled(i, k) for i in range(30)])) for k in range(2)], 0)
    wanted = np.array([np.polyfit(a[:, c], s[:, c], 1)[0] for c in range(4)])
    found = summed(of, "first")
    np.testing.assert_allclose(found.texture_ness("patches"), wanted, rtol=1e-3)
    np.testing.assert_allclose(found.mean, a.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.sd, a.std(0), rtol=1e-3)
    told = one(of.estimates, "texture_ness_patches")
    assert told.value == pytest.approx(np.median(wanted), rel=1e-3)
    assert told.low < told.value < told.high  # type: ignore[operator]
    assert not of.estimates.of("texture_ness_phases")
    low, high = found.texture_ness_ends("patches")
    assert ((low < wanted) & (wanted < high)).all()


class Pixel(nn.Module):
    """The red of one pixel, which is elsewhere when order is lost."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1, 5:6, 6:7].expand(-1, -1, 4, 4)


def test_what_hangs_on_one_place_is_lost_without_order() -> None:
    found = summed(sat(Pixel(), 1, noise_images(400), layers=("first",)), "first")
    assert found.texture_ness("patches")[0] == pytest.approx(1 / 16, abs=0.1)  # a tile may stay by chance
    assert abs(found.texture_ness("phases")[0]) < 0.1


def test_constant_channels_are_dead_and_have_no_slope() -> None:
    of = sat(Detector(), 3, noise_images(N))
    found = summed(of)
    assert found.dead.tolist() == [False, True, False] or found.dead.tolist() == [True, True, False]
    assert found.mean[1] == pytest.approx(0.3, rel=1e-6)
    assert np.isnan(found.texture_ness("patches")[1])
    assert np.isnan(found.texture_ness_ends("phases")[:, 1]).all()
    assert one(of.estimates, "dead_share").value == found.dead.mean()
    silent = sat(nn.Identity(), 3, np.zeros((N, SIZE, SIZE, 3), np.uint8))
    assert one(silent.estimates, "dead_share").value == 1
    assert "no channel" in one(silent.estimates, "texture_ness_patches").reason
    assert silent.exam.charts(silent.estimates)
    assert not silent.exam.plates(silent.whole, silent.subject)
    assert any("100.0%" in f.sentence for f in silent.exam.findings(silent.estimates))


def test_the_crop_of_the_best_example_is_the_planted_patch() -> None:
    images, corners = planted()
    of = sat(Detector(), 3, images, top=N // 4)
    geometry = {layer.name: layer for layer in geometry_of(Eye(Detector(), 3).eval(), (SIZE, SIZE))}
    best, worst = (of.whole.ranked[f"{which}/act"] for which in ("top", "bottom"))
    assert best.ids.shape == (3, N // 4)
    for name, (value, y, x) in zip(best.ids[0], best.facts[0].tolist(), strict=True):
        box = receptive_crop(geometry["act"], (int(y), int(x)), (SIZE, SIZE))
        corner = corners[int(name)]
        assert box == (*corner, *(corner + 3))
        assert value > 0
    assert (np.diff(best.scores[0]) <= 0).all()
    assert set(worst.facts[0, :, 0]) == {0.0}
    assert worst.ids[0].tolist() == [f"{i:04d}" for i in range(N) if i % 4][: N // 4]  # ties by id


def test_always_on_is_above_zero_somewhere_in_every_image() -> None:
    images, _ = planted()
    assert summed(sat(Detector(), 3, images)).always_on.tolist()[:2] == [False, True]
    of = sat(one_by_one(), 6, noise_images(N), np.arange(N) % 3, layers=("first",))
    assert "below 0" in one(of.estimates, "always_on_share").reason
    assert all("below 0" in e.reason for e in of.estimates.of("selectivity"))


def test_selectivity_by_hand() -> None:
    labels = np.arange(N) % 3
    images = (0.5 * plain_images(labels) + 0.25 * noise_images(N)).astype(np.uint8)
    of = sat(nn.Identity(), 3, images, labels)
    means = images.astype(float).mean((1, 2))
    odd = np.array([block_of(f"{i:04d}") % 2 == 1 for i in range(N)])

    def index(chosen: np.ndarray, judged: np.ndarray) -> np.ndarray:
        first, second = (np.stack([means[half & (labels == k)].mean(0) for k in range(3)]) for half in (chosen, judged))
        best = first.argmax(0)
        own = second[best, np.arange(3)]
        others = (second.sum(0) - own) / 2
        return (own - others) / (own + others)

    found = selectivity(of.whole.sums["classes/act"])
    assert not isinstance(found, str)
    assert found.best.tolist() == [0, 1, 2]
    every = np.ones(N, bool)
    np.testing.assert_allclose(found.raw, index(every, every), rtol=1e-4)
    np.testing.assert_allclose(found.held_out, (index(odd, ~odd) + index(~odd, odd)) / 2, rtol=1e-4)
    told = one(of.estimates, "selectivity", chosen_on="other_half")
    assert told.value == pytest.approx(np.median(found.held_out))


def test_classes_picked_by_chance_are_not_selective_on_the_other_half() -> None:
    labels = np.random.default_rng(0).integers(0, 3, 400)
    found = sat(nn.Identity(), 3, tinted_images(400), labels).estimates
    raw, held_out = (one(found, "selectivity", chosen_on=w).value for w in ("same_images", "other_half"))
    assert abs(held_out) < raw  # type: ignore[arg-type,operator]
    assert abs(held_out) < 0.03  # type: ignore[arg-type]


def test_selectivity_needs_labels_and_sums_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not sat(nn.Identity(), 3, noise_images(N)).estimates.of("selectivity")
    monkeypatch.setattr("eyechart.exams.channels.CLASS_BYTES", 100)
    many = sat(nn.Identity(), 3, noise_images(N), np.arange(N) % 3)
    assert all("64 MB" in e.reason for e in many.estimates.of("selectivity"))


def test_one_entry_an_image_and_random_ones_are_the_same_for_all_channels() -> None:
    lists = sat(one_by_one(), 6, noise_images(N)).whole.ranked
    assert {name: one.ids.shape for name, one in lists.items()} == dict.fromkeys(
        ("top/act", "bottom/act", "random/act", "mean/act"), (6, 9)
    )
    assert all(len(set(ids)) == 9 for one in lists.values() for ids in one.ids)
    drawn = lists["random/act"].ids
    assert (drawn == drawn[0]).all()
    assert drawn[0].tolist() != sorted(drawn[0])


def test_a_grid_that_does_not_divide_the_frame_is_told() -> None:
    of = sat(nn.Identity(), 3, noise_images(N), grid=3)
    assert "3 x 3" in one(of.estimates, "texture_ness_patches").reason
    assert one(of.estimates, "texture_ness_phases").value is not None
    assert not of.estimates.of("pixels_per_tile")


def test_twins_may_be_left_out() -> None:
    of = sat(nn.Identity(), 3, noise_images(N), twins=())
    assert len(of.answers) == 1
    assert not [e for e in of.estimates if "texture" in e.measure]
    assert of.whole.sums["sums/act"].shape == (64, 3, 3)
    assert of.exam.findings(of.estimates)


@pytest.mark.parametrize("outputs", ["auto", "embedding"])
def test_a_run_is_the_same_for_any_batch_size_and_can_be_read(tmp_path: Path, outputs: str) -> None:
    images = image_set(planted()[0], np.arange(N) % 3)
    found = []
    for size in (1, 7, 64):
        model = seen_by(Eye(Detector(), 3).eval(), SIZE, outputs=outputs)
        examined(model, images, [Channels()], tmp_path / str(size), batch_size=size)
        found.append(read_channels(tmp_path / str(size)))
    assert [list(read) for read in found] == [["act"]] * 3
    first = found[0]["act"]
    assert isinstance(first.selectivity, str) is (outputs == "embedding")
    for other in (read["act"] for read in found[1:]):
        for which, lists in first.ranked.items():
            np.testing.assert_array_equal(other.ranked[which].ids, lists.ids)
            np.testing.assert_array_equal(other.ranked[which].facts[..., 1:], lists.facts[..., 1:])
            np.testing.assert_allclose(other.ranked[which].scores, lists.scores, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(other.summed.sums, first.summed.sums, rtol=1e-5, atol=1e-9)
    best = first.examples(0, "top")
    assert len(best) == 9
    assert all(int(e.id) % 4 == 0 for e in best)
    assert best[0].value == max(e.value for e in best)


def test_z_scores_over_the_images_have_mean_0_and_sd_1(tmp_path: Path) -> None:
    images = tinted_images(N)
    examined(seen_by(Eye(Detector(), 3).eval(), SIZE), image_set(images), [Channels(twins=())], tmp_path / "run")
    layer = read_channels(tmp_path / "run")["act"]
    frames = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        z = layer.z(Detector()(frames).relu().mean((2, 3)).numpy())
    live = ~layer.summed.dead
    assert live[2]
    assert np.isnan(z[:, 1]).all()
    np.testing.assert_allclose(z[:, live].mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(z[:, live].std(0), 1, rtol=1e-4)
    assert layer.largest_by_chance == pytest.approx(np.sqrt(2 * np.log(3)))


@pytest.mark.parametrize("layers", [("act",), ("first", "act")])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_relevance_is_the_weight_of_the_answer_times_what_is_said(
    tmp_path: Path, layers: tuple[str, ...], size: int
) -> None:
    images = tinted_images(N)
    net = Eye(one_by_one(), 6).eval()
    net.act = nn.ReLU(inplace=True)
    exam = Channels(layers=layers, twins=(), rank="relevance", top=N)
    examined(seen_by(net, SIZE), image_set(images), [exam], tmp_path / "run", batch_size=size)
    read = read_channels(tmp_path / "run")
    frames = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        maps = net.first(frames).relu()
        tops = net(frames).argmax(1)
        weight = net.head.weight[tops] - net.head.weight.mean(0)  # of the answer's lead
        parts = (maps * weight[:, :, None, None] / SIZE**2).flatten(2)
    assert len(set(tops.tolist())) > 1
    for layer in layers:  # through a ReLU gradient x activation stays what it is
        for channel in range(6):
            found = read[layer].examples(channel, "relevance")
            wanted = parts[:, channel].sum(1).double().numpy()
            assert len(found) == N
            np.testing.assert_allclose([e.value for e in found], np.sort(wanted)[::-1], rtol=1e-4, atol=1e-6)
            for e in found:
                own = parts[int(e.id), channel]
                assert wanted[int(e.id)] == pytest.approx(e.value, rel=1e-4, abs=1e-6)
                assert float(own[e.place[0] * SIZE + e.place[1]]) == pytest.approx(float(own.max()), abs=1e-7)


def test_relevance_of_what_the_answer_does_not_hang_on_is_zero(tmp_path: Path) -> None:
    class Beside(Eye):
        def forward(self, x: Tensor) -> Tensor:
            self.act(self.first(x))
            return self.head(x.mean((2, 3)))

    net, images = Beside(one_by_one(), 3).eval(), image_set(noise_images(9))
    net.first = nn.Conv2d(3, 3, 1)
    of = sitting(Channels(layers=("act",), twins=(), rank="relevance"), seen_by(net, SIZE), images)
    assert not of.whole.ranked["relevance/act"].facts[..., 0].any()


def test_a_part_without_gradients_has_no_relevance(tmp_path: Path) -> None:
    class Frozen(Eye):
        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                beside = self.act(self.first(x))
            return self.head(x.mean((2, 3))) + 0 * beside.mean()

    net, images = Frozen(one_by_one(), 3).eval(), image_set(noise_images(9))
    net.first = nn.Conv2d(3, 3, 1)
    of = sitting(Channels(layers=("act",), twins=(), rank="relevance"), seen_by(net, SIZE), images)
    assert not of.whole.ranked["relevance/act"].facts[..., 0].any()


def test_relevance_needs_an_answer(tmp_path: Path) -> None:
    model = seen_by(Eye(Detector(), 3).eval(), SIZE, outputs="embedding")
    exam = Channels(rank="relevance")
    assert "answers with classes" in exam.unsuited(subject_of(model, labelled=False), image_set(noise_images(9)))
    assert not Channels().unsuited(subject_of(model, labelled=False), image_set(noise_images(9)))


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    examined(
        seen_by(Eye(Detector(), 3).eval(), SIZE), image_set(noise_images(9)), ["feature_spectrum"], tmp_path / "run"
    )
    with pytest.raises(RunFolderError, match="no exam channels"):
        read_channels(tmp_path / "run")
    with pytest.raises(UnknownNameError, match="another"):
        read_channels(tmp_path / "run", "another")


def test_layers_of_vectors_and_layers_that_hold_none() -> None:
    of = sat(one_by_one(), 6, noise_images(N), layers=("act", "head"))
    assert one(of.estimates, "channels", layer="head").value == 3
    assert one(of.estimates, "texture_ness_patches", layer="head").value == pytest.approx(1, abs=1e-3)
    assert one(of.estimates, "receptive_field", layer="head").reason
    assert not of.whole.ranked["top/head"].facts[..., 1:].any()
    nothing = sitting(Channels(), seen_by(ConstantEye(0.0, 1.0), SIZE), image_set(noise_images(9)))
    assert nothing.estimates[0].reason
    assert "No channels" in nothing.exam.findings(nothing.estimates)[0].sentence


def test_transformers_are_read_beyond_what_can_be_followed() -> None:
    from timm.models.vision_transformer import VisionTransformer

    net = VisionTransformer(img_size=SIZE, patch_size=4, embed_dim=12, depth=3, num_heads=2, num_classes=3)
    of = sitting(Channels(draws=1), seen_by(net.eval(), SIZE), image_set(noise_images(12)))
    read = of.estimates.of("channels")
    assert len(read) == 4
    assert [e.value for e in read] == [12] * 4
    assert one(of.estimates, "receptive_field", layer=read[0].at["layer"]).value == 4
    assert one(of.estimates, "receptive_field", layer=read[-1].at["layer"]).reason
    places = of.whole.ranked[f"top/{read[-1].at['layer']}"].facts[..., 1:]
    assert set(places[:, :9].ravel()) == {0, 1, 2, 3}


def test_merging_takes_no_order() -> None:
    of = sat(one_by_one(), 6, noise_images(N), np.arange(N) % 3)
    parts = [of.part(np.arange(N) % 13 == k) for k in (2, 12, 0, *range(3, 12), 1)]  # fewer images than a list holds
    merged = Tally.merge(parts)
    for name, lists in of.whole.ranked.items():
        for part, array in lists.arrays(name).items():
            np.testing.assert_array_equal(merged.ranked[name].arrays(name)[part], array)
