"""Masks of objects: a folder of pictures called as the images, black where there is no object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os.path import abspath, join, splitext

import numpy as np
from PIL import Image

from eyechart.errors import ImagesError
from eyechart.images.decode import decode, image_extensions
from eyechart.images.fingerprint import Fingerprint
from eyechart.images.ids import printable
from eyechart.images.image_set import ImageSet, Source, UndecodableError
from eyechart.images.original import Original
from eyechart.images.walk import walk


@dataclass(frozen=True)
class MaskedSource(Source):
    """An image with the mask of its object.

    Attributes:
        image: where the picture comes from.
        mask: path of the mask; empty: there is none, and nothing in the picture counts as object.
    """

    image: Source
    mask: str

    def open(self) -> Original:
        """Decode both. Raises UndecodableError, also for a mask that cannot be read or is of another size."""
        original = self.image.open()
        original.mask = self._mask(original.picture.size)
        return original

    def _mask(self, size: tuple[int, int]) -> Image.Image:
        if not self.mask:
            return Image.new("L", size)
        try:
            found = decode(self.mask).picture
        except UndecodableError as bad:
            raise UndecodableError(bad.status, f"Its mask: {bad.reason}") from bad
        if found.size != size:
            sides = [f"{width} x {height}" for width, height in (found.size, size)]
            raise UndecodableError("unreadable", f"Its mask has {sides[0]} pixels, the image {sides[1]}.")
        return Image.fromarray(np.where(np.asarray(found).any(2), 255, 0).astype(np.uint8))


@dataclass(frozen=True, eq=False, kw_only=True)
class MaskedSet(ImageSet):
    """Images with masks of their objects.

    Attributes:
        images: the images without masks.
        masks: place -> path of the mask.
    """

    images: ImageSet
    masks: Mapping[int, str]

    def source(self, index: int) -> Source:
        """The image's own source, and its mask."""
        return MaskedSource(self.images.source(index), self.masks.get(index, ""))


def with_masks(images: ImageSet, folder: str) -> MaskedSet:
    """``images`` with the masks below ``folder``, each called as its image but for the ending: ``cat/7.png`` for ``cat/7.jpg``.

    Raises:
        ImagesError: the folder cannot be listed, two masks have one name, or none is called as an image.
    """
    paths = _by_stem(folder)
    masks, sizes = {}, []
    for place, identity in enumerate(images.ids):
        if (found := paths.pop(_stem(identity), None)) is not None:
            masks[place] = join(abspath(folder), found[0])
            sizes.append(f"{found[1]} {found[0]}")
    if not masks:
        example = (
            f"the first image is {images.ids[0]}, the first mask {next(iter(paths))}" if paths else "it holds none"
        )
        raise _wrong(f"No mask in the folder is called as an image ({example}).", folder)
    mark = Fingerprint("masked")
    mark.text(images.fingerprint)
    mark.texts(sizes)
    remarks = []
    if missing := len(images) - len(masks):
        remarks.append(f"{missing:,} of {len(images):,} images have no mask: no object is seen in them.")
    if paths:
        remarks.append(f"Masks that are called as no image: {len(paths):,}.")
    return MaskedSet(
        name=images.name,
        ids=images.ids,
        targets=images.targets,
        class_names=images.class_names,
        fingerprint=mark.hex(),
        remarks=(*images.remarks, *remarks),
        images=images,
        masks=masks,
    )


def _by_stem(folder: str) -> dict[str, tuple[str, int]]:
    """Name without ending -> path and size, in the order of the names."""
    try:
        files = sorted(walk(folder).files)
    except (OSError, ValueError) as error:
        raise _wrong("The folder of masks cannot be listed.", folder) from error
    found: dict[str, tuple[str, int]] = {}
    for path, size in files:
        if (stem := _stem(printable(path))) in found:
            raise _wrong(f"Two masks have one name: {printable(found[stem][0])} and {printable(path)}.", folder)
        found[stem] = (path, size)
    return found


def _stem(name: str) -> str:
    """An image's id or a file's path without the ending of a picture."""
    stem, ending = splitext(name)
    return stem if ending.lower() in image_extensions() else name


def _wrong(problem: str, folder: str) -> ImagesError:
    way_out = "Give a folder with a mask for each image, of its size and called as it is: cat/7.png for cat/7.jpg."
    return ImagesError(problem, setting="--masks", value=printable(folder), way_out=way_out)
