"""A gallery as files: a page, single pictures, and bundles of arrays for further work."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save

from eyechart.features.examples import LISTS
from eyechart.features.kernels import kernels_of
from eyechart.features.layer_gallery import LayerGallery
from eyechart.features.looks import frames_of
from eyechart.features.told import (
    combined_figures,
    combined_remark,
    combined_strip,
    figures,
    introduction,
    is_shown,
    legend,
    remark,
    sentences,
    strip_names,
    table,
)
from eyechart.images.image_set import ImageSet
from eyechart.models.image_model import ImageModel
from eyechart.report.features_page import ChannelCard, FeaturesPage, LayerPart, Spikes, render_features
from eyechart.store.folder import Folder

Array = np.ndarray[Any, Any]
PAGE, TABLE, ASSETS = "features.html", "features.json", "assets"
MOST_CARDS, MOST_BYTES = 200, 5_000_000  # of a page in one file
SHOWN = 160  # pixels of a picture on the page
QUALITY = 82
LONGEST = 80  # letters of a name that stand in a file's


class Presented:
    """Writes a gallery.

    Args:
        folder: where it goes.
        model, images: of the gallery.
        layers: what was made.
        about: lines of (label, value).
        provenance: nested plain data, with ``created``.
        looks: ids of images whose activations are shown.
        beside: pictures as files beside the page; by default where there are many.
    """

    def __init__(
        self,
        folder: Folder,
        model: ImageModel,
        images: ImageSet,
        layers: Sequence[LayerGallery],
        about: Sequence[tuple[str, str]],
        provenance: Mapping[str, Any],
        looks: Sequence[str] = (),
        beside: bool = False,
    ) -> None:
        self._folder, self._model, self._images, self._layers = folder, model, images, layers
        self._about, self._provenance, self._looks = tuple(about), provenance, tuple(looks)
        cards = sum(len(layer.channels) for layer in layers)
        self._beside = beside or cards > MOST_CARDS

    def write(self) -> str:
        """All of it. Gives the name of the page."""
        for layer in self._layers:
            self._pictures(layer)
            self._bundle(layer)
        self._folder.write_json(
            TABLE, {"schema": 1, **dict(self._provenance), "layers": [table(x) for x in self._layers]}
        )
        text = render_features(self._page(), beside=self._beside)
        if not self._beside and len(text.encode()) > MOST_BYTES:
            self._beside = True
            text = render_features(self._page(), beside=True)
        self._folder.write(PAGE, text.encode("utf-8", "replace"))
        return PAGE

    def _pictures(self, layer: LayerGallery) -> None:
        made = layer.made
        for i, number in enumerate(layer.channels):
            if is_shown(layer, i):
                opacity = made["opacity"][i] if "opacity" in made else None
                self._folder.write(f"{slug(layer.layer)}/{number:04d}.png", _png(made["pictures"][i], opacity))
        for one in layer.combined:
            if not one.still:
                name = f"together-{slug(one.name)}"  # directions may be called as channels are
                self._folder.write(f"{slug(layer.layer)}/{name}.png", _png(one.picture, one.opacity))

    def _bundle(self, layer: LayerGallery) -> None:
        arrays = {
            name: np.ascontiguousarray(value) for name, value in layer.made.items() if name not in ("tiles", "ids")
        }
        arrays |= {"mean": layer.known.summed.mean, "sd": layer.known.summed.sd}
        for twin in layer.known.summed.twins:
            arrays[f"texture_ness_{twin}"] = layer.texture_ness[twin][0]
        if len(layer.looks):
            arrays |= {"looks": layer.looks, "looks_z": layer.known.z(layer.looks)}
        if layer.combined:
            arrays["combined_pictures"] = np.stack([one.picture for one in layer.combined])
            arrays["combined_score"] = np.array([one.score for one in layer.combined])
        arrays = {k: np.ascontiguousarray(v.astype(np.uint8) if v.dtype == bool else v) for k, v in arrays.items()}
        self._folder.write(f"{slug(layer.layer)}.safetensors", save(arrays, {"layer": layer.layer}))

    def _page(self) -> FeaturesPage:
        kernels = kernels_of(self._model)
        shown = None
        if kernels is not None:
            shown = (self._put("kernels", _webp(kernels.sheet, lossless=True)), kernels.told)
        return FeaturesPage(
            title=f"What channels of {self._model.name} look for",
            created=str(self._provenance["created"]),
            about=self._about,
            legend=legend(self._layers[0].target, self._layers[0].choice),
            introduction=introduction(self._layers[0].choice),
            kernels=shown,
            layers=tuple(self._part(number, layer) for number, layer in enumerate(self._layers)),
            provenance=self._provenance,
        )

    def _part(self, number: int, layer: LayerGallery) -> LayerPart:
        anchors = {c: f"l{number}-c{c}" for c in layer.channels}
        cards = tuple(self._card(layer, i, anchors[c]) for i, c in enumerate(layer.channels))
        return LayerPart(
            layer.layer,
            f"layer-{number}",
            tuple(sentences(layer)),
            tuple(self._spikes(layer, anchors)),
            tuple(self._mosaics(number, layer)),
            cards,
            tuple(self._together(number, layer)),
        )

    def _together(self, number: int, layer: LayerGallery) -> Iterator[ChannelCard]:
        for i, one in enumerate(layer.combined):
            name = f"{slug(layer.layer)}-together-{slug(one.name)}"
            source = "" if one.still else self._put(name, _webp(np.asarray(_small(one.picture, SHOWN))))
            strips: tuple[tuple[str, str, int], ...] = ()
            if told := combined_strip(one):
                strips = ((told, self._put(f"{name}-top", _webp(np.concatenate(list(one.tiles), 1))), len(one.tiles)),)
            figures_ = tuple(combined_figures(one))
            yield ChannelCard(i, f"l{number}-t{i}", source, combined_remark(one), strips, figures_, one.name)

    def _spikes(self, layer: LayerGallery, anchors: Mapping[int, str]) -> Sequence[Spikes]:
        if not self._looks:
            return ()
        frames = frames_of(self._images, self._looks, self._model)
        found = []
        for name, frame, z in zip(self._looks, frames, layer.known.z(layer.looks), strict=True):
            numbers = tuple(float(v) if np.isfinite(v) else None for v in z)
            source = self._put(f"look-{slug(name)}", _webp(np.asarray(_small(frame, 72))))
            found.append(Spikes(name, source, numbers, layer.known.largest_by_chance, anchors))
        return found

    def _mosaics(self, number: int, layer: LayerGallery) -> Iterator[tuple[str, str, str]]:
        for i, one in enumerate(layer.mosaics):
            kind, _, image = one.name.partition("/")
            heading = f"Activation grid of {image}" if kind == "grid" else "Atlas"
            self._folder.write(f"{slug(layer.layer)}/mosaic-{slug(one.name)}.png", _png(one.picture, None))
            yield heading, one.told, self._put(f"mosaic-{number}-{i}", _webp(one.picture))

    def _card(self, layer: LayerGallery, i: int, anchor: str) -> ChannelCard:
        made, number = layer.made, layer.channels[i]
        source = ""
        if is_shown(layer, i):
            source = self._put(
                f"{slug(layer.layer)}-{number:04d}", _webp(np.asarray(_small(made["pictures"][i], SHOWN)))
            )
        strips, names = [], strip_names(layer.choice)
        start = 0
        for which, count in LISTS.items():
            known = ~np.isnan(made["values"][i, start : start + count])
            tiles = made["tiles"][i, start : start + count][known]
            start += count
            if len(tiles):
                address = self._put(f"{slug(layer.layer)}-{number:04d}-{which}", _webp(np.concatenate(list(tiles), 1)))
                strips.append((names[which], address, len(tiles)))
        return ChannelCard(
            number, anchor, source, remark(layer, i), tuple(strips), tuple(figures(layer, i, self._model.class_names))
        )

    def _put(self, name: str, data: bytes) -> str:
        """An address for a picture: in the page, or of a file beside it."""
        if not self._beside:
            return f"data:image/webp;base64,{b64encode(data).decode('ascii')}"
        self._folder.write(f"{ASSETS}/{name}.webp", data)
        return f"{ASSETS}/{name}.webp"


def slug(name: str) -> str:
    """A name as a file's: as it is, or else with a digest, so that no two are one."""
    found = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip(".")[:LONGEST]
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return found if found == name else f"{found}-{digest}"


def _small(picture: Array, side: int) -> Image.Image:
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture).convert("RGB")
    if max(image.size) <= side:
        return image
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def _webp(picture: Array, lossless: bool = False) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", quality=QUALITY, lossless=lossless, method=4)
    return file.getvalue()


def _png(picture: Array, opacity: Array | None) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    if opacity is not None:
        image = image.convert("RGBA")
        image.putalpha(Image.fromarray(opacity))
    image.save(file, "PNG")
    return file.getvalue()
