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

from eyechart.features.gallery import LayerGallery
from eyechart.features.kernels import kernels_of
from eyechart.features.looks import frames_of
from eyechart.features.maker import LISTS, Target
from eyechart.images.image_set import ImageSet
from eyechart.models.image_model import ImageModel
from eyechart.report.features_page import ChannelCard, FeaturesPage, Figure, LayerPart, Spikes, render_features
from eyechart.store.folder import Folder

Array = np.ndarray[Any, Any]
PAGE, TABLE, ASSETS = "features.html", "features.json", "assets"
MOST_CARDS, MOST_BYTES = 200, 5_000_000  # of a page in one file
SHOWN = 160  # pixels of a picture on the page
QUALITY = 82
LONGEST = 80  # letters of a name that stand in a file's
NEVER = "Dead: it says the same of every image, and no picture was found that changes it."
ASLEEP = "Dead: it says the same of every image, and says no more to the picture made for it, which is not shown."
UNMOVED = "No picture: while it was made, nothing changed what the channel says."
WEAKER = "Its picture excites it no more than its best image does: do not trust it."
SILENT = "It says the same of every image here; only the picture excites it."

WHERE = {"channel": "on average over places", "neuron": "at its middle place (of images: at any place)"}
LEGEND = (
    ("picture by best image", "how strongly the channel answers to its picture, {where}, as a multiple of the strongest "
     "answer to any image. Below 1 the picture misses what the channel answers to."),
    ("answer without it", "mean change of the probability of the answer given to its top images, in points, once the channel "
     "says everywhere what it says on average; and for how many of them another class is then given. Near 0: it fires there, "
     "but by itself it does not decide; others may say the same."),
    ("rank in the answer", "median place among all channels of the layer by |gradient x activation| for its top images, a "
     "first estimate of their part in the answer; 1 is the largest."),
    ("order of parts", "how its response to the images with their tiles shuffled follows its response to the images as they "
     "are (slope over all images): near 1 it needs no arrangement, as for texture, near 0 it does. Channels that see little "
     "are near 1 in any case."),
    ("phases", "likewise with the phases of the images' waves scrambled, which leaves the spectrum as it is."),
    ("in the middle", "share of its activation in the middle quarter of its top images, where photographs mostly have their "
     "object; 25 % is evenly spread."),
    ("on the object", "where images have masks (--masks): share of its activation on the objects of its top images, and, in "
     "brackets, the share of the frame that these cover."),
    ("detail", "mean frequency of its picture, as a share of the finest that its pixels can carry."),
    ("best class", "the class to whose images it says most; in brackets how much more than to others, from 0 to 1, on other "
     "images than the class is picked on."),
)  # fmt: skip


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
            if _shown(layer, i):
                opacity = made["opacity"][i] if "opacity" in made else None
                self._folder.write(f"{slug(layer.layer)}/{number:04d}.png", _png(made["pictures"][i], opacity))

    def _bundle(self, layer: LayerGallery) -> None:
        arrays = {name: np.ascontiguousarray(value) for name, value in layer.made.items() if name != "tiles"}
        arrays |= {"mean": layer.known.summed.mean, "sd": layer.known.summed.sd}
        for twin in layer.known.summed.twins:
            arrays[f"texture_ness_{twin}"] = layer.texture_ness[twin][0]
        if len(layer.looks):
            arrays |= {"looks": layer.looks, "looks_z": layer.known.z(layer.looks)}
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
            legend=legend(self._layers[0].target),
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
        )

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
        if _shown(layer, i):
            source = self._put(
                f"{slug(layer.layer)}-{number:04d}", _webp(np.asarray(_small(made["pictures"][i], SHOWN)))
            )
        strips = []
        start = 0
        for which, count in LISTS.items():
            known = ~np.isnan(made["values"][i, start : start + count])
            tiles = made["tiles"][i, start : start + count][known]
            start += count
            if len(tiles):
                address = self._put(f"{slug(layer.layer)}-{number:04d}-{which}", _webp(np.concatenate(list(tiles), 1)))
                strips.append((STRIPS[which], address, len(tiles)))
        return ChannelCard(
            number, anchor, source, _remark(layer, i), tuple(strips), tuple(figures(layer, i, self._model.class_names))
        )

    def _put(self, name: str, data: bytes) -> str:
        """An address for a picture: in the page, or of a file beside it."""
        if not self._beside:
            return f"data:image/webp;base64,{b64encode(data).decode('ascii')}"
        self._folder.write(f"{ASSETS}/{name}.webp", data)
        return f"{ASSETS}/{name}.webp"


STRIPS = {
    "top": "Real images that excite it most; marked is what a unit sees, where that is less than all",
    "bottom": "Images that excite it least",
    "random": "Images at random, where it is strongest",
}


def legend(target: Target) -> tuple[tuple[str, str], ...]:
    """Of the figures on the cards."""
    return tuple((label, told.format(where=WHERE[target])) for label, told in LEGEND)


def figures(layer: LayerGallery, i: int, class_names: Sequence[str]) -> list[Figure]:
    """Of a card, in the order of the legend."""
    made, number, summed = layer.made, layer.channels[i], layer.known.summed
    found = []
    best, score = float(made["best"][i]), float(made["score"][i])
    if _shown(layer, i) and np.isfinite(best) and best > 0:
        found.append(Figure("ratio", "picture by best image", f"{score / best:.2f} ×", score / best))
    without, turned = made["without"][i], made["turned"][i]
    n = int(np.isfinite(without).sum())
    if n:
        mean = 100 * float(np.nanmean(without))
        found.append(
            Figure("decides", "answer without it", f"{mean:+.1f} points, {int(np.nansum(turned))} of {n}", -mean)
        )
        rank = float(np.nanmedian(made["rank"][i]))
        found.append(Figure("weight", "rank in the answer", f"{rank:.0f} of {len(summed.mean)}", -rank))
    for twin, label in (("patches", "order of parts"), ("phases", "phases")):
        if twin in summed.twins and np.isfinite(layer.texture_ness[twin][0, number]):
            value, low, high = map(float, layer.texture_ness[twin][:, number])
            ends = f" ({low:.2f} to {high:.2f})" if np.isfinite(low) else ""
            found.append(Figure(twin, label, f"{value:.2f}{ends}", value))
    centre = made["centre"][i]
    if np.isfinite(centre).any():
        value = float(np.nanmean(centre))
        found.append(Figure("centre", "in the middle", f"{100 * value:.0f} %", value))
    known = np.isfinite(made["on_object"][i])
    if known.any():
        value, covered = float(made["on_object"][i][known].mean()), float(made["object"][i][known].mean())
        found.append(
            Figure("object", "on the object", f"{100 * value:.0f} % (of {100 * covered:.0f} %)", value / covered)
        )
    if _shown(layer, i) and np.isfinite(made["frequency"][i]):
        value = float(made["frequency"][i])
        found.append(Figure("detail", "detail", f"{value:.2f} of Nyquist", value))
    chosen = layer.known.selectivity
    if not isinstance(chosen, str) and chosen.best[number] >= 0 and np.isfinite(chosen.held_out[number]):
        value, best_class = float(chosen.held_out[number]), int(chosen.best[number])
        name = class_names[best_class] if best_class < len(class_names) else f"class {best_class}"
        found.append(Figure("selective", "best class", f"{name} ({value:.2f})", value))
    return found


def sentences(layer: LayerGallery) -> list[str]:
    """What is to be known of a layer before its cards."""
    summed, made = layer.known.summed, layer.made
    dead = int(summed.dead.sum())
    found = [
        f"{len(summed.mean)} channels, measured on {summed.n:,} images; pictures were made for {len(layer.channels)}."
    ]
    if dead:
        found.append(f"{dead} of its channels {'is' if dead == 1 else 'are'} dead: the same for every image.")
    live = [i for i, c in enumerate(layer.channels) if not summed.dead[c] and np.isfinite(made["best"][i])]
    if live:
        above = sum(not made["still"][i] and not _weaker(made, i) for i in live)
        found.append(f"For {above} of {len(live)} live channels the picture excites them more than any image does.")
    if layer.undecided:
        found.append(
            f"Whether its channels decide was not measured: {layer.undecided[:1].lower()}{layer.undecided[1:].rstrip('.')}."
        )
    else:
        sizes = [
            np.abs(row[np.isfinite(row)]) for row in made["without"]
        ]  # ups and downs are both a part in the answer
        change = [float(row.mean()) for row in sizes if len(row)]
        if change:
            found.append(
                "Taking one away changes the probability of the answer to its own top images by less than a point, on average, "
                f"for {sum(x < 0.01 for x in change)} of {len(change)}. That a channel fires is no proof that it decides."
            )
    return found


def table(layer: LayerGallery) -> dict[str, Any]:
    """The figures of a layer's channels as plain data, null where there is none."""
    rows = []
    for i, number in enumerate(layer.channels):
        row: dict[str, Any] = {"channel": number, "dead": bool(layer.known.summed.dead[number])}
        row |= {
            name: _plain(layer.made[name][i])
            for name in ("still", "first", "last", "score", "most", "best", "frequency")
        }
        for name in ("without", "turned", "share", "rank", "centre", "on_object", "object"):
            held = layer.made[name][i]
            row[name] = _plain(np.nanmean(held)) if np.isfinite(held).any() else None
        for twin in layer.known.summed.twins:
            row[f"texture_ness_{twin}"] = _plain(layer.texture_ness[twin][0, number])
        row["top"] = [
            {"id": e.id, "value": e.value, "place": list(e.place)} for e in layer.known.examples(number, "top")
        ]
        rows.append(row)
    return {"layer": layer.layer, "n": layer.known.summed.n, "channels": len(layer.known.summed.mean), "rows": rows}


def slug(name: str) -> str:
    """A name as a file's: as it is, or else with a digest, so that no two are one."""
    found = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip(".")[:LONGEST]
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return found if found == name else f"{found}-{digest}"


def _shown(layer: LayerGallery, i: int) -> bool:
    """Whether there is a picture: none of a channel that is dead for images and pictures alike, which would be noise."""
    return not layer.made["still"][i] and not (layer.known.summed.dead[layer.channels[i]] and _weaker(layer.made, i))


def _remark(layer: LayerGallery, i: int) -> str:
    dead, weaker = layer.known.summed.dead[layer.channels[i]], _weaker(layer.made, i)
    if layer.made["still"][i]:
        return NEVER if dead else UNMOVED
    if dead:
        return ASLEEP if weaker else SILENT
    return WEAKER if weaker else ""


def _weaker(made: Mapping[str, Array], i: int) -> bool:
    return bool(made["best"][i] >= made["score"][i])


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    return float(value) if np.isfinite(value) else None


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
