"""``eyechart features``: what the channels of a network look for, as a gallery."""

from __future__ import annotations

import json as json_
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BaseModel, Field

from eyechart.cli.console import Teller, stderr, stdout

if TYPE_CHECKING:
    import torch

    from eyechart.features.gallery import Gallery


LOOKS = 20  # images, of which the first that can be decoded is looked at


class FeaturesOptions(BaseModel):
    """All settings of ``eyechart features``."""

    images: str = Field(
        description="As in eyechart exam: where examples are taken from, and what channels are measured on."
    )
    layer: tuple[str, ...] = Field(
        (),
        description="Name or pattern of a layer; may be given again. Default: the last of each stride, at most four.",
    )
    channels: str | None = Field(
        None,
        description="some (24 of each layer, at random), all, none, or numbers, such as 3,10-20. Default: some, or none with "
        "--target layer or --direction.",
    )
    target: Literal["channel", "neuron", "layer"] = Field(
        "channel",
        description="What pictures excite: a channel at all places alike; one neuron: the channel at the middle place; or the "
        "whole layer: all of its channels together.",
    )
    direction: str | None = Field(
        None,
        description="FILE.npz, .npy or .safetensors of directions in a layer: arrays of one number a channel, or with one row "
        "a direction. A picture is made for each, with the images that say most of it.",
    )
    method: Literal["upscale", "fourier", "maco"] = Field(
        "fourier", description="How pictures are made. See docs/features.md."
    )
    effort: Literal["quick", "published"] = Field(
        "quick", description="quick: small pictures and fewer steps; published: the sizes and steps of the papers."
    )
    set: tuple[str, ...] = Field((), description="A setting of the method, as steps=256; may be given again.")
    magnitude: str | None = Field(
        None, description="FILE.npy of (channels, s, s // 2 + 1) for maco; default: measured on the images."
    )
    look: tuple[str, ...] = Field(
        (),
        description="Id of an image whose activations are shown as a spectrum; may be given again. Default: the first.",
    )
    grid: tuple[str, ...] = Field(
        (), description="Id of an image of which an activation grid is made at every layer; may be given again."
    )
    atlas: bool = Field(
        False, description="Make an atlas of every layer: what it says of many images, similar things side by side."
    )
    atlas_layout: Literal["auto", "umap", "components"] = Field(
        "auto",
        description="How an atlas is laid out: by umap (needs eyechart[umap]) or two principal components; auto: by umap where "
        "it is installed.",
    )
    rank: Literal["activation", "relevance"] = Field(
        "activation",
        description="Which images stand beside a channel: those that excite it most, or those in which it has the largest part "
        "in the answer (gradient x activation).",
    )
    crop: Literal["field", "effective"] = Field(
        "field",
        description="What is marked in them: all that a unit sees, or where it sees most (of its gradient, the mean and two "
        "standard deviations to each side).",
    )
    skip_alike: bool = Field(
        False, description="Leave out images that are near copies of ones already shown beside the same channel."
    )
    assets: bool = Field(
        False, description="Pictures as files beside the page; above 200 channels or 5 MB in any case."
    )
    out: str | None = Field(None, description="Folder or URL; the same command with the same folder goes on.")
    labels: str | None = Field(None, description="Labels of a flat folder, as in eyechart exam.")
    masks: str | None = Field(None, description="DIR of masks of the objects, as in eyechart exam.")
    limit: int | None = Field(None, ge=1, description="Only the first N images of the seeded, stratified order.")
    seed: int = Field(
        0, ge=0, description="Of the order of the images, of the channels that are chosen, and of the pictures."
    )
    arch: str | None = Field(None, description="As in eyechart exam.")
    classes: str = Field("auto", description="As in eyechart exam.")
    preprocess: str = Field("auto", description="As in eyechart exam.")
    outputs: Literal["auto", "logits", "probabilities", "embedding"] = Field("auto", description="As in eyechart exam.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    workers: Annotated[int, Field(ge=0)] | Literal["auto"] = Field(
        "auto", description="Decode processes; 0 decodes in the main process."
    )
    max_bad: int = Field(0, ge=0, description="As in eyechart exam.")
    trust: Literal["none", "pickle", "code"] = Field("none", description="As in eyechart exam.")


def features(
    model: Annotated[str, Parameter(help="As in eyechart exam.")],
    *,
    options: Annotated[FeaturesOptions, Parameter(name="*")],
    json: Annotated[bool, Parameter(name="--json", negative="", help="Print what was made as JSON on stdout.")] = False,
) -> None:
    """Show what the channels of a network look for: pictures made to excite them, the real images that excite them most, and
    whether they have a part in the answer.

    Example: eyechart features torchvision:squeezenet1_1 --images photos/ --layer features.7 --out gallery
    """
    from eyechart.cli.exam import default_out

    out = options.out or default_out((f"{model}-features",))
    gallery, loaded = _gallery(model, options, out)
    try:
        layers = gallery.make()
    except KeyboardInterrupt:
        stderr.print(
            f"Stopped. What is finished is kept in {out}; give the same command again (with --out {out}) to go on."
        )
        sys.exit(130)
    page = _present(gallery, layers, options, loaded)
    if json:
        from eyechart.features.told import table

        print(json_.dumps({"page": page, "layers": [table(layer) for layer in layers]}))
        return
    for layer in layers:
        together = f", {len(layer.combined)} of channels together" if layer.combined else ""
        count = f"{len(layer.channels)} channel{'' if len(layer.channels) == 1 else 's'}"
        stdout.print(f"{layer.layer}: {count}{together}", markup=False)
    stdout.print(f"Gallery: {page}", markup=False)


def _gallery(model: str, options: FeaturesOptions, out: str) -> tuple[Gallery, Any]:
    from eyechart.cli.exam import settings_of
    from eyechart.features.directions import read_directions
    from eyechart.features.examples import Choice
    from eyechart.features.gallery import Gallery
    from eyechart.features.looks import decoded_of
    from eyechart.features.numbers import numbers
    from eyechart.images.load import load_images
    from eyechart.models.load import load_model
    from eyechart.run.options import RunOptions
    from eyechart.store.folder import Folder

    Folder(out).check_writable()
    combined = options.target == "layer" or options.direction is not None
    _check_use(options, combined)
    chosen = numbers(options.channels or ("none" if combined else "some"))
    directions = read_directions(options.direction) if options.direction else {}
    images = load_images(options.images, labels=options.labels, masks=options.masks)
    teller = Teller()
    maps_images = options.classes == "sorted" or options.classes.endswith(".csv")
    loaded = load_model(
        model,
        arch=options.arch,
        preprocess=options.preprocess,
        classes="auto" if options.classes.endswith(".csv") else options.classes,
        outputs=options.outputs,
        trust=options.trust,
        device=options.device,
    )
    for remark in (*images.remarks, *loaded.remarks):
        teller.say(remark)
    gallery = Gallery(
        loaded,
        images,
        out,
        layers=options.layer or None,
        channels=chosen,
        target="neuron" if options.target == "neuron" else "channel",
        whole=options.target == "layer",
        directions=directions,
        method=options.method,
        effort=options.effort,
        settings=settings_of(tuple(f"method.{text}" for text in options.set)).get("method", {}),
        magnitude=_magnitude(options.magnitude),
        looks=options.look or decoded_of(images, images.ids[:LOOKS], loaded)[0][:1],
        grids=options.grid,
        with_atlas=options.atlas,
        layout=options.atlas_layout,
        choice=Choice(options.rank, options.crop, options.skip_alike),
        options=RunOptions(limit=options.limit, seed=options.seed, workers=options.workers, max_bad=options.max_bad),
        classes=options.classes if maps_images else "auto",
        reporter=teller,
    )
    return gallery, loaded


def _check_use(options: FeaturesOptions, combined: bool) -> None:
    """Raises SettingError for what would change nothing."""
    from eyechart.errors import SettingError

    cards = options.channels or ("none" if combined else "some")
    beside_channels = (
        ("--rank", options.rank, "activation"),
        ("--crop", options.crop, "field"),
        ("--skip-alike", options.skip_alike, False),
        ("--target", options.target if options.target == "neuron" else "channel", "channel"),
    )
    for setting, value, usual in beside_channels:
        if cards == "none" and value != usual:
            way_out = "Name channels with --channels, or leave it out."
            raise SettingError(
                "It is for channels, and none is asked for.", setting=setting, value=value, way_out=way_out
            )
    if options.atlas_layout != "auto" and not options.atlas:
        way_out = "Ask for an atlas with --atlas, too."
        raise SettingError(
            "There is no atlas to lay out.", setting="--atlas-layout", value=options.atlas_layout, way_out=way_out
        )


def _magnitude(path: str | None) -> torch.Tensor | None:
    if path is None:
        return None
    import numpy as np
    import torch

    from eyechart.errors import SettingError

    way_out = "Give an array (channels, s, s // 2 + 1) saved by numpy."
    try:
        held = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise SettingError(
            f"The file cannot be read: {error}.", setting="--magnitude", value=path, way_out=way_out
        ) from error
    if not isinstance(held, np.ndarray) or held.ndim != 3 or held.shape[2] != held.shape[1] // 2 + 1:
        raise SettingError("The file holds no magnitude.", setting="--magnitude", value=path, way_out=way_out)
    return torch.from_numpy(held.astype(np.float32))


def _present(gallery: Gallery, layers: Any, options: FeaturesOptions, loaded: Any) -> str:
    from eyechart.features.present import Presented
    from eyechart.run.provenance import command_line, provenance

    told = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **provenance(command_line()),
        "model": {"name": loaded.name, "fingerprint": loaded.fingerprint, **loaded.source},
        "images": {"name": gallery.images.name, "fingerprint": gallery.images.fingerprint, "limit": options.limit},
        "target": options.target,
        "direction": options.direction,
        "rank": options.rank,
        "crop": options.crop,
        "skip_alike": options.skip_alike,
        "method": {"name": options.method, **gallery.method.model_dump()},
        "seed": options.seed,
    }
    about = (
        ("model", loaded.name),
        ("images", f"{gallery.images.name}, {layers[0].known.summed.n:,} used"),
        (
            "method",
            f"{options.method}, {options.effort}: {', '.join(f'{k} {v}' for k, v in gallery.method.model_dump().items())}",
        ),
        ("seed", str(options.seed)),
    )
    page = Presented(gallery.folder, loaded, gallery.images, layers, about, told, gallery.looks, options.assets).write()
    return f"{gallery.folder.root.rstrip('/')}/{page}"
