"""A gallery of a net's features: an exam of its channels, then pictures made for them, chunk by chunk, then a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eyechart.channels import LayerChannels, read_channels
from eyechart.core.catalogue import make_exams
from eyechart.core.chance import generator
from eyechart.errors import SettingError
from eyechart.exams.channels_layers import looked_at
from eyechart.features.combined import Combined, aim_at_directions, aim_at_layer, combined_of, combined_parts
from eyechart.features.directions import check_fit
from eyechart.features.examples import Choice
from eyechart.features.layer_gallery import LayerGallery
from eyechart.features.looks import frames_of, normalised
from eyechart.features.maco import Maco
from eyechart.features.maker import Maker, Target
from eyechart.features.measured import measured_magnitude
from eyechart.features.method import Method, reduces
from eyechart.features.mosaic import Layout, Mosaic, activation_grid, atlas, layout_of
from eyechart.features.numbers import Which
from eyechart.features.parts import Parts
from eyechart.features.presets import Effort, method_of
from eyechart.features.reach import Reach, check_used, geometry_of
from eyechart.images.image_set import ImageSet
from eyechart.images.order import seeded_order
from eyechart.models.image_model import ImageModel
from eyechart.run.options import RunOptions
from eyechart.run.provenance import command_line
from eyechart.run.reporter import Reporter, Silent
from eyechart.run.session import Session
from eyechart.run.subject import subject_of
from eyechart.store.folder import Folder
from eyechart.store.run_folder import Run

Array = np.ndarray[Any, Any]
SOME = 24  # channels of a layer, where nothing else is asked for
TOGETHER = {"cpu": 8, "cuda": 64}  # channels optimised at once
IN_ATLAS = 500  # images, at most
RUN = "run"
NONE: Mapping[str, Array] = {"channels": np.empty(0, int)}


class Gallery:
    """Makes, or goes on making, a gallery in a folder.

    Args:
        model: the model.
        images: of which examples are taken, and by which channels are measured.
        out: folder, local or a URL.
        layers: names or patterns; None = the last of each stride, at most four.
        channels: of each layer: ``some`` (24 at random), ``all``, ``none``, or numbers.
        target: what pictures excite: a ``channel`` at all places alike, or at the middle place alone, a ``neuron``.
        method, effort, settings: how pictures are made, see ``method_of``.
        magnitude: for maco, (c, s, s // 2 + 1); None = that of the images.
        looks: images (ids of the set) whose activations are shown as a spectrum.
        grids: images (ids) of which an activation grid is made at every layer.
        with_atlas: whether an atlas is made of every layer.
        layout: of the atlas, see ``layout_of``.
        whole: whether a picture is made of every layer as a whole.
        directions: name -> (channels,), for each of which a picture is made at every layer.
        choice: which images are shown beside a channel, and how.
        options: how the images are run.
        classes: how image classes are matched with outputs.
        reporter: told how it goes.

    Raises:
        UnknownNameError, SettingError: a layer, a channel, a method or its settings.
        ImagesError: an image of ``looks`` or ``grids`` cannot be decoded.
        IdentityError, RunFolderError: the folder holds another model's or other images' gallery, or cannot be used.
    """

    def __init__(
        self,
        model: ImageModel,
        images: ImageSet,
        out: str | Path,
        *,
        layers: Sequence[str] | None = None,
        channels: Which = "some",
        target: Target = "channel",
        method: str = "fourier",
        effort: Effort = "quick",
        settings: Mapping[str, Any] | None = None,
        magnitude: torch.Tensor | None = None,
        looks: Sequence[str] = (),
        grids: Sequence[str] = (),
        with_atlas: bool = False,
        layout: Layout = "auto",
        whole: bool = False,
        directions: Mapping[str, Array] | None = None,
        choice: Choice | None = None,
        options: RunOptions | None = None,
        classes: str = "auto",
        reporter: Reporter | None = None,
    ) -> None:
        self.model, self.images, self.folder = model, images, Folder(out)
        self._channels, self._layers, self.looks, self._target = channels, layers, tuple(looks), target
        self._grids, self._atlas = tuple(grids), layout_of(layout) if with_atlas else None
        self._whole, self._directions = whole, dict(directions or {})
        self._choice = choice or Choice()
        self._options, self._classes = options or RunOptions(), classes
        self._reporter = reporter or Silent()
        self._magnitude, self._settings = magnitude, dict(settings or {})
        self._name, self._effort = method, effort
        self.method = method_of(method, effort, self._settings, model.preprocessing.size, None)
        for setting, names in (("--look", looks), ("--grid", grids)):
            _check_ids(images, names, setting)
        frames_of(images, (*looks, *grids), model)  # whether all of them can be shown

    def make(self) -> tuple[LayerGallery, ...]:
        """Run the exam, then make what is missing."""
        subject = subject_of(self.model, labelled=False)
        for name in self._layers or ():
            check_used(self.model, name)
        for read in looked_at(self._layers, subject, "--layer"):
            self._chosen(read.name, read.channels)  # before the work, whether they are there
            check_fit(self._directions if read.channels else {}, read.name, read.channels)
        known = self._examined()
        self.method = method = self._method()
        chosen = {name: self._chosen(name, len(layer.summed.mean)) for name, layer in known.items()}
        self._reporter.begin("pictures", sum(map(len, chosen.values())))
        try:
            return tuple(
                self._layer(
                    known[name],
                    Maker(self.model, self.images, known[name], method, self.seed, self._target, self._choice),
                    method,
                    c,
                )
                for name, c in chosen.items()
            )
        finally:
            self._reporter.end()

    @property
    def seed(self) -> int:
        """Of the order of the images, of the channels that are chosen, and of the pictures."""
        return self._options.seed

    def _examined(self) -> dict[str, LayerChannels]:
        settings = {"channels": {**({"layers": list(self._layers)} if self._layers else {}), **self._choice.exam}}
        exams = make_exams(["channels"], settings)
        folder = Folder(f"{self.folder.root.rstrip('/')}/{RUN}")
        session = Session(
            [self.model], self.images, exams, folder, self._options, self._reporter, self._classes, command_line()
        )
        for skipped in session.skipped():
            raise SettingError(
                f"{skipped['reason']}.", setting="MODEL", value=self.model.name, way_out="Choose another model."
            )
        session.run()
        found = read_channels(Run(folder.root))
        if not found:
            way_out = "Name layers with --layer. See: eyechart layers MODEL."
            raise SettingError(
                "No layer holds channels that can be read.", setting="--layer", value=None, way_out=way_out
            )
        return found

    def _method(self) -> Method:
        frame, magnitude = self.model.preprocessing.size, self._magnitude
        if self._name == "maco" and magnitude is None:
            magnitude = measured_magnitude(self.model, self.images, self.seed, self._options.limit)
        return method_of(self._name, self._effort, self._settings, frame, magnitude)

    def _chosen(self, name: str, count: int) -> list[int]:
        """Channels of a layer that has so many, in their order; none of a layer that holds none."""
        if self._channels in ("all", "none"):
            return list(range(count if self._channels == "all" else 0))
        if isinstance(self._channels, str):
            drawn = generator(self.seed, "features", name).permutation(count)[:SOME]
            return sorted(int(c) for c in drawn)
        wrong = [c for c in self._channels if not 0 <= c < count]
        if wrong and count:
            way_out = f"{name} has {count} channels, 0 to {count - 1}."
            raise SettingError("There is no such channel.", setting="--channels", value=wrong[0], way_out=way_out)
        return sorted(set(self._channels))

    def _layer(self, known: LayerChannels, maker: Maker, method: Method, channels: Sequence[int]) -> LayerGallery:
        decided = {**self._decided_by(known, method), "target": self._target}
        pictures = Parts(self.folder, {**decided, "part": "pictures"})
        beside = Parts(self.folder, {**decided, "part": "beside", "choice": asdict(self._choice)})
        made = []
        for start in range(0, len(channels), self._together):
            some = channels[start : start + self._together]
            name = ",".join(map(str, some))
            made.append(
                {
                    **pictures.named(name, partial(maker.pictures, some)),
                    **beside.named(name, partial(maker.beside, some)),
                }
            )
            self._reporter.advance(len(some))
        joined = {name: np.concatenate([part[name] for part in made]) for name in made[0]} if made else NONE
        looked, mosaics, combined = self._looked(known.layer), tuple(self._mosaics(known)), tuple(self._combined(known))
        return LayerGallery(known, joined, maker.undecided, looked, mosaics, self._target, combined, self._choice)

    def _combined(self, known: LayerChannels) -> Iterator[Combined]:
        ids, place = self._ordered(), geometry_of(self.model).get(known.layer)
        parts = Parts(self.folder, {**self._decided_by(known, self.method), "from": len(ids)})
        reach, each = Reach(self.model, [known.layer]), list(self._directions.items())
        aims = [(aim_at_layer(known.layer), "")] if self._whole else []
        for start in range(0, len(each), self._together):
            some = dict(each[start : start + self._together])
            key = blake2b(b"".join(vector.tobytes() for vector in some.values()), digest_size=8).hexdigest()
            aims.append((aim_at_directions(known.layer, some), key))
        for aim, key in aims:
            make = partial(combined_parts, reach, aim, self.images, ids, place, self.method, self.seed)
            yield from combined_of(aim.names, parts.named("\n".join((*aim.names, key)), make))

    @property
    def _together(self) -> int:
        """Pictures made in one batch."""
        return TOGETHER.get(self.model.device.type, TOGETHER["cpu"])

    def _ordered(self) -> list[str]:
        """Ids of the images that are used."""
        order = seeded_order(self.images.ids, self.images.labels, self.seed)[: self._options.limit]
        return [self.images.ids[i] for i in order]

    def _mosaics(self, known: LayerChannels) -> Iterator[Mosaic]:
        parts = Parts(self.folder, {**self._decided_by(known, self.method), "method": "mosaic"})
        if Reach(self.model, [known.layer]).held[known.layer].map is None:
            return
        for name in self._grids:
            yield parts.mosaic(
                f"grid/{name}", partial(activation_grid, self.model, known.layer, self.images, name, self.seed)
            )
        if self._atlas:
            ids = self._ordered()[:IN_ATLAS]
            make = partial(atlas, self.model, known.layer, self.images, ids, self.seed, layout=self._atlas)
            yield parts.mosaic(f"atlas-{self._atlas}", make)

    def _decided_by(self, known: LayerChannels, method: Method) -> dict[str, Any]:
        magnitude = method.digest if isinstance(method, Maco) else ""
        return {
            "version": 8,
            "model": self.model.fingerprint,
            "preprocessing": self.model.preprocessing.to_dict(),
            "images": self.images.fingerprint,
            "measured": known.summed.n,  # of the seeded order: a run may cover more than is asked for today
            "layer": known.layer,
            "method": [method.name, method.model_dump(), magnitude, reduces(self.model.device, method.precision)],
            "seed": self.seed,
        }

    def _looked(self, layer: str) -> Array:
        """Mean over places of every channel for the images that are looked at."""
        reach = Reach(self.model, [layer])
        if not self.looks:
            return np.empty((0, reach.held[layer].channels))
        frames = normalised(frames_of(self.images, self.looks, self.model), self.model)
        with torch.no_grad():
            found: Array = reach.of_frames(frames)[layer].mean((2, 3)).cpu().numpy()
        return found


def _check_ids(images: ImageSet, names: Sequence[str], setting: str) -> None:
    known = set(images.ids)
    for name in names:
        if name not in known:
            way_out = f"Ids look like: {', '.join(list(images.ids)[:3])}."
            raise SettingError("The set has no such image.", setting=setting, value=name, way_out=way_out)
