"""Making stimuli of a set of images: class folders of lossless pictures, and a table of what each of them shows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from eyechart.errors import RunFolderError, SettingError
from eyechart.images.image_set import ImageSet
from eyechart.images.load import load_images
from eyechart.images.masks import MaskedSource
from eyechart.images.order import seeded_order
from eyechart.images.sources import FileSource
from eyechart.models.checkpoint import Trust
from eyechart.models.private_copy import device_of
from eyechart.run.provenance import command_line
from eyechart.run.reporter import Reporter, Silent
from eyechart.stimuli.export import Export, Stimuli, Unit
from eyechart.stimuli.identity import identity
from eyechart.stimuli.kinds import Recipe, recipe
from eyechart.stimuli.painter import Format, Painter
from eyechart.stimuli.pairing import Pairing
from eyechart.stimuli.record import Record
from eyechart.store.folder import Folder

Images = str | os.PathLike[str] | ImageSet


def make_stimuli(
    kind: str,
    images: Images,
    *,
    out: str | Path,
    styles: Images | None = None,
    settings: Mapping[str, Any] | None = None,
    size: int | None = None,
    per_image: int = 1,
    same_class: bool = False,
    format: Format = "png",
    limit: int | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    workers: int | Literal["auto"] = "auto",
    trust: Trust = "none",
    max_bad: int = 0,
    reporter: Reporter | None = None,
) -> Stimuli:
    """Make stimuli and write them to a folder. The same call goes on where it stopped; a larger ``limit`` adds to it.

    Args:
        kind: a name from ``eyechart.stimuli.kinds.KINDS``, or ``pkg.module:Class`` of a view of your own.
        images: contents, as for ``load_images``. Their labels become the pictures' class folders.
        out: folder or URL.
        styles: for kinds that mix two images; the contents themselves if None.
        settings: of the kind.
        size: side of the exported square in pixels; by default the least short side of the first images (512 at most; below 16
            it is to be given), and 224 for style transfer.
        per_image: pictures of each content, with as many styles.
        same_class: whether a style may be of the content's class.
        format: both are lossless.
        limit: only the first so many contents of the seeded, stratified order.
        seed: of the order, of the choice of styles, and of random views.
        device, workers, trust: see ``load_model`` and ``RunOptions``.
        max_bad: pictures that may be missing.
        reporter: told how it goes.

    Raises:
        UnknownNameError, SettingError: the kind, its settings or the frame.
        ImagesError, CheckpointError, TrustError: images or weights.
        IdentityError, RunFolderError: the folder holds other stimuli or other files, lies among the images, or cannot be used.
        BadImagesError: more than ``max_bad`` pictures could not be made; the others are there.
    """
    contents = images if isinstance(images, ImageSet) else load_images(images)
    chosen = recipe(kind, settings or {})
    pairing = _pairing(chosen, contents, styles, seed, same_class, per_image)
    _check(per_image, limit, seed, size, format)
    painter = Painter(chosen, contents, size, device_of(device), trust)
    for one in (contents, *([pairing.styles] if pairing else [])):
        _check_apart(Folder(out), one)
    what = identity(painter, contents, pairing, per_image, format, seed)
    record = Record(Folder(out), what, command_line())
    order = seeded_order(contents.ids, contents.labels, seed)[:limit]
    units = [Unit(int(content), number) for content in order for number in range(per_image)]
    export = Export(painter, contents, pairing, record, format, seed, per_image)
    return export.run(units, workers, max_bad, reporter or Silent())


def _pairing(
    chosen: Recipe, contents: ImageSet, styles: Images | None, seed: int, same_class: bool, each: int
) -> Pairing | None:
    if not chosen.mixes:
        if styles is not None or each > 1:
            setting, value = ("--styles", styles) if styles is not None else ("--per-image", each)
            way_out = "Leave it out, or choose a kind that mixes two images."
            problem = f"{chosen.name} makes one picture of each image alone."
            raise SettingError(problem, setting=setting, value=value, way_out=way_out)
        return None
    given = contents if styles is None else styles if isinstance(styles, ImageSet) else load_images(styles)
    pairing = Pairing(contents, given, seed, same_class)
    pairing.check(each)
    return pairing


def _check(per_image: int, limit: int | None, seed: int, size: int | None, format: str) -> None:
    least = {"--per-image": (per_image, 1), "--limit": (limit, 1), "--seed": (seed, 0), "--size": (size, 2)}
    for setting, (value, smallest) in least.items():
        if value is not None and value < smallest:
            raise SettingError("It is too small.", setting=setting, value=value, way_out=f"Give {smallest} or more.")
    if format not in ("png", "webp"):
        raise SettingError("No such format.", setting="--format", value=format, way_out="Give png or webp.")


def _check_apart(folder: Folder, images: ImageSet) -> None:
    """In the folder of the images, pictures would be images of the set when the command is given again."""
    source = images.source(0) if len(images) else None
    if isinstance(source, MaskedSource):
        source = source.image
    if folder.local is None or not isinstance(source, FileSource):
        return
    file = Path(source.path).resolve().as_posix()
    root = Path(file.removesuffix(images.ids[0]))
    if root.is_dir() and folder.local.resolve().is_relative_to(root):
        raise RunFolderError(
            f"The folder lies among the images, in {root}.",
            setting="--out",
            value=folder.root,
            way_out="Choose a folder elsewhere.",
        )
