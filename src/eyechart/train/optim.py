"""Optimisers and schedules by name."""

from __future__ import annotations

from math import cos, pi
from typing import Any

import torch
from torch import Tensor, nn

from eyechart.train.recipe import Recipe

FUSED = ("sgd", "adam", "adamw", "adagrad")  # one pass over the weights, on CPUs too


def optimiser_of(recipe: Recipe, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser that a recipe names, on the parameters that are trained."""
    more: dict[str, Any] = {"lr": recipe.lr, "weight_decay": recipe.weight_decay}
    if recipe.optimiser in FUSED:
        more["fused"] = True
    if recipe.optimiser in ("sgd", "rmsprop"):
        more["momentum"] = recipe.momentum
    if recipe.optimiser == "sgd":
        more["nesterov"] = recipe.nesterov and recipe.momentum > 0
    kinds: dict[str, type[torch.optim.Optimizer]] = {
        "sgd": torch.optim.SGD,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "adagrad": torch.optim.Adagrad,
        "adadelta": torch.optim.Adadelta,
        "rmsprop": torch.optim.RMSprop,
    }
    return kinds[recipe.optimiser](parameters, **more)


def learning_rate(recipe: Recipe, step: int, steps_an_epoch: int) -> float:
    """The learning rate of a step, counted from 0 over all epochs."""
    epoch = step / steps_an_epoch
    if epoch < recipe.warmup:
        return recipe.lr * min(1.0, (step + 1) / (recipe.warmup * steps_an_epoch))
    if recipe.schedule == "steps":
        return float(recipe.lr * recipe.factor ** sum(epoch >= milestone for milestone in recipe.milestones))
    if recipe.schedule == "cosine":
        done = (epoch - recipe.warmup) / max(recipe.epochs - recipe.warmup, 1e-9)
        return recipe.final_lr + (recipe.lr - recipe.final_lr) * (1 + cos(pi * done)) / 2
    return recipe.lr


@torch.no_grad()
def xavier(net: nn.Module, seed: int) -> None:
    """Weights of convolutions and linear layers uniform as Glorot & Bengio (AISTATS 2010) have them, biases 0."""
    chance = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            drawn = torch.empty(module.weight.shape)
            nn.init.xavier_uniform_(drawn, generator=chance)
            module.weight.copy_(drawn)
            if module.bias is not None:
                module.bias.zero_()


def laid_out(value: Tensor, like: Tensor) -> Tensor:
    """In the memory layout of ``like``, which fused optimisers walk through side by side."""
    return torch.empty_like(like).copy_(value) if value.shape == like.shape else value
