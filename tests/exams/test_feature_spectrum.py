"""Spectra of feature maps against plain forward code, and nets whose steps do something known."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from eyechart.core.estimate import Estimate, Estimates
from eyechart.core.tally import Tally
from eyechart.errors import UnknownNameError
from eyechart.exams.clean import Clean
from eyechart.exams.feature_spectrum import PER_LAYER, PLACES, FeatureSpectrum
from eyechart.exams.feature_spectrum_steps import MOST, Steps
from eyechart.run.subject import subject_of
from eyes import Sitting, examined, image_set, noise_images, seen_by, sitting

SIZE, N = 12, 7


class Small(nn.Module):
    """Convolution, BatchNorm, ReLU, a strided convolution, a sum, tokens, pooling to one number."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.act = nn.Conv2d(3, 5, 3, padding=1), nn.BatchNorm2d(5), nn.ReLU(inplace=True)
        self.down, self.mix = nn.Conv2d(5, 6, 3, 2, 1), nn.Linear(6, 6)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(6, 4)
        self.norm.running_mean.normal_()
        self.norm.weight.data.uniform_(0.5, 2)
        self.norm.bias.data.normal_()

    def steps(self, x: Tensor) -> dict[str, Tensor]:
        """Outputs by the exam's names for them, as (n, c, h, w)."""
        found = {"conv": self.conv(x)}
        found["norm"] = self.norm(found["conv"])
        found["act"] = found["norm"].clone().relu()
        found["down"] = self.down(found["act"])
        found["mix"] = self.mix(found["down"].flatten(2).mT).mT.unflatten(2, found["down"].shape[2:])
        found["add()"] = found["mix"] + found["down"]
        return found

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(self.act(self.norm(self.conv(x))))
        tokens = self.mix(y.flatten(2).transpose(1, 2))
        y = tokens.transpose(1, 2).reshape(y.shape) + y
        return self.head(self.pool(y).flatten(1))


def pixels(n: int = N, size: int = SIZE) -> Tensor:
    return torch.from_numpy(noise_images(n, size)).permute(0, 3, 1, 2).float() / 255


def by_hand(maps: Tensor) -> np.ndarray:
    """Relative log amplitude (n, points), as the authors compute it."""
    plane = np.log(np.abs(np.fft.fftshift(np.fft.fft2(maps.detach().double().numpy()), axes=(2, 3))) + 1e-6).mean(1)
    half = np.stack([np.diag(one)[one.shape[0] // 2 :] for one in plane])
    return half - half[:, :1]


def changes_by_hand(after: Tensor, before: Tensor, reference: int, paired: bool = True) -> np.ndarray:
    """Of the end, image by image (n,), over channels that are not constant."""
    alive = [
        [{c for c, map_ in enumerate(one) if np.ptp(map_) > 1e-5 * abs(map_).max()} for one in maps.numpy()]
        for maps in (after, before)
    ]
    found = []
    for i, (mine, theirs) in enumerate(zip(*alive, strict=True)):
        kept = (mine & theirs,) * 2 if paired else (mine, theirs)
        curves = [by_hand(maps[i : i + 1, sorted(c)])[0] for maps, c in zip((after, before), kept, strict=True)]
        found.append(np.subtract(*[curve[-1] - curve[reference] for curve in curves]))
    return np.array(found)


def sat(net: nn.Module, size: int = SIZE, n: int = N, **settings: object) -> Sitting:
    return sitting(FeatureSpectrum(**settings), seen_by(net.eval(), size), image_set(noise_images(n, size)))


def estimates(of: Sitting) -> Estimates:
    return of.exam.estimates(of.whole, of.batch.labels, of.subject)


def one(found: Estimates, measure: str, **at: object) -> Estimate:
    (estimate,) = found.of(measure, **at)
    return estimate


def test_curves_are_those_of_the_nets_own_maps() -> None:
    net = Small().eval()
    sitting_ = sat(net, layers=("conv", "norm", "act", "down", "mix", "add()"))
    found, rows = estimates(sitting_), sitting_.whole.rows["relative_log_amplitude"]
    assert rows.shape == (N, 6 * PER_LAYER)
    with torch.no_grad():
        steps = net.steps(pixels())
    wanted = {name: by_hand(maps) for name, maps in steps.items()}
    for j, (name, curve) in enumerate(wanted.items()):
        places = np.linspace(0, curve.shape[1] - 1, PLACES)
        each = np.stack([np.interp(places, np.arange(curve.shape[1]), row) for row in curve])
        np.testing.assert_allclose(rows[:, PER_LAYER * j : PER_LAYER * j + PLACES], each, atol=2e-4, err_msg=name)
        shown = found.of("relative_log_amplitude", layer=name)
        np.testing.assert_allclose([e.value for e in shown], each.mean(0), atol=2e-4)
        assert {e.n for e in shown} == {N}
    for name, source, size in (("norm", "conv", "kept"), ("act", "norm", "kept"), ("down", "act", "changed")):
        for against, reference in (("zero_frequency", 0), ("lowest_frequency", 1)):
            change = one(found, "change_at_nyquist", layer=name, against=against)
            assert (change.at["source"], change.at["size"]) == (source, size)
            each = changes_by_hand(steps[name], steps[source], reference, paired=name != "down")
            assert change.value == pytest.approx(each.mean(), abs=2e-4)
            width = 2 * 1.96 * each.std(ddof=1) / np.sqrt(N)
            assert change.high - change.low == pytest.approx(width, rel=0.35, abs=1e-3)  # type: ignore[operator]
    assert not found.of("change_at_nyquist", layer="add()")
    assert not found.of("change_at_nyquist", layer="mix")  # a linear layer: it is read, but no kind that is compared


def test_radial_profiles_are_those_of_rings() -> None:
    net = Small().eval()
    found = estimates(sat(net, layers=("conv",), profile="radial"))
    with torch.no_grad():
        logs = np.log(np.abs(np.fft.fft2(net.conv(pixels()).double().numpy())) + 1e-6).mean((0, 1))
    f = SIZE * np.fft.fftfreq(SIZE)
    last = logs[(np.hypot(f[:, None], f) + 0.5).astype(int) == SIZE // 2 - 1].mean()
    end = one(found, "relative_log_amplitude", frequency=1.0)
    assert end.value == pytest.approx(last - logs[0, 0], abs=1e-4)


def test_changes_average_over_the_steps_of_a_kind() -> None:
    """Of faint maps the floor of 1e-6 is a part, and a norm that raises them does not lower their detail by losing it."""
    torch.manual_seed(0)
    net = nn.Sequential(
        *(step for _ in range(3) for step in (nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU())),
        nn.Flatten(),
        nn.Linear(3 * SIZE**2, 4),
    )
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(3)[:, :, None, None].expand(3, 3, 3, 3) / 9000)  # a faint blur
        net[0].bias.zero_()
        net[1].running_var.fill_(1e-6)
    found = estimates(sat(net))
    faint = one(found, "change_at_nyquist", layer="1", against="lowest_frequency")
    assert -0.01 < faint.value < -1e-5  # type: ignore[operator]
    for kind, steps in (("convolution", 2), ("norm", 3), ("activation", 3)):
        for against in ("zero_frequency", "lowest_frequency"):
            at = {"kind": kind, "size": "kept", "against": against}
            each = [e.value for e in found.of("change_at_nyquist", **at)]
            assert len(each) == steps == one(found, "steps", **at).value
            assert one(found, "mean_change_at_nyquist", **at).value == pytest.approx(np.mean(each), abs=1e-6)
            assert one(found, "lowering_steps", **at).value == sum(value < -0.01 for value in each)  # type: ignore[operator]


@pytest.mark.parametrize("profile", ["diagonal", "radial"])
def test_maps_whose_profile_ends_at_its_lowest_frequency_have_no_change_against_that(profile: str) -> None:
    torch.manual_seed(0)
    parts = [nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Tanh()]  # 8 x 8, then 4 x 4
    found = estimates(sat(nn.Sequential(*parts, nn.Flatten(), nn.Linear(48, 4)), size=8, profile=profile))
    for against, layers in (("zero_frequency", ["1", "2", "3"]), ("lowest_frequency", ["1"])):
        assert [e.at["layer"] for e in found.of("change_at_nyquist", against=against)] == layers
        counts = {(e.at["kind"], e.at["size"]): e.value for e in found.of("steps", against=against)}
        if against == "zero_frequency":
            assert counts == {("activation", "kept"): 2, ("pool", "changed"): 1}
        else:
            assert counts == {("activation", "kept"): 1}
    assert all(e.value != 0 for e in found.of("change_at_nyquist"))
    told = [finding.sentence for finding in FeatureSpectrum().findings(found)]
    assert ["Against the lowest frequency, in 1 of these steps: times" in sentence for sentence in told] == [
        True,
        False,
    ]
    assert ["Against the lowest" in sentence for sentence in told] == [True, False]  # pools: of none


class Blurring(nn.Module):
    """A circular Gaussian blur, channel by channel, then an identity."""

    def __init__(self, sigma: float = 0.8) -> None:
        super().__init__()
        self.conv, self.same = (
            nn.Conv2d(3, 3, 7, padding=3, padding_mode="circular", groups=3, bias=False),
            nn.Identity(),
        )
        self.first = nn.Conv2d(3, 3, 1)
        at = torch.arange(7) - 3.0
        bell = torch.exp(-(at**2) / (2 * sigma**2))
        self.bell = bell / bell.sum()
        self.conv.weight.data.copy_((self.bell[:, None] * self.bell).expand(3, 1, 7, 7))

    def forward(self, x: Tensor) -> Tensor:
        return self.same(self.conv(self.first(x))).mean((2, 3))


def test_a_blur_lowers_the_end_by_the_log_of_its_transfer_function() -> None:
    net = Blurring()
    found = estimates(sat(net, size=16, layers=("first", "conv", "same")))
    k = 7 / 16  # the last frequency below Nyquist, in cycles per pixel
    transfer = float((net.bell * torch.cos(2 * torch.pi * k * (torch.arange(7) - 3))).sum())
    change = one(found, "change_at_nyquist", layer="conv", against="zero_frequency")
    assert change.value == pytest.approx(2 * np.log(transfer), abs=1e-3)
    for frequency in np.linspace(0, 1, PLACES):
        before, after = (one(found, "relative_log_amplitude", layer=n, frequency=frequency) for n in ("conv", "same"))
        assert before.value == after.value


def test_batch_normalisation_moves_the_mean_alone() -> None:
    net = Small().eval()
    found = estimates(sat(net))
    (zero, lowest) = (
        one(found, "change_at_nyquist", layer="norm", against=a) for a in ("zero_frequency", "lowest_frequency")
    )
    assert lowest.value == pytest.approx(0, abs=1e-4)
    assert abs(zero.value) > 0.1  # type: ignore[arg-type]


def test_flat_channels_have_no_part_in_changes_and_are_told_of() -> None:
    """BatchNorm prunes channels 0 and 1, ReLU silences 2: their curves lie where the floor of 1e-6 does."""
    net = Small().eval()
    with torch.no_grad():
        net.norm.weight[:2], net.norm.bias[:2], net.norm.bias[2:] = 0.0, 1.0, torch.tensor([-100.0, 9.0, 9.0])
        maps = net.steps(pixels())
    of = sat(net)
    found = estimates(of)
    for name, source, live in (("norm", "conv", [2, 3, 4]), ("act", "norm", [3, 4])):
        change = one(found, "change_at_nyquist", layer=name, against="zero_frequency")
        wanted = by_hand(maps[name][:, live])[:, -1] - by_hand(maps[source][:, live])[:, -1]
        assert change.value == pytest.approx(wanted.mean(), abs=2e-4)
        assert one(found, "flat_share", layer=name).value == pytest.approx(1 - len(live) / 5)
    down = one(found, "change_at_nyquist", layer="down", against="zero_frequency")  # channels mixed: each side its own
    wanted = by_hand(maps["down"])[:, -1] - by_hand(maps["act"][:, [3, 4]])[:, -1]
    assert down.value == pytest.approx(wanted.mean(), abs=2e-4)
    assert one(found, "flat_share", layer="down").value == pytest.approx(3 / 11)
    curve = one(found, "relative_log_amplitude", layer="act", frequency=1.0)
    assert curve.value == pytest.approx(by_hand(maps["act"])[:, -1].mean(), abs=2e-4)  # as published
    (told,) = (f.sentence for f in of.exam.findings(found) if "Convolution" in f.sentence)
    assert "Left out: flat (constant) channels, 27.3%" in told
    net.norm.bias.data.fill_(-100.0)
    silent = one(estimates(sat(net, n=1)), "change_at_nyquist", layer="act", against="zero_frequency")
    assert (silent.value, silent.reason) == (None, "in some images all channels before or after it are flat")


class Deaf(nn.Module):
    """A first convolution without weight: what follows is the same for all images."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.ear, self.dead, self.act = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()
        self.head = nn.Linear(4, 3)
        self.dead.weight.data.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.dead(self.ear(x))).mean((2, 3)) + x.mean((1, 2, 3), keepdim=True).flatten(1))


def test_maps_that_know_nothing_of_the_picture_are_left_out() -> None:
    of = sat(Deaf())
    found = estimates(of)
    left_out = one(found, "steps_left_out", reason="its spectra are the same for all images")
    assert (left_out.value, left_out.n) == (2, len(Steps(of.subject, None, None).read))
    dead = found.of("relative_log_amplitude", layer="dead")
    assert {e.value for e in dead} == {None}
    assert {e.reason for e in dead} == {"its spectra are the same for all images"}
    assert not [e for e in found.of("change_at_nyquist") if e.at["layer"] in ("dead", "act")]


def test_few_images_have_a_factor_but_no_interval() -> None:
    of = sat(Small(), n=2)
    told = " ".join(f.sentence for f in of.exam.findings(estimates(of)))
    assert "too few images for an interval" in told
    assert "undefined" not in told


def test_steps_without_maps_are_counted_and_named_ones_undefined() -> None:
    found = estimates(sat(Small()))
    reasons = {e.at["reason"]: e.value for e in found.of("steps_left_out")}
    assert reasons == {
        "maps below 3 x 3 have no frequency between zero and Nyquist": 1,
        "one number a channel is no map": 1,
    }
    named = sat(Small(), layers=("pool", "conv"))
    undefined = [e for e in estimates(named) if e.value is None]
    assert {e.at["layer"] for e in undefined} == {"pool"}
    assert all("below 3 x 3" in e.reason for e in undefined)


class Windowed(nn.Module):
    """Windows within: a layer whose outputs are not one an image."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.within = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x).unfold(2, 6, 6).unfold(3, 6, 6).permute(0, 2, 3, 1, 4, 5).reshape(-1, 4, 6, 6)
        return self.within(y).mean((2, 3)).reshape(len(x), 4, 4).mean(1)


def test_windows_are_left_out_with_a_reason(tmp_path: Path) -> None:
    model, images = seen_by(Windowed().eval(), SIZE), image_set(noise_images(N, SIZE))
    run = examined(model, images, [FeatureSpectrum(layers=("first", "within"))], tmp_path)
    ends = {e.at["layer"]: e for e in run.estimates.of("relative_log_amplitude", frequency=1.0)}
    assert ends["first"].n == N
    assert ends["within"].value is None
    assert "not one an image" in ends["within"].reason
    assert not run.estimates.of("change_at_nyquist")
    assert one(run.estimates, "steps_left_out", reason=ends["within"].reason).value == 1
    of_itself = Steps(subject_of(model, labelled=False), None, None)
    assert of_itself.read == ("first",)  # what holds no maps takes no other's place


def test_a_step_that_is_not_read_of_every_image_is_compared_with_none() -> None:
    whole = sat(Small())
    names = Steps(whole.subject, None, None).read
    rows = whole.whole.rows["relative_log_amplitude"].copy()
    place = PER_LAYER * names.index("norm")
    rows[2, place : place + PER_LAYER] = np.nan
    found = whole.exam.estimates(
        Tally({**whole.whole.rows, "relative_log_amplitude": rows}), whole.batch.labels, whole.subject
    )
    told = {e.at["layer"] for e in found.of("change_at_nyquist")}
    assert told == {e.at["layer"] for e in estimates(whole).of("change_at_nyquist")} - {"norm", "act"}
    assert {e.value for e in found.of("relative_log_amplitude", layer="norm")} == {None}


@pytest.mark.parametrize(
    ("layers", "says"), [(("conv", "nrom"), "Did you mean norm"), (("add",), r"Did you mean add\(\)")]
)
def test_a_layer_that_is_not_there(layers: tuple[str, ...], says: str) -> None:
    subject = subject_of(seen_by(Small().eval(), SIZE), labelled=False)
    with pytest.raises(UnknownNameError, match=says):
        FeatureSpectrum(layers=layers).ask(subject, ())
    with pytest.raises(ValidationError, match="above 0"):
        FeatureSpectrum(grid=(0, 4))


def test_models_with_other_layers_share_a_run(tmp_path: Path) -> None:
    models = [seen_by(Small().eval(), SIZE, name="small"), seen_by(Blurring(), 16, name="blurring")]
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, 4))
    images = image_set(noise_images(N, SIZE), [0, 1, 2, 0, 1, 2, 0])
    exams = [Clean(), FeatureSpectrum(images=5)]
    run = examined([*models, seen_by(flat, SIZE, name="flat")], images, exams, tmp_path)
    table = run.rows("feature_spectrum")
    lengths = {
        m: len(r)
        for m, r in zip(table["model"].to_pylist(), table["relative_log_amplitude"].to_pylist(), strict=True)
        if r
    }
    assert set(lengths) == {"small", "blurring", "flat"}
    assert lengths["small"] > lengths["blurring"] >= PER_LAYER
    assert {e.n for e in run.estimates.of("mean_change_at_nyquist")} == {5}
    assert {e.measure for e in run.estimates if e.model == "flat" and e.exam == "feature_spectrum"} == {
        "steps_left_out"
    }


def steps_of(name: str, size: int) -> Steps:
    torch.manual_seed(0)
    net = timm.create_model(name, pretrained=False).eval()
    return Steps(subject_of(seen_by(net, size), labelled=False), None, None)


@pytest.mark.parametrize(("name", "size"), [("vit_tiny_patch16_224", 224), ("convnext_atto", 96), ("resnet50", 64)])
def test_of_deep_nets_some_steps_of_every_kind_and_depth_are_read(name: str, size: int) -> None:
    steps = steps_of(name, size)
    assert MOST / 2 < len(steps.read) <= MOST
    kinds = Counter(step.kind for step in steps.shown)
    assert min(kinds["norm"], kinds["activation"]) >= 5
    assert kinds["convolution"] >= (1 if "vit" in name else 10)
    assert {step.source for step in steps.shown if step.compared} <= set(steps.read)
    compared = [step for step in steps.shown if step.compared]
    assert len(compared) > len(steps.shown) / 2
    mappable = [step.depth for step in steps.all.values() if step.size]
    for third in np.array_split(mappable, 3):
        assert sum(third[0] <= step.depth <= third[-1] for step in steps.shown) >= 8


def test_attention_of_transformers_is_compared_with_its_input() -> None:
    torch.manual_seed(0)
    net = timm.create_model("vit_tiny_patch16_224", pretrained=False, img_size=96, depth=2).eval()
    sitting_ = sat(net, size=96, n=3)
    found = estimates(sitting_)
    changes = found.of("change_at_nyquist", kind="attention", against="lowest_frequency")
    assert [(e.at["layer"], e.at["source"]) for e in changes] == [
        ("blocks.0.attn", "blocks.0.norm1"),
        ("blocks.1.attn", "blocks.1.norm1"),
    ]
    with torch.no_grad():
        tokens = net._pos_embed(net.patch_embed(pixels(3, 96)))
        before = net.blocks[0].norm1(tokens)
        pair = [x[:, 1:].mT.unflatten(2, (6, 6)) for x in (net.blocks[0].attn(before), before)]
    after, before_ = (by_hand(maps) for maps in pair)
    wanted = ((after[:, -1] - after[:, 1]) - (before_[:, -1] - before_[:, 1])).mean()
    assert changes[0].value == pytest.approx(wanted, abs=2e-3)
    assert any("Self-attention" in finding.sentence for finding in sitting_.exam.findings(found))


class SmallAttention(nn.Module):
    """Tokens of an oblong frame through torch's own module for attention."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patch, self.norm = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8)
        self.mixing = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(self.patch(x).flatten(2).transpose(1, 2))
        return (tokens + self.mixing(tokens, tokens, tokens, need_weights=False)[0]).mean(1)


def test_oblong_grids_of_tokens_may_be_given() -> None:
    net, frame = SmallAttention().eval(), (16, 24)
    images = image_set(np.random.default_rng(0).integers(0, 256, (4, *frame, 3), dtype=np.uint8))
    without = sitting(FeatureSpectrum(), seen_by(net, frame), images)
    reasons = [e.at["reason"] for e in estimates(without).of("steps_left_out")]
    assert any("feature_spectrum.grid" in reason for reason in reasons)
    given = sitting(FeatureSpectrum(grid=(4, 6)), seen_by(net, frame), images)
    change = one(estimates(given), "change_at_nyquist", kind="attention", against="zero_frequency")
    assert (change.at["layer"], change.at["source"]) == ("mixing", "norm")
