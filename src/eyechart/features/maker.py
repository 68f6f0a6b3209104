"""Everything that a gallery says of some channels of a layer: pictures made for them, their examples, what they decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch

from eyechart.channels import Example, LayerChannels
from eyechart.errors import SettingError
from eyechart.features.decides import TOGETHER, Deciding, centre_share, object_share
from eyechart.features.examples import LISTS, Choice, Examples
from eyechart.features.looks import frames_of, normalised, objects_of
from eyechart.features.method import Method
from eyechart.features.objectives import Objective, Seen, channel, neuron
from eyechart.features.reach import Reach
from eyechart.features.shown import resized
from eyechart.images.image_set import ImageSet
from eyechart.models.image_model import ImageModel
from eyechart.spectrum.density import grey, radial_profile

Array = np.ndarray[Any, Any]
Target = Literal["channel", "neuron"]
DEEDS = ("without", "turned", "share", "rank")
PLACES = ("centre", "on_object", "object")


class Maker:
    """Makes parts of a gallery of one layer.

    Args:
        model: the model.
        images: the set that ``known`` was read from.
        known: what is known of the layer's channels.
        method: how pictures are made.
        seed: of the pictures.
        target: what pictures excite: a channel at all places alike (``channel``), or at the middle place alone (``neuron``).
        choice: of the examples.
    """

    def __init__(
        self,
        model: ImageModel,
        images: ImageSet,
        known: LayerChannels,
        method: Method,
        seed: int,
        target: Target = "channel",
        choice: Choice | None = None,
    ) -> None:
        self._model, self._images, self._known = model, images, known
        self._method, self._seed, self._target, self.layer = method, seed, target, known.layer
        self._reach = Reach(model, [self.layer])
        self._examples = Examples(self._reach, images, known, choice or Choice())
        self.undecided = ""  # why nothing is said of the answer
        self._deciding: Deciding | None = None
        if model.kind != "logits":
            self.undecided = "the model gives no classes"
        else:
            try:
                self._deciding = Deciding(model, self.layer, known.summed.mean)
            except SettingError as error:
                self.undecided = str(error.args[0]) if error.args else str(error)

    def part(self, channels: Sequence[int]) -> dict[str, Array]:
        """``pictures`` and ``beside``."""
        return {**self.pictures(channels), **self.beside(channels)}

    def beside(self, channels: Sequence[int]) -> dict[str, Array]:
        """What stands beside the pictures, from images alone: arrays whose first axis is the channels.

        best: the largest mean over places (of a neuron the largest value) of any image; tiles, values, ids and places of the
        examples, see ``Examples.arrays``. Of the top ones: without, turned, share, rank (see ``Decided``), centre (see
        ``centre_share``), on_object (see ``object_share``) and object, the share of the frame that it covers, (9,), NaN where
        there is none.
        """
        examples = [self._examples.of(c) for c in channels]
        ids = list(dict.fromkeys(e.id for some in examples for e in some.values()))
        frames = frames_of(self._images, ids, self._model)
        at = {name: i for i, name in enumerate(ids)}
        return {
            **self._examples.arrays(channels, examples, frames, at),
            **self._deeds(channels, examples, frames, ids),
        }

    def pictures(self, channels: Sequence[int]) -> dict[str, Array]:
        """Arrays whose first axis is the channels.

        channels; pictures (size, size, c) uint8, opacity (size, size) uint8; first, last: the objective at the first and last
        step, as the picture was then shown; score, most: of the finished picture the mean over places (of a neuron the middle
        place's value), and the maximum over places; still: see ``Made``; frequency: centroid of the picture's radial spectrum,
        as a share of Nyquist.
        """
        keys = [f"{self.layer}/{c}" for c in channels]
        made = self._method.make(self._reach, self._objective(channels), keys, self._seed)
        pictures = (made.pictures.permute(0, 2, 3, 1).cpu() * 255).round().byte().numpy()
        opacity = None if made.weight is None else (made.weight.cpu() * 255).round().byte().numpy()
        score, most = self.scores(pictures, channels, made.shown)
        return {
            "channels": np.array(channels),
            "pictures": pictures,
            **({} if opacity is None else {"opacity": opacity}),
            "first": made.scores[0],
            "last": made.scores[-1],
            "still": made.still,
            "score": score,
            "most": most,
            "frequency": _centroid(made.pictures.cpu()),
        }

    def scores(self, pictures: Array, channels: Sequence[int], side: int) -> tuple[Array, Array]:
        """What ``part`` has as score and most, of each channel's picture (n, h, w, c) uint8, shown as a square of ``side``."""
        pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).to(self._model.device, torch.float32) / 255
        with torch.no_grad():
            maps = self._reach(resized(pixels, side))[self.layer]
        own = maps[torch.arange(len(channels)), torch.as_tensor(list(channels))]
        score = self._objective(channels).value(Seen({self.layer: maps}, pixels))
        return score.cpu().numpy(), own.amax((1, 2)).cpu().numpy()

    def _objective(self, channels: Sequence[int]) -> Objective:
        return (channel if self._target == "channel" else neuron)(self.layer, tuple(channels))

    def _deeds(
        self, channels: Sequence[int], examples: Sequence[Mapping[int, Example]], frames: Array, ids: Sequence[str]
    ) -> dict[str, Array]:
        """What the channels decide for their top images, and where they speak there; ``frames`` are of ``ids``."""
        at = {name: i for i, name in enumerate(ids)}
        found = {name: np.full((len(channels), LISTS["top"]), np.nan) for name in (*DEEDS, *PLACES)}
        wanted: dict[int, list[tuple[int, int]]] = {}  # image -> (row, rank)
        for row, some in enumerate(examples):
            for rank, e in some.items():
                if rank < LISTS["top"]:
                    wanted.setdefault(at[e.id], []).append((row, rank))
        images = sorted(wanted)
        for start in range(0, len(images), TOGETHER):
            some_images = images[start : start + TOGETHER]
            shown = normalised(frames[some_images], self._model)
            lists = [[channels[row] for row, _ in wanted[i]] for i in some_images]
            decided = self._deciding.of_images(shown, lists) if self._deciding else []
            where = self._where(shown, [ids[i] for i in some_images])
            for k, i in enumerate(some_images):
                for m, (row, rank) in enumerate(wanted[i]):
                    for name, values in where.items():
                        found[name][row, rank] = values[k, channels[row]]
                    for name in DEEDS if decided else ():
                        found[name][row, rank] = float(getattr(decided[k][m], name))
        by = "mean" if self._target == "channel" else "top"
        best = [max((e.value for e in self._known.examples(c, by)), default=np.nan) for c in channels]
        return {**found, "best": np.array(best)}

    def _where(self, shown: torch.Tensor, ids: Sequence[str]) -> dict[str, Array]:
        """Of each image and channel (n, channels): ``PLACES``."""
        with torch.no_grad():
            maps = self._reach.of_frames(shown)[self.layer]
        found = {"centre": centre_share(maps).cpu().numpy()}
        objects = objects_of(self._images, ids, self._model)
        if objects is not None:
            found["on_object"] = object_share(maps, torch.from_numpy(objects).to(maps.device)).cpu().numpy()
            found["object"] = np.broadcast_to(objects.mean((1, 2))[:, None], found["centre"].shape)
        return found


def _centroid(pictures: torch.Tensor) -> Array:
    """Mean radius of the power beyond zero frequency, as a share of Nyquist (n,)."""
    shades = grey(pictures) if pictures.shape[1] == 3 else pictures.mean(1)
    profile = radial_profile(shades)
    mean = (profile.values * profile.radii).sum(-1) / profile.values.sum(-1)
    found: Array = (mean / (pictures.shape[-1] / 2)).numpy()
    return found
