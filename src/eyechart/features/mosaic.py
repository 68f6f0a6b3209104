"""Layers seen whole: pictures of what each place of an image says (activation grid), and of all that is said (atlas)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from math import ceil
from typing import Any, Literal, NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np
import torch

from eyechart.core.chance import generator
from eyechart.errors import SettingError
from eyechart.features.fourier import Fourier
from eyechart.features.looks import decoded_of, frames_of, normalised
from eyechart.features.objectives import direction
from eyechart.features.reach import Reach
from eyechart.images.image_set import ImageSet
from eyechart.models.image_model import ImageModel

Array = np.ndarray[Any, Any]
Layout = Literal["auto", "umap", "components"]
SIDE = 8  # cells, at most
CELL = 64  # pixels
TOGETHER = 16
PLACES = 8  # drawn of an image for an atlas
LEAST = 3  # vectors that a cell of an atlas is the mean of, at least
NEIGHBOURS = 15  # of each vector that UMAP looks at; fewer vectors than twice as many are not laid out by it


class Mosaic(NamedTuple):
    """Pictures in a grid.

    Attributes:
        picture: (rows * 64, columns * 64, 3) uint8; grey where there is nothing.
        strength: (rows, columns), length of the activation vector that a cell shows; NaN where there is nothing.
        told: how the cells are laid out.
        name: of what it shows.
    """

    picture: Array
    strength: Array
    told: str
    name: str = ""


def activation_grid(
    model: ImageModel, layer: str, images: ImageSet, name: str, seed: int = 0, steps: int = 64
) -> Mosaic:
    """What a layer says at each place of one image: a picture for the direction of each place's vector of activations.

    Maps of more than 8 x 8 places are averaged over blocks. (Olah et al., The building blocks of interpretability, 2018.)
    """
    reach = Reach(model, [layer])
    frames = normalised(frames_of(images, [name], model), model)
    with torch.no_grad():
        maps = reach.of_frames(frames)[layer]
    maps = torch.nn.functional.adaptive_avg_pool2d(maps, (min(SIDE, maps.shape[2]), min(SIDE, maps.shape[3])))
    vectors = maps[0].flatten(1).T
    cells = {divmod(i, maps.shape[3]): vector for i, vector in enumerate(vectors)}
    told = "Each cell is a picture made for what the layer says at that place of the image."
    return _drawn(reach, layer, cells, (maps.shape[2], maps.shape[3]), told, seed, steps)


def layout_of(layout: Layout) -> Layout:
    """``umap`` or ``components``, for ``auto`` whether ``umap-learn`` is installed.

    Raises:
        SettingError: UMAP is asked for and not installed.
    """
    installed = find_spec("umap") is not None
    if layout == "umap" and not installed:
        way_out = 'Install eyechart[umap], or give "components": the two principal components.'
        raise SettingError("UMAP is not installed.", setting="--atlas-layout", value=layout, way_out=way_out)
    return layout if layout != "auto" else "umap" if installed else "components"


def atlas(
    model: ImageModel,
    layer: str,
    images: ImageSet,
    ids: Sequence[str],
    seed: int = 0,
    steps: int = 64,
    layout: Layout = "auto",
) -> Mosaic:
    """All that a layer says of many images, similar things side by side: a picture for the mean vector of each cell.

    Of each image eight places are drawn. Vectors are laid out in a plane by UMAP (by cosine) or by two principal components of
    their directions, see ``layout_of``; cells of fewer than three vectors stay empty. (Carter et al., Activation atlas, 2019.)
    """
    layout, reach = layout_of(layout), Reach(model, [layer])
    each = [_sampled(reach, layer, images, ids[i : i + 32], seed) for i in range(0, len(ids), 32)]
    vectors = np.concatenate([found for some in each for found in some])
    plane, by = _laid_out(vectors, seed, layout)
    low, high = np.percentile(plane, [1, 99], axis=0)
    at = np.clip(((plane - low) / np.maximum(high - low, 1e-12) * SIDE).astype(int), 0, SIDE - 1)
    cells = {}
    for row in range(SIDE):
        for column in range(SIDE):
            inside = (at[:, 1] == row) & (at[:, 0] == column)
            if inside.sum() >= LEAST:
                cells[row, column] = torch.from_numpy(vectors[inside].mean(0)).to(model.device)
    told = (
        f"Each cell is a picture made for the mean of similar things that the layer says at places of {sum(map(len, each)):,} "
        f"images, laid out by {by}."
    )
    return _drawn(reach, layer, cells, (SIDE, SIDE), told, seed, steps)


def _sampled(reach: Reach, layer: str, images: ImageSet, ids: Sequence[str], seed: int) -> list[Array]:
    """Vectors (places, channels) of each image that can be decoded."""
    decoded, frames = decoded_of(images, ids, reach.model)
    if not decoded:
        return []
    with torch.no_grad():
        flat = reach.of_frames(normalised(frames, reach.model))[layer].flatten(2)
    found = []
    for one, name in zip(flat, decoded, strict=True):
        places = generator(seed, "atlas", name).permutation(flat.shape[2])[:PLACES]
        found.append(one[:, torch.as_tensor(places, device=one.device)].T.cpu().numpy())
    return found


def _laid_out(vectors: Array, seed: int, layout: Layout) -> tuple[Array, str]:
    """(n, 2), and by what."""
    if layout == "umap" and len(vectors) >= 2 * NEIGHBOURS:
        return _by_umap(vectors, seed), "UMAP"
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = vectors / np.where(length > 0, length, 1)
    centred = alike - alike.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    plane = centred @ axes[:2].T
    return np.pad(plane, ((0, 0), (0, 2 - plane.shape[1]))), "their two principal components"


def _by_umap(vectors: Array, seed: int) -> Array:
    with catch_warnings():  # of what it could do besides, were other packages installed
        simplefilter("ignore")
        umap = import_module("umap")
        plane = umap.UMAP(n_neighbors=NEIGHBOURS, metric="cosine", random_state=seed, n_jobs=1).fit_transform(vectors)
    return np.nan_to_num(np.asarray(plane, np.float64))  # a vector unlike all others has no place


def _drawn(
    reach: Reach,
    layer: str,
    cells: dict[tuple[int, int], torch.Tensor],
    shape: tuple[int, int],
    told: str,
    seed: int,
    steps: int,
) -> Mosaic:
    rows, columns = shape
    picture = np.full((rows * CELL, columns * CELL, 3), 128, np.uint8)
    strength = np.full(shape, np.nan)
    method = Fourier(steps=steps, size=CELL, shown=min(CELL * 2, max(reach.model.preprocessing.size)))
    places = list(cells)
    for start in range(0, ceil(len(places) / TOGETHER) * TOGETHER, TOGETHER):
        some = places[start : start + TOGETHER]
        vectors = torch.stack([cells[place] for place in some])
        made = method.make(reach, direction(layer, vectors), [f"{layer}/{place}" for place in some], seed)
        tiles = (made.pictures.permute(0, 2, 3, 1).cpu() * 255).round().byte().numpy()
        for place, one, vector in zip(some, tiles, vectors, strict=True):
            y, x = place[0] * CELL, place[1] * CELL
            picture[y : y + CELL, x : x + CELL] = one
            strength[place] = float(vector.norm())
    return Mosaic(picture, strength, told)
