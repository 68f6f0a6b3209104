"""The frame in which images are looked at where no model gives one."""

from __future__ import annotations

from eyechart.errors import ImagesError, SettingError
from eyechart.images.image_set import ImageSet, UndecodableError
from eyechart.models.preprocessing import Preprocessing

TRIED = 20  # images opened to find the size
LARGEST = 512  # pixels; the spectra of larger frames cost much and say little more


def frame_of(images: ImageSet, size: int | None) -> Preprocessing:
    """The square in which images are looked at: of ``size``, or of the least short side of the first images.

    A square, since any other frame would put black bars beside images of another shape. Images of its size are not resized.

    Raises:
        ImagesError: none of the first images can be opened.
        SettingError: an image has a side of one pixel.
    """
    side = size if size is not None else min(_short_side(images), LARGEST)
    return Preprocessing(size=(side, side), resize=side, interpolation="bicubic")


def _short_side(images: ImageSet) -> int:
    """The least side of the first images that can be opened."""
    found = []
    for index in range(min(len(images), TRIED)):
        try:
            found.append(min(images.source(index).open().picture.size))
        except UndecodableError:
            continue
    if found and min(found) > 1:
        return min(found)
    if found:
        way_out = "Give --size."
        raise SettingError(
            "An image is one pixel wide or high: too small to examine.",
            setting="images",
            value=images.name,
            way_out=way_out,
        )
    raise ImagesError(
        "None of the first images can be opened.",
        setting="images",
        value=images.name,
        way_out="Give --size, or mend the images: eyechart doctor lists what is wrong with them.",
    )
