"""What every function of the spectrum owes: any leading shape, single and double precision, gradients, any device."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import eyechart.spectrum as s
from eyechart.spectrum.parts import in_parts

Function = Callable[[Tensor], Tensor]


def another(x: Tensor) -> Tensor:
    """An image of the size of x that does not depend on it."""
    chance = torch.Generator().manual_seed(1)
    return torch.rand(x.shape[-2:], generator=chance, dtype=torch.float64).to(x)


SMOOTH: dict[str, Function] = {
    "low_pass": lambda x: s.low_pass(x, 2),
    "high_pass": lambda x: s.high_pass(x, 2),
    "band_pass": lambda x: s.band_pass(x, 1, 3, units="isotropic"),
    "svd_split": lambda x: s.svd_split(x, 2)[0],
    "energy_plane": s.energy_plane,
    "radial_profile": lambda x: s.radial_profile(x, "amplitude", "mean", dc=True).values,
    "slope": lambda x: s.slope(x, rounding="round"),
    "share_beyond": lambda x: s.share_beyond(x, 2),
    "spectral_entropy": s.spectral_entropy,
    "bass": lambda x: s.bass(x, quantize="none", clip="none"),
    "amplitude": lambda x: s.swap_phase(x, another(x)),
    "phase": lambda x: s.swap_phase(another(x), x),
    "fourier_shift": lambda x: s.fourier_shift(x, 0.3, -1.6),
    "total_variation": s.total_variation,
    "high_frequency_share": s.high_frequency_share,
    "smooth": lambda x: s.smooth(x, 0.3),
    "ssim": lambda x: s.ssim(x, another(x)),
    "luminance_change": lambda x: s.luminance_change(1 + another(x), x),
    "weigh_contrast": lambda x: s.weigh_contrast(x, 20.0),
    "root_mean_square": lambda x: s.root_mean_square(s.weigh_contrast(x, 20.0, "mannos_sakrison")),
    "pooled_contrast": lambda x: s.pooled_contrast(s.weigh_contrast(x, 20.0), 20.0),
}
STEPS: dict[str, Function] = {"head_radius": s.head_radius, "bass_to_bytes": s.bass}
POOLED: dict[str, Function] = {"neighbour_correlation": s.neighbour_correlation}
SIZES = [(4, 4), (5, 6), (7, 5)]


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [*SMOOTH, *POOLED])
def test_gradients(name: str, size: tuple[int, int]) -> None:
    x = noise(1, 2, *size).requires_grad_()
    assert torch.autograd.gradcheck({**SMOOTH, **POOLED}[name], (x,))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [*SMOOTH, *STEPS])
def test_each_plane_is_treated_by_itself(name: str, size: tuple[int, int]) -> None:
    function, x = {**SMOOTH, **STEPS}[name], noise(2, 3, 2, *size)
    whole = function(x)
    assert whole.shape[:3] == (2, 3, 2)
    torch.testing.assert_close(whole[1, 2, 0], function(x[1, 2, 0]))
    torch.testing.assert_close(whole.flatten(0, 2), function(x.flatten(0, 2)))
    strided = x.movedim(-1, 0).contiguous().movedim(0, -1)
    torch.testing.assert_close(function(strided), whole)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [*SMOOTH, *POOLED])
def test_single_precision_is_close_to_double(name: str, size: tuple[int, int]) -> None:
    function, x = {**SMOOTH, **POOLED}[name], noise(2, 3, *size)
    torch.testing.assert_close(function(x.float()).double(), function(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [*SMOOTH, *POOLED, *STEPS])
def test_inputs_are_left_alone(name: str) -> None:
    x = noise(2, 3, 6, 7)
    before = x.clone()
    {**SMOOTH, **POOLED, **STEPS}[name](x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", ["low_pass", "band_pass", "bass", "bass_to_bytes"])
def test_parts_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, x = {**SMOOTH, **STEPS}[name], noise(2, 3, 6, 7)
    whole = function(x)
    for part in (1, 100, 6 * 7 * 4):
        monkeypatch.setattr("eyechart.spectrum.parts.PART", part)
        torch.testing.assert_close(
            function(x), whole, atol=1e-12, rtol=0
        )  # transforms differ by position, in the last bit
    if name in SMOOTH:
        assert torch.autograd.gradcheck(function, (x[:, :1].clone().requires_grad_(),))


def test_parts_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eyechart.spectrum.parts.PART", 100)
    sizes: list[torch.Size] = []

    def work(planes: Tensor) -> Tensor:
        sizes.append(planes.shape)
        return planes[..., :3]

    x = noise(2, 3, 6, 7)
    assert torch.equal(in_parts(work, x), x[..., :3])
    assert sizes == [(1, 3, 6, 7)] * 2
    assert torch.equal(in_parts(work, x[0]), x[0, ..., :3])
    assert sizes[2:] == [(2, 6, 7), (1, 6, 7)]
    assert torch.equal(in_parts(work, x[0, :2]), x[0, :2, :, :3])
    assert sizes[4:] == [(2, 6, 7)]  # small enough at once


def test_what_inference_mode_kept_serves_gradients() -> None:
    """In a fresh interpreter: the first caller fills the caches inside inference mode, the second asks for gradients."""
    code = """
import torch
import eyechart.spectrum as s
functions = (lambda x: s.low_pass(x, 3), lambda x: s.band_pass(x, 1, 3), s.spectral_entropy, s.slope,
             lambda x: s.bass(x, quantize="none"), lambda x: s.share_beyond(x, 2),
             lambda x: s.pooled_contrast(s.weigh_contrast(x, 20.0), 20.0))
x = torch.rand(2, 9, 9)
with torch.inference_mode():
    for function in functions:
        function(x)
x.requires_grad_()
for function in functions:
    function(x).sum().backward()
print(bool(x.grad.isfinite().all()))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "True", ran.stderr


def test_all_names_are_there() -> None:
    assert sorted(s.__all__) == s.__all__
    assert all(hasattr(s, name) for name in s.__all__)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", [*SMOOTH, *POOLED, *STEPS])
def test_a_gpu_agrees(name: str) -> None:
    function, x = {**SMOOTH, **POOLED, **STEPS}[name], noise(2, 3, 7, 8)
    found = function(x.cuda())
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), function(x), atol=1e-9, rtol=1e-9)
