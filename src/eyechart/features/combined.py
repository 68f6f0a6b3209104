"""Pictures for channels together: a whole layer, or directions in it, and the images that go with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eyechart.channels import Example
from eyechart.core.ranked import Ranked
from eyechart.features.looks import TILE, decoded_of, normalised, tile
from eyechart.features.method import Method
from eyechart.features.objectives import Objective, Seen, direction, whole_layer
from eyechart.features.reach import Reach
from eyechart.features.shown import resized
from eyechart.images.image_set import ImageSet
from eyechart.models.geometry import LayerGeometry
from eyechart.models.receptive_crop import receptive_crop

Array = np.ndarray[Any, Any]
WHOLE = "all channels together"
TOP = 9  # images
TOGETHER = 32  # images a forward


@dataclass(frozen=True)
class Combined:
    """A picture for some channels together.

    Attributes:
        name: of the direction, or ``WHOLE``.
        picture: (h, w, c) uint8.
        opacity: (h, w) uint8, or None.
        still: see ``Made``.
        score: the objective of the finished picture, as the net sees it.
        examples: images with the largest objective, best first; their values are it, their places where they give most to it.
        tiles: (examples, 72, 72, 3) uint8, what is seen of them there.
    """

    name: str
    picture: Array
    opacity: Array | None
    still: bool
    score: float
    examples: tuple[Example, ...]
    tiles: Array


@dataclass(frozen=True)
class Aim:
    """What is asked of a layer.

    Attributes:
        names: of the pictures.
        objective: of all pictures at once (None), or of the picture with this number for any number of images.
        local: of the picture with this number, what each place (n, h, w) of maps (n, c, h, w) gives to it.
    """

    names: tuple[str, ...]
    objective: Callable[[int | None], Objective]
    local: Callable[[int, Tensor], Tensor]


def aim_at_layer(layer: str) -> Aim:
    """Its mean square over channels and places."""
    return Aim((WHOLE,), lambda number: whole_layer(layer), lambda number, maps: maps.square().mean(1))


def aim_at_directions(layer: str, directions: Mapping[str, Array]) -> Aim:
    """See ``objectives.direction``: the dot product, by the square of the cosine."""
    vectors = torch.from_numpy(np.stack(list(directions.values())))

    def of(number: int | None) -> Objective:
        return direction(layer, vectors if number is None else vectors[number])

    def local(number: int, maps: Tensor) -> Tensor:
        flat = maps.movedim(1, 3).reshape(-1, maps.shape[1], 1, 1)  # each place an image of one place
        values = of(number).value(Seen({layer: flat}, flat))
        return values.view(len(maps), *maps.shape[2:])

    return Aim(tuple(directions), of, local)


def combined_parts(
    reach: Reach, aim: Aim, images: ImageSet, ids: Sequence[str], place: LayerGeometry | None, method: Method, seed: int
) -> dict[str, Array]:
    """Arrays whose first axis is the pictures of ``aim``, for ``combined_of``.

    Args:
        reach: of one layer.
        aim: what pictures are made for.
        images: of which examples are taken, in one pass that keeps the best few.
        ids: of those that may be examples; such as cannot be decoded are left out.
        place: where the layer's units lie.
        method, seed: of the pictures.
    """
    (layer,) = reach.layers
    made = method.make(reach, aim.objective(None), [f"{layer}/{name}" for name in aim.names], seed)
    pictures = (made.pictures.permute(0, 2, 3, 1).cpu() * 255).round().byte().numpy()
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).to(reach.model.device, torch.float32) / 255
    with torch.no_grad():
        scores = aim.objective(None).value(Seen(reach(resized(pixels, made.shown)), pixels))
    best = _ranked(reach, aim, images, ids)
    part = {"pictures": pictures, "still": made.still, "scores": scores.cpu().numpy(), "ids": best.ids}
    if made.weight is not None:
        part["opacity"] = (made.weight.cpu() * 255).round().byte().numpy()
    return {**part, "facts": best.facts, "tiles": _tiles(best, images, reach, place)}


def combined_of(names: Sequence[str], part: Mapping[str, Array]) -> Iterator[Combined]:
    """What ``combined_parts`` gave, one by one."""
    for i, name in enumerate(names):
        known = np.flatnonzero(part["ids"][i] != "")
        facts = part["facts"][i, known].tolist()
        examples = tuple(
            Example(str(part["ids"][i, k]), value, (int(y), int(x)))
            for k, (value, y, x) in zip(known, facts, strict=True)
        )
        opacity = part["opacity"][i] if "opacity" in part else None
        still, score = bool(part["still"][i]), float(part["scores"][i])
        yield Combined(name, part["pictures"][i], opacity, still, score, examples, part["tiles"][i, known])


def _ranked(reach: Reach, aim: Aim, images: ImageSet, ids: Sequence[str]) -> Ranked:
    """The images with the largest objective, a list a picture; facts: it, and the row and column that give most to it."""
    (layer,) = reach.layers
    found: Ranked | None = None
    for start in range(0, len(ids), TOGETHER):
        decoded, frames = decoded_of(images, ids[start : start + TOGETHER], reach.model)
        if not decoded:
            continue
        with torch.no_grad():
            maps = reach.of_frames(normalised(frames, reach.model))
            local = [aim.local(i, maps[layer]).flatten(1) for i in range(len(aim.names))]
        scores, at = (torch.stack([f(x) for x in local], 1).cpu().numpy() for f in (_mean, _largest))
        width = maps[layer].shape[3]
        some = Ranked.of(scores, decoded, np.stack([scores, at // width, at % width], 2), TOP)
        found = some if found is None else found.joined(some)
    return found or Ranked.of(np.empty((0, len(aim.names))), (), np.empty((0, len(aim.names), 3)), TOP)


def _mean(places: Tensor) -> Tensor:
    """Over places (n, places): the objective is the mean of what they give."""
    return places.mean(1)


def _largest(places: Tensor) -> Tensor:
    """The place that gives most, (n,)."""
    return places.argmax(1)


def _tiles(best: Ranked, images: ImageSet, reach: Reach, place: LayerGeometry | None) -> Array:
    found = np.zeros((*best.ids.shape, TILE, TILE, 3), np.uint8)
    for i, ids in enumerate(best.ids):
        known = [str(name) for name in ids if name]
        if not known:
            continue
        for j, frame in enumerate(decoded_of(images, known, reach.model)[1]):
            _, y, x = map(float, best.facts[i, j])
            box = receptive_crop(place, (int(y), int(x)), reach.model.preprocessing.size) if place else None
            found[i, j] = tile(frame, box)
    return found
