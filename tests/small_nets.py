"""Factories for ``pkg.module:factory``, as a user would write them."""

from __future__ import annotations

import torch
from torch import nn

from eyes import LowPassEye, NaNEye

FRAME = 'size = 16\nresize = [16, 16]\ninterpolation = "bilinear"\n'  # a file for --preprocess


def four() -> nn.Module:
    """Four classes."""
    return LowPassEye(5, 16)


def another_four() -> nn.Module:
    """Four classes, seen otherwise."""
    return LowPassEye(2, 16, seed=1)


def sometimes_nan() -> nn.Module:
    """NaN on bright frames."""
    return NaNEye(four(), 0.6)


def always_nan() -> nn.Module:
    """NaN on all."""
    return NaNEye(four(), -1.0)


def convolutional(num_classes: int = 4) -> nn.Module:
    """With parameters, for checkpoints."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes)
    )


def ten() -> nn.Module:
    """Ten outputs, whatever the images are; can be trained."""
    return convolutional(10)


no_module = "just text"


def tired() -> nn.Module:
    """Four classes, with rests."""
    from small_run import TiredEye

    return TiredEye(5, 16)
