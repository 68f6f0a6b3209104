"""Open an image set by what the user wrote."""

from __future__ import annotations

import os
from importlib import import_module

from eyechart.errors import ImagesError, UnknownNameError
from eyechart.images.folder import open_folder
from eyechart.images.image_set import ImageSet
from eyechart.images.labels import read_labels, relabel, replaces_labels
from eyechart.images.masks import with_masks

SCHEMES = {
    "npz": "eyechart.images.npz:open_npz",
    "cifar10": "eyechart.images.cifar10:open_cifar10",
    "cifar10c": "eyechart.images.cifar10c:open_cifar10c",
    "imagenetc": "eyechart.images.imagenetc:open_imagenetc",
    "parquet": "eyechart.images.tables:open_parquet",
}
_HINT = "Images are a folder, npz:FILE, cifar10:DIR, cifar10c:DIR, imagenetc:DIR, parquet:GLOB or demo."


def load_images(
    spec: str | os.PathLike[str], *, labels: str | None = None, masks: str | os.PathLike[str] | None = None
) -> ImageSet:
    """Open the images that ``spec`` names.

    Args:
        spec: a folder, ``npz:FILE``, ``cifar10:DIR`` (``DIR#train`` for the training images), ``parquet:GLOB``, ``demo``, or
            corrupted pictures, ``cifar10c:DIR`` and ``imagenetc:DIR``. A folder called ``demo`` is ``./demo``.
        labels: a CSV file, a template such as ``{label}_{_}.jpg``, or ``regex:...``; read by ``read_labels``. A file without
            a column of labels adds its columns, such as ``group``, to the labels that the images have.
        masks: a folder of masks of the objects, see ``with_masks``.

    Raises:
        ImagesError: if the images, the labels or the masks cannot be read.
        UnknownNameError: for a scheme that is not known.
    """
    images = _opened(os.fspath(spec), labelled=labels is None or not replaces_labels(labels))
    labelled = images if labels is None else relabel(images, read_labels(labels, images.ids))
    return labelled if masks is None else with_masks(labelled, os.fspath(masks))


def _opened(spec: str, *, labelled: bool) -> ImageSet:
    if spec == "demo":
        return _call("eyechart.images.demo:open_demo")
    scheme, colon, rest = spec.partition(":")
    if colon and scheme in SCHEMES:
        if not rest:
            raise ImagesError("Nothing follows the scheme.", setting="--images", value=spec, way_out=_HINT)
        return _call(SCHEMES[scheme], rest)
    if colon and len(scheme) > 1 and scheme.isidentifier() and not os.path.exists(spec):
        raise UnknownNameError.of(f"{scheme}:", [f"{name}:" for name in SCHEMES], setting="--images", hint=_HINT)
    return open_folder(spec, labelled=labelled)


def _call(target: str, *arguments: str) -> ImageSet:
    module, _, function = target.partition(":")
    images = getattr(import_module(module), function)(*arguments)  # opened late: pyarrow is slow to import
    if not isinstance(images, ImageSet):
        raise TypeError(f"{target} gave no ImageSet")
    return images
