"""Does a channel decide? What becomes of the answer without it, and where in the picture it speaks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from eyechart.errors import SettingError
from eyechart.features.reach import held_by
from eyechart.models.answers import lead, tensor_of
from eyechart.models.image_model import TINY, ImageModel
from eyechart.models.layers import Watch
from eyechart.views.feature_maps import as_maps

Array = np.ndarray[Any, Any]
TOGETHER = 32  # frames a forward
LEAST = 3  # places a side, to tell the middle
OTHER = "Choose another layer. See: eyechart layers MODEL."


@dataclass(frozen=True)
class Decided:
    """What a channel has to do with the answers to some images.

    Attributes:
        without: (n,), change of the probability of the answer given, once the channel says everywhere what it says on average.
        turned: (n,) bool: another class is then given.
        share: (n,), of the sum over channels of |gradient x activation| of the given answer's lead, this channel's; NaN where
            no channel has any.
        rank: (n,), its place among the channels by that, from 1; NaN likewise.
    """

    without: Array
    turned: Array
    share: Array
    rank: Array


class Deciding:
    """A layer of a classifier whose channels can be silenced one by one, at all places of the picture.

    Class tokens and registers are no places: they are left as they are, and have no part in gradient x activation.

    Args:
        model: a classifier.
        layer: its name, see ``Reach``.
        usual: (channels,), what each channel says on average: a silenced channel says that everywhere.

    Raises:
        SettingError: the net does not go on with what the layer gives.
    """

    def __init__(self, model: ImageModel, layer: str, usual: Array) -> None:
        self._model, self._name = model, layer
        self._map = held_by(model, layer).map
        self._usual = torch.as_tensor(usual, dtype=torch.float32, device=model.device)
        # Watched: never the model's own.
        self._net: nn.Module = copy.deepcopy(model.plain.net) if model.plain else nn.Identity()
        if self._weighed(model.laid_out(model.buffer(1).fill_(0.5))) is None:
            why = "The answer has no gradient with respect to what the layer gives"
            raise SettingError(why, setting="--layer", value=layer, way_out=OTHER)

    def of_images(self, frames: Tensor, channels: Sequence[Sequence[int]]) -> list[list[Decided]]:
        """What channels decide: for each image its own list; frames (n, c, h, w) normalised.

        The gradient is asked once an image, the answer without a channel once an image and channel.
        """
        found = []
        for start in range(0, len(frames), TOGETHER):
            found += self._some(frames[start : start + TOGETHER], channels[start : start + TOGETHER])
        return found

    def _some(self, frames: Tensor, channels: Sequence[Sequence[int]]) -> list[list[Decided]]:
        weighed = self._weighed(frames)
        if weighed is None:
            raise SettingError("The layer is not reached.", setting="--layer", value=self._name, way_out=OTHER)
        answers, products = weighed
        tops = answers.argmax(1)
        sizes = products.abs()
        whole = sizes.sum(1, keepdim=True)
        shares = torch.where(whole > 0, sizes / whole, torch.nan)
        behind = torch.searchsorted(sizes.sort(1).values, sizes, right=True)  # itself, its equals and the smaller ones
        ranks = torch.where(whole > 0, sizes.shape[1] - behind + 1, torch.nan)
        pairs = [(i, channel) for i, some in enumerate(channels) for channel in some]
        without = self._without(frames, pairs)
        clean = answers.softmax(1)
        result: list[list[Decided]] = [[] for _ in channels]
        for (i, channel), rows in zip(pairs, without, strict=True):
            fall = rows.softmax(0)[tops[i]] - clean[i, tops[i]]
            turned = rows.argmax() != tops[i]
            result[i].append(Decided(*(x.cpu().numpy() for x in (fall, turned, shares[i, channel], ranks[i, channel]))))
        return result

    def _weighed(self, frames: Tensor) -> tuple[Tensor, Tensor] | None:
        """Answers (n, k), and gradient x activation summed over places, (n, channels); None where no gradient arrives."""
        held: list[Tensor] = []

        def keep(output: Tensor) -> Tensor:
            held.append(output.detach().clone().requires_grad_())
            return held[0] * 1  # what follows may work in place

        with torch.enable_grad():
            answers = self._answers(frames, keep)
            picked = lead(answers).sum()
            if not held or not picked.requires_grad:  # some nets work without gradients
                return None
            try:
                (slope,) = torch.autograd.grad(picked, held[0], allow_unused=True)
            except RuntimeError:  # a net that overwrites in place what its gradient needs could never be trained
                return None
        if slope is None:  # such as of a function that works in place, and whose output is not looked at
            return None
        return answers.detach(), self._maps(slope * held[0].detach()).flatten(2).sum(2)

    @torch.no_grad()
    def _without(self, frames: Tensor, pairs: Sequence[tuple[int, int]]) -> Iterator[Tensor]:
        for start in range(0, len(pairs), TOGETHER):
            some = pairs[start : start + TOGETHER]
            images = torch.tensor([i for i, _ in some], device=frames.device)
            which = torch.tensor([channel for _, channel in some], device=frames.device)

            def silence(output: Tensor, which: Tensor = which) -> Tensor:
                other = output.clone(memory_format=torch.contiguous_format)
                self._silence(other, which)
                return other

            yield from self._answers(frames[images], silence)

    def _silence(self, output: Tensor, which: Tensor) -> None:
        """Each image's own channel, in place."""
        each, usual = torch.arange(len(which), device=which.device), self._usual[which].to(output)
        if self._map is not None and self._map.arrangement == "tokens of heads":  # whose maps are no view
            width = output.shape[-1]
            output[each, which // width, self._map.extra :, which % width] = usual[:, None]
        else:
            self._maps(output)[each, which] = usual.view(-1, 1, 1)

    def _answers(self, frames: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Of the net with what the layer gives changed."""
        with Watch(self._net, lambda layer, output: change(output) if layer.name == self._name else None):
            rows = tensor_of(self._net(self._model.laid_out(frames)), len(frames), self._model.name)
        return rows.clamp_min(TINY).log() if self._model.outputs == "probabilities" else rows

    def _maps(self, output: Tensor) -> Tensor:
        """(n, channels, rows, columns), a view but for heads."""
        return output[..., None, None] if self._map is None else as_maps(output, self._map)


def centre_share(maps: Tensor) -> Tensor:
    """Of the positive activation of maps (n, c, h, w), the share within the middle half of rows and columns: (n, c).

    Places count by how much of them lies there. A quarter is what evenly spread activation has; NaN where nothing is positive,
    and of maps below 3 x 3, whose places all lie there alike.
    """
    if min(maps.shape[2:]) < LEAST:
        return maps.new_full(maps.shape[:2], torch.nan)
    rows, columns = (_middle(side, maps) for side in maps.shape[2:])
    positive = maps.clamp_min(0)
    whole = positive.sum((2, 3))
    inside = torch.einsum("nchw,h,w->nc", positive, rows, columns)
    return torch.where(whole > 0, inside / whole, torch.nan)


def object_share(maps: Tensor, objects: Tensor) -> Tensor:
    """Of the positive activation of maps (n, c, h, w), the share on the object: (n, c).

    A place counts by how much of it the object (n, H, W), 1 or 0, covers. NaN where nothing is positive, or no object known.
    """
    covered = functional.adaptive_avg_pool2d(objects[:, None], (maps.shape[2], maps.shape[3]))
    positive = maps.clamp_min(0)
    whole = positive.sum((2, 3))
    return torch.where(whole > 0, (positive * covered).sum((2, 3)) / whole, torch.nan)


def _middle(side: int, like: Tensor) -> Tensor:
    """(side,), how much of each place lies in the middle half."""
    edges = torch.arange(side + 1, dtype=like.dtype, device=like.device) / side
    return (edges[1:].clamp(max=0.75) - edges[:-1].clamp(min=0.25)).clamp_min(0) * side
