"""Pictures made for channels that are known have their frequency and their colour, by every method."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from eyechart.core.chance import generator
from eyechart.errors import SettingError
from eyechart.features.colours import for_canvas, fourier_colours, independent, maco_colours, magnitude_of
from eyechart.features.fourier import Fourier
from eyechart.features.maco import Maco, picture, waves
from eyechart.features.method import Method
from eyechart.features.objectives import channel, logit, neuron
from eyechart.features.reach import OUTPUTS, Reach
from eyechart.features.shown import resized
from eyechart.features.upscale import Upscale
from eyechart.models.load import wrap
from eyechart.models.preprocessing import Preprocessing
from features.rigged import ANGLE, DEAD, FREQUENCY, GRATING, RED, SIDE, Rigged, model_of, peak, strengths

EXACT = {"precision": "float32"}
METHODS: dict[str, Method] = {
    "upscale": Upscale(steps=40, rounds=3, start=40, jitter=2, **EXACT),
    "fourier": Fourier(steps=60, size=SIDE, shown=SIDE, **EXACT),
    # Crops of one size: so the net sees the picture at its own scale.
    "maco": Maco(steps=48, size=2 * SIDE, crops=4, shown=SIDE, widest=0.5, narrowest=0.5, **EXACT),
}


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> Method:
    return METHODS[request.param]


def test_a_channel_that_likes_a_grating_gets_it(method: Method) -> None:
    # Before the ReLU the mean over places gains nothing: a grating raises as many places as it lowers.
    reach, objective = Reach(model_of(Rigged()), ["relu"]), channel("relu", (GRATING,))
    made = method.make(reach, objective, ["one"])
    strength = strengths(made.pictures[0])
    if isinstance(method, Maco):  # whose magnitudes are given: what stands out is where phases agree
        others = picture(torch.randn(32, 3, 2 * SIDE, SIDE + 1), method.magnitude(3), 2 * SIDE)
        strength = strength / torch.stack([strengths(other) for other in others]).mean(0)
    frequency, angle = peak(strength)
    assert frequency == pytest.approx(FREQUENCY, rel=0.12)
    assert angle == pytest.approx(ANGLE, abs=0.2)
    assert made.scores[-1] > made.scores[0]


def test_a_channel_that_likes_red_gets_it(method: Method) -> None:
    made = method.make(Reach(model_of(Rigged()), ["relu"]), channel("relu", (RED,)), ["one"])
    weight = torch.ones(1, *made.pictures.shape[2:]) if made.weight is None else made.weight
    red, green, blue = (made.pictures[0] * weight).sum((1, 2)) / weight.sum()
    assert red > green + 0.05
    assert red > blue + 0.05


def test_a_dead_channel_is_called_still(method: Method) -> None:
    made = method.make(Reach(model_of(Rigged()), ["relu"]), channel("relu", (DEAD, RED)), ["dead", "red"])
    assert list(made.still) == [True, False]


def test_pictures_depend_on_their_key_and_seed_alone(method: Method) -> None:
    short = method.model_copy(update={"steps": 4})
    reach, keys = Reach(model_of(Rigged()), ["detect"]), ["a", "b", "c"]
    together = short.make(reach, channel("detect", (RED, GRATING, RED)), keys, seed=3)
    alone = short.make(reach, channel("detect", (RED,)), ["c"], seed=3)
    torch.testing.assert_close(together.pictures[2:], alone.pictures, atol=2e-3, rtol=0)
    np.testing.assert_allclose(together.scores[:, 2:], alone.scores, atol=1e-4, rtol=1e-3)
    assert (together.pictures[0] - together.pictures[2]).abs().max() > 0.01
    other = short.make(reach, channel("detect", (RED,)), ["c"], seed=4)
    assert (other.pictures - alone.pictures).abs().max() > 0.01


def test_pixels_stay_between_0_and_1(method: Method) -> None:
    made = method.make(Reach(model_of(Rigged()), ["detect"]), channel("detect", (RED,)), ["one"])
    assert made.pictures.min() >= 0
    assert made.pictures.max() <= 1


@pytest.mark.parametrize("name", METHODS)
def test_one_channel_of_colour(name: str) -> None:
    method = METHODS[name].model_copy(update={"steps": 8})
    made = method.make(Reach(model_of(Rigged(1), 1), ["detect"]), channel("detect", (RED,)), ["one"])
    assert made.pictures.shape[1] == 1
    assert made.scores[-1] > made.scores[0]


def test_without_motions_the_objective_rises() -> None:
    reach, objective = Reach(model_of(Rigged()), ["relu"]), channel("relu", (RED, GRATING))
    for method in (
        Fourier(steps=60, size=SIDE, shown=SIDE, motions=False, **EXACT),
        Upscale(steps=12, rounds=1, start=SIDE, jitter=0, blur=0, **EXACT),
    ):
        scores = method.make(reach, objective, ["red", "grating"]).scores
        smooth = np.stack([np.convolve(column, np.ones(4) / 4, "valid") for column in scores.T])
        assert (np.diff(smooth) > -1e-3 * np.ptp(smooth)).all()


def test_upscaling_reaches_the_known_optimum_of_one_convolution() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 2, 3, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model, side = model_of(net, side=16), 16
    made = Upscale(steps=60, rounds=1, start=side, jitter=0, blur=0, **EXACT).make(
        Reach(model, ["0"]), channel("0", (0,)), ["x"]
    )
    pixels = torch.zeros(1, 3, side, side, requires_grad=True)
    (slope,) = torch.autograd.grad(net[0]((pixels - 0.5) / 0.25)[:, 0].mean(), pixels)
    best = net[0](((slope > 0).float() - 0.5) / 0.25)[:, 0].mean()
    reached = net[0]((made.pictures - 0.5) / 0.25)[:, 0].mean()
    assert float(reached.detach()) == pytest.approx(float(best.detach()), rel=1e-4)
    moved = slope != 0
    assert ((made.pictures > 0.5) == (slope > 0))[moved].all()


def test_the_published_sides() -> None:
    assert Upscale().sides(56) == [56, 67, 80, 96, 115, 138, 165, 198, 237, 284, 340, 408]
    with pytest.raises(SettingError, match="not grow"):
        Upscale(start=4, factor=1.01).sides(4)


def test_a_zero_spectrum_is_grey_and_the_start_falls_with_frequency() -> None:
    method = Fourier(size=33)
    assert (method.picture(torch.zeros(1, 3, 33, 17, 2), method._scale()) == 0.5).all()
    drawn = torch.from_numpy(generator(0, "x", "y").normal(0, 0.01, (4, 3, 64, 33, 2))).float()

    def fall(decay: float) -> float:
        method = Fourier(size=64, decay=decay)
        logit = method.picture(drawn, method._scale()).logit()
        power = torch.fft.rfft2(logit).abs().mean((0, 1))
        return float(power[0, 4] / power[0, 32])

    assert 0.5 < fall(0) < 2
    assert 5 < fall(1) < 12  # 32 / 4


def test_maco_holds_the_magnitude() -> None:
    magnitude = torch.rand(3, 32, 17) + 0.5
    spectra = torch.fft.rfft2(waves(torch.randn(4, 3, 32, 17), magnitude, 32)).abs()
    ratio = (spectra / magnitude)[:, :, 1:, 1:16]  # without those that are real, or given twice
    torch.testing.assert_close(ratio, ratio[:, :1, :1, :1].expand_as(ratio))


@pytest.mark.parametrize("size", [8, 11, 16, 24])
def test_a_magnitude_on_another_canvas_has_the_same_waves(size: int) -> None:
    known = torch.rand(3, 16, 9) + 0.1
    found = for_canvas(known, size)
    assert found.shape == (3, size, size // 2 + 1)
    last = 7  # cycles an image, of which all waves are known, both ways
    for row in range(size):
        for column in range(size // 2 + 1):
            v = row if row <= (size - 1) // 2 else row - size
            near = min(max(v, -last), last), min(column, 8)
            far = np.hypot(v, column)
            shrunk = np.hypot(*near) / far if far else 1.0
            wanted = known[:, near[0] % 16, near[1]] * shrunk
            torch.testing.assert_close(found[:, row, column], wanted.float(), rtol=1e-5, atol=1e-6)


def test_the_same_picture_sampled_otherwise_has_the_same_magnitude() -> None:
    def sampled(side: int) -> torch.Tensor:
        at = (torch.arange(side) + 0.5) / side
        y, x = at[:, None], at
        waves = [0.2 * torch.cos(2 * torch.pi * (2 * x + y)), 0.2 * torch.sin(2 * torch.pi * (3 * y - x))]
        return 0.5 + torch.stack([waves[0], waves[1], waves[0] - 0.5 * waves[1]])[None]

    found, own = for_canvas(magnitude_of([sampled(64)]), 32) / 4, magnitude_of([sampled(32)])
    assert own.amax() > 10
    torch.testing.assert_close(
        found[:, :, :16], own[:, :, :16], atol=0.1, rtol=0.01
    )  # harmonics of the logit fold back


def test_frames_that_are_no_square_are_refused_where_the_net_takes_no_other() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.see, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4 * 16 * 24, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.relu(self.see(x)).flatten(1))

    class Free(Fixed):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.see(x)).mean((2, 3))

    preprocessing = Preprocessing(size=(16, 24), resize=(16, 24), mean=(0.5,) * 3, std=(0.25,) * 3)
    for method in (Fourier(steps=2, size=16), Upscale(steps=2, rounds=1, start=8), Maco(steps=2, size=32, crops=2)):
        made = method.make(
            Reach(wrap(Free(), preprocessing=preprocessing, device="cpu"), ["see"]), channel("see", (0,)), ["x"]
        )
        assert torch.isfinite(made.pictures).all()
        whole = Reach(wrap(Fixed(), preprocessing=preprocessing, device="cpu"), [OUTPUTS])
        with pytest.raises(SettingError, match="no square"):
            method.make(whole, logit(0), ["x"])


def test_colours_have_an_inverse() -> None:
    pixels = torch.rand(2, 3, 8, 8) * 0.9 + 0.05
    torch.testing.assert_close(maco_colours(independent(pixels)).sigmoid(), pixels, atol=1e-4, rtol=0)
    one = torch.rand(2, 1, 8, 8)
    assert fourier_colours(one) is one


def test_opacity_of_maco_lies_where_it_matters() -> None:
    made = METHODS["maco"].make(Reach(model_of(Rigged()), ["relu"]), channel("relu", (GRATING,)), ["one"])
    assert made.weight is not None
    assert made.weight.shape == made.pictures.shape[:1] + made.pictures.shape[2:]
    assert 0 <= made.weight.min() < made.weight.max() == 1


def test_half_precision_makes_pictures_that_excite_as_much() -> None:
    reach, objective = Reach(model_of(Rigged()), ["relu"]), channel("relu", (RED, GRATING))
    usual = METHODS["fourier"]
    scores = []
    for precision in ("float32", "bfloat16"):
        made = usual.model_copy(update={"precision": precision}).make(reach, objective, ["red", "grating"])
        with torch.no_grad():
            maps = reach(made.pictures)["relu"]
        scores.append(maps[torch.arange(2), torch.tensor([RED, GRATING])].mean((1, 2)).numpy())
    np.testing.assert_allclose(scores[1], scores[0], rtol=0.05)


def test_a_channel_that_sleeps_through_all_is_still(method: Method) -> None:
    net = Rigged()
    with torch.no_grad():
        net.detect.weight[DEAD], net.detect.bias[DEAD] = (
            net.detect.weight[GRATING],
            -1000,
        )  # gradients are let past its ReLU
    made = method.model_copy(update={"steps": 8}).make(
        Reach(model_of(net), ["relu"]), channel("relu", (DEAD, RED)), ["a", "b"]
    )
    assert list(made.still) == [True, False]


def test_nets_that_work_without_gradients_are_still(method: Method) -> None:
    class Closed(Rigged):
        @torch.no_grad()
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x)

    made = method.model_copy(update={"steps": 3}).make(
        Reach(model_of(Closed()), ["relu"]), channel("relu", (RED,)), ["a"]
    )
    assert made.still.all()
    assert torch.isfinite(made.pictures).all()


STILL_STANDING = {
    "upscale": Upscale(steps=30, rounds=2, start=40, jitter=0),
    "fourier": Fourier(steps=30, size=SIDE, shown=SIDE, motions=False),
}


@pytest.mark.parametrize("name", STILL_STANDING)  # what is moved about excites a grating's neuron in no place more
def test_a_neuron_s_picture_excites_the_middle_place(name: str) -> None:
    reach = Reach(model_of(Rigged()), ["detect"])
    values = []
    for objective in (neuron("detect", (GRATING,)), channel("detect", (GRATING,))):
        made = STILL_STANDING[name].make(reach, objective, ["one"])
        maps = reach(resized(made.pictures, made.shown))["detect"][0, GRATING]
        values.append(float(maps[maps.shape[0] // 2, maps.shape[1] // 2]))
    assert values[0] > 2 * abs(values[1])
